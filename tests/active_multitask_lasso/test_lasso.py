import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, lars_path

from sims.active_multitask_lasso import (
    LassoOracle,
    lasso_path,
    random_instance,
    relevance,
    two_level_instance,
)
from sims.active_multitask_lasso import lasso as module
from sims.active_multitask_lasso.homotopy import Path, Stalled, trace


def largest(heads, target):
    return np.abs(target @ heads).max()


def optimal(heads, target, value, nu, tolerance=1e-9):
    """Assert the optimality conditions of a LASSO solution."""
    correlation = (target - heads @ nu) @ heads
    size = tolerance * largest(heads, target)
    assert np.abs(correlation).max() <= value + size
    used = nu != 0
    np.testing.assert_allclose(correlation[used], value * np.sign(nu[used]), atol=size)


@given(
    st.integers(0, 10**6),
    st.integers(1, 6),
    st.integers(0, 30),
    st.floats(1e-9, 1.2),
    st.booleans(),
)
@example(34038, 2, 3, 0.5, True)  # lambda at a knot: rounding must not leave a wrong sign
def test_optimality_at_any_lambda(seed, rank, more, fraction, ties):
    rng = np.random.default_rng(seed)
    tasks = rank + more
    heads = np.hstack([rng.standard_normal((rank, tasks)), np.eye(rank)])
    if ties:
        heads = np.hstack([np.rint(heads), np.eye(rank), -np.eye(rank)])
        heads = heads[:, heads.any(axis=0)]
    target = np.rint(3 * rng.standard_normal(rank)) if ties else rng.standard_normal(rank)
    target[0] += not target.any()
    value = fraction * largest(heads, target)
    path = lasso_path(heads, target, value)
    optimal(heads, target, value, path.nu[0])
    assert 0 <= path.gap[0] <= 1e-12
    assert path.solver == "homotopy"


@pytest.mark.parametrize(("tasks", "rank"), [(30, 4), (100, 5), (300, 20)])
def test_every_knot_agrees_with_lars(tasks, rank):
    instance = random_instance(tasks, rank, 1)
    alphas, _, coefficients = lars_path(instance.heads, instance.target, method="lasso")
    knots = alphas[:-1] * rank  # scikit-learn divides the square by the number of rows
    path = lasso_path(instance.heads, instance.target, knots)
    size = np.abs(coefficients).max()
    np.testing.assert_allclose(path.nu, coefficients.T[:-1], atol=1e-9 * size)
    np.testing.assert_allclose(path.knots[: knots.size], knots, rtol=1e-8)


def test_coordinate_descent_and_cvxpy_agree():
    instance = random_instance(40, 5, 3)
    lambdas = np.array([0.5, 0.1, 0.02]) * largest(instance.heads, instance.target)
    path = lasso_path(instance.heads, instance.target, lambdas)
    oracle = LassoOracle(5, 40)
    for value, nu in zip(lambdas, path.nu, strict=True):
        model = Lasso(alpha=value / 5, fit_intercept=False, tol=1e-14, max_iter=100_000)
        np.testing.assert_allclose(model.fit(instance.heads, instance.target).coef_, nu, atol=1e-8)
        np.testing.assert_allclose(
            oracle.solve(instance.heads, instance.target, value), nu, atol=1e-6
        )


def test_identities_of_the_solution():
    # with y = r/lambda: |nu|_1 = y'w - lambda |y|^2
    instance = random_instance(40, 5, 3)
    lambdas = np.geomspace(1e-6, 0.9, 9) * largest(instance.heads, instance.target)
    path = lasso_path(instance.heads, instance.target, lambdas)
    y = (instance.target - path.nu @ instance.heads.T) / lambdas[:, None]
    norms = y @ instance.target - lambdas * np.square(y).sum(axis=1)
    np.testing.assert_allclose(np.abs(path.nu).sum(axis=1), norms, rtol=1e-8)


