"""Probes of lesson 05, second part: attention over text. `05_text_to_image.py` goes on."""

from __future__ import annotations

import torch
from torch import nn

from course_utils.engine.case import Case, case
from course_utils.engine.runner import expect
from course_utils.exercises.clip_probes import exercise, gradient, registry
from course_utils.exercises.modules import gradients, prepared

__all__ = ["registry"]

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)
ONE_WORD = case("a context of one token", group="robustness", words=1)


def draw_sizes(case: Case) -> tuple[int, int, int, int, int]:
    """Batch, words, heads, numbers per head, width of the context: all different."""
    batch, words = case.option("batch") or 2, case.option("words") or case.size(5, 6)
    heads = case.option("heads") or case.size(3, 4)
    return batch, words, heads, 2 * case.size(3, 4), case.size(9, 11)


def spread_out(module: nn.Module) -> nn.Module:
    """Larger queries and keys, so that the attention has something to decide."""
    for name, p in module.named_parameters():
        if name.endswith(("to_q.weight", "to_k.weight")):
            p.data = p.data * 2
    return module


def spread_over(values: torch.Tensor, count: int = 40) -> torch.Tensor:
    """About so many of the values, evenly spread; all of them where there are not more."""
    return values[:: max(1, len(values) // count)]


def module_outputs(case: Case, module: nn.Module, out: torch.Tensor, context: torch.Tensor) -> dict:
    """What is compared of a module whose attribute names are given.

    All gradients are one vector: that of some biases is 0, and alone it would be rounding.
    Of large parameters it has a part, evenly spread, so that stored answers stay small.
    """
    if case.spec.fake_cuda:
        return {"out": out.detach()}
    if out.requires_grad:
        out.pow(3).mean().backward()
    found = gradients(module)
    return {
        "out": out.detach(),
        "parameters": {name: list(p.shape) for name, p in module.named_parameters()},
        "gradients": torch.cat([spread_over(found[name].flatten()) for name in sorted(found)]),
        "gradient of the context": gradient(context),
    }


def default_outputs(case: Case, module: nn.Module) -> dict:
    """Of the usual sizes: the shapes, and an output, which shows the number of heads."""
    module = spread_out(prepared(case, module))
    with torch.no_grad():
        out = module(case.randn(1, 3, 256), case.randn(1, 4, 768))
    shapes = {name: list(p.shape) for name, p in module.named_parameters()}
    return {"out": expect(torch.Tensor, out, "a tensor"), "parameters": shapes}


def token_outputs(target, case: Case, sizes: tuple) -> dict:
    """Of a module that reads a context, called on tokens."""
    batch, words, heads, d, context_dim = sizes
    module = spread_out(prepared(case, target(heads * d, context_dim, heads)))
    x = case.randn(batch, case.size(7, 8), heads * d)
    context = case.differentiable(case.randn(batch, words, context_dim))
    out = expect(torch.Tensor, module(x, context), "a tensor")
    return module_outputs(case, module, out, context)


CLOSE = {"gradients": 1e-3, "gradient of the context": 1e-3}


@exercise(
    section="text", points=12, minutes=15, difficulty=4, importance=5,
    cases=[
        case("pixels and words"),
        case("the usual sizes", defaults=True),
        case("one head", group="robustness", heads=1),
        ONE,
        ONE_WORD,
        DOUBLE,
    ],
    tolerances=CLOSE,
)  # fmt: skip
def CrossAttention(target, case):
    sizes = draw_sizes(case)
    if case.option("defaults"):
        return default_outputs(case, target())
    return token_outputs(target, case, sizes)


@exercise(
    section="text", points=8, minutes=10, difficulty=3, importance=5,
    needs=["CrossAttention"],
    cases=[
        case("pixels and words"),
        case("one head", group="robustness", heads=1),
        ONE,
        ONE_WORD,
        DOUBLE,
    ],
    tolerances=CLOSE,
)  # fmt: skip
def TransformerBlock(target, case):
    return token_outputs(target, case, draw_sizes(case))


@exercise(
    section="text", points=8, minutes=10, difficulty=3, importance=5,
    needs=["CrossAttention", "TransformerBlock"],
    cases=[
        case("wide images"),
        case("tall images", height=6, width=2),
        case("a single pixel", group="robustness", height=1, width=1),
        ONE,
        ONE_WORD,
        DOUBLE,
    ],
    tolerances=CLOSE,
)  # fmt: skip
def SpatialTransformer(target, case):
    batch, words, _, _, context_dim = draw_sizes(case)
    heads, channels = 2 * case.size(1, 2), 8 * case.size(2, 3)
    H, W = case.option("height") or 3, case.option("width") or case.size(4, 5)
    module = spread_out(prepared(case, target(channels, context_dim, heads)))
    x = case.randn(batch, channels, H, W)
    context = case.differentiable(case.randn(batch, words, context_dim))
    out = expect(torch.Tensor, module(x, context), "a tensor")
    return module_outputs(case, module, out, context)
