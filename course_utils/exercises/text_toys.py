"""What the sampling probes of lesson 05 hand to a learner's code: a text encoder and a U-Net."""

from __future__ import annotations

import hashlib

import torch

from course_utils.engine.case import Case
from course_utils.engine.runner import WrongReturn
from course_utils.exercises.diffusion import GuidedCalls, guided_calls
from course_utils.exercises.toys import RecordingModel, drawn_apart, looks_standard_normal

LENGTH, WIDTH = 5, 4


class ToyEncoder:
    """encode_text(list of sentences) → (n, L, width); each sentence has its own numbers."""

    def __init__(self, dtype=torch.float32, device="cpu") -> None:
        self.dtype, self.device = dtype, device

    def __call__(self, texts):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise WrongReturn("encode_text takes a list of sentences, and was given something else")
        rows = torch.stack([_numbers(text) for text in texts])
        return rows.to(self.dtype).to(self.device)


def _numbers(text: str) -> torch.Tensor:
    digest = hashlib.sha256(text.encode()).digest()[: LENGTH * WIDTH]
    values = torch.tensor(list(digest), dtype=torch.float64) / 127.5 - 1
    return values.reshape(LENGTH, WIDTH)


class TextUNet(RecordingModel):
    """A noise predictor, unet(x_t, t, context), that notes every call.

    It has a clean image in mind that depends on everything it is given and stays within (−1, 1),
    so that clamping does not hide what went wrong; "outside" makes it leave them.
    """

    def __init__(self, schedule: dict, outside: bool = False, blank: bool = False) -> None:
        betas = schedule["betas"]
        super().__init__(len(betas), betas.dtype, betas.device)
        names = ("sqrt_alpha_bar", "sqrt_one_minus_alpha_bar")
        self.signal, self.spread = (schedule[name] for name in names)
        self.size = 0 if blank else 4 if outside else 1
        self.reach = 1.5 if outside else 0  # what is added at the right edge, taken off at the left

    def predict(self, x_t, t, labels=None):
        if not isinstance(t, torch.Tensor):
            t = torch.tensor([t], device=x_t.device)
        t = t.long().reshape(-1)
        place = torch.arange(1, WIDTH + 1, device=x_t.device) / 10
        heard = (labels * place).mean((1, 2)) if labels is not None else x_t.new_zeros(len(x_t))
        clean = 0.2 * x_t.sin() + _column(0.1 * (t + 1) / self.T + 0.3 * heard, x_t)
        ramp = self.reach * torch.linspace(-1, 1, x_t.shape[-1], device=x_t.device)
        clean = self.size * clean + ramp.to(x_t.dtype)
        signal, spread = (_column(values[t], x_t) for values in (self.signal, self.spread))
        return (x_t - signal * clean) / spread


def _column(values: torch.Tensor, x_t: torch.Tensor) -> torch.Tensor:
    return values.to(x_t.dtype).reshape(-1, *[1] * (x_t.dim() - 1))


def one_entry_per_step(model: TextUNet) -> GuidedCalls:
    """The calls of each step taken together: two calls or one batched one look the same."""
    model.first_call()
    return guided_calls(model, 1)


def contexts_seen(model: TextUNet) -> list[torch.Tensor]:
    """Every context that the U-Net was shown, each once, in an order that does not matter."""
    rows = {}
    for context in model.asked("labels"):
        if not isinstance(context, torch.Tensor):
            raise WrongReturn("it called the U-Net without a context: unet(x_t, t, context)")
        for row in context.reshape(-1, LENGTH, WIDTH):
            rows[tuple(row.flatten().tolist())] = row
    return [rows[key] for key in sorted(rows)]


def noise_outputs(case: Case, model: TextUNet, sample: torch.Tensor, schedule: dict) -> dict:
    """x_T and each step's noise, recovered from what the U-Net was shown.

    The model has a blank image in mind, so that x_{t-1} = b_t x_t + σ_t z_t.
    """
    T = model.T
    t = case.make(lambda: torch.arange(T))
    ones, zeros = (case.make(lambda v=v: torch.full((T, 1), v)) for v in (1.0, 0.0))
    blank = case.tensor(1 / schedule["sqrt_one_minus_alpha_bar"][:, None])
    b = case.given("posterior_step", ones, blank, t, schedule, zeros)  # (T, 1)
    sigma = case.given("posterior_step", zeros, zeros, t, schedule, ones)  # (T, 1)
    steps = one_entry_per_step(model)
    order = [int(torch.as_tensor(call["t"]).flatten()[0]) for call in steps.calls]
    x = torch.stack([*(call["x_t"] for call in steps.calls), sample])  # (T + 1, 1, C, H, W)
    b, sigma = (v[order[:-1]][:, :, None, None, None] for v in (b, sigma))
    z = (x[1:-1] - b * x[:-2]) / sigma  # (T - 1, 1, C, H, W)
    drawn = torch.cat([x[:1], z])
    return {
        "x_T is standard normal": looks_standard_normal(x[0]),
        "noise is standard normal": looks_standard_normal(z),
        "noise is fresh at every step": drawn_apart(drawn, 0),
        "every pixel has its own x_T": drawn_apart(x[:1], 2, 3, 4),
        "every pixel has its own noise": drawn_apart(z, 2, 3, 4),
        "no noise at t = 0": bool((sample - sample.mean()).abs().max() < 0.01),
    }
