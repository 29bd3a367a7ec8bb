"""Notebooks arrive in any state; what is odd about them costs nothing that could be read."""

import json

import nbformat
import pytest
from handin import (
    EXERCISES,
    LESSON,
    add_before,
    cell_of,
    reference,
    save,
    solved,
)
from nbformat.v4 import new_output

from grader.reference import stub_code
from grader.submission import read_submission

FORWARD = "def forward_diffusion(x_0, t, schedule):\n    return helper(x_0, t, schedule)"


def test_every_exercise_is_found_in_a_solved_notebook(tmp_path):
    submission = read_submission(save(solved(), tmp_path))
    assert submission.lesson == LESSON
    assert list(submission.cells) == list(EXERCISES)
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()
    assert submission.helpers == {} and submission.remarks == []


def test_a_deleted_cell_is_missing_and_said_so(tmp_path):
    notebook = solved()
    notebook.cells.remove(cell_of(notebook, "ddpm_loss"))
    submission = read_submission(save(notebook, tmp_path))
    assert "ddpm_loss" not in submission.cells and len(submission.cells) == len(EXERCISES) - 1
    assert submission.remarks == ["ddpm_loss: its cell is missing"]


def copied(notebook, name, source, before=False):
    """Add a copy of an exercise's cell with other code in it."""
    cell = nbformat.from_dict(json.loads(json.dumps(cell_of(notebook, name))))
    cell.source = source
    place = notebook.cells.index(cell_of(notebook, name))
    notebook.cells.insert(place if before else place + 1, cell)


def test_of_a_copied_cell_the_last_one_counts(tmp_path):
    notebook = solved()
    copied(notebook, "ddpm_loss", "ddpm_loss = 'later'")
    submission = read_submission(save(notebook, tmp_path))
    assert submission.cells["ddpm_loss"] == "ddpm_loss = 'later'"
    assert "several such cells" in submission.remarks[0]


def test_a_copy_that_was_never_touched_does_not_hide_the_work(tmp_path):
    stub = stub_code(LESSON, EXERCISES["ddpm_loss"])
    for before in (True, False):
        notebook = solved()
        copied(notebook, "ddpm_loss", stub, before)
        submission = read_submission(save(notebook, tmp_path))
        assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()


@pytest.mark.parametrize("kind", ["markdown", "raw"])
def test_a_retyped_cell_is_read_as_code(kind, tmp_path):
    notebook = solved()
    cell_of(notebook, "ddpm_loss").cell_type = kind
    submission = read_submission(save(notebook, tmp_path))
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()
    assert kind in submission.remarks[0]


def test_moved_cells_are_found(tmp_path):
    notebook = solved()
    notebook.cells.reverse()
    assert set(read_submission(save(notebook, tmp_path)).cells) == set(EXERCISES)


def test_the_order_of_play_is_the_lessons_whatever_the_notebooks(tmp_path, judge):
    notebook = solved()
    notebook.cells.reverse()
    verdict = judge.grade(read_submission(save(notebook, tmp_path)), {"ddpm_loss", "sample_cfg"})
    assert [e.verdict for e in verdict.exercises] == ["pass", "pass"]


def test_a_syntax_error_costs_its_exercise_alone(tmp_path, judge):
    notebook = solved(forward_diffusion="def forward_diffusion(:\n    oops(")
    submission = read_submission(save(notebook, tmp_path))
    verdict = judge.grade(submission, {"precompute_schedule", "forward_diffusion", "ddpm_loss"})
    assert [e.verdict for e in verdict.exercises] == ["pass", "error", "pass"]
    assert "SyntaxError" in verdict.exercises[1].message


