"""Nothing that a learner writes can break the check, and the check changes nothing of theirs."""

import logging
import random
import signal
import sys
import threading
import warnings

import numpy as np
import pytest
import torch

from course_utils import check as check_module
from course_utils.card import BAD

LOOPS = {
    "a plain one": "while True: pass",
    "one that swallows errors": "while True:\n        try: pass\n        except Exception: pass",
    "one that swallows everything": """while True:
        try: x = 1
        except: pass""",
    "one that sleeps": "import time\n    while True: time.sleep(60)",
    "one inside PyTorch": "while True: torch.ones(100).sum()",
}


@pytest.mark.parametrize("loop", ["a plain one", "one that swallows errors", "one inside PyTorch"])
def test_an_endless_loop_is_stopped_and_reported(loop, learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    result = learner.card("reverse_mean", f"def reverse_mean(*_):\n    {LOOPS[loop]}")
    assert result.colour == BAD and "never ends" in result.message


def test_a_loop_that_sleeps_is_woken_and_reported(learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    result = learner.card("reverse_mean", f"def reverse_mean(*_):\n    {LOOPS['one that sleeps']}")
    assert "never ends" in result.message


def test_a_loop_that_swallows_every_interruption_is_stopped_too(learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    code = f"def reverse_mean(*_):\n    {LOOPS['one that swallows everything']}"
    result = learner.card("reverse_mean", code)
    assert "never ends" in result.message


def test_after_an_endless_loop_nothing_rings_any_more(learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    learner.card("reverse_mean", "def reverse_mean(*_):\n    while True: pass")
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_loop_is_stopped_where_there_are_no_alarms(learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    learner.run("def reverse_mean(*_):\n    while True: pass")
    thread = threading.Thread(target=learner.check, args=["reverse_mean"])
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert "never ends" in learner.shown[0].message


ENDS = {
    "sys.exit": ("import sys; sys.exit(3)", "SystemExit"),
    "exit": ("raise SystemExit", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a generator's end": ("raise GeneratorExit", "GeneratorExit"),
    "an error": ("1 / 0", "ZeroDivisionError: division by zero (line 2 of reverse_mean)"),
    "an unknown name": ("return unknwon", "Is it imported or defined"),
    "recursion": ("return reverse_mean(*_)", "RecursionError"),
    "a typo in a key": ("return _[3]['beta']", "KeyError"),
    "memory": ("torch.empty(2**60)", "RuntimeError"),
}


@pytest.mark.parametrize("name", ENDS)
def test_whatever_ends_the_code_is_reported(name, learner):
    statement, words = ENDS[name]
    result = learner.card("reverse_mean", f"def reverse_mean(*_):\n    {statement}")
    assert result.colour == BAD
    assert words in result.message or words in str([row.detail for row in result.rows])


STRANGE_ERRORS = {
    "str raises": "def __str__(self): raise RuntimeError",
    "str exits": "def __str__(self): raise SystemExit",
    "str gives no text": "def __str__(self): return 3",
    "a traceback that raises": "__traceback__ = property(lambda self: 1 / 0)",
    "half a character": "def __str__(self): return '\\ud800'",
    "control characters": "def __str__(self): return '\\x1b[31m\\x00'",
    "a long message": "def __str__(self): return 'x' * 10**7",
}


@pytest.mark.parametrize("name", STRANGE_ERRORS)
def test_an_exception_that_cannot_be_shown_is_shown_somehow(name, loud_learner, capfd):
    loud_learner.run(f"class Odd(Exception):\n    {STRANGE_ERRORS[name]}")
    loud_learner.run("def reverse_mean(*_): raise Odd('x')")
    loud_learner.check("reverse_mean")
    out, err = capfd.readouterr()
    assert "reverse_mean: not yet" in out and "Odd" in out
    assert err == "" and len(out) < 3000


RETURNS = {
    "a tensor that equals everything": "torch.ones(2).as_subclass(Liar)",
    "a list that holds itself": "endless",
    "a number of many digits": "10**9000",
    "a meta tensor": "torch.ones(3, device='meta')",
    "a sparse tensor": "torch.eye(3).to_sparse()",
    "an object that lies": "LiarObject()",
    "a dict that raises": "LiarDict(a=1)",
}


@pytest.mark.parametrize("name", ["linear_beta_schedule", "precompute_schedule", "reverse_mean",
                                  "compare_schedules", "ddpm_train_step"])  # fmt: skip
@pytest.mark.parametrize("value", RETURNS)
def test_strange_results_are_wrong_and_break_nothing(name, value, learner):
    learner.run(
        "class Liar(torch.Tensor):\n"
        "    @classmethod\n"
        "    def __torch_function__(cls, *args, **kwargs): return True\n"
        "class LiarObject:\n"
        "    def __getattr__(self, name): raise RuntimeError\n"
        "    def __eq__(self, other): return True\n"
        "    __hash__ = None\n"
        "class LiarDict(dict):\n"
        "    def __contains__(self, key): return True\n"
        "    def __getitem__(self, key): raise SystemExit\n"
        "    def items(self): raise SystemExit\n"
        "endless = [1, 2]\n"
        "endless[:] = [endless, endless]\n"
    )
    result = learner.card(name, f"def {name}(*_, **__): return {RETURNS[value]}")
    assert result.colour == BAD
    assert result._repr_html_() and repr(result)


NOISY = """import sys, warnings, logging
def reverse_mean(x_t, t, eps, schedule):
    print("debugging"), print("to stderr", file=sys.stderr)
    warnings.warn("careful"), logging.warning("beware"), sys.stderr.write("more")
    loss = torch.ones(1, requires_grad=True)
    float(loss)
    return x_t"""


def test_nothing_reaches_stderr(loud_learner, capfd):
    loud_learner.run(NOISY)
    loud_learner.check("reverse_mean")
    out, err = capfd.readouterr()
    assert err == ""
    assert "reverse_mean: not yet" in out and "debugging" not in out


def test_streams_and_warning_filters_are_put_back(learner):
    learner.run(NOISY)
    before = sys.stdout, sys.stderr, list(warnings.filters), logging.getLogger().level
    learner.check("reverse_mean")
    assert (sys.stdout, sys.stderr, list(warnings.filters), logging.getLogger().level) == before


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


SEEDING = """import random, numpy
def drop_labels(labels, p_uncond, null_class):
    torch.manual_seed(1), random.seed(1), numpy.random.seed(1)
    """


@pytest.mark.parametrize("ending", ["return labels", "raise ValueError", "while True: pass"])
def test_the_learners_random_state_is_left_alone(ending, learner, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    learner.run(SEEDING + ending)
    before = random_states()
    learner.check("drop_labels")
    learner.check("forward_diffusion")
    learner.solved("ddpm_loss")
    assert random_states() == before


def test_grad_mode_and_default_dtype_are_left_alone(learner):
    learner.run(
        "def reverse_mean(*_):\n"
        "    torch.set_grad_enabled(False), torch.set_default_dtype(torch.float64)\n"
        "    raise ValueError"
    )
    learner.check("reverse_mean")
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


def test_what_a_learner_wrote_is_escaped_in_html(learner):
    message = "<script>alert('x')</script>"
    result = learner.card("reverse_mean", f"def reverse_mean(*_): raise ValueError({message!r})")
    assert message in result.message
    assert "<script" not in result._repr_html_()
    assert "&lt;script&gt;" in result._repr_html_()


def test_returned_text_and_type_names_are_escaped_in_html(learner):
    code = "def ddpm_train_step(*_): return '<img src=x onerror=alert(1)>'"
    assert "<img" not in learner.card("ddpm_train_step", code)._repr_html_()
    learner.run("Sly = type('<b>Sly', (Exception,), {})")
    result = learner.card("reverse_mean", "def reverse_mean(*_): raise Sly")
    assert "<b>Sly" not in result._repr_html_()
