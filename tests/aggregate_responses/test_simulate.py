import pickle
from functools import partial

import numpy as np
import pytest
from scipy.stats import ks_2samp

from sims.aggregate_responses import path_solver, risk, simulate, trials
from sims.aggregate_responses.bags import as_bags, equal_bags
from sims.aggregate_responses.blocks import block_trial
from sims.aggregate_responses.path_solver import PathSolver, data_blocks
from sims.aggregate_responses.simulate import matrix_beta_eigenvalues, risk_trial
from sims.aggregate_responses.trials import feature_trial


@pytest.mark.parametrize(
    ("n", "m", "d"), [(40, 15, 8), (40, 6, 8), (14, 6, 10), (14, 11, 10), (40, 35, 10), (15, 15, 6)]
)
def test_matrix_beta_eigenvalues_have_the_law_of_the_data(n, m, d):
    """Kolmogorov-Smirnov at 1e-4 on three statistics: six cases, false alarm below 0.2 %."""
    rng = np.random.default_rng(n + m + d)
    drawn, found = [], []
    for _ in range(1200):
        rows = rng.standard_normal((n, d))
        between = rows[:m].T @ rows[:m]
        found.append(np.sort(np.linalg.eigvals(np.linalg.solve(rows.T @ rows, between)).real))
        drawn.append(np.sort(matrix_beta_eigenvalues(n, m, d, rng)))
    drawn, found = np.array(drawn), np.array(found)
    zeros, ones = max(0, d - m), max(0, d - (n - m))
    np.testing.assert_allclose(found[:, :zeros], 0, atol=1e-9)
    assert (drawn[:, :zeros] == 0).all()
    np.testing.assert_allclose(found[:, d - ones :], 1, atol=1e-9)
    assert (drawn[:, d - ones :] == 1).all()
    free = slice(zeros, d - ones)
    if zeros + ones < d:
        for statistic in (
            lambda v: v.sum(1),
            lambda v: v.min(1),
            lambda v: (v**2 + np.sqrt(v)).sum(1),
        ):
            values = [statistic(np.clip(part[:, free], 0, 1)) for part in (drawn, found)]
            assert ks_2samp(*values).pvalue > 1e-4


