"""Probes of lesson 07 that come first: masks and examples. The others are in `07_inpainting.py`."""

from __future__ import annotations

import torch

from course_utils.engine.case import case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect
from course_utils.exercises.inpainting_toys import drawn_holes, image_shape
from course_utils.exercises.layer_toys import refused
from course_utils.exercises.mask_probes import mask_outputs, refusal_of_mode, refusal_of_value

registry = Registry("07_inpainting", builds_on=("04_ddpm",))
exercise = registry.exercise

DOUBLE = case("float64", group="robustness", dtype=torch.float64)
PIXEL = case("images of one pixel", group="robustness", pixel=True, fill=1.0)
ALL_HOLE = case("a mask of ones", group="robustness", fill=1.0)
NO_HOLE = case("a mask of zeros", group="robustness", fill=0.0)


@exercise(
    section="inpainting", points=4, minutes=6, difficulty=1, importance=3,
    cases=[
        case("a box inside"),
        case("a box that touches the edges", edges=True),
        case("a box that leaves the image", group="robustness", outside=True),
        case("a shape with channels", group="robustness", channels=True),
        case("an image of one pixel", group="robustness", pixel=True),
    ],
    device=False,
)  # fmt: skip
def bbox2mask(target, case):
    H, W = (1, 1) if case.option("pixel") else (case.size(8, 12), case.size(13, 17))
    shape = (H, W, 3) if case.option("channels") else (H, W)
    height, width = (1, 1) if case.option("pixel") else (case.size(2, 4), case.size(5, 7))
    top, left = case.size(1, 3), case.size(4, 5)
    if case.option("outside"):
        over = {"top": (-1, left), "left": (top, -2), "bottom": (H - height + 1, left)}
        over["right"] = (top, W - width + 1)
        boxes = {f"past the {side}": (*corner, height, width) for side, corner in over.items()}
        return {n: refusal_of_value(lambda b=box: target(shape, b)) for n, box in boxes.items()}
    corners = [(0, 0)] if case.option("pixel") else [(top, left)]
    if case.option("edges"):
        corners = [(0, 0), (H - height, W - width), (0, W - width)]
    masks = (target(shape, (*corner, height, width)) for corner in corners)
    return {f"mask {n}": torch.as_tensor(mask) for n, mask in enumerate(masks, start=1)}


@exercise(
    section="inpainting", points=8, minutes=12, difficulty=3, importance=4,
    cases=[
        case("center", mode="center"),
        case("corner", mode="corner"),
        case("random_box", mode="random_box"),
        case("free_form", mode="free_form"),
        case("random_box, a small image", group="robustness", mode="random_box", sizes=(9, 14)),
        case("free_form, a large image", group="robustness", mode="free_form", sizes=(56, 70)),
        case("an unknown mode", group="robustness", mode="middle"),
    ],
    device=False,
)  # fmt: skip
def make_mask(target, case):
    mode, sizes = case.option("mode"), case.option("sizes")
    if mode == "middle":
        return refusal_of_mode(target, mode)
    size = case.size(*sizes) if sizes else 4 * case.size(4, 7)
    return mask_outputs(target, case, mode, size)


@exercise(
    section="inpainting", points=5, minutes=5, difficulty=1, importance=4,
    cases=[
        case("an image"),
        ALL_HOLE,
        NO_HOLE,
        PIXEL,
        DOUBLE,
        case("a mask of another size", group="robustness", mismatch=True),
    ],
)  # fmt: skip
def inpainting_item(target, case):
    _, C, H, W = image_shape(case)
    img, noise = case.randn(C, H, W), case.randn(C, H, W)
    if case.option("mismatch"):
        mask = case.tensor(torch.ones(1, H - 2, W))
        return {"answer": refused(lambda: target(img, mask, noise))}
    mask = case.tensor(drawn_holes(case, 1, H, W)[0])
    return dict(expect(dict, target(img, mask, noise), "a dict"))
