import numpy as np
import pytest

from sims.aggregate_responses import (
    finite_sample_risk,
    instance_optimal_noise,
    risk,
    small_rho_limit,
    snr_threshold,
)
from sims.aggregate_responses.simulate import risk_trial


def close(actual, expected, rtol=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-14)


@pytest.mark.parametrize(("psi", "k"), [(7.3, 2), (11.0, 5), (2.5, 1.7)])
def test_bag_level_with_enough_bags(psi, k):
    out = risk(psi, k, 0.0, noise_variance=0.7, signal_power=1.9)
    close(out.bias_squared, 0.0)
    close(out.variance, 0.7 * k / (psi - k))


@pytest.mark.parametrize(("psi", "k"), [(0.4, 2), (3.0, 5), (1.0, 3)])
def test_bag_level_of_minimum_norm(psi, k):
    a = psi / k
    out = risk(psi, k, 0.0, noise_variance=0.7, signal_power=1.9)
    close(out.bias_squared, 1.9 * (1 - a))
    close(out.variance, 0.7 * a / (1 - a))


@pytest.mark.parametrize(("psi", "k"), [(1.4, 6), (8.0, 3), (20.0, 40)])
def test_instance_level(psi, k):
    q = 1 - 1 / k
    out = risk(psi, k, 1.0, noise_variance=0.7, signal_power=1.9)
    close(out.bias_squared, 1.9 * (q**2 + q * (1 - q) / (psi - 1)))
    close(out.variance, 0.7 / (k * (psi - 1)))


@pytest.mark.parametrize("rho", [1e-6, 0.3, 50.0, np.inf])
def test_fewer_samples_than_features_forget_the_weight(rho):
    psi, k = 0.7, 3
    a = psi / k
    out = risk(psi, k, rho, noise_variance=0.7, signal_power=1.9)
    close(out.bias_squared, 1.9 * ((1 - a) ** 2 + a * (1 - 2 * a + a * psi) / (1 - psi)))
    close(out.variance, 0.7 * a / (1 - psi))


@pytest.mark.parametrize("rho", [0.0, 0.2, 1.0, 9.0, np.inf])
def test_single_samples_are_ordinary_least_squares(rho):
    out = risk(3.5, 1, rho, noise_variance=0.7)
    close(out.bias_squared, 0.0)
    close(out.variance, 0.7 / 2.5)


def test_infinite_weight():
    # b >= 1: everything is shrunken away; b < 1: x = (1-b)/a, y = 1
    out = risk(6, 3, np.inf, noise_variance=0.7, signal_power=1.9)
    close([out.bias_squared, out.variance], [1.9, 0.0])
    a, b = 1.2 / 1.5, 0.4
    x = (1 - b) / a
    slack = 1 - a * x**2 - b
    out = risk(1.2, 1.5, np.inf, noise_variance=0.7)
    close(out.bias_squared, b**2 + 1.2 * a * b * x**2 / slack)
    close(out.variance, 0.7 * a * x**2 / slack)
    close(risk(1.2, 1.5, 1e13, noise_variance=0.7).total, out.total, rtol=1e-11)


def test_ridge_alone_at_its_best_is_the_posterior_mean():
    # psi = 6, k = 3: ridge regression on 2 d bag means with lambda = sigma²/t2
    close(risk(6, 3, 0.0, noise_variance=1.0, ridge=1.0).total, np.sqrt(2) - 1)


def test_ridge_tends_to_the_minimum_norm_solution():
    for psi, k, rho in [(0.7, 3, 0.4), (3, 5, 0.0), (6, 3, 0.1), (0.7, 3, np.inf)]:
        tiny = risk(psi, k, rho, noise_variance=0.7, ridge=1e-12)
        close(tiny.total, risk(psi, k, rho, noise_variance=0.7).total, rtol=1e-8)


@pytest.mark.parametrize(
    ("psi", "k", "rho", "bias", "variance"),
    [
        (6, 3, 0.1, 0.089437, 0.211803),
        (3, 4, 0.02, 0.354504, 0.856616),
        (1.5, 2, 0.1, 0.619048, 1.142857),
        (10, 5, 3, 0.845365, 0.001921),
        (0.8, 2, 0.3, 1.4, 1.0),
    ],
)
def test_anchors(psi, k, rho, bias, variance):
    out = risk(psi, k, rho, noise_variance=0.5)
    np.testing.assert_allclose([out.bias_squared, out.variance], [bias, variance], atol=6e-7)


