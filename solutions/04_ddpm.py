# %% [markdown] id="welcome"
# # 04 · DDPM: forward, reverse, guidance
#
# In this lesson you teach a network to draw digits out of pure noise, and then to draw the digit you ask for. You write every part that matters: the noise schedule, the training step, the sampler and the guidance.
#
# **After this lesson you can**
# - jump from a clean image to any noise level in one line, and say why that is allowed;
# - choose a noise schedule and measure what it does, instead of trusting what is said about it;
# - write the training loss and the sampling loop of DDPM from a blank cell;
# - steer the sampler towards a class, and say what that costs;
# - find the bug in a sampler by looking at its samples.
#
# **You need** the U-Net of lesson 03. **Time:** 60 to 90 minutes; at the end a training run of two minutes. Every exercise has a check that tells you *what* went wrong, and `check.hint("forward_diffusion")` gives a hint. You may skip an exercise: the rest goes on.

# %% role="setup"
import torch
import torch.nn.functional as F
from torch import nn

from course_utils import checker

check = checker("04_ddpm")

# %% id="tools"
from unittest.mock import patch

from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils import checkpoints, figures, metrics, plotting
from course_utils.data import has_digits, load_digits, random_batches
from course_utils.perfect import PerfectDenoiser
from course_utils.plotting import show
from course_utils.points import PointModel, two_moons
from course_utils.stored import stored_samples
from course_utils.training import run_steps

digits = load_digits()  # images (N, 1, 16, 16) in [-1, 1], labels (N,)
SCHEDULE = ("linear_beta_schedule", "precompute_schedule")
SAMPLER = (*SCHEDULE, "reverse_mean", "sample_ddpm")


def rehearsal(T=500, beta_start=1e-4, beta_end=0.02):
    """A schedule made by your functions, and the perfect denoiser of the digits for it."""
    schedule = precompute_schedule(linear_beta_schedule(T, beta_start, beta_end))
    alpha_bar = schedule["alpha_bar"]
    return schedule, PerfectDenoiser(digits.train_images, alpha_bar, digits.train_labels)


# %% [markdown] id="story-drop-of-ink"
# ## A question to start with
# In lesson 03 a network took noise *out* of an image. So here is a bold idea: give it an image that is nothing but noise, and ask for the clean one. Would it invent a digit?
#
# We can try this without any training. `PerfectDenoiser` is the best denoiser there can be for our training digits: it knows all of them by heart. For a noisy image it returns the average of all digits that could be hidden in it, the likely ones counted more. No network can have a smaller error on these digits.
# > **Predict before you run.** From left to right the noise grows; the last column is noise and nothing else. What will the best guess for the last column look like?

# %% id="figure-one-big-step"
torch.manual_seed(0)
alpha_bar = torch.tensor([0.9, 0.5, 0.2, 0.05, 0.01, 0.0])  # the share of the image that is left
best = PerfectDenoiser(digits.train_images, alpha_bar)
rows = []
for image in digits.test_images[[0, 3]]:
    kept, noise = alpha_bar.reshape(6, 1, 1, 1), torch.randn(6, 1, 16, 16)
    noisy = kept.sqrt() * image + (1 - kept).sqrt() * noise  # (6, 1, 16, 16)
    rows += [noisy, best.clean(noisy, torch.arange(6))]
alt = "Noisy digits above the best guesses: sharp at first, grey averages of all digits at the end."
plotting.show_rows(rows, ["noisy", "best guess"] * 2, [f"{a:.0%} left" for a in alpha_bar], alt)

# %% [markdown] id="why-small-steps"
# With pure noise the best guess is a grey ghost: the average of all digits. The denoiser is not weak. It is *undecided*, and the average is the answer with the smallest error.
#
# Think of a drop of ink in a glass of water. Nobody can say from the evenly grey water where the drop fell. But film it, and compare one frame with the frame before: a little less spread, and you can say where from. **One big step back is impossible. A small step back is easy.** So we cut the way from image to noise into hundreds of small steps, and learn to undo one of them. This is the idea of Sohl-Dickstein et al. (2015); Ho, Jain and Abbeel made it work in 2020 and called it DDPM.
# ## Part 1 · Forward: from image to noise
# One step forward keeps most of the image and adds a little fresh noise:
# $$x_t = \sqrt{1-\beta_t}\;x_{t-1} + \sqrt{\beta_t}\;\varepsilon, \qquad \varepsilon \sim \mathcal N(0, I)$$
# (Ho et al. 2020, equation 2.) $\beta_t$ is small, say 0.01. The next image depends on the current one and on nothing before it: such a chain is called a *Markov chain*. Nothing is learned here.
#
# But why is $x_{t-1}$ made *smaller*, by $\sqrt{1-\beta_t}$? Could we not just add noise?
# > **Predict before you run.** After 500 steps with $\beta = 0.01$: what is the standard deviation of the pixels with the shrinking factor, and what is it without?

# %% id="figure-why-shrink"
shrunk = grown = digits.train_images[:200]
spread = {"shrink, then add noise": [], "only add noise": []}
for _ in range(500):
    shrunk = 0.99**0.5 * shrunk + 0.01**0.5 * torch.randn_like(shrunk)
    grown = grown + 0.01**0.5 * torch.randn_like(grown)
    spread["shrink, then add noise"].append(shrunk.std().item())
    spread["only add noise"].append(grown.std().item())
