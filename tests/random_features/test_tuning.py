"""The optimal ridge: global, exact where it is known, and better with every sample and feature."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.random_features import tuning
from sims.random_features.spectral_sums import spectral_sums
from sims.random_features.theory import risk
from sims.random_features.tuning import optimal_ridge, optimal_ridge_curve

INDEX = np.arange(1.0, 10_001.0)
PAPER = INDEX**-1.5


def rough_task(seed):
    """Targets that jump by orders of magnitude: the error often has several local minima."""
    rng = np.random.default_rng(seed)
    modes = int(rng.integers(1, 25))
    task = {
        "eigenvalues": 10.0 ** rng.uniform(-rng.choice([1, 6, 25]), 0, modes),
        "target_power": rng.lognormal(0, rng.choice([1, 4, 8]), modes),
        "multiplicity": rng.choice([1.0, 3.0, 10.0], modes),
        "noise_variance": float(rng.choice([0.0, 1e-8, 1e-3, 1.0, 1e3])),
    }
    if modes > 2 and rng.random() < 0.2:
        task["eigenvalues"][0] = 0.0
    return task


def test_reference_values_of_the_gaussian_task():
    n = np.array([256, 256, 256, 256, 256, 256, 50, 251, 1000, 10000])
    k = np.array([50, 100, 251, 501, 1000, 10000, 256, 256, 256, 256])
    best = optimal_ridge_curve(n, k, PAPER, PAPER, noise_variance=0.5)
    test = [1.1213, 1.0079, 0.9193, 0.8826, 0.8616, 0.8400, 1.2113, 0.9204, 0.7975, 0.7195]
    ridge = [1.97, 1.44, 0.97, 0.77, 0.65, 0.52, 0.76, 0.96, 1.17, 1.41]
    assert np.abs(best.test - test).max() < 1e-4
    assert np.abs(best.ridge - ridge).max() < 0.01


@pytest.mark.parametrize("n", [1.0, 3.0, 100.0, 5000.0, 20_000.0])
@pytest.mark.parametrize("noise", [1e-2, 1.0, 1e3, 1e20])
def test_target_drawn_from_the_prior(n, noise):
    """The best ridge is then exactly the noise variance, and the error n kappa."""
    best = optimal_ridge(n, np.inf, PAPER, PAPER, noise_variance=noise)
    assert best.ridge == pytest.approx(noise, rel=1e-9)
    kappa = risk(n, np.inf, noise, PAPER, PAPER, noise_variance=noise).kappa
    assert best.test == pytest.approx(n * kappa, rel=1e-11)


@pytest.mark.parametrize("seed", range(150))
def test_no_ridge_on_a_fine_grid_is_better(seed):
    task, rng = rough_task(seed), np.random.default_rng(10_000 + seed)
    n = float(rng.choice([rng.integers(1, 60), task["multiplicity"].sum(), rng.uniform(0.5, 100)]))
    k = float(rng.choice([np.inf, rng.integers(1, 60), n, n + 1, task["multiplicity"].sum()]))
    best = optimal_ridge(n, k, **task)
    grid = np.append(0.0, 10.0 ** np.linspace(-30, 9, 800))
    assert best.test <= risk(n, k, grid, **task).test.min() * (1 + 1e-12)
    there = risk(n, k, best.ridge, **task)
    assert there.test == best.test
    assert best.fitting_ratio * there.test == pytest.approx(there.train, rel=1e-8, abs=1e-250)


def test_the_global_one_of_two_minima():
    """Two groups of modes, each with its own best ridge; which wins depends on the target."""
    eigenvalues, size = [1.0, 1e-6], [5.0, 500.0]
    winners = []
    for power in (1.6e-3, 7.6e-3):
        task = {"multiplicity": size, "noise_variance": 0.01}
        grid = 10.0 ** np.linspace(-9, 3, 3000)
        test = risk(20, np.inf, grid, eigenvalues, [1.0, power], **task).test
        falls = np.diff(test) < 0
        assert np.sum(falls[:-1] & ~falls[1:]) == 2
        best = optimal_ridge(20, np.inf, eigenvalues, [1.0, power], **task)
        assert best.test == pytest.approx(test.min(), rel=1e-4)
        winners.append(best.ridge)
    assert max(winners) > 100 * min(winners)


def test_slope_has_the_sign_of_the_differences():
    checked = 0
    for seed in range(20):
        task, rng = rough_task(seed), np.random.default_rng(seed)
        sums = spectral_sums(*(task[x] for x in ("eigenvalues", "target_power", "multiplicity")))
        at = tuning._Settings(*(np.full(40, x) for x in (7.5, 9.0, task["noise_variance"])))
        log_gamma = np.sort(rng.uniform(-5, 3, 40))
        a, b, _ = tuning._gaps_at(sums, at, log_gamma)
        legal = (a > 1e-2) & (b > 1e-2)
        at, log_gamma = at.take(legal), log_gamma[legal]
        sides = [
            tuning._test_error(at, *tuning._gaps_at(sums, at, log_gamma + shift))
            for shift in (-1e-4, 1e-4)
        ]
        difference = sides[1] - sides[0]
        clear = np.abs(difference) > 1e-7 * sides[0]
        trend = tuning._trend(at, *tuning._gaps_at(sums, at, log_gamma))
        assert np.all(np.sign(trend[clear]) == np.sign(difference[clear]))
        checked += clear.sum()
    assert checked > 300


def test_noise_only():
    for eigenvalues, target in (([1.0, 0.5], [0.0, 0.0]), ([1.0, 0.0], [0.0, 2.0])):
        best = optimal_ridge(5, 9, eigenvalues, target, noise_variance=0.7)
        assert best.ridge == np.inf
        assert best.fitting_ratio == 1
        assert best.test == 0.7 + target[1]


def test_nothing_at_all():
    best = optimal_ridge(5, 9, [1.0, 0.5], [0.0, 0.0])
    assert (best.ridge, best.test) == (0, 0)


def test_no_ridge_wins_without_noise_below_the_rank():
    best = optimal_ridge(100, np.inf, INDEX**-1.5, INDEX**-2.0)
    assert best.ridge == 0
    assert best.fitting_ratio == 0
    assert best.test == risk(100, np.inf, 0, INDEX**-1.5, INDEX**-2.0).test


def test_curve_agrees_with_single_calls():
    k = np.array([5.0, 50.0, 256.0, np.inf])
    noise = np.array([[0.0], [0.5]])
    curve = optimal_ridge_curve(256, k, PAPER, INDEX**-1.2, noise_variance=noise)
    assert curve.ridge.shape == (2, 4)
    for i in range(2):
        for j in range(4):
            one = optimal_ridge(256, k[j], PAPER, INDEX**-1.2, noise_variance=noise[i, 0])
            assert curve.test[i, j] == pytest.approx(one.test, rel=1e-12)
            assert curve.ridge[i, j] == pytest.approx(one.ridge, rel=1e-6)
    assert optimal_ridge_curve([], 5, [1, 2], [1, 1]).test.shape == (0,)


def test_many_settings_are_handled_in_pieces(monkeypatch):
    n = np.linspace(10, 300, 23)
    whole = optimal_ridge_curve(n, 100, PAPER, PAPER, noise_variance=0.1)
    monkeypatch.setattr(tuning, "_CHUNK", 1)
    assert optimal_ridge_curve(n, 100, PAPER, PAPER, noise_variance=0.1).test == pytest.approx(
        whole.test, rel=1e-13
    )


# --- theorem 1: more is better


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(0, 10**6))
def test_more_samples_and_more_features_never_hurt_at_the_optimal_ridge(seed):
    task, rng = rough_task(seed), np.random.default_rng(seed)
    rank = task["multiplicity"].sum()
    sizes = np.sort(
        np.concatenate([rng.integers(1, 80, 5), rng.uniform(0.5, 90, 5), [rank, rank + 1]])
    )
    sizes = np.append(sizes, 1e6)
    with_more = np.append(sizes, np.inf)
    best = optimal_ridge_curve(sizes[:, None], with_more, **task).test
    with np.errstate(invalid="ignore"):  # inf - inf where nothing helps
        along_k = best[:, 1:] - best[:, :-1]
        along_n = best[1:] - best[:-1]
    slack = 1e-12
    assert np.all(~(along_k > slack * best[:, :-1]))
    assert np.all(~(along_n > slack * best[:-1]))


def test_more_features_hurt_at_a_fixed_small_ridge():
    """Without tuning the statement is false: the peak of double descent."""
    test = risk(256, [128, 256, 5000], 1e-4, INDEX[:2000] ** -1.5, INDEX[:2000] ** -1.5,
                noise_variance=0.5).test  # fmt: skip
    assert test == pytest.approx([1.52, 13.98, 1.06], abs=0.005)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 0}, r"n = 0"),
        ({"n": math.inf}, r"n = inf.*risk_infinite_data"),
        ({"k": math.nan}, r"k = nan"),
        ({"noise_variance": -1}, r"noise_variance = -1"),
        ({"eigenvalues": [0, 0]}, r"sum of the eigenvalues"),
        ({"n": [1, 2]}, r"n = \[1, 2\]"),
    ],
)
def test_bad_inputs(changes, message):
    good = {"n": 10, "k": 20, "eigenvalues": [1.0, 0.5], "target_power": [1.0, 1.0]}
    with pytest.raises(ValueError, match=message):
        optimal_ridge(**(good | changes))
