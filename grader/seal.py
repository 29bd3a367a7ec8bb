"""Has a learner's code changed PyTorch, Python or the engine under the probe's feet?

The seal lives in the same process as that code, so it is evidence and no proof: whoever takes
Python itself apart can hide from it. It keeps one cell from spoiling the cells after it, and it
names the usual tricks. What a grade rests on is that hidden values cannot be known in there.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from types import FunctionType, ModuleType

import torch

OURS = ("course_utils.engine.", "course_utils.exercises.", "grader.player", "multiprocessing.conn")
THEIRS = (builtins, torch, torch.Tensor, torch.nn.Module, torch.nn.functional, torch.Generator)


class Seal:
    """Remembers functions and classes as they are now."""

    def __init__(self) -> None:
        self._kept = {(id(o), name): (o, what, code) for o, name, what, code in _callables()}
        self._names = {kind: len(vars(kind)) for kind in (torch.Tensor, torch.nn.Module)}

    @property
    def broken(self) -> str:
        """Name of something that was replaced; "" where all is as it was."""
        if sys.gettrace() or sys.getprofile():
            return "a trace function"
        for kind, count in self._names.items():
            if len(vars(kind)) != count:  # something new, in front of what it inherits
                return kind.__name__
        for (_, name), (owner, what, code) in self._kept.items():
            now = owner.__dict__.get(name)
            if now is not what or _code(now) is not code:
                return f"{getattr(owner, '__name__', '')}.{name}"
        return ""


def _callables() -> Iterator[tuple[object, str, object, object]]:
    """(owner, name, what stands there, its code) for all that a probe relies on."""
    ours = [m for name, m in sys.modules.items() if name.startswith(OURS) and m]
    classes = [c for m in ours for c in vars(m).values() if isinstance(c, type) and _is_ours(c)]
    for owner in (*THEIRS, *ours, *classes):
        for name, what in list(vars(owner).items()):
            if callable(what) and not isinstance(what, ModuleType):
                yield owner, name, what, _code(what)


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(OURS)


def _code(what: object) -> object:
    return what.__code__ if isinstance(what, FunctionType) else None
