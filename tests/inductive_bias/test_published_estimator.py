import math

import numpy as np
import pytest
from scipy.special import log_ndtr
from scipy.stats import ncx2

from sims.inductive_bias.gamma_law import fit_gamma
from sims.inductive_bias.inversion import log_cdf
from sims.inductive_bias.likelihood import Sample, law_of, scores
from sims.inductive_bias.noncentral import log_density
from sims.inductive_bias.published import (
    NoncentralChi2Fit,
    fit_noncentral_chi2,
    released_nats,
    sankaran_score,
)


def draws(dof, noncentrality, size, seed=0, scale=0.1):
    return scale * np.random.default_rng(seed).noncentral_chisquare(dof, noncentrality, size)


def likelihood(errors, scale, dof, noncentrality):
    return float(np.mean(log_density(errors / scale, dof, noncentrality).value) - math.log(scale))


CASES = [(4, 20, 5000), (0.5, 8, 3000), (50, 10, 2000), (100, 200, 2000), (3, 1, 100)]


@pytest.mark.parametrize(("dof", "noncentrality", "size"), CASES)
def test_nothing_is_likelier(dof, noncentrality, size):
    errors = draws(dof, noncentrality, size)
    fit = fit_noncentral_chi2(errors)
    value = likelihood(errors, fit.scale, fit.dof, fit.noncentrality)
    # gamma fits take their parameters from the gamma's own equations; likelihoods are flat there
    assert fit.log_likelihood == pytest.approx(value, abs=1e-6)
    others = [(0.1, dof, noncentrality)]
    rng = np.random.default_rng(1)
    for skew in np.linspace(0.001, 0.249, 40):
        mean, shape = np.log(errors.mean()), 2 * np.log(errors.mean() / errors.std())
        noise = rng.normal(0, 0.5 / math.sqrt(size), 2)
        others.append(law_of(mean + noise[0] / np.exp(shape / 2), shape + noise[1], skew))
    for other in others:
        assert likelihood(errors, *other) <= value + 1e-9


def test_the_library_fit_that_was_released():
    errors = draws(4, 20, 300)
    found = fit_noncentral_chi2(errors)
    dof, noncentrality, _, scale = ncx2.fit(errors, floc=0)
    assert found.dof == pytest.approx(dof, rel=1e-3)
    assert found.noncentrality == pytest.approx(noncentrality, rel=1e-3)
    assert found.scale == pytest.approx(scale, rel=1e-3)
    released = -np.log(ncx2.cdf(0.5, dof, noncentrality, scale=scale))
    assert found.released_nats(0.5) == pytest.approx(released, rel=1e-3)


def test_large_samples_find_the_law():
    # an identifiable law, 200,000 errors: information at mean/5 has standard deviation 0.026
    # nats (0.27 at 2000), so 5 sigma is 0.13; false alarm < 1e-6
    errors = draws(4, 20, 200_000, seed=5)
    fit = fit_noncentral_chi2(errors)
    assert fit.status == "interior"
    assert fit.nats(0.5) == pytest.approx(
        float(-log_cdf(5.0, 1.0, dof=4, noncentrality=20)), abs=0.13
    )


@pytest.mark.parametrize("factor", [1e-12, 1.0, 1e9])
def test_units_do_not_matter(factor):
    errors = draws(4, 20, 1000)
    one, other = fit_noncentral_chi2(errors), fit_noncentral_chi2(factor * errors)
    assert other.scale == pytest.approx(factor * one.scale, rel=1e-6)
    assert other.dof == pytest.approx(one.dof, rel=1e-6)
    assert other.nats(factor * 0.5) == pytest.approx(float(one.nats(0.5)), rel=1e-7)


def test_overdispersed_errors_end_at_the_gamma_law():
    rng = np.random.default_rng(3)
    errors = rng.chisquare(1, (3000, 40)) @ (0.9 ** np.arange(40))  # unequal weights, no bias
    fit, gamma = fit_noncentral_chi2(errors), fit_gamma(errors)
    assert fit.status == "gamma-boundary"
    assert fit.noncentrality == 0.0
    assert fit.dof == pytest.approx(2 * float(gamma.shape), rel=1e-12)
    assert fit.nats(0.5) == pytest.approx(float(gamma.nats(0.5)), rel=1e-10)


