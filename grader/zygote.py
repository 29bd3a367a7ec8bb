"""The warm parent: imports PyTorch once, then forks a player for every submission.

Started as `python -m grader.zygote FD`. For each connection that arrives over the socket FD it
forks a child that serves it, and answers with the child's process id. It holds no secret.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36  # players whose parent is gone become the zygote's children


def warm_up() -> None:
    """Everything a player needs, imported before the first fork; one thread, so forks are safe."""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for CUDA must not start it here
    import torch

    torch.set_num_threads(1)
    from course_utils.engine import fake_cuda
    from course_utils.engine.exercise import lesson_ids, load_lesson
    from grader import player  # noqa: F401 - for the children

    fake_cuda.warm_up()
    for lesson in lesson_ids():
        load_lesson(lesson)


def main(fd: int) -> None:
    control = socket.socket(fileno=fd)
    warm_up()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # players are reaped by the kernel
    held = psutil.Process().memory_info().vms
    _tell(control.fileno(), os.getpid())
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:  # the judge is gone, perhaps killed: nothing may outlive it
            return _kill_players()
        _tell(control.fileno(), _start_player(fds[0], control, held))
        os.close(fds[0])


def _start_player(fd: int, control: socket.socket, held: int) -> int:
    """The process id of a new player that serves `fd`; 0 where it could not start."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            os.close(reading)
            _volunteer()
            _play(fd, writing, held)
        finally:
            os._exit(0)
    os.close(writing)
    told = os.read(reading, 4)
    os.close(reading)
    return struct.unpack("!i", told)[0] if len(told) == 4 else 0


def _volunteer() -> None:
    """Where memory runs out, the system ends a player first, never the judge."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _play(fd: int, writing: int, held: int) -> None:
    """The player's whole life."""
    from grader import player, sandbox

    layers = sandbox.isolate(lambda pid: _tell(writing, pid))
    os.setsid()
    os.close(writing)
    player.serve(Connection(fd), layers, held)


def _kill_players() -> None:
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _tell(fd: int, pid: int) -> None:
    os.write(fd, struct.pack("!i", pid))


if __name__ == "__main__":
    main(int(sys.argv[1]))
