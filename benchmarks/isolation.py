"""What it costs to run a learner's code apart: the same cells, cases and comparisons in one
process and one namespace, beside the judge and its players."""

from __future__ import annotations

import statistics

from benchmarks.bench import LESSON, Rows, answered, timed
from course_utils.engine.diagnose import diagnose
from course_utils.engine.exercise import load_lesson
from course_utils.engine.limits import time_limit
from course_utils.engine.runner import run_cases
from grader.conversation import exercise_seed
from grader.judge import Judge
from grader.reference import expected
from grader.source import load_source, run_code
from grader.submission import Submission, collect

SECRET, SECONDS = "benchmark", 10.0


def measure(repeats: int = 9) -> Rows:
    """Medians, taken in turns; both are warm."""
    submission = collect(answered(1), LESSON)
    bare, apart = [], []
    with Judge(SECRET) as judge:
        judge.prepare(LESSON)
        for _ in range(repeats + 1):
            bare.append(timed(lambda: in_process(submission))[0])
            apart.append(timed(lambda: judge.grade(submission))[0])
    one, other = statistics.median(bare[1:]), statistics.median(apart[1:])
    return [
        ("one submission, bare probes in one process", f"{one:.3f} s"),
        ("the same, isolated", f"{other:.3f} s (× {other / one:.2f})"),
    ]


def in_process(submission: Submission) -> None:
    space = run_code(load_source(LESSON).setup(), "<setup>")
    for e in load_lesson(LESSON).exercises.values():
        run_code(submission.helpers.get(e.id, "") + submission.cells[e.id], "<cell>", space)
        seed = exercise_seed(SECRET, LESSON, e)
        facts, limit = expected(LESSON, e.id, seed), time_limit(SECONDS)
        got = run_cases(e, space[e.target], seed, facts.givens, limit)
        assert diagnose(e, got, facts.want, facts.mistakes).passed, e.id
