"""This course's samplers beside the pipelines of diffusers: same network, schedule, steps and seed.

Lesson 04's trained network draws digits, once with the lessons' samplers and once with
`DDPMPipeline` and `DDIMPipeline`. Both get the same function for guidance, which makes its two
predictions in one batched call. Lesson 04's own `sample_cfg` makes two calls, and has its own row.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from types import SimpleNamespace

import torch

from benchmarks.bench import Rows
from course_utils import diffusers_bridge
from course_utils.checkpoints import load_checkpoint
from course_utils.latent_lab import timed  # CPU time of one thread: others may be at work
from grader.build import answers_module
from grader.source import load_source, run_code

LATENTS = "06_latent_and_fast_sampling"
T, FEW, W, SEED = 500, 20, 2, 0


def measure(pictures: int = 16) -> Rows:
    """Ratios of medians, taken in turns; above 1 the pipeline takes longer."""
    if not diffusers_bridge.installed():
        return [("sampling beside diffusers", diffusers_bridge.MISSING)]
    labels = torch.arange(pictures) % 10
    rows = side_by_side(trained_network(), labels, f"{pictures} digits")
    return rows + side_by_side(lambda x_t, t, labels: x_t, labels, "a network that costs nothing")


def side_by_side(network: Callable, labels: torch.Tensor, what: str) -> Rows:
    model, rows = guided(network, labels), []
    theirs = pipelines(model, len(labels))
    for (name, pipeline, steps), draw in samplers(network, model, labels).items():
        mine, other, gap = in_turns(draw, theirs[pipeline], repeats=max(3, 300 // steps))
        found = f"{1000 * mine / steps:.2f} ms a step; {pipeline} × {other / mine:.2f}"
        if steps == T:  # DDIMPipeline visits other timesteps
            found += f"; pictures differ by at most {gap:.0e}"
        rows.append((f"{name}, {steps} steps, {what}", found))
    return rows


def in_turns(one: Callable, other: Callable, repeats: int) -> tuple[float, float, float]:
    """Median seconds of each, and the largest difference between what they draw."""
    seconds: tuple[list, list] = ([], [])
    for _ in range(repeats + 1):
        drawn = []
        for call, taken in zip((one, other), seconds, strict=True):
            torch.manual_seed(SEED)
            images, spent = timed(call)
            drawn.append(images)
            taken.append(spent)
    mine, others = (statistics.median(taken[1:]) for taken in seconds)
    return mine, others, (drawn[0] - drawn[1]).abs().max().item()


def trained_network() -> torch.nn.Module:
    """Lesson 04's network with the weights that ship."""
    space = run_code(answers_module("03_unet"), "<lesson_03>")
    cells = {cell.name: cell.source for cell in load_source(LATENTS).cells}
    network = run_code(cells["lesson-04-network"], "<network>", space)["ClassConditionalUNet"](1)
    load_checkpoint("04_ddpm", network)
    return network.eval().to(memory_format=torch.channels_last)


def guided(network: Callable, labels: torch.Tensor) -> Callable:
    """The network as a model of (x_t, t): guided towards labels, one batched call."""
    both = torch.cat([labels, torch.full_like(labels, 10)])

    def model(x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        eps = network(torch.cat([x_t, x_t]), t.expand(len(labels)).repeat(2), both)
        eps_cond, eps_null = eps.chunk(2)
        return eps_null + W * (eps_cond - eps_null)

    return model


def samplers(network: Callable, model: Callable, labels: torch.Tensor) -> dict:
    """(name, pipeline beside it, steps) -> a call that draws with a lesson's sampler."""
    fourth, sixth = (load_source(name).namespace() for name in ("04_ddpm", LATENTS))
    schedule = sixth["precompute_schedule"](fourth["linear_beta_schedule"](T))
    shape = (len(labels), 1, 16, 16)
    calls = {
        ("DDPM with guidance", "DDPMPipeline", T): lambda: fourth["sample_ddpm"](
            model, shape, schedule, "cpu"
        ),
        ("DDIM with guidance", "DDIMPipeline", FEW): lambda: sixth["sample_ddim"](
            model, shape, schedule, FEW, "cpu"
        ),
        ("sample_cfg, two calls a step", "DDPMPipeline", T): lambda: fourth["sample_cfg"](
            network, shape, schedule, labels, W, 10, "cpu"
        ),
    }
    return {name: lambda call=call: _shown(call()) for name, call in calls.items()}


def _shown(images: torch.Tensor) -> torch.Tensor:
    return (images / 2 + 0.5).clamp(0, 1)


def pipelines(model: Callable, pictures: int) -> dict[str, Callable]:
    """Name -> a call that draws with a pipeline of diffusers; images in [0, 1]."""
    import diffusers

    options = {"num_train_timesteps": T, "clip_sample": False}
    options["trained_betas"] = torch.linspace(1e-4, 0.02, T).numpy()
    ddpm = diffusers.DDPMScheduler(variance_type="fixed_large", **options)
    made = {
        "DDPMPipeline": (diffusers.DDPMPipeline(adapter(model), ddpm), T),
        "DDIMPipeline": (
            diffusers.DDIMPipeline(adapter(model), diffusers.DDIMScheduler(**options)),
            FEW,
        ),
    }
    for pipeline, _ in made.values():
        pipeline.set_progress_bar_config(disable=True)
    return {
        name: lambda p=p, n=n: p(pictures, num_inference_steps=n, output_type="pt").images
        for name, (p, n) in made.items()
    }


def adapter(model: Callable) -> torch.nn.Module:
    """The model as the pipelines of diffusers want it."""
    from diffusers import ConfigMixin, ModelMixin
    from diffusers.configuration_utils import register_to_config

    class Adapter(ModelMixin, ConfigMixin):
        config_name = "config.json"

        @register_to_config
        def __init__(self, sample_size: int = 16, in_channels: int = 1) -> None:
            super().__init__()
            self.register_buffer("device_and_dtype", torch.zeros(()))  # a pipeline looks for them

        def forward(self, x_t: torch.Tensor, t: torch.Tensor) -> SimpleNamespace:
            return SimpleNamespace(sample=model(x_t, t))

    return Adapter().eval()
