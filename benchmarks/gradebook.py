"""Many submissions through journal and gradebook, without grading them: does the cost grow?"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import Executor, Future
from pathlib import Path

from benchmarks.bench import LESSON, Rows, new_class
from grader import autograde as grading
from grader.course import Course
from grader.notebook import notebook_text
from grader.submission import read_notebook


class Canned(Executor):
    """Gives every submission the verdicts of the first one."""

    def __init__(self) -> None:
        self.verdicts: dict[str, dict] = {}

    def submit(self, task, secret, submission, names):
        if not self.verdicts:
            self.verdicts = task(secret, submission, names)
        future = Future()
        future.set_result({name: self.verdicts[name] for name in names})
        return future


def measure(folder: Path, count: int) -> Rows:
    course = new_class(folder, 1)
    hand_in_many(course, count)
    stamps = []
    for result in grading.autograde(course, LESSON, Canned()):
        assert result.score is not None, result
        stamps.append(time.perf_counter())
        shutil.rmtree(course.root / "autograded" / result.student)  # only to spare the disk
    part = max(count // 10, 2)
    first, last = (_each(stamps[1 : part + 1]), _each(stamps[-part:]))
    size = (course.root / "gradebook.db").stat().st_size / 2**20
    return [
        (f"one of the first {part:,} of {count:,}, through journal and gradebook", _ms(first)),
        (f"one of the last {part:,}", f"{_ms(last)} (× {last / first:.2f})"),
        ("gradebook and journal at the end", f"{size:.0f} MB, {_journal_size(course):.0f} MB"),
    ]


def hand_in_many(course: Course, count: int) -> None:
    """Copies of a short notebook; a comment makes each one different."""
    first = course.submission(LESSON, "student-001")
    notebook = read_notebook(first)
    graded = [c for c in notebook.cells if "nbgrader" in c.metadata]
    notebook.cells = graded
    shutil.rmtree(first.parent.parent)
    answer = next(c for c in graded if c.metadata.nbgrader.solution)
    source = answer.source
    for number in range(count):
        path = course.submission(LESSON, f"student-{number:05}")
        path.parent.mkdir(parents=True)
        answer.source = f"{source}\n# {number}\n"
        path.write_text(notebook_text(notebook), encoding="utf-8")


def _each(stamps: list[float]) -> float:
    return (stamps[-1] - stamps[0]) / (len(stamps) - 1)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


def _journal_size(course: Course) -> float:
    return course.journal(LESSON).stat().st_size / 2**20
