"""Has a learner's code changed PyTorch, Python or the engine under the probe's feet?

The seal lives in the same process as that code, so it is evidence and no proof: whoever takes
Python itself apart can hide from it. It keeps one cell from spoiling the cells after it, and it
names the usual tricks. What a grade rests on is that hidden values cannot be known in there.
"""

from __future__ import annotations

import builtins
import sys
from itertools import chain
from operator import attrgetter, is_, itemgetter
from types import FunctionType, ModuleType

import torch

OURS = ("course_utils.engine.", "course_utils.exercises.", "grader.player", "multiprocessing.conn")
CODE = attrgetter("__code__")
THEIRS = (builtins, torch, torch.Tensor, torch.nn.Module, torch.nn.functional, torch.Generator)


class Seal:
    """Remembers functions and classes as they are now. Compared once per exercise, so without a
    loop in Python."""

    def __init__(self) -> None:
        named = [(owner, _callables(owner)) for owner in _owners()]
        # Two names at least: of one, an itemgetter would give no tuple.
        self._kept = [(itemgetter(*n, n[0]), vars(owner)) for owner, n in named if n]
        self._values = self._now()
        self._functions = [what for what in self._values if isinstance(what, FunctionType)]
        self._codes = list(map(CODE, self._functions))
        self._sizes = {kind: len(vars(kind)) for kind in (torch.Tensor, torch.nn.Module)}

    @property
    def broken(self) -> bool:
        """Whether something was replaced, or put in front of what a tensor or module inherits."""
        if sys.gettrace() or sys.getprofile():
            return True
        if any(len(vars(kind)) != size for kind, size in self._sizes.items()):
            return True
        try:
            same = all(map(is_, self._now(), self._values))
        except KeyError:
            return True
        return not (same and all(map(is_, map(CODE, self._functions), self._codes)))

    def _now(self) -> list:
        return list(chain.from_iterable([values(held) for values, held in self._kept]))


def _owners() -> dict[object, None]:
    """Modules and classes that a probe relies on."""
    ours = [m for name, m in sys.modules.items() if name.startswith(OURS) and m]
    classes = [c for m in ours for c in vars(m).values() if isinstance(c, type) and _is_ours(c)]
    return dict.fromkeys((*THEIRS, *ours, *classes))


def _callables(owner: object) -> list[str]:
    held = vars(owner).items()
    return [name for name, what in held if callable(what) and not isinstance(what, ModuleType)]


def _is_ours(kind: type) -> bool:
    return kind.__module__.startswith(OURS)
