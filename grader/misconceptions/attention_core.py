"""Misconceptions about attention itself and about heads (lesson 02)."""

from grader.misconceptions import Edit

ATTENTION = [
    Edit(
        "softmax_over_queries",
        "softmax(dim=-1)",
        "softmax(dim=-2)",
        "The softmax runs over the queries, so the queries compete for each key. "
        "Each query spreads its attention over the keys: they are the last axis of the scores.",
    ),
    Edit(
        "not_scaled",
        " / q.shape[-1] ** 0.5",
        "",
        "The scores are not divided by √d. They grow with √d, and the softmax picks one key and "
        "stops learning.",
    ),
    Edit(
        "scaled_by_d",
        "q.shape[-1] ** 0.5",
        "q.shape[-1]",
        "You divide by d. A sum of d products has variance d, so its spread is √d: "
        "divide by the root.",
    ),
    Edit(
        "scaled_by_the_length",
        "q.shape[-1] ** 0.5",
        "k.shape[-2] ** 0.5",
        "You divide by the root of the number of keys. The d in √d is the width of one query, the "
        "last axis: `q.shape[-1]`.",
    ),
    Edit(
        "multiplied_by_the_root",
        " / q.shape[-1] ** 0.5",
        " * q.shape[-1] ** 0.5",
        "You multiply the scores by √d, which makes them larger still. Divide.",
    ),
    Edit(
        "softmax_forgotten",
        "scores.softmax(dim=-1)",
        "scores",
        "The weights are raw scores. The softmax turns each row into positive numbers with sum 1.",
    ),
    Edit(
        "scaled_after_the_softmax",
        "scores.softmax(dim=-1)",
        "(scores * q.shape[-1] ** 0.5).softmax(dim=-1) / q.shape[-1] ** 0.5",
        "You divide by √d after the softmax, so the rows no longer sum to 1. Divide the scores, "
        "before the softmax.",
    ),
    Edit(
        "mask_inverted",
        'masked_fill(~mask, float("-inf"))',
        'masked_fill(mask, float("-inf"))',
        "Your mask works the other way round: you hide what may be seen. "
        "Here True means 'may attend'.",
    ),
    Edit(
        "mask_ignored",
        'scores = scores.masked_fill(~mask, float("-inf"))',
        "mask = torch.ones_like(mask)",
        "The mask has no effect. Where it is False, the score becomes −inf before the softmax.",
    ),
    Edit(
        "masked_after_the_softmax_only",
        'scores = scores.masked_fill(~mask, float("-inf"))',
        "pass",
        "You mask after the softmax, so the rows no longer sum to 1: hidden keys have already "
        "taken their share. Mask the scores.",
    ),
    Edit(
        "masked_score_is_zero",
        'masked_fill(~mask, float("-inf"))',
        "masked_fill(~mask, 0.0)",
        "Hidden keys got the score 0, which is an ordinary score: e⁰ = 1 takes a share of the "
        "attention. Use −inf.",
    ),
    Edit(
        "blocked_rows_are_nan",
        "weights = weights.masked_fill(~mask, 0)",
        "pass",
        "A row in which everything is masked becomes NaN: the softmax divides 0 by 0. "
        "Put zeros there after the softmax.",
    ),
    Edit(
        "blocked_rows_attend_to_all",
        "weights = weights.masked_fill(~mask, 0)",
        "weights = weights.nan_to_num(1 / k.shape[-2])",
        "A query that may attend to nothing attends to everything equally: it sees what the mask "
        "hides. Its weights and its output must be zero.",
    ),
    Edit(
        "fixed_axes_swapped",
        "k.transpose(-2, -1)",
        "k.transpose(1, 2)",
        "`transpose(1, 2)` is right for (B, L, d) only. With heads there is one axis more: "
        "count from the end, `transpose(-2, -1)`.",
    ),
    Edit(
        "all_axes_reversed",
        "k.transpose(-2, -1)",
        "k.permute(*reversed(range(k.dim())))",
        "`k.T` reverses all axes, the batch as well. Swap only the last two: `transpose(-2, -1)`.",
    ),
    Edit(
        "values_forgotten",
        "return weights @ v, weights",
        "return weights @ k, weights",
        "You average the keys. The keys say where to look. What is taken from there are the "
        "values v.",
    ),
    Edit(
        "returned_in_the_other_order",
        "return weights @ v, weights",
        "return weights, weights @ v",
        "Two tensors come back in the other order. Return (out, weights).",
    ),
    Edit(
        "weights_cut_off",
        "return weights @ v, weights",
        "return weights.detach() @ v, weights",
        "No gradient reaches q: the weights are cut from the graph. Without it the queries never "
        "learn where to look.",
    ),
]

