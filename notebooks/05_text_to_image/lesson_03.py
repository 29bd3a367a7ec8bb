"""Answers of lesson 03_unet, written by `course build`."""


import math
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn


def rearrange_downsample(x):
    """Halve height and width without losing a pixel: (B, C, H, W) -> (B, 4C, H/2, W/2).

    Each 2x2 patch becomes four channels, in the order c, p1 (row), p2 (column).
    Raises ValueError where H or W is odd.
    """
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(f"height and width must be even, got {height} x {width}")
    return rearrange(x, "b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2)


def rearrange_downsample_pure(x):
    """rearrange_downsample without einops: (B, C, H, W) -> (B, 4C, H/2, W/2), channels c, p1, p2.

    Raises ValueError where H or W is odd.
    """
    batch, channels, height, width = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"height and width must be even, got {height} x {width}")
    x = x.reshape(batch, channels, height // 2, 2, width // 2, 2)  # (B, C, h, p1, w, p2)
    x = x.permute(0, 1, 3, 5, 2, 4)  # (B, C, p1, p2, h, w)
    return x.reshape(batch, 4 * channels, height // 2, width // 2)


class SinusoidalPositionEmbedding(nn.Module):
    """Turn timesteps (B,) into float32 features (B, embed_dim), cat[sin, cos] of t * frequency_i.

    frequency_i = exp(-ln 10000 * i / (d/2)), i = 0 ... d/2 - 1: "Attention Is All You Need",
    section 3.5, in the concatenated layout. Raises ValueError where embed_dim is odd.
    """

    def __init__(self, embed_dim):
        super().__init__()
        if embed_dim % 2:
            raise ValueError(f"embed_dim must be even, got {embed_dim}")
        self.embed_dim = embed_dim

    def forward(self, timesteps):
        half = self.embed_dim // 2
        i = torch.arange(half, device=timesteps.device, dtype=torch.float32)
        frequencies = torch.exp(-math.log(10000.0) * i / half)  # (d/2,)
        angles = timesteps.float()[:, None] * frequencies  # (B, d/2)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)  # (B, d)


class TimestepMLPEmbedding(nn.Module):
    """Timesteps (B,) -> (B, hidden_dim): sinusoidal -> Linear -> GELU -> Linear.

    hidden_dim is 4 * embed_dim where it is not given.
    """

    def __init__(self, embed_dim, hidden_dim=None):
        super().__init__()
        hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.layers = nn.Sequential(
            SinusoidalPositionEmbedding(embed_dim),
            nn.Linear(embed_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
        )

    def forward(self, timesteps):
        return self.layers(timesteps)


class ResidualBlock(nn.Module):
    """Two convolutions, told the time in between, around a shortcut.

    x (B, in_channels, H, W), t_emb (B, time_emb_dim) -> (B, out_channels, H, W):
    conv1 -> norm1 -> + time_mlp(t_emb) -> GELU -> conv2 -> norm2 -> GELU -> + residual_conv(x).
    """

    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.GroupNorm(8, out_channels)
        self.time_mlp = nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, out_channels)
        same = in_channels == out_channels
        self.residual_conv = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x, t_emb):
        h = self.norm1(self.conv1(x))  # (B, out, H, W)
        h = F.gelu(h + self.time_mlp(t_emb)[:, :, None, None])
        h = F.gelu(self.norm2(self.conv2(h)))
        return h + self.residual_conv(x)


class DownBlock(nn.Module):
    """One level down: x (B, in, H, W) -> skip (B, out, H, W) and down (B, 4 * out, H/2, W/2)."""

    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)

    def forward(self, x, t_emb):
        skip = self.res(x, t_emb)
        return skip, rearrange_downsample(skip)


class UpBlock(nn.Module):
    """One level up: x (B, in, H, W), skip (B, skip, 2H, 2W) -> (B, out, 2H, 2W).

    Nearest-neighbour doubling, concatenate [x, skip], one residual block.
    """

    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        super().__init__()
        self.res = ResidualBlock(in_channels + skip_channels, out_channels, time_emb_dim)

    def forward(self, x, skip, t_emb):
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, in, 2H, 2W)
        return self.res(torch.cat([x, skip], dim=1), t_emb)


class UNet(nn.Module):
    """The denoiser: x (B, in_channels, H, W), timesteps (B,) -> (B, in_channels, H, W).

    Three levels down, a bottleneck, three levels up; H and W divisible by 8.
    """

    def __init__(self, in_channels=1, base_channels=64, time_emb_dim=128):
        super().__init__()
        c, t = base_channels, 4 * time_emb_dim
        self.time_embed = TimestepMLPEmbedding(time_emb_dim)
        self.init_conv = nn.Conv2d(in_channels, c, 3, padding=1)
        self.down1 = DownBlock(c, c, t)
        self.down1_proj = nn.Conv2d(4 * c, 2 * c, 1)
        self.down2 = DownBlock(2 * c, 2 * c, t)
        self.down2_proj = nn.Conv2d(8 * c, 4 * c, 1)
        self.down3 = DownBlock(4 * c, 4 * c, t)
        self.down3_proj = nn.Conv2d(16 * c, 8 * c, 1)
        self.bottleneck = ResidualBlock(8 * c, 8 * c, t)
        self.up3 = UpBlock(8 * c, 4 * c, 4 * c, t)
        self.up2 = UpBlock(4 * c, 2 * c, 2 * c, t)
        self.up1 = UpBlock(2 * c, c, c, t)
        self.final_conv = nn.Sequential(nn.GroupNorm(8, c), nn.GELU(), nn.Conv2d(c, in_channels, 1))

    def forward(self, x, timesteps):
        t_emb = self.time_embed(timesteps)  # (B, t)
        h = self.init_conv(x)  # (B, c, H, W)
        skip1, h = self.down1(h, t_emb)  # (B, c, H, W), (B, 4c, H/2, W/2)
        skip2, h = self.down2(self.down1_proj(h), t_emb)  # (B, 2c, H/2, W/2), (B, 8c, H/4, W/4)
        skip3, h = self.down3(self.down2_proj(h), t_emb)  # (B, 4c, H/4, W/4), (B, 16c, H/8, W/8)
        h = self.bottleneck(self.down3_proj(h), t_emb)  # (B, 8c, H/8, W/8)
        h = self.up3(h, skip3, t_emb)  # (B, 4c, H/4, W/4)
        h = self.up2(h, skip2, t_emb)  # (B, 2c, H/2, W/2)
        h = self.up1(h, skip1, t_emb)  # (B, c, H, W)
        return self.final_conv(h)  # (B, in_channels, H, W)


def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    """One update of a denoiser that predicts the clean image; returns the loss before it as a float.

    images (B, C, H, W). Each sample has a timestep t of its own, 0 ... num_timesteps - 1, and noise
    of standard deviation t / num_timesteps * noise_level. The model is called as model(noisy, t).
    """
    t = torch.randint(0, num_timesteps, (images.shape[0],), device=images.device)
    level = t / num_timesteps * noise_level  # (B,)
    noisy = images + level.reshape(-1, 1, 1, 1) * torch.randn_like(images)
    loss = F.mse_loss(model(noisy, t), images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
