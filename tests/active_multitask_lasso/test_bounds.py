import numpy as np
import pytest

from sims.active_multitask_lasso import (
    design_value,
    first_order_risk,
    plug_in_guarantee,
    random_instance,
    relevance,
    relevance_factor,
    risk_upper_bound,
    sample_complexity,
    subspace_factor,
    subspace_factor_bound,
    subspace_factor_mean,
    water_fill,
)


def orthonormal(rng, d, k):
    return np.linalg.qr(rng.standard_normal((d, k)))[0]


@pytest.mark.parametrize("estimated_rank", [2, 4, 6])
def test_the_product_of_the_factors_bounds_the_representation_risk(estimated_rank):
    rng = np.random.default_rng(0)
    instance = random_instance(10, 4, 0)
    basis = orthonormal(rng, 12, 4)
    theta = basis @ instance.target
    for _ in range(50):
        mixed = np.hstack([basis, np.zeros((12, 2))])[:, :estimated_rank]
        hat = np.linalg.qr(mixed + 0.1 * rng.standard_normal((12, estimated_rank)))[0]
        counts = rng.uniform(1, 100, 10)
        rep = np.square(theta - hat @ (hat.T @ theta)).sum()
        second = subspace_factor(hat, basis, instance.heads, counts)
        for p in (1, 2):
            nu = relevance(instance.heads, instance.target, p=p).nu
            assert rep <= relevance_factor(nu, counts) * second * (1 + 1e-12)
        best = design_value(instance.heads, instance.target, counts)
        assert rep <= best * second * (1 + 1e-12)


def test_the_factor_vanishes_at_the_true_subspace():
    rng = np.random.default_rng(1)
    instance = random_instance(10, 4, 0)
    basis = orthonormal(rng, 12, 4)
    turned = basis @ orthonormal(rng, 4, 4)
    assert subspace_factor(turned, basis, instance.heads, 50) < 1e-25
    outside = np.linalg.svd(basis)[0][:, 4:8]
    whole = 50 * np.square(instance.heads).sum()
    assert subspace_factor(outside, basis, instance.heads, 50) == pytest.approx(whole)


def test_mean_of_the_factor_to_first_order():
    # 300 draws: the standard error of the mean is sqrt(2/104)/sqrt(300) = 0.8 %; the deviation
    # of second order is about K/n in relative terms; 5 % is more than 5 standard errors
    rng = np.random.default_rng(0)
    instance = random_instance(30, 4, 3)
    counts = np.full(30, 1e6)
    basis = np.eye(30)[:, :4]
    found = []
    for _ in range(300):
        noisy = np.sqrt(counts) * (basis @ instance.heads) + rng.standard_normal((30, 30))
        hat = np.linalg.svd(noisy)[0][:, :4]
        found.append(subspace_factor(hat, basis, instance.heads, counts))
    expected = subspace_factor_mean(dimension=30, rank=4, noise_variance=1.0)
    assert expected == 104
    assert np.mean(found) == pytest.approx(expected, rel=0.05)


def test_the_bound_has_the_slope_of_the_risk_and_lies_above_it():
    instance = random_instance(30, 4, 3)
    nu = relevance(instance.heads, instance.target, p=1).nu
    ratios = []
    for total in (1e4, 1e6):
        counts = water_fill(np.abs(nu), total)
        known = {"dimension": 30, "noise_variance": 2.0}
        bound = risk_upper_bound(instance.heads, instance.target, counts, nu, **known)
        ratios.append(bound / first_order_risk(instance.heads, instance.target, counts, **known))
    np.testing.assert_allclose(ratios, 240 / 26, rtol=1e-9)


def test_certainty_costs_a_logarithm():
    known = {"dimension": 30, "rank": 4, "tasks": 30, "noise_variance": 2.0}
    assert subspace_factor_bound(**known) == 480
    more = subspace_factor_bound(**known, failure=np.exp(-3))
    assert more == pytest.approx(486)


def test_factor_is_infinite_where_a_relevant_task_has_no_samples():
    assert relevance_factor([1, 0], [0, 3]) == np.inf
    assert relevance_factor([0, 1], [0, 4]) == 0.25
    known = {"dimension": 3, "noise_variance": 0.0}
    assert risk_upper_bound([[1.0, 1.0]], [1.0], [0, 3], [1, 0], **known) == np.inf


