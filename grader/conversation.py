"""A submission's exercises, played by one player after the other where players are lost."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import marshal
from functools import cache
from typing import TYPE_CHECKING

from course_utils.engine.answers import Expected, public_seed
from course_utils.engine.codec import pack
from course_utils.engine.exercise import Exercise, load_lesson
from grader import verdict
from grader.host import OutOfTurn, PlayerLost, PlayerTimeout, Session
from grader.player import GIVENS
from grader.reference import expected, public_answers
from grader.source import load_source
from grader.submission import Submission
from grader.verdict import ExerciseVerdict

if TYPE_CHECKING:
    from grader.judge import Judge


class Tampered(Exception):
    """Code that a probe relies on was replaced."""


class Conversation:
    """On hidden cases that grow from `secret`, or without one on the public cases."""

    def __init__(
        self,
        judge: Judge,
        submission: Submission,
        secret: str | None,
        fatal: set[str] | None = None,
    ) -> None:
        self.judge, self.submission, self.secret = judge, submission, secret
        self._session: Session | None = None
        self.sandbox = "none"  # layers in force, or none where no cell was run
        self._defined: set[str] = set()  # cells that the present player has run
        self._shown: set[str] = set()  # references that the present player has been sent
        self._last = ""  # the cell that it ran last
        self.fatal: set[str] = set() if fatal is None else fatal  # cells that cost a player

    def play(self, e: Exercise, aside: bool = False) -> dict[str, bytes] | ExerciseVerdict:
        """The packed outcomes that the player sent, or the verdict where there are none.

        `aside` plays a hunt right after the exercise that it was made from, or a quiz without the
        hunts before it. What its cell defines is forgotten afterwards.
        """
        if e.id not in self.submission.cells:
            return verdict.missing(e, "Its cell is missing from the notebook.")
        try:
            return self._ask(e, aside)
        except PlayerTimeout:
            return verdict.lost(e, "timeout", verdict.TOO_LONG)
        except PlayerLost:
            message = "The process that ran this cell ended before it could answer."
        except Tampered:
            message = "It changes PyTorch, Python or the grader itself. An answer must not do that."
        return verdict.lost(e, "error", message)

    def expected(self, e: Exercise) -> Expected:
        """What answers are compared with."""
        return expected_of(self.submission.lesson, e.id, self._seed(e), self.judge.device)

    def _seed(self, e: Exercise) -> str:
        lesson = self.submission.lesson
        return exercise_seed(self.secret, lesson, e) if self.secret else public_seed(lesson)

    def close(self) -> None:
        if self._session:
            self._session.close()
            self._session = None

    def _ask(self, e: Exercise, aside: bool) -> dict[str, bytes]:
        """Play one exercise in a player that has run the learner's cells before it.

        Never in one that was sent its solution as a stand-in: a learner's code may have kept it.
        """
        if self._session and (e.base or e.id) in self._shown:
            self.close()
        try:
            return self._play_in_order(e, aside)
        except OutOfTurn:  # perhaps an earlier cell's doing: once more, in a new player
            self.fatal.discard(e.id)
            return self._play_in_order(e, aside)

    def _play_in_order(self, e: Exercise, aside: bool) -> dict[str, bytes]:
        """Play the cells before the exercise that this player has not seen, and then itself."""
        last = (e.base or e.id) if aside else e.id
        while True:
            if self._session and self._session.astray:  # the last cell's doing, not this one's
                self.fatal.add(self._last)
                self.close()
            left_out = self._defined | self.fatal
            todo = [x for x in self._before(last) if x.id not in left_out]
            todo = [x for x in todo if not (aside and x.kind == "hunt")]
            if not todo:
                return self._play(e, self._seed(e), aside)
            with contextlib.suppress(PlayerTimeout, PlayerLost, Tampered):  # it is left out then
                self._play(todo[0])

    def _before(self, name: str) -> list[Exercise]:
        every = load_lesson(self.submission.lesson).exercises
        before = list(every)[: list(every).index(name)]
        return [every[name] for name in before if name in self.submission.cells]

    def _play(self, e: Exercise, seed: str = "", aside: bool = False) -> dict[str, bytes]:
        """Run a cell and, with a seed, the cases of its exercise."""
        if self._session is None:
            self._session = self.judge.open_player(self.submission.lesson)
            self.sandbox = "+".join(self._session.layers)
            self._defined, self._shown = set(), set()
        try:
            reply, outcomes = self._send(e, seed, aside)
            if reply.get("changed"):
                raise Tampered
        except (PlayerTimeout, PlayerLost, Tampered):
            self.close()
            self.fatal.add(e.id)
            raise
        if not aside:
            self._defined.add(e.id)
        self._last = e.id
        if reply.get("hung"):  # no other player shall wait for it
            self.fatal.add(e.id)
        return outcomes

    def _send(self, e: Exercise, seed: str, aside: bool) -> tuple[dict, dict[str, bytes]]:
        lesson, seconds = self.submission.lesson, self.judge.seconds
        needs = list(e.needs) if seed else []
        self._shown.update(needs)
        request = {
            "exercise": e.id,
            "helpers": self.submission.helpers.get(e.id, ""),
            "cell": self.submission.cells[e.id],
            "seed": seed,
            "device": self.judge.device,
            "seconds": seconds,
            "aside": aside,
        }
        blobs = {name: compiled_reference(lesson, name) for name in needs}
        if seed:
            blobs[GIVENS] = _packed_givens(lesson, e.id, seed, self.judge.device)
        return self._session.ask(request, blobs, 2 * seconds + self.judge.grace)


def exercise_seed(secret: str, lesson: str, e: Exercise) -> str:
    """What one exercise's hidden cases grow from; it tells nothing about the secret."""
    name = f"{lesson}|{e.base or e.id}"
    return hmac.new(secret.encode(), name.encode(), hashlib.sha256).hexdigest()


def expected_of(lesson: str, name: str, seed: str, device: str) -> Expected:
    """What answers on the cases of a seed are compared with."""
    if seed == public_seed(lesson):
        return public_answers(lesson, name)
    return expected(lesson, name, seed, device)


@cache
def _packed_givens(lesson: str, name: str, seed: str, device: str) -> bytes:
    return pack(expected_of(lesson, name, seed, device).givens)


@cache
def compiled_setup(lesson: str) -> bytes:
    return marshal.dumps(compile(load_source(lesson).setup(), "<setup>", "exec"))


@cache
def compiled_reference(lesson: str, name: str) -> bytes:
    """A stand-in without source text or docstrings."""
    code = load_source(lesson).references[name]
    return marshal.dumps(compile(code, "<given>", "exec", optimize=2))
