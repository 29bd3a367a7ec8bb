"""The check in the notebook: what it shows, and that nothing a learner writes can break it."""

import logging
import random
import sys
import types
import warnings

import numpy as np
import pytest
import torch
from handin import EXERCISES, LESSON, planted_bug, reference, with_mistake

from course_utils import card, checker
from course_utils import check as check_module
from course_utils.card import BAD, GOOD, PLAIN
from grader.source import load_source, without_markers

check = checker(LESSON)


@pytest.fixture
def shown(monkeypatch):
    """The cards that were shown."""
    cards = []
    monkeypatch.setattr(card, "show", cards.append)
    return cards


@pytest.fixture(autouse=True)
def solved_notebook():
    """This module's names are those of a notebook in which everything is solved."""
    before = dict(globals())
    for code in (load_source(LESSON).setup(), *map(reference, EXERCISES)):
        exec(code, globals())
    globals()["check"] = check
    yield
    globals().clear()
    globals().update(before)


def write(code):
    """Run a learner's cell."""
    exec(compile(code, "<cell of a learner>", "exec"), globals())


def checked(name, code, shown):
    """The card for an exercise that was written as `code`."""
    write(code)
    shown.clear()
    check(globals()[EXERCISES[name].target])
    (only,) = shown
    return only


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_gets_a_green_card_without_a_message(name, shown):
    result = checked(name, reference(name), shown)
    assert result.colour == GOOD and result.message == ""
    assert "all right" in result.headline
    assert result.rows and all(row.passed for row in result.rows)


@pytest.mark.parametrize("name", [e.id for e in EXERCISES.values() if e.kind == "code"])
def test_a_known_mistake_is_explained(name, shown):
    from grader.reference import edits_of

    edit = edits_of(LESSON, EXERCISES[name])[0]
    result = checked(name, edit.apply(reference(name)), shown)
    assert result.colour == BAD
    assert result.message == edit.message
    assert not all(row.passed for row in result.rows)


def test_an_unnamed_mistake_shows_which_property_fails_and_how(shown):
    code = reference("reverse_mean").replace("/ sqrt_alpha", "/ sqrt_alpha * 7 - x_t")
    result = checked("reverse_mean", code, shown)
    assert result.colour == BAD
    (row,) = [row for row in result.rows if row.name == "mean"]
    assert not row.passed and "images: " in row.detail
    assert "<svg" in result._repr_html_()


def test_wrong_shapes_are_shown_with_both_shapes(shown):
    code = (
        reference("reverse_mean")
        .replace("/ sqrt_alpha", "/ sqrt_alpha)[:1]")
        .replace("return (", "return ((")
    )
    result = checked("reverse_mean", code, shown)
    detail = next(row.detail for row in result.rows if row.name == "mean")
    assert "expected (" in detail and "got (1, " in detail


def test_what_is_not_written_yet_is_no_failure(shown):
    from grader.reference import stub_code

    for e in EXERCISES.values():
        if e.kind == "code":
            result = checked(e.id, stub_code(LESSON, e), shown)
            assert result.colour == PLAIN and "not written yet" in result.headline


def test_a_call_of_an_earlier_exercise_that_is_not_written_names_that_one(shown):
    write("def reverse_mean(*_): raise NotImplementedError")
    shown.clear()
    check(globals()["sample_ddpm"])
    assert "reverse_mean" in shown[0].message


