"""The lesson's functions beside the schedulers of the library `diffusers`, and its autoencoders.

The library is an optional extra; nothing here imports it before it is asked for.
"""

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from course_utils.data import DataUnavailable
from course_utils.latent_lab import psnr

MISSING = "diffusers is not installed; after `pip install diffusers` this cell can use it."
NO_VAE = (
    "no autoencoder of Stable Diffusion in {folder}: put a folder with config.json and "
    "diffusion_pytorch_model.safetensors there (the folder `vae` of any Stable Diffusion model)"
)
VAE_FOLDER = "data/stable-diffusion-vae"
T, STEPS = 1000, 20
FIRST, LAST = 1e-4, 0.02  # of the betas


def installed():
    return find_spec("diffusers") is not None


def table(*functions):
    """What is compared and the largest difference, a line each; one line where nothing can be."""
    if not installed():
        return MISSING
    lines = [f"{'compared with diffusers':<44}largest difference"]
    lines += [f"{what:<44}{gap:.1e}" for what, gap in differences(*functions).items()]
    return "\n".join(lines)


class LibraryVAE(nn.Module):
    """An `AutoencoderKL` of diffusers as a VAE of this course."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def encode(self, images):
        posterior = self.inner.encode(images).latent_dist
        return posterior.mean, posterior.logvar

    def decode(self, z):
        return self.inner.decode(z).sample


def load_vae(folder=VAE_FOLDER):
    """(vae, scaling_factor) of an `AutoencoderKL` saved in folder, in eval mode and frozen.

    The folder may also be that of a whole pipeline. Nothing is downloaded. Raises
    `DataUnavailable`, with one line that says what to do, where library or files are missing.
    """
    if not installed():
        raise DataUnavailable(MISSING)
    inside = Path(folder) / "vae"
    place = inside if inside.is_dir() else Path(folder)
    if not (place / "config.json").is_file():
        raise DataUnavailable(NO_VAE.format(folder=folder))
    try:
        from diffusers import AutoencoderKL

        options = {"local_files_only": True, "low_cpu_mem_usage": False}  # True wants `accelerate`
        inner = AutoencoderKL.from_pretrained(str(place), torch_dtype=torch.float32, **options)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataUnavailable(NO_VAE.format(folder=folder)) from error
    return LibraryVAE(inner).eval().requires_grad_(False), inner.config.scaling_factor


def there_and_back(images, encode_latents, decode_latents, folder=VAE_FOLDER):
    """Images through the autoencoder in folder; where there is none, says so and returns None."""
    try:
        vae, factor = load_vae(folder)
    except DataUnavailable as missing:
        print(missing)
        return None
    latents = encode_latents(vae, images, factor)
    back = decode_latents(vae, latents, factor)
    print(f"{images.numel()} numbers became {latents.numel()}; scaling factor {factor}")
    print(f"for these pictures it would be {(factor / latents.std()).item():.5f}")
    print(f"there and back: {psnr(back, images):.1f} dB")
    return back


def differences(precompute_schedule, reverse_mean, ddim_step, dpm_solver_pp_2m):
    """What is compared -> largest difference, relative to the largest value."""
    mine = SimpleNamespace(reverse_mean=reverse_mean, ddim_step=ddim_step)
    mine.dpm_solver_pp_2m = dpm_solver_pp_2m
    mine.schedule = precompute_schedule(torch.linspace(FIRST, LAST, T))
    x_t, eps, z = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = {"DDPMScheduler, alpha_bar": _gap(mine.schedule["alpha_bar"], _ddpm().alphas_cumprod)}
    found |= _ddpm_gaps(mine, x_t, eps) | _ddim_gaps(mine, x_t, eps, z)
    found["DPMSolverMultistepScheduler, 20 steps"] = _solver_gap(mine)
    return found


def _ddpm_gaps(mine, x_t, eps, t=500):
    """The library draws its own noise; with the same seed it is this z."""
    z = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(1))
    mean = mine.reverse_mean(x_t, torch.full((len(x_t),), t), eps, mine.schedule)
    ours = {
        "fixed_large": mean + mine.schedule["betas"][t].sqrt() * z,  # lesson 04's sampler
        "fixed_small": mine.ddim_step(x_t, eps, t, t - 1, mine.schedule, 1.0, z),
    }
    gaps = {}
    for variance, step in ours.items():
        generator = torch.Generator().manual_seed(1)
        theirs = _ddpm(variance).step(eps, t, x_t, generator=generator).prev_sample
        gaps[f"DDPMScheduler.step, {variance}, t = {t}"] = _gap(step, theirs)
    return gaps


def _ddim_gaps(mine, x_t, eps, z):
    theirs = _scheduler("DDIMScheduler", clip_sample=False)
    theirs.set_timesteps(STEPS)
    stride, gaps = T // STEPS, {}
    for t in (T - 1, 499, stride - 1):  # the last one leads to the clean image
        step = theirs.step(eps, t, x_t).prev_sample
        ours = mine.ddim_step(x_t, eps, t, t - stride, mine.schedule)
        gaps[f"DDIMScheduler.step, t = {t}"] = _gap(ours, step)
    noisy = theirs.step(eps, 499, x_t, eta=0.7, variance_noise=z).prev_sample
    ours = mine.ddim_step(x_t, eps, 499, 499 - stride, mine.schedule, 0.7, z)
    return gaps | {"DDIMScheduler.step, t = 499, eta = 0.7": _gap(ours, noisy)}


def _solver_gap(mine):
    def model(x_t, t):  # any smooth function will do
        return torch.sin(x_t) + t.reshape(-1, 1, 1, 1) / T

    visited = torch.linspace(T - 1, 0, STEPS, dtype=torch.float64).round().long().tolist()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        ours = mine.dpm_solver_pp_2m(model, (2, 3, 8, 8), mine.schedule, STEPS, "cpu")
        torch.manual_seed(2)
        x = torch.randn(2, 3, 8, 8)
    theirs = _scheduler("DPMSolverMultistepScheduler")
    theirs.set_timesteps(timesteps=visited)
    for t in visited:
        x = theirs.step(model(x, torch.full((2,), t)), t, x).prev_sample
    return _gap(ours, x)


def _ddpm(variance="fixed_small"):
    return _scheduler("DDPMScheduler", clip_sample=False, variance_type=variance)


def _scheduler(name, **options):
    import diffusers

    betas = torch.linspace(FIRST, LAST, T).numpy()
    return getattr(diffusers, name)(num_train_timesteps=T, trained_betas=betas, **options)


def _gap(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
