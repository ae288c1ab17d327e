"""Random-feature ridge regression: 15 nested widths x 30 ridges of one trial (256 samples).

Run as ``python -m benchmarks.empirical_kernel``. Every contender fits the same features at all
widths and ridges and returns the test errors on 1000 points, checked against singular value
decompositions. A second table compares whole Gaussian trials: sufficient statistics against
drawing the features.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from sklearn.linear_model import Ridge

from benchmarks.harness import Contender, compare, gemm_rate
from sims.numerics.ridge_path import nested_ridge_paths
from sims.random_features.sampler import width_curve_trial

FloatArray = NDArray[np.float64]

SAMPLES, TEST_POINTS, INPUTS = 256, 1000, 64
WIDTHS = np.unique(np.geomspace(10, 2000, 15).round().astype(int))
RIDGES = np.geomspace(1e-3, 1e2, 30)
EIGENVALUES = np.arange(1, 4001.0) ** -1.5


class Problem:
    """ReLU features of Gaussian inputs, a noisy quadratic target."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        inputs = rng.standard_normal((SAMPLES + TEST_POINTS, INPUTS))
        weights = rng.standard_normal((WIDTHS[-1], INPUTS)) * np.sqrt(2 / INPUTS)
        features = np.maximum(inputs @ weights.T, 0.0)
        target = inputs[:, 0] + inputs[:, 1] ** 2 - 1 + 0.3 * rng.standard_normal(len(inputs))
        self.features, self.new_features = features[:SAMPLES], features[SAMPLES:]
        self.labels, self.truth = target[:SAMPLES], target[SAMPLES:]

    def errors(self, k: int, coefficients: FloatArray) -> FloatArray:
        """Test errors of coefficients, shape (ridges, k), of the first k features."""
        missed = self.new_features[:, :k] @ coefficients.T - self.truth[:, None]
        return np.asarray(np.einsum("nr,nr->r", missed, missed) / len(missed))


def ours(problem: Problem) -> FloatArray:
    """Nested Gram matrices, one tridiagonalisation a width."""
    paths = nested_ridge_paths(problem.features, problem.labels, WIDTHS, RIDGES)
    return np.array([problem.errors(k, path.coefficients) for k, path in zip(WIDTHS, paths)])


def each_width(problem: Problem, fit: Callable[..., FloatArray]) -> FloatArray:
    """Peers fit every width on its own: ``fit(G, y, ridges)`` gives coefficients."""
    return np.array(
        [
            problem.errors(k, fit(problem.features[:, :k], problem.labels, k * RIDGES))
            for k in WIDTHS
        ]
    )


def by_cholesky(features: FloatArray, labels: FloatArray, ridges: FloatArray) -> FloatArray:
    """One Cholesky decomposition of the smaller Gram matrix a ridge."""
    wide = features.shape[1] >= len(features)
    gram = features @ features.T if wide else features.T @ features
    right = labels if wide else features.T @ labels
    solutions = np.empty((len(ridges), len(gram)))
    for index, ridge in enumerate(ridges):
        shifted = np.array(gram, order="F")
        shifted[np.diag_indices(len(gram))] += ridge
        factor, _ = lapack.dpotrf(shifted, lower=1, overwrite_a=1, clean=0)
        solutions[index] = lapack.dpotrs(factor, right, lower=1)[0]
    return solutions @ features if wide else solutions


def by_eigh(features: FloatArray, labels: FloatArray, ridges: FloatArray) -> FloatArray:
    """One eigendecomposition of the smaller Gram matrix."""
    wide = features.shape[1] >= len(features)
    values, vectors = np.linalg.eigh(features @ features.T if wide else features.T @ features)
    rotated = vectors.T @ (labels if wide else features.T @ labels)
    solutions = (rotated / (values + ridges[:, None])) @ vectors.T
    return np.asarray(solutions @ features if wide else solutions)


def by_svd(features: FloatArray, labels: FloatArray, ridges: FloatArray) -> FloatArray:
    """One thin singular value decomposition."""
    left, values, right = np.linalg.svd(features, full_matrices=False)
    return np.asarray((values / (values**2 + ridges[:, None]) * (left.T @ labels)) @ right)


