# Other correct solutions of lesson 03: each must pass, whatever its style.

# %% exercise="rearrange_downsample" style="an einops layer"
from einops.layers.torch import Rearrange


def rearrange_downsample(x):
    _, _, H, W = x.shape
    if H % 2 != 0 or W % 2 != 0:
        raise ValueError("odd size")
    layer = Rearrange("b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2)
    return layer(x)


# %% exercise="rearrange_downsample" style="other axis names, einops error turned into ValueError"
import einops


def rearrange_downsample(x):
    try:
        return einops.rearrange(x, "n c (y i) (z j) -> n (c i j) y z", i=2, j=2)
    except einops.EinopsError as error:
        raise ValueError("height and width must be even") from error


# %% exercise="rearrange_downsample" style="pixel_unshuffle"
def rearrange_downsample(x):
    if any(size % 2 for size in x.shape[2:]):
        raise ValueError(f"odd size: {tuple(x.shape)}")
    return F.pixel_unshuffle(x, 2)


# %% exercise="rearrange_downsample" style="an error class of its own"
class OddSize(ValueError):
    pass


def rearrange_downsample(x):
    if sum(n % 2 for n in x.shape[-2:]):
        raise OddSize
    return rearrange(x, "b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2).contiguous()


# %% exercise="rearrange_downsample_pure" style="four strided slices"
def rearrange_downsample_pure(x):
    B, C, H, W = x.shape
    if H % 2 or W % 2:
        raise ValueError("even sizes, please")
    corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return torch.stack(corners, dim=2).reshape(B, C * 4, H // 2, W // 2)


# %% exercise="rearrange_downsample_pure" style="unfold along both axes"
def rearrange_downsample_pure(x):
    B, C, H, W = x.shape
    if (H | W) & 1:
        raise ValueError("odd")
    patches = x.unfold(2, 2, 2).unfold(3, 2, 2)  # (B, C, h, w, p1, p2)
    return patches.permute(0, 1, 4, 5, 2, 3).contiguous().view(B, 4 * C, H // 2, W // 2)


# %% exercise="rearrange_downsample_pure" style="F.unfold"
def rearrange_downsample_pure(x):
    b, c, h, w = x.shape
    if h % 2 == 1 or w % 2 == 1:
        raise ValueError(f"cannot halve {h}x{w}")
    return F.unfold(x, kernel_size=2, stride=2).view(b, 4 * c, h // 2, w // 2)


# %% exercise="rearrange_downsample_pure" style="pixel_unshuffle"
def rearrange_downsample_pure(x):
    if x.size(-1) % 2 or x.size(-2) % 2:
        raise ValueError("odd")
    return nn.PixelUnshuffle(2)(x)


# %% exercise="rearrange_downsample_pure" style="fixed weights"
def rearrange_downsample_pure(x):
    C, (H, W) = x.shape[1], x.shape[2:]
    if H % 2 or W % 2:
        raise ValueError("odd")
    kernel = torch.eye(4, dtype=x.dtype, device=x.device).reshape(4, 1, 2, 2).repeat(C, 1, 1, 1)
    return F.conv2d(x, kernel, stride=2, groups=C)


# %% exercise="rearrange_downsample_pure" style="reshape, transpose, flatten"
def rearrange_downsample_pure(x):
    *_, H, W = x.size()
    if H % 2 != 0:
        raise ValueError("H")
    if W % 2 != 0:
        raise ValueError("W")
    x = x.unflatten(-1, (W // 2, 2)).unflatten(-3, (H // 2, 2))  # B C h p1 w p2
    x = x.movedim((3, 5), (2, 3))
    return x.flatten(1, 3)


# %% exercise="SinusoidalPositionEmbedding" style="a buffer of frequencies"
class SinusoidalPositionEmbedding(nn.Module):
    def __init__(self, embed_dim):
        super().__init__()
        if embed_dim % 2 != 0:
            raise ValueError("embed_dim must be even")
        half = embed_dim // 2
        self.register_buffer("freqs", 10000.0 ** (-torch.arange(half).float() / half), persistent=False)

    def forward(self, t):
        args = t.to(torch.float32).unsqueeze(1) * self.freqs.unsqueeze(0)
        return torch.cat((torch.sin(args), torch.cos(args)), 1)


# %% exercise="SinusoidalPositionEmbedding" style="powers and division"
class SinusoidalPositionEmbedding(nn.Module):
    def __init__(self, embed_dim: int):
        super().__init__()
        if embed_dim & 1:
            raise ValueError
        self.dim = embed_dim

    def forward(self, timesteps: torch.Tensor) -> torch.Tensor:
        i = torch.arange(0, self.dim, 2, device=timesteps.device)
        angle = timesteps.to(torch.float32).view(-1, 1) / 10000 ** (i / self.dim)
        return torch.hstack([angle.sin(), angle.cos()])


# %% exercise="SinusoidalPositionEmbedding" style="step size first, outer product"
class SinusoidalPositionEmbedding(nn.Module):
    def __init__(self, embed_dim):
        super().__init__()
        if embed_dim % 2:
            raise ValueError("even please")
        self.half_dim = embed_dim // 2
        self.step = math.log(10000) / self.half_dim

    def forward(self, time):
        device = time.device
        embeddings = torch.exp(torch.arange(self.half_dim, device=device) * -self.step)
        embeddings = torch.outer(time.float(), embeddings)
        return torch.cat((embeddings.sin(), embeddings.cos()), dim=-1)


# %% exercise="SinusoidalPositionEmbedding" style="filled into an empty tensor"
class SinusoidalPositionEmbedding(nn.Module):
    def __init__(self, embed_dim):
        if embed_dim % 2 == 1:
            raise ValueError(embed_dim)
        super().__init__()
        self.d = embed_dim

    def forward(self, t):
        h = self.d // 2
        w = torch.logspace(0, -4 * (h - 1) / h, h, device=t.device)
        out = torch.empty(t.shape[0], self.d, device=t.device)
        out[:, :h] = torch.sin(t[:, None].float() * w)
        out[:, h:] = torch.cos(t[:, None].float() * w)
        return out


# %% exercise="SinusoidalPositionEmbedding" style="float64 inside, a frozen parameter"
class SinusoidalPositionEmbedding(nn.Module):
    def __init__(self, embed_dim):
        super().__init__()
        if embed_dim % 2:
            raise ValueError("odd")
        self.embed_dim = embed_dim

    def forward(self, timesteps):
        k = torch.arange(self.embed_dim // 2, dtype=torch.float64, device=timesteps.device)
        w = torch.exp(-math.log(1e4) * k / (self.embed_dim // 2))
        a = torch.einsum("b,k->bk", timesteps.double(), w)
        return torch.cat([a.sin(), a.cos()], -1).float()


# %% exercise="TimestepMLPEmbedding" style="separate layers"
class TimestepMLPEmbedding(nn.Module):
    def __init__(self, embed_dim, hidden_dim=None):
        super().__init__()
        if hidden_dim is None:
            hidden_dim = embed_dim * 4
        self.pos = SinusoidalPositionEmbedding(embed_dim)
        self.fc2 = nn.Linear(hidden_dim, hidden_dim)
        self.fc1 = nn.Linear(embed_dim, hidden_dim)
        self.act = nn.GELU()

    def forward(self, t):
        return self.fc2(self.act(self.fc1(self.pos(t))))


# %% exercise="TimestepMLPEmbedding" style="F.gelu and a Sequential for the rest"
class TimestepMLPEmbedding(nn.Module):
    def __init__(self, embed_dim, hidden_dim=None):
        super().__init__()
        width = hidden_dim or 4 * embed_dim
        self.embedding = SinusoidalPositionEmbedding(embed_dim)
        self.mlp = nn.ModuleList([nn.Linear(embed_dim, width), nn.Linear(width, width)])

    def forward(self, timesteps):
        first, second = self.mlp
        return second(F.gelu(first(self.embedding(timesteps))))


# %% exercise="TimestepMLPEmbedding" style="a Sequential as base class"
class TimestepMLPEmbedding(nn.Sequential):
    def __init__(self, embed_dim, hidden_dim=None):
        hidden = 4 * embed_dim if hidden_dim is None else hidden_dim
        super().__init__(
            SinusoidalPositionEmbedding(embed_dim),
            nn.Linear(embed_dim, hidden),
            nn.GELU("none"),
            nn.Linear(hidden, hidden),
        )


# %% exercise="TimestepMLPEmbedding" style="the waves in a buffer of its own"
class TimestepMLPEmbedding(nn.Module):
    def __init__(self, embed_dim, hidden_dim=None):
        super().__init__()
        hidden_dim = hidden_dim if hidden_dim is not None else embed_dim * 4
        half = embed_dim // 2
        self.register_buffer("w", torch.exp(-math.log(10000) * torch.arange(half) / half))
        self.mlp = nn.Sequential(nn.Linear(embed_dim, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, hidden_dim))

    def forward(self, timesteps):
        angles = timesteps.float()[:, None] * self.w
        return self.mlp(torch.cat([angles.sin(), angles.cos()], dim=1))


# %% exercise="ResidualBlock" style="modules for the activations"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.residual_conv = (
            nn.Conv2d(in_channels, out_channels, kernel_size=1)
            if in_channels != out_channels
            else nn.Identity()
        )
        self.act1, self.act2 = nn.GELU(), nn.GELU()
        self.time_mlp = nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))
        self.norm1 = nn.GroupNorm(num_groups=8, num_channels=out_channels)
        self.norm2 = nn.GroupNorm(num_groups=8, num_channels=out_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding="same")
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding="same")

    def forward(self, x, t_emb):
        shift = rearrange(self.time_mlp(t_emb), "b c -> b c 1 1")
        h = self.act1(self.norm1(self.conv1(x)) + shift)
        return self.residual_conv(x) + self.act2(self.norm2(self.conv2(h)))


# %% exercise="ResidualBlock" style="no module where nothing changes"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, (3, 3), 1, 1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, (3, 3), 1, 1)
        self.norm1, self.norm2 = nn.GroupNorm(8, out_channels), nn.GroupNorm(8, out_channels)
        self.time_mlp = nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))
        if in_channels != out_channels:
            self.residual_conv = nn.Conv2d(in_channels, out_channels, 1)
        else:
            self.residual_conv = None

    def forward(self, x, t_emb):
        residual = x if self.residual_conv is None else self.residual_conv(x)
        h = self.conv1(x)
        h = self.norm1(h)
        time = self.time_mlp(t_emb)
        h += time.unsqueeze(-1).unsqueeze(-1)
        h = F.gelu(h)
        h = self.conv2(h)
        h = self.norm2(h)
        h = F.gelu(h)
        h += residual
        return h


# %% exercise="ResidualBlock" style="helper method and view"
class ResidualBlock(nn.Module):
    def __init__(self, in_channels: int, out_channels: int, time_emb_dim: int) -> None:
        super().__init__()
        groups = 8
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.GroupNorm(groups, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, out_channels)
        self.gelu = nn.GELU()
        self.time_mlp = nn.Sequential(self.gelu, nn.Linear(time_emb_dim, out_channels))
        self.residual_conv = nn.Identity()
        if in_channels != out_channels:
            self.residual_conv = nn.Conv2d(in_channels, out_channels, 1)

    def _second(self, h):
        return self.gelu(self.norm2(self.conv2(h)))

    def forward(self, x, t_emb):
        t = self.time_mlp(t_emb).view(x.size(0), -1, 1, 1)
        h = self.gelu(torch.add(self.norm1(self.conv1(x)), t))
        return self._second(h) + self.residual_conv(x)


# %% exercise="DownBlock" style="a tuple at the end"
class DownBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)

    def forward(self, x, t_emb):
        h = self.res(x, t_emb)
        down = rearrange_downsample(h)
        return (h, down)


# %% exercise="DownBlock" style="einops written out"
class DownBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.res = ResidualBlock(
            in_channels=in_channels, out_channels=out_channels, time_emb_dim=time_emb_dim
        )

    def forward(self, x, t_emb):
        if x.shape[-1] % 2 or x.shape[-2] % 2:
            raise ValueError("odd")
        skip = self.res(x, t_emb)
        return [skip, rearrange(skip, "b c (h i) (w j) -> b (c i j) h w", i=2, j=2)]


# %% exercise="DownBlock" style="pixel_unshuffle as a module"
class DownBlock(nn.Module):
    def __init__(self, in_channels, out_channels, time_emb_dim):
        super().__init__()
        self.down = nn.PixelUnshuffle(2)
        self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)

    def forward(self, x, t_emb):
        skip = self.res(x, t_emb)
        if skip.shape[2] % 2 or skip.shape[3] % 2:
            raise ValueError("height and width must be even")
        return skip, self.down(skip)


# %% exercise="UpBlock" style="nn.Upsample"
class UpBlock(nn.Module):
    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        super().__init__()
        self.block = ResidualBlock(in_channels + skip_channels, out_channels, time_emb_dim)
        self.upsample = nn.Upsample(scale_factor=2)

    def forward(self, x, skip, t_emb):
        return self.block(torch.concat((self.upsample(x), skip), 1), t_emb)


# %% exercise="UpBlock" style="to the size of the skip"
class UpBlock(nn.Module):
    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        super().__init__()
        self.residual = ResidualBlock(skip_channels + in_channels, out_channels, time_emb_dim)

    def forward(self, x, skip, t_emb):
        x = F.interpolate(x, size=skip.shape[2:], mode="nearest")
        h = torch.cat([x, skip], 1)
        return self.residual(h, t_emb)


# %% exercise="UpBlock" style="repeat_interleave"
class UpBlock(nn.Module):
    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        super().__init__()
        channels = (in_channels + skip_channels, out_channels)
        self.res_block = ResidualBlock(*channels, time_emb_dim)

    def forward(self, x, skip, t_emb):
        big = x.repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
        return self.res_block(torch.hstack([big, skip]), t_emb)


# %% exercise="UpBlock" style="einops"
from einops import pack, repeat


class UpBlock(nn.Module):
    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        super().__init__()
        self.net = ResidualBlock(in_channels + skip_channels, out_channels, time_emb_dim)

    def forward(self, x, skip, t_emb):
        x = repeat(x, "b c h w -> b c (h i) (w j)", i=2, j=2)
        both, _ = pack([x, skip], "b * h w")
        return self.net(both, t_emb)


# %% exercise="UNet" style="a list of skips"
class UNet(nn.Module):
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
        t = self.time_embed(timesteps)
        x = self.init_conv(x)
        skips = []
        downs = [(self.down1, self.down1_proj), (self.down2, self.down2_proj), (self.down3, self.down3_proj)]
        for block, proj in downs:
            skip, x = block(x, t)
            skips.append(skip)
            x = proj(x)
        x = self.bottleneck(x, t)
        for block in (self.up3, self.up2, self.up1):
            x = block(x, skips.pop(), t)
        return self.final_conv(x)


# %% exercise="UNet" style="one name per result"
class UNet(nn.Module):
    def __init__(self, in_channels=1, base_channels=64, time_emb_dim=128):
        super().__init__()
        c, t = base_channels, 4 * time_emb_dim
        self.final_conv = nn.Sequential(nn.GroupNorm(8, c), nn.GELU(), nn.Conv2d(c, in_channels, 1))
        self.time_embed = TimestepMLPEmbedding(time_emb_dim, t)
        self.init_conv = nn.Conv2d(in_channels, c, 3, padding=1)
        self.down1, self.down1_proj = DownBlock(c, c, t), nn.Conv2d(4 * c, 2 * c, 1)
        self.down2, self.down2_proj = DownBlock(2 * c, 2 * c, t), nn.Conv2d(8 * c, 4 * c, 1)
        self.down3, self.down3_proj = DownBlock(4 * c, 4 * c, t), nn.Conv2d(16 * c, 8 * c, 1)
        self.bottleneck = ResidualBlock(8 * c, 8 * c, t)
        self.up1, self.up2 = UpBlock(2 * c, c, c, t), UpBlock(4 * c, 2 * c, 2 * c, t)
        self.up3 = UpBlock(8 * c, 4 * c, 4 * c, t)

    def forward(self, x, timesteps):
        temb = self.time_embed(timesteps)
        x0 = self.init_conv(x)
        s1, d1 = self.down1(x=x0, t_emb=temb)
        s2, d2 = self.down2(self.down1_proj(d1), temb)
        s3, d3 = self.down3(self.down2_proj(d2), temb)
        middle = self.bottleneck(self.down3_proj(d3), temb)
        u3 = self.up3(middle, s3, temb)
        u2 = self.up2(u3, s2, temb)
        u1 = self.up1(x=u2, skip=s1, t_emb=temb)
        return self.final_conv(u1)


# %% exercise="UNet" style="recursion"
class UNet(nn.Module):
    def __init__(self, in_channels=1, base_channels=64, time_emb_dim=128):
        super().__init__()
        c, t = base_channels, 4 * time_emb_dim
        self.time_embed = TimestepMLPEmbedding(time_emb_dim)
        self.init_conv = nn.Conv2d(in_channels, c, 3, padding=1)
        for level, width in ((1, c), (2, 2 * c), (3, 4 * c)):
            setattr(self, f"down{level}", DownBlock(width, width, t))
            setattr(self, f"down{level}_proj", nn.Conv2d(4 * width, 2 * width, 1))
            setattr(self, f"up{level}", UpBlock(2 * width, width, width, t))
        self.bottleneck = ResidualBlock(8 * c, 8 * c, t)
        self.final_conv = nn.Sequential(nn.GroupNorm(8, c), nn.GELU(), nn.Conv2d(c, in_channels, 1))

    def _level(self, x, t_emb, level):
        if level == 4:
            return self.bottleneck(x, t_emb)
        skip, down = getattr(self, f"down{level}")(x, t_emb)
        below = self._level(getattr(self, f"down{level}_proj")(down), t_emb, level + 1)
        return getattr(self, f"up{level}")(below, skip, t_emb)

    def forward(self, x, timesteps):
        return self.final_conv(self._level(self.init_conv(x), self.time_embed(timesteps), 1))


# %% exercise="UNet" style="any size, by padding"
class UNet(nn.Module):
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
        self.downs = nn.ModuleList([self.down1, self.down2, self.down3])

    def forward(self, x, timesteps):
        H, W = x.shape[-2:]
        x = F.pad(x, (0, -W % 8, 0, -H % 8))
        t, skips = self.time_embed(timesteps), []
        x = self.init_conv(x)
        for down, proj in zip(self.downs, (self.down1_proj, self.down2_proj, self.down3_proj)):
            skip, x = down(x, t)
            skips.insert(0, skip)
            x = proj(x)
        x = self.bottleneck(x, t)
        for up, skip in zip((self.up3, self.up2, self.up1), skips):
            x = up(x, skip, t)
        return self.final_conv(x)[..., :H, :W]


# %% exercise="denoise_train_step" style="the error written out"
def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    model.train()
    optimizer.zero_grad()
    B = images.size(0)
    noise = torch.randn_like(images)
    t = torch.randint(num_timesteps, (B,), device=images.device).long()
    sigma = (t.to(images.dtype) / num_timesteps) * noise_level
    pred = model(images + sigma[:, None, None, None] * noise, t)
    loss = (pred - images).pow(2).mean()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


# %% exercise="denoise_train_step" style="uniform numbers rounded down, gradients set to None"
def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    device = images.device
    t = torch.floor(torch.rand(len(images), device=device) * num_timesteps).to(torch.int64)
    scale = rearrange(noise_level * t.to(images) / num_timesteps, "b -> b 1 1 1")
    noisy = torch.normal(images.detach(), scale.expand_as(images))
    criterion = nn.MSELoss()
    loss = criterion(model(noisy, t), images)
    for p in model.parameters():
        p.grad = None
    loss.backward()
    optimizer.step()
    return loss.detach().cpu().item()


# %% exercise="denoise_train_step" style="noise in place on a copy"
def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    t = torch.empty(images.shape[0], dtype=torch.long, device=images.device).random_(0, num_timesteps)
    std = (t.float() * noise_level / num_timesteps).view(-1, *([1] * (images.ndim - 1)))
    noisy = images.clone()
    noisy += std * torch.empty_like(images).normal_()
    out = model(noisy, t)
    loss = F.mse_loss(input=out, target=images, reduction="sum") / images.numel()
    model.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


# %% exercise="denoise_train_step" style="a table of levels"
def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    levels = torch.arange(num_timesteps, device=images.device) / num_timesteps * noise_level
    t = torch.randint(0, num_timesteps, images.shape[:1], device=images.device)
    noisy = images + levels[t][:, None, None, None] * torch.randn(
        images.shape, dtype=images.dtype, device=images.device
    )
    with torch.enable_grad():
        loss = torch.mean(torch.square(images - model(noisy, t)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.tolist()
