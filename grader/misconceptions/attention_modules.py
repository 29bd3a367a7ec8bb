"""Misconceptions about the modules made of attention (lesson 02)."""

from grader.misconceptions import Edit

MULTI_HEAD = [
    Edit(
        "out_proj_forgotten",
        "return self.out_proj(merge_heads(out))",
        "return merge_heads(out)",
        "`out_proj` is never called. Without it the heads stand side by side and never mix.",
    ),
    Edit(
        "no_bias",
        "self.to_q = nn.Linear(d_model, d_model)",
        "self.to_q = nn.Linear(d_model, d_model, bias=False)",
        "A projection has no bias. Here all four have one, as nn.Linear has by default.",
    ),
    Edit(
        "mask_not_passed_on",
        "scaled_dot_product_attention(q, k, v, mask)",
        "scaled_dot_product_attention(q, k, v)",
        "The mask never reaches the attention. Pass it on.",
    ),
    Edit(
        "keys_as_values",
        "self.to_v(x)",
        "self.to_k(x)",
        "The values are the keys: `to_v` is never used. Keys say where to look, values what is "
        "found there.",
    ),
    Edit(
        "queries_as_keys",
        "k = split_heads(self.to_k(x)",
        "k = split_heads(self.to_q(x)",
        "The keys are the queries: `to_k` is never used. Then a token always likes itself best.",
    ),
    Edit(
        "queries_and_keys_swapped",
        "scaled_dot_product_attention(q, k, v, mask)",
        "scaled_dot_product_attention(k, q, v, mask)",
        "Queries and keys are swapped. The order is (q, k, v).",
    ),
    Edit(
        "one_large_head",
        "self.n_heads = n_heads",
        "self.n_heads = 1",
        "The number of heads has no effect: you attend once, over the whole width.",
    ),
    Edit(
        "merged_without_transpose",
        "merge_heads(out)",
        "out.reshape(x.shape)",
        "The heads are put together by reshape alone, which mixes up the tokens. Use merge_heads.",
    ),
    Edit(
        "split_before_projecting",
        "q = split_heads(self.to_q(x), self.n_heads)",
        "q = split_heads(x, self.n_heads)",
        "The queries are the tokens themselves: `to_q` is never used. Project, then split.",
    ),
    Edit(
        "scaled_by_the_whole_width",
        "scaled_dot_product_attention(q, k, v, mask)",
        "scaled_dot_product_attention(q / self.n_heads**0.5, k, v, mask)",
        "The scores are divided by √d_model. The queries of one head are only "
        "d = d_model/n_heads wide: divide by √d, once.",
    ),
    Edit(
        "scaled_twice",
        "scaled_dot_product_attention(q, k, v, mask)",
        "scaled_dot_product_attention(q / q.shape[-1] ** 0.5, k, v, mask)",
        "The scores are divided by √d twice. `scaled_dot_product_attention` does it already.",
    ),
    Edit(
        "residual_inside",
        "return self.out_proj(merge_heads(out))",
        "return x + self.out_proj(merge_heads(out))",
        "x is added to the result. The residual belongs to the block around this module; "
        "added twice, it counts twice.",
    ),
    Edit(
        "weights_for_the_output",
        "return self.out_proj(merge_heads(out))",
        "return self.out_proj(merge_heads(out)), _",
        "A tuple comes back. `forward` returns the output alone, so that blocks can add it to x.",
    ),
    Edit(
        "head_width_layers",
        "self.to_v = nn.Linear(d_model, d_model)",
        "self.to_v = nn.Linear(d_model, d_model // n_heads)",
        "A projection is as narrow as one head. Each of the four maps d_model to d_model: "
        "all heads together are that wide.",
    ),
]

