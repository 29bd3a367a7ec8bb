"""Probes of lesson 02: what the grader and the notebook's check look at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from course_utils.engine.case import Case, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect, expect_tuple
from course_utils.exercises.modules import gradients, parameter_shapes, prepared

registry = Registry("02_attention")
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)
ONE_TOKEN = case("a single token", group="robustness", tokens=1)


def refusal(call: Callable) -> str:
    """The name of the error that the call raises, "ValueError" for its kinds too, or "no error"."""
    try:
        call()
    except ValueError:
        return "ValueError"
    except Exception as error:
        return type(error).__name__
    return "no error"


def draw_mask(case: Case, *shape: int, kind: str) -> torch.Tensor | None:
    """A boolean mask, True = may attend. Only "blocked" has rows without a single True."""
    if kind == "none":
        return None
    queries, keys = shape[-2:]
    if kind == "causal":
        return case.make(lambda: torch.ones(queries, keys).tril().bool())
    mask = case.rand(*shape) < 0.6
    if kind == "blocked":
        rows = torch.arange(queries, device=mask.device) % 2 == 0
        return case.tensor(mask & rows[:, None])
    first = torch.arange(keys, device=mask.device) == 0
    return case.tensor(mask | first)


@exercise(
    section="attention", points=10, minutes=15, difficulty=3, importance=5,
    cases=[
        case("no mask"),
        case("a causal mask", mask="causal"),
        case("heads, and a mask per sample", mask="samples", heads=3),
        case("a row in which nothing may be attended to", mask="blocked"),
        case("no batch axis", group="robustness", batch=0, mask="random"),
        case("more keys than queries", group="robustness", more=4),
        case("everything masked", group="robustness", mask="nothing", heads=2),
        case("a single key", group="robustness", tokens=1),
        DOUBLE,
    ],
    tolerances={"gradients of q, k, v": 1e-3},
)  # fmt: skip
def scaled_dot_product_attention(target, case):
    L, d, kind = case.option("tokens") or case.size(4, 7), case.size(5, 9), case.option("mask")
    lead = attention_lead(case)
    S = L + case.option("more", 0)
    q, k, v = case.randn(*lead, L, d), case.randn(*lead, S, d), case.randn(*lead, S, d)
    q, k = case.tensor(2 * q), case.tensor(2 * k)
    mask = attention_mask(case, lead, L, S, kind or "none")
    given = tuple(case.differentiable(x) for x in (q, k, v))
    result = target(*given) if mask is None else target(*given, mask)
    out, weights = (
        expect(torch.Tensor, part, "two tensors") for part in expect_tuple(result, "out", "weights")
    )
    outputs = {"weights": weights.detach(), "out": out.detach()}
    if case.spec.fake_cuda:
        return outputs
    if kind or S == 1:  # with a single key the gradient is 0, give or take rounding
        return without_nan(outputs)
    out.square().sum().backward()
    return outputs | {"gradients of q, k, v": [_gradient(x) for x in given]}


def _gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x) if x.grad is None else x.grad


def without_nan(outputs: dict[str, torch.Tensor]) -> dict:
    """NaN told apart from wrong numbers: it becomes 0, and an entry of its own says so."""
    clean = {name: values.nan_to_num(nan=0.0) for name, values in outputs.items()}
    return clean | {"no NaN": not any(values.isnan().any() for values in outputs.values())}


def attention_lead(case: Case) -> tuple[int, ...]:
    """The axes in front of (L, d): none, (B,) or (B, H)."""
    if case.option("batch") == 0:
        return ()
    batch = case.size(2, 3)
    return (batch, case.option("heads")) if case.option("heads") else (batch,)


def attention_mask(case: Case, lead: tuple, L: int, S: int, kind: str) -> torch.Tensor | None:
    if kind == "nothing":
        return case.make(lambda: torch.zeros(L, S, dtype=torch.bool))
    if kind == "samples":  # which keys are padding: (B, 1, 1, S)
        return draw_mask(case, lead[0], 1, 1, S, kind=kind)
    return draw_mask(case, L, S, kind=kind)


@exercise(
    section="attention", points=5, minutes=8, difficulty=2, importance=5,
    cases=[
        case("several heads"),
        case("heads that do not divide the width", refuses=True),
        case("one head", group="robustness", heads=1),
        case("a transposed input", group="robustness", transposed=True),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def split_heads(target, case):
    batch, L, H, d = head_sizes(case)
    if case.option("refuses"):
        x, counts = case.randn(batch, L, H * d), (H * d - 1, H * d + 1)
        return {"what it raises": [refusal(lambda n=n: target(x, n)) for n in counts]}
    if case.option("transposed"):
        return {"heads": target(case.randn(L, batch, H * d).transpose(0, 1), H)}
    return {"heads": target(case.randn(batch, L, H * d), H)}


@exercise(
    section="attention", points=4, minutes=6, difficulty=2, importance=5,
    cases=[
        case("several heads"),
        case("one head", group="robustness", heads=1),
        case("one number per head", group="robustness", width=1),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def merge_heads(target, case):
    batch, L, H, d = head_sizes(case)
    return {"merged": target(case.randn(batch, H, L, d))}


def head_sizes(case: Case) -> tuple[int, int, int, int]:
    """Batch, tokens, heads, numbers per head: four different numbers in an ordinary case."""
    batch = case.option("batch") or 2
    heads = case.option("heads") or case.size(3, 4)
    return batch, case.size(7, 9), heads, case.option("width") or case.size(5, 6)


@exercise(
    section="attention", points=10, minutes=15, difficulty=3, importance=5,
    needs=["scaled_dot_product_attention", "split_heads", "merge_heads"],
    cases=[
        case("no mask"),
        case("a causal mask", mask="causal"),
        case("padding: a mask per sample", group="robustness", mask="samples"),
        case("one head", group="robustness", heads=1),
        ONE,
        ONE_TOKEN,
        DOUBLE,
    ],
    tolerances={"gradients": 1e-3},
)  # fmt: skip
def MultiHeadSelfAttention(target, case):
    batch, L, H, d = module_sizes(case)
    module = prepared(case, target(H * d, H))
    x = case.randn(batch, L, H * d)
    mask = attention_mask(case, (batch,), L, L, case.option("mask", "none"))
    out = expect(torch.Tensor, module(x) if mask is None else module(x, mask), "a tensor")
    if case.spec.fake_cuda:
        return {"out": out.detach()}
    out.square().mean().backward()
    return named_outputs(module, out)


def named_outputs(module: nn.Module, out: torch.Tensor) -> dict:
    """What is compared of a module whose attribute names are given.

    All gradients are one vector: that of the keys' bias is 0, and alone it would be rounding.
    """
    found = gradients(module)
    return {
        "out": out.detach(),
        "parameters": {name: list(p.shape) for name, p in module.named_parameters()},
        "gradients": torch.cat([found[name].flatten() for name in sorted(found)]),
    }


def module_sizes(case: Case) -> tuple[int, int, int, int]:
    batch, L = case.option("batch") or case.size(2, 3), case.option("tokens") or case.size(5, 7)
    return batch, L, case.option("heads") or case.size(2, 3), case.size(2, 4) * 2


@exercise(
    section="attention", points=5, minutes=12, difficulty=3, importance=4,
    cases=[
        case("a table"),
        case("the first position", n_positions=1),
        case("a thousand positions", group="robustness", n_positions=1000, d_model=16),
        case("two columns", group="robustness", d_model=2),
    ],
    device=False,
    tolerances={"table": 5e-3},
)  # fmt: skip
def sinusoidal_table(target, case):
    n_positions = case.option("n_positions") or case.size(12, 40)
    table = target(n_positions, case.option("d_model") or 2 * case.size(4, 10))
    if n_positions < 1000:
        return {"table": table}
    table = expect(torch.Tensor, table, "a tensor")
    return {"rows": len(table), "table": table[-16:]}  # the far end: enough, and quick to compare


@exercise(
    section="attention", points=8, minutes=15, difficulty=3, importance=4,
    needs=["MultiHeadSelfAttention"],
    cases=[
        case("a block"),
        case("another MLP width", mlp_ratio=2),
        ONE,
        ONE_TOKEN,
        DOUBLE,
    ],
)  # fmt: skip
def TransformerEncoderBlock(target, case):
    batch, L, H, d = module_sizes(case)
    ratio = case.option("mlp_ratio")
    module = target(H * d, H) if ratio is None else target(H * d, H, ratio)
    module = prepared(case, module, by_name=False)
    x = case.randn(batch, L, H * d)
    out = expect(torch.Tensor, module(x), "a tensor")
    if case.spec.fake_cuda:
        return {"out": out.detach()}
    out.pow(3).mean().backward()
    return {
        "out": out.detach(),
        "shapes of the parameters": parameter_shapes(module),
        "parameters that are never used": unused(module),
    }


def unused(module: nn.Module) -> int:
    """How many parameters the output does not depend on: no graph leads to them."""
    return sum(p.grad is None for p in module.parameters())


@exercise(
    section="attention", points=8, minutes=12, difficulty=3, importance=5,
    needs=["MultiHeadSelfAttention"],
    cases=[
        case("images"),
        case("tall images", height=7, width=2),
        case("a single pixel", group="robustness", height=1, width=1),
        ONE,
        DOUBLE,
    ],
    tolerances={"gradients": 1e-3},
)  # fmt: skip
def SpatialSelfAttention(target, case):
    batch, H = case.option("batch") or case.size(2, 3), case.option("height") or case.size(2, 4)
    W, channels = case.option("width") or case.size(5, 6), 8 * case.size(2, 3)
    module = prepared(case, target(channels, 2 * case.size(1, 2)))
    x = case.randn(batch, channels, H, W)
    out = expect(torch.Tensor, module(x), "a tensor")
    if case.spec.fake_cuda:
        return {"out": out.detach()}
    out.pow(3).mean().backward()
    return named_outputs(module, out)


registry.hunt(
    "hunt_weights_that_do_not_add_up", "scaled_dot_product_attention",
    points=2, minutes=5, difficulty=2, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_attention_too_sure", "scaled_dot_product_attention",
    points=2, minutes=5, difficulty=2, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_mixed_up_tokens", "split_heads",
    points=2, minutes=5, difficulty=3, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=10)
