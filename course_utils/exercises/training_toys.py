"""Small networks and loaders that probes hand to a training loop; they note what they are asked."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import TensorDataset

from course_utils.engine.case import Case
from course_utils.exercises.modules import prepared


class Loader:
    """Batches [inputs, targets] in order, as a DataLoader gives them; the last may be smaller."""

    def __init__(self, inputs: torch.Tensor, targets: torch.Tensor, batch_size: int) -> None:
        self.dataset = TensorDataset(inputs, targets)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[list[torch.Tensor]]:
        parts = (tensor.split(self.batch_size) for tensor in self.dataset.tensors)
        return (list(batch) for batch in zip(*parts, strict=True) if len(batch[0]))


class Recording(nn.Module):
    """A module that notes mode and grad mode at every call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[dict] = []

    def note(self, x: torch.Tensor) -> None:
        recording = torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        modes = [part.training for part in self.modules()]
        self.calls.append({"training": modes, "grad": recording, "samples": len(x)})

    def asked(self, what: str) -> list:
        return [call[what] for call in self.calls]

    @property
    def always_trained(self) -> bool:
        return all(all(modes) for modes in self.asked("training"))

    @property
    def always_evaluated(self) -> bool:
        return not any(any(modes) for modes in self.asked("training"))


class Network(Recording):
    """Images (B, …) to outputs (B, classes), by one linear layer."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, classes)
        self.between = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.note(images)
        return self.between(self.linear(images.flatten(1)))


class Backbone(Recording):
    """Images (B, …) to features (B, width), with running statistics that train mode would move."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.note(images)
        return torch.tanh(self.norm(self.linear(images.flatten(1))))


class Head(Recording):
    """Features (B, width) to logits (B, classes)."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        self.note(features)
        return self.linear(features)


def placed(case: Case, module: Recording) -> Recording:
    """The toy with known weights, on the case's device."""
    return prepared(case, module)


def left_on_the_cpu(case: Case, *tensors: torch.Tensor) -> list[torch.Tensor]:
    """Data as loaders give it: on the CPU, wherever the model is."""
    return [t.cpu() for t in tensors] if case.device.type == "cuda" else list(tensors)


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and running statistics by name, copied."""
    return {name: t.detach().clone() for name, t in module.state_dict().items()}


def tolerant(call) -> str:
    """What code does with an input that no contract speaks of: an error and a number are fine."""
    try:
        value = call()
    except Exception:
        return "an error or a number"
    return "an error or a number" if isinstance(value, (int, float)) else type(value).__name__


class ComputedNumbers(TorchDispatchMode):
    """Collects the numbers that small tensors held while the block ran."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[torch.Tensor] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if isinstance(out, torch.Tensor) and out.is_floating_point() and out.numel() <= 1000:
            self.numbers.append(out.detach().flatten().double().clone())
        return out

    def contain(self, values: torch.Tensor) -> bool:
        """Whether every one of these values occurred."""
        seen = torch.cat([*self.numbers, torch.zeros(0, dtype=torch.float64)])
        near = torch.isclose(values.flatten().double()[:, None], seen, rtol=1e-9, atol=1e-12)
        return bool(near.any(1).all())


def problem(case: Case, samples: int, batch: int, classes: int) -> tuple:
    images = case.randn(samples, 1, 3, 2)
    targets = case.integers(0, classes, samples)
    criterion = nn.CrossEntropyLoss()
    if case.option("regression"):
        targets, criterion = case.randn(samples, classes), nn.MSELoss()
    net = placed(case, Network(6, classes))
    return net, Loader(*left_on_the_cpu(case, images, targets), batch), criterion


def answered(case: Case, net: Network, samples: int, batch: int, classes: int) -> Loader:
    """Images with labels that the network hits half of the time, and always in the last batch."""
    images, labels = case.randn(samples, 1, 3, 2), case.integers(0, classes, samples)
    if not case.spec.fake_cuda:
        with torch.no_grad():
            best = net.linear(images.flatten(1)).argmax(1)
        hit = torch.arange(samples) % 2 == 0
        hit |= torch.arange(samples) >= samples // batch * batch
        hit = torch.full_like(hit, True) if case.option("perfect") else hit
        labels = case.tensor(torch.where(hit.to(best.device), best, (best + 1) % classes))
    return Loader(*left_on_the_cpu(case, images, labels), batch)
