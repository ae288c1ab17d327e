"""Real inputs, whitened: images of digits drawn with replacement, labels still linear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.statistics import Statistics, no_statistics
from sims.numerics.validate import array, integer, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

RARELY = 4  # below so many draws a row it is cheaper to draw row numbers than to draw counts


@dataclass(frozen=True, eq=False)
class PoolInputs:
    """Inputs drawn with replacement from the rows of a finite pool.

    An instance is called as `gaussian_statistics` is, and can take its place in a trial. How often
    each row is drawn is multinomial, and rows that come up more than once need only the sum and
    the squared length of their noise, so that the cost does not grow with the number of samples.

    Attributes
    ----------
    rows : ndarray, shape (P, d)
        With unit second moments (`whitened_digits`), or else the risk formulas do not apply.
    """

    rows: Real

    def __call__(self, parameters: Real, counts: Real, sigma: float, rng: Generator) -> Statistics:
        """Draw statistics for parameters (T, d), counts (T,) and a standard deviation."""
        result = no_statistics(*parameters.shape)
        for task, size in enumerate(np.asarray(counts, dtype=np.int64)):
            times = self._times(int(size), rng)
            drawn = np.flatnonzero(times)
            rows, often = self.rows[drawn], times[drawn].astype(np.float64)
            noise = rng.standard_normal(drawn.size)
            spread = float(noise @ noise)
            if size > drawn.size:
                spread += rng.chisquare(size - drawn.size)
            scaled = rows * often[:, None]
            result.gram[task] = scaled.T @ rows
            signal, mixed = scaled @ parameters[task], sigma * ((np.sqrt(often) * noise) @ rows)
            result.cross[task] = signal @ rows + mixed
            power = float(signal @ (rows @ parameters[task])) + sigma**2 * spread
            result.square[task] = max(0.0, power + 2.0 * float(mixed @ parameters[task]))
            result.counts[task] = size
        return result

    def _times(self, size: int, rng: Generator) -> NDArray[np.int64]:
        """Draw how often each row comes up."""
        pool = len(self.rows)
        if size < RARELY * pool:
            return np.bincount(rng.integers(0, pool, size), minlength=pool)
        return rng.multinomial(size, np.full(pool, 1.0 / pool))


def pool_inputs(rows: ArrayLike) -> PoolInputs:
    """Return inputs drawn from the given rows, after checking that they are white.

    Parameters
    ----------
    rows : array_like, shape (P, d)
        With rows'rows/P = I.

    Raises
    ------
    ValueError
        When the second moments are not the identity: the risks would not be what they say.

    Examples
    --------
    >>> pool_inputs([[1.0, 1.0], [1.0, -1.0]]).rows.shape
    (2, 2)
    """
    values = array("rows", rows, ndim=2)
    off = float(np.abs(values.T @ values / max(1, len(values)) - np.eye(values.shape[1])).max())
    if off > 1e-8:
        reject("rows'rows/P - I", off, "0 (whitened rows)")
    return PoolInputs(values)


def whitened_digits(dimension: int) -> Real:
    """Return the leading principal components of all digits, centred and whitened.

    Parameters
    ----------
    dimension : int
        d in [1, 60], the number of components.

    Returns
    -------
    ndarray, shape (1797, d)

    Raises
    ------
    ValueError
        When the dimension is outside its range.

    Examples
    --------
    >>> rows = whitened_digits(30)
    >>> rows.shape, bool(np.allclose(rows.T @ rows / len(rows), np.eye(30)))
    ((1797, 30), True)
    """
    from sims.datasets import digits

    d = integer("dimension", dimension, 1, 60)
    pixels = digits().inputs
    left = np.linalg.svd(pixels - pixels.mean(axis=0), full_matrices=False)[0]
    return np.asarray(np.sqrt(len(pixels)) * left[:, :d])
