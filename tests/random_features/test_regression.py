import math

import numpy as np
import pytest

from sims.numerics.kernels import laplace_kernel
from sims.random_features.regression import fitting_ratio_trial, gcv, kernel_ridge
from sims.random_features.theory import risk


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((50, 3))
    return laplace_kernel(inputs), rng.standard_normal((50, 2))


@pytest.mark.parametrize("outputs", [1, 2])
def test_kernel_ridge_by_direct_solves(problem, outputs):
    kernel, targets = problem[0], problem[1][:, :outputs]
    ridges = [0.0, 1e-3, 1.0, 100.0]
    found = kernel_ridge(
        kernel[:30, :30], targets[:30], ridges, cross=kernel[30:, :30], test_targets=targets[30:]
    )
    for index, ridge in enumerate(ridges):
        dual = np.linalg.solve(kernel[:30, :30] + ridge * np.eye(30), targets[:30])
        test = np.mean(np.sum((kernel[30:, :30] @ dual - targets[30:]) ** 2, axis=1))
        train = ridge**2 * np.mean(np.sum(dual**2, axis=1))
        assert found.test[index] == pytest.approx(test, rel=1e-9)
        assert found.train[index] == pytest.approx(train, rel=1e-9, abs=1e-20)
        assert found.fitting_ratio[index] == pytest.approx(train / test, rel=1e-8, abs=1e-18)


def test_targets_may_be_vectors(problem):
    kernel, targets = problem[0], problem[1][:, 0]
    vector = kernel_ridge(
        kernel[:9, :9], targets[:9], [0.1], cross=kernel[9:, :9], test_targets=targets[9:]
    )
    column = kernel_ridge(
        kernel[:9, :9],
        targets[:9, None],
        [0.1],
        cross=kernel[9:, :9],
        test_targets=targets[9:, None],
    )
    assert vector.test == column.test


def test_a_singular_kernel_without_ridge_leaves_a_residual():
    kernel = np.ones((3, 3))
    found = kernel_ridge(
        kernel, [1.0, 2.0, 6.0], [0.0, 1e-15], cross=[[1.0, 1.0, 1.0]], test_targets=[4.0]
    )
    np.testing.assert_allclose(found.test, 1.0)  # the mean is 3
    assert found.train[0] == pytest.approx(14 / 3)


def test_fitting_ratio_trial_by_hand(problem):
    kernel, targets = problem
    ridges, levels, n = [1e-2, 1.0], [0.0, 0.5, 5.0], 30
    found = fitting_ratio_trial(kernel, targets, n, ridges, levels, rng=np.random.default_rng(3))
    rng = np.random.default_rng(3)
    order = rng.permutation(50)
    noise = rng.standard_normal((n, 2))
    train, rest = order[:n], order[n:]
    block, cross = kernel[np.ix_(train, train)], kernel[np.ix_(rest, train)]

    def errors(labels, ridge):
        return kernel_ridge(block, labels, [ridge], cross=cross, test_targets=targets[rest])

    ridgeless = errors(targets[train], 0.0).test[0]
    np.testing.assert_allclose(found.noise_variance, np.array(levels) * ridgeless, rtol=1e-12)
    for i, level in enumerate(levels):
        variance = level * ridgeless
        labels = targets[train] + math.sqrt(variance / 2) * noise
        for j, ridge in enumerate(ridges):
            alone = errors(labels, ridge)
            assert found.test[i, j] == pytest.approx(alone.test[0] + variance, rel=1e-9)
            assert found.train[i, j] == pytest.approx(alone.train[0], rel=1e-9)


def test_noise_has_the_variance_it_reports():
    # An identity kernel at a huge ridge predicts nothing: train error = power + noise variance.
    rng = np.random.default_rng(4)
    found = [
        fitting_ratio_trial(np.eye(400), np.ones((400, 4)), 300, [1e9], [2.0], rng=rng)
        for _ in range(20)
    ]
    train = np.array([run.train[0, 0] for run in found])
    expected = 4 + found[0].noise_variance[0]
    assert found[0].noise_variance[0] == pytest.approx(8.0)  # twice a test error of 4
    assert abs(train.mean() - expected) < 5 * train.std(ddof=1) / math.sqrt(20)


