"""Figures about words and pictures: similarity tables, word maps, what prompts draw."""

import torch
import torch.nn.functional as F

from course_utils.plotting import COLOURS, GREY, Picture


def show_captioned(images, captions, columns=5):
    """Images (N, 3, H, W) in [-1, 1], each with its caption below."""
    rows = -(-len(images) // columns)
    figure, every_axes = _grid(rows, columns, 1.75, 2.0)
    for axes, image, text in zip(every_axes.flat, images, captions, strict=False):
        _picture(axes, image)
        axes.set_xlabel(_wrapped(text), fontsize=9)
    for axes in every_axes.flat[len(images) :]:
        axes.set_visible(False)
    return Picture(figure, f"{len(images)} pictures: {'; '.join(captions)}.")


def show_similarities(similarity, images, captions, right=None):
    """A table of cosines (images, texts) with the images on the left and the captions on top."""
    n, k = similarity.shape
    figure, axes = _single(1.6 + 0.62 * k, 1.7 + 0.55 * n)
    shown = axes.imshow(similarity.numpy(), cmap="cividis", vmin=-1, vmax=1)
    for i in range(n):
        for j in range(k):
            colour = "white" if similarity[i, j] < 0.2 else "black"
            axes.text(j, i, f"{similarity[i, j]:.2f}", ha="center", va="center", color=colour,
                      fontsize=8)  # fmt: skip
    axes.set_xticks(range(k), [_wrapped(text) for text in captions], rotation=50, ha="left",
                    fontsize=8)  # fmt: skip
    axes.xaxis.tick_top()
    axes.set_yticks([])
    _thumbnails(axes, images, k)
    figure.colorbar(shown, ax=axes, label="cosine", shrink=0.8)
    best = similarity.argmax(1) == torch.arange(n)
    won = int(best.sum())
    alt = f"Cosines of {n} pictures with {k} captions; in {won} rows the own caption wins."
    return Picture(figure, alt)


def _thumbnails(axes, images, columns):
    """Each image beside its row of the table."""
    rows, side = len(images), 0.86  # of a cell
    for i, image in enumerate(images):
        corner = (-1.05 / columns, 1 - (i + 0.93) / rows)
        _picture(axes.inset_axes([*corner, side / columns, side / rows]), image)


def show_word_maps(image, words, maps):
    """An image (3, H, W) in [-1, 1], and for each word where it was read: maps (words, h, w)."""
    figure, every_axes = _grid(1, len(words) + 1, 1.35, 1.75)
    _picture(every_axes[0, 0], image)
    every_axes[0, 0].set_title("picture", fontsize=10)
    size = image.shape[-2:]
    large = F.interpolate(maps[None].float(), size=size, mode="bilinear", align_corners=False)[0]
    for axes, word, heat in zip(every_axes[0, 1:], words, large, strict=True):
        grey = image.detach().cpu().mean(0) / 2 + 0.5
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
        axes.imshow(heat, cmap="viridis", alpha=0.75)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{word}\n{maps_share(heat, large):.0%}", fontsize=10)
    return Picture(figure, f"A picture and where each word was read: {', '.join(words)}.")


def maps_share(heat, every):
    """The word's part of all attention that the shown words got."""
    return (heat.sum() / every.sum()).item()


def plot_scales(scales, qualities, names=("shape", "colour", "size", "place")):
    """Share of samples with the right attribute over the guidance scale."""
    figure, axes = _single(6, 3.2)
    for name, colour, mark in zip(names, COLOURS, "os^D", strict=False):
        shares = [getattr(quality, name) for quality in qualities]
        axes.plot(scales, shares, color=colour, marker=mark, label=name)
    axes.axhline(0.9, color=GREY, linestyle="--", linewidth=1)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set(xlabel="guidance scale w", ylabel="right", ylim=(0, 1.03))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    points = [f"w = {w:g}: shape {q.shape:.0%}" for w, q in zip(scales, qualities, strict=True)]
    return Picture(figure, f"Right attributes over the guidance scale. {'; '.join(points)}.")


def explore_temperature(similarity):
    """A slider for the temperature above the shares that one picture gives to each caption."""
    from ipywidgets import FloatLogSlider, interact

    def at(temperature):
        shares = (similarity / temperature).softmax(-1)
        figure, axes = _single(5, 2.2)
        axes.bar(range(len(shares)), shares, color=COLOURS[0])
        axes.set(ylim=(0, 1), xlabel="caption", ylabel="share", xticks=range(len(shares)))
        axes.spines[["top", "right"]].set_visible(False)
        alt = f"At temperature {temperature:.3g} the best share is {shares.max():.0%}."
        return Picture(figure, alt)

    interact(at, temperature=FloatLogSlider(0.07, min=-2, max=1, description="temperature"))


def _picture(axes, image):
    pixels = (image.detach().cpu().float().clamp(-1, 1) + 1) / 2
    axes.imshow(pixels.permute(1, 2, 0).numpy(), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def _wrapped(text, width=18):
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


def _grid(rows, columns, width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(columns * width, rows * height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def _single(width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()
