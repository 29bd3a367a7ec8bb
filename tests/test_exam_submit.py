"""Handing an exam in: the judge's points, the report, the command line, a class."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path

import nbformat
import pytest

from course_utils import progress
from course_utils.cli import main
from course_utils.exam import clock
from course_utils.exam.plan import exam_id, tasks
from grader.exam.build import SHIPPED, build_exam, paths, stale_exam
from grader.exam.feedback import feedback, literal, minutes_per_task
from grader.exam.planted import edits_by_base, planted
from grader.exam.sitting import new_exam, read_exam, report_page
from grader.judge import Judge
from grader.misconceptions import load_hunts
from grader.notebook import build_notebook, notebook_text
from grader.paths import NOTEBOOKS
from grader.submission import Unusable, collect, grade_id, read_submission

EXAM = "exam_2"
START = datetime(2030, 1, 1, tzinfo=timezone.utc)


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setattr(clock, "_started_here", {})


def handed_in(version, folder, **changed):
    """An exam's notebook, some cells of it changed."""
    notebook = build_notebook(EXAM, version)
    for cell in notebook.cells:
        if grade_id(cell) in changed:
            cell.source = changed[grade_id(cell)]
    path = folder / f"{EXAM}.ipynb"
    path.write_text(notebook_text(notebook), encoding="utf-8")
    return path


@pytest.mark.parametrize("exam", SHIPPED)
def test_what_is_shipped_is_what_a_build_gives(exam):
    assert stale_exam(exam, NOTEBOOKS / exam) == []


def test_an_edited_exam_is_out_of_date(tmp_path):
    build_exam(EXAM, tmp_path)
    assert stale_exam(EXAM, tmp_path) == []
    notebook, data = paths(EXAM, tmp_path)
    notebook.write_text(notebook.read_text() + " ")
    data.unlink()
    assert stale_exam(EXAM, tmp_path) == [notebook, data]


# Points ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("exam", [*SHIPPED, exam_id(7), exam_id(91)])
def test_the_judge_gives_references_all_points_and_stubs_none(exam, judge):
    for version, points in (("solution", 100), ("student", 0)):
        verdict = judge.grade(collect(build_notebook(exam, version), exam))
        assert (verdict.score, verdict.max_score) == (points, 100), [
            (e.id, e.message) for e in verdict.exercises if e.score not in (0, e.max_score)
        ]


@pytest.fixture(scope="module")
def graded(judge):
    """Verdicts on a solved exam with one hunt left, one stub and one wrong letter."""
    stubs = {grade_id(c): c.source for c in build_notebook(EXAM, "student").cells}
    hunt = next(t.exercise for t in tasks(EXAM) if t.slot.kind == "hunt")
    todo = next(t.exercise for t in tasks(EXAM) if t.slot.kind == "todo")
    quiz = next(t.exercise for t in tasks(EXAM) if t.slot.kind == "quiz")
    notebook = build_notebook(EXAM, "solution")
    for cell in notebook.cells:
        if grade_id(cell) in (hunt.id, todo.id, quiz.id):
            cell.source = stubs[grade_id(cell)]
    submission = collect(notebook, EXAM)
    return submission, judge.grade(submission), (hunt, todo, quiz)


def test_only_the_tasks_that_are_left_cost_points(graded):
    _, verdict, left = graded
    lost = {e.id for e in verdict.exercises if e.score < e.max_score}
    assert lost == {e.id for e in left}
    assert verdict.score == 100 - sum(e.points for e in left)


def test_the_feedback_names_the_mistake_that_was_not_found(graded, kept):
    submission, verdict, (hunt, *_) = graded
    found = feedback(submission, verdict)
    (mistake,) = [m for m in found.mistakes if m.exercise == hunt.base]
    assert mistake.id == planted(EXAM)[hunt.id] == load_hunts(EXAM)[hunt.id]
    edit = next(e for e in edits_by_base(EXAM)[hunt.base] if e.id == mistake.id)
    assert mistake.message == edit.message


