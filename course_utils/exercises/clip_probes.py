"""Probes of lesson 05, first part: CLIP. `cross_attention_probes.py` goes on from here."""

from __future__ import annotations

import torch

from course_utils.engine.case import Case, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect
from course_utils.exercises.clip_toys import draw_tower, settings

registry = Registry("05_text_to_image", builds_on=("03_unet",))
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
ONE = case("a batch of one", group="robustness", batch=1)


def draw_embeddings(case: Case, rows: int, width: int) -> torch.Tensor:
    """(rows, width) with lengths that differ up to a factor of ten."""
    return case.tensor(case.randn(rows, width) * (0.3 + 3 * case.rand(rows, 1)))


def gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x) if x.grad is None else x.grad


@exercise(
    section="text", points=4, minutes=4, difficulty=1, importance=5,
    cases=[
        case("rows of many lengths"),
        case("a row of zeros", zeros=True),
        ONE,
        DOUBLE,
    ],
    tolerances={"gradient": 1e-3},
)  # fmt: skip
def normalize_embeddings(target, case):
    x = draw_embeddings(case, case.option("batch") or case.size(4, 6), case.size(7, 9))
    if case.option("zeros"):
        rows = torch.arange(len(x), device=x.device)[:, None]
        x = case.tensor(x.masked_fill(rows == 1, 0))
    else:
        case.differentiable(x)
    unit = expect(torch.Tensor, target(x), "a tensor")
    if case.spec.fake_cuda:
        return {"unit rows": unit.detach()}
    if case.option("zeros"):
        clean = {"unit rows": unit.detach().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)}
        return clean | {"all finite": bool(unit.isfinite().all())}
    if unit.requires_grad:
        (unit * case.randn(*unit.shape)).sum().backward()
    return {"unit rows": unit.detach(), "gradient": gradient(x)}


@exercise(
    section="text", points=10, minutes=12, difficulty=3, importance=5,
    needs=["normalize_embeddings"],
    cases=[
        case("a batch of pairs"),
        case("CLIP's first temperature, 0.07", log_scale=2.6593),
        case("a single pair", group="robustness", batch=1),
        case("a row of zeros", group="robustness", zeros=True),
        DOUBLE,
    ],
    tolerances={"gradients": 1e-3},
)  # fmt: skip
def clip_contrastive_loss(target, case):
    B, D = case.option("batch") or case.size(4, 6), case.size(7, 9)
    images, texts = draw_embeddings(case, B, D), draw_embeddings(case, B, D)
    if case.option("zeros"):
        rows = torch.arange(B, device=images.device)[:, None]
        images = case.tensor(images.masked_fill(rows == 0, 0))
    value = case.option("log_scale") or case.number(0.5, 1.5)
    log_scale = case.make(lambda: torch.tensor(value, dtype=torch.float64))
    given = [case.differentiable(x) for x in (images, texts, log_scale)]
    loss = expect(torch.Tensor, target(*given), "a tensor")
    if case.spec.fake_cuda:
        return {"loss": loss.detach()}
    if case.option("zeros"):
        return {"loss": loss.detach()}
    if loss.requires_grad:
        loss.backward()
    *of_embeddings, of_scale = (gradient(x).flatten() for x in given)
    return {
        "loss": loss.detach(),
        "gradients": torch.cat(of_embeddings),
        "gradient of the scale": of_scale,
    }


@exercise(
    section="text", points=5, minutes=5, difficulty=2, importance=4,
    needs=["normalize_embeddings"],
    cases=[
        case("many images"),
        case("one class text is much longer", loud=True),
        case("all similarities are negative", negative=True),
        case("a single class", group="robustness", classes=1),
        ONE,
        DOUBLE,
    ],
)  # fmt: skip
def zero_shot_classify(target, case):
    B, K, D = case.option("batch") or 24, case.option("classes") or case.size(5, 7), case.size(7, 9)
    images, texts = draw_embeddings(case, B, D), draw_embeddings(case, K, D)
    if case.option("loud"):
        rows = torch.arange(K, device=texts.device)[:, None]
        texts = case.tensor(torch.where(rows == 1, 30 * texts, texts))
    if case.option("negative"):
        images, texts = case.tensor(images.abs()), case.tensor(-texts.abs())
    return {"classes": target(images, texts)}


@exercise(
    section="text", points=8, minutes=10, difficulty=3, importance=5,
    cases=[
        case("captions"),
        case("a caption of one word", batch=1),
        case("float64", group="robustness", dtype=torch.float64),
    ],
)  # fmt: skip
def encode_text_sequence(target, case):
    tower, tokens = draw_tower(case)
    before = settings(tower)
    sequence = expect(torch.Tensor, target(tower, tokens), "a tensor")
    if case.spec.fake_cuda:
        return {"sequence": sequence.detach()}
    return {"sequence": sequence.detach(), "the model is as it was": settings(tower) == before}
