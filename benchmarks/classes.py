"""A class graded by this grader, with one and two workers, and some of it by stock nbgrader."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.bench import LESSON, Rows, new_class, timed
from grader import autograde as grading
from grader.course import Course

STOCK_LINES = re.compile(r"^c\.Autograde\.[^=]+= (\[.*?^\]|.*?)$", re.M | re.S)


def measure(count: int, stock_count: int) -> Rows:
    """Everything from the notebook to the gradebook; imports and references come before."""
    seconds, scores = {}, {}
    for workers in (1, 2):
        with TemporaryDirectory() as folder:
            course = new_class(Path(folder), count)
            grading.trusted_with(course, LESSON)  # starts the warm parent
            executor = grading.local_executor(workers)
            grade = lambda c=course, e=executor: list(grading.autograde(c, LESSON, e))  # noqa: E731
            first, _ = timed(lambda c=course: grading._judge(c.secret, "cpu").prepare(LESSON))
            spent, results = timed(grade)
            seconds[workers] = spent / count
            scores = {r.student: r.score for r in results}
            grading._judge(course.secret, "cpu").__exit__()
            if workers == 2:
                stock, same = _stock(course, sorted(scores)[:stock_count])
    assert all(scores[student] == score for student, score in same.items()), (scores, same)
    return [
        ("references of the hidden cases, once per class", f"{first:.1f} s"),
        *((_workers(n), _per_minute(s)) for n, s in seconds.items()),
        (f"stock nbgrader, mean of {stock_count}", _per_minute(stock)),
        ("this grader, 1 worker, against stock", f"× {stock / seconds[1]:.0f} faster"),
        ("points", f"equal in all {len(same)} that both graded"),
    ]


def _workers(count: int) -> str:
    return f"this grader, {count} worker{'s' if count > 1 else ''}"


def _per_minute(seconds: float) -> str:
    return f"{seconds:.2f} s each, {60 / seconds:.1f} a minute"


def _stock(course: Course, students: list[str]) -> tuple[float, dict[str, float]]:
    """Mean seconds of `nbgrader autograde` for one submission, and the scores."""
    config = course.root / "nbgrader_config.py"
    config.write_text(STOCK_LINES.sub("", config.read_text()))
    beside = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}

    def grade(student: str) -> None:
        command = [str(beside / "nbgrader"), "autograde", LESSON, "--student", student, "--force"]
        options = {"cwd": course.root, "env": environment, "capture_output": True}
        subprocess.run(command, check=True, **options)

    seconds = sum(timed(lambda student=student: grade(student))[0] for student in students)
    with course.api.gradebook as gradebook:
        scores = {s: gradebook.find_submission(LESSON, s).score for s in students}
    return seconds / len(students), scores
