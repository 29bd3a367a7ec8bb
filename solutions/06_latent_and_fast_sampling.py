# %% [markdown] id="welcome"
# # 06 · Latents and fast sampling
# Your sampler of lesson 04 is right, and slow. In this lesson the same pictures come out 25 times faster, from the same network, without any training. Then you make each step cheaper as well: a second network shrinks the pictures before the diffusion model sees them. These two ideas brought diffusion from a cluster to a laptop.
#
# **After this lesson you can**
# - say what a latent diffusion model saves, and what its autoencoder loses;
# - measure the scaling factor of an autoencoder, and say what 0.18215 is;
# - write DDIM from a blank cell, with the right timesteps and the right last step;
# - explain why steps can be skipped, and why a second-order solver can skip more;
# - compare your code with the library `diffusers`, number by number.
#
# **You need** lessons 03 and 04, and 05 for the closing demonstration. **Time:** 60 to 90 minutes; training takes about two minutes. `check.hint("ddim_step")` gives a hint. You may skip an exercise: the rest goes on.

# %% role="setup"
from contextlib import contextmanager
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import checker

check = checker("06_latent_and_fast_sampling")

# %% id="tools"
from lesson_03 import UNet
from lesson_04 import cfg_train_step, guided_noise, linear_beta_schedule, reverse_mean, sample_ddpm
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils import checkpoints, diffusers_bridge, latent_figures, metrics, plotting
from course_utils import latent_lab as lab
from course_utils.data import load_digits, random_batches
from course_utils.perfect import PerfectDenoiser
from course_utils.plotting import show
from course_utils.points import two_moons
from course_utils.training import run_steps

torch.set_num_threads(1)  # small networks: a second thread costs more than it brings
STEPS = ("ddim_timesteps", "ddim_step", "sample_ddim")
LATENTS = ("estimate_scaling_factor", "encode_latents", "decode_latents")
digits, large = load_digits(), lab.large_digits()  # 16x16 as in lesson 04, and 32x32

# %% [markdown] id="tools-given"
# Three helpers that your code may use. The first two are old friends. `with sampling(model):` is for every sampler from here on: inside it there are no gradients and the model is in eval mode; afterwards its mode is what it was.


