"""A class in an nbgrader course folder: released, handed in, graded in three ways, handed back."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import handin
import nbformat
import pytest
from handin import EXERCISES, LESSON, reference, with_mistake

from course_utils.cli import main
from grader.course import Course
from grader.misconceptions import load_edits

pytestmark = pytest.mark.slow
MOST = sum(e.points for e in EXERCISES.values())
MISTAKES = {
    "student-3": "precompute_schedule",
    "student-4": "reverse_mean",
    "student-5": "guided_noise",
}
HONEST = ["student-1", "student-2", *MISTAKES]


def run(command, *arguments, folder=None):
    """A command as a person starts it: (exit code, stdout, stderr)."""
    beside = Path(sys.executable).parent
    path = {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}
    whole = [str(beside / command), *map(str, arguments)]
    done = subprocess.run(whole, capture_output=True, text=True, cwd=folder, env=os.environ | path)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    root = tmp_path_factory.mktemp("course") / "class"
    assert run("course", "init", root)[0] == 0
    assert run("course", "release", LESSON, folder=root)[0] == 0
    return Course(root)


@pytest.fixture(scope="module")
def handed_in(released):
    """Six submissions: the reference, an untouched one, three with a mistake, one broken file."""
    notebooks = {"student-1": handin.solved(), "student-2": handin.untouched()}
    for student, name in MISTAKES.items():
        notebooks[student] = handin.solved(**{name: with_mistake(name)})
    for student, notebook in notebooks.items():
        handin.save(notebook, released.submission(LESSON, student).parent)
    broken = released.submission(LESSON, "student-6")
    broken.parent.mkdir(parents=True)
    broken.write_text("{ this is no notebook")
    return released


@pytest.fixture(scope="module")
def graded(handed_in):
    """The folder after `course autograde`, its exit code and what it said."""
    return handed_in, *run("course", "autograde", LESSON, "--unsafe", folder=handed_in.root)


@pytest.fixture(scope="module")
def pages(graded):
    """Student → the page of feedback."""
    course = graded[0]
    code, _, err = run("course", "feedback", LESSON, folder=course.root)
    assert code == 0, err
    found = course.root.glob(f"feedback/*/{LESSON}/{LESSON}.html")
    return {path.parts[-3]: path.read_text(encoding="utf-8") for path in found}


def copy_of(course, folder):
    """Another folder with the same secret, submissions and release, and no grades."""
    root = Path(shutil.copytree(course.root, folder / "class"))
    for made in ("autograded", "feedback"):
        shutil.rmtree(root / made)
        (root / made).mkdir()
    return Course(root)


def points(course):
    """Student → graded cell → points, as the gradebook has them."""
    found = {}
    with course.api.gradebook as gradebook:
        for submission in gradebook.assignment_submissions(LESSON):
            grades = submission.notebooks[0].grades
            found[submission.student.id] = {g.cell.name: g.score for g in grades}
    return found


# Laying out and releasing ---------------------------------------------------------------------


def test_a_course_folder_has_what_nbgrader_expects_and_a_secret_that_others_cannot_read(released):
    names = {path.name for path in released.root.iterdir()}
    assert {"source", "release", "submitted", "autograded", "feedback"} <= names
    assert {"gradebook.db", "nbgrader_config.py"} <= names
    assert len(released.secret) == 64
    assert (released.root / ".course").stat().st_mode & 0o077 == 0
    assert (released.root / ".course" / "secret").stat().st_mode & 0o077 == 0


def test_init_leaves_a_folder_alone_that_is_not_empty(tmp_path, capsys):
    (tmp_path / "letter.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "not empty" in err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_init_leaves_a_course_folder_alone(released, capsys):
    before = released.secret
    assert main(["init", str(released.root)]) == 2
    assert "course folder already" in capsys.readouterr().err
    assert released.secret == before


@pytest.mark.parametrize("command", ["release", "autograde", "feedback"])
def test_commands_outside_of_a_course_folder_say_so_in_one_line(command, tmp_path, capsys):
    assert main([command, LESSON, "--course", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "course init" in err


def test_an_unknown_lesson_is_refused_and_the_lessons_are_named(released, capsys):
    assert main(["release", "99_magic", "--course", str(released.root)]) == 2
    err = capsys.readouterr().err
    assert LESSON in err and err.count("\n") == 1


def test_the_release_is_the_students_notebook_and_holds_no_answer(released):
    path = released.root / "release" / LESSON / f"{LESSON}.ipynb"
    text, notebook = path.read_text(encoding="utf-8"), nbformat.read(path, as_version=4)
    for secret in ("BEGIN SOLUTION", "END SOLUTION", "HIDDEN TESTS", "grader.stock"):
        assert secret not in text
    expected = handin.untouched()
    assert [c.source for c in notebook.cells] == [c.source for c in expected.cells]
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_the_release_folder_holds_nothing_but_the_lessons_files(released):
    shown = {path.name for path in (released.root / "release" / LESSON).rglob("*")}
    assert shown == {f"{LESSON}.ipynb", "lesson_03.py"}


# Grading --------------------------------------------------------------------------------------


def test_every_sound_submission_gets_its_points_and_the_broken_one_is_named(graded):
    course, code, out, err = graded
    assert code == 1
    sums = {student: sum(cells.values()) for student, cells in points(course).items()}
    assert sums["student-1"] == MOST and sums["student-2"] == 0
    for student, name in MISTAKES.items():
        assert MOST - EXERCISES[name].points <= sums[student] < MOST
    assert "student-6" not in sums or sums["student-6"] == 0
    assert all(student in out for student in HONEST)
    assert "student-6" in err and "not a notebook" in err


def test_a_mistake_costs_only_its_own_cell(graded):
    found = points(graded[0])
    for student, name in MISTAKES.items():
        lost = {cell for cell, score in found[student].items() if score < found["student-1"][cell]}
        assert lost == {f"test_{name}"}


def test_nothing_but_the_broken_submission_is_said_on_stderr(graded):
    err = graded[3]
    assert "Warning" not in err and "Traceback" not in err
    lines = [line for line in re.split(r"[\r\n]+", err) if line and "submission" not in line]
    assert [line.split(":")[0] for line in lines] == ["student-6"]


def test_grading_again_gives_the_same_points(graded):
    course = graded[0]
    before = points(course)
    assert run("course", "autograde", LESSON, "--unsafe", folder=course.root)[0] == 1
    assert points(course) == before


def test_nbgraders_own_command_gives_the_same_points(graded, tmp_path):
    course = copy_of(graded[0], tmp_path)
    with course.api.gradebook as gradebook:
        for student in HONEST:
            gradebook.remove_submission(LESSON, student)
    code, _, err = run("nbgrader", "autograde", LESSON, folder=course.root)
    assert code != 0  # student-6 is broken; the others are graded all the same
    found, ours = points(course), points(graded[0])
    assert {s: found[s] for s in HONEST} == {s: ours[s] for s in HONEST}, err


def test_formgraders_button_gives_the_same_points(graded, tmp_path):
    course = copy_of(graded[0], tmp_path)
    for student in ("student-1", "student-4"):
        result = course.api.autograde(LESSON, student, force=True)
        assert result["success"], result.get("log")
    assert points(course) == points(graded[0])


def test_stock_nbgrader_gives_the_same_points(graded, tmp_path):
    """The lines about `Autograde` are taken out: students' code runs in a kernel."""
    course = copy_of(graded[0], tmp_path)
    config = course.root / "nbgrader_config.py"
    stock = re.sub(
        r"^c\.Autograde\.[^=]+= (\[.*?^\]|.*?)$", "", config.read_text(), flags=re.M | re.S
    )
    assert "Autograde." not in stock and "GenerateAssignment" in stock
    config.write_text(stock)
    shutil.rmtree(course.root / "submitted" / "student-6")
    with course.api.gradebook as gradebook:
        for student in HONEST:
            gradebook.remove_submission(LESSON, student)
    code, _, err = run("nbgrader", "autograde", LESSON, folder=course.root)
    assert code == 0, err
    found, ours = points(course), points(graded[0])
    assert {student: found[student] for student in HONEST} == {s: ours[s] for s in HONEST}


