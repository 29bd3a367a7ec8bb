"""Does the sandbox hold? A player tries, before any learner's code runs, what must not work."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from grader import sandbox

STOPPED_BY = {  # canary → layers of which any must stop it
    "read": {"namespaces", "landlock"},
    "write": {"namespaces", "landlock"},
    "network": {"namespaces", "seccomp"},
    "process": {"namespaces", "landlock"},
    "program": {"seccomp"},
}


def check(judge, lesson: str, secrets: list[Path] = (), unsafe: bool = True) -> list[str]:
    """The layers in force. Raises Unusable where one does not hold, or too few are there.

    secrets: files that no player may read, besides the grader's own. `unsafe` allows any level.
    """
    from grader.submission import Unusable  # not in the player's process

    with listening() as (tcp, udp):
        private = [*secrets, *_own_secrets()]
        things = {
            "files": [str(path.resolve()) for path in private if path.is_file()],
            "folders": sorted({str(path.resolve().parent) for path in private} | {sys.prefix}),
            "ports": [tcp, udp],
            "process": os.getpid(),
        }
        layers, leaks = judge.try_sandbox(lesson, things)
    if leaks:
        raise Unusable(f"the sandbox leaks: a player could {', '.join(leaks)}; nothing was graded")
    if not unsafe and not sandbox.enough(layers):
        level = "+".join(layers)
        raise Unusable(
            f"the sandbox here is only {level}: too little for work of others; "
            f"see docs/security.md (--unsafe grades all the same)"
        )
    return layers


def _own_secrets() -> list[Path]:
    from grader.paths import SOLUTIONS

    return [
        *sorted(SOLUTIONS.glob("*.py")),
        Path(__file__).with_name("misconceptions") / "__init__.py",
    ]


@contextlib.contextmanager
def listening() -> Iterator[tuple[int, int]]:
    """A TCP and a UDP port of this machine that somebody outside listens to."""
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        for end in (tcp, udp):
            end.bind(("127.0.0.1", 0))
        tcp.listen()
        yield tcp.getsockname()[1], udp.getsockname()[1]


def leaks(things: dict, layers: set[str]) -> list[str]:
    """What worked although a layer in force should have stopped it. Runs inside the sandbox."""
    tried = {
        "read": [(f"read {path}", _read, path) for path in things["files"]],
        "write": [(f"write to {path}", _write, path) for path in things["folders"]],
        "network": [("reach the network", _connect, things["ports"])],
        "process": [("signal other processes", _signal, things["process"])],
        "program": [("start a program", _start, None)],
    }
    kept = [name for name, stoppers in STOPPED_BY.items() if stoppers & layers]
    return [what for name in kept for what, attempt, on in tried[name] if _works(attempt, on)]


def _works(attempt: Callable, on: object) -> bool:
    try:
        attempt(on)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _read(path: str) -> None:
    Path(path).read_bytes()


def _write(folder: str) -> None:
    path = Path(folder) / f".canary-{os.getpid()}"
    path.touch()
    path.unlink()


def _connect(ports: list[int]) -> None:
    tcp, udp = ports
    with contextlib.suppress(OSError), socket.socket() as end:
        end.settimeout(1)
        end.connect(("127.0.0.1", tcp))
        return
    with socket.socket(type=socket.SOCK_DGRAM) as end:
        end.sendto(b"canary", ("127.0.0.1", udp))


def _signal(pid: int) -> None:
    os.kill(pid, 0)


def _start(_: None) -> None:
    subprocess.run(["/bin/true"], check=True, timeout=5)
