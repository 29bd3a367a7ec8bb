"""The warm parent: imports PyTorch once, then forks a player for every submission.

Started as `python -m grader.zygote FD`. For each connection that arrives over the socket FD it
forks a child that serves it, and answers with the child's process id. It holds no secret.
"""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
from multiprocessing.connection import Connection


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
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel
    control.sendall(struct.pack("!i", os.getpid()))
    while True:
        message, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            _play(fds[0])
        os.close(fds[0])
        control.sendall(struct.pack("!i", pid))


def _play(fd: int) -> None:
    """The child's whole life."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    from grader.player import serve

    try:
        serve(Connection(fd))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
