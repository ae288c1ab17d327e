import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ncx2

from sims.inductive_bias import (
    deep_tail_log_cdf,
    log_cdf,
    log_cdf_approximation,
    log_cdf_bounds,
)

TERMS = st.lists(
    st.tuples(
        st.floats(1e-6, 1.0),
        st.sampled_from([0.4, 1.0, 2.0, 10.0]),
        st.one_of(st.just(0.0), st.floats(0.0, 20.0)),
    ),
    min_size=1,
    max_size=10,
)


def unpacked(terms):
    weights, dof, delta = (np.array(part) for part in zip(*terms, strict=True))
    return weights, {"dof": dof, "noncentrality": delta}, float(weights @ (dof + delta))


@given(TERMS, st.floats(-8, 0.6), st.floats(0.0, 1.0))
def test_the_exact_value_lies_in_the_sandwich(terms, depth, offset):
    weights, others, mean = unpacked(terms)
    y = offset + mean * 10**depth
    others["offset"] = offset
    exact = log_cdf(y, weights, **others)
    bounds = log_cdf_bounds(y, weights, **others)
    slack = 1e-11 * max(1.0, -exact)
    assert bounds.lower <= exact + slack
    assert exact <= bounds.upper + slack
    assert bounds.upper == log_cdf_approximation(y, weights, **others, method="chernoff")


@given(TERMS, st.floats(-4, -0.01))
def test_chernoff_is_the_least_of_its_family(terms, depth):
    # exp(K(s) - s y) bounds P for every s <= 0, and no s of a grid does better
    weights, others, mean = unpacked(terms)
    y = mean * 10**depth
    s = -np.geomspace(1e-4, 1e8, 2000) / mean
    factor = 1.0 - 2.0 * s[:, None] * weights
    k = -0.5 * np.log(factor) @ others["dof"]
    k += (s[:, None] / factor) @ (weights * others["noncentrality"])
    found = log_cdf_bounds(y, weights, **others).upper
    assert found <= (k - s * y).min() + 1e-9 * max(1.0, -found)


def test_the_radius_bound_is_one_chi_square_of_the_largest_weight():
    weights, dof, delta = np.array([2.0, 0.5, 0.1]), np.array([1.0, 2.0, 4.0]), [1.0, 0.0, 3.0]
    y = np.array([0.05, 1.0, 6.0])
    bounds = log_cdf_bounds(y + 0.3, weights, dof=dof, noncentrality=delta, offset=0.3)
    np.testing.assert_allclose(bounds.lower, ncx2.logcdf(y / 2.0, 7.0, 4.0), rtol=1e-9)


def test_equal_weights_meet_the_radius_bound():
    y = np.array([1e-6, 1.0, 30.0])
    bounds = log_cdf_bounds(y, np.full(9, 0.7), noncentrality=2.0)
    exact = log_cdf(y, np.full(9, 0.7), noncentrality=2.0)
    np.testing.assert_allclose(bounds.lower, exact, rtol=1e-12)


def test_above_the_mean_chernoff_says_nothing():
    bounds = log_cdf_bounds([1.6, 5.0, np.inf], [1.0, 0.5])
    np.testing.assert_array_equal(bounds.upper, 0.0)
    assert bounds.lower[2] == 0.0


def test_bounds_at_the_ends():
    found = log_cdf_bounds([0.5, 1.0], [1.0, 2.0], offset=1.0)
    np.testing.assert_array_equal(found.lower, -np.inf)
    np.testing.assert_array_equal(found.upper, -np.inf)
    step = log_cdf_bounds([0.5, 1.0], 0.0, offset=1.0)
    np.testing.assert_array_equal(step.lower, [-np.inf, 0.0])
    np.testing.assert_array_equal(step.upper, [-np.inf, 0.0])
    assert np.ndim(log_cdf_bounds(0.5, 1.0).lower) == np.ndim(log_cdf_bounds(0.5, 1.0).upper) == 0


@given(st.lists(st.tuples(st.floats(0.1, 1.0), st.floats(0.0, 9.0)), min_size=1, max_size=8))
def test_the_deep_tail_is_reached_linearly(terms):
    weights, delta = np.array(terms).T
    y = np.array([1e-5, 1e-6])
    gap = log_cdf(y, weights, noncentrality=delta) - deep_tail_log_cdf(
        y, weights, noncentrality=delta
    )
    slope = np.abs(gap) / y
    assert slope.max() < 100
    np.testing.assert_allclose(slope[0], slope[1], rtol=0.01, atol=1e-4)


def test_halving_costs_half_a_bit_a_degree_of_freedom():
    weights = np.linspace(0.5, 1.0, 40)
    found = deep_tail_log_cdf([1e-9, 2e-9], weights) / np.log(2)
    assert found[1] - found[0] == pytest.approx(20.0, rel=1e-12)
    assert deep_tail_log_cdf(1e-6, 1.0) == pytest.approx(-7.13355, abs=1e-5)
    assert deep_tail_log_cdf(0.0, 1.0) == -np.inf


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="weights are all 0"):
        deep_tail_log_cdf(1.0, 0.0)
    for function in (deep_tail_log_cdf, log_cdf_bounds):
        with pytest.raises(ValueError, match="threshold"):
            function(np.nan, 1.0)
        with pytest.raises(ValueError, match="dof"):
            function(1.0, 1.0, dof=-1.0)
