"""This grader beside stock nbgrader, on the same submissions, in one run, on one core.

`make bench`, or `python benchmarks/grading.py --submissions 10 --stock 3`
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from course_utils import checker
from course_utils.engine.exercise import load_lesson
from grader.course import Course
from grader.judge import Judge
from grader.notebook import build_notebook, notebook_text
from grader.reference import edits_of, reference_code
from grader.source import load_source
from grader.submission import grade_id, read_submission

LESSON = "04_ddpm"
STOCK_LINES = re.compile(r"^c\.Autograde\.[^=]+= (\[.*?^\]|.*?)$", re.M | re.S)
IMPORTS = {
    "import torch": "import torch",
    "import torch, course_utils": "import torch, course_utils",
    "  and a check made ready": f"import torch, course_utils; course_utils.checker('{LESSON}')",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--submissions", type=int, default=6, help="how many are graded by us")
    parser.add_argument("--stock", type=int, default=3, help="how many by stock nbgrader as well")
    args = parser.parse_args()
    pin_to_one_core()
    print_machine()
    measure_imports()
    measure_checks()
    with TemporaryDirectory() as folder:
        measure_grading(Path(folder) / "class", args.submissions, args.stock)


def pin_to_one_core() -> None:
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def print_machine() -> None:
    busy = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"machine: {os.cpu_count()} cores, one of them used{busy}; {platform.platform()}")
    print(f"Python {platform.python_version()}, PyTorch {torch.__version__}\n")


def timed(action: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def measure_imports(repeats: int = 5) -> None:
    """Median over fresh processes, taken in turns."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name, code in IMPORTS.items():
            run = [sys.executable, "-c", code]
            seconds[name].append(timed(lambda run=run: subprocess.run(run, check=True))[0])
    base = statistics.median(seconds["import torch"])
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"{name:28} {median:6.2f} s   {median - base:+.2f} s   × {median / base:.2f}")
    print()


def measure_checks() -> None:
    """One check of each solved exercise, after the imports."""
    check, space, seconds = checker(LESSON), load_source(LESSON).namespace(), {}
    for e in load_lesson(LESSON).exercises.values():
        if e.kind == "code":
            with contextlib.redirect_stdout(io.StringIO()):
                seconds[e.id] = timed(lambda e=e: check(space[e.target]))[0]
    slowest = max(seconds, key=seconds.get)
    median = statistics.median(seconds.values())
    print(f"one check: median {median:.2f} s, slowest {seconds[slowest]:.2f} s ({slowest})\n")


def measure_grading(root: Path, count: int, stock_count: int) -> None:
    course = Course.create(root)
    course.release(LESSON)
    paths = {f"student-{i}": hand_in(course, f"student-{i}", i) for i in range(1, count + 1)}
    ours = grade_with_judge(course, paths)
    stock = grade_with_stock(course, list(paths)[:stock_count])
    print(f"{'submission':12} {'this grader':>12} {'stock':>9}   points")
    for student, (seconds, score) in ours.items():
        other = stock[1].get(student)
        same = "" if other is None else ("equal" if other == score else f"stock gave {other:g}")
        per = f"{stock[0]:7.2f} s" if other is not None else " " * 9
        print(f"{student:12} {seconds:10.2f} s {per}   {score:g} {same}")
    median = statistics.median(seconds for seconds, _ in ours.values())
    print(f"\nmedian {median:.2f} s against {stock[0]:.2f} s: × {stock[0] / median:.0f} faster")
    assert all(ours[student][1] == score for student, score in stock[1].items())


def hand_in(course: Course, student: str, number: int) -> Path:
    """The reference; from the second student on, with one mistake in one exercise."""
    notebook, code = build_notebook(LESSON, "solution"), load_lesson(LESSON).exercises.values()
    e = [e for e in code if e.kind == "code"][number % 13]
    for cell in notebook.cells:
        if number > 1 and grade_id(cell) == e.id:
            cell.source = edits_of(LESSON, e)[0].apply(reference_code(LESSON, e))
    path = course.submission(LESSON, student)
    path.parent.mkdir(parents=True)
    path.write_text(notebook_text(notebook), encoding="utf-8")
    return path


def grade_with_judge(course: Course, paths: dict[str, Path]) -> dict[str, tuple[float, float]]:
    """Student → (seconds, score), with the warm parent and the references ready."""
    with Judge(course.secret) as judge:
        once, _ = timed(lambda: judge.prepare(LESSON))
        warm, _ = timed(lambda: judge.open_player(LESSON).close())
        print(f"once per class: references {once:.1f} s, warm parent {warm:.1f} s")
        found = {}
        for student, path in paths.items():
            seconds, verdict = timed(lambda path=path: judge.grade(read_submission(path, LESSON)))
            found[student] = seconds, verdict.score
        return found


def grade_with_stock(course: Course, students: list[str]) -> tuple[float, dict[str, float]]:
    """Mean seconds of `nbgrader autograde` for one submission, and the scores."""
    config = course.root / "nbgrader_config.py"
    config.write_text(STOCK_LINES.sub("", config.read_text()))
    beside = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{beside}{os.pathsep}{os.environ['PATH']}"}

    def grade(student: str) -> None:
        command = [str(beside / "nbgrader"), "autograde", LESSON, "--student", student]
        options = {"cwd": course.root, "env": environment, "capture_output": True}
        subprocess.run(command, check=True, **options)

    seconds = sum(timed(lambda student=student: grade(student))[0] for student in students)
    with course.api.gradebook as gradebook:
        scores = {s: gradebook.find_submission(LESSON, s).score for s in students}
    return seconds / len(students), scores


if __name__ == "__main__":
    main()
