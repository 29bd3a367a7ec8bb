"""Which tasks an exam has. The seed in its name decides; nothing here is secret.

An exam is a `Lesson`: its exercises are those of the lessons, with other points, and sheets of
questions. Whatever grades a lesson grades an exam.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from random import Random

from course_utils.engine.case import CaseSpec
from course_utils.engine.exercise import (
    Exercise,
    Lesson,
    lesson_ids,
    lesson_text,
    letters,
    load_lesson,
)

HUNT = "mend_"  # before the name of the function that is to be mended


@dataclass(frozen=True)
class Slot:
    """A place for a task. kind: "todo", "hunt", or a sheet: "blocks", "shapes", "quiz"."""

    kind: str
    points: int
    minutes: int
    questions: int = 0


@dataclass(frozen=True)
class Section:
    """A quarter of the exam, with its share of the points and of the time."""

    id: str
    points: int
    minutes: int
    slots: tuple[Slot, ...]


SECTIONS = (
    Section("unet", 30, 25, (
        Slot("todo", 10, 9), Slot("todo", 8, 7), Slot("hunt", 5, 4),
        Slot("blocks", 2, 1, 2), Slot("shapes", 3, 3, 2), Slot("quiz", 2, 1, 2),
    )),
    Section("training", 25, 20, (
        Slot("todo", 9, 8), Slot("todo", 7, 5), Slot("hunt", 5, 4),
        Slot("blocks", 1, 1, 1), Slot("quiz", 3, 2, 3),
    )),
    Section("conditioning", 25, 20, (
        Slot("todo", 9, 8), Slot("todo", 7, 5), Slot("hunt", 5, 4),
        Slot("shapes", 2, 2, 1), Slot("quiz", 2, 1, 2),
    )),
    Section("sampling", 20, 15, (
        Slot("todo", 10, 8), Slot("hunt", 5, 4), Slot("shapes", 2, 1, 1), Slot("quiz", 3, 2, 3),
    )),
)  # fmt: skip
MINUTES = sum(section.minutes for section in SECTIONS)

# Where the exercises of a lesson's section belong; a section not named here follows its lesson.
# None: not asked in exams.
SECTION_OF = {
    "pytorch": "training", "attention": "conditioning", "unet": "unet", "ddpm": "training",
    "text": "conditioning", "sampling": "sampling", "guidance": "conditioning", "inpainting": None,
}  # fmt: skip
SECTION_OF_LESSON = {
    "01": "training", "02": "conditioning", "03": "unet", "04": "training",
    "05": "conditioning", "06": "sampling", "07": "sampling",
}  # fmt: skip
PLACED = {
    "DiffusionBlock": "unet", "SpatialSelfAttention": "unet", "sample_cfg": "sampling",
    "vae_loss": "training", "fit": "training",
}  # fmt: skip
# One of these gives another away: an exam has at most one of each group.
TWINS = (
    {"sample_text_to_image", "generate_image", "sample_ddpm", "sample_cfg", "sample_ddim"},
    {"CrossAttention", "MultiHeadSelfAttention"},
    {"rearrange_downsample", "rearrange_downsample_pure"},
    {"ddpm_loss", "ddpm_train_step", "cfg_train_step"},
    {"sample_ddpm", "sample_cfg", "sample_ddim", "dpm_solver_pp_2m"},
    {"encode_latents", "decode_latents"},
)
DRAWS = 100  # tries for an exam: with few lessons some draws lead nowhere
BASICS = ("01", "02")  # of these lessons only the most important exercises are asked


@dataclass(frozen=True)
class Task:
    """A task of an exam. `lesson` and `base` say where it comes from; None for a sheet."""

    exercise: Exercise
    section: Section
    slot: Slot
    lesson: str | None = None
    base: Exercise | None = None


def exam_id(seed: int) -> str:
    return f"exam_{seed}"


@cache
def tasks(exam: str) -> tuple[Task, ...]:
    """The tasks of an exam, in the order of the notebook."""
    picked = _picked(Random(exam))
    return tuple(
        _sheet(section, slot) if slot.questions else _task(section, slot, *picked[number, i])
        for number, section in enumerate(SECTIONS)
        for i, slot in enumerate(section.slots)
    )


@cache
def exam_lesson(exam: str) -> Lesson:
    """The exam as a lesson."""
    exercises = [task.exercise for task in tasks(exam)]
    title = lesson_text("exam")["exam"]["title"].format(number=exam.removeprefix("exam_"))
    return Lesson(exam, title, {e.id: e for e in exercises})


def fingerprint(exam: str) -> str:
    """Changes when the lessons have changed so much that the seed makes another exam."""
    facts = [(t.exercise.id, t.lesson, t.exercise.kind, t.exercise.points) for t in tasks(exam)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def built_lessons() -> list[str]:
    """The lessons whose public answers are there."""
    folder = resources.files("course_utils") / "exercises" / "answers"
    return [name for name in lesson_ids() if (folder / f"{name}.safetensors").is_file()]


def section_of(lesson: str, e: Exercise) -> str | None:
    """The exam's section that an exercise belongs to; None where it is not asked."""
    if lesson[:2] in BASICS and e.importance < 5:
        return None
    default = SECTION_OF.get(e.section, SECTION_OF_LESSON.get(lesson[:2]))
    return PLACED.get(e.id, default)


