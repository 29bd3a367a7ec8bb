"""Lesson 05: what it claims about open_clip, checked with open_clip."""

import pytest
import torch

from course_utils import tiny_clip
from course_utils.exercises.clip_toys import TextTower
from grader.source import load_source

LESSON = "05_text_to_image"


@pytest.fixture
def reference():
    return load_source(LESSON).namespace()


@pytest.fixture(scope="module")
def clip():
    return tiny_clip.build_clip(width=16, layers=1).eval()


def test_the_sequence_agrees_with_open_clips_own_pooled_output(reference, clip):
    tokens = tiny_clip.tokenizer()(["a small red circle", "a square", ""])
    states = reference["encode_text_sequence"](clip, tokens)
    pooled = states[torch.arange(3), tokens.argmax(-1)] @ clip.text_projection
    torch.testing.assert_close(pooled, clip.encode_text(tokens))


def test_the_probes_text_tower_has_the_attributes_of_open_clips(clip):
    tower = TextTower(20, 6, 8, 4)
    parts = ("token_embedding", "positional_embedding", "transformer", "ln_final", "attn_mask",
             "text_projection", "text_pool_type", "context_length", "vocab_size")  # fmt: skip
    assert all(hasattr(tower, name) and hasattr(clip, name) for name in parts)


def test_the_probes_text_tower_pools_and_projects_as_open_clip_does(reference):
    tower, tokens = TextTower(20, 6, 8, 4).eval(), torch.tensor([[18, 3, 19, 0, 0, 0]])
    torch.nn.init.normal_(tower.text_projection)
    states = reference["encode_text_sequence"](tower, tokens)
    torch.testing.assert_close(states[:, 2] @ tower.text_projection, tower.encode_text(tokens))


def test_the_loss_is_open_clips_own_once_the_scale_is_exponentiated(reference):
    from open_clip.loss import ClipLoss

    images, texts = torch.randn(2, 5, 8)
    scale = torch.tensor(1.3)
    unit = reference["normalize_embeddings"]
    theirs = ClipLoss()(unit(images), unit(texts), scale.exp())
    torch.testing.assert_close(reference["clip_contrastive_loss"](images, texts, scale), theirs)


def test_cross_attention_agrees_with_pytorch(reference):
    layer, theirs = reference["CrossAttention"](8, 8, 2), torch.nn.MultiheadAttention(8, 2)
    stacked = [layer.to_q.weight, layer.to_k.weight, layer.to_v.weight]
    theirs.in_proj_weight.data = torch.cat(stacked).data
    theirs.out_proj = layer.out_proj
    x, context = torch.randn(5, 8), torch.randn(4, 8)
    expected_ = x + theirs(layer.norm(x), context, context)[0]
    torch.testing.assert_close(layer(x[None], context[None])[0], expected_)


@pytest.mark.parametrize("heads", [3, 5, 16])
def test_cross_attention_refuses_heads_that_do_not_divide_the_width(reference, heads):
    with pytest.raises(ValueError, match="cannot be cut"):
        reference["CrossAttention"](8, 6, heads)


def test_posterior_step_without_clamping_is_lesson_04s_mean(reference):
    """Inside [-1, 1] the detour by the clean image changes nothing."""
    schedule = reference["precompute_schedule"](torch.linspace(0.01, 0.2, 10, dtype=torch.float64))
    x_t, eps = 0.1 * torch.randn(2, 4, 3, dtype=torch.float64)
    t = torch.tensor([1, 4, 8, 9])
    zero = torch.zeros_like(x_t)
    beta, spread = schedule["betas"][t], schedule["sqrt_one_minus_alpha_bar"][t]
    mean = (x_t - (beta / spread)[:, None] * eps) / schedule["sqrt_alpha"][t][:, None]
    torch.testing.assert_close(reference["posterior_step"](x_t, eps, t, schedule, zero), mean)
