# %% [markdown] id="welcome"
# # 03 · The denoiser: a U-Net that knows the time
#
# In this lesson you build the network that does the work in every diffusion model: a U-Net. It gets a noisy picture and a number that says how noisy it is, and returns a clean picture. You write every part of it.
#
# **After this lesson you can**
# - say how far each pixel of a network can see, and measure it;
# - halve a picture without losing a single number, with and without einops;
# - turn a timestep into numbers that a network can read, and lead them into every block;
# - write a U-Net from a blank cell, and name every shape on the way;
# - say what skips and time are good for, because you trained networks without them.
#
# **You need** lessons 01 and 02. **Time:** 60 to 90 minutes; the training runs take two to three minutes in all. Every exercise has a check that tells you *what* went wrong, and `check.hint("UpBlock")` gives a hint. You may skip an exercise: the rest goes on.

# %% role="setup"
import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from course_utils import checker

check = checker("03_unet")

# %% id="tools"
from unittest.mock import patch

from torch.optim.lr_scheduler import OneCycleLR

from course_utils import denoising, filters, plotting, shape_figures, unet_lab
from course_utils.data import has_digits, load_digits, random_batches
from course_utils.plotting import show
from course_utils.training import run_steps

torch.set_num_threads(1)  # enough here; on a busy machine two are slower than one
digits = load_digits()  # images (N, 1, 16, 16) in [-1, 1], labels (N,)
few = digits.test_images[:8]
SEED = 0

# %% [markdown] id="story-the-smear"
# ## A failure to start with
# Take a clean digit $x$ and add noise: $x + \sigma\varepsilon$, where $\varepsilon$ is standard normal and $\sigma$ says how strong it is. Can we get the digit back?
#
# People have tried for decades, without any network. Three classics: the *Gaussian* filter takes a weighted mean of the neighbours. The *median* filter takes the middle value. *Non-local means* (NL means; Buades, Coll and Morel 2005) looks for similar patches everywhere in the picture and averages those. We choose the settings of each with care, on training images, so that each shows its best.
#
# To compare pictures we need a number. The *peak signal-to-noise ratio* in decibel, for values from −1 to 1:
# $$\text{PSNR} = 10\,\log_{10}\frac{2^2}{\text{mean squared error}}$$
# Higher is better. 10 dB more means a tenth of the squared error; 3 dB more means half of it.
# > **Predict before you run.** Which of the three filters wins at $\sigma = 0.5$? And will you see a sharp digit?

# %% id="figure-filters"
noisy = filters.add_noise(few, 0.5)
tuned = filters.tune_filters(digits.train_images[:60], 0.5)
rows = {"noisy": noisy} | {best.name: best(noisy) for best in tuned} | {"true": few}
for best in tuned:
    gain = filters.psnr(best(noisy), few) - filters.psnr(noisy, few)
    print(f"{str(best):58} {gain:.1f} dB above the noisy image")
show(plotting.show_rows(list(rows.values()), list(rows)))

# %% [markdown] id="why-a-network"
# The noise is weaker, and so is the digit. Each filter has only one trick. It cannot tell a thin stroke from a bright speck of noise, so it smears both. It knows nothing about digits.
#
# A network can learn what digits look like. But then it must *see* the digit: to decide whether a grey pixel belongs to a stroke, look where the stroke comes from and where it goes.
# ## Part 1 · See more, lose nothing
# A 3×3 convolution looks at nine pixels. How far does a pixel see through several of them? We can measure it: ask for the gradient of one output pixel with respect to all input pixels. Where it is not zero, the input matters. This region is called the *receptive field*.
# > **Predict before you run.** Through four 3×3 convolutions, one after the other: how many pixels wide is the region that one output pixel sees?


# %% id="figure-reach"
def stack(depth):
    """So many 3×3 convolutions in a row."""
    return nn.Sequential(*[nn.Conv2d(1, 1, 3, padding=1) for _ in range(depth)])


maps = {f"{n} convolution{'s' * (n > 1)}": unet_lab.reach(stack(n), 16) for n in (1, 2, 4, 7)}
show(shape_figures.show_reach(maps, digits.test_images[0, 0]))

# %% [markdown] id="shrink-the-picture"
# Every convolution adds one pixel on each side: $2n + 1$ after $n$ of them. For this small picture eight would do. For 256 pixels you would need 128 layers.
#
# There is a shortcut: make the *picture* smaller. After halving it, one step of a convolution is worth two of the original pixels; after three halvings, eight. The usual way to halve is *pooling*: of each 2×2 patch keep the largest value, or the mean. That throws three of four numbers away. For a classifier this is fine. A denoiser has to give every pixel back.
#
# So we move the numbers instead. Each 2×2 patch becomes four *channels*. Nothing is lost, and the next convolution learns what to keep. (Shi et al. 2016 used the way back, called pixel shuffle; the way there is `pixel_unshuffle` in PyTorch.)

