"""Replace the many modes of a long spectrum by a few levels that give the same sums.

Any sum over modes of a function of ``log lambda`` that is analytic in the strip ``|Im| < pi``
around each block keeps its value to rounding when the modes of the block, all within one unit of
``log lambda``, are spread over NODES Chebyshev nodes with their Lagrange weights (derived, see
docs/theory/random_features.md).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

NODES = 14  # per block: the interpolation error is then at the level of rounding

_ANGLES = (np.arange(NODES) + 0.5) * math.pi / NODES
OFFSETS: FloatArray = (1.0 + np.cos(_ANGLES)) / 2.0  # Chebyshev nodes of [0, 1], falling
BARYCENTRIC: FloatArray = np.where(np.arange(NODES) % 2, -1.0, 1.0) * np.sin(_ANGLES)
# Chebyshev moments -> Lagrange weights of the nodes
_FROM_MOMENTS: FloatArray = np.cos(np.outer(np.arange(NODES), _ANGLES)) * 2.0 / NODES
_FROM_MOMENTS[0] /= 2.0


class Levels(NamedTuple):
    """Levels with signed weights that reproduce all sums; `block` falls from -1 or 0 downward."""

    level: FloatArray
    multiplicity: FloatArray
    power: FloatArray
    block: NDArray[np.intp]  # of log level: (block, block + 1]
    block_names: NDArray[np.intp]  # the distinct blocks, falling
    block_counts: NDArray[np.longdouble]  # number of modes in each


def compress(level: FloatArray, multiplicity: FloatArray, power: FloatArray) -> Levels:
    """Replace the modes of each block of ``log level`` that has many by NODES weighted levels."""
    log_level = np.log(level)
    block = (np.ceil(log_level) - 1.0).astype(np.intp)
    starts = np.flatnonzero(np.diff(block, prepend=1))
    sizes = np.diff(starts, append=len(block))
    names = block[starts]
    counts = np.add.reduceat(multiplicity.astype(np.longdouble), starts)
    crowded = sizes > NODES
    if not crowded.any():
        return Levels(level, multiplicity, power, block, names, counts)
    inside = np.repeat(crowded, sizes)
    at = np.concatenate([[0], np.cumsum(sizes[crowded])[:-1]])
    which = names[crowded]
    position = np.asarray(2.0 * (log_level[inside] - block[inside]) - 1.0, dtype=np.float64)
    moments = _moments(position, multiplicity[inside], power[inside], at)
    weights = (moments @ _FROM_MOMENTS).reshape(2, -1)
    nodes = np.exp(which[:, None] + OFFSETS).ravel()
    levels = np.concatenate([nodes, level[~inside]])
    blocks = np.concatenate([np.repeat(which, NODES), block[~inside]])
    order = np.argsort(-blocks, kind="stable")
    return Levels(
        levels[order],
        np.concatenate([weights[0], multiplicity[~inside]])[order],
        np.concatenate([weights[1], power[~inside]])[order],
        blocks[order],
        names,
        counts,
    )


def _moments(
    position: FloatArray, multiplicity: FloatArray, power: FloatArray, at: NDArray[np.intp]
) -> FloatArray:
    """Chebyshev moments of both weights in each block, shape (2, blocks, NODES)."""
    moments = np.empty((2, len(at), NODES))
    twice = 2.0 * position
    before, now = position, np.ones_like(position)  # T_(-1) = T_1, T_0
    for order in range(NODES):
        moments[0, :, order] = np.add.reduceat(multiplicity * now, at)
        moments[1, :, order] = np.add.reduceat(power * now, at)
        before, now = now, twice * now - before
        if order == 0:
            now = position
    return moments
