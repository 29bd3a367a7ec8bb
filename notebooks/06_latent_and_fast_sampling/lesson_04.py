"""Answers of lesson 04_ddpm, written by `course build`."""


import torch
import torch.nn.functional as F
from torch import nn


def per_sample(values, t, x):
    """values[t] as (B, 1, …, 1), so that it multiplies each sample of x (B, …) by its own number."""
    return values[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    """Evenly spaced betas (T,) from beta_start to beta_end (Ho et al. 2020, section 4)."""
    return torch.linspace(beta_start, beta_end, T)


def cosine_beta_schedule(T, s=0.008):
    """Betas (T,) of Nichol & Dhariwal 2021, equation 17: 1 - f(t+1)/f(t), in [1e-5, 0.999]."""
    i = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos((i / T + s) / (1 + s) * torch.pi / 2) ** 2
    betas = 1 - f[1:] / f[:-1]
    return betas.clamp(1e-5, 0.999).float()


def precompute_schedule(betas):
    """All numbers that training and sampling look up, each (T,) with betas' dtype and device.

    Keys: betas, alphas, alpha_bar, sqrt_alpha_bar, sqrt_one_minus_alpha_bar, sqrt_alpha,
    posterior_variance (Ho et al. 2020, equations 4 and 7).
    """
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    alpha_bar_before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    return {
        "betas": betas,
        "alphas": alphas,
        "alpha_bar": alpha_bar,
        "sqrt_alpha_bar": alpha_bar.sqrt(),
        "sqrt_one_minus_alpha_bar": (1 - alpha_bar).sqrt(),
        "sqrt_alpha": alphas.sqrt(),
        "posterior_variance": betas * (1 - alpha_bar_before) / (1 - alpha_bar),
    }


def compare_schedules(T=1000, threshold=0.01):
    """First timestep with alpha_bar < threshold, T if there is none: (t_linear, t_cosine), ints."""
    first = []
    for betas in (linear_beta_schedule(T), cosine_beta_schedule(T)):
        alpha_bar = precompute_schedule(betas)["alpha_bar"]
        first.append(int((alpha_bar >= threshold).sum()))
    return tuple(first)


def forward_diffusion(x_0, t, schedule):
    """A noisy x_t for each sample, in one step (Ho et al. 2020, equation 4).

    x_0 (B, …), t (B,) int64 → (x_t, noise), both shaped like x_0.
    """
    noise = torch.randn_like(x_0)
    signal = per_sample(schedule["sqrt_alpha_bar"], t, x_0)  # (B, 1, …)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_0)  # (B, 1, …)
    return signal * x_0 + spread * noise, noise


def ddpm_loss(model, x_0, schedule):
    """Mean squared error of the predicted noise (Ho et al. 2020, equation 14); a scalar tensor."""
    T = len(schedule["betas"])
    t = torch.randint(0, T, (x_0.shape[0],), device=x_0.device)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    return F.mse_loss(model(x_t, t), noise)


def ddpm_train_step(model, x_0, schedule, optimizer):
    """One update of the model; returns the loss before it as a plain float."""
    loss = ddpm_loss(model, x_0, schedule)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def reverse_mean(x_t, t, eps, schedule):
    """Mean of p(x_{t-1} | x_t) from the predicted noise eps (Ho et al. 2020, equation 11).

    x_t and eps (B, …), t (B,) int64 → (B, …)
    """
    beta = per_sample(schedule["betas"], t, x_t)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_t)
    sqrt_alpha = per_sample(schedule["sqrt_alpha"], t, x_t)
    return (x_t - beta / spread * eps) / sqrt_alpha


def sample_ddpm(model, shape, schedule, device):
    """Ancestral sampling (Ho et al. 2020, algorithm 2) with σ_t = √β_t → (shape).

    No gradients, eval mode while the model is called; its mode is put back at the end.
    """
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    x = torch.randn(shape, device=device)
    with torch.no_grad():
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((shape[0],), i, device=device)  # (B,) int64
            x = reverse_mean(x, t, model(x, t), schedule)
            if i > 0:
                x = x + schedule["betas"][i].sqrt() * torch.randn_like(x)
    if training:
        model.train()
    return x


def drop_labels(labels, p_uncond, null_class):
    """A copy of labels (B,) in which each one is null_class with probability p_uncond."""
    drop = torch.rand(labels.shape, device=labels.device) < p_uncond
    return labels.masked_fill(drop, null_class)


def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    """Noise of classifier-free guidance: eps_null + w (eps_labels - eps_null) (Ho & Salimans 2022)."""
    eps_cond = model(x_t, t, labels)
    eps_null = model(x_t, t, torch.full_like(labels, null_class))
    return eps_null + guidance_scale * (eps_cond - eps_null)


def cfg_train_step(model, x_0, labels, schedule, optimizer, p_uncond, null_class):
    """One update with some labels dropped; returns the loss before it as a plain float."""
    T = len(schedule["betas"])
    t = torch.randint(0, T, (x_0.shape[0],), device=x_0.device)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    eps = model(x_t, t, drop_labels(labels, p_uncond, null_class))
    loss = F.mse_loss(eps, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    """Ancestral sampling with guidance: one image per entry of class_labels (B,) → (shape)."""
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    labels = class_labels.to(device)
    x = torch.randn(shape, device=device)
    with torch.no_grad():
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((shape[0],), i, device=device)  # (B,) int64
            eps = guided_noise(model, x, t, labels, num_classes, guidance_scale)
            x = reverse_mean(x, t, eps, schedule)
            if i > 0:
                x = x + schedule["betas"][i].sqrt() * torch.randn_like(x)
    if training:
        model.train()
    return x