# %% [markdown] exercise="rearrange_downsample"
# (B, C, H, W) → (B, 4C, H/2, W/2), with einops. Think of a pixel's row as *h patches of p1 rows*: `(h p1)`. The new channels come in the order `c, p1, p2`: the four pixels of one channel stay side by side. Where H or W is odd, raise a `ValueError`.


# %% exercise="rearrange_downsample"
def rearrange_downsample(x):
    """Halve height and width without losing a pixel: (B, C, H, W) -> (B, 4C, H/2, W/2).

    Each 2x2 patch becomes four channels, in the order c, p1 (row), p2 (column).
    Raises ValueError where H or W is odd.
    """
    ### BEGIN SOLUTION
    height, width = x.shape[-2:]
    if height % 2 or width % 2:
        raise ValueError(f"height and width must be even, got {height} x {width}")
    return rearrange(x, "b c (h p1) (w p2) -> b (c p1 p2) h w", p1=2, p2=2)
    ### END SOLUTION


# %% [markdown] id="predict-patches"
# > **Predict before you run.** Number the pixels of a 4×4 picture from 1 to 16, row by row. Which four numbers are in the *last* of the four channels?

# %% id="figure-patches"
numbered = torch.arange(1.0, 17).reshape(4, 4)
x = numbered[None, None]  # (1, 1, 4, 4)
results = {"max pooling": F.max_pool2d(x, 2)[0], "mean pooling": F.avg_pool2d(x, 2)[0]}
if check.solved("rearrange_downsample"):
    results = {"rearrange_downsample": rearrange_downsample(x)[0]} | results
show(shape_figures.show_patches(numbered, results))

# %% [markdown] exercise="rearrange_downsample_pure"
# The same without einops, for the day when you have only PyTorch. Three moves: split the axes with `reshape`, bring them into the new order with `permute`, join them with `reshape`.


