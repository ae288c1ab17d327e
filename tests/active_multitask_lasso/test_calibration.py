import numpy as np
import pytest

from sims.active_multitask_lasso import (
    calibrated_lambda,
    calibrated_relevance,
    lasso_path,
    random_instance,
    relevance,
    two_level_instance,
)
from sims.active_multitask_lasso.homotopy import Stalled, trace

KNOWN = {"target_samples": 500, "noise_variance": 0.8}


def test_lambda_is_the_balanced_choice():
    instance = random_instance(40, 5, 3)
    counts = np.linspace(100, 900, 40)
    nu1 = relevance(instance.heads, instance.target, p=1)
    nu2 = relevance(instance.heads, instance.target, p=2)
    square = 0.8 * 5 * (1 / 500 + np.sum(nu2.nu**2 / counts))
    found = calibrated_lambda(instance.heads, instance.target, counts, **KNOWN)
    assert found == pytest.approx(square / (2 * nu1.norm), rel=1e-12)


@pytest.mark.parametrize("make", [random_instance, two_level_instance])
def test_the_relevance_is_the_lasso_there(make):
    instance = make(40, 5, 3)
    value = calibrated_lambda(instance.heads, instance.target, 300, **KNOWN)
    found = calibrated_relevance(instance.heads, instance.target, 300, **KNOWN)
    path = lasso_path(instance.heads, instance.target, value)
    assert found.lambda_ == pytest.approx(value, rel=1e-12)
    np.testing.assert_allclose(found.nu, path.nu[0], atol=1e-10)
    assert found.gap <= 1e-12
    assert found.norm == pytest.approx(
        relevance(instance.heads, instance.target, p=1).norm, rel=1e-12
    )


def test_it_keeps_its_two_promises():
    # for any error W^ - W and w^ - w with Delta = |E nu1 - e|: |nu|_1 <= 2 |nu1|_1 and
    # |w^ - W^ nu| <= sqrt2 Delta at lambda = Delta^2/(2 |nu1|_1)
    rng = np.random.default_rng(0)
    for seed in range(40):
        instance = random_instance(20, 4, seed)
        true = relevance(instance.heads, instance.target, p=1)
        error = 0.1 * rng.standard_normal((4, 20))
        off = 0.05 * rng.standard_normal(4)
        delta = np.linalg.norm(error @ true.nu - off)
        heads, target = instance.heads + error, instance.target + off
        nu = lasso_path(heads, target, delta**2 / (2 * true.norm)).nu[0]
        assert np.abs(nu).sum() <= 2 * true.norm * (1 + 1e-12)
        assert np.linalg.norm(target - heads @ nu) <= np.sqrt(2) * delta * (1 + 1e-12)


def test_one_path_gives_lambda_and_solution(monkeypatch):
    calls = []

    def counted(*arguments):
        calls.append(1)
        return trace(*arguments)

    for name in ("calibration", "lasso", "minimal_norm"):
        monkeypatch.setattr(f"sims.active_multitask_lasso.{name}.trace", counted)
    instance = random_instance(40, 5, 3)
    calibrated_relevance(instance.heads, instance.target, 300, **KNOWN)
    assert len(calls) == 1


def stall(*arguments):
    raise Stalled("on purpose")


def test_without_a_path_the_other_solvers_are_asked(monkeypatch):
    instance = random_instance(20, 4, 3)
    expected = calibrated_relevance(instance.heads, instance.target, 300, **KNOWN)
    for name in ("calibration", "minimal_norm"):
        monkeypatch.setattr(f"sims.active_multitask_lasso.{name}.trace", stall)
        monkeypatch.setattr(f"sims.active_multitask_lasso.{name}.trace_without_ties", stall)
    found = calibrated_relevance(instance.heads, instance.target, 300, **KNOWN)
    np.testing.assert_allclose(found.nu, expected.nu, atol=1e-10)
    assert found.norm == pytest.approx(expected.norm, rel=1e-12)


def test_without_noise_it_is_basis_pursuit():
    instance = random_instance(40, 5, 3)
    known = {"target_samples": 500, "noise_variance": 0}
    found = calibrated_relevance(instance.heads, instance.target, 300, **known)
    assert found.lambda_ == 0
    least = relevance(instance.heads, instance.target, p=1)
    np.testing.assert_allclose(found.nu, least.nu, atol=1e-14)
    assert calibrated_lambda(instance.heads, instance.target, 300, **known) == 0


def test_much_noise_leaves_nothing():
    instance = random_instance(40, 5, 3)
    known = {"target_samples": 5, "noise_variance": 1e4}
    found = calibrated_relevance(instance.heads, instance.target, 10, **known)
    assert not found.nu.any()
    assert found.gap == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("counts", "changes", "message"),
    [
        (0, {}, "counts = 0"),
        ([1, 0], {}, r"counts\[1\] = 0"),
        ([1, 2, 3], {}, r"counts\.shape"),
        (5, {"target_samples": 0}, "target_samples = 0"),
        (5, {"noise_variance": -1}, "noise_variance = -1"),
    ],
)
def test_bad_arguments_are_named(counts, changes, message):
    for call in (calibrated_lambda, calibrated_relevance):
        with pytest.raises(ValueError, match=message):
            call(np.eye(2), np.ones(2), counts, **(KNOWN | changes))
