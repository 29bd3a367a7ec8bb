"""The warm parent: imports PyTorch once, then forks a player for every submission.

Started as `python -m grader.zygote FD DEVICE`. For each connection that arrives over the socket FD
it forks a child that serves it, and answers with the child's process id. It holds no secret.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from grader import sandbox

MAP_ME = -1  # in the place of a process id: "say who I am, in my new user namespace"
HUGE, MADV_COLLAPSE = 2**21, 25  # bytes of a huge page; make such pages now (Linux 6.1)
PR_SET_CHILD_SUBREAPER = 36  # players whose parent is gone become the zygote's children


def warm_up() -> None:
    """Everything a player needs, imported before the first fork; one thread, so forks are safe."""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking for CUDA must not start it here
    from grader import player, warm  # noqa: F401 - the former for the children

    warm.warm_up()
    sandbox.look_around()


def main(fd: int, device: str) -> None:
    control = socket.socket(fileno=fd)
    warm_up()
    gc.collect()
    gc.freeze()  # a player's collector leaves what it was born with alone: no page is copied for it
    _use_huge_pages()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # players are reaped by the kernel
    limits = sandbox.Limits.now(gpu=device != "cpu")
    _tell(control.fileno(), os.getpid())
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:  # the judge is gone, perhaps killed: nothing may outlive it
            return _kill_players()
        _tell(control.fileno(), _start_player(fds[0], control, limits))
        os.close(fds[0])


def _use_huge_pages() -> None:
    """A fork copies the page tables, and pages of 2 MB need far fewer entries. Where the system
    has no such pages, or none left, forks take longer and nothing else changes."""
    for line in Path("/proc/self/maps").read_text().splitlines() if sys.platform == "linux" else ():
        places, rights, _, _, inode, *_ = line.split()
        start, end = (int(place, 16) for place in places.split("-"))
        start, end = -(-start // HUGE) * HUGE, end // HUGE * HUGE
        if rights == "rw-p" and inode == "0" and start < end:
            address, length = ctypes.c_void_p(start), ctypes.c_size_t(end - start)
            ctypes.CDLL(None).madvise(address, length, MADV_COLLAPSE)


def _start_player(fd: int, control: socket.socket, limits: sandbox.Limits) -> int:
    """The process id of a new player that serves `fd`; 0 where it could not start."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            control.close()
            ours.close()
            _volunteer()
            _play(fd, theirs, limits)
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        told = _heard(ours.fileno())
        if told == MAP_ME:
            _tell(ours.fileno(), sandbox.map_user(pid))
            told = _heard(ours.fileno())
        return told


def _volunteer() -> None:
    """Where memory runs out, the system ends a player first, never the judge."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _play(fd: int, parent: socket.socket, limits: sandbox.Limits) -> None:
    """The player's whole life."""
    from grader import player

    def ask_for_user() -> bool:
        _tell(parent.fileno(), MAP_ME)
        return _heard(parent.fileno()) == 1

    def tell_pid(pid: int) -> None:
        _tell(parent.fileno(), pid)

    layers = sandbox.isolate(tell_pid, ask_for_user, limits.devices())
    os.setsid()
    parent.close()
    player.serve(Connection(fd), layers, limits)


def _kill_players() -> None:
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _tell(fd: int, number: int) -> None:
    os.write(fd, struct.pack("!i", number))


def _heard(fd: int) -> int:
    """The number that was told; 0 where the other side ended."""
    told = os.read(fd, 4)
    return struct.unpack("!i", told)[0] if len(told) == 4 else 0


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
