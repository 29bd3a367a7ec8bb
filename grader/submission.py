"""Reads a submitted notebook, whatever state it is in, and finds the learner's code in it."""

from __future__ import annotations

import ast
import builtins
import json
import symtable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from course_utils.engine.exercise import is_exam, lesson_ids, load_lesson
from grader.reference import stub_code
from grader.source import load_source

MAX_BYTES = 100 * 2**20
MAX_SOURCE = 100_000  # characters of a cell; no answer is as long
KINDS = ("code", "markdown", "raw")


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
    except OSError as error:
        raise Unusable(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise Unusable(f"{path}: not a notebook (not JSON); save it from JupyterLab") from None
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
            kind = cell.get("cell_type")
            cell.cell_type = kind if kind in KINDS else "raw"
            cell.source, cell.metadata = _text(cell.get("source", "")), _mapping(cell, "metadata")
        notebook.metadata = _mapping(notebook, "metadata")
        return notebook
    except Exception:  # the file is a stranger's: any shape is possible
        raise Unusable(f"{path}: JSON, but not a notebook; save it from JupyterLab") from None


def _mapping(owner: dict, key: str) -> nbformat.NotebookNode:
    value = owner.get(key)
    return value if isinstance(value, nbformat.NotebookNode) else nbformat.NotebookNode()


def _text(source: object) -> str:
    """Text that can be stored: half of a surrogate pair, for one, cannot."""
    joined = "".join(source) if isinstance(source, list) else str(source)
    joined = joined.replace("\r\n", "\n").replace("\r", "\n")
    return joined.encode("utf-8", "replace").decode("utf-8")


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
    if isinstance(stated, str) and is_exam(stated):  # its exercises are those of several lessons
        return stated if ids & set(load_lesson(stated).exercises) else None
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
    """Exercise id → the learner's own definitions that belong before its cell and are needed.

    Cells that draw or train are not run when grading. From a learner's other cells only the
    statements are taken that define a name which graded code uses.
    """
    given = {c.source.strip() for c in load_source(lesson).cells}
    known = set(dir(builtins)) | _bound_names(load_source(lesson).setup())
    statements = _own_statements(notebook, set(cells), given)
    binders: dict[str, list[int]] = {}
    for place, (_, binds, _) in enumerate(statements):
        for name in binds:
            binders.setdefault(name, []).append(place)
    needed: set[int] = set()
    wanted = list(set().union(*map(_used_names, cells.values())) - known)
    while wanted:  # a helper may use other helpers
        for place in set(binders.pop(wanted.pop(), ())) - needed:
            needed.add(place)
            wanted += _used_names(statements[place][2]) - known
    parts: dict[str, list[str]] = {}
    for place in sorted(needed):
        name, _, text = statements[place]
        parts.setdefault(name, []).append(text + "\n")
    return {name: "".join(texts) for name, texts in parts.items()}


def _own_statements(notebook, exercises: set[str], given: set[str]) -> list:
    """(exercise, names it defines, text) for every top-level statement of the learner's own cells.

    They belong to the next exercise; those between an exercise and its test, to that one.
    """
    pending: list[ast.stmt] = []
    found = []
    for cell in notebook.cells:
        name = (grade_id(cell) or "").removeprefix("test_")
        if name in exercises:
            found += [(name, _binds(statement), _unparsed(statement)) for statement in pending]
            pending = []
        elif cell.cell_type == "code" and cell.source.strip() not in given:
            pending += _parse(runnable(cell.source)).body
    return found


def runnable(source: str) -> str:
    """The source without its IPython lines (`%timeit …`, `!ls`), if it needs that to parse."""
    if _parse(source).body:
        return source
    plain = "\n".join(map(_without_magic, source.split("\n")))
    return plain if _parse(plain).body else source


def _without_magic(line: str) -> str:
    code = line.lstrip()
    return line[: len(line) - len(code)] + "pass" if code[:1] in ("%", "!", "?") else line


def _parse(source: str) -> ast.Module:
    """The syntax tree; empty where the source does not parse, or is longer than any answer."""
    if len(source) > MAX_SOURCE:
        return ast.Module([], [])
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _unparsed(statement: ast.stmt) -> str:
    try:
        return ast.unparse(statement)
    except RecursionError:
        return ""


def _used_names(code: str) -> set[str]:
    """The names that code looks up outside of its own functions."""
    try:
        return _globals(symtable.symtable(code, "<cell>", "exec"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _globals(table: symtable.SymbolTable) -> set[str]:
    at_top = table.get_type() == "module"
    used = (s for s in table.get_symbols() if s.is_referenced() and (at_top or s.is_global()))
    return {s.get_name() for s in used}.union(*map(_globals, table.get_children()))


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
    if isinstance(statement, (ast.If, ast.Try)):  # such as an import with a fallback
        inner = (n for n in ast.iter_child_nodes(statement) if isinstance(n, ast.stmt))
        return set().union(*map(_binds, inner))
    return set()
