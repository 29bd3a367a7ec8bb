"""Name a block from its code. Code and candidates are run on the same numbers: whatever agrees is
right, so there may be several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.drills.question import Question, words

CHOICES = 4
NAMES = ("mystery", "block", "f", "layer")


@dataclass(frozen=True)
class Family:
    """Code bodies by what they are, and the real things with the same names.

    inputs: random arguments. The code's arguments are x, or x and y.
    """

    inputs: Callable[[], tuple[torch.Tensor, ...]]
    codes: dict[str, str]
    real: dict[str, Callable]


NORM = """mean = x.mean(dim={dims}, keepdim=True)
var = x.var(dim={dims}, unbiased=False, keepdim=True)
return (x - mean) / (var + 1e-5).sqrt()"""
GROUPED = """g = x.reshape(x.shape[0], {groups}, -1)
g = g - g.mean(dim=-1, keepdim=True)
g = g / (g.square().mean(dim=-1, keepdim=True) + 1e-5).sqrt()
return g.reshape(x.shape)"""
ATTEND = """scores = x @ y.transpose(-2, -1){scale}
return scores.softmax(dim={dim}) @ y"""


def _per_pixel(x: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2]).permute(0, 3, 1, 2)


def _only(dim: int, scale: bool) -> Callable:
    def attend(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        logits = torch.einsum("bld,bsd->bls", x, y)
        logits = logits / x.shape[-1] ** 0.5 if scale else logits
        return torch.einsum("bls,bsd->bld", F.softmax(logits, dim=dim), y)

    return attend


FAMILIES = {
    "norms": Family(
        lambda: (3 * torch.randn(4, 8, 5, 5) + torch.arange(8.0)[:, None, None],),
        {
            "BatchNorm in train mode": NORM.format(dims="(0, 2, 3)"),
            "InstanceNorm": NORM.format(dims="(2, 3)"),
            "GroupNorm with one group": NORM.format(dims="(1, 2, 3)"),
            "LayerNorm over the channels of each pixel": NORM.format(dims="1"),
            "GroupNorm with 4 groups": GROUPED.format(groups=4),
            "GroupNorm with 2 groups": GROUPED.format(groups=2),
        },
        {
            "BatchNorm in train mode": lambda x: F.batch_norm(x, None, None, training=True),
            "InstanceNorm": F.instance_norm,
            "GroupNorm with as many groups as channels": lambda x: F.group_norm(x, 8),
            "GroupNorm with one group": lambda x: F.group_norm(x, 1),
            "LayerNorm over channels, height and width": lambda x: F.layer_norm(x, x.shape[1:]),
            "LayerNorm over the channels of each pixel": _per_pixel,
            "GroupNorm with 4 groups": lambda x: F.group_norm(x, 4),
            "GroupNorm with 2 groups": lambda x: F.group_norm(x, 2),
        },
    ),
    "activations": Family(
        lambda: (3 * torch.randn(50),),
        {
            "SiLU": "return x / (1 + (-x).exp())",
            "GELU": "return x * 0.5 * (1 + torch.erf(x / 2**0.5))",
            "ReLU": "return x.clamp(min=0)",
            "sigmoid": "return 1 / (1 + (-x).exp())",
            "tanh": "return 2 / (1 + (-2 * x).exp()) - 1",
            "leaky ReLU with slope 0.01": "return torch.where(x > 0, x, 0.01 * x)",
            "softplus": "return (1 + x.exp()).log()",
        },
        {
            "SiLU": F.silu, "Swish": F.silu, "GELU": F.gelu, "ReLU": F.relu,
            "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softplus": F.softplus,
            "leaky ReLU with slope 0.01": F.leaky_relu,
        },
    ),
    "resizing": Family(
        lambda: (torch.randn(2, 4, 6, 6),),
        {
            "average pooling, 2 by 2": "return x.reshape(2, 4, 3, 2, 3, 2).mean(dim=(3, 5))",
            "max pooling, 2 by 2": "return x.reshape(2, 4, 3, 2, 3, 2).amax(dim=(3, 5))",
            "every second pixel": "return x[:, :, ::2, ::2]",
            "nearest upsampling": "return x.repeat_interleave(2, 2).repeat_interleave(2, 3)",
            "global average pooling": "return x.flatten(2).mean(dim=-1)[:, :, None, None]",
        },
        {
            "average pooling, 2 by 2": lambda x: F.avg_pool2d(x, 2),
            "max pooling, 2 by 2": lambda x: F.max_pool2d(x, 2),
            "every second pixel": lambda x: F.max_pool2d(x, 1, stride=2),
            "nearest upsampling": lambda x: F.interpolate(x, scale_factor=2, mode="nearest"),
            "bilinear upsampling": lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"),
            "global average pooling": lambda x: F.adaptive_avg_pool2d(x, 1),
            "space to depth (pixel unshuffle)": lambda x: F.pixel_unshuffle(x, 2),
            "depth to space (pixel shuffle)": lambda x: F.pixel_shuffle(x, 2),
        },
    ),
    "attention": Family(
        lambda: (torch.randn(2, 5, 8), torch.randn(2, 7, 8)),
        {
            "attention": ATTEND.format(scale=" / x.shape[-1] ** 0.5", dim=-1),
            "attention without the root of d": ATTEND.format(scale="", dim=-1),
            "softmax over the queries": ATTEND.format(scale=" / x.shape[-1] ** 0.5", dim=-2),
        },
        {
            "attention": lambda x, y: F.scaled_dot_product_attention(x, y, y),
            "attention without the root of d": _only(-1, scale=False),
            "softmax over the queries": _only(-2, scale=True),
            "the mean of all values": lambda x, y: y.mean(1, keepdim=True).expand(x.shape),
            "both mistakes: no root, softmax over the queries": _only(-2, scale=False),
        },
    ),
    "losses": Family(
        lambda: (2 * torch.randn(6, 5), torch.randn(6, 5).softmax(dim=1)),
        {
            "mean squared error": "return (x - y).square().mean()",
            "L1 loss": "return (x - y).abs().mean()",
            "cross-entropy": "return -(y * (x - x.logsumexp(1, keepdim=True))).sum(1).mean()",
            "binary cross-entropy with logits": "return ((1 + x.exp()).log() - x * y).mean()",
            "smooth L1 loss": "d = (x - y).abs()\n"
            "return torch.where(d < 1, d.square() / 2, d - 0.5).mean()",
        },
        {
            "mean squared error": F.mse_loss,
            "L1 loss": F.l1_loss,
            "cross-entropy": F.cross_entropy,
            "binary cross-entropy with logits": F.binary_cross_entropy_with_logits,
            "smooth L1 loss": F.smooth_l1_loss,
            "Huber loss with delta 1": F.huber_loss,
            "root of the mean squared error": lambda x, y: F.mse_loss(x, y).sqrt(),
        },
    ),
}  # fmt: skip


def same(code: str, real: Callable, inputs: tuple[torch.Tensor, ...]) -> bool:
    """Whether running the code gives what the real thing gives."""
    want, got = real(*inputs), run_body(code, inputs)
    return got.shape == want.shape and torch.allclose(got, want, rtol=1e-4, atol=1e-5)


def run_body(code: str, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """What a function with this body returns."""
    space: dict = {"torch": torch, "F": F, "nn": nn}
    exec(written(code, "body", len(inputs)), space)
    return space["body"](*inputs)


def written(code: str, name: str, arguments: int) -> str:
    """The body as a function."""
    lines = "".join(f"\n    {line}" for line in code.splitlines())
    return f"def {name}({', '.join('xy'[:arguments])}):{lines}"


def blocks(draw: Random) -> Question:
    """Which of the named things is this code?"""
    family = FAMILIES[draw.choice(list(FAMILIES))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(draw.randrange(2**31))
        inputs = family.inputs()
    kind = draw.choice(list(family.codes))
    code = family.codes[kind]
    others = draw.sample([name for name in family.real if name != kind], CHOICES - 1)
    choices = [kind, *others]
    draw.shuffle(choices)
    right = [
        c for c, name in zip("abcd", choices, strict=True) if same(code, family.real[name], inputs)
    ]
    text = words("blocks")
    listed = "\n".join(f"    {c}  {name}" for c, name in zip("abcd", choices, strict=True))
    shown = written(code, draw.choice(NAMES), len(inputs)).replace("\n", "\n    ")
    question = text["question"].format(code=f"    {shown}", choices=listed)
    return Question("blocks", question, "".join(right), text["why"].format(kind=kind))
