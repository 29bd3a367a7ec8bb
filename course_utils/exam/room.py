"""The check in an exam's notebook: it tells whether a cell runs and has the right form, no more."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from course_utils import card, progress
from course_utils.check import LIMIT
from course_utils.engine.answers import public_seed
from course_utils.engine.exercise import Exercise, Lesson, lesson_text, load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import run_cases
from course_utils.exam import clock, forms
from course_utils.exam.plan import fingerprint
from course_utils.practice import data_beside


class ExamChecker:
    """Made by `course_utils.exam.sit`. Nothing is read before the first check."""

    def __init__(self, exam: str, folder: str | Path = ".") -> None:
        self.exam, self.folder = exam, Path(folder)

    @cached_property
    def lesson(self) -> Lesson:
        return load_lesson(self.exam)

    @cached_property
    def data(self) -> dict:
        return data_beside(self.exam, self.folder)

    def start(self) -> None:
        """Start the clock at the first call; show it at every call."""
        clock.start(self.exam)
        clock.show(self.exam)

    def __call__(self, target: object) -> None:
        """Say whether the task runs and has the right form."""
        exercise = self._task_of(target, sys._getframe(1).f_globals)
        if exercise is None:
            return card.show(card.unknown(target, self.lesson))
        problem = self._problem()
        if problem:
            return card.show(card.Card(problem, card.BAD))
        look = self._quiz if exercise.kind == "quiz" else self._code
        ran, shown = look(exercise, target)
        progress.note("exam", exam=self.exam, step="check", task=exercise.id, ran=ran)
        return card.show(replace(shown, footer=clock.left(self.exam)))

    def hint(self, *_: object) -> None:
        """There are none."""
        card.show(card.Card(self._words["no_hints"], card.PLAIN))

    solution = hint

    def progress(self) -> None:
        """Show what is solved, what comes next and how many minutes are left."""
        from course_utils.standing import summary

        card.show(summary())

    @property
    def _words(self) -> dict:
        return lesson_text("exam")["exam"]

    def _problem(self) -> str | None:
        """Why the exam cannot be checked here, in a line."""
        try:
            fits = self.data["plan"] == fingerprint(self.exam)
        except FileNotFoundError:
            return self._words["missing_file"].format(file=f"{self.exam}.safetensors")
        return None if fits else self._words["other_plan"]

    def _task_of(self, target: object, space: dict) -> Exercise | None:
        every = self.lesson.exercises.values()
        found = (e for e in every if space.get(e.target) is target)
        return next(found, None) or self.lesson.of_target(card.name_of(target))

    def _quiz(self, e: Exercise, target: object) -> tuple[bool, card.Card]:
        answers = e.probe(target, None)
        given = sum(answer not in ("", None) for answer in answers.values())
        text = self._words["answered"].format(count=given, total=len(answers))
        colour = card.GOOD if given == len(answers) else card.PLAIN
        return given == len(answers), card.Card(f"{e.id}: {text}", colour)

    def _code(self, e: Exercise, target: object) -> tuple[bool, card.Card]:
        mine = self.data["tasks"][e.id]
        usual = replace(e, cases=tuple(s for s in e.cases if s.name in mine["forms"]))
        limit = time_limit(LIMIT)
        got = run_cases(usual, target, public_seed(self.exam), mine["givens"], limit)
        error = next((o["error"] for o in got.values() if "error" in o), None)
        if error and error["type"] == "NotImplementedError":
            return False, self._card(e, "todo", card.PLAIN)
        if error:
            return False, self._card(e, "not_run", card.BAD, card.explain_error(error))
        wrong = forms.wrong_forms(got, mine["forms"])
        if wrong:
            rows = [card.Row(name, False, text) for name, text in wrong.items()]
            return False, replace(self._card(e, "wrong_form", card.BAD), rows=rows)
        return True, self._card(e, "runs", card.GOOD, self._words["only_form"])

    def _card(self, e: Exercise, verdict: str, colour: str, message: str = "") -> card.Card:
        return card.Card(f"{e.target}: {self._words[verdict]}", colour, message=message)
