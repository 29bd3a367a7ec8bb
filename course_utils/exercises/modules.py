"""How probes look at a learner's nn.Module: weights put in, outputs and gradients taken out."""

from __future__ import annotations

import hashlib

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes as real_tensors

from course_utils.engine.case import Case
from course_utils.engine.runner import expect


def prepared(case: Case, module: object, by_name: bool = True) -> nn.Module:
    """The module on the case's device and dtype, with known weights.

    by_name: a weight depends on its name and shape, for modules whose attribute names are given.
    Otherwise it depends on its shape alone, and names and order of registration are free.
    """
    module = expect(nn.Module, module, "an nn.Module")
    entries = [*module.named_parameters(), *module.named_buffers()]
    with torch.no_grad():
        for name, tensor in entries:
            if tensor.is_floating_point() and not case.spec.fake_cuda:
                tensor.copy_(weight(name if by_name else "", tensor.shape))
    return module.to(case.device, case.dtype)


def weight(name: str, shape: torch.Size) -> torch.Tensor:
    """Repeatable weights; small enough that deep modules keep finite outputs."""
    seed = int.from_bytes(hashlib.sha256(f"{name}|{tuple(shape)}".encode()).digest()[:6], "little")
    with real_tensors():
        values = torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    fan_in = max(shape[1:].numel(), 1) if len(shape) > 1 else 4
    return (values + (0.5 if len(shape) == 1 else -0.5)) * (3 / fan_in) ** 0.5


def parameter_shapes(module: nn.Module) -> list[list[int]]:
    """Sorted shapes of all parameters: the same for every order of registration."""
    return sorted(list(p.shape) for p in module.parameters())


def gradients(module: nn.Module) -> dict[str, torch.Tensor]:
    """Gradient by parameter name; zeros where there is none."""
    return {
        name: torch.zeros_like(p) if p.grad is None else p.grad.detach().clone()
        for name, p in module.named_parameters()
    }
