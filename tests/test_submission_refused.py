"""What cannot be graded is refused in one line that says what to do, with exit code 2."""

import json
import subprocess
import sys

import nbformat
import pytest
from handin import LESSON, save, untouched
from nbformat.v4 import new_code_cell

from course_utils.cli import main
from grader.submission import Unusable, read_submission


def refused(path, lesson=None):
    """The one line that is said about a file."""
    with pytest.raises(Unusable) as raised:
        read_submission(path, lesson)
    message = str(raised.value)
    assert "\n" not in message and str(path) in message
    return message


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
