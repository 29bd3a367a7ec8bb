"""What is built from the solutions: the same bytes each time, and no answer in it."""

import importlib.util
import json
import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from handin import EXERCISES, LESSON, reference

import course_utils
from course_utils.cli import main
from course_utils.engine.codec import pack, unpack
from course_utils.engine.exercise import lesson_ids, load_lesson
from grader.build import (
    answers_bytes,
    answers_module,
    build_lesson,
    lesson_files,
    stale_files,
)
from grader.misconceptions import Edit, load_edits, load_hunts
from grader.notebook import build_notebook, notebook_text
from grader.paths import ANSWERS, NOTEBOOKS
from grader.reference import edits_of, reference_code
from grader.source import load_source
from grader.submission import grade_id

COMMITTED = NOTEBOOKS / LESSON / f"{LESSON}.ipynb"
SHIPPED = Path(course_utils.__file__).parent


def shipped_text():
    """All code that learners get with the package, by file."""
    return {path: path.read_text(encoding="utf-8") for path in SHIPPED.rglob("*.py")}


def long_lines(code):
    return [line.strip() for line in code.split("\n") if len(line.strip()) > 25]


def own_lines(name):
    """Lines of a reference that are the solution's: not those that the learner is given."""
    given = build_notebook(LESSON, "student")
    shown = "\n".join(cell.source for cell in given.cells)
    return [line for line in long_lines(reference(name)) if line not in shown]


def test_what_is_committed_is_what_a_build_gives():
    assert stale_files(LESSON) == []


def test_the_check_names_what_is_out_of_date(monkeypatch, capsys):
    monkeypatch.setattr("grader.build.stale_files", lambda lesson: [COMMITTED])
    assert main(["build", "--check"]) == 1
    assert f"{COMMITTED}: out of date" in capsys.readouterr().err
    monkeypatch.setattr("grader.build.stale_files", lambda lesson: [])
    assert main(["build", "--check"]) == 0