def test_a_broken_earlier_exercise_is_to_be_mended_first(shown):
    write(with_mistake("reverse_mean"))
    shown.clear()
    check(globals()["sample_ddpm"])
    assert shown[0].colour == BAD
    assert "`reverse_mean`" in shown[0].message and "first" in shown[0].message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("None", "return statement missing"),
        ("x_0.sum()", "a Tensor of shape ()"),
        ("(x_0, x_0, x_0)", "a tuple of 3 values"),
        ("'text'", "a str"),
        ("[]", "a list of 0 values"),
    ],
)
def test_a_wrong_kind_of_result_is_explained(value, words, shown):
    code = f"def forward_diffusion(x_0, t, schedule):\n    return {value}"
    result = checked("forward_diffusion", code, shown)
    assert result.colour == BAD
    assert "must return" in result.message and words in result.message


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
def test_an_endless_loop_is_stopped_and_reported(loop, shown, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    result = checked("reverse_mean", f"def reverse_mean(*_):\n    {LOOPS[loop]}", shown)
    assert result.colour == BAD and "never ends" in result.message


def test_a_loop_that_sleeps_is_woken_and_reported(shown, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    result = checked(
        "reverse_mean", f"def reverse_mean(*_):\n    {LOOPS['one that sleeps']}", shown
    )
    assert "never ends" in result.message


def test_a_loop_that_swallows_every_interruption_is_stopped_too(shown, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    code = f"def reverse_mean(*_):\n    {LOOPS['one that swallows everything']}"
    result = checked("reverse_mean", code, shown)
    assert "never ends" in result.message


def test_after_an_endless_loop_nothing_rings_any_more(shown, monkeypatch):
    import signal

    monkeypatch.setattr(check_module, "LIMIT", 0.2)
    before = signal.getsignal(signal.SIGALRM)
    checked("reverse_mean", "def reverse_mean(*_):\n    while True: pass", shown)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_loop_is_stopped_where_there_are_no_alarms(shown, monkeypatch):
    import threading

    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    write("def reverse_mean(*_):\n    while True: pass")
    target, space = globals()["reverse_mean"], dict(globals())
    thread = threading.Thread(target=lambda: eval("check(t)", space | {"t": target}))
    shown.clear()
    thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert "never ends" in shown[0].message


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
def test_whatever_ends_the_code_is_reported(name, shown):
    statement, words = ENDS[name]
    result = checked("reverse_mean", f"def reverse_mean(*_):\n    {statement}", shown)
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
def test_an_exception_that_cannot_be_shown_is_shown_somehow(name, capfd):
    write(f"class Odd(Exception):\n    {STRANGE_ERRORS[name]}")
    write("def reverse_mean(*_): raise Odd('x')")
    check(globals()["reverse_mean"])
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
def test_strange_results_are_wrong_and_break_nothing(name, value, shown):
    write(
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
    result = checked(name, f"def {name}(*_, **__): return {RETURNS[value]}", shown)
    assert result.colour == BAD
    assert result._repr_html_() and repr(result)


TARGETS = {
    "None": None,
    "a number": 3,
    "a list": [],
    "an array": np.ones(3),
    "a tensor": torch.ones(2, 2),
    "a lambda": lambda x: x,
    "a module": torch,
    "a class": torch.nn.Linear,
    "another function": torch.ones,
    "an unknown name": "no_such_exercise",
    "a partial": __import__("functools").partial(max, 1),
}


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_no_exercise_is_said_to_be_none_and_the_exercises_are_listed(name, shown):
    check(TARGETS[name])
    check.hint(TARGETS[name])
    assert len(shown) == 2
    for result in shown:
        assert "no exercise" in result.headline and "forward_diffusion" in result.message


def test_objects_that_raise_when_touched_are_no_exercise(shown):
    class Touchy:
        __hash__ = None

        def __getattribute__(self, name):
            raise RuntimeError("no")

        def __eq__(self, other):
            raise RuntimeError("no")

    class Named:
        __name__ = ["a list"]

    for target in (Touchy(), Named()):
        check(target)
    assert all("no exercise" in result.headline for result in shown)


def test_a_function_under_another_name_is_found_by_its_own(shown):
    check(types.FunctionType(globals()["forward_diffusion"].__code__, globals()))
    assert "forward_diffusion: all right" in shown[0].headline


def test_a_callable_object_and_a_decorated_function_are_checked_like_functions(shown):
    write(
        "import functools\n"
        "linear_beta_schedule = functools.cache(linear_beta_schedule)\n"
        "forward_diffusion = functools.partial(forward_diffusion)\n"
    )
    check(globals()["linear_beta_schedule"])
    check(globals()["forward_diffusion"])
    assert [result.colour for result in shown] == [GOOD, GOOD]


NOISY = """import sys, warnings, logging
def reverse_mean(x_t, t, eps, schedule):
    print("debugging"), print("to stderr", file=sys.stderr)
    warnings.warn("careful"), logging.warning("beware"), sys.stderr.write("more")
    loss = torch.ones(1, requires_grad=True)
    float(loss)
    return x_t"""


def test_nothing_reaches_stderr(capfd):
    write(NOISY)
    check(globals()["reverse_mean"])
    out, err = capfd.readouterr()
    assert err == ""
    assert "reverse_mean: not yet" in out and "debugging" not in out


def test_streams_and_warning_filters_are_put_back(shown):
    write(NOISY)
    before = sys.stdout, sys.stderr, list(warnings.filters), logging.getLogger().level
    check(globals()["reverse_mean"])
    assert (sys.stdout, sys.stderr, list(warnings.filters), logging.getLogger().level) == before


def random_states():
    return torch.get_rng_state().tolist(), random.getstate(), np.random.get_state()[1].tolist()


SEEDING = """import random, numpy
def drop_labels(labels, p_uncond, null_class):
    torch.manual_seed(1), random.seed(1), numpy.random.seed(1)
    return labels"""


@pytest.mark.parametrize("ending", ["", "\n    raise ValueError", "\n    while True: pass"])
def test_the_learners_random_state_is_left_alone(ending, shown, monkeypatch):
    monkeypatch.setattr(check_module, "LIMIT", 0.3)
    write(
        SEEDING.replace(
            "    return labels", "    return labels" if not ending else "    0" + ending
        )
    )
    before = random_states()
    check(globals()["drop_labels"])
    check(globals()["forward_diffusion"])
    check.solved("ddpm_loss")
    assert random_states() == before


def test_grad_mode_and_default_dtype_are_left_alone(shown):
    write(
        "def reverse_mean(*_):\n"
        "    torch.set_grad_enabled(False), torch.set_default_dtype(torch.float64)\n"
        "    raise ValueError"
    )
    check(globals()["reverse_mean"])
    assert torch.is_grad_enabled()
    assert torch.get_default_dtype() == torch.float32


def test_what_a_learner_wrote_is_escaped_in_html(shown):
    message = "<script>alert('x')</script>"
    result = checked("reverse_mean", f"def reverse_mean(*_): raise ValueError({message!r})", shown)
    assert message in result.message
    assert "<script" not in result._repr_html_()
    assert "&lt;script&gt;" in result._repr_html_()


def test_returned_text_and_type_names_are_escaped_in_html(shown):
    code = "def ddpm_train_step(*_): return '<img src=x onerror=alert(1)>'"
    assert "<img" not in checked("ddpm_train_step", code, shown)._repr_html_()
    write("Sly = type('<b>Sly', (Exception,), {})")
    assert (
        "<b>Sly"
        not in checked("reverse_mean", "def reverse_mean(*_): raise Sly", shown)._repr_html_()
    )


def test_plain_text_says_the_same_as_html(capsys):
    write(with_mistake("reverse_mean"))
    check(globals()["reverse_mean"])
    out = capsys.readouterr().out
    assert "reverse_mean: not yet" in out and "✗ mean" in out
    assert "<" not in out
    check(globals()["forward_diffusion"])
    assert "✓ x_t" in capsys.readouterr().out


def test_a_bug_hunt_is_not_given_away(shown):
    for e in EXERCISES.values():
        if e.kind == "hunt":
            result = checked(e.id, planted_bug(e.id), shown)
            assert result.colour == BAD and result.message == ""


def test_quiz_answers_are_explained_one_by_one(shown):
    from grader.quiz import load

    questions = load(LESSON)
    wrong = {n: next(iter(set(q.choices) - set(q.right))) for n, q in enumerate(questions, 1)}
    shown.clear()
    globals()["quiz_answers"] = wrong
    check(globals()["quiz_answers"])
    (result,) = shown
    assert len(result.rows) == len(questions)
    assert not any(row.passed for row in result.rows)
    for q, letter, row in zip(questions, wrong.values(), result.rows, strict=True):
        assert letter not in q.wrong or row.detail == q.wrong[letter]


@pytest.mark.parametrize(
    "answers", ["None", "{}", "[]", "{1: None, 2: [], 'x': 3}", "{1: 10**9000}"]
)
def test_a_quiz_in_any_state_gets_a_card(answers, shown):
    result = checked("quiz", f"quiz_answers = {answers}", shown)
    assert result.colour == BAD


def test_hints_come_one_tier_after_the_other_and_the_last_one_stays(shown):
    fresh = checker(LESSON)
    hints = EXERCISES["cosine_beta_schedule"].hints
    for _ in range(len(hints) + 1):
        fresh.hint("cosine_beta_schedule")
    assert [result.message for result in shown] == [*hints, hints[-1]]
    assert shown[0].headline == f"cosine_beta_schedule: hint 1 of {len(hints)}"


def test_a_hint_can_be_asked_for_by_number_and_by_function(shown):
    fresh, hints = checker(LESSON), EXERCISES["cosine_beta_schedule"].hints
    fresh.hint(globals()["cosine_beta_schedule"], 2)
    fresh.hint("cosine_beta_schedule", 99)
    fresh.hint("cosine_beta_schedule", -5)
    assert [result.message for result in shown] == [hints[1], hints[-1], hints[0]]


@pytest.mark.parametrize("name", EXERCISES)
def test_asking_for_a_hint_works_for_every_exercise(name, shown):
    check.hint(name)
    assert len(shown) == 1


def test_a_card_offers_hints_only_where_there_are_some(shown):
    from grader.reference import stub_code

    for e in EXERCISES.values():
        if e.kind != "quiz":
            footer = checked(e.id, stub_code(LESSON, e), shown).footer
            assert bool(footer) == bool(e.hints)


def test_solved_says_which_exercise_is_missing(shown):
    assert check.solved("forward_diffusion", "ddpm_loss") is True
    assert shown == []
    write(with_mistake("ddpm_loss"))
    assert check.solved("forward_diffusion", "ddpm_loss") is False
    assert "ddpm_loss" in shown[0].headline and "forward_diffusion" not in shown[0].headline


def test_solved_is_false_for_what_was_never_defined(shown):
    globals().pop("ddpm_loss")
    assert check.solved("ddpm_loss") is False


def test_solved_is_false_and_silent_while_nbgrader_runs_the_notebook(shown, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert check.solved("forward_diffusion") is False
    assert check.solved("no such exercise") is False
    assert shown == []


def test_inputs_that_were_changed_are_noticed(shown):
    code = reference("reverse_mean").replace(
        "    beta =", "    x_t.mul_(1.0).add_(1.0)\n    beta =", 1
    )
    result = checked("reverse_mean", code, shown)
    assert result.colour == BAD


def test_the_markers_of_the_source_never_reach_a_learner():
    source = load_source(LESSON)
    assert all("SOLUTION" not in without_markers(c.source) for c in source.cells)
