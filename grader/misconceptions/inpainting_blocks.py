"""Misconceptions about the blocks of the improved U-Net (lesson 07)."""

from grader.misconceptions import Edit

EMBEDDING = [
    Edit(
        "sin_first",
        "[angles.cos(), angles.sin()]",
        "[angles.sin(), angles.cos()]",
        "Your sines come first. Lesson 03 did it that way; here the cosines come first, "
        "cat[cos, sin].",
    ),
    Edit(
        "in_turns",
        "embedding = torch.cat([angles.cos(), angles.sin()], dim=1)",
        "embedding = torch.stack([angles.cos(), angles.sin()], dim=2).flatten(1)",
        "Cosines and sines stand in turns. Here all cosines come first, then all sines.",
    ),
    Edit(
        "odd_dim_short",
        "F.pad(embedding, (0, dim % 2))",
        "embedding",
        "For an odd dim one column is missing. Add one column of zeros at the end.",
    ),
    Edit(
        "padded_in_front",
        "(0, dim % 2)",
        "(dim % 2, 0)",
        "The column of zeros stands in front. F.pad takes (left, right): the zeros belong to "
        "the right.",
    ),
    Edit(
        "period_fixed",
        "math.log(max_period)",
        "math.log(10000)",
        "The period is fixed to 10000. Use max_period, which the caller may change.",
    ),
    Edit(
        "divided_by_dim",
        "* i / half)",
        "* i / dim)",
        "Your exponent runs to one half only, because i is divided by dim. Divide by dim // 2, "
        "so that the slowest frequency comes near 1 / max_period.",
    ),
    Edit(
        "last_frequency_reached",
        "* i / half)",
        "* i / max(half - 1, 1))",
        "You divide by half − 1, so that the last frequency is exactly 1 / max_period. That "
        "layout exists too, but here i is divided by dim // 2.",
    ),
    Edit(
        "growing_frequencies",
        "torch.exp(-math",
        "torch.exp(math",
        "The minus sign is missing: your frequencies grow up to max_period instead of falling "
        "to its inverse.",
    ),
    Edit(
        "timesteps_assumed",
        "gammas[:, None] * frequencies",
        "(1000 * gammas[:, None]) * frequencies",
        "You multiply the noise level by 1000 first. That can help a network, but it is not "
        "this function: embed gammas as they come.",
    ),
    Edit(
        "table_on_the_cpu",
        "torch.arange(half, device=gammas.device, dtype=torch.float32)",
        "torch.arange(half, dtype=torch.float32)",
        "The values are right, but your table is made on the CPU. Gammas on a GPU would raise "
        "an error: make it on their device.",
    ),
]

RESBLOCK = [
    Edit(
        "scale_without_one",
        "* (1 + scale) + shift",
        "* scale + shift",
        "You multiply by scale alone. With an embedding near zero the features would vanish: "
        "multiply by 1 + scale.",
    ),
    Edit(
        "shift_before_scale",
        "(self.norm2(h) * (1 + scale) + shift)",
        "((self.norm2(h) + shift) * (1 + scale))",
        "You shift first and scale afterwards, so the shift is scaled too. Scale the normalised"
        " features, then add the shift.",
    ),
    Edit(
        "halves_swapped",
        "scale, shift = self.emb_proj",
        "shift, scale = self.emb_proj",
        "The halves are swapped: the first half of emb_proj's output is the scale, the second "
        "one the shift.",
    ),
    Edit(
        "embedding_only_added",
        "self.norm2(h) * (1 + scale) + shift",
        "self.norm2(h) + shift",
        "You use the shift and leave the scale out. That is lesson 03's block; adaptive "
        "normalisation also multiplies by 1 + scale.",
    ),
    Edit(
        "modulated_before_the_norm",
        "self.norm2(h) * (1 + scale) + shift",
        "self.norm2(h * (1 + scale) + shift)",
        "You scale and shift before norm2, which then takes most of it away again. Normalise "
        "first, then scale and shift.",
    ),
    Edit(
        "end_not_at_zero",
        "        nn.init.zeros_(self.conv2.weight)\n        nn.init.zeros_(self.conv2.bias)\n",
        "",
        "conv2 starts with random numbers. Set its weight and bias to zero, so that the block "
        "begins as its shortcut.",
    ),
    Edit(
        "dropout_missing",
        "self.conv2(self.dropout(h))",
        "self.conv2(h)",
        "The dropout is built but never called. It stands right before conv2.",
    ),
    Edit(
        "no_activation_after_modulation",
        "h = F.silu(self.norm2(h) * (1 + scale) + shift)",
        "h = self.norm2(h) * (1 + scale) + shift",
        "The SiLU after scale and shift is missing, so two convolutions follow one another with"
        " nothing non-linear between them.",
    ),
    Edit(
        "convolution_before_norm",
        "self.conv1(self.resample(F.silu(self.norm1(x))))",
        "self.conv1(self.resample(F.silu(x)))",
        "norm1 is built but never used. In this block the norm comes first: norm1, SiLU, "
        "resample, conv1.",
    ),
    Edit(
        "shortcut_missing",
        "return self.conv2(self.dropout(h)) + self.skip(self.resample(x))",
        "return self.conv2(self.dropout(h))",
        "The shortcut is missing. With conv2 at zero your block returns nothing but zeros: add "
        "skip(resample(x)).",
    ),
    Edit(
        "shortcut_after_the_norm",
        "+ self.skip(self.resample(x))",
        "+ self.skip(self.resample(self.norm1(x)))",
        "The shortcut carries the normalised input. It should carry x itself.",
    ),
    Edit(
        "resampled_by_maximum",
        "F.avg_pool2d(x, 2)",
        "F.max_pool2d(x, 2)",
        "You halve with the maximum of each 2×2 patch. Take the mean here: avg_pool2d.",
    ),
    Edit(
        "blurred_upsampling",
        'mode="nearest"',
        'mode="bilinear"',
        "You enlarge by bilinear interpolation, which blurs. Repeat each pixel: nearest.",
    ),
    Edit(
        "embedding_without_silu",
        "nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out))",
        "nn.Sequential(nn.Identity(), nn.Linear(emb_channels, 2 * out))",
        "emb_proj begins with a SiLU, then comes the Linear layer. Yours lacks the SiLU.",
    ),
    Edit(
        "resampled_before_the_norm",
        "self.conv1(self.resample(F.silu(self.norm1(x))))",
        "self.conv1(F.silu(self.norm1(self.resample(x))))",
        "You resample before norm and activation. Halving by the mean does not commute with "
        "them: resample after the SiLU.",
    ),
    Edit(
        "graph_cut",
        "self.emb_proj(emb)[:, :, None, None]",
        "self.emb_proj(emb.detach())[:, :, None, None]",
        "The output is right, but no gradient reaches the embedding, so the network never "
        "learns to read the noise level. Do not detach it.",
    ),
]

