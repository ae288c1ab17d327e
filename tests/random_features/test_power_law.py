"""Closed forms of power-law tasks: against the exact eigenframework and against themselves."""

import math
import warnings

import numpy as np
import pytest

from sims.numerics.validate import ValidityWarning
from sims.random_features.fitting import fitting_curve
from sims.random_features.power_law import (
    interpolation_threshold,
    largest_fitting_ratio,
    optimal_fitting_ratio,
    optimal_relative_error,
    relative_error,
)
from sims.random_features.power_law_rates import (
    asymptotic_error,
    asymptotic_kappa,
    feature_bottleneck,
    fixed_noise_excess,
    fixed_noise_fitting_ratio,
    ridgeless_error,
)
from sims.random_features.spectra import power_law_spectrum
from sims.random_features.theory import risk, risk_infinite_data
from sims.random_features.tuning import optimal_ridge_curve

PAIRS = [(1.5, 2.0), (1.17, 1.14), (1.22, 1.20), (1.12, 1.36), (1.5, 1.2), (2.5, 3.0), (1.2, 3.3)]


def task(alpha, beta):
    return power_law_spectrum(alpha, beta, math.inf).arguments()


# --- the optimal fitting ratio


@pytest.mark.parametrize(("alpha", "beta"), PAIRS)
@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0, 50.0, 1e12])
def test_optimum_minimises_the_error(alpha, beta, noise):
    best = optimal_fitting_ratio(alpha, beta, noise)
    grid = np.append(np.linspace(0, 1, 20_001)[:-1], 1 - np.geomspace(1e-12, 1e-4, 200))
    error = relative_error(grid, alpha, beta, noise)
    value = optimal_relative_error(alpha, beta, noise)
    assert 0 <= best < 1
    assert value <= error.min() * (1 + 1e-14)
    assert value == pytest.approx(relative_error(best, alpha, beta, noise), rel=1e-9)
    r = math.sqrt(best)
    stationary = alpha - beta - (alpha - 1) * beta * r
    stationary += alpha * (alpha - 1) * noise * (1 - r) ** beta
    assert stationary <= 1e-9 * (1 + noise)
    if best > 0:
        assert stationary == pytest.approx(0, abs=1e-9 * (1 + noise))
        assert value == pytest.approx((beta - 1) / (alpha - 1) * (1 - r) ** -beta, rel=1e-4)


@pytest.mark.parametrize(("alpha", "beta"), PAIRS)
def test_interpolation_is_optimal_up_to_the_threshold_only(alpha, beta):
    threshold = float(interpolation_threshold(alpha, beta))
    assert threshold == pytest.approx((beta - alpha) / (alpha * (alpha - 1)))
    if threshold < 0:
        assert optimal_fitting_ratio(alpha, beta) == pytest.approx(
            ((alpha - beta) / ((alpha - 1) * beta)) ** 2, rel=1e-12
        )
    else:
        assert optimal_fitting_ratio(alpha, beta, threshold * 0.999) == 0
        assert optimal_fitting_ratio(alpha, beta, threshold * 1.001 + 1e-9) > 0


def test_reference_values():
    assert optimal_fitting_ratio(1.17, 1.14) == pytest.approx(0.02396, abs=5e-6)
    assert optimal_fitting_ratio(1.5, 1.2, 1.0) == pytest.approx(0.5533, abs=5e-5)
    assert optimal_fitting_ratio(1.5, 2.0, [0, 1, 5]) == pytest.approx(
        [0.0, 0.0106, 0.2371], abs=5e-5
    )


