"""The lesson's functions beside the schedulers of the library `diffusers`, number by number.

The library is an optional extra; nothing here imports it before it is asked for.
"""

from importlib.util import find_spec
from types import SimpleNamespace

import torch

MISSING = "diffusers is not installed; with `pip install diffusers` this cell compares numbers."
T, STEPS = 1000, 20


def installed():
    return find_spec("diffusers") is not None


def table(*functions):
    """What is compared and the largest difference, a line each; one line where nothing can be."""
    if not installed():
        return MISSING
    lines = [f"{'compared with diffusers':<44}largest difference"]
    lines += [f"{what:<44}{gap:.1e}" for what, gap in differences(*functions).items()]
    return "\n".join(lines)


def differences(precompute_schedule, ddim_step, sample_ddim, dpm_solver_pp_2m):
    """What is compared -> largest difference, relative to the largest value."""
    mine = SimpleNamespace(ddim_step=ddim_step, dpm_solver_pp_2m=dpm_solver_pp_2m)
    mine.schedule = precompute_schedule(torch.linspace(1e-4, 0.02, T))
    x_t, eps, z = torch.randn(3, 2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = {"alpha_bar of DDPMScheduler": _gap(mine.schedule["alpha_bar"], _ddpm().alphas_cumprod)}
    found |= _ddim_gaps(mine, x_t, eps, z)
    found["a run of DPMSolverMultistepScheduler"] = _solver_gap(mine)
    return found


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
    gaps["DDIMScheduler.step, t = 499, eta = 0.7"] = _gap(ours, noisy)
    return gaps | {"DDPMScheduler.step, fixed_small, t = 500": _ddpm_gap(mine, x_t, eps)}


def _ddpm_gap(mine, x_t, eps):
    """The library draws its own noise; with the same seed it is this z."""
    generator = torch.Generator().manual_seed(1)
    step = _ddpm().step(eps, 500, x_t, generator=generator).prev_sample
    z = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(1))
    return _gap(mine.ddim_step(x_t, eps, 500, 499, mine.schedule, 1.0, z), step)


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


def _ddpm():
    return _scheduler("DDPMScheduler", clip_sample=False, variance_type="fixed_small")


def _scheduler(name, **options):
    import diffusers

    betas = torch.linspace(1e-4, 0.02, T).numpy()
    return getattr(diffusers, name)(num_train_timesteps=T, trained_betas=betas, **options)


def _gap(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
