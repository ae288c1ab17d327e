import mpmath
import numpy as np
import pytest
from scipy.stats import gamma

from sims.inductive_bias.gamma_law import fit_gamma, log_gamma_cdf

mp = mpmath.mp.clone()
mp.dps = 50


def exact_log_cdf(a, x):
    a, x = mp.mpf(a), mp.mpf(x)
    return float(mp.log(mp.gammainc(a, 0, x, regularized=True)))


@pytest.mark.parametrize("a", [0.01, 0.5, 1.0, 10.0, 300.0, 5000.0])
@pytest.mark.parametrize("ratio", [1e-300, 1e-30, 1e-3, 0.1, 0.6, 0.95, 1.0, 1.1])
def test_log_cdf_at_any_depth(a, ratio):
    found = float(log_gamma_cdf(a, a * ratio))
    assert found == pytest.approx(exact_log_cdf(a, a * ratio), rel=2e-12, abs=1e-13)


def test_far_above_the_mean_keeps_its_digits():
    assert float(log_gamma_cdf(2.0, 60.0)) == pytest.approx(exact_log_cdf(2, 60), rel=1e-10)


@pytest.mark.parametrize("shape", [0.05, 1.0, 40.0, 1e6])
def test_fit_solves_the_likelihood_equations(shape):
    sample = np.random.default_rng(0).gamma(shape, 0.1, 500)
    fit = fit_gamma(sample)
    best = gamma.logpdf(sample, fit.shape, scale=fit.scale).sum()
    for factor in (1 - 1e-3, 1 + 1e-3):
        assert gamma.logpdf(sample, factor * fit.shape, scale=fit.scale / factor).sum() < best
        assert gamma.logpdf(sample, fit.shape, scale=fit.scale * factor).sum() < best
    assert fit.shape * fit.scale == pytest.approx(sample.mean(), rel=1e-12)
    shift = mp.log(fit.shape) - mp.digamma(fit.shape)
    gap = mp.log(mp.fsum(sample) / 500) - mp.fsum(mp.log(e) for e in sample) / 500
    assert float(shift / gap) == pytest.approx(1.0, abs=1e-9)


def test_many_fits_at_once_are_single_fits():
    sample = np.random.default_rng(1).gamma(3.0, 1.0, (2, 3, 100))
    whole = fit_gamma(sample)
    assert whole.shape.shape == (2, 3)
    assert whole.shape[1, 2] == pytest.approx(float(fit_gamma(sample[1, 2]).shape), rel=1e-13)
    assert whole.nats(0.01).shape == (2, 3)


def test_the_scatter_of_the_fitted_information_is_that_of_the_fisher_information():
    # 16.01 nats; standard deviations 0.645 and 0.204 by the delta method. 2000 fits estimate one
    # to 1.6 %: 5 sigma, false alarm < 1e-6 for each of the two.
    rng = np.random.default_rng(2)
    truth = -exact_log_cdf(10, 1)
    assert truth == pytest.approx(16.01, abs=0.01)
    for size, deviation in ((1000, 0.645), (4000, 0.645 / 2)):
        values = np.concatenate(
            [fit_gamma(rng.gamma(10.0, 0.1, (500, size))).nats(0.1) for _ in range(4)]
        )
        assert values.std() == pytest.approx(deviation, rel=0.08)
        assert abs(values.mean() - truth) < 60 / size + 5 * deviation / np.sqrt(2000)


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (np.ones(29), "at least 30"),
        (np.ones(100), "all alike"),
        (np.r_[np.arange(1.0, 99), 0.0], "errors"),
        (np.r_[np.arange(1.0, 99), -1.0], "errors"),
        (np.r_[np.arange(1.0, 99), np.nan], "errors"),
        (3.0, "errors"),
        (np.ones((0, 40)), "errors"),
    ],
)
def test_bad_errors_are_named(errors, words):
    with pytest.raises(ValueError, match=words):
        fit_gamma(errors)


def test_bad_targets_are_named():
    fit = fit_gamma(np.arange(1.0, 50))
    with pytest.raises(ValueError, match="error"):
        fit.nats(0.0)
