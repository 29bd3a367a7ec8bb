"""Known misconceptions: one-line edits of the references, each with a message that teaches."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from course_utils.engine.exercise import is_exam


@dataclass(frozen=True)
class Edit:
    """The reference with `old` replaced by `new` behaves like a learner with this misconception.

    The message reaches learners; the edit never does. `old` must occur exactly once.
    """

    id: str
    old: str
    new: str
    message: str

    def apply(self, code: str) -> str:
        found = code.count(self.old)
        if found != 1:
            raise ValueError(f"{self.id}: {self.old!r} occurs {found} times, not once")
        return code.replace(self.old, self.new)


def load_edits(lesson: str) -> dict[str, list[Edit]]:
    """Exercise id → its misconceptions."""
    if is_exam(lesson):
        from grader.exam.planted import edits_by_base

        return edits_by_base(lesson)
    return importlib.import_module(f"grader.misconceptions.{lesson}").MISCONCEPTIONS


def load_hunts(lesson: str) -> dict[str, str]:
    """Hunt id → id of the misconception that is planted in it."""
    if is_exam(lesson):
        from grader.exam.planted import planted

        return planted(lesson)
    return getattr(importlib.import_module(f"grader.misconceptions.{lesson}"), "HUNTS", {})
