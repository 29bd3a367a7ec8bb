"""A class in which every submission's folder is an attack, graded and shown to students at once."""

import attack_files
import handin
import pytest
from attack_world import AFTER, BEFORE, CANARY, WRONG, notebook

from grader.autograde import autograde, local_executor
from grader.course import Course

LESSON = handin.LESSON
NAMES = list(attack_files.ATTACKS)


def student(name: str) -> str:
    return f"s{NAMES.index(name):02d}"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course.create(tmp_path_factory.mktemp("folders") / "class")
    secret = course.root / ".course" / "secret"
    secret.write_text(CANARY)
    course.release(LESSON)
    honest = {name: handin.reference(name) for name in (BEFORE, AFTER)}
    handin.save(handin.attempted(**honest), course.root / "submitted" / "honest" / LESSON)
    for name, (make, _) in attack_files.ATTACKS.items():
        folder = course.root / "submitted" / student(name) / LESSON
        handin.save(notebook(WRONG), folder)
        make(folder, course.root)
    return course


@pytest.fixture(scope="module")
def results(course):
    return {r.student: r for r in autograde(course, LESSON, local_executor(1))}


@pytest.fixture(scope="module")
def wrong(results):
    """What the wrong answer earns where nothing lies beside it."""
    return results[student("numpy.py")].score


def test_honest_submission_is_graded_among_attacks(results):
    assert results["honest"].score == sum(handin.EXERCISES[n].points for n in (BEFORE, AFTER))


@pytest.mark.parametrize("name", NAMES)
def test_folder_gains_nothing(name, results, wrong):
    result = results[student(name)]
    gradable = attack_files.ATTACKS[name][1]
    if gradable:
        assert result.score == wrong
    else:
        assert result.score is None and result.reason
    assert CANARY not in result.reason.replace(f"{CANARY}.txt", "")


@pytest.mark.parametrize("name", NAMES)
def test_only_the_lessons_own_files_are_autograded(name, course, results):
    folder = course.root / "autograded" / student(name) / LESSON
    own = {p.name for p in (course.root / "source" / LESSON).iterdir()}
    assert {p.name for p in folder.glob("*")} <= own | {"timestamp.txt"}
    assert not any(p.is_symlink() for p in folder.glob("*"))


def test_feedback_runs_no_script_and_shows_no_secret(course, results):
    pages = list(course.feedback(LESSON).rglob("*.html"))
    assert pages
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "<script>alert" not in text and "<img src=x" not in text, page
        assert 'href="javascript:' not in text and CANARY not in text, page


def test_autograded_notebook_holds_no_markup_of_the_students(course, results):
    """Formgrader renders it in the instructor's browser."""
    name = "scripts in its own cells"
    path = course.root / "autograded" / student(name) / LESSON / f"{LESSON}.ipynb"
    text = path.read_text(encoding="utf-8")
    notebook = handin.nbformat.reads(text, 4)
    own = [c for c in notebook.cells if attack_files.SCRIPTS in c.source]
    assert [c.cell_type for c in own] == ["markdown", "markdown", "code"]
    assert all(c.source.startswith("~~~\n") for c in own[:2])
    assert "alert" not in str(notebook.metadata) and not any("<" in c.id for c in notebook.cells)
