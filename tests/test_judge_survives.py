"""Code that ends, blocks or lies loses its own exercise and nothing else."""

from collections import Counter

import pytest
from handin import EXERCISES, graded, lost_points, reference, solved

from grader.host import Session

POINTS = {e.id: float(e.points) for e in EXERCISES.values()}
NEIGHBOURS = ("forward_diffusion", "reverse_mean", "sample_ddpm")
KILLERS = {
    "an endless loop": ("    while True: pass", "timeout"),
    "an endless loop that swallows everything": (
        "    while True:\n        try:\n            while True: pass\n        except: pass",
        "timeout",
    ),
    "a nap": ("    import time; time.sleep(10**6)", "timeout"),
    "an end without a word": ("    import os; os._exit(0)", "error"),
    "an abort": ("    import os; os.abort()", "error"),
    "a crash": ("    import ctypes; ctypes.string_at(0)", "error"),
    "an exit": ("    raise SystemExit(0)", "error"),
    "deep recursion": ("    return reverse_mean(*_)", "error"),
    "too much memory": ("    return torch.empty(2**45)", "error"),
}


@pytest.mark.parametrize("where", ["in the function", "in the cell"])
@pytest.mark.parametrize("name", KILLERS)
def test_code_that_ends_or_blocks_its_process_loses_its_own_exercise_only(
    name, where, judge, monkeypatch
):
    monkeypatch.setattr(judge, "seconds", 2.0)
    statement, word = KILLERS[name]
    code = f"def reverse_mean(*_):\n{statement}\n"
    if where == "in the cell":
        code += "reverse_mean(1)\n"
    results = graded(judge, solved(reverse_mean=code), *NEIGHBOURS)
    assert lost_points(results) == {"reverse_mean": POINTS["reverse_mean"]}
    assert results["reverse_mean"].verdict == word
    assert results["reverse_mean"].message


def test_a_player_that_replaces_a_lost_one_runs_the_cells_before_again(judge):
    notebook = solved(
        forward_diffusion=reference("forward_diffusion") + "\nshared = 3\n",
        ddpm_loss="import os; os._exit(1)",
        reverse_mean=reference("reverse_mean").replace(
            "    beta =", "    assert shared == 3\n    beta ="
        ),
    )
    results = graded(judge, notebook, "forward_diffusion", "ddpm_loss", "reverse_mean")
    assert list(lost_points(results)) == ["ddpm_loss"]


def test_a_cell_that_hung_or_crashed_is_not_run_again(judge, monkeypatch):
    monkeypatch.setattr(judge, "seconds", 2.0)
    asked = Counter()
    ask = Session.ask

    def counting(self, request, *rest, **options):
        asked[request.get("exercise"), bool(request.get("seed"))] += 1
        return ask(self, request, *rest, **options)

    monkeypatch.setattr(Session, "ask", counting)
    hang = "while True:\n    try:\n        while True: pass\n    except: pass\n"
    notebook = solved(
        linear_beta_schedule=reference("linear_beta_schedule") + "\nwhile True: pass",
        forward_diffusion=hang,
        ddpm_loss="import os; os._exit(1)",
        ddpm_train_step="import ctypes; ctypes.string_at(0)",
    )
    lost = ["forward_diffusion", "ddpm_loss", "ddpm_train_step"]
    results = graded(judge, notebook, "linear_beta_schedule", *lost, "reverse_mean")
    assert list(lost_points(results)) == lost
    for name in ("linear_beta_schedule", *lost):
        assert (name, asked[name, True], asked[name, False]) == (name, 1, 0)


def test_a_cell_of_two_megabytes_is_graded(judge):
    code = reference("reverse_mean") + f"\npicture = {'x' * 2**21!r}\n"
    assert not lost_points(graded(judge, solved(reverse_mean=code), *NEIGHBOURS))


def test_a_flood_of_text_harms_nothing(judge):
    flood = "    import sys, os\n    for _ in range(2000):\n        print('x' * 10_000)\n"
    flood += "    os.write(1, b'x' * 10**6), os.write(2, b'y' * 10**6)\n"
    code = reference("reverse_mean").replace("    beta =", flood + "    beta =", 1)
    assert not lost_points(graded(judge, solved(reverse_mean=code), *NEIGHBOURS))


FAKES = {
    "NaN": "torch.full_like(x_t, float('nan'))",
    "infinity": "torch.full_like(x_t, float('inf'))",
    "nothing": "None",
    "a tensor that equals everything": "torch.zeros_like(x_t).as_subclass(Liar)",
    "an object that equals everything": "LiarObject()",
    "a meta tensor": "x_t.to('meta')",
    "a huge tensor": "x_t.new_zeros(1).expand(2_000_000)",
    "a list": "x_t.tolist()",
    "an array": "x_t.numpy()",
    "another dtype": "(x_t * 0).double()",
    "another shape": "x_t[None]",
}
LIARS = """class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, *args, **kwargs): return True
class LiarObject:
    def __eq__(self, other): return True
"""


@pytest.mark.parametrize("name", FAKES)
def test_results_that_look_equal_to_everything_fail(name, judge):
    code = f"{LIARS}def reverse_mean(x_t, t, eps, schedule):\n    return {FAKES[name]}"
    results = graded(judge, solved(reverse_mean=code), *NEIGHBOURS)
    assert list(lost_points(results)) == ["reverse_mean"]
    assert results["reverse_mean"].score <= 0.2 * POINTS["reverse_mean"]


def test_a_class_that_replaces_torchs_own_comparison_gains_nothing(judge):
    code = (
        "torch.equal = torch.allclose = lambda *_, **__: True\n"
        "def reverse_mean(x_t, t, eps, schedule):\n    return x_t\n"
    )
    assert graded(judge, solved(reverse_mean=code), "reverse_mean")["reverse_mean"].score < 3