def test_the_atom_saturates():
    errors = np.abs(np.random.default_rng(4).normal(10, 1, 3000))  # more symmetric than the family
    fit = fit_noncentral_chi2(errors)
    assert fit.status == "atom-boundary"
    deep = fit.nats([1e-6, 1e-300])
    assert deep[1] == pytest.approx(fit.noncentrality / 2, rel=0.01)


def test_mean_over_errors_from_a_few_nodes():
    errors = draws(0.7, 3, 20_000)  # down to 1e-6 of the mean
    sample = Sample(errors)
    for law in ((0.1, 0.7, 3.0), (0.05, 4.0, 3.0), (0.001, 300.0, 100.0)):
        there = log_density(sample.nodes / law[0], *law[1:]).value
        direct = np.mean(log_density(errors / law[0], *law[1:]).value)
        assert sample.shares() @ there == pytest.approx(direct, rel=1e-10)
    counts = np.random.default_rng(0).multinomial(20_000, np.full(20_000, 1 / 20_000))
    direct = np.average(np.log1p(errors), weights=counts)
    assert sample.shares(counts.astype(float)) @ np.log1p(sample.nodes) == pytest.approx(direct)


@pytest.mark.parametrize("at", [(0.3, 1.2, 0.1), (-2.0, 5.0, 0.24), (0.0, 0.0, 0.001)])
def test_slopes_of_the_likelihood(at):
    errors = np.geomspace(0.01, 5, 20)
    found = scores(errors, *at)
    for index in range(3):
        step = np.eye(3)[index] * (1e-5 * at[2] if index == 2 else 1e-6)
        ends = [scores(errors, *(np.array(at) + sign * step))[0] for sign in (1, -1)]
        slope = (ends[0] - ends[1]) / (2 * step[index])
        np.testing.assert_allclose(found[index + 1], slope, rtol=1e-5, atol=1e-5)


# ----- the released evaluation and what is wrong with it


def test_released_fallback_by_hand():
    z = float(sankaran_score(10.0, 100.0, 50.0))
    assert 0.5 * z**2 == pytest.approx(80.8, abs=0.05)
    assert -log_ndtr(z) == pytest.approx(84.2, abs=0.05)
    fit = NoncentralChi2Fit(2.0, 100.0, 50.0, "interior", 0.0, 100)
    assert fit.nats(20.0) == pytest.approx(95.5, abs=0.05)


def test_sankaran_in_the_bulk():
    x = np.linspace(90, 220, 14)
    z = sankaran_score(x, 100.0, 50.0)
    assert np.abs(np.exp(log_ndtr(z)) - ncx2.cdf(x, 100, 50)).max() < 5e-4


def test_released_value_is_finite_where_the_truth_diverges():
    fit = NoncentralChi2Fit(1.0, 100.0, 50.0, "interior", 0.0, 100)
    deep = np.array([1e-20, 1e-60, 1e-200])
    released, exact = fit.released_nats(deep), fit.nats(deep)
    assert np.ptp(released) < 1e-3
    assert np.all(np.diff(exact) > 1000)
    shallow = np.array([60.0, 150.0])
    np.testing.assert_allclose(fit.released_nats(shallow), fit.nats(shallow), rtol=1e-8)


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (np.ones(29), "at least 30"),
        (np.full(100, 0.3), "all alike"),
        (np.r_[0.0, np.ones(50)], "errors"),
        (np.r_[-1.0, np.ones(50)], "errors"),
        (np.r_[np.nan, np.ones(50)], "errors"),
        (np.ones((40, 40)), "errors"),
    ],
)
def test_bad_errors_are_named(errors, words):
    with pytest.raises(ValueError, match=words):
        fit_noncentral_chi2(errors)


def test_bad_targets_are_named():
    fit = NoncentralChi2Fit(1.0, 1.0, 1.0, "interior", 0.0, 100)
    for evaluate in (fit.nats, fit.released_nats):
        with pytest.raises(ValueError, match="error"):
            evaluate([1.0, 0.0])
    with pytest.raises(ValueError, match="dof"):
        released_nats(1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="noncentrality"):
        sankaran_score(1.0, 1.0, -1.0)
