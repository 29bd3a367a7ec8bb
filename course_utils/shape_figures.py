"""Figures of lesson 03: where pixels go, how far a network sees, shapes on their way through."""

import torch

from course_utils.plotting import BLUE, COLOURS, GREEN, GREY, PURPLE, RED, Picture

# The four colours of plotting, lighter, so that numbers on them stay legible
TINTS = ("#9FCBE6", "#F4B183", "#8FD6BF", "#E6C0D6")


def show_patches(image, results):
    """Where the pixels of a small image (H, W) go: dict title -> channels (C, h, w) of its numbers.

    Each number keeps the colour of its place in its 2x2 patch.
    """
    panels = {"image": image[None]} | results
    widths = [len(c) * (c.shape[2] + 0.5) - 0.5 for c in panels.values()]  # in cells
    figure, every_axes = _panels(
        len(panels), 0.36 * (sum(widths) + 2 * len(widths)), 2.0, width_ratios=widths
    )
    rows = enumerate(image.tolist())
    place = {value: r % 2 * 2 + c % 2 for r, row in rows for c, value in enumerate(row)}
    for axes, width, (title, channels) in zip(every_axes, widths, panels.items(), strict=True):
        for k, channel in enumerate(channels):
            _numbers(axes, channel, k * (channel.shape[1] + 0.5), place)
        axes.set(xlim=(-0.05, width + 0.05), ylim=(image.shape[0] + 0.05, -0.05), aspect="equal")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    listed = "; ".join(f"{t}: {c.tolist()}" for t, c in panels.items())
    return Picture(figure, f"A numbered image and what becomes of it. {listed}.")


def _numbers(axes, channel, left, place):
    from matplotlib.patches import Rectangle

    for r, row in enumerate(channel.tolist()):
        for c, value in enumerate(row):
            tint = TINTS[place[value]] if value in place else "#EEEEEE"
            axes.add_patch(Rectangle((left + c, r), 1, 1, facecolor=tint, edgecolor="white"))
            axes.text(left + c + 0.5, r + 0.5, f"{value:g}", ha="center", va="center", fontsize=9)


