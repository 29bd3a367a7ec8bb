"""What every player would do for the first time, done once before any of them is forked.

PyTorch imports and prepares much at first use. A made-up exercise uses what probes use; it is none
of a lesson's, so that nothing worth knowing stays in memory.
"""

from __future__ import annotations

import contextlib
from functools import cache

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import checker
from course_utils.engine.case import CONSTANT, FAKE_CUDA, Case, case
from course_utils.engine.codec import pack, unpack
from course_utils.engine.draws import ControlledDraws
from course_utils.engine.exercise import Exercise, lesson_ids
from course_utils.engine.runner import run_case
from course_utils.exercises.toys import (
    RecordingModel,
    drawn_apart,
    kind_of_t,
    looks_standard_normal,
    weights,
)
from grader.seal import Seal


def warm_up() -> None:
    """One thread throughout, so that forks are safe."""
    torch.set_num_threads(1)
    with ControlledDraws(0):  # through which every operation of a case goes
        _networks()
        _arithmetic()
        _now_and_then()
    for lesson in lesson_ids():
        with contextlib.suppress(FileNotFoundError):  # its answers were not built yet
            checker(lesson)
    settle()
    _seal()


def seal() -> Seal:
    """Of everything as it is now. That of the warm parent will do where it still holds: to make
    one takes long."""
    return Seal() if _seal().broken else _seal()


_seal = cache(Seal)


def settle() -> None:
    """Run the made-up exercise. A player does it too, before it is needed: what a fresh fork
    touches first is copied for it, page by page."""
    for target in (_busy, _unwritten):
        for spec in EXERCISE.cases:
            unpack(pack(run_case(EXERCISE, target, spec, "warm")[0]))


def _networks() -> None:
    """Layers and losses of every kind: PyTorch looks each up at its first use."""
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(8, 8), nn.GELU(), nn.BatchNorm2d(8), nn.SiLU(),
        nn.MaxPool2d(2), nn.Upsample(scale_factor=2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(8, 8), nn.LayerNorm(8), nn.ReLU(), nn.Dropout(0.1), nn.Tanh(),
    )  # fmt: skip
    for mode in (True, False):
        logits = net.train(mode)(torch.randn(2, 3, 8, 8))
        loss = F.cross_entropy(logits, torch.ones(2, dtype=torch.int64))
        loss = loss + F.mse_loss(logits, torch.zeros_like(logits)) + F.l1_loss(logits, logits + 1)
        loss.backward()


def _arithmetic() -> None:
    """On images, tokens, tables and labels."""
    x, table = torch.rand(2, 4, 4, 4), torch.arange(8) / 8 + 0.1
    q = x.flatten(2).transpose(1, 2)  # (2, 16, 4)
    weights = (q @ q.transpose(-2, -1) / 2).masked_fill(q[:, :, :1] < 0, -9).softmax(dim=-1)
    y = F.scaled_dot_product_attention(q, q, q) + weights @ q - F.normalize(q, dim=-1)
    y = torch.cat([y.sin(), y.cos()], dim=-1).reshape(2, 4, 4, 8).permute(0, 3, 1, 2).contiguous()
    y = y.chunk(2, dim=1)[0] * (1 - x).pow(2) + x.clamp(0, 1).sqrt().exp().log().neg().abs()
    y = torch.where(y > 0.5, y, 0.5) + torch.stack([y, y]).mean(0).amax(dim=1, keepdim=True)
    t = torch.randint(0, 8, (2,))
    rows = table.cumprod(0).gather(0, t) * table[t].rsqrt() + table.index_select(0, t)
    rows = rows + torch.cumsum(table, 0)[t] + table.flip(0).sort().values[t] + (1.0 - table)[t]
    kept = (torch.rand(2) < 0.5) & (t != 3) | (t == t.argmax())
    y = y * rows[:, None, None, None].expand(2, 1, 4, 4) + y.new_zeros(1).to(torch.float64).to(x)
    y[:, 0] = kept[:, None, None].float()
    torch.ones_like(y).fill_(2).copy_(y).zero_().uniform_().normal_().mul_(y).add_(y.var())
    looks_standard_normal(x), drawn_apart(x, 0, 1), table.unique(), torch.lerp(x, 1 - x, 0.5)
    torch.equal(x, x**2), bool(((x >= 0) & (x < 1) & (x > -1) & (x != 2) | (x <= 9)).any())


def _now_and_then() -> None:
    """What single lessons use."""
    x, t = torch.rand(2, 4, 4), torch.arange(1, 9, 2)
    q = x[:, None].requires_grad_()
    (F.scaled_dot_product_attention(q, q, q) + q.softmax(dim=-1)).sum().backward()
    x = F.embedding(t % 4, x[0]) + F.pad(x[1].triu(), (1, 1))[:, 1:5] + (t // 2)[:, None]
    x.masked_fill_(x > x.flip(0), 2.0), x.masked_fill_(torch.isnan(x) | ~(x <= 1), 0.5)
    x = (x.nan_to_num().expm1() + 1).reciprocal().round() * 2**x
    torch.allclose(x, x.min()), (x == 0).any(dim=1).nonzero(), t.random_(), x.fill_(x[0, 0])


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
