"""Start-up: what imports and a first check cost a learner."""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys

from benchmarks.bench import LESSON, Rows, timed
from course_utils import checker
from course_utils.engine.exercise import load_lesson
from grader.source import load_source

IMPORTS = {
    "import torch": "import torch",
    "import torch, course_utils": "import torch, course_utils",
    "the same and a check made ready": (
        f"import torch, course_utils; course_utils.checker('{LESSON}')"
    ),
}


def measure(repeats: int = 5) -> Rows:
    """Medians over fresh processes, taken in turns; then one check of each solved exercise."""
    seconds: dict[str, list[float]] = {name: [] for name in IMPORTS}
    for _ in range(repeats):
        for name, code in IMPORTS.items():
            run = [sys.executable, "-c", code]
            seconds[name].append(timed(lambda run=run: subprocess.run(run, check=True))[0])
    rows = [(name, f"{statistics.median(values):.2f} s") for name, values in seconds.items()]
    return [*rows, _checks()]


def _checks() -> tuple[str, str]:
    check, space, seconds = checker(LESSON), load_source(LESSON).namespace(), {}
    for e in load_lesson(LESSON).exercises.values():
        if e.kind == "code":
            with contextlib.redirect_stdout(io.StringIO()):
                seconds[e.id] = timed(lambda e=e: check(space[e.target]))[0]
    slowest = max(seconds, key=seconds.get)
    median = statistics.median(seconds.values())
    return "one check", f"{median:.2f} s; the slowest, {slowest}: {seconds[slowest]:.2f} s"
