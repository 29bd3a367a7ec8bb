"""How well a hole is filled: MAE and PSNR inside it, two classical fillings, and one table.

Images are float32 (B, C, H, W) in [-1, 1], masks (B, 1, H, W) with 1 in the hole.
"""

import json
import math
from pathlib import Path

import torch

KINDS = ("center", "corner", "random_box", "free_form")  # in turns, in every set of test holes
STORED = Path(__file__).parent / "assets" / "07_inpainting.safetensors"


def mae(filled, truth, mask):
    """Mean absolute error over the values in the holes, a float."""
    return (((filled - truth).abs() * mask).sum() / (mask.sum() * truth.shape[1])).item()


def psnr(filled, truth, mask):
    """Peak signal-to-noise ratio in the holes, in decibel, for values from -1 to 1."""
    mse = (((filled - truth) ** 2 * mask).sum() / (mask.sum() * truth.shape[1])).item()
    return 10 * math.log10(4 / max(mse, 1e-12))


def mean_fill(images, mask):
    """Every hole filled with the mean colour of the visible pixels of its own image."""
    seen = 1 - mask
    mean = (images * seen).sum((2, 3), keepdim=True) / seen.sum((2, 3), keepdim=True).clamp(min=1)
    return images * seen + mean * mask


def biharmonic_fill(images, mask):
    """Every hole filled by the smoothest surface that continues its edge (scikit-image).

    The surface may overshoot; it is cut back to [-1, 1]. About 20 ms per image of 32 x 32.
    """
    from skimage.restoration import inpaint_biharmonic

    filled = []
    for image, hole in zip(images.cpu(), mask.cpu(), strict=True):
        pixels = image.permute(1, 2, 0).double().numpy()
        result = inpaint_biharmonic(pixels, hole[0].numpy() > 0, channel_axis=-1)
        filled.append(torch.from_numpy(result).permute(2, 0, 1))
    return torch.stack(filled).to(images).clamp(-1, 1)


def held_out_holes(count, seed=0):
    """The stored masks on which the lesson measures, the four kinds in turns: (count, 1, 32, 32).

    Seeds 0 and 1 share no mask.
    """
    from safetensors.torch import load_file

    holes = load_file(STORED)[f"seed {seed}"]
    return holes[torch.arange(count) % len(holes)].float()


def holes_by_kind(count):
    """Test holes of each kind: name -> (count, 1, 32, 32)."""
    holes = held_out_holes(count * len(KINDS))
    return {kind: holes[i :: len(KINDS)] for i, kind in enumerate(KINDS)}


def passes_gate(results, truth, mask):
    """Whether the last filling has 40 % less error than the first, and less than the second.

    results: mean colour, biharmonic and a network's, by name. Prints both comparisons.
    """
    flat, smooth, error = (mae(filled, truth, mask) for filled in results.values())
    print(
        f"{1 - error / flat:.0%} below the mean colour, {1 - error / smooth:.0%} below biharmonic"
    )
    return error <= 0.6 * flat and error < smooth


def stored_fillings(names):
    """What the provided network painted into the lesson's holes, by the name of the schedule."""
    return {name: _stored_images(name) for name in names}


def stored_way():
    """The provided network's way from noise (B, n, C, H, W), and its answers (N, m, C, H, W)."""
    return _stored_images("way"), _stored_images("answers")


def stored_histories():
    """Training histories of the lesson's runs, by name, as `fit` returns them; seed 0."""
    from safetensors import safe_open

    with safe_open(STORED, framework="pt") as file:
        return json.loads((file.metadata() or {}).get("histories", "{}"))


def _stored_images(name):
    from safetensors.torch import load_file

    return load_file(STORED)[name].float() / 127.5 - 1


def save_stored(holes=None, images=None, histories=None):
    """Store masks by seed, images in [-1, 1] by name, and histories by name; the rest stays."""
    from safetensors.torch import load_file, save_file

    known = STORED.is_file()
    tensors = load_file(STORED) if known else {}
    for seed, masks in (holes or {}).items():
        tensors[f"seed {seed}"] = masks.to(torch.uint8)
    for name, pixels in (images or {}).items():
        tensors[name] = ((pixels.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).contiguous()
    histories = (stored_histories() if known else {}) | (histories or {})
    save_file(tensors, STORED, metadata={"histories": json.dumps(histories)})
    STORED.chmod(0o644)


def results_table(fillings, truth, mask):
    """MAE for each kind of hole and for all, and PSNR, for a dict name -> filled images: text.

    The kinds of holes come in turns, as in `held_out_holes`.
    """
    width = max(17, *map(len, fillings)) + 2
    lines = [f"{'MAE in the hole':{width}}" + "".join(f"{k:<12}" for k in (*KINDS, "all", "PSNR"))]
    for name, filled in fillings.items():
        each = [slice(i, None, len(KINDS)) for i in range(len(KINDS))]
        errors = [mae(filled[s], truth[s], mask[s]) for s in (*each, slice(None))]
        cells = [*(f"{error:.3f}" for error in errors), f"{psnr(filled, truth, mask):.1f} dB"]
        lines.append(f"{name:{width}}" + "".join(f"{cell:<12}" for cell in cells).rstrip())
    return "\n".join(lines)
