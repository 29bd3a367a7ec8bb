"""Re-train lesson 06's autoencoder and latent U-Net by running the lesson's own cells.

    .venv/bin/python scripts/train_06_latent_and_fast_sampling.py [--seed 0] [--keep]
    .venv/bin/python scripts/train_06_latent_and_fast_sampling.py --seed 1 --gate

Prints seed and time of each cell; the lesson's cells print the gate. --keep writes the checkpoints.
--gate trains nothing and looks only at the gate. Training starts from the seed, sampling from the
seed plus one, as in the lesson, where these are 0 and 1.
"""

import argparse
import dataclasses
import sys
import time
import types
from pathlib import Path

import torch

from course_utils import plotting
from course_utils.checkpoints import FOLDER, save_checkpoint
from grader.build import answers_module
from grader.source import load_source, without_markers

LESSON = "06_latent_and_fast_sampling"
GATE = ("tools", "the-autoencoder", "lesson-04-network", "guided-model")
GATE += ("capstone-full-chain", "capstone-gate", "capstone-verdict")


class Solved:
    """A check for which every exercise is solved."""

    def solved(self, *names):
        return True


def run_lesson(seed, folder, only=None):
    """The names that are left when its code cells, or only some, have run; no hunts, no quiz."""
    for earlier in ("03_unet", "04_ddpm", "05_text_to_image"):
        sys.modules[f"lesson_{earlier[:2]}"] = module = types.ModuleType(f"lesson_{earlier[:2]}")
        exec(answers_module(earlier), module.__dict__)
    source = load_source(LESSON)
    space = dict(source.namespace()) | {"check": Solved()}
    for cell in source.cells:
        shown = cell.kind == "code" and cell.role == "show"
        if not shown or cell.name.startswith("symptom") or (only and cell.name not in only):
            continue
        code = reseeded(without_markers(cell.source), seed)
        wall, cpu = time.perf_counter(), time.process_time()
        space["show"] = lambda figure, name=cell.name: keep(figure, folder, name)
        if cell.name == "tools":
            exec(compile(code, cell.name, "exec"), space)
        else:
            run_cell(code, cell.name, space)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{cell.name}: {wall:.1f} s, {cpu:.1f} s of CPU time", flush=True)
    return space


def reseeded(code, seed):
    """The lesson's seeds 0 and 1, moved by seed."""
    for fixed in (1, 0):  # in this order nothing is moved twice
        code = code.replace(f"torch.manual_seed({fixed})", f"torch.manual_seed({seed + fixed})")
    return code


def run_cell(code, name, space):
    """Run a cell as a notebook does: what its last line gives is shown."""
    import ast

    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), space)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), name, "eval"), space)
        if isinstance(value, plotting.Picture):
            space["show"](value)


def keep(figure, folder, name):
    """Write a figure below the folder, if there is one."""
    if folder and isinstance(figure, plotting.Picture):
        number = len(list(folder.glob(f"{name}*.png")))
        figure.save(folder / f"{name}-{number}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="write the checkpoints")
    parser.add_argument("--gate", action="store_true", help="train nothing, only draw digits")
    parser.add_argument("--pictures", type=Path, help="write the figures into this folder")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}")
    space = run_lesson(options.seed, options.pictures, GATE if options.gate else None)
    if options.gate or not options.keep:
        return
    factor, quality = space["scaling_factor"], dataclasses.asdict(space["latent_quality"])
    score = {what: round(value, 4) for what, value in quality.items()}
    about = {"seed": options.seed, "scaling_factor": factor}
    save_checkpoint(FOLDER / "06_vae.safetensors", space["vae"], **about, num_steps=600)
    unet = space["averaged"].module
    save_checkpoint(FOLDER / "06_latent_unet.safetensors", unet, **about, num_steps=2000, **score)


main()
