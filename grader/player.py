"""The player: runs a learner's code and the probes, apart from everything that must stay secret.

It knows no answer. For one exercise at a time it is sent the learner's cell, the inputs of the
cases and compiled stand-ins for earlier exercises, and it sends back what the probe returned.
"""

from __future__ import annotations

import contextlib
import json
import marshal
import os
import sys
from multiprocessing.connection import Connection
from types import ModuleType

from course_utils.engine.codec import pack, unpack
from course_utils.engine.exercise import load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import CELL, StopProbe, describe_error, run_cases
from grader import sandbox


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

    def stand_in(self, needs: list[tuple[str, bytes]]) -> None:
        """Put references in the place of earlier exercises, so that mistakes do not cascade."""
        for name, code in needs:
            exec(marshal.loads(code), self.given)
            self.space[name] = self.given[name]


def serve(connection: Connection, layers: set[str], held: int) -> None:
    """Answer requests until the judge hangs up. The first one opens the lesson.

    `layers` of the sandbox are in force already; the others are put up before any cell runs.
    """
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    hello, setup = json.loads(connection.recv_bytes()), connection.recv_bytes()
    layers = layers | sandbox.confine(held, sandbox.Limits())
    connection.send_bytes(pack({"layers": sorted(layers, key=sandbox.LAYERS.index)}))
    player = Player(hello["lesson"], setup)
    with contextlib.suppress(EOFError):
        while True:
            request = json.loads(connection.recv_bytes())
            connection.send_bytes(pack(_answer(player, request, connection)))


def _answer(player: Player, request: dict, connection: Connection) -> dict:
    """{"outcomes": {case: outcome}}; for a request without cases, {"error": …} of the cell."""
    name, seconds = request["exercise"], request["seconds"]
    codes = [connection.recv_bytes() for _ in request["needs"]]
    givens = unpack(connection.recv_bytes())
    player.stand_in(list(zip(request["needs"], codes, strict=True)))
    exercise = player.lesson[name]
    player.space.pop(exercise.target, None)
    error = None
    try:
        with time_limit(seconds):
            error = player.define(name, request["helpers"], request["cell"])
    except StopProbe:
        error = {"type": "TimeOver", "message": "it did not end", "line": None, "function": None}
    if exercise.target not in player.space:
        gone = {"type": "Missing", "message": "nothing is defined", "line": None, "function": None}
        return {"error": error or gone}
    player.stand_in(list(zip(request["needs"], codes, strict=True)))
    if request["skip"]:
        return {"error": error}
    target, device = player.space[exercise.target], request["device"]
    limit = time_limit(seconds)
    seed = request["seed"]
    outcomes = run_cases(exercise, target, seed, givens, limit, device=device)
    return {"outcomes": outcomes}