def candidates() -> Iterator[tuple[str, str, Exercise]]:
    """(section, lesson, exercise) of everything that can be asked."""
    for lesson in built_lessons():
        for e in load_lesson(lesson).exercises.values():
            section = section_of(lesson, e) if e.kind == "code" else None
            if section:
                yield section, lesson, e


Place = tuple[int, int]  # section and slot, counted from 0


def _picked(draw: Random) -> dict[Place, tuple[str, Exercise]]:
    """Place → (lesson, exercise), drawn again where a draw leaves nothing for a later place."""
    for _ in range(DRAWS):
        with contextlib.suppress(LookupError):
            return _drawn(draw)
    return _drawn(draw)


def _drawn(draw: Random) -> dict[Place, tuple[str, Exercise]]:
    """Place → (lesson, exercise). The section with the smallest choice goes first."""
    pool: dict[str, list] = {section.id: [] for section in SECTIONS}
    for section, lesson, e in candidates():
        pool[section].append((lesson, e))
    picked: dict[Place, tuple[str, Exercise]] = {}
    for number, section in sorted(enumerate(SECTIONS), key=lambda s: len(pool[s[1].id])):
        for i, slot in enumerate(section.slots):
            if not slot.questions:
                free = [c for c in pool[section.id] if _free(*c, (number, i), picked)]
                picked[number, i] = draw.choice(_fitting(section, slot, free))
    return picked


def _free(lesson: str, e: Exercise, place: Place, picked: dict) -> bool:
    """Whether nothing in the exam gives it away, and what it needs does not come after it."""
    taken = {other.id for _, other in picked.values()}
    twins = {e.id}.union(*(group for group in TWINS if e.id in group))
    after = {other.id for there, (_, other) in picked.items() if there > place}
    before = [other for there, other in picked.items() if there < place]
    if twins & taken or needed(lesson, e) & after:
        return False
    return not any(e.id in needed(*other) for other in before)


def needed(lesson: str, e: Exercise) -> set[str]:
    """Every earlier exercise that this one calls, however indirectly.

    One of an earlier lesson, which this lesson gives, is named but not followed.
    """
    exercises, found, waiting = load_lesson(lesson).exercises, set(), [e]
    while waiting:
        new = set(waiting.pop().needs) - found
        found |= new
        waiting += [exercises[name] for name in new if name in exercises]
    return found


def _fitting(section: Section, slot: Slot, free: list) -> list:
    """Those that suit the time of the slot, if any do. The first task is from the core."""
    if not free:
        raise LookupError(f"too few lessons are built for the exam's section {section.id!r}")
    if slot.kind == "hunt":
        return free
    first = slot is section.slots[0]
    suit = [(lesson, e) for lesson, e in free if e.minutes <= 2 * slot.minutes]
    core = [(lesson, e) for lesson, e in suit if e.importance >= 5 and lesson[:2] not in BASICS]
    return (core if first else suit) or suit or free


def _task(section: Section, slot: Slot, lesson: str, base: Exercise) -> Task:
    worth = {"points": slot.points, "minutes": slot.minutes, "section": section.id, "hints": ()}
    if slot.kind == "hunt":
        worth |= {"id": HUNT + base.id, "kind": "hunt", "base": base.id}
    return Task(replace(base, **worth), section, slot, lesson, base)


def _sheet(section: Section, slot: Slot) -> Task:
    read = typed if slot.kind == "shapes" else letters
    name = f"{slot.kind}_{section.id}"
    e = Exercise(
        id=name,
        probe=_sheet_probe(read, slot.questions),
        cases=(CaseSpec("your answers"),),
        title=lesson_text("exam")[slot.kind]["title"],
        hints=(),
        points=slot.points,
        minutes=slot.minutes,
        difficulty=3,
        importance=4,
        section=section.id,
        kind="quiz",
    )
    return Task(e, section, slot)


def _sheet_probe(read: Callable, questions: int) -> Callable:
    def probe(answers: dict, case: object) -> dict:
        return {f"question {n}": read(answers, n) for n in range(1, questions + 1)}

    return probe


def typed(answers: dict, number: int) -> object:
    """An answer such as (8, 16, 7, 7), 673 or "bdac" as plain data; None where it is none."""
    given = answers.get(number) if isinstance(answers, dict) else None
    return plain_answer(given)


def plain_answer(given: object) -> object:
    """Sequences become lists of whole numbers, texts lose their case and all but letters."""
    if isinstance(given, str):
        return "".join(c for c in given.lower() if c.isalpha()) or None
    if type(given) is int:
        return given
    if isinstance(given, (list, tuple)) and all(type(size) is int for size in given):
        return list(given)
    return None
