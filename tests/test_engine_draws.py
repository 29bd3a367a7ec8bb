"""Random draws of a learner's code are decided by the case, whichever function makes them."""

import random

import numpy as np
import pytest
import torch

from course_utils.engine.draws import ControlledDraws, preserved_random_state

SHAPE = (4, 6)
COUNT = 24


def drawn(draw, seed=7, constant=None):
    with ControlledDraws(seed, constant):
        return draw()


NORMAL_STYLES = {
    "randn": lambda: torch.randn(SHAPE),
    "randn with numbers": lambda: torch.randn(*SHAPE),
    "randn with a generator": lambda: torch.randn(SHAPE, generator=torch.Generator()),
    "randn in float64": lambda: torch.randn(SHAPE, dtype=torch.float64).float(),
    "randn_like": lambda: torch.randn_like(torch.empty(SHAPE)),
    "normal_": lambda: torch.empty(SHAPE).normal_(),
    "torch.normal of numbers": lambda: torch.normal(0.0, 1.0, SHAPE),
    "torch.normal of tensors": lambda: torch.normal(torch.zeros(SHAPE), torch.ones(SHAPE)),
    "torch.normal of a mean": lambda: torch.normal(torch.zeros(SHAPE)),
    "torch.normal of a spread": lambda: torch.normal(0.0, torch.ones(SHAPE)),
    "row by row": lambda: torch.stack([torch.randn(6) for _ in range(4)]),
    "halves": lambda: torch.cat([torch.randn(2, 6), torch.randn(2, 6)]),
    "nn.init": lambda: torch.nn.init.normal_(torch.empty(SHAPE)),
}


@pytest.mark.parametrize("style", NORMAL_STYLES)
def test_every_way_to_draw_normal_noise_gives_the_same_numbers(style):
    expected = drawn(NORMAL_STYLES["randn"])
    assert torch.equal(drawn(NORMAL_STYLES[style]), expected)


INTEGER_STYLES = {
    "randint": lambda: torch.randint(0, 10, (COUNT,)),
    "randint without low": lambda: torch.randint(10, (COUNT,)),
    "randint_like": lambda: torch.randint_like(torch.empty(COUNT, dtype=torch.int64), 0, 10),
    "random_": lambda: torch.empty(COUNT, dtype=torch.int64).random_(0, 10),
    "rand scaled": lambda: (torch.rand(COUNT) * 10).long(),
    "rand floored": lambda: torch.floor(10 * torch.rand_like(torch.empty(COUNT))).to(torch.int64),
    "uniform_": lambda: torch.empty(COUNT).uniform_(0, 10).long(),
    "multinomial": lambda: torch.multinomial(torch.ones(10), COUNT, replacement=True),
}


@pytest.mark.parametrize("style", INTEGER_STYLES)
def test_every_way_to_draw_timesteps_gives_the_same_ones(style):
    expected = drawn(INTEGER_STYLES["randint"])
    assert torch.equal(drawn(INTEGER_STYLES[style]), expected)


COIN_STYLES = {
    "rand below p": lambda: torch.rand(COUNT) < 0.3,
    "bernoulli of a tensor": lambda: torch.bernoulli(torch.full((COUNT,), 0.3)).bool(),
    "bernoulli_": lambda: torch.empty(COUNT).bernoulli_(0.3).bool(),
    "bernoulli with p": lambda: torch.bernoulli(torch.empty(COUNT), 0.3).bool(),
}


@pytest.mark.parametrize("style", COIN_STYLES)
def test_every_way_to_toss_coins_gives_the_same_ones(style):
    expected = drawn(COIN_STYLES["rand below p"])
    assert torch.equal(drawn(COIN_STYLES[style]), expected)


def test_mean_and_spread_of_a_normal_draw_are_respected():
    z = drawn(lambda: torch.randn(SHAPE))
    assert torch.allclose(drawn(lambda: torch.normal(2.0, 3.0, SHAPE)), 2 + 3 * z)
    assert torch.allclose(drawn(lambda: torch.empty(SHAPE).normal_(2.0, 3.0)), 2 + 3 * z)


def test_bounds_of_a_uniform_draw_are_respected():
    u = drawn(lambda: torch.rand(SHAPE))
    assert torch.allclose(drawn(lambda: torch.empty(SHAPE).uniform_(-2, 4)), 6 * u - 2)


def test_bounds_of_integers_are_respected():
    values = drawn(lambda: torch.randint(5, 9, (500,)))
    assert values.unique().tolist() == [5, 6, 7, 8]


def test_draws_look_like_what_they_stand_for():
    z, u = drawn(lambda: torch.randn(20_000)), drawn(lambda: torch.rand(20_000))
    assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03
    assert abs((z**4).mean() - 3) < 0.2
    assert abs(u.mean() - 0.5) < 0.01 and u.min() > 0 and u.max() < 1


def test_successive_draws_differ_and_another_seed_gives_others():
    first, second = drawn(lambda: (torch.randn(8), torch.randn(8)))
    assert not torch.equal(first, second)
    assert not torch.equal(first, drawn(lambda: torch.randn(8), seed=8))


def test_the_learners_own_seed_changes_nothing():
    def seeded():
        torch.manual_seed(123)
        return torch.randn(SHAPE)

    assert torch.equal(drawn(seeded), drawn(NORMAL_STYLES["randn"]))


def test_constant_draws_ignore_order_and_number():
    z, u, t = drawn(
        lambda: (torch.randn(3), torch.rand(3), torch.randint(0, 10, (3,))), constant=(0.75, 0.4375)
    )
    assert z.tolist() == [0.75] * 3
    assert u.tolist() == [0.4375] * 3
    assert t.tolist() == [4] * 3


def test_dtypes_of_draws_are_kept():
    assert drawn(lambda: torch.randn(3, dtype=torch.float64)).dtype == torch.float64
    assert drawn(lambda: torch.randn_like(torch.ones(3).half())).dtype == torch.float16
    assert drawn(lambda: torch.randint(0, 4, (3,), dtype=torch.int32)).dtype == torch.int32


def test_draws_are_part_of_the_graph_of_what_is_computed_from_them():
    w = torch.ones(3, requires_grad=True)
    with ControlledDraws(1):
        z = torch.randn(3)
        (w * z).sum().backward()
    assert torch.equal(w.grad, z)


def test_draws_without_replacement_stay_without_replacement():
    picked = drawn(lambda: torch.multinomial(torch.ones(10), 10))
    assert sorted(picked.tolist()) == list(range(10))
    assert sorted(drawn(lambda: torch.randperm(6)).tolist()) == list(range(6))


def states():
    return torch.get_rng_state(), random.getstate(), np.random.get_state()


def same(before, after):
    numpy_same = all(np.array_equal(a, b) for a, b in zip(before[2], after[2], strict=True))
    return torch.equal(before[0], after[0]) and before[1] == after[1] and numpy_same


def test_random_states_of_torch_python_and_numpy_are_put_back():
    before = states()
    with preserved_random_state(3):
        torch.randn(5), random.random(), np.random.rand(5)
    assert same(before, states())


def test_random_states_are_put_back_after_an_error():
    before = states()
    with pytest.raises(ZeroDivisionError), preserved_random_state(3):
        torch.manual_seed(1), random.seed(1), np.random.seed(1)
        raise ZeroDivisionError
    assert same(before, states())


def test_inside_the_block_all_three_are_seeded():
    seen = []
    for _ in range(2):
        with preserved_random_state(3):
            seen.append((torch.rand(1).item(), random.random(), np.random.rand()))
    assert seen[0] == seen[1]