def show_reach(maps, image=None):
    """Which input pixels the middle output pixel depends on: dict title -> (H, W) booleans.

    image (H, W) in [-1, 1], if given, lies underneath.
    """
    figure, every_axes = _panels(len(maps), 2.1 * len(maps), 2.75)
    told = []
    for axes, (title, seen) in zip(every_axes, maps.items(), strict=True):
        side = int(seen.any(0).sum())
        below = torch.full(seen.shape, 1.0) if image is None else image
        axes.imshow(below.numpy(), cmap="gray", vmin=-1, vmax=1)
        tint = torch.tensor([0.90, 0.62, 0.0, 0.55]) * seen[..., None]
        axes.imshow(tint.numpy())
        axes.plot(seen.shape[1] // 2, seen.shape[0] // 2, "s", color=BLUE, markersize=5)
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{title}\n{side} × {side} pixels", fontsize=10)
        told.append(f"{title}: {side} by {side} pixels")
    return Picture(figure, f"Input pixels that one output pixel depends on. {'; '.join(told)}.")


def show_embeddings(layouts):
    """Embeddings (T, d) as heat maps, from a dict title -> embedding; time runs downwards."""
    figure, every_axes = _panels(len(layouts), 3.1 * len(layouts), 3.2)
    for axes, (title, table) in zip(every_axes, layouts.items(), strict=True):
        colours = {"cmap": "PuOr", "vmin": -1, "vmax": 1, "interpolation": "nearest"}
        axes.imshow(table.numpy(), aspect="auto", **colours)
        axes.set(xlabel="feature", ylabel="t")
        axes.set_title(title, fontsize=10)
    T, d = next(iter(layouts.values())).shape
    what = f"Embeddings of t = 0 to {T - 1} with {d} features each, as heat maps"
    return Picture(figure, f"{what}: fast waves and slow waves. Layouts: {', '.join(layouts)}.")


DEPTH = {  # stage -> (level, colour)
    "input": (0, GREY), "init_conv": (0, BLUE), "down1 skip": (0, BLUE), "down1": (1, RED),
    "down1_proj": (1, BLUE), "down2 skip": (1, BLUE), "down2": (2, RED), "down2_proj": (2, BLUE),
    "down3 skip": (2, BLUE), "down3": (3, RED), "down3_proj": (3, BLUE), "bottleneck": (3, PURPLE),
    "up3": (2, GREEN), "up2": (1, GREEN), "up1": (0, GREEN), "final_conv": (0, GREY),
}  # fmt: skip


def draw_unet(shapes):
    """The U of a real forward pass, from a dict stage -> (C, H, W): height is pixels."""
    figure, (axes,) = _panels(1, 11.5, 4.2)
    tallest = shapes["input"][1]
    spots, left = {}, 0.0
    for stage, (level, colour) in DEPTH.items():
        channels, height, width = shapes[stage]
        box = left, -level * 1.25, 0.12 + 0.055 * channels**0.5, 1.0 * height / tallest
        _box(axes, box, colour, stage, f"{channels}×{height}×{width}")
        spots[stage], left = box, left + max(box[2] + 0.35, 1.12)
    for n in (1, 2, 3):
        _skip(axes, spots[f"down{n} skip"], spots[f"up{n}"])
    axes.set(xlim=(-0.4, left), ylim=(-4.25, 1.0))
    axes.set_axis_off()
    listed = "; ".join(f"{stage} {shape}" for stage, shape in shapes.items())
    return Picture(figure, f"Shapes (C, H, W) on their way through the U-Net. {listed}.")


def _box(axes, box, colour, stage, shape):
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    axes.add_patch(Rectangle((x, y - height / 2), width, height, color=colour, alpha=0.75, lw=0))
    middle = x + width / 2
    name = stage.replace("_", "\n").replace(" ", "\n")
    axes.text(middle, y + height / 2 + 0.06, name, ha="center", va="bottom", fontsize=8)
    axes.text(middle, y - height / 2 - 0.06, shape, ha="center", va="top", fontsize=8)


def _skip(axes, start, end):
    ends = (start[0] + start[2] + 0.03, start[1]), (end[0] - 0.03, end[1])
    axes.annotate("", ends[1], ends[0], arrowprops={"arrowstyle": "->", "color": GREY, "ls": "--"})
    middle = (ends[0][0] + ends[1][0]) / 2
    axes.text(middle, start[1] + 0.05, "skip", color="#666666", ha="center", fontsize=8)


NAMED = {"complete": BLUE, "no skips": RED, "no time": GREEN}  # the same colour in every figure


def plot_gains(levels, curves):
    """One line per entry of a dict name -> dB above the noisy image, over the noise level sigma."""
    figure, (axes,) = _panels(1, 6.2, 3.3)
    for (name, values), marker in zip(curves.items(), "osD^v", strict=False):
        axes.plot(levels, values, marker=marker, color=NAMED.get(name, PURPLE), label=name)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="noise level σ", ylabel="dB above the noisy image")
    _finish(axes)
    told = [f"{n}: {', '.join(f'{v:.1f}' for v in values)}" for n, values in curves.items()]
    at = ", ".join(f"{level:g}" for level in levels)
    return Picture(figure, f"dB above the noisy image at noise levels {at}. {'; '.join(told)}.")


def plot_claims(claims, curves):
    """What a lie about the time costs: dict true timestep -> dB for each claimed timestep."""
    figure, (axes,) = _panels(1, 6.2, 3.3)
    for (truth, values), colour in zip(curves.items(), COLOURS, strict=False):
        axes.plot(claims, values, marker="o", color=colour, label=f"the truth is t = {truth}")
        axes.plot(truth, 0, marker="*", markersize=15, color=colour)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set(xlabel="timestep that the network is told", ylabel="dB, against being told the truth")
    _finish(axes)
    told = [f"truth {n}: {', '.join(f'{v:.1f}' for v in values)}" for n, values in curves.items()]
    return Picture(figure, f"dB lost by telling the network t = {claims}. {'; '.join(told)}.")


def plot_losses(losses, window=40):
    """Running means of several training losses, from a dict name -> list, on a log scale."""
    figure, (axes,) = _panels(1, 6.2, 3)
    told = []
    for name, values in losses.items():
        mean = torch.tensor(values).unfold(0, min(window, len(values)), 1).mean(1)
        steps = torch.arange(len(mean)) + len(values) - len(mean)
        axes.plot(steps, mean, color=NAMED.get(name, PURPLE), label=name)
        told.append(f"{name} ends at {mean[-1]:.4f}")
    axes.set(xlabel="step", ylabel=f"loss, mean of {window} steps", yscale="log")
    _finish(axes)
    return Picture(figure, f"Learning curves: {'; '.join(told)}.")


def _finish(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _panels(count, width, height, **layout):
    """A figure with so many axes in a row; not one of pyplot's, which would show itself as well."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False, **layout)[0]
