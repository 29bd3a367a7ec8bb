"""Misconceptions about the residual block and the way down in a U-Net (lesson 03)."""

from grader.misconceptions import Edit

NORM = "h = self.norm1(self.conv1(x))  # (B, out, H, W)\n"
TIME = "        h = F.gelu(h + self.time_mlp(t_emb)[:, :, None, None])\n"
REST = "        h = F.gelu(self.norm2(self.conv2(h)))\n"
CONV2 = "self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)"
BETWEEN = """
        self.norm2 = nn.GroupNorm(8, out_channels)
        same = in_channels == out_channels
        self.residual_conv = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x, t_emb):
        """

TIMES = [
    Edit(
        "time_concatenated",
        CONV2 + BETWEEN + NORM + TIME,
        CONV2.replace("(out_channels", "(2 * out_channels", 1)
        + BETWEEN
        + NORM
        + "        t = self.time_mlp(t_emb)[:, :, None, None].expand_as(h)\n"
        + "        h = F.gelu(torch.cat([h, t], dim=1))\n",
        "The time is concatenated to the features, so conv2 needs twice as many input channels. "
        "Here it is added: one number per channel, the same at every pixel.",
    ),
    Edit(
        "time_before_norm",
        NORM + TIME,
        "h = self.conv1(x) + self.time_mlp(t_emb)[:, :, None, None]\n"
        "        h = F.gelu(self.norm1(h))\n",
        "The time is added before norm1. GroupNorm subtracts the mean of each group, and with it "
        "most of what you added. Add it after the norm.",
    ),
    Edit(
        "time_after_activation",
        "F.gelu(h + self.time_mlp(t_emb)[:, :, None, None])",
        "F.gelu(h) + self.time_mlp(t_emb)[:, :, None, None]",
        "The time is added after the GELU. Add it before: then it decides which features the GELU "
        "lets through.",
    ),
    Edit(
        "time_at_the_end",
        TIME + REST,
        "        h = F.gelu(h)\n        h = F.gelu(self.norm2(self.conv2(h)))\n"
        "        h = h + self.time_mlp(t_emb)[:, :, None, None]\n",
        "The time arrives after the second convolution. It belongs between norm1 and the first "
        "GELU, so that conv2 can use it.",
    ),
    Edit(
        "time_ignored",
        "h + self.time_mlp(t_emb)[:, :, None, None]",
        "h",
        "t_emb is never used. A block that does not know the time treats all noise levels alike.",
    ),
    Edit(
        "time_multiplied",
        "h + self.time_mlp(t_emb)[:, :, None, None]",
        "h * self.time_mlp(t_emb)[:, :, None, None]",
        "The time multiplies the features. In this block it is added; scale and shift together "
        "come in lesson 07.",
    ),
    Edit(
        "linear_before_gelu",
        "nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))",
        "nn.Sequential(nn.Linear(time_emb_dim, out_channels), nn.GELU())",
        "In time_mlp the GELU comes first, then the Linear layer. In your order no negative "
        "shift is possible.",
    ),
    Edit(
        "linear_alone",
        "nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))",
        "nn.Sequential(nn.Identity(), nn.Linear(time_emb_dim, out_channels))",
        "The GELU of time_mlp is missing. Without it the Linear layer here and the one before it "
        "are worth only one.",
    ),
]

