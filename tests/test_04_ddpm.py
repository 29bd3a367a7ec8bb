"""Lesson 04: what a learner is told."""

import torch
from lessons import SECRET, judged

from course_utils.engine.exercise import load_lesson
from course_utils.engine.runner import RESEEDED, run_case
from grader.reference import expected, reference_code

LESSON = "04_ddpm"
EXERCISES = load_lesson(LESSON).exercises


def test_two_mistakes_at_once_are_named_by_the_one_that_explains_more():
    e = EXERCISES["forward_diffusion"]
    code = reference_code(LESSON, e).replace('["sqrt_alpha_bar"]', '["alpha_bar"]')
    found = judged(LESSON, e, code.replace("torch.randn_like(x_0)", "torch.randn(x_0.shape)"))
    assert found.mistake.id == "alpha_bar_without_root"


def test_the_other_guidance_convention_is_explained():
    e = EXERCISES["guided_noise"]
    code = reference_code(LESSON, e).replace(
        "eps_null + guidance_scale * (eps_cond - eps_null)",
        "(1 + guidance_scale) * eps_cond - guidance_scale * eps_null",
    )
    assert "Both conventions exist" in judged(LESSON, e, code).mistake.message


def test_a_seed_set_inside_a_function_is_explained():
    e = EXERCISES["ddpm_loss"]
    code = reference_code(LESSON, e).replace("    T = ", "    torch.manual_seed(0)\n    T = ")
    wrong = judged(LESSON, e, code).wrong["images"]
    assert RESEEDED in wrong["error"].message


def test_a_sampler_that_never_asks_the_model_is_told_so():
    e = EXERCISES["sample_ddpm"]
    code = "def sample_ddpm(model, shape, schedule, device):\n    return torch.randn(shape)\n"
    wrong = judged(LESSON, e, code).wrong["the whole chain"]
    assert "never called the model" in wrong["error"].message


def test_a_whole_number_as_timestep_is_told_apart_from_one_per_sample():
    e = EXERCISES["sample_ddpm"]
    code = reference_code(LESSON, e).replace("model(x, t)", "model(x, i)")
    wrong = judged(LESSON, e, code).wrong["the whole chain"]
    assert set(wrong) == {"timesteps given to the model"}


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
