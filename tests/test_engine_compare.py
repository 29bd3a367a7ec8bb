"""What counts as the same answer: form first, then values within a tolerance of their dtype."""

import math

import pytest
import torch

from course_utils.engine.codec import Foreign, pack, unpack
from course_utils.engine.compare import RELATIVE, difference, differences

NAN, INF = math.nan, math.inf


def kind(got, want, tolerance=None):
    found = difference(got, want, tolerance)
    return found and found.kind


def test_equal_tensors_do_not_differ():
    x = torch.randn(3, 4)
    assert difference(x.clone(), x) is None


@pytest.mark.parametrize("dtype", RELATIVE, ids=str)
def test_rounding_errors_of_a_dtype_pass_and_ten_times_its_tolerance_fails(dtype):
    want = torch.tensor([1.0, -2.0, 3.0], dtype=dtype)
    assert difference(want * (1 + 0.4 * RELATIVE[dtype]), want) is None
    assert kind(want * (1 + 10 * RELATIVE[dtype]), want) == "value"


def test_small_entries_are_compared_relative_to_the_largest_one():
    want = torch.tensor([1000.0, 1e-4])
    assert difference(torch.tensor([1000.0, 2e-4]), want) is None
    assert kind(torch.tensor([1000.0, 1.0]), want) == "value"


def test_small_tensors_are_not_equal_to_zero():
    assert kind(torch.zeros(3), torch.full((3,), 1e-6)) == "value"


def test_a_given_tolerance_takes_the_place_of_the_dtypes():
    want = torch.ones(3)
    assert difference(want * 1.02, want, 0.05) is None
    assert kind(want * 1.02, want) == "value"


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_nan_and_infinity_are_wrong_and_said_so(bad):
    got, want = torch.tensor([1.0, bad, 3.0]), torch.tensor([1.0, 2.0, 3.0])
    assert kind(got, want) == "finite"


def test_a_single_nan_fails_even_where_nan_is_expected():
    x = torch.tensor([NAN, 1.0])
    assert difference(x.clone(), x) is not None


def test_infinities_pass_where_they_are_expected_and_nowhere_else():
    want = torch.tensor([INF, 1.0, -INF])
    assert difference(want.clone(), want) is None
    assert kind(torch.tensor([-INF, 1.0, -INF]), want) == "value"
    assert kind(torch.tensor([INF, INF, -INF]), want) is not None
    assert kind(torch.tensor([1e30, 1.0, -INF]), want) == "value"


def test_another_dtype_is_wrong_even_with_the_same_numbers():
    assert kind(torch.ones(2, dtype=torch.float64), torch.ones(2)) == "dtype"
    assert kind(torch.ones(2, dtype=torch.int32), torch.ones(2, dtype=torch.int64)) == "dtype"
    assert kind(torch.ones(2, dtype=torch.uint8), torch.ones(2, dtype=torch.bool)) == "dtype"


def test_another_shape_is_wrong_even_where_it_would_broadcast():
    found = difference(torch.ones(3, 1), torch.ones(3))
    assert found.kind == "shape"
    assert "(3,)" in found.message and "(3, 1)" in found.message
    assert kind(torch.ones(()), torch.ones(1)) == "shape"


def test_empty_tensors_of_one_shape_are_equal():
    assert difference(torch.ones(0, 3), torch.zeros(0, 3)) is None


def test_integers_and_booleans_are_compared_exactly():
    assert kind(torch.tensor([10**9 + 1]), torch.tensor([10**9])) == "value"
    assert difference(torch.tensor([True, False]), torch.tensor([True, False])) is None
    assert kind(torch.tensor([True, True]), torch.tensor([True, False])) == "value"


@pytest.mark.parametrize(
    "got", [None, 1.0, "1.0", [1.0], {"x": 1.0}, Foreign("numpy.ndarray")], ids=repr
)
def test_what_is_no_tensor_is_named(got):
    assert kind(got, torch.ones(1)) == "type"


def test_a_foreign_value_is_named_by_its_type():
    assert "numpy.ndarray" in difference(Foreign("numpy.ndarray"), torch.ones(1)).message


@pytest.mark.parametrize(
    ("got", "want", "expected"),
    [
        (0.50001, 0.5, None),
        (0.6, 0.5, "value"),
        (1, 1.0, None),
        (2, 2, None),
        (2.0, 2, "value"),
        (3, 2, "value"),
        (True, 1, "type"),
        (True, 1.0, "type"),
        (1, True, "value"),
        (NAN, 0.5, "value"),
        (NAN, NAN, "value"),
        (INF, 0.5, "value"),
        (INF, INF, None),
        (0.5, INF, "value"),
        (None, 0.5, "type"),
        ("0.5", 0.5, "type"),
        (Foreign("x"), 0.5, "type"),
        (torch.tensor(0.5), 0.5, "type"),
        ("train", "train", None),
        ("eval", "train", "value"),
        (Foreign("train"), "train", "value"),
        (None, None, None),
        (0, None, "value"),
        (10**400, 0.5, "value"),
        (-(10**400), 0.5, "value"),
        (10**400, 2, "value"),
    ],
    ids=lambda v: repr(v)[:20],
)
def test_numbers_text_and_none(got, want, expected):
    assert kind(got, want) == expected


def test_lists_are_compared_entry_by_entry():
    assert difference([1, [2.0]], [1, [2.0]]) is None
    assert kind([1], [1, 2]) == "shape"
    assert "entry 1" in difference([1, 3], [1, 2]).message
    assert kind(torch.ones(2), [1.0, 1.0]) == "type"
    assert kind("ab", ["a", "b"]) == "type"


def test_dicts_need_every_key_and_may_hold_more():
    assert difference({"a": 1, "more": 2}, {"a": 1}) is None
    assert kind({}, {"a": 1}) == "missing"
    assert difference({"a": 2}, {"a": 1}).message.startswith("a: ")
    assert kind([1], {"a": 1}) == "type"


def outputs(**values):
    return {"outputs": values}


def error(kind="ValueError", message="bad"):
    return {"error": {"type": kind, "message": message, "line": 1, "function": "f"}}


def test_a_case_differs_output_by_output():
    found = differences(outputs(a=1, b=2), outputs(a=1, b=3, c=4), {})
    assert {name: d.kind for name, d in found.items()} == {"b": "value", "c": "missing"}


def test_more_outputs_than_expected_do_no_harm():
    assert differences(outputs(a=1, b=2), outputs(a=1), {}) == {}


def test_a_tolerance_belongs_to_one_output():
    got, want = outputs(a=1.02, b=1.02), outputs(a=1.0, b=1.0)
    assert list(differences(got, want, {"a": 0.05})) == ["b"]


def test_an_error_is_not_an_answer():
    assert list(differences(error(), outputs(a=1), {})) == ["error"]
    assert list(differences(outputs(a=1), error(), {})) == ["error"]


def test_the_same_error_is_the_same_whatever_numbers_it_names():
    one, other = error(message="size (3) at 0xabc"), error(message="size (17) at 0xdef")
    assert differences(one, other, {}) == {}
    assert differences(one, error(message="something else"), {})
    assert differences(one, error("TypeError", one["error"]["message"]), {})


class AlwaysEqual(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return True


def test_a_tensor_that_claims_to_be_equal_is_compared_by_its_numbers():
    liar = unpack(pack(torch.zeros(2).as_subclass(AlwaysEqual)))
    assert kind(liar, torch.ones(2)) == "value"
