"""The notebook in a real IPython kernel, as a learner meets it."""

import nbformat
import pytest
from handin import EXERCISES, LESSON, untouched, with_mistake
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from grader.build import lesson_files

pytestmark = pytest.mark.slow


def executed(notebook, folder):
    """The notebook after a run from top to bottom, errors kept."""
    for path, text in lesson_files(LESSON).items():
        if path.suffix == ".py":
            (folder / path.name).write_text(text, encoding="utf-8")
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, allow_errors=True, resources=resources).execute()
    return notebook


def outputs(notebook, kind):
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [out for cell in cells for out in cell.outputs if out.output_type == kind]


def on_stderr(notebook):
    return [out.text for out in outputs(notebook, "stream") if out.name == "stderr"]


@pytest.fixture(scope="module")
def untouched_run(tmp_path_factory):
    return executed(untouched(), tmp_path_factory.mktemp("untouched"))


def test_an_untouched_notebook_runs_to_its_end_without_an_error(untouched_run):
    assert [(e.ename, e.evalue) for e in outputs(untouched_run, "error")] == []
    assert on_stderr(untouched_run) == []


def test_every_exercise_of_an_untouched_notebook_gets_a_card(untouched_run):
    html = [out.data.get("text/html", "") for out in outputs(untouched_run, "display_data")]
    plain = [out.data.get("text/plain", "") for out in outputs(untouched_run, "display_data")]
    for name in EXERCISES:
        assert any(f"<b>{name}: not" in text for text in html), name
        assert any(text.startswith(f"{name}: not") for text in plain), name


def test_cards_of_wrong_endless_and_noisy_code_appear_and_the_kernel_goes_on(tmp_path):
    setup = next(cell for cell in untouched().cells if cell.cell_type == "code").source
    noisy = (
        "import sys, warnings\n"
        "def drop_labels(*_):\n"
        "    print('hello', file=sys.stderr), warnings.warn('careful'), sys.exit(1)"
    )
    sources = [
        setup,
        "from course_utils import check as module\nmodule.LIMIT = 1.0",
        "def per_sample(v, t, x): return v[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)",
        with_mistake("reverse_mean"),
        "check(reverse_mean)",
        "def linear_beta_schedule(*_):\n    while True: pass",
        "check(linear_beta_schedule)",
        noisy,
        "check(drop_labels)",
        "print('still here')",
    ]
    notebook = executed(new_notebook(cells=[new_code_cell(s) for s in sources]), tmp_path)
    assert outputs(notebook, "error") == [] and on_stderr(notebook) == []
    shown = "\n".join(out.data["text/plain"] for out in outputs(notebook, "display_data"))
    for words in ("reverse_mean: not yet", "never ends", "SystemExit"):
        assert words in shown
    assert notebook.cells[-1].outputs[0].text == "still here\n"
    nbformat.validate(notebook)
