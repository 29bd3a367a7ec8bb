"""Lesson 06: what a learner is told, the samplers among each other, and its instruments."""

import math
import sys
import types

import pytest
import torch
from lessons import judged

from course_utils import latent_lab, latent_words, stored_pictures
from course_utils.engine.exercise import load_lesson
from course_utils.engine.runner import RESEEDED
from course_utils.exercises.latent_toys import ToyVAE
from course_utils.perfect import PerfectDenoiser
from grader.build import answers_module
from grader.reference import reference_code
from grader.source import load_source, run_code

LESSON = "06_latent_and_fast_sampling"
EXERCISES = load_lesson(LESSON).exercises
REFERENCES = load_source(LESSON).namespace()


@pytest.mark.parametrize("rounded", [math.floor, math.ceil, round])
def test_every_rounding_of_the_timesteps_passes(rounded):
    e = EXERCISES["ddim_timesteps"]
    code = reference_code(LESSON, e).replace("[round(i", f"[{rounded.__name__}(i")
    code = code.replace("i * spacing)", "round(i * spacing, 9))")
    assert judged(LESSON, e, f"from math import ceil, floor\n{code}").passed


@pytest.mark.parametrize("name", ["sample_ddim", "dpm_solver_pp_2m"])
def test_a_sampler_that_never_asks_the_model_is_told_so(name):
    e = EXERCISES[name]
    code = f"def {name}(model, shape, *rest):\n    return torch.randn(shape)\n"
    assert "never called the model" in judged(LESSON, e, code).wrong["a few steps"]["error"].message


def test_a_seed_set_inside_a_sampler_is_explained():
    e = EXERCISES["sample_ddim"]
    code = reference_code(LESSON, e).replace(
        "    x = torch", "    torch.manual_seed(0)\n    x = torch"
    )
    assert RESEEDED in judged(LESSON, e, code).wrong["a few steps"]["error"].message


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


# The closing demonstration ------------------------------------------------------------------


@pytest.fixture
def draw(monkeypatch):
    """The lesson's own cell, from sentences to pictures, with the networks that ship."""
    space = dict(REFERENCES) | run_code(answers_module("03_unet"), "<lesson_03>")
    earlier = types.ModuleType("lesson_05")
    vars(earlier).update(run_code(answers_module("05_text_to_image"), "<lesson_05>"))
    monkeypatch.setitem(sys.modules, "lesson_05", earlier)
    space["schedule"] = REFERENCES["precompute_schedule"](torch.linspace(1e-4, 0.02, 500))
    cells = {cell.name: cell.source for cell in load_source(LESSON).cells}
    for name in ("the-autoencoder", "closing-draw"):
        space = run_code(cells[name], f"<{name}>", space)
    return space["draw_words"]


def test_the_shipped_networks_draw_what_a_sentence_says(draw):
    found = latent_words.qualities(draw)
    assert found["seen pairs"].colour_and_shape > 0.7


def test_the_stored_pictures_are_what_the_shipped_networks_draw(draw):
    stored = stored_pictures.stored_pictures(LESSON, "wishes")
    assert (stored - draw(latent_words.WISHES).clamp(-1, 1)).abs().max() < 0.02