def test_explicit_curve_needs_no_solver():
    # notes 3.2: on a x + b y = 1 everything is explicit in x
    psi, k = 5.0, 4.0
    a, b = psi / k, psi * (1 - 1 / k)
    x = np.linspace(0.05, 0.75, 12)
    y = (1 - a * x) / b
    rho = y * (1 - x) / (x * (1 - y))
    slack = 1 - a * x**2 - b * y**2
    out = risk(psi, k, rho, noise_variance=0.3, signal_power=2.0)
    close(out.bias_squared, 2.0 * (b**2 * y**2 + psi * a * b * x**2 * y**2 / slack), rtol=1e-11)
    close(out.variance, 0.3 * a * x**2 / slack, rtol=1e-11)


def test_singular_points_are_infinite_and_never_nan():
    psi, k, rho = np.meshgrid([0.5, 1, 2, 3, 4], [1, 2, 3, 4], [0, 1e-9, 0.5, 1, np.inf])
    for noise in (0.0, 1.0):
        for ridge in (0.0, 0.1):
            out = risk(psi, k, rho, noise_variance=noise, ridge=ridge)
            for part in (out.bias_squared, out.variance, out.total):
                assert not np.isnan(part).any()
    singular = ((psi == 1) & ((rho > 0) | (k == 1))) | ((psi == k) & (rho == 0))
    total = risk(psi, k, rho, noise_variance=1.0).total
    np.testing.assert_array_equal(np.isinf(total), singular)


def test_small_weights_do_not_reach_the_minimum_norm_point():
    for psi, k in [(3, 5), (0.7, 2), (6, 3), (1.5, 40)]:
        limit = small_rho_limit(psi, k, noise_variance=0.7, signal_power=1.9)
        near = risk(psi, k, 1e-13, noise_variance=0.7, signal_power=1.9)
        close([near.bias_squared, near.variance], [limit.bias_squared, limit.variance], rtol=1e-8)
    jump = small_rho_limit(3, 5, noise_variance=1.0).total - risk(3, 5, 0, noise_variance=1.0).total
    assert jump > 0.4
    close(small_rho_limit(6, 3, noise_variance=1.0).total, risk(6, 3, 0, noise_variance=1.0).total)
    assert small_rho_limit([1, 4], [2, 4], noise_variance=1.0).total.tolist() == [np.inf, np.inf]


def test_peak_at_as_many_bags_as_features():
    # V -> 1/(2 sqrt(b rho)) as rho -> 0 at psi = k
    rho = 1e-12
    peak = risk(4, 4, rho, noise_variance=1.0).variance
    close(peak, 1 / (2 * np.sqrt(3 * rho)), rtol=1e-5)


def test_threshold_makes_both_losses_equal():
    for psi, k in [(10, 2), (10, 9), (3, 2), (3, 5), (2, 9), (1.7, 9), (7.3, 2.6)]:
        snr = snr_threshold(psi, k)
        bag, instance = (
            risk(psi, k, rho, noise_variance=1.0, signal_power=snr).total for rho in (0.0, 1.0)
        )
        close(bag, instance)
        low = [
            risk(psi, k, r, noise_variance=1.0, signal_power=0.9 * snr).total for r in (0.0, 1.0)
        ]
        assert low[1] < low[0]
    assert snr_threshold([5, 0.5, 1, 4], [5, 3, 2, 1]).tolist() == [np.inf, 0, 0, 0]
    assert snr_threshold(1.05, 2) == 0  # the minimum-norm bag estimator always wins there


def test_instance_level_is_best_mixture_from_this_noise_on():
    for psi, k in [(6, 3), (3, 5), (10, 2)]:
        noise = instance_optimal_noise(psi, k)
        for factor, sign in [(1.05, 1), (0.95, -1)]:
            near, at = (
                risk(psi, k, rho, noise_variance=factor * noise).total for rho in (1 - 1e-4, 1.0)
            )
            assert np.sign(near - at) == sign


# ----- finite samples: the exact law, averaged; 2500 draws, 5 standard errors: with 20 comparisons
# the chance of any false alarm is about 1e-5


