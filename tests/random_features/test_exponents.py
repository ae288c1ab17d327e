import warnings

import numpy as np
import pytest

from sims.datasets import diabetes, digits
from sims.numerics.kernels import laplace_kernel, ntk_kernel, rbf_kernel
from sims.numerics.validate import ValidityWarning
from sims.random_features import exponents as module
from sims.random_features.exponents import exponent_trial, fit_exponents

SIZES = np.unique(np.geomspace(80, 0.78 * 1797, 10).astype(int))


@pytest.mark.parametrize(
    ("kernel", "alphas", "betas"),
    [
        (laplace_kernel, (1.12, 1.19), (1.45, 1.65)),
        (lambda inputs: ntk_kernel(inputs, 3), (1.17, 1.28), (1.45, 1.68)),
    ],
    ids=["Laplace", "NTK of depth 3"],
)
@pytest.mark.parametrize("targets", ["one-hot", "parity"])
def test_exponents_of_digits(kernel, alphas, betas, targets):
    data = digits(targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_exponents(
            kernel(data.inputs), data.targets, SIZES, trials=3, rng=np.random.default_rng(0)
        )
    assert alphas[0] < fit.alpha < alphas[1]
    assert betas[0] < fit.beta < betas[1]
    assert fit.alpha_residual < 0.02  # straight lines
    assert fit.beta_residual < 0.05
    assert fit.alpha_stderr < 0.02
    assert fit.beta_stderr < 0.05


@pytest.mark.parametrize(("alpha", "beta"), [(1.3, 1.6), (1.5, 2.0), (1.5, 1.3)])
def test_known_exponents_are_recovered(alpha, beta):
    # Gaussian modes; those beyond the cut act as ridge and noise, so that the spectrum never ends.
    modes, points = 3000, 450
    rng = np.random.default_rng(1)
    index = np.arange(1.0, modes + 1)
    ridge = (modes + 0.5) ** (1 - alpha) / (alpha - 1)
    noise = (modes + 0.5) ** (1 - beta) / (beta - 1)
    data = rng.standard_normal((points, modes))
    kernel = (data * index**-alpha) @ data.T + ridge * np.eye(points)
    coefficients = index[:, None] ** (-beta / 2) * rng.choice([-1.0, 1.0], (modes, 6))
    targets = data @ coefficients + np.sqrt(noise) * rng.standard_normal((points, 6))
    fit = fit_exponents(kernel, targets, [40, 60, 90, 130, 190, 270, 350], trials=4, rng=rng)
    # Over populations the fit scatters by 0.004 and 0.02, and finite sizes bias it by 0.007.
    assert fit.alpha == pytest.approx(alpha, abs=0.02)
    assert fit.beta == pytest.approx(beta, abs=0.08)


def test_a_trial_by_hand():
    rng = np.random.default_rng(2)
    kernel = laplace_kernel(rng.standard_normal((60, 3)))
    targets = rng.standard_normal((60, 2))
    sizes = [30, 5, 59, 30, 12]
    series = exponent_trial(kernel, targets, sizes, np.random.default_rng(3))
    order = np.random.default_rng(3).permutation(60)
    permuted, values = kernel[np.ix_(order, order)], targets[order]
    for index, n in enumerate(sizes):
        inverse = np.linalg.inv(permuted[:n, :n])
        missed = values[n:] - permuted[n:, :n] @ inverse @ values[:n]
        # The jitter moves both by about 1e-10 times the condition number.
        assert series.kappa[index] == pytest.approx(1 / np.trace(inverse), rel=1e-7)
        assert series.test[index] == pytest.approx(np.sum(missed**2) / (60 - n), rel=1e-7)


def test_one_cholesky_decomposition_serves_all_sizes(monkeypatch):
    count = []
    original = module._factor
    monkeypatch.setattr(module, "_factor", lambda *a: count.append(1) or original(*a))
    kernel = laplace_kernel(np.random.default_rng(4).standard_normal((80, 3)))
    rng = np.random.default_rng(5)
    fit_exponents(kernel, kernel[:, 0], range(10, 70, 3), trials=4, rng=rng)
    assert len(count) == 4


def test_the_fit_is_the_line_through_its_own_series():
    rng = np.random.default_rng(6)
    inputs = rng.uniform(size=(200, 2))
    fit = fit_exponents(
        laplace_kernel(inputs), inputs[:, 0], [100, 20, 40, 60, 140, 40], trials=3, rng=rng
    )
    np.testing.assert_array_equal(fit.sizes, [20, 40, 60, 100, 140])  # sorted, once each
    assert fit.kappa.shape == fit.test.shape == (3, 5)
    slope, level = np.polyfit(np.log(fit.sizes), np.log(fit.kappa).mean(axis=0), 1)
    assert fit.alpha == pytest.approx(-slope, rel=1e-10)
    assert fit.kappa_level == pytest.approx(np.exp(level), rel=1e-10)
    slope, level = np.polyfit(np.log(fit.sizes), np.log(fit.test).mean(axis=0), 1)
    assert fit.beta == pytest.approx(1 - slope, rel=1e-10)
    line = np.log(fit.sizes) * slope + level
    rms = np.sqrt(np.mean((np.log(fit.test).mean(axis=0) - line) ** 2))
    assert fit.beta_residual == pytest.approx(rms, rel=1e-8)


def test_scaling_changes_no_exponent():
    rng = np.random.default_rng(7)
    inputs = rng.uniform(size=(150, 2))
    kernel, targets = laplace_kernel(inputs), inputs[:, 0]
    sizes = [20, 30, 45, 70, 110]
    plain, scaled = (
        fit_exponents(s * kernel, s * targets, sizes, trials=2, rng=np.random.default_rng(8))
        for s in (1.0, 1e6)
    )
    assert scaled.alpha == pytest.approx(plain.alpha, rel=1e-9)
    assert scaled.beta == pytest.approx(plain.beta, rel=1e-6)


def test_a_single_trial_has_no_error_bars():
    inputs = np.random.default_rng(9).uniform(size=(100, 2))
    fit = fit_exponents(
        laplace_kernel(inputs),
        inputs[:, 0],
        [10, 20, 30, 40, 60],
        trials=1,
        rng=np.random.default_rng(10),
    )
    assert np.isnan(fit.alpha_stderr)
    assert np.isnan(fit.beta_stderr)
    assert np.isfinite(fit.alpha)


@pytest.mark.parametrize("kernel", [rbf_kernel, laplace_kernel])
def test_noisy_targets_are_no_power_law(kernel):
    data = diabetes()
    with pytest.warns(ValidityWarning, match="beta = .* is not clearly above 1"):
        fit = fit_exponents(
            kernel(data.inputs),
            data.targets,
            [40, 70, 120, 200, 340],
            rng=np.random.default_rng(11),
        )
    assert fit.beta < 1.1


def test_a_spectrum_without_decay_is_no_power_law():
    rng = np.random.default_rng(12)
    with pytest.warns(ValidityWarning, match="alpha = 1 .*is not clearly above 1"):
        fit_exponents(np.eye(50), rng.standard_normal(50), [5, 10, 20, 30, 40], rng=rng)


def test_a_kernel_of_low_rank_is_reported():
    rng = np.random.default_rng(13)
    inputs = rng.standard_normal((100, 8))
    with pytest.warns(ValidityWarning, match="rank deficient"):
        fit_exponents(inputs @ inputs.T, inputs[:, 0] ** 2, [5, 10, 20, 40, 80], rng=rng)


KERNEL = laplace_kernel(np.random.default_rng(14).uniform(size=(40, 2)))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": KERNEL[:, :30]}, "kernel"),
        ({"kernel": KERNEL + np.tri(40)}, "not symmetric"),
        ({"kernel": KERNEL - 2 * np.eye(40)}, "semi-definite"),
        ({"kernel": np.full((40, 40), np.nan)}, "kernel"),
        ({"targets": np.ones(39)}, "targets"),
        ({"targets": np.ones((40, 2, 2))}, "targets"),
        ({"targets": np.zeros(40)}, "targets"),
        ({"sizes": [5, 10, 20, 30]}, "4 different"),
        ({"sizes": [5, 5, 10, 20, 30]}, "4 different"),
        ({"sizes": [5, 10, 20, 30, 40]}, r"sizes\[4\] = 40"),
        ({"sizes": [5, 10, 20, 30, 50]}, r"sizes\[4\] = 50"),
        ({"sizes": [0, 10, 20, 30, 35]}, r"sizes\[0\] = 0"),
        ({"sizes": [5.5, 10, 20, 30, 35]}, "sizes = 5.5"),
        ({"sizes": 10}, "sizes"),
        ({"trials": 0}, "trials = 0"),
        ({"rng": 0}, "rng = 0"),
    ],
)
def test_bad_arguments_are_named(change, words):
    arguments = {
        "kernel": KERNEL,
        "targets": np.arange(40.0),
        "sizes": [5, 10, 20, 30, 35],
        "rng": np.random.default_rng(15),
    }
    with pytest.raises(ValueError, match=words):
        fit_exponents(**{**arguments, **change})
