"""Re-train the provided network of lesson 07 by running the lesson's own cells, and store results.

    .venv/bin/python scripts/train_07_inpainting.py [--seed 0] [--dry-run]

--compare trains the basic and the improved network side by side, as the lesson does, and stops;
with --equal-steps both take as many steps, so the basic one costs half, and nothing is written.
--basic trains the basic network as long as the improved one, and writes nothing.
--pictures draws the stored pictures again with the provided weights, without training.
Prints the time of each cell, then seed, time and score; the lesson prints the gate.
"""

import argparse
import os
import time

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the provided weights are those of the smaller settings

import torch

from course_utils.checkpoints import FOLDER, load_checkpoint, save_checkpoint
from course_utils.inpainting import STORED, mae, save_stored
from grader.source import load_source, without_markers

LESSON = "07_inpainting"
FIRST = ["tools", "figure-classical", "network", "figure-trap"]
HELPERS = ["figure-trap-shown", "training-loss", "train-helper"]


class Solved:
    """A check for which every exercise is solved, except that drawing may be left out."""

    def __init__(self):
        self.drawing = True

    def solved(self, *names):
        return self.drawing or "restoration" not in names


def store_holes(space):
    """The test holes, drawn with the reference's make_mask: seed 0 and seed 1."""
    holes = {}
    for seed, count in ((0, 96), (1, 48)):
        generator = torch.Generator().manual_seed(1000 + seed)
        modes = [space["MODES"][i % 4] for i in range(count)]
        holes[seed] = torch.stack([space["make_mask"](m, 32, generator) for m in modes])
    save_stored(holes)


def run_cells(space, names, change=("", "")):
    cells = {cell.name: cell for cell in load_source(LESSON).cells if cell.kind == "code"}
    for name in names:
        start, cpu = time.perf_counter(), time.process_time()
        code = without_markers(cells[name].source).replace("SEED = 0", f"SEED = {space['SEED']}")
        code = code.replace(*change)
        exec(compile(code, name, "exec"), space)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        print(f"{name}: {wall:.0f} s, {cpu:.0f} CPU seconds", flush=True)


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compare", action="store_true", help="train both networks, side by side")
    parser.add_argument("--equal-steps", action="store_true", help="with --compare: not equal cost")
    parser.add_argument("--basic", action="store_true", help="the basic network, at the same cost")
    parser.add_argument("--pictures", action="store_true", help="only draw and store pictures")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="threads of PyTorch; its own choice without")
    return parser.parse_args()


def prepared(seed):
    """The lesson's names, with all helpers defined and nothing trained yet."""
    check = Solved()
    space = dict(load_source(LESSON).namespace()) | {"check": check, "SEED": seed}
    if not STORED.is_file():
        store_holes(space)
    check.drawing = False  # there may be no weights yet to draw with
    run_cells(space, FIRST)
    tools = space["inpainting"]
    tools.stored_fillings = lambda names: dict.fromkeys(names, space["test_faces"])
    tools.stored_histories, tools.stored_way = lambda: {"capstone": None}, lambda: (None, None)
    run_cells(space, HELPERS)
    check.drawing = space["can_train"] = space["can_draw"] = True
    return space


def main():
    options = read_options()
    if options.threads:
        torch.set_num_threads(options.threads)
    space = prepared(options.seed)
    if options.pictures:
        space["trained"] = space["NoisePredictor"](space["InpaintingUNet"]())
        load_checkpoint(LESSON, space["trained"])
        store_pictures(space)
    elif options.compare:
        compare(space, options)
    else:
        train(space, options)


def compare(space, options):
    """The two short runs of the lesson."""
    change = ("(BasicUNet(), 4, 300)", "(BasicUNet(), 4, 150)") if options.equal_steps else ("", "")
    run_cells(space, ["train-both"], change)
    for name, history in space["short_runs"].items():
        print(f"seed {space['SEED']}, {name}:", [round(value, 4) for value in history["val_mae"]])
    if not (options.dry_run or options.equal_steps):
        save_stored(histories=space["short_runs"])


def train(space, options):
    """The capstone's run; then the checkpoint, with how it was trained and how good it is."""
    if options.basic:
        space |= {"InpaintingUNet": lambda widths: space["BasicUNet"](), "STEPS": 720}
    start, cpu = time.perf_counter(), time.process_time()
    run_cells(space, ["capstone-train", "capstone-gate"])
    spent = time.perf_counter() - start, time.process_time() - cpu
    score = mae(space["filled"], space["test_faces"], space["test_holes"])
    seconds = f"{spent[0]:.0f} s, {spent[1]:.0f} CPU seconds"
    print(f"seed {options.seed}: {seconds}, MAE in the holes {score:.4f}")
    if options.dry_run or options.basic:
        return
    about = {"seed": options.seed, "steps": space["EPOCHS"] * space["STEPS"]}
    about |= {"best_epoch": space["capstone"]["best_epoch"], "mae": round(score, 4)}
    save_checkpoint(FOLDER / f"{LESSON}.safetensors", space["trained"], **about)
    save_stored(histories={"capstone": space["capstone"]})
    store_pictures(space)


def store_pictures(space):
    """What the trained network paints, for learners whose functions are missing."""
    images = {n: space["fill"](space["trained"], s)[0] for n, s in space["schedules"].items()}
    run_cells(space, ["figure-way"])
    save_stored(images=images | {"way": space["way"], "answers": space["answers"]})


main()