figures.plot_curves(spread, "step", "standard deviation")

# %% [markdown] id="variance-preserved"
# Each step adds variance $\beta$. Without shrinking it piles up, to $\sqrt{0.7^2 + 500 \cdot 0.01} \approx 2.3$, and the network would have to read numbers of ever new sizes. With it the variance is multiplied by $1-\beta$ first, so it settles at exactly 1. The end of the chain is then known: standard normal noise. That is where sampling will start.
#
# The numbers $\beta_0 \dots \beta_{T-1}$ are the *noise schedule*. You write two of them.

# %% [markdown] exercise="linear_beta_schedule"
# The schedule of the DDPM paper (section 4): $T$ evenly spaced numbers from `beta_start` to `beta_end`, both included.


# %% exercise="linear_beta_schedule"
def linear_beta_schedule(T, beta_start=1e-4, beta_end=0.02):
    """Evenly spaced betas (T,) from beta_start to beta_end (Ho et al. 2020, section 4)."""
    ### BEGIN SOLUTION
    return torch.linspace(beta_start, beta_end, T)
    ### END SOLUTION


# %% [markdown] exercise="cosine_beta_schedule"
# Nichol and Dhariwal (2021, equation 17) start from the other end. They choose how much of the image should be left at each moment, a cosine curve $f$, and ask which betas lead there:
# $$f(i) = \cos^2\!\left(\frac{i/T + s}{1 + s}\cdot\frac{\pi}{2}\right), \qquad \beta_t = 1 - \frac{f(t+1)}{f(t)}, \qquad t = 0 \dots T-1$$
# Clip the result to $[10^{-5},\ 0.999]$. The ratio takes the difference of numbers that are almost equal: in float32 you lose digits, in float64 you do not.


# %% exercise="cosine_beta_schedule"
def cosine_beta_schedule(T, s=0.008):
    """Betas (T,) of Nichol & Dhariwal 2021, equation 17: 1 - f(t+1)/f(t), in [1e-5, 0.999]."""
    ### BEGIN SOLUTION
    i = torch.arange(T + 1, dtype=torch.float64)
    f = torch.cos((i / T + s) / (1 + s) * torch.pi / 2) ** 2
    betas = 1 - f[1:] / f[:-1]
    return betas.clamp(1e-5, 0.999).float()
    ### END SOLUTION


# %% [markdown] id="closed-form"
# ### One jump instead of many steps
# To make a training image for $t = 400$, must we really take 400 steps? Put two steps together. With $\alpha_t = 1 - \beta_t$:
# $$x_t = \sqrt{\alpha_t}\,x_{t-1} + \sqrt{1-\alpha_t}\,\varepsilon = \sqrt{\alpha_t\alpha_{t-1}}\,x_{t-2} + \sqrt{\alpha_t(1-\alpha_{t-1})}\,\varepsilon' + \sqrt{1-\alpha_t}\,\varepsilon$$
# Two independent Gaussian noises add up to one, and their variances add: $\alpha_t - \alpha_t\alpha_{t-1} + 1 - \alpha_t = 1 - \alpha_t\alpha_{t-1}$. So two steps look like one step with $\alpha_t\alpha_{t-1}$, and many steps like one with the product of all alphas:
# $$\bar\alpha_t = \prod_{s=0}^{t} \alpha_s, \qquad x_t = \sqrt{\bar\alpha_t}\;x_0 + \sqrt{1-\bar\alpha_t}\;\varepsilon \qquad \text{(Ho et al. 2020, equation 4)}$$
# $\bar\alpha_t$ (in code `alpha_bar`) is the one number to remember: **the share of the variance that still comes from the image** (for images of variance 1). $1-\bar\alpha_t$ is noise. Writing a random $x_t$ as *mean plus spread times standard noise* is called *reparameterisation*. It also hands us the noise itself, and that will be the target of the training.
#
# A word on counting: like Python we count timesteps from 0. $x_0$ is the clean image; the timestep `t = 0` is the *first, smallest noise level*. The paper counts it as 1.

# %% [markdown] exercise="precompute_schedule"
# Everything the rest of the lesson looks up, computed once. The last entry is the variance of $q(x_{t-1} \mid x_t, x_0)$, equation 7 of the DDPM paper:
# $$\tilde\beta_t = \beta_t\,\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}, \qquad \bar\alpha_{-1} = 1$$
# so it is 0 at `t = 0`. All entries keep the dtype and the device of `betas`.


# %% exercise="precompute_schedule"
def precompute_schedule(betas):
    """All numbers that training and sampling look up, each (T,) with betas' dtype and device.

    Keys: betas, alphas, alpha_bar, sqrt_alpha_bar, sqrt_one_minus_alpha_bar, sqrt_alpha,
    posterior_variance (Ho et al. 2020, equations 4 and 7).
    """
    ### BEGIN SOLUTION
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
    ### END SOLUTION


# %% [markdown] exercise="compare_schedules"
# At which timestep is (almost) nothing left of the image? Return the first `t` at which `alpha_bar` is below the threshold, for the linear and for the cosine schedule. Where there is none, return `T`.


