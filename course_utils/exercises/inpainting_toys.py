"""What the probes of lesson 07 hand to a learner's code, and how they look at what comes back."""

from __future__ import annotations

import torch
from torch import nn

from course_utils.engine.case import Case
from course_utils.engine.runner import WrongReturn, describe, expect
from course_utils.exercises.diffusion import draw_schedule, rules_kept
from course_utils.exercises.modules import prepared
from course_utils.exercises.toys import drawn_apart, looks_standard_normal


class ConditionalModel(nn.Module):
    """A noise predictor with three parameters, model(cat[y_cond, y], gammas); notes every call.

    eps = a·y + b·gamma + c·y_cond, so the answer depends on everything it is given.
    """

    def __init__(self, dtype=torch.float32, device="cpu") -> None:
        super().__init__()
        values = torch.tensor([0.6, -0.4, 0.3], dtype=dtype, device=device)
        self.a, self.b, self.c = (nn.Parameter(v.clone()) for v in values.unbind())
        self.calls: list[dict] = []

    def forward(self, x: torch.Tensor, gammas: torch.Tensor) -> torch.Tensor:
        grad = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        kept = {"x": x.detach().clone(), "grad": grad, "training": self.training}
        self.calls.append(kept | {"gammas": _copied(gammas)})
        return self.predict(x, gammas)

    def predict(self, x: torch.Tensor, gammas: torch.Tensor) -> torch.Tensor:
        cond, y = x.chunk(2, dim=1)
        if not isinstance(gammas, torch.Tensor):
            gammas = torch.tensor(gammas, device=x.device)
        level = gammas.to(x.dtype).reshape(-1, 1, 1, 1)
        return self.a * y + self.b * level + self.c * cond

    def asked(self, what: str) -> list:
        return [call[what] for call in self.calls]

    def first_call(self) -> dict:
        if not self.calls:
            raise WrongReturn("it never called the model")
        return self.calls[0]


def _copied(value: object) -> object:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def kind_of_gammas(model: ConditionalModel) -> str:
    """`torch.float32, one per sample`, for the noise levels that the model was asked for."""
    call = model.first_call()
    gammas, x = call["gammas"], call["x"]
    if not isinstance(gammas, torch.Tensor):
        return type(gammas).__name__
    per_sample = gammas.shape == x.shape[:1]
    return f"{gammas.dtype}, {'one per sample' if per_sample else f'shape {tuple(gammas.shape)}'}"


def drawn_holes(case: Case, batch: int, height: int, width: int) -> torch.Tensor:
    """Masks (batch, 1, height, width); each has some of both, unless the case asks for one kind."""
    fill = case.option("fill")
    values = case.rand(batch, 1, height, width)
    if fill is not None:
        return case.tensor(torch.full_like(values, fill))
    mask = (values < 0.5).to(values.dtype)
    if height * width > 1:
        mask[..., 0, 0], mask[..., -1, -1] = 1, 0
    if case.option("one_whole"):
        mask[0] = 0
    return case.tensor(mask)


def image_shape(case: Case) -> tuple[int, int, int, int]:
    if case.option("pixel"):
        return (case.option("batch") or 3, 3, 1, 1)
    batch = case.option("batch") or case.size(3, 4)
    return (batch, case.size(2, 3), case.size(4, 6), case.size(4, 6))


def drawn_chain(case: Case) -> tuple[int, tuple, dict]:
    """Steps, image shape and schedule of a restoration; larger where its noise is judged."""
    T = 2 if case.spec.fake_cuda else 8 if case.option("fresh") else case.size(7, 11)
    shape = (4, 2, 12, 12) if case.option("fresh") else image_shape(case)
    return T, shape, draw_schedule(case, T)


def states_of(model: ConditionalModel, image: torch.Tensor) -> torch.Tensor:
    """(T + 1, B, C, H, W): what the model was shown at each call, and the image at the end."""
    return torch.stack([*(x.chunk(2, dim=1)[1] for x in model.asked("x")), image])


def restoration_outputs(case: Case, model: ConditionalModel, y_cond, states) -> dict:
    """The way a restoration went, and the rules it kept."""
    levels = [torch.as_tensor(g).flatten()[0] for g in model.asked("gammas")]
    outputs = {
        "start": states[0],
        "image": states[-1],
        "noise levels": torch.stack(levels),
        "noise levels given to the model": kind_of_gammas(model),
        "y_cond at every call": all(
            torch.equal(x.chunk(2, dim=1)[0], y_cond) for x in model.asked("x")
        ),
    }
    return outputs | rules_kept(case, model)


