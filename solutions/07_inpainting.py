# %% [markdown] id="welcome"
# # 07 · Inpainting: conditioning on an image
#
# A face with a hole in it. In this lesson you build a diffusion model that paints what is missing, so that it fits to what is there. The condition is no longer a label or a sentence: it is an image.
#
# **After this lesson you can**
# - make masks of every kind, from a box to a brush stroke, and the three images that go with them;
# - tell a network the noise level itself, and let it speak to every block as scale and shift;
# - write a loss that looks into the hole only, and a sampler that never touches a known pixel;
# - see why a short schedule can spoil a good network; keep the best epoch; compare with classical methods.
#
# **You need** the U-Net of lesson 03 and the sampler of lesson 04. **Time:** about 90 minutes; the training runs take five minutes in all. Every exercise has a check that tells you *what* went wrong, and `check.hint("make_mask")` gives a hint. You may skip an exercise: the rest goes on.

# %% role="setup"
import math

import torch
import torch.nn.functional as F
from safetensors.torch import load_model, save_model
from torch import nn

from course_utils import checker

check = checker("07_inpainting")

# %% id="tools"
from course_utils import checkpoints, inpainting
from course_utils import inpainting_figures as drawn
from course_utils import inpainting_symptoms as symptoms
from course_utils.faces import load_faces
from course_utils.inpainting_nets import BasicUNet, ImprovedUNet, NoisePredictor
from course_utils.inpainting_training import TrainingRun
from course_utils.plotting import show

faces = load_faces("faces")  # or "digits", or "celeba" with its files in data/img_align_celeba
test_faces, test_holes = faces.val_images[:96], inpainting.held_out_holes(96)
torch.set_num_threads(1)  # enough here; on a busy machine two are slower than one
SEED = 0

# %% [markdown] id="story-the-sticker"
# ## A failure to start with
# Someone has put a sticker on every picture, and we want the faces back. The faces are drawn by a program (`course_utils/face_rendering.py`): no photograph, no data set, and yet no two are alike. Holes come in four kinds, which you will make yourself in a moment.
#
# The simplest repair fills the hole with the mean colour of what is visible. A classical method does better: the *biharmonic* equation asks for the smoothest surface that continues the edge of the hole. This is how a careful craftsman would close a hole in a wall. To compare, we take the mean absolute error (MAE) inside the holes. Values run from −1 to 1.
# > **Predict before you run.** For which kind of hole is the smooth surface good enough? And what will it paint where an eye should be?

# %% id="figure-classical"
classical = {
    "mean colour": inpainting.mean_fill(test_faces, test_holes),
    "biharmonic": inpainting.biharmonic_fill(test_faces, test_holes),
}
print(inpainting.results_table(classical, test_faces, test_holes))
show(drawn.show_fillings(test_faces, test_holes, classical))

# %% [markdown] id="why-not-smooth"
# A scratch is closed so well that you hardly see it. A large hole becomes fog. The method knows that surfaces continue; it does not know that faces have two eyes, that the left half resembles the right half, and that hair is as long on one side as on the other. A network can learn that.
#
# But what should it answer? For a hole over both eyes many answers are right: blue eyes, brown eyes, glasses. You know from lesson 04 what one best guess looks like when many answers are possible: a ghost. So we let a diffusion model walk from noise to *one* of the answers, and give it the visible pixels on the way (Saharia et al. 2022, *Palette: Image-to-Image Diffusion Models*).
# ## Part 1 · Holes
# A hole is a *mask*: an image with one channel, **1 in the hole and 0 where the picture is visible**. Keep this sentence in mind: half of all bugs in inpainting are a mask turned round.

# %% [markdown] exercise="bbox2mask"
# A box is given as (top, left, height, width). Return a mask with 1 inside the box and 0 elsewhere, float32, shape (H, W, 1): this is the layout of a picture file, channels last. `image_shape` starts with (H, W). Where any part of the box lies outside the picture, raise a `ValueError`. (Slicing would not complain: `mask[30:40]` on 32 rows quietly gives two rows.)


# %% exercise="bbox2mask"
def bbox2mask(image_shape, bbox):
    """Mask (H, W, 1), float32: 1 inside bbox = (top, left, height, width), 0 elsewhere.
    Raises ValueError where the box leaves the image; image_shape starts with (H, W).
    """
    ### BEGIN SOLUTION
    image_height, image_width = image_shape[:2]
    top, left, height, width = bbox
    inside = top >= 0 and left >= 0
    inside = inside and top + height <= image_height and left + width <= image_width
    if not inside:
        raise ValueError(f"box {bbox} is not inside an image of {image_height} x {image_width}")
    mask = torch.zeros(image_height, image_width, 1)
    mask[top : top + height, left : left + width] = 1
    return mask
    ### END SOLUTION


# %% role="given"
from course_utils.brush import draw_strokes, whole

MODES = ("center", "corner", "random_box", "free_form")

