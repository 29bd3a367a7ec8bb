"""The course's figures: one call each, every figure with a description for those who cannot see it.

Each function returns a `Picture`. As the last line of a notebook cell it shows itself; `show` shows
it anywhere else. Colours are those of Okabe and Ito, told apart by colour-blind readers as well.
"""

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import Any

import torch
import torch.nn.functional as F

BLUE, RED, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#999999"
COLOURS = (BLUE, RED, GREEN, PURPLE)


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure and its description (alt text).

    It renders as HTML because JupyterLab shows PNG outputs without alt text.
    """

    figure: Any
    alt: str

    def _repr_html_(self):
        encoded = base64.b64encode(self.png()).decode()
        width = round(self.figure.get_figwidth() * 80)
        return (
            f'<img src="data:image/png;base64,{encoded}" alt="{escape(self.alt)}" width="{width}">'
        )

    def __repr__(self):
        return f"[figure: {self.alt}]"

    def png(self, dpi=160):
        """The figure as the bytes of a PNG file."""
        buffer = io.BytesIO()
        self.figure.savefig(buffer, format="png", dpi=dpi)
        return buffer.getvalue()

    def save(self, path, dpi=160):
        """Write the figure to a file; the name's ending chooses the format."""
        self.figure.savefig(path, dpi=dpi)


def show(figure, alt=None):
    """Show a `Picture`, or a matplotlib figure with its alt text; a script prints the text."""
    from IPython.display import display

    display(figure if isinstance(figure, Picture) else Picture(figure, alt))