# %% exercise="compare_schedules"
def compare_schedules(T=1000, threshold=0.01):
    """First timestep with alpha_bar < threshold, T if there is none: (t_linear, t_cosine), ints."""
    ### BEGIN SOLUTION
    first = []
    for betas in (linear_beta_schedule(T), cosine_beta_schedule(T)):
        alpha_bar = precompute_schedule(betas)["alpha_bar"]
        first.append(int((alpha_bar >= threshold).sum()))
    return tuple(first)
    ### END SOLUTION


# %% [markdown] id="predict-half"
# > **Predict before you run.** The linear schedule has 1000 steps. At which step is half of the image's variance gone: near 250, near 500 or near 750? Many texts say "at T/2". And is a chain of 20 steps long enough to end in pure noise?

# %% id="figure-schedules"
if check.solved(*SCHEDULE, "cosine_beta_schedule"):
    betas = {
        "linear": linear_beta_schedule(1000),
        "cosine": cosine_beta_schedule(1000),
        "Stable Diffusion": torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2,
        "linear, 20 steps to 0.09": linear_beta_schedule(20, 1e-4, 0.09),
    }
    schedules = {name: precompute_schedule(b) for name, b in betas.items()}
    print(figures.schedule_table(schedules))
    show(plotting.plot_schedules(schedules))

# %% [markdown] id="schedules-measured"
# Read the table with care; each line corrects a claim you will meet elsewhere.
# - *Linear:* half of the image is gone at t = 259, a quarter of the way. The last third of the chain is almost pure noise, and the network learns little there.
# - *Cosine:* the image fades evenly. At T/2 it is 0.4923, not 0.5: the offset $s$ shifts the curve a bit.
# - *Stable Diffusion* uses neither: its $\sqrt{\beta}$ are evenly spaced. It ends at 0.0047, not at 0, so its last $x_t$ still holds a trace of the image.
# - *20 steps up to 0.09:* 39 % of the image is left at the end. Sampling starts from pure noise, which this model never saw. A short chain needs larger betas: choose them so that `alpha_bar` ends below 0.01.
# > **Exam tip.** Asked for the signal at step t? It is $\sqrt{\bar\alpha_t}$ on $x_0$ and $\sqrt{1-\bar\alpha_t}$ on the noise. The squares add up to 1. If yours do not, a root is missing.


# %% role="given"
def per_sample(values, t, x):
    """values[t] as (B, 1, …, 1), so that it multiplies each sample of x (B, …) by its own number."""
    return values[t].reshape(-1, *[1] * (x.dim() - 1)).to(x.dtype)


# %% [markdown] exercise="forward_diffusion"
# Make $x_t$ from $x_0$ in one jump (equation 4), with a `t` of its own for every sample. `per_sample` above looks up one number per sample and shapes it to multiply images. Return the noise as well. The cell after the check draws what your function does, and gives you a slider. From which `t` on can you no longer tell which digit it is?


# %% exercise="forward_diffusion"
def forward_diffusion(x_0, t, schedule):
    """A noisy x_t for each sample, in one step (Ho et al. 2020, equation 4).

    x_0 (B, …), t (B,) int64 → (x_t, noise), both shaped like x_0.
    """
    ### BEGIN SOLUTION
    noise = torch.randn_like(x_0)
    signal = per_sample(schedule["sqrt_alpha_bar"], t, x_0)  # (B, 1, …)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_0)  # (B, 1, …)
    return signal * x_0 + spread * noise, noise
    ### END SOLUTION


# %% id="figure-forward"
if check.solved(*SCHEDULE, "forward_diffusion"):
    torch.manual_seed(0)
    schedule = precompute_schedule(linear_beta_schedule(500))
    timesteps = [0, 50, 100, 150, 200, 300, 400, 499]
    x_0 = digits.test_images[:3]
    frames = [forward_diffusion(x_0, torch.full((3,), t), schedule)[0] for t in timesteps]
    show(plotting.show_forward_process(frames, timesteps, schedule))
    figures.explore_noise(digits.test_images[:8], schedule, forward_diffusion)  # a slider

# %% [markdown] id="part-learning"
# ## Part 2 · Learning: guess the noise
# The network sees $x_t$ and $t$. What should it predict? It could be the clean image. Ho et al. let it predict the *noise* $\varepsilon$ that was mixed in. From one you get the other, because $x_0 = (x_t - \sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$; but the noise has the same size at every $t$, which makes it a comfortable target. The exact likelihood bound would weight every timestep differently. Leaving the weights out gave better images, and this is the whole *simplified loss*:
# $$L_\text{simple} = \mathbb E_{t,\,x_0,\,\varepsilon}\; \big\lVert \varepsilon - \varepsilon_\theta(\sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon,\; t) \big\rVert^2 \qquad \text{(Ho et al. 2020, equation 14)}$$

# %% [markdown] exercise="ddpm_loss"
# Draw one `t` per sample, uniformly from all $T$ timesteps. Make $x_t$. Ask the model once, `model(x_t, t)`. Return the mean squared error between its answer and the true noise, over all elements.


# %% exercise="ddpm_loss"
def ddpm_loss(model, x_0, schedule):
    """Mean squared error of the predicted noise (Ho et al. 2020, equation 14); a scalar tensor."""
    ### BEGIN SOLUTION
    T = len(schedule["betas"])
    t = torch.randint(0, T, (x_0.shape[0],), device=x_0.device)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    return F.mse_loss(model(x_t, t), noise)
    ### END SOLUTION


