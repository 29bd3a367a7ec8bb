"""The judge: asks a player for outcomes and compares them with the reference's. It never runs a
learner's code."""

from __future__ import annotations

import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import torch

from course_utils.engine.answers import Expected
from course_utils.engine.codec import CodecError, unpack
from course_utils.engine.diagnose import Diagnosis, Outcomes, diagnose
from course_utils.engine.exercise import Exercise, Lesson, is_exam, load_lesson
from grader import tame, verdict
from grader.conversation import Conversation, compiled_setup, exercise_seed
from grader.host import Host, Session
from grader.misconceptions import load_hunts
from grader.reference import expected, public_answers
from grader.submission import Submission, Unusable
from grader.verdict import ExerciseVerdict, Verdict

MAX_HEADER = 2**20  # of a packed outcome; its tensors come on top
SECONDS = 10.0  # for a cell, and again for the cases of its exercise
GRACE = 5.0  # for a player that does not stop by itself


class Judge:
    """Grades submissions with one secret seed. Use as a context manager."""

    def __init__(self, secret: str | None = None, device: str = "cpu", seconds=SECONDS) -> None:
        self.secret = secret or secrets.token_hex(16)
        self.device, self.seconds, self.grace = device, seconds, GRACE
        self._host = Host(device)

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._host.close()

    def prepare(self, lesson: str) -> None:
        """Compute what submissions of a lesson are compared with, before there are threads."""
        for e in load_lesson(lesson).exercises.values():
            expected(lesson, e.id, exercise_seed(self.secret, lesson, e), self.device)

    def grade(self, submission: Submission, only: set[str] | None = None) -> Verdict:
        """The exercises of a submission (or `only` some), each with references of what it needs."""
        start = time.perf_counter()
        lesson = load_lesson(submission.lesson)
        wanted = [e for e in lesson.exercises.values() if only is None or e.id in only]
        hidden = Conversation(self, submission, self.secret)
        public = Conversation(self, submission, None, hidden.fatal)
        try:
            found = _first_run(hidden, _in_safe_order(lesson, wanted))
            verdicts = [_second_look(e, found[e.id], hidden, public) for e in wanted]
        finally:
            hidden.close()
            public.close()
        return Verdict(
            lesson=lesson.id,
            score=float(round(sum(v.score for v in verdicts), 2)),
            max_score=float(sum(v.max_score for v in verdicts)),
            seconds=round(time.perf_counter() - start, 3),
            sandbox=hidden.sandbox,
            device=self.device,
            exercises=verdicts,
        )

    def open_player(self, lesson: str) -> Session:
        return self._host.player(lesson, compiled_setup(lesson))

    def try_sandbox(self, lesson: str, things: dict) -> tuple[list[str], list[str]]:
        """(layers in force, what a player could do with these `things` all the same)."""
        return self._host.leaks(lesson, compiled_setup(lesson), things)


def need_device(device: str) -> None:
    """Raises Unusable where there is no such device."""
    if device == "cuda" and not torch.cuda.is_available():
        raise Unusable("no CUDA device was found; use --device cpu")


@dataclass
class _Graded:
    """An exercise's verdict, and what it was reached from; None where no outcomes came."""

    verdict: ExerciseVerdict
    outcomes: Outcomes | None = None
    diagnosis: Diagnosis | None = None


def _in_safe_order(lesson: Lesson, wanted: list[Exercise]) -> list[Exercise]:
    """Hunts right after their base, before anything that is sent its reference as a stand-in: one
    player will do then."""
    places = {name: place for place, name in enumerate(lesson.exercises)}
    return sorted(wanted, key=lambda e: (places.get(e.base, places[e.id]), e.kind != "code"))


def _first_run(hidden: Conversation, exercises: list[Exercise]) -> dict[str, _Graded]:
    """Every exercise on its hidden cases. While one is played, the one before is judged."""
    with ThreadPoolExecutor(1) as judging:
        found = {}
        for e in exercises:
            start = time.perf_counter()
            answer = hidden.play(e, aside=_stands_alone(hidden, e))
            played = time.perf_counter() - start
            found[e.id] = judging.submit(_judged, hidden, e, answer, played)
        return {name: future.result() for name, future in found.items()}