@pytest.mark.parametrize("name", ["random", "two levels"])
def test_small_lambdas_lead_to_basis_pursuit_with_full_certificates(name):
    made = {"random": random_instance(40, 5, 3), "two levels": two_level_instance(40, 5, 20)}
    instance = made[name]
    least = relevance(instance.heads, instance.target, p=1)
    path = lasso_path(instance.heads, instance.target, [1e-3, 1e-6, 1e-9, 1e-12])
    norms = np.abs(path.nu).sum(axis=1)
    assert (np.diff(norms) >= 0).all()
    assert norms[-1] == pytest.approx(least.norm, rel=1e-10)
    assert path.gap.max() <= 1e-12


def test_from_the_largest_lambda_on_there_is_nothing():
    instance = random_instance(40, 5, 3)
    top = largest(instance.heads, instance.target)
    path = lasso_path(instance.heads, instance.target, [top, 2 * top, 100 * top])
    assert not path.nu.any()
    np.testing.assert_allclose(path.gap, 0.0, atol=1e-15)
    assert path.knots[0] == pytest.approx(top, rel=1e-15)


def test_lambdas_may_come_in_any_order():
    instance = random_instance(40, 5, 3)
    lambdas = np.array([0.1, 1.0, 0.001, 0.3])
    mixed = lasso_path(instance.heads, instance.target, lambdas)
    for row, value in enumerate(lambdas):
        alone = lasso_path(instance.heads, instance.target, value)
        assert alone.nu.shape == (1, 40)
        np.testing.assert_allclose(mixed.nu[row], alone.nu[0], atol=1e-15)
    np.testing.assert_array_equal(mixed.lambdas, lambdas)


