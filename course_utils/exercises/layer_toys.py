"""Small networks drawn at random, for probes that ask about shapes."""

from __future__ import annotations

from torch import nn

from course_utils.engine.case import Case
from course_utils.engine.runner import WrongReturn, describe


def drawn_kernel(case: Case, rest: int) -> tuple[int, tuple[int, int, int, int]]:
    """A size and (kernel, stride, padding, dilation); the last stride leaves `rest` pixels over."""
    kernel = case.option("kernel") or case.size(3, 6)
    padding, dilation, steps = case.size(1, 3), case.size(2, 3), case.size(4, 9)
    stride = 4
    dilated = kernel + (kernel - 1) * (dilation - 1) if case.option("count") == 4 else kernel
    return dilated - 2 * padding + stride * steps + rest, (kernel, stride, padding, dilation)


def drawn_layers(case: Case) -> nn.Sequential:
    a, b, classes = case.size(4, 7), case.size(8, 11), case.size(2, 5)
    if case.option("words"):
        return nn.Sequential(nn.Embedding(9, a), nn.Flatten(), nn.Linear(5 * a, classes))
    first = [nn.Conv2d(3, a, 3, padding=case.size(0, 1)), nn.BatchNorm2d(a), nn.ReLU()]
    second = [nn.MaxPool2d(2), nn.Conv2d(a, b, 2, stride=case.size(1, 2))]
    last = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(4 * b, classes)]
    if case.option("nested"):
        return nn.Sequential(nn.Sequential(*first), nn.Sequential(*second), *last)
    return nn.Sequential(*first, *second, *last)


def as_shape(shape: object) -> list[int]:
    if isinstance(shape, (list, tuple)):
        return list(shape)
    raise WrongReturn(f"each entry must be a shape such as (2, 3), but one is {describe(shape)}")


def refused(call) -> str:
    try:
        call()
    except Exception:
        return "an error"
    return "no error"
