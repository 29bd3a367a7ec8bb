"""Random draws made by a learner's code, decided by the case instead of by luck.

Draws are intercepted where PyTorch dispatches them, not by patching names, so `torch.randn`,
`randn_like`, `x.normal_()`, `torch.normal`, `rand`, `randint`, `random_`, `bernoulli` and
`multinomial` all read the same two streams: one of standard normal and one of uniform numbers.
`randint(0, T, (B,))` and `(rand(B) * T).long()` therefore give the same timesteps.
"""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Iterator

import torch
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten
GRID = 4096  # uniform draws are odd multiples of 1/8192: exact in float32, never 0 or 1


class ControlledDraws(TorchDispatchMode):
    """Replaces random draws by two seeded streams, or by the `constant` (normal, uniform)."""

    def __init__(self, seed: int, constant: tuple[float, float] | None = None) -> None:
        super().__init__()
        self.constant = constant
        self.normals = torch.Generator().manual_seed(seed)
        self.uniforms = torch.Generator().manual_seed(seed + 1)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Spares a wrapper around every operation that only torch.compile needs."""
        return False

    def normal(self, shape: torch.Size) -> torch.Tensor:
        """Standard normal numbers in float64, (shape)."""
        if self.constant:
            return torch.full(shape, self.constant[0], dtype=torch.float64)
        return _stream(self.normals, shape.numel()).reshape(shape)

    def uniform(self, shape: torch.Size) -> torch.Tensor:
        """Uniform numbers in (0, 1) in float64, (shape)."""
        if self.constant:
            return torch.full(shape, self.constant[1], dtype=torch.float64)
        steps = torch.randint(GRID, (shape.numel(),), generator=self.uniforms)
        return ((2 * steps + 1) / (2 * GRID)).double().reshape(shape)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        draw = DRAWS.get(func.overloadpacket)
        if draw is not None and isinstance(out, torch.Tensor):
            values = draw(self, out, _named(func, args, kwargs))
            if values is not None:
                out.copy_(values.to(out.device))
        return out


def _stream(generator: torch.Generator, count: int) -> torch.Tensor:
    """The next `count` numbers of a normal stream, the same however they are asked for.

    `torch.randn` itself gives other numbers for one draw of 32 than for two draws of 16.
    """
    u = torch.rand(2 * count, dtype=torch.float64, generator=generator).reshape(count, 2)
    return torch.sqrt(-2 * torch.log1p(-u[:, 0])) * torch.cos(2 * torch.pi * u[:, 1])


def _named(func, args: tuple, kwargs: dict) -> dict:
    """Arguments by the names of the operator's schema, defaults filled in."""
    schema = func._schema.arguments
    named = {a.name: a.default_value for a in schema if a.has_default_value()}
    named.update({a.name: value for a, value in zip(schema, args, strict=False)})
    return named | kwargs


def _standard_normal(draws: ControlledDraws, out: torch.Tensor, _: dict) -> torch.Tensor:
    return draws.normal(out.shape)


def _normal(draws: ControlledDraws, out: torch.Tensor, a: dict) -> torch.Tensor:
    mean, std = (x.cpu() if isinstance(x, torch.Tensor) else x for x in (a["mean"], a["std"]))
    return mean + std * draws.normal(out.shape)


def _uniform(draws: ControlledDraws, out: torch.Tensor, a: dict) -> torch.Tensor:
    low, high = a.get("from", 0.0), a.get("to", 1.0)
    return low + (high - low) * draws.uniform(out.shape)


def _integers(draws: ControlledDraws, out: torch.Tensor, a: dict) -> torch.Tensor | None:
    low = a.get("low", a.get("from")) or 0
    high = a.get("high", a.get("to"))
    if high is None:  # random_() over the whole range of the type
        return None
    return low + torch.floor(draws.uniform(out.shape) * (high - low))


def _bernoulli(draws: ControlledDraws, out: torch.Tensor, a: dict) -> torch.Tensor:
    p = a["p"] if "p" in a else a["self"]
    return draws.uniform(out.shape) < (p.cpu() if isinstance(p, torch.Tensor) else p)


def _multinomial(draws: ControlledDraws, out: torch.Tensor, a: dict) -> torch.Tensor | None:
    if not a["replacement"] and a["num_samples"] > 1:
        return None
    weights = a["self"].detach().cpu().double()
    edges = torch.cumsum(weights, -1) / weights.sum(-1, keepdim=True)  # (..., K)
    return torch.searchsorted(edges, draws.uniform(out.shape), right=True)


DRAWS = {
    aten.randn: _standard_normal, aten.randn_like: _standard_normal,
    aten.normal: _normal, aten.normal_: _normal,
    aten.rand: _uniform, aten.rand_like: _uniform, aten.uniform_: _uniform,
    aten.randint: _integers, aten.randint_like: _integers, aten.random_: _integers,
    aten.bernoulli: _bernoulli, aten.bernoulli_: _bernoulli,
    aten.multinomial: _multinomial,
}  # fmt: skip


@contextlib.contextmanager
def preserved_random_state(seed: int) -> Iterator[None]:
    """Seed torch, `random` and NumPy for the block; put the learner's own states back after it."""
    numpy = sys.modules.get("numpy")
    states = random.getstate(), numpy.random.get_state() if numpy else None
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        try:
            torch.default_generator.manual_seed(seed)  # torch.manual_seed asks every kind of device
            for device in devices:
                torch.cuda.default_generators[device].manual_seed(seed)
            random.seed(seed)
            if numpy:
                numpy.random.seed(seed % 2**32)
            yield
        finally:
            random.setstate(states[0])
            if numpy:
                numpy.random.set_state(states[1])
