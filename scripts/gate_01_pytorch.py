"""Train lesson 01's capstone with several seeds, by running the lesson's own cells.

    .venv/bin/python scripts/gate_01_pytorch.py [--seeds 0 1 2]

Prints accuracy, wall seconds and CPU seconds of each run, and the spread.
"""

import argparse
import time

from grader.source import load_source

LESSON, SEED_LINE = "01_pytorch", "torch.manual_seed(0)"
CELLS = ("tools", "capstone-model", "capstone-train", "capstone-gate")


class Solved:
    """A check for which every exercise is solved."""

    def solved(self, *names):
        return True


def run_capstone(seed):
    """The names that are left when the references and the capstone's cells have run."""
    source = load_source(LESSON)
    space = dict(source.namespace()) | {"check": Solved(), "LOOP": ("train_one_epoch", "evaluate")}
    for cell in source.cells:
        if cell.name in CELLS and cell.kind == "code":
            code = cell.source.replace(SEED_LINE, f"torch.manual_seed({seed})")
            exec(compile(code, cell.name, "exec"), space)
    return space


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    shares = []
    for seed in options.seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        shares.append(run_capstone(seed)["accuracy"])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"seed {seed}: accuracy {shares[-1]:.2%}, {wall:.0f} s wall, {cpu:.0f} s CPU")
    print(f"accuracy {min(shares):.2%} to {max(shares):.2%} over {len(shares)} seeds")


main()
