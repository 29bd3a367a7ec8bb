"""Notebooks arrive in any state: what can be read is graded, the rest is refused in one line."""

import json
import subprocess
import sys

import nbformat
import pytest
from handin import (
    EXERCISES,
    LESSON,
    add_before,
    attempted,
    cell_of,
    reference,
    save,
    solved,
    untouched,
    with_mistake,
)
from nbformat.v4 import new_code_cell, new_output

from course_utils.cli import main
from grader.reference import stub_code
from grader.submission import Unusable, read_submission

FORWARD = "def forward_diffusion(x_0, t, schedule):\n    return helper(x_0, t, schedule)"


def refused(path, lesson=None):
    """The one line that is said about a file."""
    with pytest.raises(Unusable) as raised:
        read_submission(path, lesson)
    message = str(raised.value)
    assert "\n" not in message and str(path) in message
    return message


def helpers(notebook, tmp_path):
    return read_submission(save(notebook, tmp_path)).helpers


def test_every_exercise_is_found_in_a_solved_notebook(tmp_path):
    submission = read_submission(save(solved(), tmp_path))
    assert submission.lesson == LESSON
    assert list(submission.cells) == list(EXERCISES)
    assert submission.cells["ddpm_loss"].strip() == reference("ddpm_loss").strip()
    assert submission.helpers == {} and submission.remarks == []


# What cannot be graded ------------------------------------------------------------------------

NO_NOTEBOOK = {
    "text": b"I could not do it",
    "nothing": b"",
    "half a notebook": json.dumps(untouched()).encode()[:5000],
    "a zip file": b"PK\x03\x04" + bytes(200),
    "another encoding": "Übung".encode("utf-16"),
    "a deep nest": b"[" * 100_000,
    "an endless number": b'{"cells": ' + b"1" * 5000 + b"}",
}


