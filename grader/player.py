"""The player: runs a learner's code and the probes, apart from everything that must stay secret.

It knows no answer. For one exercise at a time it is sent the learner's cell, the inputs of the
cases and compiled stand-ins for earlier exercises, and it sends back what the probe returned.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from types import ModuleType

import torch

from course_utils.engine.codec import pack, unpack
from course_utils.engine.exercise import load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import (
    CELL,
    TIMEOUT,
    StopProbe,
    describe_error,
    packed_cases,
    stopped,
)
from grader import canaries, sandbox, warm
from grader.wire import joined, parted

GIVENS = "givens of the cases"  # the blob that comes with the references of a question


class Player:
    """One learner's namespace, filled cell by cell in the order of the lesson."""

    def __init__(self, lesson: str, setup: bytes) -> None:
        self.lesson = load_lesson(lesson)
        self.setup = marshal.loads(setup)
        module = ModuleType("__main__")
        sys.modules["__main__"] = module  # so that classes and pickles find their home
        self.space = module.__dict__
        self.given: dict = {"__name__": "__main__"}  # references see no learner's name
        for space in (self.space, self.given):
            exec(self.setup, space)

    def define(self, name: str, helpers: str, cell: str) -> dict | None:
        """Run the learner's helpers and cell; the error, if there is one."""
        error = None
        for label, code in ((f"{name} helpers", helpers), (name, cell)):
            try:
                exec(compile(code, f"{CELL}{label}>", "exec"), self.space)
            except StopProbe:
                raise
            except BaseException as e:  # whatever it is, only this exercise suffers
                error = describe_error(e)
        return error

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What is defined inside is forgotten afterwards."""
        own = dict(self.space)
        try:
            yield
        finally:
            self.space.clear()
            self.space.update(own)

    @contextlib.contextmanager
    def stand_ins(self, needs: dict[str, bytes]) -> Iterator[Callable[[], None]]:
        """References in the place of earlier exercises, so that mistakes do not cascade.

        The learner's own come back afterwards. Gives a function that puts the references there
        again, should a cell have written over them.
        """
        own = {name: self.space[name] for name in needs if name in self.space}
        for code in needs.values():
            exec(marshal.loads(code), self.given)
        given = {name: self.given[name] for name in needs}
        self.space.update(given)
        try:
            yield lambda: self.space.update(given)
        finally:
            for name in needs:
                self.space.pop(name, None)
            self.space.update(own)


def serve(connection: Connection, layers: set[str], limits: sandbox.Limits) -> None:
    """Answer requests until the judge hangs up. The first one opens the lesson.

    `layers` of the sandbox are in force already; the others are put up before any cell runs.
    """
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    hello, blobs = parted(connection.recv_bytes())
    folder = "/tmp" if "namespaces" in layers else hello["folder"]
    os.chdir(folder)
    os.environ["TMPDIR"] = folder
    # After a fork PyTorch renews its thread pool at its first use. This is the first: autograd's
    # threads, which all use it as they start, would race for it.
    torch.set_num_threads(1)
    layers = layers | sandbox.confine(limits, folder)
    found = canaries.leaks(hello["canaries"], layers) if hello["canaries"] else []
    told = {"layers": sorted(layers, key=sandbox.LAYERS.index), "leaks": found}
    warm.settle()
    player, seal = Player(hello["lesson"], blobs["setup"]), warm.seal()
    connection.send_bytes(joined(told | {"number": hello["number"]}, {}))
    send, to_bytes = connection.send_bytes, joined  # a cell may replace the module's
    with contextlib.suppress(EOFError):
        while True:
            request, blobs = parted(connection.recv_bytes())
            hung, outcomes = _answer(player, request, blobs)
            about = {"number": request["number"], "hung": hung, "changed": seal.broken}
            send(to_bytes(about, outcomes))


def _answer(
    player: Player, request: dict, needs: dict[str, bytes]
) -> tuple[bool, dict[str, bytes]]:
    """(whether the cell itself was stopped, whatever it had defined until then; the packed outcomes
    of the cases, none where none were asked for)."""
    givens = needs.pop(GIVENS, None)
    aside = player.aside() if request["aside"] else contextlib.nullcontext()
    with aside, player.stand_ins(needs) as put_again:
        error = _defined(player, request)
        exercise = player.lesson[request["exercise"]]
        hung = bool(error) and error["type"] == TIMEOUT
        if givens is None:
            return hung, {}
        if exercise.target not in player.space:
            missing = pack({"error": error or stopped("Missing", "nothing is defined")})
            return hung, {spec.name: missing for spec in exercise.cases}
        put_again()
        target, limit = player.space[exercise.target], time_limit(request["seconds"])
        seed, device = request["seed"], request["device"]
        return hung, packed_cases(exercise, target, seed, unpack(givens), limit, device=device)


def _defined(player: Player, request: dict) -> dict | None:
    """Run the learner's cell; the error, if there is one."""
    name = request["exercise"]
    player.space.pop(player.lesson[name].target, None)
    try:
        with time_limit(request["seconds"]):
            return player.define(name, request["helpers"], request["cell"])
    except StopProbe:
        return stopped(TIMEOUT, "it did not end")
