"""`course verify`: proves, exercise by exercise, that probe, reference, misconceptions and
alternatives fit together, for the judge and for the check in the notebook."""

from __future__ import annotations

from dataclasses import dataclass, field

from course_utils.engine.answers import PUBLIC_SEED, Expected, load_answers
from course_utils.engine.diagnose import Diagnosis, diagnose
from course_utils.engine.exercise import Exercise, load_lesson
from course_utils.engine.runner import run_case
from grader.misconceptions import Edit, load_edits
from grader.paths import ALTERNATIVES
from grader.reference import edits_of, expected, reference_code, renamed, stub_code
from grader.source import load_source, read_cells, without_markers

SECRET_SEEDS = ("verify-1", "verify-2", "verify-3")
LEAST_EDITS, LEAST_ALTERNATIVES, LEAST_HINTS = 4, 2, 2


@dataclass
class Row:
    """What was proven about one exercise; `problems` is empty where all of it holds."""

    exercise: str
    cases: int
    misconceptions: int = 0
    alternatives: int = 0
    problems: list[str] = field(default_factory=list)


def verify_lesson(lesson: str, seeds: tuple[str, ...] = SECRET_SEEDS) -> list[Row]:
    """One row per exercise. The public seed is checked against the answers as they are shipped."""
    alternatives = load_alternatives(lesson)
    known = load_lesson(lesson).exercises
    rows = [verify_exercise(lesson, e, alternatives.get(e.id, []), seeds) for e in known.values()]
    strays = (set(load_edits(lesson)) | set(alternatives)) - set(known)
    return rows + [Row(name, 0, problems=["no such exercise in the lesson"]) for name in strays]


def verify_exercise(lesson: str, e: Exercise, alternatives: list, seeds: tuple) -> Row:
    row = Row(e.id, len(e.cases), alternatives=len(alternatives))
    try:
        edits = edits_of(lesson, e)
        row.misconceptions = len(edits)
        row.problems += _too_few(e, edits, alternatives)
        for seed in (PUBLIC_SEED, *seeds):
            facts = _facts(lesson, e, seed)
            row.problems += _check_seed(lesson, e, edits, alternatives, seed, facts)
    except (ValueError, KeyError, FileNotFoundError) as error:
        row.problems.append(str(error))
    return row


def _facts(lesson: str, e: Exercise, seed: str) -> Expected:
    """Public answers as learners get them; secret ones as the judge computes them."""
    return load_answers(lesson)[e.id] if seed == PUBLIC_SEED else expected(lesson, e.id, seed)


def _too_few(e: Exercise, edits: list[Edit], alternatives: list) -> list[str]:
    if e.kind == "quiz":
        return []
    problems = [f"{len(e.hints)} hints"] if len(e.hints) < LEAST_HINTS else []
    if len(edits) < LEAST_EDITS:
        problems.append(f"only {len(edits)} misconceptions")
    if e.kind == "code" and len(alternatives) < LEAST_ALTERNATIVES:
        problems.append(f"only {len(alternatives)} alternatives")
    return problems


def _check_seed(lesson, e: Exercise, edits, alternatives, seed: str, facts: Expected) -> list[str]:
    reference = reference_code(lesson, e)

    def result(code: str) -> Diagnosis:
        return diagnose_code(lesson, e, code, seed, facts)

    problems = [] if result(reference).passed else [f"the reference fails ({seed})"]
    problems += [
        f"the reference raises {o['error']['message']!r} in {case!r} ({seed})"
        for case, o in facts.want.items()
        if "error" in o
    ]
    if result(stub_code(lesson, e)).passed:
        problems.append(f"the stub passes ({seed})")
    for edit in edits:
        found = result(edit.apply(reference))
        name = found.mistake.id if found.mistake else None
        if found.passed or name != edit.id:
            seen = "passes" if found.passed else f"is named {name}"
            problems.append(f"misconception {edit.id} {seen} ({seed})")
    for style, code in alternatives:
        found = result(code)
        if not found.passed:
            problems.append(f"alternative {style!r} fails ({seed}): {_first(found)}")
    return problems


def diagnose_code(lesson: str, e: Exercise, code: str, seed: str, facts: Expected) -> Diagnosis:
    """What check and judge say of any version of an exercise's code."""
    target = load_source(lesson).variant(code, e.id).get(e.target)
    got = {
        spec.name: run_case(e, target, spec, seed, givens=facts.givens[spec.name])[0]
        for spec in e.cases
    }
    return diagnose(e, got, facts.want, facts.mistakes)


def _first(found: Diagnosis) -> str:
    wrong = ((case, d) for case, outputs in found.wrong.items() for d in outputs.items())
    case, (name, difference) = next(wrong)
    return f"{case}: {name}: {difference.message}"


def load_alternatives(lesson: str) -> dict[str, list[tuple[str, str]]]:
    """Exercise id → (style, code) of other correct solutions; for hunts, those of the base."""
    found: dict[str, list[tuple[str, str]]] = {}
    for cell in read_cells(ALTERNATIVES / f"{lesson}.py"):
        if cell.role == "exercise":
            entry = (cell.metadata["style"], without_markers(cell.source))
            found.setdefault(cell.name, []).append(entry)
    for e in load_lesson(lesson).exercises.values():
        if e.kind == "hunt":
            found[e.id] = [(style, renamed(code, e)) for style, code in found.get(e.base, [])]
    return found
