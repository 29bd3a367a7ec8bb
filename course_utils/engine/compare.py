"""Is what the learner's code returned what the reference returns? Form first, then values."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import torch

from course_utils.engine.codec import Foreign
from course_utils.engine.lenses import explain

RELATIVE = {torch.float64: 1e-6, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 4e-2}
FORM_KINDS = ("missing", "type", "shape", "dtype")


@dataclass(frozen=True)
class Difference:
    """How an output differs. `kind` is one of FORM_KINDS, "finite" or "value"."""

    kind: str
    message: str


def difference(got: object, want: object, tolerance: float | None = None) -> Difference | None:
    """None where `got` is as good as `want`; else what is wrong with it, in a sentence.

    tolerance: relative to the size of `want`; by default it follows from the dtype.
    """
    if isinstance(want, torch.Tensor):
        return _tensor_difference(got, want, tolerance)
    if isinstance(want, dict):
        return _dict_difference(got, want, tolerance)
    if isinstance(want, list):
        return _list_difference(got, want, tolerance)
    return _scalar_difference(got, want, tolerance)


def _tensor_difference(got: object, want: torch.Tensor, tol: float | None) -> Difference | None:
    if not isinstance(got, torch.Tensor):
        return Difference("type", f"expected a tensor, got {_kind(got)}")
    if got.shape != want.shape:
        return Difference("shape", f"expected {tuple(want.shape)}, got {tuple(got.shape)}")
    if got.dtype != want.dtype:
        return Difference("dtype", f"expected {want.dtype}, got {got.dtype}")
    if close(got, want, tol):
        return None
    if not torch.isfinite(got).all() and torch.isfinite(want).all():
        what = "NaN" if torch.isnan(got).any() else "infinity"
        return Difference("finite", f"contains {what}")
    return Difference("value", explain(got, want, tol or RELATIVE.get(want.dtype, 1e-4)))


def close(got: torch.Tensor, want: torch.Tensor, tol: float | None = None) -> bool:
    """Equal within a tolerance relative to each value and, ten times less, to the largest one.

    NaN equals nothing; infinities must stand in the same places.
    """
    if got.shape != want.shape or got.dtype != want.dtype:
        return False
    if not want.dtype.is_floating_point:
        return torch.equal(got, want)
    relative = tol or RELATIVE[want.dtype]
    got, want = got.double(), want.double()
    finite = want[torch.isfinite(want)].abs()
    largest = finite.max().item() if finite.numel() else 0.0
    return torch.allclose(got, want, rtol=relative, atol=relative * largest / 10 + 1e-12)


def _dict_difference(got: object, want: dict, tol: float | None) -> Difference | None:
    if not isinstance(got, dict):
        return Difference("type", f"expected a dict, got {_kind(got)}")
    for key, value in want.items():
        if key not in got:
            return Difference("missing", f"the key {key!r} is missing")
        inner = difference(got[key], value, tol)
        if inner:
            return Difference(inner.kind, f"{key}: {inner.message}")
    return None


def _list_difference(got: object, want: list, tol: float | None) -> Difference | None:
    if not isinstance(got, list):
        return Difference("type", f"expected a list or tuple, got {_kind(got)}")
    if len(got) != len(want):
        return Difference("shape", f"expected {len(want)} entries, got {len(got)}")
    pairs = (difference(g, w, tol) for g, w in zip(got, want, strict=True))
    found = ((i, d) for i, d in enumerate(pairs) if d)
    return next((Difference(d.kind, f"entry {i}: {d.message}") for i, d in found), None)


def _scalar_difference(got: object, want: object, tol: float | None) -> Difference | None:
    number = isinstance(want, (int, float)) and not isinstance(want, bool)
    fits = isinstance(got, (int, float)) and not isinstance(got, bool)
    if number and not fits:
        return Difference("type", f"expected a number, got {_kind(got)}")
    if isinstance(want, float):
        number = _as_float(got)
        if math.isclose(number, want, rel_tol=tol or 1e-4, abs_tol=1e-9):
            return None
        return Difference("value", f"expected {want:.6g}, got {number:.6g}")
    if type(got) is type(want) and got == want:
        return None
    return Difference("value", f"expected {want}, got {_kind(got)}")


def _as_float(number: float) -> float:
    try:
        return float(number)
    except OverflowError:  # Python's integers have no largest one
        return math.inf if number > 0 else -math.inf


def _kind(value: object) -> str:
    if isinstance(value, Foreign):
        return f"a {value}"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (dict, list)):
        return f"a {type(value).__name__}"
    return repr(value)[:80]


def differences(got: dict, want: dict, tolerances: dict[str, float]) -> dict[str, Difference]:
    """Output name → what is wrong with it, for one case. `got` and `want` are outcomes."""
    if "error" in got and "error" in want:
        same = _error_signature(got) == _error_signature(want)
        return {} if same else {"error": Difference("type", "another error than expected")}
    if "error" in got or "error" in want:
        return {"error": Difference("type", _error_text(got))}
    found = {}
    for name, value in want["outputs"].items():
        if name not in got["outputs"]:
            found[name] = Difference("missing", "nothing came")
            continue
        wrong = difference(got["outputs"][name], value, tolerances.get(name))
        if wrong:
            found[name] = wrong
    return found


def _error_text(outcome: dict) -> str:
    error = outcome.get("error")
    return f"{error['type']}: {error['message']}" if error else "an error was expected, none came"


def _error_signature(outcome: dict) -> tuple:
    """Errors are the same if type and message are, numbers aside."""
    error = outcome["error"]
    return error["type"], re.sub(r"0x[0-9a-f]+|\d+", "#", error["message"])
