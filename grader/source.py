"""Reads a lesson's percent script: the cells, what each one is for, and the reference code."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jupytext

from course_utils.engine.exercise import is_exam
from grader.paths import SOLUTIONS

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
REGION = re.compile(rf"^([ \t]*){BEGIN}\n(.*?)^[ \t]*{END}\n?", re.M | re.S)
RUN_WHEN_GRADING = ("setup", "given")


@dataclass(frozen=True)
class Cell:
    """One cell. `role` is "setup", "given", "exercise", "hunt", "quiz", "show" or "text"."""

    kind: str  # "code" or "markdown"
    source: str
    role: str
    name: str = ""  # exercise id, or the cell's own id
    metadata: dict = field(default_factory=dict)


def read_cells(path: Path) -> list[Cell]:
    """The cells of a percent script, in order."""
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    return [_cell(raw) for raw in notebook.cells]


def _cell(raw) -> Cell:
    about = {k: v for k, v in raw.metadata.items() if k != "lines_to_next_cell"}
    for role in ("exercise", "hunt", "quiz"):
        if role in about:
            kind = role if raw.cell_type == "code" else "text"
            return Cell(raw.cell_type, raw.source, kind, about[role], about)
    default = "show" if raw.cell_type == "code" else "text"
    role = about.get("role", default)
    return Cell(raw.cell_type, raw.source, role, about.get("id", ""), about)


def without_markers(source: str) -> str:
    """The solution as it runs: the markers taken out."""
    return REGION.sub(lambda m: m[2], source).rstrip() + "\n"


def stub(source: str) -> str:
    """What the learner starts from: every solution region becomes NotImplementedError."""
    return REGION.sub(lambda m: f"{m[1]}raise NotImplementedError\n", source).rstrip() + "\n"


class LessonSource:
    """A lesson's script: cells, reference code by exercise, and the reference namespace."""

    def __init__(self, lesson: str) -> None:
        self.lesson = lesson
        self.cells = read_cells(SOLUTIONS / f"{lesson}.py")
        self.references = {
            c.name: without_markers(c.source) for c in self.cells if c.role == "exercise"
        }

    def setup(self) -> str:
        """Code that every exercise may rely on: imports and given definitions, in order."""
        parts = (c.source for c in self.cells if c.role in RUN_WHEN_GRADING)
        return "\n\n".join(parts) + "\n"

    @cache  # noqa: B019 - lessons live as long as the process
    def namespace(self) -> dict:
        """Names defined by the set-up, the given cells and every reference."""
        space = run_code(self.setup(), f"<setup {self.lesson}>")
        for name, code in self.references.items():
            run_code(code, f"<reference {name}>", space)
        return space

    def variant(self, code: str, label: str) -> dict:
        """The reference namespace with one definition replaced by other code."""
        return run_code(code, f"<{label}>", dict(self.namespace()))


def run_code(code: str, filename: str, space: dict | None = None) -> dict:
    """Run source in a namespace of its own (or in `space`) and return it."""
    space = {"__name__": "__main__"} if space is None else space
    exec(compile(code, filename, "exec"), space)
    return space


@cache
def load_source(lesson: str) -> LessonSource:
    """The script of a lesson; for an exam, what is put together from the lessons' scripts."""
    if is_exam(lesson):
        from grader.exam.source import ExamSource

        return ExamSource(lesson)
    return LessonSource(lesson)
