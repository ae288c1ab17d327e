"""Wasserstein distances, and the dependency measure W1(joint, product of marginals).

It depends on metric and scale and is not in nats; unlike variational bounds on information it
has no ceiling in the sample size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize
from scipy.spatial.distance import cdist

from sims.information_bottleneck.gaussian import checked_correlations, checked_covariance
from sims.information_bottleneck.validity import paired_samples, samples
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DependencyEstimate:
    """An estimate of the Wasserstein dependency and the baseline it must be held against.

    Attributes
    ----------
    value : float
        W1 between half of the pairs and the other half with Y permuted.
    baseline : float
        The same with Y permuted in the first half too: what independence would give.
    """

    value: float
    baseline: float


def wasserstein_distance_exact(points_p: ArrayLike, points_q: ArrayLike) -> float:
    """Exact W1 between two equally large sets of points, Euclidean: an optimal assignment.

    Parameters
    ----------
    points_p, points_q : array_like, shape (n,) or (n, d)
        n >= 1 points each. In one dimension sorting suffices, O(n log n); otherwise O(n³).

    Returns
    -------
    float
        In the units of the points.

    Raises
    ------
    ValueError
        For sets of different size or dimension, or entries that are not finite.

    Notes
    -----
    Between *samples* of two laws it overestimates their distance, at a rate n^(-1/d).

    Examples
    --------
    >>> wasserstein_distance_exact([[0.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 1.0]])
    1.0
    """
    p, q = paired_samples(("points_p", "points_q"), (points_p, points_q), 1)
    if p.shape[1] != q.shape[1]:
        reject("points_q.shape", q.shape, f"{p.shape} like points_p")
    if p.shape[1] == 1:
        return float(np.abs(np.sort(p[:, 0]) - np.sort(q[:, 0])).mean())
    costs = cdist(p, q)
    return float(costs[optimize.linear_sum_assignment(costs)].mean())


def wasserstein_dependency(x: ArrayLike, y: ArrayLike, *, rng: Generator) -> DependencyEstimate:
    """Estimate W1 between the joint law of (x, y) and the product of its marginals, Euclidean.

    Parameters
    ----------
    x, y : array_like, shape (N,) or (N, d)
        Samples, N >= 4; an odd one out is left out.
    rng : numpy.random.Generator
        Splits and permutes.

    Returns
    -------
    DependencyEstimate
        Biased upward, at a rate N^(-1/D) in the D dimensions of x and y together: show the
        baseline with it. Cost O(N³).

    Raises
    ------
    ValueError
        For samples of different length, fewer than 4, or not finite.

    References
    ----------
    S. Ozair et al., Wasserstein dependency measure for representation learning, NeurIPS 2019
    (the quantity; the estimator is ours).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(400)
    >>> estimate = wasserstein_dependency(x, x, rng=rng)
    >>> round(estimate.value, 1), round(estimate.baseline, 1)
    (0.8, 0.3)
    """
    x, y = paired_samples(("x", "y"), (x, y), 4)
    half = len(x) // 2
    order = rng.permutation(len(x))
    first, second = order[:half], order[half : 2 * half]
    product = np.hstack([x[second], y[rng.permutation(second)]])
    joint = np.hstack([x[first], y[first]])
    broken = np.hstack([x[first], y[rng.permutation(first)]])
    return DependencyEstimate(
        wasserstein_distance_exact(joint, product), wasserstein_distance_exact(broken, product)
    )


def gaussian_w2(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> float:
    """W2 distance of two Gaussians. *Exact*.

    ``W2² = |m1-m2|² + tr S1 + tr S2 - 2 tr (S1^{1/2} S2 S1^{1/2})^{1/2}``.

    Parameters
    ----------
    mean1, mean2 : array_like, scalar or shape (d,)
    cov1, cov2 : array_like, scalar or shape (d, d)
        Symmetric, positive definite; a number is a variance.

    Raises
    ------
    ValueError
        For shapes that do not fit or a matrix that is no covariance.

    Examples
    --------
    >>> gaussian_w2(1.0, 4.0, 1.0, 1.0)
    1.0
    """
    first, second = checked_covariance("cov1", cov1), checked_covariance("cov2", cov2)
    gap = np.atleast_1d(array("mean1", mean1)) - np.atleast_1d(array("mean2", mean2))
    if first.shape != second.shape or gap.shape != (len(first),):
        reject(
            "cov2.shape", second.shape, f"{first.shape} like cov1, and the means ({len(first)},)"
        )
    overlap = linalg.svdvals(np.linalg.cholesky(first).T @ np.linalg.cholesky(second)).sum()
    square = float(gap @ gap) + float(np.trace(first) + np.trace(second) - 2.0 * overlap)
    return math.sqrt(max(0.0, square))


def gaussian_w2_dependency(correlations: ArrayLike) -> float:
    """W2 between the joint law of unit-variance Gaussian pairs and its product. *Exact*.

    ``W2² = sum_k (sqrt(1+rho_k) - 1)² + (1 - sqrt(1-rho_k))²``: at most 4 - 2 sqrt 2 a pair.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        In (-1, 1).

    Returns
    -------
    float
        In standard deviations.

    Raises
    ------
    ValueError
        When a correlation is outside (-1, 1).

    Examples
    --------
    >>> round(gaussian_w2_dependency(0.99), 3)
    0.989
    """
    rho = np.abs(checked_correlations(correlations))
    # sqrt(1 ± rho) - 1 without cancellation
    up, down = rho / (np.sqrt(1.0 + rho) + 1.0), rho / (np.sqrt(1.0 - rho) + 1.0)
    return math.sqrt(float((up * up + down * down).sum()))


def gaussian_w1_bracket(correlation: float) -> tuple[float, float]:
    """Bounds on W1 between the joint law of one unit-variance Gaussian pair and its product.

    ``(1 - sqrt(1-rho)) sqrt(2/pi) <= W1 <= W2``: from the projection onto the narrow diagonal,
    and from the ordering of the distances. *Bound*.

    Parameters
    ----------
    correlation : float
        In (-1, 1).

    Returns
    -------
    lower, upper : float
        In standard deviations.

    Raises
    ------
    ValueError
        When the correlation is outside (-1, 1).

    Notes
    -----
    Derived, see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> tuple(round(bound, 3) for bound in gaussian_w1_bracket(0.99))
    (0.718, 0.989)
    """
    rho = abs(number("correlation", correlation, -1, 1, open_low=True, open_high=True))
    down = rho / (math.sqrt(1.0 - rho) + 1.0)
    return down * math.sqrt(2.0 / math.pi), gaussian_w2_dependency(rho)


def factor_dependency(factors: int, symbols: int) -> float:
    """Wasserstein dependency of m independent factors of V symbols, Y a bijection of X. *Exact*.

    ``m (1 - 1/V)`` in the Hamming metric, counted over the symbols of X and of Y together.

    Parameters
    ----------
    factors : int
        m >= 1.
    symbols : int
        V >= 2.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> factor_dependency(4, 10)
    3.6
    """
    return integer("factors", factors, 1) * (1.0 - 1.0 / integer("symbols", symbols, 2))


def factor_information(factors: int, symbols: int) -> float:
    """Mutual information m log V of the factors of `factor_dependency`, in nats. *Exact*.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> round(factor_information(4, 10), 4)
    9.2103
    """
    return integer("factors", factors, 1) * math.log(integer("symbols", symbols, 2))


def wasserstein_distance_1d(points_p: ArrayLike, points_q: ArrayLike) -> float:
    """W1 between two sets of numbers, of any two sizes, from their distribution functions.

    Parameters
    ----------
    points_p, points_q : array_like, shapes (n,) and (m,)

    Raises
    ------
    ValueError
        For arrays of another shape or entries that are not finite.

    Examples
    --------
    >>> wasserstein_distance_1d([0.0, 1.0], [1.0])
    0.5
    """
    parts = [samples(n, v, 1) for n, v in (("points_p", points_p), ("points_q", points_q))]
    for name, part in zip(("points_p", "points_q"), parts):
        if part.shape[1] != 1:
            reject(f"{name}.shape", part.shape, "(n,)")
    p, q = (np.sort(part[:, 0]) for part in parts)
    places = np.sort(np.concatenate([p, q]))
    below_p = np.searchsorted(p, places[:-1], side="right") / len(p)
    below_q = np.searchsorted(q, places[:-1], side="right") / len(q)
    return float(np.abs(below_p - below_q) @ np.diff(places))
