"""Which mistake was made: the learner's outcomes beside those of every known misconception."""

from __future__ import annotations

from dataclasses import dataclass

from course_utils.engine.compare import Difference, difference, differences
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
    mistake = _named(e, got, want, wrong, mistakes) if any(wrong.values()) else None
    return Diagnosis(wrong, mistake, outputs)


def _named(
    e: Exercise, got: Outcomes, want: Outcomes, wrong: dict, mistakes: list[Mistake]
) -> Mistake | None:
    """The misconception that explains most of what is wrong, if one does; first come of equals."""
    scores = [(_explained(e, got, want, wrong, mistake), -i) for i, mistake in enumerate(mistakes)]
    best, minus_index = max(scores, default=(0, 0))
    return mistakes[-minus_index] if best > 0 else None


def _explained(e: Exercise, got: Outcomes, want: Outcomes, wrong: dict, mistake: Mistake) -> float:
    """Share of the wrong outputs that are wrong in the mistake's own way; 1 where all are.

    0 unless everything that the mistake breaks in ordinary cases is broken just so, and it accounts
    for half of what is wrong: for all of it where yes or no is the only evidence.
    """
    seen = {(case, name) for case, found in wrong.items() for name in found}
    breaks = {
        (case, name)
        for case, outcome in mistake.outcomes.items()
        if outcome is not want[case]
        for name in differences(outcome, want[case], e.tolerances)
    }
    values = {spec.name for spec in e.cases if spec.group == "values"}
    needed = {pair for pair in breaks if pair[0] in values} or breaks
    if not needed <= seen:
        return 0.0
    alike = {(c, n) for c, n in breaks & seen if _alike(e, got[c], mistake.outcomes[c], n)}
    vague = all(isinstance(want[c].get("outputs", {}).get(n), bool) for c, n in needed)
    if not needed <= alike or len(alike) < len(seen) * (1 if vague else 0.5):
        return 0.0
    return len(alike) / len(breaks | seen)


def _alike(e: Exercise, got: dict, other: dict, name: str) -> bool:
    """Whether an output is the same in two outcomes, or missing in both."""
    if "error" in got or "error" in other:
        return not differences(got, other, e.tolerances)
    a, b = got["outputs"], other["outputs"]
    if name not in a or name not in b:
        return (name in a) == (name in b)
    return difference(a[name], b[name], e.tolerances.get(name)) is None
