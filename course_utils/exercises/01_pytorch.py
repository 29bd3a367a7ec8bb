"""Probes of lesson 01: what the grader and the notebook's check look at."""

from __future__ import annotations

import torch
from torch import nn

from course_utils.engine.case import CONSTANT, Case, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect
from course_utils.exercises.layer_toys import as_shape, drawn_kernel, drawn_layers, refused
from course_utils.exercises.modules import gradients, parameter_shapes, prepared
from course_utils.exercises.training_toys import (
    Backbone,
    ComputedNumbers,
    Head,
    Loader,
    Network,
    answered,
    left_on_the_cpu,
    placed,
    problem,
    state,
    tolerant,
)

registry = Registry("01_pytorch")
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
TEXT = case("a device given as text", group="robustness", text=True)
EMPTY = case("an empty loader", group="robustness", empty=True)


def device_of(case: Case) -> torch.device | str:
    return str(case.device) if case.option("text") else case.device


@exercise(
    section="pytorch", points=3, minutes=5, difficulty=1, importance=4,
    cases=[
        case("a vector"),
        case("by autograd", dtype=torch.float64, watched=True),
        case("a batch of images", group="robustness", shape=(2, 3, 4, 4)),
        case("a single number", group="robustness", shape=()),
    ],
    device=False,
)  # fmt: skip
def polynomial_grad(target, case):
    shape = case.option("shape", (case.size(3, 7),))
    x = case.randn(*shape)
    with ComputedNumbers() as computed:
        gradient = target(x)
    gradient = expect(torch.Tensor, gradient, "a tensor").detach()
    outputs = {
        "gradient": gradient,
        "x requires no gradient afterwards": not x.requires_grad and x.grad is None,
    }
    if case.option("watched"):
        terms = x**2 + 3 * x
        every = (x**2, terms, terms.sum())
        outputs["the polynomial was computed"] = any(computed.contain(v) for v in every)
    return outputs


@exercise(
    section="pytorch", points=6, minutes=10, difficulty=2, importance=4,
    cases=[
        case("two hidden layers", constant_draws=CONSTANT),
        case("no hidden layer", group="robustness", hidden=()),
        case("vectors, batch of one", group="robustness", hidden=[6], shape=(7,), batch=1),
        case("most of it dropped", group="robustness", p=0.7, constant_draws=CONSTANT),
        case("the usual sizes", group="robustness", usual=True),
    ],
)  # fmt: skip
def MLPClassifier(target, case):
    shape = case.option("shape", (case.size(1, 3), case.size(3, 5), case.size(3, 5)))
    hidden = case.option("hidden", (case.size(6, 9), case.size(10, 13)))
    p, classes = case.option("p", case.number(0.15, 0.4)), case.size(3, 5)
    features = torch.Size(shape).numel()
    if case.option("usual"):
        module, shape = target(), (1, 8, 8)
    else:
        module = target(in_features=features, hidden=hidden, num_classes=classes, p_drop=p)
    module = prepared(case, module, by_name=False)
    images = case.randn(case.option("batch", 4), *shape)
    outputs = {"parameter shapes": parameter_shapes(module)}
    outputs["logits in eval mode"] = module.eval()(images).detach()
    if case.spec.constant_draws:
        outputs["logits in train mode"] = module.train()(images).detach()
    return outputs


@exercise(
    section="pytorch", points=8, minutes=12, difficulty=2, importance=5,
    cases=[
        case("the last batch is smaller"),
        case("a model left in eval mode", eval=True),
        case("a regression", group="robustness", regression=True),
        case("one batch of one", group="robustness", samples=1),
        TEXT,
        DOUBLE,
        EMPTY,
    ],
)  # fmt: skip
def train_one_epoch(target, case):
    batch, classes = case.size(3, 5), case.size(3, 5)
    samples = case.option("samples", 2 * batch + case.size(1, batch - 1))
    net, loader, criterion = problem(case, samples, batch, classes)
    net.train(not case.option("eval"))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    if case.option("empty"):
        none = Loader(*(t[:0] for t in loader.dataset.tensors), batch)
        answer = tolerant(lambda: target(net, none, criterion, optimizer, device_of(case)))
        return {"answer": answer}
    loss = target(net, loader, criterion, optimizer, device_of(case))
    return {
        "mean loss per sample": loss,
        "weights after the epoch": state(net),
        "samples the model saw": sum(net.asked("samples")),
        "train mode at every call": net.always_trained,
    }


@exercise(
    section="pytorch", points=8, minutes=12, difficulty=3, importance=5,
    cases=[
        case("a model in train mode"),
        case("a model in eval mode, gradients off", eval=True),
        case("every answer right", group="robustness", perfect=True),
        case("one batch of one", group="robustness", samples=1),
        TEXT,
        DOUBLE,
        EMPTY,
    ],
)  # fmt: skip
def evaluate(target, case):
    batch, classes = case.size(5, 7), case.size(3, 4)
    samples = case.option("samples", 2 * batch + 1)
    net = placed(case, Network(6, classes)).train(not case.option("eval"))
    loader = answered(case, net, samples, batch, classes)
    if case.option("empty"):
        none = Loader(*(t[:0] for t in loader.dataset.tensors), batch)
        return {"answer": tolerant(lambda: target(net, none, device_of(case)))}
    for p in net.parameters():
        p.grad = torch.full_like(p, 0.5)
    with torch.set_grad_enabled(not case.option("eval")):
        accuracy = target(net, loader, device_of(case))
        recording = torch.is_grad_enabled()
    return {
        "accuracy": accuracy,
        "eval mode at every call": net.always_evaluated,
        "no graph at any call": not any(net.asked("grad")),
        "mode afterwards": "train" if net.training else "eval",
        "grad mode afterwards": "on" if recording else "off",
        "p.grad afterwards": gradients(net),
        "parameters that require gradients": sum(p.requires_grad for p in net.parameters()),
        "samples the model saw": sum(net.asked("samples")),
    }


