"""Re-train lesson 06's autoencoder and latent U-Net by running the lesson's own cells.

    .venv/bin/python scripts/train_06_latent_and_fast_sampling.py [--seed 0] [--keep] [--quick]
    .venv/bin/python scripts/train_06_latent_and_fast_sampling.py --seed 1 --gate

Prints seed and time of each cell; the lesson's cells print the gate. --keep writes the checkpoints.
--gate trains nothing and looks only at the gate. Training starts from the seed, sampling from the
seed plus one, as in the lesson, where these are 0 and 1.
"""

import dataclasses

import torch
from lesson_cells import described, is_shown, names_of, read_options, run_cells

from course_utils.checkpoints import FOLDER, save_checkpoint
from grader.source import load_source

LESSON = "06_latent_and_fast_sampling"
GATE = ("tools", "the-autoencoder", "lesson-04-network", "guided-model")
GATE += ("capstone-full-chain", "capstone-gate", "capstone-verdict")


def run_lesson(seed, only=None):
    """The names that are left when its code cells, or only some, have run; no hunts, no quiz."""
    space = names_of(LESSON, "03_unet", "04_ddpm", "05_text_to_image")
    shown = [cell.name for cell in load_source(LESSON).cells if is_shown(cell)]
    names = only or [name for name in shown if not name.startswith("symptom")]
    # The lesson's seeds 1 and 0, moved by seed; in this order nothing is moved twice.
    fixed = (1,) if only else (1, 0)  # 0 where it trains
    lines = [(f"torch.manual_seed({n})", f"torch.manual_seed({seed + n})") for n in fixed]
    run_cells(space, LESSON, names, *lines)
    return space


def main():
    parser = described(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="write the checkpoints")
    parser.add_argument("--gate", action="store_true", help="train nothing, only draw digits")
    options = read_options(parser)
    torch.set_num_threads(1)
    space = run_lesson(options.seed, GATE if options.gate else None)
    if options.gate or not options.keep:
        return
    factor, quality = space["scaling_factor"], dataclasses.asdict(space["latent_quality"])
    score = {what: round(value, 4) for what, value in quality.items()}
    about = {"seed": options.seed, "scaling_factor": factor}
    save_checkpoint(FOLDER / "06_vae.safetensors", space["vae"], **about, num_steps=600)
    unet = space["averaged"].module
    save_checkpoint(FOLDER / "06_latent_unet.safetensors", unet, **about, num_steps=2000, **score)


main()
