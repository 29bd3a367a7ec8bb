"""What the reference and every misconception return on a seed's cases. Only the author's side
runs this; learners get the results as data."""

from __future__ import annotations

import re
import threading
from functools import cache

from course_utils.engine.answers import Expected, load_answers, public_seed
from course_utils.engine.diagnose import Mistake, Outcomes
from course_utils.engine.exercise import Exercise, is_exam, load_lesson
from course_utils.engine.runner import run_case
from grader import quiz
from grader.misconceptions import Edit, load_edits, load_hunts
from grader.source import load_source, stub


def reference_code(lesson: str, exercise: Exercise) -> str:
    """The solution of an exercise; for a hunt, the mended function under the hunt's name."""
    source = load_source(lesson)
    if exercise.kind == "quiz":
        return quiz.solution(quiz.questions_of(lesson, exercise), exercise.target)
    return renamed(source.references[exercise.base or exercise.id], exercise)


def renamed(code: str, exercise: Exercise) -> str:
    """Code of the base exercise with the definition called as the hunt's is."""
    if exercise.kind != "hunt":
        return code
    return re.sub(rf"(?<!\.)\b{exercise.base}\b", exercise.target, code)


def hunt_code(lesson: str, exercise: Exercise) -> str:
    """What the learner of a bug hunt gets to repair."""
    planted = load_hunts(lesson)[exercise.id]
    edit = next(e for e in load_edits(lesson)[exercise.base] if e.id == planted)
    return renamed(edit.apply(load_source(lesson).references[exercise.base]), exercise)


def stub_code(lesson: str, exercise: Exercise) -> str:
    """What the learner starts from."""
    if exercise.kind == "hunt":
        return hunt_code(lesson, exercise)
    if exercise.kind == "quiz":
        return quiz.stub(quiz.questions_of(lesson, exercise), exercise.target)
    cells = load_source(lesson).cells
    return stub(next(c.source for c in cells if c.role == "exercise" and c.name == exercise.id))


def edits_of(lesson: str, exercise: Exercise) -> list[Edit]:
    """The exercise's misconceptions; for a quiz, one per wrong choice."""
    if exercise.kind == "quiz":
        return quiz.edits(quiz.questions_of(lesson, exercise))
    return load_edits(lesson).get(exercise.base or exercise.id, [])


def outcomes_of(
    lesson: str, exercise: Exercise, code: str, seed: str, device: str = "cpu"
) -> tuple[Outcomes, dict[str, list]]:
    """Outcome and givens of every case for any version of the exercise's code."""
    source = load_source(lesson)
    target = source.variant(code, exercise.id)[exercise.target]
    outcomes, givens = {}, {}
    for spec in exercise.cases:
        outcomes[spec.name], givens[spec.name] = run_case(
            exercise, target, spec, seed, references=source.namespace(), device=device
        )
    return outcomes, givens


ONE_AT_A_TIME = threading.RLock()  # random numbers under control are the whole process's


@cache
def expected(lesson: str, exercise_id: str, seed: str, device: str = "cpu") -> Expected:
    """Computed once per seed, however many submissions are graded with it."""
    with ONE_AT_A_TIME:
        return _expected(lesson, exercise_id, seed, device)


def _expected(lesson: str, exercise_id: str, seed: str, device: str) -> Expected:
    exercise = load_lesson(lesson)[exercise_id]
    code = reference_code(lesson, exercise)
    want, givens = outcomes_of(lesson, exercise, code, seed, device)
    must_run(exercise, want)
    mistakes = [
        Mistake(e.id, e.message, outcomes_of(lesson, exercise, e.apply(code), seed, device)[0])
        for e in edits_of(lesson, exercise)
    ]
    is_quiz = exercise.kind == "quiz"
    notes = quiz.notes(quiz.questions_of(lesson, exercise)) if is_quiz else {}
    return Expected(givens, want, mistakes, notes)


def public_answers(lesson: str, name: str) -> Expected:
    """The shipped answers of an exercise. None are shipped for an exam: they are computed here."""
    if is_exam(lesson):
        return expected(lesson, name, public_seed(lesson))
    return load_answers(lesson)[name]


def must_run(exercise: Exercise, want: Outcomes) -> None:
    """A reference that raises is no yardstick: an answer with the same error would pass."""
    for case, outcome in want.items():
        if "error" in outcome:
            error = f"{outcome['error']['type']}: {outcome['error']['message']}"
            raise ValueError(f"the reference of {exercise.id} fails on {case!r}: {error}")
