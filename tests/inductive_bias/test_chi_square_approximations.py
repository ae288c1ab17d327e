import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln

from sims.inductive_bias import (
    cumulants,
    deep_tail_log_cdf,
    log_cdf,
    log_cdf_approximation,
    log_cdf_bounds,
    match_three_cumulants,
)

METHODS = ("lugannani-rice", "chernoff", "three-cumulant")


@pytest.mark.parametrize("n", [1, 2, 10, 50, 400])
def test_lugannani_rice_misses_stirling_in_the_deep_tail(n):
    half = n / 2
    stirling = (half - 0.5) * np.log(half) - half + 0.5 * np.log(2 * np.pi)
    gap = log_cdf_approximation(1e-40, np.ones(n), method=METHODS[0]) - log_cdf(1e-40, np.ones(n))
    assert gap == pytest.approx(gammaln(half) - stirling, abs=1e-3 / n)


def test_lugannani_rice_is_close_and_smooth_across_the_mean():
    weights, delta = np.linspace(0.2, 1.0, 30), np.linspace(0.0, 2.0, 30)
    mean, variance = cumulants(weights, noncentrality=delta, order=2)
    y = mean + np.sqrt(variance) * np.array(
        [-4, -1, -0.1, -1.1e-4, -0.9e-4, 0, 0.9e-4, 1.1e-4, 0.1, 1, 4]
    )
    found = log_cdf_approximation(y, weights, noncentrality=delta, method=METHODS[0])
    exact = log_cdf(y, weights, noncentrality=delta)
    np.testing.assert_allclose(found, exact, rtol=2e-3)
    assert (np.diff(found) > 0).all()
    gaps = (found - exact)[3:8]  # the limit's error where it takes over is of the order of z
    assert np.ptp(gaps) < 1e-5


def test_chernoff_by_brute_force():
    weights, dof, y = np.array([1.0, 0.3]), np.array([2.0, 5.0]), 0.4
    s = -np.geomspace(1e-3, 1e3, 400_001)
    k = -0.5 * (np.log1p(-2 * s[:, None] * weights) @ dof) - s * y
    found = log_cdf_approximation(y, weights, dof=dof, method="chernoff")
    assert found == pytest.approx(k.min(), abs=1e-8)


def test_three_cumulants_with_an_offset_start_at_zero():
    weights, offset = [1.0, 0.2, 0.1], 0.5
    k1, k2, k3 = cumulants(weights, order=3)
    fit = match_three_cumulants(k1 + offset, k2, k3)
    found = log_cdf_approximation([0.4, 1.0], weights, offset=offset, method="three-cumulant")
    expected = log_cdf([0.4, 1.0], fit.scale, dof=fit.dof, noncentrality=fit.noncentrality)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert np.isfinite(found[0])
    assert log_cdf(0.4, weights, offset=offset) == -np.inf


def test_one_scaled_term_is_its_own_three_cumulant_fit():
    y = np.array([0.01, 1.0, 5.0, 20.0])
    exact = log_cdf(y, 0.7, dof=3, noncentrality=4)
    found = log_cdf_approximation(y, 0.7, dof=3, noncentrality=4, method="three-cumulant")
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@given(
    st.lists(st.tuples(st.floats(1e-3, 1.0), st.floats(0.0, 9.0)), min_size=1, max_size=8),
    st.floats(1e-3, 4.0),
    st.floats(0.0, 1.0),
)
def test_the_exact_value_lies_in_both_sandwiches(terms, share, offset):
    weights, delta = np.array(terms).T
    y = offset + share * weights @ (1 + delta)
    exact = log_cdf(y, weights, noncentrality=delta, offset=offset)
    bounds = log_cdf_bounds(y, weights, noncentrality=delta, offset=offset)
    slack = 1e-12 * max(1.0, -exact)
    assert bounds.lower <= exact + slack
    assert exact <= bounds.upper + slack
    chernoff = log_cdf_approximation(
        y, weights, noncentrality=delta, offset=offset, method="chernoff"
    )
    assert chernoff == bounds.upper


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


@pytest.mark.parametrize("method", METHODS)
def test_ends_and_shapes(method):
    found = log_cdf_approximation([[-1.0, 0.0, np.inf]], [1.0, 2.0], method=method)
    np.testing.assert_array_equal(found, [[-np.inf, -np.inf, 0.0]])
    assert np.ndim(log_cdf_approximation(1.0, 1.0, method=method)) == 0
    np.testing.assert_array_equal(
        log_cdf_approximation([0.5, 1.0], 0.0, offset=1.0, method=method), [-np.inf, 0.0]
    )


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="method"):
        log_cdf_approximation(1.0, 1.0, method="davies")
    with pytest.raises(ValueError, match="weights"):
        log_cdf_approximation(1.0, -1.0, method="chernoff")
    with pytest.raises(ValueError, match="offset"):
        log_cdf_approximation(1.0, 1.0, offset=-5.0, method="three-cumulant")
    with pytest.raises(ValueError, match="weights are all 0"):
        deep_tail_log_cdf(1.0, 0.0)
