"""A text encoder with the parts and names of open_clip's CLIP, small enough for a probe.

Importing open_clip takes seconds, so probes do without it; the tests hold the two side by side.
"""

from __future__ import annotations

import torch
from torch import nn

from course_utils.engine.case import Case
from course_utils.exercises.modules import prepared

SETTINGS = ("text_pool_type", "training", "context_length")


class Block(nn.Module):
    """One layer of the text transformer: pre-norm self-attention, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU())

    def forward(self, x, attn_mask=None):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=attn_mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    """The layers, one after the other; (B, L, width), batch first."""

    batch_first = True

    def __init__(self, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.width, self.layers = width, layers
        self.resblocks = nn.ModuleList([Block(width, heads) for _ in range(layers)])

    def get_cast_dtype(self) -> torch.dtype:
        return self.resblocks[0].mlp[0].weight.dtype

    def forward(self, x, attn_mask=None):
        for block in self.resblocks:
            x = block(x, attn_mask=attn_mask)
        return x


class TextTower(nn.Module):
    """The text side of an open_clip.CLIP: the same attributes, the same encode_text."""

    def __init__(self, vocab_size: int, context_length: int, width: int, embed_dim: int) -> None:
        super().__init__()
        self.vocab_size, self.context_length = vocab_size, context_length
        self.text_pool_type, self.text_eos_id = "argmax", vocab_size - 1
        self.token_embedding = nn.Embedding(vocab_size, width)
        self.positional_embedding = nn.Parameter(torch.zeros(context_length, width))
        self.transformer = Transformer(width, layers=2, heads=2)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, embed_dim))
        later = torch.ones(context_length, context_length).triu(1).bool()
        mask = torch.zeros(context_length, context_length).masked_fill(later, float("-inf"))
        self.register_buffer("attn_mask", mask, persistent=False)

    def encode_text(self, text, normalize: bool = False):
        """The pooled vector, (B, embed_dim)."""
        x = self._states(text)
        if self.text_pool_type == "argmax":
            x = x[torch.arange(len(x), device=x.device), text.argmax(dim=-1)]
        if self.text_projection is not None:
            x = x @ self.text_projection
        return nn.functional.normalize(x, dim=-1) if normalize else x

    def forward_intermediates(self, text, normalize_intermediates: bool = False, **_):
        """What open_clip returns of each layer, as far as a text sequence needs it."""
        x, states = self.token_embedding(text) + self.positional_embedding, []
        for block in self.transformer.resblocks:
            x = block(x, attn_mask=self.attn_mask)
            states.append(self.ln_final(x) if normalize_intermediates else x)
        return {"text_intermediates": states}

    def _states(self, text):
        x = self.token_embedding(text) + self.positional_embedding
        return self.ln_final(self.transformer(x, attn_mask=self.attn_mask))


def draw_tower(case: Case) -> tuple[TextTower, torch.Tensor]:
    """A tower with known weights, and tokens (B, L): start, words, end of text, zeros."""
    vocab_size, L, batch = case.size(30, 40), case.size(7, 9), case.option("batch") or 3
    tower = TextTower(vocab_size, L, 2 * case.size(3, 4), case.size(9, 12))
    mask = tower.attn_mask.clone()
    prepared(case, tower)
    tower.attn_mask = mask.to(case.device, case.dtype)
    words, ends = case.integers(1, vocab_size - 2, batch, L), case.integers(3, L, batch)
    place, end = torch.arange(L, device=words.device), ends[:, None]
    words = torch.where(place == 0, vocab_size - 2, words).masked_fill(place > end, 0)
    return tower, case.tensor(torch.where(place == end, vocab_size - 1, words))


def settings(tower: TextTower) -> list:
    """What a learner's code might change about the model and forget to put back."""
    return [getattr(tower, name) for name in SETTINGS] + [tower.text_projection is not None]
