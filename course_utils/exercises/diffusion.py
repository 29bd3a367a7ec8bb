"""What the probes of several lessons share: drawn schedules, and how a sampler is judged."""

from __future__ import annotations

import torch

from course_utils.engine.case import Case
from course_utils.exercises.toys import (
    RecordingModel,
    drawn_apart,
    first_t,
    kind_of_t,
    looks_standard_normal,
)


def draw_betas(case: Case, T: int) -> torch.Tensor:
    """(T,) increasing betas between 0.002 and 0.25, as a schedule that ends in noise has them."""
    last = case.number(0.15, 0.25)
    return case.make(lambda: torch.linspace(0.002, last, T, dtype=torch.float64))


def draw_schedule(case: Case, T: int) -> dict[str, torch.Tensor]:
    return case.given("precompute_schedule", draw_betas(case, T))


def image_shape(case: Case) -> tuple[int, ...]:
    batch = case.option("batch") or case.size(3, 5)
    trailing = case.option("shape") or (case.size(1, 3), case.size(3, 6), case.size(3, 6))
    return (batch, *trailing)


def chain_shape(case: Case) -> tuple[int, ...]:
    """Shape of the images that a sampler is asked for; larger where their noise is judged."""
    if case.option("fresh"):
        return (4, 2, 12, 12)
    return (case.size(2, 4), case.size(1, 3), 5, 4)


def chain_length(case: Case) -> int:
    """Number of steps; where only devices are looked at, a few are enough."""
    if case.spec.fake_cuda:
        return 2
    return 8 if case.option("fresh") else case.size(6, 10)


def chain_outputs(case: Case, model: RecordingModel, sample: torch.Tensor) -> dict:
    """What every sampler is judged by: the way it went, and the rules it kept."""
    outputs = {
        "sample": sample,
        "first x_T": model.first_call()["x_t"],
        "timesteps": [first_t(call) for call in model.calls],
        "timesteps given to the model": kind_of_t(model),
    }
    return outputs | rules_kept(case, model)


def rules_kept(case: Case, model) -> dict:
    """How a sampler treated a model that notes its calls: without gradients, in eval mode."""
    outputs = {"gradients during the calls": "recorded" if any(model.asked("grad")) else "off"}
    if case.option("plain"):  # a function has no mode
        return outputs
    return outputs | {
        "mode during the calls": "train" if any(model.asked("training")) else "eval",
        "mode afterwards": "train" if model.training else "eval",
    }


def noise_outputs(case: Case, model: RecordingModel, sample, eps, schedule) -> dict:
    """x_T and the noise of each step, recovered from the x_t that the model was shown.

    z_t = (x_{t-1} − μ_t)/√β_t with μ_t = p_t·x_t + q_t·ε. eps[i] answers the i-th call.
    """
    T = model.T
    t = case.make(lambda: torch.arange(T))
    ones, zeros = case.make(lambda: torch.ones(T, 1)), case.make(lambda: torch.zeros(T, 1))
    p = case.given("reverse_mean", ones, t, zeros, schedule)  # (T, 1)
    q = case.given("reverse_mean", zeros, t, ones, schedule)  # (T, 1)
    order = [first_t(call) for call in model.calls]
    x = torch.stack([*model.asked("x_t"), sample])  # (T + 1, B, C, H, W)
    spread = schedule["betas"].sqrt()[:, None]
    p, q, spread = (v[order][:, :, None, None, None] for v in (p, q, spread))
    z = (x[1:] - p * x[:-1] - q * torch.stack(eps)) / spread  # (T, B, C, H, W)
    drawn = torch.cat([x[:1], z[:-1]])
    start, later = drawn[:1], drawn[1:]
    return {
        "x_T is standard normal": looks_standard_normal(x[0]),
        "noise is standard normal": looks_standard_normal(later),
        "noise is fresh at every step": drawn_apart(drawn, 0),
        "every sample has its own x_T": drawn_apart(start, 1),
        "every sample has its own noise": drawn_apart(later, 1),
        "every pixel has its own x_T": drawn_apart(start, 2, 3, 4),
        "every pixel has its own noise": drawn_apart(later, 2, 3, 4),
        "no noise at t = 0": bool(z[-1].abs().max() < 0.01),
    }


class GuidedCalls:
    """A guided sampler's model calls, gathered step by step.

    One batched call (2B samples) and two calls (B each) of the same step look the same here.
    """

    def __init__(self, model: RecordingModel, steps: list[dict]) -> None:
        self.model, self.T, self.training, self.calls = model, model.T, model.training, steps

    def asked(self, what: str) -> list:
        every_call = what in ("grad", "training")
        return [call[what] for call in (self.model.calls if every_call else self.calls)]

    def first_call(self) -> dict:
        self.model.first_call()
        return self.calls[0]

    def eps(self, labels: torch.Tensor, null_class: int, scale: float) -> list[torch.Tensor]:
        """The guided prediction that belongs to each step."""
        nulls = torch.full_like(labels, null_class)
        return [torch.lerp(*self._both(c, nulls, labels), scale) for c in self.calls]

    def _both(self, call: dict, *labels: torch.Tensor) -> list[torch.Tensor]:
        return [self.model.predict(call["x_t"], call["t"], who) for who in labels]


def guided_calls(model: RecordingModel, batch: int) -> GuidedCalls:
    """One entry per step, whatever the number of calls in it."""
    steps = []
    for call in (_halved(call, batch) for call in model.calls):
        if not steps or not _same(call["t"], steps[-1]["t"]):
            steps.append(call)
    return GuidedCalls(model, steps)


def _halved(call: dict, batch: int) -> dict:
    """One of the two halves of a batched call: (a b c a b c) or (a a b b c c)."""
    x_t, t = call["x_t"], call["t"]
    if len(x_t) != 2 * batch:
        return call
    half = slice(0, batch) if _same(x_t[:batch], x_t[batch:]) else slice(0, None, 2)
    doubled = isinstance(t, torch.Tensor) and t.shape == x_t.shape[:1]
    return call | {"x_t": x_t[half], "t": t[half] if doubled else t}


def _same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return torch.equal(a, b)
    return type(a) is type(b) and a == b
