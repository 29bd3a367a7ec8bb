"""Drills in a notebook and in a terminal."""

from __future__ import annotations

import secrets

from course_utils import card, progress
from course_utils.drills.question import Question, read, words
from course_utils.drills.topics import TOPICS, ask


class Drill:
    """Asks one question after the other: `drill = Drill()`, then `drill.answer((8, 16, 7, 7))`.

    Without topics spaced repetition chooses: what was wrong comes back sooner.
    """

    def __init__(self, *topics: str, seed: int | None = None) -> None:
        unknown = set(topics) - set(TOPICS)
        if unknown:
            raise ValueError(f"no topic {min(unknown)!r}; there are: {', '.join(TOPICS)}")
        self.topics, self.seed = list(topics), seed
        self.right = self.total = 0
        self.question = self._draw()
        card.show(self._asked())

    def answer(self, answer: object) -> bool:
        """Judge an answer, explain, and show the next question."""
        right = self.judge(answer)
        card.show(self._judged(right))
        self.question = self._draw()
        card.show(self._asked())
        return right

    def judge(self, answer: object) -> bool:
        """Whether the answer is right; it is noted for the repetition."""
        right = self.question.judge(answer)
        progress.note("drill", topic=self.question.topic, right=right)
        self.total += 1
        self.right += right
        return right

    def advance(self) -> Question:
        """The next question."""
        self.question = self._draw()
        return self.question

    def _draw(self) -> Question:
        seed = secrets.randbelow(2**31) if self.seed is None else self.seed + self.total
        return ask(self._topic(), seed)

    def _topic(self) -> str:
        from course_utils.drills.deck import deck, next_topic

        if self.seed is not None:
            every = self.topics or list(TOPICS)
            return every[(self.seed + self.total) % len(every)]
        return next_topic(deck(), progress.now(), self.topics)

    def _asked(self) -> card.Card:
        return card.Card(self.question.topic, card.PLAIN, code=self.question.text)

    def _judged(self, right: bool) -> card.Card:
        return card.Card(
            verdict(self.question, right),
            card.GOOD if right else card.BAD,
            code=self.question.explanation,
        )


def verdict(question: Question, right: bool) -> str:
    """Right, or what would have been."""
    text = words("session")
    if right:
        return text["right"]
    more = f" {text['also']}" if question.accepts else ""
    return text["wrong"].format(right=question.shown) + more


def in_terminal(topics: list[str], count: int, seed: int | None) -> int:
    """Ask in a terminal until `count` are answered or an empty line comes. 0, as an exit code."""
    text, drill = words("session"), Drill(*topics, seed=seed)
    while drill.total < count:
        answer = _typed(text)
        if answer is None:
            break
        question = drill.question
        print(verdict(question, drill.judge(answer)))
        print(question.explanation, end="\n\n")
        if drill.total < count:
            print(drill.advance().text)
    print(text["score"].format(right=drill.right, total=drill.total))
    return 0


def _typed(text: dict) -> str | None:
    """A line that can be read as an answer; None for an empty line or the end of the input."""
    while True:
        try:
            line = input(text["ask"]).strip()
        except EOFError:
            return None
        if not line:
            return None
        if read(line) is not None:
            return line
        print(text["unreadable"])
