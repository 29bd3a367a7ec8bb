"""Memory of the grader and of each further worker, as shares of what processes hold together."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import psutil

from benchmarks.bench import LESSON, Rows, answered
from grader.judge import Judge
from grader.submission import collect

EVERY = 0.05  # seconds between two looks


def measure(most: int = 3) -> Rows:
    """Peaks of the proportional set size (PSS): judge, warm parent and all its players.

    A page that several processes share counts once, split among them; so the sum is what the
    machine needs, and the step from one worker to the next is what that worker adds.
    """
    peaks = {}
    with Judge("benchmark") as judge:
        judge.prepare(LESSON)
        judge.grade(collect(answered(1), LESSON))
        idle = _pss()
        for workers in range(1, most + 1):
            peaks[workers] = _peak_of(judge, workers)
    each = (peaks[most] - peaks[1]) / (most - 1)
    return [
        ("memory of judge and warm parent (PSS), idle", f"{idle:.0f} MB"),
        ("peak with 1 worker", f"{peaks[1]:.0f} MB"),
        (f"peak with {most} workers", f"{peaks[most]:.0f} MB"),
        ("each further worker", f"{each:.0f} MB"),
    ]


def _peak_of(judge: Judge, workers: int) -> float:
    """The greatest sum that was seen while so many submissions were graded at a time."""
    work = [collect(answered(1), LESSON) for _ in range(4 * workers)]
    seen, over = [], threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            seen.append(_pss())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(judge.grade, work))
    finally:
        over.set()
        watcher.join()
    return max(seen)


def _pss() -> float:
    """MB held by this process and everything below it; players that just ended count nothing."""
    total, me = 0, psutil.Process()
    for process in (me, *me.children(recursive=True)):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 2**20
