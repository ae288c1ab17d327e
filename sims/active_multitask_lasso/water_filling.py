"""From relevance to sample counts: water-filling above a floor, then exact rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.numerics.validate import array, integer, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]

LARGEST_TOTAL = 2**53  # beyond it floats no longer count
SAME_REMAINDER = 1e-9  # remainders closer than this are ties, which the earlier task wins


def allocation(nu: ArrayLike, total: int, *, p: int, floor: ArrayLike = 0) -> Whole:
    r"""Distribute samples by the rule :math:`n_t = \max\{c|\nu_t|^p, \text{floor}_t\}`.

    Parameters
    ----------
    nu : array_like, shape (T,)
        Relevance; only its direction matters. All ones give the uniform rule.
    total : int
        N, at least the sum of the floors.
    p : int
        1 (the L1 rule) or 2 (the L2 rule).
    floor : array_like of int
        Least number of samples of a task, scalar or shape (T,). In a later stage of an active
        run these are the samples already drawn.

    Returns
    -------
    ndarray of int, shape (T,)
        Sums to `total` exactly and is nowhere below the floor. Rounded by largest remainder;
        among equal remainders the earlier task is preferred.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The rule of Wang et al. (2023) as quoted with their Theorem 3.4, for p = 1. A task whose share
    rounds to 0 is not sampled at all, unless the floor says otherwise.

    Examples
    --------
    >>> allocation([3.0, -1.0, 0.0], 12, p=1, floor=2).tolist()
    [8, 2, 2]
    >>> allocation([3.0, -1.0, 0.0], 12, p=2).tolist()
    [11, 1, 0]
    """
    values = _checked_relevance(nu)
    total = integer("total", total, 1, LARGEST_TOTAL)
    lower = checked_floor(floor, values.size, whole=True)
    check_budget(total, lower)
    weights = (np.abs(values) / np.abs(values).max()) ** integer("p", p, 1, 2)
    return round_to_total(fill(weights, float(total), lower), total, lower)


def water_fill(weights: ArrayLike, total: float, floor: ArrayLike = 0.0) -> Real:
    r"""Return the real numbers :math:`n_t = \max\{c\,a_t, \text{floor}_t\}` that sum to `total`.

    Parameters
    ----------
    weights : array_like, shape (T,)
        a, each >= 0, not all 0.
    total : float
        At least the sum of the floors.
    floor : array_like
        Scalar or shape (T,), each >= 0.

    Returns
    -------
    ndarray, shape (T,)

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> water_fill([3, 1, 0], 12, 2).tolist()
    [7.5, 2.5, 2.0]
    """
    a = np.abs(_checked_relevance(weights, "weights", low=0.0))
    amount = float(array("total", total, 0, ndim=0, open_low=True))
    lower = checked_floor(floor, a.size, whole=False)
    check_budget(amount, lower)
    return fill(a / a.max(), amount, lower)


def fill(weights: Real, total: float, lower: Real) -> Real:
    """Do the work of `water_fill`, without checks.

    Task t leaves its floor at the level lower_t/a_t; between two such levels the sum is linear in
    the level c, so that sorting them gives c in closed form.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        leaves = np.where(weights > 0, lower / weights, np.inf)
    order = np.argsort(leaves, kind="stable")
    slope = np.cumsum(weights[order])
    held = np.append(np.cumsum(lower[order][::-1])[::-1][1:], 0.0)  # by tasks still at the floor
    with np.errstate(divide="ignore", over="ignore"):
        level = (total - held) / slope
    ends = np.append(leaves[order][1:], np.inf)
    piece = int(np.argmax(level <= ends))
    return np.asarray(np.maximum(level[piece] * weights, lower))


def round_to_total(counts: Real, total: int, lower: Real) -> Whole:
    """Round to whole numbers with the given sum, by largest remainder, never below `lower`."""
    nearest = np.rint(counts)
    whole = np.where(np.abs(counts - nearest) <= SAME_REMAINDER, nearest, np.floor(counts))
    whole = np.maximum(whole, lower)
    result = whole.astype(np.int64)
    missing = total - int(result.sum())
    remainder = np.rint((counts - whole) / SAME_REMAINDER)
    while missing > 0:  # more than once only where rounding errors reach whole samples
        chosen = np.argsort(-remainder, kind="stable")[:missing]
        result[chosen] += 1
        missing -= chosen.size
    while missing < 0:
        spare = np.flatnonzero(result > lower)
        chosen = spare[np.argsort(remainder[spare], kind="stable")[:-missing]]
        result[chosen] -= 1
        missing += chosen.size
    return result


def _checked_relevance(nu: ArrayLike, name: str = "nu", low: float = -np.inf) -> Real:
    values = array(name, nu, low, ndim=1)
    if not values.any():
        reject(name, values.tolist(), "a vector other than 0")
    return values


def checked_floor(floor: ArrayLike, tasks: int, *, whole: bool) -> Real:
    """Return the floors as floats of shape (T,), whole numbers where `whole`.

    Examples
    --------
    >>> checked_floor(2, 3, whole=True)
    array([2., 2., 2.])
    """
    lower = array("floor", floor, 0)
    if lower.ndim > 1 or (lower.ndim == 1 and lower.size != tasks):
        reject("floor.shape", lower.shape, f"() or ({tasks},)")
    if whole and (lower != np.floor(lower)).any():
        reject("floor", float(lower[lower != np.floor(lower)].flat[0]), "a whole number")
    return np.broadcast_to(lower, tasks).astype(np.float64)


def check_budget(total: float, lower: Real) -> None:
    """Raise when the floors alone exceed the total.

    Examples
    --------
    >>> check_budget(5, np.array([3.0, 3.0]))
    Traceback (most recent call last):
    ...
    ValueError: total = 5 is not allowed: it must be at least the sum of the floors, 6
    """
    if lower.sum() > total:
        reject("total", total, f"at least the sum of the floors, {lower.sum():g}")
