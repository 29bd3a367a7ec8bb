"""Probes of lesson 05: what the grader and the notebook's check look at.

CLIP comes first, in `clip_probes.py`, then attention over text, in `cross_attention_probes.py`.
"""

from __future__ import annotations

import torch
from torch.utils._python_dispatch import _disable_current_modes as real_tensors

from course_utils.engine.case import CONSTANT, Case, case
from course_utils.engine.runner import expect
from course_utils.exercises.cross_attention_probes import registry
from course_utils.exercises.diffusion import chain_outputs, draw_schedule, image_shape
from course_utils.exercises.text_toys import (
    TextUNet,
    ToyEncoder,
    contexts_seen,
    noise_outputs,
    one_entry_per_step,
)

exercise = registry.exercise

PROMPTS = ("a small red circle", "a large blue square", "a green triangle")


@exercise(
    section="sampling", points=10, minutes=12, difficulty=4, importance=5,
    cases=[
        case("one t per sample"),
        case("one t for the batch", whole=True),
        case("predictions far outside", far=6.0),
        case("the last step", t=0),
        case("the last step of DDPM's schedule", group="robustness", t=0, first_beta=1e-4),
        case("vectors instead of images", group="robustness", shape=(5,)),
        case("a batch of one", group="robustness", batch=1),
        case("float64", group="robustness", dtype=torch.float64),
    ],
)  # fmt: skip
def posterior_step(target, case):
    T, shape = case.size(10, 40), image_shape(case)
    schedule, t = draw_steps(case, T), case.timesteps(T, shape[0])
    if case.option("whole"):
        t = case.size(2, T - 2)
    if case.option("t") is not None:
        t = case.option("t")
    scale = case.option("far", 0.4)
    x_t, eps = case.tensor(scale * case.randn(*shape)), case.tensor(scale * case.randn(*shape))
    return {"x before": target(x_t, eps, t, schedule, case.randn(*shape))}


def draw_steps(case: Case, T: int) -> dict:
    """A schedule; where the case gives a first beta, one as small as that of the DDPM paper."""
    first = case.option("first_beta")
    if first is None:
        return draw_schedule(case, T)
    betas = case.make(lambda: torch.linspace(first, 0.02, T, dtype=torch.float64))
    return case.given("precompute_schedule", betas)


def draw_chain(case: Case) -> tuple[dict, TextUNet, tuple[int, int, int]]:
    """A schedule, a U-Net made for it, and the shape of the image to draw."""
    T = 2 if case.spec.fake_cuda else 8 if case.option("fresh") else case.size(5, 8)
    shape = (case.size(1, 2), case.size(4, 5), case.size(6, 7))
    if case.option("fresh"):
        shape = (4, 12, 12)
    schedule = draw_schedule(case, T)
    fresh, outside = bool(case.option("fresh")), bool(case.option("outside"))
    unet = TextUNet(schedule, outside, blank=fresh).train(not case.option("eval"))
    return schedule, unet, shape


def sampling_outputs(case: Case, unet: TextUNet, sample: torch.Tensor, schedule: dict) -> dict:
    if case.spec.fake_cuda:
        return {"sample": sample}
    if case.option("fresh"):
        return noise_outputs(case, unet, sample, schedule)
    outputs = chain_outputs(case, one_entry_per_step(unet), sample)
    return outputs | {"contexts that the U-Net saw": contexts_seen(unet)}


CHAINS = [
    case("the whole way", constant_draws=CONSTANT),
    case("noise at every step", fresh=True),
    case("predictions that leave [-1, 1]", constant_draws=CONSTANT, outside=True),
    case("w = 0 is the unconditional picture", constant_draws=CONSTANT, scale=0.0),
    case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
    case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
]


