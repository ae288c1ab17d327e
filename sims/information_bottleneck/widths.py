"""Choosing kernel widths: the median rule, and neighbours counted before a width is trusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sims.information_bottleneck.conditional import FEW_NEIGHBOURS
from sims.information_bottleneck.validity import samples, warn
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

ROWS = 1000


def median_width(points: ArrayLike, *, rows: int = ROWS, rng: Generator | None = None) -> float:
    """Median distance between different samples: the width for the compression term.

    Parameters
    ----------
    points : array_like, shape (N,) or (N, d)
        N >= 2.
    rows : int
        At most so many samples are compared, >= 2.
    rng : Generator, optional
        Chooses them; without it they are taken at equal steps, so that the answer is always the
        same.

    Returns
    -------
    float
        > 0. Where more than half of all pairs are equal, the median over the unequal ones; 1
        where there is no unequal pair.

    Raises
    ------
    ValueError
        For fewer than two samples, entries that are not finite or rows < 2.

    Warns
    -----
    ValidityWarning
        When the median is 0.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md. The rule in the code released with CS-IB
    takes ten times the median of squared distances, which is no length.

    Examples
    --------
    >>> median_width([0.0, 1.0, 3.0])
    2.0
    """
    from scipy.spatial.distance import pdist

    chosen = samples("points", points)
    rows = integer("rows", rows, 2)
    if len(chosen) > rows:
        if rng is None:
            take = np.linspace(0, len(chosen) - 1, rows).astype(np.intp)
        else:
            take = rng.choice(len(chosen), rows, replace=False)
        chosen = chosen[take]
    distances = pdist(chosen)
    width = float(np.median(distances))
    if width > 0.0:
        return width
    unequal = distances[distances > 0.0]
    if not unequal.size:
        warn("the samples are constant, so no width is better than another: 1 is taken")
        return 1.0
    width = float(np.median(unequal))
    warn(f"half of all pairs of samples or more are equal: the width {width:.3g} is the others'")
    return width


def effective_neighbours(count: int, width: float, dimension: int) -> float:
    """Count the neighbours that a Gaussian kernel sees in a batch of standard normal samples.

    ``N (1 + 2/width²)^(-d/2)``, the expected sum of the kernel.

    Parameters
    ----------
    count : int
        N >= 1.
    width : float
        > 0, in units of the features' standard deviation.
    dimension : int
        Independent features, >= 1.

    Raises
    ------
    ValueError
        For values outside these ranges.

    Warns
    -----
    ValidityWarning
        When there are fewer than 2.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> round(effective_neighbours(128, 1.0, 1), 1)
    73.9
    """
    count, dimension = integer("count", count, 1), integer("dimension", dimension, 1)
    width = number("width", width, 0.0, open_low=True)
    neighbours = count * math.exp(-0.5 * dimension * math.log1p(2.0 / width**2))
    if neighbours < FEW_NEIGHBOURS:
        warn(f"a sample has only {neighbours:.3g} effective neighbours; take a larger width")
    return neighbours


def prediction_width(count: int, dimension: int, *, neighbours: float = 6.0) -> float:
    """Width of x for the prediction term, such that a sample has so many effective neighbours.

    The inverse of `effective_neighbours`. Between about 2 and 20 neighbours the divergence
    neither compares samples one by one nor blurs the conditional law over all of x.

    Parameters
    ----------
    count, dimension : int
        Batch size and number of standardised features.
    neighbours : float
        Wanted, in (0, count).

    Raises
    ------
    ValueError
        For values outside these ranges.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> width = prediction_width(128, 8, neighbours=6.0)
    >>> round(width, 3), round(effective_neighbours(128, width, 8), 6)
    (1.319, 6.0)
    """
    count, dimension = integer("count", count, 1), integer("dimension", dimension, 1)
    neighbours = number("neighbours", neighbours, 0.0, open_low=True)
    if neighbours >= count:
        reject("neighbours", neighbours, f"less than count = {count}")
    return math.sqrt(2.0 / math.expm1(2.0 / dimension * math.log(count / neighbours)))