def snapshot_outputs(snapshots: torch.Tensor, states: torch.Tensor, count: int) -> dict:
    """Which states of the way the snapshots are, judged whatever way the spacing was rounded."""
    T = len(states) - 1
    outputs = {"snapshots": f"{snapshots.dtype}, {tuple(snapshots.shape)}"}
    if snapshots.shape != (count, *states.shape[1:]):
        return outputs
    near = [(states - s).flatten(1).abs().amax(1) < 1e-4 for s in snapshots]
    found = [int(match.nonzero()[-1]) if match.any() else -1 for match in near]
    gaps = [b - a for a, b in zip(found, found[1:], strict=False)] or [T]
    longest = T / max(count - 1, 1)
    even = max(gaps) - min(gaps) <= 1 and T / count - 1 <= min(gaps) and max(gaps) <= longest + 1
    return outputs | {
        "every snapshot is a state of the way": min(found) >= 0,
        "the last snapshot is the image": found[-1] == T,
        "snapshots are in order and evenly spaced": even,
    }


def step_noise_outputs(case: Case, model: ConditionalModel, states, schedule: dict) -> dict:
    """The noise of each step, recovered from the states: z = (y_{t-1} − mean)/√variance."""
    T = len(states) - 1
    t = case.make(lambda: torch.arange(T))
    ones, zeros = (case.make(lambda v=v: torch.full((T, 1, 1, 1), v)) for v in (1.0, 0.0))
    c_y = case.given("predict_start_from_noise", ones, t, zeros, schedule).reshape(T)
    c_eps = case.given("predict_start_from_noise", zeros, t, ones, schedule).reshape(T)
    of_start = case.given("q_posterior", ones, zeros, t, schedule)[0].reshape(T)
    of_now, variance = case.given("q_posterior", zeros, ones, t, schedule)
    of_now, variance = of_now.reshape(T), variance.reshape(T)
    drawn = [states[0]]
    with torch.no_grad():
        for k, i in enumerate(reversed(range(1, T))):  # no noise at t = 0
            eps = model.predict(*(model.calls[k][name] for name in ("x", "gammas")))
            start = (c_y[i] * states[k] + c_eps[i] * eps).clamp(-1, 1)
            mean = of_start[i] * start + of_now[i] * states[k]
            drawn.append((states[k + 1] - mean) / variance[i].sqrt())
    z = torch.stack(drawn)  # (T, B, C, H, W)
    return {
        "the hole starts as standard normal noise": looks_standard_normal(z[0]),
        "the steps' noise is standard normal": looks_standard_normal(z[1:]),
        "noise is fresh at every step": drawn_apart(z, 0),
        "every sample has its own start": drawn_apart(z[:1], 1),
        "every sample has its own noise": drawn_apart(z[1:], 1),
        "every pixel has its own start": drawn_apart(z[:1], 2, 3, 4),
        "every pixel has its own noise": drawn_apart(z[1:], 2, 3, 4),
    }


def named_shapes(module: nn.Module) -> list[str]:
    """`conv1.weight (16, 8, 3, 3)` for each parameter, sorted."""
    return sorted(f"{name} {tuple(p.shape)}" for name, p in module.named_parameters())


def block_outputs(case: Case, module: object, inputs: dict, last: str) -> dict:
    """A block's parameters, whether its `last` layer starts at zero, its output and gradients."""
    module = expect(nn.Module, module, "an nn.Module").train(bool(case.option("train")))
    ends = [p for name, p in module.named_parameters() if name.split(".")[0] == last]
    at_zero = case.spec.fake_cuda or (bool(ends) and not any(p.any() for p in ends))
    outputs = {"parameters": named_shapes(module), f"{last} starts at zero": at_zero}
    module = prepared(case, module)
    out = expect(torch.Tensor, module(*inputs.values()), "a tensor")
    outputs["output"] = out.detach()
    if case.spec.fake_cuda or not out.requires_grad:
        return outputs
    (out * case.randn(*out.shape).to(out.dtype)).sum().backward()
    for name, x in inputs.items():
        outputs[f"gradient of {name}"] = torch.zeros_like(x) if x.grad is None else x.grad.clone()
    unused = sum(p.grad is None for p in module.parameters())
    return outputs | {"parameters without a gradient": unused}


def nothing_to_learn(call) -> str:
    """What a loss over no pixel at all gives: an error, 0 and NaN are all defensible."""
    try:
        loss = call()
    except Exception:
        return "an error, 0 or NaN"
    if not isinstance(loss, torch.Tensor):
        return describe(loss)
    fine = bool(torch.isnan(loss).all() or (loss == 0).all())
    return "an error, 0 or NaN" if fine else "a number made of nothing"
