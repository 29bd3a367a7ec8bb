"""The training commands of the docs, typed as they stand there, with --quick behind them."""

import os
import subprocess

import pytest
from test_docs import PAGES, ROOT, blocks
from tree import copy_tree

START = ".venv/bin/python scripts/"
COMMANDS = [
    line
    for page in PAGES
    for block in blocks(page, "")
    for line in block.splitlines()
    if line.startswith(START)
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The tree with everything that a training may write, to be written there."""
    copy = copy_tree(tmp_path_factory.mktemp("tree") / "course")
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy


def test_every_script_is_documented_by_a_command():
    scripts = {path.name for path in (ROOT / "scripts").glob("*.py")} - {"lesson_cells.py"}
    assert {command.removeprefix(START).split()[0] for command in COMMANDS} == scripts


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_training_commands_of_the_docs_run(command, copy):
    environment = os.environ | {"PYTHONPATH": str(copy), "COURSE_PROGRESS": "off"}
    done = subprocess.run(
        ["bash", "-c", f"{command} --quick"],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip()


@pytest.mark.slow
def test_a_gate_that_is_not_passed_stops_a_whole_training(copy):
    """Only --quick looks away."""
    code = "from lesson_cells import gate_left_open\nwith gate_left_open(): assert False, 'low'"
    scripts = copy / "scripts"
    python = ROOT / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-c", code], cwd=scripts, capture_output=True, text=True)
    assert done.returncode == 1 and "AssertionError: low" in done.stderr
