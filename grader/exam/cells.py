"""Parts of generated notebooks: given code, imports, pictures inside text."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Iterable

from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.engine.exercise import load_lesson
from course_utils.exam.plan import needed
from grader.build import plain_imports
from grader.source import load_source

DEFINED = re.compile(r"^(?:def|class) (\w+)", re.M)


def closure(lesson: str, names: Iterable[str]) -> list[str]:
    """Every earlier exercise that these need, however indirectly, in the lesson's order."""
    exercises = load_lesson(lesson).exercises
    found = set().union(*(needed(lesson, exercises[name]) for name in names))
    return [name for name in exercises if name in found]


def imports(lessons: Iterable[str]) -> str:
    """The import lines of the lessons' set-up cells, sorted, each once."""
    lines = {line for lesson in lessons for line in plain_imports(_setup(lesson))}
    return "\n".join(sorted(lines, key=lambda line: (line.startswith("from"), line)))


def given(lesson: str, used_in: Iterable[str] | None = None) -> list[str]:
    """Helpers that the lesson itself gives; only those that occur in some code, if that is told."""
    every = [cell.source for cell in load_source(lesson).cells if cell.role == "given"]
    if used_in is None:
        return every
    words = words_of(used_in)
    return [code for code in every if words & set(DEFINED.findall(code))]


def definitions(lesson: str) -> dict[str, str]:
    """Name → source of every function, class and constant that the lesson's given cells define."""
    found = {}
    for code in given(lesson):
        lines = code.splitlines()
        for node in ast.parse(code).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
            else:
                continue
            above = [decorator.lineno for decorator in getattr(node, "decorator_list", ())]
            whole = "\n".join(lines[min(above, default=node.lineno) - 1 : node.end_lineno])
            found |= dict.fromkeys(names, whole)
    return found


def words_of(codes: Iterable[str]) -> set[str]:
    """Every name that occurs in some code."""
    return set(re.findall(r"\w+", "\n".join(codes)))


def _setup(lesson: str) -> str:
    return next(cell.source for cell in load_source(lesson).cells if cell.role == "setup")


def text_cell(name: str, text: str, picture: bytes | None = None):
    """A text cell; a picture is named in it as `attachment:picture.png`."""
    cell = new_markdown_cell(text.strip(), id=cell_id(name))
    if picture:
        cell.attachments = {"picture.png": {"image/png": base64.b64encode(picture).decode()}}
    return cell


def code_cell(name: str, code: str):
    return new_code_cell(code.strip(), id=cell_id(name))


def cell_id(name: str) -> str:
    return name.replace("_", "-")[:64]
