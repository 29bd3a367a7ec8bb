"""A class graded side by side: nothing lost, and the same grades whoever computes them."""

import itertools
import os
import random
import signal
import subprocess
import sys

import handin
import pytest
from classroom import LESSON, Counting, exported, grade, grades

from grader import autograde as module
from grader import journal
from grader.autograde import autograde, local_executor
from grader.course import Course
from grader.gradebook import GradebookWriter


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


def run_in_child(course, canned, last_call=None):
    """(exit status, calls of functions) of a run in a process of its own. It is killed when it
    calls its last function; calls come the more often, the more happens, files and database too."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        calls = itertools.count(1)

        def count(*_):
            if next(calls) == last_call:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(count)
        try:
            grade(course, Counting(canned), resume=True)
            sys.setprofile(None)
            os.write(writer, str(next(calls)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        return os.waitpid(pid, 0)[1], int(told.read() or 0)


@pytest.mark.slow
def test_killed_at_any_of_a_hundred_moments_and_resumed_gives_the_same_gradebook(
    course, canned, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "_judge", lambda *_: type("", (), {"prepare": print}))
    grade(course, Counting(canned))
    undisturbed = exported(course, tmp_path)
    forget_grades(course)
    _, calls = run_in_child(course, canned)
    moments, killed = random.Random(0), 0
    for _ in range(100):
        forget_grades(course)
        status, _ = run_in_child(course, canned, moments.randint(1, calls))
        killed += status == signal.SIGKILL
        grade(Course(course.root), Counting(canned), resume=True)
        assert exported(Course(course.root), tmp_path) == undisturbed
    assert killed >= 95


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
    assert {p.name for p in folder.iterdir()} >= {
        f"{LESSON}.ipynb",
        "timestamp.txt",
        "lesson_03.py",
    }
    with GradebookWriter(course, LESSON) as writer:
        assert writer.gradebook.find_submission(LESSON, "student-1").timestamp.year == 2030
