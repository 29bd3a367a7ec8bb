"""Device mistakes, found without a GPU: the probe runs on tensors that only pretend to be CUDA.

Fake tensors know their shape, dtype and device but hold no values. Mixing devices raises as it
would on a real GPU. Code that needs a value (`.item()`, `if x > 0`) cannot run on them; that
means "cannot tell", not "wrong".
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from unittest.mock import patch

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

RUNS = "stays on the device of its inputs"

has_cuda = cache(torch.cuda.is_available)  # fake tensors ask for every operation


def device_outcome(probe: Callable, target: object, case: object) -> dict:
    """{"outputs": {RUNS: bool}}: False where devices were mixed or a result left the GPU.

    A run that a fake tensor cannot carry to its end counts as True.
    """
    try:
        with fake_tensors():
            outputs = probe(target, case)
    except Exception as error:
        return {"outputs": {RUNS: not is_device_error(error)}}
    stayed = all(v.is_cuda for v in outputs.values() if isinstance(v, torch.Tensor))
    return {"outputs": {RUNS: stayed}}


@contextlib.contextmanager
def fake_tensors() -> Iterator[None]:
    """Inside, tensors hold no values, and there may be CUDA tensors where there is no GPU."""
    with patch.object(torch.cuda, "is_available", has_cuda), FakeTensorMode(), movable_modules():
        yield


@contextlib.contextmanager
def movable_modules() -> Iterator[None]:
    """Inside, `Module.to` and its like replace fake parameters.

    PyTorch would swap their contents, which it refuses for tensors with weak references to them;
    fake ones have such.
    """

    def apply(module: nn.Module, move: Callable, recurse: bool = True) -> nn.Module:
        for child in module.children() if recurse else ():
            child._apply(move)
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = _moved(p, move)
        for name, b in module._buffers.items():
            if b is not None:
                module._buffers[name] = move(b)
        return module

    with patch.object(nn.Module, "_apply", apply):
        yield


def _moved(p: nn.Parameter, move: Callable) -> nn.Parameter:
    """The parameter itself where it stays: optimizers hold on to it."""
    with torch.no_grad():
        there = move(p)
    same = (there.device, there.dtype) == (p.device, p.dtype)
    return p if same else nn.Parameter(there, p.requires_grad)


@cache
def warm_up() -> None:
    """The first fake tensor imports half of PyTorch; call this where waiting does not hurt."""
    with fake_tensors():
        torch.empty(2, device="cuda").add_(1)


def is_device_error(error: BaseException) -> bool:
    """Whether an error says that a CPU and a CUDA tensor met."""
    text = str(error)
    return "device" in text and "cuda" in text and "cpu" in text
