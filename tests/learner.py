"""A learner's notebook as a namespace: cells run in it, and its own check is called in it."""

from __future__ import annotations

from handin import EXERCISES, LESSON, reference

from course_utils.card import Card
from grader.source import load_source


class Learner:
    """Everything is solved at first. `shown` holds the cards, where the test collects them."""

    def __init__(self) -> None:
        self.shown: list[Card] = []
        self.space: dict = {"__name__": "__main__"}
        for code in (load_source(LESSON).setup(), *map(reference, EXERCISES)):
            self.run(code)

    def __getitem__(self, name: str) -> object:
        return self.space[name]

    def run(self, code: str) -> None:
        """Run one cell."""
        exec(compile(code, "<cell of a learner>", "exec"), self.space)

    def check(self, target: object) -> None:
        """Run a cell with `check(target)`; a name stands for what it names in the notebook."""
        self.space["target"] = self.space.get(target, target) if type(target) is str else target
        self.run("check(target)")

    def card(self, name: str, code: str) -> Card:
        """The card of an exercise that is written as `code`."""
        self.run(code)
        self.shown.clear()
        self.check(self[EXERCISES[name].target])
        (only,) = self.shown
        return only

    def hint(self, target: object, *tier: int) -> None:
        self.space["asked"] = target, *tier
        self.run("check.hint(*asked)")

    def solved(self, *names: str) -> bool:
        self.space["asked"] = names
        self.run("answer = check.solved(*asked)")
        return self["answer"]