RESIDUAL = TIMES + [
    Edit(
        "no_shortcut",
        "return h + self.residual_conv(x)",
        "return h",
        "The shortcut is missing: add residual_conv(x) at the end. It lets the gradient pass "
        "around the convolutions.",
    ),
    Edit(
        "activation_after_the_sum",
        "h = F.gelu(self.norm2(self.conv2(h)))\n        return h + self.residual_conv(x)",
        "h = self.norm2(self.conv2(h))\n        return F.gelu(h + self.residual_conv(x))",
        "The last GELU comes after the sum, as in ResNet. Here it comes before, so that the "
        "shortcut passes on x untouched.",
    ),
    Edit(
        "last_activation_missing",
        "F.gelu(self.norm2(self.conv2(h)))",
        "self.norm2(self.conv2(h))",
        "The GELU after norm2 is missing.",
    ),
    Edit(
        "shortcut_always_convolved",
        "nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)",
        "nn.Conv2d(in_channels, out_channels, 1)",
        "Where the number of channels stays, the shortcut is the identity. A 1×1 convolution is "
        "needed only where it changes.",
    ),
    Edit(
        "wide_shortcut",
        "nn.Conv2d(in_channels, out_channels, 1)",
        "nn.Conv2d(in_channels, out_channels, 3, padding=1)",
        "residual_conv is a 3×3 convolution. 1×1 is enough to change the number of channels.",
    ),
    Edit(
        "batch_norm",
        "self.norm1 = nn.GroupNorm(8, out_channels)",
        "self.norm1 = nn.BatchNorm2d(out_channels)",
        "norm1 is BatchNorm, which mixes the statistics of all samples, and here the samples have "
        "different noise levels. GroupNorm looks at one sample at a time.",
    ),
    Edit(
        "one_group",
        "self.norm1 = nn.GroupNorm(8,",
        "self.norm1 = nn.GroupNorm(1,",
        "norm1 has a single group. Use 8 groups.",
    ),
    Edit(
        "same_norm_twice",
        "self.norm2(self.conv2(h))",
        "self.norm1(self.conv2(h))",
        "norm1 is used twice and norm2 never. Each convolution has its own norm.",
    ),
    Edit(
        "relu_for_gelu",
        "h = F.gelu(h +",
        "h = F.relu(h +",
        "The first activation is ReLU. Asked for is GELU.",
    ),
    Edit(
        "silu_for_gelu",
        "h = F.gelu(h +",
        "h = F.silu(h +",
        "The first activation is SiLU. Many diffusion models use it; this block uses GELU.",
    ),
    Edit(
        "approximate_gelu",
        "h = F.gelu(h + self.time_mlp(t_emb)[:, :, None, None])",
        'h = F.gelu(h + self.time_mlp(t_emb)[:, :, None, None], approximate="tanh")',
        "This is the tanh approximation of GELU. Use the exact one, PyTorch's default.",
    ),
    Edit(
        "activation_before_norm",
        "F.gelu(self.norm2(self.conv2(h)))",
        "self.norm2(F.gelu(self.conv2(h)))",
        "After conv2, the GELU comes before norm2. The order is convolution, norm, GELU.",
    ),
    Edit(
        "no_padding",
        "self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)",
        "self.conv1 = nn.Conv2d(in_channels, out_channels, 3)",
        "conv1 has no padding, so the picture shrinks by two pixels and no longer fits the "
        "shortcut. A 3×3 convolution needs padding=1.",
    ),
]

DOWN = [
    Edit(
        "order_swapped",
        "return skip, rearrange_downsample(skip)",
        "return rearrange_downsample(skip), skip",
        "The two results are in the wrong order. Return (skip, down).",
    ),
    Edit(
        "skip_after_downsampling",
        "return skip, rearrange_downsample(skip)",
        "skip = rearrange_downsample(skip)\n        return skip, skip",
        "The skip is taken after the downsampling. Take it before: it shall carry the fine "
        "detail at full size.",
    ),
    Edit(
        "skip_is_the_input",
        "return skip, rearrange_downsample(skip)",
        "return x, rearrange_downsample(skip)",
        "The skip is the block's input. It is the output of the residual block.",
    ),
    Edit(
        "input_downsampled",
        "rearrange_downsample(skip)",
        "rearrange_downsample(x)",
        "You downsample the block's input, so the way down never sees what the residual block "
        "has found. Downsample the skip.",
    ),
    Edit(
        "pooled",
        "rearrange_downsample(skip)",
        "F.max_pool2d(skip, 2)",
        "Max pooling throws away three pixels of four. rearrange_downsample keeps them all, "
        "as 4 · out_channels channels.",
    ),
    Edit(
        "only_the_small_one",
        "return skip, rearrange_downsample(skip)",
        "return rearrange_downsample(skip)",
        "Only the small picture is returned. The way up will need the skip as well: "
        "return (skip, down).",
    ),
    Edit(
        "skip_detached",
        "return skip, rearrange",
        "return skip.detach(), rearrange",
        "The skip is detached, so no gradient comes back through it. Much of what the encoder "
        "learns arrives on this path.",
    ),
    Edit(
        "time_ignored",
        "self.res(x, t_emb)",
        "self.res(x, torch.zeros_like(t_emb))",
        "The block is not told the time. Hand t_emb on to the residual block.",
    ),
    Edit(
        "projection_inside",
        "self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)",
        "self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)\n"
        "        self.proj = nn.Conv2d(4 * out_channels, out_channels, 1)",
        "The block has parameters that it should not have. The 1×1 projection stands outside, "
        "in the UNet: there is none in here.",
    ),
]