@pytest.mark.parametrize("name", NO_NOTEBOOK)
def test_what_is_no_json_is_refused(name, tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(NO_NOTEBOOK[name])
    assert "not a notebook" in refused(path)


NO_CELLS = {
    "a number": 3,
    "a list": [1, 2],
    "nothing": None,
    "no cells": {"nbformat": 4, "nbformat_minor": 5, "metadata": {}},
    "cells that are none": {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [1]},
    "cells that are text": {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": "abc"},
    "cells without a type": {"nbformat": 4, "metadata": {}, "cells": [{"source": "x"}]},
    "an unknown format": {"nbformat": 99, "nbformat_minor": 0, "metadata": {}, "cells": []},
    "no format": {"cells": [{"cell_type": "code", "source": ""}]},
    "metadata that are text": {"nbformat": 4, "metadata": "abc", "cells": []},
    "a worksheet that is none": {"nbformat": 3, "worksheets": [7], "metadata": {}},
}


@pytest.mark.parametrize("name", NO_CELLS)
def test_json_that_is_no_notebook_is_refused(name, tmp_path):
    refused(save(NO_CELLS[name], tmp_path))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "no such file" in refused(tmp_path / "none.ipynb")
    refused(tmp_path)


def test_a_file_of_absurd_size_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x.ipynb"
    with path.open("wb") as file:
        file.truncate(400 * 2**20)
    assert "clear its outputs" in refused(path)


def test_a_notebook_without_any_exercise_is_refused(tmp_path):
    notebook = untouched()
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    assert "no exercise" in refused(save(notebook, tmp_path))


def test_another_lessons_notebook_is_refused_where_one_is_asked_for(tmp_path):
    path = save(untouched(), tmp_path)
    assert read_submission(path, LESSON).lesson == LESSON
    assert f"this is lesson {LESSON}, not 09_other" in refused(path, "09_other")


def test_exercises_that_no_lesson_has_make_no_submission(tmp_path):
    notebook = untouched()
    for i, cell in enumerate(notebook.cells):
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.grade_id = f"of_another_course_{i}"
    assert "no exercise" in refused(save(notebook, tmp_path))


def course(*arguments):
    """Exit code and stderr of the command, as a person meets them."""
    command = [sys.executable, "-m", "course_utils.cli", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stderr


def test_the_command_line_says_one_line_and_exits_with_2(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_text("no")
    code, err = course("grade", path, "--json")
    assert code == 2
    assert err.startswith("course: ") and err.count("\n") == 1 and "Traceback" not in err


@pytest.mark.parametrize("name", ["no such.ipynb", "text.ipynb", "list.ipynb", "other.ipynb"])
def test_every_unusable_file_ends_the_command_with_2(name, tmp_path, capsys):
    (tmp_path / "text.ipynb").write_text("text")
    (tmp_path / "list.ipynb").write_text("[]")
    save(nbformat.v4.new_notebook(cells=[new_code_cell("1")]), tmp_path, "other")
    assert main(["grade", str(tmp_path / name)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1


def test_a_device_that_is_not_there_is_said_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert main(["grade", str(save(untouched(), tmp_path)), "--device", "cuda"]) == 2
    assert capsys.readouterr().err == "course: no CUDA device was found; use --device cpu\n"


# What is odd and can be graded ----------------------------------------------------------------


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


# Helpers in cells of the learner's own --------------------------------------------------------


def test_a_helper_that_graded_code_uses_comes_along(tmp_path):
    notebook = attempted(forward_diffusion=FORWARD)
    add_before(notebook, "forward_diffusion", "def helper(*args):\n    return args")
    assert helpers(notebook, tmp_path) == {
        "forward_diffusion": "def helper(*args):\n    return args\n"
    }


@pytest.mark.parametrize("order", [1, -1])
def test_helpers_of_helpers_come_along_in_any_order(order, tmp_path):
    notebook = attempted(forward_diffusion=FORWARD)
    chain = [
        "def helper(*args): return second(*args)",
        "def second(*args): return third(*args) * FACTOR",
        "def third(*args): return np.ones(3)",
        "FACTOR = 3",
    ]
    add_before(notebook, "forward_diffusion", *chain[::order])
    text = helpers(notebook, tmp_path)["forward_diffusion"]
    assert all(word in text for word in ("def helper", "def second", "def third", "FACTOR = 3"))


def test_imports_added_to_the_setup_cell_come_along(tmp_path):
    notebook = attempted(forward_diffusion=FORWARD.replace("helper", "np.add"))
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    setup.source += "\nimport numpy as np\nfrom math import pi"
    (text,) = helpers(notebook, tmp_path).values()
    assert text == "import numpy as np\n"


def test_an_import_with_a_fallback_comes_along(tmp_path):
    notebook = attempted(forward_diffusion=FORWARD)
    code = "try:\n    from nowhere import helper\nexcept ImportError:\n    helper = max"
    add_before(notebook, "forward_diffusion", code)
    assert "from nowhere import helper" in helpers(notebook, tmp_path)["forward_diffusion"]


def test_a_helper_between_an_exercise_and_its_check_belongs_to_that_exercise(tmp_path):
    notebook = attempted(forward_diffusion=FORWARD)
    add_before(notebook, "test_forward_diffusion", "def helper(*args): pass")
    assert list(helpers(notebook, tmp_path)) == ["forward_diffusion"]


def test_training_and_drawing_are_left_out(tmp_path):
    notebook = solved()
    training = (
        "model = nn.Linear(2, 2)\n"
        "schedule = precompute_schedule(linear_beta_schedule(1000))\n"
        "x_0, t, noise, labels = train_for_hours(model, schedule)\n"
        "for x_t in range(10**9): ddpm_train_step(model, x_0, schedule, None)\n"
        "x = loss = T = open('/dev/full')\n"
        "while True: pass\n"
    )
    add_before(notebook, "reverse_mean", training)
    add_before(notebook, "sample_cfg", training)
    assert helpers(notebook, tmp_path) == {}


def test_names_of_the_course_and_of_python_are_never_replaced(tmp_path):
    notebook = solved()
    add_before(notebook, "forward_diffusion", "import random as torch", "def per_sample(*_): pass")
    add_before(notebook, "forward_diffusion", "len = sum = None", "check = print")
    assert helpers(notebook, tmp_path) == {}


def test_helpers_work_when_graded(tmp_path, judge):
    notebook = solved(
        forward_diffusion=(
            "def forward_diffusion(x_0, t, schedule):\n"
            "    noise = draw(x_0)\n"
            "    return mix(x_0, noise, lookup(schedule, t, x_0)), noise\n"
        )
    )
    setup = next(cell for cell in notebook.cells if cell.cell_type == "code")
    setup.source += "\nfrom einops import rearrange"
    add_before(
        notebook,
        "forward_diffusion",
        "def lookup(schedule, t, x):\n"
        "    bar = schedule['alpha_bar'][t]\n"
        "    return fit(bar, x), fit(1 - bar, x)",
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.figure()",
        "def fit(v, x):\n    return rearrange(v, f'b -> b {\"1 \" * (x.dim() - 1)}').sqrt()",
        "draw = torch.randn_like\ndef mix(x, noise, parts): return parts[0] * x + parts[1] * noise",
    )
    submission = read_submission(save(notebook, tmp_path))
    verdict = judge.grade(submission, {"forward_diffusion"})
    assert [e.verdict for e in verdict.exercises] == ["pass"]


def test_a_helper_in_an_earlier_exercises_cell_explains_a_later_mistake(tmp_path, judge):
    """The public cases are played with the same cells before them."""
    shared = reference("forward_diffusion") + "\ndef shared(x):\n    return x\n"
    wrong = with_mistake("reverse_mean", "noise_added").replace("return (", "return shared(")
    notebook = solved(
        forward_diffusion=shared, reverse_mean=wrong.replace("sqrt_alpha\n", "sqrt_alpha * 3\n")
    )
    verdict = judge.grade(read_submission(save(notebook, tmp_path)), {"reverse_mean"})
    (result,) = verdict.exercises
    assert result.verdict != "pass" and "NameError" not in result.message


def test_a_helper_that_fails_harms_only_those_who_use_it(tmp_path, judge):
    notebook = solved(reverse_mean="LIMIT = BROKEN\n" + reference("reverse_mean"))
    add_before(notebook, "reverse_mean", "BROKEN = 1 / 0")
    names = {"forward_diffusion", "reverse_mean", "sample_ddpm"}
    verdict = judge.grade(read_submission(save(notebook, tmp_path)), names)
    assert [e.verdict for e in verdict.exercises] == ["pass", "error", "pass"]
