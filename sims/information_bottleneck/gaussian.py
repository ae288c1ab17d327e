"""Exact information of Gaussian variables and of linear Gaussian layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_ASYMMETRY = 1e-8  # allowed, relative to the largest entry


def gaussian_information(correlations: ArrayLike) -> float:
    """Mutual information of Gaussian X and Y, from their canonical correlations. *Exact*.

    ``I(X;Y) = -1/2 sum_k log(1 - rho_k²)``.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Canonical correlations in (-1, 1); only their squares matter.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        When a correlation is outside (-1, 1).

    Notes
    -----
    Textbook; see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> round(gaussian_information([0.9, 0.5]), 6)
    0.974207
    """
    return float(-0.5 * log_residual(checked_correlations(correlations)).sum())


def correlation_for_information(information: ArrayLike, pairs: int = 1) -> FloatArray:
    """Correlation of each of `pairs` equal Gaussian pairs that have the given information.

    ``rho = sqrt(1 - exp(-2 I / pairs))``, the inverse of `gaussian_information`.

    Parameters
    ----------
    information : array_like
        In nats, in [0, inf).
    pairs : int
        >= 1.

    Returns
    -------
    ndarray or float
        Shaped like `information`, in [0, 1].

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> round(float(correlation_for_information(2.0, pairs=4)), 6)
    0.79506
    """
    information = array("information", information, 0)
    pairs = integer("pairs", pairs, 1)
    squares: FloatArray = -np.expm1(-2.0 * information / pairs)
    return np.sqrt(squares)[()]


def covariance_information(covariance: ArrayLike, dimension_x: int) -> float:
    """Mutual information of jointly Gaussian X and Y, from their joint covariance. *Exact*.

    ``I(X;Y) = 1/2 log(|Sigma_x| |Sigma_y| / |Sigma|)``.

    Parameters
    ----------
    covariance : array_like, shape (d, d)
        Symmetric, positive definite.
    dimension_x : int
        How many of the first coordinates are X, in [1, d - 1].

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        For a matrix that is no such covariance, or a dimension outside its range.

    Examples
    --------
    >>> round(covariance_information([[1.0, 0.9], [0.9, 1.0]], 1), 6)
    0.830366
    """
    joint, dx = split_covariance(covariance, dimension_x)
    parts = log_determinant(joint[:dx, :dx]) + log_determinant(joint[dx:, dx:])
    return 0.5 * (parts - log_determinant(joint))


def canonical_correlations(covariance: ArrayLike, dimension_x: int) -> FloatArray:
    """Canonical correlations of X and Y, largest first.

    The singular values of ``Sigma_x^{-1/2} Sigma_xy Sigma_y^{-1/2}``.

    Parameters
    ----------
    covariance, dimension_x
        As for `covariance_information`.

    Returns
    -------
    ndarray, shape (min(dimension_x, d - dimension_x),)

    Raises
    ------
    ValueError
        As `covariance_information`.

    Examples
    --------
    >>> canonical_correlations([[4.0, 1.8], [1.8, 1.0]], 1).round(6)
    array([0.9])
    """
    joint, dx = split_covariance(covariance, dimension_x)
    return linalg.svdvals(_whitened_cross(joint, dx))


def pair_covariance(correlations: ArrayLike) -> FloatArray:
    """Joint covariance of unit-variance X and Y whose coordinates correlate in pairs.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        In (-1, 1).

    Returns
    -------
    ndarray, shape (2k, 2k)

    Raises
    ------
    ValueError
        When a correlation is outside (-1, 1).

    Examples
    --------
    >>> pair_covariance(0.5)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    rho = np.diag(checked_correlations(correlations))
    unit = np.eye(len(rho))
    return np.block([[unit, rho], [rho, unit]])


