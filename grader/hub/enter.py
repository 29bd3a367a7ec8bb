"""Runs a command as one person of the class: `python -m grader.hub.enter NAME COMMAND…`

Started as root. The command gets the person's own user number, cannot become anybody else, and sees
of this repository what the person may: the instructor all of it, a student no solution, no grader
and no history. Everything else of the machine is as any user sees it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from grader.hub.classroom import INSTRUCTOR, ROOT, Classroom

CLONE_NEWNS, PR_SET_NO_NEW_PRIVS = 0x20000, 38
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
OTHERS_MAY_ENTER = 0o001


def main(name: str, *command: str) -> None:
    """Become `name` and run the command; does not return."""
    classroom = Classroom.from_environment()
    if not classroom.together:
        unshare_mounts()
        cover(*view_of(classroom, name))
        become(classroom.uid(name))
    home = classroom.course if name == INSTRUCTOR else classroom.home(name)
    os.chdir(home if home.is_dir() else classroom.home(name))
    environment = os.environ | classroom.person_environment(name)
    os.execvpe(command[0], command, environment)


def view_of(classroom: Classroom, name: str) -> tuple[list[Path], list[Path]]:
    """(folders to cover, what stays visible in them) for a person.

    A folder that others may not enter, such as root's home, is covered even for the instructor:
    that is how a repository, or a Python, that lies in it can be reached.
    """
    shown = [Path(sys.prefix), Path(sys.base_prefix), classroom.root]
    shown += [ROOT] if name == INSTRUCTOR else [ROOT / "course_utils"]
    closed = [p for place in shown for p in place.parents if not _others_may_enter(p)]
    covered = set(closed) if name == INSTRUCTOR else {ROOT, *closed}
    return [top for top in covered if not covered.intersection(top.parents)], shown


def _others_may_enter(folder: Path) -> bool:
    return bool(folder.stat().st_mode & OTHERS_MAY_ENTER)


def unshare_mounts() -> None:
    """From here on, what this process mounts is seen by it and its children only."""
    _call("unshare", CLONE_NEWNS)
    _mount("none", "/", None, MS_REC | MS_PRIVATE)


def cover(folders: list[Path], shown: list[Path]) -> None:
    """Put an empty folder over each one; only `shown` is there, at its old place."""
    inside = sorted({p for p in shown if any(p.is_relative_to(top) for top in folders)})
    opened = [(place, os.open(place, os.O_PATH)) for place in inside]
    for top in folders:
        _mount("none", top, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m")
    for place, descriptor in opened:
        if not place.exists():
            place.mkdir(parents=True)
            _mount(f"/proc/self/fd/{descriptor}", place, None, MS_BIND | MS_REC)
        os.close(descriptor)


def show_as(shown: Path, place: str) -> None:
    """Let a file be seen at another place."""
    _mount(shown, place, None, MS_BIND)


def become(uid: int) -> None:
    """Another user, for good."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _mount(what, where, kind: str | None, flags: int, options: str | None = None) -> None:
    words = [str(what), str(where), kind, flags, options]
    _call("mount", *(w.encode() if isinstance(w, str) else w for w in words))


def _call(function: str, *arguments) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
