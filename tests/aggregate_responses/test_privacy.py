import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import laplace, norm

from sims.aggregate_responses import (
    LabelPrivacy,
    critical_rho,
    effective_noise,
    laplace_scale,
    optimal_bag_size,
    optimal_rho,
    private_leading_order,
    private_risk,
    risk,
)
from sims.aggregate_responses.bags import as_bags
from sims.aggregate_responses.trials import private_trial

CELL = {"n": 2000, "clip": 1.6, "noise_variance": 0.25}


# ----- the mechanism


def test_scale_by_hand():
    assert laplace_scale(2000, 5, 0.5, 1.6) == pytest.approx(
        2 * 1.6 * np.sqrt(np.log(2000)) / (5 * 0.5), rel=1e-15
    )
    one, two = (laplace_scale(100, 4, 1.0, 1.0, sensitivity_factor=f) for f in (1, 2))
    assert two == 2 * one
    assert laplace_scale(100, [1, 2, 4], 1.0, 1.0).shape == (3,)
    assert laplace_scale(100, 4, np.inf, 1.0) == 0.0


@pytest.mark.parametrize(("factor", "bound"), [(2, 1.0), (1, 2.0)])
@pytest.mark.parametrize("epsilon", [0.3, 1.0, 4.0])
def test_worst_log_density_ratio_of_one_replaced_response(factor, bound, epsilon):
    """Factor 2 gives epsilon; factor 1, the scale in print, only 2 epsilon."""
    n, k, clip = 60, 5, 1.3
    privacy = LabelPrivacy(epsilon, clip, factor)
    bags = as_bags(np.repeat(np.arange(n // k), k))
    responses = np.random.default_rng(0).normal(size=n)
    neighbour = responses.copy()
    responses[7], neighbour[7] = 1e9, -1e9  # clipped to the two ends: the worst neighbours
    before, after = (privacy.clipped_means(y, bags) for y in (responses, neighbour))
    scale = privacy.scales(bags)
    grid = np.linspace(-60, 60, 20001)[:, None] * scale
    ratio = laplace.logpdf(grid, before, scale) - laplace.logpdf(grid, after, scale)
    worst = np.abs(ratio).max(0).sum()  # bags are disjoint: only one of them moves
    assert worst == pytest.approx(bound * epsilon, rel=1e-9)
    assert privacy.guarantee == pytest.approx(bound * epsilon)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40),
    st.integers(0, 39),
    st.floats(-1e6, 1e6),
    st.integers(1, 6),
    st.floats(0.05, 5.0),
    st.floats(0.05, 5.0),
    st.sampled_from([1, 2]),
)
def test_no_replacement_moves_the_release_by_more_than_the_guarantee(
    responses, position, value, bags, epsilon, clip, factor
):
    responses = np.array(responses)
    n, position = len(responses), position % len(responses)
    labels = as_bags(np.arange(n) % bags)
    privacy = LabelPrivacy(epsilon, clip, factor)
    neighbour = responses.copy()
    neighbour[position] = value
    shift = np.abs(
        privacy.clipped_means(responses, labels) - privacy.clipped_means(neighbour, labels)
    )
    # the privacy loss of Laplace noise is at most the sum of shifts over scales
    assert (shift / privacy.scales(labels)).sum() <= privacy.guarantee * (1 + 1e-9)


def test_release_is_what_it_says():
    privacy = LabelPrivacy(epsilon=0.7, clip=0.9)
    labels = np.array([4, 4, 9, 9, 9, 2])
    responses = np.array([0.1, 0.2, 50.0, -1.0, 0.0, -50.0])
    out = privacy.release(responses, labels, rng=np.random.default_rng(5))
    reach = 0.9 * np.sqrt(np.log(6))
    clean = np.array([-reach, 0.15, (reach - 1.0) / 3])
    noise = np.random.default_rng(5).laplace(size=3) * laplace_scale(6, [1, 2, 3], 0.7, 0.9)
    np.testing.assert_allclose(out.bag_means, clean + noise)
    np.testing.assert_array_equal(out.responses, out.bag_means[[1, 1, 2, 2, 2, 0]])
    assert out.bags.labels.tolist() == [2, 4, 9]
    assert "0.7-label-differentially private" in out.statement
    assert "one response is replaced" in out.statement


def test_the_noise_has_the_law_it_should():
    # 20000 draws: the mean absolute value of Laplace noise is its scale, with relative standard
    # error 1/sqrt(20000) = 0.7 %; five of those
    privacy = LabelPrivacy(epsilon=1.0, clip=1.0)
    labels = np.repeat(np.arange(20000), 2)
    out = privacy.release(np.zeros(40000), labels, rng=np.random.default_rng(1))
    scale = laplace_scale(40000, 2, 1.0, 1.0)
    assert np.abs(out.bag_means).mean() == pytest.approx(scale, rel=0.035)
    assert abs(out.bag_means.mean()) < 5 * scale * np.sqrt(2 / 20000)


def test_statements():
    assert "2-label" in LabelPrivacy(1.0, 1.0, 1).statement
    assert "sensitivity factor 1" in LabelPrivacy(1.0, 1.0, 1).statement
    assert "no privacy" in LabelPrivacy(np.inf, 1.0).statement


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: laplace_scale(1, 1, 1.0, 1.0), "n"),
        (lambda: laplace_scale(10, 11, 1.0, 1.0), "at most n = 10"),
        (lambda: laplace_scale(10, 0, 1.0, 1.0), "bag_size"),
        (lambda: laplace_scale(10, 2.5, 1.0, 1.0), "whole"),
        (lambda: laplace_scale(10, 2, 0.0, 1.0), "epsilon"),
        (lambda: laplace_scale(10, 2, 1.0, 0.0), "clip"),
        (lambda: laplace_scale(10, 2, 1.0, 1.0, sensitivity_factor=1.5), "1 or 2"),
        (lambda: LabelPrivacy(epsilon=-1), "epsilon"),
        (lambda: LabelPrivacy(clip=0), "clip"),
        (lambda: LabelPrivacy(sensitivity_factor=3), "1 or 2"),
        (lambda: LabelPrivacy().release([1.0, np.nan], rng=np.random.default_rng(0)), r"\[1\]"),
        (lambda: LabelPrivacy().release([1.0], rng=np.random.default_rng(0)), "n = 1"),
        (lambda: LabelPrivacy().release([1.0, 2], [0], rng=np.random.default_rng(0)), "1 labels"),
        (lambda: private_risk(3, 2, 0.1, epsilon=0, **CELL), "epsilon"),
        (lambda: private_risk(3, 2, 0.1, epsilon=1, n=1, clip=1, noise_variance=1), "n"),
        (lambda: private_risk(3, 9, 0.1, epsilon=1, n=8, clip=1, noise_variance=1), "at most n"),
        (lambda: critical_rho(1.0, 2), "psi"),
        (lambda: critical_rho(3.0, 1), "bag_size"),
    ],
)
def test_bad_arguments_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()


