"""A training run whose validation values are known beforehand, for the probe of `fit`."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader

from course_utils.engine.case import Case
from course_utils.engine.runner import WrongReturn
from course_utils.exercises.modules import prepared


class ScriptedNet(nn.Module):
    """model(batch (B, 3)) -> loss; counts its calls in a buffer, as running statistics would."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("calls", torch.zeros(1))
        self.modes: list[bool] = []

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        self.modes.append(self.training)
        with torch.no_grad():
            self.calls += 1
        return (self.linear(batch) ** 2).mean()


class ScriptedRun:
    """Model, loaders, optimizer, and a `validate` that returns the case's values one by one."""

    def __init__(self, case: Case) -> None:
        self.values = case.option("values")
        self.model = prepared(case, ScriptedNet())
        self.model.calls.zero_()
        self.train_loader = DataLoader(list(case.randn(4, 3)), batch_size=2)
        self.val_loader = DataLoader(list(case.randn(2, 3)), batch_size=2)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.5)
        self.validated: list[str] = []

    def arguments(self, path: Path | str) -> tuple:
        loaders = self.train_loader, self.val_loader
        return self.model, *loaders, len(self.values), self.optimizer, self.validate, path

    def validate(self, model: nn.Module, loader: DataLoader) -> float:
        mode = "train" if model.training else "eval"
        data = "validation" if loader is self.val_loader else "other"
        self.validated.append(f"{mode} mode, {data} data")
        if len(self.validated) > len(self.values):
            raise WrongReturn("validate was called more than once per epoch")
        return self.values[len(self.validated) - 1]


def fit_outputs(run: ScriptedRun, history: dict, path: Path) -> dict:
    """The history, the weights in the model and in the file, and how the run went."""
    return {
        "history": {name: history.get(name) for name in ("train_loss", "val_mae", "best_epoch")},
        "weights at return": _copied(run.model.state_dict()),
        "weights in the file": _stored(path),
        "calls of validate": list(run.validated),
        "train mode at every training step": all(run.model.modes),
        "training steps": len(run.model.modes),
    }


def _copied(state: dict) -> dict:
    return {name: value.detach().clone() for name, value in state.items()}


def _stored(path: Path) -> dict:
    from safetensors.torch import load_file

    if not path.is_file():
        raise WrongReturn("there is no file at path")
    try:
        return _copied(load_file(path))
    except Exception as error:
        raise WrongReturn("the file at path is not safetensors") from error
