"""Curated bags: samples with similar scores together, and what that does to the risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from sims.aggregate_responses.bags import as_bags, equal_bags
from sims.aggregate_responses.fixed_point import product, quotient, solve_fixed_point
from sims.aggregate_responses.isotropic import (
    AggregateRisk,
    as_risk,
    checked_cell,
    checked_powers,
    risk,
)
from sims.numerics.validate import array, integer, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

TABLE = 65_536  # costs held at once, so that they stay in cache


def optimal_bags_1d(scores: ArrayLike, min_size: int) -> NDArray[np.int64]:
    r"""Partition scores into bags of at least `min_size` with the least scatter inside bags.

    *Exact* minimiser of :math:`\sum_a \sum_{i \in a} (s_i - \bar s_a)^2`. Optimal bags are
    contiguous in sorted order and smaller than twice the minimum (a larger one can be split), so
    a dynamic programme over the sorted scores finds them in O(n log n + n min_size).

    Parameters
    ----------
    scores : array_like, shape (n,)
        Finite, in any order.
    min_size : int
        In [1, n].

    Returns
    -------
    ndarray of int, shape (n,)
        Bag labels 0, 1, …, ascending with the score, in the order of the input.

    Raises
    ------
    ValueError
        When the scores are not finite or fewer than `min_size`.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md; the idea of score-based bags is that of
    Javanmard, Fahrbach, Mirrokni (ICML 2024).

    Examples
    --------
    >>> optimal_bags_1d([0.1, 5.0, 0.2, 5.1, 0.15], 2).tolist()
    [0, 1, 0, 1, 0]
    """
    values = array("scores", scores, ndim=1)
    size = integer("min_size", min_size, 1)
    if values.size < size:
        reject("min_size", size, f"at most the number of scores, {values.size}")
    order = np.argsort(values, kind="stable")
    sizes = _best_sizes(values[order], size)
    ends = [values.size]
    while ends[-1] > 0:
        ends.append(ends[-1] - int(sizes[ends[-1]]))
    labels = np.empty(values.size, dtype=np.int64)
    labels[order] = np.repeat(np.arange(len(ends) - 1), -np.diff(ends)[::-1])
    return labels


def _best_sizes(values: Real, size: int) -> NDArray[np.int64]:
    """Size of the last bag of the best partition of each prefix of the sorted values.

    A prefix of length j only looks at prefixes at least `size` shorter, so `size` of them are
    settled by one vectorised step.
    """
    n, reach = values.size, 2 * size - 1
    padded = np.concatenate([np.full(reach, values[0]), values])
    best = np.full(n + reach + 1, np.inf)  # best[reach + j] is for the prefix of length j
    best[reach] = 0.0
    before = sliding_window_view(best, size)
    chosen = np.zeros(n + 1, dtype=np.int64)
    rows = max(1, TABLE // size)
    for first in range(size, n + 1, rows):
        last = min(first + rows, n + 1)
        costs = _scatter_table(padded[first : last - 1 + reach], last - first, size)
        for start in range(first, last, size):
            stop = min(start + size, last)
            # column t stands for a last bag of reach - t values
            totals = before[start:stop] + costs[start - first : stop - first]
            column = totals.argmin(1)
            chosen[start:stop] = reach - column
            best[reach + start : reach + stop] = totals[np.arange(stop - start), column]
    return chosen


def _scatter_table(window: Real, prefixes: int, size: int) -> Real:
    """Scatter of the last 2 size - 1 … size values of each of some consecutive prefixes.

    Prefix r ends before ``window[2 size - 1 + r]``; sums are centred in the window, so that they
    do not cancel where the scores are far from 0.
    """
    reach = 2 * size - 1
    centred = window - window.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    total = sums[reach : reach + prefixes, None] - sliding_window_view(sums, size)[:prefixes]
    power = squares[reach : reach + prefixes, None] - sliding_window_view(squares, size)[:prefixes]
    total *= total
    total /= np.arange(reach, size - 1, -1.0)
    scatter: Real = np.maximum(power - total, 0.0)
    return scatter


def within_bag_fraction(scores: ArrayLike, bags: ArrayLike) -> float:
    """Share omega of the scores' variance that is left inside the bags.

    Parameters
    ----------
    scores : array_like, shape (n,)
        Not all equal.
    bags : array_like of int, shape (n,)
        Bag labels.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        When the scores do not vary or the bags do not cover them.

    Examples
    --------
    >>> within_bag_fraction([0.0, 2.0, 4.0, 6.0], [0, 0, 1, 1])
    0.2
    """
    values = array("scores", scores, ndim=1)
    partition = as_bags(bags, values.size)
    centred = values - values.mean()
    total = float(centred @ centred)
    if total == 0:
        reject("scores", float(values[0]), "not constant")
    inside = centred - partition.means(centred)[partition.index]
    return float(inside @ inside) / total


def normal_within_fraction(n: int, bag_size: int, rng: Generator, *, draws: int = 10) -> float:
    """Simulate omega for equal bags of n sorted normal scores, averaged over draws.

    Parameters
    ----------
    n, bag_size : int
        Samples, and a bag size that divides them.
    rng : Generator
    draws : int
        Sets of scores to average over.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When the bag size does not divide n.

    Examples
    --------
    >>> omega = normal_within_fraction(1000, 5, np.random.default_rng(0), draws=40)
    >>> bool(6e-4 < omega < 12e-4)
    True
    """
    labels = equal_bags(n, bag_size)
    draws = integer("draws", draws, 1)
    scores = np.sort(rng.standard_normal((draws, n)), axis=1)
    return float(np.mean([within_bag_fraction(row, labels) for row in scores]))


def curated_risk(
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    alignment: ArrayLike,
    within_fraction: ArrayLike,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
) -> AggregateRisk:
    """Asymptotic excess risk with bags sorted along a direction that is independent of the data.

    Parameters
    ----------
    psi, bag_size, rho, noise_variance, signal_power : array_like
        As for `risk`, with n > d (rho > 0) or m > d (rho = 0), and rho finite.
    alignment : array_like
        r² = cos² of the angle between the sorting direction and theta_0, in [0, 1].
    within_fraction : array_like
        omega, the share of the scores' variance left inside bags, in [0, 1); 1 - 1/k for random
        bags, 0 for bags of one sample.

    Returns
    -------
    AggregateRisk

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md. A direction learned from the same samples is
    not independent of them: simulate that, do not use this formula.

    Examples
    --------
    >>> arguments = dict(noise_variance=0.5, within_fraction=1e-3)
    >>> curated_risk(5, 5, 0.1, alignment=[0.0, 0.5], **arguments).total.round(4).tolist()
    [0.5566, 0.3986]
    """
    psi, bag_size, rho = np.broadcast_arrays(*checked_cell(psi, bag_size, rho))
    aligned = array("alignment", alignment, 0, 1)
    omega = array("within_fraction", within_fraction, 0, 1, open_high=True)
    noise, signal = checked_powers(noise_variance, signal_power)
    array("rho", rho, 0)
    short = np.where(rho > 0, psi, psi / bag_size) <= 1
    if short.any():
        reject("psi", float(psi[short].flat[0]), "above 1 (rho > 0) or above bag_size (rho = 0)")
    point = solve_fixed_point(psi, bag_size, rho, np.zeros(()))
    s, deficit = point.shrinkage, point.deficit
    pull = psi * (1.0 - omega) * point.x_rest
    drag = psi * rho * omega * point.y_rest
    kept, lost = pull / (pull + drag), drag / (pull + drag)
    inside = quotient(omega, 1.0 - 1.0 / bag_size)
    missed = aligned * lost**2 + (1.0 - aligned) * deficit**2
    residual = aligned * lost**2 * bag_size * (1.0 - omega) + (1.0 - aligned) * deficit**2
    stirred = aligned * kept**2 * inside + (1.0 - aligned) * s**2
    spread = point.between_energy * residual + point.within_energy * stirred
    bias = missed + quotient(spread, point.slack)
    return as_risk(product(signal, bias), product(noise, point.variance_factor))


def score_alignment(
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
) -> Real:
    """Return cos² of the angle between an estimate from random bags and the signal.

    What the first of two stages knows of the direction along which the second sorts.

    Parameters
    ----------
    psi, bag_size, rho, noise_variance, signal_power : array_like
        As for `risk`.

    Returns
    -------
    ndarray or float
        In [0, 1]; 0 where the risk diverges.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md: s²/(s² + tau²) with the shrinkage s and the
    energy tau² of the estimate's part that is orthogonal to the signal.

    Examples
    --------
    >>> round(float(score_alignment(5, 5, 0.1, noise_variance=0.5)), 4)
    0.4622
    """
    psi, bag_size, rho = checked_cell(psi, bag_size, rho)
    noise, signal = checked_powers(noise_variance, signal_power)
    kept = solve_fixed_point(psi, bag_size, rho, np.zeros(())).shrinkage
    total = risk(psi, bag_size, rho, noise_variance=noise, signal_power=signal).total
    spread = total - signal * (1.0 - kept) ** 2
    along = signal * kept**2
    return np.asarray(along / (along + spread))[()]
