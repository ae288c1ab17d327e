import math

import numpy as np
import pytest

from sims.inductive_bias.error_bars import (
    bootstrap,
    delta_method,
    density_ratio_bounds,
    distance_bounds,
)
from sims.inductive_bias.gamma_law import fit_gamma
from sims.inductive_bias.published import fit_noncentral_chi2


def test_density_ratio():
    found = density_ratio_bounds([0.2, 5.0, np.inf], 0.5)
    assert found.low.tolist() == [0.0, 4.5, np.inf]
    assert found.high.tolist() == [0.7, 5.5, np.inf]
    assert not found.vacuous.any()


def test_density_ratio_holds_for_discrete_laws():
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.dirichlet(np.ones(6))
        q = p * np.exp(rng.uniform(-0.4, 0.4, 6))
        q /= q.sum()
        a = np.abs(np.log(q / p)).max()
        found = density_ratio_bounds(-math.log(p[:3].sum()), a)
        assert found.low <= -math.log(q[:3].sum()) <= found.high


def test_distance_by_hand():
    nats = -math.log(0.3)
    found = distance_bounds(nats, 0.1)
    assert found.low == pytest.approx(-math.log(0.4))
    assert found.high == pytest.approx(-math.log(0.2))
    assert found.vacuous is False


def test_distance_is_vacuous_from_its_own_depth_on():
    found = distance_bounds(np.log(2) * np.array([6.6, 6.7, 5000.0]), 0.01)
    assert found.vacuous.tolist() == [False, True, True]
    assert found.high[1:].tolist() == [np.inf, np.inf]
    assert found.low[2] == pytest.approx(-math.log(0.01))
    forever = distance_bounds(np.inf, 0.01)
    assert forever.low == pytest.approx(-math.log(0.01))
    assert forever.vacuous
    exact = distance_bounds([3.0, 1e6, np.inf], 0.0)
    assert exact.low.tolist() == exact.high.tolist() == [3.0, 1e6, np.inf]
    assert not exact.vacuous.any()


@pytest.mark.parametrize(
    ("bound", "arguments", "name"),
    [
        (distance_bounds, (-1.0, 0.1), "nats"),
        (distance_bounds, (1.0, 1.1), "distance"),
        (distance_bounds, (np.nan, 0.1), "nats"),
        (density_ratio_bounds, (1.0, -0.1), "log_ratio"),
    ],
)
def test_bad_bounds_are_named(bound, arguments, name):
    with pytest.raises(ValueError, match=name):
        bound(*arguments)


# ----- scatter of fitted values


@pytest.mark.parametrize(("size", "deviation"), [(100, 2.04), (1000, 0.645), (10_000, 0.204)])
def test_gamma_delta_at_the_truth(size, deviation):
    # quantiles of the law as a sample: the fit is the law itself up to O(1/size)
    from scipy.stats import gamma

    errors = gamma.ppf((np.arange(20_000) + 0.5) / 20_000, 10, scale=0.1)
    found = delta_method(errors, 0.1)
    assert found.nats == pytest.approx(16.01, rel=2e-3)
    assert found.deviation * math.sqrt(20_000 / size) == pytest.approx(deviation, rel=5e-3)


def test_gamma_delta_covers():
    # 400 nominal 95 % intervals of size 1000: misses beyond binomial 5 sigma (42) or below 3 have
    # probability < 1e-5 each if the normal approximation is good to 1 %
    rng = np.random.default_rng(1)
    samples = rng.gamma(10.0, 0.1, (400, 1000))
    found = [delta_method(row, 0.1) for row in samples]
    truth = 16.0099
    misses = sum(not one.low <= truth <= one.high for one in found)
    assert 3 <= misses <= 42
    values = fit_gamma(samples).nats(0.1)
    # the standard deviation of 400 values is known to 3.5 %: 5 sigma
    assert np.mean([one.deviation for one in found]) == pytest.approx(values.std(), rel=0.18)