# %% [markdown] exercise="make_mask"
# Four kinds of holes, as float32 (1, S, S) with 1 in the hole:
# - `"center"`: rows and columns from S/4 to S − S/4;
# - `"corner"`: a box of S/2 × S/2 in one of the four corners, by chance;
# - `"random_box"`: height and width from S/4 to S/2, each by chance, somewhere inside;
# - `"free_form"`: strokes over 5 to 60 % of the pixels. `draw_strokes(S, generator)` makes such a mask; you may also write your own.
#
# Everything random comes from `generator`, so the same seed gives the same holes. `whole(low, high, generator)` draws a whole number. An unknown mode raises a `ValueError` that names the four.


# %% exercise="make_mask"
def make_mask(mode, image_size, generator):
    """A hole as float32 (1, S, S), drawn from generator; another mode raises a ValueError."""
    ### BEGIN SOLUTION
    S, mask = image_size, torch.zeros(1, image_size, image_size)
    if mode == "center":
        mask[:, S // 4 : S - S // 4, S // 4 : S - S // 4] = 1
    elif mode == "corner":
        top, left = (whole(0, 1, generator) * (S - S // 2) for _ in range(2))
        mask[:, top : top + S // 2, left : left + S // 2] = 1
    elif mode == "random_box":
        height, width = (whole(S // 4, S // 2, generator) for _ in range(2))
        top, left = whole(0, S - height, generator), whole(0, S - width, generator)
        mask[:, top : top + height, left : left + width] = 1
    elif mode == "free_form":
        mask = draw_strokes(S, generator)
    else:
        raise ValueError(f"mode must be one of {', '.join(MODES)}; got {mode!r}")
    return mask
    ### END SOLUTION


# %% id="figure-holes"
holes = inpainting.holes_by_kind(10)
if check.solved("make_mask"):
    generator = torch.Generator().manual_seed(SEED)
    holes = {m: torch.stack([make_mask(m, 32, generator) for _ in range(10)]) for m in MODES}
show(drawn.show_holes(test_faces[:10], holes))

# %% [markdown] id="what-the-network-sees"
# ### What the network sees
# The network needs to see the visible pixels. In the hole it needs *something*; zero would be a colour, so Palette puts noise there. That is `cond_image`, the condition. It stays the same during the whole walk.

# %% [markdown] exercise="inpainting_item"
# One training example, from an image, a mask and noise. `img` and `noise` are (C, H, W), `mask` is (1, H, W). Return a dict with four entries: `gt_image`, the image itself (*ground truth*); `cond_image`, the image with noise in the hole; `mask_image`, the image with a white hole (white is 1), for people to look at; and `mask`.


# %% exercise="inpainting_item"
def inpainting_item(img, mask, noise):
    """Dict of gt_image, cond_image (noise in the hole), mask_image (white hole), mask.

    img, noise (C, H, W); mask (1, H, W), 1 in the hole. The inputs stay as they are.
    """
    ### BEGIN SOLUTION
    visible = img * (1 - mask)
    return {
        "gt_image": img,
        "cond_image": visible + noise * mask,
        "mask_image": visible + mask,
        "mask": mask,
    }
    ### END SOLUTION


# %% id="figure-item"
if check.solved("inpainting_item"):
    show(drawn.show_items(inpainting_item, test_faces, test_holes))
else:
    show(drawn.show_fillings(test_faces, test_holes, {}))

# %% [markdown] id="part-level"
# ## Part 2 · The noise level instead of the timestep
# So far the network was told a timestep $t$. But 37 of 50 steps and 37 of 1000 steps are very different images. What matters is how much noise is in the picture, and this is $\gamma = \bar\alpha_t$, a number between 0 (all noise) and 1 (all image). A network that is told $\gamma$ can be sampled with any number of steps, and with any schedule (Chen et al. 2021, *WaveGrad*).
#
# The embedding is that of lesson 03, with the cosines first.

# %% [markdown] exercise="gamma_embedding"
# gammas (B,) → (B, dim): first all cosines, then all sines, of $\gamma \cdot \omega_i$ with $\omega_i = \exp(-\ln(\texttt{max\_period}) \cdot i / h)$, $i = 0 \dots h-1$, where $h$ is `dim // 2`. Where `dim` is odd, one column of zeros is added at the end. The table is made on the device of the gammas.
# > **Predict before you run.** The clock of lesson 03 was built for timesteps up to 1000; now its input runs from 0 to 1. Which of its hands will move? The cell after the check draws them.


# %% exercise="gamma_embedding"
def gamma_embedding(gammas, dim, max_period=10000):
    """Noise levels (B,) -> (B, dim): cat[cos, sin] of gamma * frequency; odd dim: one zero more.

    frequency_i = exp(-ln(max_period) * i / (dim // 2)).
    """
    ### BEGIN SOLUTION
    half = dim // 2
    i = torch.arange(half, device=gammas.device, dtype=torch.float32)
    frequencies = torch.exp(-math.log(max_period) * i / half)  # (half,)
    angles = gammas[:, None] * frequencies  # (B, half)
    embedding = torch.cat([angles.cos(), angles.sin()], dim=1)
    return F.pad(embedding, (0, dim % 2))
    ### END SOLUTION


# %% id="figure-hands"
show(drawn.plot_hands(gamma_embedding if check.solved("gamma_embedding") else None))

# %% [markdown] id="hands-measured"
# One hand of four moves a little; the others stand still. Palette embeds $\gamma$ like this all the same, and leaves the work to the layers behind. Our network helps itself: it embeds the logarithm of signal over noise, $20 \ln\frac{\gamma}{1-\gamma}$, which tells 0.01 from 0.001 as well as 0.99 from 0.999.
#
# One thing more. If training uses the $T$ levels of one schedule only, the network knows those and guesses in between. So we draw levels *between* neighbours, uniformly.

# %% [markdown] exercise="sample_gammas"
# gammas (T,) holds $\gamma_t = \bar\alpha_t$, falling. For each timestep in `t` and each number in `u`, both shaped alike, return a noise level between the neighbours:
# $$\gamma_{t-1} + u\,(\gamma_t - \gamma_{t-1}), \qquad \gamma_{-1} = 1$$


# %% exercise="sample_gammas"
def sample_gammas(gammas, t, u):
    """Noise levels gamma_{t-1} + u (gamma_t - gamma_{t-1}) with gamma_{-1} = 1, shaped like t."""
    ### BEGIN SOLUTION
    before = torch.cat([torch.ones_like(gammas[:1]), gammas[:-1]])  # (T,)
    return before[t] + u * (gammas[t] - before[t])
    ### END SOLUTION


# %% id="figure-levels"
gammas, levels = torch.linspace(4.5, -5, 8).sigmoid(), ()
if check.solved("sample_gammas"):
    levels = sample_gammas(gammas, torch.randint(8, (600,)), torch.rand(600))
show(drawn.plot_levels(gammas, levels))

# %% [markdown] id="part-blocks"
# ## Part 3 · Better blocks
# Lesson 03 *added* the time to the features. Dhariwal and Nichol (2021, section 3) let it do more: after the second normalisation every channel is multiplied and shifted by numbers that the noise level chooses. This is *adaptive* group normalisation:
# $$\text{AdaGN}(h, \text{emb}) = (1 + \text{scale}) \cdot \text{GroupNorm}(h) + \text{shift}, \qquad (\text{scale}, \text{shift}) = \text{Linear}(\text{SiLU}(\text{emb}))$$
# A channel that draws fine lines can be turned off under heavy noise, and on at the end. Two more ideas go into the block: it can halve or double the image itself, on both branches; and its last convolution starts at zero, so a fresh block is its shortcut and nothing else. Deep networks of such blocks start as shallow ones and grow.

# %% [markdown] exercise="AdaGNResBlock"
# Write the block, with the names of this list:
# - `norm1` = GroupNorm(8, channels), `conv1` 3×3, `emb_proj` = `nn.Sequential(SiLU, Linear(emb_channels, 2 · out_channels))`: its output is cut into (scale, shift);
# - `norm2` = GroupNorm(8, out_channels), `dropout`, `conv2` 3×3, whose weights and biases start at zero;
# - `skip` = 1×1 convolution where the number of channels changes, `nn.Identity()` otherwise.
#
# `up=True` doubles height and width by repeating pixels, `down=True` halves them by taking the mean of 2×2. Both branches are resampled.


# %% exercise="AdaGNResBlock"
class AdaGNResBlock(nn.Module):
    """Residual block whose second normalisation is scaled and shifted by the noise level.

    x (B, channels, H, W), emb (B, emb_channels) -> (B, out_channels, H', W'):
    h = conv1(resample(SiLU(norm1(x)))), (scale, shift) = emb_proj(emb),
    out = conv2(dropout(SiLU(norm2(h) (1 + scale) + shift))) + skip(resample(x)).
    """

    def __init__(self, channels, emb_channels, dropout, out_channels=None, up=False, down=False):
        ### BEGIN SOLUTION
        super().__init__()
        out = channels if out_channels is None else out_channels
        self.up, self.down = up, down
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.emb_proj = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, 2 * out))
        self.norm2 = nn.GroupNorm(8, out)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)
        self.skip = nn.Identity() if out == channels else nn.Conv2d(channels, out, 1)
        ### END SOLUTION

    def resample(self, x):
        ### BEGIN SOLUTION
        if self.up:
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return F.avg_pool2d(x, 2) if self.down else x
        ### END SOLUTION

    def forward(self, x, emb):
        ### BEGIN SOLUTION
        h = self.conv1(self.resample(F.silu(self.norm1(x))))
        scale, shift = self.emb_proj(emb)[:, :, None, None].chunk(2, dim=1)
        h = F.silu(self.norm2(h) * (1 + scale) + shift)
        return self.conv2(self.dropout(h)) + self.skip(self.resample(x))
        ### END SOLUTION


# %% [markdown] id="why-attention"
# A convolution looks at neighbours. To paint the left eye like the right one, a pixel has to look across the face: attention, as in lesson 02, over all pixels of a small feature map. We use it at 8×8 only. There 64 pixels look at 64; at 32×32 it would be 256 times as much work.

# %% [markdown] exercise="AttentionBlock"
# `norm` = GroupNorm(8, channels), `qkv` = `nn.Conv1d(channels, 3 * channels, 1)`, `proj_out` = `nn.Conv1d(channels, channels, 1)` that starts at zero. The 3C output channels of `qkv` are laid out as (q, k, v), each as (heads, d): first all of q, then all of k, then all of v. Attention runs over the H·W pixels, with the scale $1/\sqrt d$. The result is added to `x` itself, not to the normalised one.


# %% exercise="AttentionBlock"
class AttentionBlock(nn.Module):
    """Self-attention over the pixels of (B, C, H, W), added to x; the identity at the start."""

    def __init__(self, channels, num_heads):
        ### BEGIN SOLUTION
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.GroupNorm(8, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.proj_out.weight)
        nn.init.zeros_(self.proj_out.bias)
        ### END SOLUTION

    def forward(self, x):
        ### BEGIN SOLUTION
        B, C, H, W = x.shape
        d = C // self.num_heads
        qkv = self.qkv(self.norm(x).flatten(2))  # (B, 3C, H*W)
        q, k, v = qkv.reshape(B, 3, self.num_heads, d, H * W).unbind(1)  # (B, heads, d, H*W)
        scores = q.transpose(2, 3) @ k / d**0.5  # (B, heads, queries, keys)
        out = v @ scores.softmax(dim=-1).transpose(2, 3)  # (B, heads, d, H*W)
        return x + self.proj_out(out.reshape(B, C, H * W)).reshape(B, C, H, W)
        ### END SOLUTION


# %% [markdown] id="build-the-network"
# ### The network
# Your blocks become a U-Net: three sizes, two blocks with attention at the smallest one, and an end that starts at zero. `ImprovedUNet` only plugs them together; read it in `course_utils/inpainting_nets.py`. Around it stands `NoisePredictor`, in the same file. It finds the hole, closes it roughly with the means of nearby pixels, and asks the network only for the correction.
# > **Exam tip.** A fresh block whose last layer starts at zero must return its shortcut: `torch.equal(AttentionBlock(64, 4)(x), x)` tests it in one line.


# %% id="network"
def InpaintingUNet(widths=(16, 32, 64)):
    """The improved network, made of your blocks: x (B, 7, H, W), gammas (B,) -> (B, 3, H, W)."""
    return ImprovedUNet(AdaGNResBlock, AttentionBlock, gamma_embedding, widths=widths)


BLOCKS = ("gamma_embedding", "AdaGNResBlock", "AttentionBlock")
if check.solved(*BLOCKS):
    fresh = InpaintingUNet()(torch.randn(2, 7, 32, 32), torch.rand(2))
    print("a fresh network answers", tuple(fresh.shape), "largest value:", fresh.abs().max().item())

# %% [markdown] id="part-hole"
# ## Part 4 · Learning and walking inside the hole
# The model is asked as `model(torch.cat([y_cond, y], dim=1), gammas)` and predicts noise. Noise is in the hole only, so the loss may look there only.
# > **Predict before you run.** A lazy model always answers 0, and the holes cover a quarter of the image. What does it score if the whole image counts, with a target of 0 outside the hole? What if only the hole counts?

# %% [markdown] exercise="masked_noise_loss"
# Noise the hole, and only the hole; ask the model once; look at its error in the hole, and only there.
# $$\hat y = m\,(\sqrt{\gamma}\,y_0 + \sqrt{1-\gamma}\,\varepsilon) + (1-m)\,y_0, \qquad
# L = \frac{\sum m\,\big(\varepsilon_\theta([y_\text{cond}, \hat y], \gamma) - \varepsilon\big)^2}{C \sum m}$$
# y_0, y_cond, noise (B, C, H, W); mask (B, 1, H, W); gammas_t (B,). The model gets `torch.cat([y_cond, y_hat], dim=1)` and `gammas_t`.


# %% exercise="masked_noise_loss"
def masked_noise_loss(model, y_0, y_cond, mask, gammas_t, noise):
    """Mean squared error of the predicted noise inside the hole; a scalar tensor.

    y_0, y_cond, noise (B, C, H, W); mask (B, 1, H, W), 1 in the hole; gammas_t (B,).
    """
    ### BEGIN SOLUTION
    gamma = gammas_t[:, None, None, None]
    noisy = gamma.sqrt() * y_0 + (1 - gamma).sqrt() * noise
    y_hat = noisy * mask + y_0 * (1 - mask)
    eps = model(torch.cat([y_cond, y_hat], dim=1), gammas_t)
    error = (eps - noise) ** 2 * mask
    return error.sum() / (mask.sum() * y_0.shape[1])
    ### END SOLUTION


# %% id="numbers-lazy"
if check.solved("masked_noise_loss"):
    quarter = inpainting.holes_by_kind(1)["center"].expand(96, -1, -1, -1)
    noise, half = torch.randn_like(test_faces), torch.full((96,), 0.5)
    inside = masked_noise_loss(symptoms.lazy, test_faces, test_faces, quarter, half, noise)
    print(f"in the hole {inside:.3f}, over the image {(noise * quarter).pow(2).mean():.3f}")

# %% [markdown] id="a-loss-that-flatters"
# 1 and 0.25. The second number looks like progress, and nothing was learned: three quarters of the pixels are right for free.
# > **Exam tip.** Before you trust a loss, ask what a lazy model would score. And a mean over a mask is a sum divided by the number of *values* that count: `mask.sum()` times the channels.
# ### The way back
# In lesson 04 one formula went from the noise to the mean. Here we take it apart: first the clean image that the predicted noise implies, then the step towards it. In between the guess can be *clamped* to the range of images, which tames errors at high noise. The variance is that of the posterior, $\tilde\beta_t$.


# %% role="given"
def per_sample(values, t, x):
    """values[t] as (B, 1, …, 1), so that it multiplies each sample of x (B, …) by its own number."""
    return values[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


def precompute_schedule(betas):
    """Lesson 04's schedule: all numbers that training and sampling look up, each (T,)."""
    alphas = 1 - betas
    alpha_bar = torch.cumprod(alphas, dim=0)
    alpha_bar_before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    return {
        "betas": betas,
        "alphas": alphas,
        "alpha_bar": alpha_bar,
        "sqrt_alpha_bar": alpha_bar.sqrt(),
        "sqrt_one_minus_alpha_bar": (1 - alpha_bar).sqrt(),
        "sqrt_alpha": alphas.sqrt(),
        "posterior_variance": betas * (1 - alpha_bar_before) / (1 - alpha_bar),
    }


# %% [markdown] exercise="predict_start_from_noise"
# Turn the jump of lesson 04 round. Each sample has its own `t`; nothing is clamped here.
# $$\hat y_0 = \frac{y_t - \sqrt{1-\bar\alpha_t}\;\varepsilon}{\sqrt{\bar\alpha_t}}$$


# %% exercise="predict_start_from_noise"
def predict_start_from_noise(y_t, t, noise, schedule):
    """The clean image that y_t and its noise imply: y_t, noise (B, …), t (B,) -> (B, …)."""
    ### BEGIN SOLUTION
    signal = per_sample(schedule["sqrt_alpha_bar"], t, y_t)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, y_t)
    return (y_t - spread * noise) / signal
    ### END SOLUTION


# %% [markdown] exercise="q_posterior"
# $$\tilde\mu = \frac{\sqrt{\bar\alpha_{t-1}}\,\beta_t}{1-\bar\alpha_t}\,\hat y_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t-1})}{1-\bar\alpha_t}\,y_t, \qquad \bar\alpha_{-1} = 1$$
# Return (mean, variance). The variance is $\tilde\beta_t$, `schedule["posterior_variance"]`, as (B, 1, 1, 1).


# %% exercise="q_posterior"
def q_posterior(y_0_hat, y_t, t, schedule):
    """Mean and variance of q(y_{t-1} | y_t, y_0) (Ho et al. 2020, equation 7).

    y_0_hat, y_t (B, C, H, W), t (B,) -> (mean (B, C, H, W), variance (B, 1, 1, 1)).
    """
    ### BEGIN SOLUTION
    alpha_bar = schedule["alpha_bar"]
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    of_start = before.sqrt() * schedule["betas"] / (1 - alpha_bar)
    of_now = schedule["sqrt_alpha"] * (1 - before) / (1 - alpha_bar)
    mean = per_sample(of_start, t, y_t) * y_0_hat + per_sample(of_now, t, y_t) * y_t
    return mean, per_sample(schedule["posterior_variance"], t, y_t)
    ### END SOLUTION


# %% [markdown] exercise="p_sample"
# One step back: ask the model for the noise, with $\bar\alpha_t$ as noise level (one per sample, (B,)) and `torch.cat([y_cond, y_t], dim=1)` as input. Compute $\hat y_0$, clamp it to [−1, 1], take the posterior's mean, and add $\sqrt{\text{variance}}\cdot z$. The noise `z` is handed in. Where t = 0 nothing is added; samples of a batch may have different t.


# %% exercise="p_sample"
def p_sample(model, y_t, t, y_cond, schedule, z):
    """One step back, from y_t to y_{t-1}; no noise where t = 0.

    y_t, y_cond, z (B, C, H, W), t (B,) int64 -> (B, C, H, W).
    """
    ### BEGIN SOLUTION
    eps = model(torch.cat([y_cond, y_t], dim=1), schedule["alpha_bar"][t])
    y_0_hat = predict_start_from_noise(y_t, t, eps, schedule).clamp(-1, 1)
    mean, variance = q_posterior(y_0_hat, y_t, t, schedule)
    return mean + variance.sqrt() * z
    ### END SOLUTION


# %% [markdown] exercise="restoration"
# And now the idea that makes it inpainting. The model predicts all pixels, also those that we know. After every step we put the known ones back, so the hole grows into a surrounding that is always right.
#
# Start with noise in the hole and `y_0` outside. For t = T−1, …, 0: `p_sample` with fresh noise, then put the known pixels back, `y * mask + y_0 * (1 - mask)`. Keep `sample_num` snapshots of the way, evenly spaced; the last one is the image that you return. The rules of lesson 04 hold: no gradients, eval mode at every model call, the model's former mode at the end. The model may be a plain function.


# %% exercise="restoration"
def restoration(model, y_cond, y_0, mask, schedule, sample_num):
    """Fill the hole: (image (B, C, H, W), snapshots (sample_num, B, C, H, W)); y_0 stays visible."""
    ### BEGIN SOLUTION
    T, training = len(schedule["betas"]), isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    y = torch.randn_like(y_0) * mask + y_0 * (1 - mask)
    frames = []
    with torch.no_grad():
        for i in reversed(range(T)):
            t = torch.full((y_0.shape[0],), i, device=y_0.device)  # (B,) int64
            y = p_sample(model, y, t, y_cond, schedule, torch.randn_like(y))
            y = y * mask + y_0 * (1 - mask)
            frames.append(y)
    if training:
        model.train()
    chosen = [(k + 1) * T // sample_num - 1 for k in range(sample_num)]
    return y, torch.stack([frames[k] for k in chosen])
    ### END SOLUTION


# %% [markdown] id="trap"
# ### The schedule trap
# A short schedule is tempting: 20 steps with $\beta$ from $10^{-4}$ to 0.09, as you find it in many notebooks. Here is our trained network, sampled with it.
# > **Predict before you run.** This schedule ends at $\bar\alpha = 0.39$. The sampler starts from pure noise, and tells the network "39 % of this is image". What will the network do with the noise?


# %% id="figure-trap"
def even_schedule(T, first=4.5, last=-5.0):
    """T steps whose ln(gamma / (1 - gamma)) falls evenly: nearly clean first, nearly noise last."""
    alpha_bar = torch.linspace(first, last, T, dtype=torch.float64).sigmoid()
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    return precompute_schedule((1 - alpha_bar / before).float())


SAMPLER = ("predict_start_from_noise", "q_posterior", "p_sample", "restoration")
short, mended = precompute_schedule(torch.linspace(1e-4, 0.09, 20)), even_schedule(8)
print(f"alpha_bar ends at {short['alpha_bar'][-1]:.3f}; mended: {mended['alpha_bar'][-1]:.4f}")
can_draw = check.solved(*SAMPLER, *BLOCKS)
if can_draw:
    trained = NoisePredictor(InpaintingUNet())
    print(checkpoints.load_checkpoint("07_inpainting", trained))


# %% id="figure-trap-shown"
def fill(model, schedule, images=test_faces, holes=test_holes, sample_num=1):
    """Restorations of the images (and snapshots), always from the same noise."""
    torch.manual_seed(SEED)
    schedule = {name: values.to(images.device) for name, values in schedule.items()}
    y_cond = images * (1 - holes) + torch.randn_like(images) * holes
    return restoration(model, y_cond, images, holes, schedule, sample_num)


schedules = {"20 steps to 0.09": short, "8 even steps": mended}
if can_draw:
    repaired = {name: fill(trained, s)[0] for name, s in schedules.items()}
else:
    repaired = inpainting.stored_fillings(schedules)
print(inpainting.results_table(repaired, test_faces, test_holes))
show(drawn.show_fillings(test_faces, test_holes, repaired))

# %% [markdown] id="trap-explained"
# Shreds of colour, and a third more error in the large holes: 0.291 against 0.218 in the centre. The network did what it was told. It heard "39 % of this is image", looked at pure noise, and kept some of it. With 8 steps that end at $\bar\alpha = 0.0067$, less than half the work, the same network does better. **Look at $\bar\alpha_{T-1}$ before you sample: it should be below 0.01.** Where it must stay larger, do not start from pure noise, but from a first guess with that much noise.
# ## Part 5 · Training that keeps the best
# Training is done when the validation error no longer falls. But it shakes from epoch to epoch, and the last epoch need not be the best. So we measure after every epoch and keep the best weights in a file.

# %% [markdown] exercise="fit"
# Train for `epochs` epochs and end with the best weights, not with the last ones. `model(batch)` returns the loss of a batch. After each epoch, `validate(model, val_loader)` returns a float, smaller is better; call it once per epoch, in eval mode. Whenever it is lower than ever before, write the weights to `path` as safetensors (`save_model(model, path)`). At the end, load them back into the model (`load_model(model, path)`). Return
# `{"train_loss": [...], "val_mae": [...], "best_epoch": int}`: the mean loss of the batches and the value of `validate`, one per epoch. Epochs are counted from 0; of equal values the first wins.


# %% exercise="fit"
def fit(model, train_loader, val_loader, epochs, optimizer, validate, path):
    """Train; the weights of the epoch with the lowest validate(model, val_loader) go to path
    (safetensors) and stay in the model. {"train_loss": [...], "val_mae": [...], "best_epoch": int}.
    """
    ### BEGIN SOLUTION
    history, best = {"train_loss": [], "val_mae": [], "best_epoch": 0}, float("inf")
    for epoch in range(epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = model(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        model.eval()
        value = validate(model, val_loader)
        history["train_loss"].append(sum(losses) / len(losses))
        history["val_mae"].append(value)
        if value < best:
            best, history["best_epoch"] = value, epoch
            save_model(model, path)
    load_model(model, path)
    return history
    ### END SOLUTION


# %% [markdown] id="two-networks"
# ### Two networks at the same cost
# Which of the new blocks' promises hold? `BasicUNet` is the U-Net of many tutorials: BatchNorm, ReLU, max pooling, transposed convolutions, and the noise level only added. It gets the same data, the same loss and as much computing time as ours. Because its steps are cheaper, it may take more of them.
# > **Predict before you run.** Who wins, and by how much?


# %% id="training-loss"
class TrainingLoss(nn.Module):
    """model(batch) -> loss, as `fit` wants it; a batch is (y_0, mask)."""

    def __init__(self, net, gammas):
        super().__init__()
        self.net = net
        self.register_buffer("gammas", gammas)

    def forward(self, batch):
        y_0, mask = batch
        t = torch.randint(len(self.gammas), (len(y_0),), device=y_0.device)
        levels = sample_gammas(self.gammas, t, torch.rand(len(y_0), device=y_0.device))
        y_cond = y_0 * (1 - mask) + torch.randn_like(y_0) * mask
        return masked_noise_loss(self.net, y_0, y_cond, mask, levels, torch.randn_like(y_0))


def validate(model, data):
    """MAE and PSNR inside the holes of validation faces."""
    filled = fill(model.net, mended, *data)[0]
    return inpainting.mae(filled, *data), inpainting.psnr(filled, *data)


# %% id="train-helper"
device = "cuda" if torch.cuda.is_available() else "cpu"
EPOCHS, STEPS, WIDTHS = (20, 1500, (32, 64, 128)) if device == "cuda" else (7, 360, (16, 32, 64))
TRAINING = ("make_mask", "sample_gammas", "masked_noise_loss", *SAMPLER, "fit")
val_data = (faces.val_images[96:144].to(device), inpainting.held_out_holes(48, seed=1).to(device))


def train(net, epochs, steps, name):
    """Train a network with your functions; returns it with its history. Resumes what was stopped."""
    torch.manual_seed(SEED)
    model = TrainingLoss(NoisePredictor(net), mended["alpha_bar"]).to(device)
    run = TrainingRun(model, faces.train_images, make_mask, epochs, steps, name, SEED)
    how = run.optimizer, run.keeping(validate), run.best_path
    history = fit(model, run, val_data, run.epochs_left, *how)
    return model.net, history | run.finish()


# %% id="train-both"
can_train, short_runs = check.solved(*BLOCKS, *TRAINING), inpainting.stored_histories()
capstone = short_runs.pop("capstone")
if can_train:
    torch.manual_seed(SEED)
    nets = {"improved": (InpaintingUNet(), 4, 150), "basic": (BasicUNet(), 4, 300)}
    short_runs = {name: train(*plan, f"07-{name}")[1] for name, plan in nets.items()}
lines = {"biharmonic": inpainting.mae(inpainting.biharmonic_fill(*val_data), *val_data)}
show(drawn.plot_histories(short_runs, lines))

# %% [markdown] id="networks-measured"
# The basic one wins, by a fifth. Over three seeds its MAE was 0.226, 0.224 and 0.236; ours was 0.285, 0.280 and 0.290. Why? After *equally many* steps the two are equal: 0.286 and 0.285 on average. But a step of ours costs twice as much, and in one minute more steps count for more than better blocks. With five times the computing (ten epochs of the capstone below, which takes seven) the gap is small: 0.149 for the basic network, 0.157 for ours. These blocks were made for large networks and days of training. On a small budget, measure before you believe.
# ## Capstone: the faces come back
# Now the improved network trains for three minutes, with your masks, your loss, your sampler and your `fit`. Interrupt it if you like (*Kernel > Interrupt*) and run the cell again: it goes on after the last finished epoch, even after a restart. Where a function of yours is missing, stored results stand in.
#
# The gate: on 96 faces that were never seen, the MAE inside the holes must be at least 40 % below filling with the mean colour, and below the biharmonic filling.

# %% id="capstone-train"
if can_train:
    torch.manual_seed(SEED)
    trained, capstone = train(InpaintingUNet(WIDTHS), EPOCHS, STEPS, "07-capstone")
show(drawn.plot_history(capstone))

# %% id="capstone-gate"
filled = fill(trained.cpu(), mended)[0] if can_draw else repaired["8 even steps"]
results = classical | {"your network" if can_train else "our network": filled}
print(inpainting.results_table(results, test_faces, test_holes))
show(drawn.show_fillings(test_faces, test_holes, results))
passed = inpainting.passes_gate(results, test_faces, test_holes)
assert passed or not can_train, "the gate is not passed: look at the history above"
print("gate: passed" if can_train else "gate of the provided network: passed")

# %% [markdown] id="the-way"
# ### The way, and other answers
# > **Predict before you run.** At which of the steps will you recognise the face in the hole? And if the same face is filled twice from other noise: what will differ?

# %% id="figure-way"
way, answers = inpainting.stored_way()
if can_draw:
    _, snapshots = fill(trained, mended, sample_num=6)
    start = test_faces * (1 - test_holes) + torch.randn_like(test_faces) * test_holes
    way = torch.stack([start, *snapshots], 1)[:6]
    one, hole = test_faces[:4].repeat_interleave(8, 0), test_holes[:1].expand(32, -1, -1, -1)
    answers = fill(trained, mended, one, hole)[0].unflatten(0, (4, 8))
show(drawn.show_way(way, test_faces))
show(drawn.show_answers(test_faces[:4], test_holes[:1], answers))

# %% [markdown] id="answers-measured"
# In our run the eyes appear at the fifth of six snapshots, dimly, and are clear at the end. The eight answers agree on skin, hair and outline: the visible half of the face decides those. They differ in eyes and mouth, which it does not tell. MAE would prefer the grey average of all answers; a picture should be *one* of them. Our network is small and trained for minutes: the skin is blotched where it mixed several answers. And thin strokes are still closed better by the smooth surface (0.123 against 0.149): where nothing has to be invented, classical methods are hard to beat.
# > **Exam tip.** Before you trust an inpainting result, test three things in one line each: `torch.equal(image * (1 - mask), y_0 * (1 - mask))`, a mask of zeros must give the image back, and the hole must change when the seed does.
# ## Bug hunts
# Below are four functions you know, each with **one** mistake. The check is the one you know, too. The cell after each check shows the symptom. Look at it, mend the function, and run the cells again.

# %% [markdown] hunt="hunt_face_hidden"
# **Symptom.** The network is given a full view of what it should invent, and none of the face around it.

# %% hunt="hunt_face_hidden"

# %% id="symptom-face-hidden"
show(drawn.show_items(hunt_face_hidden, test_faces, test_holes))

# %% [markdown] hunt="hunt_lazy_loss"
# **Symptom.** With this loss a network trains for an hour and paints nothing. Compare two models that know nothing: one answers 0 everywhere, the other is right outside the hole, where there is no noise to find, and answers 0 inside. Inside the hole they are equally bad.

# %% hunt="hunt_lazy_loss"

# %% id="symptom-lazy-loss"
symptoms.compare_lazy_models(hunt_lazy_loss, test_faces, test_holes)

# %% [markdown] hunt="hunt_drifting_face"
# **Symptom.** The hole is filled, and the rest of the face is no longer the one that was given. A model that always answers 0 makes it plain: the known pixels should not care what the model says.

# %% hunt="hunt_drifting_face"

# %% id="symptom-drifting"
if check.solved("predict_start_from_noise", "q_posterior", "p_sample"):
    image, _ = hunt_drifting_face(symptoms.lazy, test_faces, test_faces, test_holes, mended, 1)
    show(drawn.show_fillings(test_faces, test_holes, {"this function": image}))
    change = ((image - test_faces) * (1 - test_holes)).abs().max()
    print(f"largest change of a known pixel: {change:.3f}")

# %% [markdown] hunt="hunt_best_is_late"
# **Symptom.** The validation errors were 0.8, 0.3, 0.6, 0.5. Which epoch is called the best?

# %% hunt="hunt_best_is_late"

# %% id="symptom-best-is-late"
print("best epoch:", symptoms.best_epoch(hunt_best_is_late, [0.8, 0.3, 0.6, 0.5]))

# %% [markdown] quiz="quiz"
# Write the letter of the right answer into `quiz_answers`, or all the right letters where several are right.

# %% quiz="quiz"

# %% [markdown] id="cheat-sheet"
# ## Cheat sheet
# | what | formula | in code |
# |---|---|---|
# | mask | 1 in the hole: $m\,a + (1-m)\,b$ | `a * mask + b * (1 - mask)` |
# | noise level | $\gamma_{t-1} + u(\gamma_t - \gamma_{t-1})$ | `sample_gammas` |
# | adaptive norm | $(1+\text{scale})\,\text{norm}(h) + \text{shift}$ | `AdaGNResBlock` |
# | loss | squared error over the hole, divided by $C \sum m$ | `masked_noise_loss` |
# | clean image | $(y_t - \sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$ | `predict_start_from_noise` |
# | step | posterior mean of the clamped $\hat y_0$, plus $\sqrt{\tilde\beta_t}\,z$ | `p_sample` |
# | known pixels | put back after *every* step | `restoration` |
# | best epoch | lower than ever before: save, **and remember the value** | `fit` |
#
# **Three tests for your own inpainting code.** A mask of zeros changes nothing. The visible pixels are equal, not close. $\bar\alpha_{T-1}$ is below 0.01.
#
# **Papers.** Saharia et al. 2022, *Palette*. Dhariwal and Nichol 2021, *Diffusion Models Beat GANs on Image Synthesis*. Chen et al. 2021, *WaveGrad*. Karras et al. 2022, *Elucidating the Design Space of Diffusion-Based Generative Models*. Lugmayr et al. 2022, *RePaint*, for inpainting with a model that was not trained for it.
