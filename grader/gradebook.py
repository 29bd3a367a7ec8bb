"""The one writer of a course's gradebook. It writes what nbgrader's own steps would write, in one
transaction per submission."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbgrader import utils
from nbgrader.api import MissingEntry, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc
from sqlalchemy import text
from sqlalchemy.exc import SAWarning

from grader.course import Course
from grader.nbgrader_steps import spliced, write_verdict
from grader.submission import Submission, grade_id
from grader.verdict import ExerciseVerdict

# nbgrader asks for the rows of one submission and has no index for that: without one, each
# submission costs more than the one before.
SEARCHED = (
    ("grade", "notebook_id"), ("comment", "notebook_id"),
    ("submitted_notebook", "assignment_id"), ("submitted_assignment", "student_id"),
)  # fmt: skip
INDEX = "CREATE INDEX IF NOT EXISTS ix_{table}_{column} ON {table} ({column})"


class GradebookWriter:
    """Grades and autograded notebooks of one lesson. Use as a context manager."""

    def __init__(self, course: Course, lesson: str) -> None:
        self.course, self.lesson = course, lesson
        self.gradebook = course.api.gradebook
        for table, column in SEARCHED:
            self.gradebook.db.execute(text(INDEX.format(table=table, column=column)))
        self.gradebook.db.commit()
        source = course.root / "source" / lesson / f"{lesson}.ipynb"
        self._master = source.read_text(encoding="utf-8")
        cells = self.gradebook.find_notebook(lesson, lesson).source_cells
        self._checksums = {cell.name: cell.checksum for cell in cells}
        self._late = AssignLatePenalties(parent=course.api)
        self._late.init_plugin()

    def __enter__(self) -> GradebookWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    def write(
        self, student: str, submitted, submission: Submission, exercises: list[ExerciseVerdict]
    ) -> float:
        """Store the grades of one submission and the notebook that shows them; the total."""
        notebook = nbformat.reads(self._master, as_version=4)
        notebook.cells = spliced(notebook, submitted, submission.cells)
        verdicts = {f"test_{e.id}": e for e in exercises}
        for cell in notebook.cells:
            name = grade_id(cell)
            if name in self._checksums:
                cell.metadata.nbgrader["checksum"] = self._checksums[name]
            if utils.is_grade(cell) and not utils.is_solution(cell):
                write_verdict(cell, verdicts.get(name))
        self._write_notebook(student, notebook)
        db = self.gradebook.db
        with patch.object(db, "commit", db.flush):  # nbgrader's own steps commit one by one
            score = self._write_grades(student, notebook)
        db.commit()
        return score

    def withdraw(self, student: str) -> None:
        """Take back what an earlier run wrote; formgrader then shows that a person is needed."""
        try:
            stored = self.gradebook.find_submission_notebook(self.lesson, self.lesson, student)
        except MissingEntry:
            return
        for grade in stored.grades:
            grade.auto_score, grade.needs_manual_grade = None, True
        self.gradebook.db.commit()
        self._remove_notebook(student)  # or feedback would show it

    def score(self, student: str) -> float:
        """The total that stands in the gradebook."""
        return self.gradebook.find_submission_notebook(self.lesson, self.lesson, student).score

    def _write_notebook(self, student: str, notebook) -> None:
        """Autograded notebook, with the lesson's own files and the time stamp beside it."""
        root = self.course.root
        target = self._remove_notebook(student)
        ignore = shutil.ignore_patterns("*.ipynb")
        shutil.copytree(root / "source" / self.lesson, target, ignore=ignore)
        for file in self.course.exchange_files(root / "submitted" / student / self.lesson):
            shutil.copy(file, target)
        path = target / f"{self.lesson}.ipynb"
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        for file in target.iterdir():
            file.chmod(0o444)

    def _remove_notebook(self, student: str) -> Path:
        target = self.course.root / "autograded" / student / self.lesson
        if target.exists():
            _make_writable(target)
            shutil.rmtree(target)
        return target

    def _write_grades(self, student: str, notebook) -> float:
        stored = self._stored(student)
        grades = {grade.name: grade for grade in stored.grades}
        comments = {comment.name: comment for comment in stored.comments}
        for cell in notebook.cells:
            name = grade_id(cell)
            if utils.is_grade(cell) and name in grades:
                grade = grades[name]
                grade.auto_score, _ = utils.determine_grade(cell)
                by_hand = grade.manual_score is not None or grade.auto_score is None
                grade.needs_manual_grade = by_hand
            if utils.is_solution(cell) and name in comments:
                untouched = self._checksums.get(name) == utils.compute_checksum(cell)
                comments[name].auto_comment = "No response." if untouched else None
        self.gradebook.db.flush()
        self.gradebook.db.expire(stored)  # its score is computed by the database
        self._penalise(stored)
        return stored.score

    def _stored(self, student: str) -> SubmittedNotebook:
        """The gradebook's entry for the submission, made if it is not there."""
        gradebook = self.gradebook
        try:
            gradebook.find_student(student)
        except MissingEntry:
            gradebook.add_student(student)
        folder = self.course.root / "submitted" / student / self.lesson
        stamp = folder / "timestamp.txt"
        known = {"timestamp": parse_utc(stamp.read_text())} if Course.is_timestamp(stamp) else {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # nbgrader links rows before it adds them
            gradebook.update_or_create_submission(self.lesson, student, **known)
        return gradebook.find_submission_notebook(self.lesson, self.lesson, student)

    def _penalise(self, stored: SubmittedNotebook) -> None:
        """Late penalties as nbgrader's plugin, configured or not, says."""
        late = stored.assignment.total_seconds_late
        penalty = None
        if late > 0:
            student = stored.assignment.student_id
            penalty = self._late.plugin_inst.late_submission_penalty(student, stored.score, late)
        if penalty is not None:
            penalty = self._late._check_late_penalty(stored, penalty)
        if penalty != stored.late_submission_penalty:
            stored.late_submission_penalty = penalty


def _make_writable(folder: Path) -> None:
    """nbgrader writes autograded files read-only; they must go before new ones come."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
