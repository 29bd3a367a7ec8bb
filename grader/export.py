"""Grades as CSV files, nbgrader's own and those that Canvas and Moodle import.

`nbgrader export --exporter=grader.export.CanvasExportPlugin` works as well as `course export`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin as StockExportPlugin

NBGRADER_COLUMNS = (
    "assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email",
    "raw_score", "late_submission_penalty", "score", "max_score",
)  # fmt: skip


class _TablePlugin(StockExportPlugin):
    """One row per student, one column per lesson; subclasses say what identifies a student."""

    def export(self, gradebook: Gradebook) -> None:
        with Path(self.to or "grades.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(self.rows(gradebook))

    def rows(self, gradebook: Gradebook) -> Iterator[list]:
        raise NotImplementedError

    def lessons(self, gradebook: Gradebook) -> list:
        chosen = [
            a for a in gradebook.assignments if not self.assignment or a.name in self.assignment
        ]
        return sorted(chosen, key=lambda a: a.name)

    def people(self, gradebook: Gradebook) -> list:
        chosen = [s for s in gradebook.students if not self.student or s.id in self.student]
        return sorted(chosen, key=lambda s: s.id)


class CanvasExportPlugin(_TablePlugin):
    """Canvas: fixed first columns and a second row with the points possible."""

    def rows(self, gradebook: Gradebook) -> Iterator[list]:
        lessons = self.lessons(gradebook)
        yield [
            "Student",
            "ID",
            "SIS User ID",
            "SIS Login ID",
            "Section",
            *(a.name for a in lessons),
        ]
        yield ["    Points Possible", "", "", "", "", *(a.max_score for a in lessons)]
        for s in self.people(gradebook):
            name = ", ".join(part for part in (s.last_name, s.first_name) if part) or s.id
            grades = [grade(gradebook, a, s) for a in lessons]
            yield [_plain(name), "", _plain(s.id), _plain(s.id), "", *grades]


class MoodleExportPlugin(_TablePlugin):
    """Moodle: students are found by ID number or e-mail address; columns are mapped on import."""

    def rows(self, gradebook: Gradebook) -> Iterator[list]:
        lessons = self.lessons(gradebook)
        yield ["ID number", "Email address", "First name", "Last name", *(a.name for a in lessons)]
        for s in self.people(gradebook):
            about = (s.id, s.email, s.first_name, s.last_name)
            yield [*(_plain(x or "") for x in about), *(grade(gradebook, a, s) for a in lessons)]


class CsvExportPlugin(_TablePlugin):
    """nbgrader's own columns, one row per student and lesson. Unlike there, a grade that a person
    must still give is empty and no zero."""

    def rows(self, gradebook: Gradebook) -> Iterator[list]:
        yield NBGRADER_COLUMNS
        for a in self.lessons(gradebook):
            for s in self.people(gradebook):
                about = [_plain(x or "") for x in (s.id, s.last_name, s.first_name, s.email)]
                yield [a.name, a.duedate, *_times_and_points(gradebook, a, s, about), a.max_score]


FORMATS = {"canvas": CanvasExportPlugin, "moodle": MoodleExportPlugin, "csv": CsvExportPlugin}


def _times_and_points(gradebook: Gradebook, assignment, student, about: list) -> list:
    """From the column `timestamp` to the column `score`."""
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return ["", *about, "", "", ""]
    score = grade(gradebook, assignment, student)
    raw = "" if score == "" else submission.score
    return [submission.timestamp, *about, raw, submission.late_submission_penalty, score]


def grade(gradebook: Gradebook, assignment, student) -> float | str:
    """Score less the late penalty; empty where there is none or a person must look first."""
    try:
        submission = gradebook.find_submission(assignment.name, student.id)
    except MissingEntry:
        return ""
    grades = (g for notebook in submission.notebooks for g in notebook.grades)
    if any(g.auto_score is None and g.manual_score is None for g in grades):
        return ""
    return max(0.0, submission.score - (submission.late_submission_penalty or 0.0))


def _plain(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
