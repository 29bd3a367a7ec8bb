"""Captioned shapes, rendered by code: "a small red circle on the left".

A picture has four attributes, and its caption says all of them. Centre, size, colour and background
vary a little, so that no two pictures are equal. The combinations of colour and shape
in `HELD_OUT` never occur in training: they show what a network makes of words it knows in a pair
that it does not.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F

SHAPES = ("circle", "cross", "triangle")
COLOURS = ("red", "green", "blue", "yellow")
SIZES = ("small", "large")
PLACES = ("in the middle", "on the left", "on the right", "at the top", "at the bottom")
ATTRIBUTES = {"size": SIZES, "colour": COLOURS, "shape": SHAPES, "place": PLACES}
HELD_OUT = (("green", "triangle"), ("red", "cross"))  # named pairs that training never shows

RGB = {"red": (0.9, 0.15, 0.15), "green": (0.1, 0.7, 0.25), "blue": (0.2, 0.35, 0.95),
       "yellow": (0.95, 0.85, 0.15)}  # fmt: skip
RADIUS = {"small": 0.2, "large": 0.31}  # as a part of the picture's side
CENTRE = {"in the middle": (0, 0), "on the left": (0, -1), "on the right": (0, 1),
          "at the top": (-1, 0), "at the bottom": (1, 0)}  # fmt: skip
OFF_CENTRE = 0.21
FINE = 4  # each pixel is the mean of FINE * FINE points


class Pictures(NamedTuple):
    """float32 (N, 3, S, S) in [-1, 1] and int64 attributes (N, 4): size, colour, shape, place."""

    images: torch.Tensor
    attributes: torch.Tensor

    @property
    def captions(self):
        return [caption(row) for row in self.attributes.tolist()]


class CaptionedShapes(NamedTuple):
    """Pictures for training and testing, and pictures of the pairs that training leaves out."""

    train: Pictures
    test: Pictures
    unseen: Pictures


def load_shapes(image_size=16, train=4000, test=1000, unseen=240, seed=0):
    """Return `CaptionedShapes` of image_size 16 or 32. The same seed, the same data set."""
    generator = torch.Generator().manual_seed(seed)
    seen_rows, unseen_rows = all_attributes(), all_attributes(held_out=True)
    parts = ((seen_rows, train), (seen_rows, test), (unseen_rows, unseen))
    drawn = []
    for rows, count in parts:
        chosen = rows[torch.randint(len(rows), (count,), generator=generator)]
        drawn.append(Pictures(render(chosen, image_size, generator), chosen))
    return CaptionedShapes(*drawn)


def all_attributes(held_out=False):
    """Every combination of attributes, (N, 4): those of training, or those that it leaves out."""
    ranges = (torch.arange(len(values)) for values in ATTRIBUTES.values())
    rows = torch.cartesian_prod(*ranges)
    apart = torch.tensor([(COLOURS[c], SHAPES[s]) in HELD_OUT for _, c, s, _ in rows.tolist()])
    return rows[apart == held_out]


def caption(attributes, place=True):
    """The sentence for (size, colour, shape, place), such as "a small red circle on the left"."""
    size, colour, shape, where = attributes
    text = f"a {SIZES[size]} {COLOURS[colour]} {SHAPES[shape]}"
    return f"{text} {PLACES[where]}" if place else text


def render(attributes, image_size=16, generator=None):
    """Draw one picture per row of attributes (N, 4): float32 (N, 3, S, S) in [-1, 1]."""
    N, S = len(attributes), image_size
    size, colour, shape, place = attributes.unbind(1)

    def jitter(*shape, by=1.0):
        return (torch.rand(N, *shape, generator=generator) * 2 - 1) * by

    centre = torch.tensor([CENTRE[where] for where in PLACES])[place] * OFF_CENTRE
    centre = centre + jitter(2, by=0.03)  # (N, 2): y, x
    radius = torch.tensor([RADIUS[name] for name in SIZES])[size] * (1 + jitter(by=0.06))
    points = (torch.arange(S * FINE) + 0.5) / (S * FINE) - 0.5
    y = points[None, :, None] - centre[:, 0, None, None]
    x = points[None, None, :] - centre[:, 1, None, None]  # (N, 1, S * FINE)
    inside = _inside(shape, x, y, radius[:, None, None])
    cover = F.avg_pool2d(inside.float()[:, None], FINE)  # (N, 1, S, S)
    paint = torch.tensor([RGB[name] for name in COLOURS])[colour] + jitter(3, by=0.04)
    back = 0.12 + jitter(1, by=0.06)
    picture = cover * paint[:, :, None, None] + (1 - cover) * back[:, :, None, None]
    return picture.clamp(0, 1) * 2 - 1


def _inside(shape, x, y, radius):
    """Which points (N, P, P) lie in the shape of each picture; the areas are about the same."""
    circle = x**2 + y**2 < radius**2
    long, short = torch.maximum(x.abs(), y.abs()), torch.minimum(x.abs(), y.abs())
    cross = (long < 1.1 * radius) & (short < 0.42 * radius)
    below = y / radius + 1.3  # 0 at the tip of a triangle that stands on its side
    triangle = (below > 0) & (below < 2.1) & (x.abs() / radius < 0.62 * below)
    every = torch.stack(torch.broadcast_tensors(circle, cross, triangle))  # (3, N, P, P)
    return every[shape, torch.arange(len(shape))]
