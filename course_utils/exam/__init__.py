"""Mock exams: `check = sit("exam_7")` in an exam's notebook."""

from __future__ import annotations

__all__ = ["sit"]


def sit(exam: str):
    """The check of an exam's notebook. It says only whether a cell runs and has the right form."""
    from course_utils.exam.room import ExamChecker

    return ExamChecker(exam)
