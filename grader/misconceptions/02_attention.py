"""Misconceptions of lesson 02, and which of them the bug hunts hide."""

from grader.misconceptions import attention_core, attention_modules, attention_positions

MISCONCEPTIONS = {
    "scaled_dot_product_attention": attention_core.ATTENTION,
    "split_heads": attention_core.SPLIT,
    "merge_heads": attention_core.MERGE,
    "MultiHeadSelfAttention": attention_modules.MULTI_HEAD,
    "sinusoidal_table": attention_positions.TABLE,
    "TransformerEncoderBlock": attention_modules.BLOCK,
    "SpatialSelfAttention": attention_modules.SPATIAL,
}

HUNTS = {
    "hunt_weights_that_do_not_add_up": "softmax_over_queries",
    "hunt_attention_too_sure": "not_scaled",
    "hunt_mixed_up_tokens": "split_without_transpose",
}
