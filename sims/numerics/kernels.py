"""Kernel matrices: infinitely wide ReLU networks, Laplace and Gaussian kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

TOLERANCE = 1e-8  # asymmetry and negative eigenvalues allowed, relative to the largest entry
_NEAR = 1e-5  # squared distances below this share of the squared norms are computed again
_CHUNK = 1 << 18  # elements of a temporary


def nngp_kernel(inputs: ArrayLike, depth: int = 1, *, other: ArrayLike | None = None) -> FloatArray:
    """Kernel of an infinitely wide ReLU network at random initialisation, no biases.

    ``K <- sqrt(S_xx S_x'x') kappa_1(u)`` with ``u = S_xx' / sqrt(S_xx S_x'x')`` and
    ``kappa_1(u) = (u (pi - arccos u) + sqrt(1 - u^2)) / pi``, starting from ``S = x.x'/d`` and
    with S <- K after each of the `depth` hidden layers; weight variance 2 a layer. Depth 1 is the
    limit of random features ``relu(w.x)``, ``w ~ N(0, 2/d I)``.

    Parameters
    ----------
    inputs : array_like, shape (n, d)
        One point a row.
    depth : int
        Number of hidden layers, >= 1.
    other : array_like, shape (n2, d), optional
        Points of the columns; `inputs` again if absent.

    Returns
    -------
    ndarray, shape (n, n) or (n, n2)
        The square form is exactly symmetric. A zero input has kernel 0 with everything.

    Raises
    ------
    ValueError
        For inputs that are not finite matrices of the same width, or a depth below 1.

    References
    ----------
    Y. Cho, L. K. Saul, Kernel methods for deep learning, NIPS 2009 (the arc-cosine kernel).

    Examples
    --------
    >>> nngp_kernel([[2.0, 0.0], [0.0, 2.0]]).round(4)
    array([[2.    , 0.6366],
           [0.6366, 2.    ]])
    """
    return _relu_kernels(inputs, depth, other)[0]


def ntk_kernel(inputs: ArrayLike, depth: int = 1, *, other: ArrayLike | None = None) -> FloatArray:
    """Neural tangent kernel of an infinitely wide ReLU network, no biases.

    ``Theta <- K + Theta kappa_0(u)`` after each layer, K and u as in `nngp_kernel`,
    ``kappa_0(u) = (pi - arccos u) / pi``, starting from ``Theta = x.x'/d``.

    Parameters
    ----------
    inputs, depth, other
        As for `nngp_kernel`.

    Returns
    -------
    ndarray, shape (n, n) or (n, n2)
        The square form is exactly symmetric.

    Raises
    ------
    ValueError
        As `nngp_kernel`.

    References
    ----------
    A. Jacot, F. Gabriel, C. Hongler, Neural tangent kernel, NeurIPS 2018.

    Examples
    --------
    >>> ntk_kernel([[2.0, 0.0], [0.0, 2.0]]).round(4)
    array([[4.    , 0.6366],
           [0.6366, 4.    ]])
    """
    return _relu_kernels(inputs, depth, other)[1]


def laplace_kernel(
    inputs: ArrayLike, *, other: ArrayLike | None = None, width: float | None = None
) -> FloatArray:
    """Laplace kernel ``exp(-|x - x'| / width)``.

    Parameters
    ----------
    inputs, other
        As for `nngp_kernel`.
    width : float, optional
        Length scale, > 0; the root of `median_squared_distance` of `inputs` if absent.

    Returns
    -------
    ndarray, shape (n, n) or (n, n2)

    Raises
    ------
    ValueError
        For bad inputs, a width <= 0, or no width given and half of all pairs of points equal.

    Examples
    --------
    >>> laplace_kernel([[0.0], [2.0]]).round(4)
    array([[1.    , 0.3679],
           [0.3679, 1.    ]])
    """
    pair = _pair(inputs, other)
    scale = _width(width, pair.rows, 1.0)
    distances = np.sqrt(_squared_distances(pair))
    distances /= -scale
    return np.exp(distances, out=distances)


def rbf_kernel(
    inputs: ArrayLike, *, other: ArrayLike | None = None, width: float | None = None
) -> FloatArray:
    """Gaussian kernel ``exp(-|x - x'|^2 / (2 width^2))``.

    Parameters
    ----------
    inputs, other
        As for `nngp_kernel`.
    width : float, optional
        Standard deviation, > 0. If absent, the exponent is ``-|x - x'|^2`` over
        `median_squared_distance` of `inputs`, which is the width ``sqrt(median / 2)``.

    Returns
    -------
    ndarray, shape (n, n) or (n, n2)

    Raises
    ------
    ValueError
        As `laplace_kernel`.

    Examples
    --------
    >>> rbf_kernel([[0.0], [2.0]], width=1.0).round(4)
    array([[1.    , 0.1353],
           [0.1353, 1.    ]])
    """
    pair = _pair(inputs, other)
    scale = _width(width, pair.rows, 0.5)
    squares = _squared_distances(pair)
    squares /= -2.0 * scale**2
    return np.exp(squares, out=squares)


def median_squared_distance(inputs: ArrayLike) -> float:
    """Median of the squared distances between all pairs of different rows.

    Parameters
    ----------
    inputs : array_like, shape (n, d)
        n >= 2.

    Raises
    ------
    ValueError
        For fewer than two rows or entries that are not finite.

    Examples
    --------
    >>> median_squared_distance([[0.0], [1.0], [3.0]])
    4.0
    """
    pair = _pair(inputs, None)
    if len(pair.rows) < 2:
        raise ValueError(f"inputs has {len(pair.rows)} row(s), but a median distance needs 2")
    squares = _squared_distances(pair)
    return float(np.median(squares[np.tri(len(squares), k=-1, dtype=bool)]))


def kernel_matrix(name: str, value: ArrayLike) -> FloatArray:
    """Return `value` as a float64 matrix after checking that it can be a kernel matrix.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like, shape (n, n)
        n >= 1.

    Raises
    ------
    ValueError
        When it is not square and finite, is zero, differs from its transpose by more than 1e-8
        of its largest entry, or has an eigenvalue below minus 1e-8 of that times n.

    Examples
    --------
    >>> kernel_matrix("kernel", [[1.0, 2.0], [2.0, 1.0]])
    Traceback (most recent call last):
    ...
    ValueError: kernel is not positive semi-definite: it has a negative eigenvalue
    """
    kernel = array(name, value, ndim=2)
    n = len(kernel)
    if kernel.shape != (n, n) or n == 0:
        reject(f"{name}.shape", kernel.shape, "square and not empty")
    largest = float(np.abs(kernel).max())
    if largest == 0.0:
        raise ValueError(f"{name} is zero everywhere, so it defines no kernel")
    asymmetry = float(np.abs(kernel - kernel.T).max()) / largest
    if asymmetry > TOLERANCE:
        raise ValueError(
            f"{name} is not symmetric: it differs from its transpose by {asymmetry:.1g} of its "
            f"largest entry (allowed: {TOLERANCE:.0e})"
        )
    try:
        # Cheaper than eigenvalues: definite once the tolerance is added to the diagonal?
        np.linalg.cholesky(kernel + TOLERANCE * largest * n * np.eye(n))
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} is not positive semi-definite: it has a negative eigenvalue"
        ) from None
    return kernel


class _Pair(NamedTuple):
    rows: FloatArray
    columns: FloatArray
    same: bool


def _pair(inputs: ArrayLike, other: ArrayLike | None) -> _Pair:
    rows = array("inputs", inputs, ndim=2)
    if not rows.size:
        reject("inputs.shape", rows.shape, "not empty")
    if other is None:
        return _Pair(rows, rows, True)
    columns = array("other", other, ndim=2)
    if columns.shape[1] != rows.shape[1]:
        reject("other.shape", columns.shape, f"(points, {rows.shape[1]}) like inputs")
    return _Pair(rows, columns, False)


def _relu_kernels(
    inputs: ArrayLike, depth: int, other: ArrayLike | None
) -> tuple[FloatArray, FloatArray]:
    """NNGP and NTK after `depth` hidden layers."""
    pair = _pair(inputs, other)
    depth = integer("depth", depth, 1)
    width = pair.rows.shape[1]
    row_norms = np.sqrt(np.einsum("ij,ij->i", pair.rows, pair.rows) / width)
    column_norms = np.sqrt(np.einsum("ij,ij->i", pair.columns, pair.columns) / width)
    nngp = pair.rows @ pair.columns.T
    nngp /= width
    tangent = nngp.copy()
    # The diagonal is a fixed point of the recursion, so the norms never change.
    norms = row_norms[:, None] * column_norms
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    for _ in range(depth):
        cosine = nngp * inverse
        np.clip(cosine, -1.0, 1.0, out=cosine)
        if pair.same:
            np.fill_diagonal(cosine, 1.0)
        share = np.arccos(cosine)  # becomes kappa_0
        np.subtract(math.pi, share, out=share)
        share /= math.pi
        np.multiply(cosine, share, out=nngp)
        nngp += np.sqrt((1.0 - cosine) * (1.0 + cosine)) / math.pi
        nngp *= norms
        tangent *= share
        tangent += nngp
    return nngp, tangent


def _squared_distances(pair: _Pair) -> FloatArray:
    """Squared distances by one matrix product; near pairs again, where that cancels."""
    centre = pair.rows.mean(axis=0)
    rows = pair.rows - centre
    columns = rows if pair.same else pair.columns - centre
    row_norms = np.einsum("ij,ij->i", rows, rows)
    column_norms = np.einsum("ij,ij->i", columns, columns)
    squares: FloatArray = rows @ columns.T
    squares *= -2.0
    squares += np.add.outer(row_norms, column_norms)  # the sum first: symmetric to the last bit
    if pair.same:
        np.fill_diagonal(squares, 0.0)
    near = squares < _NEAR * np.maximum(row_norms[:, None], column_norms)
    if pair.same:
        np.fill_diagonal(near, False)
    first, second = np.nonzero(near)
    step = max(1, _CHUNK // rows.shape[1])
    for start in range(0, len(first), step):
        i, j = first[start : start + step], second[start : start + step]
        difference = pair.rows[i] - pair.columns[j]
        squares[i, j] = np.einsum("ij,ij->i", difference, difference)
    return squares


def _width(width: float | None, rows: FloatArray, factor: float) -> float:
    """Return the given width, or the root of `factor` times the median squared distance."""
    if width is not None:
        return number("width", width, 0.0, open_low=True)
    median = median_squared_distance(rows)
    if median == 0.0:
        raise ValueError("half of all pairs of inputs or more are equal: give a width")
    return math.sqrt(factor * median)
