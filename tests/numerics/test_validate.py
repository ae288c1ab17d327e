from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.numerics.validate import array, integer, interval, number, reject

INF = math.inf


def refusal(call, *arguments, **options):
    with pytest.raises(ValueError, match=r"not allowed|must have") as caught:
        call(*arguments, **options)
    return str(caught.value)


# --- words ---


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((0, 1), "in [0, 1]"),
        ((0, 1, True, True), "in (0, 1)"),
        ((0, INF), "in [0, inf)"),
        ((0, INF, True, True), "in (0, inf)"),
        ((-INF, 2, False, True), "in (-inf, 2)"),
        ((-INF, INF), "in (-inf, inf)"),
        ((1e-3, 1e6), "in [0.001, 1e+06]"),
    ],
)
def test_interval(ends, text):
    assert interval(*ends) == text


@pytest.mark.parametrize("value", [-1.5, np.float64(-1.5), np.float32(-1.5)])
def test_reject_shows_the_number_and_not_its_type(value):
    assert (
        refusal(reject, "x", value, "at least 0")
        == "x = -1.5 is not allowed: it must be at least 0"
    )
    assert refusal(reject, "n", np.int64(3), "even") == "n = 3 is not allowed: it must be even"


# --- numbers ---


@pytest.mark.parametrize("value", [3, 3.0, "3", np.float32(3), np.int8(3), np.array(3.0), True + 2])
def test_number_takes_whatever_is_one(value):
    result = number("x", value, 0)
    assert result == 3.0
    assert type(result) is float


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (-1, {"low": 0}, "x = -1 is not allowed: it must be in [0, inf)"),
        (2, {"low": 0, "high": 1}, "x = 2 is not allowed: it must be in [0, 1]"),
        (0, {"low": 0, "open_low": True}, "x = 0 is not allowed: it must be in (0, inf)"),
        (1, {"high": 1, "open_high": True}, "x = 1 is not allowed: it must be in (-inf, 1)"),
        (math.nan, {}, "x = nan is not allowed: it must be in (-inf, inf)"),
        (INF, {"low": 0}, "x = inf is not allowed: it must be in [0, inf)"),
        (-INF, {"allow_inf": True}, "x = -inf is not allowed: it must be in (-inf, inf) or inf"),
        (INF, {"high": 5, "allow_inf": True}, "x = inf is not allowed"),
        (math.nan, {"allow_inf": True}, "x = nan is not allowed"),
        ("many", {}, "x = 'many' is not allowed: it must be a number in (-inf, inf)"),
        (None, {}, "x = None is not allowed: it must be a number"),
        (1j, {}, "x = 1j is not allowed: it must be a number"),
        ([1, 2], {}, "x = [1, 2] is not allowed: it must be a number"),
        (10**400, {"low": 0}, "is not allowed: it must be a number in [0, inf)"),
    ],
)
def test_number_refuses_in_words(value, options, message):
    assert message in refusal(number, "x", value, **options)


def test_ends_belong_to_the_interval_unless_open():
    assert number("x", 0, 0, 1) == 0
    assert number("x", 1, 0, 1) == 1
    assert number("x", 5e-324, 0, open_low=True) > 0
    assert number("x", INF, 0, allow_inf=True) == INF
    assert number("x", INF, 0, open_high=True, allow_inf=True) == INF


@given(st.floats(), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.booleans(), st.booleans())
def test_number_accepts_exactly_the_interval(value, low, high, open_low, open_high):
    inside = (value > low if open_low else value >= low) and (
        value < high if open_high else value <= high
    )
    options = {"open_low": open_low, "open_high": open_high}
    if inside:
        assert number("x", value, low, high, **options) == value
    else:
        message = refusal(number, "x", value, low, high, **options)
        assert re.match(r"x = .* is not allowed: it must be in [\[(].*[\])]$", message)


# --- whole numbers ---


