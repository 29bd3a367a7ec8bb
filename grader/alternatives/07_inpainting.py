# Other correct solutions of lesson 07: each must pass, whatever its style.

# %% exercise="bbox2mask" style="NumPy, then torch"
import numpy as np


def bbox2mask(image_shape, bbox):
    h, w = image_shape[0], image_shape[1]
    top, left, bh, bw = bbox
    if top < 0 or left < 0 or top + bh > h or left + bw > w:
        raise ValueError("bbox must lie inside the image")
    mask = np.zeros((h, w, 1), dtype=np.float32)
    mask[top : top + bh, left : left + bw, :] = 1
    return torch.from_numpy(mask)


# %% exercise="bbox2mask" style="comparisons of row and column numbers"
def bbox2mask(image_shape, bbox):
    H, W, *_ = image_shape
    top, left, height, width = map(int, bbox)
    bottom, right = top + height, left + width
    if min(top, left) < 0 or bottom > H or right > W:
        raise ValueError(f"the box ends at ({bottom}, {right}), the image at ({H}, {W})")
    rows = torch.arange(H)[:, None]
    columns = torch.arange(W)[None, :]
    inside = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
    return inside.float().unsqueeze(-1)


# %% exercise="bbox2mask" style="padding a block of ones"
def bbox2mask(image_shape, bbox):
    H, W = image_shape[:2]
    t, l, h, w = bbox
    below, right = H - t - h, W - l - w
    if any(v < 0 for v in (t, l, below, right)):
        raise ValueError("outside")
    return F.pad(torch.ones(h, w), (l, right, t, below))[..., None]


