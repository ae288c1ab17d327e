from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.active_multitask_lasso import allocation, water_fill

WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)


def filled_exactly(weights, total, floor):
    """Water-fill in rational arithmetic, by raising tasks that fall below their floor."""
    held = {t for t, a in enumerate(weights) if a == 0}
    while True:
        free = [t for t in range(len(weights)) if t not in held]
        left = total - sum(floor[t] for t in held)
        level = Fraction(left, sum(weights[t] for t in free)) if free else 0
        below = {t for t in free if level * weights[t] < floor[t]}
        if not below:
            return [max(level * a, Fraction(f)) for a, f in zip(weights, floor, strict=True)]
        held |= below


@st.composite
def problems(draw):
    weights = draw(WEIGHTS)
    size = len(weights)
    floor = draw(st.lists(st.integers(0, 50), min_size=size, max_size=size))
    total = sum(floor) + draw(st.integers(1 if sum(floor) == 0 else 0, 10**6))
    return weights, total, floor


@given(problems())
def test_water_fill_is_exact(problem):
    weights, total, floor = problem
    found = water_fill(weights, total, floor)
    expected = [float(x) for x in filled_exactly(weights, total, floor)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.sum() == pytest.approx(total, rel=1e-13)
    assert (found >= floor).all()


@given(problems(), st.sampled_from([1, 2]))
def test_allocation_sums_keeps_floors_and_stays_within_one(problem, p):
    weights, total, floor = problem
    found = allocation(weights, total, p=p, floor=floor)
    real = np.array([float(x) for x in filled_exactly([a**p for a in weights], total, floor)])
    assert found.dtype.kind == "i"
    assert found.sum() == total
    assert (found >= floor).all()
    assert np.abs(found - real).max() < 1 + 1e-8
    rounded_up, rounded_down = found > real + 1e-7, found < real - 1e-7
    if rounded_up.any() and rounded_down.any():  # largest remainder
        part = real - np.floor(real)
        assert part[rounded_up].min() >= part[rounded_down].max() - 1e-7


@given(problems(), st.floats(1e-150, 1e150))
def test_only_the_direction_of_the_relevance_matters(problem, scale):
    weights, total, floor = problem
    signs = np.where(np.arange(len(weights)) % 2, -1.0, 1.0)
    plain = water_fill(weights, total, floor)
    np.testing.assert_allclose(water_fill(np.multiply(weights, scale), total, floor), plain, 1e-12)
    two = allocation(signs * weights * scale, total, p=2, floor=floor)
    assert np.abs(two - allocation(weights, total, p=2, floor=floor)).max() <= 1
    assert two.sum() == total


def test_the_rules_by_hand():
    assert allocation([3, -1, 0], 12, p=1).tolist() == [9, 3, 0]
    assert allocation([3, -1, 0], 10, p=2).tolist() == [9, 1, 0]
    assert allocation([3, -1, 0], 12, p=1, floor=2).tolist() == [8, 2, 2]  # 7.5 and 2.5: a tie
    assert allocation(np.ones(4), 10, p=1).tolist() == [3, 3, 2, 2]
    assert allocation([0.1, 0.2, 0.7], 10, p=1).tolist() == [1, 2, 7]
    assert allocation([1.0], 7, p=2).tolist() == [7]


def test_samples_already_drawn_are_a_floor():
    drawn = np.array([20, 20, 20, 20])
    # scaling (2, 1, 1, 0) to 100 and clipping would give 50, 25, 25, 20
    assert allocation([2, 1, 1, 0], 100, p=1, floor=drawn).tolist() == [40, 20, 20, 20]
    assert allocation([2, 1, 1, 0], 80, p=1, floor=drawn).tolist() == drawn.tolist()


def test_very_large_totals_stay_exact():
    rng = np.random.default_rng(0)
    for total in (10**12 + 7, 2**53 - 1, 2**53):
        found = allocation(rng.random(50), total, p=1, floor=3)
        assert int(found.sum()) == total
        assert found.min() >= 3


def test_tiny_weights_neither_overflow_nor_vanish_from_the_sum():
    assert allocation([1.0, 1e-200, 1e-320], 10, p=2).tolist() == [10, 0, 0]
    assert allocation([1.0, 1e-200, 1e-320], 12, p=1, floor=1).tolist() == [10, 1, 1]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([1, 1], 5), {"p": 1, "floor": 3}, "total = 5 .* at least the sum of the floors, 6"),
        (([1, 1], 5), {"p": 1, "floor": [1, 2, 3]}, r"floor\.shape"),
        (([1, 1], 5), {"p": 1, "floor": -1}, "floor = -1"),
        (([1, 1], 5), {"p": 1, "floor": 0.5}, "floor = 0.5 .* whole"),
        (([1, 1], 5), {"p": 1, "floor": np.nan}, "floor = nan"),
        (([1, 1], 5.5), {"p": 1}, "total = 5.5"),
        (([1, 1], -5), {"p": 1}, "total = -5"),
        (([1, 1], 0), {"p": 1}, "total = 0"),
        (([1, 1], 2**60), {"p": 1}, "total = "),
        (([0, 0], 5), {"p": 1}, r"nu = \[0\.0, 0\.0\]"),
        (([np.nan, 1], 5), {"p": 1}, r"nu\[0\] = nan"),
        (([np.inf, 1], 5), {"p": 1}, r"nu\[0\] = inf"),
        ((3.0, 5), {"p": 1}, "nu has shape"),
        (([1, 1], 5), {"p": 3}, "p = 3"),
    ],
)
def test_bad_arguments_are_named(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        allocation(*arguments, **options)


def test_bad_weights_are_named():
    with pytest.raises(ValueError, match=r"weights\[1\] = -1"):
        water_fill([1, -1], 5)
    with pytest.raises(ValueError, match="total = 0"):
        water_fill([1, 1], 0)
