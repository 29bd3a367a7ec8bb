"""Repeat the training runs of lesson 03 by running the lesson's own cells, over several seeds.

    .venv/bin/python scripts/train_03_unet.py --seeds 0 1 2 [--quick]
    .venv/bin/python scripts/train_03_unet.py --seeds 0 --store

Prints the gains of the small networks, the capstone's table and the time of each cell. --store
replaces what learners see whose network is not written yet.
"""

import torch
from lesson_cells import described, is_shown, names_of, read_options, run_cells

from course_utils.denoising import LEVELS, passes_gate, store
from grader.source import load_source

LESSON = "03_unet"
CELLS = (
    "train-one-level", "one-level-step", "figure-one-level", "train-three",
    "figure-three", "figure-three-pictures", "figure-claimed-time", "figure-told",
)  # fmt: skip
CAPSTONE = "capstone-"


def run(seed):
    """The names that are left when the references and the cells that train have run."""
    space = names_of(LESSON)
    run_cells(space, LESSON, ("tools",))
    space |= {"SEED": seed, "show": lambda picture: None}
    shown = [cell.name for cell in load_source(LESSON).cells if is_shown(cell)]
    run_cells(space, LESSON, [*CELLS, *(name for name in shown if name.startswith(CAPSTONE))])
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
    parser = described(__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--store", action="store_true", help="keep the last seed's results")
    options = read_options(parser)
    for seed in options.seeds:
        space = run(seed)
        report(seed, space)
    if options.store:
        keep(space)


main()
