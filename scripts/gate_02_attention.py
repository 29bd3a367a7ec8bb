"""Measure lesson 02's gate over several seeds by running the lesson's own cells.

    .venv/bin/python scripts/gate_02_attention.py [--seeds 0 1 2] [--also]

Prints, for each seed, the share of left neighbours that are named on rows of unseen digits, and the
time of the three trainings together. With --also it repeats the lesson's two side trainings too:
pre-norm against post-norm, and digits cut into patches.
"""

import argparse
import time

from grader.source import load_source, without_markers

LESSON = "02_attention"
CELLS = ("tools", "rows-data", "row-reader", "row-training", "stand-in", "capstone-train")
SIDE_CELLS = ("figure-pre-post-norm", "capstone-patches")
SEED_LINE = "torch.manual_seed(0)"


class Solved:
    """A check for which every exercise is solved."""

    def solved(self, *names):
        return True


def run_cells(space, names, seed=0):
    """Run the lesson's cells of these names, with another seed where they set one."""
    for cell in load_source(LESSON).cells:
        if cell.name in names and cell.kind == "code":
            code = without_markers(cell.source).replace(SEED_LINE, f"torch.manual_seed({seed})")
            exec(compile(code, cell.name, "exec"), space)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--also", action="store_true", help="repeat the two side trainings too")
    options = parser.parse_args()
    space = dict(load_source(LESSON).namespace()) | {"check": Solved()}
    run_cells(space, CELLS)
    for seed in options.seeds:
        wall, cpu = time.perf_counter(), time.process_time()
        _, reached = space["train_three"](seed)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        shares = ", ".join(f"{name} {share:.1%}" for name, share in reached.items())
        print(f"seed {seed}: {shares}; {wall:.0f} s ({cpu:.0f} s of CPU)", flush=True)
        if options.also:
            run_cells(space, SIDE_CELLS, seed)


main()
