"""Misconceptions of lesson 03, and which of them the bug hunts hide."""

from grader.misconceptions import unet_blocks, unet_downsampling, unet_time, unet_up, unet_whole

MISCONCEPTIONS = {
    "rearrange_downsample": unet_downsampling.EINOPS,
    "rearrange_downsample_pure": unet_downsampling.PURE,
    "SinusoidalPositionEmbedding": unet_time.SINUSOIDAL,
    "TimestepMLPEmbedding": unet_time.MLP,
    "ResidualBlock": unet_blocks.RESIDUAL,
    "DownBlock": unet_blocks.DOWN,
    "UpBlock": unet_up.UP,
    "UNet": unet_whole.UNET,
    "denoise_train_step": unet_whole.STEP,
}

HUNTS = {
    "hunt_blurry_output": "skip_ignored",
    "hunt_heavy_block": "time_concatenated",
}