ATTENTION = [
    Edit(
        "unscaled",
        "q.transpose(2, 3) @ k / d**0.5",
        "q.transpose(2, 3) @ k",
        "The scores are not divided by √d. Without it the softmax saturates as d grows.",
    ),
    Edit(
        "divided_by_d",
        "@ k / d**0.5",
        "@ k / d",
        "You divide the scores by d. It is the square root of d.",
    ),
    Edit(
        "scale_of_all_channels",
        "@ k / d**0.5",
        "@ k / C**0.5",
        "You divide by √C. Each head has d = C / heads channels of its own: divide by √d.",
    ),
    Edit(
        "softmax_over_queries",
        "scores.softmax(dim=-1)",
        "scores.softmax(dim=-2)",
        "Your softmax runs over the queries. For each query the weights over the keys add up to"
        " 1: that is the last axis.",
    ),
    Edit(
        "heads_first",
        "qkv.reshape(B, 3, self.num_heads, d, H * W).unbind(1)",
        "qkv.reshape(B, self.num_heads, 3, d, H * W).unbind(2)",
        "You read the channels as (heads, (q, k, v), d). Here they are laid out as ((q, k, v), "
        "heads, d). Both layouts exist; trained weights of one do not fit the other.",
    ),
    Edit(
        "heads_interleaved",
        "qkv.reshape(B, 3, self.num_heads, d, H * W).unbind(1)",
        "qkv.reshape(B, 3, d, self.num_heads, H * W).transpose(2, 3).unbind(1)",
        "You read the channels of q, k and v as (d, heads). They are (heads, d): all channels "
        "of the first head come first.",
    ),
    Edit(
        "q_and_k_swapped",
        "q, k, v = qkv",
        "k, q, v = qkv",
        "q and k have changed places. The first C channels are the queries, then come the keys,"
        " then the values.",
    ),
    Edit(
        "values_first",
        "q, k, v = qkv",
        "v, q, k = qkv",
        "You take the first third as values. The order is queries, keys, values.",
    ),
    Edit(
        "weights_transposed",
        "v @ scores.softmax(dim=-1).transpose(2, 3)",
        "v @ scores.softmax(dim=-1)",
        "The weights are multiplied the wrong way round: you sum over the queries. Each query's"
        " output is the sum over the keys.",
    ),
    Edit(
        "residual_normalised",
        "return x + self.proj_out",
        "return self.norm(x) + self.proj_out",
        "You add the result to the normalised input. Add it to x itself: at the start the block"
        " must be the identity.",
    ),
    Edit(
        "residual_missing",
        "return x + self.proj_out",
        "return self.proj_out",
        "x itself is missing from the sum. With proj_out at zero your block returns zeros; it "
        "should start as the identity.",
    ),
    Edit(
        "norm_missing",
        "self.qkv(self.norm(x).flatten(2))",
        "self.qkv(x.flatten(2))",
        "norm is built but never used. Normalise before qkv.",
    ),
    Edit(
        "end_not_at_zero",
        "        nn.init.zeros_(self.proj_out.weight)\n"
        "        nn.init.zeros_(self.proj_out.bias)\n",
        "",
        "proj_out starts with random numbers. Set its weight and bias to zero, so that a fresh "
        "block changes nothing.",
    ),
    Edit(
        "one_head_always",
        "self.num_heads = num_heads",
        "self.num_heads = 1",
        "Your block has one head, whatever num_heads says. Each head computes its own weights "
        "from its own d channels.",
    ),
    Edit(
        "pixels_column_by_column",
        "self.norm(x).flatten(2)",
        "self.norm(x).transpose(2, 3).flatten(2)",
        "You flatten column by column and put the result back row by row, so the pixels change "
        "places. Use the same order both times.",
    ),
]
