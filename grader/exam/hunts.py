"""`course hunt`: a notebook with the reference of one exercise, one to three mistakes in it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import torch
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from course_utils.engine.answers import Expected, to_data
from course_utils.engine.codec import pack
from course_utils.engine.exercise import Exercise, lesson_text, load_lesson
from course_utils.exam.plan import built_lessons
from course_utils.standing import standing
from grader.exam import cells
from grader.exam.mistakes import MOST, TRIES, applied, draw_mistakes, parts, passes
from grader.exam.symptoms import symptom_of
from grader.misconceptions import Edit
from grader.notebook import METADATA, notebook_text
from grader.reference import outcomes_of, reference_code
from grader.submission import Unusable

ANY = "any lesson"


@dataclass(frozen=True)
class Hunt:
    """One hunt: the exercise, the mistakes planted in its reference, and the code to mend."""

    name: str
    lesson: str
    exercise: Exercise
    edits: tuple[Edit, ...]

    @property
    def code(self) -> str:
        return applied(self.lesson, self.exercise.id, self.edits)

    @cached_property
    def seed(self) -> str:
        """What its inputs grow from: on them no half-mended code passes."""
        half = [applied(self.lesson, self.exercise.id, part) for part in parts(self.edits)]
        seeds = (f"{self.name} {number}" for number in range(TRIES))
        return next(
            seed
            for seed in seeds
            if not any(passes(self.lesson, self.exercise, code, seed) for code in half)
        )


def draw_hunt(lesson: str | None, level: int, seed: int) -> Hunt:
    """The hunt of a seed: the same one each time, as long as the lessons are the same."""
    draw = Random(f"hunt {lesson or ANY} {level} {seed}")
    home, e = draw.choice(_pool(lesson))
    edits = draw_mistakes(home, e.id, level, draw)
    return Hunt(f"hunt_{e.id}_{level}_{seed}", home, e, edits)


def _pool(lesson: str | None) -> list[tuple[str, Exercise]]:
    known = built_lessons()
    if lesson and lesson not in known:
        raise Unusable(f"no lesson {lesson!r}; there are: {', '.join(known)}")
    if not len(known) > 0:
        raise Unusable("no lesson is built yet; run `course build` first")
    return [
        (name, e)
        for name in ([lesson] if lesson else known)
        for e in load_lesson(name).exercises.values()
        if e.kind == "code"
    ]


def fresh_seed(lesson: str | None, level: int) -> int:
    """A seed whose hunt is about a weak spot of the learner, where progress tells one."""
    known = standing()
    weak = {m[:2] for m in known.met - known.overcome}
    weak &= {(home, e.id) for home, e in _pool(lesson)}
    for _ in range(200):
        seed = secrets.randbelow(10**6)
        home, e = Random(f"hunt {lesson or ANY} {level} {seed}").choice(_pool(lesson))
        if not weak or (home, e.id) in weak:
            break
    return seed


def write_hunt(lesson: str | None, level: int, seed: int, folder: Path) -> Path:
    """Write notebook and data; returns the notebook's path."""
    if not 1 <= level <= MOST:
        raise Unusable(f"--level {level}: a hunt has 1 to {MOST} mistakes")
    hunt = draw_hunt(lesson, level, seed)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hunt.name}.ipynb"
    if path.exists():
        raise Unusable(f"{path}: is there already; take it away to start this hunt again")
    path.write_text(notebook_text(hunt_notebook(hunt)), encoding="utf-8")
    (folder / f"{hunt.name}.safetensors").write_bytes(hunt_data(hunt))
    return path


def hunt_data(hunt: Hunt) -> bytes:
    """What the check needs: right answers on the hunt's own inputs, and the hints. No code."""
    reference = reference_code(hunt.lesson, hunt.exercise)
    want, givens = outcomes_of(hunt.lesson, hunt.exercise, reference, hunt.seed)
    return pack({
        "lesson": hunt.lesson,
        "exercise": hunt.exercise.id,
        "seed": hunt.seed,
        "hints": _hints(hunt),
        "expected": to_data(Expected(givens, want, [])),
    })  # fmt: skip


def _hints(hunt: Hunt) -> list[str]:
    """First how many and where to think, then one mistake after the other."""
    words = lesson_text("exam")["hunt"]
    count = words["one" if len(hunt.edits) == 1 else "several"].format(count=len(hunt.edits))
    return [count, *hunt.exercise.hints[:1], *(edit.message for edit in hunt.edits)]


def hunt_notebook(hunt: Hunt) -> NotebookNode:
    """Symptom, code to mend, check."""
    words, e = lesson_text("exam")["hunt"], hunt.exercise
    with torch.random.fork_rng(devices=[]):
        symptom = symptom_of(hunt.lesson, e, hunt.code, hunt.seed)
    count = words["one" if len(hunt.edits) == 1 else "several"].format(count=len(hunt.edits))
    facts = {"title": e.title, "target": e.target, "lesson": hunt.lesson, "count": count}
    setup = f"{cells.imports([hunt.lesson])}\n\n" + words["setup"].format(name=hunt.name)
    earlier = _earlier(hunt)
    helpers = [*cells.given(hunt.lesson, [*earlier, hunt.code]), *earlier]
    every = [
        cells.text_cell("welcome", words["welcome"].format(**facts)),
        cells.text_cell("symptom", symptom.text, symptom.picture),
        cells.code_cell("setup", setup),
        *(cells.code_cell(f"given-{i}", code) for i, code in enumerate(helpers, 1)),
        cells.text_cell("task", words["task"].format(**facts)),
        cells.code_cell("hunt", hunt.code),
        cells.code_cell("check", f"check({e.target})"),
        cells.text_cell("help", words["help"].format(name=hunt.name)),
    ]
    return new_notebook(cells=every, metadata=METADATA | {"course": {"hunt": hunt.name}})


def _earlier(hunt: Hunt) -> list[str]:
    """References of what the function calls."""
    exercises = load_lesson(hunt.lesson)
    names = cells.closure(hunt.lesson, [hunt.exercise.id])
    return [reference_code(hunt.lesson, exercises[name]) for name in names]
