"""Re-train the provided network of lesson 07 by running the lesson's own cells, and store results.

    .venv/bin/python scripts/train_07_inpainting.py [--seed 0] [--dry-run] [--quick]

--compare trains the basic and the improved network side by side, as the lesson does, and stops;
with --equal-steps both take as many steps, so the basic one costs half, and nothing is written.
--basic trains the basic network as long as the improved one, and writes nothing.
--pictures draws the stored pictures again with the provided weights, without training.
Prints the time of each cell, then seed, time and score; the lesson prints the gate.
"""

import os
import time

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the provided weights are those of the smaller settings

import torch
from lesson_cells import QUICK, Solved, described, names_of, read_options, run_cells

from course_utils.checkpoints import FOLDER, load_checkpoint, save_checkpoint
from course_utils.inpainting import STORED, mae, save_stored

LESSON = "07_inpainting"
FIRST = ["tools", "figure-classical", "network", "figure-trap"]
HELPERS = ["figure-trap-shown", "training-loss", "train-helper"]


def store_holes(space):
    """The test holes, drawn with the reference's make_mask: seed 0 and seed 1."""
    holes = {}
    for seed, count in ((0, 96), (1, 48)):
        generator = torch.Generator().manual_seed(1000 + seed)
        modes = [space["MODES"][i % 4] for i in range(count)]
        holes[seed] = torch.stack([space["make_mask"](m, 32, generator) for m in modes])
    save_stored(holes)


def typed():
    parser = described(__doc__)
    parser.add_argument("--compare", action="store_true", help="train both networks, side by side")
    parser.add_argument("--equal-steps", action="store_true", help="with --compare: not equal cost")
    parser.add_argument("--basic", action="store_true", help="the basic network, at the same cost")
    parser.add_argument("--pictures", action="store_true", help="only draw and store pictures")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="threads of PyTorch; its own choice without")
    return read_options(parser)


def prepared(seed, quick):
    """The lesson's names, with all helpers defined and nothing trained yet."""
    space = names_of(LESSON, unsolved=["restoration"])  # there may be no weights yet to draw with
    if not STORED.is_file():
        store_holes(space)
    run_cells(space, LESSON, FIRST, ("SEED = 0", f"SEED = {seed}"))
    tools = space["inpainting"]
    tools.stored_fillings = lambda names: dict.fromkeys(names, space["test_faces"])
    tools.stored_histories, tools.stored_way = lambda: {"capstone": None}, lambda: (None, None)
    run_cells(space, LESSON, HELPERS)
    if quick:
        whole = space["train"]
        space["train"] = lambda net, epochs, steps, name: whole(net, 1, QUICK, name)
    space |= {"check": Solved(), "can_train": True, "can_draw": True}
    return space


def main():
    options = typed()
    if options.threads:
        torch.set_num_threads(options.threads)
    space = prepared(options.seed, options.quick)
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
    fewer = ("(BasicUNet(), 4, 300)", "(BasicUNet(), 4, 150)")
    run_cells(space, LESSON, ["train-both"], *([fewer] if options.equal_steps else []))
    for name, history in space["short_runs"].items():
        print(f"seed {space['SEED']}, {name}:", [round(value, 4) for value in history["val_mae"]])
    if not (options.dry_run or options.equal_steps):
        save_stored(histories=space["short_runs"])


def train(space, options):
    """The capstone's run; then the checkpoint, with how it was trained and how good it is."""
    if options.basic:
        space |= {"InpaintingUNet": lambda widths: space["BasicUNet"](), "STEPS": 720}
    start, cpu = time.perf_counter(), time.process_time()
    run_cells(space, LESSON, ["capstone-train", "capstone-gate"])
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
    run_cells(space, LESSON, ["figure-way"])
    save_stored(images=images | {"way": space["way"], "answers": space["answers"]})


main()
