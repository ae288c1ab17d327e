import numpy as np
import pytest

from sims.active_multitask_lasso import (
    random_instance,
    relevance,
    rule_values,
    spiked_instance,
    two_level_instance,
)


@pytest.mark.parametrize(
    ("tasks", "rank", "uniform", "l2", "l1"),
    [(40, 5, 1.0176, 0.4742, 0.2670), (30, 4, 0.755, 0.252, 0.168)],
)
def test_random_instances_have_the_known_values(tasks, rank, uniform, l2, l1):
    instance = random_instance(tasks, rank, 3)
    values = rule_values(instance.heads, instance.target)
    assert values.uniform == pytest.approx(uniform, abs=5e-4)
    assert values.l2 == pytest.approx(l2, abs=5e-4)
    assert values.l1 == pytest.approx(l1, abs=5e-4)


def test_random_instances_are_functions_of_their_arguments():
    one, same, other = (random_instance(7, 3, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.heads, same.heads)
    np.testing.assert_array_equal(one.target, same.target)
    assert not np.isclose(one.heads, other.heads).any()
    assert np.linalg.norm(one.target) == pytest.approx(1.0, abs=1e-15)
    rng = np.random.default_rng(5)  # the order of the draws is part of the definition
    np.testing.assert_array_equal(one.heads, rng.standard_normal((3, 7)))


@pytest.mark.parametrize(("tasks", "rank"), [(2, 2), (10, 3), (30, 4), (80, 5)])
def test_spiked_gap_is_the_number_of_tasks(tasks, rank):
    instance = spiked_instance(tasks, rank, np.random.default_rng(tasks))
    values = rule_values(instance.heads, instance.target)
    assert values.uniform / values.l1 == pytest.approx(tasks, rel=1e-12)
    assert values.l2 / values.l1 == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_allclose(np.linalg.norm(instance.heads, axis=0), 1.0, rtol=1e-14)
    np.testing.assert_allclose(instance.heads[:, 0] @ instance.heads[:, 1:], 0.0, atol=1e-15)


@pytest.mark.parametrize("ratio", [0.2, 2, 5, 20.0, 100, 3000])
@pytest.mark.parametrize(("tasks", "rank"), [(2, 2), (10, 2), (40, 5), (41, 5), (9, 5)])
def test_two_levels_make_l2_as_bad_as_uniform(tasks, rank, ratio):
    instance = two_level_instance(tasks, rank, ratio)
    values = rule_values(instance.heads, instance.target)
    closed_form = tasks * (ratio**2 + tasks - 1) / (ratio + tasks - 1) ** 2
    assert values.l2 == pytest.approx(values.uniform, rel=1e-9)
    assert values.l2 / values.l1 == pytest.approx(closed_form, rel=1e-9)
    u = np.concatenate([[ratio], np.ones(tasks - 1)])
    u /= np.linalg.norm(u) / values.nu2.norm
    np.testing.assert_allclose(values.nu2.nu, u, rtol=1e-9)
    assert np.linalg.norm(instance.target) == pytest.approx(1.0, abs=1e-14)


def test_two_level_has_the_same_l1_norm_at_both_relevances():
    instance = two_level_instance(40, 5, 20)
    one, two = (relevance(instance.heads, instance.target, p=p) for p in (1, 2))
    assert np.abs(two.nu).sum() == pytest.approx(one.norm, rel=1e-12)
    assert np.count_nonzero(one.nu) <= 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: random_instance(4, 5, 0), "rank = 5"),
        (lambda: random_instance(4, 0, 0), "rank = 0"),
        (lambda: random_instance(0, 1, 0), "tasks = 0"),
        (lambda: random_instance(4.5, 1, 0), "tasks = 4.5"),
        (lambda: random_instance(4, 2, -1), "seed = -1"),
        (lambda: spiked_instance(4, 1, np.random.default_rng(0)), "rank = 1"),
        (lambda: two_level_instance(40, 5, 1), "ratio = 1"),
        (lambda: two_level_instance(40, 5, 0), "ratio = 0"),
        (lambda: two_level_instance(40, 5, -3), "ratio = -3"),
        (lambda: two_level_instance(40, 5, np.nan), "ratio = nan"),
        (lambda: two_level_instance(7, 5, 2), "rank = 5 is not allowed: it must be below 2"),
        (lambda: two_level_instance(7, 1, 2), "rank = 1"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
