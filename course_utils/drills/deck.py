"""What to ask next: spaced repetition with FSRS, one card per topic, replayed from progress."""

from __future__ import annotations

from datetime import datetime

from fsrs import Card, Rating, Scheduler

from course_utils import progress
from course_utils.drills.topics import TOPICS


def deck(events: list[dict] | None = None) -> dict[str, Card]:
    """The card of every topic that was ever asked. A wrong answer brings its topic back sooner."""
    scheduler, cards = Scheduler(enable_fuzzing=False), {}
    numbers = {topic: number for number, topic in enumerate(TOPICS)}
    for event in progress.events("drill") if events is None else events:
        topic = event.get("topic")
        if topic in numbers:
            card = cards.get(topic) or Card(card_id=numbers[topic])
            rating = Rating.Good if event.get("right") else Rating.Again
            at = progress.moment(event).astimezone(progress.UTC)
            cards[topic], _ = scheduler.review_card(card, rating, at)
    return cards


def next_topic(cards: dict[str, Card], at: datetime, among: list[str] | None = None) -> str:
    """What is due, the longest overdue first; else a new topic; else what is due first."""
    topics = among or list(TOPICS)
    asked = sorted((t for t in topics if t in cards), key=lambda t: cards[t].due)
    new = [t for t in topics if t not in cards]
    if asked and cards[asked[0]].due <= at:
        return asked[0]
    return (new or asked)[0]
