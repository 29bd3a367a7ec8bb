"""Lesson 03: what a learner is told, what lesson 04 gets, its gate and its instruments."""

import pytest
import torch
from lessons import judged
from safetensors.torch import load_file
from torch import nn

from course_utils import checkpoints, denoising, filters, shape_figures, unet_lab
from course_utils.engine.exercise import load_lesson
from grader.reference import reference_code
from grader.source import load_source

LESSON = "03_unet"
EXERCISES = load_lesson(LESSON).exercises


@pytest.fixture(scope="module")
def unet():
    return load_source(LESSON).namespace()["UNet"]


def test_an_einops_error_for_odd_sizes_is_told_from_a_value_error():
    e = EXERCISES["rearrange_downsample"]
    code = reference_code(LESSON, e).replace("if height % 2 or width % 2:", "if False:")
    wrong = judged(LESSON, e, code).wrong["odd sizes"]
    assert "EinopsError" in wrong["odd height"].message


def test_a_block_with_other_attribute_names_is_told_which_names_are_missing():
    e = EXERCISES["ResidualBlock"]
    wrong = judged(LESSON, e, reference_code(LESSON, e).replace("self.conv1", "self.first")).wrong
    assert "conv1" in wrong["other channels"]["parameters"].message


def test_answers_for_lesson_04_need_nothing_of_this_lessons_notebook():
    from grader.build import answers_module

    code = answers_module(LESSON)
    assert "check" not in code and "course_utils" not in code
    space = {}
    exec(compile(code, "lesson_03", "exec"), space)
    assert space["UNet"](1, 8, 8)(torch.zeros(1, 1, 8, 8), torch.zeros(1)).shape == (1, 1, 8, 8)


def test_the_trained_network_of_lesson_04_fits_this_unet(unet):
    stored = load_file(checkpoints.FOLDER / "04_ddpm.safetensors")
    stored = {n.replace("time_embed.time_embed", "time_embed"): v.shape for n, v in stored.items()}
    ours = {name: value.shape for name, value in unet(1, 16, 32).state_dict().items()}
    assert stored.items() >= ours.items()


def test_shapes_come_from_a_real_forward_pass(unet):
    shapes = unet_lab.trace_shapes_of(unet(3, 8, 8), torch.zeros(2, 3, 16, 24), torch.zeros(2))
    assert shapes["down1 skip"] == (8, 16, 24) and shapes["down1"] == (32, 8, 12)
    assert shapes["bottleneck"] == (64, 2, 3) and shapes["final_conv"] == (3, 16, 24)
    assert "bottleneck (64, 2, 3)" in shape_figures.draw_unet(shapes).alt


def test_shape_questions_differ_by_seed_and_answers_are_measured(unet):
    first, second = (unet_lab.draw_shape_question(seed) for seed in (1, 2))
    assert first != second and first == unet_lab.draw_shape_question(1)
    right = first.answers(unet)
    assert set(right) == set(first.asked)
    assert unet_lab.marked(right, right).count("✓") == len(right)
    assert all(str(shape) not in unet_lab.marked({}, right) for shape in right.values())
    assert unet_lab.marked(dict.fromkeys(right, 64), right).count("✗") == len(right)


@pytest.mark.parametrize(("depth", "side"), [(1, 3), (3, 7)])
def test_reach_of_convolutions_in_a_row_is_two_per_layer_and_one(depth, side):
    stack = nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth)])
    assert int(unet_lab.reach(stack, 16).any(0).sum()) == side


def test_reach_of_a_unet_is_three_times_that_of_as_many_convolutions(unet):
    model = unet(1, 8, 8)
    assert int(unet_lab.reach(model, 128, torch.tensor([5])).any(0).sum()) > 3 * 30
    assert any(isinstance(m, nn.GroupNorm) for m in model.modules())  # the original is untouched


def test_without_time_and_without_skips_change_what_they_say(unet):
    torch.manual_seed(0)
    x, early, late = torch.randn(1, 1, 16, 16), torch.tensor([1]), torch.tensor([900])
    deaf = unet_lab.without_time(unet(1, 8, 8))
    assert torch.equal(deaf(x, early), deaf(x, late))
    fixed = unet_lab.always_at(unet(1, 8, 8), 7)
    assert torch.equal(fixed(x, early), fixed(x, late))
    seen = []
    blind = unet_lab.without_skips(unet(1, 8, 8))
    blind.up1.res.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    blind(x, early)
    assert seen[0].shape[1] == 24 and not seen[0][:, 16:].any()


def test_psnr_of_a_known_error():
    clean = torch.zeros(2, 1, 4, 4)
    assert filters.psnr(clean + 0.2, clean) == pytest.approx(20.0, abs=1e-4)


def test_every_filter_makes_noisy_digits_better():
    from course_utils.data import load_digits

    images = load_digits().train_images[:3]
    noisy = filters.add_noise(images, 0.5)
    for tuned in filters.tune_filters(images, 0.5):
        assert filters.psnr(tuned(noisy), images) > filters.psnr(noisy, images) + 2, tuned


def test_gate_asks_for_six_decibels_and_for_more_than_every_filter():
    row = {"sigma": 0.5, "noisy": 14.0, "Gaussian": 19.0, "U-Net": 20.5}
    assert denoising.passes_gate([row])
    assert not denoising.passes_gate([row | {"U-Net": 19.9}])
    assert not denoising.passes_gate([row, row | {"Gaussian": 20.6}])


def test_stored_results_are_there_for_learners_without_a_network():
    assert denoising.stored("gains").shape == (4, len(denoising.LEVELS))
    assert denoising.stored("claims").shape == (3, 6)
    assert denoising.stored("pictures").shape == (3, 8, 1, 16, 16)
    assert denoising.stored("told").shape == (6, 8, 1, 16, 16)
    assert denoising.stored("capstone").abs().max() <= 1


def test_figures_describe_themselves():
    image = torch.arange(1.0, 17).reshape(4, 4)
    assert "16.0" in shape_figures.show_patches(image, {"same": image[None]}).alt
    assert "3 by 3" in shape_figures.show_reach({"a": torch.eye(3, dtype=torch.bool)}).alt
    assert "a: 1.0, 2.0" in shape_figures.plot_gains((0.1, 0.2), {"a": [1.0, 2.0]}).alt
    assert "truth 100: 0.0, -1.0" in shape_figures.plot_claims([100, 999], {100: [0.0, -1.0]}).alt
    assert "a ends at 2" in shape_figures.plot_losses({"a": [2.0] * 50}).alt
    assert "one" in shape_figures.show_embeddings({"one": torch.zeros(5, 4)}).alt
