import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck import (
    canonical_correlations,
    correlation_for_information,
    covariance_information,
    gaussian_information,
    linear_layer_information,
    pair_covariance,
)


def random_covariance(seed, dimension):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((dimension, dimension + 3))
    return factor @ factor.T / dimension


@pytest.mark.parametrize("rho", [1e-9, 1e-3, 0.3, -0.7, 0.999999, 1 - 1e-12, 0.0])
def test_information_of_one_pair_to_full_precision(rho):
    with mpmath.workdps(40):
        exact = -mpmath.log(1 - mpmath.mpf(rho) ** 2) / 2
    assert gaussian_information(rho) == pytest.approx(float(exact), rel=1e-14, abs=0)


def test_information_adds_over_correlations_and_takes_lists_of_integers():
    total = sum(gaussian_information(rho) for rho in (0.9, -0.5, 0.1))
    assert gaussian_information([0.9, -0.5, 0.1]) == pytest.approx(total, rel=1e-15)
    assert gaussian_information([0, 0]) == 0.0
    assert gaussian_information(0) == 0.0


def test_two_dimensional_integral():
    # the definition, by quadrature in high precision
    rho = mpmath.mpf("0.6")
    residual = 1 - rho**2

    def integrand(x, y):
        log_ratio = -mpmath.log(residual) / 2
        log_ratio += -(rho**2 * (x * x + y * y) - 2 * rho * x * y) / (2 * residual)
        square = (x * x - 2 * rho * x * y + y * y) / residual
        return log_ratio * mpmath.exp(-square / 2) / (2 * mpmath.pi * mpmath.sqrt(residual))

    grid = [mpmath.mpf(i) / 5 for i in range(-45, 46)]  # trapezoid: exponentially accurate
    value = sum(integrand(x, y) for x in grid for y in grid) / 25
    assert gaussian_information(0.6) == pytest.approx(float(value), rel=1e-10)


@pytest.mark.parametrize(("seed", "dx", "dy"), [(0, 1, 1), (1, 3, 3), (2, 2, 4), (3, 5, 2)])
def test_the_three_forms_agree(seed, dx, dy):
    covariance = random_covariance(seed, dx + dy)
    rho = canonical_correlations(covariance, dx)
    assert rho.shape == (min(dx, dy),)
    assert (np.diff(rho) <= 0).all()
    whole = gaussian_information(rho)
    assert covariance_information(covariance, dx) == pytest.approx(whole, rel=1e-12)
    # and the conditional covariance as a linear layer: T = A X + noise
    cross, sx = covariance[:dx, dx:], covariance[:dx, :dx]
    gain = cross.T @ np.linalg.inv(sx)
    noise = covariance[dx:, dx:] - gain @ cross
    white = np.linalg.inv(np.linalg.cholesky(noise))
    assert linear_layer_information(white @ gain, sx, 1.0) == pytest.approx(whole, rel=1e-12)


def test_pairs_are_their_own_canonical_correlations():
    found = canonical_correlations(pair_covariance([0.2, -0.9, 0.5]), 3)
    np.testing.assert_allclose(found, [0.9, 0.5, 0.2], rtol=1e-14)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.floats(1e-12, 15.0), st.integers(1, 50))
def test_inverse(information, pairs):
    rho = float(correlation_for_information(information, pairs))
    assert gaussian_information([rho] * pairs) == pytest.approx(information, rel=1e-6)
    if information / pairs < 3:
        assert gaussian_information([rho] * pairs) == pytest.approx(information, rel=1e-12)


def test_inverse_keeps_shape_and_small_values():
    assert correlation_for_information([[0.0, 1.0]]).shape == (1, 2)
    # rho = sqrt(2 I) to leading order
    assert float(correlation_for_information(1e-20)) == pytest.approx(np.sqrt(2e-20), rel=1e-12)


def test_layer_without_input_or_with_more_rows_than_columns():
    assert linear_layer_information([[0.0, 0.0]], np.eye(2), 1.0) == 0.0
    tall = np.array([[1.0], [2.0], [2.0]])  # |a|² = 9
    assert linear_layer_information(tall, 4.0, 2.0) == pytest.approx(0.5 * np.log(19), rel=1e-14)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gaussian_information(1.0), "correlations"),
        (lambda: gaussian_information([0.5, -1.0]), r"correlations\[1\]"),
        (lambda: gaussian_information([]), "shape"),
        (lambda: gaussian_information([np.nan]), "correlations"),
        (lambda: correlation_for_information(-1.0), "information"),
        (lambda: correlation_for_information(1.0, pairs=0), "pairs"),
        (lambda: covariance_information([[1.0, 2.0], [2.0, 1.0]], 1), "positive definite"),
        (lambda: covariance_information([[1.0, 0.5], [0.4, 1.0]], 1), "symmetric"),
        (lambda: covariance_information(np.eye(2), 2), "dimension_x"),
        (lambda: covariance_information([[1.0]], 1), "covariance.shape"),
        (lambda: linear_layer_information(np.eye(2), np.eye(2), 0.0), "noise_variance"),
        (lambda: linear_layer_information(np.eye(3), np.eye(2), 1.0), "weights"),
    ],
)
def test_bad_gaussian_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