def test_the_sections_of_the_feedback_add_up(graded, kept):
    submission, verdict, left = graded
    found = feedback(submission, verdict)
    assert sum(s.score for s in found.sections) == pytest.approx(found.score)
    assert sum(s.section.points for s in found.sections) == 100
    assert not found.ready and found.minutes is None and found.gate is None
    first = max(left, key=lambda e: e.points)
    assert first.id in found.advice[0] or f"{first.points:g}" in found.advice[0]


def test_the_report_shows_everything_and_loads_nothing(graded, kept, tmp_path):
    submission, verdict, (hunt, todo, quiz) = graded
    page = report_page(feedback(submission, verdict), tmp_path)
    for text in (hunt.id, todo.id, quiz.id, "Not ready yet", "course exam new", "/ 100"):
        assert text in page
    assert "right is" in page  # the wrong letters are explained
    assert not re.search(r'(src|href)="(https?:)?//', page)
    links = re.findall(r'href="([^"]+)"', page)
    assert links and all((tmp_path / link).resolve().is_file() for link in links)


# Time --------------------------------------------------------------------------------------


def line(step, minutes, **facts):
    at = (START + timedelta(minutes=minutes)).isoformat()
    return {"what": "exam", "exam": EXAM, "at": at, "step": step} | facts


def test_time_counts_for_the_task_that_is_checked_next():
    lines = [line("start", 0), line("check", 6, task="a"), line("check", 8, task="b")]
    lines += [line("check", 11, task="a"), line("gate", 15, passed=True)]
    assert minutes_per_task(lines) == {"a": 9.0, "b": 2.0}


def test_points_time_and_gate_make_ready(graded, kept, monkeypatch):
    submission, verdict, _ = graded
    whole = type(verdict)(**(vars(verdict) | {"score": 97.0}))
    numbers = {"recognised": 0.99}
    lines = [line("start", 0), line("check", 70, task="UNet"), line("gate", 75, passed=True)]
    lines[-1]["numbers"] = numbers
    monkeypatch.setattr(progress, "events", lambda *kinds: lines)
    found = feedback(submission, whole)
    assert found.ready and found.minutes == 70 and found.gate["numbers"] == numbers
    lines[1] = line("check", 90, task="UNet")
    assert not feedback(submission, whole).ready


# The commands ------------------------------------------------------------------------------


