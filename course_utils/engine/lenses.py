"""Generic lenses: how two tensors of the same shape and dtype differ, when no known
misconception says it better. Each lens looks for one pattern; the first that sees it speaks."""

from __future__ import annotations

from itertools import permutations

import torch


def explain(got: torch.Tensor, want: torch.Tensor, tolerance: float) -> str:
    """A sentence on the pattern of the difference; plain size of it where there is no pattern."""
    if not want.dtype.is_floating_point:
        return _explain_exact(got, want)
    g, w = got.double(), want.double()
    for lens in LENSES:
        message = lens(g, w, tolerance)
        if message:
            return message
    worst = (g - w).abs().max().item()
    return f"values differ by up to {worst:.3g} (expected values reach {w.abs().max():.3g})"


def _explain_exact(got: torch.Tensor, want: torch.Tensor) -> str:
    wrong = int((got != want).sum())
    return f"{wrong} of {want.numel()} entries differ"


def _near(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    largest = b.abs().nan_to_num(0, 0, 0).max().item()
    return torch.allclose(a, b, rtol=10 * tolerance, atol=tolerance * largest + 1e-12)


def _all_zero(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    return "all values are zero" if not g.any() else None


def _sign(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    return "the sign is flipped" if _near(-g, w, tol) else None


def _factor(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    factor = (g * w).sum() / (w * w).sum()
    if torch.isfinite(factor) and factor.abs() > 1e-6 and _near(g / factor, w, tol):
        return f"every value is {factor:.4g} times what it should be"
    return None


def _offset(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    offset = (g - w).mean()
    if w.numel() > 1 and _near(g - offset, w, tol):
        return f"every value is {offset:+.4g} off"
    return None


def _permuted_axes(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    if not 2 <= w.dim() <= 5:
        return None
    for order in permutations(range(w.dim())):
        if g.permute(order).shape == w.shape and _near(g.permute(order), w, tol):
            return f"the axes are in another order (permuting by {order} gives what is expected)"
    return None


def _regrouped(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    if w.dim() < 2 or w.numel() < 3:
        return None
    same = _near(g.flatten().sort().values, w.flatten().sort().values, tol)
    return "the right values stand in the wrong places" if same else None


def _shifted(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    """Off by one along the first axis, as when t + 1 or t - 1 is used for t."""
    if w.dim() == 0 or w.shape[0] < 4:
        return None
    if _near(g[1:], w[:-1], tol):
        return "shifted by one: entry i holds what belongs at i - 1"
    if _near(g[:-1], w[1:], tol):
        return "shifted by one: entry i holds what belongs at i + 1"
    return None


def _first_sample_only(g: torch.Tensor, w: torch.Tensor, tol: float) -> str | None:
    if w.dim() < 2 or w.shape[0] < 2 or not w.numel():
        return None
    rows, wanted = g.flatten(1), w.flatten(1)
    largest = wanted.abs().nan_to_num(0, 0, 0).amax(1, keepdim=True)
    near = (rows - wanted).abs() <= 10 * tol * wanted.abs() + tol * largest + 1e-12
    right = (near | (rows == wanted)).all(1).tolist()
    if right[0] and not any(right[1:]):
        return "only the first sample is right: the others are treated like it"
    if any(right):
        wrong = [i for i, ok in enumerate(right) if not ok]
        return f"samples {wrong} of the batch are wrong, the others right"
    return None


LENSES = (
    _all_zero, _sign, _factor, _offset, _permuted_axes, _shifted, _first_sample_only, _regrouped,
)  # fmt: skip
