"""Quizzes: questions with letters, from a text file per lesson and language.

A quiz is an exercise like any other: the reference is the dict of right letters, and every wrong
choice is a misconception whose message explains it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from course_utils.engine.exercise import Exercise, is_exam, tomllib
from grader.misconceptions import Edit
from grader.paths import ROOT

QUIZ = "quiz_answers"  # the name of a lesson's dict of answers


@dataclass(frozen=True)
class Question:
    """right: one letter, or several where several are right ("ac").

    In an exam there are questions without choices, too: right is then a literal, such as a shape.
    """

    text: str
    choices: dict[str, str]
    right: str | int | tuple
    explanation: str  # shown with every answer
    wrong: dict[str, str]  # letter → what is mistaken about choosing it


def load(lesson: str, language: str = "en") -> list[Question]:
    path = ROOT / "grader" / "quizzes" / language / f"{lesson}.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Question(**question) for question in table["question"]]


def questions_of(lesson: str, exercise: Exercise) -> list[Question]:
    """The questions of a lesson's quiz, or of one of the sheets of an exam."""
    if is_exam(lesson):
        from grader.exam.sheets import sheets

        return sheets(lesson)[exercise.id]
    return load(lesson)


def solution(questions: list[Question], target: str = QUIZ) -> str:
    return _dict(target, (q.right for q in questions))


def stub(questions: list[Question], target: str = QUIZ) -> str:
    return _dict(target, ("" if q.choices else None for q in questions))


def _dict(target: str, answers: Iterable) -> str:
    lines = "".join(_line(n, answer) for n, answer in enumerate(answers, 1))
    return f"{target} = {{\n{lines}}}\n"


def _line(number: int, answer: object) -> str:
    shown = f'"{answer}"' if isinstance(answer, str) else repr(answer)
    return f"    {number}: {shown},\n"


def edits(questions: list[Question]) -> list[Edit]:
    """One misconception per wrong choice."""
    return [
        Edit(f"question_{n}_{letter}", _line(n, q.right), _line(n, letter), why)
        for n, q in enumerate(questions, 1)
        for letter, why in q.wrong.items()
    ]


def notes(questions: list[Question]) -> dict[str, str]:
    """Probe output → the explanation that is shown once a question is answered."""
    return {f"question {n}": q.explanation for n, q in enumerate(questions, 1)}


def markdown(questions: list[Question]) -> str:
    """The questions as the notebook shows them."""
    return "\n\n".join(_shown(n, q) for n, q in enumerate(questions, 1))


def _shown(number: int, q: Question) -> str:
    several = " *(several are right)*" if q.choices and len(q.right) > 1 else ""
    choices = "\n".join(f"- **{letter}** {text}" for letter, text in q.choices.items())
    return f"**{number}.** {q.text}{several}\n\n{choices}".rstrip()
