"""What the lesson's two networks share, and the basic one, which is given.

Both are used as `model(cat[y_cond, y], gammas) -> noise`.
"""

import torch
import torch.nn.functional as F
from torch import nn

SPREAD = 0.35  # standard deviation of what a rough filling gets wrong in the rendered faces


class NoisePredictor(nn.Module):
    """Makes a noise predictor of `net(x (B, 2C + 1, H, W), gammas (B,)) -> (B, C, H, W)`.

    1. The hole is found: outside it y_cond and y are equal. It is closed roughly, and the net sees
       this filling, y, and the hole.
    2. A first guess of the clean image mixes filling and y, as their errors deserve. The net
       corrects it, in units of the error that is to be expected (Karras et al. 2022, section 5).
    3. The loss counts errors of the noise. Gradients are divided by what one unit of the net's
       answer is worth there, so that high noise levels, which decide what is painted, count too.
    """

    def __init__(self, net, spread=SPREAD):
        super().__init__()
        self.net, self.spread = net, spread

    def forward(self, x, gammas):
        y_cond, y = x.chunk(2, dim=1)
        gamma = gammas[:, None, None, None].clamp(1e-5, 1 - 1e-5)
        hole = (y_cond != y).any(1, keepdim=True).to(x.dtype)
        filling = rough_filling(y_cond, hole)
        variance = (1 - gamma) / gamma  # of y / sqrt(gamma) around the clean image
        share = self.spread**2 / (self.spread**2 + variance)
        guess = filling + share * (y / gamma.sqrt() - filling)
        correction = self.net(torch.cat([filling, y, hole], dim=1), gammas)
        if correction.requires_grad:
            correction.register_hook(lambda gradient: gradient / share)
        y_0_hat = guess + (variance * share).sqrt() * correction
        return (y - gamma.sqrt() * y_0_hat) / (1 - gamma).sqrt()


def rough_filling(image, hole):
    """Holes closed with means of the visible pixels nearby: from fine to coarse, and back again."""
    weight = 1 - hole
    seen = image * weight
    if min(image.shape[-2:]) == 1:
        return seen / weight.clamp(min=1e-6)
    share = F.avg_pool2d(weight, 2, ceil_mode=True)
    coarse = F.avg_pool2d(seen, 2, ceil_mode=True) / share.clamp(min=1e-6)
    coarse = rough_filling(coarse, (share == 0).to(image.dtype))
    size = {"size": image.shape[-2:], "mode": "bilinear", "align_corners": False}
    return seen + F.interpolate(coarse, **size) * hole


class ImprovedUNet(nn.Module):
    """Adaptive GroupNorm, attention at the smallest size, residual up and down, zero at the end.

    x (B, 2C + 1, H, W), gammas (B,) -> (B, C, H, W). `block`, `attention` and `embed` are
    AdaGNResBlock, AttentionBlock and gamma_embedding of the lesson. H and W are multiples of 4.
    """

    def __init__(self, block, attention, embed, channels=3, widths=(16, 32, 64), e=128):
        super().__init__()
        (a, b, c), self.embed = widths, embed
        self.read_level = nn.Sequential(nn.Linear(32, e), nn.SiLU(), nn.Linear(e, e))
        self.first = nn.Conv2d(2 * channels + 1, a, 3, padding=1)
        self.wide, self.middle = block(a, e, 0.0), block(b, e, 0.0)
        self.down1, self.down2 = block(a, e, 0.0, b, down=True), block(b, e, 0.0, c, down=True)
        self.small1, self.attention1 = block(c, e, 0.0), attention(c, 4)
        self.small2, self.attention2 = block(c, e, 0.0), attention(c, 4)
        self.up2, self.join2 = block(c, e, 0.0, b, up=True), block(2 * b, e, 0.0, b)
        self.up1, self.join1 = block(b, e, 0.0, a, up=True), block(2 * a, e, 0.0, a)
        end = nn.Conv2d(a, channels, 3, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(8, a), nn.SiLU(), end)
        nn.init.zeros_(end.weight)
        nn.init.zeros_(end.bias)

    def forward(self, x, gammas):
        emb = self.read_level(self.embed(20 * torch.logit(gammas, 1e-6), 32))
        wide = self.wide(self.first(x), emb)  # (B, a, H, W)
        middle = self.middle(self.down1(wide, emb), emb)  # (B, b, H/2, W/2)
        h = self.down2(middle, emb)  # (B, c, H/4, W/4)
        h = self.attention1(self.small1(h, emb))
        h = self.attention2(self.small2(h, emb))
        h = self.join2(torch.cat([self.up2(h, emb), middle], dim=1), emb)
        h = self.join1(torch.cat([self.up1(h, emb), wide], dim=1), emb)
        return self.out(h)


class BasicUNet(nn.Module):
    """The U-Net of many tutorials: BatchNorm, ReLU, max pooling, transposed convolutions.

    x (B, 2C + 1, H, W), gammas (B,) -> (B, C, H, W). The noise level is added to the features
    before each convolution pair of the way up.
    """

    def __init__(self, channels=3, widths=(16, 32, 64, 128), e=128):
        super().__init__()
        self.read_level = nn.Sequential(nn.Linear(32, e), nn.ReLU(), nn.Linear(e, e))
        inputs = (2 * channels + 1, *widths[:-1])
        self.pairs = nn.ModuleList(_pair(a, b) for a, b in zip(inputs, widths, strict=True))
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))  # (128, 64), (64, 32), …
        self.levels = nn.ModuleList(nn.Linear(e, a) for a, _ in steps)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.up_pairs = nn.ModuleList(_pair(2 * b, b) for _, b in steps)
        self.out = nn.Conv2d(widths[0], channels, 1)

    def forward(self, x, gammas):
        emb = self.read_level(_waves(20 * torch.logit(gammas, 1e-6)))
        skips = []
        for pair in self.pairs:
            x = pair(F.max_pool2d(x, 2) if skips else x)
            skips.append(x)
        x = skips.pop()
        for level, up, pair in zip(self.levels, self.ups, self.up_pairs, strict=True):
            x = up(x + level(emb)[:, :, None, None])
            x = pair(torch.cat([x, skips.pop()], dim=1))
        return self.out(x)


def _pair(a, b):
    """Two convolutions with BatchNorm and ReLU."""
    first = (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
    return nn.Sequential(*first, nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())


def _waves(level):
    """(B,) -> (B, 32): sines and cosines, as in lesson 03."""
    i = torch.arange(16, device=level.device)
    angles = level[:, None] * 10000.0 ** (-i / 16)
    return torch.cat([angles.sin(), angles.cos()], dim=1)
