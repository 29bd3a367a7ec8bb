"""Which mistake was made: the learner's outcomes beside those of every known misconception."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.engine.compare import Difference, differences
from course_utils.engine.exercise import Exercise

Outcomes = dict[str, dict]  # case name → outcome


@dataclass(frozen=True)
class Mistake:
    """A known misconception and what code that holds it returns."""

    id: str
    message: str
    outcomes: Outcomes


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong, case by case, and the misconception that explains it, if one does."""

    wrong: dict[str, dict[str, Difference]]  # case → output → difference; {} for a right case
    mistake: Mistake | None = None
    outputs: int = 0  # how many outputs were compared

    @property
    def passed(self) -> bool:
        return not any(self.wrong.values())


def diagnose(e: Exercise, got: Outcomes, want: Outcomes, mistakes: list[Mistake]) -> Diagnosis:
    """Compare every case and name the misconception, if the wrong outputs are one's."""
    wrong = {case: differences(got[case], want[case], e.tolerances) for case in want}
    outputs = sum(len(outcome.get("outputs", ())) for outcome in want.values())
    mistake = _named(e, got, wrong, mistakes) if any(wrong.values()) else None
    return Diagnosis(wrong, mistake, outputs)


def _named(e: Exercise, got: Outcomes, wrong: dict, mistakes: list[Mistake]) -> Mistake | None:
    """The misconception that behaves the same on all cases; else the one that explains most."""
    scores = [(_explained(e, got, wrong, mistake), -i) for i, mistake in enumerate(mistakes)]
    best, minus_index = max(scores, default=(0, 0))
    return mistakes[-minus_index] if best > 0 else None


def _explained(e: Exercise, got: Outcomes, wrong: dict, mistake: Mistake) -> float:
    """2 where all cases agree with the mistake; else the share of wrong cases it explains in full,
    provided that an ordinary case is among them; 0 otherwise."""
    agrees = {c: not differences(got[c], o, e.tolerances) for c, o in mistake.outcomes.items()}
    if all(agrees.values()):
        return 2.0
    explained = [case for case, found in wrong.items() if found and agrees[case]]
    ordinary = {spec.name for spec in e.cases if spec.group == "values"}
    if not ordinary.intersection(explained):
        return 0.0
    return len(explained) / sum(1 for found in wrong.values() if found)
