"""How masks that are drawn at random are judged: by what all of them have in common."""

from __future__ import annotations

import random

import torch
from torch.utils._python_dispatch import _disable_current_modes as real_draws

from course_utils.engine.case import Case
from course_utils.engine.runner import expect

COUNTS = {"center": 3, "corner": 64, "random_box": 120, "free_form": 24}


def drawn_masks(target: object, mode: str, size: int, count: int, seed: int) -> list[torch.Tensor]:
    """Masks in a row from one generator; the draws are real ones, that follow the generator."""
    generator = torch.Generator().manual_seed(seed)
    return [expect(torch.Tensor, target(mode, size, generator), "a tensor") for _ in range(count)]


def mask_outputs(target: object, case: Case, mode: str, size: int) -> dict:
    """Form and repeatability of the masks of a mode, then what the mode promises."""
    seed, count = case.size(0, 10**6), COUNTS[mode]
    with real_draws():
        before = torch.get_rng_state(), random.getstate()
        masks = drawn_masks(target, mode, size, count, seed)
        alone = torch.equal(before[0], torch.get_rng_state()) and before[1] == random.getstate()
        torch.rand(3), random.random()  # another global state for the second round
        again = drawn_masks(target, mode, size, min(count, 8), seed)
        kinds = sorted({f"{m.dtype}, {tuple(m.shape)}" for m in masks})
        outputs = {
            "dtype and shape": kinds,
            "the same seed gives the same masks": all(map(torch.equal, masks, again)),
            "the global random state is left alone": alone,
        }
        if kinds != [f"torch.float32, {(1, size, size)}"]:
            return outputs
        stack = torch.cat(masks)  # (count, S, S)
        outputs["only zeros and ones"] = bool(((stack == 0) | (stack == 1)).all())
        return outputs | PROMISES[mode](stack, size)


def refusal_of_mode(target: object, mode: str) -> dict:
    """How an unknown mode is answered: kind of error, and which of the four it names."""
    try:
        target(mode, 16, torch.Generator())
    except NotImplementedError:
        raise
    except Exception as error:
        named = [name for name in COUNTS if name in str(error)]
        kind = "ValueError" if isinstance(error, ValueError) else type(error).__name__
        return {"error": kind, "modes it names": named}
    return {"error": "none", "modes it names": []}


def _center(masks: torch.Tensor, size: int) -> dict:
    return {"mask": masks[0], "all alike": bool((masks == masks[0]).all())}


def _corner(masks: torch.Tensor, size: int) -> dict:
    boxes = _boxes(masks)
    return {
        "holes are boxes": _filled(masks, boxes),
        "height and width": sorted({f"{b[2]} x {b[3]}" for b in boxes}),
        "corners that occur": sorted({_corner_name(b, size) for b in boxes}),
    }


def _corner_name(box: tuple, size: int) -> str:
    top, left, height, width = box
    row = "top" if top == 0 else "bottom" if top + height == size else "middle"
    column = "left" if left == 0 else "right" if left + width == size else "middle"
    return f"{row} {column}"


def _random_box(masks: torch.Tensor, size: int) -> dict:
    boxes = _boxes(masks)
    tops, lefts, heights, widths = (torch.tensor(v) for v in zip(*boxes, strict=True))
    sides = torch.cat([heights, widths])
    slack = max(1, size // 16)
    wide = int(sides.min()) <= size // 4 + slack and int(sides.max()) >= size // 2 - slack
    return {
        "holes are boxes": _filled(masks, boxes),
        "sides are at least S/4": bool(sides.min() >= size // 4),
        "sides are at most S/2": bool(sides.max() <= size // 2),
        "small and large sides occur": wide,
        "height and width are drawn on their own": _apart(heights, widths),
        "the place varies": bool(tops.max() - tops.min() >= size // 4)
        and bool(lefts.max() - lefts.min() >= size // 4),
        "row and column are drawn on their own": _apart(tops, lefts),
    }


def _free_form(masks: torch.Tensor, size: int) -> dict:
    share = masks.mean((1, 2))
    boxes = [_filled(m[None], _boxes(m[None])) for m in masks]
    quarters = masks.mean(0).unfold(0, size // 2, size // 2).unfold(1, size // 2, size // 2)
    return {
        "at least 5 % of the pixels": bool(share.min() >= 0.05),
        "at most 60 % of the pixels": bool(share.max() <= 0.6),
        "strokes, not boxes": sum(boxes) <= len(boxes) // 4,
        "strokes, not single pixels": _clustering(masks) > 1.25,
        "every quarter of the image can be hit": bool((quarters.mean((2, 3)) > 0.01).all()),
        "each one is another": len({m.numpy().tobytes() for m in masks}) > len(masks) // 2,
    }


PROMISES = {
    "center": _center, "corner": _corner, "random_box": _random_box, "free_form": _free_form,
}  # fmt: skip


def _boxes(masks: torch.Tensor) -> list[tuple[int, int, int, int]]:
    """The smallest box (top, left, height, width) around each hole; (0, 0, 0, 0) for none."""
    found = []
    for mask in masks:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        if not len(rows):
            found.append((0, 0, 0, 0))
            continue
        top, left = int(rows[0]), int(columns[0])
        found.append((top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left))
    return found


def _filled(masks: torch.Tensor, boxes: list) -> bool:
    areas = [height * width for _, _, height, width in boxes]
    return masks.sum((1, 2)).int().tolist() == areas


def _apart(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two columns of drawn numbers are uncorrelated; constant columns count as tied."""
    both = torch.stack([a, b]).double()
    if (both.std(1) == 0).any():
        return False
    return abs(float(torch.corrcoef(both)[0, 1])) < 0.6


def _clustering(masks: torch.Tensor) -> float:
    """How much likelier a hole pixel's neighbour is a hole than any pixel is: 1 for sprinkles."""
    right = (masks[:, :, 1:] * masks[:, :, :-1]).mean()
    below = (masks[:, 1:] * masks[:, :-1]).mean()
    slant = (masks[:, 1:, 1:] * masks[:, :-1, :-1]).mean()
    other = (masks[:, 1:, :-1] * masks[:, :-1, 1:]).mean()
    by_chance = (masks.mean((1, 2)) ** 2).mean()
    return float((right + below + slant + other) / 4 / by_chance.clamp(min=1e-6))


def refusal_of_value(call) -> str:
    """Whether a call ends with a ValueError; else what came instead."""
    try:
        call()
    except NotImplementedError:
        raise
    except ValueError:
        return "ValueError"
    except Exception as error:
        return type(error).__name__
    return "no error"
