"""The target's own fit on learned features, and the two risks that come out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.checks import checked_basis
from sims.active_multitask_lasso.statistics import Statistics
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


def target_head(statistics: Statistics, basis: ArrayLike, *, ridge: float = 0.0) -> Real:
    r"""Fit the target's head on X B by least squares, or by ridge regression.

    Parameters
    ----------
    statistics : Statistics
        Of the target alone (one task).
    basis : array_like, shape (d, K)
        Orthonormal columns.
    ridge : float
        >= 0, added to B'X'X B as it is; 0 needs at least K samples in general position.

    Returns
    -------
    ndarray, shape (K,)

    Raises
    ------
    ValueError
        When an argument is outside its range or least squares has no unique solution.

    Examples
    --------
    >>> from sims.active_multitask_lasso import statistics_of
    >>> one = statistics_of([([[1.0, 0.0], [2.0, 1.0]], [3.0, 6.0])])
    >>> target_head(one, [[1.0], [0.0]]).round(9).tolist()
    [3.0]
    >>> target_head(one, [[1.0], [0.0]], ridge=5.0).round(9).tolist()
    [1.5]
    """
    b = array("basis", basis, ndim=2)
    b = checked_basis("basis", b, b.shape[1])
    strength = number("ridge", ridge, 0)
    if statistics.tasks != 1 or statistics.dimension != len(b):
        reject("statistics of (tasks, d)", statistics.cross.shape, f"(1, {len(b)}): one target")
    if strength == 0 and statistics.total < b.shape[1]:
        wanted = f"at least the rank, {b.shape[1]}, unless ridge > 0"
        reject("target samples", statistics.total, wanted)
    return head_on(statistics, b, strength)


def head_on(statistics: Statistics, basis: Real, ridge: float = 0.0) -> Real:
    """Do the work of `target_head`, without checks of shapes."""
    inner = basis.T @ statistics.gram[0] @ basis
    diagonal = np.einsum("kk->k", inner)
    diagonal += ridge
    if np.linalg.matrix_rank(inner, hermitian=True) < len(inner):
        reject("rank of the target's features", "too small", f"{len(inner)}, or use ridge > 0")
    return np.asarray(np.linalg.solve(inner, basis.T @ statistics.cross[0]))


def representation_risk(basis: ArrayLike, parameters: ArrayLike) -> float:
    r"""Return :math:`\lVert(I-\hat B\hat B')\theta\rVert^2`, the least risk within the subspace.

    Parameters
    ----------
    basis : array_like, shape (d, K)
        Orthonormal columns.
    parameters : array_like, shape (d,)
        theta of the target; inputs have unit covariance.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> representation_risk([[1.0], [0.0]], [3.0, 4.0])
    16.0
    """
    b = array("basis", basis, ndim=2)
    b = checked_basis("basis", b, b.shape[1])
    theta = array("parameters", parameters, ndim=1)
    if theta.size != len(b):
        reject("parameters.shape", theta.shape, f"({len(b)},)")
    return missed_power(b, theta)


def missed_power(basis: Real, theta: Real) -> float:
    """Do the work of `representation_risk`, without checks.

    Examples
    --------
    >>> missed_power(np.array([[0.6], [0.8]]), np.array([0.6, 0.8]))
    0.0
    """
    missed = theta - basis @ (basis.T @ theta)
    return float(missed @ missed)


def excess_risk(basis: ArrayLike, head: ArrayLike, parameters: ArrayLike) -> float:
    r"""Return :math:`\lVert\hat B\hat w-\theta\rVert^2`, the excess risk of a fitted target.

    Parameters
    ----------
    basis : array_like, shape (d, K)
    head : array_like, shape (K,)
    parameters : array_like, shape (d,)
        theta of the target; inputs have unit covariance.

    Returns
    -------
    float
        Without a factor 1/2 and without the label noise.

    Raises
    ------
    ValueError
        When the shapes do not fit.

    Examples
    --------
    >>> excess_risk([[1.0], [0.0]], [2.0], [3.0, 4.0])
    17.0
    """
    b, w = array("basis", basis, ndim=2), array("head", head, ndim=1)
    theta = array("parameters", parameters, ndim=1)
    if b.shape != (theta.size, w.size):
        reject("basis.shape", b.shape, f"({theta.size}, {w.size})")
    return float(np.square(b @ w - theta).sum())
