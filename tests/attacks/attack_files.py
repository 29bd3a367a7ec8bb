"""Files in the submission's folder: beside the notebook, in its place, or behind a link."""

from __future__ import annotations

import os
from pathlib import Path

import handin
from attack_world import CANARY, WRONG, notebook

LESSON = handin.LESSON
SHADOW = "raise SystemExit('8.0')\nequal = allclose = array = lambda *a, **k: True\n"
SCRIPTS = "<script>alert('own')</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))"


def beside(name: str, content: str | bytes = SHADOW):
    def make(folder: Path, course: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return make


def link(name: str, target: str):
    def make(folder: Path, course: Path) -> None:
        path = folder / name
        path.unlink(missing_ok=True)
        path.symlink_to(course / target)

    return make


def in_place_of_the_notebook(make_it):
    def make(folder: Path, course: Path) -> None:
        path = folder / f"{LESSON}.ipynb"
        path.unlink()
        make_it(path)

    return make


def folder_is_a_link(folder: Path, course: Path) -> None:
    (folder / f"{LESSON}.ipynb").unlink()
    folder.rmdir()
    folder.symlink_to(course / "submitted" / "honest" / LESSON)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**33)


def scripted():
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

    nb = notebook(WRONG)
    nb.cells.insert(0, new_markdown_cell(SCRIPTS))
    nb.cells.insert(1, new_raw_cell(SCRIPTS, metadata={"raw_mimetype": "text/html"}))
    nb.cells.insert(2, new_code_cell(f"print({SCRIPTS!r})", id="a"))
    nb.cells[2]["id"] = "\"><script>alert('own')</script>"
    nb.metadata.title = "</title><script>alert('own')</script>"
    nb.metadata.widgets = {"x": {"state": "</script><script>alert('own')</script>"}}
    nb.metadata.language_info = {"name": "</style><script>alert('own')</script>"}
    return nb


NOTEBOOK = f"{LESSON}.ipynb"
# name → (what it does to the submission's folder, whether it can be graded at all)
ATTACKS = {
    "numpy.py": (beside("numpy.py"), True),
    "torch.py": (beside("torch.py"), True),
    "sitecustomize.py": (beside("sitecustomize.py"), True),
    "ipykernel_launcher.py": (beside("ipykernel_launcher.py"), True),
    "a package called course_utils": (beside("course_utils/__init__.py"), True),
    "a package called grader": (beside("grader/__init__.py"), True),
    "a path file": (beside("x.pth", "import os; os._exit(0)"), True),
    "a configuration of nbgrader": (beside("nbgrader_config.py"), True),
    "a gradebook of its own": (beside("gradebook.db", b"SQLite format 3\0"), True),
    "an archive": (beside("extra.zip", b"PK\x03\x04" + os.urandom(100)), True),
    "an executable": (beside("run.sh", "#!/bin/sh\nkill -9 -1\n"), True),
    "a second notebook": (beside("another.ipynb", "{}"), True),
    "a timestamp that is none": (beside("timestamp.txt", "yesterday-ish"), True),
    "a timestamp of a thousand lines": (beside("timestamp.txt", "2026\n" * 1000), True),
    "a timestamp that leads to the secret": (link("timestamp.txt", ".course/secret"), True),
    "a file that leads to the secret": (link("extra.txt", ".course/secret"), True),
    "a folder that leads to the class": (link("extra", "submitted"), True),
    "a notebook that leads to a solved one": (
        link(NOTEBOOK, f"submitted/honest/{LESSON}/{NOTEBOOK}"),
        False,
    ),
    "a notebook that leads to the secret": (link(NOTEBOOK, ".course/secret"), False),
    "a folder that leads to a solved one": (folder_is_a_link, False),
    "a folder in place of the notebook": (in_place_of_the_notebook(Path.mkdir), False),
    "a pipe in place of the notebook": (in_place_of_the_notebook(os.mkfifo), False),
    "an empty notebook": (in_place_of_the_notebook(Path.touch), False),
    "a notebook of eight gigabytes": (in_place_of_the_notebook(sparse), False),
    "an archive in place of the notebook": (
        in_place_of_the_notebook(lambda p: p.write_bytes(b"PK\x03\x04")),
        False,
    ),
    "brackets in place of the notebook": (
        in_place_of_the_notebook(lambda p: p.write_text("[" * 10**6)),
        False,
    ),
    "scripts in its own cells": (lambda folder, course: handin.save(scripted(), folder), True),
    "the canary's name": (beside(f"{CANARY}.txt", "x"), True),
}