# %% [markdown] id="predict-silent-model"
# > **Predict before you run.** A lazy model always answers 0. What is its loss? And what is the loss of the perfect denoiser on its own training digits: exactly 0?

# %% id="numbers-loss"
if check.solved(*SCHEDULE, "forward_diffusion", "ddpm_loss"):
    torch.manual_seed(0)
    schedule, perfect = rehearsal()
    for name, model in {"lazy": lambda x_t, t: torch.zeros_like(x_t), "perfect": perfect}.items():
        print(f"{name:8} {ddpm_loss(model, digits.train_images, schedule):.4f}")

# %% [markdown] id="loss-floor"
# The lazy model gets 1, the variance of the noise. So a first loss near 1 is right, and a loss that *stays* near 1 means that nothing is learned. Even the perfect denoiser does not reach 0: under heavy noise several digits are possible, and no one can know which it was. **A diffusion loss has a floor above zero**, and a falling loss is a poor judge of pictures. Look at samples.

# %% [markdown] exercise="ddpm_train_step"
# One update: loss, gradients, step. Return the loss as a plain float. Leave the model's train or eval mode as it is, and do not clip.


# %% exercise="ddpm_train_step"
def ddpm_train_step(model, x_0, schedule, optimizer):
    """One update of the model; returns the loss before it as a plain float."""
    ### BEGIN SOLUTION
    loss = ddpm_loss(model, x_0, schedule)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% [markdown] id="part-reverse"
# ## Part 3 · Reverse: from noise to image
# Now the film runs backwards. For one small step, the distribution of $x_{t-1}$ given $x_t$ is nearly a Gaussian. Its mean is that of $q(x_{t-1} \mid x_t, x_0)$ (equation 7), with $x_0$ replaced by what the predicted noise says about it:
# $$\mu_\theta(x_t, t) = \frac{1}{\sqrt{\alpha_t}}\left(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\, \varepsilon_\theta(x_t, t)\right) \qquad \text{(Ho et al. 2020, equation 11)}$$
# Read it from the inside: take out a *share* of the predicted noise (only a share: this is one step of many), then undo the shrinking of this one step. One step, so $\alpha_t$ *without* the bar.

# %% [markdown] exercise="reverse_mean"
# Equation 11, for a batch in which every sample may have its own `t`.


# %% exercise="reverse_mean"
def reverse_mean(x_t, t, eps, schedule):
    """Mean of p(x_{t-1} | x_t) from the predicted noise eps (Ho et al. 2020, equation 11).

    x_t and eps (B, …), t (B,) int64 → (B, …)
    """
    ### BEGIN SOLUTION
    beta = per_sample(schedule["betas"], t, x_t)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_t)
    sqrt_alpha = per_sample(schedule["sqrt_alpha"], t, x_t)
    return (x_t - beta / spread * eps) / sqrt_alpha
    ### END SOLUTION


# %% [markdown] exercise="sample_ddpm"
# *Ancestral sampling* (Ho et al. 2020, algorithm 2). Start from $x_T \sim \mathcal N(0, I)$. For $t = T-1, \dots, 0$: ask the model, compute the mean, add fresh noise $\sigma_t z$ with $\sigma_t = \sqrt{\beta_t}$. At `t = 0` add nothing: the mean is the image. (The paper tried $\sigma_t^2 = \tilde\beta_t$ as well, with similar results.)
#
# Nobody needs gradients here, and layers such as dropout must rest. So: no gradients and eval mode at every model call, and the model's former mode at the end. The model may also be a plain function.


# %% exercise="sample_ddpm"
def sample_ddpm(model, shape, schedule, device):
    """Ancestral sampling (Ho et al. 2020, algorithm 2) with σ_t = √β_t → (shape).

    No gradients, eval mode while the model is called; its mode is put back at the end.
    """
    ### BEGIN SOLUTION
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    x = torch.randn(shape, device=device)
    with torch.no_grad():
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((shape[0],), i, device=device)  # (B,) int64
            x = reverse_mean(x, t, model(x, t), schedule)
            if i > 0:
                x = x + schedule["betas"][i].sqrt() * torch.randn_like(x)
    if training:
        model.train()
    return x
    ### END SOLUTION


# %% [markdown] id="predict-perfect"
# ### Test your sampler before you train anything
# The perfect denoiser can stand in for a trained network. If your sampler is right, the result is too.
# > **Predict before you run.** The same perfect denoiser gave a grey ghost in one big step. Now it is asked 500 times. What will the samples look like? Will they be new digits?

# %% id="figure-reverse"
if check.solved(*SAMPLER):
    torch.manual_seed(0)
    schedule, perfect = rehearsal()
    samples = sample_ddpm(perfect, (4, 1, 16, 16), schedule, "cpu")
    timesteps = [499, 300, 200, 150, 100, 50, 20, 0]
    frames = [perfect.asked[499 - t] for t in timesteps]  # what your sampler showed the model
    show(plotting.show_reverse_process(frames, timesteps))
    show(plotting.show_nearest(samples, digits.train_images))

