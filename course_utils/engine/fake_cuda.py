"""Device mistakes, found without a GPU: the probe runs on tensors that only pretend to be CUDA.

Fake tensors know their shape, dtype and device but hold no values. Mixing devices raises as it
would on a real GPU. Code that needs a value (`.item()`, `if x > 0`) cannot run on them; that
means "cannot tell", not "wrong".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

RUNS = "stays on the device of its inputs"


def device_outcome(probe: Callable, target: object, case: object) -> dict:
    """{"outputs": {RUNS: bool}}: False where devices were mixed or a result left the GPU.

    A run that a fake tensor cannot carry to its end counts as True.
    """
    try:
        with FakeTensorMode():
            outputs = probe(target, case)
    except Exception as error:
        return {"outputs": {RUNS: not is_device_error(error)}}
    stayed = all(v.is_cuda for v in outputs.values() if isinstance(v, torch.Tensor))
    return {"outputs": {RUNS: stayed}}


@cache
def warm_up() -> None:
    """The first fake tensor imports half of PyTorch; call this where waiting does not hurt."""
    with FakeTensorMode():
        torch.empty(2, device="cuda").add_(1)


def is_device_error(error: BaseException) -> bool:
    """Whether an error says that a CPU and a CUDA tensor met."""
    text = str(error)
    return "device" in text and "cuda" in text and "cpu" in text
