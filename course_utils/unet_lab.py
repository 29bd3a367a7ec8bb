"""Instruments for looking into a U-Net: what passes through it, how far it sees, what it needs.

They watch a finished model from outside, by hooks on the attribute names that lesson 03 fixes, so
they work with every learner's code.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from course_utils.denoising import TIMESTEPS, denoise

STAGES = (
    "init_conv", "down1", "down1_proj", "down2", "down2_proj", "down3", "down3_proj",
    "bottleneck", "up3", "up2", "up1", "final_conv",
)  # fmt: skip


def trace_shapes_of(model, x, timesteps):
    """Shapes (C, H, W) seen in a real forward pass, by stage, in the order of the calls.

    A down block has two results: "down1 skip" and "down1".
    """
    shapes, hooks = {"input": tuple(x.shape[1:])}, []

    def note(name):
        def hook(module, args, output):
            if isinstance(output, (tuple, list)):
                shapes[f"{name} skip"], output = tuple(output[0].shape[1:]), output[1]
            shapes[name] = tuple(output.shape[1:])

        return hook

    for name in STAGES:
        hooks.append(getattr(model, name).register_forward_hook(note(name)))
    try:
        with torch.no_grad():
            model(x, timesteps)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def without_skips(model):
    """The same model with zeros in the place of every skip. Shapes and parameters stay."""

    def blank(module, args, kwargs):
        if "skip" in kwargs:
            return args, kwargs | {"skip": torch.zeros_like(kwargs["skip"])}
        return (args[0], torch.zeros_like(args[1]), *args[2:]), kwargs

    for up in (model.up1, model.up2, model.up3):
        up.register_forward_pre_hook(blank, with_kwargs=True)
    return model


def without_time(model):
    """The same model with zeros in the place of every time embedding."""
    model.time_embed.register_forward_hook(lambda module, args, output: torch.zeros_like(output))
    return model


def always_at(model, timestep):
    """The same model, which takes every picture for one of this timestep."""

    def fix(module, args, kwargs):
        x = args[0]
        return (x, torch.full((len(x),), timestep, device=x.device)), {}

    model.register_forward_pre_hook(fix, with_kwargs=True)
    return model


def reach(network, size, *more):
    """(size, size) booleans: which input pixels change the output pixel in the middle.

    network(x, *more) takes grey images. Its norms are taken out for this: through mean and variance
    they look at the whole picture.
    """
    x = torch.randn(1, 1, size, size, requires_grad=True)
    out = _without_norms(copy.deepcopy(network))(x, *more)
    out[..., size // 2, size // 2].sum().backward()
    return x.grad[0, 0] != 0


def _without_norms(network):
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, nn.Identity())
    return network


def answers_when_told(model, noisy, claims):
    """(len(claims), N, C, H, W): the model's answers to the same pictures, told other timesteps."""
    return torch.stack([denoise(model, noisy, t / TIMESTEPS) for t in claims])


def explore_time(model, noisy, sigma):
    """A slider for the timestep that the model is told, above its answers; sigma is the truth."""
    from ipywidgets import IntSlider, interact

    from course_utils.plotting import show_images

    def at(t):
        alt = f"{len(noisy)} noisy digits as the network cleans them when it is told t = {t}."
        return show_images(denoise(model, noisy, t / TIMESTEPS), len(noisy), alt=alt)

    interact(at, t=IntSlider(round(sigma * TIMESTEPS), 0, TIMESTEPS - 1, description="told t"))


@dataclass(frozen=True)
class ShapeQuestion:
    """A U-Net's configuration, drawn at random, and the stages whose shapes are asked for."""

    in_channels: int
    base_channels: int
    height: int
    width: int
    asked: tuple[str, ...]

    def __str__(self):
        model = f"UNet(in_channels={self.in_channels}, base_channels={self.base_channels})"
        size = f"({self.in_channels}, {self.height}, {self.width})"
        asked = ", ".join(self.asked)
        return f"{model} gets images {size}.\nWhich shapes (C, H, W) do these have: {asked}?"

    def answers(self, UNet):
        """The right shapes: found by running the network."""
        model = UNet(self.in_channels, self.base_channels, time_emb_dim=8)
        x = torch.zeros(1, self.in_channels, self.height, self.width)
        shapes = trace_shapes_of(model, x, torch.zeros(1, dtype=torch.int64))
        return {name: shapes[name] for name in self.asked}


def draw_shape_question(seed):
    """A `ShapeQuestion`; another seed, another question."""
    generator = torch.Generator().manual_seed(seed)

    def draw(low, high):
        return int(torch.randint(low, high + 1, (), generator=generator))

    level = draw(2, 3)
    asked = (f"down{level} skip", f"down{level}", f"down{level}_proj", "bottleneck", "up2")
    sizes = draw(1, 3), 8 * draw(1, 5), 8 * draw(1, 6), 8 * draw(1, 6)
    return ShapeQuestion(*sizes, asked)


def marked(mine, right):
    """A table of shapes, yours beside the measured ones, as text; what is open stays hidden."""
    lines = [f"{'':2}{'stage':14}{'yours':18}{'measured':18}"]
    for name, shape in right.items():
        given = mine.get(name)
        if given is None:
            lines.append(f"{'·':2}{name:14}{'not answered yet':18}")
            continue
        same = isinstance(given, Sequence) and tuple(given) == shape
        lines.append(f"{'✓' if same else '✗':2}{name:14}{given!s:18}{shape!s:18}")
    return "\n".join(lines)
