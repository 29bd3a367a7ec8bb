"""Classical denoisers, tuned with care: what a trained network has to beat.

A filter takes noisy images (N, 1, H, W) and returns images of the same shape. None of them has
ever seen a digit; `tune_filters` chooses their settings on training images.
"""

from dataclasses import dataclass
from itertools import product

import torch

PEAK = 2.0  # images run from -1 to 1


def psnr(images, clean):
    """Mean peak signal-to-noise ratio in dB, 10 log10(peak^2 / MSE), of images (N, C, H, W).

    Images are clamped to [-1, 1] first, as they are when they are shown.
    """
    squared = (images.detach().clamp(-1, 1) - clean).square().flatten(1).mean(1)  # (N,)
    return (10 * torch.log10(PEAK**2 / squared.clamp_min(1e-12))).mean().item()


def gaussian(noisy, sigma):
    """Weighted mean of the neighbourhood; sigma in pixels."""
    from scipy.ndimage import gaussian_filter

    return _mapped(noisy, lambda stack: gaussian_filter(stack, (0, 0, sigma, sigma)))


def median(noisy, height, width):
    """Median of the neighbourhood of height x width pixels."""
    from scipy.ndimage import median_filter

    return _mapped(noisy, lambda stack: median_filter(stack, (1, 1, height, width)))


def non_local_means(noisy, sigma, strength, patch_distance):
    """Mean of all pixels whose 5x5 surroundings look alike (Buades et al. 2005).

    sigma is the standard deviation of the noise; strength is the filter's h in units of it.
    """
    from skimage.restoration import denoise_nl_means

    about = {"patch_size": 5, "patch_distance": patch_distance, "fast_mode": False}
    flat = noisy.flatten(0, 1).numpy()  # (N * C, H, W)
    done = [denoise_nl_means(i, h=strength * sigma, sigma=sigma, **about) for i in flat]
    return torch.stack([torch.as_tensor(i, dtype=noisy.dtype) for i in done]).view_as(noisy)


FILTERS = {"Gaussian": gaussian, "median": median, "NL means": non_local_means}


@dataclass(frozen=True)
class TunedFilter:
    """A filter with the settings that gave the best PSNR on the tuning images."""

    name: str
    settings: dict

    def __call__(self, noisy):
        return FILTERS[self.name](noisy, **self.settings)

    def __str__(self):
        chosen = ", ".join(f"{key} = {value:g}" for key, value in self.settings.items())
        return f"{self.name} ({chosen})"


def candidates(sigma):
    """Every setting that is tried for noise of standard deviation sigma."""
    grids = {
        "Gaussian": {"sigma": [0.3 + 0.1 * i for i in range(13)]},
        "median": {"height": [1, 2, 3, 5], "width": [1, 2, 3, 5]},
        "NL means": {
            "sigma": [sigma], "strength": [0.6, 0.8, 1.0, 1.2, 1.4], "patch_distance": [5, 8, 15],
        },
    }  # fmt: skip
    return {name: _every(name, grid) for name, grid in grids.items()}


def _every(name, grid):
    combined = product(*grid.values())
    return [TunedFilter(name, dict(zip(grid, values, strict=True))) for values in combined]


def tune_filters(clean, sigma, seed=0):
    """The best `TunedFilter` of each kind on clean images with noise of level sigma."""
    noisy = add_noise(clean, sigma, seed)
    return [
        max(tried, key=lambda tuned: psnr(tuned(noisy), clean))
        for tried in candidates(sigma).values()
    ]


def add_noise(clean, sigma, seed=0):
    """clean + sigma * noise; the same noise for the same seed, and no other draw is disturbed."""
    generator = torch.Generator().manual_seed(seed)
    return clean + sigma * torch.randn(clean.shape, generator=generator)


def _mapped(noisy, change):
    return torch.as_tensor(change(noisy.numpy()))
