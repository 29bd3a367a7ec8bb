"""The mistakes in the bug hunts of an exam."""

from __future__ import annotations

from functools import cache
from random import Random

from course_utils.exam.plan import tasks
from grader.exam.mistakes import quiet_edits
from grader.misconceptions import Edit, load_edits


@cache
def planted(exam: str) -> dict[str, str]:
    """Hunt id → id of the one misconception that is planted in it."""
    return {
        task.exercise.id: Random(f"{exam} {task.exercise.id}")
        .choice(quiet_edits(task.lesson, task.base.id))
        .id
        for task in tasks(exam)
        if task.slot.kind == "hunt"
    }


def edits_by_base(exam: str) -> dict[str, list[Edit]]:
    """Exercise id → its misconceptions, for everything that the exam asks."""
    return {
        task.base.id: load_edits(task.lesson)[task.base.id] for task in tasks(exam) if task.base
    }
