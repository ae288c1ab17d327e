"""Ridge regression at many ridges for the price of one factorisation.

The Gram matrix of the smaller side is brought to tridiagonal form (LAPACK ``sytrd``, no
eigenvectors). Each ridge is then a shift of the diagonal and costs one tridiagonal solve, and all
solutions are rotated back together. Where the shifted matrix is too ill-conditioned for that
(`CONDITION_LIMIT`), and at ridge 0 with a rank-deficient matrix, the singular value decomposition
takes over and gives the minimum-norm solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from sims.numerics.validate import array, columns_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

CONDITION_LIMIT = 1e9
"""Largest condition number that is left to the tridiagonal solve.

Its relative error is about 1e-16 times the condition number of ``S + ridge I``, so never more
than about 1e-7; see `ridge_path`.
"""

_BLOCK = 64  # columns of LAPACK's workspace for each right-hand side


@dataclass(frozen=True)
class RidgePath:
    """Solutions of one ridge regression at several ridges.

    Attributes
    ----------
    coefficients : ndarray, shape (ridges, features) or (ridges, features, outputs)
        Minimisers theta; without `outputs` where the targets were a vector.
    train : ndarray, shape (ridges,)
        Mean squared residual over the samples, summed over outputs.
    """

    coefficients: FloatArray
    train: FloatArray


@dataclass(frozen=True)
class Tridiagonal:
    """A symmetric matrix as ``Q T Q.T``, T tridiagonal and Q a product of reflectors.

    Attributes
    ----------
    diagonal, off_diagonal : ndarray, shapes (m,) and (m - 1,)
        Of T.
    reflectors, scales : ndarray, shapes (m, m - 1) and (m - 1,)
        Householder vectors and scalars, as LAPACK stores them; the last row means nothing.
    """

    diagonal: FloatArray
    off_diagonal: FloatArray
    reflectors: FloatArray
    scales: FloatArray

    def rotate(self, columns: FloatArray, *, back: bool = False) -> FloatArray:
        """Return ``Q.T @ columns``, or ``Q @ columns`` if `back`; columns (m, count)."""
        result = np.array(columns, order="F")
        if len(result) > 1:
            moved, _, _ = lapack.dormqr(
                "L",
                "N" if back else "T",
                self.reflectors,
                self.scales,
                result[1:],
                max(1, result.shape[1]) * _BLOCK,
            )
            result[1:] = moved
        return result

    def solve(self, targets: FloatArray, shifts: FloatArray) -> FloatArray:
        """Solve ``(Q T Q.T + shift I) x = targets`` for every shift.

        Parameters
        ----------
        targets : ndarray, shape (m, outputs)
        shifts : ndarray, shape (count,)
            Each must leave the matrix positive definite.

        Returns
        -------
        ndarray, shape (m, count * outputs)
            The solutions side by side, all outputs of the first shift first.
        """
        m, outputs = targets.shape
        rotated = self.rotate(targets)
        solutions = np.empty((m, len(shifts) * outputs), order="F")
        for index, shift in enumerate(shifts):
            # SciPy's ptsv takes no vector of length zero, so m = 1 is a division.
            solutions[:, index * outputs : (index + 1) * outputs] = (
                lapack.dptsv(self.diagonal + shift, self.off_diagonal, rotated)[2]
                if m > 1
                else rotated / (self.diagonal + shift)
            )
        return self.rotate(solutions, back=True)

    def condition(self, shifts: FloatArray) -> FloatArray:
        """Bound the condition number of the shifted matrix, inf where it isn't definite.

        For a matrix without negative eigenvalues but for rounding.
        """
        diagonal, off = self.diagonal, np.abs(self.off_diagonal)
        radius = np.append(off, 0.0) + np.append(0.0, off)
        top = float(np.max(np.abs(diagonal) + radius))
        lowest = 0.0  # a bound that is good enough if all shifts are large
        if shifts.min(initial=np.inf) * CONDITION_LIMIT < 2.0 * top:
            lowest = self._smallest()
        # The smallest eigenvalue is only known up to rounding of the largest.
        low = lowest + shifts - len(diagonal) * np.finfo(float).eps * top
        return np.where(low > 0, (top + shifts) / np.where(low > 0, low, 1.0), np.inf)

    def _smallest(self) -> float:
        """Smallest eigenvalue, by bisection, O(m)."""
        if len(self.diagonal) == 1:
            return float(self.diagonal[0])
        found = lapack.dstebz(self.diagonal, self.off_diagonal, 2, 0.0, 0.0, 1, 1, 0.0, "E")
        return float(found[1][0])


def tridiagonalise(matrix: FloatArray) -> Tridiagonal:
    """Reduce a symmetric matrix, shape (m, m) with m >= 1, to tridiagonal form.

    Only the lower triangle is read. No eigenvectors: at m = 256 this costs a seventh of ``eigh``.

    Examples
    --------
    >>> import numpy as np
    >>> form = tridiagonalise(np.array([[2.0, 0.0], [0.0, 3.0]]))
    >>> form.solve(np.array([[6.0], [12.0]]), np.array([0.0, 1.0]))
    array([[3., 2.],
           [4., 3.]])
    """
    m = len(matrix)
    if m == 1:
        nothing = np.empty(0)
        return Tridiagonal(np.array(matrix[0], dtype=float), nothing, np.empty((0, 0)), nothing)
    work = int(lapack.dsytrd_lwork(m, lower=1)[0])
    reduced, diagonal, off_diagonal, scales, _ = lapack.dsytrd(matrix, lower=1, lwork=work)
    # The rows below the diagonal, as LAPACK wants them, without a copy: a shifted view.
    below = reduced.ravel(order="F")[1 : 1 + m * (m - 1)].reshape(m, m - 1, order="F")
    return Tridiagonal(diagonal, off_diagonal, below, scales)


def shifted_solve(matrix: ArrayLike, targets: ArrayLike, shifts: ArrayLike) -> FloatArray:
    """Solve ``(B + shift I) theta = c`` for several shifts and right-hand sides at once.

    Parameters
    ----------
    matrix : array_like, shape (m, m)
        Symmetric positive semi-definite B, m >= 1; only its lower triangle is read.
    targets : array_like, shape (m,) or (m, outputs)
        Right-hand sides c.
    shifts : array_like, shape (count,)
        Each >= 0.

    Returns
    -------
    ndarray, shape (count, m) or (count, m, outputs)
        Where ``B + shift I`` is too ill-conditioned (`CONDITION_LIMIT`), the minimum-norm
        least-squares solution from the eigendecomposition of B, its eigenvalues below
        ``m * eps`` of the largest counted as zero.

    Raises
    ------
    ValueError
        For shapes that do not fit, entries that are not finite, negative shifts.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> shifted_solve([[2.0, 0.0], [0.0, 0.0]], [2.0, 0.0], [0.0, 2.0])
    array([[1. , 0. ],
           [0.5, 0. ]])
    """
    square = array("matrix", matrix, ndim=2)
    if square.shape[0] != square.shape[1] or not len(square):
        raise ValueError(f"matrix has shape {square.shape}, but it must be square and not empty")
    columns, vector = columns_of("targets", targets, len(square)), np.ndim(targets) == 1
    shift = array("shifts", shifts, 0, ndim=1)
    form = tridiagonalise(square)
    weak = form.condition(shift) > CONDITION_LIMIT
    result = np.empty((len(shift), *columns.shape))
    result[~weak] = _apart(form.solve(columns, shift[~weak]), columns.shape[1])
    if weak.any():
        values, vectors = np.linalg.eigh(square)
        scale = np.where(values > len(square) * np.finfo(float).eps * values[-1], values, np.inf)
        scaled = (vectors.T @ columns) / (scale[:, None] + shift[weak, None, None])
        result[weak] = vectors @ scaled
    return result[..., 0] if vector else result


def ridge_path(
    features: ArrayLike,
    targets: ArrayLike,
    ridges: ArrayLike,
    *,
    gram: FloatArray | None = None,
) -> RidgePath:
    """Minimise ``|y - G theta|^2 + ridge |theta|^2`` for every ridge.

    Parameters
    ----------
    features : array_like, shape (samples, features)
        The matrix G.
    targets : array_like, shape (samples,) or (samples, outputs)
        y.
    ridges : array_like, shape (count,)
        Each >= 0; 0 asks for the minimum-norm least-squares solution. Not divided by the number
        of samples.
    gram : ndarray, optional
        ``G.T @ G`` if there are fewer features than samples, else ``G @ G.T``, where the caller
        has it already.

    Returns
    -------
    RidgePath
        Coefficients and training errors. Predict new points with
        ``new_features @ coefficients[i]``; the kernel between new points and samples is never
        needed.

    Raises
    ------
    ValueError
        For shapes that do not fit, entries that are not finite, negative ridges.

    Notes
    -----
    One tridiagonalisation whatever the number of ridges and outputs. The relative error of the
    coefficients is about 1e-16 times the condition number of ``gram + ridge I``. Ridges at which
    that number exceeds `CONDITION_LIMIT` are solved from one singular value decomposition of the
    features instead, about 10 times slower, whose error grows only with the square root of the
    condition number; singular values below ``eps * max(samples, features)`` of the largest then
    count as zero. A feature that is zero on all samples gets the
    coefficient zero, up to that error.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> path = ridge_path([[1.0, 0.0], [0.0, 2.0]], [1.0, 2.0], [0.0, 1.0])
    >>> path.coefficients
    array([[1. , 1. ],
           [0.5, 0.8]])
    >>> path.train.round(3)
    array([0.   , 0.205])
    """
    matrix = array("features", features, ndim=2)
    if not matrix.size:
        raise ValueError(f"features has shape {matrix.shape}, but it must not be empty")
    columns, vector = columns_of("targets", targets, len(matrix)), np.ndim(targets) == 1
    ridge = array("ridges", ridges, 0, ndim=1)
    path = fit_ridges(matrix, columns, ridge, gram)
    return RidgePath(path.coefficients[..., 0], path.train) if vector else path


def nested_ridge_paths(
    features: ArrayLike, targets: ArrayLike, widths: ArrayLike, ridges: ArrayLike
) -> Iterator[RidgePath]:
    """Follow `ridge_path` through the models made of the first k columns, for several k.

    Model k minimises ``|y - G_k theta|^2 + k ridge |theta|^2``, ``G_k`` the first k columns of
    `features`. Its predictions are those of the columns divided by ``sqrt(k)`` at `ridge`, as
    random features want it, without a scaled copy.

    Parameters
    ----------
    features : array_like, shape (samples, columns)
        Not divided by ``sqrt(k)``.
    targets : array_like, shape (samples,) or (samples, outputs)
        y.
    widths : array_like of int, shape (count,)
        Each in [1, columns], ascending.
    ridges : array_like, shape (ridges,)
        Each >= 0.

    Yields
    ------
    RidgePath
        One for each width; predict with ``new_features[:, :k] @ coefficients[i]``.

    Raises
    ------
    ValueError
        For shapes that do not fit, widths out of range or order, negative ridges.

    Notes
    -----
    One factorisation a width. Up to the number of samples the Gram matrices are leading blocks
    of one another; from there on only the new columns are added.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> paths = nested_ridge_paths(np.eye(2), [1.0, 2.0], [1, 2], [0.5])
    >>> [path.coefficients.tolist() for path in paths]
    [[[0.6666666666666666]], [[0.5, 1.0]]]
    """
    matrix = array("features", features, ndim=2)
    columns, vector = columns_of("targets", targets, len(matrix)), np.ndim(targets) == 1
    ridge = array("ridges", ridges, 0, ndim=1)
    counts = array("widths", widths, 1, matrix.shape[1], ndim=1)
    if np.any(counts != np.round(counts)) or np.any(np.diff(counts) < 0):
        raise ValueError("widths must be whole numbers in ascending order")
    return _nested(matrix, columns, counts.astype(int), ridge, vector)


def _nested(
    matrix: FloatArray,
    columns: FloatArray,
    widths: NDArray[np.int_],
    ridge: FloatArray,
    vector: bool,
) -> Iterator[RidgePath]:
    samples = len(matrix)
    narrow = matrix[:, : max(widths[widths < samples], default=0)]
    primal = narrow.T @ narrow
    dual = np.zeros((samples, samples))
    done = 0
    for k in widths:
        if k < samples:
            gram = primal[:k, :k]
        else:
            new = matrix[:, done:k]
            dual += new @ new.T
            gram, done = dual, k
        path = fit_ridges(matrix[:, :k], columns, k * ridge, gram)
        yield RidgePath(path.coefficients[..., 0], path.train) if vector else path


def fit_ridges(
    matrix: FloatArray, targets: FloatArray, ridge: FloatArray, gram: FloatArray | None = None
) -> RidgePath:
    """Do the work of `ridge_path`, without argument checks, for targets (samples, outputs)."""
    wide = matrix.shape[1] >= matrix.shape[0]
    if gram is None:
        gram = matrix @ matrix.T if wide else matrix.T @ matrix
    form = tridiagonalise(gram.T)  # symmetric; transposed, LAPACK's order of the elements
    weak = form.condition(ridge) > CONDITION_LIMIT
    sound, outputs = ridge[~weak], targets.shape[1]
    if wide:
        dual = form.solve(targets, sound)
        coefficients = _apart(matrix.T @ dual, outputs)
        residuals = sound[:, None, None] * _apart(dual, outputs)  # no cancellation
    else:
        solutions = form.solve(matrix.T @ targets, sound)
        coefficients = _apart(solutions, outputs)
        residuals = targets - _apart(matrix @ solutions, outputs)
    train = np.einsum("rnc,rnc->r", residuals, residuals) / len(matrix)
    if not weak.any():
        return RidgePath(coefficients, train)
    every = RidgePath(np.empty((len(ridge), *coefficients.shape[1:])), np.empty(len(ridge)))
    every.coefficients[~weak], every.train[~weak] = coefficients, train
    every.coefficients[weak], every.train[weak] = _by_svd(matrix, targets, ridge[weak])
    return every


def _apart(side_by_side: FloatArray, outputs: int) -> FloatArray:
    """View (m, shifts * outputs) as (shifts, m, outputs)."""
    m, count = side_by_side.shape
    return side_by_side.reshape(m, count // outputs, outputs).transpose(1, 0, 2)


def _by_svd(
    matrix: FloatArray, columns: FloatArray, ridge: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Coefficients and train errors from the singular value decomposition."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    kept = values > np.finfo(float).eps * max(matrix.shape) * values[0]
    left, values, right = left[:, kept], values[kept], right[kept]
    rotated = left.T @ columns
    outside = columns - left @ rotated
    outside -= left @ (left.T @ outside)  # once more, against rounding
    power = values[:, None] ** 2 + ridge[:, None, None]
    coefficients = right.T @ (values[:, None] / power * rotated)
    residuals = left @ (ridge[:, None, None] / power * rotated) + outside
    return coefficients, np.einsum("rnc,rnc->r", residuals, residuals) / len(matrix)
