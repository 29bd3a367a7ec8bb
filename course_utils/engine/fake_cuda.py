"""Device mistakes, found without a GPU: the probe runs on tensors that only say they are on one.

A `PretendCuda` is an ordinary CPU tensor of another class. `PretendGpu` looks at every call of
PyTorch: where CPU and "CUDA" tensors meet it raises as a GPU would, and it marks what would lie on
the GPU. Values are there, so code may branch on them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from unittest.mock import patch

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

RUNS = "stays on the device of its inputs"
GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
MIXED = "Expected all tensors to be on the same device, but found at least two devices, "
MIXED += "cuda:0 and cpu!"
NUMPY = "can't convert cuda:0 device type tensor to numpy; Tensor.cpu() copies it to the cpu"
GENERATOR = "Expected a 'cuda' device type for generator but found 'cpu'"
# What may take tensors of both devices; the result is where the first one is.
MEETINGS = {"copy_", "__getitem__", "__setitem__", "view_as", "expand_as", "reshape_as"}


class PretendCuda(torch.Tensor):
    """A CPU tensor that says that it is on the first GPU."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: GPU)
    is_cuda = property(lambda self: True)
    is_cpu = property(lambda self: False)

    def __deepcopy__(self, memo: dict) -> torch.Tensor:
        copy = self.detach().clone().requires_grad_(self.requires_grad)
        copy.__dict__.update(self.__dict__)
        return memo.setdefault(id(self), copy)


def pretend(x: torch.Tensor) -> torch.Tensor:
    """The plain tensor x itself, on the GPU from now on."""
    x.__class__ = PretendCuda
    return x


def device_outcome(probe: Callable, target: object, case: object) -> dict:
    """{"outputs": {RUNS: bool}}: False where devices were mixed or a result left the GPU.

    A run that ends with another error counts as True: it says nothing about devices.
    """
    try:
        with pretend_gpu():
            outputs = probe(target, case)
    except Exception as error:
        return {"outputs": {RUNS: not is_device_error(error)}}
    stayed = all(v.is_cuda for v in outputs.values() if isinstance(v, torch.Tensor))
    return {"outputs": {RUNS: stayed}}


@contextlib.contextmanager
def pretend_gpu() -> Iterator[None]:
    """Inside, there may be CUDA tensors where there is no GPU."""
    with PretendGpu(), movable_modules():
        yield


class PretendGpu(TorchFunctionMode):
    """Keeps account of devices, while PyTorch computes everything on the CPU."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if name in MOVES:
            return MOVES[name](*args, **kwargs)
        given = list(_tensors((args, kwargs)))
        there = any(type(x) is PretendCuda for x in given)
        if kwargs.get("device") is not None:
            there, kwargs["device"] = torch.device(kwargs["device"]).type == "cuda", CPU
        elif there:
            _refuse(name, args, given)
            there = name not in MEETINGS or type(args[0]) is PretendCuda
        if there and getattr(kwargs.get("generator"), "device", GPU) == CPU:
            raise RuntimeError(GENERATOR)
        return _placed(func(*args, **kwargs), there, given)


def _refuse(name: str, args: tuple, given: list[torch.Tensor]) -> None:
    """Raise as PyTorch does where tensors on the GPU cannot be used."""
    if name in ("numpy", "__array__"):
        raise TypeError(NUMPY)
    indexed_from_gpu = name == "__getitem__" and type(args[0]) is not PretendCuda
    mixed = any(type(x) is not PretendCuda and x.dim() for x in given)
    if mixed and (indexed_from_gpu or name not in MEETINGS):
        raise RuntimeError(MIXED)


def _tensors(values: Iterable) -> Iterator[torch.Tensor]:
    """Those in nested tuples, lists and dicts."""
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, (tuple, list)):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(value.values())


def _placed(out: object, there: bool, given: list[torch.Tensor]) -> object:
    """What PyTorch returned, its new tensors on the device where they belong."""
    if isinstance(out, torch.Tensor):
        return _placed_tensor(out, there, given)
    if there and isinstance(out, (tuple, list)):
        for value in _tensors(out):
            _placed_tensor(value, there, given)
    return out


def _placed_tensor(out: torch.Tensor, there: bool, given: list[torch.Tensor]) -> torch.Tensor:
    if type(out) is PretendCuda or any(out is x for x in given):
        return out
    return pretend(out) if there else out


def _to(x: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
    """`Tensor.to`: to a device, to a dtype, to both, or to where another tensor is."""
    device, here = x.device, []
    for value in args:
        if isinstance(value, torch.Tensor):
            device = value.device
        elif isinstance(value, (str, torch.device)) or type(value) is int:
            device, value = torch.device(value), CPU
        here.append(value)
    if "other" in kwargs:
        device = kwargs["other"].device
    if kwargs.get("device") is not None:
        device, kwargs["device"] = torch.device(kwargs["device"]), CPU
    return _moved_to(x, torch.Tensor.to(x, *here, **kwargs), device.type == "cuda")


def _moved_to(x: torch.Tensor, out: torch.Tensor, there: bool) -> torch.Tensor:
    """`out`, made of x or x itself, on the device where it belongs."""
    if out is x and there != x.is_cuda:
        out = x.clone()
    return _placed_tensor(out, there, [x])


def _type_as(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return _to(x, other)


def _cpu(x: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    return _to(x, CPU)


def _cuda(x: torch.Tensor, *_: object, **__: object) -> torch.Tensor:
    return _to(x, GPU)


MOVES = {"to": _to, "cpu": _cpu, "cuda": _cuda, "type_as": _type_as}


@contextlib.contextmanager
def movable_modules() -> Iterator[None]:
    """Inside, `Module.to` and its like replace parameters.

    PyTorch would replace their contents only, and they would say that they are where they were.
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


def is_device_error(error: BaseException) -> bool:
    """Whether an error says that a CPU and a CUDA tensor met."""
    text = str(error)
    return "device" in text and "cuda" in text and "cpu" in text