def linear_layer_information(
    weights: ArrayLike, covariance: ArrayLike, noise_variance: float
) -> float:
    """Information I(X;T) of a linear layer T = A X + N(0, s² I) with Gaussian input. *Exact*.

    ``I(X;T) = 1/2 log|I + A Sigma_x A' / s²|``; it is infinite without noise.

    Parameters
    ----------
    weights : array_like, shape (m, d)
        A.
    covariance : array_like, shape (d, d)
        Sigma_x, symmetric, positive definite.
    noise_variance : float
        s² > 0.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        For bad shapes, a matrix that is no covariance, or a variance <= 0.

    Examples
    --------
    >>> round(linear_layer_information([[1.0, 0.0]], [[3.0, 0.0], [0.0, 1.0]], 1.0), 6)
    0.693147
    """
    weights = array("weights", weights, ndim=2)
    covariance = checked_covariance("covariance", covariance)
    noise = number("noise_variance", noise_variance, 0, open_low=True)
    if weights.shape[1] != len(covariance):
        reject("weights.shape", weights.shape, f"(m, {len(covariance)}) like covariance")
    factor = weights @ np.linalg.cholesky(covariance)
    small = factor @ factor.T if len(factor) <= factor.shape[1] else factor.T @ factor
    return 0.5 * float(np.log1p(np.maximum(np.linalg.eigvalsh(small), 0.0) / noise).sum())


def checked_correlations(correlations: ArrayLike) -> FloatArray:
    """Return correlations as a vector after checking that they lie in (-1, 1).

    Examples
    --------
    >>> checked_correlations(0.5)
    array([0.5])
    """
    rho = array("correlations", correlations, -1, 1, open_low=True, open_high=True)
    if rho.ndim > 1 or not rho.size:
        reject("correlations.shape", rho.shape, "() or (k,) with k >= 1")
    return np.atleast_1d(rho)


def log_residual(rho: FloatArray) -> FloatArray:
    """Log(1 - rho²) without loss at either end.

    Examples
    --------
    >>> log_residual(np.array([1e-12]))
    array([-1.e-24])
    """
    size = np.abs(rho)
    near_one = np.log1p(-size) + np.log1p(size)
    return np.where(size < 0.5, np.log1p(-size * size), near_one)


def checked_covariance(name: str, value: ArrayLike) -> FloatArray:
    """Return a covariance as a symmetric float64 matrix; a number is a variance.

    Raises
    ------
    ValueError
        When it is not square, not symmetric or not positive definite.

    Examples
    --------
    >>> checked_covariance("covariance", 2.0)
    array([[2.]])
    """
    matrix = np.atleast_2d(array(name, value))
    size = len(matrix)
    if matrix.shape != (size, size) or size == 0:
        reject(f"{name}.shape", matrix.shape, "square and not empty")
    if np.abs(matrix - matrix.T).max() > _ASYMMETRY * np.abs(matrix).max():
        raise ValueError(f"{name} is not symmetric: a covariance must be")
    matrix = 0.5 * (matrix + matrix.T)
    try:
        np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise ValueError(f"{name} is not positive definite: a covariance must be") from None
    return matrix


def split_covariance(covariance: ArrayLike, dimension_x: int) -> tuple[FloatArray, int]:
    """Check a joint covariance and where X ends and Y begins.

    Examples
    --------
    >>> split_covariance([[1.0, 0.5], [0.5, 1.0]], 1)[1]
    1
    """
    joint = checked_covariance("covariance", covariance)
    if len(joint) < 2:
        reject("covariance.shape", joint.shape, "(d, d) with d >= 2: X and Y have one each")
    return joint, integer("dimension_x", dimension_x, 1, len(joint) - 1)


def log_determinant(matrix: FloatArray) -> float:
    """Log-determinant of a positive definite matrix.

    Examples
    --------
    >>> log_determinant(np.eye(2))
    0.0
    """
    return 2.0 * math.fsum(np.log(np.diag(np.linalg.cholesky(matrix))))


def _whitened_cross(joint: FloatArray, dx: int) -> FloatArray:
    """Cross-covariance of X and Y after whitening each by its Cholesky factor."""
    factor_x, factor_y = np.linalg.cholesky(joint[:dx, :dx]), np.linalg.cholesky(joint[dx:, dx:])
    half = linalg.solve_triangular(factor_x, joint[:dx, dx:], lower=True)
    result: FloatArray = linalg.solve_triangular(factor_y, half.T, lower=True).T
    return result
