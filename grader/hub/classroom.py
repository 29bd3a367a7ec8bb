"""Who is in the demonstration's class, and where each one's files are.

etc/              configuration that everybody may read, and the list of people
hub/              the hub's own state; its owner's alone
exchange/         nbgrader's exchange: released lessons, submissions, feedback
home/<name>/      a folder for each person that no other may open
home/instructor/class/   the course folder
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
CONFIG = Path(__file__).resolve().parent / "config"
COURSE_ID = "diffusion"
INSTRUCTOR = "instructor"
STUDENTS = ("student-1", "student-2", "student-3")
PEOPLE = (INSTRUCTOR, *STUDENTS)
FIRST_UID = 59001  # numbers that no account of the system has; `lay_out` looks


class Unusable(Exception):
    """The class cannot run; the message is one line that says what to do."""


@dataclass(frozen=True)
class Classroom:
    """The folder of a class. together: everybody runs as the one who started it."""

    root: Path
    together: bool = False

    @classmethod
    def from_environment(cls) -> Classroom:
        """The class that this process belongs to; see `environment`."""
        return cls(Path(os.environ["CLASSROOM"]), os.environ["CLASSROOM_TOGETHER"] == "yes")

    def environment(self) -> dict[str, str]:
        return {"CLASSROOM": str(self.root), "CLASSROOM_TOGETHER": "yes" if self.together else "no"}

    @property
    def exchange(self) -> Path:
        return self.root / "exchange"

    @property
    def course(self) -> Path:
        return self.home(INSTRUCTOR) / "class"

    @property
    def state(self) -> Path:
        return self.root / "hub"

    def home(self, name: str) -> Path:
        return self.root / "home" / name

    def uid(self, name: str) -> int:
        return os.getuid() if self.together else FIRST_UID + PEOPLE.index(name)

    def passwords(self) -> dict[str, str]:
        return json.loads((self.state / "passwords.json").read_text())

    def person_environment(self, name: str) -> dict[str, str]:
        """What a person's programs find in their environment."""
        home, role = self.home(name), INSTRUCTOR if name == INSTRUCTOR else "student"
        places = [self.root / "etc" / role, self.root / "etc" / "everyone"]
        return {
            "HOME": str(home),
            "USER": name,
            "LOGNAME": name,
            "SHELL": "/bin/bash",
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "JUPYTER_CONFIG_PATH": ":".join(map(str, places)),
            "COURSE_EXCHANGE": str(self.exchange),
            "COURSE_PROGRESS": str(home / ".progress" / "progress.jsonl"),
            "OMP_NUM_THREADS": "1",  # a class shares the cores of this machine
        }

    def lay_out(self) -> None:
        """Make what is missing; what is there stays."""
        for folder in (self.root / "home", self.exchange, self.state):
            folder.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o700)
        self.exchange.chmod(0o1777)  # as nbgrader asks; nobody may take away what is not theirs
        shutil.copytree(CONFIG, self.root / "etc", dirs_exist_ok=True)
        for name in PEOPLE:
            home = self.home(name)
            home.mkdir(exist_ok=True)
            home.chmod(0o700)
            os.chown(home, self.uid(name), self.uid(name) if not self.together else -1)
        if not (self.state / "passwords.json").exists():
            words = {name: secrets.token_urlsafe(9) for name in PEOPLE}
            (self.state / "passwords.json").write_text(json.dumps(words))
        (self.root / "etc" / "passwd").write_text(self._accounts())

    def _accounts(self) -> str:
        """The system's list of people with this class added; seen by the class alone."""
        known = Path("/etc/passwd").read_text().splitlines()
        known = [line for line in known if line.split(":")[0] not in PEOPLE]
        taken = {line.split(":")[2] for line in known}
        for name in PEOPLE if not self.together else ():
            uid = str(self.uid(name))
            if uid in taken:
                raise Unusable(f"an account of this system has the number {uid} already")
            known.append(f"{name}:x:{uid}:{uid}::{self.home(name)}:/bin/bash")
        return "\n".join(known) + "\n"
