"""Points in the plane: a data set and a network so small that training takes seconds."""

import torch
from torch import nn


def two_moons(count=1000, seed=0):
    """Two half circles that reach into each other: float32 (count, 2) of variance 1; labels."""
    from sklearn.datasets import make_moons

    points, labels = (torch.tensor(a) for a in make_moons(count, noise=0.06, random_state=seed))
    return ((points - points.mean(0)) / points.std(0)).float(), labels


class PointModel(nn.Module):
    """Predicts the noise of points: x_t (B, 2), t (B,) -> (B, 2)."""

    def __init__(self, T, width=128):
        super().__init__()
        self.where = nn.Linear(2, width)
        self.when = nn.Embedding(T, width)
        hidden = (layer for _ in range(2) for layer in (nn.Linear(width, width), nn.ReLU()))
        self.layers = nn.Sequential(*hidden, nn.Linear(width, 2))
        nn.init.normal_(self.where.weight)  # waves short enough to draw the moons' edges

    def forward(self, x_t, t):
        return self.layers(torch.sin(self.where(x_t) + self.when(t)))
