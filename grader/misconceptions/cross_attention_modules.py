"""Misconceptions about cross-attention and the modules made of it (lesson 05)."""

from grader.misconceptions import Edit

MERGED = '"b h n d -> b n (h d)"'
KEYS = """        self.to_k = nn.Linear({width}, d_model, bias=False)
        self.to_v = nn.Linear({width}, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, context):
        q = self.to_q(self.norm(x))  # (B, N, d_model)
        k, v = self.to_k({source}), self.to_v({source})"""
RUN = "tokens = self.block(tokens, context)"

CROSS = [
    Edit(
        "keys_and_values_from_the_image",
        KEYS.format(width="context_dim", source="context"),
        KEYS.format(width="d_model", source="x"),
        "Keys and values come from the image, so the words are never read. "
        "The pixels ask; keys and values are made from the context.",
    ),
    Edit(
        "values_from_the_keys",
        "self.to_v(context)",
        "self.to_k(context)",
        "The values are the keys: `to_v` is never used. Keys say where to look, values what "
        "is found.",
    ),
    Edit(
        "heads_merged_in_the_wrong_order",
        MERGED,
        '"b h n d -> b n (d h)"',
        "The heads are merged in the wrong order: numbers of different heads alternate. "
        "Put the heads side by side, as they were cut.",
    ),
    Edit(
        "merged_without_transpose",
        f"rearrange(out, {MERGED})",
        "out.reshape(x.shape)",
        "The heads are merged by a reshape alone, which mixes up the pixels. "
        "Bring the head axis next to its numbers first.",
    ),
    Edit(
        "softmax_over_the_pixels",
        "scores.softmax(dim=-1)",
        "scores.softmax(dim=-2)",
        "The softmax runs over the pixels. Each pixel shares out its attention among the words: "
        "the last axis.",
    ),
    Edit(
        "no_scaling",
        " / q.shape[-1] ** 0.5",
        "",
        "The scores are not divided by √d, with d the width of one head.",
    ),
    Edit(
        "scaled_by_the_whole_width",
        "q.shape[-1] ** 0.5",
        "x.shape[-1] ** 0.5",
        "The scores are divided by √d_model. The queries of one head are only "
        "d_model/n_heads wide.",
    ),
    Edit(
        "no_residual",
        "return x + self.out_proj",
        "return self.out_proj",
        "The attention replaces x. Add it to x: what the pixel was must not be lost.",
    ),
    Edit(
        "residual_of_the_normalised",
        "return x + self.out_proj",
        "return self.norm(x) + self.out_proj",
        "You add to the normalised x. Add to the x you were given.",
    ),
    Edit(
        "norm_forgotten",
        "self.to_q(self.norm(x))",
        "self.to_q(x)",
        "`norm` is never called. The queries come from norm(x).",
    ),
    Edit(
        "post_norm",
        "return x + self.out_proj(out)",
        "return self.norm(x + self.out_proj(out))",
        "The sum is normalised as well. Here it is pre-norm: only what goes into `to_q` is "
        "normalised.",
    ),
    Edit(
        "one_large_head",
        "self.n_heads = n_heads",
        "self.n_heads = 1",
        "The number of heads has no effect: you attend once, over the whole width.",
    ),
    Edit(
        "queries_with_bias",
        "self.to_q = nn.Linear(d_model, d_model, bias=False)",
        "self.to_q = nn.Linear(d_model, d_model)",
        "`to_q` has a bias. In cross-attention, `to_q`, `to_k` and `to_v` have none.",
    ),
    Edit(
        "output_without_bias",
        "self.out_proj = nn.Linear(d_model, d_model)",
        "self.out_proj = nn.Linear(d_model, d_model, bias=False)",
        "`out_proj` has no bias. It is the one layer of the four that has one.",
    ),
    Edit(
        "out_proj_forgotten",
        "return x + self.out_proj(out)",
        "return x + out",
        "`out_proj` is never called, so the heads never mix.",
    ),
]

