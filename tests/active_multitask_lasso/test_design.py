import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.active_multitask_lasso import (
    allocation,
    design_value,
    first_order_risk,
    random_instance,
    relevance,
    relevance_factor,
    rule_values,
    spiked_instance,
    target_step_risk,
    water_fill,
)


def direct(heads, target, counts):
    return target @ np.linalg.solve((heads * counts) @ heads.T, target)


@pytest.mark.parametrize(("tasks", "rank"), [(1, 1), (7, 1), (6, 6), (40, 5), (100, 20)])
def test_value_is_the_inverse_quadratic_form(tasks, rank):
    instance = random_instance(tasks, rank, 0)
    counts = np.random.default_rng(1).uniform(0.1, 100, tasks)
    value = design_value(instance.heads, instance.target, counts)
    assert value == pytest.approx(direct(instance.heads, instance.target, counts), rel=1e-9)
    # the multiplier nu_t = n_t w_t'mu attains the minimum of sum nu^2/n over W nu = w
    mu = np.linalg.solve((instance.heads * counts) @ instance.heads.T, instance.target)
    assert relevance_factor(counts * (mu @ instance.heads), counts) == pytest.approx(
        value, rel=1e-9
    )


def test_no_other_solution_has_a_smaller_relevance_factor():
    instance = random_instance(12, 4, 0)
    rng = np.random.default_rng(0)
    counts = rng.uniform(1, 50, 12)
    value = design_value(instance.heads, instance.target, counts)
    _, _, right = np.linalg.svd(instance.heads)
    for _ in range(20):
        nu = relevance(instance.heads, instance.target, p=2).nu + rng.standard_normal(8) @ right[4:]
        assert relevance_factor(nu, counts) >= value * (1 - 1e-12)


def test_tasks_without_samples_do_not_count():
    instance = random_instance(12, 4, 0)
    counts = np.zeros(12)
    counts[[1, 3, 4, 7, 9]] = 5, 1, 2, 9, 4
    some = counts > 0
    value = design_value(instance.heads, instance.target, counts)
    assert value == pytest.approx(
        direct(instance.heads[:, some], instance.target, counts[some]), rel=1e-12
    )


def test_value_is_infinite_when_the_sampled_tasks_miss_the_target():
    instance = random_instance(12, 4, 0)
    counts = np.zeros(12)
    assert design_value(instance.heads, instance.target, counts) == np.inf
    counts[:3] = 10
    assert design_value(instance.heads, instance.target, counts) == np.inf
    known = {"dimension": 9, "noise_variance": 0.0}
    assert first_order_risk(instance.heads, instance.target, counts, **known) == np.inf


def test_fewer_tasks_than_dimensions_suffice_for_a_target_in_their_span():
    instance = spiked_instance(30, 4, np.random.default_rng(0))
    counts = np.zeros(30)
    counts[0] = 50
    assert design_value(instance.heads, instance.target, counts) == pytest.approx(1 / 50)
    counts[5] = 3
    assert design_value(instance.heads, instance.target, counts) == pytest.approx(1 / 50)


@pytest.mark.parametrize("spread", [1e3, 1e8, 1e16])
def test_counts_of_any_range_keep_their_digits(spread):
    import mpmath

    instance = random_instance(8, 4, 2)
    counts = np.geomspace(1.0, spread, 8)[[3, 0, 7, 5, 1, 2, 6, 4]]
    with mpmath.workdps(60):
        heads = mpmath.matrix(instance.heads.tolist())
        weighted = heads * mpmath.diag([mpmath.mpf(float(n)) for n in counts]) * heads.T
        target = mpmath.matrix(instance.target.tolist())
        exact = float((target.T * mpmath.lu_solve(weighted, target))[0])
    assert design_value(instance.heads, instance.target, counts) == pytest.approx(exact, rel=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(0, 40))
def test_dominance_chain(seed, rank, more):
    instance = random_instance(rank + more, rank, seed)
    values = rule_values(instance.heads, instance.target)
    slack = 1 + 1e-10
    assert values.l1 <= values.l2 * slack
    assert values.l2 <= values.l2_bound * slack
    assert values.l2_bound <= values.uniform * slack
    assert values.uniform <= (rank + more) * values.l1 * slack  # no gap above T


@pytest.mark.parametrize("seed", range(5))
def test_rule_values_are_design_values(seed):
    instance = random_instance(40, 5, seed)
    values = rule_values(instance.heads, instance.target)

    def value(counts):
        return counts.sum() * design_value(instance.heads, instance.target, counts)

    assert value(np.ones(40)) == pytest.approx(values.uniform, rel=1e-12)
    assert value(np.abs(values.nu1.nu)) == pytest.approx(values.l1, rel=1e-12)
    assert value(values.nu2.nu**2) == pytest.approx(values.l2, rel=1e-12)
    for counts in np.random.default_rng(seed).dirichlet(np.ones(40), 50):
        assert value(counts) >= values.l1


def test_mean_ratios_of_gaussian_instances():
    # reference: uniform/L1 = 5.6, 4.3, 3.7, 2.7 and L2/L1 = 1.97, 1.70, 1.60, 1.42
    found = []
    for rank in (2, 5, 10, 20):
        values = [rule_values(*_pair(random_instance(60, rank, seed))) for seed in range(20)]
        found.append(np.mean([(v.uniform / v.l1, v.l2 / v.l1) for v in values], axis=0))
    np.testing.assert_allclose(found, [(5.6, 1.97), (4.3, 1.7), (3.7, 1.6), (2.7, 1.42)], rtol=0.15)


