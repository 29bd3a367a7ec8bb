"""Lesson 06: its misconceptions, its alternatives, its quiz, and wrong code that nobody listed."""

import math

import pytest
import torch
from mutants_06_latent_and_fast_sampling import MUTANTS

from course_utils import latent_lab
from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.exercise import load_lesson
from course_utils.engine.runner import RESEEDED
from course_utils.exercises.latent_toys import ToyVAE
from course_utils.perfect import PerfectDenoiser
from grader import quiz
from grader.misconceptions import load_hunts
from grader.reference import edits_of, expected, hunt_code, reference_code, stub_code
from grader.source import load_source
from grader.verify import diagnose_code, load_alternatives

LESSON = "06_latent_and_fast_sampling"
SECRET = "tests of lesson 06"
EXERCISES = load_lesson(LESSON).exercises
CODE = [e for e in EXERCISES.values() if e.kind == "code"]
HUNTS = [e for e in EXERCISES.values() if e.kind == "hunt"]
QUESTIONS = quiz.load(LESSON)
REFERENCES = load_source(LESSON).namespace()


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
        ("ddim_step", "+ sigma * (torch", "- sigma * (torch"),
        ("sample_ddim", "schedule, eta)", "schedule, eta / 2)"),
        ("dpm_solver_pp_2m", "(2 * r)", "(4 * r)"),
        ("vae_loss", "kl.mean()", "kl[:1].mean()"),
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


@pytest.mark.parametrize("rounded", [math.floor, math.ceil, round])
def test_every_rounding_of_the_timesteps_passes(rounded):
    e = EXERCISES["ddim_timesteps"]
    code = reference_code(LESSON, e).replace("[round(i", f"[{rounded.__name__}(i")
    code = code.replace("i * spacing)", "round(i * spacing, 9))")
    assert judged(e, f"from math import ceil, floor\n{code}").passed


@pytest.mark.parametrize("name", ["sample_ddim", "dpm_solver_pp_2m"])
def test_a_sampler_that_never_asks_the_model_is_told_so(name):
    e = EXERCISES[name]
    code = f"def {name}(model, shape, *rest):\n    return torch.randn(shape)\n"
    assert "never called the model" in judged(e, code).wrong["a few steps"]["error"].message


def test_a_seed_set_inside_a_sampler_is_explained():
    e = EXERCISES["sample_ddim"]
    code = reference_code(LESSON, e).replace(
        "    x = torch", "    torch.manual_seed(0)\n    x = torch"
    )
    assert RESEEDED in judged(e, code).wrong["a few steps"]["error"].message


# What the lesson says of the functions ------------------------------------------------------

T = 1000
SCHEDULE = REFERENCES["precompute_schedule"](torch.linspace(1e-4, 0.02, T))


def smooth(x_t, t):
    return torch.sin(x_t) + t.reshape(-1, 1) / T


@pytest.mark.parametrize("name", ["sample_ddim", "dpm_solver_pp_2m"])
def test_a_sampler_finds_the_only_image_there_is(name):
    image = torch.randn(1, 1, 4, 4)
    denoiser = PerfectDenoiser(image, SCHEDULE["alpha_bar"])
    sample = REFERENCES[name](denoiser, (3, 1, 4, 4), SCHEDULE, 10, "cpu")
    assert torch.allclose(sample, image.expand_as(sample), atol=1e-3)


def test_eta_one_from_neighbour_to_neighbour_is_the_ancestral_step():
    x_t, eps, z = torch.randn(3, 5, 2, dtype=torch.float64)
    schedule = {name: values.double() for name, values in SCHEDULE.items()}
    step = REFERENCES["ddim_step"](x_t, eps, 400, 399, schedule, 1.0, z)
    share = schedule["betas"][400] / schedule["sqrt_one_minus_alpha_bar"][400]
    mean = (x_t - share * eps) / schedule["sqrt_alpha"][400]
    ancestral = mean + schedule["posterior_variance"][400].sqrt() * z
    assert torch.allclose(step, ancestral, rtol=1e-3)


def test_the_second_order_solver_is_nearer_to_the_end_of_the_path_than_ddim():
    ends = {}
    for name, steps in (("sample_ddim", 50), ("dpm_solver_pp_2m", 50), ("dpm_solver_pp_2m", 500)):
        torch.manual_seed(0)
        ends[name, steps] = REFERENCES[name](smooth, (8, 2), SCHEDULE, steps, "cpu")
    exact = ends["dpm_solver_pp_2m", 500]
    gaps = {name: (ends[name, 50] - exact).norm() for name in ("sample_ddim", "dpm_solver_pp_2m")}
    assert gaps["dpm_solver_pp_2m"] < 0.5 * gaps["sample_ddim"]


def test_there_and_back_through_scaled_latents_is_the_autoencoder_itself():
    vae, images = ToyVAE(), torch.randn(2, 1, 8, 8)
    latents = REFERENCES["encode_latents"](vae, images, 0.3)
    back = REFERENCES["decode_latents"](vae, latents, 0.3)
    with torch.no_grad():
        assert torch.allclose(back, vae.decode(vae.encode(images)[0]), atol=1e-6)


def test_a_shortened_chain_keeps_its_noise_levels():
    visited = [0, 20, 100, 999]
    short = REFERENCES["precompute_schedule"](latent_lab.shortened(SCHEDULE, visited))
    assert torch.allclose(short["alpha_bar"], SCHEDULE["alpha_bar"][visited], rtol=1e-3)


def test_data_of_standard_deviation_one_drown_at_half():
    assert latent_lab.drowned_at(1, SCHEDULE) == 259


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
