"""Short questions on shapes, schedules, blocks and orders; the right answers are found by running
the real thing."""

from __future__ import annotations

__all__ = ["Drill"]


def __getattr__(name: str):
    if name == "Drill":
        from course_utils.drills.session import Drill

        return Drill
    raise AttributeError(name)
