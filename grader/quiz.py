"""Quizzes: questions with letters, from a text file per lesson and language.

A quiz is an exercise like any other: the reference is the dict of right letters, and every wrong
choice is a misconception whose message explains it.
"""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.engine.exercise import tomllib
from grader.misconceptions import Edit
from grader.paths import ROOT

HEAD = "quiz_answers = {\n"


@dataclass(frozen=True)
class Question:
    """right: one letter, or several where several are right ("ac")."""

    text: str
    choices: dict[str, str]
    right: str
    explanation: str  # shown with every answer
    wrong: dict[str, str]  # letter → what is mistaken about choosing it


def load(lesson: str, language: str = "en") -> list[Question]:
    path = ROOT / "grader" / "quizzes" / language / f"{lesson}.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Question(**question) for question in table["question"]]


def solution(questions: list[Question]) -> str:
    return HEAD + "".join(_line(n, q.right) for n, q in enumerate(questions, 1)) + "}\n"


def stub(questions: list[Question]) -> str:
    return HEAD + "".join(_line(n, "") for n, _ in enumerate(questions, 1)) + "}\n"


def _line(number: int, letters: str) -> str:
    return f'    {number}: "{letters}",\n'


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
    several = " *(several are right)*" if len(q.right) > 1 else ""
    choices = "\n".join(f"- **{letter}** {text}" for letter, text in q.choices.items())
    return f"**{number}.** {q.text}{several}\n\n{choices}"
