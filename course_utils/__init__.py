"""What learners import: the check, the data, the figures."""

from __future__ import annotations

__all__ = ["checker"]


def checker(lesson: str):
    """The `check` of a lesson's notebook, e.g. `check = checker("04_ddpm")`."""
    from course_utils.check import Checker

    return Checker(lesson)
