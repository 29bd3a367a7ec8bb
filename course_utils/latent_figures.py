"""Figures of lesson 06: what a step costs, what latents look like, and quality against steps."""

from course_utils.plotting import BLUE, COLOURS, GREY, RED, Picture, show_rows

MARKS = "os^D"
MEASURED = ("recognised", "diversity", "strays")


def plot_costs(costs):
    """Milliseconds of one network call per picture, over the side of the picture: side -> ms."""
    figure, (axes,) = _panels(1, 5, 2.8)
    axes.plot(list(costs), list(costs.values()), color=BLUE, marker="o")
    axes.set(xlabel="side of the picture in pixels", ylabel="ms per picture", xscale="log")
    axes.set(yscale="log")
    axes.set_xticks(list(costs), [str(side) for side in costs], minor=False)
    axes.set_yticks(list(costs.values()), [f"{ms:.2g}" for ms in costs.values()], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    points = ", ".join(f"{side} pixels: {ms:.2g} ms" for side, ms in costs.items())
    return Picture(figure, f"Time of one call of the U-Net for pictures of growing side. {points}.")


def show_latents(images, latents, decoded):
    """Images (N, 1, H, W), their latents (N, c, h, w) channel by channel, and what comes back.

    Latents are drawn from minus to plus two standard deviations of all of them.
    """
    scale = images.shape[-1] // latents.shape[-1]
    small = latents / (2 * latents.std())
    large = small.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    rows = {"picture": images}
    rows |= {f"channel {i}": large[:, i : i + 1] for i in range(latents.shape[1])}
    rows["decoded"] = decoded
    alt = f"Digits, the {latents.shape[1]} channels of their latents, and the decoded digits."
    return show_rows(list(rows.values()), list(rows), alt=alt)


def plot_quality_by_steps(qualities, full, chosen=None):
    """Recognised, diversity and strays over the number of steps, a panel each.

    qualities: sampler -> {steps: SampleQuality}; full: that of the whole chain, dashed.
    """
    figure, panels = _panels(3, 9, 2.8)
    for axes, what in zip(panels, MEASURED, strict=True):
        for (name, found), colour, mark in zip(qualities.items(), COLOURS, MARKS, strict=False):
            values = [getattr(quality, what) for quality in found.values()]
            axes.plot(list(found), values, color=colour, marker=mark, label=name)
        axes.axhline(getattr(full, what), color=GREY, linestyle="--", linewidth=1)
        _steps_axis(axes, next(iter(qualities.values())))
        axes.set(title=what, ylim=(0, 1.1))
        axes.yaxis.set_major_formatter("{x:.0%}")
        if chosen:
            axes.axvline(chosen, color=GREY, linestyle=":", linewidth=1)
    panels[0].legend(frameon=False)
    return Picture(figure, f"{', '.join(MEASURED)} against steps. {_told(qualities)}.")


def plot_errors(errors):
    """Distance from the exact end of the path: sampler -> {number of steps: error}."""
    figure, (axes,) = _panels(1, 5.5, 3)
    for (name, found), colour, mark in zip(errors.items(), COLOURS, MARKS, strict=False):
        axes.plot(list(found), list(found.values()), color=colour, marker=mark, label=name)
    first = next(iter(errors.values()))
    _steps_axis(axes, first)
    axes.set(yscale="log", ylabel="error")
    axes.legend(frameon=False)
    told = (f"{n}: {_listed(f'{e:.2g} at {k}' for k, e in f.items())}" for n, f in errors.items())
    return Picture(figure, f"Error against the number of steps. {'; '.join(told)}.")


def plot_paths(paths, data):
    """Ways of a few points from noise to data: title -> positions (steps + 1, N, 2)."""
    figure, panels = _panels(len(paths), 3.2 * len(paths), 3.2)
    for axes, (title, way) in zip(panels, paths.items(), strict=True):
        axes.scatter(*data.T, s=2, color=GREY, alpha=0.3, linewidths=0)
        for i in range(way.shape[1]):
            axes.plot(*way[:, i].T, color=BLUE, linewidth=0.8)
        axes.scatter(*way[0].T, s=12, color=BLUE, facecolors="none")
        axes.scatter(*way[-1].T, s=14, color=RED)
        axes.set(xlim=(-3, 3), ylim=(-3, 3), xticks=[], yticks=[], aspect="equal")
        axes.set_title(title, fontsize=10)
    alt = f"Ways of points from noise (rings) to the data (dots): {_listed(paths)}."
    return Picture(figure, alt)


def _steps_axis(axes, found):
    axes.set(xscale="log", xlabel="number of steps")
    axes.set_xticks(list(found), [str(steps) for steps in found], minor=False)
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _told(qualities):
    return "; ".join(
        f"{name}: "
        + _listed(
            f"{n}: " + "/".join(f"{getattr(q, w):.0%}" for w in MEASURED) for n, q in found.items()
        )
        for name, found in qualities.items()
    )


def _panels(count, width, height):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, count, squeeze=False)[0]


def _listed(values):
    return ", ".join(str(value) for value in values)
