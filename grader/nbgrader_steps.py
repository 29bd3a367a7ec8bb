"""The steps that this course puts into nbgrader's pipelines; nbgrader_config.py names them."""

from __future__ import annotations

import atexit
import re
import shutil
from functools import cache
from itertools import chain
from pathlib import Path

import nbformat
from nbconvert.exporters import NotebookExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader import utils
from nbgrader.preprocessors import ClearSolutions as StockClearSolutions
from nbgrader.preprocessors import NbGraderPreprocessor

from course_utils.card import BAD, GOOD, Card, Row
from grader import journal
from grader.course import Course
from grader.judge import Judge
from grader.notebook import without_hidden_tests
from grader.source import BEGIN
from grader.submission import collect, grade_id, read_notebook
from grader.verdict import ExerciseVerdict


class ClearSolutions(StockClearSolutions):
    """Stubs in the course's form. Bug hunts and quizzes have no region and stay as they are."""

    def preprocess_cell(self, cell, resources, cell_index):
        if BEGIN not in cell.source:
            return cell, resources
        self.code_stub = {"python": "raise NotImplementedError"}
        return super().preprocess_cell(cell, resources, cell_index)


class TolerantExporter(NotebookExporter):
    """Reads what students hand in: any format, byte-order mark, line ends, outputs of any size."""

    def from_filename(self, filename: str, resources: dict | None = None, **kwargs):
        path = Path(filename)
        notebook = read_notebook(path)
        about = {"metadata": {"name": path.stem, "path": str(path.parent)}}
        return self.from_notebook_node(notebook, resources=(resources or {}) | about, **kwargs)


class Rebuild(NbGraderPreprocessor):
    """The instructor's notebook with the learner's answers in it, found by their grade id.

    Deleted, copied, moved, re-typed or re-pointed cells therefore do no harm. The learner's own
    cells stay where they were.
    """

    def preprocess(self, nb, resources):
        lesson, student = (resources["nbgrader"][key] for key in ("assignment", "student"))
        course = Course.above(Path(resources["metadata"]["path"]))
        course.submission(lesson, student)  # no links
        source = course.root / "source" / lesson / f"{lesson}.ipynb"
        _remove_foreign(course, course.root / "autograded" / student / lesson, source.parent)
        master = nbformat.read(source, as_version=4)
        nb.cells = spliced(master, nb, collect(nb, lesson).cells)
        nb.metadata = master.metadata
        return nb, resources


def _remove_foreign(course: Course, folder: Path, source: Path) -> None:
    """Take what a student added out of nbgrader's copy: feedback would pass it on.

    Deletes only below autograded/<student>/; anything else is a mistake of ours and raises.
    """
    if folder.resolve().parent.parent != course.root / "autograded":
        raise ValueError(f"{folder} is no folder of autograded work")
    kept = course.exchange_files(folder)
    for path in folder.iterdir():
        if path in kept:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        elif path.suffix != ".ipynb" and not (source / path.name).exists():
            path.unlink()


def spliced(master, submitted, answers: dict[str, str]) -> list:
    """Cells of `master` with the answers put in; own cells follow the cell they stood behind."""
    own, place = {}, None
    known = {grade_id(cell) or cell.id for cell in master.cells}
    for cell in submitted.cells:
        name = grade_id(cell) or cell.get("id")
        if name in known:
            place = name
        else:
            own.setdefault(place, []).append(_plain(cell))
    for number, cell in enumerate(chain(*own.values())):
        cell.id = f"own-{number}"
    cells = own.get(None, [])
    for cell in master.cells:
        name = grade_id(cell)
        if utils.is_solution(cell):
            _put_answer(cell, submitted, answers)
        cells = [*cells, cell, *own.get(name or cell.id, [])]
    return cells


def _plain(cell):
    """A learner's own cell without anything that a page would run: text as text, no metadata."""
    if cell.cell_type == "code":
        return new_code_cell(cell.source)
    return new_markdown_cell(_fenced(cell.source))


def _fenced(text: str) -> str:
    """Markdown that shows a text as it was typed."""
    fence = "~" * (3 + max(map(len, re.findall("~+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def _put_answer(cell, submitted, answers: dict[str, str]) -> None:
    """The learner's text for a solution cell; nothing where it was deleted."""
    name = grade_id(cell)
    written = [c.source for c in submitted.cells if grade_id(c) == name]
    answer = answers.get(name, written[-1] if written else "")
    if cell.cell_type == "markdown":  # an answer that is gone is one that was never given
        answer = cell.source if answer.strip() in (cell.source, "") else _fenced(answer)
    cell.source = answer


class Judged(NbGraderPreprocessor):
    """In the place of Execute: writes the judge's verdict as the output of every graded cell."""

    def preprocess(self, nb, resources):
        lesson = resources["nbgrader"]["assignment"]
        course = Course.above(Path(resources["metadata"]["path"]))
        submission = collect(nb, lesson)
        verdict = _judge(course.secret).grade(submission)
        resources["course"] = {"submission": submission, "verdict": verdict}
        verdicts = {f"test_{v.id}": v for v in verdict.exercises}
        for cell in nb.cells:
            if utils.is_grade(cell) and not utils.is_solution(cell):
                write_verdict(cell, verdicts.get(grade_id(cell)))
        return nb, resources


class Noted(NbGraderPreprocessor):
    """Behind SaveAutoGrades: notes in the journal what the gradebook has, for `course report`."""

    def preprocess(self, nb, resources):
        lesson, student = (resources["nbgrader"][key] for key in ("assignment", "student"))
        course = Course.above(Path(resources["metadata"]["path"]))
        graded = resources["course"]
        keys = journal.keys(graded["submission"], course.secret, "cpu")
        verdicts = {v["id"]: v for v in graded["verdict"].to_dict()["exercises"]}
        entries = {key: verdicts[name] for name, key in keys.items() if name in verdicts}
        entries[journal.WRITTEN + student] = list(keys.values())
        journal.Journal(course.journal(lesson)).add(entries)
        return nb, resources


def write_verdict(cell, verdict: ExerciseVerdict | None) -> None:
    """One card for people and one plain float for nbgrader, which must read it as the score."""
    cell.source = without_hidden_tests(cell.source)  # feedback shows the cell
    if verdict is None:  # a test that the judge does not know must not give full marks
        cell.outputs = [new_output("error", ename="NotGraded", evalue="unknown to the judge")]
        return
    card = verdict_card(verdict)
    shown = {"text/plain": repr(card), "text/html": card._repr_html_()}
    score = {"text/plain": repr(float(verdict.score))}
    cell.outputs = [
        new_output("display_data", data=shown),
        new_output("execute_result", data=score, execution_count=None),
    ]
    read, most = utils.determine_grade(cell)
    assert read == verdict.score and most == verdict.max_score, (verdict.id, read, most)


def verdict_card(verdict: ExerciseVerdict) -> Card:
    """What a student reads beside the cell."""
    headline = f"{verdict.id}: {verdict.score:g} of {verdict.max_score:g} points"
    rows = [Row(case.name, case.passed, case.detail) for case in verdict.cases]
    colour = GOOD if verdict.verdict == "pass" else BAD
    return Card(headline, colour, rows, verdict.message)


@cache
def _judge(secret: str) -> Judge:
    """One judge, and one warm parent, for all submissions of a run."""
    judge = Judge(secret)
    atexit.register(judge.__exit__)
    return judge