@pytest.mark.parametrize("value", [10, 10.0, "10", np.int32(10), np.float64(10), np.uint8(10)])
def test_integer_takes_whatever_is_one(value):
    result = integer("n", value, 1, 20)
    assert result == 10
    assert type(result) is int


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "n = 0 is not allowed: it must be a whole number in [1, 20]"),
        (21, "n = 21 is not allowed: it must be a whole number in [1, 20]"),
        (np.int64(0), "n = 0 is not allowed: it must be a whole number in [1, 20]"),
        (2.5, "n = 2.5 is not allowed: it must be a whole number in [1, 20]"),
        (math.nan, "n = nan is not allowed"),
        (INF, "n = inf is not allowed"),
        ("ten", "n = 'ten' is not allowed: it must be a number in [1, 20]"),
        (None, "n = None is not allowed"),
        (10**400, "is not allowed: it must be a whole number in [1, 20]"),
    ],
)
def test_integer_refuses_in_words(value, message):
    assert message in refusal(integer, "n", value, 1, 20)


@given(st.integers(-(2**70), 2**70))
def test_integer_keeps_every_digit(value):
    """A seed of 53 bits and more must not pass through a float."""
    assert integer("seed", value) == value


# --- arrays ---


@pytest.mark.parametrize(
    "value", [[1, 2], (1.0, 2.0), np.array([1, 2], dtype=np.int8), range(1, 3)]
)
def test_array_takes_whatever_is_one(value):
    result = array("v", value, 0, ndim=1)
    assert result.dtype == np.float64
    assert result.tolist() == [1.0, 2.0]


def test_array_takes_scalars_empty_arrays_and_infinities_when_asked():
    assert array("v", 3).shape == ()
    assert array("v", []).size == 0
    assert array("v", [1, INF], 0, allow_inf=True).tolist() == [1, INF]
    assert array("v", [1, INF], 0, open_high=True, allow_inf=True).tolist() == [1, INF]


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        ([1, -2, -3], {"low": 0}, "v[1] = -2.0 is not allowed: it must be in [0, inf)"),
        ([[1, 2], [3, 9]], {"high": 5}, "v[1, 1] = 9.0 is not allowed: it must be in (-inf, 5]"),
        (-1, {"low": 0}, "v = -1.0 is not allowed: it must be in [0, inf)"),
        ([0, 1], {"low": 0, "open_low": True}, "v[0] = 0.0 is not allowed: it must be in (0, inf)"),
        ([1], {"high": 1, "open_high": True}, "v[0] = 1.0 is not allowed"),
        ([1, math.nan], {}, "v[1] = nan is not allowed"),
        ([1, INF], {}, "v[1] = inf is not allowed"),
        ([1, -INF], {"allow_inf": True}, "v[1] = -inf is not allowed"),
        ([1, INF], {"high": 5, "allow_inf": True}, "v[1] = inf is not allowed"),
        (["a"], {}, "v = ['a'] is not allowed: it must be an array of real numbers in (-inf, inf)"),
        (
            [[1], [1, 2]],
            {},
            "v = [[1], [1, 2]] is not allowed: it must be an array of real numbers",
        ),
        ([1j], {}, "v = [1j] is not allowed: it must be an array of real numbers"),
        (np.array([1j]), {}, "is not allowed: it must be an array of real numbers"),
        ([10**400], {"low": 0}, "is not allowed: it must be an array of real numbers in [0, inf)"),
        ([1, 2], {"ndim": 2}, "v has shape (2,), but it must have 2 dimension(s)"),
        (3.0, {"ndim": 1}, "v has shape (), but it must have 1 dimension(s)"),
    ],
)
def test_array_refuses_in_words(value, options, message):
    assert message in refusal(array, "v", value, **options)


@given(st.lists(st.floats(), max_size=6), st.floats(-10, 10))
def test_array_and_number_agree(values, low):
    """An array is accepted when each of its entries is."""

    def accepted(call):
        try:
            call()
        except ValueError:
            return False
        return True

    each = all(accepted(lambda v=value: number("x", v, low)) for value in values)
    assert accepted(lambda: array("x", values, low)) == each
