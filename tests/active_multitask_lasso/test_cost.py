from itertools import combinations

import numpy as np
import pytest

from sims.active_multitask_lasso import (
    design_value,
    linear_cost,
    linear_cost_design,
    random_instance,
    relevance,
    saltus_cost,
    saltus_cost_design,
    spiked_instance,
)


@pytest.mark.parametrize("seed", range(5))
def test_linear_costs_reach_the_value_at_the_least_price(seed):
    rng = np.random.default_rng(seed)
    instance = random_instance(20, 4, seed)
    prices = rng.uniform(0.1, 10, 20)
    design = linear_cost_design(instance.heads, instance.target, prices, value=0.01)
    value = design_value(instance.heads, instance.target, design.counts)
    assert value == pytest.approx(0.01, rel=1e-9)
    assert linear_cost(design.counts, prices) == pytest.approx(design.cost, rel=1e-12)
    np.testing.assert_allclose(instance.heads @ design.nu, instance.target, atol=1e-12)
    assert design.label == "exact"
    for shares in rng.dirichlet(np.full(20, 0.4), 200):  # scaled to the value, none is cheaper
        counts = shares * design_value(instance.heads, instance.target, shares) / 0.01
        assert linear_cost(counts, prices) >= design.cost * (1 - 1e-12)


def test_linear_costs_against_cvxpy():
    import cvxpy as cp

    instance = random_instance(12, 3, 0)
    prices = np.random.default_rng(0).uniform(0.5, 4, 12)
    nu, counts = cp.Variable(12), cp.Variable(12)
    value = cp.sum([cp.quad_over_lin(nu[t], counts[t]) for t in range(12)])
    problem = cp.Problem(
        cp.Minimize(prices @ counts), [instance.heads @ nu == instance.target, value <= 1]
    )
    problem.solve(solver="CLARABEL")
    design = linear_cost_design(instance.heads, instance.target, prices, value=1.0)
    assert design.cost == pytest.approx(problem.value, rel=1e-6)


def test_equal_prices_are_the_l1_rule():
    instance = random_instance(20, 4, 1)
    design = linear_cost_design(instance.heads, instance.target, 3.0, value=0.02)
    norm = relevance(instance.heads, instance.target, p=1).norm
    assert design.cost == pytest.approx(3 * norm**2 / 0.02, rel=1e-12)


def test_general_targets_need_rank_many_tasks_at_every_opening_cost():
    instance = random_instance(12, 4, 3)
    least = relevance(instance.heads, instance.target, p=1)
    every = [
        np.abs(np.linalg.solve(instance.heads[:, s], instance.target)).sum()
        for s in map(list, combinations(range(12), 4))
    ]
    assert len(every) == 495
    assert min(every) == pytest.approx(least.norm, rel=1e-10)
    for opening in (0.0, 1.0, 1e6):
        design = saltus_cost_design(
            instance.heads, instance.target, opening=opening, price=2.0, value=0.01
        )
        assert design.label == "exact"
        np.testing.assert_allclose(design.nu, least.nu, atol=1e-12)
        assert design.cost == pytest.approx(4 * opening + 2 * least.norm**2 / 0.01, rel=1e-12)
        value = design_value(instance.heads, instance.target, design.counts)
        assert value == pytest.approx(0.01, rel=1e-9)
        paid = saltus_cost(design.counts, opening=opening, price=2.0)
        assert paid == pytest.approx(design.cost, rel=1e-12)


def brute_force(heads, target, opening, price, value):
    """Return the least cost over all supports of independent tasks."""
    best = np.inf
    rank, tasks = heads.shape
    for size in range(1, rank + 1):
        for support in map(list, combinations(range(tasks), size)):
            columns = heads[:, support]
            if np.linalg.matrix_rank(columns) < size:
                continue
            nu = np.linalg.lstsq(columns, target)[0]
            if np.abs(columns @ nu - target).max() < 1e-10:
                best = min(best, opening * size + price * np.abs(nu).sum() ** 2 / value)
    return best


@pytest.mark.parametrize("opening", [0.0, 0.5, 5.0, 50.0, 500.0])
@pytest.mark.parametrize("seed", range(6))
def test_special_targets_against_all_supports(seed, opening):
    rng = np.random.default_rng(seed)
    heads = np.hstack([rng.integers(-2, 3, (3, 7)), np.eye(3)]).astype(float)
    heads = heads[:, heads.any(axis=0)]
    target = heads[:, :2] @ [1.0, 2.0] + (not (heads[:, :2] @ [1.0, 2.0]).any())
    known = {"opening": opening, "price": 1.5, "value": 0.5}
    design = saltus_cost_design(heads, target, **known)
    assert design.label == "exact"
    assert design.cost == pytest.approx(brute_force(heads, target, *known.values()), rel=1e-9)
    np.testing.assert_allclose(heads @ design.nu, target, atol=1e-9)


def test_too_many_supports_are_labelled():
    instance = random_instance(60, 6, 0)
    known = {"price": 1.0, "value": 0.01}
    design = saltus_cost_design(instance.heads, instance.target, opening=3.0, **known)
    assert design.label == "heuristic"
    free = saltus_cost_design(instance.heads, instance.target, opening=0.0, **known)
    assert free.label == "exact"
    spiked = spiked_instance(60, 6, np.random.default_rng(0))
    single = saltus_cost_design(spiked.heads, spiked.target, opening=3.0, **known)
    assert single.label == "exact"
    assert single.cost == pytest.approx(103.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: linear_cost_design(np.eye(2), np.ones(2), [1, 0], value=1), r"prices\[1\] = 0"),
        (lambda: linear_cost_design(np.eye(2), np.ones(2), -1, value=1), "prices = -1"),
        (lambda: linear_cost_design(np.eye(2), np.ones(2), [1], value=1), r"prices\.shape"),
        (lambda: linear_cost_design(np.eye(2), np.ones(2), 1, value=0), "value = 0"),
        (lambda: linear_cost([1, 2], [1, np.nan]), r"prices\[1\] = nan"),
        (lambda: linear_cost([1, -2], 1), r"counts\[1\] = -2"),
        (lambda: saltus_cost([1, -2], opening=1, price=1), r"counts\[1\] = -2"),
        (lambda: saltus_cost([1], opening=-1, price=1), "opening = -1"),
        (lambda: saltus_cost([1], opening=1, price=0), "price = 0"),
        (
            lambda: saltus_cost_design(np.eye(2), np.ones(2), opening=-1, price=1, value=1),
            "opening = -1",
        ),
        (
            lambda: saltus_cost_design(np.eye(2), np.ones(2), opening=1, price=1, value=-1),
            "value = -1",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