# ----- the risk


@pytest.mark.parametrize("clip", [0.02, 0.3, 0.8, 3.0])
def test_effective_noise_against_integration(clip):
    seen = effective_noise(4, n=500, epsilon=1.3, clip=clip, noise_variance=0.4, signal_power=1.7)
    reach, spread = clip * np.sqrt(np.log(500)), np.sqrt(2.1)
    ends = [-reach, reach]
    gain = norm.cdf(reach, scale=spread) - norm.cdf(-reach, scale=spread)
    wide = 12 * spread
    second = quad(
        lambda y: np.clip(y, -reach, reach) ** 2 * norm.pdf(y, scale=spread),
        -wide,
        wide,
        points=ends if reach < wide else None,
        epsabs=1e-14,
    )[0]
    linear = quad(  # E[clip(y) signal]/signal power: the slope that survives, by Stein's lemma gain
        lambda y: np.clip(y, -reach, reach) * y * norm.pdf(y, scale=spread) / 2.1,
        -wide,
        wide,
        points=ends if reach < wide else None,
        epsabs=1e-14,
    )[0]
    assert seen.gain == pytest.approx(gain, rel=1e-10)
    assert seen.gain == pytest.approx(linear, rel=1e-9)
    noise = second - gain**2 * 1.7 + 2 * 4 * laplace_scale(500, 4, 1.3, clip) ** 2
    assert seen.noise_variance == pytest.approx(noise, rel=1e-9)


def test_no_noise_and_no_clipping_is_the_plain_risk():
    free = private_risk(
        6, 3, [0.0, 0.2, 1.0], n=1e6, epsilon=np.inf, clip=50, noise_variance=0.7, signal_power=2
    )
    plain = risk(6, 3, [0.0, 0.2, 1.0], noise_variance=0.7, signal_power=2)
    np.testing.assert_allclose(free.bias_squared, plain.bias_squared, rtol=1e-12)
    np.testing.assert_allclose(free.variance, plain.variance, rtol=1e-12)


