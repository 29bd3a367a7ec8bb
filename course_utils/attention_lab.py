"""Measurements on networks with attention: who influences whom, who looks where, and how long."""

import time

import torch
from einops import rearrange


def influence(network, channels=8, size=16):
    """log10 of how much each input pixel moves the output pixel in the middle, (size, size).

    Measured with autograd on one random image; the largest is 0, nothing at all is -6.
    """
    x = torch.randn(1, channels, size, size, requires_grad=True)
    network(x)[0, :, size // 2, size // 2].square().sum().backward()
    moved = x.grad.norm(dim=1)[0]
    return (moved / moved.max()).log10().clamp_min(-6)


def milliseconds(layer, x, repeats=5):
    """The best time of a few runs of layer(x), without a graph."""
    times = []
    with torch.no_grad():
        for _ in range(repeats):
            start = time.perf_counter()
            layer(x)
            times.append(time.perf_counter() - start)
    return 1000 * min(times)


def attention_maps(model, tokens, n_heads):
    """The weights (L, L) of each head, layer by layer, for one row of tokens (L, size).

    An attention layer is a module with to_q and to_k. Its weights are recomputed from its input.
    """
    maps = []

    def look(module, inputs):
        q, k = (
            rearrange(layer(inputs[0]), "1 l (h d) -> h l d", h=n_heads)
            for layer in (module.to_q, module.to_k)
        )
        maps.extend((q @ k.mT / q.shape[-1] ** 0.5).softmax(-1))

    layers = [m for m in model.modules() if hasattr(m, "to_q") and hasattr(m, "to_k")]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        with torch.no_grad():
            model(tokens[None])
    finally:
        for hook in hooks:
            hook.remove()
    return maps
