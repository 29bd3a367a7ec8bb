"""Reads a submitted notebook, whatever state it is in, and finds the learner's code in it."""

from __future__ import annotations

import ast
import builtins
import json
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from course_utils.engine.exercise import lesson_ids, load_lesson
from grader.reference import stub_code
from grader.source import load_source

MAX_BYTES = 300 * 2**20


class Unusable(Exception):
    """The input cannot be graded; the message is one line that says what to do."""


@dataclass(frozen=True)
class Submission:
    """A learner's code: exercise id → source of its cell; helper code that stands before it.

    remarks: what was odd about the notebook and how it was read, for the instructor.
    """

    lesson: str
    cells: dict[str, str]
    helpers: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def read_submission(path: Path, lesson: str | None = None) -> Submission:
    """The submission in a notebook file. Raises Unusable with one line where there is none."""
    notebook = read_notebook(path)
    found = _lesson_of(notebook)
    if found is None:
        raise Unusable(f"{path}: no exercise of this course is in it; is it the right notebook?")
    if lesson and found != lesson:
        raise Unusable(f"{path}: this is lesson {found}, not {lesson}; hand in the other notebook")
    return collect(notebook, found)


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook of format 3 or 4 in UTF-8, with or without a byte-order mark; outputs dropped."""
    if not path.is_file():
        raise Unusable(f"{path}: there is no such file")
    if path.stat().st_size > MAX_BYTES:
        raise Unusable(f"{path}: larger than {MAX_BYTES >> 20} MB; clear its outputs and try again")
    try:
        data = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Unusable(f"{path}: not a notebook (it is not JSON); save it from JupyterLab") from None
    return _as_version_4(path, data)


def _as_version_4(path: Path, data: object) -> nbformat.NotebookNode:
    try:
        worksheets = data.get("worksheets") or [{}]
        cells = data["cells"] if "cells" in data else worksheets[0]["cells"]
        for cell in cells:
            if "outputs" in cell:
                cell["outputs"] = []
        notebook = nbformat.convert(nbformat.from_dict(data), 4)
        for cell in notebook.cells:
            cell.source = _text(cell.get("source", ""))
        return notebook
    except Exception:  # the file is a stranger's: any shape is possible
        raise Unusable(f"{path}: JSON, but not a notebook; save it from JupyterLab") from None


def _text(source: object) -> str:
    joined = "".join(source) if isinstance(source, list) else str(source)
    return joined.replace("\r\n", "\n").replace("\r", "\n")


def grade_id(cell: object) -> str | None:
    """The nbgrader id of a cell, if it has one."""
    about = cell.get("metadata", {})
    about = about.get("nbgrader", {}) if isinstance(about, dict) else {}
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else None


def _lesson_of(notebook: nbformat.NotebookNode) -> str | None:
    """The lesson whose exercises most of the cells belong to."""
    ids = {grade_id(cell) for cell in notebook.cells} - {None}
    scores = {name: len(ids & set(load_lesson(name).exercises)) for name in lesson_ids()}
    stated = notebook.metadata.get("course", {})
    stated = stated.get("lesson") if isinstance(stated, dict) else None
    best = max(scores, key=lambda name: (scores[name], name == stated), default=None)
    return best if best and scores[best] else None


def collect(notebook: nbformat.NotebookNode, lesson: str) -> Submission:
    """Cells by exercise and, before each, the helpers that the learner's code asks for."""
    exercises, remarks = load_lesson(lesson).exercises, []
    cells: dict[str, str] = {}
    for cell in notebook.cells:
        name = grade_id(cell)
        if name not in exercises:
            continue
        if cell.cell_type != "code":
            remarks.append(f"{name}: its cell was turned into {cell.cell_type}; read as code")
        if name in cells:
            remarks.append(f"{name}: there are several such cells; the last changed one counts")
        if name not in cells or not _is_stub(lesson, name, cell.source):
            cells[name] = runnable(cell.source)
    remarks += [f"{name}: its cell is missing" for name in exercises if name not in cells]
    return Submission(lesson, cells, _helpers(notebook, lesson, cells), remarks)


def _is_stub(lesson: str, name: str, source: str) -> bool:
    return source.strip() == stub_code(lesson, load_lesson(lesson)[name]).strip()


def _helpers(notebook, lesson: str, cells: dict[str, str]) -> dict[str, str]:
    """Exercise id → the learner's own definitions that come before its cell and are needed.

    Cells that draw or train are not run when grading. From a learner's other cells only the
    statements are taken that define a name which graded code uses.
    """
    given = {c.source.strip() for c in load_source(lesson).cells}
    known = set(dir(builtins)) | _bound_names(load_source(lesson).setup())
    statements = _statements_before(notebook, set(cells), given)
    wanted = set().union(*map(_used_names, cells.values())) - known
    needed: list[ast.stmt] = []
    for _, statement in reversed(statements):  # a helper may use helpers above it
        if _binds(statement) & wanted:
            needed.append(statement)
            wanted |= _used_names(statement) - known
    found: dict[str, list[str]] = {}
    for name, statement in statements:
        if statement in needed:
            found.setdefault(name, []).append(ast.unparse(statement))
    return {name: "\n".join(parts) + "\n" for name, parts in found.items()}


def _statements_before(notebook, exercises: set[str], given: set[str]) -> list:
    """(next exercise, statement) for every top-level statement of the learner's own cells."""
    pending: list[ast.stmt] = []
    found = []
    for cell in notebook.cells:
        name = grade_id(cell)
        if name in exercises:
            found += [(name, statement) for statement in pending]
            pending = []
        elif cell.cell_type == "code" and cell.source.strip() not in given:
            pending += _parse(runnable(cell.source)).body
    return found


def runnable(source: str) -> str:
    """The source without its IPython lines (`%timeit …`, `!ls`), if it needs that to parse."""
    if _parse(source).body:
        return source
    lines = source.split("\n")
    plain = "\n".join("" if line.lstrip()[:1] in ("%", "!", "?") else line for line in lines)
    return plain if _parse(plain).body else source


def _parse(source: str) -> ast.Module:
    """The syntax tree; empty where the source does not parse."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _used_names(code: str | ast.AST) -> set[str]:
    tree = _parse(code) if isinstance(code, str) else code
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def _bound_names(code: str) -> set[str]:
    return set().union(*map(_binds, _parse(code).body))


def _binds(statement: ast.stmt) -> set[str]:
    """Names that a top-level definition, import or assignment defines."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).split(".")[0] for alias in statement.names}
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        return {
            n.id
            for n in ast.walk(statement)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
    return set()
