"""A CLIP that is trained in half a minute, and the way to a pretrained one.

Both are `open_clip.CLIP`. open_clip takes seconds to import, so it is imported where it is used.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from course_utils.checkpoints import FOLDER
from course_utils.data import DataUnavailable
from course_utils.shapes import COLOURS, SHAPES, caption

CONTEXT_LENGTH = 16  # tokens; pretrained models use 77
CHECKPOINT = FOLDER / "05_clip.safetensors"


def tokenizer(context_length=CONTEXT_LENGTH):
    """open_clip's own tokenizer: a list of sentences → int64 (n, context_length)."""
    from open_clip.tokenizer import SimpleTokenizer

    return SimpleTokenizer(context_length=context_length)


def build_clip(image_size=16, width=64, layers=2, seed=0):
    """An untrained `open_clip.CLIP`, small, with open_clip's vocabulary of 49,408 tokens.

    The table of tokens stays as it is: with so few words, random vectors are far enough apart.
    """
    from open_clip.model import CLIP, CLIPTextCfg, CLIPVisionCfg

    vision = CLIPVisionCfg(
        layers=layers, width=width, head_width=16, patch_size=image_size // 4, image_size=image_size
    )
    text = CLIPTextCfg(
        context_length=CONTEXT_LENGTH, vocab_size=49408, width=width, heads=4, layers=layers
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(32, vision, text)
    model.token_embedding.requires_grad_(False)
    return model


def save_clip(model, tokens, path=CHECKPOINT, **metadata):
    """Write all weights but the table of tokens, of which only the rows in tokens are kept."""
    from safetensors.torch import save_file

    state = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    table, used = state.pop("token_embedding.weight"), tokens.unique()
    state |= {"used tokens": used, "rows of used tokens": table[used]}
    save_file(state, path, metadata={key: str(value) for key, value in metadata.items()})
    Path(path).chmod(0o644)  # safetensors writes files that only their owner can read


def load_clip(path=CHECKPOINT):
    """The shipped CLIP, in eval mode and frozen."""
    from safetensors.torch import load_file

    state, model = load_file(path), build_clip()
    used, rows = state.pop("used tokens"), state.pop("rows of used tokens")
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or missing != ["token_embedding.weight"]:
        raise ValueError(f"{path} does not fit this CLIP: {missing}, {unexpected}")
    with torch.no_grad():
        model.token_embedding.weight[used] = rows
    return model.eval().requires_grad_(False)


def pretrained_clip(name="ViT-B-32", weights="data/ViT-B-32.safetensors"):
    """(model, tokenizer) of a pretrained open_clip model, in eval mode and frozen.

    weights is a file, or a tag of open_clip such as "laion2b_s34b_b79k", which it downloads.
    Raises `DataUnavailable` with one line that says how to get the file.
    """
    import open_clip

    is_file = Path(weights).suffix in (".safetensors", ".pt", ".bin")
    if is_file and not Path(weights).is_file():
        raise DataUnavailable(_by_hand(name, weights))
    try:
        model = open_clip.create_model(name, pretrained=str(weights))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataUnavailable(_by_hand(name, weights)) from error
    return model.eval().requires_grad_(False), open_clip.get_tokenizer(name)


@torch.no_grad()
def zero_shot_report(model, tokenize, classify, pictures, count=48):
    """How often a pretrained model finds shape and colour of some pictures, as a line.

    classify is the learner's `zero_shot_classify`.
    """
    about, side = model.visual.preprocess_cfg, model.visual.image_size[0]
    images = F.interpolate(pictures.images[:count] / 2 + 0.5, (side, side), mode="bicubic")
    mean, std = (torch.tensor(about[name])[:, None, None] for name in ("mean", "std"))
    pairs = torch.cartesian_prod(torch.arange(len(COLOURS)), torch.arange(len(SHAPES)))
    texts = [f"a picture of a {COLOURS[c]} {SHAPES[s]}" for c, s in pairs.tolist()]
    embedded = model.encode_image((images - mean) / std), model.encode_text(tokenize(texts))
    right = pairs[classify(*embedded)] == pictures.attributes[:count, 1:3]
    colour, shape = right.float().mean(0).tolist()
    return f"of {len(images)} pictures: colour right {colour:.0%}, shape right {shape:.0%}"


def _by_hand(name, weights):
    return (
        f"no weights for {name} at {weights}: put open_clip's file there, or name one of the tags "
        "that open_clip.list_pretrained() shows"
    )


def distinct_batches(pictures, batch_size, generator):
    """Yield (images, attributes) for ever; no two pictures of a batch have the same caption."""
    rows, group = pictures.attributes.unique(dim=0, return_inverse=True)
    places = [(group == g).nonzero().flatten() for g in range(len(rows))]
    while True:
        captions = torch.randperm(len(rows), generator=generator)[:batch_size].tolist()
        chosen = torch.stack([_any_of(places[c], generator) for c in captions])
        yield pictures.images[chosen], pictures.attributes[chosen]


def update(loss, optimizer, decay):
    """One step of the optimizer and of its learning rate."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    decay.step()


def encoded_batches(pictures, encode_text, batch_size, p_empty=0.1):
    """Yield (images, contexts) for ever. Every caption is encoded once, with its place and without.

    One of the two is chosen by chance; with probability p_empty it is the empty sentence instead.
    """
    rows, number = pictures.attributes.unique(dim=0, return_inverse=True)
    texts = [caption(row, place) for place in (True, False) for row in rows.tolist()]
    contexts, empty = encode_text(texts).unflatten(0, (2, len(rows))), encode_text([""])
    while True:
        for chosen in torch.randperm(len(pictures.images)).split(batch_size):
            kind = torch.randint(2, (len(chosen),))
            drop = torch.rand(len(chosen), 1, 1) < p_empty
            context = torch.where(drop, empty, contexts[kind, number[chosen]])
            yield pictures.images[chosen], context


def _any_of(places, generator):
    return places[torch.randint(len(places), (), generator=generator)]
