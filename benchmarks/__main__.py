"""This grader beside stock nbgrader and beside its own parts, in one run on one machine.

`make bench`, or `python -m benchmarks --only isolation memory`. Prints the table of
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks import classes, gradebook, isolation, memory, sampling, start
from benchmarks.bench import Rows, machine

PARTS = ("start", "classes", "isolation", "memory", "gradebook", "sampling")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    parser.add_argument("--submissions", type=int, default=24, help="a class for our grader")
    parser.add_argument("--stock", type=int, default=3, help="how many stock nbgrader grades too")
    parser.add_argument("--simulated", type=int, default=10_000, help="rows for the gradebook")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # nbgrader's and nbformat's; nothing is graded here for a class
    print(f"{machine()}\n\n| what | measured |\n|---|---|")
    for part in args.only:
        print(f"measuring: {part}", file=sys.stderr)
        for what, value in _rows(part, args):
            print(f"| {what} | {value} |", flush=True)


def _rows(part: str, args) -> Rows:
    if part == "start":
        return start.measure()
    if part == "classes":
        return classes.measure(args.submissions, args.stock)
    if part == "isolation":
        return isolation.measure()
    if part == "memory":
        return memory.measure()
    if part == "sampling":
        return sampling.measure()
    with TemporaryDirectory() as folder:
        return gradebook.measure(Path(folder), args.simulated)


if __name__ == "__main__":
    main()
