"""Mutual information from nearest neighbours (Kraskov, Stögbauer, Grassberger), both variants.

The counts are those of the definition, in floating point too: the k-th neighbour lies exactly on
the boundary of the box it defines, so every boundary is decided by the very differences that
defined it. Boxes are counted coordinate by coordinate, each a range of ranks, as intersections of
sets of bits: N² d/64 operations on words, whatever the dimension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.spatial import cKDTree

from sims.information_bottleneck.validity import paired_samples, warn, warn_near_ceiling
from sims.numerics.validate import integer, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_JITTER = 1e-10  # of a coordinate's standard deviation
_WORDS = 1 << 19  # of a table of sets: 4 MB


class _Span(NamedTuple):
    """The samples near each sample in one coordinate: ranks first … last of its sorted values."""

    order: IntArray
    first: IntArray
    last: IntArray


def ksg(
    x: ArrayLike,
    y: ArrayLike,
    *,
    k: int = 3,
    variant: Literal[1, 2] = 1,
    rng: Generator | None = None,
) -> float:
    """Mutual information by the k-th nearest neighbour in the maximum norm.

    Variant 1: ``psi(k) + psi(N) - <psi(n_x + 1) + psi(n_y + 1)>``, counting samples strictly
    nearer, in each variable, than the k-th neighbour in both. Variant 2:
    ``psi(k) - 1/k + psi(N) - <psi(n_x) + psi(n_y)>``, counting within the rectangle of the k
    neighbours.

    Parameters
    ----------
    x, y : array_like, shape (N,) or (N, d)
        Samples of continuous variables, N > k.
    k : int
        >= 1.
    variant : {1, 2}
    rng : numpy.random.Generator, optional
        For the jitter that breaks ties; without it a fixed seed, so that the value is repeatable.

    Returns
    -------
    float
        In nats; it may be slightly negative. The bias is strongly negative when the information
        is high or there are many dimensions.

    Raises
    ------
    ValueError
        For samples of different length or not finite, N <= k, k < 1 or another variant.

    Warns
    -----
    ValidityWarning
        When a coordinate repeats values (jitter of 1e-10 of its standard deviation is added),
        and within 5 % of the largest value possible.

    References
    ----------
    A. Kraskov, H. Stögbauer, P. Grassberger, Estimating mutual information, Phys. Rev. E 69
    (2004), equations 8 and 9.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal(1000)
    >>> y = 0.9 * x + np.sqrt(1 - 0.81) * rng.standard_normal(1000)  # 0.830 nats
    >>> round(ksg(x, y), 2), round(ksg(x, y, variant=2), 2)
    (0.82, 0.83)
    """
    k = integer("k", k, 1)
    if variant not in (1, 2):
        reject("variant", variant, "1 or 2")
    x, y = paired_samples(("x", "y"), (x, y), k + 1)
    x, y = _without_ties(x, y, np.random.default_rng(0) if rng is None else rng)
    n_x, n_y = _counts(x, y, k, variant == 2)
    own, all_ = float(special.digamma(k)), float(special.digamma(len(x)))
    if variant == 1:
        value = own + all_ - _mean_digamma(n_x + 1, n_y + 1)
    else:
        value = own - 1.0 / k + all_ - _mean_digamma(n_x, n_y)
    warn_near_ceiling(value, all_ - own, "psi(N) - psi(k)")
    return value


def _mean_digamma(n_x: IntArray, n_y: IntArray) -> float:
    return float((special.digamma(n_x) + special.digamma(n_y)).mean())


def _without_ties(x: FloatArray, y: FloatArray, rng: Generator) -> tuple[FloatArray, FloatArray]:
    """Add jitter to coordinates that repeat values, and say so."""
    tied = [_tied(x), _tied(y)]
    if not any(part.any() for part in tied):
        return x, y
    warn(
        f"{sum(int(part.sum()) for part in tied)} coordinate(s) repeat values, which breaks "
        "nearest-neighbour counts: jitter of 1e-10 standard deviations was added",
        depth=2,
    )
    parts = []
    for values, columns in zip((x, y), tied):
        deviation = values.std(axis=0)
        scale = _JITTER * np.where(deviation > 0, deviation, 1.0) * columns
        centred = values - values.mean(axis=0)  # or a large offset would swallow the jitter
        parts.append(centred + scale * rng.standard_normal(values.shape))
    return parts[0], parts[1]


def _tied(values: FloatArray) -> NDArray[np.bool_]:
    ordered = np.sort(values, axis=0)
    repeated: NDArray[np.bool_] = (ordered[1:] == ordered[:-1]).any(axis=0)
    return repeated


def _counts(x: FloatArray, y: FloatArray, k: int, rectangle: bool) -> tuple[IntArray, IntArray]:
    """How many other samples lie in each sample's box, in X and in Y."""
    joint = np.hstack([x, y])
    found = cKDTree(joint).query(joint, k + 1, p=math.inf)
    distances, neighbours = np.asarray(found[0]), np.asarray(found[1], dtype=np.int64)
    if not rectangle:
        reach: FloatArray = distances[:, k]
        return _inside(x, reach, False), _inside(y, reach, False)
    return (
        _inside(x, _reach(x, neighbours[:, 1:]), True),
        _inside(y, _reach(y, neighbours[:, 1:]), True),
    )


