"""Shows from outside what a broken function of lesson 05 does."""

import torch
from torch import nn


def print_choices(classify, seed=0):
    """How often each of four classes is chosen, when the third one's text is a long vector."""
    generator = torch.Generator().manual_seed(seed)
    images, classes = (torch.randn(n, 16, generator=generator) for n in (300, 4))
    classes[2] *= 10  # the same direction, ten times as long
    counts = classify(images, classes).bincount(minlength=4)
    print("how often each of four classes is chosen:", counts.tolist())


def print_states(states, names):
    """Length of the first tokens' states (2, L, width), and how far the two sentences differ."""
    for i, name in enumerate(names):
        apart = (states[0, i] - states[1, i]).norm()
        print(f"{name:16} length {states[0, i].norm():5.2f}   differ by {apart:5.2f}")


def print_difference(layer_class, seed=0):
    """How much the output changes when the sentence does."""
    torch.manual_seed(seed)
    layer, x = layer_class(32, 32, 4), torch.randn(1, 9, 32)
    first, second = (layer(x, torch.randn(1, 5, 32)) for _ in range(2))
    print("two sentences, and the outputs differ by", (first - second).abs().max().item())


def print_distance(layer_class, seed=0):
    """How far a cross-attention is from PyTorch's with the same weights, for one and two heads."""
    for n_heads in (1, 2):
        torch.manual_seed(seed)
        layer, theirs = layer_class(8, 8, n_heads), nn.MultiheadAttention(8, n_heads)
        stacked = [layer.to_q.weight, layer.to_k.weight, layer.to_v.weight]
        theirs.in_proj_weight.data = torch.cat(stacked).data
        theirs.out_proj = layer.out_proj
        x, context = torch.randn(5, 8), torch.randn(4, 8)
        apart = layer(x[None], context[None])[0] - x - theirs(layer.norm(x), context, context)[0]
        print(f"heads: {n_heads}   far from PyTorch's module by {apart.abs().max():.6f}")
