"""Where a learner stands: solved, mistakes overcome, streaks, minutes left. Read from progress."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from course_utils import progress
from course_utils.card import GOOD, PLAIN, Card, Row
from course_utils.engine.exercise import Exercise, lesson_ids, lesson_text, load_lesson


@dataclass
class Standing:
    """Facts from the lines of progress; lessons are looked up when they are shown."""

    solved: set[tuple[str, str]] = field(default_factory=set)
    met: set[tuple[str, str, str]] = field(default_factory=set)
    mended: set[tuple[str, str]] = field(default_factory=set)
    helped: set[tuple[str, str]] = field(default_factory=set)  # hunts with a hint
    streak: int = 0
    best_streak: int = 0
    drills: int = 0
    drills_right: int = 0
    exams: list[tuple[str, float]] = field(default_factory=list)

    @property
    def overcome(self) -> set[tuple[str, str, str]]:
        """Mistakes that were met in exercises which are solved by now."""
        return {m for m in self.met if m[:2] in self.solved | self.mended}


def standing(events: Iterable[dict] | None = None) -> Standing:
    """The standing after all events; those of the progress file by default."""
    found = Standing()
    for event in progress.events() if events is None else events:
        reader = READERS.get(event["what"])
        if reader:
            reader(found, event)
    return found


def _check(found: Standing, event: dict) -> None:
    place = (event.get("lesson", ""), event.get("exercise", ""))
    if event.get("mistake"):
        found.met.add((*place, event["mistake"]))
    if not event.get("passed"):
        return
    if event.get("kind") == "hunt" and place not in found.mended:
        found.mended.add(place)
        found.streak = 0 if place in found.helped else found.streak + 1
        found.best_streak = max(found.best_streak, found.streak)
    found.solved.add(place)


def _hint(found: Standing, event: dict) -> None:
    found.helped.add((event.get("lesson", ""), event.get("exercise", "")))


def _drill(found: Standing, event: dict) -> None:
    found.drills += 1
    found.drills_right += bool(event.get("right"))


def _exam(found: Standing, event: dict) -> None:
    if event.get("step") == "submit":
        found.exams.append((event.get("exam", ""), event.get("score", 0.0)))


READERS = {"check": _check, "hint": _hint, "drill": _drill, "exam": _exam}


def open_exercises(found: Standing, lesson: str) -> list[Exercise]:
    """What is not solved yet, in the order of the notebook."""
    every = load_lesson(lesson).exercises.values()
    return [e for e in every if (lesson, e.id) not in found.solved]


def summary() -> Card:
    """The card: one row per lesson, then habits, then what comes next."""
    found, words = standing(), lesson_text("exam")["progress"]
    left = {lesson: open_exercises(found, lesson) for lesson in lesson_ids()}
    rows = [_lesson_row(words, lesson, todo) for lesson, todo in left.items()]
    done = not any(left.values())
    return Card(
        headline=words["headline"],
        colour=GOOD if done else PLAIN,
        rows=rows,
        message=_habits(words, found),
        footer=words["done"] if done else _next(words, left),
    )


def _lesson_row(words: dict, lesson: str, todo: list[Exercise]) -> Row:
    total = len(load_lesson(lesson).exercises)
    minutes = sum(e.minutes for e in todo)
    text = words["lesson" if todo else "lesson_done"]
    return Row(
        lesson, not todo, text.format(solved=total - len(todo), total=total, minutes=minutes)
    )


def _habits(words: dict, found: Standing) -> str:
    facts = {
        "met": len(found.met),
        "overcome": len(found.overcome),
        "mended": len(found.mended),
        "streak": found.streak,
        "best": found.best_streak,
        "drills": found.drills,
        "right": found.drills_right,
    }
    parts = [words["habits"].format(**facts)]
    parts += [words["exam"].format(exam=exam, score=score) for exam, score in found.exams[-3:]]
    return " ".join(parts)


def _next(words: dict, left: dict[str, list[Exercise]]) -> str:
    lesson, todo = next((lesson, todo) for lesson, todo in left.items() if todo)
    total = sum(e.minutes for every in left.values() for e in every)
    return words["next"].format(exercise=todo[0].id, lesson=lesson, minutes=total)
