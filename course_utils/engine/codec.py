"""Plain data across a process boundary: nested dicts and lists of numbers, strings and tensors.

One safetensors blob holds the tensors; its metadata holds a JSON skeleton that says where each
one belongs. Reading a blob never runs code, whoever wrote it.
"""

from __future__ import annotations

import json

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from course_utils.engine.limits import StopProbe

MAX_ELEMENTS = 1_000_000  # per tensor; probes return small things
MAX_DEPTH = 24
MAX_NODES = 100_000  # containers may hold themselves
MAX_INTEGER = 2**63
MAX_TEXT = 2000
STORABLE = {
    torch.float64, torch.float32, torch.float16, torch.bfloat16,
    torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool,
}  # fmt: skip


class CodecError(ValueError):
    """The bytes are not what `pack` writes."""


def foreign(value: object, why: str = "") -> dict:
    """Stand-in for a value that is not plain data, so that it can be named in a message."""
    kind = type(value)
    try:
        home = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {"$foreign": f"{home}{kind.__name__} {why}".strip()[:120]}
    except Exception:  # a class may lie about its name as well
        return {"$foreign": "object"}


def _plain_tensor(value: torch.Tensor) -> torch.Tensor | None:
    """A detached CPU copy, or None where a tensor holds no ordinary values (meta, sparse, huge)."""
    plain = torch.Tensor.as_subclass(value, torch.Tensor).detach()
    if plain.layout is not torch.strided or plain.dtype not in STORABLE or plain.is_meta:
        return None
    if plain.numel() > MAX_ELEMENTS:
        return None
    return plain.cpu().resolve_neg().clone(memory_format=torch.contiguous_format)


class _Packer:
    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self.keys: dict[tuple, str] = {}  # equal tensors are stored once
        self.nodes = 0

    def skeleton(self, value: object, depth: int = 0) -> object:
        """JSON data for a value. Its methods are a stranger's and may do anything when called."""
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise CodecError("too many entries")  # ends the loop of the container around it
        if depth > MAX_DEPTH:
            return foreign(value, "(nested too deeply)")
        try:
            return self._node(value, depth)
        except StopProbe:
            raise
        except BaseException:
            return foreign(value, "(cannot be read)")

    def _node(self, value: object, depth: int) -> object:
        if isinstance(value, torch.Tensor):
            with torch._C.DisableTorchFunctionSubclass():
                return self.tensor(value)
        if value is None or isinstance(value, (bool, int, float, str)):
            return _scalar(value)
        if isinstance(value, dict):
            return {"$dict": [[str(k), self.skeleton(v, depth + 1)] for k, v in value.items()]}
        if isinstance(value, (list, tuple)):
            return [self.skeleton(item, depth + 1) for item in value]
        return foreign(value)

    def tensor(self, value: torch.Tensor) -> dict:
        plain = _plain_tensor(value)
        if plain is None:
            return foreign(value, f"({value.dtype}, shape {tuple(value.shape)})")
        content = bytes(plain.reshape(-1).view(torch.uint8).numpy()) if plain.numel() else b""
        fingerprint = (plain.dtype, tuple(plain.shape), content)
        key = self.keys.setdefault(fingerprint, str(len(self.tensors)))
        self.tensors.setdefault(key, plain)
        return {"$tensor": key, "device": value.device.type}


def _scalar(value: object) -> object:
    """The builtin itself: a subclass may lie about its own value."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int.__int__(value)
        return number if abs(number) < MAX_INTEGER else foreign(value, "(too large)")
    if isinstance(value, float):
        return float.__float__(value)
    return str.__str__(value)[:MAX_TEXT]


def pack(data: object) -> bytes:
    """Bytes for nested plain data; what is not plain becomes `{"$foreign": type}`."""
    packer = _Packer()
    skeleton = json.dumps(packer.skeleton(data))
    return save(packer.tensors, metadata={"skeleton": skeleton})


def unpack(blob: bytes, max_header: int = 2**30) -> object:
    """The data of `pack`. Raises CodecError on anything else; never runs code."""
    try:
        length = int.from_bytes(blob[:8], "little")
        if length > max_header:
            raise CodecError("too many entries")
        header = json.loads(blob[8 : 8 + length])
        skeleton = json.loads(header["__metadata__"]["skeleton"])
        return _fill(skeleton, load(blob))
    except (
        SafetensorError, ValueError, LookupError, TypeError, AttributeError, OverflowError,
        RecursionError, RuntimeError, MemoryError,
    ) as e:  # fmt: skip
        raise CodecError(f"not a packed answer: {type(e).__name__}") from e


def _fill(node: object, tensors: dict[str, torch.Tensor]) -> object:
    if isinstance(node, list):
        return [_fill(item, tensors) for item in node]
    if not isinstance(node, dict):
        return node
    if "$tensor" in node:
        return tensors[node["$tensor"]]
    if "$foreign" in node:
        return Foreign(str(node["$foreign"]))
    return {key: _fill(value, tensors) for key, value in node["$dict"]}


class Foreign(str):
    """The type of a returned value that is not plain data."""
