"""The check in the notebook: what its cards say, its hints, and when a lesson goes on."""

import types

import numpy as np
import pytest
import torch
from handin import EXERCISES, LESSON, planted_bug, reference, with_mistake

from course_utils.card import BAD, GOOD, PLAIN
from course_utils.engine.exercise import load_lesson
from grader.quiz import load
from grader.reference import edits_of, stub_code
from grader.source import load_source, without_markers


@pytest.mark.parametrize("name", EXERCISES)
def test_the_reference_gets_a_green_card_without_a_message(name, learner):
    result = learner.card(name, reference(name))
    assert result.colour == GOOD and result.message == ""
    assert "all right" in result.headline
    assert result.rows and all(row.passed for row in result.rows)


@pytest.mark.parametrize("name", [e.id for e in EXERCISES.values() if e.kind == "code"])
def test_a_known_mistake_is_explained(name, learner):
    edit = edits_of(LESSON, EXERCISES[name])[0]
    result = learner.card(name, edit.apply(reference(name)))
    assert result.colour == BAD
    assert result.message == edit.message
    assert not all(row.passed for row in result.rows)


def test_an_unnamed_mistake_shows_which_property_fails_and_how(learner):
    code = reference("reverse_mean").replace("/ sqrt_alpha", "/ sqrt_alpha * 7 - x_t")
    result = learner.card("reverse_mean", code)
    assert result.colour == BAD
    (row,) = [row for row in result.rows if row.name == "mean"]
    assert not row.passed and "images: " in row.detail
    assert "<svg" in result._repr_html_()


def test_wrong_shapes_are_shown_with_both_shapes(learner):
    code = (
        reference("reverse_mean")
        .replace("/ sqrt_alpha", "/ sqrt_alpha)[:1]")
        .replace("return (", "return ((")
    )
    result = learner.card("reverse_mean", code)
    detail = next(row.detail for row in result.rows if row.name == "mean")
    assert "expected (" in detail and "got (1, " in detail


def test_what_is_not_written_yet_is_no_failure(learner):
    for e in EXERCISES.values():
        if e.kind == "code":
            result = learner.card(e.id, stub_code(LESSON, e))
            assert result.colour == PLAIN and "not written yet" in result.headline


def test_a_class_that_is_not_written_yet_is_no_failure(learner):
    code = 'from course_utils import checker\ncheck = checker("01_pytorch")\n'
    learner.run(code + stub_code("01_pytorch", load_lesson("01_pytorch")["DiffusionBlock"]))
    learner.check("DiffusionBlock")
    assert learner.shown[0].headline == "DiffusionBlock: not written yet"


def test_a_call_of_an_earlier_exercise_that_is_not_written_names_that_one(learner):
    learner.run("def reverse_mean(*_): raise NotImplementedError")
    learner.check("sample_ddpm")
    assert "reverse_mean" in learner.shown[0].message


def test_a_broken_earlier_exercise_is_to_be_mended_first(learner):
    learner.run(with_mistake("reverse_mean"))
    learner.check("sample_ddpm")
    assert learner.shown[0].colour == BAD
    assert "`reverse_mean`" in learner.shown[0].message and "first" in learner.shown[0].message


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
def test_a_wrong_kind_of_result_is_explained(value, words, learner):
    code = f"def forward_diffusion(x_0, t, schedule):\n    return {value}"
    result = learner.card("forward_diffusion", code)
    assert result.colour == BAD
    assert "must return" in result.message and words in result.message


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
def test_what_is_no_exercise_is_said_to_be_none_and_the_exercises_are_listed(name, learner):
    learner.check(TARGETS[name])
    learner.hint(TARGETS[name])
    assert len(learner.shown) == 2
    for result in learner.shown:
        assert "no exercise" in result.headline and "forward_diffusion" in result.message


def test_objects_that_raise_when_touched_are_no_exercise(learner):
    class Touchy:
        __hash__ = None

        def __getattribute__(self, name):
            raise RuntimeError("no")

        def __eq__(self, other):
            raise RuntimeError("no")

    class Named:
        __name__ = ["a list"]

    for target in (Touchy(), Named()):
        learner.check(target)
    assert all("no exercise" in result.headline for result in learner.shown)


def test_a_function_under_another_name_is_found_by_its_own(learner):
    copy = types.FunctionType(learner["forward_diffusion"].__code__, learner.space)
    learner.check(copy)
    assert "forward_diffusion: all right" in learner.shown[0].headline


