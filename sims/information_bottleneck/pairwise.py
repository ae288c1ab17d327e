"""Gaussian kernels between all pairs of samples, tile by tile, in bounded memory.

A tile comes from one matrix product, which loses digits where two points are much nearer to each
other than to the centre. The loss is bounded beforehand; where it would show in the kernel, the
pairs it concerns are computed again from differences. The self-diagonal is set, not computed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.validity import warn_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator

FloatArray = NDArray[np.float64]

TILE = 256  # rows and columns of a tile: 0.5 MB, so that two fit a second-level cache
_LOSS = 1e-10  # error of an exponent that is let pass
_NEGLIGIBLE = 50.0  # exp(-50) is below rounding next to the diagonal's 1
_CROWDED = 0.05  # share of a tile above which all of it is computed from differences
_GATHER = 1 << 17  # elements of a temporary


class KernelTile(NamedTuple):
    """Part of a kernel matrix.

    Attributes
    ----------
    rows, columns : slice
        Where it stands.
    kernel : ndarray
        exp(-|x_i - x_j|²/(2 width²)). Overwritten by the next tile; may be changed in place.
    mirrored : bool
        Whether the tile also stands for its transpose, which will not come.
    """

    rows: slice
    columns: slice
    kernel: FloatArray
    mirrored: bool


class GramSums(NamedTuple):
    """What the kernel dependence measures need of two N x N Gram matrices K and Q.

    Attributes
    ----------
    product : float
        sum_ij K_ij Q_ij.
    rows_x, rows_t : ndarray, shape (N,)
        Row sums of K and of Q, diagonals included.
    square_x, square_t : float
        sum_ij K_ij² and sum_ij Q_ij², NaN unless asked for.
    """

    product: float
    rows_x: FloatArray
    rows_t: FloatArray
    square_x: float
    square_t: float


def gram_tiles(points: FloatArray, width: float, *, tile: int = TILE) -> Iterator[KernelTile]:
    """Tiles of the Gram matrix of one set of points, on and above the diagonal.

    Parameters
    ----------
    points : ndarray, shape (N, d)
        Finite; checked by the caller.
    width : float
        sigma > 0 in exp(-|x - x'|²/(2 sigma²)).
    tile : int
        Rows and columns of a tile; memory is O(tile²) whatever N.

    Yields
    ------
    KernelTile
        The diagonal of the Gram matrix is exactly 1 and no entry is above 1. `zip` the tiles of
        two sets of the same length to walk through both matrices together.

    Examples
    --------
    >>> points = np.array([[0.0], [1.0], [3.0]])
    >>> for rows, columns, kernel, mirrored in gram_tiles(points, 1.0, tile=2):
    ...     print(rows.start, columns.start, kernel.round(3).tolist(), mirrored)
    0 0 [[1.0, 0.607], [0.607, 1.0]] False
    0 2 [[0.011], [0.135]] True
    2 2 [[1.0]] False
    """
    scaled = (points - points.mean(axis=0)) / width
    buffer = np.empty(min(tile, len(points)) ** 2)
    exponents = _Exponents(scaled)
    for i in range(0, len(points), tile):
        rows = slice(i, min(i + tile, len(points)))
        for j in range(i, len(points), tile):
            columns = slice(j, min(j + tile, len(points)))
            values = exponents.tile(rows, columns, buffer)
            if i == j:
                np.fill_diagonal(values, 0.0)
            yield KernelTile(rows, columns, np.exp(values, out=values), i != j)


def gram_sums(
    x: FloatArray, width_x: float, t: FloatArray, width_t: float, *, squares: bool = False
) -> GramSums:
    """Sum the elementwise product of two Gram matrices, and the rows of each, in O(tile²) memory.

    Parameters
    ----------
    x, t : ndarray, shapes (N, d) and (N, d')
        Finite, of equal length; checked by the caller.
    width_x, width_t : float
        Kernel widths > 0.
    squares : bool
        Sum the squares of each matrix too (the normalised measures need them).

    Warns
    -----
    ValidityWarning
        When a Gram matrix is the identity or constant to rounding.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> sums = gram_sums(x, 1.0, x, 1.0)
    >>> round(sums.product, 4), sums.rows_x.round(4)
    (2.7358, array([1.6065, 1.6065]))
    """
    product, square_x, square_t = 0.0, 0.0, 0.0
    rows_x, rows_t = np.zeros(len(x)), np.zeros(len(x))
    for first, second in zip(gram_tiles(x, width_x), gram_tiles(t, width_t)):
        times = 2.0 if first.mirrored else 1.0
        product += times * float(np.vdot(first.kernel, second.kernel))
        if squares:
            square_x += times * float(np.vdot(first.kernel, first.kernel))
            square_t += times * float(np.vdot(second.kernel, second.kernel))
        add_rows(first, rows_x)
        add_rows(second, rows_t)
    warn_kernel("x", rows_x, width_x)
    warn_kernel("t", rows_t, width_t)
    if not squares:
        square_x = square_t = np.nan
    return GramSums(product, rows_x, rows_t, square_x, square_t)


def add_rows(part: KernelTile, row_sums: FloatArray) -> None:
    """Add a tile's share, and that of the transpose it stands for, to the row sums.

    Examples
    --------
    >>> sums = np.zeros(3)
    >>> for part in gram_tiles(np.array([[0.0], [1.0], [3.0]]), 1.0, tile=2):
    ...     add_rows(part, sums)
    >>> sums.round(4)
    array([1.6176, 1.7419, 1.1464])
    """
    row_sums[part.rows] += part.kernel.sum(axis=1)
    if part.mirrored:
        row_sums[part.columns] += part.kernel.sum(axis=0)


class _Exponents:
    """-|x_i - x_j|²/2 for tiles of pairs: one product of matrices with two more columns."""

    def __init__(self, points: FloatArray) -> None:
        self.points = points
        squares = np.einsum("ij,ij->i", points, points)
        halves, ones = -0.5 * squares[:, None], np.ones((len(points), 1))
        self.left = np.hstack([points, halves, ones])
        # stored transposed: a product of two contiguous operands is twice as fast
        self.right = np.hstack([points, ones, halves]).T.copy()
        self.loss = 4.0 * float(np.finfo(np.float64).eps * squares.max())

    def tile(self, rows: slice, columns: slice, buffer: FloatArray) -> FloatArray:
        """Fill one tile; entries far below -50 may be rough, their exponential is nothing."""
        shape = (rows.stop - rows.start, columns.stop - columns.start)
        values = buffer[: shape[0] * shape[1]].reshape(shape)
        np.matmul(self.left[rows], self.right[:, columns], out=values)
        if self.loss > _LOSS:
            self._again(rows, columns, values)
        return np.minimum(values, 0.0, out=values)

    def _again(self, rows: slice, columns: slice, values: FloatArray) -> None:
        """From differences where the product has lost too many digits."""
        a, b = self.points[rows], self.points[columns]
        first, second = np.nonzero(values > -_NEGLIGIBLE - self.loss)
        if len(first) > _CROWDED * values.size:
            values[:] = 0.0
            for one, other in zip(a.T, b.T):
                difference = np.subtract.outer(one, other)
                values -= 0.5 * np.square(difference, out=difference)
            return
        step = max(1, _GATHER // a.shape[1])
        for start in range(0, len(first), step):
            i, j = first[start : start + step], second[start : start + step]
            difference = a[i] - b[j]
            values[i, j] = -0.5 * np.einsum("ij,ij->i", difference, difference)
