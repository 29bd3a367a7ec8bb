"""A case notices what a learner's code does to the inputs that it was given."""

import pytest
import torch

from course_utils.engine.case import Case, CaseSpec


@pytest.fixture
def case():
    return Case(CaseSpec("a case"), seed=1)


TOUCHES = {
    "a new value": lambda x: x[0].fill_(3),
    "one more entry": lambda x: x.resize_(9),
    "a gradient asked for": lambda x: x.requires_grad_(),
    "an operation in place that is recorded": lambda x: x.mul_(torch.ones(4, requires_grad=True)),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_a_touched_input_is_noticed(case, name):
    x = case.randn(4)
    assert case.inputs_untouched()
    TOUCHES[name](x)
    assert not case.inputs_untouched()


LEAVES = {
    "reading": lambda x: x.sum().item(),
    "a copy that is changed": lambda x: x.clone().requires_grad_().mul(2).zero_(),
    "a detached copy with a gradient": lambda x: (
        x.detach().clone().requires_grad_().square().sum().backward()
    ),
}


@pytest.mark.parametrize("name", LEAVES)
def test_an_input_that_is_left_alone_is_left_alone(case, name):
    LEAVES[name](case.randn(4))
    assert case.inputs_untouched()


def test_an_input_that_shall_collect_a_gradient_may_collect_it_and_must_go_on_to(case):
    x = case.differentiable(case.randn(4))
    x.square().sum().backward()
    assert case.inputs_untouched()
    x.requires_grad_(False)
    assert not case.inputs_untouched()
