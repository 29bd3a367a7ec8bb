"""The judge: asks a player for outcomes and compares them with the reference's. It never runs a
learner's code."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import marshal
import re
import secrets
import time
from functools import cache

from course_utils.engine.answers import Expected, public_seed
from course_utils.engine.codec import pack
from course_utils.engine.diagnose import Outcomes, diagnose
from course_utils.engine.exercise import Exercise, Lesson, is_exam, load_lesson
from grader import tame, verdict
from grader.host import Host, OutOfTurn, PlayerLost, PlayerTimeout, Session
from grader.misconceptions import load_hunts
from grader.reference import expected, public_answers
from grader.source import load_source
from grader.submission import Submission
from grader.verdict import ExerciseVerdict, Verdict

SECONDS = 10.0  # for a cell, and again for the cases of its exercise
GRACE = 5.0  # for a player that does not stop by itself


class Tampered(Exception):
    """Code that a probe relies on was replaced."""


class Judge:
    """Grades submissions with one secret seed. Use as a context manager."""

    def __init__(self, secret: str | None = None, device: str = "cpu", seconds=SECONDS) -> None:
        self.secret = secret or secrets.token_hex(16)
        self.device, self.seconds, self.grace = device, seconds, GRACE
        self._host = Host()

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
        hidden = _Conversation(self, submission, secret=self.secret)
        public = _Conversation(self, submission, secret=None, fatal=hidden.fatal)
        try:
            wanted = [e for e in lesson.exercises.values() if only is None or e.id in only]
            found = {e.id: _graded(e, hidden, public) for e in _in_safe_order(lesson, wanted)}
            verdicts = [found[e.id] for e in wanted]
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

    def try_sandbox(self, lesson: str, things: dict) -> tuple[list[str], list[str]]:
        """(layers in force, what a player could do with these `things` all the same)."""
        return self._host.leaks(lesson, _compiled_setup(lesson), things)


def _in_safe_order(lesson: Lesson, wanted: list[Exercise]) -> list[Exercise]:
    """Hunts by the place of their base: few players then have seen a reference that gives one away.

    (Those that have are replaced; see `_Conversation._ask`.)
    """
    places = {name: place for place, name in enumerate(lesson.exercises)}
    return sorted(wanted, key=lambda e: (e.kind != "code", places.get(e.base, places[e.id])))


def _graded(e: Exercise, hidden: _Conversation, public: _Conversation) -> ExerciseVerdict:
    """Graded on hidden cases. Where they name no misconception, the public ones explain."""
    start = time.perf_counter()
    result, outcomes, _ = hidden.grade(e)
    if outcomes and result.verdict not in ("pass", "missing") and not result.message:
        shown, got, found = public.grade(e)
        result.message = verdict.public_message(e, got, found) if found else shown.message
        result.misconception = shown.misconception
    if e.kind == "hunt" and result.misconception == _kept_secret(hidden.submission.lesson, e):
        result.message = verdict.STILL_BROKEN  # its own message would end the hunt
    result.seconds = round(time.perf_counter() - start, 3)
    return result


def _kept_secret(lesson: str, e: Exercise) -> str | None:
    """The mistake that a learner is still looking for. After an exam nobody looks any more."""
    return "" if is_exam(lesson) else load_hunts(lesson)[e.id]


class _Conversation:
    """A submission's exercises, played in order on hidden or on public cases."""

    def __init__(self, judge: Judge, submission: Submission, secret, fatal=None) -> None:
        self.judge, self.submission, self.secret = judge, submission, secret
        self._session: Session | None = None
        self.sandbox = "none"  # layers in force, or none where no cell was run
        self._defined: set[str] = set()  # cells that the present player has run
        self._shown: set[str] = set()  # references that the present player has been sent
        self._last = ""  # the cell that it ran last
        self.fatal: set[str] = set() if fatal is None else fatal  # cells that cost a player

    def grade(self, e: Exercise):
        """(verdict, outcomes, diagnosis); the latter two are None where no outcomes came."""
        if e.id not in self.submission.cells:
            return verdict.missing(e, "Its cell is missing from the notebook."), None, None
        seed, facts = self._facts(e)
        try:
            reply = self._ask(e, seed, facts)
        except PlayerTimeout:
            return verdict.lost(e, "timeout", verdict.TOO_LONG), None, None
        except PlayerLost:
            message = "The process that ran this cell ended before it could answer."
            return verdict.lost(e, "error", message), None, None
        except Tampered:
            message = "It changes PyTorch, Python or the grader itself. An answer must not do that."
            return verdict.lost(e, "error", message), None, None
        got = self._outcomes(e, reply, facts)
        found = diagnose(e, got, facts.want, facts.mistakes)
        return verdict.judge_exercise(e, got, found), got, found

    def _outcomes(self, e: Exercise, reply: dict, facts: Expected) -> Outcomes:
        """The player's answer in the form that `diagnose` reads, whatever was sent."""
        known = _words(self.submission.lesson, e.id) | tame.vocabulary([facts.want])
        code = self.submission.helpers.get(e.id, "") + self.submission.cells[e.id]
        whole, cases = reply.get("error"), reply.get("outcomes")
        cases = cases if isinstance(cases, dict) else {}
        sent = {s.name: {"error": whole} if whole else cases.get(s.name) for s in e.cases}
        return {name: _outcome(outcome, known, code) for name, outcome in sent.items()}

    def close(self) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def _facts(self, e: Exercise) -> tuple[str, Expected]:
        lesson = self.submission.lesson
        if self.secret is None:
            return public_seed(lesson), public_answers(lesson, e.id)
        seed = exercise_seed(self.secret, lesson, e)
        return seed, expected(lesson, e.id, seed, self.judge.device)

    def _ask(self, e: Exercise, seed: str, facts: Expected) -> dict:
        """Play one exercise in a player that has run the learner's cells before it.

        Never in one that was sent its solution as a stand-in: a learner's code may have kept it.
        """
        if self._session and (e.base or e.id) in self._shown:
            self.close()
        try:
            return self._play_in_order(e, seed, facts)
        except OutOfTurn:  # perhaps an earlier cell's doing: once more, in a new player
            self.fatal.discard(e.id)
            return self._play_in_order(e, seed, facts)

    def _play_in_order(self, e: Exercise, seed: str, facts: Expected) -> dict:
        """Play the cells before the exercise that this player has not seen, and then itself."""
        while True:
            if self._session and self._session.astray:  # the last cell's doing, not this one's
                self.fatal.add(self._last)
                self.close()
            todo = [x for x in self._before(e) if x.id not in self._defined | self.fatal]
            if not todo:
                return self._play(e, seed, facts.givens, skip=False)
            with contextlib.suppress(PlayerTimeout, PlayerLost, Tampered):  # it is left out then
                self._play(todo[0], seed="", givens={}, skip=True)

    def _before(self, e: Exercise) -> list[Exercise]:
        every = list(load_lesson(self.submission.lesson).exercises.values())
        return [x for x in every[: every.index(e)] if x.id in self.submission.cells]

    def _play(self, e: Exercise, seed: str, givens: dict, skip: bool) -> dict:
        if self._session is None:
            self._session = self.judge.open_player(self.submission.lesson)
            self.sandbox = "+".join(self._session.layers)
            self._defined, self._shown = set(), set()
        try:
            reply = self._send(e, seed, givens, skip)
            if reply.get("changed"):
                raise Tampered
        except (PlayerTimeout, PlayerLost, Tampered):
            self.close()
            self.fatal.add(e.id)
            raise
        self._defined.add(e.id)
        self._last = e.id
        if reply.get("hung"):  # no other player shall wait for it
            self.fatal.add(e.id)
        return reply

    def _send(self, e: Exercise, seed: str, givens: dict, skip: bool) -> dict:
        lesson, seconds = self.submission.lesson, self.judge.seconds
        needs = [] if skip else list(e.needs)
        self._shown.update(needs)
        request = {
            "exercise": e.id,
            "helpers": self.submission.helpers.get(e.id, ""),
            "cell": self.submission.cells[e.id],
            "needs": needs,
            "seed": seed,
            "device": self.judge.device,
            "seconds": seconds,
            "skip": skip,
        }
        codes = [_compiled_reference(lesson, name) for name in needs]
        allowed = 2 * seconds + self.judge.grace
        return self._session.ask(request, *codes, pack(givens), seconds=allowed)


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


def _outcome(sent: object, known: set[str], code: str) -> dict:
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