def test_sandwich_is_right_where_the_law_is_wrong():
    # two humps. Scatter of the fitted gamma's information over 2000 samples of 500, known to
    # 1.6 %: 5 sigma; without the sandwich it would be nearly twice too large.
    rng = np.random.default_rng(2)

    def humps(*size):
        return rng.gamma(50.0, 0.02, size) * np.where(rng.random(size) < 0.5, 0.5, 1.5)

    values = fit_gamma(humps(2000, 500)).nats(0.1)
    errors = humps(200_000)
    found = delta_method(errors, 0.1).deviation * math.sqrt(200_000 / 500)
    assert found == pytest.approx(values.std(), rel=0.1)
    fit = fit_gamma(errors)
    same_law = rng.gamma(float(fit.shape), float(fit.scale), 200_000)
    naive = delta_method(same_law, 0.1).deviation * math.sqrt(200_000 / 500)
    assert naive > 1.5 * values.std()


def test_three_parameters_scatter_as_said():
    # dof 4, noncentrality 20, error 5: 0.138 nats at 8000 by the delta method
    errors = np.random.default_rng(4).noncentral_chisquare(4, 20, 50_000)
    found = delta_method(errors, 5.0, law="noncentral-chi2")
    assert found.nats == pytest.approx(float(fit_noncentral_chi2(errors).nats(5.0)), rel=1e-9)
    # the deviation itself varies with the fit: a tenth
    assert found.deviation * math.sqrt(50_000 / 8000) == pytest.approx(0.138, rel=0.1)


def test_bootstrap_agrees_with_the_delta_method():
    # 400 resamples know a deviation to 3.5 %: 5 sigma
    rng = np.random.default_rng(5)
    errors = rng.gamma(10.0, 0.1, 2000)
    found = bootstrap(errors, [0.1, 0.5], rng, resamples=400)
    reference = delta_method(errors, [0.1, 0.5])
    np.testing.assert_allclose(found.deviation, reference.deviation, rtol=0.18)
    np.testing.assert_allclose(found.nats, reference.nats, rtol=1e-12)
    assert np.all((found.low < found.nats) & (found.nats < found.high))


def test_bootstrap_of_three_parameters():
    rng = np.random.default_rng(6)
    errors = rng.noncentral_chisquare(4, 20, 4000)
    found = bootstrap(errors, 5.0, rng, law="noncentral-chi2", resamples=30)
    # 30 resamples know a deviation to 13 %: 5 sigma
    reference = delta_method(errors, 5.0, law="noncentral-chi2").deviation
    assert found.deviation == pytest.approx(float(reference), rel=0.65)
    assert found.low < found.nats < found.high


def test_shapes_and_boundaries():
    errors = np.random.default_rng(7).chisquare(1, (500, 40)) @ (0.9 ** np.arange(40))
    for law in ("gamma", "noncentral-chi2"):
        found = delta_method(errors, [[0.5], [1.0]], law=law)
        assert found.deviation.shape == found.low.shape == (2, 1)
        assert np.all(found.deviation > 0)
    one, other = (delta_method(errors, 0.5, law=law) for law in ("gamma", "noncentral-chi2"))
    assert one.nats == pytest.approx(float(other.nats), rel=1e-3)  # the same law
    assert one.deviation == pytest.approx(float(other.deviation), rel=1e-2)


@pytest.mark.parametrize("estimate", [delta_method, lambda *a, **k: bootstrap(*a, RNG, **k)])
def test_bad_input_is_named(estimate):
    errors = np.random.default_rng(8).gamma(2.0, 1.0, 100)
    with pytest.raises(ValueError, match="errors"):
        estimate(errors[:20], 0.1)
    with pytest.raises(ValueError, match="error"):
        estimate(errors, 0.0)
    with pytest.raises(ValueError, match="law"):
        estimate(errors, 0.1, law="normal")
    with pytest.raises(ValueError, match="confidence"):
        estimate(errors, 0.1, confidence=1.0)


RNG = np.random.default_rng(9)


def test_bootstrap_needs_resamples():
    with pytest.raises(ValueError, match="resamples"):
        bootstrap(np.arange(1.0, 100), 0.1, RNG, resamples=1)
