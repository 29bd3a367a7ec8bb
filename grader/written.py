"""Questions that a person grades: an instructor's own, put at the end of a lesson.

They stand in the course folder, in `written/<lesson>.toml`:

    [why_noise]
    points = 4
    text = "Why does the network predict the noise and not the picture?"
"""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell

from grader.notebook import nbgrader_metadata
from grader.submission import Unusable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TITLE = "## In your own words\nA person reads these answers. Write as much as the question needs."
ANSWER = "*Your answer*"
MAX_POINTS = 1000


def add_questions(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Append the questions of a file; nothing where there is no such file."""
    if not path.is_file():
        return
    put = functools.partial(_put, notebook)
    put("written", TITLE, locked=True)
    for name, question in read_questions(path).items():
        header = f"### {name.replace('_', ' ')} ({question['points']:g} points)\n\n"
        text = header + question["text"].strip()
        put(f"question_{name}", text, locked=True)
        put(f"written_{name}", ANSWER, grade=True, solution=True, points=question["points"])


def read_questions(path: Path) -> dict[str, dict]:
    """Name → points and text. Raises Unusable with one line where the file cannot be used."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from None
    for name, question in found.items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", name) or not isinstance(question, dict):
            raise Unusable(f"{path}: {name!r} must be a table with a name of small letters and _")
        points, text = question.get("points"), question.get("text")
        sound = type(points) in (int, float) and 0 < points <= MAX_POINTS and isinstance(text, str)
        if not sound or set(question) != {"points", "text"}:
            raise Unusable(f"{path}: {name} needs points (above 0) and text, and nothing else")
    return found


def _put(notebook: nbformat.NotebookNode, name: str, source: str, **about) -> None:
    id = f"{notebook.metadata.course.lesson}-{name}".replace("_", "-")[:64]
    cell = new_markdown_cell(source, id=id, metadata=nbgrader_metadata(name, **about))
    notebook.cells.append(cell)
