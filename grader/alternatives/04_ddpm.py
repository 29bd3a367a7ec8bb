# Other correct solutions of lesson 04: each must pass, whatever its style.

# %% exercise="linear_beta_schedule" style="arange and a step"
def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    step = (beta_end - beta_start) / max(T - 1, 1)
    return beta_start + step * torch.arange(T)


# %% exercise="linear_beta_schedule" style="interpolation in float64"
def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    weight = torch.linspace(0, 1, T, dtype=torch.float64)
    return (1 - weight) * beta_start + weight * beta_end


# %% exercise="linear_beta_schedule" style="list comprehension"
def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    return torch.tensor([beta_start + (beta_end - beta_start) * t / (T - 1) for t in range(T)])


# %% exercise="linear_beta_schedule" style="NumPy"
import numpy as np


def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    return torch.from_numpy(np.linspace(beta_start, beta_end, T)).float()


# %% exercise="cosine_beta_schedule" style="float32 throughout"
def cosine_beta_schedule(T, s=0.008):
    steps = torch.linspace(0, T, T + 1)
    alpha_bar = torch.cos(((steps / T) + s) / (1 + s) * torch.pi * 0.5) ** 2
    alpha_bar = alpha_bar / alpha_bar[0]
    return torch.clip(1 - (alpha_bar[1:] / alpha_bar[:-1]), 1e-5, 0.999)


# %% exercise="cosine_beta_schedule" style="a loop with math"
import math


def cosine_beta_schedule(T, s=0.008):
    def f(i):
        return math.cos((i / T + s) / (1 + s) * math.pi / 2) ** 2

    betas = [1 - f(t + 1) / f(t) for t in range(T)]
    return torch.tensor([min(max(beta, 1e-5), 0.999) for beta in betas])


# %% exercise="cosine_beta_schedule" style="half-angle formula, minimum and maximum"
def cosine_beta_schedule(T, s=0.008):
    angle = (torch.arange(T + 1).double() / T + s) / (1 + s) * torch.pi
    f = (1 + angle.cos()) / 2
    betas = (f[:-1] - f[1:]) / f[:-1]
    return torch.maximum(torch.minimum(betas, betas.new_tensor(0.999)), betas.new_tensor(1e-5))


# %% exercise="precompute_schedule" style="F.pad"
def precompute_schedule(betas):
    alphas = 1.0 - betas
    alpha_bar = alphas.cumprod(0)
    previous = F.pad(alpha_bar[:-1], (1, 0), value=1.0)
    return dict(
        betas=betas,
        alphas=alphas,
        alpha_bar=alpha_bar,
        alpha_bar_prev=previous,
        sqrt_alpha_bar=torch.sqrt(alpha_bar),
        sqrt_one_minus_alpha_bar=torch.sqrt(1.0 - alpha_bar),
        sqrt_alpha=torch.sqrt(alphas),
        sqrt_recip_alpha=torch.rsqrt(alphas),
        posterior_variance=betas * (1.0 - previous) / (1.0 - alpha_bar),
    )


# %% exercise="precompute_schedule" style="previous alpha_bar by division"
def precompute_schedule(betas):
    schedule = {"betas": betas.clone(), "alphas": torch.ones_like(betas) - betas}
    schedule["alpha_bar"] = torch.cumprod(schedule["alphas"], 0)
    before = schedule["alpha_bar"] / schedule["alphas"]
    before[0] = 1
    schedule["sqrt_alpha_bar"] = schedule["alpha_bar"] ** 0.5
    schedule["sqrt_one_minus_alpha_bar"] = (1 - schedule["alpha_bar"]) ** 0.5
    schedule["sqrt_alpha"] = schedule["alphas"] ** 0.5
    schedule["posterior_variance"] = (1 - before) / (1 - schedule["alpha_bar"]) * betas
    return schedule


# %% exercise="precompute_schedule" style="roll, then the first entry"
def precompute_schedule(betas):
    alphas = 1 - betas
    alpha_bar = alphas.cumprod(dim=-1)
    before = torch.roll(alpha_bar, 1)
    before[0] = 1.0
    sigma = (1 - alpha_bar).sqrt()
    return {
        "betas": betas,
        "alphas": alphas,
        "alpha_bar": alpha_bar,
        "sqrt_alpha_bar": alpha_bar.sqrt(),
        "sqrt_one_minus_alpha_bar": sigma,
        "sqrt_alpha": alphas.sqrt(),
        "posterior_variance": betas * (1 - before) / sigma.square(),
    }