def _reach(values: FloatArray, neighbours: IntArray) -> FloatArray:
    """Largest distance, in the maximum norm, to any of the neighbours."""
    result: FloatArray = np.abs(values[neighbours] - values[:, None]).max(axis=(1, 2))
    return result


def _inside(values: FloatArray, reach: FloatArray, closed: bool) -> IntArray:
    """Count the other samples within each reach of one variable."""
    spans = [_span(column, reach, closed) for column in values.T]
    if len(spans) == 1:
        return spans[0].last - spans[0].first
    size = len(values)
    total = np.full(size, -1, dtype=np.int64)  # not itself
    chunk = 64 * max(1, _WORDS // size)
    for start in range(0, size, chunk):
        stop = min(start + chunk, size)
        inside = _members(spans[0], start, stop)
        for span in spans[1:]:
            inside &= _members(span, start, stop)
        total += np.bitwise_count(inside).sum(axis=1, dtype=np.int64)
    return total


def _span(values: FloatArray, reach: FloatArray, closed: bool) -> _Span:
    """By sorting; x ± reach rounds, so the ends are moved until the differences agree."""
    order = np.argsort(values, kind="stable")
    ordered, within = values[order], reach[order]  # searching in order is faster
    top = len(ordered) - 1
    compare = np.less_equal if closed else np.less
    low = np.searchsorted(ordered, ordered - within)
    while True:
        out = ~compare(ordered - ordered[np.minimum(low, top)], within)
        more = compare(ordered - ordered[np.maximum(low - 1, 0)], within) & (low > 0) & ~out
        if not (out.any() or more.any()):
            break
        low += out.astype(np.int64) - more
    high = np.searchsorted(ordered, ordered + within, side="right") - 1
    while True:
        out = ~compare(ordered[high] - ordered, within)
        more = compare(ordered[np.minimum(high + 1, top)] - ordered, within) & (high < top) & ~out
        if not (out.any() or more.any()):
            break
        high += more.astype(np.int64) - out
    first, last = np.empty_like(order), np.empty_like(order)
    first[order], last[order] = low, high
    return _Span(order, first, last)


def _members(span: _Span, start: int, stop: int) -> NDArray[np.uint64]:
    """For every sample, which of the samples start … stop - 1 are in its span, a bit for each.

    The sets of the lowest samples, one more at a time, are built once; a span is the difference
    of two of them.
    """
    of_chunk = (span.order >= start) & (span.order < stop)
    place = span.order[of_chunk] - start
    lowest = np.zeros((len(place) + 1, -(-len(place) // 64)), dtype=np.uint64)
    lowest[np.arange(1, len(place) + 1), place // 64] = np.uint64(1) << (place % 64).astype(
        np.uint64
    )
    np.bitwise_or.accumulate(lowest, axis=0, out=lowest)
    below = np.concatenate([[0], np.cumsum(of_chunk)])
    result: NDArray[np.uint64] = lowest[below[span.last + 1]]
    result ^= lowest[below[span.first]]
    return result