@pytest.mark.parametrize(
    ("n", "m", "d"), [(40, 17, 8), (40, 5, 14), (14, 8, 24), (24, 24, 14), (6, 1, 15)]
)
@pytest.mark.parametrize(("level", "rho"), [("bag", 0.0), ("instance", 1.0)])
def test_finite_sample_formulas_are_the_mean_of_the_exact_law(n, m, d, level, rho):
    rng = np.random.default_rng(n + m)
    draws = [risk_trial(n, d, [m], [rho], noise_variance=0.6, rng=rng) for _ in range(2500)]
    exact = finite_sample_risk(n, m, d, level=level, noise_variance=0.6)
    for part in ("bias_squared", "variance"):
        values = np.array([getattr(draw, part)[0, 0] for draw in draws])
        error = abs(values.mean() - getattr(exact, part))
        assert error <= 5 * values.std() / np.sqrt(len(values)) + 1e-9


def test_finite_sample_values_and_limits():
    out = finite_sample_risk([160, 160], 40, 20, level="bag", noise_variance=0.5)
    close(out.variance, 0.5 * 20 / 19)
    close(finite_sample_risk(30, 10, 40, level="bag", noise_variance=1.0).variance, 10 / 29)
    for psi, k in [(4, 4), (0.75, 3)]:
        d = 400_000
        n = int(psi * d)
        large = finite_sample_risk(n, n // k, d, level="instance", noise_variance=1.0)
        close(large.total, risk(psi, k, 1.0, noise_variance=1.0).total, rtol=1e-4)
    same = [
        finite_sample_risk(60, 60, 20, level=v, noise_variance=1.0).total
        for v in ("bag", "instance")
    ]
    close(same[0], same[1])


def test_finite_sample_expectations_that_do_not_exist():
    for rows in (19, 20, 21):
        assert finite_sample_risk(60, rows, 20, level="bag", noise_variance=1.0).variance == np.inf
        out = finite_sample_risk(rows, 10, 20, level="instance", noise_variance=1.0)
        assert (out.bias_squared, out.variance) == (np.inf, np.inf)
    out = finite_sample_risk(20, 20, 20, level="instance", noise_variance=0.0)
    assert (out.bias_squared, out.variance) == (0.0, 0.0)


def test_shapes_follow_the_arguments():
    assert risk([2, 3], [[2], [4], [5]], 0.1, noise_variance=[1.0, 2.0]).total.shape == (3, 2)
    assert isinstance(risk(2, 3, 0, noise_variance=1).total, np.float64)
    assert isinstance(snr_threshold(3, 2), np.float64)
    out = finite_sample_risk([40, 60], [[10], [5]], 4, level="bag", noise_variance=1)
    assert out.total.shape == (2, 2)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: risk(0, 2, 0.1, noise_variance=1), "psi"),
        (lambda: risk(2, 0.5, 0.1, noise_variance=1), "bag_size"),
        (lambda: risk(2, 2, -0.1, noise_variance=1), "rho"),
        (lambda: risk(2, 2, np.nan, noise_variance=1), "rho"),
        (lambda: risk(2, 2, [0.1, -1], noise_variance=1), r"rho\[1\]"),
        (lambda: risk(2, 2, 0.1, noise_variance=-1), "noise_variance"),
        (lambda: risk(2, 2, 0.1, noise_variance=1, signal_power=0), "signal_power"),
        (lambda: risk(2, 2, 0.1, noise_variance=1, ridge=-1e-9), "ridge"),
        (lambda: risk(np.inf, 2, 0.1, noise_variance=1), "psi"),
        (lambda: finite_sample_risk(10, 0, 3, level="bag", noise_variance=1), "m"),
        (lambda: finite_sample_risk(10, 11, 3, level="bag", noise_variance=1), "at most n = 10"),
        (lambda: finite_sample_risk(10, 2.5, 3, level="bag", noise_variance=1), "whole"),
        (lambda: finite_sample_risk(10, 2, 3, level="sample", noise_variance=1), "level"),
        (lambda: snr_threshold(-1, 2), "psi"),
        (lambda: instance_optimal_noise(1.0, 2), "psi"),
    ],
)
def test_bad_arguments_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
