"""Small stages on which a broken function shows what it does: samples, losses, schedules.

A stage gets two namespaces by title, that of the right code and that of the broken one, and
returns one picture of both.
"""

from __future__ import annotations

import torch
from matplotlib.figure import Figure  # here: a time limit must not strike in an import

from course_utils import figures, plotting
from course_utils.data import load_digits
from course_utils.perfect import PerfectDenoiser
from course_utils.plotting import Picture
from course_utils.points import PointModel, two_moons

STEPS = 40  # of the sampling stage
TRAINING_STEPS = 300
LARGEST = 32  # side of a heat map


def _schedule(space: dict, T: int, first: float, last: float) -> dict:
    return space["precompute_schedule"](space["linear_beta_schedule"](T, first, last))


def samples(spaces: dict[str, dict]) -> Picture:
    """Digits drawn with the perfect denoiser."""
    digits, rows = load_digits(), []
    for space in spaces.values():
        torch.manual_seed(0)
        schedule = _schedule(space, STEPS, 2e-3, 0.3)
        perfect = PerfectDenoiser(digits.train_images, schedule["alpha_bar"], digits.train_labels)
        rows.append(space["sample_ddpm"](perfect, (8, 1, 16, 16), schedule, "cpu"))
    alt = "Eight samples of the right code above eight of the broken code, from the same noise."
    return plotting.show_rows(rows, list(spaces), alt=alt)


def guided_samples(spaces: dict[str, dict]) -> Picture:
    """The digits 0 to 9, asked for with a small and a large guidance scale."""
    digits, rows, titles, labels = load_digits(), [], [], torch.arange(10)
    for title, space in spaces.items():
        schedule = _schedule(space, STEPS, 2e-3, 0.3)
        perfect = PerfectDenoiser(digits.train_images, schedule["alpha_bar"], digits.train_labels)
        for w in (0, 3):
            torch.manual_seed(0)
            args = (perfect, (10, 1, 16, 16), schedule, labels, w, 10, "cpu")
            rows.append(space["sample_cfg"](*args))
            titles.append(f"{title}, w = {w}")
    alt = "Samples of the digits 0 to 9 for two guidance scales, by the right and the broken code."
    return plotting.show_rows(rows, titles, list("0123456789"), alt=alt)


def noising(spaces: dict[str, dict]) -> Picture:
    """Digits at growing timesteps."""
    x_0, timesteps = load_digits().test_images[:1].repeat(8, 1, 1, 1), torch.arange(0, 400, 50)
    rows = []
    for space in spaces.values():
        torch.manual_seed(0)
        schedule = _schedule(space, 400, 1e-4, 0.02)
        rows.append(space["forward_diffusion"](x_0, timesteps, schedule)[0])
    alt = "One digit with growing noise, as the right code and the broken code make it."
    return plotting.show_rows(rows, list(spaces), [f"t = {t}" for t in timesteps], alt=alt)


def losses(spaces: dict[str, dict]) -> Picture:
    """Loss curves of a small network on points in the plane."""
    curves = {title: _train(space, _ddpm_step) for title, space in spaces.items()}
    return figures.plot_curves(curves, "step", "loss", log=True)


def losses_with_labels(spaces: dict[str, dict]) -> Picture:
    """The same for a training step that drops labels."""
    curves = {title: _train(space, _cfg_step) for title, space in spaces.items()}
    return figures.plot_curves(curves, "step", "loss", log=True)


def _train(space: dict, step) -> list[float]:
    """Running mean over 20 steps of the loss of a run with a fixed seed."""
    torch.manual_seed(0)
    points, sides = two_moons(500)
    model, schedule = PointModel(50), _schedule(space, 50, 2e-3, 0.24)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    values = []
    for _ in range(TRAINING_STEPS):
        chosen = torch.randint(0, 500, (128,))
        values.append(float(step(space, model, points[chosen], sides[chosen], schedule, optimizer)))
    return torch.tensor(values).unfold(0, 20, 1).mean(1).tolist()


def _ddpm_step(space, model, x_0, labels, schedule, optimizer):
    return space["ddpm_train_step"](model, x_0, schedule, optimizer)


def _cfg_step(space, model, x_0, labels, schedule, optimizer):
    def labelled(x_t, t, labels):
        return model(x_t, t) + 0 * labels[:, None]

    return space["cfg_train_step"](labelled, x_0, labels, schedule, optimizer, 0.1, 2)


def linear(spaces: dict[str, dict]) -> Picture:
    """What is left of the image with linear betas."""
    return _left_of_the_image(spaces, "linear_beta_schedule")


def cosine(spaces: dict[str, dict]) -> Picture:
    return _left_of_the_image(spaces, "cosine_beta_schedule")


def _left_of_the_image(spaces: dict[str, dict], name: str) -> Picture:
    curves = {
        title: space["precompute_schedule"](space[name](200))["alpha_bar"]
        for title, space in spaces.items()
    }
    return figures.plot_curves(curves, "t", "alpha_bar")


STAGES = {
    "linear_beta_schedule": linear,
    "cosine_beta_schedule": cosine,
    "precompute_schedule": linear,
    "forward_diffusion": noising,
    "ddpm_loss": losses,
    "ddpm_train_step": losses,
    "cfg_train_step": losses_with_labels,
    "reverse_mean": samples,
    "sample_ddpm": samples,
    "guided_noise": guided_samples,
    "sample_cfg": guided_samples,
}


def heat_maps(name: str, values: dict[str, torch.Tensor]) -> Picture | None:
    """Two tensors of the same shape as small pictures with one scale; None for other things."""
    maps = {title: _plane(value) for title, value in values.items()}
    first = next(iter(maps.values()))
    if first is None or max(first.shape) > LARGEST or min(first.shape) < 2:
        return None
    finite = torch.cat([m[m.isfinite()] for m in maps.values()])
    figure = Figure(figsize=(5, 2.6), layout="constrained")
    for axes, (title, plane) in zip(figure.subplots(1, 2), maps.items(), strict=True):
        drawn = axes.imshow(plane.numpy(), vmin=float(finite.min()), vmax=float(finite.max()))
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=10)
    figure.colorbar(drawn, ax=figure.axes, shrink=0.8)
    return Picture(figure, f"Two maps of {name}: by the right code and by the broken code.")


def _plane(value: torch.Tensor) -> torch.Tensor | None:
    """The first two-dimensional slice, as float64."""
    if value.dim() < 2:
        return None
    value = value.double()
    return value.reshape(-1, *value.shape[-2:])[0]
