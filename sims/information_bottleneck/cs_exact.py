"""Cauchy-Schwarz divergence and quadratic mutual information in closed form.

Everywhere ``D_CS(p; q) = -2 log int pq + log int p² + log int q²``, with the factor 2: some
papers use half of it. Derivations: docs/theory/information_bottleneck.md.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from sims.information_bottleneck.gaussian import (
    checked_correlations,
    checked_covariance,
    log_determinant,
    log_residual,
)
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_TOTAL = 1e-9  # how far weights may be from summing to 1


def gaussian_cs_divergence(
    mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike
) -> float:
    """Cauchy-Schwarz divergence of two Gaussians. *Exact*.

    ``(m1-m2)'(S1+S2)^{-1}(m1-m2) + log|S1+S2| - d log 2 - 1/2 log|S1||S2|``.

    Parameters
    ----------
    mean1, mean2 : array_like, scalar or shape (d,)
    cov1, cov2 : array_like, scalar or shape (d, d)
        Symmetric, positive definite; a number is a variance.

    Returns
    -------
    float
        In nats, >= 0. It is below KL in both directions for equal means, equal to it for equal
        covariances, and may be above it otherwise; half of it never is.

    Raises
    ------
    ValueError
        For shapes that do not fit or a matrix that is no covariance.

    Examples
    --------
    >>> round(gaussian_cs_divergence(2.0, 0.25, 0.0, 1.0), 4)
    3.4231
    """
    gap, first, second = _two_gaussians(mean1, cov1, mean2, cov2)
    total = first + second
    spread = log_determinant(total) - len(gap) * math.log(2.0)
    spread -= 0.5 * (log_determinant(first) + log_determinant(second))
    return float(gap @ linalg.solve(total, gap, assume_a="pos")) + max(0.0, spread)


def gaussian_kl_divergence(
    mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike
) -> float:
    """Kullback-Leibler divergence of the first of two Gaussians from the second. *Exact*.

    Parameters
    ----------
    mean1, cov1, mean2, cov2
        As for `gaussian_cs_divergence`.

    Returns
    -------
    float
        In nats, >= 0.

    Raises
    ------
    ValueError
        As `gaussian_cs_divergence`.

    Examples
    --------
    >>> round(gaussian_kl_divergence(2.0, 0.25, 0.0, 1.0), 4)
    2.3181
    """
    gap, first, second = _two_gaussians(mean1, cov1, mean2, cov2)
    ratios = linalg.eigh(first, second, eigvals_only=True)
    spread = float((ratios - 1.0 - np.log(ratios)).sum())
    return 0.5 * (float(gap @ linalg.solve(second, gap, assume_a="pos")) + max(0.0, spread))


def mixture_cs_divergence(
    weights1: ArrayLike,
    means1: ArrayLike,
    covs1: ArrayLike,
    weights2: ArrayLike,
    means2: ArrayLike,
    covs2: ArrayLike,
) -> float:
    """Cauchy-Schwarz divergence of two Gaussian mixtures. *Exact*.

    Each integral of a product is ``sum_ij w_i w_j N(m_i - m_j; 0, S_i + S_j)``, summed in logs.

    Parameters
    ----------
    weights1, weights2 : array_like, shape (components,)
        Positive, summing to 1.
    means1, means2 : array_like, shape (components,) or (components, d)
    covs1, covs2 : array_like, shape (components,) or (components, d, d)
        Variances, or symmetric, positive definite matrices.

    Returns
    -------
    float
        In nats, >= 0.

    Raises
    ------
    ValueError
        For shapes that do not fit, weights that are no distribution or a matrix that is no
        covariance.

    Examples
    --------
    >>> round(mixture_cs_divergence([1.0], [2.0], [0.25], [1.0], [0.0], [1.0]), 4)
    3.4231
    """
    first = _Mixture("1", weights1, means1, covs1)
    second = _Mixture("2", weights2, means2, covs2)
    if first.means.shape[1] != second.means.shape[1]:
        reject("means2.shape", second.means.shape, f"(components, {first.means.shape[1]})")
    cross = first.log_overlap(second)
    return max(0.0, first.log_overlap(first) + second.log_overlap(second) - 2.0 * cross)


def discrete_cs_divergence(p: ArrayLike, q: ArrayLike) -> float:
    """Cauchy-Schwarz divergence of two discrete distributions. *Exact*.

    Parameters
    ----------
    p, q : array_like of one shape
        Probabilities >= 0, each summing to 1.

    Returns
    -------
    float
        In nats, >= 0; inf when the supports are disjoint.

    Raises
    ------
    ValueError
        For shapes that differ or arrays that are no distribution.

    Examples
    --------
    >>> joint = [[0.475, 0.025], [0.025, 0.475]]  # a binary symmetric channel
    >>> round(discrete_cs_divergence(joint, [[0.25, 0.25], [0.25, 0.25]]), 4)
    0.5933
    """
    first, second = array("p", p, 0), array("q", q, 0)
    if first.shape != second.shape or not first.size:
        reject("q.shape", second.shape, f"{first.shape} like p, and not empty")
    for name, part in (("p", first), ("q", second)):
        if abs(part.sum() - 1.0) > _TOTAL:
            reject(f"{name}.sum()", float(part.sum()), f"1 to within {_TOTAL:g}")
    cross = float(np.vdot(first, second))
    if cross == 0.0:
        return math.inf
    squares = math.log(np.vdot(first, first)) + math.log(np.vdot(second, second))
    return max(0.0, squares - 2.0 * math.log(cross))


def gaussian_cs_qmi(
    correlations: ArrayLike, *, width_x: float = 0.0, width_t: float = 0.0
) -> float:
    """Cauchy-Schwarz quadratic mutual information of Gaussian pairs. *Exact*.

    ``I_CS = sum_k [log(1 - rho_k²/4) - 1/2 log(1 - rho_k²)] = I + sum_k log(1 - rho_k²/4)``. At
    kernel widths above 0 it is that of the densities smoothed by the kernels, which is what a
    kernel estimator aims at: rho² becomes ``rho²/((1 + width_x²/2)(1 + width_t²/2))``.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Of pairs of unit variance (canonical correlations when both widths are 0), in (-1, 1).
    width_x, width_t : float
        sigma of the kernels exp(-d²/2 sigma²), >= 0.

    Returns
    -------
    float
        In nats; at most the mutual information, at least that less k log(4/3).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> round(gaussian_cs_qmi(0.9), 6), round(gaussian_cs_qmi(0.9, width_x=0.3, width_t=0.3), 4)
    (0.604092, 0.4718)
    """
    rho = checked_correlations(correlations)
    width_x, width_t = number("width_x", width_x, 0), number("width_t", width_t, 0)
    blur = (1.0 + 0.5 * width_x**2) * (1.0 + 0.5 * width_t**2)
    rho = rho / math.sqrt(blur)
    return float((np.log1p(-0.25 * rho * rho) - 0.5 * log_residual(rho)).sum())


def correlation_for_cs_qmi(qmi: ArrayLike) -> FloatArray:
    """Correlation of one Gaussian pair that has the given CS-QMI, in closed form.

    The inverse of `gaussian_cs_qmi` at widths 0: with ``E = exp(2 I_CS)``, rho² solves
    ``(1 - rho²/4)² = E (1 - rho²)``.

    Parameters
    ----------
    qmi : array_like
        In nats, in [0, inf).

    Returns
    -------
    ndarray or float
        Shaped like `qmi`, in [0, 1].

    Raises
    ------
    ValueError
        When the value is outside its range.

    Examples
    --------
    >>> round(float(correlation_for_cs_qmi(gaussian_cs_qmi(0.9))), 12)
    0.9
    """
    # divided by E throughout, so that a large I_CS does not overflow
    shrunk = np.exp(-2.0 * array("qmi", qmi, 0))
    excess = -np.expm1(-2.0 * array("qmi", qmi, 0))
    middle = 1.0 - 0.5 * shrunk
    square = 2.0 * excess / (middle + np.sqrt(middle * middle + 0.25 * excess * shrunk))
    return np.sqrt(np.minimum(square, 1.0))[()]


def _two_gaussians(
    mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Difference of the means, and both covariances, after checks."""
    first, second = checked_covariance("cov1", cov1), checked_covariance("cov2", cov2)
    means = [np.atleast_1d(array(name, m)) for name, m in (("mean1", mean1), ("mean2", mean2))]
    shape = (len(first),)
    for name, mean in zip(("mean1", "mean2"), means):
        if mean.shape != shape:
            reject(f"{name}.shape", mean.shape, f"{shape} like cov1")
    if len(second) != len(first):
        reject("cov2.shape", second.shape, f"{first.shape} like cov1")
    return means[0] - means[1], first, second