# %% exercise="precompute_schedule" style="one on the betas' device, torch.concat"
def precompute_schedule(betas):
    alphas = torch.sub(1, betas)
    alpha_bar = torch.cumprod(alphas, -1)
    one = torch.ones(1, device=betas.device, dtype=betas.dtype)
    before = torch.concat((one, alpha_bar[:-1]))
    names = ("alphas", "alpha_bar", "sqrt_alpha_bar", "sqrt_one_minus_alpha_bar", "sqrt_alpha")
    values = (alphas, alpha_bar, alpha_bar.sqrt(), (1 - alpha_bar).sqrt(), alphas.sqrt())
    schedule = dict(zip(names, values), betas=betas)
    schedule["posterior_variance"] = betas * ((1 - before) / (1 - alpha_bar))
    return schedule


# %% exercise="compare_schedules" style="nonzero"
def compare_schedules(T=1000, threshold=0.01):
    def first_below(betas):
        below = (precompute_schedule(betas)["alpha_bar"] < threshold).nonzero()
        return below[0].item() if len(below) else T

    return first_below(linear_beta_schedule(T)), first_below(cosine_beta_schedule(T))


# %% exercise="compare_schedules" style="a Python loop, cumprod by hand"
def compare_schedules(T=1000, threshold=0.01):
    def first_below(betas):
        alpha_bar = 1.0
        for t, beta in enumerate(betas.tolist()):
            alpha_bar *= 1 - beta
            if alpha_bar < threshold:
                return t
        return T

    return [first_below(linear_beta_schedule(T)), first_below(cosine_beta_schedule(T))]


# %% exercise="compare_schedules" style="argmax with any"
def compare_schedules(T=1000, threshold=0.01):
    answers = {}
    for name, make in {"linear": linear_beta_schedule, "cosine": cosine_beta_schedule}.items():
        below = torch.cumprod(1 - make(T), dim=0) < threshold
        answers[name] = int(torch.argmax(below.to(torch.int))) if below.any() else T
    return answers["linear"], answers["cosine"]


# %% exercise="forward_diffusion" style="einops"
from einops import rearrange


def forward_diffusion(x_0, t, schedule):
    eps = torch.normal(torch.zeros_like(x_0), 1.0)
    flat = rearrange(x_0, "b ... -> b (...)")
    a, b = schedule["alpha_bar"][t].sqrt(), (1 - schedule["alpha_bar"][t]).sqrt()
    x_t = a[:, None] * flat + b[:, None] * eps.reshape(flat.shape)
    return x_t.reshape(x_0.shape), eps


# %% exercise="forward_diffusion" style="normal_ and view"
def forward_diffusion(x_0, t, schedule):
    noise = torch.empty_like(x_0).normal_()
    shape = (x_0.size(0),) + (1,) * (x_0.ndim - 1)
    sqrt_ab = schedule["sqrt_alpha_bar"].gather(0, t).view(shape)
    sqrt_omab = schedule["sqrt_one_minus_alpha_bar"].gather(0, t).view(shape)
    x_t = sqrt_ab * x_0
    x_t += sqrt_omab * noise
    return x_t, noise


# %% exercise="forward_diffusion" style="unsqueeze in a loop, a list returned"
def forward_diffusion(x_0, t, schedule):
    a = torch.index_select(schedule["sqrt_alpha_bar"], 0, t)
    b = torch.index_select(schedule["sqrt_one_minus_alpha_bar"], 0, t)
    while a.dim() < x_0.dim():
        a, b = a.unsqueeze(-1), b.unsqueeze(-1)
    eps = torch.randn(x_0.shape, dtype=x_0.dtype, device=x_0.device)
    return [torch.addcmul(a * x_0, b, eps), eps]


