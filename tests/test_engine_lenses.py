"""Each lens speaks where its pattern is, and is silent where another's is."""

import pytest
import torch

from course_utils.engine import lenses
from course_utils.engine.compare import difference

TOLERANCE = 1e-4
generator = torch.Generator().manual_seed(0)
WANT = torch.randn(5, 5, 5, dtype=torch.float64, generator=generator)


def sample_by_sample():
    """As with one timestep for all samples: the first is right, the others are another's."""
    got = torch.randn(5, 5, 5, dtype=torch.float64, generator=generator)
    got[0] = WANT[0]
    return got


PATTERNS = {
    lenses._all_zero: lambda: torch.zeros_like(WANT),
    lenses._sign: lambda: -WANT,
    lenses._factor: lambda: 3 * WANT,
    lenses._offset: lambda: WANT + 2,
    lenses._permuted_axes: lambda: WANT.transpose(1, 2),
    lenses._shifted: lambda: torch.cat([WANT[1:], WANT[:1] * 2 + 1]),
    lenses._first_sample_only: sample_by_sample,
    lenses._regrouped: lambda: WANT.flatten().flip(0).reshape(WANT.shape),
}
WORDS = {
    lenses._all_zero: "zero",
    lenses._sign: "sign",
    lenses._factor: "3 times",
    lenses._offset: "+2 off",
    lenses._permuted_axes: "axes",
    lenses._shifted: "shifted",
    lenses._first_sample_only: "first sample",
    lenses._regrouped: "wrong places",
}


def said(got):
    return lenses.explain(got, WANT, TOLERANCE)


def test_every_lens_has_a_pattern_here():
    assert set(PATTERNS) == set(lenses.LENSES)


@pytest.mark.parametrize("lens", PATTERNS, ids=lambda lens: lens.__name__)
def test_a_lens_names_its_pattern_and_no_other_does(lens):
    message = said(PATTERNS[lens]())
    assert WORDS[lens] in message
    assert [word for word in WORDS.values() if word in message] == [WORDS[lens]]


@pytest.mark.parametrize("lens", PATTERNS, ids=lambda lens: lens.__name__)
def test_a_lens_is_silent_on_noise_and_on_the_right_answer_plus_noise(lens):
    noise = torch.randn(5, 5, 5, dtype=torch.float64, generator=generator)
    assert lens(noise, WANT, TOLERANCE) is None
    assert lens(WANT + noise, WANT, TOLERANCE) is None


def test_where_no_lens_speaks_the_size_of_the_difference_is_given():
    noise = torch.randn(5, 5, 5, dtype=torch.float64, generator=generator)
    assert said(WANT + noise).startswith("values differ by up to")


def test_shifts_are_told_apart_by_their_direction():
    later = torch.cat([WANT[:1] * 2 + 1, WANT[:-1]])
    assert "i - 1" in said(later)
    assert "i + 1" in said(PATTERNS[lenses._shifted]())


def test_single_wrong_samples_of_a_batch_are_numbered():
    got = WANT.clone()
    got[2] = torch.randn(5, 5, dtype=torch.float64, generator=generator)
    assert "samples [2]" in said(got)


def test_the_axes_are_named_in_the_order_that_mends_them():
    got = WANT[:, :2].permute(1, 0, 2)  # (2, 5, 5): another shape, said elsewhere
    assert difference(got, WANT).kind == "shape"
    square = torch.arange(9.0).reshape(3, 3)
    assert "(1, 0)" in lenses.explain(square.T, square, TOLERANCE)


def test_integers_are_counted():
    assert lenses.explain(torch.tensor([1, 2, 3]), torch.tensor([1, 5, 6]), 0) == (
        "2 of 3 entries differ"
    )


@pytest.mark.parametrize(
    "want",
    [torch.tensor(0.0), torch.tensor(2.0), torch.zeros(3), torch.ones(1), torch.ones(2, 1)],
    ids=lambda t: str(t.tolist()),
)
@pytest.mark.parametrize("value", [0.0, 1.5, -2.0, 1e30, float("inf")])
def test_the_smallest_and_strangest_tensors_are_described_too(want, value):
    got = torch.full_like(want, value)
    if not torch.equal(got, want):
        assert lenses.explain(got, want, TOLERANCE)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_expected_infinities_do_not_stop_the_lenses(bad):
    want = torch.tensor([1.0, float("inf"), 3.0, 4.0, 5.0])
    assert lenses.explain(torch.tensor([1.0, 2.0, bad, 4.0, 5.0]), want, TOLERANCE)
