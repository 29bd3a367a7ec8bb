"""The judge: asks a player for outcomes and compares them with the reference's. It never runs a
learner's code."""

from __future__ import annotations

import hashlib
import hmac
import marshal
import secrets
import time
from functools import cache

from course_utils.engine.answers import PUBLIC_SEED, Expected, load_answers
from course_utils.engine.codec import Foreign, pack
from course_utils.engine.diagnose import Outcomes, diagnose
from course_utils.engine.exercise import Exercise, load_lesson
from grader import verdict
from grader.host import Host, PlayerLost, PlayerTimeout, Session
from grader.reference import expected
from grader.source import load_source
from grader.submission import Submission
from grader.verdict import ExerciseVerdict, Verdict

SECONDS = 10.0  # for a cell, and again for the cases of its exercise


class Judge:
    """Grades submissions with one secret seed. Use as a context manager."""

    def __init__(self, secret: str | None = None, device: str = "cpu", seconds=SECONDS) -> None:
        self.secret = secret or secrets.token_hex(16)
        self.device, self.seconds = device, seconds
        self._host = Host()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self._host.close()

    def grade(self, submission: Submission) -> Verdict:
        """Every exercise of the submission, each with the references of what it builds on."""
        start = time.perf_counter()
        lesson = load_lesson(submission.lesson)
        hidden = _Conversation(self, submission, secret=self.secret)
        public = _Conversation(self, submission, secret=None)
        try:
            verdicts = [_graded(e, hidden, public) for e in lesson.exercises.values()]
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
        return self._host.player(lesson, _compiled_setup(lesson))


def _graded(e: Exercise, hidden: _Conversation, public: _Conversation) -> ExerciseVerdict:
    """Graded on hidden cases. Where they name no misconception, the public ones explain."""
    start = time.perf_counter()
    result, _, _ = hidden.grade(e)
    if result.verdict not in ("pass", "missing") and not result.misconception:
        shown, got, found = public.grade(e)
        result.message = verdict.public_message(e, got, found) if found else shown.message
        result.misconception = shown.misconception
    result.seconds = round(time.perf_counter() - start, 3)
    return result


class _Conversation:
    """A submission's exercises, played in order on hidden or on public cases."""

    def __init__(self, judge: Judge, submission: Submission, secret: str | None) -> None:
        self.judge, self.submission, self.secret = judge, submission, secret
        self._session: Session | None = None
        self.sandbox = "none"  # layers in force, or none where no cell was run
        self._played: list[Exercise] = []  # defined in the present player

    def grade(self, e: Exercise):
        """(verdict, outcomes, diagnosis); the latter two are None where no outcomes came."""
        if e.id not in self.submission.cells:
            return verdict.missing(e, "Its cell is missing from the notebook."), None, None
        seed, facts = self._facts(e)
        try:
            reply = self._ask(e, seed, facts)
        except PlayerTimeout:
            message = "It was stopped: it ran for too long. Is there a loop that never ends?"
            return verdict.lost(e, "timeout", message), None, None
        except PlayerLost:
            message = "The process that ran this cell ended before it could answer."
            return verdict.lost(e, "error", message), None, None
        got = _outcomes(e, reply)
        found = diagnose(e, got, facts.want, facts.mistakes)
        return verdict.judge_exercise(e, got, found), got, found

    def close(self) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def _facts(self, e: Exercise) -> tuple[str, Expected]:
        lesson = self.submission.lesson
        if self.secret is None:
            return PUBLIC_SEED, load_answers(lesson)[e.id]
        seed = exercise_seed(self.secret, lesson, e)
        return seed, expected(lesson, e.id, seed, self.judge.device)

    def _ask(self, e: Exercise, seed: str, facts: Expected) -> dict:
        """Play one exercise; after a lost player the next one first repeats the cells before."""
        if self._session is None:
            self._session = self.judge.open_player(self.submission.lesson)
            self.sandbox = "+".join(self._session.layers)
            for earlier in self._played:
                self._send(earlier, seed="", givens={}, skip=True)
        try:
            reply = self._send(e, seed, facts.givens, skip=False)
        except (PlayerTimeout, PlayerLost):
            self._session = None
            raise
        self._played.append(e)
        return reply

    def _send(self, e: Exercise, seed: str, givens: dict, skip: bool) -> dict:
        lesson, seconds = self.submission.lesson, self.judge.seconds
        request = {
            "exercise": e.id,
            "helpers": self.submission.helpers.get(e.id, ""),
            "cell": self.submission.cells[e.id],
            "needs": list(e.needs),
            "seed": seed,
            "device": self.judge.device,
            "seconds": seconds,
            "skip": skip,
        }
        codes = [_compiled_reference(lesson, name) for name in e.needs]
        return self._session.ask(request, *codes, pack(givens), seconds=2 * seconds + 5)


def exercise_seed(secret: str, lesson: str, e: Exercise) -> str:
    """What one exercise's hidden cases grow from; it tells nothing about the secret."""
    name = f"{lesson}|{e.base or e.id}"
    return hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()


@cache
def _compiled_setup(lesson: str) -> bytes:
    return marshal.dumps(compile(load_source(lesson).setup(), "<setup>", "exec"))


@cache
def _compiled_reference(lesson: str, name: str) -> bytes:
    """A stand-in without source text or docstrings."""
    code = load_source(lesson).references[name]
    return marshal.dumps(compile(code, "<given>", "exec", optimize=2))


def _outcomes(e: Exercise, reply: dict) -> Outcomes:
    """The player's answer in the form that `diagnose` reads, whatever was sent."""
    whole = reply.get("error")
    cases = reply.get("outcomes")
    cases = cases if isinstance(cases, dict) else {}
    return {s.name: _outcome({"error": whole} if whole else cases.get(s.name)) for s in e.cases}


def _outcome(sent: object) -> dict:
    if isinstance(sent, dict) and isinstance(sent.get("outputs"), dict):
        return {"outputs": sent["outputs"]}
    error = sent.get("error") if isinstance(sent, dict) else None
    error = error if isinstance(error, dict) else {}
    line = error.get("line")
    return {
        "error": {
            "type": _word(error.get("type"), "NoAnswer", 60),
            "message": _word(error.get("message"), "", 200),
            "line": line if isinstance(line, int) else None,
            "function": _word(error.get("function"), "", 60),
        }
    }


def _word(value: object, default: str, most: int) -> str:
    """Printable text of bounded length; what a player sends may end on a page."""
    if not isinstance(value, str) or isinstance(value, Foreign):
        return default
    return "".join(c if c.isprintable() else " " for c in value)[:most]
