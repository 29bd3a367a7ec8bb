"""Re-train the provided network of lesson 04 by running the lesson's own cells, and store samples.

    .venv/bin/python scripts/train_04_ddpm.py [--seed 0] [--keep-weights] [--dry-run] [--quick]

Prints the time of each cell; the lesson prints the gate.
"""

import dataclasses

from lesson_cells import QUICK, described, is_shown, names_of, read_options, run_cells

from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.stored import save_samples
from grader.source import load_source

LESSON, FIRST_CELL, LAST_CELL = "04_ddpm", "part-capstone", "capstone-guidance"
SEED = "seed := 0"  # as the lesson sets it


def run_capstone(train, seed, quick):
    """The names that are left when the set-up, the references and the capstone's cells have run."""
    space = names_of(LESSON, "03_unet", unsolved=() if train else ("cfg_train_step",))
    cells = load_source(LESSON).cells
    first, last = ([c.name for c in cells].index(name) for name in (FIRST_CELL, LAST_CELL))
    capstone = [cell.name for cell in cells[first : last + 1] if is_shown(cell)]
    changes = [(SEED, f"seed := {seed}")]
    changes += [("linear_beta_schedule(500)", f"linear_beta_schedule({QUICK})")] if quick else []
    run_cells(space, LESSON, ["tools", "figure-guidance-points", *capstone], *changes)
    return space


def main():
    parser = described(__doc__)
    parser.add_argument("--keep-weights", action="store_true", help="only draw the samples again")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--seed", type=int, default=0)
    options = read_options(parser)
    space = run_capstone(not options.keep_weights, options.seed, options.quick)
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
