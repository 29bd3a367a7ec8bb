"""Questions on shapes. Every answer comes from a forward pass; most on tensors without values."""

from __future__ import annotations

import math
from random import Random

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.drills.question import Question, words
from course_utils.shape_questions import conv_chain as chain_question


def meta(*shape: int) -> torch.Tensor:
    """A tensor that has a shape and no values."""
    return torch.empty(shape, device="meta")


def conv_size(draw: Random) -> Question:
    """The output size of one convolution."""
    kernel, stride = draw.choice([1, 2, 3, 4, 5, 7]), draw.choice([1, 1, 2, 2, 3, 4])
    padding, dilation = draw.randint(0, kernel // 2), draw.choice([1, 1, 1, 2, 3])
    size = draw.randint(dilation * (kernel - 1) + 1, 128)
    layer = nn.Conv2d(1, 1, kernel, stride, padding, dilation, device="meta")
    out = layer(meta(1, 1, size, size)).shape[-1]
    about = {"size": size, "kernel": kernel, "stride": stride, "padding": padding}
    about |= {"dilation": dilation, "out": out}
    text = words("conv_size")
    return Question("conv_size", text["question"].format(**about), out, text["why"].format(**about))


def conv_chain(draw: Random) -> Question:
    """The output shape of a chain of layers."""
    question = chain_question(draw.randrange(2**31))
    why = words("conv_chain")["why"].format(steps=question.explain())
    return Question("conv_chain", repr(question), list(question.right), why)


def unet_stages(batch: int, channels: int, c: int, size: int) -> dict[str, tuple[int, ...]]:
    """Shapes in the course's U-Net by stage, from layers that change shapes as its layers do."""

    def conv(before: int, after: int, kernel: int = 3) -> nn.Conv2d:
        return nn.Conv2d(before, after, kernel, padding=kernel // 2, device="meta")

    x = conv(channels, c)(meta(batch, channels, size, size))
    stages, skips, squeeze = {"init_conv": x.shape}, [], nn.PixelUnshuffle(2)
    for level, width in enumerate((c, 2 * c, 4 * c), 1):
        skips.append(x)
        x = squeeze(x)
        stages |= {f"down{level}'s skip": skips[-1].shape, f"down{level}": x.shape}
        x = conv(4 * width, 2 * width, 1)(x)
        stages[f"down{level}_proj"] = x.shape
    stages["bottleneck"] = x.shape
    for level, width in ((3, 4 * c), (2, 2 * c), (1, c)):
        x = torch.cat([F.interpolate(x, scale_factor=2), skips.pop()], dim=1)
        stages[f"up{level} after the concatenation"] = x.shape
        x = conv(x.shape[1], width)(x)
        stages[f"up{level}"] = x.shape
    return {name: tuple(shape) for name, shape in stages.items()}


def unet_table(draw: Random) -> Question:
    """The shape at one stage of the course's U-Net."""
    batch, channels = draw.choice([1, 4, 8, 64]), draw.choice([1, 3, 4])
    c, size = draw.choice([8, 16, 32, 48, 64, 128]), 8 * draw.randint(1, 16)
    stages = unet_stages(batch, channels, c, size)
    asked = draw.choice(list(stages))
    text = words("unet_table")
    about = {"batch": batch, "channels": channels, "c": c, "size": size, "asked": asked}
    table = "\n".join(f"{name:32} {shape}" for name, shape in stages.items())
    right = list(stages[asked])
    return Question("unet_table", text["question"].format(**about), right, text["why"] + table)


def attention_shapes(batch, heads, head_dim, length, source) -> dict[str, tuple[int, ...]]:
    """Shapes inside multi-head cross-attention: (B, L, D) looks at (B, S, ...)."""
    width = heads * head_dim
    project = nn.Linear(width, width, device="meta")

    def split(tokens: torch.Tensor) -> torch.Tensor:
        return project(tokens).unflatten(-1, (heads, head_dim)).transpose(1, 2)

    q, k = split(meta(batch, length, width)), split(meta(batch, source, width))
    out = F.scaled_dot_product_attention(q, k, k)
    merged = out.transpose(1, 2).flatten(2)
    scores = q @ k.transpose(-2, -1)
    found = {"q": q.shape, "k": k.shape, "weights": scores.shape, "merged": merged.shape}
    return {name: tuple(shape) for name, shape in found.items()}


def attention(draw: Random) -> Question:
    """A shape inside attention, between words and pixels or pixels and pixels."""
    batch, heads = draw.choice([1, 2, 8, 16]), draw.choice([1, 2, 4, 8])
    head_dim, side = draw.choice([8, 16, 32, 40, 64]), draw.choice([4, 8, 14, 16, 32])
    crossed = draw.random() < 0.5
    source = draw.choice([8, 16, 77]) if crossed else side * side
    shapes = attention_shapes(batch, heads, head_dim, side * side, source)
    asked, text = draw.choice(list(shapes)), words("attention")
    about = {"batch": batch, "heads": heads, "width": heads * head_dim, "side": side}
    about |= {"source": source, "pixels": side * side, "head_dim": head_dim}
    question = text["crossed" if crossed else "own"].format(**about)
    question += text["asked"].format(what=text[asked])
    return Question("attention", question, list(shapes[asked]), text["why"].format(**about))


def latent_shape(batch: int, size: int, factor: int, channels: int) -> tuple[int, ...]:
    """What an encoder of stride-2 convolutions makes of colour images."""
    x = meta(batch, 3, size, size)
    for _ in range(int(math.log2(factor))):
        x = nn.Conv2d(x.shape[1], 8, 3, stride=2, padding=1, device="meta")(x)
    return tuple(nn.Conv2d(8, channels, 1, device="meta")(x).shape)


def latents(draw: Random) -> Question:
    """The shape of latents, how many numbers they are, how many tokens attention sees."""
    factor, channels = draw.choice([4, 8, 16]), draw.choice([4, 8, 16])
    batch, size = draw.choice([1, 2, 4, 8]), 64 * draw.randint(1, 16)
    shape, text = latent_shape(batch, size, factor, channels), words("latents")
    kind = draw.choice(["shape", "tokens", "numbers"])
    rights = {"shape": list(shape), "tokens": shape[2] * shape[3], "numbers": math.prod(shape[1:])}
    about = {"batch": batch, "size": size, "factor": factor, "channels": channels}
    about |= {"side": shape[2], "pixels": 3 * size * size, "numbers": rights["numbers"]}
    question = text["question"].format(**about) + text[kind]
    return Question("latents", question, rights[kind], text["why"].format(**about))