# %% [markdown] id="perfect-is-a-copy"
# Real digits, sharp and different each time: small steps do what one big step could not. The random noise of each step makes the decisions that the single guess could not make.
#
# But look at the second picture: every sample *is* a training image. The model with the lowest possible training loss is a copying machine. A network is useful because it does **not** reach that loss: it has to generalise. Keep this in mind for the capstone, where copies are counted.
# ### A schedule can break a sampler
# > **Predict before you run.** Each reverse step divides by $\sqrt{\alpha_t}$, so it also multiplies every error of the model. Which schedule has the step that does this most, and by what factor?

# %% id="figure-gain"
if check.solved(*SCHEDULE, "cosine_beta_schedule"):
    betas = {"linear": linear_beta_schedule(500), "cosine": cosine_beta_schedule(500)}
    gain = {name: 1 / precompute_schedule(b)["sqrt_alpha"] for name, b in betas.items()}
    show(figures.plot_curves(gain, "t", "1 / sqrt(alpha_t)", log=True))
    print({name: round(values.max().item(), 2) for name, values in gain.items()})

# %% [markdown] id="gain-measured"
# The last beta of the cosine schedule is clipped to 0.999. The *first* reverse step therefore divides by $\sqrt{0.001}$: whatever the network gets wrong there comes out 32 times larger. Libraries hide this by clamping the predicted image to [-1, 1] at each step. Our sampler follows the paper's formula and does not clamp. We trained the capstone's network with the cosine schedule, too. At guidance $w = 2$, 79 % of its digits were recognised; at $w = 4$ only 28 %, with pixel values up to 100. So the capstone uses the linear schedule.
# ### A real network, in seconds
# Digits take minutes. Points in the plane take seconds, and the functions are the same: yours work with any shape. The cell trains a small network with your `ddpm_train_step`, then samples 1000 points.

# %% id="train-points"
if check.solved(*SAMPLER, "forward_diffusion", "ddpm_loss", "ddpm_train_step"):
    torch.manual_seed(0)
    points, sides = two_moons()
    short = precompute_schedule(linear_beta_schedule(50, 2e-3, 0.24))
    model = PointModel(50)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    batches = random_batches(points, sides, 250, torch.Generator().manual_seed(0))

    def step():
        loss = ddpm_train_step(model, next(batches)[0], short, optimizer)
        averaged.update_parameters(model)
        return loss

    show(plotting.plot_loss(run_steps(step, 1500)))
    clouds = {"data": points}
    for name, network in {"last weights": model, "averaged weights": averaged}.items():
        clouds[name] = sample_ddpm(network, (1000, 2), short, "cpu")
        away = torch.cdist(clouds[name], points).amin(1)  # distance to the nearest data point
        print(f"{name}: nine of ten samples lie within {away.quantile(0.9):.3f} of the data")
    show(figures.plot_points(clouds))

# %% [markdown] id="ema"
# Two clouds, one training run. The middle one comes from the network as it was after the last step. Each step follows a few random images and random noise, so the weights never stand still. The right one comes from an *exponential moving average* (EMA) of the weights, updated after each step:
# $$\theta_\text{EMA} \leftarrow d\,\theta_\text{EMA} + (1-d)\,\theta$$
# It remembers about the last $1/(1-d)$ steps; here $d = 0.99$, so 100 steps. The average shakes less than the weights do, so its samples scatter less: the printed distance falls by about a seventh in our run. Training goes on with $\theta$; only sampling uses the average. The DDPM paper uses $d = 0.9999$ for runs of many hundred thousand steps.
# > **Exam tip.** Choose $d$ by the length of the run: $1/(1-d)$ should be a small part of all steps. With $d = 0.9999$ after 2000 steps, four fifths of the average are still the random start ($0.9999^{2000} = 0.82$).
# ## Part 4 · Guidance: the digit I ask for
# So far chance chooses the digit. To choose it ourselves, the network must be told a *label*: `model(x_t, t, labels)`. The usual way is a table with one learned vector per class, an *embedding*. The vector of the label is added to the embedding of the time, and travels with it into every block.
#
# Told is not obeyed. A network often listens to the label only a little, since $x_t$ alone tells most of the story. *Classifier-free guidance* (Ho and Salimans 2022) turns up the volume. The same network learns both to draw with a label and to draw without one: now and then, in training, its label is replaced by a *null class* that means "any digit".

# %% [markdown] exercise="drop_labels"
# Replace each label by `null_class` with probability `p_uncond`, each one independently. Return a new tensor of the same dtype. With `p_uncond = 0` none is dropped, with 1 all of them, exactly.


# %% exercise="drop_labels"
def drop_labels(labels, p_uncond, null_class):
    """A copy of labels (B,) in which each one is null_class with probability p_uncond."""
    ### BEGIN SOLUTION
    drop = torch.rand(labels.shape, device=labels.device) < p_uncond
    return labels.masked_fill(drop, null_class)
    ### END SOLUTION


# %% [markdown] exercise="guided_noise"
# Ask twice: once with the labels ($\varepsilon_c$), once with the null class ($\varepsilon_\varnothing$). The difference points towards the label. Walk $w$ times as far:
# $$\hat\varepsilon = \varepsilon_\varnothing + w\,(\varepsilon_c - \varepsilon_\varnothing)$$
# $w = 0$ ignores the label, $w = 1$ is the plain conditional model, $w > 1$ exaggerates. (The paper's equation 6 writes $(1+w)\,\varepsilon_c - w\,\varepsilon_\varnothing$: the same, with its $w$ smaller by one. Libraries and this course use the form above.)


