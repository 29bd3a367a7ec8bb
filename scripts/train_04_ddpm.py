"""Re-train the provided network of lesson 04 by running the lesson's own cells, and store samples.

    .venv/bin/python scripts/train_04_ddpm.py [--seed 0] [--keep-weights] [--dry-run]

Prints the time of each cell; the lesson prints the gate.
"""

import argparse
import dataclasses
import sys
import time
import types

from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.stored import save_samples
from grader.build import answers_module
from grader.source import load_source, without_markers

LESSON, FIRST_CELL, LAST_CELL = "04_ddpm", "part-capstone", "capstone-guidance"
SEED = "seed := 0"  # as the lesson sets it


class Solved:
    """A check for which every exercise is solved, except that training may be left out."""

    def __init__(self, train):
        self.train = train

    def solved(self, *names):
        return self.train or "cfg_train_step" not in names


def run_capstone(train, seed):
    """The names that are left when the set-up, the references and the capstone's cells have run."""
    sys.modules["lesson_03"] = module = types.ModuleType("lesson_03")
    exec(answers_module("03_unet"), module.__dict__)
    space = dict(load_source(LESSON).namespace()) | {"check": Solved(train)}
    cells = load_source(LESSON).cells
    names = [cell.name for cell in cells]
    wanted = cells[names.index(FIRST_CELL) : names.index(LAST_CELL) + 1]
    tools = [cell for cell in cells if cell.name in ("tools", "figure-guidance-points")]
    for cell in [*tools, *wanted]:
        if cell.kind == "code":
            start = time.perf_counter()
            code = without_markers(cell.source).replace(SEED, f"seed := {seed}")
            exec(compile(code, cell.name, "exec"), space)
            print(f"{cell.name}: {time.perf_counter() - start:.1f} s", flush=True)
    return space


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-weights", action="store_true", help="only draw the samples again")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    space = run_capstone(not options.keep_weights, options.seed)
    quality, scales = space["quality"], space["scales"]
    for scale, found in zip(scales, space["qualities"], strict=True):
        print(f"w = {scale}", found, sep="\n")
    if options.dry_run:
        return
    if not options.keep_weights:
        steps = space["num_steps"]
        about = {"seed": options.seed, "T": 500, "num_steps": steps, "guidance_scale": 2}
        score = {what: round(value, 4) for what, value in dataclasses.asdict(quality).items()}
        path = FOLDER / f"{LESSON}.safetensors"
        save_checkpoint(path, space["averaged"].module, **about, **score)
    drawn = {w: images for w, (images, _) in zip(scales, space["drawn"], strict=True)}
    save_samples(LESSON, drawn | {2: space["samples"]})


main()
