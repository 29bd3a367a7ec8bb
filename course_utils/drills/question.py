"""A question, what counts as right, and how a typed answer is read."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass

from course_utils.engine.exercise import lesson_text
from course_utils.exam.plan import plain_answer


def words(topic: str) -> dict:
    """The texts of a topic."""
    return lesson_text("drills")[topic]


@dataclass(frozen=True)
class Question:
    """right: one right answer as plain data: a list of numbers, a number or letters.

    accepts: for questions with several right answers, says of a plain answer whether it is one.
    tolerance: how far a number may be off, relative to the right one.
    """

    topic: str
    text: str
    right: object
    explanation: str
    accepts: Callable[[object], bool] | None = None
    tolerance: float = 0.0

    def judge(self, answer: object) -> bool:
        """Whether an answer, typed or as Python data, is right."""
        given = read(answer)
        if isinstance(self.right, float):
            return _number(given) and math.isclose(given, self.right, rel_tol=self.tolerance)
        if given is not None and self.accepts:
            return self.accepts(given)
        return given == self.right

    @property
    def shown(self) -> str:
        """The right answer as one would write it."""
        if isinstance(self.right, float):
            return f"{self.right:.3g}"
        return str(tuple(self.right)) if isinstance(self.right, list) else str(self.right)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def read(answer: object) -> object:
    """Plain data from (8, 16), "8, 16", "bdac", 0.52 or "0.52"; None where nothing can be read."""
    if isinstance(answer, str):
        try:
            answer = ast.literal_eval(answer.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return plain_answer(answer)
    return answer if type(answer) is float else plain_answer(answer)