# %% exercise="rearrange_downsample_pure"
def rearrange_downsample_pure(x):
    """rearrange_downsample without einops: (B, C, H, W) -> (B, 4C, H/2, W/2), channels c, p1, p2.

    Raises ValueError where H or W is odd.
    """
    ### BEGIN SOLUTION
    batch, channels, height, width = x.shape
    if height % 2 or width % 2:
        raise ValueError(f"height and width must be even, got {height} x {width}")
    x = x.reshape(batch, channels, height // 2, 2, width // 2, 2)  # (B, C, h, p1, w, p2)
    x = x.permute(0, 1, 3, 5, 2, 4)  # (B, C, p1, p2, h, w)
    return x.reshape(batch, 4 * channels, height // 2, width // 2)
    ### END SOLUTION


# %% id="numbers-round-trip"
if check.solved("rearrange_downsample_pure"):
    small = rearrange_downsample_pure(few)  # (8, 4, 8, 8)
    back = rearrange(small, "b (c p1 p2) h w -> b c (h p1) (w p2)", p1=2, p2=2)
    print("rearranged and back: same numbers?", torch.equal(back, few))
pooled = F.interpolate(F.max_pool2d(few, 2), scale_factor=2)
print(f"max pooling and back: {filters.psnr(pooled, few):.1f} dB, before any noise was added")

# %% [markdown] id="exam-rearrange"
# > **Exam tip.** Count the numbers. (8, 32, 16, 16) holds 65,536 of them; so must the result, and (8, 128, 8, 8) does. Where a count does not fit, something was pooled.
# ## Part 2 · Telling the network the time
# Noise comes in all strengths. Under weak noise the network should hardly touch the picture; under strong noise it should repaint it. So we tell it how strong the noise is. In diffusion this number is called the *timestep* $t$, a whole number from 0 to 999 here: the larger, the noisier.
#
# Could we not just feed in the number 437? Networks are bad at this. One large input must mean something different at every value, and 437 and 438 look almost alike. Think of a clock instead. The second hand tells neighbours apart, the hour hand tells morning from evening, and each of them only ever moves in a circle. A *sinusoidal embedding* is a clock with $d/2$ hands (Vaswani et al. 2017, section 3.5):
# $$\omega_i = \exp\!\left(-\ln 10000 \cdot \frac{i}{d/2}\right), \quad i = 0 \dots d/2 - 1, \qquad
# \text{emb}(t) = \big[\sin \omega_0 t, \dots, \sin \omega_{d/2-1} t,\; \cos \omega_0 t, \dots, \cos \omega_{d/2-1} t\big]$$

# %% [markdown] exercise="SinusoidalPositionEmbedding"
# Timesteps (B,), whole or fractional, become float32 features (B, embed_dim): all sines first, then all cosines. They are made on the device of the timesteps. An odd `embed_dim` raises a `ValueError` when the module is constructed.


# %% exercise="SinusoidalPositionEmbedding"
class SinusoidalPositionEmbedding(nn.Module):
    """Turn timesteps (B,) into float32 features (B, embed_dim), cat[sin, cos] of t * frequency_i.

    frequency_i = exp(-ln 10000 * i / (d/2)), i = 0 ... d/2 - 1: "Attention Is All You Need",
    section 3.5, in the concatenated layout. Raises ValueError where embed_dim is odd.
    """

    def __init__(self, embed_dim):
        ### BEGIN SOLUTION
        super().__init__()
        if embed_dim % 2:
            raise ValueError(f"embed_dim must be even, got {embed_dim}")
        self.embed_dim = embed_dim
        ### END SOLUTION

    def forward(self, timesteps):
        ### BEGIN SOLUTION
        half = self.embed_dim // 2
        i = torch.arange(half, device=timesteps.device, dtype=torch.float32)
        frequencies = torch.exp(-math.log(10000.0) * i / half)  # (d/2,)
        angles = timesteps.float()[:, None] * frequencies  # (B, d/2)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)  # (B, d)
        ### END SOLUTION


# %% [markdown] id="predict-clock"
# > **Predict before you run.** With $d = 8$ there are four hands, $\sin(t/n)$ with four numbers $n$. The fastest has $n = 1$. What is $n$ for the slowest? Some texts say $10^6$.

# %% id="figure-embedding"
if check.solved("SinusoidalPositionEmbedding"):
    slope = SinusoidalPositionEmbedding(8)(torch.tensor([1e-3]))[0, :4] / 1e-3  # sin x = x, nearly
    print("t is divided by", [round(1 / s) for s in slope.tolist()])
    joined = SinusoidalPositionEmbedding(32)(torch.arange(200))  # (200, 32)
    in_turns = rearrange(joined, "t (two i) -> t (i two)", two=2)
    layouts = {"cat[sin, cos]: this lesson": joined, "in turns: lesson 02": in_turns}
    show(shape_figures.show_embeddings(layouts))

# %% [markdown] id="two-layouts"
# Fast hands on the left of each block, slow ones on the right. The slowest of 32 features has hardly moved after 200 steps.
#
# Both pictures hold the same numbers, in another order. The right one is the layout of *Attention Is All You Need* and of lesson 02, sines and cosines in turns; the left one is common in diffusion code. Neither is better. But weights that were trained with one do not fit the other, and nothing warns you: the shapes are equal.
#
# And the divisors for $d = 8$ are 1, 10, 100, 1000. The exponent is $i/(d/2)$, so the slowest hand stays below 10,000.

# %% [markdown] exercise="TimestepMLPEmbedding"
# The hands of a clock still have to be read. Two Linear layers learn to: sinusoidal embedding → Linear(embed_dim, hidden_dim) → GELU → Linear(hidden_dim, hidden_dim). Where `hidden_dim` is not given, it is 4 · embed_dim. The names of the attributes are yours to choose.


# %% exercise="TimestepMLPEmbedding"
class TimestepMLPEmbedding(nn.Module):
    """Timesteps (B,) -> (B, hidden_dim): sinusoidal -> Linear -> GELU -> Linear.

    hidden_dim is 4 * embed_dim where it is not given.
    """

    def __init__(self, embed_dim, hidden_dim=None):
        ### BEGIN SOLUTION
        super().__init__()
        hidden_dim = 4 * embed_dim if hidden_dim is None else hidden_dim
        self.layers = nn.Sequential(
            SinusoidalPositionEmbedding(embed_dim),
            nn.Linear(embed_dim, hidden_dim),
            nn.GELU(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        ### END SOLUTION

    def forward(self, timesteps):
        ### BEGIN SOLUTION
        return self.layers(timesteps)
        ### END SOLUTION


# %% [markdown] id="part-blocks"
# ## Part 3 · The blocks
# ### One block, used seven times
# $$h = \text{norm}_1(\text{conv}_1(x)), \quad h = \text{GELU}\big(h + \text{time\_mlp}(t_\text{emb})\big), \quad
# h = \text{GELU}\big(\text{norm}_2(\text{conv}_2(h))\big), \quad \text{out} = h + \text{residual\_conv}(x)$$
# Four ideas stand in this line.
# - *Shortcut:* the block learns what to **change** about $x$; the rest passes through (He et al. 2016).
# - *Time:* one number per channel, the same at every pixel. A block can turn channels up or down, depending on how noisy the picture is.
# - *GELU* (Hendrycks and Gimpel 2016): like ReLU but smooth, and slightly negative inputs still get a gradient.
# - *GroupNorm* (Wu and He 2018) brings the features of each sample to a common size. Why not BatchNorm? In a batch of denoising, quiet and loud pictures sit side by side:
# > **Predict before you run.** The first picture of two batches is the same; its seven neighbours are quiet in one batch and very noisy in the other. How much does the *first* picture's result change with BatchNorm? And with GroupNorm?

# %% id="numbers-norms"
torch.manual_seed(0)
quiet = filters.add_noise(few, 0.1)
mixed = torch.cat([quiet[:1], filters.add_noise(few[1:], 1.0)])  # the same first picture
conv = nn.Conv2d(1, 16, 3, padding=1)
for norm in (nn.BatchNorm2d(16), nn.GroupNorm(8, 16)):
    one, other = (norm(conv(batch))[0] for batch in (quiet, mixed))
    change = (one - other).norm() / one.norm()
    print(f"{type(norm).__name__:12} the first picture changes by {change:.0%}")

# %% [markdown] exercise="ResidualBlock"
# Write the block. `conv1`, `conv2`: 3×3 with padding 1. `norm1`, `norm2`: GroupNorm with 8 groups. `time_mlp`: `nn.Sequential(GELU, Linear(time_emb_dim, out_channels))`. `residual_conv`: a 1×1 convolution where the number of channels changes, otherwise the identity. Use these names: weights are loaded by them.


# %% exercise="ResidualBlock"
class ResidualBlock(nn.Module):
    """Two convolutions, told the time in between, around a shortcut.

    x (B, in_channels, H, W), t_emb (B, time_emb_dim) -> (B, out_channels, H, W):
    conv1 -> norm1 -> + time_mlp(t_emb) -> GELU -> conv2 -> norm2 -> GELU -> + residual_conv(x).
    """

    def __init__(self, in_channels, out_channels, time_emb_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.norm1 = nn.GroupNorm(8, out_channels)
        self.time_mlp = nn.Sequential(nn.GELU(), nn.Linear(time_emb_dim, out_channels))
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, out_channels)
        same = in_channels == out_channels
        self.residual_conv = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)
        ### END SOLUTION

    def forward(self, x, t_emb):
        ### BEGIN SOLUTION
        h = self.norm1(self.conv1(x))  # (B, out, H, W)
        h = F.gelu(h + self.time_mlp(t_emb)[:, :, None, None])
        h = F.gelu(self.norm2(self.conv2(h)))
        return h + self.residual_conv(x)
        ### END SOLUTION


# %% [markdown] id="exam-time"
# > **Exam tip.** `emb[:, :, None, None]` turns (B, C) into (B, C, 1, 1), which is broadcast over all pixels. The time is *added after norm1*. Added before, GroupNorm would subtract most of it again: with as many groups as channels nothing at all would be left.
# ### Down and up
# A *down block* is a residual block, followed by `rearrange_downsample`. It returns two things: the *skip*, at full size and full of detail, and the small picture with four times the channels.

# %% [markdown] exercise="DownBlock"
# `res` is a ResidualBlock(in_channels, out_channels, time_emb_dim). Return `(skip, down)`. There is no projection in here.


# %% exercise="DownBlock"
class DownBlock(nn.Module):
    """One level down: x (B, in, H, W) -> skip (B, out, H, W) and down (B, 4 * out, H/2, W/2)."""

    def __init__(self, in_channels, out_channels, time_emb_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.res = ResidualBlock(in_channels, out_channels, time_emb_dim)
        ### END SOLUTION

    def forward(self, x, t_emb):
        ### BEGIN SOLUTION
        skip = self.res(x, t_emb)
        return skip, rearrange_downsample(skip)
        ### END SOLUTION


# %% [markdown] id="why-skips"
# An *up block* doubles the small picture again, simply repeating each pixel, and puts the skip beside it: `[x, skip]` along the channels. From below comes *what* it is, from the side comes *where exactly*. Such skips made the U-Net famous (Ronneberger, Fischer and Brox 2015).

# %% [markdown] exercise="UpBlock"
# Nearest-neighbour doubling, concatenate `[x, skip]`, one ResidualBlock. x has `in_channels`, the skip has `skip_channels`: how many go into the block?


# %% exercise="UpBlock"
class UpBlock(nn.Module):
    """One level up: x (B, in, H, W), skip (B, skip, 2H, 2W) -> (B, out, 2H, 2W).

    Nearest-neighbour doubling, concatenate [x, skip], one residual block.
    """

    def __init__(self, in_channels, skip_channels, out_channels, time_emb_dim):
        ### BEGIN SOLUTION
        super().__init__()
        self.res = ResidualBlock(in_channels + skip_channels, out_channels, time_emb_dim)
        ### END SOLUTION

    def forward(self, x, skip, t_emb):
        ### BEGIN SOLUTION
        x = F.interpolate(x, scale_factor=2, mode="nearest")  # (B, in, 2H, 2W)
        return self.res(torch.cat([x, skip], dim=1), t_emb)
        ### END SOLUTION


# %% [markdown] exercise="UNet"
# Everything is there; `__init__` is given. Write `forward`: compute the time embedding once, go down three levels and keep the skips, pass the bottleneck, come up again. After each down block its `proj` brings 4·channels down to twice the channels. Every block gets `t_emb`. The output has the shape of the input.


# %% exercise="UNet"
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
        ### BEGIN SOLUTION
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
        ### END SOLUTION


# %% [markdown] id="predict-shapes"
# ### Watch the shapes
# The picture is drawn from a real run of *your* network: heights are pixels, widths are channels. Orange is what comes straight out of `rearrange_downsample`.
# > **Predict before you run.** A 16×16 picture, `base_channels=16`. What shape has the smallest picture, at the bottleneck? Write it down as (C, H, W).

# %% id="figure-unet"
if check.solved("UNet"):
    torch.manual_seed(0)
    model = UNet(base_channels=16, time_emb_dim=32)
    show(shape_figures.draw_unet(unet_lab.trace_shapes_of(model, few, torch.zeros(8).long())))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters")

# %% [markdown] id="shape-question"
# ### Now without the picture
# The next cell draws a configuration at random. Write down the shapes, then run the cell after it: it builds this very network and measures. Another seed gives another question. In an exam you will get one like it.
# > **Exam tip.** Count the halvings. After $n$ of them a level works with $2^n c$ channels and $1/2^n$ of the size. Straight after `rearrange_downsample`, before the projection, there are four times the channels of the level above.

# %% id="question"
question = unet_lab.draw_shape_question(seed=1)
print(question)
my_shapes = dict.fromkeys(question.asked)  # fill in, for example (64, 8, 8)

# %% id="answer"
if check.solved("UNet"):
    print(unet_lab.marked(my_shapes, question.answers(UNet)))

# %% [markdown] id="reach-again"
# ### How far does it see?
# Your network has fifteen 3×3 convolutions. In a row they would see 31 pixels. In a U?

# %% id="figure-reach-unet"
if check.solved("UNet"):
    small = UNet(base_channels=8, time_emb_dim=8)
    maps = {"15 convolutions in a row": unet_lab.reach(stack(15), 128)}
    maps["15 convolutions in a U"] = unet_lab.reach(small, 128, torch.tensor([500]))
    show(shape_figures.show_reach(maps))

# %% [markdown] id="part-denoise"
# ## Part 4 · Denoise: one noise level, then many
# ### One level
# The simplest denoiser there can be: always the same noise, $\sigma = 0.5$. Show it noisy digits, ask for the clean ones, take the squared error. The cell trains a small U-Net for 600 steps and then measures, on test digits, how many dB it wins at *other* levels.
# > **Predict before you run.** It learned at $\sigma = 0.5$. What does it do to pictures with very little noise, $\sigma = 0.1$: nothing, something good, or harm?


# %% id="train-one-level"
def train(model, step, num_steps=600, peak=5e-3, images=digits.train_images):
    """Train with step(model, images, optimizer) -> loss. The same seed means the same noise."""
    torch.manual_seed(SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=peak)
    rate = OneCycleLR(optimizer, peak, total_steps=num_steps)  # up, then slowly down to 0
    generator = torch.Generator().manual_seed(SEED)
    batches = random_batches(images, images, 32, generator)

    def one_step():
        loss = step(model, next(batches)[0], optimizer)
        rate.step()
        return loss

    return run_steps(one_step, num_steps)


# %% id="one-level-step"
def one_level_step(model, images, optimizer):
    noisy = images + 0.5 * torch.randn_like(images)
    loss = F.mse_loss(model(noisy, torch.full((len(images),), 500)), images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


# %% id="figure-one-level"
curves = {}
if check.solved("UNet"):
    torch.manual_seed(SEED)
    specialist = unet_lab.always_at(UNet(base_channels=8, time_emb_dim=32), 500)
    train(specialist, one_level_step)
    curves["learned at σ = 0.5 only"] = denoising.gains(specialist, digits.test_images)
else:
    curves["learned at σ = 0.5 only"] = denoising.stored("gains")[0]
show(shape_figures.plot_gains(denoising.LEVELS, curves))

# %% [markdown] id="one-level-fails"
# Where it learned, it wins more than 9 dB: far more than any filter. At $\sigma = 0.1$ it wins next to nothing. It repaints the picture as strongly as it has learned to, and takes away as much detail as noise. How should it know better? Nobody told it how noisy the picture is.
# ### Many levels
# So let every picture of the batch have a noise level of its own, and tell the network which.

# %% [markdown] exercise="denoise_train_step"
# Draw one timestep per image, from 0 to `num_timesteps` − 1. The noise of an image has the standard deviation $\sigma = t/\text{num\_timesteps} \cdot \text{noise\_level}$. Call `model(noisy, t)` with t as whole numbers (int64). It predicts the **clean image**; the loss is the mean squared error. Update, and return the loss from before the update as a float. The images themselves stay as they are.


# %% exercise="denoise_train_step"
def denoise_train_step(model, images, noise_level, optimizer, num_timesteps=1000):
    """One update of a denoiser that predicts the clean image; returns the loss before it as a float.

    images (B, C, H, W). Each sample has a timestep t of its own, 0 ... num_timesteps - 1, and noise
    of standard deviation t / num_timesteps * noise_level. The model is called as model(noisy, t).
    """
    ### BEGIN SOLUTION
    t = torch.randint(0, num_timesteps, (images.shape[0],), device=images.device)
    level = t / num_timesteps * noise_level  # (B,)
    noisy = images + level.reshape(-1, 1, 1, 1) * torch.randn_like(images)
    loss = F.mse_loss(model(noisy, t), images)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% [markdown] id="predict-ablation"
# ### What are skips and time good for?
# Do not believe it; take them away. Three networks with the same start, the same batches and the same noise: the complete one, one whose skips are replaced by zeros, one whose time embedding is replaced by zeros. Shapes and numbers of parameters stay equal.
# > **Predict before you run.** Without skips: will it crash, will the pictures be blurry, or will nothing change? Does it matter more under weak noise or under strong noise? And without time?


# %% id="train-three"
def many_levels_step(model, images, optimizer):
    return denoise_train_step(model, images, 1.0, optimizer)


changes = {
    "complete": lambda m: m,
    "no skips": unet_lab.without_skips,
    "no time": unet_lab.without_time,
}
models, losses = {}, {}
if check.solved("UNet", "denoise_train_step"):
    for name, change in changes.items():
        torch.manual_seed(SEED)
        models[name] = change(UNet(base_channels=8, time_emb_dim=32))
        losses[name] = train(models[name], many_levels_step)
    show(shape_figures.plot_losses(losses))

# %% id="figure-three"
if models:
    curves |= {name: denoising.gains(m, digits.test_images) for name, m in models.items()}
else:
    curves |= dict(zip(changes, denoising.stored("gains")[1:], strict=True))
show(shape_figures.plot_gains(denoising.LEVELS, curves))

# %% id="figure-three-pictures"
noisy = filters.add_noise(few, 0.1)
if models:
    pictures = torch.stack([denoising.denoise(m, noisy, 0.1) for m in models.values()])
else:
    pictures = denoising.stored("pictures")
errors = 4 * (pictures - few).abs() - 1  # black: none; white: 0.5 or more
rows = {"noisy, σ = 0.1": noisy} | dict(zip(changes, pictures, strict=True)) | {"true": few}
rows |= {f"{name}, ×4": error for name, error in zip(changes, errors, strict=True)}
show(plotting.show_rows(list(rows.values()), list(rows)))

# %% [markdown] id="ablation-measured"
# Compare with what you predicted. (Over three seeds, each number moves by half a decibel at most.)
# - **No skips:** no error and no warning, for the shapes are right. But the pictures are soft: look into the loops of the fourth and the last digit. At $\sigma = 0.1$ the network makes the picture *worse*, by more than 2 dB, where the complete one makes it 1.5 to 2 dB better. At 0.75 and above there is no difference: no detail is left to hand on. **Skips carry detail, and matter where there is some.** (The last three rows are the errors, four times enlarged: without skips they sit on the strokes.)
# - **No time:** at 0.5 and 0.75 nothing is missing! The black background shows how strong the noise is, and the network reads it there. Under weak noise it loses 2 dB: there it pays to be told. You will read that a denoiser without time cannot work. This one can, and others have found the same (Sun et al. 2025, *Is Noise Conditioning Necessary for Denoising Generative Models?*).
# - **One level only** wins at its own level, by 0.1 or 0.2 dB. So it costs next to nothing to learn all levels in one network.
# ### Does it listen?
# The complete network need not use the time, then. Does it? Let us lie to it: noise of $\sigma = 0.1$ belongs to $t = 100$, but we say something else.
# > **Predict before you run.** The picture is almost clean, and we tell the network $t = 999$: "very noisy". What will it do? And which lie costs more: this one, or $t = 0$ for a picture with strong noise?

# %% id="figure-claimed-time"
claims, lies = [0, 100, 250, 500, 750, 999], {}
for i, truth in enumerate((100, 500, 750)):
    if models:
        lies[truth] = denoising.told(models["complete"], digits.test_images, truth / 1000, claims)
    else:
        lies[truth] = denoising.stored("claims")[i]
show(shape_figures.plot_claims(claims, lies))

# %% [markdown] id="claimed-time-measured"
# Every line has its top at the truth (the star): the network does listen. Under weak noise a lie is expensive. Told $t = 999$ where 100 is true, it repaints a picture that was almost clean, and loses 5 dB. Under strong noise the worst lie costs 1.5 dB, because the picture speaks for itself.
#
# The next cell shows the errors for $\sigma = 0.1$, four times enlarged: black is right. One row for each lie, below the noisy digits themselves. Told 999, it paints the strokes anew, and that is where the errors sit. Then comes a slider: choose yourself what the network is told.

# %% id="figure-told"
if models:
    answers = unet_lab.answers_when_told(models["complete"], noisy, claims)
else:
    answers = denoising.stored("told")
errors = 4 * (torch.stack([noisy, *answers]) - few).abs() - 1  # black: none; white: 0.5 or more
alt = "Errors, four times enlarged: small when told t = 100, on the strokes when told t = 999."
show(plotting.show_rows(errors, ["noisy", *[f"told t = {t}" for t in claims]], alt=alt))

# %% id="slider-time"
if models:
    unet_lab.explore_time(models["complete"], noisy, 0.1)

# %% [markdown] id="part-capstone"
# ## Capstone: better than every filter
# Now a larger network of yours, trained longer: about a minute on one CPU core. (With a GPU and MNIST's files in `data/`, the same cells train a still larger one on 32×32 pictures.) It has to pass a gate on test digits, at $\sigma$ = 0.25, 0.5 and 0.75:
# - at least **6 dB** above the noisy picture, and
# - above the **best** of the three filters. Each of them is tuned on training digits for exactly this noise level; your network has to do all levels.
#
# All pictures are cut to [−1, 1] before they are compared. For the noisy ones this is a gift of about 2 dB, so the gate is harder than it looks.

# %% id="capstone-settings"
device = "cuda" if torch.cuda.is_available() else "cpu"
large = device == "cuda" and has_digits("mnist")
data = load_digits("mnist" if large else "digits")
channels, num_steps = (64, 4000) if large else (16, 1500)

# %% id="capstone-train"
denoiser = None
if check.solved("UNet", "denoise_train_step"):
    torch.manual_seed(SEED)
    denoiser = UNet(base_channels=channels, time_emb_dim=32).to(device)
    train_images = data.train_images.to(device)
    show(plotting.plot_loss(train(denoiser, many_levels_step, num_steps, images=train_images)))

# %% id="capstone-pictures"
noisy = filters.add_noise(data.test_images[:10], 0.5, seed=1)
tuned = filters.tune_filters(data.train_images[:60], 0.5)
rows = {"noisy": noisy} | {best.name: best(noisy) for best in tuned}
if denoiser:
    rows["your U-Net"] = denoising.denoise(denoiser, noisy.to(device), 0.5).cpu()
else:
    rows["a finished U-Net"] = denoising.stored("capstone")
show(plotting.show_rows([*rows.values(), data.test_images[:10]], [*rows, "true"]))

# %% id="capstone-gate"
if denoiser:
    results = denoising.compare(denoiser, data.test_images[:450], data.train_images[:60])
    print(denoising.table(results))
    assert denoising.passes_gate(results), "the network is not good enough yet: see the table"
    print("gate: passed")

# %% [markdown] id="capstone-measured"
# In our runs the network was between 8.7 and 11 dB above the noisy picture, and 4 to 5 dB above the best filter. The filters work on what they see; your network also knows what digits look like. That is its strength, and a danger: under strong noise it *invents*. Look for a digit in the picture that came out clean, sharp and wrong. Lesson 04 makes an art of this: it starts from noise alone.

# %% [markdown] id="part-hunts"
# ## Bug hunts
# Two functions you know, each with **one** mistake. Run the cell after each function to see the symptom; mend the function; run it again. The check is the one you know.

# %% [markdown] hunt="hunt_blurry_output"
# **Symptom.** No error, no warning, and the loss falls. But even digits with hardly any noise come out blurry. The cell trains two U-Nets for 150 steps, one with your `UpBlock` and one with this.

# %% hunt="hunt_blurry_output"

# %% id="symptom-blurry"
if check.solved("UNet", "UpBlock", "denoise_train_step"):
    noisy, rows = filters.add_noise(few, 0.1), {}
    for name, block in {"your UpBlock": UpBlock, "this one": hunt_blurry_output}.items():
        with patch("__main__.UpBlock", block):
            torch.manual_seed(0)
            model = UNet(base_channels=8, time_emb_dim=32)
            train(model, many_levels_step, 150)
        rows[name] = denoising.denoise(model, noisy, 0.1)
        print(f"{name:14} {filters.psnr(rows[name], few):.1f} dB")
    show(plotting.show_rows([noisy, *rows.values(), few], ["noisy", *rows, "true"]))

# %% [markdown] hunt="hunt_heavy_block"
# **Symptom.** This block trains well. But it has more parameters than it should, and when a colleague sends you weights, they do not load.

# %% hunt="hunt_heavy_block"

# %% id="symptom-heavy"
if check.solved("ResidualBlock"):
    mine, this = ResidualBlock(16, 16, 32), hunt_heavy_block(16, 16, 32)
    for name, block in {"yours": mine, "this one": this}.items():
        print(f"{name:9} {sum(p.numel() for p in block.parameters()):,} parameters")
    try:
        this.load_state_dict(mine.state_dict())
        print("weights load")
    except RuntimeError as error:
        print(error)

# %% [markdown] id="part-quiz"
# ## Quiz
# Write the letter of the right answer into `quiz_answers`, or all the right letters where several are right.

# %% quiz="quiz"

# %% [markdown] id="quiz-shapes"
# ### One more question, drawn for you
# Take the day of your birth as the seed. The shapes you are asked for are not stored anywhere: the second cell runs your network to find them.

# %% id="quiz-shape-question"
last_question = unet_lab.draw_shape_question(seed=31)
print(last_question)
my_last_shapes = dict.fromkeys(last_question.asked)  # fill in, as above

# %% id="quiz-shape-answer"
if check.solved("UNet"):
    print(unet_lab.marked(my_last_shapes, last_question.answers(UNet)))

# %% [markdown] id="cheat-sheet"
# ## Cheat sheet
# | what | shape or formula | in code |
# |---|---|---|
# | receptive field of $n$ 3×3 convolutions | $2n + 1$ pixels | the gradient of one output pixel |
# | downsampling without loss | (B, C, H, W) → (B, 4C, H/2, W/2) | `"b c (h p1) (w p2) -> b (c p1 p2) h w"` |
# | the same in PyTorch | reshape, permute, reshape | `permute(0, 1, 3, 5, 2, 4)`, or `F.pixel_unshuffle(x, 2)` |
# | frequencies | $10000^{-i/(d/2)}$, $i = 0 \dots d/2 - 1$ | `torch.exp(-math.log(10000) * i / half)` |
# | time embedding | sinusoids → Linear → GELU → Linear | once per forward pass |
# | time in a block | (B, C) → (B, C, 1, 1), **added** after norm1 | `emb[:, :, None, None]` |
# | residual block | conv, norm, + time, GELU, conv, norm, GELU, + shortcut | 1×1 convolution if channels differ |
# | down block | → skip (c), down (4c, half the size) | the projection to 2c comes after it |
# | up block | nearest ×2, cat [x, skip], residual block | channels add up: in + skip |
# | PSNR, values from −1 to 1 | $10 \log_{10}(4 / \text{MSE})$ | 3 dB: half the error; 10 dB: a tenth |
#
# **Shapes of the U-Net**, $c$ = base_channels: skips $c$, $2c$, $4c$ at full, half and quarter size; bottleneck $8c$ at one eighth. Height and width must be divisible by 8, $c$ by 8.
#
# **Three silent mistakes.** A skip that is never used. Time added before the norm. Weights of one sinusoid layout in code of the other.
#
# **Papers.** Buades, Coll and Morel 2005, *A Non-Local Algorithm for Image Denoising*. Ronneberger, Fischer and Brox 2015, *U-Net*. He, Zhang, Ren and Sun 2016, *Deep Residual Learning for Image Recognition*. Shi et al. 2016, *Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural Network*. Hendrycks and Gimpel 2016, *Gaussian Error Linear Units*. Vaswani et al. 2017, *Attention Is All You Need*. Wu and He 2018, *Group Normalization*. Sun et al. 2025, *Is Noise Conditioning Necessary for Denoising Generative Models?*
