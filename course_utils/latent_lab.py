"""What lesson 06 measures with: larger digits, clocks, and where a signal drowns in noise."""

import time

import torch
import torch.nn.functional as F

from course_utils.data import load_digits


def large_digits(name="digits"):
    """The `Digits` at 32x32: the embedded ones enlarged, others as they are."""
    real = load_digits(name)
    if real.train_images.shape[-1] == 32:
        return real
    return real._replace(
        train_images=_doubled(real.train_images), test_images=_doubled(real.test_images)
    )


def _doubled(images):
    large = F.interpolate(images, scale_factor=2, mode="bicubic", align_corners=False)
    return large.clamp(-1, 1)


def photograph(side=256):
    """The middle of scikit-learn's photograph of a temple, in [-1, 1]: (1, 3, side, side)."""
    from sklearn.datasets import load_sample_image

    pixels = torch.from_numpy(load_sample_image("china.jpg").copy()).permute(2, 0, 1)
    top, left = ((size - side) // 2 for size in pixels.shape[1:])
    return pixels[None, :, top : top + side, left : left + side] / 127.5 - 1


def timed(call, *args):
    """(result, seconds) of call(*args): CPU time, which other programs do not disturb.

    Of one thread, as the lesson sets it. With a GPU it is the time on the clock.
    """
    with_gpu = torch.cuda.is_available()
    clock = time.perf_counter if with_gpu else time.process_time
    start = clock()
    result = call(*args)
    if with_gpu:
        torch.cuda.synchronize()
    return result, clock() - start


@torch.no_grad()
def call_costs(model, sides, batch=16, repeats=8):
    """Milliseconds per picture of one call model(x_t, t), for pictures of each side: side -> ms."""
    costs, t = {}, torch.zeros(batch, dtype=torch.int64)
    for side in sides:
        x_t = torch.randn(batch, 1, side, side)
        seconds = min(timed(model, x_t, t)[1] for _ in range(repeats + 1))
        costs[side] = 1000 * seconds / batch
    return costs


def drowned_at(spread, schedule):
    """First timestep at which data of this standard deviation are weaker than the noise."""
    alpha_bar = schedule["alpha_bar"]
    return int((alpha_bar * spread**2 >= 1 - alpha_bar).sum())


def psnr(images, others):
    """Peak signal-to-noise ratio in dB of images in [-1, 1], both cut to that range."""
    error = F.mse_loss(images.clamp(-1, 1), others.clamp(-1, 1))
    return (10 * torch.log10(4 / error)).item()


def shortened(schedule, timesteps):
    """Betas of a chain that visits only these timesteps, from the smallest to the largest.

    1 - beta is the ratio of neighbouring alpha_bar, so the noise levels are the same.
    """
    alpha_bar = schedule["alpha_bar"][torch.as_tensor(timesteps).sort().values]
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    return 1 - alpha_bar / before


def distance(images, others):
    """Root of the mean squared difference over all elements, as a float."""
    return (images - others).square().mean().sqrt().item()


def errors_by_steps(samplers, model, shape, schedule, counts):
    """Sampler -> {number of steps: distance from the end of the path}, all from the same noise.

    The end of the path is where 250 steps of the last sampler lead.
    """

    def drawn(sampler, steps):
        torch.manual_seed(1)
        return sampler(model, shape, schedule, steps, "cpu")

    exact = drawn(list(samplers.values())[-1], 250)
    return {
        name: {steps: distance(drawn(sampler, steps), exact) for steps in counts}
        for name, sampler in samplers.items()
    }
