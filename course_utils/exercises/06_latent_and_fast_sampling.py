"""Probes of lesson 06: what the grader and the notebook's check look at."""

from __future__ import annotations

import torch

from course_utils.engine.case import CONSTANT, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect
from course_utils.exercises.diffusion import draw_schedule, image_shape
from course_utils.exercises.latent_toys import (
    drawn_vae,
    latent_outputs,
    refusal,
    sampled,
    sampler_outputs,
    step_noise,
    step_outputs,
    timestep_outputs,
)

registry = Registry(
    "06_latent_and_fast_sampling", builds_on=("03_unet", "04_ddpm", "05_text_to_image")
)
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)
VECTORS = case("vectors instead of images", group="robustness", shape=(5,))
EVAL = case("in eval mode", group="robustness", eval=True)


@exercise(
    section="latent", points=6, minutes=6, difficulty=2, importance=3,
    cases=[
        case("images and latents"),
        case("a perfect reconstruction", same=True),
        case("latents that are standard normal", prior=True),
        case("no weight on the KL term", weight=0.0),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def vae_loss(target, case):
    batch = case.option("batch") or case.size(3, 5)
    images = case.randn(batch, case.size(1, 3), case.size(6, 9), 6)
    latent = (batch, case.size(2, 4), 3, case.size(2, 4))
    blurred = images + (0 if case.option("same") else 0.5) * case.randn(*images.shape)
    mean, logvar = case.randn(*latent), case.randn(*latent) - 0.5
    if case.option("prior"):
        mean, logvar = mean * 0, logvar * 0
    leaves = [case.differentiable(case.tensor(x)) for x in (blurred, mean, logvar)]
    weight = case.option("weight", case.number(0.2, 2.0))
    loss = target(leaves[0], images, leaves[1], leaves[2], weight)
    loss = expect(torch.Tensor, loss, "a tensor")
    if case.spec.fake_cuda:
        return {"loss": loss.detach()}
    (loss + 0 * sum(x.sum() for x in leaves)).backward()
    names = ("reconstruction", "mean", "logvar")
    gradients = {f"gradient of the {n}": x.grad for n, x in zip(names, leaves, strict=True)}
    return {"loss": loss.detach(), **gradients}


@exercise(
    section="latent", points=4, minutes=3, difficulty=1, importance=4,
    cases=[
        case("some latents"),
        case("latents with a gradient", group="robustness", graph=True),
        case("a flat list of latents", group="robustness", flat=True),
        ONE,
        DOUBLE,
    ],
    device=False,
)  # fmt: skip
def estimate_scaling_factor(target, case):
    batch, channels = case.option("batch") or case.size(3, 4), case.size(2, 3)
    latents = case.randn(batch, channels, 3, 2)
    by_channel = case.rand(channels, 1, 1) * 4 + 0.5
    by_sample = case.rand(batch, 1, 1, 1) * 3
    latents = case.tensor(latents * by_channel + 2 * by_channel + by_sample)
    if case.option("flat"):
        latents = case.tensor(latents.flatten())
    if case.option("graph"):
        latents = case.differentiable(latents)
    return {"scaling factor": expect(float, target(latents), "a plain float")}


@exercise(
    section="latent", points=6, minutes=5, difficulty=2, importance=4,
    cases=[case("images"), EVAL, ONE, DOUBLE],
)  # fmt: skip
def encode_latents(target, case):
    vae, batch = drawn_vae(case), case.option("batch") or case.size(2, 4)
    images = case.tensor(case.rand(batch, case.size(1, 3), 6, 8) * 2 - 1)
    latents = target(vae, images, case.number(1.5, 3.0))
    return latent_outputs(vae, "latents", latents)


@exercise(
    section="latent", points=4, minutes=3, difficulty=2, importance=4,
    cases=[case("latents"), EVAL, ONE, DOUBLE],
)  # fmt: skip
def decode_latents(target, case):
    vae, batch = drawn_vae(case), case.option("batch") or case.size(2, 4)
    latents = case.tensor(case.randn(batch, case.size(1, 3), 3, 4) * 3)
    images = target(vae, latents, case.number(1.5, 3.0))
    return latent_outputs(vae, "images", images)


@exercise(
    section="sampling", points=6, minutes=8, difficulty=3, importance=4,
    cases=[
        case("20 to 60 of a few hundred"),
        case("50 of 1000", T=1000, steps=50),
        case("every timestep", T=30, steps=30),
        case("two steps", T=200, steps=2),
        case("one step", T=200, steps=1),
        case("nearly all", group="robustness", left_out=2),
        case("a chain of one timestep", group="robustness", T=1, steps=1),
        case("more steps than timesteps", group="robustness", T=20, refused=(21, 40)),
        case("no steps at all", group="robustness", T=20, refused=(0, -3)),
    ],
    device=False,
)  # fmt: skip
def ddim_timesteps(target, case):
    T = case.option("T") or case.size(200, 900)
    if case.option("refused"):
        counts = case.option("refused")
        return {f"{n} steps of {T}": refusal(lambda n=n: target(T, n)) for n in counts}
    left_out = case.option("left_out")
    steps = T - left_out if left_out else case.option("steps") or case.size(20, 60)
    return timestep_outputs(target(T, steps), T, steps)


@exercise(
    section="sampling", points=10, minutes=10, difficulty=4, importance=5,
    needs=["precompute_schedule"],
    cases=[
        case("one t per sample"),
        case("whole numbers for t", ints=True),
        case("to the clean image", ints=True, clean=True),
        case("eta above 0, with a z", eta=True, z=True),
        case("eta above 0, drawing its noise", eta=True),
        case("eta = 0 with a z", group="robustness", z=True),
        case("large values", group="robustness", scale=20.0),
        VECTORS,
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def ddim_step(target, case):
    T, shape = case.size(10, 40), image_shape(case)
    schedule, t = draw_schedule(case, T), case.timesteps(T, shape[0])
    t_prev = case.tensor(t // 2 - 1)  # -1 at t = 0
    if case.option("ints"):
        t, t_prev = case.size(6, T - 1), -1 if case.option("clean") else case.size(0, 4)
    x_t, eps = case.randn(*shape), case.randn(*shape)
    x_t = case.tensor(x_t * case.option("scale", 1.0))
    options = {"eta": case.number(0.4, 0.9)} if case.option("eta") else {}
    if case.option("z"):
        options["z"] = case.randn(*shape)
    x_prev = target(x_t, eps, t, t_prev, schedule, **options)
    return step_outputs(expect(torch.Tensor, x_prev, "a tensor"), case)


@exercise(
    section="sampling", points=10, minutes=8, difficulty=3, importance=5,
    needs=["precompute_schedule", "ddim_timesteps", "ddim_step"],
    cases=[
        case("a few steps", constant_draws=CONSTANT),
        case("every timestep", constant_draws=CONSTANT, all=True),
        case("one step", constant_draws=CONSTANT, steps=1),
        case("eta above 0", constant_draws=CONSTANT, eta=True),
        case("noise at every step", fresh=True, eta=True),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
        case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
        case("points", group="robustness", constant_draws=CONSTANT, shape=(3, 2)),
    ],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def sample_ddim(target, case):
    eta = case.number(0.5, 0.9)
    more = (eta,) if case.option("eta") else ()
    schedule, model, sample = sampled(target, case, *more)
    outputs = sampler_outputs(case, model, sample)
    if case.option("fresh"):
        outputs |= step_noise(case, schedule, model, sample, eta)
    return outputs


@exercise(
    section="sampling", points=12, minutes=20, difficulty=5, importance=3,
    needs=["precompute_schedule", "ddim_timesteps"],
    cases=[
        case("a few steps", constant_draws=CONSTANT),
        case("three steps", constant_draws=CONSTANT, steps=3),
        case("two steps", constant_draws=CONSTANT, steps=2),
        case("one step", constant_draws=CONSTANT, steps=1),
        case("where it starts", fresh=True),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
        case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
        case("points", group="robustness", constant_draws=CONSTANT, shape=(3, 2)),
    ],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def dpm_solver_pp_2m(target, case):
    _, model, sample = sampled(target, case)
    return sampler_outputs(case, model, sample)


registry.hunt(
    "hunt_faded_pictures", "encode_latents",
    points=2, minutes=3, difficulty=2, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_noise_left", "sample_ddim",
    points=2, minutes=4, difficulty=3, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=10)
