"""Answers of lesson 05_text_to_image, written by `course build`."""


import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn


def per_sample(values, t, x):
    """values[t] as (B, 1, …, 1), or (1, 1, …, 1) for one t, to multiply each sample of x (B, …)."""
    return values[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


def precompute_schedule(betas):
    """Lesson 04's schedule: all numbers that training and sampling look up, each (T,)."""
    alphas, alpha_bar = 1 - betas, torch.cumprod(1 - betas, dim=0)
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    schedule = {"betas": betas, "alphas": alphas, "alpha_bar": alpha_bar}
    schedule |= {"sqrt_alpha": alphas.sqrt(), "sqrt_alpha_bar": alpha_bar.sqrt()}
    schedule |= {"sqrt_one_minus_alpha_bar": (1 - alpha_bar).sqrt()}
    return schedule | {"posterior_variance": betas * (1 - before) / (1 - alpha_bar)}


def normalize_embeddings(x):
    """The rows of x (B, D) scaled to length 1; a row of zeros stays a row of zeros."""
    length = x.norm(dim=-1, keepdim=True)  # (B, 1)
    return x / length.clamp_min(1e-12)


def clip_contrastive_loss(image_embeddings, text_embeddings, logit_scale):
    """Symmetric cross-entropy of all pairs (Radford et al. 2021, figure 3); a scalar tensor.

    image_embeddings, text_embeddings (B, D); logit_scale () is the log of the inverse temperature.
    """
    images = normalize_embeddings(image_embeddings)
    texts = normalize_embeddings(text_embeddings)
    logits = logit_scale.exp() * images @ texts.T  # (B, B): images, texts
    pairs = torch.arange(len(logits), device=logits.device)  # row i belongs to column i
    of_images = F.cross_entropy(logits, pairs)
    of_texts = F.cross_entropy(logits.T, pairs)
    return (of_images + of_texts) / 2


def zero_shot_classify(image_embeddings, class_text_embeddings):
    """Class with the largest cosine similarity: images (B, D), texts (K, D) → (B,) int64."""
    images = normalize_embeddings(image_embeddings)
    texts = normalize_embeddings(class_text_embeddings)
    similarity = images @ texts.T  # (B, K)
    return similarity.argmax(dim=-1)


def encode_text_sequence(clip_model, tokens):
    """States of all tokens after the final LayerNorm, not pooled: tokens (B, L) → (B, L, width)."""
    x = clip_model.token_embedding(tokens)  # (B, L, width)
    x = x + clip_model.positional_embedding
    x = clip_model.transformer(x, attn_mask=clip_model.attn_mask)
    return clip_model.ln_final(x)


class CrossAttention(nn.Module):
    """x + attention of x over the context: x (B, N, d_model), context (B, S, context_dim) → like x.

    norm = LayerNorm(d_model) on x; to_q, to_k, to_v without bias, out_proj with bias.
    """

    def __init__(self, d_model=256, context_dim=768, n_heads=8):
        super().__init__()
        if d_model % n_heads:
            raise ValueError(f"width {d_model} cannot be cut into {n_heads} equal heads")
        self.n_heads = n_heads
        self.norm = nn.LayerNorm(d_model)
        self.to_q = nn.Linear(d_model, d_model, bias=False)
        self.to_k = nn.Linear(context_dim, d_model, bias=False)
        self.to_v = nn.Linear(context_dim, d_model, bias=False)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(self, x, context):
        q = self.to_q(self.norm(x))  # (B, N, d_model)
        k, v = self.to_k(context), self.to_v(context)  # (B, S, d_model)
        q, k, v = (rearrange(y, "b n (h d) -> b h n d", h=self.n_heads) for y in (q, k, v))
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, H, N, S)
        out = scores.softmax(dim=-1) @ v  # (B, H, N, d)
        out = rearrange(out, "b h n d -> b n (h d)")
        return x + self.out_proj(out)


class TransformerBlock(nn.Module):
    """Pixels talk to each other, read the text, think: x (B, N, d_model), context (B, S, context_dim).

    norm1, self_attn (nn.MultiheadAttention, batch first); cross_attn (CrossAttention); norm2, ff.
    """

    def __init__(self, d_model, context_dim, n_heads=8):
        super().__init__()
        self.norm1 = nn.LayerNorm(d_model)
        self.self_attn = nn.MultiheadAttention(d_model, n_heads, batch_first=True)
        self.cross_attn = CrossAttention(d_model, context_dim, n_heads)
        self.norm2 = nn.LayerNorm(d_model)
        wide = nn.Linear(d_model, 4 * d_model)
        self.ff = nn.Sequential(wide, nn.GELU(), nn.Linear(4 * d_model, d_model))

    def forward(self, x, context):
        h = self.norm1(x)
        x = x + self.self_attn(h, h, h, need_weights=False)[0]
        x = self.cross_attn(x, context)
        return x + self.ff(self.norm2(x))


