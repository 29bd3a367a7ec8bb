"""What a player sends, reduced to what may be shown.

A learner's code writes these data, and its process holds things that learners must not get: inputs
of hidden cases, compiled references. So words pass only if they are known beforehand, and numbers
only if they are short; a few dozen bits per exercise are left.
"""

from __future__ import annotations

import builtins
import re

import torch

from course_utils.engine.codec import Foreign
from course_utils.engine.diagnose import Outcomes
from course_utils.engine.runner import TIMEOUT

BUILTINS = [value for value in vars(builtins).values() if isinstance(value, type)]
ERRORS = {kind.__name__ for kind in BUILTINS if issubclass(kind, BaseException)}
ERRORS |= {"WrongReturn", TIMEOUT, "Missing", "NoAnswer", "EinopsError", "OutOfMemoryError"}
OWN_ERROR = "an error of its own"
TYPES = {kind.__name__ for kind in BUILTINS} | {"NoneType", "function", "module", "generator"}
TYPES |= {"torch", "Tensor", "nn", "modules", "Parameter", "parameter", "Size", "dtype", "device"}
TYPES |= {"numpy", "ndarray", "meta", "sparse_coo", "complex64", "complex128", "shape"}
TYPES |= {name for name, value in vars(torch).items() if isinstance(value, torch.dtype)}
TOKEN = re.compile(r"[A-Za-z_]\w*|\d+|[^\w\s]")
MAX_TOKENS, MAX_DIGITS = 24, 4
MAX_RANK, MAX_SIZE, MAX_NUMBER = 8, 10**6, 2**63
MAX_ENTRIES, MAX_DEPTH = 10_000, 24


def error_type(sent: object) -> str:
    """The name of an exception of Python's, PyTorch's or ours."""
    return sent if isinstance(sent, str) and sent in ERRORS else OWN_ERROR


def vocabulary(outcomes: list[Outcomes]) -> set[str]:
    """The texts in right and in expected wrong answers, and their words."""
    words: set[str] = set()
    waiting: list = list(outcomes)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            words |= {value, *TOKEN.findall(value)}
    return words


def tamed(value: object, known: set[str], depth: int = 0) -> object:
    """The same data without anything that could carry a message."""
    if isinstance(value, torch.Tensor):
        odd = value.dim() > MAX_RANK or any(size > MAX_SIZE for size in value.shape)
        return Foreign("tensor of an odd shape") if odd else value
    if isinstance(value, str):
        return _text(value, known)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_NUMBER:
        return Foreign("very large number")
    if isinstance(value, (list, dict)) and (len(value) > MAX_ENTRIES or depth > MAX_DEPTH):
        return Foreign("very large structure")
    if isinstance(value, list):
        return [tamed(item, known, depth + 1) for item in value]
    if isinstance(value, dict):
        return {key: tamed(item, known, depth + 1) for key, item in value.items()}
    return value


def _text(value: str, known: set[str]) -> str:
    if value in known and not isinstance(value, Foreign):
        return value
    tokens = TOKEN.findall(value[:200])
    allowed = known | TYPES
    fine = len(value) <= 200 and len(tokens) <= MAX_TOKENS
    fine = fine and all(_harmless(token, allowed) for token in tokens)
    if isinstance(value, Foreign):
        return value if fine else Foreign("object of another kind")
    return value if fine else Foreign("text")


def _harmless(token: str, allowed: set[str]) -> bool:
    if token.isdigit():
        return len(token) <= MAX_DIGITS
    return token in allowed or token in "()[],.:=-+'"
