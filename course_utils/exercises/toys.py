"""Small models that probes hand to a learner's code. They record what they are asked."""

from __future__ import annotations

import torch
from torch import nn

from course_utils.engine.runner import WrongReturn


class RecordingModel(nn.Module):
    """A noise predictor with three parameters that notes every call.

    eps = a·x + b·(t + 1)/T + c·(label + 1), so the answer depends on everything it is given.
    """

    def __init__(self, T: int, dtype=torch.float32, device="cpu") -> None:
        super().__init__()
        self.T = T
        values = torch.tensor([0.3, -0.7, 0.2], dtype=dtype, device=device)
        self.a, self.b, self.c = (nn.Parameter(v.clone()) for v in values.unbind())
        self.calls: list[dict] = []

    def forward(self, x_t, t, labels=None):  # x_t (B, ...), t (B,), labels (B,)
        self.note(x_t, t, labels)
        return self.predict(x_t, t, labels)

    def predict(self, x_t, t, labels=None):
        eps = self.a * x_t + self.b * _per_sample((t + 1) / self.T, x_t)
        if labels is not None:
            eps = eps + self.c * _per_sample(labels + 1, x_t)
        return eps

    def note(self, x_t, t, labels):
        self.calls.append(
            {
                "x_t": x_t.detach().clone(),
                "t": t.detach().clone() if isinstance(t, torch.Tensor) else t,
                "labels": labels.detach().clone() if labels is not None else None,
                "grad": torch.is_grad_enabled() and not torch.is_inference_mode_enabled(),
                "training": self.training,
            }
        )

    def asked(self, what: str) -> list:
        return [call[what] for call in self.calls]

    def first_call(self) -> dict:
        """The first call, or a sentence saying that there was none."""
        if not self.calls:
            raise WrongReturn("it never called the model")
        return self.calls[0]


def _per_sample(numbers, x_t: torch.Tensor) -> torch.Tensor:
    """(B, 1, …), also for one number: what the model was asked for is judged elsewhere."""
    if not isinstance(numbers, torch.Tensor):
        numbers = torch.tensor(numbers, device=x_t.device)
    return numbers.to(x_t.dtype).reshape(-1, *[1] * (x_t.dim() - 1))


def first_t(call: dict) -> int:
    """The timestep of a call's first sample."""
    return int(torch.as_tensor(call["t"]).flatten()[0])


def kind_of_t(model: RecordingModel) -> str:
    """dtype and rank of the timesteps the model was asked for: `torch.int64, one per sample`."""
    call = model.first_call()
    t, x_t = call["t"], call["x_t"]
    if not isinstance(t, torch.Tensor):
        return type(t).__name__
    per_sample = "one per sample" if t.shape == x_t.shape[:1] else f"shape {tuple(t.shape)}"
    return f"{t.dtype}, {per_sample}"


def weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def looks_standard_normal(z: torch.Tensor) -> bool:
    """Whether many numbers have mean 0, variance 1 and the mean size that normal ones have.

    The bounds are at least five standard errors wide for a thousand numbers.
    """
    z = z.double().flatten()
    size = z.abs().mean() / z.std()  # √(2/π) = 0.798; uniform numbers have 0.866
    off = torch.stack([z.mean() / 0.2, (z.var() - 1) / 0.25, (size - 0.798) / 0.04])
    return bool((off.abs() < 1).all())


def drawn_apart(z: torch.Tensor, *axes: int) -> bool:
    """Whether the slices of z along each of the axes are uncorrelated with one another."""
    return all(_greatest_correlation(z, axis) < 0.6 for axis in axes)


def _greatest_correlation(z: torch.Tensor, axis: int) -> float:
    rows = z.double().movedim(axis, 0).flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(0.01 * rows.shape[1] ** 0.5)
    matrix = rows @ rows.T
    return (matrix - torch.diag(matrix.diag())).abs().max().item()