# %% exercise="guided_noise"
def guided_noise(model, x_t, t, labels, null_class, guidance_scale):
    """Noise of classifier-free guidance: eps_null + w (eps_labels - eps_null) (Ho & Salimans 2022)."""
    ### BEGIN SOLUTION
    eps_cond = model(x_t, t, labels)
    eps_null = model(x_t, t, torch.full_like(labels, null_class))
    return eps_null + guidance_scale * (eps_cond - eps_null)
    ### END SOLUTION


# %% [markdown] exercise="cfg_train_step"
# `ddpm_train_step` with labels: drop some, call the model once with the rest, update. The loss is the same.


# %% exercise="cfg_train_step"
def cfg_train_step(model, x_0, labels, schedule, optimizer, p_uncond, null_class):
    """One update with some labels dropped; returns the loss before it as a plain float."""
    ### BEGIN SOLUTION
    T = len(schedule["betas"])
    t = torch.randint(0, T, (x_0.shape[0],), device=x_0.device)
    x_t, noise = forward_diffusion(x_0, t, schedule)
    eps = model(x_t, t, drop_labels(labels, p_uncond, null_class))
    loss = F.mse_loss(eps, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
    ### END SOLUTION


# %% [markdown] exercise="sample_cfg"
# `sample_ddpm` with guidance: one image per entry of `class_labels`. The null class is `num_classes`, the row after the last real class. All other rules stay.


# %% exercise="sample_cfg"
def sample_cfg(model, shape, schedule, class_labels, guidance_scale, num_classes, device):
    """Ancestral sampling with guidance: one image per entry of class_labels (B,) → (shape)."""
    ### BEGIN SOLUTION
    training = isinstance(model, nn.Module) and model.training
    if training:
        model.eval()
    labels = class_labels.to(device)
    x = torch.randn(shape, device=device)
    with torch.no_grad():
        for i in reversed(range(len(schedule["betas"]))):
            t = torch.full((shape[0],), i, device=device)  # (B,) int64
            eps = guided_noise(model, x, t, labels, num_classes, guidance_scale)
            x = reverse_mean(x, t, eps, schedule)
            if i > 0:
                x = x + schedule["betas"][i].sqrt() * torch.randn_like(x)
    if training:
        model.train()
    return x
    ### END SOLUTION


# %% [markdown] id="predict-guidance"
# ### What guidance does, in a picture you can see through
# Points again, in two classes: upper moon and lower moon. The denoiser is a perfect one, with labels.
# > **Predict before you run.** At $w = 1$ the samples look like the data. What changes at $w = 8$: the position of the points, how far they spread, or both?

# %% id="figure-guidance-points"
GUIDED = (*SCHEDULE, "reverse_mean", "guided_noise", "sample_cfg")
if check.solved(*GUIDED):
    points, sides = two_moons(400)
    short = precompute_schedule(linear_beta_schedule(50, 2e-3, 0.24))
    perfect_points = PerfectDenoiser(points, short["alpha_bar"], sides)
    asked_for, clouds = torch.arange(2).repeat(100), {}
    for w in (0, 1, 2, 4, 8):
        torch.manual_seed(0)
        clouds[f"w = {w}"] = sample_cfg(perfect_points, (200, 2), short, asked_for, w, 2, "cpu")
    alt = "Two classes of points for w = 0 to 8: mixed, then apart, then in ever smaller regions."
    show(figures.plot_points(clouds, asked_for, alt))

# %% [markdown] id="part-capstone"
# At $w = 0$ both colours cover both moons: the label is not heard. At $w = 1$ each colour has its moon. Above 1, points leave the places where the other class is near. More *typical*, so easier to recognise; less *varied*, so part of the data is never drawn. This is the price of guidance, and you will measure it.
# ## Capstone: digits on request
# Now your own functions train a real network: lesson 03's U-Net, the embedded handwritten digits, two minutes on two CPU cores. (With a GPU and MNIST's files in `data/` the same cells train a larger network on 32×32 images.) Four numbers decide whether it is good:
# - *recognised*: how many samples are read as the digit that was asked for, by a classifier that learned from real digits only and reads more than 99 % of unseen real ones correctly. At least 95 %.
# - *diversity*: how different the samples of a class are from each other, compared with real test digits. At least 60 %.
# - *near-copies*: how many samples are as close to a training image as only 2 % of real test digits are. Hardly more than that.
# - *strays*: how many are farther from every training image than 99 % of real test digits. At most 10 %.
#
# First, the network learns to hear the label. The U-Net passes whatever it gets as `timesteps` to `time_embed` and to nothing else. So we hand it a pair, and let `time_embed` embed both. The table has one row more than there are classes: the last row is the null class.

# %% id="class-conditional-unet"
from lesson_03 import UNet


class TimeAndClassEmbedding(nn.Module):
    """(t (B,), labels (B,)) -> (B, dim): the embedding of the time plus that of the class."""

    def __init__(self, time_embed, num_classes, dim):
        super().__init__()
        self.time_embed = time_embed
        self.class_embed = nn.Embedding(num_classes + 1, dim)  # the last row is the null class

    def forward(self, t_and_labels):
        t, labels = t_and_labels
        return self.time_embed(t) + self.class_embed(labels)


# %% id="build-model"
class ClassConditionalUNet(UNet):
    """Lesson 03's U-Net, told the class too: x_t (B, C, H, W), t (B,), labels (B,) -> like x_t."""

    def __init__(self, num_classes, base_channels, time_emb_dim):
        super().__init__(1, base_channels, time_emb_dim)
        self.time_embed = TimeAndClassEmbedding(self.time_embed, num_classes, 4 * time_emb_dim)

    def forward(self, x_t, t, labels):
        return super().forward(x_t, (t, labels))


can_train = check.solved(*SCHEDULE, "forward_diffusion", "drop_labels", "cfg_train_step")
can_draw = check.solved(*GUIDED)
device = "cuda" if torch.cuda.is_available() else "cpu"
large = can_train and can_draw and device == "cuda" and has_digits("mnist")
real = load_digits("mnist" if large else "digits")
num_steps, batch_size, lr = (8000, 256, 1e-3) if large else (2400, 64, 3e-3)
torch.manual_seed(seed := 0)
model = ClassConditionalUNet(10, 64 if large else 16, 64 if large else 32)
model = model.to(device, memory_format=torch.channels_last)  # a faster layout, the same numbers
averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.998))

