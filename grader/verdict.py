"""From a diagnosis to points and words. Nothing secret may pass through here: details name the
output and the kind of difference, never a hidden input or an expected value."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from course_utils.engine.compare import FORM_KINDS
from course_utils.engine.diagnose import Diagnosis, Outcomes
from course_utils.engine.exercise import Exercise
from course_utils.engine.runner import TIMEOUT

SHARES = {"form": 0.2, "values": 0.6, "robustness": 0.2}
TOO_LONG = "It was stopped: it ran for too long. Is there a loop that never ends?"
STILL_BROKEN = "The bug that was put in is still there. The hints of its check lead to it."
KINDS = {
    "missing": "is missing",
    "type": "has the wrong type",
    "shape": "has the wrong shape",
    "dtype": "has the wrong dtype",
    "finite": "contains NaN or infinity",
    "value": "has wrong values",
}


@dataclass
class CaseVerdict:
    name: str
    passed: bool
    detail: str = ""


@dataclass
class ExerciseVerdict:
    """One exercise's grade. `verdict`: pass, partial, fail, error, timeout or missing."""

    id: str
    score: float
    max_score: float
    verdict: str
    misconception: str | None = None
    message: str = ""
    cases: list[CaseVerdict] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Verdict:
    """A graded notebook: the object that `course grade --json` prints."""

    lesson: str
    score: float
    max_score: float
    seconds: float
    sandbox: str
    device: str
    exercises: list[ExerciseVerdict]

    def to_dict(self) -> dict:
        return asdict(self)


def missing(e: Exercise, message: str) -> ExerciseVerdict:
    return ExerciseVerdict(e.id, 0.0, float(e.points), "missing", message=message)


def lost(e: Exercise, verdict: str, message: str) -> ExerciseVerdict:
    """The player was lost while this exercise was graded."""
    return ExerciseVerdict(e.id, 0.0, float(e.points), verdict, message=message)


def judge_exercise(e: Exercise, got: Outcomes, found: Diagnosis) -> ExerciseVerdict:
    """Points per group and the verdict in a word; the message is the misconception's, if named."""
    share = SHARE_OF[e.kind](e, found)
    score = round(share * e.points, 2)
    word = _word(share, got)
    message = TOO_LONG if word == "timeout" else ""
    return ExerciseVerdict(
        id=e.id,
        score=float(score),
        max_score=float(e.points),
        verdict=word,
        misconception=found.mistake.id if found.mistake else None,
        message=found.mistake.message if found.mistake else message,
        cases=[_case(name, got[name], wrong) for name, wrong in found.wrong.items()],
    )


def _code_share(e: Exercise, found: Diagnosis) -> float:
    """Form: shapes and types of the ordinary cases. Values: their numbers. Robustness: the rest."""
    ordinary = [found.wrong[s.name] for s in e.cases if s.group == "values"]
    others = [found.wrong[s.name] for s in e.cases if s.group == "robustness"]
    shares = {k: v for k, v in SHARES.items() if k != "robustness" or others}
    kinds = {d.kind for wrong in ordinary for d in wrong.values()}
    earned = {
        "form": not kinds.intersection(FORM_KINDS),
        "values": not kinds,
        "robustness": not any(others),
    }
    return sum(w for k, w in shares.items() if earned[k]) / sum(shares.values())


def _hunt_share(e: Exercise, found: Diagnosis) -> float:
    """All or nothing: the code came nearly right."""
    return float(found.passed)


def _quiz_share(e: Exercise, found: Diagnosis) -> float:
    """Every question counts the same."""
    ((_, wrong),) = found.wrong.items()
    return 0.0 if "error" in wrong else 1 - len(wrong) / found.outputs


SHARE_OF = {"code": _code_share, "hunt": _hunt_share, "quiz": _quiz_share}


def _word(share: float, got: Outcomes) -> str:
    errors = [o["error"]["type"] for o in got.values() if "error" in o]
    if share >= 1:
        return "pass"
    if share > 0:
        return "partial"
    if errors and all(kind == "NotImplementedError" for kind in errors):
        return "missing"
    if TIMEOUT in errors:
        return "timeout"
    return "error" if errors else "fail"


def _case(name: str, outcome: dict, wrong: dict) -> CaseVerdict:
    if "error" in outcome:
        kind = outcome["error"]["type"]
        return CaseVerdict(name, not wrong, f"stopped with {kind}" if wrong else "")
    parts = [f"{output} {KINDS[d.kind]}" for output, d in wrong.items()]
    return CaseVerdict(name, not wrong, "; ".join(parts))


def public_message(e: Exercise, got: Outcomes, found: Diagnosis) -> str:
    """What the public cases show: learners have these inputs and answers anyway."""
    if e.kind == "quiz":
        return _quiz_message(e, found)
    if found.passed:
        return "The public cases pass, hidden ones do not: does the code work for other inputs?"
    if found.mistake:
        return found.mistake.message
    error = next((o["error"] for o in got.values() if "error" in o), None)
    if error:
        return _stopped(error)
    case, wrong = next((c, w) for c, w in found.wrong.items() if w)
    output, difference = next(iter(wrong.items()))
    return f"{case}: {output}: {difference.message}"


def _quiz_message(e: Exercise, found: Diagnosis) -> str:
    """Which questions to look at again; the right letters are not told."""
    ((_, wrong),) = found.wrong.items()
    numbers = ", ".join(name.removeprefix("question ") for name in wrong)
    explained = " The check in the notebook explains each choice." if e.id == "quiz" else ""
    return f"Look again at: {numbers}.{explained}"


def _stopped(error: dict) -> str:
    """Where and with what the code stopped. Never the exception's own text: the learner's code
    writes it, in a process that holds references of earlier exercises."""
    kind, function = error["type"], error["function"]
    known = {
        TIMEOUT: TOO_LONG,
        "WrongReturn": "It returned something else than the exercise asks for.",
        "Missing": "The cell does not define what the exercise asks for.",
        "NotImplementedError": f"`{function}` is called here and is not written yet.",
    }
    where = f" in line {error['line']} of `{function}`" if error["line"] and function else ""
    said = known.get(kind, f"It stopped with {kind}{where}.")
    return f"{said} Its check in the notebook shows more."
