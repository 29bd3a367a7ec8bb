"""`make site`: every lesson with its solutions, outputs and figures as pages to read, offline.

nbconvert makes the pages. Formulas become MathML, which browsers draw themselves; nothing is loaded
from elsewhere, and no page runs a script. `python -m grader.site 01_pytorch --notebooks DIR`
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from html import escape
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import nbformat
from jinja2 import Environment, PackageLoader
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from traitlets.config import Config

from course_utils.engine.exercise import lesson_ids, load_lesson
from grader.notebook import build_notebook
from grader.paths import ROOT
from grader.run_solution import printed, run

WIDGET = "application/vnd.jupyter.widget-view+json"
SLIDER = "Here the notebook has a slider; open the lesson in JupyterLab to move it."


class MathRenderer(IPythonRenderer):
    """Markdown with formulas as MathML."""

    def inline_math(self, body: str) -> str:
        return mathml(body, "inline")

    def block_math(self, body: str) -> str:
        return mathml(body, "block")


def mathml(tex: str, display: str) -> str:
    """A formula that a browser draws; its source is kept for those who copy or listen."""
    shown = convert(tex.strip(), display=display)
    return shown.replace("<math ", f'<math title="{escape(tex.strip())}" ', 1)


class PageExporter(HTMLExporter):
    """nbconvert's pages without anything that would have to be loaded."""

    def markdown2html(self, context, source):
        # signature fixed by nbconvert; see default_filters
        return MarkdownWithMath(renderer=MathRenderer(escape=False)).render(source)

    def default_filters(self):
        yield from super().default_filters()
        yield "markdown2html", lambda source: self.markdown2html(None, source)


def write_site(lessons: list[str], target: Path, executed: Path | None = None) -> list[Path]:
    """The pages and their index. `executed`: a folder with notebooks that ran already."""
    target.mkdir(parents=True, exist_ok=True)
    about, written = [], []
    for lesson in lessons:
        notebook = solution(lesson, executed)
        path = target / f"{lesson}.html"
        path.write_text(page(notebook, lesson), encoding="utf-8")
        about.append(SimpleNamespace(id=lesson, title=title(lesson), gate=gate(notebook)))
        written.append(path)
    templates = Environment(loader=PackageLoader("grader"), autoescape=True)
    index = target / "index.html"
    index.write_text(templates.get_template("site_index.html").render(lessons=about))
    return [index, *written]


def solution(lesson: str, executed: Path | None) -> nbformat.NotebookNode:
    """The executed solution: from the folder if it is there and the same, else it runs now."""
    path = executed / f"{lesson}.ipynb" if executed else None
    if path and path.is_file():
        notebook = nbformat.read(path, as_version=4)
        if _sources(notebook) == _sources(build_notebook(lesson, "solution")):
            return notebook
    with TemporaryDirectory() as folder:
        notebook = run(lesson, Path(folder))
    if path:
        executed.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
    return notebook


def _sources(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def page(notebook: nbformat.NotebookNode, lesson: str) -> str:
    """One lesson as HTML."""
    notebook = without_widgets(notebook)
    template = resources.files("grader") / "templates" / "site_lesson.html.j2"
    exporter = PageExporter(config=Config(HTMLExporter={"embed_images": True}))
    exporter.raw_template = template.read_text()
    facts = {"metadata": {"name": title(lesson)}}
    text, _ = exporter.from_notebook_node(notebook, resources=facts)
    return text


def without_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Sliders become a sentence, finished progress bars nothing."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        kept = [_still(output) for output in cell.get("outputs", [])]
        if cell.cell_type == "code":
            cell.outputs = [output for output in kept if output]
    return notebook


def _still(output):
    if WIDGET not in output.get("data", {}):
        return output
    if "%|" in output.data.get("text/plain", ""):
        return None
    return nbformat.v4.new_output("stream", text=SLIDER)


def title(lesson: str) -> str:
    return f"{lesson[:2]} · {load_lesson(lesson).title}"


def gate(notebook: nbformat.NotebookNode) -> str:
    """What the capstone said of its own numbers."""
    lines = [line for line in printed(notebook).split("\n") if "gate" in line.lower()]
    return re.sub(r"\s+", " ", lines[-1]) if lines else ""


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m grader.site", description=__doc__)
    parser.add_argument("lessons", nargs="*", default=lesson_ids(), metavar="LESSON")
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "site", metavar="DIR")
    parser.add_argument(
        "--notebooks", type=Path, metavar="DIR", help="keep executed notebooks here, and reuse them"
    )
    args = parser.parse_args(argv)
    os.environ["COURSE_PROGRESS"] = "off"  # an author's run is no learner's progress
    for path in write_site(args.lessons, args.to, args.notebooks):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
