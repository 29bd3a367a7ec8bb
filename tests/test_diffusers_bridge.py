"""Lesson 06 beside the library diffusers: the same numbers, and its autoencoders from a folder."""

import pytest
import torch

from course_utils import diffusers_bridge, latent_lab
from course_utils.data import DataUnavailable
from grader.build import answers_module
from grader.source import load_source, run_code

REFERENCES = load_source("06_latent_and_fast_sampling").namespace()
without_it = pytest.mark.skipif(not diffusers_bridge.installed(), reason="no diffusers")
COMPARED = [
    "DDPMScheduler, alpha_bar",
    "DDPMScheduler.step, fixed_large, t = 500",
    "DDPMScheduler.step, fixed_small, t = 500",
    "DDIMScheduler.step, t = 999",
    "DDIMScheduler.step, t = 499",
    "DDIMScheduler.step, t = 49",
    "DDIMScheduler.step, t = 499, eta = 0.7",
    "DPMSolverMultistepScheduler, 20 steps",
]


@pytest.fixture(scope="module")
def gaps():
    space = run_code(answers_module("04_ddpm"), "<lesson_04>")
    names = ("precompute_schedule", "ddim_step", "dpm_solver_pp_2m")
    schedule, step, solver = (REFERENCES[name] for name in names)
    return diffusers_bridge.differences(schedule, space["reverse_mean"], step, solver)


@without_it
@pytest.mark.parametrize("what", COMPARED)
def test_diffusers_gives_the_same_numbers(gaps, what):
    assert gaps[what] < 5e-6


@without_it
def test_nothing_else_is_compared(gaps):
    assert list(gaps) == COMPARED


def saved_autoencoder(folder):
    """A tiny network of Stable Diffusion's autoencoder's class, and what it was saved as."""
    from diffusers import AutoencoderKL

    torch.manual_seed(0)
    kinds = {
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (4, 4, 8, 8),
    }
    inner = AutoencoderKL(**kinds, latent_channels=4, norm_num_groups=2, scaling_factor=0.18215)
    inner.save_pretrained(folder)
    return inner.eval()


@without_it
@pytest.mark.parametrize("inside", ["", "vae"], ids=["its own folder", "a pipeline's folder"])
def test_an_autoencoder_on_disk_works_with_the_lessons_functions(tmp_path, inside):
    inner = saved_autoencoder(tmp_path / inside)
    vae, factor = diffusers_bridge.load_vae(tmp_path)
    photo = latent_lab.photograph(64)
    latents = REFERENCES["encode_latents"](vae, photo, factor)
    back = REFERENCES["decode_latents"](vae, latents, factor)
    assert factor == 0.18215 and latents.shape == (1, 4, 8, 8) and not vae.training
    with torch.no_grad():
        mean = inner.encode(photo).latent_dist.mean
        assert torch.allclose(latents, 0.18215 * mean, atol=1e-6)
        assert torch.allclose(back, inner.decode(mean).sample, atol=1e-5)


@without_it
@pytest.mark.parametrize("content", [None, "{}", "not JSON"])
def test_where_no_autoencoder_is_one_line_says_what_to_do(tmp_path, content):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(DataUnavailable, match="config.json") as found:
        diffusers_bridge.load_vae(tmp_path)
    assert "\n" not in str(found.value) and str(tmp_path) in str(found.value)


def test_without_diffusers_one_line_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(diffusers_bridge, "installed", lambda: False)
    assert diffusers_bridge.table().count("\n") == 0 and "pip install" in diffusers_bridge.table()
    with pytest.raises(DataUnavailable, match="pip install diffusers"):
        diffusers_bridge.load_vae(tmp_path)


@without_it
def test_the_lesson_sends_a_photograph_through_it(tmp_path, capsys):
    functions = REFERENCES["encode_latents"], REFERENCES["decode_latents"]
    photo = latent_lab.photograph(64)
    assert diffusers_bridge.there_and_back(photo, *functions, tmp_path) is None
    assert capsys.readouterr().out.count("\n") == 1
    saved_autoencoder(tmp_path)
    assert diffusers_bridge.there_and_back(photo, *functions, tmp_path).shape == photo.shape
    assert "12288 numbers became 256; scaling factor 0.18215" in capsys.readouterr().out


def test_the_photograph_is_there_without_a_network():
    photo = latent_lab.photograph()
    assert photo.shape == (1, 3, 256, 256) and photo.min() >= -1 and photo.max() <= 1