# %% [markdown] id="capstone-training"
# `OneCycleLR` raises the learning rate for the first tenth of the run, then lowers it to almost zero. You can interrupt the training (*Kernel > Interrupt*): what was learned stays. Where a function of yours is missing, a provided network or its stored samples step in.
#
# Then comes the gate: twenty samples of each digit, with guidance $w = 2$ and the averaged weights. Below them: are these new digits or remembered ones? Ten samples stand above the training images nearest to them. They should be alike, not the same.

# %% id="capstone-train"
if can_train:
    schedule = precompute_schedule(linear_beta_schedule(500).to(device))
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    decay = OneCycleLR(optimizer, lr, num_steps, pct_start=0.1, cycle_momentum=False)
    data = (real.train_images.to(device), real.train_labels.to(device))
    batches = random_batches(*data, batch_size, torch.Generator().manual_seed(seed))

    def one_step():
        loss = cfg_train_step(model, *next(batches), schedule, optimizer, 0.1, 10)
        decay.step()
        averaged.update_parameters(model)
        return loss

    show(plotting.plot_loss(run_steps(one_step, num_steps)))
else:
    checkpoints.load_checkpoint("04_ddpm", averaged.module)


# %% id="capstone-samples"
def draw(w, per_class, seed):
    """(samples, labels): guided samples of each digit; stored ones if your sampler is not ready."""
    labels = torch.arange(10).repeat_interleave(per_class)
    if not can_draw:
        return stored_samples("04_ddpm", w, per_class), labels
    torch.manual_seed(seed)  # the same noise for every guidance scale
    schedule = precompute_schedule(linear_beta_schedule(500).to(device))
    shape = (len(labels), *real.train_images.shape[1:])
    return sample_cfg(averaged.module, shape, schedule, labels, w, 10, device).cpu(), labels


ruler = metrics.fit_ruler(real)
samples, labels = draw(2, per_class=20, seed=1)
quality = metrics.sample_quality(samples, labels, ruler)
print(quality)
whose = "gate:" if can_train and can_draw else "gate of the provided samples:"
print(whose, "passed" if metrics.passes_gate(quality) else "not passed yet")
show(plotting.show_class_sheet(samples, labels, columns=20))
plotting.show_nearest(samples[::20], real.train_images)

# %% [markdown] id="capstone-sweep"
# ### What guidance costs
# > **Predict before you run.** The same network, the same noise, five guidance scales from 0 to 7. Draw two curves on paper: how many samples are recognised, and how diverse they are. Where do you expect the best compromise?

# %% id="capstone-guidance"
scales = [0, 1, 2, 4, 7]
drawn = [draw(w, per_class=10, seed=2) for w in scales]
qualities = [metrics.sample_quality(images, labels, ruler) for images, labels in drawn]
show(plotting.plot_guidance_sweep(scales, qualities, chosen=2))
rows = [images[::10] for images, _ in drawn]
plotting.show_rows(rows, [f"w = {w}" for w in scales], list("0123456789"))

# %% [markdown] id="guidance-measured"
# In our run: at $w = 0$ the label is not heard, and 11 of 100 samples are right by chance. (The "diversity" of 143 % is no virtue: each class holds all ten digits.) At $w = 1$, 98 % are right; at $w = 2$ all of them, and there is nothing left to gain. But the price keeps rising. Diversity fell from 92 % to 83 %, and at $w = 7$ one sample in twenty is farther from all real digits than real digits are from each other: look at the strokes in the last row. So guidance is not "the more the better". Choose the smallest $w$ that makes the samples right.
# > **Exam tip.** When a task asks for class-conditional samples, test with $w = 0$ and $w = 1$ first. At 0 the labels must have no effect; at 1 the result must equal the plain conditional model. Two lines that catch most mistakes.
# ## Bug hunts
# Reading broken code is half of a coding exam. Below are four functions you know, each with **one** mistake. The check is the one you know, too. The cell after each check shows the symptom, with your own sampler and the perfect denoiser. Look at it, mend the function, and run the cells again.

