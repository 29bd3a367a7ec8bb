"""Builds notebooks from a lesson's cells. Ids derive from lesson, exercise and role, so a rebuild
gives the same bytes."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.engine.exercise import Exercise, Lesson, is_exam, load_lesson
from course_utils.exam.plan import fingerprint
from grader import quiz
from grader.contents import contents, with_plain_headings
from grader.reference import hunt_code, reference_code
from grader.source import Cell, load_source, stub

VERSIONS = ("student", "source", "solution")
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
HIDDEN = """### BEGIN HIDDEN TESTS
from grader.stock import score

score("{lesson}", "{exercise}", globals())
### END HIDDEN TESTS"""


def build_notebook(lesson: str, version: str) -> nbformat.NotebookNode:
    """The notebook of a lesson.

    version: "student" (released: stubs), "source" (for nbgrader: solutions in their markers and
    hidden tests) or "solution" (runs from top to bottom).
    """
    writer = _Writer(load_lesson(lesson), version)
    cells = [cell for c in load_source(lesson).cells for cell in writer.cells(c)]
    if not is_exam(lesson):
        cells.insert(1, writer.contents(cells))
    about = {"lesson": lesson} | ({"plan": fingerprint(lesson)} if is_exam(lesson) else {})
    return new_notebook(cells=cells, metadata=METADATA | {"course": about})


def without_hidden_tests(source: str) -> str:
    """A graded cell as learners may see it."""
    return source.split(HIDDEN.split("\n")[0])[0].rstrip()


class _Writer:
    def __init__(self, lesson: Lesson, version: str) -> None:
        self.lesson, self.version = lesson, version
        self._unnamed = 0

    def cells(self, cell: Cell) -> list:
        """The notebook cells that one cell of the script becomes."""
        if cell.role in ("exercise", "hunt", "quiz") and cell.kind == "code":
            return self._exercise(cell, self.lesson[cell.name])
        if cell.role == "text" and cell.name in self.lesson.exercises:
            return [self._markdown(f"{cell.name}-text", self._header(cell) + cell.source)]
        name = self._name(cell)
        if cell.kind == "markdown":
            return [self._markdown(name, cell.source)]
        locked = cell.role in ("setup", "given")
        about = nbgrader_metadata(name, locked=True) if locked else {}
        return [new_code_cell(cell.source, id=self._id(name), metadata=about)]

    def contents(self, cells: list):
        """The cell with links to the lesson's parts."""
        return self._markdown("contents", contents(self.lesson, cells))

    def _name(self, cell: Cell) -> str:
        if cell.name:
            return cell.name
        self._unnamed += 1
        return f"{cell.role}-{self._unnamed}"

    def _id(self, name: str) -> str:
        return f"{self.lesson.id}-{name}".replace("_", "-")[:64]

    def _markdown(self, name: str, source: str):
        text = source if is_exam(self.lesson.id) else with_plain_headings(source)
        return new_markdown_cell(text, id=self._id(name))

    def _header(self, cell: Cell) -> str:
        return exercise_header(self.lesson[cell.name]) + "\n\n"

    def _exercise(self, cell: Cell, e: Exercise) -> list:
        questions = []
        if e.kind == "quiz":
            text = quiz.markdown(quiz.questions_of(self.lesson.id, e))
            questions = [self._markdown(f"{e.id}-questions", text)]
        answer = new_code_cell(
            self._code(cell, e).strip(),
            id=self._id(e.id),
            metadata=nbgrader_metadata(e.id, solution=True),
        )
        test = f"test_{e.id}"
        graded = new_code_cell(
            self._test(e),
            id=self._id(test),
            metadata=nbgrader_metadata(test, grade=True, locked=True, points=e.points),
        )
        return [*questions, answer, graded]

    def _code(self, cell: Cell, e: Exercise) -> str:
        if self.version == "solution":
            return reference_code(self.lesson.id, e)
        if e.kind == "hunt":
            return hunt_code(self.lesson.id, e)
        if e.kind == "quiz":
            return quiz.stub(quiz.questions_of(self.lesson.id, e), e.target)
        return cell.source if self.version == "source" else stub(cell.source)

    def _test(self, e: Exercise) -> str:
        shown = f"check({e.target})"
        if self.version != "source":
            return shown
        return shown + "\n" + HIDDEN.format(lesson=self.lesson.id, exercise=e.id)


def exercise_header(e: Exercise) -> str:
    """Title, difficulty, importance, minutes and points, above an exercise's text."""
    kinds = {"code": "Exercise", "hunt": "Bug hunt", "quiz": "Quiz"}
    name = f" · `{e.target}`" if e.kind == "code" else ""
    facts = (
        f"difficulty {_dots(e.difficulty)} · importance {_dots(e.importance)} · "
        f"{_count(e.minutes, 'minute')} · {_count(e.points, 'point')}"
    )
    return f"### {kinds[e.kind]}: {e.title}{name}\n\n*{facts}*"


def _count(number: float, what: str) -> str:
    return f"{number:g} {what}" + ("" if number == 1 else "s")


def _dots(level: int) -> str:
    return "●" * level + "○" * (5 - level)


def nbgrader_metadata(
    grade_id: str, *, grade=False, solution=False, locked=False, points=None
) -> dict:
    """Cell metadata as nbgrader writes it."""
    about = {
        "grade": grade,
        "grade_id": grade_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        about["points"] = points
    frozen = {"deletable": False, "editable": False} if locked else {}
    return {"nbgrader": about} | frozen


def notebook_text(notebook: nbformat.NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"