def test_one_path_serves_all_lambdas(monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(1)
        return trace(*arguments)

    monkeypatch.setattr(module, "trace", counted)
    for seed in range(10):
        instance = random_instance(40, 5, seed)
        lasso_path(instance.heads, instance.target, np.geomspace(1e-4, 1, 20))
    assert len(calls) == 10


def stall(*arguments):
    raise Stalled("on purpose")


def test_the_gap_is_the_difference_of_the_two_problems():
    instance = random_instance(10, 3, 0)
    rng = np.random.default_rng(0)
    lambdas, nu = np.array([0.2, 0.05]), rng.standard_normal((2, 10))
    residual = instance.target - nu @ instance.heads.T
    y = residual / np.maximum(lambdas, np.abs(residual @ instance.heads).max(axis=1))[:, None]
    primal = 0.5 * np.square(residual).sum(1) + lambdas * np.abs(nu).sum(1)
    shifted = instance.target - lambdas[:, None] * y
    dual = 0.5 * instance.target @ instance.target - 0.5 * np.square(shifted).sum(1)
    found = module.relative_gap(instance.heads, instance.target, lambdas, nu)
    np.testing.assert_allclose(found, (primal - dual) / primal, rtol=1e-12)


@pytest.mark.parametrize("name", ["random", "two levels", "duplicates"])
def test_breaking_ties_changes_no_solution(monkeypatch, name):
    random = random_instance(20, 4, 3)
    two = two_level_instance(20, 4, 20)
    heads, target = {
        "random": (random.heads, random.target),
        "two levels": (two.heads, two.target),
        "duplicates": (np.hstack([random.heads, random.heads]), random.target),
    }[name]
    lambdas = np.geomspace(1e-4, 0.9, 8) * largest(heads, target)
    expected = lasso_path(heads, target, lambdas)
    monkeypatch.setattr(module, "trace", lambda *a: stall() if a[0] is heads else trace(*a))
    found = lasso_path(heads, target, lambdas)
    assert found.solver == "homotopy with ties broken"
    assert found.gap.max() <= 1e-10
    objective = [
        0.5 * np.square(target - p.nu @ heads.T).sum(1) + lambdas * np.abs(p.nu).sum(1)
        for p in (expected, found)
    ]
    np.testing.assert_allclose(*objective, rtol=1e-10)


def test_cvxpy_is_the_last_resort(monkeypatch):
    instance = random_instance(20, 4, 3)
    expected = lasso_path(instance.heads, instance.target, [0.3, 0.1])
    monkeypatch.setattr(module, "trace", stall)
    found = lasso_path(instance.heads, instance.target, [0.3, 0.1])
    assert found.solver == "cvxpy"
    assert not found.knots.size
    np.testing.assert_allclose(found.nu, expected.nu, atol=1e-7)


def test_a_wrong_path_is_noticed_and_replaced(monkeypatch):
    instance = random_instance(20, 4, 3)
    expected = lasso_path(instance.heads, instance.target, [0.3, 0.1])

    def wrong(heads, target, stop):
        path = trace(heads, target, stop)
        pieces = [p._replace(constant=1.01 * p.constant) for p in path.segments]
        return Path(heads, target, pieces)

    monkeypatch.setattr(module, "trace", wrong)
    found = lasso_path(instance.heads, instance.target, [0.3, 0.1])
    assert found.solver != "homotopy"
    np.testing.assert_allclose(found.nu, expected.nu, atol=1e-7)


def test_no_uncertified_solution_is_returned(monkeypatch):
    instance = random_instance(20, 4, 3)
    monkeypatch.setattr(module, "trace", stall)
    monkeypatch.setattr(module, "ACCEPTED_GAP", -1.0)
    with pytest.raises(RuntimeError, match="relative duality gap"):
        lasso_path(instance.heads, instance.target, 0.1)


def test_ill_conditioned_and_nearly_equal_tasks():
    rng = np.random.default_rng(0)
    powers = np.vander(np.linspace(-1, 1, 200), 19).T
    lambdas = np.geomspace(1e-8, 1, 12)
    path = lasso_path(powers, rng.standard_normal(19), lambdas)  # a condition number of 3e6
    assert path.gap.max() <= 1e-8
    for seed in range(10):
        heads = np.repeat(random_instance(9, 8, seed).heads, 2, axis=1)
        heads += 1e-9 * rng.standard_normal(heads.shape)
        path = lasso_path(heads, rng.standard_normal(8), lambdas)
        assert path.gap.max() <= 1e-10


@pytest.mark.parametrize("rank", [5, 12, 20])
def test_many_tied_tasks(rank):
    instance = two_level_instance(250, rank, 20)
    path = lasso_path(instance.heads, instance.target, np.geomspace(1e-8, 0.9, 12))
    assert path.gap.max() <= 1e-12


@pytest.mark.parametrize(
    ("heads", "target", "lambdas", "message"),
    [
        (np.eye(2), np.ones(2), 0.0, "lambdas = 0.0"),
        (np.eye(2), np.ones(2), [0.1, -0.1], r"lambdas\[1\] = -0.1"),
        (np.eye(2), np.ones(2), [0.1, np.nan], r"lambdas\[1\] = nan"),
        (np.eye(2), np.ones(2), np.inf, "lambdas = inf"),
        (np.eye(2), np.ones(2), [], r"lambdas\.shape = \(0,\)"),
        (np.eye(2), np.ones(2), [[0.1]], r"lambdas\.shape = \(1, 1\)"),
        (np.eye(2, 3), np.ones(2), 0.1, r"heads\[:, 2\] = 0"),
        (np.ones((2, 3)), np.ones(2), 0.1, "rank of heads = 1"),
        (np.eye(2), np.zeros(2), 0.1, "target"),
    ],
)
def test_bad_arguments_are_named(heads, target, lambdas, message):
    with pytest.raises(ValueError, match=message):
        lasso_path(heads, target, lambdas)


def test_the_oracle_names_bad_arguments():
    with pytest.raises(ValueError, match="tasks = 2"):
        LassoOracle(3, 2)
    oracle = LassoOracle(2, 2)
    with pytest.raises(ValueError, match=r"heads\.shape"):
        oracle.solve(np.eye(3), np.ones(3), 0.1)
    with pytest.raises(ValueError, match="lambda_ = 0"):
        oracle.solve(np.eye(2), np.ones(2), 0)
