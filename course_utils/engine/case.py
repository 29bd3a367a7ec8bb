"""A case: the seeded inputs on which a probe calls the learner's code."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.utils._python_dispatch import _disable_current_modes as real_tensors

from course_utils.engine.fake_cuda import pretend

CONSTANT = (0.75, 0.4375)


@dataclass(frozen=True)
class CaseSpec:
    """What an exercise says about one case. The inputs themselves come from a seed.

    group: "values" (the ordinary case) or "robustness" (other dtypes, sizes, edge values).
    constant_draws: (normal, uniform): every random draw of a kind is this number, so that the
        order and number of draws do not matter. CONSTANT is the usual choice.
    fake_cuda: run on tensors that say they are on a GPU; only the devices are looked at.
    options: read by the probe through `case.option(...)`.
    """

    name: str
    group: str = "values"
    dtype: torch.dtype = torch.float32
    constant_draws: tuple[float, float] | None = None
    fake_cuda: bool = False
    options: dict = field(default_factory=dict)


def case(name: str, **kwargs) -> CaseSpec:
    """Short form for lesson files: unknown keywords become options of the probe."""
    known = {k: kwargs.pop(k) for k in list(kwargs) if k in CaseSpec.__dataclass_fields__}
    return CaseSpec(name, **known, options=kwargs)


FAKE_CUDA = CaseSpec("on a GPU (checked without one)", group="robustness", fake_cuda=True)


def case_seed(seed: str, exercise: str, case_name: str) -> int:
    """One-way: the seed of one case tells nothing about the course's secret or other cases."""
    digest = hashlib.sha256(f"{seed}|{exercise}|{case_name}".encode()).digest()
    return int.from_bytes(digest[:6], "little")


class Case:
    """Hands seeded inputs to a probe and remembers them, to see afterwards whether they changed.

    `references` (the author's side) maps names to functions and fills `givens`; on the learner's
    side `givens` replays what was recorded there, so no reference code has to be present.
    """

    def __init__(
        self,
        spec: CaseSpec,
        seed: int,
        givens: list | None = None,
        references: dict[str, Callable] | None = None,
        device: str = "cpu",
    ) -> None:
        self.spec, self.seed = spec, seed
        self.dtype = spec.dtype
        self.device = torch.device("cuda" if spec.fake_cuda else device)
        self.references = references
        self.givens = [] if references is not None else list(givens or [])
        self._replayed = 0
        self._generator = torch.Generator().manual_seed(seed)
        self._handed_out: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._gradients_wanted: set[int] = set()  # ids of inputs that require them

    def option(self, name: str, default: object = None) -> object:
        return self.spec.options.get(name, default)

    def size(self, low: int, high: int) -> int:
        """A whole number in [low, high]; `low` on a pretend GPU, to save time."""
        if self.spec.fake_cuda:
            return low
        with real_tensors():
            return int(torch.randint(low, high + 1, (), generator=self._generator))

    def number(self, low: float, high: float) -> float:
        with real_tensors():
            u = torch.rand((), generator=self._generator, dtype=torch.float64).item()
        return low + (high - low) * u

    def randn(self, *shape: int) -> torch.Tensor:
        """Standard normal input of the case's dtype on the case's device."""
        with real_tensors():
            values = torch.randn(shape, generator=self._generator, dtype=torch.float64)
        return self.tensor(values)

    def rand(self, *shape: int) -> torch.Tensor:
        with real_tensors():
            values = torch.rand(shape, generator=self._generator, dtype=torch.float64)
        return self.tensor(values)

    def integers(self, low: int, high: int, *shape: int) -> torch.Tensor:
        """int64 numbers in [low, high), (shape)."""
        with real_tensors():
            values = torch.randint(low, high, shape, generator=self._generator)
        return self.tensor(values)

    def timesteps(self, T: int, batch: int) -> torch.Tensor:
        """(batch,) int64 timesteps, different from one another; T - 1 and 0 come first."""
        with real_tensors():
            inner = torch.randperm(T - 2, generator=self._generator)[: max(batch - 2, 0)] + 1
            values = torch.cat([torch.tensor([T - 1, 0]), inner])[:batch]
        return self.tensor(values)

    def tensor(self, values: torch.Tensor) -> torch.Tensor:
        """A tensor of the probe's own, moved to the case's dtype and device, and watched."""
        placed = self._place(values)
        real = values if self.spec.fake_cuda else placed.clone()
        self._handed_out.append((placed, real))
        return placed

    def make(self, build: Callable[[], torch.Tensor]) -> torch.Tensor:
        """`tensor` of what `build` computes; needed where it goes into `given` afterwards."""
        with real_tensors():
            values = build()
        return self.tensor(values)

    def differentiable(self, x: torch.Tensor) -> torch.Tensor:
        """The input x, which collects a gradient from now on."""
        self._gradients_wanted.add(id(x))
        return x.requires_grad_()

    def given(self, name: str, *args: object) -> object:
        """What the reference function `name` returns: computed by the author, replayed here.

        Tensor arguments must be ones that this case made, or dicts of such.
        """
        if self.references is not None:
            with real_tensors():
                result = self.references[name](*(self._original(a) for a in args))
                self.givens.append(_plain(result))
        result = self.givens[self._replayed]
        self._replayed += 1
        return self._place_all(result)

    @property
    def has_inputs(self) -> bool:
        return bool(self._handed_out)

    def inputs_untouched(self) -> bool:
        """Whether every tensor that was handed out still is what it was."""
        if self.spec.fake_cuda:
            return True
        return all(
            torch.equal(now, before) and now.requires_grad == (id(now) in self._gradients_wanted)
            for now, before in self._handed_out
        )

    def _place(self, values: torch.Tensor) -> torch.Tensor:
        dtype = self.dtype if values.is_floating_point() else values.dtype
        if self.spec.fake_cuda:
            return pretend(values.to(dtype=dtype, copy=True))
        return values.to(dtype=dtype, device=self.device, copy=True)

    def _place_all(self, value: object) -> object:
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, dict):
            return {key: self._place_all(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._place_all(item) for item in value]
        return value

    def _original(self, value: object) -> object:
        """The real CPU tensor behind an input that this case handed out."""
        if isinstance(value, dict):
            return {key: self._original(item) for key, item in value.items()}
        if not isinstance(value, torch.Tensor):
            return value
        return next(real for placed, real in self._handed_out if placed is value).cpu()


def _plain(value: object) -> object:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
