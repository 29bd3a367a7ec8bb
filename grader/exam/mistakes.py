"""Which mistakes a bug hunt carries: one to three edits of a reference, applied together."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations
from random import Random

from course_utils.engine.answers import PUBLIC_SEED, load_answers
from course_utils.engine.compare import FORM_KINDS, differences
from course_utils.engine.diagnose import Outcomes, diagnose
from course_utils.engine.exercise import Exercise, load_lesson
from course_utils.engine.runner import run_case
from grader.misconceptions import Edit, load_edits
from grader.reference import outcomes_of
from grader.source import load_source

MOST = 3
TRIES = 60  # drawn combinations; after them fewer mistakes are planted


@cache
def quiet_edits(lesson: str, name: str) -> tuple[Edit, ...]:
    """The misconceptions that neither stop the code nor change a shape or dtype, if there are any.

    Read from the lesson's public answers: nothing has to run.
    """
    e, facts = load_lesson(lesson)[name], load_answers(lesson)[name]
    loud = {
        m.id
        for m in facts.mistakes
        if any(_loud(e, m.outcomes[s], facts.want[s]) for s in usual(e))
    }
    edits = load_edits(lesson)[name]
    return tuple(edit for edit in edits if edit.id not in loud) or tuple(edits)


def usual(e: Exercise) -> list[str]:
    """The names of the ordinary cases."""
    return [spec.name for spec in e.cases if spec.group == "values"]


def _loud(e: Exercise, got: dict, want: dict) -> bool:
    wrong = differences(got, want, e.tolerances)
    return "error" in got or any(d.kind in FORM_KINDS for d in wrong.values())


def draw_mistakes(lesson: str, name: str, level: int, draw: Random) -> tuple[Edit, ...]:
    """So many mistakes that can be made together, or fewer where the reference has no room."""
    for count in range(min(level, MOST), 1, -1):
        edits = quiet_edits(lesson, name)
        for _ in range(TRIES if len(edits) >= count else 0):
            chosen = tuple(draw.sample(edits, count))
            if compatible(lesson, name, chosen):
                return chosen
    return (draw.choice(quiet_edits(lesson, name)),)


def applied(lesson: str, name: str, edits: tuple[Edit, ...]) -> str | None:
    """The reference with all edits in it; None where they are in each other's way."""
    reference = load_source(lesson).references[name]
    spans = sorted((at := reference.find(e.old), at + len(e.old)) for e in edits)
    if any(end > start for (_, end), (start, _) in zip(spans, spans[1:], strict=False)):
        return None
    code = reference
    try:
        for edit in edits:
            code = edit.apply(code)
    except ValueError:  # one edit writes what another one looks for
        return None
    return code


def compatible(lesson: str, name: str, edits: tuple[Edit, ...]) -> bool:
    """Whether together they are a hunt: the code runs with the right shapes, and as long as any of
    the mistakes is left, the probe fails."""
    codes = [applied(lesson, name, part) for part in parts(edits)]
    if None in codes:
        return False
    e, want = load_lesson(lesson)[name], load_answers(lesson)[name].want
    together = outcomes(lesson, e, codes[-1])
    if any(_loud(e, together[case], want[case]) for case in usual(e)):
        return False
    return not any(passes(lesson, e, code) for code in codes)


def parts(edits: tuple[Edit, ...]) -> Iterator[tuple[Edit, ...]]:
    """Every choice of some of them; all of them come last."""
    for count in range(1, len(edits) + 1):
        yield from combinations(edits, count)


def passes(lesson: str, e: Exercise, code: str, seed: str = PUBLIC_SEED) -> bool:
    """Whether code of an exercise passes the cases of a seed."""
    if seed == PUBLIC_SEED:
        want = load_answers(lesson)[e.id].want
    else:
        want = outcomes(lesson, e, load_source(lesson).references[e.id], seed)
    return diagnose(e, outcomes(lesson, e, code, seed), want, []).passed


def outcomes(lesson: str, e: Exercise, code: str, seed: str = PUBLIC_SEED) -> Outcomes:
    """What the probe returns on the cases of a seed; the public ones are the fastest."""
    if seed != PUBLIC_SEED:
        return outcomes_of(lesson, e, code, seed)[0]
    target = load_source(lesson).variant(code, e.id)[e.target]
    givens = load_answers(lesson)[e.id].givens
    return {s.name: run_case(e, target, s, PUBLIC_SEED, givens=givens[s.name])[0] for s in e.cases}
