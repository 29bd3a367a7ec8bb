"""The same probes on a real GPU. Skipped, with the reason, where there is none."""

import handin
import pytest
import torch

from course_utils.engine.compare import differences
from course_utils.engine.runner import run_case
from grader.judge import Judge
from grader.reference import expected, reference_code
from grader.source import load_source
from grader.submission import collect

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device was found"),
]
LESSON, SECRET = handin.LESSON, "tests on a GPU"
CODE = [e for e in handin.EXERCISES.values() if e.kind == "code"]


@pytest.mark.parametrize("e", CODE, ids=[e.id for e in CODE])
def test_reference_gives_the_same_on_gpu_and_cpu(e):
    here, there = (expected(LESSON, e.id, SECRET, device).want for device in ("cpu", "cuda"))
    for spec in e.cases:
        assert not differences(there[spec.name], here[spec.name], e.tolerances), spec.name


def test_a_tensor_left_on_the_cpu_is_an_error_on_a_gpu():
    e = handin.EXERCISES["forward_diffusion"]
    code = reference_code(LESSON, e).replace("torch.randn_like(x_0)", "torch.randn(x_0.shape)")
    target = load_source(LESSON).variant(code, e.id)[e.target]
    facts = expected(LESSON, e.id, SECRET, "cuda")
    givens = facts.givens[e.cases[0].name]
    outcome, _ = run_case(e, target, e.cases[0], SECRET, givens=givens, device="cuda")
    assert "device" in outcome["error"]["message"]


def test_a_solved_notebook_gets_all_points_on_a_gpu():
    """Judge and player each start CUDA themselves, the warm parent never."""
    with Judge(SECRET, "cuda") as judge:
        verdict = judge.grade(collect(handin.solved(), LESSON))
    assert verdict.device == "cuda" and verdict.score == verdict.max_score
