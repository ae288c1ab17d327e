import mpmath
import numpy as np
import pytest

from sims.information_bottleneck import (
    bsc_critical_beta,
    bsc_ib_curve,
    deterministic_ib_curve,
    discretised_gaussian,
)


def binary_entropy(a):
    return -a * mpmath.log(a) - (1 - a) * mpmath.log(1 - a)


@pytest.mark.parametrize("delta", [1e-3, 0.1, 0.25, 0.49, 0.5])
@pytest.mark.parametrize("noise", ["1e-6", "0.01", "0.11", "0.3", "0.4999"])
def test_gerbers_curve_in_high_precision(delta, noise):
    # the encoder is a channel of its own, of crossover a: both sides in closed form
    with mpmath.workdps(40):
        a, d = mpmath.mpf(noise), mpmath.mpf(delta)
        information_x = mpmath.log(2) - binary_entropy(a)
        information_y = mpmath.log(2) - binary_entropy(a * (1 - d) + (1 - a) * d)
    found = float(bsc_ib_curve(delta, float(information_x)))
    assert found == pytest.approx(float(information_y), rel=1e-10, abs=1e-30)


def test_ends_of_the_channel_curve():
    ends = bsc_ib_curve(0.1, [0.0, np.log(2)])
    exact = float(mpmath.log(2) - binary_entropy(mpmath.mpf(0.1)))
    np.testing.assert_allclose(ends, [0.0, exact], rtol=1e-14)
    assert float(bsc_ib_curve(0.5, 0.3)) == 0.0


@pytest.mark.parametrize("delta", [0.05, 0.3])
def test_slope_at_the_origin_is_one_over_the_critical_beta(delta):
    slope = float(bsc_ib_curve(delta, 1e-10)) / 1e-10
    assert slope == pytest.approx(1 / bsc_critical_beta(delta), rel=1e-8)


def test_critical_beta_of_a_useless_channel():
    assert bsc_critical_beta(0.5) == np.inf


def test_deterministic_curve():
    assert deterministic_ib_curve([0.0, 0.4, 3.0, np.inf], 0.6).tolist() == [0.0, 0.4, 0.6, 0.6]


def test_gaussian_on_a_grid():
    joint, grid = discretised_gaussian(-0.5, points=5, limit=2.0)
    assert grid.tolist() == [-2, -1, 0, 1, 2]
    assert joint.sum() == pytest.approx(1, abs=1e-15)
    # ratio of two cells against the density itself
    ratio = np.exp(-0.5 * (1 + 1 + 2 * 0.5 * -1 * -1 * -1) / 0.75 + 0.5 * (1 + 1 + 1) / 0.75)
    assert joint[1, 3] / joint[1, 1] == pytest.approx(ratio, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: bsc_ib_curve(0.0, 0.1), "crossover"),
        (lambda: bsc_ib_curve(0.6, 0.1), "crossover"),
        (lambda: bsc_ib_curve(0.1, 0.7), "information_x"),
        (lambda: bsc_ib_curve(0.1, -0.1), "information_x"),
        (lambda: bsc_critical_beta(0.0), "crossover"),
        (lambda: deterministic_ib_curve(0.1, -1.0), "label_entropy"),
        (lambda: discretised_gaussian(1.0), "correlation"),
        (lambda: discretised_gaussian(0.5, points=1), "points"),
        (lambda: discretised_gaussian(0.5, limit=0.0), "limit"),
    ],
)
def test_bad_curves_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
