"""Probes of lesson 04, first part: noise schedules. `04_ddpm.py` goes on from here."""

from __future__ import annotations

import torch

from course_utils.engine.case import Case, case
from course_utils.engine.exercise import Registry
from course_utils.engine.runner import expect, expect_tuple
from course_utils.exercises.diffusion import draw_betas

registry = Registry("04_ddpm", builds_on=("03_unet",))
exercise = registry.exercise


def as_betas(value: object) -> torch.Tensor:
    """A schedule in float32: one that was computed in float64 is as good."""
    return expect(torch.Tensor, value, "a tensor of shape (T,)").float()


@exercise(
    section="ddpm", points=2, minutes=2, difficulty=1, importance=3,
    cases=[
        case("the usual ends"),
        case("other ends", ends=True),
        case("two steps", group="robustness", T=2, ends=True),
    ],
    device=False,
)  # fmt: skip
def linear_beta_schedule(target, case):
    T = case.option("T") or case.size(20, 200)
    if case.option("ends"):
        return {"betas": as_betas(target(T, case.number(1e-3, 2e-3), case.number(0.03, 0.1)))}
    return {"betas": as_betas(target(T))}


@exercise(
    section="ddpm", points=4, minutes=5, difficulty=3, importance=3,
    cases=[
        case("the usual offset"),
        case("another offset", offset=True),
        case("many steps", group="robustness", T=(600, 1000)),
        case("no offset: the first betas are clipped", group="robustness", T=(900, 1000), s=0.0),
        case("a few steps", group="robustness", T=(3, 9), offset=True),
    ],
    device=False,
    tolerances={"betas": 3e-3, "first betas": 3e-3},
)  # fmt: skip
def cosine_beta_schedule(target, case):
    T = case.size(*case.option("T", (20, 80)))
    s = case.number(0.02, 0.1) if case.option("offset") else case.option("s")
    betas = as_betas(target(T) if s is None else target(T, s))
    return {"betas": betas, "first betas": betas[:2], "last beta": betas[-1:]}


SCHEDULE_KEYS = (
    "betas", "alphas", "alpha_bar", "sqrt_alpha_bar", "sqrt_one_minus_alpha_bar",
    "sqrt_alpha", "posterior_variance",
)  # fmt: skip


@exercise(
    section="ddpm", points=6, minutes=6, difficulty=2, importance=5,
    cases=[
        case("a schedule"),
        case("float64", group="robustness", dtype=torch.float64),
        case("a single step", group="robustness", T=1),
    ],
)  # fmt: skip
def precompute_schedule(target, case):
    schedule = expect(
        dict, target(draw_betas(case, case.option("T") or case.size(8, 40))), "a dict"
    )
    return {key: schedule[key] for key in SCHEDULE_KEYS if key in schedule}


@exercise(
    section="ddpm", points=3, minutes=4, difficulty=2, importance=3,
    needs=["linear_beta_schedule", "cosine_beta_schedule", "precompute_schedule"],
    cases=[
        case("a thousand steps, below 0.01", T=(1000, 1000), threshold=0.01),
        case("other numbers"),
        case("a threshold that one never reaches", group="robustness", T=(15, 34)),
        case("a threshold that is never reached", group="robustness", T=(15, 60), threshold=1e-12),
    ],
    device=False,
)  # fmt: skip
def compare_schedules(target, case):
    T = case.size(*case.option("T", (100, 300)))
    threshold = case.option("threshold") or _clear_threshold(case, T)
    linear, cosine = expect_tuple(target(T, threshold), "t_linear", "t_cosine")
    return {"t_linear": linear, "t_cosine": cosine}


def _clear_threshold(case: Case, T: int) -> float:
    """A threshold that no alpha_bar comes close to, so that rounding cannot decide."""
    bars = [
        case.given("precompute_schedule", case.given(name, T))["alpha_bar"].double()
        for name in ("linear_beta_schedule", "cosine_beta_schedule")
    ]
    known = torch.cat(bars).log()
    while True:
        threshold = case.number(0.3, 0.7)
        if (known - torch.tensor(threshold).log()).abs().min() > 3e-4:
            return threshold
