"""Probes of lesson 03: what the grader and the notebook's check look at."""

from __future__ import annotations

import torch

from course_utils.engine.case import Case, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect, expect_tuple
from course_utils.exercises.modules import parameter_shapes
from course_utils.exercises.toys import RecordingModel, kind_of_t, weights
from course_utils.exercises.unet_probes import (
    EinopsWatch,
    block_outputs,
    differentiable,
    gradient_of,
    moved,
    named_shapes,
    placed,
    pull,
    refusal,
)

registry = Registry("03_unet")
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)
BLOCK_TOLERANCES = dict.fromkeys(
    ("out", "skip", "down", "gradient of x", "gradient of skip", "gradient of t_emb"), 1e-3
)
DOWNSAMPLING = [
    case("images"),
    case("odd sizes", group="robustness", odd=True),
    case("the smallest image", group="robustness", shape=(1, 1, 2, 2)),
    case("memory in another order", group="robustness", channels_last=True),
    case("one picture without a batch axis", group="robustness", unbatched=True),
    DOUBLE,
]


def downsampled(target, case: Case) -> dict:
    """What both versions of rearrange_downsample are judged by."""
    if case.option("odd"):
        odd = {"odd height": (5, 4), "odd width": (4, 7), "both odd": (3, 5)}
        return {name: refusal(lambda s=s: target(case.randn(2, 3, *s))) for name, s in odd.items()}
    if case.option("unbatched"):
        return {"it is refused, or right": copes_unbatched(target, case.randn(3, 4, 6))}
    sizes = (case.size(2, 3), case.size(2, 4), 2 * case.size(2, 3), 2 * case.size(4, 5))
    x = differentiable(case, *(case.option("shape") or sizes))
    layout = torch.channels_last if case.option("channels_last") else torch.contiguous_format
    out = expect(torch.Tensor, target(x.contiguous(memory_format=layout)), "a tensor")
    pull(case, [out])
    return {"out": out.detach(), "gradient of x": gradient_of(x)}


def copes_unbatched(target, x: torch.Tensor) -> bool:
    """Whether (C, H, W) ends in an error, or gives what it gives as a batch of one."""
    came = []
    error = refusal(lambda: came.append(target(x)))
    return not error.startswith("no error") or torch.equal(came[0], target(x[None])[0])


@exercise(
    section="unet", points=4, minutes=6, difficulty=2, importance=4, cases=DOWNSAMPLING,
)  # fmt: skip
def rearrange_downsample(target, case):
    return downsampled(target, case)


@exercise(
    section="unet", points=4, minutes=8, difficulty=3, importance=3, cases=DOWNSAMPLING,
)  # fmt: skip
def rearrange_downsample_pure(target, case):
    with EinopsWatch() as watch:
        outputs = downsampled(target, case)
    return outputs if case.spec.fake_cuda else outputs | {"einops is used": watch.used}


@exercise(
    section="unet", points=6, minutes=10, difficulty=3, importance=5,
    cases=[
        case("whole timesteps"),
        case("fractions of a step", fractions=True),
        case("two features", group="robustness", embed_dim=2),
        case("an odd embed_dim", group="robustness", odd=True),
        case("timesteps in float64", group="robustness", dtype=torch.float64, fractions=True),
        ONE,
    ],
    tolerances={"embedding": 1e-3},
)  # fmt: skip
def SinusoidalPositionEmbedding(target, case):
    if case.option("odd"):
        return {"odd embed_dim": refusal(lambda: target(2 * case.size(3, 6) + 1))}
    embed_dim = case.option("embed_dim") or 2 * case.size(4, 9)
    module = moved(case, target(embed_dim))
    embedding = expect(torch.Tensor, module(draw_timesteps(case)), "a tensor")
    learned = [p for p in module.parameters() if p.requires_grad]
    return {"embedding": embedding.detach(), "parameters to learn": len(learned)}