# %% role="given"
def per_sample(values, t, x):
    """values[t] as (B, 1, …, 1), so that it multiplies each sample of x (B, …) by its own number."""
    return values[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


def precompute_schedule(betas):
    """Lesson 04's schedule: all numbers that training and sampling look up, each (T,)."""
    alphas, alpha_bar = 1 - betas, torch.cumprod(1 - betas, dim=0)
    before = torch.cat([torch.ones_like(alpha_bar[:1]), alpha_bar[:-1]])
    schedule = {"betas": betas, "alphas": alphas, "alpha_bar": alpha_bar}
    schedule |= {"sqrt_alpha": alphas.sqrt(), "sqrt_alpha_bar": alpha_bar.sqrt()}
    schedule |= {"sqrt_one_minus_alpha_bar": (1 - alpha_bar).sqrt()}
    return schedule | {"posterior_variance": betas * (1 - before) / (1 - alpha_bar)}


# %% role="given"
@contextmanager
def sampling(model):
    """Inside: no gradients, and eval mode if model has a mode. Its mode is put back at the end."""
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if training:
            model.train()


# %% [markdown] id="story-the-bill"
# ## A question to start with
# What does a picture cost? In lesson 04 one picture took 500 steps, and each step two answers of the network, one with and one without the label. So the bill is
# $$\text{time} = \text{steps} \times \text{calls per step} \times \text{cost of a call}$$
# There are two ways to make it smaller: fewer steps, or cheaper calls. First, what does a call cost?
# > **Predict before you run.** The sides of the picture are doubled. How many times longer does one call of the U-Net take?

# %% id="figure-costs"
torch.manual_seed(0)
costs = lab.call_costs(UNet(1, 16, 32).eval(), sides=[8, 16, 32, 64])
latent_figures.plot_costs(costs)

# %% [markdown] id="the-bill-measured"
# Twice the side, four times the pixels, and, where there is enough to do, about four times the time. (At 8 and 16 pixels the overhead of each layer shows.) Self-attention is worse: its cost grows with the square of the number of pixels, as lesson 02 measured. Now take a picture of 512 × 512 pixels, 1000 steps, and a network a thousand times larger than ours. This is why early diffusion models stopped at 64 × 64.
#
# ## Part 1 · Fewer numbers: latents
# Most of what stands in a picture is fine detail that the eye hardly sees. Rombach et al. (2022) divide the work. An *autoencoder* learns once how to pack a picture into a small tensor and to unpack it again. The diffusion model then works on the small tensors only, the *latents*. In Stable Diffusion a picture of 256 × 256 × 3 = 196,608 numbers becomes 32 × 32 × 4 = 4,096: **48 times fewer**.
#
# We do the same with digits of 32 × 32 pixels (those of lesson 04, enlarged; `lab.large_digits("mnist")` takes MNIST where its files are). Two channels of 8 × 8 are 128 numbers in the place of 1,024: eight times fewer. Here is the autoencoder. `encode` returns a mean and a log variance for each latent number, `decode` goes back.


# %% id="the-autoencoder"
def block(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(8, outputs), nn.SiLU()]


class VAE(nn.Module):
    """Images (B, 1, 32, 32) <-> latents (B, 2, 8, 8)."""

    def __init__(self, c=1, width=16, latent=2):
        super().__init__()
        w = 2 * width
        halve = {"kernel_size": 3, "stride": 2, "padding": 1}
        down = [nn.Conv2d(c, width, **halve), nn.SiLU(), *block(width, w), nn.Conv2d(w, w, **halve)]
        up = [nn.Upsample(scale_factor=2), *block(w, w), nn.Upsample(scale_factor=2)]
        self.encoder = nn.Sequential(*down, nn.SiLU(), *block(w, w), nn.Conv2d(w, 2 * latent, 1))
        last = [*block(w, width), nn.Conv2d(width, c, 3, padding=1)]
        self.decoder = nn.Sequential(nn.Conv2d(latent, w, 1), *block(w, w), *up, *last)

    def encode(self, images):
        return self.encoder(images).chunk(2, dim=1)  # mean, logvar: (B, 2, 8, 8) each

    def decode(self, z):
        return self.decoder(z)


# %% [markdown] id="why-kl"
# Why a mean *and* a variance? A plain autoencoder may put its latents anywhere, with gaps between them where the decoder has never been. A diffusion model makes small errors, falls into such a gap, and the decoder draws nonsense. So in training the decoder gets $z = \mu + e^{\ell/2}\,\varepsilon$: a point *near* the mean, with $\ell$ the log variance. And a second term pulls every such cloud gently towards a standard normal one, so that the clouds stay close together. This is a *variational autoencoder* (Kingma and Welling 2014), and the second term is the Kullback–Leibler divergence
# $$\mathrm{KL}\big(\mathcal N(\mu, e^{\ell})\,\Vert\,\mathcal N(0, 1)\big) = \tfrac12\left(\mu^2 + e^{\ell} - 1 - \ell\right)$$

# %% [markdown] exercise="vae_loss"
# Mean squared error between reconstruction and images, plus `kl_weight` times the KL term. Both are averages over all their elements. (The papers sum over the latents of a picture. An average keeps `kl_weight` comparable between sizes.)


# %% exercise="vae_loss"
def vae_loss(recon, images, mean, logvar, kl_weight):
    """Mean squared error + kl_weight · KL(N(mean, e^logvar) ‖ N(0, 1)) (Kingma & Welling 2014).

    Both are averaged over all elements; a scalar tensor.
    """
    ### BEGIN SOLUTION
    kl = 0.5 * (mean**2 + logvar.exp() - 1 - logvar)  # (B, c, h, w)
    return F.mse_loss(recon, images) + kl_weight * kl.mean()
    ### END SOLUTION


# %% [markdown] id="predict-vae"
# Latent models want good reconstructions and only a little order, so the weight is small; here 0.0001.
# > **Predict before you run.** The encoder may use two channels of 8 × 8 for a digit. The digits of this course were scanned at 8 × 8 and enlarged. What do you expect to see in the channels?

# %% id="train-vae"
torch.manual_seed(0)
vae = VAE().to(memory_format=torch.channels_last)
if check.solved("vae_loss"):
    optimizer = torch.optim.AdamW(vae.parameters(), lr=4e-3)
    decay = OneCycleLR(optimizer, 4e-3, 600, pct_start=0.1, cycle_momentum=False)
    pictures = (large.train_images, large.train_labels)
    batches = random_batches(*pictures, 64, torch.Generator().manual_seed(0))

    def vae_step():
        images = next(batches)[0]
        mean, logvar = vae.encode(images)
        z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        loss = vae_loss(vae.decode(z), images, mean, logvar, 1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        return loss.item()

    show(plotting.plot_loss(run_steps(vae_step, 600)))
else:
    checkpoints.load_checkpoint("06_vae", vae)

# %% id="figure-latents"
vae.eval()
with torch.no_grad():
    mean, logvar = vae.encode(large.test_images)
    decoded = vae.decode(mean)
print(f"test digits come back with {lab.psnr(decoded, large.test_images):.1f} dB")
print("spread of each channel:", [round(s, 2) for s in mean.std((0, 2, 3)).tolist()])
show(latent_figures.show_latents(large.test_images[:10], mean[:10], decoded[:10]))

# %% [markdown] id="latents-seen"
# More than 36 dB on digits it never saw: you will not find the difference by eye. And look at the channels. Nobody told the encoder to do so, but they *are* small pictures of the digit: one bold, the other fainter, with what the first leaves out at the edges. The encoder has found out for itself what we knew: there are only 8 × 8 true pixels in these digits. It is the same with photographs: latents look like small, odd-coloured pictures. They keep the layout, and that is why a convolutional U-Net works on them.
#
# ### Why latents are scaled
# The noise schedule is made for data of variance 1: then $\bar\alpha_t$ *is* the share of the image in $x_t$. Latents come in any size. Stable Diffusion's have a standard deviation of 5.49.
# > **Predict before you run.** At which of 1000 timesteps is the noise stronger than the data, if these have standard deviation 1? And if they have 5.49, or 0.13?

# %% id="numbers-drowned"
long = precompute_schedule(linear_beta_schedule(1000))
for spread in (0.13, 1, 5.49):
    print(f"standard deviation {spread}: drowned at t = {lab.drowned_at(spread, long)} of 1000")

# %% [markdown] id="drowned-measured"
# Too small, and nearly all timesteps are wasted on noise. Too large, and the coarse decisions are squeezed into a few steps at the end; with some schedules pure noise is never reached. So we multiply latents by one number that makes their standard deviation 1.

# %% [markdown] exercise="estimate_scaling_factor"
# One over the standard deviation of all elements, as a plain float. One number for all channels: differences between channels are left as they are.


# %% exercise="estimate_scaling_factor"
def estimate_scaling_factor(latents):
    """1 / standard deviation over all elements of latents, as a plain float."""
    ### BEGIN SOLUTION
    return 1 / latents.std().item()
    ### END SOLUTION


# %% id="numbers-factor"
with torch.no_grad():
    unscaled = vae.encode(large.train_images)[0]
if check.solved("estimate_scaling_factor"):
    scaling_factor = estimate_scaling_factor(unscaled)
    print(f"your autoencoder: {scaling_factor:.5f}    Stable Diffusion: 0.18215 = 1 / 5.49")
else:
    scaling_factor = 1.2

# %% [markdown] id="factor-measured"
# Train the same autoencoder from another seed and the factor is another one: 0.63 and 0.75 for the first two seeds that were tried. So 0.18215 is no constant of nature. Somebody ran the line that you wrote, on one batch of pictures, with one autoencoder. Use it with another autoencoder and nothing crashes; training is only worse, and nobody knows why.

# %% [markdown] exercise="encode_latents"
# From pictures to scaled latents: the *mean* of `vae.encode(images)` (no draw: the same picture always gives the same latents) times the factor. Keep no graph, and leave the mode of the VAE as it is.


# %% exercise="encode_latents"
def encode_latents(vae, images, scaling_factor):
    """Scaled latents of images: the mean of the posterior (no draw) times scaling_factor.

    vae.encode(images (B, C, H, W)) → (mean, logvar), each (B, c, h, w) → (B, c, h, w)
    """
    ### BEGIN SOLUTION
    with torch.no_grad():
        mean, _ = vae.encode(images)
    return mean * scaling_factor
    ### END SOLUTION


# %% [markdown] exercise="decode_latents"
# The way back. The decoder wants latents as the encoder makes them. Do not clamp.


# %% exercise="decode_latents"
def decode_latents(vae, latents, scaling_factor):
    """Images of scaled latents, not clamped: (B, c, h, w) → (B, C, H, W)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        return vae.decode(latents / scaling_factor)
    ### END SOLUTION


# %% id="numbers-round-trip"
if check.solved(*LATENTS):
    latents = encode_latents(vae, large.test_images, scaling_factor)
    back = decode_latents(vae, latents, scaling_factor)
    print(f"standard deviation {latents.std():.3f}")
    print(f"there and back {lab.psnr(back, large.test_images):.1f} dB")
    print(f"{large.test_images[0].numel()} numbers became {latents[0].numel()}")

# %% [markdown] id="part-fewer-steps"
# ## Part 2 · Fewer steps: DDIM
# A call is cheap now. But there are still 500 of them. Must it be 500?
#
# Here is the network of lesson 04, trained, as it ships with the course. Guidance turns it into a model of two arguments, `model(x_t, t)`, and then every sampler can use it.


# %% id="lesson-04-network"
class TimeAndClassEmbedding(nn.Module):
    """(t (B,), labels (B,)) -> (B, dim), as in lesson 04."""

    def __init__(self, time_embed, num_classes, dim):
        super().__init__()
        self.time_embed, self.class_embed = time_embed, nn.Embedding(num_classes + 1, dim)

    def forward(self, t_and_labels):
        return self.time_embed(t_and_labels[0]) + self.class_embed(t_and_labels[1])


class ClassConditionalUNet(UNet):
    def __init__(self, channels, num_classes=10, base_channels=16, time_emb_dim=32):
        super().__init__(channels, base_channels, time_emb_dim)
        self.time_embed = TimeAndClassEmbedding(self.time_embed, num_classes, 4 * time_emb_dim)

    def forward(self, x_t, t, labels):
        return super().forward(x_t, (t, labels))


# %% id="guided-model"
def guided(network, labels, guidance_scale=2):
    """The network as a model of (x_t, t): guided towards labels, one label per sample."""
    return lambda x_t, t: guided_noise(network, x_t, t, labels, 10, guidance_scale)


def fewer_levels(model, schedule, visited):
    """(model, schedule) of a chain with the noise levels visited (rising); same original t."""
    short = precompute_schedule(lab.shortened(schedule, visited))
    return lambda x_t, t: model(x_t, visited[t]), short


schedule = precompute_schedule(linear_beta_schedule(500))
network = ClassConditionalUNet(1)
checkpoints.load_checkpoint("04_ddpm", network)
network = network.eval().to(memory_format=torch.channels_last)

# %% [markdown] id="predict-ancestral"
# Let us simply try: lesson 04's sampler on a few of the 500 noise levels. `fewer_levels` makes a schedule for them in which everything is consistent. Its betas are large, and after each step the sampler adds $\sqrt{\beta_t}\,z$.
# > **Predict before you run.** 500 steps gave clean digits. What will 50 steps give, and what 5?

# %% id="figure-ancestral-few"
rows, ten = {}, guided(network, torch.arange(10))
for steps in (50, 20, 10, 5):
    visited = torch.linspace(0, 499, steps).round().long()
    short_model, short = fewer_levels(ten, schedule, visited)
    torch.manual_seed(0)
    rows[f"{steps} steps"] = sample_ddpm(short_model, (10, 1, 16, 16), short, "cpu")
plotting.show_rows(list(rows.values()), list(rows), list("0123456789"))

# %% [markdown] id="why-skip"
# At 50 steps nothing is wrong. At 10 there is grain, and at 5 the digits are buried in it. Of a hundred digits, 1 % are strays at 20 steps, 6 % at 10 steps and 99 % at 5. The noise that this sampler adds, $\sqrt{\beta_t}\,z$, is as large as the step. After a small step the next ones take it out again. After a large one there is more noise than belongs to the level where it arrives: the network is asked about an almost clean picture and gets a noisy one.
# ### The idea of DDIM
# Song, Meng and Ermon (2021) asked what the training really fixes. Look at the loss of lesson 04: it knows $x_0$, $x_t$ and the noise between them. It never looks at two neighbours $x_t$ and $x_{t-1}$. So *any* process whose noise levels are those of $q(x_t \mid x_0)$ may use the trained network. They chose one that needs no fresh noise. In three moves:
# 1. take the predicted noise out, all of it: $\hat x_0 = \dfrac{x_t - \sqrt{1-\bar\alpha_t}\;\varepsilon}{\sqrt{\bar\alpha_t}}$
# 2. decide where to go: any earlier timestep $t_\text{prev}$, not only $t-1$;
# 3. put back as much of *the same* noise as belongs there: $x_{t_\text{prev}} = \sqrt{\bar\alpha_{t_\text{prev}}}\;\hat x_0 + \sqrt{1-\bar\alpha_{t_\text{prev}}}\;\varepsilon$
#
# This is DDIM. The end of the chain is $t_\text{prev} = -1$, the clean image, with $\bar\alpha_{-1} = 1$: there the third move puts nothing back.

# %% [markdown] exercise="ddim_timesteps"
# Which timesteps to visit: `num_steps` whole numbers, evenly spaced, falling, from $T-1$ **to 0**. A single step is `[T - 1]`. Fewer than 1 or more than $T$ steps raise a `ValueError`. How you round is up to you. (The loop `range(T - 1, -1, -T // n)` that many texts use ends at 19 for 50 of 1000 steps: $t = 0$ is never visited.)


# %% exercise="ddim_timesteps"
def ddim_timesteps(T, num_steps):
    """num_steps whole numbers, evenly spaced and falling, from T - 1 to 0; [T - 1] for one step.

    Raises ValueError unless 1 <= num_steps <= T.
    """
    ### BEGIN SOLUTION
    if not 1 <= num_steps <= T:
        raise ValueError(f"num_steps must be from 1 to {T}, got {num_steps}")
    if num_steps == 1:
        return [T - 1]
    spacing = (T - 1) / (num_steps - 1)
    return [round(i * spacing) for i in reversed(range(num_steps))]
    ### END SOLUTION


# %% [markdown] exercise="ddim_step"
# One step, with a dial $\eta$ for fresh noise (equations 12 and 16 of the paper):
# $$x_{t_\text{prev}} = \sqrt{\bar\alpha_\text{prev}}\;\hat x_0 + \sqrt{1-\bar\alpha_\text{prev}-\sigma^2}\;\varepsilon + \sigma z, \qquad \sigma = \eta\,\sqrt{\frac{1-\bar\alpha_\text{prev}}{1-\bar\alpha_t}}\,\sqrt{1-\frac{\bar\alpha_t}{\bar\alpha_\text{prev}}}$$
# $\eta = 0$ is DDIM, $\eta = 1$ is ancestral sampling. `t` and `t_prev` are whole numbers, or tensors with one timestep per sample. Where $\eta > 0$ and no `z` is given, draw it. Do not clamp.


# %% exercise="ddim_step"
def ddim_step(x_t, eps, t, t_prev, schedule, eta=0.0, z=None):
    """x at t_prev from x_t and the predicted noise eps (Song et al. 2021, equations 12 and 16).

    x_t, eps, z (B, …); t, t_prev ints or (B,) int64; t_prev = -1 is the clean image. Not clamped.
    Where eta > 0 and z is None, standard normal noise is drawn.
    """
    ### BEGIN SOLUTION
    alpha_bar = F.pad(schedule["alpha_bar"], (0, 1), value=1.0)  # entry -1: the clean image
    now, then = (
        per_sample(alpha_bar, torch.as_tensor(i, device=x_t.device).reshape(-1), x_t)
        for i in (t, t_prev)
    )
    x_0 = (x_t - (1 - now).sqrt() * eps) / now.sqrt()
    sigma = eta * ((1 - then) / (1 - now) * (1 - now / then)).sqrt()
    x_prev = then.sqrt() * x_0 + (1 - then - sigma**2).sqrt() * eps
    if eta > 0:
        x_prev = x_prev + sigma * (torch.randn_like(x_t) if z is None else z)
    return x_prev
    ### END SOLUTION


# %% [markdown] id="eta-one"
# > **Predict before you run.** With $\eta = 1$, from $t$ to $t-1$: how far is this from lesson 04's step, if its noise is scaled by the posterior variance $\tilde\beta_t$?

# %% id="numbers-eta"
if check.solved("ddim_step"):
    torch.manual_seed(0)
    x_t, eps, z = torch.randn(3, 8, 1, 16, 16)
    worst = 0.0
    for i in range(1, 500):
        t = torch.full((8,), i)
        mean = reverse_mean(x_t, t, eps, schedule)
        ancestral = mean + schedule["posterior_variance"][i].sqrt() * z
        step = ddim_step(x_t, eps, i, i - 1, schedule, eta=1.0, z=z)
        worst = max(worst, (step - ancestral).abs().max().item())
    print(f"largest difference over all timesteps: {worst:.1e}")

# %% [markdown] exercise="sample_ddim"
# The whole way: start from noise, visit `ddim_timesteps`, and from the last one step to −1. The rules are those of `sample_ddpm`: no gradients and eval mode at every model call, the former mode at the end, `t` as int64 with shape (B,), and any callable as model. `with sampling(model):` does most of it.


# %% exercise="sample_ddim"
def sample_ddim(model, shape, schedule, num_steps, device, eta=0.0):
    """DDIM sampling in num_steps steps, the last one to the clean image → (shape)."""
    ### BEGIN SOLUTION
    x = torch.randn(shape, device=device)
    timesteps = list(ddim_timesteps(len(schedule["betas"]), num_steps))
    pairs = pairwise([*timesteps, -1])  # the last step goes to the clean image
    with sampling(model):
        for t, t_prev in pairs:
            eps = model(x, torch.full((shape[0],), t, device=device))
            x = ddim_step(x, eps, t, t_prev, schedule, eta)
    return x
    ### END SOLUTION


# %% id="figure-same-noise"
if check.solved(*STEPS):
    rows = {}
    for steps in (100, 20, 10, 5, 2):
        torch.manual_seed(0)
        rows[f"{steps} steps"] = sample_ddim(ten, (10, 1, 16, 16), schedule, steps, "cpu")
    show(plotting.show_rows(list(rows.values()), list(rows), list("0123456789")))

# %% [markdown] id="same-noise"
# Follow a column from top to bottom. It is the *same* digit. From 100 steps down to 10 there is hardly a difference, at 5 a few corners are rounder, and only at 2, where a single leap crosses the whole chain, is it ragged and too bright. Compare this with the ancestral rows above. (Some pictures, such as this one and two, have a fine grain at every number of steps. DDIM keeps what the start and the network give it; the ancestral sampler would stir it away.)
# ### Two ways to go
# > **Predict before you run.** Twelve points start as noise and end on the two moons. How does the way of a point look in ancestral sampling, and how in DDIM?

# %% id="figure-paths"
if check.solved(*STEPS):
    points, _ = two_moons(300)
    fine = precompute_schedule(linear_beta_schedule(100, 1e-3, 0.12))
    ways = {}
    for title, eta in (("ancestral, eta = 1", 1.0), ("DDIM, eta = 0", 0.0)):
        perfect = PerfectDenoiser(points, fine["alpha_bar"])
        torch.manual_seed(1)
        end = sample_ddim(perfect, (12, 2), fine, 100, "cpu", eta)
        ways[title] = torch.stack([*perfect.asked, end])
    show(latent_figures.plot_paths(ways, points))

# %% [markdown] id="paths-seen"
# On the left every step throws a die. The path is a walk, and each stretch of it must be walked. On the right the path is smooth and nearly straight: a long step along it goes only a little astray. **This is why steps can be skipped.** And the start alone decides the end: the same noise gives the same picture, which makes it possible to move between pictures by moving between noises.
#
# ## Part 3 · The path as an equation
# Divide everything by $\sqrt{\bar\alpha}$: let $\bar x = x/\sqrt{\bar\alpha}$ and $\bar\sigma = \sqrt{(1-\bar\alpha)/\bar\alpha}$. Then a DDIM step is simply
# $$\bar x_\text{prev} = \bar x_t + (\bar\sigma_\text{prev} - \bar\sigma_t)\;\varepsilon_\theta(x_t, t)$$
# A step along the slope: the oldest method for differential equations, *Euler's*. The equation itself, $d\bar x = \varepsilon_\theta\, d\bar\sigma$, is called the probability flow ODE (Song et al. 2021). So sampling is integration, and there are better methods than Euler's.

# %% id="numbers-euler"
if check.solved("ddim_step"):
    x_t, eps = torch.randn(2, 4, 1, 16, 16)
    bar = schedule["alpha_bar"]
    sigma = ((1 - bar) / bar).sqrt()
    euler = x_t / bar[300].sqrt() + (sigma[200] - sigma[300]) * eps
    step = ddim_step(x_t, eps, 300, 200, schedule)
    print(f"DDIM against Euler: {(step - euler * bar[200].sqrt()).abs().max():.1e}")

# %% [markdown] exercise="dpm_solver_pp_2m"
# *DPM-Solver++(2M)* (Lu et al. 2022) is the usual choice today. Two ideas. It measures time as $\lambda = \ln\big(\sqrt{\bar\alpha}/\sqrt{1-\bar\alpha}\big)$, in which the path is even smoother. And it looks back: if $\hat x_0$ has been changing, it will go on changing. With $\sigma = \sqrt{1-\bar\alpha}$, $h = \lambda_\text{next} - \lambda_t$ and $r = (\lambda_t - \lambda_\text{before})/h$:
# $$D = \hat x_0 + \frac{1}{2r}\big(\hat x_0 - \hat x_0^\text{before}\big), \qquad x_\text{next} = \frac{\sigma_\text{next}}{\sigma_t}\,x_t - \sqrt{\bar\alpha_\text{next}}\,\big(e^{-h} - 1\big)\, D$$
# Still one call per step. The first step has nothing to look back at, so $D = \hat x_0$. The step to the clean image is infinitely long in $\lambda$: there, too, $D = \hat x_0$, and $x$ becomes $\hat x_0$. Visit the timesteps of `ddim_timesteps`, and do not clamp.


# %% exercise="dpm_solver_pp_2m"
def dpm_solver_pp_2m(model, shape, schedule, num_steps, device):
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) through ddim_timesteps → (shape).

    First order at the first step and at the step to the clean image; no clamping.
    """
    ### BEGIN SOLUTION
    signal, spread = schedule["sqrt_alpha_bar"], schedule["sqrt_one_minus_alpha_bar"]
    log_snr = (signal / spread).log()  # λ (T,)
    timesteps = list(ddim_timesteps(len(signal), num_steps))
    x, x_0 = torch.randn(shape, device=device), None
    with sampling(model):
        for i, t in enumerate(timesteps):
            eps = model(x, torch.full((shape[0],), t, device=device))
            before, x_0 = x_0, (x - spread[t] * eps) / signal[t]
            if i == num_steps - 1:
                x = x_0  # the step to the clean image
                break
            s, guess = timesteps[i + 1], x_0
            h = log_snr[s] - log_snr[t]
            if i > 0:
                r = (log_snr[t] - log_snr[timesteps[i - 1]]) / h
                guess = x_0 + (x_0 - before) / (2 * r)
            x = spread[s] / spread[t] * x - signal[s] * torch.expm1(-h) * guess
    return x
    ### END SOLUTION


# %% [markdown] id="capstone-intro"
# ## Capstone: the whole bill
# First lesson 04's own sampler with all 500 steps, as the yardstick: a hundred digits, and the clock runs. Then yours, with 20 steps, from the same network. The gate: at most 3 points fewer digits recognised, all four limits of lesson 04 kept, and at least 20 times faster.

# %% id="capstone-full-chain"
ruler, asked_for = metrics.fit_ruler(digits), torch.arange(10).repeat_interleave(10)
model, shape = guided(network, asked_for), (100, 1, 16, 16)
torch.manual_seed(1)
full, full_seconds = lab.timed(sample_ddpm, model, shape, schedule, "cpu")
full_quality = metrics.sample_quality(full, asked_for, ruler)
print(f"500 steps: {full_seconds:.1f} s for 100 digits\n{full_quality}")

# %% id="capstone-gate"
if check.solved(*STEPS):
    torch.manual_seed(1)
    few, few_seconds = lab.timed(sample_ddim, model, shape, schedule, 20, "cpu")
    few_quality = metrics.sample_quality(few, asked_for, ruler)
    faster = full_seconds / few_seconds
    print(f"20 steps: {few_seconds:.2f} s, {faster:.1f} times faster\n{few_quality}")
    show(plotting.show_rows([full[::5], few[::5]], ["500 steps", "DDIM, 20"]))
else:
    show(plotting.show_class_sheet(full, asked_for))

# %% [markdown] id="predict-sweep"
# > **Predict before you run.** The same network with 2 to 50 steps of three samplers. At how many steps does *recognised* fall below 95 % for each of them? And does a recognised digit have to be a good one?


# %% id="capstone-sweep"
def ancestral(model, shape, schedule, num_steps, device):
    """Lesson 04's sampler on some of the noise levels; the model hears the original timesteps."""
    visited = torch.tensor(sorted(ddim_timesteps(len(schedule["betas"]), num_steps)))
    model, short = fewer_levels(model, schedule, visited)
    return sample_ddpm(model, shape, short, device)


if check.solved(*STEPS, "dpm_solver_pp_2m"):
    samplers = {"ancestral": ancestral, "DDIM": sample_ddim, "DPM++": dpm_solver_pp_2m}
    qualities, drawn = {name: {} for name in samplers}, {}
    for name, sampler in samplers.items():
        for steps in (3, 5, 10, 20, 50):
            torch.manual_seed(1)
            drawn[name, steps] = sampler(model, shape, schedule, steps, "cpu")
            quality = metrics.sample_quality(drawn[name, steps], asked_for, ruler)
            qualities[name][steps] = quality
    show(latent_figures.plot_quality_by_steps(qualities, full_quality, chosen=20))
    rows = {f"{n}, {k}": drawn[n, k][::5] for k in (3, 5, 20) for n in samplers}
    show(plotting.show_rows(list(rows.values()), list(rows)))

# %% [markdown] id="sweep-measured"
# *Recognised* says next to nothing here. DDIM's digits are all recognised at 3 steps; in fact a *single* step is enough. It gives something close to the mean of the class: clearly a three, and nearly always the same three (44 % of the variety of real digits). The second panel shows it. DDIM's diversity grows from 56 % at 3 steps to 80 % at 20 and 82 % at 50. The third panel shows what is wrong with ancestral sampling at few steps: recognised, and full of noise. **One number is never enough to judge pictures.** That is why the gate asks for all four.
#
# And the celebrated solver? At 3 steps DPM-Solver++ is the worst of all: one digit in three is recognised. From 10 steps on it is the best: it has the variety of the full chain, which DDIM still lacks.

# %% id="capstone-errors"
if check.solved(*STEPS, "dpm_solver_pp_2m"):
    pair = {name: samplers[name] for name in ("DDIM", "DPM++")}
    errors = lab.errors_by_steps(pair, ten, (10, 1, 16, 16), schedule, (5, 10, 20, 40, 80))
    show(latent_figures.plot_errors(errors))

# %% [markdown] id="errors-measured"
# This is a cleaner comparison: how far is each picture from the exact end of its path? Twice the steps halve the error of DDIM: *first order*. The error of DPM-Solver++ falls faster: *second order*. But it starts higher, and overtakes only at about 20 steps. The reason is in the last stretch. Our timesteps are evenly spaced in $t$, but not in $\lambda$: with 20 steps, the step into $t = 0$ is four times as long in $\lambda$ as the one before it (2.6 against 0.7), and the formula looks ahead four times as far as it has looked back. Libraries offer other spacings for this reason (with names such as Karras), and use first order at the end when there are few steps. **A higher order pays when the steps are small enough.**
#
# ### Both at once: latent diffusion
# Now the two halves meet. The training pictures become latents, once. Lesson 04's training step does the rest: to it, latents are just small pictures with two channels.

# %% id="capstone-latent-training"
torch.manual_seed(0)
latent_unet = ClassConditionalUNet(2).to(memory_format=torch.channels_last)
averaged = AveragedModel(latent_unet, multi_avg_fn=get_ema_multi_avg_fn(0.998))
if check.solved("vae_loss", *LATENTS):
    packed = encode_latents(vae, large.train_images, scaling_factor)
    optimizer = torch.optim.AdamW(latent_unet.parameters(), lr=3e-3)
    decay = OneCycleLR(optimizer, 3e-3, 2000, pct_start=0.1, cycle_momentum=False)
    batches = random_batches(packed, large.train_labels, 64, torch.Generator().manual_seed(0))

    def latent_step():
        loss = cfg_train_step(latent_unet, *next(batches), schedule, optimizer, 0.1, 10)
        decay.step()
        averaged.update_parameters(latent_unet)
        return loss

    show(plotting.plot_loss(run_steps(latent_step, 2000)))
else:
    about = checkpoints.load_checkpoint("06_latent_unet", averaged.module)
    checkpoints.load_checkpoint("06_vae", vae)
    scaling_factor = float(about["scaling_factor"])

# %% id="capstone-latent-samples"
large_ruler = metrics.fit_ruler(large)
labels = torch.arange(10).repeat_interleave(20)
latent_model = guided(averaged.module.eval(), labels)
draw = sample_ddim if check.solved(*STEPS) else lambda *args: sample_ddpm(*args[:3], args[4])
torch.manual_seed(1)
latents, seconds = lab.timed(draw, latent_model, (200, 2, 8, 8), schedule, 20, "cpu")
with torch.no_grad():
    samples, more = lab.timed(vae.decode, latents / scaling_factor)
latent_quality = metrics.sample_quality(samples, labels, large_ruler)
print(f"200 digits of 32x32: {seconds:.2f} s, and {more:.2f} s for decoding\n{latent_quality}")
show(plotting.show_class_sheet(samples, labels, columns=20))

# %% [markdown] id="latent-measured"
# Four times the pixels of lesson 04, and 3 ms a digit where 20 steps in pixels took 10 ms and the full chain 260 ms. Decoding is done once per picture and costs next to nothing. The price shows as well. About 5 % of these digits are strays, against none of lesson 04's: there are ragged strokes in the sheet. A small slip in a latent is a whole piece of a stroke, and this network has been trained for one minute.

# %% id="capstone-verdict"
if check.solved(*STEPS):
    close = few_quality.recognised >= full_quality.recognised - 0.03
    sound = metrics.passes_gate(few_quality)
    print(f"recognised within 3 points: {close}; lesson 04's four limits: {sound}")
    print(f"at least 20 times faster: {faster >= 20}")
    assert close and sound and faster >= 20, "the gate is not passed yet"
    print("gate: passed")

# %% [markdown] id="closing-words"
# ### Words, latents, twenty steps
# To close, everything at once. Lesson 05's CLIP reads a sentence. Its spatial transformers tell lesson 03's U-Net, which works on the latents of 32 × 32 pictures in colour: 256 numbers in the place of 3,072. It predicts lesson 05's velocity, guidance is lesson 04's, and the twenty steps are yours. Part by part, this is how Stable Diffusion draws. Both networks were trained beforehand, with the functions of these lessons.
# > **Predict before you run.** No training picture was a green triangle. The last two sentences ask for one. What will you see?

# %% id="closing-draw"
from lesson_05 import SpatialTransformer, encode_text_sequence

from course_utils import latent_words, prompt_figures, stored_pictures, tiny_clip

reader, colour_vae = latent_words.words_unet(UNet, SpatialTransformer), VAE(3, 16, 4)
colour_factor = latent_words.shipped(reader.eval(), colour_vae)
clip, tokenize = tiny_clip.load_clip(), tiny_clip.tokenizer()


def draw_words(texts):
    """One picture (3, 32, 32) per sentence, in twenty steps."""
    states = encode_text_sequence(clip, tokenize([*texts, ""]))  # (n + 1, 16, 64)
    model = latent_words.guided_by(reader, states[:-1], states[-1:], schedule)
    torch.manual_seed(1)
    latents = sample_ddim(model, (len(texts), 4, 8, 8), schedule, 20, "cpu")
    return decode_latents(colour_vae, latents, colour_factor)


# %% id="closing-show"
wishes, can_draw = latent_words.WISHES, check.solved(*STEPS, "decode_latents")
stored = stored_pictures.stored_pictures("06_latent_and_fast_sampling", "wishes")
show(prompt_figures.show_captioned(draw_words(wishes) if can_draw else stored, wishes))
if can_draw:
    for kind, quality in latent_words.qualities(draw_words).items():
        print(f"{kind}, as lesson 05's judge sees them", quality, sep="\n")

# %% [markdown] id="bridge"
# Of the 100 sentences with seen pairs 99 are drawn right, in size, colour, shape and place. The green triangles are another story: of 20 sentences with held-out pairs half came out right, and with three other starts only 6 to 8. The colour is there, the shape often is not: the weakness that lesson 05 found in its CLIP. All 120 pictures took 0.8 s. **The autoencoder sets the limit.** After 500 steps of training it gave back 37 of the 50 small green crosses among the test pictures as round blobs, and 96 of the 100 sentences were drawn right: what is lost in the latents, or by the decoder, no sampler finds again. Then its decoder alone was trained for 1200 steps more. The crosses came back, and the same U-Net, untouched, drew 99.
# ## The bridge to diffusers
# Hugging Face's `diffusers` is where most people meet these samplers. Are theirs yours? With the library installed, the next cell compares numbers: the schedule, one DDPM step, a DDIM step, a whole run of DPM-Solver++. One trap is marked in its settings: by default the library clips $\hat x_0$ to [−1, 1], which your functions do not, so the comparison sets `clip_sample=False`.
#
# The other way round, their networks fit your functions. Where the autoencoder of Stable Diffusion lies in `data/stable-diffusion-vae`, the cell after it sends a photograph through it, with its own factor. Where it does not, one line says how to get it.

# %% id="bridge-table"
if check.solved("ddim_step", "dpm_solver_pp_2m"):
    print(diffusers_bridge.table(precompute_schedule, reverse_mean, ddim_step, dpm_solver_pp_2m))

# %% id="bridge-vae"
if check.solved(*LATENTS):
    photo = lab.photograph()  # (1, 3, 256, 256)
    back = diffusers_bridge.there_and_back(photo, encode_latents, decode_latents)
    if back is not None:
        show(plotting.show_rows([photo, back], ["photograph", "there and back"]))

# %% [markdown] id="hunts"
# ## Bug hunts
# Two functions you know, each with one mistake. Look at the symptom below each check, mend the function, run the cells again.

# %% [markdown] hunt="hunt_faded_pictures"
# **Symptom.** The autoencoder is well trained, and every function was tested on its own. But pictures that go through `encode` and `decode` come back with the wrong contrast.

# %% hunt="hunt_faded_pictures"

# %% id="symptom-faded"
if check.solved(*LATENTS):
    found = hunt_faded_pictures(vae, large.test_images[:8], scaling_factor)
    back = decode_latents(vae, found, scaling_factor)
    print(f"standard deviation of the latents: {found.std():.2f}")
    show(plotting.show_rows([large.test_images[:8], back], ["picture", "there and back"]))

# %% [markdown] hunt="hunt_noise_left"
# **Symptom.** With 20 steps a veil of noise lies over every sample, with 100 steps a thin one. The denoiser is perfect.

# %% hunt="hunt_noise_left"

# %% id="symptom-noise-left"
if check.solved(*STEPS):
    perfect, samples = PerfectDenoiser(digits.train_images, schedule["alpha_bar"]), []
    for sampler in (sample_ddim, hunt_noise_left):
        torch.manual_seed(0)
        samples.append(sampler(perfect, (8, 1, 16, 16), schedule, 20, "cpu"))
    show(plotting.show_rows(samples, ["your sampler", "this function"]))

# %% [markdown] quiz="quiz"
# Write the letter of the right answer into `quiz_answers`, or all the right letters where several are right.

# %% quiz="quiz"

# %% [markdown] id="cheat-sheet"
# ## Cheat sheet
# | what | formula | in code |
# |---|---|---|
# | KL term | $\tfrac12(\mu^2 + e^\ell - 1 - \ell)$ | `vae_loss` |
# | scaling factor | $1/\text{std}$ of the latents | `1 / latents.std().item()` |
# | encode, decode | times the factor; divided by it | `encode_latents`, `decode_latents` |
# | clean image | $\hat x_0 = (x_t - \sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$ | first move of `ddim_step` |
# | DDIM | $\sqrt{\bar\alpha_\text{prev}}\,\hat x_0 + \sqrt{1-\bar\alpha_\text{prev}}\,\varepsilon$ | `ddim_step`, $\eta = 0$ |
# | timesteps | $T-1, \dots, 0$, then $-1$ | `ddim_timesteps` |
# | Euler | $\bar x + (\bar\sigma_\text{prev}-\bar\sigma)\,\varepsilon$ | the same numbers as DDIM |
# | second order | $D = \hat x_0 + (\hat x_0 - \hat x_0^\text{before})/2r$ | `dpm_solver_pp_2m` |
#
# **Numbers to know.** 48 times fewer numbers in Stable Diffusion's latents. 0.18215 is *its* factor, 1/5.49. DDIM with 20 to 50 steps, DPM-Solver++ with 10 to 25.
#
# **Three places where a step goes wrong.** `alpha_bar[-1]` is the noisiest level, not the clean image. `range(T-1, -1, -T//n)` never visits 0. The noise that is put back is the predicted one, not fresh noise.
#
# **Papers.** Kingma and Welling 2014, *Auto-Encoding Variational Bayes*. Rombach et al. 2022, *High-Resolution Image Synthesis with Latent Diffusion Models*. Song, Meng and Ermon 2021, *Denoising Diffusion Implicit Models*. Song et al. 2021, *Score-Based Generative Modeling through Stochastic Differential Equations*. Lu et al. 2022, *DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models*.
