"""What the measurements share: a clock, the machine in words, and a class that handed in."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch

from course_utils.engine.exercise import load_lesson
from grader.course import Course
from grader.notebook import build_notebook, notebook_text
from grader.reference import edits_of, reference_code
from grader.submission import grade_id

LESSON = "04_ddpm"
Rows = list[tuple[str, str]]  # what was measured, and what came out


def timed(action: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def machine() -> str:
    load = f", load {os.getloadavg()[0]:.1f} before" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} on {platform.machine()}"
    versions = f"Python {platform.python_version()}, PyTorch {torch.__version__}"
    return f"{os.cpu_count()} cores{load}, {system}, {versions}"


def new_class(folder: Path, students: int) -> Course:
    """A course folder with the lesson released and this many submissions."""
    course = Course.create(folder / "class")
    course.release(LESSON)
    for number in range(1, students + 1):
        path = course.submission(LESSON, f"student-{number:03}")
        path.parent.mkdir(parents=True)
        path.write_text(notebook_text(answered(number)), encoding="utf-8")
    return course


def answered(number: int):
    """The reference; from the second student on, with one mistake in one exercise."""
    notebook = build_notebook(LESSON, "solution")
    code = [e for e in load_lesson(LESSON).exercises.values() if e.kind == "code"]
    e = code[number % len(code)]
    for cell in notebook.cells:
        if number > 1 and grade_id(cell) == e.id:
            cell.source = edits_of(LESSON, e)[0].apply(reference_code(LESSON, e))
    return notebook
