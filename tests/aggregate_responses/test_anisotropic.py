import mpmath as mp
import numpy as np
import pytest

from sims.aggregate_responses import anisotropic_risk, risk
from sims.aggregate_responses.blocks import block_trial

RNG = np.random.default_rng(3)
SPECTRUM = np.exp(RNG.normal(size=60))
THETA = RNG.normal(size=60)


@pytest.mark.parametrize("ridge", [0.0, 0.3, 1e-9])
@pytest.mark.parametrize(
    ("psi", "k", "rho"),
    [(6, 3, 0.1), (0.8, 2, 0.3), (3, 5, 0), (1.3, 2, np.inf), (3, 5, np.inf), (2, 1, 0.4)],
)
def test_equal_eigenvalues_are_the_isotropic_case(psi, k, rho, ridge):
    theta = np.array([0.3, -1.2, 0.5])
    general = anisotropic_risk([1, 1, 1], theta, psi, k, rho, noise_variance=0.5, ridge=ridge)
    plain = risk(psi, k, rho, noise_variance=0.5, signal_power=theta @ theta, ridge=ridge)
    for part in ("bias_squared", "variance"):
        expected = getattr(plain, part)
        assert getattr(general, part) == pytest.approx(expected, rel=1e-12, abs=1e-100)


def test_without_ridge_enough_rows_see_only_the_signal_that_features_carry():
    out = anisotropic_risk(SPECTRUM, THETA, 6, 3, [0.0, 0.2], noise_variance=0.5)
    power = SPECTRUM @ THETA**2
    plain = risk(6, 3, [0.0, 0.2], noise_variance=0.5, signal_power=power)
    np.testing.assert_allclose(out.bias_squared, plain.bias_squared, rtol=1e-12)
    np.testing.assert_allclose(out.variance, plain.variance, rtol=1e-12)


@pytest.mark.parametrize(
    ("psi", "k", "rho", "ridge"), [(2.5, 3, 0.2, 0.1), (0.6, 2, 0.7, 0.05), (0.6, 2, 0.0, 2.0)]
)
def test_against_the_printed_formulas_in_fifty_digits(psi, k, rho, ridge):
    with mp.workdps(50):
        e, t = [mp.mpf(v) for v in SPECTRUM], [mp.mpf(v) for v in THETA]
        d, a, b = len(e), mp.mpf(psi) / k, mp.mpf(psi) * (1 - mp.mpf(1) / k)
        rho_, lam = mp.mpf(rho), mp.mpf(ridge)

        def weight(delta):
            return a / (1 + delta) + b * rho_ / (1 + rho_ * delta)

        def excess(log_delta):
            delta = mp.e**log_delta
            return mp.log(sum(v / (weight(delta) * v + lam) for v in e) / d) - log_delta

        low = mp.log(sum(v / ((a + b * rho_) * v + lam) for v in e) / d)
        high = mp.log(sum(e) / d / lam)
        delta = mp.e ** mp.findroot(excess, (low, high), solver="anderson", tol=1e-45)
        w = weight(delta)
        kappa = lam / w
        df2 = sum((v / (v + kappa)) ** 2 for v in e) / d
        wa = a / (1 + delta) / w
        ga, gb = a / (1 + delta) ** 2 / w**2, b * rho_**2 / (1 + rho_ * delta) ** 2 / w**2
        mean = [wa * v / (v + kappa) * x for v, x in zip(e, t, strict=True)]
        r0 = sum(v * (m - x) ** 2 for v, m, x in zip(e, mean, t, strict=True))
        n0 = sum(v * m**2 for v, m in zip(e, mean, strict=True))
        slack = 1 - df2 * (ga + gb)
        bias, variance = r0 + df2 * (ga * r0 + gb * n0) / slack, df2 * ga / slack
    out = anisotropic_risk(SPECTRUM, THETA, psi, k, rho, noise_variance=1.0, ridge=ridge)
    assert float(abs(out.bias_squared / bias - 1)) < 1e-12
    assert float(abs(out.variance / variance - 1)) < 1e-12


