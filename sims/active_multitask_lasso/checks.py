"""What every public door of the family asks of heads, targets and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

ORTHONORMAL_TOLERANCE = 1e-8


def checked_heads(heads: ArrayLike) -> Real:
    """Return W as a float64 array, finite, of rank K and without zero columns.

    Raises
    ------
    ValueError
        Naming what is wrong.

    Examples
    --------
    >>> checked_heads([[1, 0], [0, 0]])
    Traceback (most recent call last):
    ...
    ValueError: heads[:, 1] = 0 is not allowed: it must be a non-zero column
    """
    w = array("heads", heads, ndim=2)
    rank, tasks = w.shape
    if not 1 <= rank <= tasks:
        reject("heads.shape", w.shape, "(K, T) with 1 <= K <= T")
    zero = np.flatnonzero(~w.any(axis=0))
    if zero.size:
        reject(f"heads[:, {zero[0]}]", 0, "a non-zero column")
    found = rank_of(w)
    if found < rank:
        reject("rank of heads", found, f"the number of rows, {rank}")
    return w


def checked_problem(heads: ArrayLike, target: ArrayLike) -> tuple[Real, Real]:
    """Return W and w after the checks of `checked_heads`; w is finite, of length K and not 0.

    Raises
    ------
    ValueError
        Naming what is wrong.

    Examples
    --------
    >>> checked_problem([[1.0, 2.0]], [0.0])
    Traceback (most recent call last):
    ...
    ValueError: target = [0.0] is not allowed: it must be a vector other than 0
    """
    matrix = checked_heads(heads)
    w = array("target", target, ndim=1)
    if w.size != len(matrix):
        reject("target.shape", w.shape, f"({len(matrix)},), one entry for each row of heads")
    if not w.any():
        reject("target", w.tolist(), "a vector other than 0")
    return matrix, w


def checked_counts(
    counts: ArrayLike, tasks: int, *, name: str = "counts", positive: bool = False
) -> Real:
    """Return sample counts, which need not be whole, as floats of shape (T,).

    Raises
    ------
    ValueError
        For another shape, negative or infinite entries, or zeros where `positive`.

    Examples
    --------
    >>> checked_counts([3, 0.5], 2), checked_counts(7, 2)
    (array([3. , 0.5]), array([7., 7.]))
    """
    n = array(name, counts, 0, open_low=positive)
    if n.shape not in ((), (tasks,)):
        reject(f"{name}.shape", n.shape, f"({tasks},), one entry for each task, or ()")
    return np.broadcast_to(n, tasks).copy()


def checked_basis(name: str, basis: ArrayLike, rank: int) -> Real:
    """Return a d x K basis after checking that its columns are orthonormal and K < d.

    Raises
    ------
    ValueError
        Naming what is wrong.

    Examples
    --------
    >>> checked_basis("basis", [[2.0], [0.0]], 1)
    Traceback (most recent call last):
    ...
    ValueError: basis'basis - I = 3.0 is not allowed: it must be 0 (orthonormal columns)
    """
    b = array(name, basis, ndim=2)
    if b.shape[1] != rank or b.shape[0] <= rank:
        reject(f"{name}.shape", b.shape, f"(d, {rank}) with d > {rank}")
    off = float(np.abs(b.T @ b - np.eye(rank)).max())
    if off > ORTHONORMAL_TOLERANCE:
        reject(f"{name}'{name} - I", off, "0 (orthonormal columns)")
    return b


def rank_of(w: Real) -> int:
    """Return the numerical rank of W, whatever the lengths of its columns.

    The Gram matrix settles well-conditioned cases at a fraction of the price of singular values,
    which are those of the columns scaled to a largest entry of 1.

    Examples
    --------
    >>> rank_of(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1e-6]]))
    2
    """
    squares = np.linalg.eigvalsh(w @ w.T)
    if squares[0] > 1e-8 * squares[-1]:
        return len(w)
    return int(np.linalg.matrix_rank(w / np.abs(w).max(axis=0)))