BLOCK = [
    Edit(
        "context_ignored",
        "x = self.cross_attn(x, context)\n",
        "x = self.cross_attn(x, context[:, :0].sum(1, keepdim=True))\n",
        "The context has no effect. Hand the words to the cross-attention as they are.",
    ),
    Edit(
        "cross_attention_skipped",
        "        x = self.cross_attn(x, context)\n",
        "",
        "The cross-attention is never called: the pixels do not read the text.",
    ),
    Edit(
        "residual_twice",
        "x = self.cross_attn(x, context)",
        "x = x + self.cross_attn(x, context)",
        "x is added twice around the cross-attention. It brings its own residual.",
    ),
    Edit(
        "normalised_twice",
        "self.cross_attn(x, context)",
        "self.cross_attn(self.norm1(x), context)",
        "You normalise before the cross-attention, which has its own norm inside. "
        "Then its residual adds to the normalised x.",
    ),
    Edit(
        "no_residual_around_self_attention",
        "x = x + self.self_attn(",
        "x = self.self_attn(",
        "The self-attention replaces x instead of adding to it.",
    ),
    Edit(
        "no_residual_around_ff",
        "return x + self.ff(",
        "return self.ff(",
        "The feed-forward part replaces x instead of adding to it.",
    ),
    Edit(
        "no_norm_before_self_attention",
        "h = self.norm1(x)",
        "h = x",
        "The self-attention sees x without norm1. Normalise what goes in.",
    ),
    Edit(
        "values_not_normalised",
        "self.self_attn(h, h, h,",
        "self.self_attn(h, h, x,",
        "Queries and keys are normalised, the values are not. All three are norm1(x).",
    ),
    Edit(
        "no_norm_before_ff",
        "self.ff(self.norm2(x))",
        "self.ff(x)",
        "The feed-forward part sees x without norm2. Normalise what goes in.",
    ),
    Edit(
        "text_before_self_attention",
        "        h = self.norm1(x)\n"
        "        x = x + self.self_attn(h, h, h, need_weights=False)[0]\n"
        "        x = self.cross_attn(x, context)\n",
        "        x = self.cross_attn(x, context)\n"
        "        h = self.norm1(x)\n"
        "        x = x + self.self_attn(h, h, h, need_weights=False)[0]\n",
        "The cross-attention comes first. Here the pixels talk to each other first, then "
        "read the text.",
    ),
    Edit(
        "batch_second",
        ", batch_first=True",
        "",
        "`batch_first=True` is missing. Without it nn.MultiheadAttention takes the batch for the "
        "sequence, and images attend to each other.",
    ),
    Edit(
        "relu",
        "nn.GELU()",
        "nn.ReLU()",
        "The feed-forward part uses ReLU. Here it is GELU.",
    ),
    Edit(
        "gelu_approximated",
        "nn.GELU()",
        'nn.GELU(approximate="tanh")',
        "You use the tanh approximation of GELU. It is close, but this course uses the exact one.",
    ),
    Edit(
        "heads_ignored",
        "self.cross_attn = CrossAttention(d_model, context_dim, n_heads)",
        "self.cross_attn = CrossAttention(d_model, context_dim, 1)",
        "The cross-attention has one head, whatever n_heads says.",
    ),
]

SPATIAL = [
    Edit(
        "reshaped_to_tokens",
        'rearrange(h, "b c h w -> b (h w) c")',
        "h.reshape(h.shape[0], -1, h.shape[1])",
        "A reshape alone makes 'tokens' of pixels of one channel. A token is one pixel with "
        "all its "
        "channels: move C to the end first.",
    ),
    Edit(
        "reshaped_to_image",
        'rearrange(tokens, "b (h w) c -> b c h w", h=H, w=W)',
        "tokens.reshape(x.shape)",
        "On the way back a reshape alone mixes up pixels and channels. Move the channels to the "
        "front first.",
    ),
    Edit(
        "rows_and_columns_swapped",
        'rearrange(tokens, "b (h w) c -> b c h w", h=H, w=W)',
        'rearrange(tokens, "b (w h) c -> b c h w", h=H, w=W)',
        "The image comes back with rows and columns mixed up. The way back must undo the way "
        "there.",
    ),
    Edit(
        "no_residual",
        "return x + self.proj_out",
        "return self.proj_out",
        "x is replaced. Add the x you were given, around everything.",
    ),
    Edit(
        "residual_of_the_projected",
        "return x + self.proj_out(h)",
        "return self.proj_in(self.norm(x)) + self.proj_out(h)",
        "You add to the normalised and projected x. Add to the x you were given.",
    ),
    Edit(
        "norm_forgotten",
        "self.proj_in(self.norm(x))",
        "self.proj_in(x)",
        "`norm` is never called. It comes first.",
    ),
    Edit(
        "project_before_norm",
        "self.proj_in(self.norm(x))",
        "self.norm(self.proj_in(x))",
        "You project, then normalise. The norm comes first.",
    ),
    Edit(
        "no_way_in",
        "self.proj_in(self.norm(x))",
        "self.norm(x)",
        "`proj_in` is never called: the image goes to the block as it is.",
    ),
    Edit(
        "no_way_out",
        "return x + self.proj_out(h)",
        "return x + h",
        "`proj_out` is never called: it has the last word before the residual.",
    ),
    Edit(
        "one_group",
        "nn.GroupNorm(8, channels)",
        "nn.GroupNorm(1, channels)",
        "The norm has one group. Here it has 8.",
    ),
    Edit(
        "wide_kernels",
        "self.proj_in = nn.Conv2d(channels, channels, 1)",
        "self.proj_in = nn.Conv2d(channels, channels, 3, padding=1)",
        "`proj_in` is a 3×3 convolution. Here it is 1×1: each pixel for itself, the attention does "
        "the rest.",
    ),
    Edit(
        "heads_ignored",
        "TransformerBlock(channels, context_dim, n_heads)",
        "TransformerBlock(channels, context_dim, 1)",
        "The number of heads has no effect.",
    ),
    Edit(
        "first_words_only",
        RUN,
        "tokens = self.block(tokens, context[:, :1])",
        "Only the first word reaches the block. Hand over the whole context.",
    ),
]
