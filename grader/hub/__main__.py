"""`make classroom`: a class on JupyterHub, on this machine only, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

from grader.hub.classroom import COURSE_ID, INSTRUCTOR, PEOPLE, ROOT, Classroom, Unusable
from grader.hub.enter import show_as

HERE = Path(__file__).resolve().parent
PROXY = ROOT / "build" / "proxy" / "node_modules" / ".bin" / "configurable-http-proxy"
APART = ["unshare", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child"]


def main(argv: list[str] | None = None) -> int:
    args = parsed(argv)
    classroom = Classroom(args.data.resolve(), args.together)
    try:
        check(classroom)
        if args.inside or args.together:
            return run(classroom, args.lesson, args.port)
    except Unusable as error:
        print(f"classroom: {error}", file=sys.stderr)
        return 2
    return os.execvp(
        APART[0], [*APART, sys.executable, "-m", "grader.hub", "--inside", *sys.argv[1:]]
    )


def parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m grader.hub", description=__doc__)
    parser.add_argument("--lesson", default="01_pytorch", help="what is released to the class")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "classroom", metavar="DIR")
    parser.add_argument(
        "--together", action="store_true", help="everybody runs as you: nobody is kept apart"
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def check(classroom: Classroom) -> None:
    """Raises Unusable where the class cannot run, or could not be kept apart."""
    if not PROXY.exists():
        raise Unusable("the proxy is missing; `make classroom` installs it, and needs npm for that")
    if classroom.together:
        return
    hint = "`make classroom ARGS=--together` runs everybody as you, for a look"
    if os.geteuid() != 0:
        raise Unusable(f"only root can give each person an own user; {hint}")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        raise Unusable(f"this system lets nobody make mount namespaces; {hint}")


def run(classroom: Classroom, lesson: str, port: int) -> int:
    """Lay the class out, run the hub until it is told to stop."""
    classroom.lay_out()
    os.environ.update(classroom.environment())
    if not classroom.together:
        show_as(classroom.root / "etc" / "passwd", "/etc/passwd")
    prepare(classroom, lesson)
    ports = [port, *free_ports(2)]
    os.environ["CLASSROOM_PORTS"] = " ".join(map(str, ports))
    os.environ["CLASSROOM_PROXY"] = str(PROXY)
    command = [sys.executable, "-m", "jupyterhub", "--config", str(HERE / "jupyterhub_config.py")]
    with (classroom.state / "hub.log").open("a") as log:
        hub = subprocess.Popen(command, cwd=classroom.state, stdout=log, stderr=log)
    signal.signal(signal.SIGTERM, lambda *_: hub.terminate())
    signal.signal(signal.SIGINT, lambda *_: None)  # the terminal tells the hub as well
    while hub.poll() is None and not listens(port):
        with contextlib.suppress(subprocess.TimeoutExpired):
            hub.wait(0.2)
    if hub.returncode is None:
        announce(classroom, port)
    return finish(hub, classroom)


def prepare(classroom: Classroom, lesson: str) -> None:
    """As the instructor: make the course folder, release a lesson to the class."""
    here = Path(sys.executable).parent
    if not classroom.course.exists():
        as_instructor(str(here / "course"), "init", str(classroom.course))
        question = classroom.course / "written" / f"{lesson}.toml"
        shutil.copy(HERE / "question.toml", question)
    if not (classroom.exchange / COURSE_ID / "outbound" / lesson).exists():
        as_instructor(str(here / "course"), "release", lesson)
        as_instructor(str(here / "nbgrader"), "release_assignment", lesson)


def as_instructor(*command: str) -> None:
    enter = [sys.executable, "-m", "grader.hub.enter", INSTRUCTOR, *command]
    done = subprocess.run(enter, capture_output=True, text=True)
    if done.returncode:
        raise Unusable(f"{' '.join(command)} failed: {done.stderr.strip().splitlines()[-1:]}")


def announce(classroom: Classroom, port: int) -> None:
    """Where to point the browser, and as whom."""
    print(f"\nOpen http://127.0.0.1:{port} and log in as one of:\n")
    for name in PEOPLE:
        print(f"  {name:12}password {classroom.passwords()[name]}")
    print(f"\nThe instructor's desk: http://127.0.0.1:{port}/user/{INSTRUCTOR}/formgrader")
    if classroom.together:
        print("Everybody runs as you: no file is protected, and to nbgrader all are one student.")
    print(f"Files: {classroom.root}. Ctrl-C ends all of it.", flush=True)


def finish(hub: subprocess.Popen, classroom: Classroom) -> int:
    """Wait for the hub and, as the first process of its namespace, for everybody's orphans."""
    while hub.returncode is None:
        process, status = os.wait()
        if process == hub.pid:
            hub.returncode = os.waitstatus_to_exitcode(status)
    if hub.returncode > 0:
        reason = classroom.state / "hub.log"
        print(f"classroom: JupyterHub ended; the reason is in {reason}", file=sys.stderr)
        return 1
    return 0


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
