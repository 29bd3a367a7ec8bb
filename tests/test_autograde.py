"""A class graded side by side: nothing twice, nothing lost, the same grades whoever computes them."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future

import handin
import pytest

from grader import autograde as module
from grader import journal
from grader.autograde import autograde, grade_task, local_executor
from grader.course import Course
from grader.export import CanvasExportPlugin
from grader.gradebook import GradebookWriter

LESSON = handin.LESSON
MISTAKE = {"reverse_mean": handin.with_mistake("reverse_mean")}


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """A course folder with a released lesson; made once, copied for each test."""
    course = Course.create(tmp_path_factory.mktemp("made") / "class")
    course.release(LESSON)
    return course.root


@pytest.fixture
def course(released, tmp_path):
    """A released lesson with four submissions, one of them not a notebook."""
    course = Course(shutil.copytree(released, tmp_path / "class"))
    for student, notebook in (
        ("student-1", handin.solved()),
        ("student-2", handin.solved(**MISTAKE)),
        ("student-3", handin.untouched()),
        ("student-4", {}),
    ):
        handin.save(notebook, course.submission(LESSON, student).parent)
    return course


class Counting(Executor):
    """Runs tasks at once and notes what was asked of them."""

    def __init__(self, run=grade_task):
        self.asked, self.run = [], run

    def submit(self, task, secret, submission, names):
        self.asked.append(sorted(names))
        future = Future()
        try:
            future.set_result(self.run(secret, submission, names))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def canned():
    """Verdicts by code, computed once: how grades are stored does not depend on how they are made."""
    known = {}

    def run(secret, submission, names):
        key = json.dumps([submission.cells, submission.helpers])
        if key not in known:
            known[key] = grade_task("canned", submission, list(submission.cells))
        return {name: known[key][name] for name in names}

    return run


def grade(course, executor, resume=False):
    return {r.student: r for r in autograde(course, LESSON, executor, resume)}


def grades(course):
    """Everything that the gradebook says of every graded cell, and the comments."""
    found = {}
    with course.api.gradebook as gradebook:
        for submission in gradebook.assignment_submissions(LESSON):
            for grade in submission.notebooks[0].grades:
                about = grade.auto_score, grade.manual_score, grade.needs_manual_grade
                found[submission.student_id, grade.name] = about
            for comment in submission.notebooks[0].comments:
                found[submission.student_id, comment.name] = comment.auto_comment
    return found


def exported(course, folder):
    path = folder / "grades.csv"
    with course.api.gradebook as gradebook:
        CanvasExportPlugin(to=str(path)).export(gradebook)
    return path.read_bytes()


def test_every_sound_submission_is_graded_and_a_broken_one_is_named(course):
    results = grade(course, local_executor(2))
    assert results["student-1"].score == sum(e.points for e in handin.EXERCISES.values())
    assert 0 < results["student-2"].score < results["student-1"].score
    assert results["student-3"].score == 0
    assert results["student-4"].score is None and "not a notebook" in results["student-4"].reason


def test_the_gradebook_is_what_nbgraders_own_steps_write(course):
    grade(course, local_executor(1))
    ours = grades(course)
    for student in ("student-1", "student-2", "student-3"):
        result = course.api.autograde(LESSON, student, force=True)
        assert result["success"], result.get("log")
    assert grades(course) == ours


def test_a_second_run_grades_nothing_and_changes_nothing(course, canned, tmp_path):
    grade(course, Counting(canned))
    first = exported(course, tmp_path)
    again = Counting(canned)
    grade(course, again)
    assert again.asked == []
    assert exported(course, tmp_path) == first


def test_a_changed_exercise_is_graded_anew_alone(course, canned, monkeypatch):
    grade(course, Counting(canned))
    before = journal.exercise_fingerprint
    changed = {"guided_noise": "another probe"}
    fresh = lambda lesson, name: changed.get(name) or before(lesson, name)  # noqa: E731
    monkeypatch.setattr(journal, "exercise_fingerprint", fresh)
    again = Counting(canned)
    grade(course, again)
    assert again.asked == [["guided_noise"]] * 3


def test_a_new_submission_is_graded_anew_from_the_changed_cell_on(course, canned):
    grade(course, Counting(canned))
    folder = course.submission(LESSON, "student-2").parent
    handin.save(handin.solved(sample_cfg=handin.with_mistake("sample_cfg")), folder)
    again = Counting(canned)
    results = grade(course, again)
    assert "linear_beta_schedule" not in again.asked[0] and "sample_cfg" in again.asked[0]
    assert results["student-2"].score < results["student-1"].score


def test_a_lost_worker_never_becomes_a_zero(course, canned):
    def lost(secret, submission, names):
        raise RuntimeError("the machine went away")

    results = grade(course, Counting(lost))
    assert all(r.score is None for r in results.values())
    assert grades(course) == {}
    assert grade(course, Counting(canned))["student-1"].score > 0


def test_points_given_by_hand_survive_a_new_run(course, canned):
    grade(course, Counting(canned))
    with course.api.gradebook as gradebook:
        cell = gradebook.find_grade("test_reverse_mean", LESSON, LESSON, "student-2")
        cell.manual_score = 5.0
        gradebook.db.commit()
    grade(course, Counting(canned))
    assert grades(course)["student-2", "test_reverse_mean"][1:] == (5.0, True)


def test_a_journal_whose_last_line_was_cut_short_is_read_up_to_there(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal.Journal(path).add({"a": {"score": 1}})
    with path.open("a") as file:
        file.write('["b", {"sco')
    again = journal.Journal(path)
    again.add({"c": {"score": 3}})
    assert journal.Journal(path).get("a") == {"score": 1}
    assert journal.Journal(path).get("b") is None
    assert journal.Journal(path).get("c") == {"score": 3}


def run_until_killed(course, canned, delay):
    """A run in a process of its own that is killed after `delay` seconds, if it still runs."""
    pid = os.fork()
    if pid == 0:
        signal.setitimer(signal.ITIMER_REAL, delay)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        try:
            grade(course, Counting(canned), resume=True)
        finally:
            os._exit(0)
    return os.waitpid(pid, 0)[1]


@pytest.mark.slow
def test_killed_at_any_of_a_hundred_moments_and_resumed_gives_the_same_gradebook(
    course, canned, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_judge", lambda secret: type("", (), {"prepare": print}))
    start = time.perf_counter()
    grade(course, Counting(canned))
    whole = time.perf_counter() - start
    undisturbed = exported(course, tmp_path)
    moments = random.Random(0)
    killed = 0
    for _ in range(100):
        forget_grades(course)
        killed += run_until_killed(course, canned, moments.uniform(0.02, 1) * whole) != 0
        grade(Course(course.root), Counting(canned), resume=True)
        assert exported(Course(course.root), tmp_path) == undisturbed
    assert killed > 20


def forget_grades(course):
    """As before the first run: no journal, no submission in the gradebook."""
    course.journal(LESSON).unlink(missing_ok=True)
    with course.api.gradebook as gradebook:
        for student in list(gradebook.students):
            gradebook.remove_student(student.id)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_in_the_middle_grades_everything(course, tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed")
    scheduler_file = tmp_path / "scheduler.json"
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    options = ["--scheduler-file", str(scheduler_file), "--port", "0", "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--no-nanny"]
    worker += ["--nthreads", "1", "--scheduler-file", str(scheduler_file)]
    processes = [subprocess.Popen([*command, *options])]
    processes += [subprocess.Popen(worker) for _ in range(2)]
    try:
        client = distributed.Client(scheduler_file=str(scheduler_file), timeout="120s")
        client.wait_for_workers(2, timeout=120)
        results = {}
        for result in autograde(course, LESSON, client.get_executor()):
            if not results:
                processes[1].kill()
            results[result.student] = result
        client.close()
    finally:
        for process in processes:
            process.terminate()
            process.wait()
    assert results["student-1"].score == sum(e.points for e in handin.EXERCISES.values())
    assert results["student-3"].score == 0
    assert [s for s, r in results.items() if r.score is None] == ["student-4"]


def test_writing_keeps_the_time_stamp_and_the_lessons_files(course, canned):
    stamp = course.submission(LESSON, "student-1").with_name("timestamp.txt")
    stamp.write_text("2030-01-01 10:00:00 UTC")
    grade(course, Counting(canned))
    folder = course.root / "autograded" / "student-1" / LESSON
    assert {p.name for p in folder.iterdir()} >= {f"{LESSON}.ipynb", "timestamp.txt", "lesson_03.py"}
    with GradebookWriter(course, LESSON) as writer:
        assert writer.gradebook.find_submission(LESSON, "student-1").timestamp.year == 2030