def _pair(instance):
    return instance.heads, instance.target


def test_a_large_floor_leads_back_to_uniform():
    instance = random_instance(30, 4, 3)
    nu = relevance(instance.heads, instance.target, p=1).nu
    values = [
        design_value(instance.heads, instance.target, water_fill(np.abs(nu), 6000, floor))
        for floor in (0, 20, 50, 100, 200)
    ]
    assert (np.diff(values) > 0).all()
    assert values[-1] == design_value(instance.heads, instance.target, 200)


def test_first_order_risk_is_the_value_times_noise_and_dimension():
    instance = random_instance(40, 5, 3)
    known = {"dimension": 50, "noise_variance": 1.0}
    rules = {1: 3.77e-4, 2: 6.67e-4}  # at N = 32000 with floor 5
    for p, expected in rules.items():
        nu = relevance(instance.heads, instance.target, p=p).nu
        counts = allocation(nu, 32000, p=p, floor=5)
        risk = first_order_risk(instance.heads, instance.target, counts, **known)
        assert risk == pytest.approx(expected, rel=2e-3)
    uniform = first_order_risk(instance.heads, instance.target, 800, **known)
    assert uniform == pytest.approx(14.3e-4, rel=2e-3)
    assert (
        first_order_risk(instance.heads, instance.target, 800, dimension=50, noise_variance=0)
        == 0.0
    )


def test_first_order_risk_is_what_perturbed_heads_show():
    # OLS of every task has error sigma G_t/sqrt(n_t); top-K singular vectors of the weighted
    # heads miss the target by the formula. 400 draws: standard error of the mean about 2.3 %
    # (46 degrees of freedom a draw would give 1 %); 10 % is more than 4 of them.
    rng = np.random.default_rng(0)
    instance = random_instance(12, 3, 0)
    d, counts = 26, np.linspace(2000, 40000, 12)
    theta = np.zeros((d, 12))
    theta[:3] = instance.heads
    target = np.append(instance.target, np.zeros(d - 3))
    risks = []
    for _ in range(400):
        noisy = theta * np.sqrt(counts) + rng.standard_normal((d, 12))
        basis = np.linalg.svd(noisy, full_matrices=False)[0][:, :3]
        risks.append(np.square(target - basis @ (basis.T @ target)).sum())
    expected = first_order_risk(*_pair(instance), counts, dimension=d, noise_variance=1.0)
    assert np.mean(risks) == pytest.approx(expected, rel=0.1)


def test_target_step_is_exact_for_gaussian_inputs():
    # 4000 trials: standard error of the mean below 1.5 %; a false alarm at 6 % is a 4-sigma event
    rng = np.random.default_rng(0)
    d, k, m, noise = 8, 3, 12, 0.7
    theta = rng.standard_normal(d)
    rep = float(np.square(theta[k:]).sum())  # the subspace is the first k coordinates
    risks = []
    for _ in range(4000):
        x = rng.standard_normal((m, d))
        y = x @ theta + np.sqrt(noise) * rng.standard_normal(m)
        head = np.linalg.lstsq(x[:, :k], y)[0]
        risks.append(np.square(head - theta[:k]).sum() + rep)
    expected = target_step_risk(rep, rank=k, target_samples=m, noise_variance=noise)
    assert np.mean(risks) == pytest.approx(expected, rel=0.06)


def test_target_step_broadcasts_and_lets_infinity_pass():
    known = {"rank": 2, "target_samples": 7, "noise_variance": 1.0}
    assert target_step_risk([0.0, 0.5, np.inf], **known).tolist() == [0.5, 1.25, np.inf]
    assert np.ndim(target_step_risk(0.5, **known)) == 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1, 2], r"counts\.shape = \(2,\)"),
        ([1, -2, 1], r"counts\[1\] = -2"),
        ([1, np.nan, 1], r"counts\[1\] = nan"),
        ([1, np.inf, 1], r"counts\[1\] = inf"),
        (-1, "counts = -1"),
    ],
)
def test_bad_counts_are_named(counts, message):
    with pytest.raises(ValueError, match=message):
        design_value(np.eye(2, 3) + 1, np.ones(2), counts)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dimension": 2}, "dimension = 2 .* above the rank, 2"),
        ({"dimension": 1}, "dimension = 1"),
        ({"dimension": 5.5}, "dimension = 5.5"),
        ({"noise_variance": -1}, "noise_variance = -1"),
        ({"noise_variance": np.nan}, "noise_variance = nan"),
    ],
)
def test_bad_risk_arguments_are_named(changes, message):
    known = {"dimension": 5, "noise_variance": 1.0}
    with pytest.raises(ValueError, match=message):
        first_order_risk(np.eye(2), np.ones(2), 3, **(known | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_samples": 3}, "target_samples = 3"),  # K + 1: no finite expectation
        ({"target_samples": 10.5}, "target_samples = 10.5"),
        ({"rank": 0}, "rank = 0"),
        ({"noise_variance": -1}, "noise_variance = -1"),
        ({"representation_risk": -1}, "representation_risk = -1"),
    ],
)
def test_bad_target_step_arguments_are_named(changes, message):
    known = {"representation_risk": 0.1, "rank": 2, "target_samples": 10, "noise_variance": 1.0}
    with pytest.raises(ValueError, match=message):
        target_step_risk(**(known | changes))