def draw_timesteps(case: Case) -> torch.Tensor:
    """(B,) timesteps below 1000: 999, 0 and others, or fractions of steps."""
    batch = case.option("batch") or case.size(4, 6)
    if case.option("fractions"):
        return case.tensor(case.rand(batch) * 100)
    return case.timesteps(1000, batch)


@exercise(
    section="unet", points=4, minutes=6, difficulty=2, importance=4,
    needs=["SinusoidalPositionEmbedding"],
    cases=[
        case("the usual width"),
        case("a width of your choice", width=True),
        case("the first steps", early=True),
        ONE,
    ],
    tolerances={"embedding": 1e-3, "embedding of early steps": 2e-5},
)  # fmt: skip
def TimestepMLPEmbedding(target, case):
    embed_dim = 2 * case.size(3, 6)
    chosen = (embed_dim, 3 * case.size(5, 8) + 1) if case.option("width") else (embed_dim,)
    module = placed(case, target(*chosen), by_name=False)
    early = case.option("early")  # rounding is small there, so that GELUs can be told apart
    t = case.tensor(case.rand(4) * 8) if early else draw_timesteps(case)
    name = "embedding of early steps" if early else "embedding"
    outputs = block_outputs(case, module, {name: module(t)}, {})
    return outputs | {"parameters": parameter_shapes(module)}


@exercise(
    section="unet", points=8, minutes=15, difficulty=3, importance=5,
    cases=[
        case("other channels"),
        case("the same channels", same=True),
        case("channels that 8 groups do not divide", group="robustness", odd=True),
        ONE,
        DOUBLE,
    ],
    tolerances=BLOCK_TOLERANCES,
)  # fmt: skip
def ResidualBlock(target, case):
    width = case.size(5, 9)
    if case.option("odd"):
        return {"12 channels": refusal(lambda: target(8, 12, width))}
    in_channels = 16 if case.option("same") else case.size(3, 7)
    module = placed(case, target(in_channels, 16, width))
    batch = case.option("batch") or 3
    x = differentiable(case, batch, in_channels, case.size(3, 5), case.size(6, 7))
    t_emb = differentiable(case, batch, width)
    outputs = block_outputs(case, module, {"out": module(x, t_emb)}, {"x": x, "t_emb": t_emb})
    return outputs | {"parameters": named_shapes(module)}


@exercise(
    section="unet", points=4, minutes=6, difficulty=2, importance=4,
    needs=["rearrange_downsample", "ResidualBlock"],
    cases=[
        case("other channels"),
        case("the same channels", same=True),
        case("odd sizes", group="robustness", odd=True),
        ONE,
        DOUBLE,
    ],
    tolerances=BLOCK_TOLERANCES,
)  # fmt: skip
def DownBlock(target, case):
    width, batch = case.size(5, 9), case.option("batch") or 2
    in_channels = 8 if case.option("same") else case.size(3, 6)
    module = placed(case, target(in_channels, 8, width))
    height = 5 if case.option("odd") else 2 * case.size(2, 3)
    x = differentiable(case, batch, in_channels, height, 8)
    t_emb = differentiable(case, batch, width)
    if case.option("odd"):
        return {"odd height": refusal(lambda: module(x, t_emb))}
    skip, down = expect_tuple(module(x, t_emb), "skip", "down")
    results, inputs = {"skip": skip, "down": down}, {"x": x, "t_emb": t_emb}
    return block_outputs(case, module, results, inputs) | {"parameters": named_shapes(module)}


