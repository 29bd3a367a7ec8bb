"""Wrong versions of lesson 06's references beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

START = "torch.randn(shape, device=device)"
ASKED = "model(x, torch.full((shape[0],), t, device=device))"
MODE = "with sampling(model):"
SAMPLERS = {
    "seeded": (START, f"(torch.manual_seed(0), {START})[1]"),
    "start too weak": (START, f"{START} / 2"),
    "one start for all channels": (
        START,
        "torch.randn((shape[0], 1, *shape[2:]), device=device).expand(shape)",
    ),
    "t as float": ("t, device=device))", "float(t), device=device))"),
    "t as int32": ("t, device=device))", "t, device=device, dtype=torch.int32))"),
    "t + 1 for the model": ("t, device=device))", "t + 1, device=device))"),
    "t as a whole number": (ASKED, "model(x, t)"),
    "two calls": (ASKED, f"({ASKED} + {ASKED}) / 2"),
    "eval once only": (
        MODE,
        'getattr(model, "eval", int)(); getattr(model, "train", int)()\n    if 1:',
    ),
    "one step fewer": ("num_steps))\n", "max(num_steps - 1, 1)))\n"),
    "scaled to pictures": ("return x", "return (x + 1) / 2"),
    "double": ("return x", "return x.double()"),
    "first picture only": ("return x", "return x[:1]"),
    "an array": ("return x", "return x.numpy()"),
}

MUTANTS = {
    "vae_loss": {
        "mean over the batch only": ("kl.mean()", "kl.sum() / len(kl)"),
        "KL of the first sample": ("kl.mean()", "kl[:1].mean()"),
        "detached": ("kl.mean()", "kl.mean().detach()"),
        "one forgotten": ("- 1 - logvar", "- logvar"),
        "weight squared": ("kl_weight * kl", "kl_weight**2 * kl"),
        "weight on both": ("return F.mse", "return kl_weight * F.mse"),
        "unreduced": ("images) + ", 'images, reduction="none") + '),
        "a float": (
            "return F.mse_loss(recon, images) + kl_weight * kl.mean()",
            "return (F.mse_loss(recon, images) + kl_weight * kl.mean()).item()",
        ),
        "Huber": ("F.mse_loss", "F.smooth_l1_loss"),
        "KL the wrong way round": (
            "mean**2 + logvar.exp() - 1 - logvar",
            "(mean**2 + 1) / logvar.exp() - 1 + logvar",
        ),
    },
    "estimate_scaling_factor": {
        "median": ("latents.std()", "(latents - latents.median()).abs().median()"),
        "range": ("latents.std()", "(latents.max() - latents.min())"),
        "first sample": ("latents.std()", "latents[:1].std()"),
        "mean absolute": ("latents.std()", "latents.abs().mean()"),
        "rounded": ("1 / latents.std().item()", "round(1 / latents.std().item(), 2)"),
        "a string": ("1 / latents.std().item()", "str(1 / latents.std().item())"),
        "latents overwritten": ("1 / latents.std()", "1 / latents.detach().mul_(2).std()"),
    },
    "encode_latents": {
        "factor added": ("mean * scaling_factor", "mean + scaling_factor"),
        "standardised": ("mean * scaling_factor", "(mean - mean.mean()) * scaling_factor"),
        "clamped": ("mean * scaling_factor", "(mean * scaling_factor).clamp(-1, 1)"),
        "one picture": ("images)", "images[:1])"),
        "a tuple": ("return mean * scaling_factor", "return mean * scaling_factor, _"),
        "float32": ("return mean * scaling_factor", "return (mean * scaling_factor).float()"),
        "images overwritten": ("encode(images)", "encode(images.mul_(1.01))"),
        "measured anew": ("mean * scaling_factor", "mean / mean.std()"),
    },
    "decode_latents": {
        "factor subtracted": ("latents / scaling_factor", "latents - scaling_factor"),
        "in place": ("latents / scaling_factor", "latents.div_(scaling_factor)"),
        "one picture": ("latents / scaling_factor)", "latents / scaling_factor)[:1]"),
        "float32": ("latents / scaling_factor)", "latents / scaling_factor).float()"),
        "through tanh": ("latents / scaling_factor)", "latents / scaling_factor).tanh()"),
    },
    "ddim_timesteps": {
        "squares": ("[round(i * spacing) for", "[round((i * spacing) ** 2 / (T - 1)) for"),
        "ends at 1": ("[round(i * spacing) for", "[max(round(i * spacing), 1) for"),
        "starts at T - 2": ("[round(i * spacing) for", "[min(round(i * spacing), T - 2) for"),
        "two too far": ("[round(i * spacing) for", "[round(i * spacing) - 2 * (1 < i < 4) for"),
        "rounded to tens": ("[round(i * spacing) for", "[round(i * spacing, -1) for"),
        "shuffled": ("in reversed(range(num_steps))", "in {*range(num_steps)}"),
        "one fewer": ("reversed(range(num_steps))", "reversed(range(1, num_steps))"),
        "floats": ("[round(i * spacing) for", "[float(round(i * spacing)) for"),
        "another error": ("raise ValueError", "raise IndexError"),
        "a string of numbers": ("return [T - 1]", "return str(T - 1)"),
        "all allowed": ("if not 1 <= num_steps <= T:", "if not -9 <= num_steps <= 99 * T:"),
    },
    "ddim_step": {
        "t - 1 whatever t_prev": ("for i in (t, t_prev)", "for i in (t, t - 1)"),
        "swapped": ("for i in (t, t_prev)", "for i in (t_prev, t)"),
        "t + 1": ("for i in (t, t_prev)", "for i in (t + 1, t_prev)"),
        "eta squared": ("sigma = eta *", "sigma = eta**2 *"),
        "sigma twice": ("+ sigma * (torch", "+ 2 * sigma * (torch"),
        "noise subtracted": ("+ sigma * (torch", "- sigma * (torch"),
        "sigma not squared": ("then - sigma**2", "then - sigma"),
        "uniform noise": ("torch.randn_like(x_t)", "torch.rand_like(x_t)"),
        "noise for the first only": ("torch.randn_like(x_t)", "torch.randn_like(x_t[:1])"),
        "x_t overwritten": ("return x_prev", "return x_t.copy_(x_prev)"),
        "float32": ("return x_prev", "return x_prev.float()"),
        "a pair": ("return x_prev", "return x_prev, x_0"),
        "clamped at the end": ("return x_prev", "return x_prev.clamp(-3, 3)"),
        "direction from x_t": ("sigma**2).sqrt() * eps", "sigma**2).sqrt() * x_t"),
        "last t for all": (".reshape(-1), x_t)", ".reshape(-1)[-1:], x_t)"),
    },
    "sample_ddim": SAMPLERS
    | {
        "eta halved": ("t_prev, schedule, eta)", "t_prev, schedule, eta / 2)"),
        "first step twice": ("in pairs:", "in [(timesteps[0], timesteps[0]), *pairs]:"),
        "noise at the end": ("return x", "return x + 0.1 * torch.randn_like(x)"),
        "clamped at each step": ("schedule, eta)", "schedule, eta).clamp(-1, 1)"),
        "every timestep": ("num_steps))\n", 'len(schedule["betas"])))\n'),
        "noise shared": (
            "t_prev, schedule, eta)",
            "t_prev, schedule, eta, torch.randn_like(x[:1]))",
        ),
        "noise per channel": (
            "t_prev, schedule, eta)",
            "t_prev, schedule, eta, torch.randn_like(x[:, :, :1, :1]) if x.dim() > 2 else None)",
        ),
    },
    "dpm_solver_pp_2m": SAMPLERS
    | {
        "quarter of the correction": ("(2 * r)", "(4 * r)"),
        "correction from the third step": ("if i > 0:", "if i > 1:"),
        "no correction at the end": ("if i > 0:", "if 0 < i < num_steps - 2:"),
        "lambda of the variances": ("signal / spread", "signal / spread**2"),
        "h of the former step": ("h = log_snr[s] - log_snr[t]", "h = log_snr[t] - log_snr[0]"),
        "exp without the one": ("torch.expm1(-h)", "torch.exp(-h)"),
        "signal left out": ("signal[s] * torch", "torch"),
        "x left out": ("spread[s] / spread[t] * x", "spread[s] / spread[t]"),
        "noise as in ancestral": (
            "* torch.expm1(-h) * guess",
            "* torch.expm1(-h) * guess + 0.1 * torch.randn_like(x)",
        ),
        "second order at the end": (
            "x = x_0  # the step",
            "x = x_0 + (x_0 - before if i else 0)  # the step",
        ),
    },
}

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = [
    ("ddim_step", "+ sigma * (torch", "- sigma * (torch"),
    ("sample_ddim", "schedule, eta)", "schedule, eta / 2)"),
    ("dpm_solver_pp_2m", "(2 * r)", "(4 * r)"),
    ("vae_loss", "kl.mean()", "kl[:1].mean()"),
]
