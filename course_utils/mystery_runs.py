"""Four training runs on the digits. One of them is right; the others differ from it in one line."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.plotting import COLOURS, Picture


@dataclass(frozen=True)
class Run:
    """Loss of every step, and the share of test digits that are read correctly in the end."""

    losses: list
    accuracy: float


def mystery_runs(digits, epochs=8, seed=0):
    """Train four times with the same seed; a dict letter -> `Run`."""
    return {letter: _train(letter, digits, epochs, seed) for letter in "ABCD"}


def plot_runs(runs, window=30):
    """Running mean of the loss, one line per entry of a dict name -> `Run`."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.add_subplot()
    for (name, run), colour in zip(runs.items(), COLOURS, strict=False):
        mean = torch.tensor(run.losses).unfold(0, window, 1).mean(1)
        axes.plot(range(window - 1, len(run.losses)), mean, color=colour, label=f"run {name}")
    axes.set(xlabel="step", ylabel="training loss", ylim=(0, None))
    axes.legend(frameon=False, ncols=2)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    ends = (f"{name} ends at {sum(r.losses[-window:]) / window:.2f}" for name, r in runs.items())
    return Picture(figure, f"Training loss of {len(runs)} runs over the steps: {', '.join(ends)}.")


def _train(letter, digits, epochs, seed):
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(256, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05)
    losses = []
    for _ in range(epochs):
        for chosen in torch.randperm(len(digits.train_labels)).split(32):
            images, labels = digits.train_images[chosen], digits.train_labels[chosen]
            rows = images.reshape(256, -1).T if letter == "D" else images.flatten(1)  # (B, 256)
            answers = net(rows).softmax(1) if letter == "A" else net(rows)
            loss = F.cross_entropy(answers, labels)
            if letter != "C":
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return Run(losses, _accuracy(net, digits))


def _accuracy(net, digits):
    with torch.no_grad():
        best = net(digits.test_images.flatten(1)).argmax(1)
    return (best == digits.test_labels).float().mean().item()
