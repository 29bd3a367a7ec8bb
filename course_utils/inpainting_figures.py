"""Figures of lesson 07: holes, noise levels, the way of a restoration, and training histories."""

import torch

from course_utils.plotting import BLUE, COLOURS, GREY, RED, Picture, show_rows


def show_holes(images, masks_by_mode):
    """The same images (N, C, H, W) with white holes, one row per entry of mode -> (N, 1, H, W)."""
    rows = [images, *(images * (1 - m) + m for m in masks_by_mode.values())]
    alt = f"Faces without a hole, then with white holes: {', '.join(masks_by_mode)}."
    return show_rows(rows, ["true", *masks_by_mode], alt=alt)


def show_fillings(truth, mask, fillings, count=12):
    """True images, images with white holes, and one row per entry of name -> filled images."""
    rows = {"true": truth, "with a hole": truth * (1 - mask) + mask} | fillings
    alt = f"Faces, faces with a hole, and how it was filled: {', '.join(fillings)}."
    return show_rows([r[:count].cpu() for r in rows.values()], list(rows), alt=alt)


def show_way(way, truth):
    """From noise in the hole to the image: way (B, n, C, H, W), one row per image."""
    rows = torch.cat([way, truth[: len(way), None]], 1)
    last = way.shape[1] - 1
    titles = ["start", *(f"{k} of {last}" for k in range(1, last + 1)), "true"]
    alt = "Holes full of noise that turn into faces, step by step; the last column is the truth."
    return show_rows(rows, [""] * len(rows), titles, alt)


def plot_hands(embedding=None, dim=8):
    """Cosine columns of embedding(gammas, dim) over the noise level, as it is and times 1000.

    Without an embedding the same cosines are drawn as given in the lesson's text.
    """
    embedding = embedding or _cosines
    gammas = torch.linspace(0, 1, 201)
    figure, panels = _panels(2, 7.5, 2.6)
    for axes, factor, name in zip(panels, (1, 1000), ("gamma", "1000 gamma"), strict=True):
        for column, colour in zip(range(dim // 2), COLOURS, strict=False):
            axes.plot(gammas, embedding(factor * gammas, dim)[:, column], color=colour, lw=1)
        axes.set(xlabel="gamma", ylim=(-1.1, 1.1))
        axes.set_title(f"cosines of {name}", fontsize=10)
    alt = "Four cosines over gamma: three of them flat for gamma itself, all moving for 1000 gamma."
    return Picture(figure, alt)


def _cosines(gammas, dim):
    return torch.stack([(gammas * 10000 ** (-2 * i / dim)).cos() for i in range(dim // 2)], 1)


def plot_levels(gammas, levels=()):
    """Where random noise levels fall, above the levels of the schedule, on a scale from 0 to 1."""
    figure, (axes,) = _panels(1, 6.5, 1.6)
    axes.scatter(levels, torch.ones(len(levels)), s=6, color=BLUE, alpha=0.3, linewidths=0)
    axes.scatter(gammas, torch.zeros(len(gammas)), s=14, color=RED, linewidths=0)
    axes.set_yticks([1, 0], ["sample_gammas", "schedule"])
    axes.set(xlabel="noise level gamma", ylim=(-0.6, 1.6))
    alt = f"The {len(gammas)} levels of a schedule, with wide gaps between them."
    if len(levels):
        alt = (
            f"{len(levels)} random levels fill the gaps between the {len(gammas)} of the schedule."
        )
    return Picture(figure, alt)


def plot_histories(histories, baselines=None):
    """Validation MAE per epoch for a dict name -> history, the best epoch ringed.

    baselines: name -> value, drawn as dashed lines.
    """
    figure, (axes,) = _panels(1, 6, 3)
    for (name, history), colour in zip(histories.items(), COLOURS, strict=False):
        values, best = history["val_mae"], history["best_epoch"]
        axes.plot(values, color=colour, marker=".", label=name)
        axes.plot(best, values[best], "o", ms=11, mfc="none", color=colour)
    for name, value in (baselines or {}).items():
        axes.axhline(value, color=GREY, linestyle="--", linewidth=1)
        axes.annotate(name, (0, value), va="bottom", fontsize=8, color=GREY)
    axes.set(xlabel="epoch", ylabel="MAE in the hole")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    best = [f"{n}: {h['val_mae'][h['best_epoch']]:.3f}" for n, h in histories.items()]
    return Picture(figure, f"Validation MAE over the epochs; best of each: {', '.join(best)}.")


def plot_history(history):
    """Training loss, validation MAE and PSNR of one run, side by side, the best epoch ringed.

    What history does not hold is left out.
    """
    names = {"train_loss": "training loss", "val_mae": "validation MAE", "val_psnr": "PSNR in dB"}
    names = {key: name for key, name in names.items() if key in history}
    figure, panels = _panels(len(names), 3 * len(names), 2.5)
    best = history["best_epoch"]
    for axes, (key, name) in zip(panels, names.items(), strict=True):
        axes.plot(history[key], color=BLUE, marker=".")
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.get_major_locator().set_params(integer=True)
        if key != "train_loss":
            axes.plot(best, history[key][best], "o", ms=11, mfc="none", color=RED)
    ends = [f"{name} from {history[k][0]:.3f} to {history[k][-1]:.3f}" for k, name in names.items()]
    return Picture(figure, f"{', '.join(ends)}; best epoch {best}.")


def _panels(count, width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    every_axes = figure.subplots(1, count, squeeze=False)[0]
    for axes in every_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    return figure, every_axes


def show_items(make_item, images, masks, count=10):
    """The three images of each training example that make_item(img, mask, noise) builds."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(images[:count].shape, generator=generator)
    pairs = zip(images[:count], masks[:count], noise, strict=True)
    items = [make_item(image, mask, n) for image, mask, n in pairs]
    names = ["gt_image", "cond_image", "mask_image"]
    alt = "Faces; faces with noise where the network gets noise; faces with a white hole."
    return show_rows([torch.stack([i[name] for i in items]) for name in names], names, alt=alt)


def show_answers(images, mask, answers):
    """One row per image (N, C, H, W): its hole, the truth, and its answers (N, n, C, H, W)."""
    with_hole = images * (1 - mask) + mask
    rows = torch.cat([with_hole[:, None], images[:, None], answers], 1)
    titles = ["hole", "true", *(f"answer {n + 1}" for n in range(answers.shape[1]))]
    alt = f"{len(images)} faces with a hole, and {answers.shape[1]} ways to fill each."
    return show_rows(rows, [""] * len(rows), titles, alt)
