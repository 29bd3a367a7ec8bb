"""A learner's own cells: what graded code needs of them comes along, training does not."""

import pytest
from handin import add_before, attempted, reference, save, solved, with_mistake

from grader.submission import read_submission

FORWARD = "def forward_diffusion(x_0, t, schedule):\n    return helper(x_0, t, schedule)"


def helpers(notebook, tmp_path):
    return read_submission(save(notebook, tmp_path)).helpers


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
