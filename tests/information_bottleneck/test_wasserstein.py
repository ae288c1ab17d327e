import itertools

import numpy as np
import pytest
from scipy import linalg, optimize, stats

from sims.information_bottleneck import (
    factor_dependency,
    factor_information,
    gaussian_w1_bracket,
    gaussian_w2,
    gaussian_w2_dependency,
    pair_covariance,
    wasserstein_dependency,
    wasserstein_distance_1d,
    wasserstein_distance_exact,
)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_assignment_over_all_permutations(d):
    rng = np.random.default_rng(d)
    p, q = rng.standard_normal((2, 6, d))
    exact = min(
        np.linalg.norm(p - q[list(order)], axis=1).mean()
        for order in itertools.permutations(range(6))
    )
    assert wasserstein_distance_exact(p, q) == pytest.approx(exact, rel=1e-14)
    assert wasserstein_distance_exact(p, p[::-1]) == 0.0
    shifted = wasserstein_distance_exact(p, p + 2.0)
    assert shifted == pytest.approx(2 * np.sqrt(d), rel=1e-12)


def test_vectors_are_points_on_a_line():
    assert wasserstein_distance_exact([3, 1, 2], [1, 2, 4]) == pytest.approx(1 / 3)
    rng = np.random.default_rng(0)
    p, q = rng.standard_normal(40), rng.standard_normal(70) * 2
    exact = stats.wasserstein_distance(p, q)
    assert wasserstein_distance_1d(p, q) == pytest.approx(exact, rel=1e-13)
    assert wasserstein_distance_1d(p, p + 1) == pytest.approx(
        wasserstein_distance_exact(p, p + 1), rel=1e-13
    )


@pytest.mark.parametrize("rho", [[0.0], [0.99], [-0.5, 0.2, 0.999999], [1e-9]])
def test_w2_of_gaussian_pairs_against_the_matrix_form(rho):
    joint = pair_covariance(rho)
    root = linalg.sqrtm(linalg.sqrtm(joint) @ np.eye(len(joint)) @ linalg.sqrtm(joint))
    square = 2 * len(joint) - 2 * np.trace(root).real
    zero = np.zeros(len(joint))
    exact = gaussian_w2(zero, joint, zero, np.eye(len(joint)))
    assert exact**2 == pytest.approx(square, abs=1e-12)
    assert gaussian_w2_dependency(rho) ** 2 == pytest.approx(square, abs=1e-12)


def test_w2_saturates_and_keeps_its_digits():
    assert gaussian_w2_dependency(1 - 1e-15) ** 2 == pytest.approx(4 - 2 * np.sqrt(2), abs=1e-6)
    # rho/sqrt 2 to leading order
    assert gaussian_w2_dependency(1e-10) == pytest.approx(1e-10 / np.sqrt(2), rel=1e-9)


def test_w2_of_commuting_gaussians():
    found = gaussian_w2([1.0, 0.0], np.diag([4.0, 9.0]), [0.0, 0.0], np.diag([1.0, 1.0]))
    assert found == pytest.approx(np.sqrt(1 + 1 + 4), rel=1e-14)


def test_bracket_encloses_the_empirical_distance():
    # one draw of 600 against 600; its spread is 0.03 and its bias upward
    lower, upper = gaussian_w1_bracket(0.99)
    assert (lower, upper) == (pytest.approx(0.718, abs=1e-3), pytest.approx(0.989, abs=1e-3))
    rng = np.random.default_rng(0)
    joint = rng.multivariate_normal([0, 0], pair_covariance(0.99), 600)
    found = wasserstein_distance_exact(joint, rng.standard_normal((600, 2)))
    assert lower < found < upper
    assert gaussian_w1_bracket(0.0) == (0.0, 0.0)
    assert gaussian_w1_bracket(-0.99) == (lower, upper)


def test_estimate_of_the_dependency_and_its_baseline():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(1000)
    free = wasserstein_dependency(x, rng.standard_normal(1000), rng=rng)
    assert free.value == pytest.approx(0.198, abs=0.05)  # n = 500 in two dimensions
    assert free.baseline == pytest.approx(free.value, abs=0.06)
    bound = wasserstein_dependency(x, x, rng=rng)
    assert bound.value > 0.7 > 0.3 > bound.baseline
    assert wasserstein_dependency([1, 2, 3, 4, 5], [[1, 0]] * 5, rng=rng).baseline >= 0


@pytest.mark.parametrize(("symbols", "factors"), [(2, 1), (3, 1), (4, 1), (2, 2), (3, 2)])
def test_factors_by_linear_programme(symbols, factors):
    points = list(itertools.product(range(symbols), repeat=2 * factors))
    joint = [float(p[:factors] == p[factors:]) / symbols**factors for p in points]  # Y = X
    product = np.full(len(points), 1 / len(points))
    array = np.array(points)
    support = np.flatnonzero(joint)
    costs = (array[support][:, None, :] != array[None]).sum(axis=2)
    rows = [np.kron(np.eye(len(support)), np.ones(len(points)))]
    rows.append(np.kron(np.ones(len(support)), np.eye(len(points))))
    found = optimize.linprog(
        costs.ravel(),
        A_eq=np.vstack(rows),
        b_eq=np.concatenate([np.array(joint)[support], product]),
        method="highs",
    )
    assert factor_dependency(factors, symbols) == pytest.approx(found.fun, abs=1e-9)


def test_factor_information():
    assert factor_information(3, 7) == pytest.approx(3 * np.log(7), rel=1e-15)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda rng: wasserstein_distance_exact([1.0, 2.0], [1.0]), "len"),
        (lambda rng: wasserstein_distance_exact([[1.0, 2.0]], [[1.0]]), "points_q"),
        (lambda rng: wasserstein_distance_exact([np.nan], [1.0]), "points_p"),
        (lambda rng: wasserstein_distance_1d([[1.0, 2.0]], [1.0]), "points_p"),
        (lambda rng: wasserstein_dependency([1, 2, 3], [1, 2, 3], rng=rng), "at least 4"),
        (lambda rng: gaussian_w2(0, 1, 0, [[1, 2], [2, 1]]), "cov2"),
        (lambda rng: gaussian_w2(0, 1, 0, np.eye(2)), "cov2"),
        (lambda rng: gaussian_w2_dependency(1.0), "correlations"),
        (lambda rng: gaussian_w1_bracket(-1.0), "correlation"),
        (lambda rng: factor_dependency(0, 2), "factors"),
        (lambda rng: factor_dependency(1, 1), "symbols"),
        (lambda rng: factor_information(1, 1), "symbols"),
    ],
)
def test_bad_transport_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call(np.random.default_rng(0))
