"""Misconceptions about downsampling without loss (lesson 03)."""

from grader.misconceptions import Edit

REFUSAL = 'raise ValueError(f"height and width must be even, got {height} x {width}")'

SIZES = [
    Edit(
        "odd_cropped",
        REFUSAL,
        "height, width = height // 2 * 2, width // 2 * 2\n        x = x[..., :height, :width]",
        "An odd size loses its last row or column without a word. Such an error shows up much "
        "later, as a shape that does not fit. Raise a ValueError.",
    ),
    Edit(
        "only_the_height_checked",
        "height % 2 or width % 2",
        "height % 2",
        "An odd width gets past your check. Height and width must both be even.",
    ),
    Edit(
        "both_must_be_odd",
        "height % 2 or width % 2",
        "height % 2 and width % 2",
        "You refuse an image only where height and width are both odd. One odd side is "
        "enough: use or.",
    ),
    Edit(
        "assertion_raised",
        "raise ValueError(",
        "raise AssertionError(",
        "Odd sizes end with an AssertionError. Assertions can be switched off; for bad input, "
        "raise a ValueError.",
    ),
]

EINOPS = SIZES + [
    Edit(
        "patch_before_channel",
        "(c p1 p2)",
        "(p1 p2 c)",
        "The channels come in the order p1, p2, c: first the top left pixels of all channels. "
        "Asked for is c, p1, p2: the four pixels of one channel stay side by side.",
    ),
    Edit(
        "columns_before_rows",
        "(c p1 p2)",
        "(c p2 p1)",
        "p1 and p2 are swapped in the channel order. The row inside the patch, p1, comes "
        "before the column, p2.",
    ),
    Edit(
        "quadrants",
        "(h p1) (w p2)",
        "(p1 h) (p2 w)",
        "You cut the image into four quarters. In (h p1) the last name runs fastest, so p1 must "
        "stand last: then neighbours end up in the same patch.",
    ),
    Edit(
        "turned",
        "(c p1 p2) h w",
        "(c p1 p2) w h",
        "Height and width are swapped in the result. The axes are (B, 4C, H/2, W/2).",
    ),
    Edit(
        "odd_left_to_einops",
        "if height % 2 or width % 2:",
        "if False:",
        "For odd sizes einops complains with its own EinopsError. This function promises a "
        "ValueError: check the sizes first.",
    ),
    Edit(
        "largest_pixel_kept",
        'return rearrange(x, "b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2)',
        "return F.max_pool2d(x, 2)",
        "That is max pooling: one pixel of four stays, three are gone. Move the four pixels "
        "into four channels instead.",
    ),
    Edit(
        "graph_cut",
        "return rearrange(x,",
        "return rearrange(x.detach(),",
        "No gradient flows back to the input. The layers before this one could never learn: "
        "do not use detach, .data or NumPy here.",
    ),
]

PURE = SIZES + [
    Edit(
        "patch_before_channel",
        "permute(0, 1, 3, 5, 2, 4)",
        "permute(0, 3, 5, 1, 2, 4)",
        "The channels come in the order p1, p2, c. Asked for is c, p1, p2: the four pixels of "
        "one channel stay side by side.",
    ),
    Edit(
        "columns_before_rows",
        "permute(0, 1, 3, 5, 2, 4)",
        "permute(0, 1, 5, 3, 2, 4)",
        "p1 and p2 are swapped in the channel order. The row inside the patch, p1, comes "
        "before the column, p2.",
    ),
    Edit(
        "no_permute",
        "x = x.permute(0, 1, 3, 5, 2, 4)",
        "x = x.contiguous()",
        "reshape alone does not move pixels: it reads them in the old order and cuts them "
        "anew. The patch axes must be brought next to the channel with permute first.",
    ),
    Edit(
        "quadrants",
        "channels, height // 2, 2, width // 2, 2)  # (B, C, h, p1, w, p2)\n"
        "    x = x.permute(0, 1, 3, 5, 2, 4)",
        "channels, 2, height // 2, 2, width // 2)\n    x = x.permute(0, 1, 2, 4, 3, 5)",
        "You cut the image into four quarters. Split the height into (H/2, 2): the last axis "
        "runs fastest, so the 2 must come last for neighbours to share a patch.",
    ),
    Edit(
        "view_after_permute",
        "return x.reshape(",
        "return x.view(",
        "After permute the memory is no longer in order, and view refuses to work. Use reshape, "
        "or contiguous() before view.",
    ),
    Edit(
        "einops_used",
        "return x.reshape(batch, 4 * channels, height // 2, width // 2)",
        'return rearrange(x, "b c p1 p2 h w -> b (c p1 p2) h w")',
        "The values are right, but einops is used. Write it with reshape and permute this time: "
        "in an exam einops may be missing.",
    ),
    Edit(
        "odd_left_to_reshape",
        "if height % 2 or width % 2:",
        "if False:",
        "For odd sizes reshape fails with a RuntimeError about sizes. This function promises a "
        "ValueError: check first.",
    ),
]