@exercise(
    section="unet", points=6, minutes=8, difficulty=3, importance=5,
    needs=["ResidualBlock"],
    cases=[
        case("three widths"),
        case("equal widths", widths=(8, 8)),
        ONE,
        DOUBLE,
    ],
    tolerances=BLOCK_TOLERANCES,
)  # fmt: skip
def UpBlock(target, case):
    width, batch = case.size(5, 9), case.option("batch") or 2
    below, beside = case.option("widths") or (case.size(9, 12), case.size(4, 7))
    module = placed(case, target(below, beside, 8, width), by_name=False)
    h, w = case.size(2, 3), case.size(4, 5)
    x = differentiable(case, batch, below, h, w)
    skip = differentiable(case, batch, beside, 2 * h, 2 * w)
    t_emb = differentiable(case, batch, width)
    inputs = {"x": x, "skip": skip, "t_emb": t_emb}
    outputs = block_outputs(case, module, {"out": module(x, skip, t_emb)}, inputs)
    return outputs | {"parameters": parameter_shapes(module)}


@exercise(
    section="unet", points=10, minutes=15, difficulty=4, importance=5,
    needs=["TimestepMLPEmbedding", "ResidualBlock", "DownBlock", "UpBlock"],
    cases=[
        case("grey images"),
        case("colour images", in_channels=3),
        case("a size that 8 does not divide", group="robustness", odd=True),
        case("fractions of a step", group="robustness", fractions=True),
        ONE,
    ],
    tolerances={"out": 1e-3, "gradient of x": 3e-3},
)  # fmt: skip
def UNet(target, case):
    in_channels, batch = case.option("in_channels", 1), case.option("batch") or 2
    model = placed(case, target(in_channels, 8, 2 * case.size(2, 4)))
    if case.option("odd"):
        return {"it is refused, or keeps its size": copes_with(model, case.randn(1, 1, 12, 16))}
    x = differentiable(case, batch, in_channels, 8, 16)
    t = case.rand(batch) * 100 if case.option("fractions") else case.timesteps(1000, batch)
    outputs = block_outputs(case, model, {"out": model(x, t)}, {"x": x})
    if case.spec.fake_cuda:
        return outputs
    with torch.no_grad():
        heard = not torch.allclose(model(x, 999 - t), outputs["out"])
    return outputs | {"the time changes the answer": heard}


def copes_with(model, x: torch.Tensor) -> bool:
    """Whether a picture of any size is refused with a ValueError, or comes back in its size."""
    came = []
    refused = refusal(lambda: came.append(model(x, torch.zeros(1, device=x.device)).shape))
    return refused == "ValueError" or came == [x.shape]


@exercise(
    section="unet", points=8, minutes=12, difficulty=3, importance=5,
    cases=[
        case("two steps"),
        case("another number of timesteps", T=True),
        case("every timestep can occur", many=True),
        case("large gradients", group="robustness", scale=30.0),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def denoise_train_step(target, case):
    many, scale = case.option("many"), case.option("scale", 1.0)
    T = 6 if many else case.size(30, 60) if case.option("T") else 1000
    images = case.tensor(draw_images(case) * scale)
    model = RecordingModel(T, case.dtype, case.device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 / scale**2)
    args = (model, images, case.number(0.5, 2.0), optimizer) + ((T,) if T != 1000 else ())
    losses = [target(*args) for _ in range(1 if many else 2)]
    outputs = {"timesteps given to the model": kind_of_t(model)}
    if many:
        return outputs | {"timesteps that occur": model.first_call()["t"].unique()}
    return outputs | {
        "loss before the update": losses,
        "weights after two steps": weights(model),
        "what the model saw": model.first_call()["x_t"],
        "model calls": len(model.calls),
    }


def draw_images(case: Case) -> torch.Tensor:
    if case.option("many"):
        return case.randn(400, 1, 2, 1)
    batch = case.option("batch") or case.size(3, 5)
    return case.randn(batch, case.size(1, 3), case.size(3, 6), case.size(3, 6))


registry.hunt(
    "hunt_blurry_output", "UpBlock",
    points=2, minutes=5, difficulty=2, importance=5,
)  # fmt: skip
registry.hunt(
    "hunt_heavy_block", "ResidualBlock",
    points=2, minutes=5, difficulty=3, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=10)