# %% [markdown] hunt="hunt_exploding_samples"
# **Symptom.** The samples are hard black and white noise. Before they are clipped for display, their values grow at every step. Many texts say that this mistake gives black images. Measure it.

# %% hunt="hunt_exploding_samples"

# %% id="symptom-exploding"
if check.solved(*SAMPLER):
    schedule, perfect = rehearsal(1000)
    with patch("__main__.reverse_mean", hunt_exploding_samples):
        samples = sample_ddpm(perfect, (8, 1, 16, 16), schedule, "cpu")
    show(plotting.show_images(samples, 8))
    largest = {"largest value of x_t": [x_t.abs().max().item() for x_t in perfect.asked]}
    show(figures.plot_curves(largest, "sampling step", "largest value", log=True))

# %% [markdown] hunt="hunt_grainy_samples"
# **Symptom.** The digits are fine, but there is a fine grain on every one of them, even on the black background. With 500 small steps nobody sees it, with 20 large steps everybody does. So this bug lives long.

# %% hunt="hunt_grainy_samples"

# %% id="symptom-grainy"
if check.solved(*SAMPLER):
    schedule, perfect = rehearsal(20, 0.01, 0.5)
    samples = []
    for sampler in (sample_ddpm, hunt_grainy_samples):
        torch.manual_seed(0)
        samples.append(sampler(perfect, (8, 1, 16, 16), schedule, "cpu"))
    show(plotting.show_rows(samples, ["your sampler", "this function"]))

# %% [markdown] hunt="hunt_idle_guidance"
# **Symptom.** The digits are right, but the guidance scale does nothing: $w = 8$ draws exactly the images of $w = 0$.

# %% hunt="hunt_idle_guidance"

# %% id="symptom-idle"
if check.solved(*SCHEDULE, "reverse_mean", "sample_cfg"):
    (schedule, perfect), labels, samples = rehearsal(50, 2e-3, 0.24), torch.arange(10), []
    with patch("__main__.guided_noise", hunt_idle_guidance):
        for w in (0, 1, 8):
            torch.manual_seed(0)
            samples.append(sample_cfg(perfect, (10, 1, 16, 16), schedule, labels, w, 10, "cpu"))
    show(plotting.show_rows(samples, ["w = 0", "w = 1", "w = 8"], list("0123456789")))

# %% [markdown] hunt="hunt_nan_samples"
# **Symptom.** Nothing but white squares. The first values after one step are too large already, and soon they are no numbers any more.

# %% hunt="hunt_nan_samples"

# %% id="symptom-nan"
if check.solved(*SAMPLER):
    schedule, perfect = rehearsal(1000)
    with patch("__main__.reverse_mean", hunt_nan_samples):
        samples = sample_ddpm(perfect, (8, 1, 16, 16), schedule, "cpu")
    show(plotting.show_images(samples, 8))
    print("largest value:", samples.abs().max().item())

# %% [markdown] quiz="quiz"
# Write the letter of the right answer into `quiz_answers`, or all the right letters where several are right.

# %% quiz="quiz"

# %% [markdown] id="cheat-sheet"
# ## Cheat sheet
# | what | formula | in code |
# |---|---|---|
# | share of the image | $\bar\alpha_t = \prod_{s \le t} (1-\beta_s)$ | `torch.cumprod(1 - betas, 0)` |
# | one jump forward | $x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon$ | `forward_diffusion` |
# | loss | $\lVert \varepsilon - \varepsilon_\theta(x_t, t)\rVert^2$ | `F.mse_loss(model(x_t, t), noise)` |
# | back to the image | $x_0 = (x_t - \sqrt{1-\bar\alpha_t}\,\varepsilon)/\sqrt{\bar\alpha_t}$ | used from lesson 05 on |
# | one step back | $(x_t - \beta_t\,\varepsilon/\sqrt{1-\bar\alpha_t})/\sqrt{\alpha_t} + \sqrt{\beta_t}\,z$, no $z$ at `t = 0` | `reverse_mean`, `sample_ddpm` |
# | guidance | $\varepsilon_\varnothing + w\,(\varepsilon_c - \varepsilon_\varnothing)$ | `guided_noise` |
# | average of the weights | $\theta_\text{EMA} \leftarrow d\,\theta_\text{EMA} + (1-d)\,\theta$ | `AveragedModel` |
#
# **Numbers to know.** $T$ = 1000 and $\beta$ from 1e-4 to 0.02 (DDPM). `p_uncond` 0.1 to 0.2. $w$ = 1 is no extra guidance. A loss near 1 is the loss of doing nothing.
#
# **Three places where the bar matters.** $\bar\alpha$ in the jump. $\bar\alpha$ under $\beta$ in the mean. $\alpha$, without the bar, where one step is undone.
#
# **Papers.** Sohl-Dickstein et al. 2015, *Deep Unsupervised Learning using Nonequilibrium Thermodynamics*. Ho, Jain and Abbeel 2020, *Denoising Diffusion Probabilistic Models*. Nichol and Dhariwal 2021, *Improved Denoising Diffusion Probabilistic Models*. Ho and Salimans 2022, *Classifier-Free Diffusion Guidance*.
