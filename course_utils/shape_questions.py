"""Shape questions drawn at random. The right answer is computed by running the network."""

import copy
import random
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class ShapeQuestion:
    """A network, an input shape, and what comes out. Shows itself; `answer` judges an answer."""

    model: nn.Sequential
    input_shape: tuple

    @property
    def shapes(self):
        """Output shape after each layer, from a real forward pass."""
        x, shapes = torch.zeros(self.input_shape), []
        with torch.no_grad():
            for layer in self.model.eval():
                x = layer(x)
                shapes.append(tuple(x.shape))
        return shapes

    @property
    def right(self):
        return self.shapes[-1]

    def answer(self, shape):
        """A sentence on an answer such as (8, 16, 7, 7); None means not answered yet."""
        if shape is None:
            return "Not answered yet. Work through the layers from top to bottom."
        if tuple(shape) == self.right:
            return f"Right: {self.right}."
        if len(shape) != len(self.right):
            return f"Not yet: the output has {len(self.right)} axes."
        wrong = (str(i) for i, size in enumerate(self.right) if shape[i] != size)
        return f"Not yet: look again at axis {', '.join(wrong)}. `explain()` shows the way."

    def explain(self):
        """The shape after each layer, as text."""
        names = ["input", *map(_code, self.model)]
        shapes = [self.input_shape, *self.shapes]
        return "\n".join(f"{name:62} {s}" for name, s in zip(names, shapes, strict=True))

    def __repr__(self):
        layers = "\n".join(f"    {_code(layer)}," for layer in self.model)
        network = f"nn.Sequential(\n{layers}\n)"
        return f"An x of shape {self.input_shape} goes through\n{network}\nWhat comes out?"


def conv_chain(seed=None, num_layers=4):
    """A question on a chain of convolutions and poolings; the same seed gives the same question."""
    draw, layers = random.Random(seed), []
    while sum(isinstance(layer, nn.Conv2d) for layer in layers) < 2:
        channels, size = draw.choice([1, 3]), draw.choice([28, 32, 45, 64])
        input_shape = (draw.choice([2, 4, 8, 16]), channels, size, size)
        layers = _chain(draw, input_shape, num_layers)
    endings = [[], [nn.Flatten()], [nn.Flatten()], [nn.AdaptiveAvgPool2d(2), nn.Flatten()]]
    return ShapeQuestion(nn.Sequential(*layers, *draw.choice(endings)), input_shape)


def _chain(draw, input_shape, num_layers):
    """Layers that fit one behind the other and leave at least 3 pixels."""
    layers, channels = [], input_shape[1]
    for _ in range(num_layers):
        layer = _layer(draw, channels)
        if _size_after([*layers, layer], input_shape) >= 3:
            layers.append(layer)
            channels = getattr(layer, "out_channels", channels)
    return layers


def _layer(draw, channels):
    if draw.random() < 0.25:
        return nn.MaxPool2d(2)
    kernel, stride = draw.choice([1, 3, 5, 7]), draw.choice([1, 1, 2, 3])
    padding, dilation = draw.randint(0, kernel // 2), draw.choice([1, 1, 2])
    return nn.Conv2d(channels, draw.choice([8, 16, 32]), kernel, stride, padding, dilation)


def _size_after(layers, input_shape):
    """Height after the layers; 0 where a kernel does not fit any more."""
    x = torch.empty(input_shape, device="meta")
    try:
        for layer in layers:
            x = copy.deepcopy(layer).to("meta")(x)
    except RuntimeError:
        return 0
    return x.shape[2]


def _code(layer):
    """A layer as one writes it, without what is the default anyway."""
    if isinstance(layer, nn.Conv2d):
        extra = {"stride": layer.stride, "padding": layer.padding, "dilation": layer.dilation}
        usual = {"stride": 1, "padding": 0, "dilation": 1}
        named = "".join(f", {k}={v[0]}" for k, v in extra.items() if v[0] != usual[k])
        sizes = f"{layer.in_channels}, {layer.out_channels}, {layer.kernel_size[0]}"
        return f"nn.Conv2d({sizes}{named})"
    sizes = {nn.MaxPool2d: "kernel_size", nn.AdaptiveAvgPool2d: "output_size"}
    size = getattr(layer, sizes.get(type(layer), ""), "")
    return f"nn.{type(layer).__name__}({size})"
