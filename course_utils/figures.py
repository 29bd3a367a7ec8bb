"""Figures that explain an idea: curves, clouds of points, and a slider for the noise level."""

import torch

from course_utils.plotting import COLOURS, Picture, show_images


def plot_curves(curves, xlabel, ylabel, log=False, alt=None):
    """One line per entry of a dict name -> values (T,), over the index; log is for the y axis."""
    figure, (axes,) = _panels(1, 6, 3)
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(torch.as_tensor(values), color=colour, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    ends = [f"{name} goes from {v[0]:.3g} to {v[-1]:.3g}" for name, v in curves.items()]
    return Picture(figure, alt or f"{ylabel} over {xlabel}: {', '.join(ends)}.")


def plot_points(panels, labels=None, alt=None):
    """Clouds of points (N, 2) side by side, from a dict title -> points; labels (N,) as colours."""
    figure, every_axes = _panels(len(panels), 2.1 * len(panels), 2.3)
    colours = COLOURS[0] if labels is None else [COLOURS[label] for label in labels]
    for axes, (title, points) in zip(every_axes, panels.items(), strict=True):
        axes.scatter(*points.T, s=4, c=colours, linewidths=0)
        axes.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), xticks=[], yticks=[], aspect="equal")
        axes.set_title(title, fontsize=10)
    return Picture(figure, alt or f"Clouds of points, from left to right: {', '.join(panels)}.")


def explore_noise(images, schedule, forward_diffusion):
    """A slider for t above noisy versions of images (B, C, H, W); the noise stays the same."""
    from ipywidgets import IntSlider, interact

    def at(t):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            x_t, _ = forward_diffusion(images, torch.full((len(images),), t), schedule)
        return show_images(x_t, len(images), alt=f"{len(images)} images at t = {t}.")

    last = len(schedule["betas"]) - 1
    interact(at, t=IntSlider(last // 5, 0, last, description="t"))


def _panels(count, width, height):
    """A figure with so many axes in a row; not one of pyplot's, which would show itself as well."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def schedule_table(schedules):
    """alpha_bar at four moments, and when half of it is gone, for a dict name -> schedule: text."""
    width = max(map(len, schedules)) + 2
    lines = [f"{'alpha_bar at':{width}}T/4     T/2     3T/4    T-1       below 0.5 from t ="]
    for name, schedule in schedules.items():
        bar = schedule["alpha_bar"].tolist()
        T = len(bar)
        early, middle, late = (f"{bar[T * quarter // 4]:<8.4f}" for quarter in (1, 2, 3))
        half = sum(value >= 0.5 for value in bar)
        lines.append(f"{name:{width}}{early}{middle}{late}{bar[-1]:<10.2g}{half} of {T}")
    return "\n".join(lines)
