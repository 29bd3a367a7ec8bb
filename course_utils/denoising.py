"""Measures a denoiser `model(noisy, t)` at chosen noise levels, next to tuned classical filters.

Noise of level sigma belongs to the timestep t = sigma / noise_level * num_timesteps.
"""

from pathlib import Path

import torch

from course_utils.filters import add_noise, psnr, tune_filters

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.95)  # where curves are measured
GATE_LEVELS = (0.25, 0.5, 0.75)
MIN_GAIN = 6.0  # dB above the noisy image
TIMESTEPS = 1000
STORED = Path(__file__).parent / "assets" / "03_unet.safetensors"


@torch.no_grad()
def denoise(model, noisy, sigma, noise_level=1.0):
    """The model's clean images for noise of level sigma, in eval mode; its mode is put back."""
    training = model.training
    model.eval()
    t = torch.full((len(noisy),), round(sigma / noise_level * TIMESTEPS), device=noisy.device)
    clean = model(noisy, t)
    model.train(training)
    return clean


def gains(model, clean, levels=LEVELS, seed=0):
    """dB above the noisy image, for each noise level."""
    found = []
    for sigma in levels:
        noisy = add_noise(clean, sigma, seed)
        found.append(psnr(denoise(model, noisy, sigma), clean) - psnr(noisy, clean))
    return found


def told(model, clean, sigma, claims, seed=0):
    """dB above or below what the model reaches with the true timestep, for each claimed one."""
    noisy = add_noise(clean, sigma, seed)
    honest = psnr(denoise(model, noisy, sigma), clean)
    return [psnr(denoise(model, noisy, t / TIMESTEPS), clean) - honest for t in claims]


def compare(model, test, train, levels=GATE_LEVELS):
    """One row per noise level: dict name -> PSNR in dB on test images (N, 1, H, W).

    The filters are tuned on the train images and get the same noisy images as the model.
    """
    return [_row(model, test, train, sigma) for sigma in levels]


def _row(model, test, train, sigma):
    device = next(model.parameters()).device
    noisy = add_noise(test, sigma, seed=1)
    row = {"sigma": sigma, "noisy": psnr(noisy, test)}
    row |= {tuned.name: psnr(tuned(noisy), test) for tuned in tune_filters(train, sigma)}
    return row | {"U-Net": psnr(denoise(model, noisy.to(device), sigma).cpu(), test)}


def passes_gate(rows):
    """At every level: 6 dB above the noisy image, and above every filter."""
    return all(row["U-Net"] >= max(row["noisy"] + MIN_GAIN, *_filters(row)) for row in rows)


def table(rows):
    """The rows as text, with how far the U-Net is above the noisy image and the best filter."""
    names = [name for name in rows[0] if name != "sigma"]
    lines = ["sigma " + "".join(f"{name:>17}" for name in [*names, "gain", "above filters"])]
    for row in rows:
        over = row["U-Net"] - row["noisy"], row["U-Net"] - max(_filters(row))
        values = [row[name] for name in names] + list(over)
        lines.append(f"{row['sigma']:<6g}" + "".join(f"{value:14.2f} dB" for value in values))
    return "\n".join(lines)


def _filters(row):
    return [value for name, value in row.items() if name not in ("sigma", "noisy", "U-Net")]


def stored(name):
    """What the lesson's own run gave, for learners whose network is not ready yet.

    "gains" (4, 5) and "claims" (3, 6) in dB; "pictures" (3, 8, 1, 16, 16), "told"
    (6, 8, 1, 16, 16) and "capstone" (10, 1, 16, 16), images in [-1, 1].
    """
    from safetensors.torch import load_file

    value = load_file(STORED)[name]
    return value.float() / 127.5 - 1 if value.dtype == torch.uint8 else value


def store(numbers, pictures):
    """Write two dicts, name -> numbers as they are and name -> images in [-1, 1] as bytes."""
    from safetensors.torch import save_file

    as_bytes = {n: ((v.clamp(-1, 1) + 1) * 127.5).round().byte() for n, v in pictures.items()}
    STORED.parent.mkdir(exist_ok=True)
    save_file(numbers | as_bytes, STORED)
