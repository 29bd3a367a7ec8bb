"""A JupyterLab, a browser, and hands and eyes for both: what the browser tests share.

Selectors. A cell is found by its id, which the build derives from lesson and exercise: the notebook
file says at which place that id stands, and JupyterLab writes a cell's place into the attribute
`data-windowed-list-index`. Everything else is found by the `jp-` classes that JupyterLab documents
for extensions, by the course's own class `course-card`, or by the text that a person would read.
formgrader's tables have one class per column. Nothing depends on colours, places or time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
OFFLINE = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NEEDED = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser: {CHROMIUM} is missing"),
    pytest.mark.skipif(os.name != "posix", reason="the player needs fork"),
]

ROOT = Path(__file__).resolve().parent.parent
LAB = ROOT / "course_utils" / "lab"
SCREENSHOTS = ROOT / "build" / "screenshots"
LESSON = "04_ddpm"
PATIENCE = 60_000  # milliseconds for the slowest step, the first import of torch
READABLE, VISIBLE = 4.5, 3  # contrast that WCAG 2, level AA, asks of text and of signs

WRONG = '''\
def forward_diffusion(x_0, t, schedule):
    """A noisy x_t for each sample."""
    noise = torch.randn_like(x_0)
    signal = per_sample(schedule["alpha_bar"], t, x_0)
    spread = per_sample(schedule["sqrt_one_minus_alpha_bar"], t, x_0)
    return signal * x_0 + spread * noise, noise'''
MENDED = WRONG.replace('"alpha_bar"', '"sqrt_alpha_bar"')


def diagnosis() -> str:
    """The message of the misconception that WRONG holds, without its code marks."""
    from grader.misconceptions import load_edits

    edits = load_edits(LESSON)["forward_diffusion"]
    message = next(e.message for e in edits if e.id == "alpha_bar_without_root")
    return message.replace("`", "")


# A server and a browser --------------------------------------------------------------------


def fresh_home(folder: Path) -> dict[str, str]:
    """The environment of somebody who never used Jupyter on this machine."""
    places = {"HOME": "home", "IPYTHONDIR": "ipython"}
    places |= {f"JUPYTER_{name}_DIR": name.lower() for name in ("CONFIG", "DATA", "RUNTIME")}
    places |= {f"JUPYTERLAB_{name}_DIR": name.lower() for name in ("SETTINGS", "WORKSPACES")}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "NBGRADER"))}
    return inherited | {name: str(folder / place) for name, place in places.items()}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def jupyter_lab(root: Path, home: Path):
    """A JupyterLab on the files in `root`; gives what makes an address of a path."""
    port, token, log = free_port(), os.urandom(16).hex(), home / "jupyter.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}"]
    command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += ["--allow-root"] if os.geteuid() == 0 else []
    environment = fresh_home(home) | {"JUPYTER_CONFIG_PATH": str(LAB)}  # as `make lab` has it
    with (
        log.open("w") as words,
        subprocess.Popen(command, cwd=root, env=environment, stderr=words) as server,
    ):
        try:
            while not listens(port):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    assert server.wait(0.1) is None, log.read_text()
            yield lambda path: f"http://127.0.0.1:{port}/{path}?token={token}"
        finally:
            server.terminate()


@pytest.fixture
def page():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OFFLINE)
        page = chromium.new_page(viewport={"width": 1300, "height": 850})
        page.set_default_timeout(PATIENCE)
        sync_api.expect.set_options(timeout=PATIENCE)
        yield page
        chromium.close()


def picture(page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


# The student -------------------------------------------------------------------------------


class OpenLesson:
    """The lesson as it stands open in JupyterLab."""

    def __init__(self, page, notebook: Path, lesson: str = LESSON) -> None:
        self.page, self.lesson = page, lesson
        self.ids = [cell["id"] for cell in json.loads(notebook.read_text())["cells"]]

    def cell(self, name: str):
        """The cell of an exercise, of its test, or of another id of the lesson."""
        place = self.ids.index(f"{self.lesson}-{name}".replace("_", "-"))
        return self.page.locator(f'.jp-Notebook [data-windowed-list-index="{place}"]')

    def first_code_cell(self):
        return self.page.locator(".jp-Notebook .jp-CodeCell").first

    def run(self, cell) -> None:
        """Run a cell from the keyboard and wait until it is done."""
        before = cell.locator(".jp-InputPrompt").inner_text()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        done = re.compile(rf"^\[(?!{re.escape(before.strip('[]:'))}\])\d+\]:$")
        sync_api.expect(cell.locator(".jp-InputPrompt")).to_have_text(done)

    def write(self, cell, code: str) -> None:
        """Replace what is in a cell, from the keyboard."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def try_out(self, code: str):
        """Write code into the exercise, run it and its check; returns the card."""
        exercise, test = self.cell("forward_diffusion"), self.cell("test_forward_diffusion")
        self.write(exercise, code)
        self.run(exercise)
        self.run(test)
        card = test.locator(".course-card")
        card.scroll_into_view_if_needed()
        return card


CONTRAST = """card => {
    const channels = css => (css.match(/[\\d.]+/g) || []).map(Number);
    const light = rgb => rgb.slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const above = element => element ? [element, ...above(element.parentElement)] : [];
    const style = element => getComputedStyle(element);
    const ground = element => above(element).map(e => channels(style(e).backgroundColor))
        .find(c => c.length === 3 || c[3] > 0.99) || [255, 255, 255];
    const own = [...card.querySelectorAll('b, li, span, p, code, text')]
        .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()));
    return own.map(e => {
        const veil = above(e).reduce((left, a) => left * Number(style(a).opacity), 1);
        const [ink, paper] = [channels(style(e).color), ground(e)];
        const seen = ink.slice(0, 3).map((v, i) => v * veil + paper[i] * (1 - veil));
        const [a, b] = [light(seen), light(paper)].sort((x, y) => y - x);
        return [e.textContent, (a + 0.05) / (b + 0.05)];
    });
}"""


def assert_readable(card) -> None:
    """Every text of the card stands out from what is behind it; so does every tick and cross."""
    for text, contrast in card.evaluate(CONTRAST):
        assert contrast >= (VISIBLE if text in "✓✗" else READABLE), (text, contrast)


def choose_dark_theme(page) -> None:
    page.get_by_role("menuitem", name="Settings").click()
    themes = page.locator(".lm-Menu-item", has=page.get_by_text("Theme", exact=True))
    themes.hover()
    page.locator(".lm-Menu-item", has=page.get_by_text("JupyterLab Dark", exact=True)).click()
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
