"""Samples drawn once by a lesson's own run, for learners whose sampler is not ready yet."""

from pathlib import Path

import torch

FOLDER = Path(__file__).parent / "assets"


def stored_samples(lesson, guidance_scale, per_class):
    """The first samples of each class, class after class: float32 (classes * per_class, C, H, W).

    In [-1, 1]. Raises KeyError for a guidance scale that is not stored.
    """
    from safetensors.torch import load_file

    stored = load_file(FOLDER / f"{lesson}_samples.safetensors")
    images = stored[f"w = {guidance_scale:g}"][:, :per_class]  # (classes, per_class, C, H, W)
    return images.flatten(0, 1).float() / 127.5 - 1


def save_samples(lesson, samples):
    """Write {guidance scale: images (classes * n, C, H, W) in [-1, 1], class by class} as bytes."""
    from safetensors.torch import save_file

    FOLDER.mkdir(exist_ok=True)
    save_file(
        {f"w = {w:g}": _as_bytes(images) for w, images in samples.items()},
        FOLDER / f"{lesson}_samples.safetensors",
    )


def _as_bytes(images, classes=10):
    pixels = ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return pixels.unflatten(0, (classes, -1)).contiguous()
