"""The judge's side of the wire: a warm parent, one player at a time, only bytes between."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from grader.wire import MAX_LINE, Wire, WireError, joined, parted

START_SECONDS, END_SECONDS = 60.0, 5.0
SPARES = 2  # one for the next submission, one for a hunt that failed and is played again
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")


class PlayerLost(Exception):
    """The player ended, or sent what no player sends."""


class OutOfTurn(PlayerLost):
    """The answer belongs to no question, or to one before: an earlier cell may have sent it."""


class PlayerTimeout(Exception):
    """The player did not answer in time and was killed."""


class Host:
    """Starts the warm parent when it is first needed and asks it for players; thread-safe.

    `SPARES` more players of the lesson that was asked for last are made ready in the background.
    Each is confined, has seen no learner's code, and is used for one submission at most.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._lock = threading.Lock()
        self._stock = threading.Lock()  # of spares; not held while a player starts
        self._spares: deque[tuple[tuple, Future[Session]]] = deque()
        self._background: ThreadPoolExecutor | None = None

    def player(self, lesson: str, setup: bytes) -> Session:
        """A fresh player for one submission of a lesson."""
        session = self._spare(lesson, setup) or self._opened(lesson, setup)
        with self._stock:
            self._background = self._background or ThreadPoolExecutor(1)
            while len(self._spares) < SPARES:
                future = self._background.submit(self._opened, lesson, setup)
                self._spares.append(((lesson, setup), future))
        return session

    def _spare(self, lesson: str, setup: bytes) -> Session | None:
        """One that is ready, or nearly; None where there is none of this lesson."""
        while True:
            with self._stock:
                if not self._spares:
                    return None
                kind, future = self._spares.popleft()
            with contextlib.suppress(RuntimeError):  # it did not start: another will, or say why
                session = future.result()
                if kind == (lesson, setup) and not session.astray:
                    return session
                session.close()

    def _opened(self, lesson: str, setup: bytes) -> Session:
        session = self._session()
        session.open(lesson, setup)
        return session

    def leaks(self, lesson: str, setup: bytes, canaries: dict) -> tuple[list[str], list[str]]:
        """(layers in force, what a player could do all the same)."""
        session = self._session()
        try:
            found = session.open(lesson, setup, canaries)
            return session.layers, found
        finally:
            session.close()

    def _session(self) -> Session:
        ours, theirs = socket.socketpair()
        with self._lock, theirs:
            if self._process is None or self._process.poll() is not None:
                self._start()
            socket.send_fds(self._control, [b"p"], [theirs.fileno()])
            pid = self._read_pid()
        if pid <= 0:
            ours.close()
            raise RuntimeError("the grader could not start a process for a player")
        return Session(Wire(ours), pid)

    def drop_spares(self) -> None:
        """End the players that wait for a submission."""
        if self._background is not None:
            self._background.shutdown(cancel_futures=True)
            self._background = None
        while self._spares:
            _, future = self._spares.popleft()
            if not future.cancelled() and not future.exception():
                future.result().close()

    def close(self) -> None:
        """End the warm parent and what it started."""
        self.drop_spares()
        if self._process is not None:
            self._control.close()  # which it takes for the end, and kills its players
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "grader.zygote", str(theirs.fileno()), self._device],
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

    def __init__(self, wire: Wire, pid: int) -> None:
        self._wire, self._pid = wire, pid
        self._pidfd = _pidfd(pid)
        self._closed = False
        self.layers: list[str] = []  # of the sandbox, said before any cell ran
        self._folder = tempfile.TemporaryDirectory(prefix="player-")  # where it may write at most

    def open(self, lesson: str, setup: bytes, canaries: dict | None = None) -> list[str]:
        """Wait until it is confined. `canaries` are things to try from in there; what worked."""
        Path(self._folder.name).chmod(0o777)
        hello = {"lesson": lesson, "folder": self._folder.name, "canaries": canaries}
        try:
            reply, _ = self.ask(hello, {"setup": setup}, seconds=START_SECONDS)
        except (PlayerLost, PlayerTimeout) as error:  # no learner's code ran: not their fault
            raise RuntimeError(f"a player did not start ({error})") from error
        self.layers = reply["layers"]
        return reply["leaks"]

    def ask(
        self, request: dict, blobs: dict[str, bytes], seconds: float
    ) -> tuple[dict, dict[str, bytes]]:
        """The player's answer. Raises PlayerTimeout or PlayerLost; the player is gone then."""
        deadline, number = time.monotonic() + seconds, secrets.token_hex(8)
        try:
            self._wire.send(joined(request | {"number": number}, blobs), deadline)
            reply, answers = parted(self._wire.receive(deadline), MAX_LINE)
        except TimeoutError as error:
            self.close()
            raise PlayerTimeout from error
        except WireError as error:
            self.close()
            raise PlayerLost(str(error)) from error
        if reply.get("number") != number:
            self.close()
            raise OutOfTurn("it sent no answer to this question")
        return reply, answers

    @property
    def astray(self) -> bool:
        """Whether it spoke without being asked, or ended between two questions."""
        return self._wire.unasked()

    def close(self) -> None:
        """Kill the player; all that it started dies with its pid namespace, or with its group."""
        if self._closed:
            return
        self._closed = True
        if "namespaces" not in self.layers:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)
        self._kill()
        self._wire.close()
        self._folder.cleanup()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._pidfd is None:
                os.kill(self._pid, signal.SIGKILL)
            else:
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
                os.close(self._pidfd)


def _pidfd(pid: int) -> int | None:
    """A handle on the process that cannot come to mean another one, where the system has such."""
    with contextlib.suppress(AttributeError, OSError):
        return os.pidfd_open(pid)
    return None