# %% exercise="forward_diffusion" style="sample by sample"
def forward_diffusion(x_0, t, schedule):
    noise = torch.randn_like(x_0)
    pairs = [
        schedule["sqrt_alpha_bar"][i] * x + schedule["sqrt_one_minus_alpha_bar"][i] * z
        for x, i, z in zip(x_0, t, noise)
    ]
    return torch.stack(pairs), noise


# %% exercise="forward_diffusion" style="axes moved to the back"
def forward_diffusion(x_0, t, schedule):
    eps = torch.distributions.Normal(torch.zeros_like(x_0), torch.ones_like(x_0)).sample()
    signal, spread = schedule["sqrt_alpha_bar"][t], schedule["sqrt_one_minus_alpha_bar"][t]
    last = x_0.movedim(0, -1) * signal + eps.movedim(0, -1) * spread
    return last.movedim(-1, 0), eps


# %% exercise="ddpm_loss" style="mean by hand, no helper"
def ddpm_loss(model, x_0, schedule):
    B, T = x_0.size(0), schedule["alpha_bar"].numel()
    eps = torch.randn_like(x_0)
    t = torch.randint(T, (B,), device=x_0.device).long()
    bar = schedule["alpha_bar"][t].reshape(B, *([1] * (x_0.ndim - 1)))
    x_t = bar.sqrt() * x_0 + (1 - bar).sqrt() * eps
    return ((eps - model(x_t, t)) ** 2).mean()


# %% exercise="ddpm_loss" style="rand scaled and floored, nn.MSELoss"
def ddpm_loss(model, x_0, schedule):
    T = len(schedule["betas"])
    t = (torch.rand(len(x_0), device=x_0.device) * T).floor().long()
    x_t, noise = forward_diffusion(x_0, t, schedule)
    return nn.MSELoss()(noise, model(x_t, t))


# %% exercise="ddpm_loss" style="multinomial, sum over count"
def ddpm_loss(model, x_0, schedule):
    chances = torch.ones_like(schedule["betas"])
    t = torch.multinomial(chances, x_0.shape[0], replacement=True)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    error = model(x_t, t).sub(noise).square()
    return error.sum() / error.numel()


# %% exercise="ddpm_loss" style="random_"
def ddpm_loss(model, x_0, schedule):
    t = torch.empty(x_0.shape[0], dtype=torch.long, device=x_0.device)
    t.random_(0, schedule["betas"].shape[0])
    x_t, noise = forward_diffusion(x_0, t, schedule)
    return torch.nn.functional.mse_loss(model(x_t, t), noise, reduction="none").mean()


# %% exercise="ddpm_loss" style="mean per sample, then over the batch"
def ddpm_loss(model, x_0, schedule):
    t = torch.randint(0, len(schedule["betas"]), [len(x_0)]).to(x_0.device)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    per_image = (model(x_t, t) - noise).pow(2).flatten(1).mean(dim=1)
    return per_image.mean()


# %% exercise="ddpm_train_step" style="zero_grad first"
def ddpm_train_step(model, x_0, schedule, optimizer):
    optimizer.zero_grad(set_to_none=False)
    loss = ddpm_loss(model, x_0, schedule)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


# %% exercise="ddpm_train_step" style="the loss written out, enable_grad"
def ddpm_train_step(model, x_0, schedule, optimizer):
    with torch.enable_grad():
        t = torch.randint(0, len(schedule["betas"]), (x_0.shape[0],), device=x_0.device)
        x_t, noise = forward_diffusion(x_0, t, schedule)
        loss = F.mse_loss(model(x_t, t), noise)
    for group in optimizer.param_groups:
        for p in group["params"]:
            p.grad = None
    torch.autograd.backward(loss)
    optimizer.step()
    return loss.detach().cpu().item()