# %% exercise="make_mask" style="dictionary of functions, bbox2mask inside"
def make_mask(mode, image_size, generator):
    S = image_size

    def randint(low, high):
        return torch.randint(low, high + 1, (1,), generator=generator).item()

    def box(top, left, height, width):
        return bbox2mask((S, S), (top, left, height, width)).permute(2, 0, 1)

    def random_box():
        h = randint(S // 4, S // 2)
        w = randint(S // 4, S // 2)
        return box(randint(0, S - h), randint(0, S - w), h, w)

    def corner():
        return box(randint(0, 1) * S // 2, randint(0, 1) * S // 2, S // 2, S // 2)

    kinds = {
        "center": lambda: box(S // 4, S // 4, S // 2, S // 2),
        "corner": corner,
        "random_box": random_box,
        "free_form": lambda: draw_strokes(S, generator),
    }
    if mode not in kinds:
        raise ValueError(f"unknown mode {mode!r}, choose from {list(kinds)}")
    return kinds[mode]()


# %% exercise="make_mask" style="rand instead of randint, own brush strokes"
def make_mask(mode, image_size, generator):
    if mode not in ("center", "corner", "random_box", "free_form"):
        raise ValueError("mode is one of center, corner, random_box, free_form")
    S = image_size
    m = torch.zeros((1, S, S), dtype=torch.float32)
    u = torch.rand(4, generator=generator).tolist()
    if mode == "center":
        q = S // 4
        m[0, q : S - q, q : S - q] = 1.0
        return m
    if mode == "corner":
        half = S // 2
        rows = slice(0, half) if u[0] < 0.5 else slice(S - half, S)
        cols = slice(0, half) if u[1] < 0.5 else slice(S - half, S)
        m[0, rows, cols] = 1.0
        return m
    if mode == "random_box":
        h = int(S / 4 + u[0] * S / 4)
        w = int(S / 4 + u[1] * S / 4)
        y, x = int(u[2] * (S - h + 1)), int(u[3] * (S - w + 1))
        m[0, y : y + h, x : x + w] = 1.0
        return m
    ys = torch.arange(S).float()[:, None]
    xs = torch.arange(S).float()[None, :]
    radius = S / 14 + 0.5
    while m.mean() < 0.12:
        ends = torch.rand(2, 2, generator=generator) * S
        for s in torch.linspace(0, 1, 20):
            cy, cx = ends[0] + s * (ends[1] - ends[0])
            m[0][(ys - cy) ** 2 + (xs - cx) ** 2 <= radius**2] = 1.0
    return m


# %% exercise="make_mask" style="strokes drawn with PIL, seeded from the generator"
import random

import numpy as np
from PIL import Image, ImageDraw


def make_mask(mode, image_size, generator):
    S = image_size
    rng = random.Random(int(torch.randint(0, 2**31 - 1, (1,), generator=generator)))
    if mode == "center":
        top, left, h, w = S // 4, S // 4, S - 2 * (S // 4), S - 2 * (S // 4)
    elif mode == "corner":
        h = w = S // 2
        top, left = rng.choice([(0, 0), (0, S - w), (S - h, 0), (S - h, S - w)])
    elif mode == "random_box":
        h, w = rng.randint(S // 4, S // 2), rng.randint(S // 4, S // 2)
        top, left = rng.randrange(S - h + 1), rng.randrange(S - w + 1)
    elif mode == "free_form":
        while True:
            picture = Image.new("L", (S, S), 0)
            pen = ImageDraw.Draw(picture)
            for _ in range(rng.randint(2, 4)):
                points = [(rng.uniform(0, S), rng.uniform(0, S)) for _ in range(3)]
                pen.line(points, fill=1, width=max(2, S // 10))
            mask = torch.from_numpy(np.array(picture)).float()[None]
            if 0.05 <= mask.mean() <= 0.6:
                return mask
    else:
        raise ValueError("expected center, corner, random_box or free_form, not " + repr(mode))
    mask = torch.zeros(1, S, S)
    mask[:, top : top + h, left : left + w] = 1
    return mask


# %% exercise="inpainting_item" style="torch.where"
def inpainting_item(img, mask, noise):
    hole = mask > 0.5
    return dict(
        gt_image=img,
        cond_image=torch.where(hole, noise, img),
        mask_image=torch.where(hole, torch.ones_like(img), img),
        mask=mask,
    )


# %% exercise="inpainting_item" style="clones, masked_fill, more keys"
def inpainting_item(img, mask, noise):
    cond = img.clone()
    where = mask.bool().expand_as(img)
    cond[where] = noise[where]
    white = img.clone().masked_fill(mask.bool(), 1.0)
    return {"gt_image": img.clone(), "cond_image": cond, "mask_image": white, "mask": mask.clone(), "path": ""}


# %% exercise="inpainting_item" style="lerp"
def inpainting_item(img, mask, noise):
    item = {"gt_image": img, "mask": mask}
    item["cond_image"] = img + mask * (noise - img)
    item["mask_image"] = img * (1.0 - mask) + mask
    return item


# %% exercise="gamma_embedding" style="outer product, powers"
def gamma_embedding(gammas, dim, max_period=10000):
    half = dim // 2
    freqs = max_period ** (-torch.arange(half, device=gammas.device).float() / half)
    args = torch.outer(gammas.float(), freqs)
    emb = torch.cat((torch.cos(args), torch.sin(args)), -1)
    if dim % 2:
        emb = torch.cat([emb, torch.zeros_like(emb[:, :1])], -1)
    return emb


# %% exercise="gamma_embedding" style="filled in place"
import numpy as np


def gamma_embedding(gammas, dim, max_period=10000):
    half = dim // 2
    out = torch.zeros(gammas.shape[0], dim, device=gammas.device)
    for i in range(half):
        angle = gammas * float(np.exp(-np.log(max_period) * i / half))
        out[:, i] = torch.cos(angle)
        out[:, half + i] = torch.sin(angle)
    return out


# %% exercise="gamma_embedding" style="einsum, complex numbers"
def gamma_embedding(gammas, dim, max_period=10000):
    half = dim // 2
    steps = torch.arange(0, half, dtype=gammas.dtype, device=gammas.device)
    freqs = (-math.log(max_period) / half * steps).exp()
    angles = torch.einsum("b,f->bf", gammas, freqs)
    waves = torch.polar(torch.ones_like(angles), angles)
    emb = torch.cat([waves.real, waves.imag], dim=-1)
    return F.pad(emb, (0, 1)) if dim % 2 == 1 else emb


# %% exercise="AdaGNResBlock" style="Upsample and AvgPool modules, einops"
from einops import rearrange


class AdaGNResBlock(nn.Module):
    def __init__(self, channels, emb_channels, dropout, out_channels=None, up=False, down=False):
        super().__init__()
        self.out_channels = out_channels or channels
        self.norm1 = nn.GroupNorm(8, channels)
        self.act = nn.SiLU()
        if up:
            self.change = nn.Upsample(scale_factor=2, mode="nearest")
        elif down:
            self.change = nn.AvgPool2d(2)
        else:
            self.change = nn.Identity()
        self.conv1 = nn.Conv2d(channels, self.out_channels, kernel_size=3, padding=1)
        self.emb_proj = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, self.out_channels * 2))
        self.norm2 = nn.GroupNorm(8, self.out_channels)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(self.out_channels, self.out_channels, kernel_size=3, padding=1)
        for p in self.conv2.parameters():
            p.detach().zero_()
        if self.out_channels == channels:
            self.skip = nn.Identity()
        else:
            self.skip = nn.Conv2d(channels, self.out_channels, kernel_size=1)

    def forward(self, x, emb):
        h = self.conv1(self.change(self.act(self.norm1(x))))
        scale, shift = rearrange(self.emb_proj(emb), "b (two c) -> two b c 1 1", two=2)
        h = self.norm2(h) * (scale + 1) + shift
        h = self.conv2(self.dropout(self.act(h)))
        return self.skip(self.change(x)) + h


# %% exercise="AdaGNResBlock" style="shortcut projected first, then resampled"
class AdaGNResBlock(nn.Module):
    def __init__(self, channels, emb_channels, dropout, out_channels=None, up=False, down=False):
        super(AdaGNResBlock, self).__init__()
        if out_channels is None:
            out_channels = channels
        self.up = up
        self.down = down
        self.skip = nn.Conv2d(channels, out_channels, 1) if channels != out_channels else nn.Identity()
        self.norm2 = nn.GroupNorm(num_groups=8, num_channels=out_channels)
        self.conv2 = self._zero(nn.Conv2d(out_channels, out_channels, 3, 1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.emb_proj = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out_channels))
        self.norm1 = nn.GroupNorm(num_groups=8, num_channels=channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, 1, 1)

    @staticmethod
    def _zero(module):
        for p in module.parameters():
            nn.init.constant_(p, 0.0)
        return module

    def _resize(self, x):
        if self.up:
            return x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if self.down:
            B, C, H, W = x.shape
            return x.reshape(B, C, H // 2, 2, W // 2, 2).mean(dim=(3, 5))
        return x

    def forward(self, x, emb):
        h = self.norm1(x)
        h = h * torch.sigmoid(h)
        h = self.conv1(self._resize(h))
        params = self.emb_proj(emb)
        scale, shift = torch.split(params, params.shape[1] // 2, dim=1)
        h = torch.addcmul(shift[..., None, None], self.norm2(h), 1 + scale[..., None, None])
        h = self.conv2(self.dropout(F.silu(h)))
        return h + self._resize(self.skip(x))


# %% exercise="AdaGNResBlock" style="functional group norm, adaptive pooling, interpolate"
class AdaGNResBlock(nn.Module):
    def __init__(self, channels, emb_channels, dropout, out_channels=None, up=False, down=False):
        super().__init__()
        out_channels = channels if out_channels is None else out_channels
        self.factor = 2.0 if up else 0.5 if down else 1.0
        self.norm1, self.norm2 = nn.GroupNorm(8, channels), nn.GroupNorm(8, out_channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding="same")
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding="same")
        with torch.no_grad():
            self.conv2.weight.zero_()
            self.conv2.bias.zero_()
        self.emb_proj = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out_channels))
        self.dropout = nn.Dropout(dropout)
        self.skip = nn.Identity() if channels == out_channels else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x, emb):
        h = F.silu(F.group_norm(x, 8, self.norm1.weight, self.norm1.bias))
        if self.factor == 2.0:
            h, x = (F.interpolate(v, scale_factor=2) for v in (h, x))
        if self.factor == 0.5:
            h, x = (F.interpolate(v, scale_factor=0.5, mode="area") for v in (h, x))
        h = self.conv1(h)
        film = self.emb_proj(emb).unflatten(1, (2, -1))
        scale, shift = film[:, 0, :, None, None], film[:, 1, :, None, None]
        h = self.norm2(h)
        h = h + h * scale + shift
        return self.skip(x) + self.conv2(self.dropout(F.silu(h)))


# %% exercise="AttentionBlock" style="einops and einsum, scale split on q and k"
from einops import rearrange


class AttentionBlock(nn.Module):
    def __init__(self, channels, num_heads):
        super().__init__()
        assert channels % num_heads == 0
        self.heads = num_heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv1d(channels, channels * 3, kernel_size=1)
        self.proj_out = nn.Conv1d(channels, channels, kernel_size=1)
        for p in self.proj_out.parameters():
            nn.init.zeros_(p)

    def forward(self, x):
        b, c, h, w = x.shape
        tokens = rearrange(x, "b c h w -> b c (h w)")
        qkv = self.qkv(self.norm(tokens))
        q, k, v = rearrange(qkv, "b (three heads d) n -> three b heads d n", three=3, heads=self.heads)
        scale = 1 / math.sqrt(math.sqrt(c // self.heads))
        weight = torch.einsum("bhdt,bhds->bhts", q * scale, k * scale).softmax(-1)
        a = torch.einsum("bhts,bhds->bhdt", weight, v)
        out = self.proj_out(rearrange(a, "b heads d n -> b (heads d) n"))
        return rearrange(tokens + out, "b c (h w) -> b c h w", h=h)


# %% exercise="AttentionBlock" style="F.scaled_dot_product_attention"
class AttentionBlock(nn.Module):
    def __init__(self, channels, num_heads):
        super().__init__()
        if channels % num_heads:
            raise ValueError("channels must be divisible by num_heads")
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        nn.init.constant_(self.proj_out.weight, 0)
        nn.init.constant_(self.proj_out.bias, 0)

    def forward(self, x):
        B, C, H, W = x.size()
        q, k, v = self.qkv(self.norm(x).view(B, C, H * W)).chunk(3, dim=1)
        q, k, v = (
            z.view(B, self.num_heads, C // self.num_heads, H * W).transpose(2, 3) for z in (q, k, v)
        )
        out = F.scaled_dot_product_attention(q, k, v)
        out = out.transpose(2, 3).reshape(B, C, H * W)
        return x + self.proj_out(out).view(B, C, H, W)


# %% exercise="AttentionBlock" style="heads in the batch, baddbmm"
class AttentionBlock(nn.Module):
    def __init__(self, channels, num_heads):
        super().__init__()
        self.proj_out = nn.Conv1d(channels, channels, 1)
        self.proj_out.weight.data.zero_()
        self.proj_out.bias.data.zero_()
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.norm = nn.GroupNorm(8, channels)
        self.num_heads = num_heads

    def forward(self, x):
        shape = x.shape
        x = x.flatten(2)
        B, C, N = x.shape
        d = C // self.num_heads
        h = self.qkv(self.norm(x))
        q, k, v = h[:, :C], h[:, C : 2 * C], h[:, 2 * C :]
        q, k, v = (z.reshape(B * self.num_heads, d, N) for z in (q, k, v))
        attention = torch.softmax(torch.bmm(q.mT, k) * d**-0.5, dim=2)
        h = torch.bmm(attention, v.mT).mT.reshape(B, C, N)
        return (x + self.proj_out(h)).reshape(shape)


# %% exercise="sample_gammas" style="padded table, lerp"
def sample_gammas(gammas, t, u):
    padded = F.pad(gammas, (1, 0), value=1.0)
    return torch.lerp(padded[t], padded[t + 1], u)


# %% exercise="sample_gammas" style="where, weights on both neighbours"
def sample_gammas(gammas, t, u):
    now = gammas[t]
    prev = torch.where(t > 0, gammas[(t - 1).clamp(min=0)], torch.ones_like(now))
    return u * now + (1 - u) * prev


# %% exercise="sample_gammas" style="gather, one assigned by index"
def sample_gammas(gammas, t, u):
    previous = gammas.roll(1)
    previous[0] = 1
    upper = previous.gather(0, t)
    lower = gammas.gather(0, t)
    return (lower - upper) * u + upper


# %% exercise="masked_noise_loss" style="where and boolean indexing"
def masked_noise_loss(model, y_0, y_cond, mask, gammas_t, noise):
    g = gammas_t.view(-1, 1, 1, 1)
    hole = mask.bool()
    y = torch.where(hole, torch.sqrt(g) * y_0 + torch.sqrt(1 - g) * noise, y_0)
    eps = model(torch.cat((y_cond, y), 1), gammas_t)
    inside = hole.expand_as(y_0)
    return F.mse_loss(eps[inside], noise[inside])


# %% exercise="masked_noise_loss" style="masked difference, expanded mask"
def masked_noise_loss(model, y_0, y_cond, mask, gammas_t, noise):
    batch, channels = y_0.shape[:2]
    gamma = gammas_t.reshape(batch, 1, 1, 1)
    y_noisy = gamma**0.5 * y_0 + (1 - gamma) ** 0.5 * noise
    noise_hat = model(torch.cat([y_cond, y_noisy * mask + (1.0 - mask) * y_0], dim=1), gammas_t)
    squared = F.mse_loss(mask * noise_hat, mask * noise, reduction="sum")
    return squared / mask.expand(-1, channels, -1, -1).sum()


# %% exercise="masked_noise_loss" style="einops, lerp"
from einops import rearrange


def masked_noise_loss(model, y_0, y_cond, mask, gammas_t, noise):
    gamma = rearrange(gammas_t, "b -> b 1 1 1")
    noised = y_0 * gamma.sqrt() + noise * torch.sqrt(1 - gamma)
    x = torch.cat([y_cond, torch.lerp(y_0, noised, mask)], dim=1)
    difference = (noise - model(x, gammas_t)) * mask
    return difference.square().sum() / mask.sum() / y_0.size(1)


# %% exercise="predict_start_from_noise" style="reciprocal roots"
def predict_start_from_noise(y_t, t, noise, schedule):
    bar = schedule["alpha_bar"][t].view(-1, *([1] * (y_t.dim() - 1)))
    return torch.rsqrt(bar) * y_t - torch.sqrt(1 / bar - 1) * noise


# %% exercise="predict_start_from_noise" style="extract helper with gather"
def extract(a, t, x_shape):
    return a.gather(-1, t).reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))


def predict_start_from_noise(y_t, t, noise, schedule):
    sqrt_recip = (1.0 / schedule["alpha_bar"]).sqrt()
    sqrt_recipm1 = (1.0 / schedule["alpha_bar"] - 1).sqrt()
    return extract(sqrt_recip, t, y_t.shape) * y_t - extract(sqrt_recipm1, t, y_t.shape) * noise


# %% exercise="q_posterior" style="extract helper, F.pad"
def extract(a, t, x_shape):
    return a.gather(-1, t).reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))


def q_posterior(y_0_hat, y_t, t, schedule):
    betas, bar = schedule["betas"], schedule["alpha_bar"]
    bar_prev = F.pad(bar[:-1], (1, 0), value=1.0)
    coef1 = betas * torch.sqrt(bar_prev) / (1 - bar)
    coef2 = (1 - bar_prev) * torch.sqrt(1 - betas) / (1 - bar)
    mean = extract(coef1, t, y_t.shape) * y_0_hat + extract(coef2, t, y_t.shape) * y_t
    return mean, extract(schedule["posterior_variance"], t, y_t.shape)


# %% exercise="q_posterior" style="looked up first, then computed"
def q_posterior(y_0_hat, y_t, t, schedule):
    def at(values, index):
        return values[index][:, None, None, None]

    bar, alpha, beta = (at(schedule[k], t) for k in ("alpha_bar", "alphas", "betas"))
    first = (t == 0)[:, None, None, None]
    prev = torch.where(first, torch.ones_like(bar), at(schedule["alpha_bar"], (t - 1).clamp(min=0)))
    mean = (prev.sqrt() * beta * y_0_hat + alpha.sqrt() * (1 - prev) * y_t) / (1 - bar)
    return [mean, at(schedule["posterior_variance"], t)]


# %% exercise="p_sample" style="posterior written out, noise masked at t = 0"
def p_sample(model, y_t, t, y_cond, schedule, z):
    gammas = schedule["alpha_bar"][t]
    eps = model(torch.cat([y_cond, y_t], 1), gammas)
    g = gammas.view(-1, 1, 1, 1)
    start = torch.clamp((y_t - torch.sqrt(1 - g) * eps) / torch.sqrt(g), -1.0, 1.0)
    mean, var = q_posterior(start, y_t, t, schedule)
    nonzero = (t != 0).to(y_t.dtype).view(-1, 1, 1, 1)
    return mean + nonzero * torch.exp(0.5 * torch.log(var.clamp(min=1e-20))) * z


# %% exercise="p_sample" style="torch.where at t = 0, gather"
def p_sample(model, y_t, t, y_cond, schedule, z):
    level = torch.gather(schedule["alpha_bar"], 0, t)
    with torch.no_grad():
        eps = model(torch.cat((y_cond, y_t), dim=1), level)
    y_0_hat = predict_start_from_noise(y_t, t, eps, schedule)
    y_0_hat = y_0_hat.clip(min=-1, max=1)
    mean, variance = q_posterior(y_0_hat=y_0_hat, y_t=y_t, t=t, schedule=schedule)
    return torch.where((t > 0)[:, None, None, None], mean + variance**0.5 * z, mean)


# %% exercise="restoration" style="a decorator, where, snapshots from linspace"
@torch.no_grad()
def restoration(model, y_cond, y_0, mask, schedule, sample_num):
    was_training = getattr(model, "training", False)
    if was_training:
        model.eval()
    hole = mask.bool()
    T = schedule["betas"].shape[0]
    y = torch.where(hole, torch.randn(y_0.shape, device=y_0.device, dtype=y_0.dtype), y_0)
    states = [y]
    for step in range(T - 1, -1, -1):
        t = torch.tensor([step] * len(y), device=y.device)
        z = torch.randn(y.shape, device=y.device) if step > 0 else torch.zeros_like(y)
        y = torch.where(hole, p_sample(model, y, t, y_cond, schedule, z), y_0)
        states.append(y)
    if was_training:
        model.train()
    keep = torch.linspace(T / sample_num, T, sample_num).round().long()
    return y, torch.stack(states)[keep.to(y.device)]


# %% exercise="restoration" style="try and finally, all noise drawn up front, first snapshot is the start"
def restoration(model, y_cond, y_0, mask, schedule, sample_num):
    steps = len(schedule["alpha_bar"])
    noises = torch.randn(steps + 1, *y_0.shape, device=y_0.device, dtype=y_0.dtype)
    mode = model.training if isinstance(model, nn.Module) else None
    if mode is not None:
        model.eval()
    y = y_0 * (1 - mask) + mask * noises[-1]
    track = [y]
    try:
        with torch.inference_mode():
            for i in range(steps)[::-1]:
                t = torch.full((len(y_0),), i, dtype=torch.long, device=y_0.device)
                y = p_sample(model, y, t, y_cond, schedule, noises[i])
                y = y_0 * (1 - mask) + mask * y
                track.append(y.clone())
    finally:
        if mode is not None:
            model.train(mode)
    if sample_num == 1:
        return y, track[-1][None]
    index = [round(k * steps / (sample_num - 1)) for k in range(sample_num)]
    return y, torch.stack([track[k] for k in index])


# %% exercise="restoration" style="posterior inlined, every so many steps"
def restoration(model, y_cond, y_0, mask, schedule, sample_num):
    T = len(schedule["betas"])
    training = isinstance(model, nn.Module) and model.training
    if isinstance(model, nn.Module):
        model.eval()
    snapshots = []
    y = torch.randn_like(y_0).mul(mask) + y_0.mul(1 - mask)
    due = T / sample_num
    with torch.no_grad():
        for done, i in enumerate(range(T - 1, -1, -1), start=1):
            t = torch.ones(y_0.shape[0], dtype=torch.int64, device=y_0.device) * i
            eps = model(torch.cat([y_cond, y], dim=1), schedule["alpha_bar"][t])
            start = predict_start_from_noise(y, t, eps, schedule).clamp(-1, 1)
            y, variance = q_posterior(start, y, t, schedule)
            if i > 0:
                y = y + variance.sqrt() * torch.randn_like(y)
            y = y * mask + y_0 * (1.0 - mask)
            if done >= due * (len(snapshots) + 1) - 1e-6:
                snapshots.append(y)
    if training:
        model.train()
    return y, torch.stack(snapshots)


# %% exercise="fit" style="state dict kept and copied, saved with save_file"
import copy

from safetensors.torch import save_file


def fit(model, train_loader, val_loader, epochs, optimizer, validate, path):
    history = {"train_loss": [], "val_mae": []}
    best_state = None
    for epoch in range(epochs):
        model.train()
        total, batches = 0.0, 0
        for batch in train_loader:
            optimizer.zero_grad(set_to_none=True)
            loss = model(batch)
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
            batches += 1
        history["train_loss"].append(total / batches)
        model.eval()
        with torch.no_grad():
            history["val_mae"].append(validate(model, val_loader))
        if best_state is None or history["val_mae"][-1] < min(history["val_mae"][:-1], default=1e9):
            best_state = copy.deepcopy(model.state_dict())
            history["best_epoch"] = epoch
    model.load_state_dict(best_state)
    save_file(best_state, str(path))
    return history


# %% exercise="fit" style="argmin at every epoch, load_file"
from safetensors.torch import load_file, save_file


def fit(model, train_loader, val_loader, epochs, optimizer, validate, path):
    train_loss, val_mae = [], []
    for epoch in range(epochs):
        model.train(True)
        running = []
        for data in train_loader:
            loss = model(data)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            running.append(loss.detach())
        train_loss.append(torch.stack(running).mean().item())
        model.train(False)
        val_mae.append(float(validate(model, val_loader)))
        if val_mae.index(min(val_mae)) == epoch:
            save_file({k: v.contiguous() for k, v in model.state_dict().items()}, path)
    model.load_state_dict(load_file(path))
    return dict(train_loss=train_loss, val_mae=val_mae, best_epoch=val_mae.index(min(val_mae)))


# %% exercise="fit" style="helper functions"
def _one_epoch(model, loader, optimizer):
    model.train()
    losses = []
    for batch in loader:
        loss = model(batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses) / max(len(losses), 1)


def fit(model, train_loader, val_loader, epochs, optimizer, validate, path):
    history = {"train_loss": [], "val_mae": [], "best_epoch": 0}
    best = None
    for epoch in range(epochs):
        history["train_loss"] += [_one_epoch(model, train_loader, optimizer)]
        error = validate(model.eval(), val_loader)
        history["val_mae"] += [error]
        if best is None or error < best:
            best = error
            history["best_epoch"] = epoch
            save_model(model, str(path))
    load_model(model, str(path), strict=True)
    return history
