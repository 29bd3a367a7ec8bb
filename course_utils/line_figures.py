"""Lines over a quantity that was varied: batch sizes, steps, pixels."""

from course_utils.plotting import COLOURS, Picture

MARKERS = "os^D"


def plot_lines(panels, xlabel, alt=None, log=False):
    """One panel per entry of a dict ylabel -> {name: {x: y}}; log: powers of two on the x axis."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(3.2 + 3 * len(panels), 3), layout="constrained")
    every_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (ylabel, lines) in zip(every_axes, panels.items(), strict=True):
        for (name, points), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=False):
            axes.plot(points.keys(), points.values(), color=colour, marker=marker, label=name, ms=4)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if log:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize=8)
    return Picture(figure, alt or _described(panels, xlabel))


def _described(panels, xlabel):
    """Every line in words: where it starts and where it ends."""
    words = []
    for ylabel, lines in panels.items():
        for name, points in lines.items():
            (first, start), (last, end) = list(points.items())[0], list(points.items())[-1]
            words.append(f"{name}: {start:.3g} at {first:g}, {end:.3g} at {last:g}")
        words.append(f"({ylabel} over {xlabel})")
    return "; ".join(words) + "."