def test_a_new_exam_is_written_and_never_over_another(kept, tmp_path, capsys):
    assert main(["exam", "new", "--seed", "5", "--to", str(tmp_path)]) == 0
    assert "exam_5.ipynb: open it" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "exam_5").iterdir()}
    assert names == {"exam_5.ipynb", "exam_5.safetensors"}
    assert progress.events("exam")[-1]["step"] == "made"
    assert main(["exam", "new", "--seed", "5", "--to", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_without_a_seed_the_exam_is_a_fresh_one(kept, tmp_path):
    assert new_exam(None, tmp_path) != new_exam(None, tmp_path)


def test_submitting_writes_the_report_and_notes_the_score(kept, tmp_path, monkeypatch, graded):
    monkeypatch.setattr(Judge, "grade", lambda self, submission: graded[1])
    path = handed_in("student", tmp_path)
    assert main(["exam", "submit", str(path)]) == 0
    assert (tmp_path / f"{EXAM}-report.html").is_file()
    event = [e for e in progress.events("exam") if e["step"] == "submit"][-1]
    assert event["score"] == graded[1].score
    assert any(e["kind"] == "exam" for e in progress.events("check"))


def spoiled(path, **about):
    notebook = json.loads(path.read_text())
    notebook["metadata"]["course"] |= about
    path.write_text(json.dumps(notebook))
    return path


def test_what_is_no_exam_or_an_outdated_one_is_refused_in_a_line(tmp_path, capsys):
    lesson = NOTEBOOKS / "04_ddpm" / "04_ddpm.ipynb"
    for path, text in (
        (lesson, "not an exam"),
        (spoiled(handed_in("student", tmp_path), plan="older"), "the lessons have changed"),
        (tmp_path / "none.ipynb", "no such file"),
    ):
        assert main(["exam", "submit", str(path)]) == 2
        said = capsys.readouterr().err
        assert text in said and said.count("\n") == 1
    assert main(["exam", "submit"]) == 2


def test_commands_that_need_the_solutions_say_so(monkeypatch, capsys):
    monkeypatch.setattr("course_utils.commands.find_spec", lambda name: None)
    assert main(["exam", "new"]) == 2
    assert "needs the solutions" in capsys.readouterr().err


@pytest.mark.parametrize("code", [
    "quiz_unet = {1: 'a'", "quiz_unet = open('x')", "", "quiz_unet = [1]", "other = {1: 'a'}",
])  # fmt: skip
def test_answers_that_cannot_be_read_are_none(code):
    assert literal(code, "quiz_unet") == {}


def test_answers_are_read_without_running_the_cell():
    assert literal("x = 1\nquiz_unet = {1: 'a', 2: (1, 2)}", "quiz_unet") == {1: "a", 2: (1, 2)}


# In a class --------------------------------------------------------------------------------


def test_any_grading_command_knows_an_exams_notebook(tmp_path):
    path = handed_in("student", tmp_path)
    assert read_submission(path).lesson == EXAM == read_exam(path).lesson
    with pytest.raises(Unusable, match="this is lesson exam_2"):
        read_submission(path, "04_ddpm")


@pytest.mark.slow
def test_a_class_sits_an_exam_and_gets_points_and_feedback(tmp_path, capsys):
    root = tmp_path / "class"
    course = ["--course", str(root)]
    assert main(["init", str(root)]) == 0
    assert main(["release", EXAM, *course]) == 0
    released = {path.name for path in (root / "release" / EXAM).iterdir()}
    assert released == {f"{EXAM}.ipynb", f"{EXAM}.safetensors"}
    text = (root / "release" / EXAM / f"{EXAM}.ipynb").read_text()
    assert "BEGIN SOLUTION" not in text and "HIDDEN TESTS" not in text
    for student, version in (("ada", "solution"), ("bob", "student")):
        folder = root / "submitted" / student / EXAM
        folder.mkdir(parents=True)
        handed_in(version, folder)
    assert main(["autograde", EXAM, *course]) == 0
    said = capsys.readouterr().out
    assert "ada: 100" in said and "bob: 0" in said
    assert main(["feedback", EXAM, *course]) == 0
    assert main(["report", EXAM, *course]) == 0
    assert list((root / "feedback").rglob("*.html"))


@pytest.mark.slow
def test_an_unsolved_and_a_solved_exam_run_from_top_to_bottom(tmp_path):
    from nbclient import NotebookClient

    build_exam(EXAM, tmp_path)
    for version in ("student", "solution"):
        notebook = build_notebook(EXAM, version)
        for cell in notebook.cells:
            cell.source = cell.source.replace("gate.train(step)", "gate.train(step, 3)")
        resources = {"metadata": {"path": str(tmp_path)}}
        done = NotebookClient(notebook, timeout=300, resources=resources).execute()
        nbformat.validate(done)


def test_the_bundle_holds_exams_only_on_request_and_practice_never(tmp_path):
    from grader.bundle import bundle

    plain, whole = bundle(tmp_path / "a.zip"), bundle(tmp_path / "b.zip", exams=True)
    shipped = {
        f"notebooks/{e}/{e}.{ending}" for e in SHIPPED for ending in ("ipynb", "safetensors")
    }
    assert not shipped & set(plain) and shipped <= set(whole)
    assert not any("practice" in Path(name).parts for name in whole)