# Feedback -------------------------------------------------------------------------------------


def test_feedback_names_the_mistake(pages):
    assert set(HONEST) <= set(pages)
    for student, name in MISTAKES.items():
        message = load_edits(LESSON)[name][0].message.split(".")[0]
        assert re.sub(r"\W", "", message) in re.sub(r"<[^>]*>|\W", "", pages[student])


def test_feedback_shows_nothing_secret(pages, graded):
    secret = graded[0].secret
    for page in pages.values():
        assert secret not in page
        for word in ("BEGIN SOLUTION", "HIDDEN TESTS", "grader.stock", "Traceback (most"):
            assert word not in page


def test_feedback_for_an_untouched_notebook_holds_no_line_of_a_solution(pages):
    import html

    text = html.unescape(re.sub(r"<[^>]*>", "", pages["student-2"]))
    given = "\n".join(cell.source for cell in handin.untouched().cells)
    for name, e in EXERCISES.items():
        if e.kind == "code":
            lines = [line.strip() for line in reference(name).split("\n")]
            told = [x for x in lines if len(x) > 25 and x not in given and x in text]
            assert told == []


def test_feedback_again_gives_the_same_pages(pages, graded):
    course = graded[0]
    assert run("course", "feedback", LESSON, folder=course.root)[0] == 0
    for student, page in pages.items():
        again = (course.root / "feedback" / student / LESSON / f"{LESSON}.html").read_text()
        assert again == page


def test_a_grade_of_the_command_line_is_the_gradebooks(graded):
    """`course grade` finds the secret of the course folder that the notebook lies in."""
    course = graded[0]
    path = course.submission(LESSON, "student-4")
    code, out, _ = run("course", "grade", path, "--json")
    assert code == 0
    found = {f"test_{e['id']}": e["score"] for e in json.loads(out)["exercises"]}
    assert found == points(course)["student-4"]
