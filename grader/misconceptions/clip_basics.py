"""Misconceptions about embeddings, the contrastive loss and text encoders (lesson 05)."""

from grader.misconceptions import Edit

NORMALIZE = [
    Edit(
        "zero_divided_by_zero",
        ".clamp_min(1e-12)",
        "",
        "A row of zeros becomes 0/0, which is NaN, and one NaN ruins the whole loss. "
        "Keep the length away from 0.",
    ),
    Edit(
        "columns_normalised",
        "dim=-1",
        "dim=0",
        "You scaled the columns. A row is one embedding: take the length along the last axis.",
    ),
    Edit(
        "one_length_for_all",
        "x.norm(dim=-1, keepdim=True)",
        "x.norm()",
        "All rows are divided by the same number, the length of the whole table. "
        "Each row has a length of its own.",
    ),
    Edit(
        "sum_of_absolute_values",
        "x.norm(dim=-1",
        "x.norm(p=1, dim=-1",
        "The absolute values of a row now add up to 1. A unit vector has squares that add up to 1.",
    ),
    Edit(
        "squared_length",
        "x.norm(dim=-1, keepdim=True)",
        "x.pow(2).sum(dim=-1, keepdim=True)",
        "You divide by the sum of squares. The length is its square root.",
    ),
    Edit(
        "softmax_instead",
        "x / length.clamp_min(1e-12)",
        "x.softmax(dim=-1) + 0 * length",
        "You took the softmax. It makes shares that add up to 1, and throws the signs away.",
    ),
    Edit(
        "cut_from_the_graph",
        "return x / length",
        "return x.detach() / length.detach()",
        "The values are right, but no gradient flows back: the encoders behind it could not learn. "
        "Leave out detach and no_grad.",
    ),
    Edit(
        "length_as_a_constant",
        "/ length.",
        "/ length.detach().",
        "The values are right and the gradient is not: the length depends on x, too. Do not "
        "detach it.",
    ),
]

LOSS = [
    Edit(
        "scale_not_exponentiated",
        "logit_scale.exp()",
        "logit_scale",
        "`logit_scale` is a logarithm here: multiply by its exponential. "
        "Only open_clip's own loss gets the number after the exponential.",
    ),
    Edit(
        "divided_by_the_scale",
        "logit_scale.exp() * images @ texts.T",
        "images @ texts.T / logit_scale.exp()",
        "You divide by the scale. It is the inverse of the temperature, so it multiplies.",
    ),
    Edit(
        "no_temperature",
        "logit_scale.exp() * images",
        "images",
        "The scale has no effect. Cosines lie between −1 and 1, which is too narrow for a softmax "
        "to decide anything.",
    ),
    Edit(
        "images_not_normalised",
        "images = normalize_embeddings(image_embeddings)",
        "images = image_embeddings",
        "The image embeddings are not normalised: long vectors get large scores for being long.",
    ),
    Edit(
        "texts_not_normalised",
        "texts = normalize_embeddings(text_embeddings)",
        "texts = text_embeddings",
        "The text embeddings are not normalised: long vectors get large scores for being long.",
    ),
    Edit(
        "images_only",
        "return (of_images + of_texts) / 2",
        "return of_images",
        "Only the images look for their texts. The loss is symmetric: the texts look, too, and the "
        "result is the mean of both.",
    ),
    Edit(
        "texts_only",
        "return (of_images + of_texts) / 2",
        "return of_texts",
        "Only the texts look for their images. The loss is symmetric: take the mean of both "
        "directions.",
    ),
    Edit(
        "sum_of_both",
        "return (of_images + of_texts) / 2",
        "return of_images + of_texts",
        "You add the two directions. CLIP takes their mean, so the result is twice too large.",
    ),
    Edit(
        "scale_without_gradient",
        "logit_scale.exp()",
        "logit_scale.exp().item()",
        "The temperature gets no gradient, because `.item()`, `float()` or `detach` cut it off. "
        "CLIP learns its temperature: keep the tensor.",
    ),
    Edit(
        "softmax_before_cross_entropy",
        "F.cross_entropy(logits, pairs)",
        "F.cross_entropy(logits.softmax(dim=-1), pairs)",
        "There is a softmax before cross-entropy, which has one inside. Hand it the logits.",
    ),
    Edit(
        "distances_for_similarities",
        "images @ texts.T",
        "-torch.cdist(images, texts)",
        "You score pairs by minus their distance. CLIP uses the cosine, the dot product of "
        "unit vectors.",
    ),
    Edit(
        "pairs_shifted",
        "torch.arange(len(logits), device=logits.device)",
        "torch.zeros(len(logits), dtype=torch.long, device=logits.device)",
        "Every row is told that column 0 is right. Row i belongs to column i: the diagonal.",
    ),
    Edit(
        "pairs_on_the_cpu",
        "torch.arange(len(logits), device=logits.device)",
        "torch.arange(len(logits))",
        "The numbers of the pairs stay on the CPU when the embeddings are on a GPU. "
        "Make them on the device of the logits.",
    ),
]

