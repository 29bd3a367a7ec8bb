"""Questions that a person grades: added to a lesson, answered, kept apart from what is run."""

import handin
import nbformat
import pytest
from classroom import Counting, grade
from handin import LESSON

from course_utils.cli import main
from grader.course import Course
from grader.submission import Unusable
from grader.written import ANSWER, read_questions

QUESTION = '[why_noise]\npoints = 4\ntext = "Why noise, and not the picture?"\n'
SCRIPT = 'Because.\n\n<script>alert("read me")</script>\n\n~~~\nand more'


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    course = Course.create(tmp_path_factory.mktemp("asked") / "class")
    (course.root / "written" / f"{LESSON}.toml").write_text(QUESTION)
    course.release(LESSON)
    return course


def answered(text):
    notebook = handin.untouched()
    about = {"grade_id": "written_why_noise", "grade": True, "solution": True, "points": 4}
    about |= {"schema_version": 3, "locked": False, "task": False}
    cell = nbformat.v4.new_markdown_cell(text, metadata={"nbgrader": about})
    notebook.cells.append(cell)
    return notebook


@pytest.fixture(scope="module")
def graded(asked):
    for student, text in (("student-1", SCRIPT), ("student-2", ANSWER)):
        handin.save(answered(text), asked.submission(LESSON, student).parent)
    grade(asked, Counting())
    return asked


def given_for_the_answer(course, student):
    """(points by the grader, points by a person, whether a person is waited for)"""
    with course.api.gradebook as gradebook:
        notebook = gradebook.find_submission_notebook(LESSON, LESSON, student)
        found = next(g for g in notebook.grades if g.name == "written_why_noise")
        return found.auto_score, found.manual_score, found.needs_manual_grade


def test_the_release_asks_the_question_and_leaves_room_for_the_answer(asked):
    path = asked.root / "release" / LESSON / f"{LESSON}.ipynb"
    *_, question, answer = nbformat.read(path, as_version=4).cells
    assert "Why noise, and not the picture?" in question.source and "4 points" in question.source
    assert question.metadata.nbgrader.locked and answer.source == ANSWER
    assert answer.metadata.nbgrader.points == 4


def test_an_answer_waits_for_a_person_and_an_untouched_one_has_no_points(graded):
    assert given_for_the_answer(graded, "student-1") == (None, None, True)
    assert given_for_the_answer(graded, "student-2") == (0, None, False)


def test_an_answer_is_shown_as_it_was_typed_and_never_rendered(graded):
    assert main(["feedback", LESSON, "--course", str(graded.root)]) == 0
    page = (graded.root / "feedback" / "student-1" / LESSON / f"{LESSON}.html").read_text()
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert "and more" in page


def test_points_given_by_a_person_stay_when_the_class_is_graded_again(graded):
    with graded.api.gradebook as gradebook:
        submission = gradebook.find_submission_notebook(LESSON, LESSON, "student-1")
        given = next(g for g in submission.grades if g.name == "written_why_noise")
        given.manual_score = 3
        gradebook.db.commit()
    grade(graded, Counting())
    assert given_for_the_answer(graded, "student-1")[1] == 3


@pytest.mark.parametrize(
    "text",
    ["[why]\npoints = 4\n", "[why]\npoints = 0\ntext = 'x'\n", "[Why!]\n", "why = 3\n", "[why"],
)
def test_a_question_that_cannot_be_used_is_named_in_one_line(text, tmp_path):
    path = tmp_path / "questions.toml"
    path.write_text(text)
    with pytest.raises(Unusable) as refused:
        read_questions(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)
