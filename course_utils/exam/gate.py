"""The final gate of an exam: a network is trained and sampled by the learner's functions, and the
samples are measured as in lesson 04.

Labels and seed of the samples are drawn when the gate is judged, so nothing can be prepared.
"""

from __future__ import annotations

import contextlib
import copy
import secrets
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from course_utils import metrics, plotting, progress
from course_utils.card import explain_error
from course_utils.data import load_digits, random_batches
from course_utils.engine.exercise import lesson_text
from course_utils.engine.runner import describe_error
from course_utils.training import run_steps

T = 500
STEPS, BATCH, RATE, DECAY = 2400, 64, 3e-3, 0.998
SAMPLES = 200
LEAST_PER_CLASS = 12


class Block(nn.Module):
    """Two convolutions; the condition scales and shifts what is between them."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(before, after, 3, 1, 1),
            nn.Conv2d(after, after, 3, 1, 1),
        )
        self.norms = nn.ModuleList([nn.GroupNorm(8, after), nn.GroupNorm(8, after)])
        self.told = nn.Linear(condition, 2 * after)
        self.short = nn.Conv2d(before, after, 1)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        scale, shift = self.told(condition)[:, :, None, None].chunk(2, dim=1)  # (B, after, 1, 1)
        inner = F.silu(self.norms[0](self.first(x)) * (1 + scale) + shift)
        return F.silu(self.norms[1](self.second(inner))) + self.short(x)


class DigitNetwork(nn.Module):
    """Predicts noise: x_t (B, 1, 16, 16), t (B,), labels (B,), 10 for "any digit" → like x_t."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        told = 4 * width
        self.when, self.what = nn.Embedding(T, told), nn.Embedding(11, told)
        sizes = [(1, width), (width, 2 * width), (2 * width, 4 * width)]
        self.down = nn.ModuleList(Block(a, b, told) for a, b in sizes)
        self.middle = Block(4 * width, 4 * width, told)
        sizes = [(8 * width, 2 * width), (4 * width, width), (2 * width, width)]
        self.up = nn.ModuleList(Block(a, b, told) for a, b in sizes)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        condition, kept = F.silu(self.when(t) + self.what(labels)), []
        for i, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if i else x, condition)
            kept.append(x)
        x = self.middle(x, condition)
        for i, block in enumerate(self.up):
            x = F.interpolate(x, scale_factor=2.0) if i else x
            x = block(torch.cat([x, kept.pop()], dim=1), condition)
        return self.out(x)


class Gate:
    """Trains and judges, with the learner's functions in between."""

    def __init__(self, exam: str, seed: int = 0) -> None:
        self.exam, self.seed = exam, seed
        self.digits = load_digits()
        torch.manual_seed(seed)
        self.network = DigitNetwork().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network)

    def train(self, step: Callable, num_steps: int = STEPS) -> None:
        """Call step(network, x_0, labels, optimizer) -> loss for every batch; show the losses."""
        optimizer = torch.optim.AdamW(self.network.parameters(), lr=RATE)
        rate = OneCycleLR(optimizer, RATE, num_steps, pct_start=0.1, cycle_momentum=False)
        data = (self.digits.train_images, self.digits.train_labels)
        batches = random_batches(*data, BATCH, torch.Generator().manual_seed(self.seed))

        def one_step() -> float:
            loss = step(self.network, *next(batches), optimizer)
            rate.step()
            self._follow()
            return loss

        with _told_in_a_line():
            plotting.show(plotting.plot_loss(run_steps(one_step, num_steps)))

    @torch.no_grad()
    def _follow(self) -> None:
        pairs = zip(self.average.parameters(), self.network.parameters(), strict=True)
        for mean, now in pairs:
            mean.lerp_(now, 1 - DECAY)

    def judge(self, sample: Callable) -> None:
        """Call sample(network, labels, shape) -> images with labels drawn now; show the verdict."""
        torch.manual_seed(secrets.randbits(48))
        labels = secret_labels()
        with _told_in_a_line():
            self._measure(sample(self.average.eval(), labels, (SAMPLES, 1, 16, 16)), labels)

    def _measure(self, images: torch.Tensor, labels: torch.Tensor) -> None:
        quality = metrics.sample_quality(images, labels, metrics.fit_ruler(self.digits))
        passed = metrics.passes_gate(quality)
        facts = {what: value for what, value, *_ in quality.criteria()}
        progress.note("exam", exam=self.exam, step="gate", passed=passed, numbers=facts)
        print(quality)
        print(lesson_text("exam")["gate"]["passed" if passed else "not_passed"])
        some = labels.argsort()[:: SAMPLES // 40]
        plotting.show(plotting.show_images(images[some], 20))


@contextlib.contextmanager
def _told_in_a_line() -> Iterator[None]:
    """A line instead of a traceback where a function of the exam is not written yet, or broken."""
    try:
        yield
    except Exception as error:
        text = explain_error(describe_error(error))
        print(lesson_text("exam")["gate"]["stopped"].format(error=text))


def secret_labels() -> torch.Tensor:
    """SAMPLES labels in random order; every digit often enough to measure its diversity."""
    every = torch.arange(10).repeat(LEAST_PER_CLASS)
    labels = torch.cat([every, torch.randint(0, 10, (SAMPLES - len(every),))])
    return labels[torch.randperm(SAMPLES)]