def _stands_alone(hidden: Conversation, e: Exercise) -> bool:
    """A quiz, or a hunt beside its base: the hunts before it seldom matter."""
    lesson = load_lesson(hidden.submission.lesson)
    return e.kind == "quiz" or e.kind == "hunt" and e.base in lesson.exercises


def _second_look(
    e: Exercise, graded: _Graded, hidden: Conversation, public: Conversation
) -> ExerciseVerdict:
    """A hunt or quiz that failed is played again after all cells before it: it may use what they
    define.
    Where the hidden cases name no misconception, the public ones explain."""
    start = time.perf_counter()
    first = graded.verdict.seconds
    if graded.outcomes and graded.verdict.verdict != "pass" and _stands_alone(hidden, e):
        graded = _graded(hidden, e)
    result = graded.verdict
    if graded.outcomes and result.verdict not in ("pass", "missing") and not result.message:
        shown = _graded(public, e)
        result.message, result.misconception = shown.verdict.message, shown.verdict.misconception
        if shown.diagnosis:
            result.message = verdict.public_message(e, shown.outcomes, shown.diagnosis)
    if e.kind == "hunt" and result.misconception == _kept_secret(hidden.submission.lesson, e):
        result.message = verdict.STILL_BROKEN  # its own message would end the hunt
    result.seconds = round(first + time.perf_counter() - start, 3)
    return result


def _kept_secret(lesson: str, e: Exercise) -> str | None:
    """The mistake that a learner is still looking for. After an exam nobody looks any more."""
    return "" if is_exam(lesson) else load_hunts(lesson)[e.id]


def _graded(conversation: Conversation, e: Exercise) -> _Graded:
    return _judged(conversation, e, conversation.play(e))


def _judged(
    conversation: Conversation,
    e: Exercise,
    answer: dict[str, bytes] | ExerciseVerdict,
    played: float = 0.0,
) -> _Graded:
    """`played` seconds were spent before."""
    start = time.perf_counter()
    lost = isinstance(answer, ExerciseVerdict)
    graded = _Graded(answer) if lost else _compared(conversation, e, answer)
    graded.verdict.seconds = round(played + time.perf_counter() - start, 3)
    return graded


def _compared(conversation: Conversation, e: Exercise, answer: dict[str, bytes]) -> _Graded:
    facts = conversation.expected(e)
    got = _outcomes(conversation.submission, e, answer, facts)
    found = diagnose(e, got, facts.want, facts.mistakes)
    return _Graded(verdict.judge_exercise(e, got, found), got, found)


def _outcomes(
    submission: Submission, e: Exercise, answer: dict[str, bytes], facts: Expected
) -> Outcomes:
    """The player's answer in the form that `diagnose` reads, whatever was sent."""
    known = _words(submission.lesson, e.id) | tame.vocabulary([facts.want])
    code = submission.helpers.get(e.id, "") + submission.cells[e.id]
    return {s.name: _outcome(answer.get(s.name, b""), known, code) for s in e.cases}


def _outcome(blob: bytes, known: set[str], code: str) -> dict:
    try:
        sent = unpack(blob, MAX_HEADER)
    except CodecError:
        sent = None
    if isinstance(sent, dict) and isinstance(sent.get("outputs"), dict):
        return {"outputs": tame.tamed(sent["outputs"], known)}
    error = sent.get("error") if isinstance(sent, dict) else None
    error = error if isinstance(error, dict) else {}
    line, function = error.get("line"), error.get("function")
    in_code = type(line) is int and 0 < line <= code.count("\n") + 1
    return {
        "error": {
            "type": tame.error_type(error.get("type", "NoAnswer")),
            "message": error["message"][:300] if isinstance(error.get("message"), str) else "",
            "line": line if in_code else None,
            "function": function if function in re.findall(r"\w+", code) else "",
        }
    }


@cache
def _words(lesson: str, name: str) -> set[str]:
    """What outputs of an exercise may say, from its public answers."""
    facts = public_answers(lesson, name)
    return tame.vocabulary([facts.want, *(m.outcomes for m in facts.mistakes)])
