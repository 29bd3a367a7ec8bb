"""The table of contents that a lesson opens with: one link for each part, with its exercises."""

from __future__ import annotations

import re
from collections.abc import Iterator

from course_utils.engine.exercise import Lesson

HEADING = re.compile(r"^## (.+)$", re.M)


def with_plain_headings(source: str) -> str:
    """ "Part 1 · Tensors" becomes "Part 1: Tensors": JupyterLab's links know plain letters only."""
    return HEADING.sub(lambda found: found[0].replace(" · ", ": "), source)


def contents(lesson: Lesson, cells: list) -> str:
    """Markdown with a link to every part of the notebook, in their order."""
    parts: list[tuple[str, list]] = []
    for kind, name in _parts_and_exercises(lesson, cells):
        if kind == "part":
            parts.append((name, []))
        elif parts:
            parts[-1][1].append(lesson[name])
    lines = [f"- {_link(title)}{_told(e)}" for title, e in parts]
    return "\n".join(["**In this lesson**\n", *lines])


def _parts_and_exercises(lesson: Lesson, cells: list) -> Iterator[tuple[str, str]]:
    for cell in cells:
        about = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown":
            yield from (("part", title) for title in HEADING.findall(cell.source))
        elif about.get("solution") and about["grade_id"] in lesson.exercises:
            yield "exercise", about["grade_id"]


def _link(title: str) -> str:
    return f"[{title}](#{title.replace(' ', '-')})" if title.isascii() else title


def _told(exercises: list) -> str:
    if not exercises:
        return ""
    minutes = sum(e.minutes for e in exercises)
    plural = "" if len(exercises) == 1 else "s"
    return f" · {len(exercises)} exercise{plural}, {minutes:g} minutes"