ZERO_SHOT = [
    Edit(
        "texts_not_normalised",
        "texts = normalize_embeddings(class_text_embeddings)",
        "texts = class_text_embeddings",
        "The class texts are not normalised: the longest vector wins too often. "
        "Compare directions, not lengths.",
    ),
    Edit(
        "least_similar",
        ".argmax(dim=-1)",
        ".argmin(dim=-1)",
        "You choose the least similar class. A large cosine means alike.",
    ),
    Edit(
        "best_image_per_class",
        ".argmax(dim=-1)",
        ".argmax(dim=0)",
        "You found the best image for each class. The question is the best class for each image.",
    ),
    Edit(
        "similarity_for_class",
        "similarity.argmax(dim=-1)",
        "similarity.amax(dim=-1)",
        "You return how similar the best class is. Return its number.",
    ),
    Edit(
        "shares_for_class",
        "similarity.argmax(dim=-1)",
        "similarity.softmax(dim=-1)",
        "You return a share for each class. Return the number of the best one.",
    ),
    Edit(
        "sign_ignored",
        "similarity.argmax(dim=-1)",
        "similarity.abs().argmax(dim=-1)",
        "You ignore the sign. A cosine of −1 is the opposite direction, the worst match there is.",
    ),
    Edit(
        "smaller_integers",
        "similarity.argmax(dim=-1)",
        "similarity.argmax(dim=-1).int()",
        "The classes came back as int32. Class numbers are int64, as argmax gives them.",
    ),
    Edit(
        "an_axis_too_many",
        "similarity.argmax(dim=-1)",
        "similarity.argmax(dim=-1, keepdim=True)",
        "One number per image is wanted, shape (B,). You kept an axis that is not needed.",
    ),
    Edit(
        "one_class_for_all",
        "similarity.argmax(dim=-1)",
        "similarity.mean(dim=0).argmax().expand(len(images))",
        "All images get the same class: the best one on average. Each image has its own.",
    ),
]

SEQUENCE = [
    Edit(
        "no_positions",
        "    x = x + clip_model.positional_embedding\n",
        "",
        "The positions are missing: the encoder cannot tell the order of the words. "
        "Add `positional_embedding` to the token embeddings.",
    ),
    Edit(
        "no_causal_mask",
        ", attn_mask=clip_model.attn_mask",
        "",
        "The transformer ran without its mask, so each token saw the later ones. It was trained "
        "to look back only: pass `attn_mask`.",
    ),
    Edit(
        "no_final_norm",
        "return clip_model.ln_final(x)",
        "return x",
        "The final LayerNorm is missing. The states before it are on another scale than those that "
        "CLIP was trained to use.",
    ),
    Edit(
        "pooled_vector",
        "return clip_model.ln_final(x)",
        "return clip_model.encode_text(tokens)",
        "`encode_text` returns one pooled vector per sentence, (B, embed_dim). "
        "You want the state of every token, (B, L, width).",
    ),
    Edit(
        "pooled_and_repeated",
        "return clip_model.ln_final(x)",
        "x = clip_model.ln_final(x)\n"
        "    end = x[torch.arange(len(x)), tokens.argmax(dim=-1)]\n"
        "    return end[:, None].expand_as(x)",
        "Every token got the state of the end-of-text token. Each has a state of its own.",
    ),
    Edit(
        "projected",
        "return clip_model.ln_final(x)",
        "return clip_model.ln_final(x) @ clip_model.text_projection",
        "You applied `text_projection`, which belongs to the pooled vector. "
        "The sequence stops after the final LayerNorm.",
    ),
    Edit(
        "sequence_first",
        "x = clip_model.transformer(x, attn_mask=clip_model.attn_mask)",
        "x = x.transpose(0, 1)\n"
        "    x = clip_model.transformer(x, attn_mask=clip_model.attn_mask[: len(tokens), : "
        "len(tokens)])\n"
        "    x = x.transpose(0, 1)",
        "Batch and tokens change places on the way in, as old versions of CLIP wanted it. "
        "Then sentences attend to each other. This transformer takes (B, L, width).",
    ),
    Edit(
        "pads_set_to_zero",
        "return clip_model.ln_final(x)",
        "return clip_model.ln_final(x) * (tokens != 0)[..., None]",
        "You set the states of the padding to zero. CLIP's pads have states like all other tokens, "
        "and image generators are trained with them.",
    ),
    Edit(
        "tokens_alone",
        "x = clip_model.transformer(x, attn_mask=clip_model.attn_mask)",
        "",
        "The transformer is missing: each token knows nothing of the others.",
    ),
]
