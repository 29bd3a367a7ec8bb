"""What broken code looks like from outside: numbers, and a picture where there is one. Everything
is made by running the broken code beside the right one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from course_utils.engine.answers import PUBLIC_SEED
from course_utils.engine.compare import differences
from course_utils.engine.exercise import Exercise, lesson_text
from course_utils.engine.limits import StopProbe, time_limit
from course_utils.plotting import Picture
from grader.exam.mistakes import outcomes
from grader.exam.stages import STAGES, heat_maps
from grader.source import load_source, run_code

SECONDS = 10.0  # for a picture; a broken function may never end


@dataclass(frozen=True)
class Symptom:
    """Text of a notebook cell; the picture is named in it as `attachment:picture.png`."""

    text: str
    picture: bytes | None = None


def symptom_of(lesson: str, e: Exercise, code: str, seed: str = PUBLIC_SEED) -> Symptom:
    """How the code of an exercise differs from the reference, without saying why."""
    words = lesson_text("exam")["hunt"]
    got = outcomes(lesson, e, code, seed)
    want = outcomes(lesson, e, load_source(lesson).references[e.id], seed)
    case, wrong = _first_wrong(e, got, want)
    parts = [words["symptom"], words["case"].format(case=case)]
    picture = _picture(lesson, e, code) or _heat_maps(got[case], want[case], wrong)
    if "error" in got[case]:
        error = got[case]["error"]
        parts[1] = words["stopped"].format(error=f"{error['type']}: {error['message']}")
    else:
        parts.append(_table(words, got[case]["outputs"], want[case]["outputs"], wrong))
    if picture:
        parts.append(f"![{picture.alt}](attachment:picture.png)")
    return Symptom("\n\n".join(parts), picture.png() if picture else None)


def _first_wrong(e: Exercise, got: dict, want: dict) -> tuple[str, list[str]]:
    """(case, names of its wrong outputs); ordinary cases come first."""
    for spec in sorted(e.cases, key=lambda spec: (spec.group != "values", spec.fake_cuda)):
        wrong = list(differences(got[spec.name], want[spec.name], e.tolerances))
        if wrong:
            return spec.name, wrong
    raise ValueError(f"{e.id}: this code has no symptom")


def _table(words: dict, got: dict, want: dict, wrong: list[str]) -> str:
    rows = [words["columns"], "|---|---|---|"]
    rows += [f"| {n} | {_said(words, want[n])} | {_said(words, got.get(n))} |" for n in wrong]
    return "\n".join(rows)


def _said(words: dict, value: object) -> str:
    """A value in a few words."""
    if isinstance(value, torch.Tensor):
        if value.dim() == 0:
            return _short(value.item())
        about = {"dtype": str(value.dtype).removeprefix("torch."), "shape": tuple(value.shape)}
        if value.numel() < 2 or not value.dtype.is_floating_point:
            few = value.flatten()[:6].tolist()
            return words["only_form"].format(**about) + f": {_short(few)}"
        numbers = value.double()
        return words["tensor"].format(**about, mean=numbers.mean(), spread=numbers.std())
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list) and any(isinstance(part, torch.Tensor) for part in value):
        return "; ".join(_said(words, part) for part in value[:3])
    return _short(value)


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value[:6])) + (", …" if len(value) > 6 else "")
    return str(value).replace("|", "/").replace("\n", " ")[:120]


def _picture(lesson: str, e: Exercise, code: str) -> Picture | None:
    """The exercise's own stage, if it has one and the broken code gets to its end."""
    stage = STAGES.get(e.id)
    if stage is None:
        return None
    right = load_source(lesson).namespace()
    broken = namespace_with(lesson, e.id, code)
    words = lesson_text("exam")["hunt"]
    try:
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _staged(stage, {words["right"]: right, words["broken"]: broken})
    except (Exception, StopProbe):
        return None


def _staged(stage: Callable, spaces: dict[str, dict]) -> Picture:
    return stage(spaces)


def namespace_with(lesson: str, name: str, code: str) -> dict:
    """A lesson's names with one definition replaced, for the other references too."""
    source = load_source(lesson)
    space = run_code(source.setup(), f"<setup {lesson}>")
    for each, reference in source.references.items():
        run_code(code if each == name else reference, f"<{each}>", space)
    return space


def _heat_maps(got: dict, want: dict, wrong: list[str]) -> Picture | None:
    if "error" in got:
        return None
    words = lesson_text("exam")["hunt"]
    for name in wrong:
        g, w = got["outputs"].get(name), want["outputs"][name]
        if isinstance(g, torch.Tensor) and isinstance(w, torch.Tensor) and g.shape == w.shape:
            found = heat_maps(name, {words["right"]: w, words["broken"]: g})
            if found:
                return found
    return None