BLOCK = [
    Edit(
        "post_norm",
        "        x = x + self.attn(self.norm1(x))\n        return x + self.mlp(self.norm2(x))",
        "        x = self.norm1(x + self.attn(x))\n        return self.norm2(x + self.mlp(x))",
        "You normalise after the sum: that is post-norm, the order of the 2017 paper. Here it is "
        "pre-norm: x + part(norm(x)), which trains without a warm-up.",
    ),
    Edit(
        "no_residual_around_attention",
        "x = x + self.attn(",
        "x = self.attn(",
        "The attention replaces x instead of adding to it. What a token was is lost. "
        "Write x + attention(…).",
    ),
    Edit(
        "no_residual_around_mlp",
        "return x + self.mlp(",
        "return self.mlp(",
        "The MLP replaces x instead of adding to it. Write x + MLP(…).",
    ),
    Edit(
        "no_norm_before_attention",
        "self.attn(self.norm1(x))",
        "self.attn(x)",
        "The attention sees x without LayerNorm. Pre-norm means: normalise what goes in.",
    ),
    Edit(
        "no_norm_before_mlp",
        "self.mlp(self.norm2(x))",
        "self.mlp(x)",
        "The MLP sees x without LayerNorm. It has one of its own.",
    ),
    Edit(
        "mlp_first",
        "        x = x + self.attn(self.norm1(x))\n        return x + self.mlp(self.norm2(x))",
        "        x = x + self.mlp(self.norm2(x))\n        return x + self.attn(self.norm1(x))",
        "The MLP comes before the attention. Tokens exchange first, then each thinks for itself.",
    ),
    Edit(
        "side_by_side",
        "        x = x + self.attn(self.norm1(x))\n        return x + self.mlp(self.norm2(x))",
        "        return x + self.attn(self.norm1(x)) + self.mlp(self.norm2(x))",
        "Attention and MLP both start from the same x. The MLP comes second: it starts from what "
        "the attention left.",
    ),
    Edit(
        "one_norm_for_both",
        "self.norm2 = nn.LayerNorm(d_model)",
        "self.norm2 = self.norm1",
        "Both places share one LayerNorm. Each has its own.",
    ),
    Edit(
        "residual_of_the_normalised",
        "        x = x + self.attn(self.norm1(x))\n        return x + self.mlp(self.norm2(x))",
        "        x = self.norm1(x)\n        x = x + self.attn(x)\n"
        "        x = self.norm2(x)\n        return x + self.mlp(x)",
        "You add to the normalised x. The sum uses the x without norm: only then is there a path "
        "through the block that changes nothing.",
    ),
    Edit(
        "relu",
        "nn.GELU()",
        "nn.ReLU()",
        "The MLP uses ReLU. Here it is GELU.",
    ),
    Edit(
        "gelu_approximated",
        "nn.GELU()",
        'nn.GELU(approximate="tanh")',
        "You use the tanh approximation of GELU. It is close, but this course uses the exact one.",
    ),
    Edit(
        "ratio_ignored",
        "hidden = mlp_ratio * d_model",
        "hidden = 4 * d_model",
        "The argument mlp_ratio has no effect: the MLP is always four times as wide.",
    ),
    Edit(
        "no_activation",
        "nn.GELU(), ",
        "",
        "There is nothing between the two linear layers. Without GELU they are one linear layer.",
    ),
    Edit(
        "one_norm_more",
        "return x + self.mlp(self.norm2(x))",
        "return nn.functional.layer_norm(x + self.mlp(self.norm2(x)), x.shape[-1:])",
        "The block normalises its output as well. In a stack of pre-norm blocks that is done once, "
        "after the last block.",
    ),
]

SPATIAL = [
    Edit(
        "reshaped_to_tokens",
        'rearrange(self.norm(x), "b c h w -> b (h w) c")',
        "self.norm(x).reshape(x.shape[0], -1, x.shape[1])",
        "A reshape alone makes 'tokens' of pixels of one channel. A token is one pixel with all "
        "its channels: move C to the end first.",
    ),
    Edit(
        "reshaped_to_image",
        'rearrange(out, "b (h w) c -> b c h w", h=H, w=W)',
        "out.reshape(x.shape)",
        "On the way back a reshape alone mixes up pixels and channels. Move the channels to the "
        "front first: transpose, then reshape.",
    ),
    Edit(
        "height_and_width_swapped",
        'rearrange(out, "b (h w) c -> b c h w", h=H, w=W)',
        'rearrange(out, "b (w h) c -> b c h w", h=H, w=W)',
        "The image comes back with rows and columns mixed up, so each pixel gets the answer of "
        "another one. The way back must undo the way there.",
    ),
    Edit(
        "channels_as_tokens",
        'rearrange(self.norm(x), "b c h w -> b (h w) c")',
        'rearrange(self.norm(x), "b c h w -> b c (h w)")',
        "The channels are the tokens, so the width depends on the image size. The pixels are the "
        "tokens: (B, H·W, C).",
    ),
    Edit(
        "no_residual",
        "return x + rearrange(",
        "return rearrange(",
        "The attention replaces x. Add it: x + attn(norm(x)).",
    ),
    Edit(
        "residual_of_the_normalised",
        "return x + rearrange(",
        "return self.norm(x) + rearrange(",
        "You add to the normalised x. Add to the x you were given.",
    ),
    Edit(
        "norm_forgotten",
        "rearrange(self.norm(x), ",
        "rearrange(x, ",
        "`norm` is never called. The attention sees norm(x).",
    ),
    Edit(
        "one_group",
        "nn.GroupNorm(8, channels)",
        "nn.GroupNorm(1, channels)",
        "The norm has one group. Here it has 8.",
    ),
    Edit(
        "one_channel_per_group",
        "nn.GroupNorm(8, channels)",
        "nn.GroupNorm(channels, channels)",
        "Each channel is a group of its own. Here 8 groups share the channels.",
    ),
    Edit(
        "heads_ignored",
        "self.attn = MultiHeadSelfAttention(channels, n_heads)",
        "self.attn = MultiHeadSelfAttention(channels, 1)",
        "The number of heads has no effect.",
    ),
    Edit(
        "each_row_for_itself",
        "out = self.attn(tokens)",
        'rows = rearrange(tokens, "b (h w) c -> (b h) w c", h=H)\n'
        '        out = rearrange(self.attn(rows), "(b h) w c -> b (h w) c", h=H)',
        "Each pixel attends to its own row only. All H·W pixels of an image are one sequence.",
    ),
    Edit(
        "normalised_added_too",
        "return x + rearrange(",
        "return x + self.norm(x) + rearrange(",
        "The normalised x is added as well. The sum is x + attn(norm(x)).",
    ),
]
