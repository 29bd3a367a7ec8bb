"""Run lesson 05's own capstone cells: train CLIP and the U-Net, print the gate, store what ships.

    .venv/bin/python scripts/train_05_text_to_image.py [--seed 0] [--judge] [--dry-run] [--quick]

--judge trains the judge again as well. Prints the time of each cell and the scores.
"""

import torch
from lesson_cells import QUICK, described, names_of, read_options, run_cells
from torch.optim.lr_scheduler import OneCycleLR

from course_utils import shape_judge, shapes, tiny_clip
from course_utils.checkpoints import FOLDER, save_checkpoint
from course_utils.stored_pictures import save_pictures, stored_pictures
from grader.source import load_source

LESSON = "05_text_to_image"
SEED = "seed = 0"  # as the lesson sets it
SHORT = 350  # steps
CELLS = (
    "tools", "train-clip", "numbers-retrieval", "text-conditional-unet", "velocity",
    "capstone-build", "capstone-train", "draw", "capstone-gate", "figure-sweep", "figure-unseen",
)  # fmt: skip


def run_capstone(seed, keep):
    """The names that are left when the set-up, the references and the capstone's cells have run;
    with keep they load what ships instead of training it."""
    space = names_of(LESSON, "03_unet")
    shipped = (("train_now = True", "train_now = False"), ("check.solved(*LOSS)", "False"))
    run_cells(space, LESSON, CELLS, (SEED, f"seed = {seed}"), *(shipped if keep else ()))
    return space


def train_judge():
    """Train the judge and store it with its score on rendered pictures that it has not seen."""
    judge = shape_judge.train_judge()
    data = shapes.load_shapes(seed=1)
    scores = {
        name: shape_judge.prompt_quality(judge, *pictures).colour_and_shape
        for name, pictures in {"seen pairs": data.test, "held-out pairs": data.unseen}.items()
    }
    print("judge:", scores)
    save_checkpoint(FOLDER / f"{shape_judge.CHECKPOINT}.safetensors", judge, seed=0, **scores)


def short_runs(space, steps):
    """What three variants draw after so many steps; pictures of two of them."""
    prompts, shown = space["prompts"], {}
    for kind in ("noise", "text", "image"):
        short_run(space, kind, steps)
        quality = shape_judge.prompt_quality(space["judge"], space["draw"](prompts), space["seen"])
        print(f"after {steps} steps, variant {kind}:", quality, sep="\n", flush=True)
        several = [p for p in prompts if "large" in p and "middle" in p]  # from the same noise
        shown[kind] = torch.cat([space["draw"]([prompt]) for prompt in several])
    return {kind: shown[kind] for kind in ("text", "image")}


def kept_pictures():
    """What `short_runs` drew before."""
    return {kind: stored_pictures(LESSON, f"keys from the {kind}") for kind in ("text", "image")}


def short_run(space, kind, steps):
    """Train a variant for a short while, always from the same start, and draw with it from now."""
    torch.manual_seed(0)
    network = from_image(space) if kind == "image" else space["TextConditionalUNet"](8, 32, 64)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, fused=True)
    decay = OneCycleLR(optimizer, 5e-3, steps, pct_start=0.1, cycle_momentum=False)
    predict = network if kind == "noise" else space["NoiseFromVelocity"](network, space["schedule"])
    batches = tiny_clip.encoded_batches(space["data"].train, space["encode_text"], batch_size=32)
    for _ in range(steps):
        x_0, context = next(batches)
        t, noise = (space["T"] * torch.rand(len(x_0)) ** 0.6).long(), torch.randn_like(x_0)
        alpha_bar = space["per_sample"](space["schedule"]["alpha_bar"], t, x_0)
        x_t = alpha_bar.sqrt() * x_0 + (1 - alpha_bar).sqrt() * noise
        error = (predict(x_t, t, context) - noise).square()  # over alpha_bar: the error of v
        tiny_clip.update((error if kind == "noise" else error / alpha_bar).mean(), optimizer, decay)
    space["reader"] = predict.eval()


def from_image(space):
    """The network with keys and values made from the pixels instead of the words."""
    names = load_source(LESSON).namespace()
    right = names["CrossAttention"]

    class FromImage(right):
        def __init__(self, d_model, context_dim, n_heads):
            super().__init__(d_model, d_model, n_heads)

        def forward(self, x, context):
            return super().forward(x, self.norm(x))

    names["CrossAttention"] = FromImage
    try:
        return space["TextConditionalUNet"](8, 32, 64)
    finally:
        names["CrossAttention"] = right


def store(space, short, options):
    """Write the pictures that the lesson shows and, where they are new, the CLIP and the U-Net."""
    pictures = {f"sweep {w}": images for w, images in space["sweep"].items()}
    pictures |= {f"keys from the {name}": images for name, images in short.items()}
    save_pictures(LESSON, pictures | {"samples": space["samples"], "unseen": space["strange"]})
    if not options.keep:
        store_weights(space, options.seed)


def store_weights(space, seed):
    texts = [shapes.caption(row, place) for place in (1, 0) for row in space["every"].tolist()]
    used = space["tokenize"]([*texts, ""])
    retrieval = space["shares"]["seen pairs"].everything
    tiny_clip.save_clip(space["clip"], used, seed=seed, retrieval=round(retrieval, 4))
    score = {name: round(share, 4) for name, share in vars(space["quality"]).items()}
    about = {"seed": seed, "T": space["T"], "num_steps": space["num_steps"], "guidance_scale": 2}
    save_checkpoint(FOLDER / f"{LESSON}.safetensors", space["averaged"].module, **about, **score)


def main():
    parser = described(__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--judge", action="store_true", help="train the judge again, too")
    parser.add_argument("--keep", action="store_true", help="train nothing, draw all pictures anew")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = read_options(parser)
    torch.set_num_threads(options.threads)
    if options.judge and not options.dry_run:
        train_judge()
    space = run_capstone(options.seed, options.keep)
    for w, quality in zip(space["scales"], space["qualities"], strict=True):
        print(f"w = {w}", quality, sep="\n")
    steps = QUICK if options.quick else SHORT
    if not options.dry_run:
        store(space, kept_pictures() if options.keep else short_runs(space, steps), options)


main()
