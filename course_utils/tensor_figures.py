"""Pictures of tensors: how they lie in memory, how they broadcast, how a kernel walks over them."""

import torch

from course_utils.plotting import BLUE, GREEN, GREY, RED, Picture

PALE = "#DDEBF5"
LIGHTEST = 0.35  # the first number in memory is drawn with this strength of blue, the last with 1


def show_memory_order(tensors):
    """2-D tensors of a dict title -> tensor, with each number's place in memory as its colour."""
    figure, every_axes = _panels(len(tensors), 2.1 * len(tensors), 2.2)
    for axes, (title, x) in zip(every_axes, tensors.items(), strict=True):
        for row in range(x.shape[0]):
            for column in range(x.shape[1]):
                place = x.storage_offset() + row * x.stride(0) + column * x.stride(1)
                strength = LIGHTEST + (1 - LIGHTEST) * place / max(x.numel() - 1, 1)
                _cell(axes, column, row, f"{x[row, column]:g}", strength)
        kind = "contiguous" if x.is_contiguous() else "not contiguous"
        axes.set_title(f"{title}\nstrides {x.stride()}, {kind}", fontsize=9)
        _frame(axes, x.shape[1], x.shape[0])
    facts = (f"{title} has strides {x.stride()}" for title, x in tensors.items())
    return Picture(figure, f"Number grids, darker for later in memory: {'; '.join(facts)}.")


def show_broadcast(a, b):
    """a, b and a + b as grids (2-D each); what is only repeated, not stored, is pale."""
    shape = torch.broadcast_shapes(a.shape, b.shape)
    figure, every_axes = _panels(3, 7.2, 2.2)
    for axes, x, name in zip(every_axes, (a, b, a + b), ("a", "b", "a + b"), strict=True):
        for row in range(shape[0]):
            for column in range(shape[1]):
                stored = row < x.shape[0] and column < x.shape[1]
                value = x.expand(shape)[row, column]
                _cell(axes, column, row, f"{value:g}", 0.7 if stored else 0.12)
        axes.set_title(f"{name}: {tuple(x.shape)}", fontsize=10)
        _frame(axes, shape[1], shape[0])
    a_shape, b_shape, common = tuple(a.shape), tuple(b.shape), tuple(shape)
    return Picture(figure, f"{a_shape} and {b_shape} are both stretched to {common}, then added.")


def show_conv_windows(size, kernel_size, stride=1, padding=0, dilation=1):
    """Every place of a kernel on a row of pixels, one line below the other."""
    total, reach = size + 2 * padding, dilation * (kernel_size - 1) + 1
    starts = list(range(0, total - reach + 1, stride))
    figure, (axes,) = _panels(1, 0.32 * total + 0.4, 0.3 * (len(starts) + 2) + 0.5)
    for i in range(total):
        inside = padding <= i < size + padding
        _box(axes, i, 0, BLUE if inside else "white", "" if inside else "0")
    for line, start in enumerate(starts, 2):
        for i in range(total):
            touched = start <= i < start + reach and (i - start) % dilation == 0
            _box(axes, i, line, RED if touched else PALE)
    fits = f"fits {len(starts)} times"
    axes.set_title(f"{size} pixels, padding {padding}: the kernel {fits}", fontsize=10)
    _frame(axes, total, len(starts) + 2)
    settings = f"stride {stride}, padding {padding} and dilation {dilation}"
    return Picture(figure, f"A kernel of {kernel_size} with {settings} {fits} on {size} pixels.")


def explore_convolution():
    """Sliders for all numbers of a convolution above the picture of its places."""
    from ipywidgets import IntSlider, interact

    def draw(size, kernel_size, stride, padding, dilation):
        if size + 2 * padding < dilation * (kernel_size - 1) + 1:
            return "The kernel does not fit."
        return show_conv_windows(size, kernel_size, stride, padding, dilation)

    ranges = {"size": (10, 4, 16), "kernel_size": (3, 1, 5), "stride": (2, 1, 4)}
    ranges |= {"padding": (1, 0, 3), "dilation": (1, 1, 3)}
    interact(draw, **{name: IntSlider(v, low, high) for name, (v, low, high) in ranges.items()})


def show_shapes(names, shapes):
    """Image tensors (B, C, H, W) as boxes, as high as the image and as wide as it has channels."""
    figure, (axes,) = _panels(1, 8.5, 2.6)
    left, tallest = 0.0, max(shape[2] for shape in shapes if len(shape) > 2)
    for i, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        channels, height, *_ = (*shape[1:], 1)
        wide, high = 0.25 + channels**0.5 / 6, 0.25 + 3.2 * height / tallest
        axes.add_patch(_rectangle(left, -high / 2, wide, high, (BLUE, GREEN)[i % 2]))
        sizes = "×".join(map(str, shape[1:]))
        for text, y in ((sizes, -high / 2 - 0.25), (name, high / 2 + 0.15)):
            axes.text(left + wide / 2, y, text, ha="center", fontsize=7)
        left += wide + 0.9
    axes.set(xlim=(-0.6, left - 0.3), ylim=(-2.4, 2.3))
    axes.axis("off")
    steps = (f"{name}: {tuple(shape[1:])}" for name, shape in zip(names, shapes, strict=True))
    return Picture(figure, f"Shapes through a network, without the batch axis. {'; '.join(steps)}.")


def receptive_field(model, channels, size):
    """Which input pixels the middle of the output depends on: |gradient| (H, W), by autograd."""
    x = torch.zeros(1, channels, size, size, requires_grad=True)
    y = model(x)
    y[..., y.shape[-2] // 2, y.shape[-1] // 2].sum().backward()
    return x.grad.abs().sum((0, 1))


def show_maps(maps, limits=(0, 1), alt=None):
    """Grey maps (H, W) of any size side by side, from a dict title -> map; bright is large."""
    figure, every_axes = _panels(len(maps), 1.75 * len(maps), 2.1)
    for axes, (title, values) in zip(every_axes, maps.items(), strict=True):
        axes.imshow(values, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set(xticks=[], yticks=[])
    return Picture(figure, alt or f"Maps, from left to right: {', '.join(maps)}.")


def show_strips(strips):
    """Wide pictures (H, W) in [-1, 1], one below the other, from a dict title -> picture."""
    height, width = next(iter(strips.values())).shape
    size = 8, (8 * height / width + 0.35) * len(strips)
    figure, every_axes = _panels(1, *size, rows=len(strips))
    for axes, (title, picture) in zip(every_axes, strips.items(), strict=True):
        axes.imshow(picture, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set(xticks=[], yticks=[])
    return Picture(figure, f"Pictures, from top to bottom: {'; '.join(strips)}.")


def _cell(axes, column, row, text, strength):
    colour = "white" if strength > 0.6 else "black"
    axes.add_patch(_rectangle(column, row, 1, 1, BLUE, strength))
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour)


def _box(axes, column, row, colour, text=""):
    axes.add_patch(_rectangle(column, row, 1, 1, colour))
    axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=GREY, fontsize=8)


def _rectangle(left, bottom, wide, high, colour, strength=1.0):
    from matplotlib.patches import Rectangle

    look = {"facecolor": colour, "alpha": strength, "edgecolor": "white"}
    return Rectangle((left, bottom), wide, high, **look)


def _frame(axes, columns, rows):
    axes.set(xlim=(-0.1, columns + 0.1), ylim=(rows + 0.1, -0.1), aspect="equal")
    axes.axis("off")


def _panels(columns, width, height, rows=1):
    """A figure and its axes; not one of pyplot's, which would show itself as well."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False).flatten()
