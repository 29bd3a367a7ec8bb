"""Wrong versions of lesson 03's references beyond the named misconceptions: none may pass.

exercise → {what is wrong: (old text, new text)}
"""

PATTERN = '"b c (h p1) (w p2) -> b (c p1 p2) h w"'
CHECK = "if height % 2 or width % 2:"
CAT = "torch.cat([angles.sin(), angles.cos()], dim=-1)"
OUT = "return h + self.residual_conv(x)"
UP = 'x = F.interpolate(x, scale_factor=2, mode="nearest")'
NOISE = "torch.randn_like(images)"
LEVEL = "level = t / num_timesteps * noise_level"
LOSS = "loss = F.mse_loss(model(noisy, t), images)"

MUTANTS = {
    "rearrange_downsample": {
        "rows only": (PATTERN, '"b c (h p1) (w p2) -> b (c p1) h (w p2)"'),
        "into the batch": (PATTERN, '"b c (h p1) (w p2) -> (b p1 p2) c h w"'),
        "patch between": (PATTERN, '"b c (h p1) (w p2) -> b (p1 c p2) h w"'),
        "halves of the width": ("(w p2) ->", "(p2 w) ->"),
        "upside down": ("return rearrange(x,", "return rearrange(x.flip(2),"),
        "a copy in float32": ("return rearrange(x,", "return rearrange(x.float(),"),
        "a numpy array": ("return rearrange(x,", "return rearrange(x.detach().numpy(),"),
        "multiples of four only": ("height % 2 or", "height % 4 or"),
        "the wrong error": ("raise ValueError", "raise RuntimeError"),
        "returned, not raised": ("raise ValueError", "return ValueError"),
        "scaled": ("p1=2, p2=2)", "p1=2, p2=2) / 2"),
    },
    "rearrange_downsample_pure": {
        "batch mixed in": ("permute(0, 1, 3, 5, 2, 4)", "permute(1, 0, 3, 5, 2, 4)"),
        "turned": ("permute(0, 1, 3, 5, 2, 4)", "permute(0, 1, 3, 5, 4, 2)"),
        "interleaved": ("permute(0, 1, 3, 5, 2, 4)", "permute(0, 3, 1, 5, 2, 4)"),
        "flattened": ("4 * channels, height // 2, width // 2)", "4 * channels, -1)"),
        "squares only": ("width // 2)\n", "height // 2)\n"),
        "the module's own function": (
            "x = x.permute",
            "return rearrange_downsample(x)\n    x = x.permute",
        ),
        "the wrong error": ("raise ValueError", "raise TypeError"),
        "width not checked": (CHECK, "if height % 2:"),
    },
    "SinusoidalPositionEmbedding": {
        "sines only": (CAT, "torch.cat([angles.sin(), angles.sin()], dim=-1)"),
        "half the width": (CAT, "angles.sin()"),
        "one hand more": ("torch.arange(half,", "torch.arange(1, half + 1,"),
        "base 10001": ("10000.0", "10100.0"),
        "t + 1": ("timesteps.float()", "(timesteps.float() + 1)"),
        "whole numbers only": ("timesteps.float()", "timesteps.long().float()"),
        "float64 out": ("dim=-1)  # (B, d)", "dim=-1).double()"),
        "half precision inside": ("timesteps.float()", "(timesteps.half().float() * 1.0001)"),
        "first t for all": ("timesteps.float()", "timesteps.float()[:1].expand(len(timesteps))"),
        "clamped": ("timesteps.float()", "timesteps.float().clamp(max=500)"),
        "refused too late": ("if embed_dim % 2:", "if embed_dim < 0:"),
        "refuses multiples of two": ("if embed_dim % 2:", "if embed_dim % 4:"),
        "negative angles": ("* frequencies", "* -frequencies"),
        "squeezed": (
            "return torch.cat([angles.sin(), angles.cos()], dim=-1)",
            "return torch.cat([angles.sin(), angles.cos()], dim=-1).squeeze(0)",
        ),
    },
    "TimestepMLPEmbedding": {
        "two activations": ("nn.GELU(),", "nn.GELU(),\n            nn.GELU(),"),
        "activation first": (
            "nn.Linear(embed_dim, hidden_dim),",
            "nn.GELU(),\n            nn.Linear(embed_dim, hidden_dim),",
        ),
        "dropout": ("nn.GELU(),", "nn.GELU(),\n            nn.Dropout(0.5),"),
        "a norm inside": ("nn.GELU(),", "nn.LayerNorm(hidden_dim),\n            nn.GELU(),"),
        "twice the width": ("4 * embed_dim if", "2 * embed_dim if"),
        "graph cut": ("return self.layers(timesteps)", "return self.layers(timesteps).detach()"),
        "no sinusoids": (
            "SinusoidalPositionEmbedding(embed_dim),",
            "nn.Embedding(1000, embed_dim),",
        ),
        "first layer without bias": (
            "nn.Linear(embed_dim, hidden_dim)",
            "nn.Linear(embed_dim, hidden_dim, bias=False)",
        ),
        "mean over the batch": (
            "return self.layers(timesteps)",
            "h = self.layers(timesteps)\n        return h - h.mean(0)",
        ),
        "whole numbers only": (
            "return self.layers(timesteps)",
            "return self.layers(timesteps.long())",
        ),
    },
    "ResidualBlock": {
        "time from the first sample": ("self.time_mlp(t_emb)", "self.time_mlp(t_emb[:1])"),
        "time with the wrong sign": ("h + self.time_mlp", "h - self.time_mlp"),
        "time twice": ("self.time_mlp(t_emb)[", "2 * self.time_mlp(t_emb)["),
        "time detached": ("self.time_mlp(t_emb)[", "self.time_mlp(t_emb.detach())["),
        "norms swapped": ("self.norm1(self.conv1(x))", "self.norm2(self.conv1(x))"),
        "conv2 left out": ("self.norm2(self.conv2(h))", "self.norm2(h)"),
        "four groups": ("self.norm2 = nn.GroupNorm(8,", "self.norm2 = nn.GroupNorm(4,"),
        "instance norm": (
            "self.norm2 = nn.GroupNorm(8, out_channels)",
            "self.norm2 = nn.GroupNorm(out_channels, out_channels)",
        ),
        "norm without weights": (
            "self.norm1 = nn.GroupNorm(8, out_channels)",
            "self.norm1 = nn.GroupNorm(8, out_channels, affine=False)",
        ),
        "conv without bias": (
            "self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1",
            "self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False",
        ),
        "circular padding": (
            "Conv2d(out_channels, out_channels, 3, padding=1",
            "Conv2d(out_channels, out_channels, 3, padding=1, padding_mode='circular'",
        ),
        "shortcut halved": (OUT, "return (h + self.residual_conv(x)) / 2"),
        "shortcut subtracted": (OUT, "return h - self.residual_conv(x)"),
        "shortcut detached": (OUT, "return h + self.residual_conv(x.detach())"),
        "dropout": (OUT, "return F.dropout(h, 0.1) + self.residual_conv(x)"),
        "scale and shift": (
            "h + self.time_mlp(t_emb)[:, :, None, None]",
            "h * (1 + self.time_mlp(t_emb)[:, :, None, None])",
        ),
    },
    "DownBlock": {
        "skip by the activation": ("return skip,", "return F.gelu(skip),"),
        "both small": ("return skip,", "return F.avg_pool2d(skip, 2),"),
        "other channel order": (
            "rearrange_downsample(skip)",
            'rearrange(skip, "b c (h i) (w j) -> b (i j c) h w", i=2, j=2)',
        ),
        "strided": ("rearrange_downsample(skip)", "skip[..., ::2, ::2]"),
        "strided, four times": (
            "rearrange_downsample(skip)",
            "skip[..., ::2, ::2].repeat(1, 4, 1, 1)",
        ),
        "time halved": ("self.res(x, t_emb)", "self.res(x, t_emb / 2)"),
        "a dict": (
            "return skip, rearrange_downsample(skip)",
            'return {"skip": skip, "down": rearrange_downsample(skip)}',
        ),
        "down detached": ("rearrange_downsample(skip)", "rearrange_downsample(skip.detach())"),
        "another name": (
            "self.res = Res",
            "self.res = nn.ModuleList()\n        self.res.forward = self.block = Res",
        ),
        "cropped": (
            "skip = self.res(x, t_emb)",
            "skip = self.res(x[..., : x.shape[2] // 2 * 2, :], t_emb)",
        ),
    },
    "UpBlock": {
        "skip mirrored": ("cat([x, skip]", "cat([x, skip.flip(-1)]"),
        "skip halved": ("cat([x, skip]", "cat([x, skip / 2]"),
        "x of zeros": ("cat([x, skip]", "cat([torch.zeros_like(x), skip]"),
        "skip of zeros": ("cat([x, skip]", "cat([x, torch.zeros_like(skip)]"),
        "x detached": ("cat([x, skip]", "cat([x.detach(), skip]"),
        "bicubic": ('mode="nearest"', 'mode="bicubic"'),
        "pixels swapped": (UP, UP + ".flip(-1)"),
        "enlarged afterwards": (UP, "skip = F.avg_pool2d(skip, 2)"),
        "size forced": (UP, "x = F.interpolate(x, size=(8, 8))"),
        "time twice": ("dim=1), t_emb)", "dim=1), 2 * t_emb)"),
    },
    "UNet": {
        "time doubled": ("self.time_embed(timesteps)", "self.time_embed(2 * timesteps)"),
        "time of the mean": (
            "self.time_embed(timesteps)",
            "self.time_embed(timesteps.float().mean().expand(len(x)))",
        ),
        "time detached": ("self.time_embed(timesteps)", "self.time_embed(timesteps).detach()"),
        "bottleneck twice": (
            "h = self.up3(h,",
            "h = self.bottleneck(h, t_emb)\n        h = self.up3(h,",
        ),
        "bottleneck without time": (
            "self.bottleneck(self.down3_proj(h), t_emb)",
            "self.bottleneck(self.down3_proj(h), 0 * t_emb)",
        ),
        "second skip of zeros": ("skip2, t_emb)", "0 * skip2, t_emb)"),
        "third skip of zeros": ("skip3, t_emb)", "0 * skip3, t_emb)"),
        "activation before the end": (
            "return self.final_conv(h)",
            "return self.final_conv(F.gelu(h))",
        ),
        "without graph": ("return self.final_conv(h)", "return self.final_conv(h).detach()"),
        "clamped": ("return self.final_conv(h)", "return self.final_conv(h).clamp(-1, 1)"),
        "first conv twice": (
            "h = self.init_conv(x)",
            "h = self.init_conv(self.init_conv(x)[:, :x.shape[1]])",
        ),
        "activation after the first conv": (
            "h = self.init_conv(x)",
            "h = F.gelu(self.init_conv(x))",
        ),
        "last conv alone": ("return self.final_conv(h)", "return self.final_conv[2](h)"),
        "padded": (
            "t_emb = self",
            "x = F.pad(x, (0, -x.shape[3] % 8, 0, -x.shape[2] % 8))\n        t_emb = self",
        ),
        "a pair": ("return self.final_conv(h)", "return self.final_conv(h), t_emb"),
    },
    "denoise_train_step": {
        "half the noise": (LEVEL, LEVEL + " / 2"),
        "level from T - 1": (LEVEL, "level = t / (num_timesteps - 1) * noise_level"),
        "level of t + 1": (LEVEL, "level = (t + 1) / num_timesteps * noise_level"),
        "noise per image": (NOISE, "torch.randn_like(images[:, :1, :1, :1])"),
        "noise shared in the batch": (NOISE, "torch.randn_like(images[:1])"),
        "noise subtracted from a scaled image": (
            "noisy = images +",
            "noisy = (1 - level.reshape(-1, 1, 1, 1)) * images +",
        ),
        "clamped": (LOSS, "noisy = noisy.clamp(-1, 1)\n    " + LOSS),
        "loss of the batch": ("return loss.item()", "return loss.item() * len(images)"),
        "two updates": ("return loss.item()", "optimizer.step()\n    return loss.item()"),
        "two calls": (LOSS, "model(noisy, t)\n    " + LOSS),
        "t as float": (LOSS, "t = t.float()\n    " + LOSS),
        "t as int32": (LOSS, "t = t.int()\n    " + LOSS),
        "t as a column": (LOSS, "t = t[:, None]\n    " + LOSS),
        "zeroed before the step": (
            "optimizer.step()",
            "optimizer.zero_grad()\n    optimizer.step()",
        ),
        "root of the loss": (LOSS, LOSS + "\n    loss = loss.sqrt()"),
        "a tensor": ("return loss.item()", "return loss.detach()"),
        "nothing": ("return loss.item()", "pass"),
        "huber": ("F.mse_loss", "F.smooth_l1_loss"),
        "T ignored in the draw": ("torch.randint(0, num_timesteps,", "torch.randint(0, 1000,"),
    },
}

# Wrong too, and no listed mistake explains it: (exercise, old text, new text)
UNNAMED = [
    ("ResidualBlock", "h + self.time_mlp", "h - self.time_mlp"),
    ("UpBlock", "cat([x, skip]", "cat([x, skip / 2]"),
    ("UNet", "skip3, t_emb)", "0 * skip3, t_emb)"),
    ("denoise_train_step", "torch.randn_like(images)", "torch.randn_like(images[:1])"),
]
