"""Intrinsic dimension and spatial resolution of data, the inputs of the difficulty measure."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from sims.numerics.validate import ValidityWarning, array, integer, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
TailForm = Literal["released", "textbook"]

_CELLS = 1 << 20  # coordinates of differences held at once


@dataclass(frozen=True)
class Resolution:
    """Smallest distance between points of different classes.

    Attributes
    ----------
    value : float
        The estimate: the smaller of the two below.
    smallest : float
        Among the pairs that were looked at.
    extrapolated : float
        To all pairs, from the tail of those looked at; inf where none was asked for or the
        estimate has no positive value.
    pairs : int
        Looked at, distances of 0 left out.
    all_pairs : int
        Pairs of different classes in the data.
    excluded : int
        Pairs of different classes at distance 0: equal inputs with two labels.
    tail_index : float
        gamma of the extreme-value law of 1/distance; NaN without extrapolation.
    """

    value: float
    smallest: float
    extrapolated: float
    pairs: int
    all_pairs: int
    excluded: int
    tail_index: float


def intrinsic_dimension(points: ArrayLike, *, neighbours: int = 5) -> float:
    """Estimate the dimension of the manifold that the points lie on.

    The inverse of the mean of ln(T_k / T_j) over the points and j = 1 … k-1, with T_j the
    distance to the j-th neighbour and k = `neighbours`.

    Parameters
    ----------
    points : array_like, shape (n, coordinates)
        Exact duplicates count once.
    neighbours : int
        k >= 2, below the number of different points.

    Returns
    -------
    float
        Not rounded. Too small from a dimension of about 8 on, with thousands of points.

    Raises
    ------
    ValueError
        For points that are no finite matrix, too few different points, or k out of range.

    Warns
    -----
    ValidityWarning
        Where every point's neighbours are equally far: the estimate is inf.

    References
    ----------
    E. Levina, P. Bickel, Maximum likelihood estimation of intrinsic dimension, NIPS 2004, with
    the average of D. MacKay and Z. Ghahramani (2005): average first, invert once.

    Examples
    --------
    >>> angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    >>> circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    >>> round(intrinsic_dimension(circle), 1)
    1.0
    """
    return float(intrinsic_dimensions(points, [neighbours])[0])


def intrinsic_dimensions(points: ArrayLike, neighbours: Sequence[int]) -> FloatArray:
    """Compute `intrinsic_dimension` for several numbers of neighbours, in one search.

    Parameters
    ----------
    points : array_like, shape (n, coordinates)
    neighbours : sequence of int
        Each as for `intrinsic_dimension`.

    Returns
    -------
    ndarray, shape (len(neighbours),)

    Raises
    ------
    ValueError
        As `intrinsic_dimension`.

    Examples
    --------
    >>> line = np.arange(10.0)[:, None] ** 2
    >>> intrinsic_dimensions(line, [2, 3]).round(2)
    array([2.16, 1.46])
    """
    rows = np.unique(array("points", points, ndim=2) + 0.0, axis=0)  # -0.0 is 0.0
    if len(rows) < 3:
        raise ValueError(
            f"points has {len(rows)} different row(s): a dimension needs at least 3 of them"
        )
    counts = [integer("neighbours", count, 2, len(rows) - 1) for count in neighbours]
    tree = cKDTree(rows)
    distances = np.asarray(tree.query(rows, k=max(counts) + 1)[0])[:, 1:]
    if np.any(distances[:, 0] == 0.0):
        raise ValueError("points differ by less than their distances can resolve: rescale them")
    logs = np.log(distances)
    gaps = np.array([np.mean(logs[:, k - 1 : k] - logs[:, : k - 1]) for k in counts])
    if np.any(gaps <= 0.0):
        warnings.warn(
            "all neighbours are equally far: the dimension is infinite",
            ValidityWarning,
            stacklevel=2,
        )
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / gaps)


def class_resolution(
    points: ArrayLike,
    labels: ArrayLike,
    *,
    tail: int | None = None,
    pairs: int = 1_000_000,
    rng: Generator | None = None,
    form: TailForm = "released",
) -> Resolution:
    """Estimate the smallest distance between points of different classes.

    Parameters
    ----------
    points : array_like, shape (n, coordinates)
    labels : array_like, shape (n,)
        At least two classes.
    tail : int, optional
        Extrapolate from so many of the largest values of 1/distance, >= 2; not if absent.
    pairs : int
        Look at so many random pairs of different classes (with replacement), or at all where
        there are not more, >= 1.
    rng : Generator, optional
        Needed where pairs are drawn.
    form : {"released", "textbook"}
        The textbook multiplies the rise above the threshold by max(1, 1 - gamma); the code
        released with the 2023 measure does not.

    Returns
    -------
    Resolution

    Raises
    ------
    ValueError
        For a single class, shapes that differ, no pair at a positive distance, a tail that is
        not shorter than the pairs, or pairs to be drawn without a generator.

    References
    ----------
    A. Dekkers, J. Einmahl, L. de Haan, A moment estimator for the index of an extreme-value
    distribution, Ann. Stat. 1989.

    Examples
    --------
    >>> found = class_resolution([[0.0], [3.0], [5.0], [5.0]], [0, 0, 1, 2])
    >>> found.value, found.pairs, found.excluded
    (2.0, 4, 1)
    """
    rows = array("points", points, ndim=2)
    classes = _classes(labels, len(rows))
    pairs = integer("pairs", pairs, 1)
    if form not in ("released", "textbook"):
        reject("form", form, "'released' or 'textbook'")
    sizes = np.bincount(classes)
    all_pairs = (len(rows) ** 2 - int(np.sum(sizes**2))) // 2
    if all_pairs <= pairs:
        distances = _all_distances(rows, classes)
    elif rng is None:
        raise ValueError(f"rng is needed to draw {pairs} of the {all_pairs} pairs")
    else:
        distances = _distances(rows, *_draw_pairs(classes, pairs, rng))
    apart = distances[distances > 0.0]
    if not apart.size:
        raise ValueError("points of different classes are all equal: there is no resolution")
    smallest, extrapolated, index = float(apart.min()), np.inf, np.nan
    if tail is not None:
        extrapolated, index = _extrapolate(apart, tail, all_pairs, form)
    return Resolution(
        min(smallest, extrapolated),
        smallest,
        extrapolated,
        apart.size,
        all_pairs,
        distances.size - apart.size,
        index,
    )


def _classes(labels: ArrayLike, count: int) -> NDArray[np.intp]:
    given = np.asarray(labels)
    if given.shape != (count,):
        reject("labels.shape", given.shape, f"({count},), one label a point")
    values, classes = np.unique(given, return_inverse=True)
    if len(values) < 2:
        raise ValueError("labels has one class only: there is no distance between classes")
    return np.asarray(classes)


def _draw_pairs(
    classes: NDArray[np.intp], pairs: int, rng: Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw pairs of different classes uniformly: first the class of one, then of the other."""
    order, sizes = np.argsort(classes, kind="stable"), np.bincount(classes)
    others = len(classes) - sizes
    first = rng.choice(len(sizes), size=pairs, p=sizes * others / np.sum(sizes * others))
    starts = np.cumsum(sizes) - sizes
    one = starts[first] + rng.integers(sizes[first])
    other = rng.integers(others[first])
    other += np.where(other >= starts[first], sizes[first], 0)  # skip the first one's class
    return order[one], order[other]


