"""Triangular factors of Wishart matrices: sufficient statistics instead of the data they stand for.

If X is dof x dimension with standard normal entries, X'X is Wishart distributed, and its Cholesky
factor can be drawn directly from normals and chi-squares. The cost then no longer depends on dof.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def bartlett_factor(
    dimension: int,
    dof: float,
    rng: Generator,
    *,
    lower: bool = True,
    normalised: bool = False,
    batch: int | tuple[int, ...] = (),
) -> FloatArray:
    """Draw the triangular factor of a Wishart matrix with unit covariance.

    With X a dof x `dimension` matrix of independent standard normals, the product ``L @ L.T`` of
    the lower factor (``R.T @ R`` of the upper one) has exactly the law of ``X.T @ X``. In the QR
    decomposition ``X = U R`` the upper factor R has this law, jointly with an independent
    uniformly distributed U; so the leading ``j x j`` block of R belongs to the first j columns
    of X.

    Parameters
    ----------
    dimension : int
        Number of columns of X, >= 0.
    dof : float
        Degrees of freedom, the number of rows of X: a whole number >= 0, or any real number above
        ``dimension - 1``. ``inf`` only with `normalised`: the factor is then the identity.
    rng : numpy.random.Generator
        Source of randomness.
    lower : bool
        Return the lower factor (True) or the upper one, its transpose.
    normalised : bool
        Divide by ``sqrt(dof)``, so that the product has the identity as its mean.
    batch : int or tuple of int
        Shape of independent draws; () for one factor.

    Returns
    -------
    ndarray, shape (*batch, dimension, rank)
        The lower factor, with ``rank = min(dimension, dof)``: a trapezoid when dof is too small
        for full rank. The upper factor has the last two axes swapped.

    Raises
    ------
    ValueError
        For a negative or fractional dimension, and for degrees of freedom no Wishart law has.

    References
    ----------
    M. S. Bartlett, On the theory of statistical regression, Proc. R. Soc. Edinburgh 53 (1933).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> factors = bartlett_factor(3, 10, rng, batch=5000)
    >>> (factors @ factors.mT).mean(axis=0).round(0) + 0.0
    array([[10.,  0.,  0.],
           [ 0., 10.,  0.],
           [ 0.,  0., 10.]])
    >>> bartlett_factor(4, 2, rng).shape
    (4, 2)
    """
    dimension = integer("dimension", dimension, 0)
    shape = (batch,) if isinstance(batch, int | np.integer) else tuple(batch)
    rank = _rank(dimension, dof, normalised)
    if math.isinf(dof):
        return np.broadcast_to(np.eye(dimension), (*shape, dimension, dimension)).copy()
    below = np.tri(dimension, rank, -1, dtype=bool)
    factor = np.zeros((*shape, dimension, rank))
    factor[..., below] = rng.standard_normal((*shape, np.count_nonzero(below)))
    diagonal = np.arange(rank)
    factor[..., diagonal, diagonal] = np.sqrt(rng.chisquare(dof - diagonal, (*shape, rank)))
    if normalised and dof > 0:
        factor /= math.sqrt(dof)
    return factor if lower else factor.swapaxes(-1, -2)


def bartlett_factors(dimension: int, dofs: ArrayLike, rng: Generator) -> FloatArray:
    """Draw lower factors as `bartlett_factor` does, each with degrees of freedom of its own.

    Parameters
    ----------
    dimension : int
        Number of columns of X, >= 0.
    dofs : array_like of int, shape (count,)
        Rows of X, whole numbers >= 0.
    rng : numpy.random.Generator
        Source of randomness.

    Returns
    -------
    ndarray, shape (count, dimension, dimension)
        Lower triangular. Where ``dofs[i] < dimension`` the columns from ``dofs[i]`` on are zero,
        so that the product has the rank it should have.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    As for `bartlett_factor`.

    Examples
    --------
    >>> import numpy as np
    >>> factors = bartlett_factors(3, [0, 2, 50], np.random.default_rng(0))
    >>> np.linalg.matrix_rank(factors).tolist()
    [0, 2, 3]
    """
    dimension = integer("dimension", dimension, 0)
    whole = array("dofs", dofs, 0, ndim=1)
    if (whole != np.floor(whole)).any():
        reject("dofs", float(whole[whole != np.floor(whole)][0]), "a whole number in [0, inf)")
    rows, columns = np.tril_indices(dimension, -1)
    factors = np.zeros((whole.size, dimension, dimension))
    flat = factors.reshape(whole.size, dimension**2)
    flat[:, rows * dimension + columns] = rng.standard_normal((whole.size, rows.size))
    left = whole[:, None] - np.arange(dimension)  # degrees of freedom of each diagonal entry
    flat[:, :: dimension + 1] = np.sqrt(rng.chisquare(np.maximum(left, 1.0)))
    for place in np.flatnonzero(whole < dimension):
        factors[place, :, int(whole[place]) :] = 0.0
    return factors


def wishart_factor(
    covariance_factor: ArrayLike,
    dof: float,
    rng: Generator,
    *,
    normalised: bool = False,
    batch: int | tuple[int, ...] = (),
) -> FloatArray:
    """Draw a lower triangular factor of a Wishart matrix with any covariance.

    Parameters
    ----------
    covariance_factor : array_like, shape (dimension, dimension)
        Lower triangular C, the Cholesky factor of the covariance ``C @ C.T`` of one row of the
        data. What stands above its diagonal must be zero.
    dof, rng, normalised, batch
        As for `bartlett_factor`.

    Returns
    -------
    ndarray, shape (*batch, dimension, min(dimension, dof))
        L with ``L @ L.T`` distributed as ``X.T @ X``, the dof rows of X being independent
        N(0, C C') vectors.

    Raises
    ------
    ValueError
        When the factor is not square or not lower triangular, or as `bartlett_factor`.

    References
    ----------
    As for `bartlett_factor`.

    Examples
    --------
    >>> import numpy as np
    >>> factor = np.array([[2.0, 0.0], [1.0, 1.0]])
    >>> draws = wishart_factor(factor, 50, np.random.default_rng(0), normalised=True, batch=4000)
    >>> (draws @ draws.mT).mean(axis=0).round(1)
    array([[4., 2.],
           [2., 2.]])
    """
    factor = array("covariance_factor", covariance_factor, ndim=2)
    if factor.shape[0] != factor.shape[1]:
        reject("covariance_factor.shape", factor.shape, "square")
    if np.triu(factor, 1).any():
        raise ValueError("covariance_factor is not lower triangular: pass a Cholesky factor")
    draws = bartlett_factor(len(factor), dof, rng, normalised=normalised, batch=batch)
    return np.asarray(factor @ draws)


def _rank(dimension: int, dof: float, normalised: bool) -> int:
    dof = number("dof", dof, 0, allow_inf=normalised)
    if math.isinf(dof) or dof > dimension - 1:
        return dimension
    if dof != int(dof):
        reject("dof", dof, f"a whole number, or any number above dimension - 1 = {dimension - 1}")
    return int(dof)
