"""Train what lesson 06's closing demonstration ships: an autoencoder and a U-Net that reads.

    .venv/bin/python scripts/train_06_words.py [--seed 0] [--keep]

Prints times and scores; --keep writes the checkpoints. Captioned shapes of 32x32 pixels; the
sentences are encoded by the CLIP that ships with lesson 05.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils import latent_lab, latent_words, shape_judge, tiny_clip
from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.data import random_batches
from course_utils.shapes import all_attributes, caption
from course_utils.training import run_steps
from grader.build import answers_module
from grader.source import load_source, run_code

LESSON = "06_latent_and_fast_sampling"
VAE_STEPS, STEPS, BATCH = 500, 3600, 32


def parts():
    """The lessons' functions and classes, by name."""
    space = {}
    for earlier in ("03_unet", "04_ddpm", "05_text_to_image"):
        space |= run_code(answers_module(earlier), f"<{earlier}>")
    space |= load_source(LESSON).namespace()
    cells = {cell.name: cell.source for cell in load_source(LESSON).cells}
    return run_code(cells["the-autoencoder"], "<the-autoencoder>", space)


def train_vae(space, images, seed):
    """An autoencoder for pictures (N, 3, 32, 32), trained as the lesson trains its own."""
    torch.manual_seed(seed)
    vae = space["VAE"](3, 16, latent_words.SHAPE[0]).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=4e-3)
    decay = OneCycleLR(optimizer, 4e-3, VAE_STEPS, pct_start=0.1, cycle_momentum=False)
    generator = torch.Generator().manual_seed(seed)
    batches = random_batches(images, images[:, 0, 0, 0], BATCH, generator)

    def step():
        x = next(batches)[0]
        mean, logvar = vae.encode(x)
        z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
        loss = space["vae_loss"](vae.decode(z), x, mean, logvar, 1e-4)
        tiny_clip.update(loss, optimizer, decay)
        return loss.item()

    run_steps(step, VAE_STEPS)
    return vae.eval()


def train_unet(space, pictures, encode, schedule, seed):
    """A U-Net that predicts the noise in latents, given the states of a sentence's tokens."""
    torch.manual_seed(seed)
    unet = latent_words.words_unet(space["UNet"], space["SpatialTransformer"])
    unet = unet.to(memory_format=torch.channels_last)
    averaged = AveragedModel(unet, multi_avg_fn=get_ema_multi_avg_fn(0.998))
    optimizer = torch.optim.AdamW(unet.parameters(), lr=2e-3, fused=True)
    decay = OneCycleLR(optimizer, 2e-3, STEPS, pct_start=0.1, cycle_momentum=False)
    batches = tiny_clip.encoded_batches(pictures, encode, BATCH)

    def step():
        x_0, context = next(batches)
        t = torch.randint(len(schedule["betas"]), (len(x_0),))
        x_t, noise = space["forward_diffusion"](x_0, t, schedule)
        loss = F.mse_loss(unet(x_t, t, context), noise)
        tiny_clip.update(loss, optimizer, decay)
        averaged.update_parameters(unet)
        return loss.item()

    run_steps(step, STEPS)
    return averaged.module.eval()


def score(space, unet, vae, factor, encode, schedule, rows):
    """How many of the pictures, one per row of attributes, show what the sentence asks for."""
    model = latent_words.guided_by(unet, encode([caption(r) for r in rows.tolist()]), encode([""]))
    torch.manual_seed(1)
    shape = (len(rows), *latent_words.SHAPE)
    latents = space["sample_ddim"](model, shape, schedule, 20, "cpu")
    images = space["decode_latents"](vae, latents, factor)
    found = latent_words.judged(shape_judge.load_judge(), images)
    return shape_judge.shares_right(found, rows), images


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="write the checkpoints")
    options = parser.parse_args()
    torch.set_num_threads(1)
    space, data, start = parts(), latent_words.large_shapes(), time.process_time()
    clip, tokenize = tiny_clip.load_clip(), tiny_clip.tokenizer()

    def encode(texts):
        with torch.no_grad():
            return space["encode_text_sequence"](clip, tokenize(texts))

    vae = train_vae(space, data.train.images, options.seed)
    back = space["decode_latents"](vae, space["encode_latents"](vae, data.test.images, 1), 1)
    with torch.no_grad():
        factor = space["estimate_scaling_factor"](vae.encode(data.train.images)[0])
    spent = time.process_time() - start
    print(f"autoencoder: {spent:.0f} s, {latent_lab.psnr(back, data.test.images):.1f} dB")
    print(f"scaling factor {factor:.4f}")
    latents = space["encode_latents"](vae, data.train.images, factor)
    schedule = space["precompute_schedule"](space["linear_beta_schedule"](500))
    pictures = data.train._replace(images=latents)
    unet = train_unet(space, pictures, encode, schedule, options.seed)
    print(f"both: {time.process_time() - start:.0f} s of CPU time")
    about = {"seed": options.seed, "scaling_factor": factor}
    for name, rows in {"seen": all_attributes(), "held out": all_attributes(True)}.items():
        quality, _ = score(space, unet, vae, factor, encode, schedule, rows)
        about[f"{name}: colour and shape"] = round(quality.colour_and_shape, 3)
        print(name, quality, sep="\n")
    if options.keep:
        save_checkpoint(FOLDER / f"{latent_words.VAE_CHECKPOINT}.safetensors", vae, **about)
        save_checkpoint(FOLDER / f"{latent_words.CHECKPOINT}.safetensors", unet, **about)


main()
