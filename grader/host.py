"""The judge's side of the wire: one warm parent, one player at a time, nothing but bytes between."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from multiprocessing.connection import Connection

from course_utils.engine.codec import CodecError, unpack

MAX_REPLY = 64 * 2**20
START_SECONDS = 60.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")


class PlayerLost(Exception):
    """The player ended, or sent what no player sends."""


class PlayerTimeout(Exception):
    """The player did not answer in time and was killed."""


class Host:
    """Starts the warm parent when it is first needed and asks it for players."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None

    def player(self, lesson: str, setup: bytes) -> Session:
        """A fresh player for one submission of a lesson."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(self._control, [b"p"], [theirs.fileno()])
        session = Session(Connection(ours.detach()), self._read_pid())
        session.open(lesson, setup)
        return session

    def close(self) -> None:
        """End the warm parent."""
        if self._process is not None:
            self._control.close()
            self._process.terminate()
            self._process.wait()
            self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grader.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
                stdin=subprocess.DEVNULL,
            )
        self._control = ours
        self._read_pid()  # it is warm once it says who it is

    def _read_pid(self) -> int:
        data = self._control.recv(4, socket.MSG_WAITALL)
        if len(data) < 4:
            raise RuntimeError("the grader's warm parent did not start; see the lines above")
        return struct.unpack("!i", data)[0]


class Session:
    """A conversation with one player."""

    def __init__(self, connection: Connection, pid: int) -> None:
        self._connection, self._pid = connection, pid
        self.layers: list[str] = []  # of the sandbox, said before any cell ran

    def open(self, lesson: str, setup: bytes) -> None:
        hello = self.ask({"lesson": lesson}, setup, seconds=START_SECONDS)
        self.layers = hello["layers"]

    def send(self, *parts: bytes) -> None:
        try:
            for part in parts:
                self._connection.send_bytes(part)
        except OSError as error:
            raise PlayerLost("it ended before it was asked") from error

    def ask(self, request: dict, *parts: bytes, seconds: float) -> dict:
        """The player's answer. Raises PlayerTimeout or PlayerLost; the player is gone then."""
        self.send(json.dumps(request).encode(), *parts)
        try:
            if not self._connection.poll(seconds):
                raise PlayerTimeout
            reply = unpack(self._connection.recv_bytes(MAX_REPLY))
        except (OSError, EOFError, CodecError) as error:
            self.close()
            raise PlayerLost(type(error).__name__) from error
        except PlayerTimeout:
            self.close()
            raise
        if not isinstance(reply, dict):
            self.close()
            raise PlayerLost("it sent no answer")
        return reply

    def close(self) -> None:
        """Kill the player and whatever it started in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self._connection.close()
