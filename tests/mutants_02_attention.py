"""Wrong versions of lesson 02's references beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

SOFTMAX = "scores.softmax(dim=-1)"
RESULT = "return weights @ v, weights"
HIDE = 'masked_fill(~mask, float("-inf"))'
ATTEND = "scaled_dot_product_attention(q, k, v, mask)"
OUT = "return self.out_proj(merge_heads(out))"
SHARED_KEYS = "self.to_k = nn.Linear(d_model, d_model)"
MIX = "x = x + self.attn(self.norm1(x))"
BACK = 'rearrange(out, "b (h w) c -> b c h w", h=H, w=W)'

MUTANTS = {
    "scaled_dot_product_attention": {
        "mask of another query": (HIDE, 'masked_fill(~mask.transpose(-2, -1), float("-inf"))'),
        "mask of the first query": (HIDE, 'masked_fill(~mask[..., :1, :], float("-inf"))'),
        "mask changed": (HIDE, 'masked_fill(mask.logical_not_(), float("-inf"))'),
        "hidden keys dimmed": (HIDE, "masked_fill(~mask, -3.0)"),
        "softmax in float64": (SOFTMAX, "scores.double().softmax(dim=-1)"),
        "softmax in float32": (SOFTMAX, "scores.float().softmax(dim=-1)"),
        "sigmoid": (SOFTMAX, "scores.sigmoid()"),
        "softmax over all": (SOFTMAX, "scores.flatten().softmax(0).view_as(scores)"),
        "fourth root": ("** 0.5", "** 0.25"),
        "a little off": ("** 0.5", "** 0.5 / 1.02"),
        "only out": (RESULT, "return weights @ v"),
        "scores returned": (RESULT, "return weights @ v, scores"),
        "weights turned": (RESULT, "return weights @ v, weights.transpose(-2, -1)"),
        "dropout": (RESULT, "return F.dropout(weights, 0.1) @ v, weights"),
        "no gradient for k": ("k.transpose(-2, -1)", "k.detach().transpose(-2, -1)"),
        "no gradient for v": (RESULT, "return weights @ v.detach(), weights"),
        "zero weights, mean output": (
            RESULT, "return scores.nan_to_num(0).softmax(-1) @ v, weights",
        ),
    },
    "split_heads": {
        "returns the error": ("raise ValueError", "return ValueError"),
        "the other way round": ("if D % n_heads", "if n_heads % D"),
        "only too many heads": ("if D % n_heads", "if D < n_heads"),
        "another error": ("raise ValueError", "raise RuntimeError"),
        "heads reversed": ("transpose(1, 2)", "transpose(1, 2).flip(1)"),
        "two heads always": ("n_heads, D // n_heads)", "2, D // 2)"),
        "float32": ("transpose(1, 2)", "transpose(1, 2).float()"),
    },
    "merge_heads": {
        "heads reversed": ("x = x.transpose(1, 2)", "x = x.flip(1).transpose(1, 2)"),
        "sum of the heads": ("return x.reshape(B, L, H * d)", "return x.sum(2)"),
        "first head": ("return x.reshape(B, L, H * d)", "return x[:, :, 0]"),
        "an axis too many": ("return x.reshape(B, L, H * d)", "return x.reshape(B, L, H * d, 1)"),
    },
    "MultiHeadSelfAttention": {
        "one layer for queries and keys": (SHARED_KEYS, "self.to_k = self.to_q"),
        "one name for another": (
            SHARED_KEYS, "self.to_key = self.to_k = nn.Linear(d_model, d_model)",
        ),
        "keys and values swapped": (ATTEND, "scaled_dot_product_attention(q, v, k, mask)"),
        "mask inverted": (
            ATTEND, "scaled_dot_product_attention(q, k, v, None if mask is None else ~mask)",
        ),
        "always causal": (
            ATTEND,
            "scaled_dot_product_attention(q, k, v, torch.ones(len(x[0]), len(x[0])).tril().bool())",
        ),
        "dropout": (OUT, "return F.dropout(self.out_proj(merge_heads(out)), 0.1)"),
        "cut from the graph": (OUT, "return self.out_proj(merge_heads(out)).detach()"),
        "projected twice": (OUT, "return self.out_proj(self.out_proj(merge_heads(out)))"),
        "keys of the wrong tokens": ("self.to_k(x)", "self.to_k(x.flip(1))"),
        "one sequence for all": ("self.to_v(x)", "self.to_v(x[:1].expand_as(x))"),
    },
    "sinusoidal_table": {
        "base 9000": ("10000 **", "9000 **"),
        "cosine turned": ("angles.cos()", "-angles.cos()"),
        "positions from 0 to 1": ("angles = position", "angles = position / n_positions"),
        "a batch axis": (".flatten(1)", ".flatten(1)[None]"),
        "turned": (".flatten(1)", ".flatten(1).T"),
        "a list": (".flatten(1)", ".flatten(1).tolist()"),
        "tangent": ("angles.sin()", "angles.tan()"),
        "odd exponents": ("(two_i / d_model)", "((two_i + 1) / d_model)"),
    },
    "TransformerEncoderBlock": {
        "first norm used twice": ("self.mlp(self.norm2(x))", "self.mlp(self.norm1(x))"),
        "attention twice": (MIX, MIX + "\n        " + MIX),
        "attention doubled": (MIX, "x = x + 2 * self.attn(self.norm1(x))"),
        "one head": ("self.attn = MultiHeadSelfAttention(d_model, n_heads)",
                     "self.attn = MultiHeadSelfAttention(d_model, 1)"),
        "norm without weights": ("self.norm1 = nn.LayerNorm(d_model)",
                                 "self.norm1 = nn.LayerNorm(d_model, elementwise_affine=False)"),
        "SiLU": ("nn.GELU()", "nn.SiLU()"),
        "GELU at the end": ("nn.Linear(hidden, d_model)", "nn.Linear(hidden, d_model), nn.GELU()"),
        "no bias": ("nn.Linear(hidden, d_model)", "nn.Linear(hidden, d_model, bias=False)"),
        "dropout": ("nn.Linear(hidden, d_model)", "nn.Linear(hidden, d_model), nn.Dropout(0.1)"),
        "norm over tokens": ("self.attn(self.norm1(x))",
                             "self.attn(F.layer_norm(x.mT, x.shape[1:2]).mT + 0 * self.norm1(x))"),
    },
    "SpatialSelfAttention": {
        "four groups": ("self.norm = nn.GroupNorm(8", "self.norm = nn.GroupNorm(4"),
        "half the shortcut": ("return x + ", "return 0.5 * x + "),
        "BatchNorm": ("nn.GroupNorm(8, channels)", "nn.BatchNorm2d(channels)"),
        "norm without weights": ("self.norm = nn.GroupNorm(8, channels)",
                                 "self.norm = nn.GroupNorm(8, channels, affine=False)"),
        "upside down": (BACK, BACK + ".flip(2)"),
        "the wrong pixels": ("self.attn(tokens)", "self.attn(tokens.flip(1))"),
        "normalised tokens": (
            "self.attn(tokens)", "self.attn(F.layer_norm(tokens, tokens.shape[-1:]))",
        ),
        "one image for all": ("self.attn(tokens)", "self.attn(tokens[:1].expand_as(tokens))"),
    },
}  # fmt: skip

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = [
    ("scaled_dot_product_attention", "** 0.5", "** 0.25"),
    ("split_heads", "transpose(1, 2)", "transpose(1, 2).flip(1)"),
    ("MultiHeadSelfAttention", "self.to_k(x)", "self.to_k(x.flip(1))"),
    ("sinusoidal_table", "angles.cos()", "-angles.cos()"),
    ("TransformerEncoderBlock", "nn.GELU()", "nn.SiLU()"),
    ("SpatialSelfAttention", "return x + ", "return 0.5 * x + "),
]
