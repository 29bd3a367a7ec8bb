"""What the demonstration puts into JupyterHub: who may log in, and how a server is started."""

from __future__ import annotations

import hmac
import sys

from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner

from grader.hub.classroom import Classroom


class DemonstrationAuthenticator(Authenticator):
    """A password for each person, made at the first start and printed. Not for a real class."""

    async def authenticate(self, handler, data):
        known = Classroom.from_environment().passwords().get(data["username"], "")
        right = bool(known) and hmac.compare_digest(known.encode(), data["password"].encode())
        return data["username"] if right else None


class PersonSpawner(LocalProcessSpawner):
    """A process of the person's own user; system accounts are not needed."""

    async def start(self):
        enter = [sys.executable, "-m", "grader.hub.enter", self.user.name]
        self.cmd = [*enter, sys.executable, "-m", "jupyterhub.singleuser"]
        if Classroom.from_environment().together:
            self.args = ["--allow-root"]
        self.notebook_dir = "."  # where `enter` goes
        return await super().start()

    def user_env(self, env):
        classroom = Classroom.from_environment()
        return env | classroom.environment() | classroom.person_environment(self.user.name)

    def make_preexec_fn(self, name):
        """`enter` changes the user, in the new process and not in a copy of the hub."""
        return lambda: None

    def move_certs(self, paths):
        return paths
