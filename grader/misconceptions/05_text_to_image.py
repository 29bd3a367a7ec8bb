"""Misconceptions of lesson 05, and which of them the bug hunts hide."""

from grader.misconceptions import clip_basics, cross_attention_modules, text_sampling

MISCONCEPTIONS = {
    "normalize_embeddings": clip_basics.NORMALIZE,
    "clip_contrastive_loss": clip_basics.LOSS,
    "zero_shot_classify": clip_basics.ZERO_SHOT,
    "encode_text_sequence": clip_basics.SEQUENCE,
    "CrossAttention": cross_attention_modules.CROSS,
    "TransformerBlock": cross_attention_modules.BLOCK,
    "SpatialTransformer": cross_attention_modules.SPATIAL,
    "posterior_step": text_sampling.STEP,
    "sample_text_to_image": text_sampling.SAMPLE,
    "generate_image": text_sampling.GENERATE,
}

HUNTS = {
    "hunt_image_talks_to_itself": "keys_and_values_from_the_image",
    "hunt_heads_in_a_tangle": "heads_merged_in_the_wrong_order",
    "hunt_loudest_sentence": "texts_not_normalised",
}
