"""Writes exams: the notebook, and beside it what its check needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from course_utils.engine.answers import public_seed
from course_utils.engine.codec import CodecError, pack, unpack
from course_utils.engine.compare import difference
from course_utils.engine.exercise import Exercise
from course_utils.exam.forms import forms_of
from course_utils.exam.plan import exam_lesson, fingerprint
from grader.exam.mistakes import usual
from grader.notebook import build_notebook, notebook_text
from grader.reference import must_run, outcomes_of, reference_code

SHIPPED = ("exam_1", "exam_2", "exam_3")


def exam_text(exam: str) -> str:
    """The notebook as learners get it."""
    return notebook_text(build_notebook(exam, "student"))


def exam_data(exam: str) -> bytes:
    """Inputs and forms of the ordinary cases. No value that a task asks for, and no code."""
    exercises = exam_lesson(exam).exercises.values()
    tasks = {e.id: _task_data(exam, e) for e in exercises if e.kind != "quiz"}
    return pack({"plan": fingerprint(exam), "tasks": tasks})


def _task_data(exam: str, e: Exercise) -> dict:
    names = usual(e)
    only = replace(e, cases=tuple(spec for spec in e.cases if spec.name in names))
    code = reference_code(exam, e)
    want, givens = outcomes_of(exam, only, code, public_seed(exam))
    must_run(e, want)
    return {"givens": givens, "forms": forms_of(want)}


def build_exam(exam: str, folder: Path) -> list[Path]:
    """Write both files into the folder; returns their paths."""
    text, facts = exam_text(exam), exam_data(exam)
    folder.mkdir(parents=True, exist_ok=True)
    notebook, data = paths(exam, folder)
    notebook.write_text(text, encoding="utf-8")
    data.write_bytes(facts)
    return [notebook, data]


def paths(exam: str, folder: Path) -> tuple[Path, Path]:
    return folder / f"{exam}.ipynb", folder / f"{exam}.safetensors"


def stale_exam(exam: str, folder: Path) -> list[Path]:
    """Those of the two files that are not what a rebuild gives; numbers within rounding."""
    notebook, data = paths(exam, folder)
    stale = []
    if not notebook.exists() or notebook.read_bytes() != exam_text(exam).encode():
        stale.append(notebook)
    if not data.exists() or not _same_data(exam, data.read_bytes()):
        stale.append(data)
    return stale


def _same_data(exam: str, blob: bytes) -> bool:
    try:
        return not difference(unpack(blob), unpack(exam_data(exam)))
    except CodecError:  # written by an older version, or cut short
        return False
