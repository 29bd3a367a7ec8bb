"""One PyTorch thread, one warm judge for all tests of a worker, and learners' notebooks."""

import pytest
import torch
from learner import Learner

from course_utils import card
from grader.judge import Judge

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def judge():
    """Grades with a fixed secret. Its warm parent starts once."""
    with Judge("the secret of the tests") as judge:
        yield judge


@pytest.fixture
def loud_learner():
    """A solved notebook whose cards are printed."""
    return Learner()


@pytest.fixture
def learner(loud_learner, monkeypatch):
    """A solved notebook whose cards are collected."""
    monkeypatch.setattr(card, "show", loud_learner.shown.append)
    return loud_learner