def by_scikit_learn(features: FloatArray, labels: FloatArray, ridges: FloatArray) -> FloatArray:
    """Fit `sklearn.linear_model.Ridge` at every ridge."""
    return np.array(
        [Ridge(alpha=ridge, fit_intercept=False).fit(features, labels).coef_ for ridge in ridges]
    )


def published_shape(problem: Problem) -> FloatArray:
    """Joint kernel of training and test points, a least-squares solve a ridge."""
    every = np.vstack([problem.features, problem.new_features])
    errors = np.empty((len(WIDTHS), len(RIDGES)))
    for i, k in enumerate(WIDTHS):
        kernel = every[:, :k] @ every[:, :k].T / k
        for j, ridge in enumerate(RIDGES):
            shifted = kernel[:SAMPLES, :SAMPLES] + ridge * np.eye(SAMPLES)
            dual = np.linalg.lstsq(shifted, problem.labels, rcond=None)[0]
            errors[i, j] = np.mean((kernel[SAMPLES:, :SAMPLES] @ dual - problem.truth) ** 2)
    return errors


def limit() -> float:
    """Seconds of unavoidable products at the speed of large ones."""
    small = np.minimum(WIDTHS, SAMPLES)
    wide = np.diff(np.append(0, WIDTHS[WIDTHS >= SAMPLES]))
    narrow = WIDTHS[WIDTHS < SAMPLES].max()
    gram = SAMPLES * narrow**2 + SAMPLES**2 * wide.sum()  # multiply-adds of a triangle, twice
    reduction = np.sum(4 / 3 * small.astype(float) ** 3)
    back = np.sum(2 * len(RIDGES) * small.astype(float) ** 2)
    lift = 2 * len(RIDGES) * SAMPLES * WIDTHS[WIDTHS >= SAMPLES].sum()
    predictions = 2 * len(RIDGES) * TEST_POINTS * WIDTHS.sum()
    return float(gram + reduction + back + lift + predictions) / gemm_rate()


def draw_and_fit(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw all Gaussian features of a trial and fit them with our own path."""
    widths = WIDTHS
    data = rng.standard_normal((SAMPLES, len(EIGENVALUES)))
    roots = np.sqrt(EIGENVALUES)
    labels = data @ roots + np.sqrt(0.5) * rng.standard_normal(SAMPLES)
    projection = roots[:, None] * rng.standard_normal((len(roots), widths[-1]))
    test, train = [], []
    paths = nested_ridge_paths(data @ projection, labels, widths, RIDGES)
    for k, path in zip(widths, paths):
        missed = projection[:, :k] @ path.coefficients.T - roots[:, None]
        test.append(np.einsum("mr,mr->r", missed, missed) + 0.5)
        train.append(path.train)
    return np.array(test), np.array(train)


def compressed(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Draw the same trial by its sufficient statistics."""
    errors = width_curve_trial(
        SAMPLES, WIDTHS, RIDGES, EIGENVALUES, EIGENVALUES, noise_variance=0.5, rng=rng
    )
    return errors.test, errors.train


def main() -> None:
    """Print both tables."""
    problem = Problem()
    reference = each_width(problem, by_svd)

    peers = [
        Contender(name, partial(each_width, problem, fit))
        for name, fit in (
            ("Cholesky a ridge", by_cholesky),
            ("eigh, reused", by_eigh),
            ("thin SVD, reused", by_svd),
            ("scikit-learn Ridge a ridge", by_scikit_learn),
        )
    ]
    published = Contender("lstsq a ridge on the joint kernel", partial(published_shape, problem))
    print(
        compare(
            f"Feature ridge, {len(WIDTHS)} widths x {len(RIDGES)} ridges",
            Contender("ours (nested Gram + sytrd)", partial(ours, problem)),
            [*peers, published],
            error=lambda found: float(np.max(np.abs(found / reference - 1))),
            tolerance=1e-8,
            budget=20.0,
            limit=limit(),
        )
    )
    rng = np.random.default_rng(0)
    print()
    print(
        compare(
            f"Gaussian trial, {len(EIGENVALUES)} modes",
            Contender("ours (sufficient statistics)", partial(compressed, rng)),
            [Contender("draw features, our path", partial(draw_and_fit, rng))],
            rounds=7,
        )
    )


if __name__ == "__main__":
    main()