def test_tiny_ridge_reaches_interpolation():
    for psi, k, rho in [(0.8, 2, 0.3), (3, 5, 0.0), (0.3, 2, 2.0)]:
        cell = SPECTRUM, THETA, psi, k, rho
        tiny = anisotropic_risk(*cell, noise_variance=0.5, ridge=1e-12)
        none = anisotropic_risk(*cell, noise_variance=0.5)
        assert tiny.total == pytest.approx(none.total, rel=1e-8)


def test_directions_without_variance_drop_out():
    padded = np.concatenate([SPECTRUM[:40], np.zeros(20)])
    for ridge in (0.0, 0.1):
        full = anisotropic_risk(padded, THETA, 6, 3, 0.1, noise_variance=0.5, ridge=ridge)
        cut = anisotropic_risk(
            SPECTRUM[:40], THETA[:40], 9, 3, 0.1, noise_variance=0.5, ridge=1.5 * ridge
        )
        assert full.total == pytest.approx(cut.total, rel=1e-13)


def test_infinite_at_as_many_samples_as_features():
    out = anisotropic_risk(SPECTRUM, THETA, [1, 3], [2, 3], [0.1, 0.0], noise_variance=1.0)
    assert np.isinf(out.total).all()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"eigenvalues": [1, -1]}, r"eigenvalues\[1\]"),
        ({"eigenvalues": [0, 0]}, "positive somewhere"),
        ({"eigenvalues": [[1.0, 2.0]]}, "dimension"),
        ({"theta": [1.0]}, "shape"),
        ({"theta": [1.0, np.nan]}, "theta"),
        ({"ridge": -1}, "ridge"),
    ],
)
def test_bad_arguments_are_named(change, word):
    arguments = {"eigenvalues": [1, 2], "theta": [1, 1], "ridge": 0.0, **change}
    ridge = arguments.pop("ridge")
    with pytest.raises(ValueError, match=word):
        anisotropic_risk(**arguments, psi=2, bag_size=2, rho=0.1, noise_variance=1, ridge=ridge)


# ----- Monte Carlo, exact law: d = 300, 8 draws. The relative standard error of the variance is
# below 0.3 % and its O(1/d) offset below 0.7 %; of bias² (one direction) below 3 %. The bounds
# are more than four standard errors beyond the offset: a false alarm has a chance below 1e-3 for
# a fresh seed, and the seed is fixed.


@pytest.mark.parametrize(
    ("n", "ks", "ridges"),
    [(840, (2, 6), (0.05, 0.5)), (210, (2, 5), (0.05, 0.5)), (210, (3,), 0.0)],
)
def test_monte_carlo_with_covariance_and_ridge(n, ks, ridges):
    d = 300
    rng = np.random.default_rng(n)
    spectrum = np.geomspace(0.2, 3, d)[rng.permutation(d)]
    theta = rng.normal(size=d) / np.sqrt(d)
    rhos = np.array([0.0, 0.1, 1.2])
    counts = [n // k for k in ks]
    draws = [
        block_trial(
            n,
            counts,
            rhos,
            eigenvalues=spectrum,
            theta=theta,
            noise_variance=0.7,
            ridges=ridges,
            rng=rng,
        )
        for _ in range(8)
    ]
    ridge = np.asarray(ridges)
    shape = (-1, *[1] * (1 + ridge.ndim))
    theory = anisotropic_risk(
        spectrum,
        theta,
        n / d,
        np.reshape(ks, shape),
        rhos,
        noise_variance=0.7,
        ridge=ridge[..., None],
    )
    variance = np.mean([draw.variance for draw in draws], axis=0)
    bias = np.mean([draw.bias_squared for draw in draws], axis=0)
    np.testing.assert_allclose(variance, theory.variance, rtol=0.02)
    np.testing.assert_allclose(bias, theory.bias_squared, rtol=0.14)