def show_images(images, columns=10, titles=None, alt=None):
    """A grid of images (N, C, H, W) in [-1, 1], row by row; titles, if any, one per column."""
    grid = tile(images, columns)
    rows = -(-len(images) // columns)
    figure, axes = _figure(columns * 0.75, rows * 0.75 + 0.3 * bool(titles))
    _draw(axes, grid)
    if titles:
        _label(axes.xaxis, titles, grid.shape[1] / columns)
        axes.xaxis.tick_top()
    return Picture(figure, alt or f"{len(images)} images in {rows} rows of {columns}.")


def show_rows(rows, row_titles, column_titles=None, alt=None):
    """Rows of images, each (N, C, H, W) in [-1, 1], with a title on the left of each row."""
    grid = tile(torch.cat(list(rows)), len(rows[0]))
    margin = 0.2 + 0.09 * max(len(title) for title in row_titles)  # inches for the row titles
    width, height = len(rows[0]) * 0.75 + margin, len(rows) * 0.75 + 0.3 * bool(column_titles)
    figure, axes = _figure(width, height)
    _draw(axes, grid)
    _label(axes.yaxis, row_titles, grid.shape[0] / len(rows))
    if column_titles:
        _label(axes.xaxis, column_titles, grid.shape[1] / len(rows[0]))
        axes.xaxis.tick_top()
    return Picture(figure, alt or f"Rows of images, from top to bottom: {_listed(row_titles)}.")


def show_class_sheet(images, labels, columns=10):
    """The first images of each class (N, C, H, W), one row per class."""
    classes = labels.unique().tolist()
    rows = [images[labels == label][:columns] for label in classes]
    alt = f"{columns} samples of each class, one row per class: {_listed(classes)}."
    return show_rows(rows, [str(label) for label in classes], alt=alt)


def show_forward_process(frames, timesteps, schedule):
    """Noisy versions of the same images: a list of x_t (B, C, H, W), one for each timestep."""
    kept = [f"{schedule['sqrt_alpha_bar'][t]:.2f}" for t in timesteps]
    first, last = timesteps[0], timesteps[-1]
    alt = f"Images fading into noise from t = {first} to {last}; x_0 is scaled by {_listed(kept)}."
    return _show_steps(frames, timesteps, alt)


def show_reverse_process(frames, timesteps):
    """Images emerging from noise: a list of x_t (B, C, H, W), in the order of sampling."""
    first, last = timesteps[0], timesteps[-1]
    alt = f"Images emerging from noise, from t = {first} on the left to t = {last} on the right."
    return _show_steps(frames, timesteps, alt)


def _show_steps(frames, timesteps, alt):
    rows = torch.stack(list(frames), dim=1)  # (B, steps, C, H, W)
    return show_rows(rows, [""] * len(rows), [f"t = {t}" for t in timesteps], alt)


def show_nearest(samples, train_images):
    """Samples (N, C, H, W) above the training image that is nearest to each, pixel by pixel."""
    distances = torch.cdist(samples.flatten(1), train_images.flatten(1))  # (N, M)
    alt = f"{len(samples)} generated images, each above the training image nearest to it."
    rows = [samples, train_images[distances.argmin(1)]]
    return show_rows(rows, ["generated", "nearest in training"], alt=alt)


def plot_schedules(schedules, threshold=0.01, log=False):
    """Signal left, alpha_bar over t / T, for each schedule of a dict name -> schedule."""
    figure, axes = _figure(6, 3.2)
    for (name, schedule), colour in zip(schedules.items(), COLOURS, strict=False):
        alpha_bar = schedule["alpha_bar"].cpu()
        t = torch.arange(len(alpha_bar)) / len(alpha_bar)
        axes.plot(t, alpha_bar, color=colour, label=name)
    axes.axhline(threshold, color=GREY, linestyle="--", linewidth=1)
    axes.set(xlabel="t / T", ylabel="alpha_bar")
    if log:
        axes.set(yscale="log", ylim=(threshold / 100, 2))
    _finish(axes)
    ends = [f"{name} ends at {s['alpha_bar'][-1]:.2g}" for name, s in schedules.items()]
    return Picture(figure, f"alpha_bar falling from 1 as t / T grows: {_listed(ends)}.")


def plot_loss(losses, window=100):
    """Training loss of each step, and its running mean over a window of steps."""
    losses = torch.tensor(losses)
    window = max(1, min(window, len(losses)))
    mean = losses.unfold(0, window, 1).mean(1)  # (steps - window + 1,)
    figure, axes = _figure(6, 3)
    axes.plot(losses, color=GREY, alpha=0.4, linewidth=0.5, label="one step")
    steps = torch.arange(window - 1, len(losses))
    axes.plot(steps, mean, color=BLUE, label=f"mean of {window} steps")
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    _finish(axes)
    alt = f"Training loss over {len(losses)} steps, from {mean[0]:.3f} down to {mean[-1]:.3f}."
    return Picture(figure, alt)


def plot_guidance_sweep(guidance_scales, qualities, chosen=None):
    """Fidelity against diversity: `course_utils.metrics.SampleQuality` for each guidance scale."""
    figure, axes = _figure(6, 3.2)
    for what, colour, mark in zip(
        ("recognised", "diversity", "strays"), COLOURS, "os^", strict=False
    ):
        values = [getattr(quality, what) for quality in qualities]
        axes.plot(guidance_scales, values, color=colour, marker=mark, label=what)
    if chosen is not None:
        axes.axvline(chosen, color=GREY, linestyle="--", linewidth=1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set(xlabel="guidance scale w", ylim=(0, None))
    _finish(axes)
    points = [
        f"w = {w:g}: {q.recognised:.0%}, {q.diversity:.0%}, {q.strays:.0%}"
        for w, q in zip(guidance_scales, qualities, strict=True)
    ]
    alt = f"Samples recognised, diversity and strays against guidance. {'; '.join(points)}."
    return Picture(figure, alt)


def tile(images, columns, gap=1):
    """One array (rows * (H + gap), columns * (W + gap), C) in [0, 1] from images (N, C, H, W)."""
    images = F.pad(
        images.detach().cpu().float().clamp(-1, 1) / 2 + 0.5, (0, gap, 0, gap), value=1.0
    )
    missing = -len(images) % columns
    images = torch.cat([images, images.new_ones(missing, *images.shape[1:])])
    rows = images.unflatten(0, (-1, columns))  # (rows, columns, C, H, W)
    return rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)


def _figure(width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _draw(axes, grid):
    grid = grid.squeeze(-1).numpy()
    axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _label(axis, titles, size):
    axis.set_ticks([size * (i + 0.5) for i in range(len(titles))], titles)
    axis.set_tick_params(length=0)


def _finish(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _listed(values):
    return ", ".join(str(value) for value in values)