def test_an_edited_notebook_is_out_of_date(monkeypatch, tmp_path):
    monkeypatch.setattr("grader.build.NOTEBOOKS", tmp_path)
    monkeypatch.setattr("grader.build._same_answers", lambda *_: True)
    for path, text in lesson_files(LESSON).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert stale_files(LESSON) == []
    edited = tmp_path / LESSON / f"{LESSON}.ipynb"
    edited.write_text(edited.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert stale_files(LESSON) == [edited]


def test_a_build_writes_what_is_out_of_date_and_leaves_rounding_alone(monkeypatch, tmp_path):
    monkeypatch.setattr("grader.build.NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr("grader.build.ANSWERS", tmp_path)
    answers = tmp_path / f"{LESSON}.safetensors"
    assert build_lesson(LESSON) == [*lesson_files(LESSON), answers]
    fresh = answers.read_bytes()

    def nudged(factor):
        data = unpack(fresh)
        outputs = data["forward_diffusion"]["want"]["images"]["outputs"]
        outputs["x_t"] = outputs["x_t"] * factor
        return pack(data)

    answers.write_bytes(nudged(1 + 2e-7))
    assert build_lesson(LESSON) == [] and answers.read_bytes() != fresh
    for outdated in (nudged(1.1), fresh[:1000]):
        answers.write_bytes(outdated)
        assert build_lesson(LESSON) == [answers] and answers.read_bytes() == fresh


@pytest.mark.parametrize("version", ["student", "source", "solution"])
def test_two_builds_give_the_same_bytes(version):
    one, two = (notebook_text(build_notebook(LESSON, version)) for _ in range(2))
    assert one == two


def test_two_builds_of_the_answers_give_the_same_bytes():
    from grader.reference import expected

    first = answers_bytes(LESSON)
    expected.cache_clear()
    assert answers_bytes(LESSON) == first


@pytest.mark.parametrize("version", ["student", "source", "solution"])
def test_cell_ids_are_unique_valid_and_those_of_every_version(version):
    notebook = build_notebook(LESSON, version)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert [name for name, count in Counter(ids).items() if count > 1] == []
    assert ids == [cell.id for cell in build_notebook(LESSON, "student").cells]


def test_the_notebook_has_no_outputs_and_nothing_of_jupytext():
    text = notebook_text(build_notebook(LESSON, "student"))
    for cell in json.loads(text)["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
    assert "jupytext" not in text and "lines_to_next_cell" not in text


def test_every_exercise_has_an_answer_cell_and_a_locked_test_with_its_points():
    cells = {
        c.metadata.nbgrader.grade_id: c
        for c in build_notebook(LESSON, "student").cells
        if "nbgrader" in c.metadata
    }
    for name, e in EXERCISES.items():
        answer, test = cells[name].metadata.nbgrader, cells[f"test_{name}"].metadata
        assert answer.solution and not answer.locked and not answer.grade
        assert test.nbgrader.grade and test.nbgrader.locked and test.nbgrader.points == e.points
        assert test.editable is False and test.deletable is False
        assert cells[f"test_{name}"].source == f"check({e.target})"


@pytest.mark.parametrize("name", [e.id for e in EXERCISES.values() if e.kind == "code"])
def test_the_students_notebook_holds_no_line_of_a_solution(name):
    """Bug hunts aside: they show a reference with a mistake in it."""
    hunts = {e.id for e in EXERCISES.values() if e.kind == "hunt"}
    cells = build_notebook(LESSON, "student").cells
    shown = "\n".join(c.source for c in cells if c.cell_type == "code" and grade_id(c) not in hunts)
    body = _body(load_source(LESSON).references[name])
    assert [line for line in long_lines(body) if line in shown] == []
    assert f"def {name}(" in shown and "SOLUTION" not in shown


def _body(code):
    """A function without its head and docstring."""
    return re.sub(r'^def .*?"""\n(?=    \S)', "", code, count=1, flags=re.S | re.M)


@pytest.mark.parametrize("name", [e.id for e in EXERCISES.values() if e.kind == "code"])
def test_what_ships_holds_no_reference(name):
    for path, text in shipped_text().items():
        shared = [line for line in own_lines(name) if line in text]
        assert len(shared) < 3, (path.name, shared)


def test_what_ships_holds_no_edit_of_a_misconception():
    texts = shipped_text()
    for edits in load_edits(LESSON).values():
        for edit in edits:
            if len(edit.new) > 25:
                found = [path.name for path, text in texts.items() if edit.new in text]
                assert found == [], edit.id


def test_the_shipped_answers_are_data_and_name_no_edit():
    blob = (ANSWERS / f"{LESSON}.safetensors").read_bytes()
    for name, edits in load_edits(LESSON).items():
        for line in own_lines(name):
            assert line.encode() not in blob
        for edit in edits:
            assert len(edit.new) < 25 or edit.new.encode() not in blob


@pytest.mark.parametrize("name", EXERCISES)
def test_edits_match_the_reference_exactly_once_and_differ_from_one_another(name):
    code = reference_code(LESSON, EXERCISES[name])
    edits = edits_of(LESSON, EXERCISES[name])
    assert all(code.count(edit.old) == 1 for edit in edits)
    assert len({edit.id for edit in edits}) == len(edits)
    assert len({edit.apply(code) for edit in edits} | {code}) == len(edits) + 1


def test_an_edit_that_no_longer_fits_says_so():
    for code in ("nothing of it", "old and old"):
        with pytest.raises(ValueError, match="times, not once"):
            Edit("some_mistake", "old", "new", "").apply(code)


def test_every_hunt_hides_a_known_misconception_of_its_base():
    for hunt, planted in load_hunts(LESSON).items():
        base = EXERCISES[hunt].base
        assert planted in {edit.id for edit in load_edits(LESSON)[base]}


def test_the_module_of_the_earlier_lesson_can_be_imported_and_holds_its_exercises():
    path = NOTEBOOKS / LESSON / "lesson_03.py"
    assert path.read_text(encoding="utf-8") == answers_module("03_unet")
    spec = importlib.util.spec_from_file_location("lesson_03", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if "03_unet" in lesson_ids():
        names = [e.id for e in load_lesson("03_unet").exercises.values() if e.kind == "code"]
        assert all(hasattr(module, name) for name in names)