@pytest.mark.parametrize("k", [64, np.inf])
def test_gcv_tends_to_the_theory(k):
    n, modes, noise, trials = 200, 800, 0.5, 25
    power = np.arange(1.0, modes + 1) ** -1.5
    ridges = np.array([0.05, 0.5])
    rng = np.random.default_rng(5)
    estimates = []
    for _ in range(trials):
        data = rng.standard_normal((n, modes))
        labels = data @ np.sqrt(power) + math.sqrt(noise) * rng.standard_normal(n)
        features = data * np.sqrt(power)
        if np.isfinite(k):
            features = features @ rng.standard_normal((modes, k)) / math.sqrt(k)
        estimates.append(gcv(features @ features.T, labels, ridges))
    theory = risk(n, k, ridges, power, power, noise_variance=noise)
    # 4 standard errors (false alarm 6e-5 each), and finite-size errors of 2 % and 0.4 %.
    for name, allowance in (("test", 0.02), ("train", 0.02), ("kappa", 0.004)):
        values = np.array([getattr(estimate, name) for estimate in estimates])
        expected = getattr(theory, name)
        stderr = values.std(axis=0, ddof=1) / math.sqrt(trials)
        deviation = np.abs(values.mean(axis=0) - expected)
        assert np.all(deviation < 4 * stderr + allowance * expected)


def test_gcv_by_its_definition(problem):
    kernel, targets = problem
    ridges = np.array([1e-3, 1.0, 30.0])
    found = gcv(kernel, targets, ridges)
    for index, ridge in enumerate(ridges):
        inverse = np.linalg.inv(kernel + ridge * np.eye(50))
        train = ridge**2 * np.sum((inverse @ targets) ** 2) / 50
        trace = np.trace(inverse)
        assert found.kappa[index] == pytest.approx(1 / trace, rel=1e-10)
        assert found.train[index] == pytest.approx(train, rel=1e-10)
        assert found.test[index] == pytest.approx(train / (ridge / 50 * trace) ** 2, rel=1e-10)


def test_gcv_without_ridge_is_the_limit_from_above(problem):
    kernel, targets = problem
    features = np.random.default_rng(6).standard_normal((50, 20))
    for matrix in (kernel, features @ features.T):  # full rank, and rank 20
        limit, near = gcv(matrix, targets, [0.0]), gcv(matrix, targets, [1e-9])
        assert limit.test[0] == pytest.approx(near.test[0], rel=1e-6)
        assert limit.train[0] == pytest.approx(near.train[0], rel=1e-6, abs=1e-12)
        assert limit.kappa[0] == pytest.approx(near.kappa[0], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": np.ones((2, 3))}, "matrix"),
        ({"targets": [1.0]}, "targets"),
        ({"ridges": [-1.0]}, r"ridges\[0\] = -1"),
        ({"cross": np.ones((2, 3))}, "cross"),
        ({"test_targets": [1.0]}, "test_targets"),
        ({"test_targets": np.ones((2, 2))}, "test_targets"),
        ({"targets": [1.0, np.nan]}, r"targets\[1\]"),
    ],
)
def test_bad_arguments_of_kernel_ridge(change, words):
    arguments = {
        "kernel": np.eye(2),
        "targets": [1.0, 2.0],
        "ridges": [0.1],
        "cross": np.ones((2, 2)),
        "test_targets": [1.0, 2.0],
    }
    with pytest.raises(ValueError, match=words):
        kernel_ridge(**{**arguments, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kernel": np.ones((4, 3))}, "kernel"),
        ({"targets": [1.0]}, "targets"),
        ({"n": 4}, "n = 4"),
        ({"n": 0}, "n = 0"),
        ({"ridges": [np.inf]}, r"ridges\[0\]"),
        ({"relative_noise": [-0.5]}, r"relative_noise\[0\] = -0.5"),
        ({"rng": None}, "rng"),
    ],
)
def test_bad_arguments_of_a_trial(change, words):
    arguments = {
        "kernel": np.eye(4),
        "targets": np.ones(4),
        "n": 2,
        "ridges": [0.1],
        "relative_noise": [0.0],
        "rng": np.random.default_rng(0),
    }
    with pytest.raises(ValueError, match=words):
        fitting_ratio_trial(**{**arguments, **change})


def test_bad_arguments_of_gcv():
    with pytest.raises(ValueError, match="kernel"):
        gcv(np.ones((2, 3)), [1.0, 1.0], [0.1])
    with pytest.raises(ValueError, match="no positive eigenvalue"):
        gcv(np.zeros((2, 2)), [1.0, 1.0], [0.1])
    with pytest.raises(ValueError, match="ridges"):
        gcv(np.eye(2), [1.0, 1.0], [-0.1])