@exercise(
    section="pytorch", points=4, minutes=6, difficulty=2, importance=4,
    cases=[
        case("the kernel alone", count=1),
        case("stride and padding", count=3),
        case("dilation", count=4),
        case("arguments by name", group="robustness", count=4, named=True),
        case("a kernel of one", group="robustness", count=3, kernel=1),
    ],
    device=False,
)  # fmt: skip
def conv_out_size(target, case):
    names = ("kernel_size", "stride", "padding", "dilation")
    outputs = {}
    for rest in (0, 1, 2, 3):
        size, settings = drawn_kernel(case, rest)
        given = dict(zip(names[: case.option("count")], settings, strict=False))
        answer = target(size, **given) if case.option("named") else target(size, *given.values())
        described = ", ".join(f"{name} {value}" for name, value in given.items())
        outputs[f"size {size}, {described}"] = answer
    return outputs


@exercise(
    section="pytorch", points=5, minutes=8, difficulty=2, importance=4,
    cases=[
        case("convolutions"),
        case("layers inside layers", nested=True),
        case("words instead of images", group="robustness", words=True),
        case("a batch of one", group="robustness", batch=1),
        DOUBLE,
    ],
)  # fmt: skip
def trace_shapes(target, case):
    batch, model = case.option("batch", case.size(2, 4)), drawn_layers(case)
    model = prepared(case, model).eval()
    if case.option("words"):
        x = case.integers(0, 9, batch, 5)
    else:
        x = case.randn(batch, 3, case.size(8, 13), case.size(8, 13))
    shapes = expect((list, tuple), target(model, x), "a list of shapes")
    return {"shapes": [as_shape(shape) for shape in shapes]}


@exercise(
    section="pytorch", points=8, minutes=12, difficulty=2, importance=4,
    cases=[
        case("colour images"),
        case("a batch of one", group="robustness", batch=1),
    ],
)  # fmt: skip
def ThreeLayerCNN(target, case):
    one = case.option("batch")
    module = target() if one else target(num_classes=case.size(6, 12))
    module = prepared(case, module, by_name=False)
    images = case.randn(one or 2, 3, 64, 64)
    outputs = {"parameter shapes": parameter_shapes(module)}
    with torch.no_grad():
        if not one:
            outputs["logits in train mode"] = module.train()(images)
        return outputs | {"logits in eval mode": module.eval()(images)}


@exercise(
    section="pytorch", points=5, minutes=6, difficulty=1, importance=5,
    cases=[
        case("images", groups=4),
        case("32 groups by default"),
        case("one channel per group", group="robustness", groups=8, out=8),
        case("odd sizes, a batch of one", group="robustness", groups=2, shape=(1, 5, 7)),
        DOUBLE,
        case("groups that do not divide the channels", group="robustness", groups=8, out=12),
    ],
)  # fmt: skip
def DiffusionBlock(target, case):
    groups, channels = case.option("groups"), case.size(2, 5)
    out = case.option("out", 64 if groups is None else 4 * case.size(2, 4))
    batch, height, width = case.option("shape", (3, case.size(4, 6), case.size(4, 6)))
    x = case.randn(batch, channels, height, width)
    if out % (groups or 32):
        return {"answer": refused(lambda: target(channels, out, groups)(x))}
    module = target(channels, out) if groups is None else target(channels, out, num_groups=groups)
    module = prepared(case, module, by_name=False)
    return {"parameter shapes": parameter_shapes(module), "output": module(x).detach()}


@exercise(
    section="pytorch", points=8, minutes=12, difficulty=3, importance=5,
    cases=[
        case("the optimizer holds both parts"),
        case("a backbone in eval mode", eval=True),
        case("the optimizer holds the head alone", group="robustness", alone=True),
        case("a batch of one", group="robustness", batch=1),
        TEXT,
        DOUBLE,
    ],
)  # fmt: skip
def finetune_head(target, case):
    batch, width, classes = case.option("batch", case.size(4, 6)), case.size(4, 6), case.size(3, 5)
    backbone = placed(case, Backbone(12, width)).train(not case.option("eval"))
    head = placed(case, Head(width, classes))
    data = case.randn(batch, 3, 2, 2), case.integers(0, classes, batch)
    images, labels = left_on_the_cpu(case, *data)
    parts = [head] if case.option("alone") else [backbone, head]
    parameters = [p for part in parts for p in part.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.5, weight_decay=0.1)
    args = (images, labels, nn.CrossEntropyLoss(), optimizer, device_of(case))
    before = state(backbone)
    losses = [target(backbone, head, *args) for _ in range(2)]
    after = state(backbone)
    moved = [name for name, value in before.items() if not torch.equal(value, after[name])]
    return {
        "loss before each update": losses,
        "head after two updates": state(head),
        "what moved in the backbone": moved,
        "backbone in eval mode at every call": backbone.always_evaluated,
    }


registry.hunt(
    "hunt_growing_steps", "train_one_epoch",
    points=2, minutes=5, difficulty=2, importance=5,
)  # fmt: skip
registry.hunt(
    "hunt_stuck_loss", "MLPClassifier",
    points=2, minutes=5, difficulty=2, importance=5,
)  # fmt: skip
registry.hunt(
    "hunt_two_devices", "evaluate",
    points=2, minutes=5, difficulty=2, importance=4,
)  # fmt: skip
registry.quiz(10, points=10, minutes=12)
