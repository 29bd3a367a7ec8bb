"""What every player would do for the first time, done once before any of them is forked.

PyTorch imports and prepares much at first use. A made-up exercise uses what probes use; it is none
of a lesson's, so that nothing worth knowing stays in memory.
"""

from __future__ import annotations

import contextlib

import torch
from torch.nn import functional as F

from course_utils import checker
from course_utils.engine import fake_cuda
from course_utils.engine.case import CONSTANT, FAKE_CUDA, Case, case
from course_utils.engine.codec import pack, unpack
from course_utils.engine.exercise import Exercise, lesson_ids
from course_utils.engine.runner import run_case
from course_utils.exercises.toys import RecordingModel, kind_of_t, weights


def warm_up() -> None:
    """One thread throughout, so that forks are safe."""
    torch.set_num_threads(1)
    if not torch.cuda.is_available():  # where one is, autograd would start a thread for it
        _without_devices()
    fake_cuda.warm_up()
    for lesson in lesson_ids():
        with contextlib.suppress(FileNotFoundError):  # its answers were not built yet
            checker(lesson)
    for target in (_busy, _unwritten):
        for spec in EXERCISE.cases:
            unpack(pack(run_case(EXERCISE, target, spec, "warm")[0]))


def _without_devices() -> None:
    """Autograd looks for devices once. Before fake tensors are used it finds none, and starts no
    threads, neither here nor in a player."""
    torch.ones(1, requires_grad=True).sum().backward()


def _probe(target, case: Case) -> dict:
    x, t = case.randn(3, 1, 3, 3), case.timesteps(10, 3)
    labels, scale = case.integers(0, 3, 3), case.number(1, 2)
    model = RecordingModel(10, case.dtype, case.device)
    result = target(model, x, t, labels, scale)
    if case.spec.fake_cuda:
        return {"result": result}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    F.mse_loss(result, x).backward()
    optimizer.step()
    optimizer.zero_grad()
    return {"result": result.detach(), "t": kind_of_t(model), "weights": weights(model)}


def _busy(model, x, t, labels, scale):
    """Draws of every kind, indexing, reductions and shapes, in no sensible order."""
    drawn = torch.randn_like(x) + torch.randn(x.shape, device=x.device).to(x.dtype)
    drawn = drawn * torch.rand(3, device=x.device)[:, None, None, None].to(x.dtype)
    whole = torch.randint(0, 10, (3,), device=x.device)
    kept = torch.bernoulli(torch.full((3,), 0.5, device=x.device)).bool()
    table = torch.linspace(0.1, 0.2, 10, device=x.device).to(x.dtype)
    table = torch.cat([table[:1].exp(), table.cumprod(0)[1:].sqrt().clamp(0.01, 1)])
    was = model.training
    model.eval()
    with torch.no_grad():
        seen = model(x, torch.full((3,), 3, device=x.device))
        seen = seen + torch.zeros_like(x).normal_() - x.mean(dim=(1, 2, 3), keepdim=True)
    model.train(was)
    two = torch.where(kept, labels, torch.full_like(labels, 3))
    out = model(x + scale * drawn, torch.maximum(t, whole), two)
    return out * table[t].reshape(-1, 1, 1, 1) + seen.detach() / table.sum()


def _unwritten(*_: object):
    raise NotImplementedError


DOUBLE = case("double", dtype=torch.float64)
EXERCISE = Exercise(
    "warm", _probe, (case("plain"), case("constant", constant_draws=CONSTANT), DOUBLE, FAKE_CUDA),
    title="", hints=(), points=1, minutes=1, difficulty=1, importance=1, section="",
)  # fmt: skip
