"""Lesson 04: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import pytest
import torch
from mutants_04_ddpm import MUTANTS

from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.engine.runner import RESEEDED, run_case
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.verify import diagnose_code, load_alternatives

LESSON = "04_ddpm"
SECRET = "tests of lesson 04"
EXERCISES = load_lesson(LESSON).exercises
CODE = [e for e in EXERCISES.values() if e.kind == "code"]
HUNTS = [e for e in EXERCISES.values() if e.kind == "hunt"]
QUESTIONS = quiz.load(LESSON)


def ids(exercises):
    return [e.id for e in exercises]


@pytest.fixture(autouse=True)
def one_thread():
    """The probes' tensors are tiny: threads would only get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def judged(e, code):
    """What the judge says of code, on secret cases."""
    return diagnose_code(LESSON, e, code, SECRET, expected(LESSON, e.id, SECRET))


def checked(e, code):
    """What the check in the notebook says of code, with the answers that are shipped."""
    return diagnose_code(LESSON, e, code, PUBLIC_SEED, load_answers(LESSON)[e.id])


def is_named(found, name):
    return not found.passed and found.mistake is not None and found.mistake.id == name


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_reference_passes_every_secret_case(e):
    assert judged(e, reference_code(LESSON, e)).passed


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_reference_raises_no_error_that_a_wrong_answer_could_share(e):
    assert not [case for case, o in expected(LESSON, e.id, SECRET).want.items() if "error" in o]


@pytest.mark.parametrize("e", EXERCISES.values(), ids=ids(EXERCISES.values()))
def test_stub_fails(e):
    assert not judged(e, stub_code(LESSON, e)).passed


@pytest.mark.parametrize("e", [*CODE, EXERCISES["quiz"]], ids=[*ids(CODE), "quiz"])
def test_each_misconception_is_named_as_itself_by_judge_and_check(e):
    reference = reference_code(LESSON, e)
    for edit in edits_of(LESSON, e):
        code = edit.apply(reference)
        assert is_named(judged(e, code), edit.id), f"the judge misses {edit.id}"
        assert is_named(checked(e, code), edit.id), f"the check misses {edit.id}"


@pytest.mark.parametrize("e", HUNTS, ids=ids(HUNTS))
def test_each_hunt_is_named_as_the_mistake_that_it_hides(e):
    code = hunt_code(LESSON, e)
    planted = load_hunts(LESSON)[e.id]
    assert is_named(judged(e, code), planted) and is_named(checked(e, code), planted)


@pytest.mark.parametrize("e", HUNTS, ids=ids(HUNTS))
def test_hints_of_a_hunt_do_not_show_the_line(e):
    edit = next(x for x in edits_of(LESSON, e) if x.id == load_hunts(LESSON)[e.id])
    assert not [hint for hint in (e.title, *e.hints) if edit.old in hint or edit.new in hint]


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_each_alternative_passes(e):
    for style, code in load_alternatives(LESSON)[e.id]:
        found = judged(e, code)
        assert found.passed, f"{style}: {found.wrong}"


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_mutants_fail(e):
    reference = reference_code(LESSON, e)
    for what, (old, new) in MUTANTS[e.id].items():
        assert reference.count(old) == 1, what
        assert not judged(e, reference.replace(old, new)).passed, f"{what}: it passes"


@pytest.mark.parametrize(
    ("exercise", "old", "new"),
    [
        ("sample_ddpm", 'schedule["betas"][i].sqrt()', "1"),
        ("sample_ddpm", "if i > 0:", "if i > 1:"),
        ("drop_labels", "< p_uncond", "< 2 * p_uncond"),
        ("drop_labels", "drop, null_class", "drop, -1"),
        ("sample_cfg", "class_labels.to(device)", "class_labels.to(device).flip(0)"),
    ],
)
def test_an_unlisted_mistake_is_not_given_the_name_of_another(exercise, old, new):
    e = EXERCISES[exercise]
    found = judged(e, reference_code(LESSON, e).replace(old, new))
    assert not found.passed and found.mistake is None


def test_two_mistakes_at_once_are_named_by_the_one_that_explains_more():
    e = EXERCISES["forward_diffusion"]
    code = reference_code(LESSON, e).replace('["sqrt_alpha_bar"]', '["alpha_bar"]')
    found = judged(e, code.replace("torch.randn_like(x_0)", "torch.randn(x_0.shape)"))
    assert found.mistake.id == "alpha_bar_without_root"


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(e):
    for edit in edits_of(LESSON, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith("."), edit.id
        assert edit.old not in edit.message, edit.id


def test_the_other_guidance_convention_is_explained():
    e = EXERCISES["guided_noise"]
    code = reference_code(LESSON, e).replace(
        "eps_null + guidance_scale * (eps_cond - eps_null)",
        "(1 + guidance_scale) * eps_cond - guidance_scale * eps_null",
    )
    assert "Both conventions exist" in judged(e, code).mistake.message


def test_a_seed_set_inside_a_function_is_explained():
    e = EXERCISES["ddpm_loss"]
    code = reference_code(LESSON, e).replace("    T = ", "    torch.manual_seed(0)\n    T = ")
    wrong = judged(e, code).wrong["images"]
    assert RESEEDED in wrong["error"].message


def test_a_sampler_that_never_asks_the_model_is_told_so():
    e = EXERCISES["sample_ddpm"]
    code = "def sample_ddpm(model, shape, schedule, device):\n    return torch.randn(shape)\n"
    assert "never called the model" in judged(e, code).wrong["the whole chain"]["error"].message


def test_a_whole_number_as_timestep_is_told_apart_from_one_per_sample():
    e = EXERCISES["sample_ddpm"]
    code = reference_code(LESSON, e).replace("model(x, t)", "model(x, i)")
    wrong = judged(e, code).wrong["the whole chain"]
    assert set(wrong) == {"timesteps given to the model"}


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_quiz_has_one_explanation_per_choice(number):
    question = QUESTIONS[number]
    assert 3 <= len(question.choices) <= 4 and set(question.right) <= set(question.choices)
    assert set(question.wrong) == set(question.choices) - {question.right}
    assert question.explanation and all(question.wrong.values())


def test_quiz_has_ten_questions_and_some_with_several_right_answers():
    cases = EXERCISES["quiz"].cases
    want = expected(LESSON, "quiz", SECRET).want[cases[0].name]["outputs"]
    assert len(QUESTIONS) == len(want) == 10
    assert any(len(q.right) > 1 for q in QUESTIONS) and any(len(q.right) == 1 for q in QUESTIONS)


def test_a_probe_leaves_the_random_state_as_it_was():
    e = EXERCISES["ddpm_loss"]
    before = torch.get_rng_state()
    run_case(
        e,
        lambda *_: torch.rand(3),
        e.cases[0],
        SECRET,
        givens=expected(LESSON, e.id, SECRET).givens[e.cases[0].name],
    )
    assert torch.equal(torch.get_rng_state(), before)
