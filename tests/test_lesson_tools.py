"""What the lesson's show cells lean on: the perfect denoiser, its figures, the stored samples."""

import pytest
import torch

from course_utils import figures
from course_utils.data import load_digits
from course_utils.metrics import fit_ruler, passes_gate, sample_quality
from course_utils.perfect import PerfectDenoiser
from course_utils.points import PointModel, two_moons
from course_utils.stored import save_samples, stored_samples

ALPHA_BAR = torch.tensor([0.999, 0.5, 0.0])


@pytest.fixture
def images():
    return torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def test_perfect_denoiser_finds_the_noise_that_was_mixed_in(images):
    noise = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    x_t = 0.999**0.5 * images + 0.001**0.5 * noise
    eps = PerfectDenoiser(images, ALPHA_BAR)(x_t, torch.zeros(6, dtype=torch.int64))
    torch.testing.assert_close(eps, noise, atol=1e-3, rtol=0)


def test_perfect_denoiser_answers_pure_noise_with_the_mean_of_all_images(images):
    perfect = PerfectDenoiser(images, ALPHA_BAR)
    guess = perfect.clean(torch.randn(2, 1, 4, 4), torch.tensor([2, 2]))
    torch.testing.assert_close(guess, images.mean(0).expand(2, 1, 4, 4))


def test_perfect_denoiser_hears_a_label_and_takes_the_null_class_for_all_images(images):
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    perfect = PerfectDenoiser(images, ALPHA_BAR, labels)
    x_t, t = torch.randn(2, 1, 4, 4), torch.tensor([2, 2])
    guess = perfect.clean(x_t, t, torch.tensor([1, 3]))
    torch.testing.assert_close(guess, torch.stack([images[2:4].mean(0), images.mean(0)]))


def test_perfect_denoiser_keeps_what_it_was_asked(images):
    perfect = PerfectDenoiser(images, ALPHA_BAR)
    perfect(images, torch.full((6,), 1))
    assert len(perfect.asked) == 1 and perfect.asked[0] is images


def test_curves_and_points_describe_themselves():
    points, labels = two_moons(20)
    assert "a goes from 1 to 3" in figures.plot_curves({"a": [1.0, 2.0, 3.0]}, "t", "y").alt
    assert "first, second" in figures.plot_points({"first": points, "second": points}).alt
    assert figures.plot_points({"one": points}, labels, "two moons").alt == "two moons"


def test_schedule_table_shows_the_four_moments_and_the_half():
    table = figures.schedule_table({"falling": {"alpha_bar": torch.tensor([0.9, 0.6, 0.3, 0.1])}})
    assert table.splitlines()[1].split() == [
        "falling",
        "0.6000",
        "0.3000",
        "0.1000",
        "0.1",
        "2",
        "of",
        "4",
    ]


def test_slider_shows_the_same_noise_at_every_level_and_leaves_the_random_state_alone(images):
    seen = []

    def forward_diffusion(x_0, t, schedule):
        seen.append(torch.randn(3))
        return x_0, seen[-1]

    before = torch.get_rng_state()
    figures.explore_noise(images, {"betas": torch.ones(10)}, forward_diffusion)
    assert len(seen) == 1 and torch.equal(torch.get_rng_state(), before)


def test_point_model_predicts_one_vector_per_point():
    points, labels = two_moons(20)
    assert points.dtype == torch.float32 and set(labels.tolist()) == {0, 1}
    assert PointModel(5)(points, torch.zeros(20, dtype=torch.int64)).shape == points.shape


@pytest.mark.parametrize("guidance_scale", [0, 1, 2, 4, 7])
def test_stored_samples_come_class_after_class_in_the_right_range(guidance_scale):
    samples = stored_samples("04_ddpm", guidance_scale, 10)
    assert samples.shape == (100, 1, 16, 16) and samples.abs().max() <= 1


def test_stored_samples_pass_the_gate():
    samples = stored_samples("04_ddpm", 2, 20)
    labels = torch.arange(10).repeat_interleave(20)
    assert passes_gate(sample_quality(samples, labels, fit_ruler(load_digits())))


def test_samples_are_read_as_they_were_written(monkeypatch, tmp_path):
    monkeypatch.setattr("course_utils.stored.FOLDER", tmp_path)
    images = torch.linspace(-1, 1, 256).reshape(1, 1, 16, 16).repeat(20, 1, 1, 1)
    save_samples("lesson", {1.5: images})
    torch.testing.assert_close(stored_samples("lesson", 1.5, 2), images, atol=4e-3, rtol=0)