def _all_distances(rows: FloatArray, classes: NDArray[np.intp]) -> FloatArray:
    """Distances of all pairs of different classes: every class against the later ones."""
    parts = []
    for one in range(classes.max()):
        parts.append(cdist(rows[classes == one], rows[classes > one]).ravel())
    return np.concatenate(parts)


def _distances(rows: FloatArray, first: NDArray[np.intp], second: NDArray[np.intp]) -> FloatArray:
    """Distances of many pairs, without cancellation and in blocks."""
    result = np.empty(len(first))
    block = max(1, _CELLS // rows.shape[1])
    for start in range(0, len(first), block):
        part = slice(start, start + block)
        gap = rows[first[part]] - rows[second[part]]
        result[part] = np.sqrt(np.einsum("ij,ij->i", gap, gap))
    return result


def _extrapolate(
    distances: FloatArray, tail: int, all_pairs: int, form: TailForm
) -> tuple[float, float]:
    """Smallest distance among all pairs from the largest 1/distance of some, and the index."""
    count = distances.size
    tail = integer("tail", tail, 2, count - 1)
    largest = np.sort(1.0 / np.partition(distances, tail)[: tail + 1])
    threshold = float(largest[0])
    logs = np.log(largest[1:] / threshold)
    first, second = float(logs.mean()), float(np.mean(logs**2))
    if second <= first**2 * (1.0 + 1e-12):
        raise ValueError(f"tail = {tail} is not allowed: its distances must not all be equal")
    index = first + 1.0 - 0.5 / (1.0 - first**2 / second)
    log_share = np.log(tail / count * all_pairs)
    rise = log_share if abs(index) < 1e-12 else np.expm1(index * log_share) / index
    if form == "textbook":
        rise *= max(1.0, 1.0 - index)
    top = threshold * (1.0 + first * rise)
    return (float(1.0 / top) if top > 0.0 else np.inf), index