@pytest.mark.parametrize(
    ("alpha", "beta", "noise", "expected"),
    [
        (1.17, 1.14, 0, (0.179, 0.444, 0.625, 0.963)),
        (1.22, 1.20, 0, (0.103, 0.314, 0.481, 0.900)),
        (1.12, 1.36, 0, (0.002, 0.031, 0.093, 0.554)),
        (1.15, 1.55, 0, (0.001, 0.013, 0.042, 0.348)),
        (1.22, 1.57, 1, (0.021, 0.136, 0.255, 0.683)),
        (1.5, 2.0, 1, (0.055, 0.141, 0.217, 0.519)),
    ],
)
def test_near_optimal_band(alpha, beta, noise, expected):
    excess = np.array([0.01, 0.05, 0.1, 0.5])
    band = largest_fitting_ratio(alpha, beta, noise, excess)
    assert band == pytest.approx(expected, abs=6e-4)
    limit = (1 + excess) * optimal_relative_error(alpha, beta, noise)
    assert relative_error(band, alpha, beta, noise) == pytest.approx(limit, rel=1e-10)


# --- against the exact eigenframework


@pytest.mark.parametrize(
    ("alpha", "beta", "at_hundred"), [(1.5, 1.5, 0.9917), (1.2, 2.0, 0.978), (1.5, 3.0, 0.955)]
)
def test_error_converges_to_the_closed_form(alpha, beta, at_hundred):
    n = np.array([1e2, 1e4])
    exact = fitting_curve(0.16, n, **task(alpha, beta))
    ratio = exact.test / asymptotic_error(n, 0.16, alpha, beta)
    assert ratio[0] == pytest.approx(at_hundred, abs=6e-4)
    assert ratio[1] == pytest.approx(1, abs=1e-3)
    kappa = exact.kappa / asymptotic_kappa(n, 0.16, alpha)
    assert kappa == pytest.approx([1, 1], abs=0.02)
    assert kappa[1] == pytest.approx(1, abs=2e-4)


@pytest.mark.parametrize(("alpha", "beta"), [(1.5, 2.0), (1.3, 1.6)])
@pytest.mark.parametrize("noise", [0.0, 1.0, 5.0])
def test_exact_optimum_at_ten_thousand_samples(alpha, beta, noise):
    scale = risk(1e4, np.inf, 0, **task(alpha, beta)).test
    best = optimal_ridge_curve(1e4, np.inf, **task(alpha, beta), noise_variance=noise * scale)
    assert best.fitting_ratio == pytest.approx(optimal_fitting_ratio(alpha, beta, noise), abs=3e-4)
    expected = optimal_relative_error(alpha, beta, noise)
    assert best.test / scale == pytest.approx(expected, rel=3e-4)


def test_fitting_curve_is_risk_at_the_ridge_it_names():
    n, ratio = np.array([[30.0], [1000.0]]), np.array([0.0, 0.1, 0.9, 0.9999])
    curve = fitting_curve(ratio, n, **task(1.5, 2.0), relative_noise=3.0)
    noise = 3.0 * curve.test / curve.relative
    result = risk(n, np.inf, curve.ridge, **task(1.5, 2.0), noise_variance=noise)
    assert result.test == pytest.approx(curve.test, rel=1e-12)
    assert result.kappa == pytest.approx(curve.kappa, rel=1e-12)
    assert result.train / result.test == pytest.approx(np.broadcast_to(ratio, (2, 4)), rel=1e-11)
    assert fitting_curve(0.0, 10, [1.0] * 20, [1.0] * 20).relative == 1.0


def test_fitting_curve_needs_more_modes_than_samples():
    with pytest.raises(ValueError, match="below the number of positive eigenvalues, 20"):
        fitting_curve(0.1, 20, [1.0] * 20, [1.0] * 20)
    with pytest.raises(ValueError, match=r"fitting_ratio = 1\.0"):
        fitting_curve(1.0, 10, [1.0] * 20, [1.0] * 20)


def test_fixed_noise_is_the_classical_regime():
    n = 10.0 ** np.arange(2, 7)
    best = optimal_ridge_curve(n, np.inf, **task(1.5, 2.0), noise_variance=0.1)
    assert best.fitting_ratio == pytest.approx([0.167, 0.604, 0.857, 0.953, 0.985], abs=6e-4)
    closed = fixed_noise_fitting_ratio(n, 1.5, 2.0, 0.1)
    assert closed[1:] == pytest.approx(best.fitting_ratio[1:], abs=1e-3)
    ratio = (best.test - 0.1) / fixed_noise_excess(n, 1.5, 2.0, 0.1)
    assert np.all(np.diff(np.abs(ratio - 1)) < 0)
    assert ratio[-1] == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize(("alpha", "beta", "slack"), [(1.5, 2.0, 1e-3), (1.5, 3.5, 1e-5)])
