"""Strokes of a brush as a mask: holes of no particular form."""

import math

import torch


def whole(low, high, generator):
    """A random whole number from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def draw_strokes(image_size, generator):
    """A mask (1, S, S) of wandering strokes that cover a tenth to four tenths of the pixels."""
    S, mask = image_size, torch.zeros(1, image_size, image_size)
    goal = 0.1 + 0.3 * torch.rand((), generator=generator)
    thick = max(1, S // 10)
    while mask.mean() < goal:
        y, x, angle = whole(0, S - 1, generator), whole(0, S - 1, generator), 0.0
        for turn in torch.randn(S // 2, generator=generator).tolist():
            row, column = int(y), int(x)
            mask[:, row : row + thick, column : column + thick] = 1
            angle += turn
            y = min(max(y + math.sin(angle), 0), S - 1)
            x = min(max(x + math.cos(angle), 0), S - 1)
    return mask
