"""The hidden line of a graded cell, for stock nbgrader without this course's configuration.

It runs in the student's own kernel, so it is not tamper-proof. On honest work it gives the points
that the judge gives.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from course_utils.engine.diagnose import diagnose
from course_utils.engine.exercise import Exercise, load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import run_cases
from grader.conversation import exercise_seed
from grader.course import Course
from grader.judge import SECONDS
from grader.reference import outcomes_of, reference_code
from grader.source import load_source
from grader.verdict import judge_exercise


def score(lesson: str, exercise: str, space: dict) -> float:
    """Points for one exercise of the notebook whose names are in `space`."""
    e = load_lesson(lesson)[exercise]
    seed = exercise_seed(Course.above(Path.cwd()).secret, lesson, e)
    want, givens = outcomes_of(lesson, e, reference_code(lesson, e), seed)
    with stand_ins(lesson, e, space):
        limit = time_limit(SECONDS)
        got = run_cases(e, space.get(e.target), seed, givens, limit)
    return judge_exercise(e, got, diagnose(e, got, want, [])).score


@contextlib.contextmanager
def stand_ins(lesson: str, e: Exercise, space: dict) -> Iterator[None]:
    """References in the place of earlier exercises, for the time of one exercise."""
    references = load_source(lesson).namespace()
    own = {name: space[name] for name in e.needs if name in space}
    space.update({name: references[name] for name in e.needs})
    try:
        yield
    finally:
        space.update(own)
