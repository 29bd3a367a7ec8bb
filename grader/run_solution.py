"""Runs a lesson's solution notebook from top to bottom, with its real training, and its gate.

`python -m grader.run_solution 04_ddpm`
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from grader.build import lesson_files
from grader.notebook import build_notebook

GATE = "gate: passed"  # what a capstone prints when its numbers are good enough
HOUR = 3600


def run(lesson: str, folder: Path) -> nbformat.NotebookNode:
    """The executed solution notebook. Raises CellExecutionError where a cell fails."""
    for path, text in lesson_files(lesson).items():
        if path.suffix == ".py":
            (folder / path.name).write_text(text, encoding="utf-8")
    notebook = build_notebook(lesson, "solution")
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=HOUR, resources=resources).execute()


def printed(notebook: nbformat.NotebookNode) -> str:
    """Everything that the cells wrote as plain text."""
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
    return "\n".join("".join(text) for text in texts)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lesson")
    parser.add_argument("--save", type=Path, help="write the executed notebook here")
    args = parser.parse_args(argv)
    os.environ["COURSE_PROGRESS"] = "off"  # an author's run is no learner's progress
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        try:
            notebook = run(args.lesson, Path(folder))
        except CellExecutionError as error:
            print(error, file=sys.stderr)
            return 1
    if args.save:
        args.save.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, args.save)
    text = printed(notebook)
    print("\n".join(line for line in text.split("\n") if "gate" in line.lower()))
    print(f"{args.lesson}: ran from top to bottom in {time.perf_counter() - start:.0f} s")
    return 0 if GATE in text else 1


if __name__ == "__main__":
    sys.exit(main())
