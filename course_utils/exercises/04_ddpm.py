"""Probes of lesson 04: what the grader and the notebook's check look at.

The schedules come first, in `ddpm_schedules.py`.
"""

from __future__ import annotations

import torch

from course_utils.engine.case import CONSTANT, case
from course_utils.engine.runner import expect, expect_tuple
from course_utils.exercises.ddpm_schedules import registry
from course_utils.exercises.diffusion import (
    chain_length,
    chain_outputs,
    chain_shape,
    draw_schedule,
    guided_calls,
    image_shape,
    noise_outputs,
)
from course_utils.exercises.toys import RecordingModel, kind_of_t, weights

exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)
VECTORS = case("vectors instead of images", group="robustness", shape=(5,))


@exercise(
    section="ddpm", points=8, minutes=6, difficulty=2, importance=5,
    needs=["precompute_schedule"],
    cases=[case("images"), VECTORS, ONE, DOUBLE],
)  # fmt: skip
def forward_diffusion(target, case):
    T = case.size(10, 40)
    shape = image_shape(case)
    schedule, x_0, t = draw_schedule(case, T), case.randn(*shape), case.timesteps(T, shape[0])
    x_t, noise = expect_tuple(target(x_0, t, schedule), "x_t", "noise")
    return {"x_t": x_t, "noise": noise}


@exercise(
    section="ddpm", points=8, minutes=6, difficulty=3, importance=5,
    needs=["precompute_schedule", "forward_diffusion"],
    cases=[
        case("images"),
        case("every timestep can occur", many=True),
        DOUBLE,
        VECTORS,
    ],
)  # fmt: skip
def ddpm_loss(target, case):
    T = 6 if case.option("many") else case.size(12, 40)
    shape = (400, 2) if case.option("many") else image_shape(case)
    schedule, x_0 = draw_schedule(case, T), case.randn(*shape)
    model = RecordingModel(T, case.dtype, case.device)
    loss = expect(torch.Tensor, target(model, x_0, schedule), "a tensor")
    if case.spec.fake_cuda:
        return {"loss": loss.detach()}
    outputs = {"timesteps given to the model": kind_of_t(model), "model calls": len(model.calls)}
    if case.option("many"):
        return outputs | {"timesteps that occur": model.calls[0]["t"].unique()}
    loss.backward()
    gradient = torch.stack([model.a.grad, model.b.grad])
    return outputs | {"loss": loss.detach(), "gradient": gradient, "x_t": model.calls[0]["x_t"]}


