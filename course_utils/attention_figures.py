"""Figures of attention: weights and codes as heat maps, heads as tables, measured curves."""

import torch

from course_utils.plotting import BLUE, COLOURS, GREEN, GREY, PURPLE, RED, Picture, show

TOKEN_COLOURS = (BLUE, RED, GREEN, PURPLE)


def show_heat_maps(
    panels,
    xlabel="key",
    ylabel="query",
    signed=False,
    low=0,
    columns=None,
    scale="weight",
    alt=None,
):
    """Matrices side by side on one colour scale, from a dict title -> (rows, columns).

    The scale starts at low; signed: it is centred on a white 0, for values of both signs.
    """
    panels = {title: torch.as_tensor(m).detach().float().cpu() for title, m in panels.items()}
    columns = columns or len(panels)
    figure, axes = _grid(len(panels), columns, 1.6 if len(panels) > 4 else 2.6)
    style = _scale(panels.values(), signed, low)
    for axis, (title, matrix) in zip(axes, panels.items(), strict=True):
        drawn = _draw_matrix(axis, matrix.numpy(), title, style)
    _label_edges(axes, columns, xlabel, ylabel)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label=scale)
    return Picture(figure, alt or f"Heat maps, {ylabel} down, {xlabel} across: {_listed(panels)}.")


def _draw_matrix(axis, matrix, title, style):
    aspect = "equal" if matrix.shape[0] == matrix.shape[1] else "auto"
    axis.set_title(title, fontsize=9)
    drawn = axis.imshow(matrix, aspect=aspect, interpolation="nearest", **style)
    axis.tick_params(labelsize=7)
    axis.locator_params(integer=True)
    return drawn


def _label_edges(axes, columns, xlabel, ylabel):
    """Names of the axes at the left and at the bottom of a grid only."""
    for axis in axes[::columns]:
        axis.set_ylabel(ylabel)
    for axis in axes[-columns:]:
        axis.set_xlabel(xlabel)


def _scale(matrices, signed, low):
    if not signed:
        top = max(m.max().item() for m in matrices)
        return {"cmap": "cividis", "vmin": low, "vmax": top if top > low else low + 1}
    top = max(m.abs().max().item() for m in matrices) or 1.0
    return {"cmap": "PuOr", "vmin": -top, "vmax": top}


