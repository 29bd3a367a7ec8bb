"""Train what lesson 06's closing demonstration ships: an autoencoder and a U-Net that reads.

    .venv/bin/python scripts/train_06_words.py [--seed 0] [--keep] [--shipped] [--quick]

Prints times and scores. --keep writes the checkpoints and the pictures that the lesson shows where
exercises are open; --shipped trains nothing and measures what ships. Captioned shapes of 32x32
pixels; the sentences are encoded by the CLIP that ships with lesson 05.
"""

import time

import torch
import torch.nn.functional as F
from lesson_cells import described, read_options
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from course_utils import latent_lab, latent_words, shape_judge, tiny_clip, training
from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.data import random_batches
from course_utils.stored_pictures import save_pictures
from grader.build import answers_module
from grader.source import load_source, run_code

LESSON = "06_latent_and_fast_sampling"
VAE_STEPS, DECODER_STEPS, STEPS = 500, 1200, 3500
BATCH, RATE = 32, 4e-3
SCALES = (1, 2, 3, 4)


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

    training.run_steps(step, VAE_STEPS)
    return vae.eval()


def train_decoder(vae, images, seed):
    """Train the decoder alone for longer, on latents that stay as they are."""
    torch.manual_seed(seed)
    vae.train().requires_grad_(False).decoder.requires_grad_(True)
    optimizer = torch.optim.AdamW(vae.decoder.parameters(), lr=RATE)
    decay = OneCycleLR(optimizer, RATE, DECODER_STEPS, pct_start=0.1, cycle_momentum=False)
    mean, logvar = vae.encode(images)
    spread = (0.5 * logvar).exp()

    def step():
        i = torch.randint(len(images), (BATCH,))
        z = mean[i] + spread[i] * torch.randn_like(mean[i])
        loss = F.mse_loss(vae.decode(z), images[i])
        tiny_clip.update(loss, optimizer, decay)
        return loss.item()

    training.run_steps(step, DECODER_STEPS)
    return vae.eval()


def train_unet(space, pictures, encode, schedule, seed):
    """A U-Net that predicts the velocity of latents, given the states of a sentence's tokens.

    Late timesteps, where the sentence decides most, are drawn more often: lesson 05's recipe.
    """
    torch.manual_seed(seed)
    unet = latent_words.words_unet(space["UNet"], space["SpatialTransformer"])
    unet = unet.to(memory_format=torch.channels_last)
    averaged = AveragedModel(unet, multi_avg_fn=get_ema_multi_avg_fn(0.995))
    optimizer = torch.optim.AdamW(unet.parameters(), lr=RATE, fused=True)
    decay = OneCycleLR(optimizer, RATE, STEPS, pct_start=0.1, cycle_momentum=False)
    batches = tiny_clip.encoded_batches(pictures, encode, BATCH)

    def step():
        x_0, context = next(batches)
        t = (len(schedule["betas"]) * torch.rand(len(x_0)) ** 0.6).long()
        x_t, noise = space["forward_diffusion"](x_0, t, schedule)
        signal, spread = latent_words.levels(schedule, t)
        loss = F.mse_loss(unet(x_t, t, context), signal * noise - spread * x_0)
        tiny_clip.update(loss, optimizer, decay)
        averaged.update_parameters(unet)
        return loss.item()

    training.run_steps(step, STEPS)
    return averaged.module.eval()


def drawn(space, nets, encode, texts, scale=latent_words.GUIDANCE, seed=1):
    """Pictures of sentences, drawn as the lesson does; nets are (unet, vae, factor, schedule)."""
    unet, vae, factor, schedule = nets
    model = latent_words.guided_by(unet, encode(texts), encode([""]), schedule, scale)
    torch.manual_seed(seed)
    latents = space["sample_ddim"](model, (len(texts), *latent_words.SHAPE), schedule, 20, "cpu")
    return space["decode_latents"](vae, latents, factor)


def scores(space, nets, encode):
    """What the judge says, by name; after "there and back" no sampler can do better."""
    judge, data, names = shape_judge.load_judge(), latent_words.large_shapes(), {}

    def right(images, rows):
        return shape_judge.shares_right(latent_words.judged(judge, images), rows)

    vae = nets[1]
    back = space["decode_latents"](vae, space["encode_latents"](vae, data.test.images, 1), 1)
    names["real pictures"] = right(data.test.images, data.test.attributes)
    names["there and back"] = right(back, data.test.attributes)
    for scale in SCALES:
        found = latent_words.qualities(lambda texts, w=scale: drawn(space, nets, encode, texts, w))
        names |= {f"{kind}, w = {scale}": quality for kind, quality in found.items()}
    return names


def encoder(space):
    """A function from sentences to the states of their tokens, by lesson 05's CLIP."""
    clip, tokenize = tiny_clip.load_clip(), tiny_clip.tokenizer()

    def encode(texts):
        with torch.no_grad():
            return space["encode_text_sequence"](clip, tokenize(texts))

    return encode


def trained_vae(space, data, seed):
    """(autoencoder, scaling factor); prints how good it is."""
    start = time.process_time()
    vae = train_decoder(train_vae(space, data.train.images, seed), data.train.images, seed)
    spent = time.process_time() - start
    back = space["decode_latents"](vae, space["encode_latents"](vae, data.test.images, 1), 1)
    with torch.no_grad():
        factor = space["estimate_scaling_factor"](vae.encode(data.train.images)[0])
    print(f"autoencoder: {spent:.0f} s, {latent_lab.psnr(back, data.test.images):.1f} dB")
    print(f"scaling factor {factor:.4f}", flush=True)
    return vae, factor


def trained(space, encode, schedule, seed):
    """(unet, vae, factor, schedule), trained from this seed."""
    data = latent_words.large_shapes()
    vae, factor = trained_vae(space, data, seed)
    pictures = data.train._replace(images=space["encode_latents"](vae, data.train.images, factor))
    start = time.process_time()
    unet = train_unet(space, pictures, encode, schedule, seed)
    print(f"U-Net: {time.process_time() - start:.0f} s of CPU time", flush=True)
    return unet, vae, factor, schedule


def shipped(space, schedule):
    """(unet, vae, factor, schedule), as they ship."""
    unet = latent_words.words_unet(space["UNet"], space["SpatialTransformer"]).eval()
    vae = space["VAE"](3, 16, latent_words.SHAPE[0])
    return unet, vae, latent_words.shipped(unet, vae), schedule


def main():
    parser = described(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", action="store_true", help="write the checkpoints")
    parser.add_argument("--shipped", action="store_true", help="train nothing, measure what ships")
    options = read_options(parser)
    torch.set_num_threads(1)
    space = parts()
    encode, schedule = encoder(space), space["precompute_schedule"](torch.linspace(1e-4, 0.02, 500))
    if options.shipped:
        nets = shipped(space, schedule)
    else:
        nets = trained(space, encode, schedule, options.seed)
    about = {"seed": options.seed, "scaling_factor": nets[2]}
    for name, quality in scores(space, nets, encode).items():
        about[name] = round(quality.colour_and_shape, 3)
        print(name, quality, sep="\n", flush=True)
    if options.keep:
        save_checkpoint(FOLDER / f"{latent_words.VAE_CHECKPOINT}.safetensors", nets[1], **about)
        save_checkpoint(FOLDER / f"{latent_words.CHECKPOINT}.safetensors", nets[0], **about)
        wishes = drawn(space, nets, encode, list(latent_words.WISHES))
        save_pictures(LESSON, {"wishes": wishes})


main()
