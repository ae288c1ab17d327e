import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.active_multitask_lasso import (
    calibrated_relevance,
    estimated_relevance,
    exploration_budget,
    geometric_budgets,
    lasso_path,
    next_counts,
    random_instance,
    relevance,
)

KNOWN = {"target_samples": 50, "noise_variance": 0.3}


@given(
    tasks=st.integers(1, 60),
    dimension=st.integers(2, 80),
    floor=st.integers(0, 9),
    extra=st.integers(1, 10**6),
    exploration=st.one_of(st.just("sqrt"), st.floats(0.01, 1.0)),
)
def test_exploration_lies_between_the_floors_and_the_total(
    tasks, dimension, floor, extra, exploration
):
    total = tasks * floor + extra
    first = exploration_budget(
        total, tasks=tasks, dimension=dimension, floor=floor, exploration=exploration
    )
    assert max(1, tasks * floor) <= first <= total


def test_the_exploration_rule():
    sizes = {"tasks": 40, "dimension": 50, "floor": 5}
    assert exploration_budget(4000, **sizes) == 2000  # half
    assert exploration_budget(32_000, **sizes) == 8000  # sqrt(N T d)
    assert exploration_budget(300, **sizes) == 200  # the floors
    assert exploration_budget(1000, **sizes, exploration=0.3) == 300
    assert exploration_budget(1000, **sizes, exploration=1) == 1000


def test_budgets_grow_geometrically():
    sizes = {"tasks": 10, "dimension": 10}
    budgets = geometric_budgets(64_000, 4, **sizes, exploration=1 / 64)
    assert budgets == (1000, 4000, 16_000, 64_000)
    assert geometric_budgets(12, 5, **sizes, exploration=0.9)[-1] == 12
    assert geometric_budgets(1000, 3, **sizes, exploration=1.0) == (1000,)


def test_each_rule_is_its_solver():
    instance = random_instance(12, 3, 0)
    w, b = instance.heads, instance.target
    counts = np.arange(5, 17)
    found = {
        rule: estimated_relevance(w, b, counts, rule=rule, **KNOWN)
        for rule in ("uniform", "l1", "l2")
    }
    np.testing.assert_array_equal(found["uniform"], 1.0)
    np.testing.assert_allclose(found["l2"], relevance(w, b, p=2).nu, atol=1e-12)
    np.testing.assert_allclose(found["l1"], calibrated_relevance(w, b, counts, **KNOWN).nu)
    pursuit = estimated_relevance(w, b, counts, rule="l1", lasso=0, **KNOWN)
    np.testing.assert_allclose(pursuit, relevance(w, b, p=1).nu, atol=1e-12)
    fixed = estimated_relevance(w, b, counts, rule="l1", lasso=0.2, **KNOWN)
    level = 0.2 * np.abs(w.T @ b).max()
    np.testing.assert_allclose(fixed, lasso_path(w, b, [level]).nu[0], atol=1e-12)


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_rotating_the_features_changes_nothing(rule):
    instance = random_instance(12, 3, 1)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))[0]
    one, other = (
        estimated_relevance(r @ instance.heads, r @ instance.target, [9] * 12, rule=rule, **KNOWN)
        for r in (np.eye(3), turn)
    )
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("rule", ["l1", "l2"])
def test_degenerate_fits_have_an_answer(rule):
    instance = random_instance(6, 2, 1)
    heads = np.vstack([instance.heads, np.zeros(6)])  # a dimension that no task uses
    heads[:, 2] = 0.0  # a task without samples
    counts = [9, 9, 0, 9, 9, 9]
    nu = estimated_relevance(heads, [*instance.target, 0.5], counts, rule=rule, **KNOWN)
    keep = [0, 1, 3, 4, 5]
    expected = estimated_relevance(
        instance.heads[:, keep], instance.target, [9] * 5, rule=rule, **KNOWN
    )
    np.testing.assert_allclose(nu[keep], expected, atol=1e-9)
    assert nu[2] == 0
    assert not estimated_relevance(heads, np.zeros(3), counts, rule=rule, **KNOWN).any()
    drowned = {"target_samples": 1, "noise_variance": 1e6}
    if rule == "l1":  # lambda exceeds every correlation
        assert not estimated_relevance(heads, [1.0, 0, 0], counts, rule=rule, **drowned).any()


def test_nothing_relevant_means_all_alike():
    assert next_counts(np.zeros(4), [1, 0, 0, 3], 12, rule="l1").tolist() == [3, 3, 3, 3]


@given(
    nu=st.lists(st.floats(-5, 5), min_size=3, max_size=12),
    rule=st.sampled_from(["uniform", "l1", "l2"]),
    extra=st.integers(1, 1000),
)
def test_next_counts_spend_the_budget_and_take_nothing_back(nu, rule, extra):
    drawn = np.arange(len(nu))
    counts = next_counts(nu, drawn, int(drawn.sum()) + extra, rule=rule)
    assert counts.sum() == drawn.sum() + extra
    assert (counts >= drawn).all()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rule": "l3"}, "rule"),
        ({"lasso": 1.0}, "lasso"),
        ({"lasso": "cv"}, "lasso"),
        ({"target": [1.0]}, r"target\.shape"),
        ({"target": [1.0, np.nan]}, "target"),
        ({"counts": [1]}, r"counts\.shape"),
        ({"noise_variance": -1.0}, "noise_variance"),
        ({"target_samples": 0}, "target_samples"),
    ],
)
def test_bad_arguments_are_named(change, word):
    arguments = {"heads": np.eye(2, 3) + 1, "target": [1.0, 1.0], "counts": 4, "rule": "l1"}
    arguments |= KNOWN | change
    with pytest.raises(ValueError, match=word):
        estimated_relevance(**arguments)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"total": 39}, "total"),
        ({"total": 99.5}, "total"),
        ({"exploration": 0.0}, "exploration"),
        ({"exploration": 1.1}, "exploration"),
        ({"exploration": "half"}, "exploration"),
        ({"tasks": 0}, "tasks"),
        ({"floor": -1}, "floor"),
    ],
)
def test_bad_budgets_are_named(change, word):
    arguments = {"total": 1000, "tasks": 10, "dimension": 5, "floor": 4} | change
    with pytest.raises(ValueError, match=word):
        exploration_budget(**arguments)
