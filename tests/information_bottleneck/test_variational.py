import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from sims.information_bottleneck import (
    bijection_infonce,
    correlation_for_information,
    distribution_free_ceiling,
    donsker_varadhan,
    gaussian_critic,
    gaussian_information,
    infonce,
    infonce_bias,
    nwj,
    ratio_variance,
)
from sims.numerics.validate import ValidityWarning


def pairs(rho, count, d, rng):
    x = rng.standard_normal((count, d))
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal((count, d))


def test_bounds_by_hand():
    f = np.random.default_rng(0).standard_normal((5, 5))
    off = f[~np.eye(5, dtype=bool)]
    diagonal = np.diag(f)
    exact = np.mean([f[i, i] - np.log(np.mean(np.exp(f[i]))) for i in range(5)])
    assert infonce(f) == pytest.approx(exact, rel=1e-13)
    exact = diagonal.mean() - np.log(np.mean(np.exp(off)))
    assert donsker_varadhan(f) == pytest.approx(exact, rel=1e-13)
    assert nwj(f) == pytest.approx(diagonal.mean() - np.mean(np.exp(off - 1)), rel=1e-13)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(2, 12), st.floats(0, 300), st.integers(0, 10**6))
@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_relations_of_the_bounds(size, scale, seed):
    f = scale * np.random.default_rng(seed).standard_normal((size, size))
    assert infonce(f) <= np.log(size) + 1e-12
    assert nwj(f) <= donsker_varadhan(f) + 1e-9  # log u <= u/e
    assert donsker_varadhan(f + 5) == pytest.approx(donsker_varadhan(f), rel=1e-9, abs=1e-9)


def test_huge_scores_do_not_overflow():
    f = 1e4 * np.array([[0.0, 1.0], [1.0, 0.0]])
    assert donsker_varadhan(f) == pytest.approx(-1e4)
    assert nwj(f) == -np.inf
    assert infonce(f) == pytest.approx(-1e4 + np.log(2))


def test_critic_is_the_log_density_ratio():
    x, y = pairs(0.5, 4, 2, np.random.default_rng(0))
    rho = [0.5, -0.8]
    found = gaussian_critic(x, y, rho)
    for i, j in itertools.product(range(4), repeat=2):
        exact = sum(
            multivariate_normal([0, 0], [[1, r], [r, 1]]).logpdf([a, b])
            - norm.logpdf(a)
            - norm.logpdf(b)
            for r, a, b in zip(rho, x[i], y[j])
        )
        assert found[i, j] == pytest.approx(exact, rel=1e-12)
    np.testing.assert_allclose(
        gaussian_critic(x, y, 0.5), gaussian_critic(x, y, [0.5, 0.5]), rtol=1e-14
    )


@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_infonce_saturates():
    # d = 4, K = 128, 60 batches: standard errors below 0.02
    rng = np.random.default_rng(0)
    for information, value in [(2, 1.92), (4, 3.50), (6, 4.45), (10, 4.84)]:
        rho = correlation_for_information(information, 4)
        runs = [infonce(gaussian_critic(*pairs(rho, 128, 4, rng), rho)) for _ in range(60)]
        assert max(runs) <= np.log(128)
        assert np.mean(runs) == pytest.approx(value, abs=0.06)


@pytest.mark.parametrize(
    ("information", "d", "batch", "bias"), [(0.5, 1, 16, 0.0423), (1.0, 4, 64, 0.0394)]
)
def test_infonce_bias_and_its_asymptote(information, d, batch, bias):
    # 1500 batches; E f_ii = I exactly, taken out as a control: standard error below 0.001
    rng = np.random.default_rng(0)
    rho = float(correlation_for_information(information, d))
    gaps = []
    for _ in range(1500):
        f = gaussian_critic(*pairs(rho, batch, d, rng), rho)
        gaps.append(np.diag(f).mean() - infonce(f))
    error = np.std(gaps) / np.sqrt(len(gaps))
    assert np.mean(gaps) == pytest.approx(bias, abs=4 * error + 5e-4)
    asymptote = float(infonce_bias(information, batch))
    assert bias < asymptote < 1.5 * bias  # an asymptote, never an equality


