"""The scalar equation: how many evaluations, how good, and no pass over the full spectrum."""

import mpmath as mp
import numpy as np
import pytest

from sims.random_features import compression, estimates, spectral_sums
from sims.random_features.eigenframework import Equation, solve
from sims.random_features.theory import risk
from sims.random_features.tuning import optimal_ridge_curve

INDEX = np.arange(1.0, 10_001.0)
GRID = np.geomspace(10, 1e4, 50)


def grid_solution(ridge, alpha=1.5):
    sums = spectral_sums.spectral_sums(INDEX**-alpha, INDEX**-1.5)
    n, k = (x.ravel() for x in np.meshgrid(GRID, GRID[:-1]))  # one side below the rank
    return solve(sums, estimates.reduced_equation(sums, n, k, np.full_like(n, ridge)))


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.5])
@pytest.mark.parametrize("ridge", [0.0, 1e-200, 1e-8, 1e-3, 1.0, 1e3, 1e8])
def test_newton_evaluations_on_the_grid(ridge, alpha):
    assert grid_solution(ridge, alpha).newton <= (6 if ridge <= 1 else 15)


@pytest.mark.parametrize("seed", range(40))
def test_newton_evaluations_on_rough_tasks(seed):
    rng = np.random.default_rng(seed)
    modes = int(rng.integers(2, 60))
    level = 10.0 ** rng.uniform(-rng.choice([1, 10, 60]), 0, modes)
    sums = spectral_sums.spectral_sums(level, np.ones(modes), rng.choice([1.0, 50.0], modes))
    low = np.append(10 ** rng.uniform(-1, 9, 300), [sums.rank] * 20)
    high = low + np.where(rng.random(320) < 0.3, rng.choice([0, 1, 1e-7]), rng.exponential(low))
    high[:20] = np.inf
    ridge = 10 ** rng.uniform(-200, 8, 320)
    assert solve(sums, Equation(low, high, ridge)).newton <= 15


def test_gaps_keep_their_product_and_difference():
    low, high = np.array([5.0, 7.0, 1e9, 3.0]), np.array([5.0, 8.0, 1e9 + 1, np.inf])
    ridge, log_gamma = np.array([1e-30, 1e-12, 1e-6, 0.2]), np.array([0.0, -1.0, -20.0, 0.0])
    gap = Equation(low, high, ridge).gaps(log_gamma)
    for small, ratio, lo, hi, d, t in zip(gap.small, gap.ratio, low, high, ridge, log_gamma):
        if np.isinf(hi):
            assert (small, ratio) == (pytest.approx(d), 1.0)
            continue
        with mp.workdps(60):
            product = mp.mpf(d) * mp.mpf(hi) * mp.exp(-mp.mpf(t))
            gap_exact = mp.mpf(hi) - mp.mpf(lo)
            large = (gap_exact + mp.sqrt(gap_exact**2 + 4 * product)) / 2
            assert abs(small / (product / large) - 1) < 1e-15
            assert abs(ratio * hi / large - 1) < 1e-15


def test_no_pass_over_the_full_spectrum_after_compression(monkeypatch):
    eigenvalues, target = INDEX**-1.3, INDEX**-1.9

    def forbidden(*_):
        raise AssertionError("the full spectrum was read again")

    risk(10, 20, 0.1, eigenvalues, target)
    for module in (spectral_sums, compression):
        monkeypatch.setattr(module, "compress", forbidden)
    monkeypatch.setattr(spectral_sums, "_table", forbidden)
    risk(GRID[:, None], GRID, 1e-3, eigenvalues, target)
    optimal_ridge_curve(GRID, np.inf, eigenvalues, target)
    with pytest.raises(AssertionError, match="read again"):
        risk(10, 20, 0.1, eigenvalues[1:], target[1:])


def test_nothing_to_solve():
    sums = spectral_sums.spectral_sums([1.0], [1.0])
    empty = np.empty(0)
    assert len(solve(sums, Equation(empty, empty, empty)).log_gamma) == 0
