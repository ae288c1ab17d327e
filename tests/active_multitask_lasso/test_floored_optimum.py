import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.active_multitask_lasso import (
    allocation,
    design_value,
    optimal_floored_allocation,
    random_instance,
    relevance,
    spiked_instance,
    two_level_instance,
    water_fill,
)
from sims.active_multitask_lasso import floored_optimum as module
from sims.active_multitask_lasso.homotopy import Stalled
from sims.active_multitask_lasso.oracle import optimal_allocation_oracle


def feasible(best, total, floor):
    assert best.counts.sum() == pytest.approx(total, rel=1e-12)
    assert (best.counts >= floor).all()


@pytest.mark.parametrize("seed", range(10))
def test_against_cvxpy(seed):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 6))
    tasks = int(rng.integers(rank, 20))
    instance = random_instance(tasks, rank, seed)
    floor = rng.integers(0, 40, tasks) * (rng.random(tasks) < rng.choice([0.2, 0.9]))
    total = int(floor.sum() + rng.integers(1, 400))
    best = optimal_floored_allocation(instance.heads, instance.target, total, floor)
    feasible(best, total, floor)
    counts, _, _ = optimal_allocation_oracle(
        instance.heads, instance.target, total, floor.astype(float)
    )
    oracle = design_value(instance.heads, instance.target, counts)
    assert best.value == pytest.approx(oracle, rel=1e-8)
    assert best.value <= oracle * (1 + 1e-10)
    assert best.gap <= 1e-9
    assert best.value == design_value(instance.heads, instance.target, best.counts)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 25), st.floats(1e-3, 50))
def test_certified_and_never_beaten_by_another_allocation(seed, rank, more, floor):
    tasks = rank + more
    instance = random_instance(tasks, rank, seed)
    rng = np.random.default_rng(seed)
    total = int(np.ceil(floor * tasks) + rng.integers(1, 10_000))
    best = optimal_floored_allocation(instance.heads, instance.target, total, floor)
    feasible(best, total, floor)
    assert best.gap <= 1e-9
    for shares in rng.dirichlet(np.full(tasks, 0.3), 5):
        other = floor + (total - floor * tasks) * shares
        assert best.value <= design_value(instance.heads, instance.target, other) * (1 + 1e-12)


def test_the_l1_rule_tends_to_the_optimum_and_the_l2_rule_does_not():
    # the claim of Theorem 3.4 of Wang et al. (2023); reference values 1.0064, 1.0041, 1.0005,
    # 1.00004, 1.00000 and 1.09, 1.59, 1.72, 1.76, 1.77
    instance = random_instance(40, 5, 3)
    ratios = {1: [], 2: []}
    for total in (250, 1000, 4000, 16000, 64000):
        best = optimal_floored_allocation(instance.heads, instance.target, total, 5)
        for p, found in ratios.items():
            nu = relevance(instance.heads, instance.target, p=p).nu
            counts = water_fill(np.abs(nu) ** p, total, 5)
            found.append(design_value(instance.heads, instance.target, counts) / best.value)
    np.testing.assert_allclose(ratios[1], [1.0064, 1.0041, 1.0005, 1.00004, 1.0], atol=6e-5)
    np.testing.assert_allclose(ratios[2], [1.09, 1.59, 1.72, 1.76, 1.77], atol=6e-3)


@pytest.mark.parametrize("name", ["two levels", "spiked", "duplicates"])
def test_degenerate_instances(name):
    random = random_instance(15, 3, 0)
    two = two_level_instance(20, 4, 9.0)
    spiked = spiked_instance(20, 4, np.random.default_rng(0))
    heads, target = {
        "two levels": (two.heads, two.target),
        "spiked": (spiked.heads, spiked.target),
        "duplicates": (np.repeat(random.heads, 2, axis=1), random.target),
    }[name]
    best = optimal_floored_allocation(heads, target, 3000, 4)
    feasible(best, 3000, 4)
    assert best.gap <= 1e-9
    if name == "spiked":
        assert best.counts[0] == pytest.approx(3000 - 19 * 4)


def test_without_floor_it_is_the_l1_rule():
    instance = random_instance(40, 5, 3)
    best = optimal_floored_allocation(instance.heads, instance.target, 1000, 0)
    norm = relevance(instance.heads, instance.target, p=1).norm
    assert best.value == pytest.approx(norm**2 / 1000, rel=1e-12)
    assert best.gap <= 1e-12


def test_a_tiny_floor_is_close_to_none_and_a_full_one_leaves_no_choice():
    instance = random_instance(40, 5, 3)
    none = optimal_floored_allocation(instance.heads, instance.target, 1000, 0)
    tiny = optimal_floored_allocation(instance.heads, instance.target, 1000, 1e-9)
    assert tiny.value == pytest.approx(none.value, rel=1e-9)
    full = optimal_floored_allocation(instance.heads, instance.target, 1000, 25)
    assert full.counts.tolist() == [25.0] * 40
    assert full.gap == 0


def test_whole_counts_of_the_rule_are_near_the_optimum():
    instance = random_instance(40, 5, 3)
    nu = relevance(instance.heads, instance.target, p=1).nu
    counts = allocation(nu, 4000, p=1, floor=5)
    best = optimal_floored_allocation(instance.heads, instance.target, 4000, 5)
    ratio = design_value(instance.heads, instance.target, counts) / best.value
    assert 1 <= ratio < 1.001


def stall(*arguments):
    raise Stalled("on purpose")


def test_cvxpy_steps_in_when_no_path_ends(monkeypatch):
    instance = random_instance(10, 3, 3)
    expected = optimal_floored_allocation(instance.heads, instance.target, 500, 5)
    monkeypatch.setattr(module, "trace", stall)
    monkeypatch.setattr(module, "trace_without_ties", stall)
    found = optimal_floored_allocation(instance.heads, instance.target, 500, 5)
    assert found.value == pytest.approx(expected.value, rel=1e-6)
    assert found.gap <= 1e-6


@pytest.mark.parametrize(
    ("total", "floor", "message"),
    [
        (100, 5, "total = 100 .* at least the sum of the floors, 200"),
        (100, [1.0, 2.0], r"floor\.shape"),
        (100, -1, "floor = -1"),
        (100, np.nan, "floor = nan"),
        (0, 0, "total = 0"),
        (-5, 0, "total = -5"),
        (10.5, 0, "total = 10.5"),
    ],
)
def test_bad_arguments_are_named(total, floor, message):
    instance = random_instance(40, 5, 3)
    with pytest.raises(ValueError, match=message):
        optimal_floored_allocation(instance.heads, instance.target, total, floor)
