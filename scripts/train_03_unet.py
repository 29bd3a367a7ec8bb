"""Repeat the training runs of lesson 03 by running the lesson's own cells, over several seeds.

    .venv/bin/python scripts/train_03_unet.py --seeds 0 1 2
    .venv/bin/python scripts/train_03_unet.py --seeds 0 --store

Prints the gains of the small networks, the capstone's table and the time of each cell. --store
replaces what learners see whose network is not written yet.
"""

import argparse
import time

import torch

from course_utils.denoising import LEVELS, passes_gate, store
from grader.source import load_source

LESSON = "03_unet"
CELLS = (
    "tools", "train-one-level", "one-level-step", "figure-one-level", "train-three",
    "figure-three", "figure-three-pictures", "figure-claimed-time", "figure-told",
)  # fmt: skip
CAPSTONE = "capstone-"


class Solved:
    """A check for which every exercise is solved."""

    def solved(self, *names):
        return True


def run(seed):
    """The names that are left when the references and the cells that train have run."""
    space = dict(load_source(LESSON).namespace()) | {"check": Solved()}
    space["show"] = lambda picture: None
    for cell in load_source(LESSON).cells:
        if cell.kind != "code":
            continue
        if cell.name in CELLS or cell.name.startswith(CAPSTONE):
            wall, cpu = time.perf_counter(), time.process_time()
            exec(compile(cell.source, cell.name, "exec"), space)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{cell.name}: {wall:.1f} s, {cpu:.1f} s of processor time", flush=True)
        if cell.name == "tools":
            space["SEED"] = seed
            space["show"] = lambda picture: None
    return space


def report(seed, space):
    print(f"seed {seed}: dB above the noisy image at sigma = {', '.join(map(str, LEVELS))}")
    for name, gains in space["curves"].items():
        print(f"  {name:24}", "  ".join(f"{gain:6.2f}" for gain in gains))
    passed = "passed" if passes_gate(space["results"]) else "NOT passed"
    print(f"seed {seed}: gate {passed}", flush=True)


def keep(space):
    """Store numbers and pictures for `course_utils.denoising.stored`."""
    numbers = {"gains": space["curves"], "claims": space["lies"]}
    numbers = {name: torch.tensor(list(rows.values())) for name, rows in numbers.items()}
    pictures = {"pictures": space["pictures"], "told": space["answers"]}
    store(numbers, pictures | {"capstone": space["rows"]["your U-Net"]})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--store", action="store_true", help="keep the last seed's results")
    options = parser.parse_args()
    for seed in options.seeds:
        space = run(seed)
        report(seed, space)
    if options.store:
        keep(space)


main()
