"""Exact-in-law trials for isotropic Gaussian features: no features and no noise are drawn.

Between-bag and within-bag scatter are independent Wishart matrices S and T. Their sum G is
independent of the matrix-beta variable G^-1/2 S G^-1/2, whose eigenvectors are uniform and whose
eigenvalues have the law of a bidiagonal matrix of independent beta variables. So bias² and
variance *given the features*, at every rho at once, need one Wishart factor a trial and one
tridiagonal eigenvalue problem a bag size. See docs/theory/aggregate_responses.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from sims.aggregate_responses.fixed_point import product
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk
from sims.numerics.validate import array, integer, number, reject
from sims.numerics.wishart import bartlett_factor

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class _Geometry:
    """Of a Wishart matrix W with n degrees of freedom: what bias and variance need.

    Attributes
    ----------
    inverse_diagonal : ndarray, shape (d,)
        The diagonal of W^-1.
    hadamard : ndarray, shape (d, d)
        The entrywise product of W and W^-1.
    """

    inverse_diagonal: Real
    hadamard: Real


def risk_trial(
    n: int,
    d: int,
    bag_counts: ArrayLike,
    rhos: ArrayLike,
    *,
    noise_variance: float,
    signal_power: float = 1.0,
    rng: Generator,
) -> AggregateRisk:
    """Draw bias², variance and risk given the features, for all bag counts and weights.

    *Exact in law* for Gaussian isotropic features and any bags that are independent of them,
    without ridge, at each number of bags; bias² is averaged over the direction of theta_0. The
    curves of one trial share their pooled scatter.

    Parameters
    ----------
    n, d : int
        Samples and features.
    bag_counts : array_like of int, shape (bags,)
        Numbers of bags m in [1, n].
    rhos : array_like, shape (rhos,)
        Weights in [0, inf]; solutions that are not unique are of minimum norm.
    noise_variance, signal_power : float
        sigma² >= 0 and ||theta_0||² > 0.
    rng : Generator

    Returns
    -------
    AggregateRisk
        Arrays of shape (bags, rhos).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> draw = risk_trial(
    ...     600, 100, [200, 120], [0.1, 1.0], noise_variance=0.5, rng=np.random.default_rng(0)
    ... )
    >>> draw.total.shape
    (2, 2)
    """
    n, d = integer("n", n, 1), integer("d", d, 1)
    counts = array("bag_counts", bag_counts, 1, n, ndim=1)
    if (counts != np.floor(counts)).any():
        reject("bag_counts", counts.tolist(), "whole numbers")
    weights = array("rhos", rhos, 0, ndim=1, allow_inf=True)
    noise = np.asarray(number("noise_variance", noise_variance, 0))
    signal = number("signal_power", signal_power, 0, open_low=True)
    geometry = _geometry(n, d, rng)
    shape = counts.size, weights.size
    bias, variance = np.empty(shape), np.empty(shape)
    for row, m in enumerate(counts.astype(int)):
        bias[row], variance[row] = _curves(n, m, d, weights, geometry, rng)
    return as_risk(signal * bias, product(noise, variance))


def _curves(
    n: int, m: int, d: int, rhos: Real, geometry: _Geometry, rng: Generator
) -> tuple[Real, Real]:
    """Bias² per unit signal and variance per unit noise at every rho, for m bags."""
    if n < d:
        bias, variance = _interpolating(n, m, d, geometry)
        curves = np.full(rhos.size, bias), np.full(rhos.size, variance)
    else:
        curves = _determined(matrix_beta_eigenvalues(n, m, d, rng), rhos, geometry)
    if m < d and (rhos == 0).any():
        curves[0][rhos == 0] = 1.0 - m / d
        curves[1][rhos == 0] = np.square(_inverted(bartlett_factor(m, d, rng))).sum()
    return curves


def _determined(mu: Real, rhos: Real, geometry: _Geometry) -> tuple[Real, Real]:
    """Both curves from the spectrum; where mu = rho = 0 the caller knows better."""
    with np.errstate(divide="ignore", invalid="ignore"):
        within = np.where(mu == 1, 0.0, rhos[:, None] * (1.0 - mu))
        damping = 1.0 / (mu + within)
        lost = np.where(np.isinf(within), 1.0, within * damping)
    unsolved = (mu + within) == 0
    lost[unsolved] = damping[unsolved] = 0.0
    bias = ((lost @ geometry.hadamard) * lost).sum(1) / mu.size
    return bias, damping**2 @ (mu * geometry.inverse_diagonal)


def _interpolating(n: int, m: int, d: int, geometry: _Geometry) -> tuple[float, float]:
    """Fewer samples than features: every rho > 0 fits everything, with minimum norm."""
    within = geometry.hadamard[m:, m:].sum()
    return 1.0 - n / d + within / d, float(geometry.inverse_diagonal[:m].sum())


def _geometry(n: int, d: int, rng: Generator) -> _Geometry:
    """Draw the pooled scatter, of rows or of columns, whichever has full rank."""
    dof, size = max(n, d), min(n, d)
    factor = bartlett_factor(size, dof, rng)
    inverse = _inverted(factor)
    wishart, precision = factor @ factor.T, inverse.T @ inverse
    return _Geometry(np.diagonal(precision), wishart * precision)


def matrix_beta_eigenvalues(n: int, m: int, d: int, rng: Generator) -> Real:
    """Draw the eigenvalues of G^-1 S: S of m rows, G = S + T of n >= d rows, in d dimensions.

    They are the squared cosines of the angles between a uniform d-dimensional subspace and m
    coordinates of n: some are forced to 0 or 1 by the dimensions, the others have the law of the
    squared singular values of a bidiagonal matrix of independent beta variables (Edelman and
    Sutton, 2008, for real matrices). One tridiagonal eigenvalue problem.

    Examples
    --------
    >>> mu = matrix_beta_eigenvalues(40, 8, 10, np.random.default_rng(0))
    >>> mu.size, int((mu == 0).sum())
    (10, 2)
    """
    zeros, ones = max(0, d - m), max(0, d - (n - m))
    size = d - zeros - ones
    forced = np.concatenate([np.zeros(zeros), np.ones(ones)])
    if size == 0:
        return forced
    low, high = abs(m - d), abs(n - m - d)
    down, below = np.arange(size, 0, -1.0), np.arange(size - 1, 0, -1.0)
    cosine = rng.beta((low + down) / 2.0, (high + down) / 2.0)
    turn = rng.beta(below / 2.0, (low + high + 1.0 + below) / 2.0)
    # squared diagonal and superdiagonal of the bidiagonal matrix
    diagonal = cosine.copy()
    diagonal[1:] *= 1.0 - turn
    above = (1.0 - cosine[:-1]) * turn
    main = diagonal.copy()
    main[:-1] += above
    free = tridiagonal_eigenvalues(main, np.sqrt(above * diagonal[1:]))
    return np.concatenate([forced, np.clip(free, 0.0, 1.0)])


def tridiagonal_eigenvalues(main: Real, side: Real) -> Real:
    """Eigenvalues of a symmetric tridiagonal matrix: the one factorisation of a bag size."""
    return np.asarray(linalg.eigvalsh_tridiagonal(main, side, check_finite=False))


def _inverted(factor: Real) -> Real:
    inverse, _ = lapack.dtrtri(factor, lower=1)
    return np.asarray(inverse)