def test_donsker_varadhan_needs_many_samples():
    # I = 10, K = 32: far above the truth on average, with a huge spread; only off-diagonal
    # entries can give this, with the diagonal it would stay below log K
    rng = np.random.default_rng(0)
    rho = float(correlation_for_information(10, 4))
    values = [donsker_varadhan(gaussian_critic(*pairs(rho, 32, 4, rng), rho)) for _ in range(300)]
    assert np.mean(values) == pytest.approx(19.8, abs=1.5)
    assert np.std(values) == pytest.approx(7.8, rel=0.2)


def test_variance_of_the_density_ratio():
    # E_q (p/q)² by Gauss-Hermite quadrature in both variables
    rho = 0.6
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / np.sqrt(2 * np.pi)
    ratio = np.exp(2 * gaussian_critic(nodes, nodes, rho))
    exact = weights @ ratio @ weights - 1
    assert float(ratio_variance(gaussian_information(rho))) == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize(("symbols", "batch"), [(2, 2), (3, 5), (100, 32), (2, 500)])
def test_bijection_by_summing_over_batches(symbols, batch):
    if symbols**batch < 1000:
        total = 0.0
        for draw in itertools.product(range(symbols), repeat=batch):
            same = [draw.count(s) for s in draw]
            total += np.mean([np.log(batch / c) for c in same])
        exact = total / symbols**batch
    elif symbols == 100:
        exact = 3.2635
    else:
        exact = np.log(500 / 250.5) + 499 / 4 / (2 * 250.5**2)  # around the mean of 1 + B
    found = bijection_infonce(symbols, batch)
    assert found == pytest.approx(exact, abs=1e-12 if symbols**batch < 1000 else 5e-5)
    assert found <= min(np.log(symbols), np.log(batch))


@pytest.mark.filterwarnings("ignore::sims.numerics.validate.ValidityWarning")
def test_bijection_by_simulation():
    # 400 batches of 32: standard error 0.001
    rng = np.random.default_rng(0)
    values = []
    for _ in range(400):
        x = rng.integers(0, 100, 32)
        values.append(infonce(np.where(x[:, None] == x, 50.0, -50.0)))
    error = np.std(values) / np.sqrt(400)
    assert np.mean(values) == pytest.approx(bijection_infonce(100, 32), abs=3 * error)


def test_distribution_free_ceiling_is_log_of_twice_n_squared_or_so():
    # M = 2 k N² with k = 2.5 has slack 1/4k = 0.1
    found = distribution_free_ceiling(1000, delta=0.05, slack=0.1)
    assert found.ceiling == pytest.approx(np.log(2 * 2.5 * 1000**2), abs=2e-3)
    assert found.probability == pytest.approx(0.85, abs=1e-6)
    # repeats among N draws from M points are no more likely than that
    points = round(np.exp(found.ceiling))
    no_repeat = np.exp(np.log1p(-np.arange(1000) / points).sum())
    assert no_repeat >= 1 - 0.1


@pytest.mark.parametrize("bound", [infonce, nwj, donsker_varadhan])
@pytest.mark.parametrize(
    ("critic", "word"),
    [
        ([[1.0]], "K >= 2"),
        ([[1.0, 2.0]], "shape"),
        ([1.0, 2.0], "dimension"),
        ([[np.nan, 1.0], [1.0, 1.0]], "critic"),
    ],
)
def test_bad_critics_are_named(bound, critic, word):
    with pytest.raises(ValueError, match=word):
        bound(critic)


def test_infonce_warns_near_its_ceiling():
    with pytest.warns(ValidityWarning, match="log K"):
        infonce(100 * np.eye(4))


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gaussian_critic([0, 1], [0, 1], 1.0), "correlations"),
        (lambda: gaussian_critic([0, 1], [0, 1], [0.1, 0.2]), "correlations"),
        (lambda: gaussian_critic([0, 1], [[0, 1], [1, 2]], 0.1), "y.shape"),
        (lambda: ratio_variance(-1.0), "information"),
        (lambda: infonce_bias(1.0, 1), "batch"),
        (lambda: bijection_infonce(1, 2), "symbols"),
        (lambda: bijection_infonce(2, 1), "batch"),
        (lambda: distribution_free_ceiling(1), "samples"),
        (lambda: distribution_free_ceiling(10, delta=0.0), "delta"),
        (lambda: distribution_free_ceiling(10, slack=1.0), "slack"),
    ],
)
def test_bad_bounds_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
