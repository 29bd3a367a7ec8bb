"""Put the lines of a training or sampling step in order. An order is right if it computes the same:
the lines are run as they are given, so every working order counts."""

from __future__ import annotations

from functools import cache
from random import Random

import torch
import torch.nn.functional as F
from torch import nn

from course_utils.drills.question import Question, words
from course_utils.engine.case import CONSTANT
from course_utils.engine.draws import ControlledDraws

TRAINING = (
    "t = torch.randint(0, T, (len(x_0),))",
    "noise = torch.randn_like(x_0)",
    "x_t = kept[t] * x_0 + added[t] * noise",
    "loss = F.mse_loss(model(x_t, t), noise)",
    "optimizer.zero_grad()",
    "loss.backward()",
    "optimizer.step()",
)
SAMPLING = (
    "t = torch.full((len(x),), i)",
    "eps = model(x, t)",
    "mean = (x - share[i] * eps) / shrink[i]",
    "z = torch.randn_like(x) if i > 0 else torch.zeros_like(x)",
    "x = mean + sigma[i] * z",
)
STRICT_TRAINING = (TRAINING[2], TRAINING[3], TRAINING[5], TRAINING[6])
STRICT_SAMPLING = (*SAMPLING[:3], "x = mean + sigma[i] * noise[i]")
LETTERS = "abcdefgh"
STEPS = 3


class _Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2)
        nn.init.constant_(self.layer.weight, 0.3)
        nn.init.constant_(self.layer.bias, 0.1)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return self.layer(x) + t[:, None] / 10


def _space() -> dict:
    """The names that the lines use, always the same."""
    model, T = _Net(), 6
    left = torch.linspace(0.9, 0.2, T)[:, None]  # (T, 1)
    values = torch.linspace(-1, 1, 8).reshape(4, 2)
    return {
        "torch": torch, "F": F, "T": T, "x_0": values, "x": values.clone(), "model": model,
        "kept": left.sqrt(), "added": (1 - left).sqrt(), "share": 1 - left, "shrink": left,
        "sigma": left / 5, "optimizer": torch.optim.SGD(model.parameters(), lr=0.5),
        "noise": values.flip(0), "t": torch.tensor([0, 1, 2, 3]),
    }  # fmt: skip


@cache
def result_of(lines: tuple[str, ...]) -> tuple[float, ...] | None:
    """The numbers after a few steps of these lines; None where they cannot run in this order.

    What a step computes it computes anew: only weights, gradients and x live on.
    """
    space = _space()
    for line in lines:
        if " = " in line and not line.startswith("x = "):
            space.pop(line.split(" = ")[0], None)
    code = compile("\n".join(lines), "<order>", "exec")
    try:
        with ControlledDraws(0, CONSTANT), torch.enable_grad():
            for i in reversed(range(STEPS)):
                local = space | {"i": i}
                exec(code, local)
                space["x"] = local["x"]
    except (NameError, RuntimeError):
        return None
    outcome = [*space["model"].parameters(), space["x"]]
    return tuple(torch.cat([part.detach().flatten() for part in outcome]).tolist())


def order_question(kind: str, lines: tuple[str, ...], draw: Random) -> Question:
    """The lines shuffled; an answer names their letters in the right order."""
    shown = list(lines)
    while tuple(shown) == lines:
        draw.shuffle(shown)
    letter = dict(zip(shown, LETTERS, strict=False))
    right = "".join(letter[line] for line in lines)
    by_letter = {name: line for line, name in letter.items()}

    def works(given: object) -> bool:
        if not isinstance(given, str) or sorted(given) != sorted(by_letter):
            return False
        order = tuple(by_letter[name] for name in given)
        return result_of(order) == result_of(lines)

    text, topic = words("orders"), f"order_{kind}"
    listed = "\n".join(f"    {name}  {line}" for line, name in letter.items())
    why = text["why"].format(lines="\n".join(f"    {line}" for line in lines)) + text[kind]
    question = text["question"].format(what=text[f"{kind}_what"], lines=listed)
    return Question(topic, question, right, why, accepts=works)


def order_training(draw: Random) -> Question:
    return order_question("training", TRAINING, draw)


def order_sampling(draw: Random) -> Question:
    return order_question("sampling", SAMPLING, draw)
