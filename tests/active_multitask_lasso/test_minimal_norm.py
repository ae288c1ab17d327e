import numpy as np
import pytest
from scipy.optimize import linprog

from sims.active_multitask_lasso import random_instance, relevance, two_level_instance
from sims.active_multitask_lasso import relevance as public
from sims.active_multitask_lasso.homotopy import Stalled
from sims.active_multitask_lasso.minimal_norm import basis_pursuit_highs, smallest_l1

MODULE = "sims.active_multitask_lasso.minimal_norm"


def proven(heads, target, found):
    """Assert the whole certificate of an L1 relevance."""
    heads, target = np.asarray(heads, float), np.asarray(target, float)
    slopes = found.dual @ heads
    assert np.abs(slopes).max() <= 1 + 1e-12
    np.testing.assert_allclose(heads @ found.nu, target, atol=1e-11 * np.abs(target).max())
    assert found.norm == pytest.approx(np.abs(found.nu).sum(), rel=1e-14)
    assert 0 <= found.gap <= 1e-12 * found.norm
    assert found.dual @ target == pytest.approx(found.norm, rel=1e-12)
    used = np.abs(found.nu) > 1e-9 * found.norm
    np.testing.assert_allclose(slopes[used], np.sign(found.nu[used]), atol=1e-9)
    assert used.sum() <= len(target)


@pytest.mark.parametrize(("tasks", "rank"), [(1, 1), (5, 1), (5, 5), (40, 5), (200, 20)])
@pytest.mark.parametrize("seed", range(4))
def test_random_programmes_against_highs(tasks, rank, seed):
    instance = random_instance(tasks, rank, seed)
    found = relevance(instance.heads, instance.target, p=1)
    proven(instance.heads, instance.target, found)
    doubled = np.hstack([instance.heads, -instance.heads])
    least = linprog(np.ones(2 * tasks), A_eq=doubled, b_eq=instance.target, method="highs-ds")
    assert found.norm == pytest.approx(least.fun, rel=1e-9)
    nu, dual = basis_pursuit_highs(instance.heads, instance.target)
    np.testing.assert_allclose(nu, found.nu, atol=1e-9)  # unique in general position
    np.testing.assert_allclose(dual, found.dual, atol=1e-8 * np.abs(found.dual).max())


@pytest.mark.parametrize("seed", range(30))
def test_ties_and_duplicates_are_solved_too(seed):
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 6))
    heads = np.repeat(rng.integers(-2, 3, (rank, 3 * rank)), 2, axis=1)
    heads = np.hstack([heads, np.eye(rank), -np.eye(rank)])
    heads = heads[:, heads.any(axis=0)]
    target = heads @ rng.integers(-1, 2, heads.shape[1])
    target[0] += not target.any()
    proven(heads, target, relevance(heads, target, p=1))


def test_duplicated_tasks_still_give_a_vertex():
    instance = random_instance(20, 5, 0)
    once = relevance(instance.heads, instance.target, p=1)
    twice = relevance(np.hstack([instance.heads] * 2), instance.target, p=1)
    assert twice.norm == pytest.approx(once.norm, rel=1e-12)
    assert np.count_nonzero(twice.nu) == 5


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_scales_of_heads_and_target_do_not_matter(scale):
    instance = two_level_instance(12, 4, 7.0)
    found = relevance(instance.heads * scale, instance.target, p=1)
    proven(instance.heads * scale, instance.target, found)
    other = relevance(instance.heads, instance.target * scale, p=2)
    plain = relevance(instance.heads, instance.target, p=2)
    np.testing.assert_allclose(other.nu, plain.nu * scale, rtol=1e-9)


def test_l2_is_the_pseudo_inverse_with_a_certificate():
    instance = random_instance(40, 5, 3)
    found = relevance(instance.heads, instance.target, p=2)
    np.testing.assert_allclose(
        found.nu, np.linalg.pinv(instance.heads) @ instance.target, atol=1e-13
    )
    assert found.norm == pytest.approx(np.linalg.norm(found.nu), rel=1e-14)
    assert np.linalg.norm(found.dual @ instance.heads) <= 1 + 1e-14
    assert found.dual @ instance.target == pytest.approx(found.norm, rel=1e-13)


def stall(*arguments):
    raise Stalled("on purpose")


def test_highs_steps_in_when_no_path_ends(monkeypatch):
    instance = random_instance(40, 5, 3)
    expected = smallest_l1(instance.heads, instance.target)
    monkeypatch.setattr(f"{MODULE}.trace", stall)
    monkeypatch.setattr(f"{MODULE}.trace_without_ties", stall)
    found = smallest_l1(instance.heads, instance.target)
    proven(instance.heads, instance.target, found)
    np.testing.assert_allclose(found.nu, expected.nu, atol=1e-12)


def test_a_wrong_solution_is_not_passed_on(monkeypatch):
    instance = random_instance(40, 5, 3)
    wrong = np.zeros(40), np.zeros(5)
    monkeypatch.setattr(f"{MODULE}.trace", stall)
    monkeypatch.setattr(f"{MODULE}.trace_without_ties", stall)
    monkeypatch.setattr(f"{MODULE}.basis_pursuit_highs", lambda heads, target: wrong)
    with pytest.raises(RuntimeError, match="not solved to a relative gap"):
        public(instance.heads, instance.target, p=1)


def test_one_path_a_relevance(monkeypatch):
    from sims.active_multitask_lasso import homotopy

    calls = []

    def counted(*arguments):
        calls.append(1)
        return homotopy.trace(*arguments)

    monkeypatch.setattr(f"{MODULE}.trace", counted)
    instance = random_instance(40, 5, 3)
    relevance(instance.heads, instance.target, p=1)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("heads", "target", "p", "message"),
    [
        (np.ones((3, 2)), np.ones(3), 1, r"heads\.shape = \(3, 2\)"),
        (np.ones((0, 2)), np.ones(0), 1, r"heads\.shape = \(0, 2\)"),
        (np.ones(4), np.ones(1), 1, "heads has shape"),
        (np.ones((2, 4)), np.ones(2), 1, "rank of heads = 1"),
        (np.ones((2, 4)), [1.0, 2.0], 2, "rank of heads = 1"),  # target outside the range
        (np.eye(2), np.ones(3), 1, r"target\.shape = \(3,\)"),
        (np.eye(2), np.zeros(2), 1, r"target = \[0\.0, 0\.0\]"),
        (np.eye(2, 3), np.ones(2), 1, r"heads\[:, 2\] = 0"),
        ([[1.0, np.nan]], [1.0], 1, r"heads\[0, 1\] = nan"),
        ([[1.0, np.inf]], [1.0], 1, r"heads\[0, 1\] = inf"),
        ([[1.0, 2.0]], [np.inf], 1, r"target\[0\] = inf"),
        ([[1.0, 2.0]], [1.0], 0, "p = 0"),
        ([[1.0, 2.0]], [1.0], 3, "p = 3"),
        ([[1.0, 2.0]], [1.0], 1.5, "p = 1.5"),
    ],
)
def test_bad_arguments_are_named(heads, target, p, message):
    with pytest.raises(ValueError, match=message):
        relevance(heads, target, p=p)
