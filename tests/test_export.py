"""Grades leave the gradebook in the columns that Canvas, Moodle and nbgrader itself write."""

import csv
from datetime import datetime

import pytest
from nbgrader.plugins import CsvExportPlugin as StockCsvExportPlugin

from grader.course import Course
from grader.export import FORMATS

LESSON = "04_ddpm"
CANVAS = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", LESSON]
MOODLE = ["ID number", "Email address", "First name", "Last name", LESSON]


@pytest.fixture(scope="module")
def gradebook(tmp_path_factory):
    """One student graded and late, one left to a person, one who handed nothing in."""
    course = Course.create(tmp_path_factory.mktemp("export") / "class")
    with course.api.gradebook as gradebook:
        gradebook.add_assignment(LESSON)
        gradebook.add_notebook(LESSON, LESSON)
        gradebook.add_grade_cell("q1", LESSON, LESSON, max_score=10, cell_type="code")
        gradebook.add_student("ada", first_name="Ada", last_name="L", email="ada@example.org")
        for name in ("bob", "=cmd()"):
            gradebook.add_student(name)
        _submit(gradebook, "ada", score=8.0, penalty=1.0)
        _submit(gradebook, "bob", score=None, penalty=None)
        yield gradebook


def _submit(gradebook, student, score, penalty):
    submission = gradebook.add_submission(LESSON, student, timestamp=datetime(2026, 1, 2))
    submission.notebooks[0].late_submission_penalty = penalty
    grade = gradebook.find_grade("q1", LESSON, LESSON, student)
    grade.auto_score, grade.needs_manual_grade = score, score is None
    gradebook.db.commit()


def exported(gradebook, plugin, path):
    plugin(to=str(path)).export(gradebook)
    with path.open(newline="") as file:
        return list(csv.reader(file))


def by_student(rows, column):
    return {row[rows[0].index(column)]: row for row in rows[1:]}


def test_canvas_gets_its_fixed_columns_and_the_points_possible(gradebook, tmp_path):
    rows = exported(gradebook, FORMATS["canvas"], tmp_path / "grades.csv")
    assert rows[0] == CANVAS
    assert rows[1] == ["    Points Possible", "", "", "", "", "10.0"]
    assert by_student(rows, "SIS User ID")["ada"] == ["L, Ada", "", "ada", "ada", "", "7.0"]


def test_moodle_finds_students_by_number_or_address(gradebook, tmp_path):
    rows = exported(gradebook, FORMATS["moodle"], tmp_path / "grades.csv")
    assert rows[0] == MOODLE
    assert by_student(rows, "ID number")["ada"] == ["ada", "ada@example.org", "Ada", "L", "7.0"]


def test_csv_has_the_columns_that_nbgrader_writes(gradebook, tmp_path):
    ours = exported(gradebook, FORMATS["csv"], tmp_path / "ours.csv")
    stock = exported(gradebook, StockCsvExportPlugin, tmp_path / "stock.csv")
    assert ours[0] == stock[0]
    assert by_student(ours, "student_id")["ada"] == by_student(stock, "student_id")["ada"]


@pytest.mark.parametrize("student", ["bob", "'=cmd()"])
@pytest.mark.parametrize("name", FORMATS)
def test_where_no_grade_was_reached_none_is_written(name, student, gradebook, tmp_path):
    rows = exported(gradebook, FORMATS[name], tmp_path / "grades.csv")
    key = {"canvas": "SIS User ID", "moodle": "ID number", "csv": "student_id"}[name]
    points = "score" if name == "csv" else LESSON
    assert by_student(rows, key)[student][rows[0].index(points)] == ""


@pytest.mark.parametrize("name", FORMATS)
def test_a_spreadsheet_takes_no_name_for_a_formula(name, gradebook, tmp_path):
    rows = exported(gradebook, FORMATS[name], tmp_path / "grades.csv")
    assert not [cell for row in rows for cell in row if cell.startswith("=")]