def test_the_sample_size_brings_the_risk_to_the_accuracy():
    instance = random_instance(40, 5, 3)
    heads, target = instance.heads, instance.target
    known = {"dimension": 50, "noise_variance": 0.7}
    found = sample_complexity(heads, target, accuracy=1e-3, **known)
    assert found.l1 < found.l2 < found.uniform
    assert found.l2_bound == found.uniform
    assert found.target == pytest.approx(0.7 * 5 / 1e-3)
    for p, total in ((1, found.l1), (2, found.l2)):
        weights = np.abs(relevance(heads, target, p=p).nu) ** p
        counts = water_fill(weights, total)
        assert first_order_risk(heads, target, counts, **known) == pytest.approx(1e-3, rel=1e-9)
    uniform = first_order_risk(heads, target, found.uniform / 40, **known)
    assert uniform == pytest.approx(1e-3, rel=1e-9)


def test_the_plug_in_guarantee_holds():
    rng = np.random.default_rng(0)
    for seed in range(60):
        instance = random_instance(15, 4, seed)
        exact = relevance(instance.heads, instance.target, p=1).nu
        nu = exact + rng.choice([0.0, 0.01, 0.1, 1.0]) * rng.standard_normal(15)
        m, floor = rng.uniform(10, 1000), rng.uniform(1, 30)
        counts = np.maximum(m * np.abs(nu) / np.abs(nu).sum(), floor)
        bound = plug_in_guarantee(
            instance.heads, instance.target, nu, adaptive_samples=m, floor=floor
        )
        assert design_value(instance.heads, instance.target, counts) <= bound * (1 + 1e-12)


def test_an_exact_relevance_needs_no_floor():
    instance = random_instance(15, 4, 0)
    found = relevance(instance.heads, instance.target, p=1)
    known = {"adaptive_samples": 100, "floor": 0}
    bound = plug_in_guarantee(instance.heads, instance.target, found.nu, **known)
    assert bound == pytest.approx(found.norm**2 / 100, rel=1e-12)
    off = plug_in_guarantee(instance.heads, instance.target, 2 * found.nu, **known)
    assert off == np.inf


def test_bad_arguments_are_named():
    instance = random_instance(5, 2, 0)
    heads, target = instance.heads, instance.target
    nu = relevance(heads, target, p=2).nu
    known = {"dimension": 5, "noise_variance": 1.0}
    # a scalar constraint (the sum of the residuals is 0) would let this vector pass
    scalar = nu + np.linalg.pinv(heads) @ [1.0, -1.0]
    with pytest.raises(ValueError, match="every row of W nu = w"):
        risk_upper_bound(heads, target, 3, scalar, **known)
    with pytest.raises(ValueError, match=r"nu\.shape"):
        risk_upper_bound(heads, target, 3, nu[:-1], **known)
    with pytest.raises(ValueError, match="failure = 0"):
        risk_upper_bound(heads, target, 3, nu, **known, failure=0)
    with pytest.raises(ValueError, match="accuracy = 0"):
        sample_complexity(heads, target, **known, accuracy=0)
    with pytest.raises(ValueError, match="adaptive_samples = 0"):
        plug_in_guarantee(heads, target, nu, adaptive_samples=0, floor=1)
    with pytest.raises(ValueError, match="floor = -1"):
        plug_in_guarantee(heads, target, nu, adaptive_samples=1, floor=-1)
    with pytest.raises(ValueError, match=r"nu\.shape"):
        plug_in_guarantee(heads, target, nu[1:], adaptive_samples=1, floor=1)


def test_bases_must_be_orthonormal():
    heads, basis = random_instance(5, 2, 0).heads, np.eye(6)[:, :2]
    with pytest.raises(ValueError, match="basis'basis - I"):
        subspace_factor(basis, 1.1 * basis, heads, 3)
    with pytest.raises(ValueError, match="estimated_basis'estimated_basis - I"):
        subspace_factor(1.1 * basis, basis, heads, 3)
    with pytest.raises(ValueError, match=r"estimated_basis\.shape"):
        subspace_factor(np.eye(7)[:, :2], basis, heads, 3)
    with pytest.raises(ValueError, match=r"basis\.shape = \(2, 2\)"):  # K = d
        subspace_factor(basis, np.eye(2), heads, 3)
