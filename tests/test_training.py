"""The training loop and the checkpoints: nothing that was learned gets lost."""

import pytest
import torch
from torch import nn

from course_utils import checkpoints
from course_utils.training import run_steps


def test_run_steps_returns_every_loss():
    losses = iter([3.0, 2.0, 1.0])
    assert run_steps(lambda: next(losses), 3) == [3.0, 2.0, 1.0]


def test_an_interrupt_ends_the_training_and_keeps_what_is_done():
    done = []

    def step():
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(1.0)
        return 1.0

    assert run_steps(step, 100) == [1.0, 1.0]


def test_a_checkpoint_comes_back_with_weights_and_metadata(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    saved, loaded = nn.Linear(3, 2), nn.Linear(3, 2)
    checkpoints.save_checkpoint(tmp_path / "tiny.safetensors", saved, seed=0, score=0.5)
    assert checkpoints.load_checkpoint("tiny", loaded) == {"seed": "0", "score": "0.5"}
    assert torch.equal(saved.weight, loaded.weight)


def test_a_missing_checkpoint_is_named_with_those_that_exist(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    checkpoints.save_checkpoint(tmp_path / "tiny.safetensors", nn.Linear(1, 1))
    with pytest.raises(FileNotFoundError, match="there are: tiny"):
        checkpoints.load_checkpoint("huge", nn.Linear(1, 1))