class SpatialTransformer(nn.Module):
    """A TransformerBlock for images: x (B, C, H, W), context (B, S, context_dim) → (B, C, H, W).

    norm = GroupNorm(8, C), proj_in and proj_out = 1×1 convolutions, block = TransformerBlock.
    """

    def __init__(self, channels, context_dim, n_heads):
        super().__init__()
        self.norm = nn.GroupNorm(8, channels)
        self.proj_in = nn.Conv2d(channels, channels, 1)
        self.block = TransformerBlock(channels, context_dim, n_heads)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x, context):
        H, W = x.shape[-2:]
        h = self.proj_in(self.norm(x))
        tokens = rearrange(h, "b c h w -> b (h w) c")
        tokens = self.block(tokens, context)  # (B, H·W, C)
        h = rearrange(tokens, "b (h w) c -> b c h w", h=H, w=W)
        return x + self.proj_out(h)


def posterior_step(x_t, eps, t, schedule, z):
    """x_{t-1} from the predicted noise, by way of a clamped x_0 (Ho et al. 2020, equation 7).

    x_t, eps, z (B, …); t an int or (B,) int64 → (B, …). Where t = 0: the clamped x_0, no noise.
    """
    alpha_bar, betas = schedule["alpha_bar"], schedule["betas"]
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])  # ᾱ_{t-1}
    of_start = before.sqrt() * betas / (1 - alpha_bar)
    of_now = schedule["sqrt_alpha"] * (1 - before) / (1 - alpha_bar)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_t)
    x_0 = (x_t - spread * eps) / per_sample(schedule["sqrt_alpha_bar"], t, x_t)
    x_0 = x_0.clamp(-1, 1)
    mean = per_sample(of_start, t, x_t) * x_0 + per_sample(of_now, t, x_t) * x_t
    x_before = mean + per_sample(schedule["posterior_variance"], t, x_t).sqrt() * z
    last = torch.arange(len(betas), device=betas.device) == 0  # exact where 1 - ᾱ_0 is rounded
    return torch.where(per_sample(last, t, x_t) > 0, x_0, x_before)


def sample_text_to_image(
    unet, encode_text, prompt, schedule, guidance_scale=7.5, H=64, W=64, C=3, device="cpu"
):
    """An image of the prompt by guided ancestral sampling → (1, C, H, W) in [-1, 1]."""
    training = isinstance(unet, nn.Module) and unet.training
    if training:
        unet.eval()
    x = torch.randn(1, C, H, W, device=device)
    with torch.no_grad():
        context = encode_text([prompt]).to(device)  # (1, L, width)
        empty = encode_text([""]).to(device)
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((1,), i, device=device)
            eps_cond, eps_null = unet(x, t, context), unet(x, t, empty)
            eps = eps_null + guidance_scale * (eps_cond - eps_null)
            x = posterior_step(x, eps, i, schedule, torch.randn_like(x))
    if training:
        unet.train()
    return x


def generate_image(components, prompt, negative_prompt="", guidance_scale=7.5, seed=None):
    """One image of the prompt, away from the negative prompt → (C, H, W) in [0, 1].

    components: unet, encode_text, schedule, image_shape (C, H, W), device.
    """
    unet, schedule, device = (components[name] for name in ("unet", "schedule", "device"))
    generator = None if seed is None else torch.Generator(device).manual_seed(seed)
    training = isinstance(unet, nn.Module) and unet.training
    if training:
        unet.eval()
    x = torch.randn(1, *components["image_shape"], device=device, generator=generator)
    with torch.no_grad():
        context = components["encode_text"]([prompt]).to(device)
        avoided = components["encode_text"]([negative_prompt]).to(device)
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((1,), i, device=device)
            eps_cond, eps_null = unet(x, t, context), unet(x, t, avoided)
            eps = eps_null + guidance_scale * (eps_cond - eps_null)
            z = torch.randn(x.shape, device=device, generator=generator)
            x = posterior_step(x, eps, i, schedule, z)
    if training:
        unet.train()
    return (x[0] + 1) / 2
