"""Digits as tokens: rows of whole digits, and one digit cut into patches."""

import torch


def digit_rows(images, labels, count, length, generator):
    """Random rows of digits: tokens (count, length, H·W) and their labels (count, length).

    images (N, 1, H, W) and labels (N,) may be on any device; the draws come from the generator.
    """
    chosen = torch.randint(len(images), (count, length), generator=generator).to(images.device)
    return images[chosen].flatten(2), labels[chosen]


def digit_patches(images, size=4):
    """Square patches, row by row: (B, 1, H, W) → (B, H/size · W/size, size²)."""
    patches = images.unfold(2, size, size).unfold(3, size, size)  # (B, 1, H/s, W/s, s, s)
    return patches.flatten(4).flatten(1, 3)


def left_of(labels):
    """For each digit of a row (B, L) the label of its left neighbour; -100 for the first one.

    -100 is what `F.cross_entropy` leaves out.
    """
    return torch.nn.functional.pad(labels[:, :-1], (1, 0), value=-100)
