"""Looking into cross-attention: which pixels read which word. And keeping what does not change."""

import contextlib

import torch


@contextlib.contextmanager
def recorded_attention(model, n_heads):
    """Inside, every cross-attention of model adds its weights (B, H, N, S) to the list given.

    A cross-attention is a module with `norm`, `to_q`, `to_k` and `out_proj`.
    """
    records = []

    def note(module, args, kwargs, _):
        x, context = [*args, *kwargs.values()][:2]
        with torch.no_grad():
            records.append(attention_weights(module, x, context, n_heads))

    layers = [m for m in model.modules() if is_cross_attention(m)]
    hooks = [layer.register_forward_hook(note, with_kwargs=True) for layer in layers]
    try:
        yield records
    finally:
        for hook in hooks:
            hook.remove()


def is_cross_attention(module):
    return all(hasattr(module, name) for name in ("norm", "to_q", "to_k", "to_v", "out_proj"))


def attention_weights(layer, x, context, n_heads):
    """The weights of a cross-attention: x (B, N, D), context (B, S, E) → (B, H, N, S)."""
    q, k = layer.to_q(layer.norm(x)), layer.to_k(context)
    q, k = (y.unflatten(-1, (n_heads, -1)).transpose(1, 2) for y in (q, k))
    return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)


def word_maps(records, pixels, words):
    """The mean of all recorded weights of one resolution: (B, words, side, side).

    records come from `recorded_attention`; pixels = side * side; only the first words are kept.
    """
    chosen = [w for w in records if w.shape[2] == pixels]
    if not chosen:
        raise ValueError(f"no attention with {pixels} pixels was recorded")
    mean = torch.stack(chosen).mean((0, 2))  # over steps and heads: (B, N, S)
    side = round(pixels**0.5)
    return mean[..., :words].transpose(1, 2).unflatten(-1, (side, side))


@contextlib.contextmanager
def cached_keys_and_values(model):
    """Inside, `to_k` and `to_v` run once per context: the words do not change from step to step."""
    cross = [m for m in model.modules() if is_cross_attention(m)]
    layers = [layer for m in cross for layer in (m.to_k, m.to_v)]
    for layer in layers:
        layer.forward = _remembering(layer.forward)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward  # the class's own comes back


def _remembering(forward):
    kept = {}

    def remembered(context):
        if kept.get("context") is not context:
            kept.update(context=context, result=forward(context))
        return kept["result"]

    return remembered