# %% exercise="ddpm_train_step" style="closure"
def ddpm_train_step(model, x_0, schedule, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = ddpm_loss(model, x_0, schedule)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


# %% exercise="ddpm_train_step" style="train mode for the step, then as before"
def ddpm_train_step(model, x_0, schedule, optimizer):
    was_training = model.training
    model.train()
    try:
        value = (loss := ddpm_loss(model, x_0, schedule)).item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    finally:
        model.train(was_training)
    return value


# %% exercise="reverse_mean" style="coefficients from alpha_bar"
def reverse_mean(x_t, t, eps, schedule):
    def at(values):
        return values[t].view(-1, *[1] * (x_t.ndim - 1))

    alpha, alpha_bar = at(schedule["alphas"]), at(schedule["alpha_bar"])
    return torch.rsqrt(alpha) * (x_t - (1 - alpha) / torch.sqrt(1 - alpha_bar) * eps)


# %% exercise="reverse_mean" style="posterior mean from the predicted x_0"
def reverse_mean(x_t, t, eps, schedule):
    bar = schedule["alpha_bar"].clone()
    before = torch.cat([torch.ones_like(bar[:1]), bar[:-1]])
    bar, before, beta, alpha = (
        per_sample(v, t, x_t) for v in (bar, before, schedule["betas"], schedule["alphas"])
    )
    x_0 = (x_t - (1 - bar).sqrt() * eps) / bar.sqrt()
    from_x_0 = before.sqrt() * beta / (1 - bar) * x_0
    return from_x_0 + alpha.sqrt() * (1 - before) / (1 - bar) * x_t


# %% exercise="reverse_mean" style="sample by sample"
def reverse_mean(x_t, t, eps, schedule):
    out = torch.empty_like(x_t)
    for n in range(x_t.shape[0]):
        k = t[n]
        share = schedule["betas"][k] / schedule["sqrt_one_minus_alpha_bar"][k]
        out[n] = (x_t[n] - share * eps[n]) / schedule["sqrt_alpha"][k]
    return out


# %% exercise="reverse_mean" style="einops, float64 inside"
from einops import repeat


def reverse_mean(x_t, t, eps, schedule):
    pick = {k: schedule[k].double()[t] for k in ("betas", "sqrt_one_minus_alpha_bar", "sqrt_alpha")}
    flat, flat_eps = x_t.double().flatten(1), eps.double().flatten(1)
    wide = {k: repeat(v, "b -> b d", d=flat.shape[1]) for k, v in pick.items()}
    mean = flat - wide["betas"] / wide["sqrt_one_minus_alpha_bar"] * flat_eps
    return (mean / wide["sqrt_alpha"]).reshape(x_t.shape).to(x_t.dtype)


# %% exercise="sample_ddpm" style="decorator, noise for t = 0 times zero"
@torch.no_grad()
def sample_ddpm(model, shape, schedule, device):
    was_training = getattr(model, "training", None)
    if was_training is not None:
        model.eval()
    img = torch.empty(shape, device=device).normal_()
    T = schedule["betas"].shape[0]
    for step in range(T - 1, -1, -1):
        t = torch.tensor([step] * shape[0], device=device)
        noise = torch.randn(shape, device=device)
        keep = (t > 0).float().view(-1, *[1] * (img.ndim - 1))
        sigma = per_sample(schedule["betas"], t, img).sqrt()
        img = reverse_mean(img, t, model(img, t), schedule) + keep * sigma * noise
    if was_training is not None:
        model.train(was_training)
    return img


# %% exercise="sample_ddpm" style="inference_mode, zeros at t = 0"
def sample_ddpm(model, shape, schedule, device):
    modes = hasattr(model, "eval")
    before = model.training if modes else False
    try:
        if modes:
            model.eval()
        with torch.inference_mode():
            x = torch.normal(0.0, 1.0, size=tuple(shape), device=device)
            for i in torch.arange(len(schedule["betas"])).flip(0).tolist():
                t = torch.ones(shape[0], dtype=torch.int64, device=device) * i
                z = torch.randn_like(x) if i else torch.zeros_like(x)
                beta, bar = schedule["betas"][i], schedule["alpha_bar"][i]
                eps = model(x, t)
                x = (x - beta / (1 - bar).sqrt() * eps) / (1 - beta).sqrt() + beta.sqrt() * z
    finally:
        if modes:
            model.train(before)
    return x


# %% exercise="sample_ddpm" style="all noise drawn up front, read backwards"
@torch.no_grad()
def sample_ddpm(model, shape, schedule, device):
    T = len(schedule["betas"])
    z = torch.randn(T + 1, *shape, device=device)
    z[0] = 0
    module = model if isinstance(model, torch.nn.Module) else None
    mode = module.training if module else None
    if module:
        module.eval()
    x_t = z[T].clone()
    for t in reversed(range(T)):
        batch = torch.full(shape[:1], t, dtype=torch.long, device=device)
        x_t = reverse_mean(x_t, batch, model(x_t, batch), schedule)
        x_t += schedule["betas"][t] ** 0.5 * z[t]
    if module:
        module.train(mode)
    return x_t


# %% exercise="sample_ddpm" style="context manager, step as a helper, torch.where"
from contextlib import contextmanager


@contextmanager
def evaluating(model):
    mode = getattr(model, "training", False)
    if mode:
        model.eval()
    with torch.no_grad():
        yield
    if mode:
        model.train()


def sample_ddpm(model, shape, schedule, device):
    def step(x, t):
        mean = reverse_mean(x, t, model(x, t), schedule)
        noisy = torch.normal(mean, per_sample(schedule["betas"].sqrt(), t, x).expand_as(mean))
        return torch.where((t == 0).reshape(-1, *[1] * (x.ndim - 1)), mean, noisy)

    with evaluating(model):
        x = torch.randn(*shape).to(device)
        for t in range(len(schedule["betas"]))[::-1]:
            x = step(x, torch.tensor(t, device=device).repeat(shape[0]))
    return x


# %% exercise="drop_labels" style="torch.where"
def drop_labels(labels, p_uncond, null_class):
    coin = torch.rand_like(labels, dtype=torch.float32)
    return torch.where(coin < p_uncond, torch.full_like(labels, null_class), labels)


# %% exercise="drop_labels" style="bernoulli and a copy"
def drop_labels(labels, p_uncond, null_class):
    drop = torch.bernoulli(torch.full(labels.shape, p_uncond, device=labels.device)).bool()
    out = labels.clone()
    out[drop] = null_class
    return out


# %% exercise="drop_labels" style="a mask of what is kept"
def drop_labels(labels, p_uncond, null_class):
    keep = torch.empty(len(labels), device=labels.device).uniform_() >= p_uncond
    return (labels * keep + null_class * ~keep).to(labels.dtype)


# %% exercise="drop_labels" style="bernoulli_ in place on a mask of its own"
def drop_labels(labels, p_uncond, null_class):
    mask = torch.zeros_like(labels, dtype=torch.bool).bernoulli_(p_uncond)
    return labels.where(~mask, null_class)


# %% exercise="drop_labels" style="multinomial"
def drop_labels(labels, p_uncond, null_class):
    chances = torch.tensor([1 - p_uncond, p_uncond], device=labels.device)
    drop = chances.multinomial(labels.numel(), replacement=True)
    return labels + drop.to(labels.dtype) * (null_class - labels)


# %% exercise="guided_noise" style="one batched call"
def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    nulls = torch.full_like(labels, null_class)
    eps = model(torch.cat([x_t, x_t]), torch.cat([t, t]), torch.cat([labels, nulls]))
    eps_cond, eps_null = eps.chunk(2)
    return eps_null + guidance_scale * (eps_cond - eps_null)


# %% exercise="guided_noise" style="weights on both, null first"
def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    plain = model(x_t, t, torch.zeros_like(labels) + null_class)
    cond = model(x_t, t, labels)
    return (1 - guidance_scale) * plain + guidance_scale * cond


# %% exercise="guided_noise" style="lerp, no call that is not needed"
def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    eps_cond = model(x_t, t, labels)
    if guidance_scale == 1:
        return eps_cond
    nulls = torch.tensor([null_class] * len(labels), device=labels.device)
    return torch.lerp(model(x_t, t, nulls), eps_cond, guidance_scale)


# %% exercise="guided_noise" style="einops, null half first"
from einops import rearrange, repeat


def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    both = torch.cat([labels.new_full(labels.shape, null_class), labels])
    eps = model(repeat(x_t, "b ... -> (two b) ...", two=2), t.repeat(2), both)
    eps_null, eps_cond = rearrange(eps, "(two b) ... -> two b ...", two=2)
    return eps_cond + (guidance_scale - 1) * (eps_cond - eps_null)


# %% exercise="cfg_train_step" style="labels dropped first, mean by hand"
def cfg_train_step(model, x_0, labels, schedule, optimizer, p_uncond, null_class):
    labels = drop_labels(labels, p_uncond, null_class)
    optimizer.zero_grad()
    noise = torch.randn_like(x_0)
    t = torch.randint(len(schedule["betas"]), labels.shape, device=x_0.device)
    bar = per_sample(schedule["alpha_bar"], t, x_0)
    pred = model(bar.sqrt() * x_0 + (1 - bar).sqrt() * noise, t, labels)
    loss = torch.mean((noise - pred) ** 2)
    loss.backward()
    optimizer.step()
    return float(loss.detach())


# %% exercise="cfg_train_step" style="bernoulli mask written out"
def cfg_train_step(model, x_0, labels, schedule, optimizer, p_uncond, null_class):
    B = x_0.shape[0]
    mask = torch.bernoulli(torch.full((B,), p_uncond, device=x_0.device)) == 1
    y = torch.where(mask, null_class, labels)
    t = torch.floor(torch.rand(B, device=x_0.device) * len(schedule["betas"])).to(torch.int64)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    loss = nn.MSELoss()(model(x_t, t, y), noise)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


# %% exercise="cfg_train_step" style="ddpm_loss with the labels bound"
from functools import partial


def cfg_train_step(model, x_0, labels, schedule, optimizer, p_uncond, null_class):
    y = drop_labels(labels.clone(), p_uncond, null_class)
    loss = ddpm_loss(lambda x_t, t: model(x_t, t, y), x_0, schedule)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.detach().item()


# %% exercise="sample_cfg" style="sample_ddpm with a guided function"
def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    labels = class_labels.to(device)

    def guided(x_t, t):
        return guided_noise(model, x_t, t, labels, num_classes, guidance_scale)

    training = model.training
    model.eval()
    x = sample_ddpm(guided, shape, schedule, device)
    model.train(training)
    return x


# %% exercise="sample_cfg" style="one batched call, decorator"
@torch.no_grad()
def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    was_training = model.training
    model.eval()
    B, T = shape[0], len(schedule["betas"])
    class_labels = class_labels.to(device)
    both = torch.cat([class_labels, torch.full_like(class_labels, num_classes)])
    x = torch.randn(shape, device=device)
    for i in range(T - 1, -1, -1):
        t = torch.full((B,), i, device=device, dtype=torch.long)
        cond, plain = model(x.repeat(2, 1, 1, 1), t.repeat(2), both).chunk(2, dim=0)
        x = reverse_mean(x, t, torch.lerp(plain, cond, guidance_scale), schedule)
        x = x + (i > 0) * schedule["betas"][i].sqrt() * torch.randn_like(x)
    model.train(was_training)
    return x


# %% exercise="sample_cfg" style="interleaved batch, noise up front, inference_mode"
@torch.inference_mode()
def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    mode = model.training
    model.train(False)
    y = class_labels.to(device)
    y = torch.stack([y, torch.full_like(y, num_classes)], dim=1).flatten()
    z = torch.randn((len(schedule["betas"]), *shape), device=device)
    x = torch.randn(shape, device=device)
    for i in reversed(range(len(z))):
        t = x.new_full((shape[0],), i, dtype=torch.int64)
        eps = model(x.repeat_interleave(2, 0), t.repeat_interleave(2), y)
        eps = eps[1::2] + guidance_scale * (eps[::2] - eps[1::2])
        x = reverse_mean(x, t, eps, schedule)
        if i:
            x += schedule["betas"][i].sqrt() * z[i]
    model.train(mode)
    return x


# %% exercise="sample_cfg" style="two calls, null first, try and finally"
def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            labels = class_labels.to(device=device)
            nulls = torch.full(labels.shape, num_classes, device=device)
            x = torch.randn(*shape, device=device)
            for i, beta in reversed(list(enumerate(schedule["betas"]))):
                t = torch.full((shape[0],), i, device=device)
                plain = model(x, t, nulls)
                eps = plain + guidance_scale * (model(x, t, labels) - plain)
                x = (x - beta / (1 - schedule["alpha_bar"][i]).sqrt() * eps) / (1 - beta).sqrt()
                if i != 0:
                    x = torch.normal(x, beta.sqrt().item())
            return x
    finally:
        model.train(training)
