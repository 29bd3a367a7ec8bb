"""The shipped answers of a lesson: what the reference and known mistakes return on public cases.

Data only. `course build` writes the file; a learner's check reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from course_utils.engine.codec import pack, unpack
from course_utils.engine.diagnose import Mistake, Outcomes
from course_utils.engine.exercise import is_exam

PUBLIC_SEED = "public"


def public_seed(lesson: str) -> str:
    """What the inputs of a check grow from. An exam's are other ones than the lessons'."""
    return f"{PUBLIC_SEED} {lesson}" if is_exam(lesson) else PUBLIC_SEED


@dataclass(frozen=True)
class Expected:
    """One exercise under one seed: inputs the probe is given, right answers, known mistakes."""

    givens: dict[str, list]  # case → recorded inputs
    want: Outcomes
    mistakes: list[Mistake]
    notes: dict[str, str] = field(default_factory=dict)  # output → what to know about it (quiz)


def write_answers(expected: dict[str, Expected]) -> bytes:
    """The file's content: exercise id → Expected."""
    return pack({name: to_data(e) for name, e in expected.items()})


def to_data(e: Expected) -> dict:
    """Plain data for `pack`. A mistake is stored with the cases that it changes; its others are
    the right answers."""
    right = {case: pack(outcome) for case, outcome in e.want.items()}

    def changed(m: Mistake) -> Outcomes:
        return {case: o for case, o in m.outcomes.items() if pack(o) != right[case]}

    mistakes = [[m.id, m.message, changed(m)] for m in e.mistakes]
    return {"givens": e.givens, "want": e.want, "mistakes": mistakes, "notes": e.notes}


def read_answers(blob: bytes) -> dict[str, Expected]:
    return {name: from_data(data) for name, data in unpack(blob).items()}


def from_data(data: dict) -> Expected:
    """What `to_data` wrote."""
    want = data["want"]
    mistakes = [Mistake(id, message, want | changed) for id, message, changed in data["mistakes"]]
    return Expected(data["givens"], want, mistakes, data["notes"])


@cache
def load_answers(lesson: str) -> dict[str, Expected]:
    """Answers of a lesson by exercise id. Raises FileNotFoundError before the first build."""
    path = resources.files("course_utils") / "exercises" / "answers" / f"{lesson}.safetensors"
    return read_answers(path.read_bytes())
