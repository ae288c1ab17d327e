import warnings

import numpy as np
import pytest
from scipy.special import gammaln

from sims.inductive_bias import (
    cumulants,
    log_cdf,
    log_cdf_approximation,
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


def test_where_lugannani_rice_breaks_down_it_says_certain():
    # a fourteenth of a degree of freedom: its tails may leave [0, 1]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = log_cdf_approximation([0.5, 2.0], 1.0, dof=0.07, method="lugannani-rice")
    assert np.all(found <= 0.0)
    assert np.all(found >= log_cdf([0.5, 2.0], 1.0, dof=0.07))


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
