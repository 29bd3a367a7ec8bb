# Other correct solutions of lesson 06: each must pass, whatever its style.

# %% exercise="vae_loss" style="torch.distributions"
def vae_loss(recon, images, mean, logvar, kl_weight):
    posterior = torch.distributions.Normal(mean, (0.5 * logvar).exp())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    kl = torch.distributions.kl_divergence(posterior, prior)
    return nn.MSELoss()(recon, images) + kl_weight * kl.mean()


# %% exercise="vae_loss" style="the form of the VAE paper, minus one half"
def vae_loss(recon, images, mean, logvar, kl_weight):
    reconstruction = (recon - images).pow(2).mean()
    kl = -0.5 * torch.mean(1 + logvar - mean.pow(2) - logvar.exp())
    return reconstruction + kl * kl_weight


# %% exercise="vae_loss" style="sums over counts"
def vae_loss(recon, images, mean, logvar, kl_weight):
    error = torch.sum((images - recon) ** 2) / images.numel()
    kl = 0.5 * (mean.square() + torch.expm1(logvar) - logvar).sum() / mean.numel()
    return torch.add(error, kl, alpha=kl_weight)


# %% exercise="estimate_scaling_factor" style="torch.std and float"
def estimate_scaling_factor(latents):
    return float(1.0 / torch.std(latents.detach()))


# %% exercise="estimate_scaling_factor" style="by hand, N - 1"
def estimate_scaling_factor(latents):
    flat = latents.reshape(-1).double()
    variance = ((flat - flat.mean()) ** 2).sum() / (flat.numel() - 1)
    return variance.rsqrt().item()


# %% exercise="estimate_scaling_factor" style="NumPy"
import numpy as np


def estimate_scaling_factor(latents):
    return 1 / float(np.std(latents.detach().cpu().numpy(), ddof=1))


# %% exercise="encode_latents" style="decorator and index"
@torch.no_grad()
def encode_latents(vae, images, scaling_factor):
    return vae.encode(images)[0].mul(scaling_factor)


# %% exercise="encode_latents" style="detach"
def encode_latents(vae, images, scaling_factor):
    mean, logvar = vae.encode(images)
    return scaling_factor * mean.detach()


# %% exercise="encode_latents" style="eval mode meanwhile, inference_mode"
def encode_latents(vae, images, scaling_factor):
    was_training = vae.training
    vae.eval()
    with torch.inference_mode():
        mean = vae.encode(images)[0]
    vae.train(was_training)
    return mean * scaling_factor


# %% exercise="encode_latents" style="the given context manager"
def encode_latents(vae, images, scaling_factor):
    with sampling(vae):
        return vae.encode(images)[0] * scaling_factor


# %% exercise="decode_latents" style="decorator, one over the factor"
@torch.no_grad()
def decode_latents(vae, latents, scaling_factor):
    return vae.decode(latents * (1 / scaling_factor))


# %% exercise="decode_latents" style="detach"
def decode_latents(vae, latents, scaling_factor):
    images = vae.decode(latents.detach() / scaling_factor)
    return images.detach()


# %% exercise="decode_latents" style="the given context manager"
def decode_latents(vae, latents, scaling_factor):
    with sampling(vae):
        return vae.decode(latents.div(scaling_factor))


# %% exercise="ddim_timesteps" style="torch.linspace, a tensor returned"
def ddim_timesteps(T, num_steps):
    if num_steps < 1 or num_steps > T:
        raise ValueError("num_steps must lie between 1 and T")
    return torch.linspace(T - 1, 0, num_steps).round().long()


# %% exercise="ddim_timesteps" style="NumPy, rounded down"
import numpy as np


def ddim_timesteps(T, num_steps):
    if num_steps > T or num_steps <= 0:
        raise ValueError(f"cannot take {num_steps} of {T} timesteps")
    return [int(t) for t in np.linspace(T - 1, 0, num_steps)]