def test_a_callable_object_and_a_decorated_function_are_checked_like_functions(learner):
    learner.run(
        "import functools\n"
        "linear_beta_schedule = functools.cache(linear_beta_schedule)\n"
        "forward_diffusion = functools.partial(forward_diffusion)\n"
    )
    learner.check("linear_beta_schedule")
    learner.check("forward_diffusion")
    assert [result.colour for result in learner.shown] == [GOOD, GOOD]


def test_plain_text_says_the_same_as_html(loud_learner, capsys):
    loud_learner.run(with_mistake("reverse_mean"))
    loud_learner.check("reverse_mean")
    out = capsys.readouterr().out
    assert "reverse_mean: not yet" in out and "✗ mean" in out
    assert "<" not in out
    loud_learner.check("forward_diffusion")
    assert "✓ x_t" in capsys.readouterr().out


def test_a_bug_hunt_is_not_given_away(learner):
    for e in EXERCISES.values():
        if e.kind == "hunt":
            result = learner.card(e.id, planted_bug(e.id))
            assert result.colour == BAD and result.message == ""


def test_quiz_answers_are_explained_one_by_one(learner):
    questions = load(LESSON)
    wrong = {n: next(iter(set(q.choices) - set(q.right))) for n, q in enumerate(questions, 1)}
    learner.space["quiz_answers"] = wrong
    learner.check("quiz_answers")
    (result,) = learner.shown
    assert len(result.rows) == len(questions)
    assert not any(row.passed for row in result.rows)
    for q, letter, row in zip(questions, wrong.values(), result.rows, strict=True):
        assert letter not in q.wrong or row.detail == q.wrong[letter]


@pytest.mark.parametrize(
    "answers", ["None", "{}", "[]", "{1: None, 2: [], 'x': 3}", "{1: 10**9000}"]
)
def test_a_quiz_in_any_state_gets_a_card(answers, learner):
    result = learner.card("quiz", f"quiz_answers = {answers}")
    assert result.colour == BAD


def test_hints_come_one_tier_after_the_other_and_the_last_one_stays(learner):
    hints = EXERCISES["cosine_beta_schedule"].hints
    for _ in range(len(hints) + 1):
        learner.hint("cosine_beta_schedule")
    assert [result.message for result in learner.shown] == [*hints, hints[-1]]
    assert learner.shown[0].headline == f"cosine_beta_schedule: hint 1 of {len(hints)}"


def test_a_hint_can_be_asked_for_by_number_and_by_function(learner):
    hints = EXERCISES["cosine_beta_schedule"].hints
    learner.hint(learner["cosine_beta_schedule"], 2)
    learner.hint("cosine_beta_schedule", 99)
    learner.hint("cosine_beta_schedule", -5)
    assert [result.message for result in learner.shown] == [hints[1], hints[-1], hints[0]]


@pytest.mark.parametrize("name", EXERCISES)
def test_asking_for_a_hint_works_for_every_exercise(name, learner):
    learner.hint(name)
    assert len(learner.shown) == 1


def test_a_card_offers_hints_only_where_there_are_some(learner):
    for e in EXERCISES.values():
        if e.kind != "quiz":
            footer = learner.card(e.id, stub_code(LESSON, e)).footer
            assert bool(footer) == bool(e.hints)


def test_solved_says_which_exercise_is_missing(learner):
    assert learner.solved("forward_diffusion", "ddpm_loss") is True
    assert learner.shown == []
    learner.run(with_mistake("ddpm_loss"))
    assert learner.solved("forward_diffusion", "ddpm_loss") is False
    headline = learner.shown[0].headline
    assert "ddpm_loss" in headline and "forward_diffusion" not in headline


def test_solved_is_false_for_what_was_never_defined(learner):
    learner.space.pop("ddpm_loss")
    assert learner.solved("ddpm_loss") is False


def test_solved_is_false_and_silent_while_nbgrader_runs_the_notebook(learner, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert learner.solved("forward_diffusion") is False
    assert learner.solved("no such exercise") is False
    assert learner.shown == []


def test_inputs_that_were_changed_are_noticed(learner):
    code = reference("reverse_mean").replace(
        "    beta =", "    x_t.mul_(1.0).add_(1.0)\n    beta =", 1
    )
    result = learner.card("reverse_mean", code)
    assert result.colour == BAD


def test_the_markers_of_the_source_never_reach_a_learner():
    source = load_source(LESSON)
    assert all("SOLUTION" not in without_markers(c.source) for c in source.cells)