def plot_against(x, curves, xlabel, ylabel, log=(False, False), alt=None):
    """Measured points joined by lines: a dict name -> values, one per entry of x."""
    figure, (axes,) = _grid(1, 1, 3.0, width=6)
    for (name, values), colour, marker in zip(curves.items(), COLOURS, "osD^", strict=False):
        axes.plot(x, torch.as_tensor(values), color=colour, marker=marker, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set(xscale="log" if log[0] else "linear", yscale="log" if log[1] else "linear")
    if log[0]:
        axes.set_xticks(list(x), [f"{value:g}" for value in x])
        axes.minorticks_off()
    _finish(axes)
    ends = [f"{name} goes from {v[0]:.3g} to {v[-1]:.3g}" for name, v in curves.items()]
    return Picture(figure, alt or f"{ylabel} against {xlabel}: {_listed(ends)}.")


def show_heads(panels, d_model):
    """Where the numbers of each token went: a dict title -> heads (1, H, L, d).

    The input held 0, 1, 2, ... row by row, so every number tells its token (its colour) and its
    place in that token.
    """
    figure, rows = _head_axes(panels)
    for axes, (title, heads) in zip(rows, panels.items(), strict=True):
        for head, axis in enumerate(axes):
            _draw_head(axis, heads[0, head].long(), d_model)
            axis.set_title(f"{title}: head {head}", fontsize=9)
    alt = f"Tables of tokens and their numbers, one per head: {_listed(panels)}. "
    return Picture(figure, alt + "Each token has a colour; a good head keeps one token per row.")


def _head_axes(panels):
    first = next(iter(panels.values()))
    _, heads, length, width = first.shape
    size = (0.55 * width * heads + 1, (0.42 * length + 0.4) * len(panels))
    figure = _figure(*size)
    return figure, figure.subplots(len(panels), heads, squeeze=False)


def _draw_head(axis, numbers, d_model):
    length, width = numbers.shape
    for row in range(length):
        for column in range(width):
            token, place = divmod(int(numbers[row, column]), d_model)
            colour = TOKEN_COLOURS[token % len(TOKEN_COLOURS)]
            axis.text(
                column, row, f"{token}.{place}", ha="center", va="center", fontsize=9,
                color="white", bbox={"facecolor": colour, "edgecolor": "none", "pad": 4},
            )  # fmt: skip
    axis.set(xlim=(-0.6, width - 0.4), ylim=(length - 0.4, -0.6), xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def show_patch_attention(image, weights, queries, size=4):
    """One image (1, H, W); for each query patch, where it looks: weights (L, L) over patches."""
    columns = image.shape[-1] // size
    figure, axes = _grid(len(queries) + 1, len(queries) + 1, 1.8)
    for axis in axes:
        axis.imshow(image[0].numpy(), cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
    for axis, query in zip(axes[1:], queries, strict=True):
        drawn = _lay_over(axis, weights[query].reshape(-1, columns), size)
        row, column = divmod(query, columns)
        _frame(axis, column * size, row * size, size)
        axis.set_title(f"patch {query} looks at", fontsize=9)
    axes[0].set_title("image", fontsize=9)
    figure.colorbar(drawn, ax=axes, shrink=0.8, label="weight")
    alt = f"A digit, and for its patches {_listed(queries)} the weight of every other patch."
    return Picture(figure, alt)


def _lay_over(axis, weights, size):
    large = weights.repeat_interleave(size, 0).repeat_interleave(size, 1)
    return axis.imshow(large.numpy(), cmap="cividis", vmin=0, alpha=0.75, interpolation="nearest")


def _frame(axis, x, y, size):
    from matplotlib.patches import Rectangle

    box = Rectangle((x - 0.5, y - 0.5), size, size, fill=False, edgecolor=RED, linewidth=2.5)
    axis.add_patch(box)


def show_shares(scores, factors):
    """Softmax of the same scores (n,) times several factors, as bars side by side."""
    figure, axes = _grid(len(factors), len(factors), 1.9)
    for axis, factor in zip(axes, factors, strict=True):
        _draw_shares(axis, scores, factor)
    axes[0].set_ylabel("share")
    tops = [f"at factor {f:g} the largest is {_shares(scores, f).max():.2f}" for f in factors]
    return Picture(figure, f"Softmax weights as bars: {_listed(tops)}.")


def explore_shares(scores):
    """Three factors in front of the scores as a picture; below it, a slider for any factor."""
    show(show_shares(scores, [0.1, 1.0, 10.0]))
    _slider("FloatLogSlider", "factor", lambda factor: show_shares(scores, [factor]), value=1.0,
            base=10, min=-2, max=1.5, step=0.1)  # fmt: skip


def show_clocks(table, positions):
    """Each pair (sine, cosine) of a row as the hand of a clock: a row of clocks per position."""
    count = table.shape[1] // 2
    figure, axes = _grid(len(positions) * count, count, 1.2)
    hands = torch.as_tensor(table)[list(positions)].reshape(-1, 2)
    for axis, (sine, cosine) in zip(axes, hands.tolist(), strict=True):
        _draw_clock(axis, sine, cosine)
    for column in range(count):
        axes[column].set_title(f"columns {2 * column}, {2 * column + 1}", fontsize=9)
    for axis, position in zip(axes[::count], positions, strict=True):
        axis.set_ylabel(f"position {position}", fontsize=9)
    return Picture(figure, f"{count} clocks, each slower than the last, at {_listed(positions)}.")


def explore_clocks(table):
    """The clocks of three positions as a picture; below it, a slider for any position."""
    show(show_clocks(table, [0, 1, 10]))
    _slider("IntSlider", "position", lambda position: show_clocks(table, [position]), value=100,
            min=0, max=len(table) - 1)  # fmt: skip


def _draw_clock(axis, sine, cosine):
    from matplotlib.patches import Circle

    axis.add_patch(Circle((0, 0), 1, fill=False, edgecolor=GREY))
    axis.plot([0, sine], [0, cosine], color=BLUE, linewidth=2.5)
    axis.set(xlim=(-1.1, 1.1), ylim=(-1.1, 1.1), xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set_visible(False)


def _slider(kind, name, draw, **settings):
    """A slider above what draw(value) returns; nothing where ipywidgets is not installed."""
    try:
        import ipywidgets
    except ImportError:
        return
    slider = getattr(ipywidgets, kind)(description=name, **settings)
    ipywidgets.interact(draw, **{name: slider})


def _shares(scores, factor):
    return (torch.as_tensor(scores).float() * factor).softmax(-1)


def _draw_shares(axis, scores, factor):
    shares = _shares(scores, factor)
    axis.bar(range(len(shares)), shares.tolist(), color=BLUE)
    axis.set(ylim=(0, 1), xlabel="key")
    axis.set_title(f"scores × {factor:g}", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _figure(width, height):
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _grid(count, columns, side, width=None):
    """A figure with `count` axes, so many in a row, each about `side` inches."""
    rows = -(-count // columns)
    figure = _figure(width or columns * (side + 0.2) + 0.8, rows * side)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[count:]:
        axis.set_visible(False)
    return figure, axes[:count]


def _finish(axes):
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, color=GREY)
    axes.legend(frameon=False)


def _listed(values):
    return ", ".join(str(value) for value in values)