# %% exercise="ddim_timesteps" style="whole numbers only, rounded up"
def ddim_timesteps(T, num_steps):
    if num_steps not in range(1, T + 1):
        raise ValueError("bad number of steps")
    gaps = max(num_steps - 1, 1)
    return [T - 1 - i * (T - 1) // gaps for i in range(num_steps)]


# %% exercise="ddim_timesteps" style="flipped tensor, tolist"
def ddim_timesteps(T, num_steps):
    if not 0 < num_steps <= T:
        raise ValueError
    if num_steps == 1:
        return torch.tensor([T - 1])
    steps = torch.arange(num_steps, dtype=torch.float64) * (T - 1) / (num_steps - 1)
    return steps.ceil().long().flip(0).tolist()


# %% exercise="ddim_step" style="torch.where for the clean image"
def ddim_step(x_t, eps, t, t_prev, schedule, eta=0.0, z=None):
    def bar(i):
        i = torch.as_tensor(i, device=x_t.device)
        value = schedule["alpha_bar"][i.clamp(min=0)]
        value = torch.where(i < 0, torch.ones_like(value), value)
        return value.reshape(-1, *[1] * (x_t.ndim - 1)).to(x_t.dtype)

    a_t, a_prev = bar(t), bar(t_prev)
    x_0 = (x_t - torch.sqrt(1 - a_t) * eps) / torch.sqrt(a_t)
    sigma = eta * torch.sqrt((1 - a_prev) / (1 - a_t)) * torch.sqrt(1 - a_t / a_prev)
    direction = torch.sqrt((1 - a_prev - sigma**2).clamp(min=0)) * eps
    if z is None:
        z = torch.randn_like(x_t)
    return torch.sqrt(a_prev) * x_0 + direction + sigma * z


# %% exercise="ddim_step" style="ints and tensors apart, sample by sample"
def ddim_step(x_t, eps, t, t_prev, schedule, eta=0.0, z=None):
    B = x_t.shape[0]
    ts = [t] * B if isinstance(t, int) else t
    ps = [t_prev] * B if isinstance(t_prev, int) else t_prev
    if eta > 0 and z is None:
        z = torch.randn(x_t.shape, dtype=x_t.dtype, device=x_t.device)
    one = torch.ones((), dtype=x_t.dtype, device=x_t.device)
    out = []
    for n in range(B):
        now = schedule["alpha_bar"][ts[n]]
        then = one if ps[n] < 0 else schedule["alpha_bar"][ps[n]]
        var = (1 - then) / (1 - now) * (1 - now / then)
        x_0 = (x_t[n] - (1 - now) ** 0.5 * eps[n]) / now**0.5
        x = then**0.5 * x_0 + (1 - then - eta**2 * var) ** 0.5 * eps[n]
        out.append(x + eta * var**0.5 * z[n] if eta > 0 else x)
    return torch.stack(out)


# %% exercise="ddim_step" style="ratios, as in Karras's variables"
def ddim_step(x_t, eps, t, t_prev, schedule, eta=0.0, z=None):
    bars = torch.cat([schedule["alpha_bar"], torch.ones_like(schedule["alpha_bar"][:1])])
    t = torch.full((len(x_t),), t, device=x_t.device) if isinstance(t, int) else t
    if isinstance(t_prev, int):
        t_prev = torch.full((len(x_t),), t_prev, device=x_t.device)
    now, then = (per_sample(bars, i, x_t) for i in (t, t_prev))
    sigma = eta * ((1 - then) * (1 - now / then) / (1 - now)).sqrt()
    ratio = (then / now).sqrt()
    back = (1 - then - sigma.square()).sqrt() - ratio * (1 - now).sqrt()
    x = ratio * x_t + back * eps
    if eta:
        x = torch.addcmul(x, sigma, torch.randn_like(x) if z is None else z)
    return x


# %% exercise="ddim_step" style="einops, the schedule's roots"
from einops import rearrange


def ddim_step(x_t, eps, t, t_prev, schedule, eta=0.0, z=None):
    signal = torch.cat([schedule["sqrt_alpha_bar"], schedule["alpha_bar"].new_ones(1)])
    spread = torch.cat([schedule["sqrt_one_minus_alpha_bar"], schedule["alpha_bar"].new_zeros(1)])
    flat_x, flat_eps = rearrange(x_t, "b ... -> b (...)"), rearrange(eps, "b ... -> b (...)")
    t = torch.tensor([t], device=x_t.device) if isinstance(t, int) else t
    p = torch.tensor([t_prev], device=x_t.device) if isinstance(t_prev, int) else t_prev
    a, b = signal[t][:, None], spread[t][:, None]
    c, d = signal[p][:, None], spread[p][:, None]
    sigma = eta * d / b * (1 - (a / c) ** 2).sqrt()
    x = c * (flat_x - b * flat_eps) / a + (d**2 - sigma**2).sqrt() * flat_eps
    if eta > 0:
        z = torch.normal(0.0, 1.0, x.shape, device=x.device) if z is None else z.flatten(1)
        x = x + sigma * z
    return x.reshape(x_t.shape)


# %% exercise="sample_ddim" style="decorator, the step written out"
@torch.no_grad()
def sample_ddim(model, shape, schedule, num_steps, device, eta=0.0):
    was_training = getattr(model, "training", None)
    if was_training is not None:
        model.eval()
    steps = [int(t) for t in ddim_timesteps(len(schedule["betas"]), num_steps)]
    x = torch.randn(*shape, device=device)
    for i, t in enumerate(steps):
        eps = model(x, torch.ones(shape[0], dtype=torch.long, device=device) * t)
        a = schedule["alpha_bar"][t]
        b = schedule["alpha_bar"][steps[i + 1]] if i + 1 < len(steps) else torch.ones_like(a)
        s = eta * ((1 - b) / (1 - a) * (1 - a / b)).sqrt()
        x_0 = (x - (1 - a).sqrt() * eps) / a.sqrt()
        x = b.sqrt() * x_0 + (1 - b - s**2).sqrt() * eps + s * torch.randn_like(x)
    if was_training is not None:
        model.train(was_training)
    return x


# %% exercise="sample_ddim" style="inference_mode, tensors of timesteps"
def sample_ddim(model, shape, schedule, num_steps, device, eta=0.0):
    mode = model.training if isinstance(model, nn.Module) else None
    if mode is not None:
        model.eval()
    steps = torch.as_tensor(ddim_timesteps(schedule["betas"].numel(), num_steps), device=device)
    following = torch.cat([steps[1:], steps.new_tensor([-1])])
    try:
        with torch.inference_mode():
            x = torch.empty(shape, device=device).normal_()
            for t, t_prev in zip(steps, following):
                t, t_prev = t.repeat(shape[0]), t_prev.repeat(shape[0])
                x = ddim_step(x, model(x, t), t, t_prev, schedule, eta=eta)
    finally:
        if mode is not None:
            model.train(mode)
    return x.clone()


# %% exercise="sample_ddim" style="while loop, all noise drawn up front"
def sample_ddim(model, shape, schedule, num_steps, device, eta=0.0):
    noise = torch.randn((num_steps, *shape), device=device)
    x = torch.randn(shape, device=device)
    steps, i = list(ddim_timesteps(len(schedule["betas"]), num_steps)) + [-1], 0
    with sampling(model):
        while steps[i] >= 0:
            t = torch.tensor([steps[i]] * shape[0], device=device)
            x = ddim_step(x, model(x, t), steps[i], steps[i + 1], schedule, eta, noise[i])
            i += 1
    return x


# %% exercise="dpm_solver_pp_2m" style="ratios of signal to noise, no expm1"
def dpm_solver_pp_2m(model, shape, schedule, num_steps, device):
    bar = schedule["alpha_bar"]
    alpha, sigma = bar.sqrt(), (1 - bar).sqrt()
    lam = torch.log(alpha) - torch.log(sigma)
    steps = [int(t) for t in ddim_timesteps(len(bar), num_steps)]
    x = torch.randn(shape, device=device)
    old = None
    with sampling(model):
        for i in range(len(steps)):
            t = steps[i]
            eps = model(x, torch.full((shape[0],), t, dtype=torch.int64, device=device))
            data = (x - sigma[t] * eps) / alpha[t]
            if i + 1 == len(steps):
                return data
            nxt = steps[i + 1]
            D = data
            if old is not None:
                w = (lam[nxt] - lam[t]) / (lam[t] - lam[steps[i - 1]])
                D = (1 + w / 2) * data - w / 2 * old
            keep = sigma[nxt] / sigma[t]
            x = keep * x + (alpha[nxt] - keep * alpha[t]) * D
            old = data


# %% exercise="dpm_solver_pp_2m" style="the clean image as a last entry, floats"
import math


def dpm_solver_pp_2m(model, shape, schedule, num_steps, device):
    T = len(schedule["betas"])
    bars = [float(b) for b in schedule["alpha_bar"].double().cpu()]
    steps = list(ddim_timesteps(T, num_steps)) + [-1]

    def coefficients(t):
        if t < 0:
            return 1.0, 0.0, math.inf
        return bars[t] ** 0.5, (1 - bars[t]) ** 0.5, 0.5 * math.log(bars[t] / (1 - bars[t]))

    was_training = isinstance(model, nn.Module) and model.training
    if was_training:
        model.eval()
    x, history = torch.randn(shape).to(device), []
    for t, t_next in zip(steps[:-1], steps[1:]):
        (a, s, lam), (a_next, s_next, lam_next) = coefficients(t), coefficients(t_next)
        with torch.no_grad():
            eps = model(x, torch.full(shape[:1], t, device=device))
        x_0 = (x - s * eps) / a
        D, h = x_0, lam_next - lam
        if history and t_next >= 0:
            former, lam_former = history[-1]
            D = x_0 + (x_0 - former) * 0.5 * h / (lam - lam_former)
        x = s_next / s * x - a_next * (math.exp(-h) - 1) * D
        history.append((x_0, lam))
    if was_training:
        model.train()
    return x


# %% exercise="dpm_solver_pp_2m" style="linear multistep on the last two predictions"
def dpm_solver_pp_2m(model, shape, schedule, num_steps, device):
    lam = (schedule["sqrt_alpha_bar"] / schedule["sqrt_one_minus_alpha_bar"]).log()
    sigma = schedule["sqrt_one_minus_alpha_bar"]
    steps = list(ddim_timesteps(len(lam), num_steps))
    x, guesses = torch.randn(shape, device=device), []
    with sampling(model):
        for i, t in enumerate(steps):
            batch_t = torch.as_tensor([t] * shape[0], device=device)
            eps = model(x, batch_t)
            x_0 = x / schedule["sqrt_alpha_bar"][t] - eps * torch.exp(-lam[t])
            guesses = (guesses + [x_0])[-2:]
            if t == steps[-1]:
                break
            h = lam[steps[i + 1]] - lam[t]
            D = x_0
            if len(guesses) == 2:
                D = torch.lerp(guesses[0], x_0, 1 + h / (lam[t] - lam[steps[i - 1]]) / 2)
            signal = schedule["sqrt_alpha_bar"][steps[i + 1]]
            x = sigma[steps[i + 1]] / sigma[t] * x + signal * (1 - torch.exp(-h)) * D
    return x_0
