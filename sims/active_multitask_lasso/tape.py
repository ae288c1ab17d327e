"""Samples of every task on a tape, so that strategies and budgets share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.statistics import Statistics, no_statistics

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]

Inputs = Callable[["Real", "Real", float, "Generator"], Statistics]
"""Draws statistics for parameters (T, d), counts (T,) and a standard deviation of the noise."""


class Tape:
    """Statistics of the first n samples of each task, at a set of n fixed beforehand.

    Between two places of a task only the difference is drawn: statistics of independent samples
    add up. Whoever reads the same place of the tape sees the same samples, and whoever reads
    further has them included.

    Parameters
    ----------
    places : ndarray of int, shape (P, T)
        Each row is a vector of counts that will be read; so is any mixture of rows.
    parameters : ndarray, shape (T, d)
    sigma : float
        Standard deviation of the noise.
    inputs : callable
        The law of the samples.
    rng : numpy.random.Generator

    Examples
    --------
    >>> from sims.active_multitask_lasso.statistics import gaussian_statistics
    >>> places, rng = np.array([[5, 0], [9, 3]]), np.random.default_rng(0)
    >>> tape = Tape(places, np.eye(2), 1.0, gaussian_statistics, rng)
    >>> tape.at(np.array([5, 3])).counts.tolist()
    [5, 3]
    """

    def __init__(
        self, places: Whole, parameters: Real, sigma: float, inputs: Inputs, rng: Generator
    ) -> None:
        self._stride = int(places.max()) + 1
        keys = np.unique(places + self._stride * np.arange(places.shape[1]))
        keys = keys[keys % self._stride > 0]
        tasks, ends = np.divmod(keys, self._stride)
        steps = np.diff(ends, prepend=0)
        fresh = np.diff(tasks, prepend=-1) > 0
        steps[fresh] = ends[fresh]
        self._keys = keys
        self._parts = parts = (
            inputs(parameters[tasks], steps, sigma, rng)
            if keys.size
            else no_statistics(*parameters.shape)
        )
        for place in np.flatnonzero(~fresh):
            parts.gram[place] += parts.gram[place - 1]
            parts.cross[place] += parts.cross[place - 1]
            parts.square[place] += parts.square[place - 1]
            parts.counts[place] += parts.counts[place - 1]

    def at(self, counts: Whole) -> Statistics:
        """Return the statistics of the first counts[t] samples of every task t."""
        keys = counts + self._stride * np.arange(len(counts))
        found = np.searchsorted(self._keys, keys)
        empty = counts == 0
        found[empty] = 0
        known = np.isin(keys, self._keys) & (counts < self._stride)
        if not (known | empty).all():
            raise ValueError("counts to be read were not among the tape's places")
        result = self._parts.take(found)
        if empty.any():
            for values in (result.gram, result.cross, result.square, result.counts):
                values[empty] = 0
        return result
