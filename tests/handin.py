"""Notebooks as learners hand them in: the built lesson with some of its cells filled."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

from course_utils.engine.exercise import Exercise, load_lesson
from grader.judge import Judge
from grader.notebook import build_notebook
from grader.reference import edits_of, hunt_code, reference_code
from grader.submission import collect, grade_id
from grader.verdict import ExerciseVerdict

LESSON = "04_ddpm"
EXERCISES = load_lesson(LESSON).exercises


def reference(name: str) -> str:
    return reference_code(LESSON, EXERCISES[name])


def with_mistake(name: str, edit: str | None = None) -> str:
    """The reference of an exercise with a misconception in it: the named or the first one."""
    edits = edits_of(LESSON, EXERCISES[name])
    return next(e for e in edits if edit in (None, e.id)).apply(reference(name))


def message_of(name: str) -> str:
    """What is said of an exercise's first misconception, without its code marks."""
    return edits_of(LESSON, EXERCISES[name])[0].message.replace("`", "")


def planted_bug(name: str) -> str:
    return hunt_code(LESSON, EXERCISES[name])


def of_kind(kind: str) -> list[Exercise]:
    return [e for e in EXERCISES.values() if e.kind == kind]


def untouched() -> nbformat.NotebookNode:
    """What a learner is given."""
    return build_notebook(LESSON, "student")


def solved(**changed: str) -> nbformat.NotebookNode:
    """Every exercise as the reference has it, some of them `changed` to other code."""
    notebook = build_notebook(LESSON, "solution")
    for name, code in changed.items():
        cell_of(notebook, name).source = code
    return notebook


def attempted(**written: str) -> nbformat.NotebookNode:
    """Nothing but these exercises was touched."""
    notebook = untouched()
    for name, code in written.items():
        cell_of(notebook, name).source = code
    return notebook


def cell_of(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    return next(cell for cell in notebook.cells if grade_id(cell) == name)


def add_before(notebook: nbformat.NotebookNode, name: str, *sources: str) -> None:
    """Put cells of the learner's own before an exercise."""
    place = notebook.cells.index(cell_of(notebook, name))
    cells = [new_code_cell(source) for source in sources]
    for cell in cells:
        cell.pop("id")
    notebook.cells[place:place] = cells


def save(notebook: nbformat.NotebookNode | dict, folder: Path, name: str = LESSON) -> Path:
    """Write a notebook without looking whether it is a sound one."""
    path = folder / f"{name}.ipynb"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def graded(judge: Judge, notebook: nbformat.NotebookNode, *only: str) -> dict[str, ExerciseVerdict]:
    """Exercise id → its verdict, for all or `only` some exercises."""
    verdict = judge.grade(collect(notebook, LESSON), set(only) or None)
    return {e.id: e for e in verdict.exercises}


def lost_points(results: dict[str, ExerciseVerdict]) -> dict[str, float]:
    return {name: r.max_score - r.score for name, r in results.items() if r.score < r.max_score}