@exercise(
    section="sampling", points=12, minutes=15, difficulty=4, importance=5,
    needs=["posterior_step"],
    cases=[*CHAINS, case("the default scale", constant_draws=CONSTANT, defaults=True)],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def sample_text_to_image(target, case):
    schedule, unet, (C, H, W) = draw_chain(case)
    encode = ToyEncoder(device=case.device)
    prompt = PROMPTS[case.size(0, 2)]
    scale = case.option("scale", case.number(2.0, 5.0))
    sizes = {"H": H, "W": W, "C": C, "device": case.device}
    if not case.option("defaults"):
        sizes["guidance_scale"] = scale
    asked = (lambda x_t, t, context: unet(x_t, t, context)) if case.option("plain") else unet
    sample = target(asked, encode, prompt, dict(schedule), **sizes)
    return sampling_outputs(case, unet, expect(torch.Tensor, sample, "a tensor"), schedule)


@exercise(
    section="sampling", points=10, minutes=10, difficulty=3, importance=4,
    needs=["posterior_step", "sample_text_to_image"],
    cases=[
        case("no negative prompt", constant_draws=CONSTANT, positive=True, defaults=True),
        case("a negative prompt", constant_draws=CONSTANT),
        case("predictions that leave [-1, 1]", constant_draws=CONSTANT, outside=True),
        case("an empty prompt and a negative one", constant_draws=CONSTANT, empty=True),
        case("seeds", seeds=True, may_seed=True),
        case("no seed", no_seed=True),
        case("noise at every step", fresh=True),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
        case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
    ],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def generate_image(target, case):
    schedule, unet, shape = draw_chain(case)
    asked = (lambda x_t, t, context: unet(x_t, t, context)) if case.option("plain") else unet
    components = {
        "unet": asked, "encode_text": ToyEncoder(device=case.device), "schedule": dict(schedule),
        "image_shape": shape, "device": case.device,
    }  # fmt: skip
    prompt = "" if case.option("empty") else PROMPTS[case.size(0, 2)]
    options = {} if case.option("positive") else {"negative_prompt": "a purple cat"}
    if not case.option("defaults"):
        options["guidance_scale"] = case.number(2.0, 5.0)

    def draw(**seed):
        image = expect(torch.Tensor, target(components, prompt, **options, **seed), "a tensor")
        return image.detach()

    if case.option("seeds"):
        return seed_outputs(draw, unet)
    if case.option("no_seed"):
        return unseeded_outputs(draw)
    image = draw()
    if case.option("fresh"):  # the image in [0, 1] back to [-1, 1], with the batch's axis
        image = 2 * image[None] - 1
    return sampling_outputs(case, unet, image, schedule)


def seed_outputs(draw, unet: TextUNet) -> dict:
    """What seeds do, with PyTorch's own random numbers."""
    images, starts = [], []
    with real_tensors():
        for seed in (0, 0, 3, 3, 4):
            unet.calls.clear()
            images.append(draw(seed=seed))
            starts.append(one_entry_per_step(unet).calls[0]["x_t"])
    zero, zero_again, three, three_again, four = images
    return {
        "the same seed, the same x_T": torch.equal(starts[2], starts[3]),
        "the same seed, the same image": torch.equal(three, three_again),
        "seed 0 is a seed, too": torch.equal(zero, zero_again),
        "other seeds, other images": not (torch.equal(three, four) or torch.equal(zero, three)),
    }


def unseeded_outputs(draw) -> dict:
    """Without a seed: the global generator decides, and goes on from where it was."""
    with real_tensors():
        state = torch.get_rng_state()
        first, second = draw(seed=None), draw()
        torch.set_rng_state(state)
        again = draw(seed=None)
    return {
        "two calls, two images": not torch.equal(first, second),
        "the global generator decides": torch.equal(first, again),
    }


registry.hunt(
    "hunt_image_talks_to_itself", "CrossAttention",
    points=2, minutes=4, difficulty=2, importance=5,
)  # fmt: skip
registry.hunt(
    "hunt_heads_in_a_tangle", "CrossAttention",
    points=2, minutes=4, difficulty=3, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_loudest_sentence", "zero_shot_classify",
    points=2, minutes=3, difficulty=2, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=10)
