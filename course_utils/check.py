"""The check in the notebook: `check(forward_diffusion)` shows at once what holds and what does not.

It never raises (but for nbgrader's Validate button, which needs that), never writes to stderr and
leaves the learner's random state alone.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import FunctionType

from course_utils import card, progress
from course_utils.engine.answers import PUBLIC_SEED, Expected, load_answers
from course_utils.engine.diagnose import Diagnosis, Outcomes, diagnose
from course_utils.engine.exercise import Exercise, load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import run_cases

LIMIT = 10.0  # seconds for one check


class NotYet(AssertionError):
    """Raised by a check while nbgrader validates a notebook: that is how Validate learns of it."""


class Checker:
    """Checks the exercises of one lesson on the public cases. Made by `course_utils.checker`."""

    seed = PUBLIC_SEED

    def __init__(self, lesson: str) -> None:
        self.lesson = load_lesson(lesson)
        self._hints_shown: dict[str, int] = {}

    def __call__(self, target: object) -> None:
        """Show the card of an exercise. `target` is your function, class or answers."""
        space = sys._getframe(1).f_globals
        exercise = self._exercise_of(target, space)
        if exercise is None:
            card.show(card.unknown(target, self.lesson))
            return
        got, diagnosis = self._run(exercise, target)
        answers = self._answers(exercise)
        blocked = self._broken_helper(exercise, target, space) if not diagnosis.passed else None
        self._note(exercise, diagnosis)
        card.show(card.build(exercise, got, diagnosis, answers, blocked))
        if not diagnosis.passed and os.environ.get("NBGRADER_EXECUTION") == "validate":
            raise NotYet(f"{exercise.id} does not pass its check")  # nbgrader's Validate button

    def hint(self, target: object, tier: int | None = None) -> None:
        """Show the next hint, or hint number `tier`. `target` may be a name."""
        exercise = self._exercise_of(target, sys._getframe(1).f_globals)
        if exercise is None:
            return card.show(card.unknown(target, self.lesson))
        progress.note("hint", lesson=self.lesson.id, exercise=exercise.id)
        tier = tier or min(self._hints_shown.get(exercise.id, 0) + 1, len(exercise.hints))
        self._hints_shown[exercise.id] = tier
        return card.show(card.hint(exercise, tier))

    def solution(self, target: object) -> None:
        """Show the course's own answer, once all hints were asked for. For self-study only: a
        class gets its copy of the course without the solutions."""
        exercise = self._exercise_of(target, sys._getframe(1).f_globals)
        if exercise is None:
            return card.show(card.unknown(target, self.lesson))
        if self._hints_shown.get(exercise.id, 0) < len(exercise.hints):
            return card.show(card.hints_first(exercise))
        if find_spec("grader") is None:
            return card.show(card.no_solution(exercise))
        return card.show(card.solution(exercise, self._solution(exercise)))

    def progress(self) -> None:
        """Show what is solved, what comes next and how many minutes are left."""
        from course_utils.standing import summary

        card.show(summary())

    def solved(self, *names: str) -> bool:
        """Whether these exercises pass. Says in one line which one is missing.

        Always False, and silent, while nbgrader runs the notebook: figures and training are for
        people.
        """
        if "NBGRADER_EXECUTION" in os.environ:
            return False
        space = sys._getframe(1).f_globals
        missing = [name for name in names if not self._passes(name, space)]
        if missing:
            card.show(card.missing([self.lesson[name] for name in missing]))
        return not missing

    def _passes(self, name: str, space: dict) -> bool:
        exercise = self.lesson[name]
        target = space.get(exercise.target)
        return target is not None and self._run(exercise, target)[1].passed

    def _run(self, exercise: Exercise, target: object) -> tuple[Outcomes, Diagnosis]:
        answers, limit = self._answers(exercise), time_limit(LIMIT)
        got = run_cases(exercise, target, self.seed, answers.givens, limit)
        return got, diagnose(exercise, got, answers.want, answers.mistakes)

    def _solution(self, exercise: Exercise) -> str:
        from grader.reference import reference_code

        return reference_code(self.lesson.id, exercise)

    def _answers(self, exercise: Exercise) -> Expected:
        return load_answers(self.lesson.id)[exercise.id]

    def _note(self, exercise: Exercise, found: Diagnosis) -> None:
        progress.note(
            "check",
            lesson=self.lesson.id,
            exercise=exercise.id,
            kind=exercise.kind,
            passed=found.passed,
            mistake=found.mistake.id if found.mistake else None,
        )

    def _exercise_of(self, target: object, space: dict) -> Exercise | None:
        if type(target) is str:
            return self.lesson.exercises.get(target)
        for exercise in self.lesson.exercises.values():
            if space.get(exercise.target) is target:
                return exercise
        return self.lesson.of_target(card.name_of(target))

    def _broken_helper(self, exercise: Exercise, target: object, space: dict) -> Exercise | None:
        """An earlier exercise that this code calls and that does not pass itself."""
        called = _names_in(target)
        used = (self.lesson[name] for name in exercise.needs if name in called)
        return next((e for e in used if not self._passes(e.id, space)), None)


def _names_in(target: object) -> set[str]:
    """What a function, or the methods of a class, call by name."""
    parts = [target]
    if issubclass(type(target), type):
        parts = type.__getattribute__(target, "__dict__").values()
    return {name for f in parts if type(f) is FunctionType for name in f.__code__.co_names}