class _Mixture:
    """Weights, means and covariances of a Gaussian mixture."""

    def __init__(self, which: str, weights: ArrayLike, means: ArrayLike, covs: ArrayLike) -> None:
        self.weights = array(f"weights{which}", weights, 0, ndim=1, open_low=True)
        count = len(self.weights)
        if abs(self.weights.sum() - 1.0) > _TOTAL:
            reject(f"weights{which}.sum()", float(self.weights.sum()), f"1 to within {_TOTAL:g}")
        located = array(f"means{which}", means)
        self.means = located[:, None] if located.ndim == 1 else located
        if self.means.ndim != 2 or len(self.means) != count or not self.means.size:
            reject(f"means{which}.shape", located.shape, f"({count},) or ({count}, d)")
        dimension = self.means.shape[1]
        spread = array(f"covs{which}", covs)
        if spread.shape not in ((count,), (count, dimension, dimension)):
            reject(f"covs{which}.shape", spread.shape, f"({count}, {dimension}, {dimension})")
        if spread.ndim == 1 and dimension > 1:
            reject(f"covs{which}.shape", spread.shape, f"({count}, {dimension}, {dimension})")
        self.covs = np.array(
            [checked_covariance(f"covs{which}[{i}]", part) for i, part in enumerate(spread)]
        )

    def log_overlap(self, other: _Mixture) -> float:
        """Logarithm of the integral of the product of two mixtures."""
        totals = self.covs[:, None] + other.covs[None]
        gaps = self.means[:, None] - other.means[None]
        factors = np.linalg.cholesky(totals)
        scaled = np.linalg.solve(factors, gaps[..., None])[..., 0]
        logs = -0.5 * (scaled * scaled).sum(axis=-1)
        logs -= np.log(np.diagonal(factors, axis1=-2, axis2=-1)).sum(axis=-1)
        logs -= 0.5 * gaps.shape[-1] * math.log(2.0 * math.pi)
        return float(special.logsumexp(logs, b=np.multiply.outer(self.weights, other.weights)))
