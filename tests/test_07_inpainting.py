"""Lesson 07: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import pytest
import torch
from mutants_07_inpainting import MUTANTS

from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.engine.runner import run_case
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.verify import diagnose_code, load_alternatives

LESSON = "07_inpainting"
SECRET = "tests of lesson 07"
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
    lines = [line for line in (edit.old, edit.new) if line]
    assert not [hint for hint in (e.title, *e.hints) if any(line in hint for line in lines)]


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
        ("masked_noise_loss", "return error", "return 0.5 * error"),
        ("p_sample", "clamp(-1, 1)", "clamp(-2, 2)"),
        ("AttentionBlock", "d**0.5", "(H * W) ** 0.5"),
        ("fit", 'float("inf")', "1.0"),
    ],
)
def test_an_unlisted_mistake_is_not_given_the_name_of_another(exercise, old, new):
    e = EXERCISES[exercise]
    found = judged(e, reference_code(LESSON, e).replace(old, new))
    assert not found.passed and found.mistake is None


@pytest.mark.parametrize("e", CODE, ids=ids(CODE))
def test_messages_teach_in_a_few_sentences_and_show_no_code_of_the_solution(e):
    for edit in edits_of(LESSON, e):
        assert 30 < len(edit.message) < 260 and edit.message.endswith("."), edit.id
        assert edit.old not in edit.message, edit.id


def test_a_mask_seeded_from_the_global_generator_is_found():
    e = EXERCISES["make_mask"]
    seeded = "generator.manual_seed(int(torch.randint(10**6, ())))\n    S, mask = image_size,"
    code = reference_code(LESSON, e).replace("S, mask = image_size,", seeded)
    wrong = judged(e, code).wrong["corner"]
    assert {"the same seed gives the same masks", "the global random state is left alone"} <= set(
        wrong
    )


def test_a_level_with_the_wrong_shape_is_told_apart_from_a_wrong_level():
    e = EXERCISES["p_sample"]
    code = reference_code(LESSON, e).replace('["alpha_bar"][t])', '["alpha_bar"][t][:, None])')
    wrong = judged(e, code).wrong["timesteps that differ"]
    assert set(wrong) == {"noise levels given to the model"}


def test_a_sampler_that_never_asks_the_model_is_told_so():
    e = EXERCISES["restoration"]
    code = "def restoration(model, y_cond, y_0, *rest):\n    return y_0, y_0[None]\n"
    assert "never called the model" in judged(e, code).wrong["the whole way"]["error"].message


def test_a_file_that_is_not_safetensors_is_told_so():
    e = EXERCISES["fit"]
    code = reference_code(LESSON, e).replace("save_model(model, path)", "torch.save({}, path)")
    code = code.replace("    load_model(model, path)\n", "")
    wrong = judged(e, code).wrong["one epoch"]
    assert "not safetensors" in wrong["error"].message


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
    e = EXERCISES["sample_gammas"]
    before = torch.get_rng_state()
    run_case(
        e,
        lambda *_: torch.rand(3),
        e.cases[0],
        SECRET,
        givens=expected(LESSON, e.id, SECRET).givens[e.cases[0].name],
    )
    assert torch.equal(torch.get_rng_state(), before)
