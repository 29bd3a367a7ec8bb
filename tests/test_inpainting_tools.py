"""What lesson 07's show cells lean on: networks, stored results, figures, and the script's form."""

import pytest
import torch

from course_utils import checkpoints, inpainting, inpainting_symptoms
from course_utils import inpainting_figures as drawn
from course_utils.brush import draw_strokes
from course_utils.faces import load_faces
from course_utils.inpainting_nets import BasicUNet, ImprovedUNet, NoisePredictor, rough_filling
from grader.source import load_source

LESSON = "07_inpainting"


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def references():
    return load_source(LESSON).namespace()


def improved(references, **settings):
    names = ("AdaGNResBlock", "AttentionBlock", "gamma_embedding")
    return ImprovedUNet(*(references[name] for name in names), **settings)


def nothing(x, gammas):
    """A net that corrects nothing."""
    return torch.zeros_like(x[:, :3])


def test_a_rough_filling_keeps_visible_pixels_and_ignores_what_is_in_the_hole():
    images = torch.rand(2, 3, 12, 20)
    hole = torch.zeros(2, 1, 12, 20)
    hole[..., 2:9, 3:15] = 1
    filled = rough_filling(images, hole)
    assert torch.equal(filled * (1 - hole), images * (1 - hole))
    torch.testing.assert_close(rough_filling(images + 5 * hole, hole), filled)
    assert filled.min() >= 0 and filled.max() <= 1


def test_a_noise_predictor_keeps_an_image_that_is_almost_clean():
    image, gamma = torch.rand(2, 3, 8, 8), torch.full((2,), 0.9999)
    y = 0.9999**0.5 * image + 0.0001**0.5 * torch.randn(2, 3, 8, 8)
    eps = NoisePredictor(nothing)(torch.cat([torch.randn(2, 3, 8, 8), y], 1), gamma)
    y_0_hat = (y - 0.0001**0.5 * eps) / 0.9999**0.5
    torch.testing.assert_close(y_0_hat, image, atol=0.06, rtol=0)


def test_a_noise_predictor_answers_pure_noise_with_itself():
    y = torch.randn(2, 3, 8, 8)
    eps = NoisePredictor(nothing)(
        torch.cat([torch.randn(2, 3, 8, 8), y], 1), torch.full((2,), 1e-4)
    )
    torch.testing.assert_close(eps, y, atol=0.1, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_both_networks_keep_the_form_of_the_image(references, channels):
    x, gammas = torch.randn(2, 2 * channels + 1, 16, 24), torch.tensor([0.1, 0.9])
    for net in (improved(references, channels=channels), BasicUNet(channels)):
        assert net(x, gammas).shape == (2, channels, 16, 24)


def test_a_fresh_improved_network_corrects_nothing(references):
    assert not improved(references)(torch.randn(2, 7, 16, 16), torch.rand(2)).any()


def test_strokes_cover_what_they_promise():
    generator = torch.Generator().manual_seed(0)
    shares = [float(draw_strokes(size, generator).mean()) for size in (8, 16, 32, 64) * 5]
    assert min(shares) >= 0.05 and max(shares) <= 0.6


def test_held_out_holes_come_in_turns_and_the_two_seeds_differ():
    first, second = inpainting.held_out_holes(96), inpainting.held_out_holes(48, seed=1)
    assert first.shape == (96, 1, 32, 32) and set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first[0], first[4])  # every fourth is the centre
    assert not torch.equal(first[3:48:4], second[3::4])


def test_stored_fillings_pass_the_gate():
    truth, mask = load_faces().val_images[:96], inpainting.held_out_holes(96)
    fillings = {
        "mean": inpainting.mean_fill(truth, mask),
        "smooth": inpainting.biharmonic_fill(truth, mask),
    }
    fillings |= inpainting.stored_fillings(["8 even steps"])
    assert inpainting.passes_gate(fillings, truth, mask)


def test_the_checkpoint_fills_holes_better_than_the_mean_colour(references):
    model = NoisePredictor(improved(references))
    about = checkpoints.load_checkpoint(LESSON, model)
    assert float(about["mae"]) < 0.19
    truth, mask = load_faces().val_images[:8], inpainting.held_out_holes(8)
    alpha_bar = torch.linspace(4.5, -5, 8).sigmoid()
    before = torch.cat([torch.ones(1), alpha_bar[:-1]])
    schedule = references["precompute_schedule"](1 - alpha_bar / before)
    y_cond = truth * (1 - mask) + torch.randn_like(truth) * mask
    image, _ = references["restoration"](model, y_cond, truth, mask, schedule, 2)
    flat = inpainting.mae(inpainting.mean_fill(truth, mask), truth, mask)
    assert inpainting.mae(image, truth, mask) < 0.75 * flat


def test_figures_describe_themselves():
    history = {"train_loss": [2.0, 1.0], "val_mae": [0.5, 0.25], "val_psnr": [9.0, 12.0]}
    history["best_epoch"] = 1
    assert "from 0.500 to 0.250" in drawn.plot_history(history).alt
    assert "a: 0.250" in drawn.plot_histories({"a": history}, {"line": 0.3}).alt
    assert "gaps between the 3" in drawn.plot_levels(torch.rand(3), torch.rand(9)).alt
    assert "The 3 levels" in drawn.plot_levels(torch.rand(3)).alt
    images = torch.zeros(2, 3, 8, 8)
    answers = drawn.show_answers(images, images[:, :1], torch.zeros(2, 4, 3, 8, 8))
    assert "4 ways" in answers.alt


def test_symptoms_show_the_mistakes(references, capsys):
    images, mask = torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)
    mask[..., :4] = 1
    inpainting_symptoms.compare_lazy_models(references["masked_noise_loss"], images, mask)
    scores = [line.split()[-1] for line in capsys.readouterr().out.splitlines()]
    assert scores[0] == scores[1]  # the right loss sees no difference
    assert inpainting_symptoms.best_epoch(references["fit"], [0.8, 0.3, 0.6, 0.5]) == 1