@pytest.mark.parametrize(
    ("n", "k", "d"), [(60, 2, 20), (60, 5, 20), (32, 4, 20), (15, 3, 20), (30, 2, 20)]
)
def test_the_exact_law_is_the_law_of_drawn_features(n, k, d):
    """Curves and their joint law: KS at 1e-4, 5 cases of 10 statistics, 0.5 % false alarm."""
    rhos = [0.0, 0.05, 0.8]
    rng = np.random.default_rng(n + k)
    law = [risk_trial(n, d, [n // k], rhos, noise_variance=1.0, rng=rng) for _ in range(700)]
    data = [feature_trial(n, d, [k], rhos, noise_variance=1.0, rng=rng) for _ in range(700)]
    for part in ("bias_squared", "variance", "total"):
        one, other = (np.array([getattr(draw, part)[0] for draw in draws]) for draws in (law, data))
        for column in range(3):
            if np.ptp(one[:, column]) > 1e-9:
                assert ks_2samp(one[:, column], other[:, column]).pvalue > 1e-4
            else:
                np.testing.assert_allclose(one[:, column], other[:, column], atol=1e-9)
    ratios = [
        np.array([draw.variance[0, 1] / draw.bias_squared[0, 2] for draw in draws])
        for draws in (law, data)
    ]
    assert ks_2samp(*ratios).pvalue > 1e-4


def test_one_factorisation_a_bag_size_and_no_response_noise(monkeypatch):
    calls, sizes = [], []
    solve, factor = simulate.tridiagonal_eigenvalues, simulate.bartlett_factor
    monkeypatch.setattr(
        simulate, "tridiagonal_eigenvalues", lambda *a: calls.append(1) or solve(*a)
    )
    monkeypatch.setattr(simulate, "bartlett_factor", lambda *a: sizes.append(a[:2]) or factor(*a))
    rhos = np.geomspace(1e-3, 1, 40)
    arguments = {"n": 240, "d": 30, "bag_counts": [120, 60, 40], "rhos": rhos}
    quiet = risk_trial(**arguments, noise_variance=0.0, rng=np.random.default_rng(0))
    assert len(calls) == 3
    assert sizes == [(30, 240)]  # one pooled factor a trial: nothing of size n or m is drawn
    loud, louder = (
        risk_trial(**arguments, noise_variance=v, rng=np.random.default_rng(0)) for v in (1.0, 9.0)
    )
    np.testing.assert_array_equal(quiet.bias_squared, loud.bias_squared)
    np.testing.assert_allclose(louder.variance, 9 * loud.variance, rtol=1e-15)


def test_two_blocks_need_one_factorisation_a_bag_size(monkeypatch):
    calls = []
    original = path_solver.pencil
    monkeypatch.setattr(path_solver, "pencil", lambda *a: calls.append(1) or original(*a))
    block_trial(
        200,
        [100, 50],
        np.geomspace(1e-2, 1, 30),
        eigenvalues=np.ones(20),
        theta=np.ones(20),
        noise_variance=1.0,
        rng=np.random.default_rng(0),
    )
    assert len(calls) == 2


def test_solver_against_its_definitions():
    rng = np.random.default_rng(0)
    rhos, theta = np.array([0.0, 0.03, 1.0, 4.0]), rng.normal(size=12)
    metric = rng.uniform(0.5, 2, 12)
    for n, k, penalty in [(60, 3, 0.0), (60, 10, 0.0), (9, 3, 0.0), (60, 10, 0.7), (9, 3, 0.7)]:
        features = rng.normal(size=(n, 12))
        bags = as_bags(equal_bags(n, k))
        blocks = data_blocks(features, bags)
        solver = PathSolver(blocks, rhos, penalty)
        u = rng.normal(size=bags.count)
        deviations = features - bags.means(features)[bags.index]
        for index, rho in enumerate(rhos):
            rows = np.concatenate(
                [blocks.between, np.sqrt(rho) * deviations, np.sqrt(penalty) * np.eye(12)]
            )
            solve = np.linalg.pinv(rows, rcond=1e-9)[:, : bags.count]
            np.testing.assert_allclose(solver.coefficients(u)[index], solve @ u, atol=1e-9)
            bias = solve @ (blocks.between @ theta) - theta
            np.testing.assert_allclose(solver.bias(theta)[index], bias, atol=1e-9)
            spread = (metric[:, None] * solve**2).sum()
            assert solver.variance(metric)[index] == pytest.approx(spread, rel=1e-8)
            assert solver.variance()[index] == pytest.approx((solve**2).sum(), rel=1e-8)
            if not penalty:
                lost = solve @ blocks.between - np.eye(12)
                expected = (lost**2).sum() / 12
                assert solver.mean_bias_squared()[index] == pytest.approx(expected, abs=1e-9)


def test_trials_are_deterministic_and_travel_between_processes():
    routine = partial(risk_trial, 120, 20, [40, 24], [0.1, 1.0, np.inf], noise_variance=0.5)
    again = pickle.loads(pickle.dumps(routine))
    one, other = (call(rng=np.random.default_rng(3)).total for call in (routine, again))
    np.testing.assert_array_equal(one, other)


# ----- theory and evidence, away from singular points. d = 400, 5 draws: relative standard errors
# below 0.3 % and offsets below 0.7 %, so 2 % leaves more than four; d = 100, 60 draws: below
# 0.3 % and 2 %, so 3 % leaves more than three


@pytest.mark.parametrize(("d", "draws", "rtol"), [(400, 5, 0.02), (100, 60, 0.03)])
@pytest.mark.parametrize("psi", [6.0, 3.0, 0.48])
def test_monte_carlo(psi, d, draws, rtol):
    rng = np.random.default_rng(int(10 * psi) + d)
    n, sizes = int(psi * d), np.array([2, 4])
    rhos = np.array([0.05, 0.3, 1.0, 2.0])
    found = [risk_trial(n, d, n // sizes, rhos, noise_variance=0.5, rng=rng) for _ in range(draws)]
    theory = risk(psi, sizes[:, None], rhos, noise_variance=0.5)
    for part in ("bias_squared", "variance", "total"):
        mean = np.mean([getattr(draw, part) for draw in found], axis=0)
        np.testing.assert_allclose(mean, getattr(theory, part), rtol=rtol)


@pytest.mark.parametrize("law", ["gaussian", "rademacher", "uniform", "student"])
def test_other_features_have_the_same_limit(law):
    # d = 240, 3 draws: standard errors and offsets below 1 % together
    rng = np.random.default_rng(9)
    sizes, rhos = np.array([2, 6]), [0.1, 0.8]
    found = [
        feature_trial(1200, 240, sizes, rhos, noise_variance=0.8, law=law, rng=rng)
        for _ in range(3)
    ]
    theory = risk(5, sizes[:, None], rhos, noise_variance=0.8).total
    np.testing.assert_allclose(np.mean([draw.total for draw in found], axis=0), theory, rtol=0.04)


def test_unequal_random_bags_only_count_by_their_number():
    # d = 200, 6 draws of features with bags of random sizes: as the theory at n/m
    rng = np.random.default_rng(10)
    n, d, m = 1200, 200, 400
    rhos = np.array([0.1, 1.0])
    totals = []
    for _ in range(6):
        labels = np.concatenate([np.arange(m), rng.integers(0, m, n - m)])
        solver = PathSolver(data_blocks(rng.normal(size=(n, d)), as_bags(labels)), rhos)
        totals.append(solver.mean_bias_squared() + 0.5 * solver.variance())
    theory = risk(6, 3, rhos, noise_variance=0.5).total
    np.testing.assert_allclose(np.mean(totals, axis=0), theory, rtol=0.03)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bag_counts": [0]}, "bag_counts"),
        ({"bag_counts": [61]}, "bag_counts"),
        ({"bag_counts": [2.5]}, "whole"),
        ({"rhos": [-1.0]}, "rhos"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"n": 2.5}, "n"),
    ],
)
def test_bad_arguments_are_named(change, word):
    arguments = {
        "n": 60,
        "d": 5,
        "bag_counts": [20],
        "rhos": [0.1],
        "noise_variance": 1.0,
        **change,
    }
    with pytest.raises(ValueError, match=word):
        risk_trial(**arguments, rng=np.random.default_rng(0))


def test_drawn_data_need_bags_that_fit():
    with pytest.raises(ValueError, match="leaves 1 samples"):
        feature_trial(10, 2, [3], [0.1], noise_variance=1.0, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="law"):
        trials.draw_features(3, 2, np.random.default_rng(0), "cauchy")


def test_split_of_real_data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 4))
    responses = features @ [1.0, 2.0, 0.0, -1.0] + 0.1 * rng.normal(size=200) + 3
    errors = trials.split_trial(features, responses, [1, 4], [0.0, 0.01, 1.0], train=150, rng=rng)
    assert errors.shape == (2, 3)
    assert errors[0].max() < 0.02  # single samples: nothing but noise is left
    assert errors[1, 0] < errors[1, 2]  # the instance loss of bags is biased
