"""Re-train the provided network of lesson 07 by running the lesson's own cells, and store results.

    .venv/bin/python scripts/train_07_inpainting.py [--seed 0] [--dry-run]

--compare trains the basic and the improved network side by side, as the lesson does, and stops.
--basic trains the basic network as long as the improved one (use it with --dry-run).
Prints the time of each cell; the lesson prints the gate.
"""

import argparse
import time

import torch

from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.inpainting import STORED, mae, save_stored
from grader.source import load_source, without_markers

LESSON = "07_inpainting"
CELLS = ["tools", "figure-classical", "network"]
CELLS += ["figure-trap", "figure-trap-shown", "training-loss", "train-helper"]


class Solved:
    """A check for which every exercise is solved, except that drawing may be left out."""

    def __init__(self):
        self.drawing = True

    def solved(self, *names):
        return self.drawing or "restoration" not in names


def training_plan():
    """EPOCHS, STEPS and SHORT, as the lesson's cell sets them."""
    cell = next(c for c in load_source(LESSON).cells if c.name == "train-both")
    plan = {}
    exec(cell.source.split("\n")[0], plan)
    return {name: plan[name] for name in ("EPOCHS", "STEPS", "SHORT")}


def store_holes(space):
    """The test holes, drawn with the reference's make_mask: seed 0 and seed 1."""
    holes = {}
    for seed, count in ((0, 96), (1, 48)):
        generator = torch.Generator().manual_seed(1000 + seed)
        modes = [space["MODES"][i % 4] for i in range(count)]
        holes[seed] = torch.stack([space["make_mask"](m, 32, generator) for m in modes])
    save_stored(holes, {})
    return holes


def run_cells(space, names):
    cells = {cell.name: cell for cell in load_source(LESSON).cells if cell.kind == "code"}
    for name in names:
        start, cpu = time.perf_counter(), time.process_time()
        code = without_markers(cells[name].source).replace("SEED = 0", f"SEED = {space['SEED']}")
        exec(compile(code, name, "exec"), space)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{name}: {wall:.0f} s, {cpu:.0f} CPU seconds", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", action="store_true", help="train both networks, side by side")
    parser.add_argument("--basic", action="store_true", help="the basic network, at the same cost")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="threads of PyTorch; its own choice without")
    parser.add_argument("--epochs", type=int, help="fewer or more than the lesson's")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    check = Solved()
    space = dict(load_source(LESSON).namespace()) | {"check": check, "SEED": options.seed}
    if not STORED.is_file():
        store_holes(space)
    check.drawing = False  # there may be no weights yet to draw with
    run_cells(space, CELLS[:4])
    space["inpainting"].stored_fillings = lambda names: dict.fromkeys(names, space["test_faces"])
    run_cells(space, CELLS[4:])
    check.drawing = True
    if options.compare:
        run_cells(space, ["train-both"])
        for name, history in space["short_runs"].items():
            print(name, [round(value, 4) for value in history["val_mae"]])
        return
    space |= {"can_train": True, "can_draw": True, **training_plan()}
    if options.basic:
        space |= {"InpaintingUNet": space["BasicUNet"], "STEPS": 2 * space["STEPS"]}
    space["EPOCHS"] = options.epochs or space["EPOCHS"]
    run_cells(space, ["capstone-train", "capstone-gate"])
    if not (options.dry_run or options.basic):
        write(space, options.seed)


def write(space, seed):
    """The checkpoint, with how it was trained and how good it is, and its fillings."""
    score = mae(space["filled"], space["test_faces"], space["test_holes"])
    about = {"seed": seed, "steps": space["EPOCHS"] * space["STEPS"], "mae": round(score, 4)}
    about["best_epoch"] = space["history"]["best_epoch"]
    save_checkpoint(FOLDER / f"{LESSON}.safetensors", space["trained"], **about)
    fillings = {n: space["fill"](space["trained"], s)[0] for n, s in space["schedules"].items()}
    save_stored(store_holes(space), fillings)


main()