SPLIT = [
    Edit(
        "split_without_transpose",
        "    x = x.reshape(B, L, n_heads, D // n_heads)\n    return x.transpose(1, 2)",
        "    x = x.reshape(B, n_heads, L, D // n_heads)\n    return x",
        "The shape is right and the numbers are in the wrong places: one head holds pieces of "
        "several tokens. Cut the last axis first, then swap L and H.",
    ),
    Edit(
        "heads_left_behind",
        "return x.transpose(1, 2)",
        "return x",
        "The heads stand behind the tokens: (B, L, H, d). They belong in front, (B, H, L, d), "
        "so that each head works like one more batch entry.",
    ),
    Edit(
        "numbers_dealt_like_cards",
        "    x = x.reshape(B, L, n_heads, D // n_heads)\n    return x.transpose(1, 2)",
        "    x = x.reshape(B, L, D // n_heads, n_heads)\n    return x.permute(0, 3, 1, 2)",
        "You deal the numbers to the heads in turn, like cards. Each head takes one connected "
        "piece: head 0 the first D/H numbers, head 1 the next ones.",
    ),
    Edit(
        "heads_before_the_batch",
        "return x.transpose(1, 2)",
        "return x.permute(2, 0, 1, 3)",
        "The heads stand before the batch: (H, B, L, d). The batch axis stays first.",
    ),
    Edit(
        "joined_with_the_batch",
        "return x.transpose(1, 2)",
        "return x.transpose(1, 2).flatten(0, 1)",
        "Batch and heads are one axis: (B·H, L, d). Keep them apart: (B, H, L, d).",
    ),
    Edit(
        "last_axes_swapped",
        "return x.transpose(1, 2)",
        "return x.permute(0, 2, 3, 1)",
        "The last two axes are swapped: (B, H, d, L). A token's numbers are the last axis.",
    ),
    Edit(
        "no_check_of_the_width",
        "if D % n_heads:",
        "if D == 0:",
        "A width that the heads do not divide must give a clear ValueError. Yours ends in an error "
        "about shapes that says nothing about heads.",
    ),
    Edit(
        "assert_instead_of_error",
        'raise ValueError(f"width {D} cannot be cut into {n_heads} equal heads")',
        "raise AssertionError",
        "An assertion is for your own mistakes, and python -O leaves it out. For a wrong argument "
        "raise ValueError.",
    ),
    Edit(
        "rest_cut_off",
        '        raise ValueError(f"width {D} cannot be cut into {n_heads} equal heads")',
        "        x = x[..., :0].expand(B, L, 0)",
        "Numbers that fit into no head are dropped in silence. Raise ValueError instead.",
    ),
]

MERGE = [
    Edit(
        "merged_without_transpose",
        "x = x.transpose(1, 2)",
        "pass",
        "The shape is right and the numbers are in the wrong places: one token gets numbers of "
        "several tokens. Swap H and L first, then join.",
    ),
    Edit(
        "view_after_transpose",
        "return x.reshape(",
        "return x.view(",
        "`view` cannot join axes after a transpose: the numbers do not lie side by side in memory. "
        "`reshape` copies them, or call `contiguous()` first.",
    ),
    Edit(
        "numbers_dealt_like_cards",
        "x = x.transpose(1, 2)",
        "x = x.permute(0, 2, 3, 1)",
        "The numbers of the heads alternate. First all of head 0, then all of head 1, and so on: "
        "that is how split_heads cut them.",
    ),
    Edit(
        "tokens_and_heads_joined",
        "return x.reshape(B, L, H * d)",
        "return x.reshape(B, L * H, d)",
        "You joined tokens and heads: (B, L·H, d). Join the heads with their numbers: (B, L, H·d).",
    ),
    Edit(
        "mean_of_the_heads",
        "return x.reshape(B, L, H * d)",
        "return x.mean(2)",
        "You average the heads, which loses what each one found. Put them side by side: "
        "(B, L, H·d).",
    ),
    Edit(
        "batch_and_heads_swapped",
        "x = x.transpose(1, 2)",
        "x = x.permute(2, 0, 1, 3)",
        "The first axis must stay the batch. Only H and L change places: `transpose(1, 2)`.",
    ),
    Edit(
        "width_first",
        "return x.reshape(B, L, H * d)",
        "return x.reshape(B, L, H * d).transpose(1, 2)",
        "The last two axes are swapped: (B, H·d, L). Tokens come before their numbers.",
    ),
]
