"""An independent reader of pictures: which size, colour, shape and place do they show?

A small convolutional network that learned from rendered pictures only, of all combinations. It has
nothing to do with CLIP and never saw a generated picture.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.checkpoints import load_checkpoint
from course_utils.shapes import ATTRIBUTES, all_attributes, render

CHECKPOINT = "05_judge"
MIN_RIGHT = 0.90  # of the samples: right shape and right colour


class ShapeJudge(nn.Module):
    """Pictures (N, 3, 16, 16) → a list of logits, one (N, K) for each attribute."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            *_layer(3, 16), *_layer(16, 32), nn.MaxPool2d(2), *_layer(32, 32), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(512, 64), nn.ReLU(),
        )  # fmt: skip
        self.heads = nn.ModuleList([nn.Linear(64, len(v)) for v in ATTRIBUTES.values()])

    def forward(self, images):
        features = self.body(images)
        return [head(features) for head in self.heads]

    @torch.no_grad()
    def read(self, images):
        """The attributes (N, 4) that the pictures show."""
        return torch.stack([logits.argmax(1) for logits in self(images)], dim=1)


def _layer(channels, out):
    return nn.Conv2d(channels, out, 3, padding=1), nn.BatchNorm2d(out), nn.ReLU()


def train_judge(seed=0, per_caption=40, epochs=6):
    """A judge trained on rendered pictures of every combination, with a little noise on them."""
    generator = torch.Generator().manual_seed(1000 + seed)
    rows = torch.cat([all_attributes(), all_attributes(held_out=True)]).repeat(per_caption, 1)
    images = render(rows, 16, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        judge = ShapeJudge()
    steps = epochs * len(rows) // 64
    optimizer = torch.optim.AdamW(judge.parameters(), lr=4e-3)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        chosen = torch.randint(len(rows), (64,), generator=generator)
        noise = torch.randn(64, 3, 16, 16, generator=generator)
        level = 0.15 * torch.rand(64, 1, 1, 1, generator=generator)
        loss = _loss(judge(images[chosen] + level * noise), rows[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
    return judge.eval()


def _loss(every_logits, rows):
    return sum(F.cross_entropy(logits, rows[:, k]) for k, logits in enumerate(every_logits))


def load_judge():
    """The judge that ships with the course."""
    judge = ShapeJudge()
    load_checkpoint(CHECKPOINT, judge)
    return judge.eval()


@dataclass(frozen=True)
class PromptQuality:
    """Shares that are right, as fractions."""

    size: float
    colour: float
    shape: float
    place: float
    colour_and_shape: float
    everything: float

    def __str__(self):
        lines = (f"{name.replace('_', ' '):18}{share:6.1%}" for name, share in vars(self).items())
        return "\n".join(lines)


def prompt_quality(judge, images, asked):
    """How many images (N, 3, 16, 16) show the attributes (N, 4) that were asked for."""
    return shares_right(judge.read(images), asked)


def shares_right(found, asked):
    """How many of the attributes found (N, 4) are those that were asked for."""
    right = found == asked
    both = right[:, 1:3].all(1).float().mean().item()
    return PromptQuality(*right.float().mean(0).tolist(), both, right.all(1).float().mean().item())


def passes_gate(quality):
    """Whether enough samples have the right shape and the right colour."""
    return round(quality.colour_and_shape, 4) >= MIN_RIGHT  # 0.9 in float32 is a little less
