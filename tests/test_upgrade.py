"""Course folders of older versions. `old/format_1.zip` was released to and graded in by one."""

import hashlib
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from classroom import Counting, grade
from handin import LESSON

from course_utils.cli import main
from grader.course import Course
from grader.submission import Unusable

OLD = Path(__file__).parent / "old"
FOLDERS = sorted(OLD.glob("*.zip"))


@pytest.fixture(params=FOLDERS, ids=[path.stem for path in FOLDERS])
def old(request, tmp_path):
    root = tmp_path / "class"
    with zipfile.ZipFile(request.param) as archive:
        archive.extractall(root)
    return root


@pytest.fixture
def old_1(tmp_path):
    root = tmp_path / "class"
    with zipfile.ZipFile(OLD / "format_1.zip") as archive:
        archive.extractall(root)
    return root


def fingerprints(root, *without):
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    names = {p.relative_to(root).as_posix(): p for p in files}
    kept = {n: p for n, p in names.items() if n not in without}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept.items()}


def test_an_old_folder_is_brought_up_to_date_and_nothing_else_in_it_changes(old, capsys):
    changed = ("nbgrader_config.py", "nbgrader_config.py.format-1", ".course/course.json")
    before, config = fingerprints(old, *changed), (old / "nbgrader_config.py").read_text()
    course = Course(old)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "brought from format 1 to 2" in said
    assert fingerprints(old, *changed) == before
    assert (old / "nbgrader_config.py.format-1").read_text() == config
    steps = course.api.config.Autograde.autograde_preprocessors
    assert steps.index("grader.nbgrader_steps.Noted") == 1 + steps.index(
        "nbgrader.preprocessors.SaveAutoGrades"
    )


def test_a_folder_of_this_version_is_left_alone_and_nothing_is_said(old, capsys):
    Course(old)
    before = fingerprints(old)
    capsys.readouterr()
    Course(old)
    assert fingerprints(old) == before and capsys.readouterr().err == ""


def test_an_old_folder_has_the_configuration_that_a_new_one_gets(old, tmp_path):
    Course(old)
    new = Course.create(tmp_path / "new").root
    assert (old / "nbgrader_config.py").read_text() == (new / "nbgrader_config.py").read_text()
    assert (old / ".course/course.json").read_text() == (new / ".course/course.json").read_text()


@pytest.mark.slow
def test_what_was_handed_in_to_an_old_folder_is_graded_and_not_altered(old):
    course = Course(old)
    submitted = fingerprints(old / "submitted")
    course.release(LESSON)
    found = grade(course, Counting())
    assert found["student-1"].score == 0 and not found["student-1"].reason
    assert fingerprints(old / "submitted") == submitted


def test_a_folder_without_a_stamp_is_the_oldest(old_1, capsys):
    (old_1 / ".course" / "course.json").unlink()
    Course(old_1)
    assert "from format 0 to 2" in capsys.readouterr().err


def test_a_configuration_for_stock_nbgrader_stays_as_it_is(old_1):
    (old_1 / "nbgrader_config.py").write_text("c = get_config()\n")
    Course(old_1)
    assert (old_1 / "nbgrader_config.py").read_text() == "c = get_config()\n"


def test_a_configuration_that_was_changed_beyond_recognition_is_refused_in_one_line(old_1, capsys):
    config = old_1 / "nbgrader_config.py"
    config.write_text(config.read_text().replace("SaveAutoGrades", "SaveAutoGradesOfMine"))
    before = fingerprints(old_1)
    assert main(["report", LESSON, "--course", str(old_1)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "Noted" in said and str(config) in said
    assert fingerprints(old_1) == before


@pytest.mark.parametrize("stamp", ['{"format": 99}', "{}", "no json", '{"format": "x"}'])
def test_a_folder_of_a_newer_version_or_with_a_damaged_stamp_is_refused(old_1, stamp):
    (old_1 / ".course" / "course.json").write_text(stamp)
    before = fingerprints(old_1)
    with pytest.raises(Unusable):
        Course(old_1)
    assert fingerprints(old_1) == before


def test_an_nbgrader_folder_that_is_not_ours_is_refused(old_1, capsys):
    shutil.rmtree(old_1 / ".course")
    assert main(["report", LESSON, "--course", str(old_1)]) == 2
    assert "course init" in capsys.readouterr().err
    assert json.loads((Course.create(old_1.parent / "x").root / ".course/course.json").read_text())
