import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sims.aggregate_responses import optimal_rho, risk


def by_search(psi, k, noise, limit):
    """Best of a fine grid in log rho, refined, and the bag level."""
    end = np.log(limit) if np.isfinite(limit) else 40.0
    grid = np.linspace(end - 70, end, 2001)
    values = risk(psi, k, np.exp(grid), noise_variance=noise).total
    at = int(np.argmin(values))
    ends = grid[max(at - 1, 0)], grid[min(at + 1, 2000)]
    found = minimize_scalar(
        lambda v: float(risk(psi, k, np.exp(v), noise_variance=noise).total),
        bounds=ends,
        method="bounded",
        options={"xatol": 1e-10},
    )
    return min(found.fun, values[at], risk(psi, k, 0.0, noise_variance=noise).total)


@pytest.mark.parametrize("seed", range(40))
def test_no_search_finds_less_and_one_finds_as_little(seed):
    rng = np.random.default_rng(seed)
    psi, k = 1 + np.exp(rng.uniform(-3, 3.5)), 1 + np.exp(rng.uniform(-3, 3.5))
    noise, limit = np.exp(rng.uniform(-8, 6)), np.inf if seed % 2 else np.exp(rng.uniform(-6, 2))
    best = optimal_rho(psi, k, noise_variance=noise, rho_max=limit)
    searched = by_search(psi, k, noise, limit)
    assert best.risk <= searched * (1 + 1e-12)
    assert best.risk == pytest.approx(searched, rel=1e-6)
    assert best.rho <= limit
    at = risk(psi, k, best.rho, noise_variance=noise).total
    assert at == pytest.approx(best.risk, rel=1e-12)


@pytest.mark.parametrize(
    ("psi", "k", "noise", "rho", "value"),
    [
        (6, 3, 1, 0.267704, 0.446080),
        (20, 10, 0.3, 0.0163145, 0.202585),
        (3, 5, 1, 1.0, 0.82),
        (1.3, 2, 2, 15.2185, 3.683157),
    ],
)
def test_anchors(psi, k, noise, rho, value):
    best = optimal_rho(psi, k, noise_variance=noise)
    assert best.rho == pytest.approx(rho, rel=4e-6)
    assert best.risk == pytest.approx(value, rel=2e-6)


def test_only_the_ratio_of_noise_to_signal_moves_the_optimum():
    one, many = (
        optimal_rho(6, 3, noise_variance=0.5),
        optimal_rho(6, 3, noise_variance=50.0, signal_power=100.0),
    )
    assert one.rho == pytest.approx(many.rho, rel=1e-13)
    assert 100 * one.risk == pytest.approx(many.risk, rel=1e-13)


def test_minimum_norm_wins_near_as_many_samples_as_features():
    best = optimal_rho([1.05, 0.5, 1.0], 2, noise_variance=0.5)
    assert best.rho.tolist() == [0.0, 0.0, 0.0]
    assert best.risk[0] == pytest.approx(1.027632, abs=1e-6)


def test_no_noise_leaves_the_unbiased_bag_level():
    best = optimal_rho([10, 4], [3, 4], noise_variance=0.0)
    assert best.rho.tolist() == [0.0, 0.0]
    assert best.risk.tolist() == [0.0, 0.0]


def test_little_noise_keeps_its_digits():
    # rho* -> s2 (first order in the noise): w = b s2/((1+b)(a-1)) and rho = w (a-1)/b
    noise = 1e-13
    best = optimal_rho(10, 3, noise_variance=noise)
    assert best.rho == pytest.approx(noise / (1 + 20 / 3), rel=1e-9)


def test_single_samples_have_no_optimum():
    best = optimal_rho([10, 10], [1, 3], noise_variance=0.5)
    assert np.isnan(best.rho[0])
    assert not np.isnan(best.rho[1])
    assert best.risk[0] == pytest.approx(0.5 / 9)


def test_much_noise_asks_for_much_weight_but_never_for_an_infinite_one():
    best = optimal_rho([1.2, 6], [1.5, 3], noise_variance=1e4)
    assert np.isfinite(best.rho).all()
    assert (best.rho > 1e3).all()
    assert (best.risk < risk([1.2, 6], [1.5, 3], np.inf, noise_variance=1e4).total).all()
    assert optimal_rho(6, 3, noise_variance=0.5, rho_max=0.0).rho == 0.0


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="rho_max"):
        optimal_rho(6, 3, noise_variance=1.0, rho_max=-1)
    with pytest.raises(ValueError, match="noise_variance"):
        optimal_rho(6, 3, noise_variance=np.inf)
