"""Sums over an eigenspectrum as functions of gamma, at a cost that does not grow with its length.

Every sum of the random-feature eigenframework is a sum over modes of a function of
``log lambda - log gamma`` that is analytic in the strip ``|Im| < pi``. That is used twice.
The modes of each unit block of ``log lambda`` are replaced by Chebyshev nodes with Lagrange
weights; then the sums are tabulated at Chebyshev nodes of unit blocks of ``log gamma`` and
interpolated. All sums keep full *relative* accuracy, also where they are tiny (derived, see
docs/theory/random_features.md).
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, reject
from sims.random_features.compression import BARYCENTRIC, NODES, OFFSETS, Levels, compress

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

REACH = 37  # blocks beyond either end of the spectrum; exp(-37) is below half a unit in 1.0
NEGLIGIBLE = 1e-280  # eigenvalues below this share of the largest count as zero
_CHUNK = 1 << 14  # elements of the temporaries while tabulating, so that they stay in cache


class Slope(NamedTuple):
    """What the scalar equation needs at one gamma: ``z = above + excess`` and ``-dz/dlog gamma``.

    `above` is the number of modes in the blocks well above gamma, as a rounded value and its
    rounding error, shape (2, points); `excess` is of the order of ``c``.
    """

    above: FloatArray
    excess: FloatArray
    c: FloatArray

    def deficit(self, size: FloatArray | float) -> FloatArray:
        """``size - z`` without cancellation, even on a plateau of z or next to the rank."""
        return np.asarray(((size - self.above[0]) - self.above[1]) - self.excess)


class Sums(NamedTuple):
    """All sums at one gamma; ``L = lambda/(lambda + gamma)``, ``v2`` the target power.

    Attributes
    ----------
    above, excess : array
        As in `Slope`.
    c : array
        Sum of ``L (1 - L)``.
    q : array
        Sum of ``L**2``.
    s1 : array
        Sum of ``v2 L (1 - L)``.
    s2 : array
        Sum of ``v2 (1 - L)**2``, zero eigenvalues included.
    c_high : array
        Sum of ``L**2 (1 - L)``.
    s1_low : array
        Sum of ``v2 L (1 - L)**2``.
    """

    above: FloatArray
    excess: FloatArray
    c: FloatArray
    q: FloatArray
    s1: FloatArray
    s2: FloatArray
    c_high: FloatArray
    s1_low: FloatArray


@dataclass(frozen=True)
class SpectralSums:
    """A task's spectrum, tabulated. Eigenvalues and gamma are in units of `scale`.

    Attributes
    ----------
    scale : float
        The largest eigenvalue.
    trace : float
        Sum of all eigenvalues over `scale`.
    power, null_power : float
        Target power on positive and on zero eigenvalues.
    alignment : float
        Sum of ``v2 lambda`` over `scale`.
    first : int
        ``log gamma`` at the left end of the table.
    counts : array, shape (2, blocks + 1)
        `Slope.above` of each block of ``log gamma``; in the first block it is the rank, the number
        of modes with a positive eigenvalue, and the last is 0.
    slopes : array, shape (2, NODES, blocks)
        `excess` and `c` at the Chebyshev nodes of each block.
    others : array, shape (5, NODES, blocks)
        `q`, `s1`, `s2`, `c_high`, `s1_low`.
    edges : array, shape (2, blocks + 1)
        `excess` and `c` at the ends of the blocks, those of the block on the right.
    """

    scale: float
    trace: float
    power: float
    null_power: float
    alignment: float
    first: int
    counts: FloatArray
    slopes: FloatArray
    others: FloatArray
    edges: FloatArray

    @property
    def last(self) -> int:
        """``log gamma`` at the right end of the table."""
        return self.first + int(self.slopes.shape[-1])

    @property
    def rank(self) -> float:
        """Number of modes with a positive eigenvalue."""
        return float(self.counts[0, 0])

    def spare(self, size: FloatArray) -> FloatArray:
        """``size - rank``, exact to rounding of the difference."""
        return np.asarray((size - self.counts[0, 0]) - self.counts[1, 0])

    def node_positions(self) -> FloatArray:
        """Return all tabulated ``log gamma``, increasing, shape (blocks * NODES,)."""
        blocks = np.arange(self.first, self.last, dtype=np.float64)
        return np.asarray((blocks[:, None] + OFFSETS[::-1]).ravel())

    def node_sums(self) -> Sums:
        """Return the sums at `node_positions`, without interpolation."""
        excess, c = self.slopes[:, ::-1].transpose(0, 2, 1).reshape(2, -1)
        q, s1, s2, c_high, s1_low = self.others[:, ::-1].transpose(0, 2, 1).reshape(5, -1)
        above = np.repeat(self.counts[:, :-1], NODES, axis=1)
        return Sums(above, excess, c, q, s1, s2 + self.null_power, c_high, s1_low)

    def at_edges(self, log_gamma: FloatArray) -> Slope:
        """Return the sums at whole-numbered ``log gamma``, cheaper than `slope`."""
        inside = np.clip(log_gamma, self.first, self.last)
        index = (inside - self.first).astype(np.intp)
        fade = np.exp(-np.abs(log_gamma - inside))
        excess, c = self.edges.take(index, axis=1)
        return Slope(self.counts.take(index, axis=1), excess * fade, c * fade)

    def slope(self, log_gamma: FloatArray) -> Slope:
        """Return what the scalar equation needs, at any ``log gamma``, shape (points,)."""
        block, weights, fade = self._locate(log_gamma)
        excess, c = _interpolate(self.slopes, block, weights)
        return Slope(self.counts.take(block, axis=1), excess * fade, c * fade)

    def all(self, log_gamma: FloatArray) -> Sums:
        """Return all sums at any ``log gamma``, shape (points,)."""
        block, weights, fade = self._locate(log_gamma)
        excess, c = _interpolate(self.slopes, block, weights)
        q, s1, s2, c_high, s1_low = _interpolate(self.others, block, weights)
        # Beyond the table every sum is a pure power of gamma.
        left, right = log_gamma < self.first, log_gamma > self.last
        fade2 = fade * fade
        return Sums(
            self.counts.take(block, axis=1),
            excess * fade,
            c * fade,
            q * np.where(right, fade2, 1.0),
            s1 * fade,
            s2 * np.where(left, fade2, 1.0) + self.null_power,
            c_high * np.where(right, fade2, fade),
            s1_low * np.where(left, fade2, fade),
        )

    def _locate(self, log_gamma: FloatArray) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
        """Return block, barycentric weights (NODES, points) and ``exp(-distance outside)``."""
        inside = np.clip(log_gamma, self.first, self.last)
        position = inside - self.first
        block = np.minimum(position.astype(np.intp), self.slopes.shape[-1] - 1)
        distance = (position - block) - OFFSETS[:, None]
        distance[distance == 0.0] = 1e-300  # on a node its weight swamps all others, as it should
        weights = BARYCENTRIC[:, None] / distance
        weights /= weights.sum(axis=0)
        return block, weights, np.exp(-np.abs(log_gamma - inside))


def _interpolate(table: FloatArray, block: NDArray[np.intp], weights: FloatArray) -> FloatArray:
    """Evaluate each function of the table in the given blocks, shape (functions, points)."""
    return np.asarray(np.einsum("jp,fjp->fp", weights, table.take(block, axis=2)))


def spectral_sums(
    eigenvalues: ArrayLike, target_power: ArrayLike, multiplicity: ArrayLike | None = None
) -> SpectralSums:
    """Tabulate a task's spectrum, or return the table made earlier for the same numbers.

    The last 32 spectra are remembered by a digest of their content.

    Parameters
    ----------
    eigenvalues : array_like, shape (modes,)
        In any order, >= 0, at least one positive; below 1e-280 of the largest they count as zero.
    target_power : array_like, shape (modes,)
        Squared target coefficient of each mode, >= 0.
    multiplicity : array_like, shape (modes,), optional
        How many modes each entry stands for, >= 0, not necessarily whole; ones if absent.

    Returns
    -------
    SpectralSums

    Raises
    ------
    ValueError
        For negative or non-finite entries, unequal lengths or a spectrum without a positive
        eigenvalue.

    Examples
    --------
    >>> import numpy as np
    >>> sums = spectral_sums([1.0, 0.5], [1.0, 1.0])
    >>> at_one = sums.slope(np.array([0.0]))  # gamma = 1: z = 1/2 + 1/3
    >>> (-at_one.deficit(0.0)).round(12)
    array([0.83333333])
    """
    return _remembered(_Content(eigenvalues, target_power, multiplicity))


class _Content:
    """The three arrays as a dictionary key: equal when their contents are."""

    def __init__(
        self, eigenvalues: ArrayLike, target_power: ArrayLike, multiplicity: ArrayLike | None
    ) -> None:
        self._arrays: tuple[FloatArray | None, ...] | None = (
            _plain("eigenvalues", eigenvalues),
            _plain("target_power", target_power),
            None if multiplicity is None else _plain("multiplicity", multiplicity),
        )
        digest = hashlib.sha256()
        for part in self._arrays:
            digest.update(b"-" if part is None else repr(part.shape).encode())
            if part is not None:
                digest.update(part.data)
        self._digest = digest.digest()

    def __hash__(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Content) and self._digest == other._digest

    def release(self) -> tuple[FloatArray | None, ...]:
        """Hand out the arrays and forget them, so that the cache keeps none alive."""
        assert self._arrays is not None
        arrays, self._arrays = self._arrays, None
        return arrays


def _plain(name: str, value: ArrayLike) -> FloatArray:
    try:
        return np.ascontiguousarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        return array(name, value)  # raises with the message that names the argument


@functools.lru_cache(maxsize=32)
def _remembered(content: _Content) -> SpectralSums:
    eigenvalues, target_power, multiplicity = content.release()
    assert eigenvalues is not None
    assert target_power is not None
    return _tabulate(*_checked(eigenvalues, target_power, multiplicity))


def _checked(
    eigenvalues: FloatArray, target_power: FloatArray, multiplicity: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    eigenvalues = array("eigenvalues", eigenvalues, 0, ndim=1)
    target_power = array("target_power", target_power, 0, ndim=1)
    if multiplicity is None:
        multiplicity = np.ones_like(eigenvalues)
    multiplicity = array("multiplicity", multiplicity, 0, ndim=1)
    for name, other in (("target_power", target_power), ("multiplicity", multiplicity)):
        if len(other) != len(eigenvalues):
            raise ValueError(
                f"{name} has {len(other)} entries, but it must have one for each of the "
                f"{len(eigenvalues)} eigenvalues"
            )
    if not np.any(eigenvalues * multiplicity > 0):
        reject("sum of the eigenvalues", 0.0, "positive: at least one mode must be learnable")
    for name, values in (("eigenvalues", eigenvalues), ("target_power", target_power)):
        with np.errstate(over="ignore"):
            total = float(np.sum(values * multiplicity))
        if not math.isfinite(total):
            reject(f"sum of {name} times multiplicity", total, "finite")
    return eigenvalues, target_power, multiplicity


def _tabulate(
    eigenvalues: FloatArray, target_power: FloatArray, multiplicity: FloatArray
) -> SpectralSums:
    present = multiplicity > 0
    scale = float(eigenvalues[present].max())
    positive = present & (eigenvalues > NEGLIGIBLE * scale)
    power = multiplicity * target_power
    if positive.all():
        null_power = 0.0
    else:
        null_power = float(power[~positive].sum())
        eigenvalues, multiplicity, power = (
            values[positive] for values in (eigenvalues, multiplicity, power)
        )
    if np.any(eigenvalues[1:] > eigenvalues[:-1]):
        order = np.argsort(-eigenvalues, kind="stable")
        eigenvalues, multiplicity, power = (
            values[order] for values in (eigenvalues, multiplicity, power)
        )
    scaled = eigenvalues / scale
    spectrum = compress(scaled, multiplicity, power)
    first = int(spectrum.block[-1]) - REACH
    counts = _counts_above(spectrum, np.arange(first, REACH + 1))
    slopes, others = _table(spectrum, first)
    left, right = _ends(slopes)
    # At the right end of the table no mode is left above gamma, as in its last block.
    edges = np.concatenate([left, right[:, -1:]], axis=1)
    return SpectralSums(
        scale=scale,
        trace=float(np.sum(scaled * multiplicity)),
        power=float(power.sum()),
        null_power=null_power,
        alignment=float(np.sum(scaled * power)),
        first=first,
        counts=counts,
        slopes=slopes,
        others=others,
        edges=edges,
    )


def _counts_above(spectrum: Levels, gamma_blocks: NDArray[np.intp]) -> FloatArray:
    """Count the modes in the blocks of level above each block of gamma (its own excluded)."""
    totals = np.concatenate([[np.longdouble(0)], np.cumsum(spectrum.block_counts)])
    above = totals[np.searchsorted(-spectrum.block_names, -gamma_blocks, side="left")]
    rounded = above.astype(np.float64)
    return np.stack([rounded, (above - rounded).astype(np.float64)])


def _table(spectrum: Levels, first: int) -> tuple[FloatArray, FloatArray]:
    """Tabulate at the Chebyshev nodes of the blocks of ``log gamma`` from `first` to REACH."""
    gamma_blocks = np.repeat(np.arange(first, REACH), NODES)
    gammas = np.exp(gamma_blocks + np.tile(OFFSETS, REACH - first))[:, None]
    both = np.stack([spectrum.multiplicity, spectrum.power], axis=1)
    multiplicity, power = spectrum.multiplicity, spectrum.power
    slopes = np.empty((2, len(gammas)))
    others = np.empty((5, len(gammas)))
    step = max(NODES, _CHUNK // len(spectrum.level))
    for start in range(0, len(gammas), step):
        rows = slice(start, start + step)
        inverse = 1.0 / (spectrum.level + gammas[rows])
        learned = spectrum.level * inverse
        missed = gammas[rows] * inverse
        above = spectrum.block > gamma_blocks[rows, None]
        slopes[0, rows] = np.where(above, -missed, learned) @ multiplicity
        product = learned * missed
        slopes[1, rows], others[1, rows] = (product @ both).T
        others[3, rows] = (learned * product) @ multiplicity
        others[4, rows] = (missed * product) @ power
        others[0, rows] = np.square(learned, out=learned) @ multiplicity
        others[2, rows] = np.square(missed, out=missed) @ power
    return _by_block(slopes), _by_block(others)


def _by_block(values: FloatArray) -> FloatArray:
    """(functions, blocks * NODES) -> (functions, NODES, blocks)."""
    return np.ascontiguousarray(values.reshape(len(values), -1, NODES).transpose(0, 2, 1))


def _ends(slopes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both tabulated slopes at the two ends of every block, each (2, blocks)."""
    ends = []
    for end in (0.0, 1.0):
        weights = BARYCENTRIC / (end - OFFSETS)
        ends.append(np.asarray(np.einsum("j,fjb->fb", weights / weights.sum(), slopes)))
    return ends[0], ends[1]
