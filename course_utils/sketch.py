"""Tiny SVG drawings of two tensors, expected and got, for the card of a check."""

from __future__ import annotations

import torch

SIDE = 84  # pixels
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by colour-blind readers too


def compare(want: torch.Tensor, got: torch.Tensor) -> str | None:
    """An SVG of the first sample that differs; None where a drawing would not help."""
    if not want.dtype.is_floating_point or want.numel() < 4 or got.shape != want.shape:
        return None
    want, got = want.double(), got.double()
    if want.dim() >= 3:
        return _images(*_first_different(want, got))
    return _curves(want.flatten(), got.flatten()) if want.dim() == 1 else None


def _first_different(want: torch.Tensor, got: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """One image (H, W) of each: the first sample with a clear difference, its first channel."""
    gap = (want - got).abs().nan_to_num(1e9).flatten(1).amax(1)  # (B,)
    i = int((gap > gap.max() / 10).nonzero()[0])
    w, g = want[i], got[i]
    while w.dim() > 2:
        w, g = w[0], g[0]
    return w, g


def _images(want: torch.Tensor, got: torch.Tensor) -> str | None:
    if max(want.shape) > 32:
        return None
    finite = torch.cat([want.flatten(), got.flatten()])
    finite = finite[torch.isfinite(finite)]
    low, high = finite.min().item(), finite.max().item()
    return _figure([("expected", _cells(want, low, high)), ("yours", _cells(got, low, high))])


def _cells(image: torch.Tensor, low: float, high: float) -> str:
    rows, columns = image.shape
    w, h = SIDE / columns, SIDE / rows
    grey = ((image - low) / max(high - low, 1e-12) * 255).nan_to_num(0).clamp(0, 255).int()
    return "".join(
        f'<rect x="{c * w:.1f}" y="{r * h:.1f}" width="{w + 0.2:.1f}" height="{h + 0.2:.1f}" '
        f'fill="rgb({v},{v},{v})"/>'
        for r, row in enumerate(grey.tolist())
        for c, v in enumerate(row)
    )


def _curves(want: torch.Tensor, got: torch.Tensor) -> str:
    both = torch.cat([want, got])
    finite = both[torch.isfinite(both)]
    low, span = finite.min().item(), max((finite.max() - finite.min()).item(), 1e-12)

    def line(values: torch.Tensor, colour: str, dash: str) -> str:
        step = 2 * SIDE / max(len(values) - 1, 1)
        points = " ".join(
            f"{i * step:.1f},{SIDE - (v - low) / span * SIDE:.1f}"
            for i, v in enumerate(values.nan_to_num(low, low + span, low).tolist())
        )
        return (
            f'<polyline points="{points}" fill="none" stroke="{colour}" '
            f'stroke-width="2" stroke-dasharray="{dash}"/>'
        )

    drawing = line(want, BLUE, "none") + line(got, ORANGE, "5 3")
    return _figure([("expected: blue, yours: orange, dashed", drawing)], width=2 * SIDE)


def _figure(panels: list[tuple[str, str]], width: int = SIDE) -> str:
    step, height = width + 16, SIDE + 20
    parts = [
        f'<g transform="translate({i * step},16)">'
        f'<text x="0" y="-4" font-size="11" fill="currentColor">{label}</text>{drawing}</g>'
        for i, (label, drawing) in enumerate(panels)
    ]
    label = "; ".join(name for name, _ in panels)
    total = len(panels) * step + 60
    return (
        f'<svg role="img" aria-label="{label}" width="{total}" height="{height}" '
        f'viewBox="0 0 {total} {height}">{"".join(parts)}</svg>'
    )
