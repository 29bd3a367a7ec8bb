"""Questions on noise schedules and on what sampling costs."""

from __future__ import annotations

from random import Random

import torch

from course_utils.drills.question import Question, words

ENDS = ((1e-4, 0.02), (8.5e-4, 0.012), (1e-4, 0.01), (1e-3, 0.2), (1e-3, 0.1))
TOLERANCE = 0.05  # of a number that is read off a curve


def signal_left(kind: str, T: int, ends: tuple[float, float]) -> torch.Tensor:
    """alpha_bar (T,) in float64: the running product of 1 - beta, or the cosine curve itself."""
    first, last = (torch.tensor(end, dtype=torch.float64) for end in ends)
    if kind == "linear":
        return (1 - torch.linspace(first, last, T)).double().cumprod(0)
    if kind == "scaled":
        return (1 - torch.linspace(first.sqrt(), last.sqrt(), T).double().square()).cumprod(0)
    moments = torch.arange(T + 1, dtype=torch.float64) / T
    angle = (moments + 0.008) / 1.008 * (torch.pi / 2)
    curve = angle.cos().square()
    return curve[1:] / curve[0]


def _drawn(draw: Random) -> tuple[torch.Tensor, dict]:
    kind, T = draw.choice(["linear", "cosine", "scaled"]), draw.choice([100, 200, 500, 1000])
    ends = draw.choice(ENDS)
    text = words("schedules")
    name = text[kind].format(T=T, first=ends[0], last=ends[1])
    return signal_left(kind, T, ends), {"name": name, "T": T}


def alpha_bar(draw: Random) -> Question:
    """How much of the image is left at a timestep."""
    left, about = _drawn(draw)
    about["t"] = draw.randrange(about["T"] // 10, about["T"] * 9 // 10)
    right, text = left[about["t"]].item(), words("alpha_bar")
    about |= {"value": right, "signal": right**0.5, "noise": (1 - right) ** 0.5}
    return Question(
        "alpha_bar",
        text["question"].format(**about),
        right,
        text["why"].format(**about),
        tolerance=max(TOLERANCE, 0.01 / right),
    )


def threshold(draw: Random) -> Question:
    """The timestep at which alpha_bar falls below a number, to within a fiftieth of the chain."""
    left, about = _drawn(draw)
    about["level"] = draw.choice([0.9, 0.75, 0.5, 0.25, 0.1])
    below = (left < about["level"]).nonzero()
    right, text = (int(below[0]) if len(below) else about["T"]), words("threshold")
    slack = max(1, about["T"] // 50)
    about |= {"t": right, "slack": slack}

    def near(given: object) -> bool:
        return type(given) is int and abs(given - right) <= slack

    question = text["question"].format(**about)
    return Question("threshold", question, right, text["why"].format(**about), accepts=near)


def count_calls(T: int, steps: int, guided: bool, together: bool, batch: int) -> dict[str, int]:
    """How often a network is called and how many images pass through it, by counting."""
    seen = []
    chosen = torch.linspace(T - 1, 0, steps).round().long().unique()
    for _ in chosen:
        if guided and together:
            seen.append(2 * batch)
        else:
            seen += [batch] * (2 if guided else 1)
    return {"calls": len(seen), "images": sum(seen)}


def model_calls(draw: Random) -> Question:
    """What sampling costs."""
    T, batch = draw.choice([500, 1000]), draw.choice([1, 4, 16, 64])
    steps = draw.choice([T, T, 20, 50, 100, 250])
    guided, together = draw.random() < 0.7, draw.random() < 0.5
    text, asked = words("model_calls"), draw.choice(["calls", "images"])
    how = "together" if guided and together else "apart" if guided else "plain"
    about = {"T": T, "batch": batch, "steps": steps, "how": text[how]}
    kind = "every" if steps == T else "some"
    question = text[kind].format(**about) + text[asked]
    found = count_calls(T, steps, guided, together, batch)
    return Question("model_calls", question, found[asked], text["why"].format(**about, **found))
