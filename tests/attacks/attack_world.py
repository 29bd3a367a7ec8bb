"""What an attack is: a notebook with a wrong answer, and something that shall make it count.

Every attack tries to get points for TARGET. BEFORE and AFTER are answered honestly and rightly by
the same learner; they must keep their points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import handin

BEFORE, TARGET, AFTER = "linear_beta_schedule", "forward_diffusion", "guided_noise"
GRADED = {BEFORE, TARGET, AFTER}
CANARY = "canary_9f3b7c51e2"

WRONG = """
def forward_diffusion(x_0, t, schedule):
    return x_0, x_0
"""


@dataclass(frozen=True)
class World:
    """Things that a player must not reach: files with the canary in them, a port, a process."""

    secret: Path
    gradebook: Path
    other: Path
    port: int
    judge: int


@dataclass(frozen=True)
class Attack:
    """`build(world)` is the notebook. `costs` are honest answers that the attack itself destroys."""

    name: str
    build: Callable[[World], object]
    costs: tuple[str, ...] = ()

    @property
    def keeps(self) -> set[str]:
        return {BEFORE, AFTER} - set(self.costs)


def notebook(target: str):
    """BEFORE and AFTER solved, TARGET as given, nothing else touched."""
    honest = {name: handin.reference(name) for name in (BEFORE, AFTER)}
    return handin.attempted(**honest, **{TARGET: target})


def cell(name: str, code: str, wrong: str = WRONG, costs: tuple[str, ...] = ()) -> Attack:
    """An attack by the code of TARGET's cell, before or instead of a wrong answer."""

    def build(world: World):
        text = code + wrong
        for key, value in vars(world).items():
            text = text.replace(f"@{key}@", str(value))
        return notebook(text)

    return Attack(name, build, costs)


def on_call(name: str, code: str, costs: tuple[str, ...] = ()) -> Attack:
    """An attack that strikes when the probe calls the answer."""
    body = "".join(f"    {line}\n" for line in code.strip().split("\n"))
    wrong = f"\ndef forward_diffusion(x_0, t, schedule):\n{body}    return x_0, x_0\n"
    return cell(name, "", wrong, costs)


def structure(name: str, costs: tuple[str, ...] = (), target: str = WRONG):
    """Decorates a function that changes a notebook in place."""

    def register(change: Callable) -> Attack:
        def build(world: World):
            made = notebook(target)
            change(made)
            return made

        return Attack(name, build, costs)

    return register