@pytest.mark.parametrize(("n", "ratio"), [(1e3, 0.2012), (1e4, 0.1841), (1e6, 0.1670)])
def test_slow_approach_to_the_leading_order(n, ratio):
    arguments = {"n": n, "epsilon": 1.0, "clip": 1.8, "sensitivity_factor": 1}
    total = private_risk(8, 4, 0.5, noise_variance=0.5, **arguments).total
    assert total / np.log(n) == pytest.approx(ratio, abs=6e-5)
    leading = private_leading_order(8, 4, 0.5, **arguments) / np.log(n)
    assert leading == pytest.approx(0.13286, abs=6e-6)
    four = private_leading_order(8, 4, 0.5, **{**arguments, "sensitivity_factor": 2})
    assert four == pytest.approx(4 * leading * np.log(n), rel=1e-12)


def test_staircases_of_the_best_bag_size():
    epsilons = [0.25, 0.5, 1, 2, 3, 4, 6, 8, 16, 32]
    sizes = [20, 1, 2, 4, 5, 8, 10]
    expected = {
        1.0: [20, 20, 20, 5, 4, 2, 2, 1, 1, 1],
        0.3: [20, 20, 20, 20, 8, 4, 2, 2, 1, 1],
        0.05: [20, 20, 20, 20, 20, 20, 1, 1, 1, 1],
    }
    for rho, stairs in expected.items():
        found = optimal_bag_size(10, rho, sizes, epsilon=epsilons, **CELL)
        assert found.tolist() == stairs


def test_critical_weight_values():
    table = {
        6: [0.05756, 0.04627, 0.03654, 0.02803],
        10: [0.04006, 0.03536, 0.03112, 0.02727],
        20: [0.02237, 0.02102, 0.01976, 0.01857],
    }
    for psi, values in table.items():
        np.testing.assert_allclose(critical_rho(psi, [2, 3, 4, 5]), values, atol=6e-6)


@pytest.mark.parametrize("seed", range(25))
def test_critical_weight_is_where_the_leading_orders_meet(seed):
    rng = np.random.default_rng(seed)
    psi, k = 1 + np.exp(rng.uniform(-2, 3)), 1 + np.exp(rng.uniform(-2, 3))

    def gain(log_rho):
        rho = np.exp(log_rho)
        return float(risk(psi, k, rho, noise_variance=1.0).variance) / k - 1 / (psi - 1)

    low, high = gain(-50), gain(50)
    expected = 0.0 if low < 0 else np.inf if high > 0 else np.exp(brentq(gain, -50, 50, xtol=1e-13))
    assert critical_rho(psi, k) == pytest.approx(expected, rel=1e-8)


def test_with_the_best_ridge_single_samples_are_best():
    """The honest caveat: the private gain of bags is rho's regularisation, not the aggregation."""
    for epsilon in (0.5, 1.0, 4.0, 32.0):
        totals = []
        for k in (1, 2, 5, 20):
            seen = effective_noise(k, epsilon=epsilon, **CELL)
            ridge = seen.noise_variance / seen.gain**2
            totals.append(private_risk(10, k, 0.0, epsilon=epsilon, ridge=ridge, **CELL).total)
        assert np.argmin(totals) == 0


def test_best_ridge_beats_the_best_weight():
    for psi, k, noise in [(6, 3, 1.0), (3, 5, 0.3), (20, 2, 4.0), (1.5, 2, 1.0)]:
        ridge = risk(psi, k, 0.0, noise_variance=noise, ridge=noise).total
        assert ridge < optimal_rho(psi, k, noise_variance=noise).risk


@pytest.mark.parametrize(
    ("clip", "epsilon", "factor"), [(0.7, 1.5, 2), (1.9, 0.8, 1), (0.3, np.inf, 2)]
)
def test_monte_carlo_of_the_private_risk(clip, epsilon, factor):
    # d = 200, 40 draws: standard errors up to 1 %, offsets up to 1.2 %; 5 % is four standard
    # errors beyond the offset, a false alarm has a chance below 1e-3 for a fresh seed
    rng = np.random.default_rng(2)
    sizes, rhos = (1, 2, 10), (0.1, 0.8)
    arguments = {
        "epsilon": epsilon,
        "clip": clip,
        "noise_variance": 0.4,
        "signal_power": 1.4,
        "sensitivity_factor": factor,
    }
    draws = [private_trial(1200, 200, sizes, rhos, rng=rng, **arguments) for _ in range(40)]
    theory = private_risk(6, np.array(sizes)[:, None], rhos, n=1200, **arguments).total
    np.testing.assert_allclose(np.mean(draws, axis=0), theory, rtol=0.05)
