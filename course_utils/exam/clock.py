"""The clock of an exam: it starts once, survives the kernel, and never blocks a cell."""

from __future__ import annotations

import math
import threading
from datetime import datetime

from course_utils import card, progress
from course_utils.engine.exercise import lesson_text
from course_utils.exam.plan import MINUTES

REFRESH = 20.0  # seconds
_started_here: dict[str, datetime] = {}  # where no progress is kept


def started(exam: str, events: list[dict] | None = None) -> datetime | None:
    """When the clock of the present sitting started; None before that.

    A sitting begins when the exam's notebook is written.
    """
    start = None
    for event in progress.events("exam") if events is None else events:
        if event.get("exam") == exam and event.get("step") == "made":
            start = None
        elif event.get("exam") == exam and event.get("step") == "start":
            start = start or progress.moment(event)
    return start or _started_here.get(exam)


def start(exam: str) -> None:
    """Start the clock, unless it runs already."""
    if started(exam) is None:
        _started_here[exam] = progress.now()
        progress.note("exam", exam=exam, step="start")


def minutes_used(exam: str) -> float | None:
    """Minutes since the start; None before it."""
    begin = started(exam)
    return None if begin is None else (progress.now() - begin).total_seconds() / 60


def left(exam: str) -> str:
    """A sentence on the time that is left."""
    words, used = lesson_text("exam")["exam"], minutes_used(exam)
    if used is None:
        return words["not_started"]
    if used < MINUTES:
        return words["left"].format(minutes=math.ceil(MINUTES - used), total=MINUTES)
    return words["over"].format(minutes=int(used - MINUTES), total=MINUTES)


def face(exam: str) -> card.Card:
    """The clock as a card."""
    headline = lesson_text("exam")["exam"]["clock"].format(exam=exam)
    return card.Card(headline, card.PLAIN, message=left(exam))


def show(exam: str) -> None:
    """Show the clock and keep it right, from a thread of its own, as long as the kernel lives."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        return print(face(exam))
    handle = display(face(exam), display_id=True)
    return threading.Thread(target=_follow, args=(exam, handle), daemon=True).start()


def _follow(exam: str, handle) -> None:
    waiting = threading.Event()
    while not waiting.wait(REFRESH):
        try:
            handle.update(face(exam))
        except Exception:  # the page is gone; the clock itself runs on
            return