UNREADABLE = {
    "a null character": "x = '\0'",
    "half a character": "x = '\ud800'",
    "a deep nest": "(" * 5000 + ")" * 5000,
    "many signs": "x = " + "-" * 100_000 + "1",
    "a long sum": "x = " + "+".join(["1"] * 100_000),
    "a long chain": "x = a" + ".b" * 100_000,
    "tabs and spaces": "if True:\n\tx = 1\n        y = 2",
    "a cell of another language": "%%bash\nfor x in *; do echo $x; done",
    "nothing": "",
    "a comment": "# nothing here",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_cell_that_python_cannot_read_harms_no_other(name, tmp_path):
    notebook = solved(ddpm_loss=UNREADABLE[name])
    add_before(notebook, "forward_diffusion", UNREADABLE[name], "def helper(): pass")
    cell_of(notebook, "forward_diffusion").source = FORWARD
    submission = read_submission(save(notebook, tmp_path))
    assert submission.cells["forward_diffusion"] == FORWARD
    assert list(submission.helpers) == ["forward_diffusion"]
    assert "def helper" in submission.helpers["forward_diffusion"]


def as_format_3(notebook):
    """The same notebook as IPython 2 saved it: cells in worksheets, code in `input`."""
    cells = json.loads(json.dumps(notebook))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source").splitlines(keepends=True)
            cell |= {"language": "python", "collapsed": False, "prompt_number": 1}
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"metadata": {}, "cells": cells}],
    }


def test_format_3_is_read(tmp_path):
    submission = read_submission(save(as_format_3(solved()), tmp_path))
    assert list(submission.cells) == list(EXERCISES)
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()


def test_sources_may_be_lists_of_lines(tmp_path):
    notebook = json.loads(json.dumps(solved()))
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
    submission = read_submission(save(notebook, tmp_path))
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_are_read(end, tmp_path):
    notebook = solved()
    for cell in notebook.cells:
        cell.source = cell.source.replace("\n", end)
    path = save(notebook, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    submission = read_submission(path)
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()
    assert submission.remarks == []


def test_a_byte_order_mark_is_read(tmp_path):
    path = save(solved(), tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_submission(path).lesson == LESSON


def test_fifty_megabytes_of_outputs_are_dropped(tmp_path):
    notebook = solved()
    lots = new_output("stream", text="loss 0.123456\n" * 100_000)
    for cell in [c for c in notebook.cells if c.cell_type == "code"][:36]:
        cell.outputs = [lots]
    path = save(notebook, tmp_path)
    assert path.stat().st_size > 50 * 10**6
    assert list(read_submission(path).cells) == list(EXERCISES)


@pytest.mark.parametrize("outputs", ["nothing", 7, None, [1, None], {"output_type": 3}])
def test_outputs_of_any_shape_are_dropped(outputs, tmp_path):
    notebook = solved()
    cell_of(notebook, "ddpm_loss").outputs = outputs
    assert list(read_submission(save(notebook, tmp_path)).cells) == list(EXERCISES)


@pytest.mark.parametrize(
    "metadata", [None, [], "x", {"nbgrader": 3}, {"nbgrader": {"grade_id": []}}]
)
def test_metadata_of_any_shape_are_survived(metadata, tmp_path):
    notebook = json.loads(json.dumps(solved()))
    notebook["cells"].append({"cell_type": "code", "source": "1", "metadata": metadata})
    notebook["cells"].append({"cell_type": "code"})
    notebook["metadata"] = metadata if isinstance(metadata, dict) else {}
    assert list(read_submission(save(notebook, tmp_path)).cells) == list(EXERCISES)


def test_magics_are_left_out_and_the_rest_of_the_cell_counts(tmp_path):
    code = (
        "%%time\n%matplotlib inline\n!pip list\n" + reference("ddpm_loss") + "\n%timeit 1\n?print"
    )
    source = read_submission(save(solved(ddpm_loss=code), tmp_path)).cells["ddpm_loss"]
    compile(source, "cell", "exec")
    assert reference("ddpm_loss").strip() in source and "%" not in source


def test_a_magic_alone_in_its_block_leaves_a_block(tmp_path):
    code = "if True:\n    %timeit 1\n" + reference("ddpm_loss")
    source = read_submission(save(solved(ddpm_loss=code), tmp_path)).cells["ddpm_loss"]
    compile(source, "cell", "exec")


def test_line_numbers_stay_those_of_the_learner(tmp_path):
    code = "%%time\n" + reference("ddpm_loss")
    source = read_submission(save(solved(ddpm_loss=code), tmp_path)).cells["ddpm_loss"]
    assert source.split("\n")[1].startswith("def ddpm_loss")
