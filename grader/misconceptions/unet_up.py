"""Misconceptions about the way up in a U-Net (lesson 03)."""

from grader.misconceptions import Edit

UP_INIT = "self.res = ResidualBlock(in_channels + skip_channels, out_channels, time_emb_dim)"
UP_BETWEEN = "\n\n    def forward(self, x, skip, t_emb):\n"
UP_SCALE = '        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, in, 2H, 2W)\n'
UP_CAT = "        return self.res(torch.cat([x, skip], dim=1), t_emb)"
UP_WHOLE = UP_INIT + UP_BETWEEN + UP_SCALE + UP_CAT


def up(width, joined):
    """The up block with another width and other features for its residual block."""
    code = UP_WHOLE.replace("in_channels + skip_channels", width)
    return code.replace("torch.cat([x, skip], dim=1)", joined)


UP = [
    Edit(
        "skip_ignored",
        UP_WHOLE,
        up("in_channels", "x"),
        "The skip comes in and is never used. Nothing crashes, but the fine detail is lost. "
        "Concatenate [x, skip]; the residual block then has in_channels + skip_channels inputs.",
    ),
    Edit(
        "skip_first",
        "torch.cat([x, skip]",
        "torch.cat([skip, x]",
        "The order is [x, skip]: first what comes from below, then the skip. With another order "
        "trained weights do not fit.",
    ),
    Edit(
        "bilinear",
        'mode="nearest"',
        'mode="bilinear"',
        "You enlarge with bilinear interpolation. Asked for is nearest: every pixel is doubled.",
    ),
    Edit(
        "time_ignored",
        "dim=1), t_emb)",
        "dim=1), torch.zeros_like(t_emb))",
        "The block is not told the time. Hand t_emb on to the residual block.",
    ),
    Edit(
        "skip_detached",
        "torch.cat([x, skip]",
        "torch.cat([x, skip.detach()]",
        "The skip is detached, so no gradient comes back through it. Use it as it is.",
    ),
    Edit(
        "skip_shrunk",
        UP_SCALE + UP_CAT,
        "        skip = F.interpolate(skip, size=x.shape[-2:])\n" + UP_CAT,
        "You make the skip smaller instead of x larger. An up block doubles the size.",
    ),
    Edit(
        "learned_upsampling",
        UP_INIT,
        UP_INIT + "\n        self.up = nn.ConvTranspose2d(in_channels, in_channels, 2, stride=2)",
        "There are parameters for the upsampling. Nearest-neighbour doubling has none; "
        "all that is learned stands in the residual block.",
    ),
    Edit(
        "widths_not_added",
        UP_WHOLE,
        up("skip_channels", "skip"),
        "Only the skip is used: what the deeper levels found never arrives. Concatenate "
        "[x, skip] along the channels.",
    ),
    Edit(
        "shortcut_around_the_block",
        "return self.res(torch.cat([x, skip], dim=1), t_emb)",
        "h = self.res(torch.cat([x, skip], dim=1), t_emb)\n        return F.gelu(h)",
        "There is one activation too many. The residual block ends the up block; "
        "return its output as it is.",
    ),
]