@exercise(
    section="ddpm", points=6, minutes=4, difficulty=2, importance=5,
    needs=["precompute_schedule", "forward_diffusion", "ddpm_loss"],
    cases=[
        case("two steps"),
        case("in eval mode", group="robustness", eval=True),
        case("large gradients", group="robustness", scale=30.0),
        DOUBLE,
    ],
)  # fmt: skip
def ddpm_train_step(target, case):
    T = case.size(12, 40)
    schedule, x_0 = draw_schedule(case, T), case.randn(*image_shape(case))
    x_0 = case.tensor(x_0 * case.option("scale", 1.0))
    model = RecordingModel(T, case.dtype, case.device).train(not case.option("eval"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05 / case.option("scale", 1.0) ** 2)
    losses = [target(model, x_0, schedule, optimizer) for _ in range(2)]
    return {
        "loss before the update": losses,
        "weights after two steps": weights(model),
        "mode afterwards": "train" if model.training else "eval",
    }


@exercise(
    section="sampling", points=8, minutes=6, difficulty=3, importance=5,
    needs=["precompute_schedule"],
    cases=[case("images"), VECTORS, ONE, DOUBLE],
)  # fmt: skip
def reverse_mean(target, case):
    T = case.size(10, 40)
    shape = image_shape(case)
    schedule, t = draw_schedule(case, T), case.timesteps(T, shape[0])
    return {"mean": target(case.randn(*shape), t, case.randn(*shape), schedule)}


@exercise(
    section="sampling", points=10, minutes=10, difficulty=4, importance=5,
    needs=["precompute_schedule", "reverse_mean"],
    cases=[
        case("the whole chain", constant_draws=CONSTANT),
        case("noise at every step", fresh=True),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
        case("a plain function as model", group="robustness", constant_draws=CONSTANT, plain=True),
    ],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def sample_ddpm(target, case):
    T, shape = chain_length(case), chain_shape(case)
    schedule = draw_schedule(case, T)
    model = RecordingModel(T, device=case.device).train(not case.option("eval"))
    asked = (lambda x_t, t: model(x_t, t)) if case.option("plain") else model
    sample = expect(torch.Tensor, target(asked, shape, dict(schedule), case.device), "a tensor")
    if case.spec.fake_cuda:
        return {"sample": sample}
    if case.option("fresh"):
        with torch.no_grad():
            eps = [model.predict(c["x_t"], c["t"]) for c in model.calls]
            return noise_outputs(case, model, sample, eps, schedule)
    return chain_outputs(case, model, sample)


@exercise(
    section="guidance", points=5, minutes=4, difficulty=2, importance=4,
    cases=[
        case("some labels", p=None),
        case("p = 0 drops none", p=0.0, constant_draws=(0.0, 0.0)),
        case("p = 1 drops all", p=1.0, constant_draws=(0.0, 0.0)),
        case("a number near one half, p = 0.25", p=0.25, constant_draws=CONSTANT),
        case("a number near one half, p = 0.75", p=0.75, constant_draws=CONSTANT),
        case("int32 labels", group="robustness", p=1.0, small=True),
    ],
)  # fmt: skip
def drop_labels(target, case):
    p, null_class = case.option("p"), case.size(4, 12)
    many = p is None
    p = case.number(0.15, 0.4) if many else p
    labels = case.integers(0, null_class, 4000 if many else 7)
    labels = case.tensor(labels.to(torch.int32)) if case.option("small") else labels
    by_class = torch.argsort(labels.long())
    dropped = expect(torch.Tensor, target(labels, p, null_class), "a tensor")
    if not many or case.spec.fake_cuda:
        return {"labels": dropped}
    gone = dropped == null_class
    share = gone.double().mean()
    parts = torch.stack([gone, gone[by_class]]).double().reshape(16, -1).mean(1)
    alike = bool((parts - share).abs().max() < 0.15)
    return {
        "dtype and shape": f"{dropped.dtype}, {tuple(dropped.shape)}",
        "kept labels are unchanged": bool((gone | (dropped == labels)).all()),
        "the share that is dropped is p": bool((share - p).abs() < 0.05),
        "each label is dropped on its own": alike and bool(0 < share < 1),
    }


@exercise(
    section="guidance", points=8, minutes=5, difficulty=3, importance=5,
    cases=[
        case("a strong pull", scale=None),
        case("w = 1 is the conditional prediction", scale=1.0),
        case("w = 0 is the unconditional prediction", scale=0.0),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def guided_noise(target, case):
    T, null_class, shape = case.size(10, 40), case.size(3, 10), image_shape(case)
    model = RecordingModel(T, case.dtype, case.device)
    x_t, t = case.randn(*shape), case.timesteps(T, shape[0])
    labels = case.integers(0, null_class, shape[0])
    scale = case.option("scale")
    scale = case.number(2.0, 8.0) if scale is None else scale
    eps = target(model, x_t, t, labels, null_class, scale)
    eps = expect(torch.Tensor, eps, "a tensor").detach()
    return {"eps": eps, "timesteps given to the model": kind_of_t(model)}


@exercise(
    section="guidance", points=8, minutes=5, difficulty=3, importance=5,
    needs=["precompute_schedule", "forward_diffusion", "drop_labels"],
    cases=[
        case("all labels kept", p=0.0, constant_draws=CONSTANT),
        case("all labels dropped", p=1.0, constant_draws=CONSTANT),
        case("draws", p=0.3, many=True),
        case("in eval mode", group="robustness", p=0.0, constant_draws=CONSTANT, eval=True),
        case("large gradients", group="robustness", p=0.0, constant_draws=CONSTANT, scale=30.0),
    ],
)  # fmt: skip
def cfg_train_step(target, case):
    T, null_class, scale = case.size(12, 40), case.size(4, 10), case.option("scale", 1.0)
    shape = (600, 2) if case.option("many") else image_shape(case)
    schedule, x_0 = draw_schedule(case, T), case.randn(*shape)
    x_0, labels = case.tensor(x_0 * scale), case.integers(0, null_class, shape[0])
    model = RecordingModel(T, device=case.device).train(not case.option("eval"))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01 / scale**2)
    steps = range(1 if case.option("many") else 2)
    args = (model, x_0, labels, schedule, optimizer, case.option("p"), null_class)
    losses = [target(*args) for _ in steps]
    if case.option("many"):
        return _label_draws(model, null_class)
    return {
        "loss before the update": losses,
        "weights after two steps": weights(model),
        "labels the model saw": model.first_call()["labels"],
        "model calls": len(model.calls),
        "timesteps given to the model": kind_of_t(model),
        "mode afterwards": "train" if model.training else "eval",
    }


def _label_draws(model: RecordingModel, null_class: int) -> dict:
    call = model.first_call()
    share = (call["labels"] == null_class).double().mean()
    return {
        "about p of the labels are dropped": bool((share - 0.3).abs() < 0.1),
        "some are dropped, some are kept": bool(0 < share < 1),
        "one t per sample, all of them possible": call["t"].unique(),
    }


@exercise(
    section="guidance", points=10, minutes=5, difficulty=4, importance=5,
    needs=["precompute_schedule", "reverse_mean", "guided_noise"],
    cases=[
        case("the whole chain", constant_draws=CONSTANT),
        case("noise at every step", fresh=True),
        case("no guidance", constant_draws=CONSTANT, scale=0.0),
        case("a model in eval mode", group="robustness", constant_draws=CONSTANT, eval=True),
    ],
    tolerances={"sample": 1e-3},
)  # fmt: skip
def sample_cfg(target, case):
    T, shape = chain_length(case), chain_shape(case)
    schedule, num_classes = draw_schedule(case, T), case.size(3, 10)
    scale = case.option("scale", case.number(1.5, 4.0))
    labels = case.integers(0, num_classes, shape[0])
    model = RecordingModel(T, device=case.device).train(not case.option("eval"))
    asked = case.tensor(labels).cpu()  # the function moves them to the device
    sample = target(model, shape, dict(schedule), asked, scale, num_classes, case.device)
    sample = expect(torch.Tensor, sample, "a tensor")
    if case.spec.fake_cuda:
        return {"sample": sample}
    calls = guided_calls(model, shape[0])
    if case.option("fresh"):
        with torch.no_grad():
            eps = calls.eps(labels, num_classes, scale)
            return noise_outputs(case, calls, sample, eps, schedule)
    return chain_outputs(case, calls, sample)


registry.hunt(
    "hunt_exploding_samples", "reverse_mean",
    points=2, minutes=3, difficulty=2, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_grainy_samples", "sample_ddpm",
    points=2, minutes=3, difficulty=3, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_idle_guidance", "guided_noise",
    points=2, minutes=3, difficulty=2, importance=4,
)  # fmt: skip
registry.hunt(
    "hunt_nan_samples", "reverse_mean",
    points=2, minutes=3, difficulty=3, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=10)
