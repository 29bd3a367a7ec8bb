"""Autoencoder and samplers of lesson 06: what their probes hand over and look at."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.engine.case import Case
from course_utils.engine.runner import WrongReturn, describe, expect
from course_utils.exercises.diffusion import chain_outputs, draw_schedule
from course_utils.exercises.toys import (
    RecordingModel,
    drawn_apart,
    first_t,
    looks_standard_normal,
)

NOISY_STEPS = 7  # of a sampler whose noise is judged


class ToyVAE(nn.Module):
    """An autoencoder with three parameters: halves the sides, and doubles them again."""

    def __init__(self, dtype=torch.float32, device="cpu") -> None:
        super().__init__()
        values = torch.tensor([1.7, 0.4, -0.6], dtype=dtype, device=device)
        self.a, self.b, self.c = (nn.Parameter(v.clone()) for v in values.unbind())

    def encode(self, images):  # (B, C, H, W) -> mean, logvar (B, C, H/2, W/2)
        small = F.avg_pool2d(images, 2)
        return self.a * small + self.b, self.c * small - 1

    def decode(self, z):  # (B, C, h, w) -> (B, C, 2h, 2w)
        return F.interpolate(z, scale_factor=2) / self.a - self.b


def drawn_vae(case: Case) -> ToyVAE:
    return ToyVAE(case.dtype, case.device).train(not case.option("eval"))


def latent_outputs(vae: ToyVAE, what: str, value: object) -> dict:
    """The tensor, whether a graph hangs on it, and the mode in which the VAE was left."""
    value = expect(torch.Tensor, value, "a tensor")
    return {
        what: value.detach(),
        "a graph is kept": value.requires_grad,
        "mode afterwards": "train" if vae.training else "eval",
    }


def evenly_spaced(case: Case) -> tuple[int, int]:
    """T and a number of steps whose spacing is a whole number: every rounding agrees."""
    if case.spec.fake_cuda:
        return 3, 2
    if case.option("steps") == 1:
        return case.size(6, 12), 1
    num_steps = NOISY_STEPS if case.option("fresh") else case.option("steps") or case.size(4, 6)
    spacing = 1 if case.option("all") else case.size(3, 5)
    return (num_steps - 1) * spacing + 1, num_steps


def timestep_outputs(got: object, T: int, num_steps: int) -> dict:
    """The timesteps, where those within 1 of the exact spacing count as exact."""
    if isinstance(got, torch.Tensor):
        if got.dtype != torch.int64:
            raise WrongReturn(f"a tensor of timesteps must be int64, but this one is {got.dtype}")
        got = got.tolist()
    values = list(expect((list, tuple), got, "a list of whole numbers"))
    strange = [v for v in values if type(v) is not int]
    if strange:
        raise WrongReturn(f"every timestep must be a plain int, but one is {describe(strange[0])}")
    pairs = zip(values, values[1:], strict=False)
    return {
        "timesteps": _snapped(values, T, num_steps),
        "first and last": [values[0], values[-1]] if values else [],
        "they fall, without repeats": all(a > b for a, b in pairs),
    }


def _snapped(values: list[int], T: int, num_steps: int) -> list[int]:
    if len(values) != num_steps or num_steps == 1:
        return values
    exact = [(T - 1) * (num_steps - 1 - i) / (num_steps - 1) for i in range(num_steps)]
    pairs = zip(values, exact, strict=True)
    return [round(e) if abs(v - e) < 1 + 1e-9 else v for v, e in pairs]


def refusal(call) -> str:
    """Name of the error that `call` ends with, or what came instead."""
    try:
        came = call()
    except Exception as error:
        return type(error).__name__
    return f"no error, but {describe(came)}"


def step_outputs(x_prev: torch.Tensor, case: Case) -> dict:
    """The image, NaN marked by a number: roots of negative numbers tell which mistake was made."""
    if case.spec.fake_cuda:
        return {"x at t_prev": x_prev}
    nans = int(torch.isnan(x_prev).sum())
    return {"x at t_prev": marked(x_prev), "entries that are NaN": nans}


def marked(x: torch.Tensor) -> torch.Tensor:
    return x.nan_to_num(nan=777.0)


def sampled(target, case: Case, *more: float) -> tuple[dict, RecordingModel, torch.Tensor]:
    """Schedule, model and sample of one run of a sampler with a given number of steps."""
    T, num_steps = evenly_spaced(case)
    shape = (4, 2, 12, 12) if case.option("fresh") else (case.size(2, 4), case.size(1, 3), 5, 4)
    shape = case.option("shape") or shape
    schedule = draw_schedule(case, T)
    model = RecordingModel(T, device=case.device).train(not case.option("eval"))
    asked = (lambda x_t, t: model(x_t, t)) if case.option("plain") else model
    sample = target(asked, shape, dict(schedule), num_steps, case.device, *more)
    return schedule, model, expect(torch.Tensor, sample, "a tensor")


def sampler_outputs(case: Case, model: RecordingModel, sample: torch.Tensor) -> dict:
    if case.spec.fake_cuda:
        return {"sample": sample}
    if case.option("fresh"):
        return start_outputs(model)
    return chain_outputs(case, model, marked(sample))


def start_outputs(model: RecordingModel) -> dict:
    x_T = model.first_call()["x_t"][None]
    return {
        "x_T is standard normal": looks_standard_normal(x_T),
        "every sample has its own x_T": drawn_apart(x_T, 1),
        "every pixel has its own x_T": drawn_apart(x_T, 2, 3, 4),
    }


def step_noise(case: Case, schedule: dict, model: RecordingModel, sample, eta: float) -> dict:
    """The noise of each step but the last, recovered from the x_t that the model was shown.

    z = (x_{t_prev} − p·x_t − q·ε)/σ, where p, q and σ are what one step makes of ones and zeros.
    """
    T, num_steps = model.T, NOISY_STEPS
    visited = case.make(lambda: torch.linspace(T - 1, 0, num_steps).round().long())
    following = case.make(lambda: torch.cat([visited.cpu()[1:], torch.tensor([-1])]))
    one = case.make(lambda: torch.ones(num_steps, 1))
    zero = case.make(lambda: torch.zeros(num_steps, 1))
    rest = (visited, following, schedule, eta)
    p = case.given("ddim_step", one, zero, *rest, zero)
    q = case.given("ddim_step", zero, one, *rest, zero)
    sigma = case.given("ddim_step", zero, zero, *rest, one)
    if [first_t(call) for call in model.calls] != visited.tolist():
        return {}
    x = torch.stack([*model.asked("x_t"), sample])  # (S + 1, B, C, H, W)
    with torch.no_grad():
        eps = torch.stack([model.predict(c["x_t"], c["t"]) for c in model.calls])
    p, q, sigma = (v[..., None, None, None] for v in (p, q, sigma))
    rest = x[1:] - p * x[:-1] - q * eps
    return _facts_about_noise(x[:1], rest[:-1] / sigma[:-1], rest[-1])


def _facts_about_noise(start, z, last) -> dict:
    return {
        "noise is standard normal": looks_standard_normal(z),
        "noise is fresh at every step": drawn_apart(torch.cat([start, z]), 0),
        "every sample has its own noise": drawn_apart(z, 1),
        "every pixel has its own noise": drawn_apart(z, 2, 3, 4),
        "no noise in the last step": bool(last.abs().max() < 0.01),
    }
