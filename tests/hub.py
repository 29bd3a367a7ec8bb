"""The class of `make classroom`, started for a test, and what people do in their browsers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import browser
from browser import ROOT, sync_api

PATIENCE = 120_000  # milliseconds: several servers share two cores
DATA = ROOT / "build" / "classroom-test"  # below the repository: every person has to reach it


class Hub:
    """A running class."""

    def __init__(self, process: subprocess.Popen, port: int, data: Path) -> None:
        self.process, self.port, self.data = process, port, data
        self.passwords = json.loads((data / "hub" / "passwords.json").read_text())

    def stop(self) -> None:
        stop(self.process)

    def address(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def running(lesson: str):
    """A class with a fresh folder; ended as Ctrl-C would. Gives a `Hub`."""
    shutil.rmtree(DATA, ignore_errors=True)
    port = browser.free_port()
    command = [sys.executable, "-m", "grader.hub", "--lesson", lesson, f"--port={port}"]
    command += ["--data", str(DATA)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            said = ""
            for line in process.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            assert process.poll() is None and "Ctrl-C" in said, said
            yield Hub(process, port, DATA)
        finally:
            stop(process)


def stop(process: subprocess.Popen) -> None:
    """What Ctrl-C does in a terminal: all processes of the group are told."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    process.wait(120)


@contextlib.contextmanager
def logged_in(chromium, hub: Hub, name: str):
    """A page in which a person has logged in and whose server has started."""
    context = chromium.new_context(viewport={"width": 1300, "height": 850})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    sync_api.expect.set_options(timeout=PATIENCE)
    page.goto(hub.address("hub/login"))
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(hub.passwords[name])
    page.get_by_role("button", name=re.compile("Sign in", re.I)).click()
    page.wait_for_url(re.compile(rf"/user/{name}/lab"))
    page.locator("#jp-main-statusbar").wait_for()
    yield page
    context.close()
