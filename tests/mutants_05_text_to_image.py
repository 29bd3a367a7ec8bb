"""Wrong code beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

UNIT = "return x / length.clamp_min(1e-12)"
BACK = 'rearrange(tokens, "b (h w) c -> b c h w", h=H, w=W)'
STATES = "return clip_model.ln_final(x)"
STEP_NOISE = "posterior_step(x, eps, i, schedule, torch.randn_like(x))"

MUTANTS = {
    "normalize_embeddings": {
        "half the length": (UNIT, "return 0.5 * x / length.clamp_min(1e-12)"),
        "a little off": (UNIT, "return x / (length + 0.01)"),
        "in place": (UNIT, "return x.div_(length.clamp_min(1e-12))"),
        "mean taken off": ("length = x.norm",
                           "x = x - x.mean(-1, keepdim=True)\n    length = x.norm"),
        "largest value": ("x.norm(dim=-1, keepdim=True)", "x.abs().amax(dim=-1, keepdim=True)"),
    },
    "clip_contrastive_loss": {
        "scale squared": ("logit_scale.exp()", "logit_scale.exp() ** 2"),
        "scale clamped at 2": ("logit_scale.exp()", "logit_scale.exp().clamp(max=2)"),
        "rows twice": ("F.cross_entropy(logits.T, pairs)", "F.cross_entropy(logits, pairs)"),
        "text cut from the graph": ("normalize_embeddings(text_embeddings)",
                                    "normalize_embeddings(text_embeddings.detach())"),
        "smoothed": ("of_texts = F.cross_entropy(logits.T, pairs)",
                     "of_texts = F.cross_entropy(logits.T, pairs, label_smoothing=0.1)"),
        "sum over the batch": ("of_texts = F.cross_entropy(logits.T, pairs)",
                               "of_texts = F.cross_entropy(logits.T, pairs, reduction='sum')"),
        "reversed pairs": ("device=logits.device)", "device=logits.device).flip(0)"),
        "a float": ("return (of_images + of_texts) / 2",
                    "return ((of_images + of_texts) / 2).item()"),
    },
    "zero_shot_classify": {
        "second best": ("similarity.argmax(dim=-1)",
                        "similarity.topk(min(2, len(texts))).indices[:, -1]"),
        "a list": ("similarity.argmax(dim=-1)", "similarity.argmax(dim=-1).tolist()"),
        "counted from one": ("similarity.argmax(dim=-1)", "similarity.argmax(dim=-1) + 1"),
        "one-hot": ("similarity.argmax(dim=-1)", "F.one_hot(similarity.argmax(dim=-1))"),
        "nearest by raw distance": (
            "similarity = images @ texts.T",
            "similarity = -torch.cdist(image_embeddings, class_text_embeddings)",
        ),
    },
    "encode_text_sequence": {
        "positions reversed": ("+ clip_model.positional_embedding",
                               "+ clip_model.positional_embedding.flip(0)"),
        "positions twice": ("+ clip_model.positional_embedding",
                            "+ 2 * clip_model.positional_embedding"),
        "mask turned": ("attn_mask=clip_model.attn_mask", "attn_mask=clip_model.attn_mask.T"),
        "without the last token": (STATES, STATES + "[:, :-1]"),
        "norm twice": (STATES, "return clip_model.ln_final(clip_model.ln_final(x))"),
        "unit length": (STATES, "return F.normalize(clip_model.ln_final(x), dim=-1)"),
        "pooled, a sequence of one": (STATES, STATES + "[:, -1:]"),
    },
    "CrossAttention": {
        "norm on the context": ("self.to_k(context)",
                                "self.to_k(F.layer_norm(context, context.shape[-1:]))"),
        "half the shortcut": ("return x + ", "return 0.5 * x + "),
        "keys with bias": ("self.to_k = nn.Linear(context_dim, d_model, bias=False)",
                           "self.to_k = nn.Linear(context_dim, d_model)"),
        "sigmoid": ("scores.softmax(dim=-1)", "scores.sigmoid()"),
        "dropout": ("self.out_proj(out)", "F.dropout(self.out_proj(out), 0.1)"),
        "one sentence for all": ("self.to_v(context)", "self.to_v(context[:1].expand_as(context))"),
        "words cut from the graph": ("self.to_v(context)", "self.to_v(context.detach())"),
        "other defaults": ("n_heads=8)", "n_heads=4)"),
        "wrong default context": ("context_dim=768", "context_dim=512"),
        "heads cut apart": ('"b n (h d) -> b h n d"', '"b n (d h) -> b h n d"'),
    },
    "TransformerBlock": {
        "one norm for both": ("self.ff(self.norm2(x))", "self.ff(self.norm1(x))"),
        "SiLU": ("nn.GELU()", "nn.SiLU()"),
        "attention doubled": ("x = x + self.self_attn", "x = x + 2 * self.self_attn"),
        "the text twice": ("x = self.cross_attn(x, context)",
                           "x = self.cross_attn(self.cross_attn(x, context), context)"),
        "side by side": ("return x + self.ff(self.norm2(x))", "return x + self.ff(self.norm2(h))"),
        "always causal": (
            "need_weights=False",
            "need_weights=False, attn_mask=torch.ones(h.shape[1], h.shape[1]).triu(1).bool()",
        ),
    },
    "SpatialTransformer": {
        "four groups": ("nn.GroupNorm(8", "nn.GroupNorm(4"),
        "upside down": (BACK, BACK + ".flip(2)"),
        "half the shortcut": ("return x + ", "return 0.5 * x + "),
        "one image for all": ("self.block(tokens, context)",
                              "self.block(tokens[:1].expand_as(tokens), context)"),
        "no bias": ("self.proj_in = nn.Conv2d(channels, channels, 1)",
                    "self.proj_in = nn.Conv2d(channels, channels, 1, bias=False)"),
        "words averaged": ("self.block(tokens, context)",
                           "self.block(tokens, context.mean(1, keepdim=True).expand_as(context))"),
    },
    "posterior_step": {
        "clamped wider": ("clamp(-1, 1)", "clamp(-1.5, 1.5)"),
        "tanh": ("x_0.clamp(-1, 1)", "x_0.tanh()"),
        "own noise": (".sqrt() * z", ".sqrt() * torch.randn_like(z)"),
        "alpha for alpha_bar": ('per_sample(schedule["sqrt_alpha_bar"]',
                                'per_sample(schedule["sqrt_alpha"]'),
        "no weight for the clean image": ("mean = per_sample(of_start, t, x_t) * x_0 + ",
                                          "mean = "),
        "changed in place": ("x_0 = x_0.clamp(-1, 1)",
                             "x_0 = x_0.clamp(-1, 1)\n    x_t.mul_(1.0001)"),
    },
    "sample_text_to_image": {
        "clamped at the end": ("return x", "return x.clamp(-0.5, 0.5)"),
        "another scale": ("guidance_scale=7.5", "guidance_scale=5.0"),
        "no batch axis": ("return x", "return x[0]"),
        "one noise for all pixels": (
            STEP_NOISE, "posterior_step(x, eps, i, schedule, torch.randn_like(x[..., :1, :1]))"
        ),
        "t one too small": ("torch.full((1,), i,", "torch.full((1,), max(i - 1, 0),"),
        "prompt as a string": ("encode_text([prompt])", "encode_text(prompt)"),
        "words averaged": ("encode_text([prompt])", "encode_text([prompt]).mean(1, keepdim=True)"),
    },
    "generate_image": {
        "range cut": ("return (x[0] + 1) / 2", "return ((x[0] + 1) / 2).clamp(0.2, 0.8)"),
        "brighter": ("return (x[0] + 1) / 2", "return (x[0] + 1.1) / 2"),
        "bytes": ("return (x[0] + 1) / 2", "return ((x[0] + 1) * 127.5).byte()"),
        "channels last": ("return (x[0] + 1) / 2", "return ((x[0] + 1) / 2).permute(1, 2, 0)"),
        "seed changed": ("manual_seed(seed)", "manual_seed(seed // 4)"),
    },
}  # fmt: skip

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = []
