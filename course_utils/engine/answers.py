"""The shipped answers of a lesson: what the reference and known mistakes return on public cases.

Data only. `course build` writes the file; a learner's check reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources

from course_utils.engine.codec import pack, unpack
from course_utils.engine.diagnose import Mistake, Outcomes

PUBLIC_SEED = "public"


@dataclass(frozen=True)
class Expected:
    """One exercise under one seed: inputs the probe is given, right answers, known mistakes."""

    givens: dict[str, list]  # case → recorded inputs
    want: Outcomes
    mistakes: list[Mistake]
    notes: dict[str, str] = field(default_factory=dict)  # output → what to know about it (quiz)


def write_answers(expected: dict[str, Expected]) -> bytes:
    """The file's content: exercise id → Expected."""
    return pack({name: _to_data(e) for name, e in expected.items()})


def _to_data(e: Expected) -> dict:
    """A mistake is stored with the cases that it changes; the others are the right answers."""
    right = {case: pack(outcome) for case, outcome in e.want.items()}

    def changed(m: Mistake) -> Outcomes:
        return {case: o for case, o in m.outcomes.items() if pack(o) != right[case]}

    mistakes = [[m.id, m.message, changed(m)] for m in e.mistakes]
    return {"givens": e.givens, "want": e.want, "mistakes": mistakes, "notes": e.notes}


def read_answers(blob: bytes) -> dict[str, Expected]:
    return {name: _from_data(data) for name, data in unpack(blob).items()}


def _from_data(data: dict) -> Expected:
    want = data["want"]
    mistakes = [Mistake(id, message, want | changed) for id, message, changed in data["mistakes"]]
    return Expected(data["givens"], want, mistakes, data["notes"])


@cache
def load_answers(lesson: str) -> dict[str, Expected]:
    """Answers of a lesson by exercise id. Raises FileNotFoundError before the first build."""
    path = resources.files("course_utils") / "exercises" / "answers" / f"{lesson}.safetensors"
    return read_answers(path.read_bytes())
