"""The form of an answer: kinds, shapes and dtypes, without a single value. An exam's check knows no
more than that, so nothing can be read out of its file."""

from __future__ import annotations

import torch

from course_utils.engine.codec import Foreign
from course_utils.engine.diagnose import Outcomes


def form_of(value: object) -> object:
    """Plain data that says what kind of thing a value is."""
    if isinstance(value, torch.Tensor):
        return {"tensor": list(value.shape), "dtype": str(value.dtype)}
    if isinstance(value, (list, tuple)):
        return [form_of(item) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: form_of(item) for key, item in value.items()}}
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return "anything"


def forms_of(outcomes: Outcomes) -> dict:
    """Case → output → form, for outcomes of the reference."""
    return {
        case: {name: form_of(value) for name, value in outcome["outputs"].items()}
        for case, outcome in outcomes.items()
    }


def difference(value: object, form: object) -> str | None:
    """What is wrong with the form of a value, in a few words; None where it fits."""
    if form == "anything":
        return None
    if form == "number":
        return None if form_of(value) == form else f"expected a number, got {_kind(value)}"
    if isinstance(form, list):
        if not isinstance(value, list) or len(value) != len(form):
            return f"expected {len(form)} values, got {_kind(value)}"
        return _first(zip(value, form, strict=True))
    if "tensor" in form:
        return _tensor_difference(value, form)
    if not isinstance(value, dict) or not set(form["dict"]) <= set(value):
        return f"expected a dict with {', '.join(form['dict'])}, got {_kind(value)}"
    return _first((value[key], inner) for key, inner in form["dict"].items())


def _first(pairs) -> str | None:
    return next((found for found in (difference(v, f) for v, f in pairs) if found), None)


def _tensor_difference(value: object, form: dict) -> str | None:
    if not isinstance(value, torch.Tensor):
        return f"expected a tensor, got {_kind(value)}"
    if list(value.shape) != form["tensor"]:
        return f"expected shape {tuple(form['tensor'])}, got {tuple(value.shape)}"
    if str(value.dtype) != form["dtype"]:
        return f"expected {form['dtype']}, got {value.dtype}"
    return None


def _kind(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, (list, dict)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a {value}" if isinstance(value, Foreign) else type(value).__name__


def wrong_forms(got: Outcomes, forms: dict) -> dict[str, str]:
    """Output → what is wrong with its form, over all cases that ran."""
    found: dict[str, str] = {}
    for case, outputs in forms.items():
        given = got[case].get("outputs", {})
        for name, form in outputs.items():
            wrong = difference(given[name], form) if name in given else "nothing came"
            if wrong:
                found.setdefault(name, wrong)
    return found
