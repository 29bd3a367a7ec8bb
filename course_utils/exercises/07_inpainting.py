"""Probes of lesson 07: what the grader and the notebook's check look at.

Masks and examples come first, in `inpainting_holes.py`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from course_utils.engine.case import CONSTANT, case
from course_utils.engine.runner import expect, expect_tuple
from course_utils.exercises.best_epoch import ScriptedRun, fit_outputs
from course_utils.exercises.diffusion import draw_schedule
from course_utils.exercises.inpainting_holes import ALL_HOLE, DOUBLE, NO_HOLE, PIXEL, registry
from course_utils.exercises.inpainting_toys import (
    ConditionalModel,
    block_outputs,
    drawn_chain,
    drawn_holes,
    image_shape,
    kind_of_gammas,
    nothing_to_learn,
    restoration_outputs,
    snapshot_outputs,
    states_of,
    step_noise_outputs,
)
from course_utils.exercises.layer_toys import refused

exercise = registry.exercise

ONE = case("a batch of one", group="robustness", batch=1)


@exercise(
    section="unet", points=5, minutes=6, difficulty=2, importance=3,
    cases=[
        case("an even dim"),
        case("an odd dim", extra=1),
        case("another period", period=True),
        case("a batch of one, two columns", group="robustness", batch=1, dim=2),
    ],
)  # fmt: skip
def gamma_embedding(target, case):
    gammas = case.rand(case.option("batch") or case.size(3, 6))
    dim = case.option("dim") or 2 * case.size(4, 7) + case.option("extra", 0)
    if case.option("period"):
        return {"embedding": target(gammas, dim, max_period=case.size(50, 500))}
    return {"embedding": target(gammas, dim)}


@exercise(
    section="unet", points=10, minutes=15, difficulty=4, importance=5,
    cases=[
        case("as many channels as before"),
        case("more channels", out=True),
        case("up", up=True),
        case("down, more channels", down=True, out=True),
        case("in training, with dropout", train=True, constant_draws=CONSTANT),
        ONE,
        DOUBLE,
        case("channels that eight groups do not divide", group="robustness", odd=True),
    ],
)  # fmt: skip
def AdaGNResBlock(target, case):
    channels, emb_channels = case.option("odd") and 12 or 8, case.size(5, 9)
    batch, H, W = case.option("batch") or 3, 2 * case.size(2, 3), 2 * case.size(2, 3)
    x = case.differentiable(case.randn(batch, channels, H, W))
    emb = case.differentiable(case.randn(batch, emb_channels))
    p = case.number(0.15, 0.4)
    if case.option("odd"):
        return {"answer": refused(lambda: target(channels, emb_channels, p)(x, emb))}
    changes = {"out_channels": 16} if case.option("out") else {}
    changes |= {name: True for name in ("up", "down") if case.option(name)}
    block = target(channels, emb_channels, p, **changes)
    return block_outputs(case, block, {"x": x, "emb": emb}, last="conv2")


@exercise(
    section="unet", points=10, minutes=15, difficulty=4, importance=5,
    cases=[
        case("two heads", heads=2),
        case("four heads", heads=4),
        case("one head, a batch of one", group="robustness", heads=1, batch=1),
        case("an image of one pixel", group="robustness", heads=2, pixel=True),
        case("float64", group="robustness", heads=2, dtype=torch.float64),
        case("heads that do not divide the channels", group="robustness", heads=3),
    ],
)  # fmt: skip
def AttentionBlock(target, case):
    channels, heads = 16, case.option("heads", 2)
    H, W = (1, 1) if case.option("pixel") else (case.size(2, 3), case.size(4, 5))
    x = case.differentiable(case.randn(case.option("batch") or 2, channels, H, W))
    if channels % heads:
        return {"answer": refused(lambda: target(channels, heads)(x))}
    return block_outputs(case, target(channels, heads), {"x": x}, last="proj_out")


@exercise(
    section="ddpm", points=5, minutes=6, difficulty=2, importance=4,
    cases=[
        case("levels between the steps"),
        case("u at both ends", ends=True),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def sample_gammas(target, case):
    T, batch = case.size(10, 40), case.option("batch") or case.size(4, 6)
    gammas, t, u = draw_schedule(case, T)["alpha_bar"], case.timesteps(T, batch), case.rand(batch)
    if batch == 1:
        t = case.tensor(torch.zeros_like(t))
    u = case.tensor(u.round()) if case.option("ends") else u
    return {"levels": target(gammas, t, u)}


@exercise(
    section="ddpm", points=10, minutes=12, difficulty=3, importance=5,
    cases=[
        case("holes of several sizes"),
        case("an example without a hole", one_whole=True),
        ALL_HOLE,
        NO_HOLE,
        PIXEL,
        DOUBLE,
    ],
)  # fmt: skip
def masked_noise_loss(target, case):
    B, C, H, W = image_shape(case)
    y_0, y_cond, noise = (case.randn(B, C, H, W) for _ in range(3))
    mask, gammas = drawn_holes(case, B, H, W), case.tensor(0.05 + 0.9 * case.rand(B))
    model = ConditionalModel(case.dtype, case.device)
    if case.option("fill") == 0:
        empty = nothing_to_learn(lambda: target(model, y_0, y_cond, mask, gammas, noise))
        return {"answer": empty}
    loss = expect(torch.Tensor, target(model, y_0, y_cond, mask, gammas, noise), "a tensor")
    if case.spec.fake_cuda:
        return {"loss": loss.detach()}
    outputs = {"noise levels given to the model": kind_of_gammas(model)}
    loss.backward()
    return outputs | {
        "model calls": len(model.calls),
        "what the model saw": model.calls[0]["x"],
        "loss": loss.detach(),
        "gradient": torch.stack([model.a.grad, model.b.grad, model.c.grad]),
    }


@exercise(
    section="sampling", points=4, minutes=5, difficulty=2, importance=4,
    cases=[case("images"), case("vectors", group="robustness", vectors=True), PIXEL, ONE, DOUBLE],
)  # fmt: skip
def predict_start_from_noise(target, case):
    T, shape = case.size(10, 40), image_shape(case)
    shape = shape[:2] if case.option("vectors") else shape
    schedule, t = draw_schedule(case, T), case.timesteps(T, shape[0])
    return {"clean image": target(case.randn(*shape), t, case.randn(*shape), schedule)}


@exercise(
    section="sampling", points=8, minutes=10, difficulty=3, importance=4,
    cases=[case("images"), PIXEL, ONE, DOUBLE],
)  # fmt: skip
def q_posterior(target, case):
    T, shape = case.size(10, 40), image_shape(case)
    schedule, t = draw_schedule(case, T), case.timesteps(T, shape[0])
    y_0_hat, y_t = case.randn(*shape), case.randn(*shape)
    mean, variance = expect_tuple(target(y_0_hat, y_t, t, schedule), "mean", "variance")
    return {"mean": mean, "variance": variance}


@exercise(
    section="sampling", points=8, minutes=10, difficulty=3, importance=5,
    needs=["predict_start_from_noise", "q_posterior"],
    cases=[
        case("timesteps that differ"),
        case("the last step", last=True),
        PIXEL,
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def p_sample(target, case):
    T, shape = case.size(10, 40), image_shape(case)
    schedule, t = draw_schedule(case, T), case.timesteps(T, shape[0])
    t = case.tensor(torch.zeros_like(t)) if case.option("last") else t
    y_t, y_cond, z = (case.randn(*shape) for _ in range(3))
    model = ConditionalModel(case.dtype, case.device)
    image = expect(torch.Tensor, target(model, y_t, t, y_cond, schedule, z), "a tensor")
    if case.spec.fake_cuda:
        return {"image": image.detach()}
    return {
        "noise levels given to the model": kind_of_gammas(model),
        "what the model saw": model.first_call()["x"],
        "image": image.detach(),
    }


@exercise(
    section="sampling", points=12, minutes=15, difficulty=4, importance=5,
    needs=["predict_start_from_noise", "q_posterior", "p_sample"],
    cases=[
        case("the whole way", constant_draws=CONSTANT),
        case("noise at every step", fresh=True, fill=1.0),
        case("one snapshot", constant_draws=CONSTANT, snapshots=1),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
        case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
        case("a mask of zeros", group="robustness", constant_draws=CONSTANT, fill=0.0),
        case("images of one pixel", group="robustness", constant_draws=CONSTANT, pixel=True),
    ],
    tolerances={"image": 1e-3},
)  # fmt: skip
def restoration(target, case):
    T, shape, schedule = drawn_chain(case)
    B, _, H, W = shape
    mask = drawn_holes(case, B, H, W)
    y_0, y_cond = case.tensor(2 * case.rand(*shape) - 1), case.randn(*shape)
    count = case.option("snapshots") or case.size(2, 4)
    model = ConditionalModel(device=case.device).train(not case.option("eval"))
    asked = (lambda x, gammas: model(x, gammas)) if case.option("plain") else model
    result = target(asked, y_cond, y_0, mask, dict(schedule), count)
    image, snapshots = expect_tuple(result, "image", "snapshots")
    image = expect(torch.Tensor, image, "a tensor as image")
    if case.spec.fake_cuda:
        return {"image": image}
    model.first_call()
    states = states_of(model, image)
    if case.option("fresh"):
        return step_noise_outputs(case, model, states, schedule)
    outputs = restoration_outputs(case, model, y_cond, states)
    exact = torch.equal(image * (1 - mask), y_0 * (1 - mask))
    outputs["visible pixels are exactly the given ones"] = exact
    return outputs | snapshot_outputs(torch.as_tensor(snapshots), states, count)


@exercise(
    section="inpainting", points=10, minutes=15, difficulty=3, importance=5,
    cases=[
        case("the best epoch is in the middle", values=(0.8, 0.3, 0.6, 0.5)),
        case("two equal values", values=(0.9, 0.25, 0.5, 0.25)),
        case("better and better, all above one", values=(7.0, 5.0, 3.0)),
        case("worse and worse", values=(0.2, 0.4, 0.6)),
        case("one epoch", group="robustness", values=(0.5,)),
        case("a path given as text", group="robustness", values=(0.5, 0.1, 0.3), text=True),
    ],
    device=False,
)  # fmt: skip
def fit(target, case):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "best.safetensors"
        run = ScriptedRun(case)
        history = target(*run.arguments(str(path) if case.option("text") else path))
        return fit_outputs(run, expect(dict, history, "a dict"), path)


HUNTS = {
    "hunt_face_hidden": ("inpainting_item", 1),
    "hunt_lazy_loss": ("masked_noise_loss", 3),
    "hunt_drifting_face": ("restoration", 2),
    "hunt_best_is_late": ("fit", 3),
}
for name, (base, level) in HUNTS.items():
    registry.hunt(name, base, points=2, minutes=4, difficulty=level, importance=4)
registry.quiz(10, points=10, minutes=12)