def test_feature_bottleneck(alpha, beta, slack):
    exact = risk_infinite_data(1e6, 0.0, **task(alpha, beta)).test
    assert exact == pytest.approx(feature_bottleneck(1e6, alpha, beta), rel=slack)


def test_smooth_targets_saturate():
    n = np.array([1e3, 1e5])
    exact = risk(n, np.inf, 0, **task(1.5, 6.0)).test
    assert math.log(exact[1] / exact[0]) / math.log(100) == pytest.approx(-3.0, abs=1e-3)
    with pytest.warns(ValidityWarning, match=r"beta = 6 is not below 2 alpha \+ 1 = 4"):
        closed = ridgeless_error(n, 1.5, 6.0)
    assert exact == pytest.approx(closed, rel=3e-3)
    with pytest.warns(ValidityWarning):
        assert optimal_fitting_ratio(1.5, 6.0, 3.0) == optimal_fitting_ratio(1.5, 4 - 1e-15, 3.0)


# --- arguments


def test_warning_is_given_once_and_only_when_due():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimal_fitting_ratio(1.5, 3.99)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        asymptotic_error(100, 0.1, 1.5, 6.0, 0.1)
    assert len(caught) == 1


def test_broadcasting():
    assert optimal_fitting_ratio([[1.2], [1.5]], [1.5, 2.0, 2.5], 1.0).shape == (2, 3)
    assert isinstance(optimal_fitting_ratio(1.5, 2.0), float)
    with pytest.raises(ValueError, match=r"alpha \(2,\), beta \(3,\)"):
        optimal_fitting_ratio([1.2, 1.5], [1.5, 2.0, 2.5])


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (optimal_fitting_ratio, (1.0, 2.0), r"alpha = 1\.0"),
        (optimal_fitting_ratio, (1.5, 1.0), r"beta = 1\.0"),
        (optimal_fitting_ratio, (1.5, 2.0, -0.1), r"relative_noise = -0\.1"),
        (optimal_fitting_ratio, (1.5, 2.0, math.inf), r"relative_noise = inf"),
        (optimal_fitting_ratio, (math.nan, 2.0), r"alpha = nan"),
        (interpolation_threshold, (0.5, 2.0), r"alpha = 0\.5"),
        (relative_error, (1.0, 1.5, 2.0), r"fitting_ratio = 1\.0"),
        (relative_error, (-0.1, 1.5, 2.0), r"fitting_ratio = -0\.1"),
        (largest_fitting_ratio, (1.5, 2.0, 0.0, 0.0), r"excess = 0\.0"),
        (asymptotic_kappa, (0, 0.1, 1.5), r"n = 0\.0"),
        (asymptotic_kappa, (10, 1.0, 1.5), r"fitting_ratio = 1\.0"),
        (ridgeless_error, (-1, 1.5, 2.0), r"n = -1\.0"),
        (fixed_noise_excess, (10, 1.5, 2.0, 0.0), r"noise_variance = 0\.0"),
        (fixed_noise_fitting_ratio, (10, 1.5, 2.0, -1.0), r"noise_variance = -1\.0"),
        (asymptotic_error, (10, 0.1, 1.5, 2.0, -1.0), r"noise_variance = -1\.0"),
        (feature_bottleneck, (10, 1.5, 2.5), r"beta = 2\.5.*alpha \+ 1"),
        (feature_bottleneck, (0, 1.5, 2.0), r"k = 0\.0"),
    ],
)
def test_bad_inputs(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_a_logarithm_is_no_power_law():
    with pytest.raises(ValueError, match=r"beta = 4\.0.*2 alpha \+ 1"):
        ridgeless_error(100, 1.5, 4.0)
