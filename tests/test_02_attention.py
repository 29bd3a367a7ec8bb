"""Lesson 02: unusual answers, agreement with PyTorch, figures and instruments."""

import pytest
import torch
from lessons import judged

from course_utils import attention_figures as figures
from course_utils.attention_lab import attention_maps, influence, milliseconds
from course_utils.engine.exercise import load_lesson
from course_utils.token_data import digit_patches, digit_rows, left_of
from grader.reference import edits_of, reference_code
from grader.source import load_source
from grader.verify import load_alternatives

LESSON = "02_attention"
EXERCISES = load_lesson(LESSON).exercises


@pytest.fixture
def reference():
    return load_source(LESSON).namespace()


def test_a_naive_softmax_that_is_right_for_ordinary_scores_passes():
    """Subtracting the largest score is good practice; the exercise does not ask for it."""
    styles = dict(load_alternatives(LESSON)["scaled_dot_product_attention"])
    e = EXERCISES["scaled_dot_product_attention"]
    assert judged(LESSON, e, styles["naive exp and clamp"]).passed


def test_pixels_may_be_read_column_by_column_when_they_are_put_back_so():
    styles = dict(load_alternatives(LESSON)["SpatialSelfAttention"])
    e = EXERCISES["SpatialSelfAttention"]
    assert judged(LESSON, e, styles["column by column: attention does not mind"]).passed


def test_nan_is_told_apart_from_wrong_numbers():
    e = EXERCISES["scaled_dot_product_attention"]
    code = next(x for x in edits_of(LESSON, e) if x.id == "blocked_rows_are_nan")
    wrong = judged(LESSON, e, code.apply(reference_code(LESSON, e))).wrong
    assert set(wrong["a row in which nothing may be attended to"]) == {"no NaN"}


@pytest.mark.parametrize("heads", [3, 5, 16])
def test_module_refuses_heads_that_do_not_divide_the_width(reference, heads):
    module = reference["MultiHeadSelfAttention"](8, heads)
    with pytest.raises(ValueError, match="cannot be cut"):
        module(torch.randn(1, 2, 8))


def test_reference_agrees_with_pytorch(reference):
    mine, theirs = reference["MultiHeadSelfAttention"](12, 3), torch.nn.MultiheadAttention(12, 3)
    theirs.out_proj.load_state_dict(mine.out_proj.state_dict())
    layers = (mine.to_q, mine.to_k, mine.to_v)
    theirs.in_proj_weight.data = torch.cat([layer.weight for layer in layers])
    theirs.in_proj_bias.data = torch.cat([layer.bias for layer in layers])
    x = torch.randn(5, 2, 12)  # (L, B, D)
    torch.testing.assert_close(mine(x.transpose(0, 1)).transpose(0, 1), theirs(x, x, x)[0])


def test_a_fully_masked_row_leaves_finite_gradients(reference):
    q, k, v = (torch.randn(2, 3, 4, requires_grad=True) for _ in range(3))
    mask = torch.tensor([True, False, True])[:, None].expand(3, 3)
    out, _ = reference["scaled_dot_product_attention"](q, k, v, mask)
    out.square().sum().backward()
    assert all(x.grad.isfinite().all() for x in (q, k, v))


def test_every_figure_becomes_a_png_with_a_description():
    image, weights = torch.rand(1, 16, 16) * 2 - 1, torch.rand(16, 16)
    heads = torch.arange(24).reshape(1, 2, 3, 4)
    pictures = [
        figures.show_heat_maps({"one": weights, "zero": torch.zeros(2, 2)}),
        figures.show_heat_maps({str(n): weights for n in range(5)}, signed=True, columns=3),
        figures.plot_against([1, 10], {"a": [1.0, 2.0]}, "x", "y", log=(True, True)),
        figures.show_heads({"right": heads}, d_model=8),
        figures.show_patch_attention(image, weights, [0, 5]),
        figures.show_shares(torch.tensor([1.0, 0.0]), [0.1, 10.0]),
        figures.show_clocks(torch.tensor([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]), [0, 1]),
    ]
    for picture in pictures:
        assert picture.png(dpi=40).startswith(b"\x89PNG") and len(picture.alt) > 20


@pytest.mark.parametrize("explore", [figures.explore_shares, figures.explore_clocks])
def test_sliders_come_with_a_still_picture(explore, capsys):
    explore(torch.rand(6) if explore is figures.explore_shares else torch.rand(12, 4))
    assert "[figure:" in capsys.readouterr().out


def test_one_attention_layer_reaches_every_pixel_and_three_convolutions_do_not(reference):
    torch.manual_seed(0)
    stack = torch.nn.Sequential(*(torch.nn.Conv2d(8, 8, 3, padding=1) for _ in range(3)))
    assert int((influence(stack) > -6).sum()) == 49
    assert (influence(reference["SpatialSelfAttention"](8, 2)) > -6).all()
    assert milliseconds(stack, torch.randn(1, 8, 4, 4), repeats=1) > 0


def test_attention_maps_are_the_weights_of_each_head(reference):
    block = reference["TransformerEncoderBlock"](8, 2)
    x = torch.randn(5, 8)
    inside = block.norm1(x[None])
    q, k = (
        reference["split_heads"](layer(inside), 2) for layer in (block.attn.to_q, block.attn.to_k)
    )
    _, weights = reference["scaled_dot_product_attention"](q, k, k)
    torch.testing.assert_close(torch.stack(attention_maps(block, x, 2)), weights[0])


def test_patches_are_read_row_by_row():
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    patches = digit_patches(image)
    assert patches.shape == (1, 4, 16)
    assert patches[0, 1].tolist() == image[0, 0, :4, 4:].flatten().tolist()


def test_rows_of_digits_come_with_the_labels_of_their_left_neighbours():
    images, labels = torch.arange(10.0).reshape(10, 1, 1, 1), torch.arange(10)
    tokens, row_labels = digit_rows(images, labels, 5, 4, torch.Generator().manual_seed(0))
    assert torch.equal(tokens.squeeze(-1).long(), row_labels)
    left = left_of(row_labels)
    assert (left[:, 0] == -100).all() and torch.equal(left[:, 1:], row_labels[:, :-1])
