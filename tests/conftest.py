"""One PyTorch thread, and one warm judge for all tests of a worker."""

import pytest
import torch

from grader.judge import Judge

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def judge():
    """Grades with a fixed secret. Its warm parent starts once."""
    with Judge("the secret of the tests") as judge:
        yield judge
