"""The ridge that minimises the test error, found without solving for gamma on the way.

At fixed n and k the test error is a function of gamma, and so is the ridge, which increases with
gamma. The derivative of the test error with respect to gamma is written in closed form; its sign
changes on a grid bracket every local minimum (derived, see docs/theory/random_features.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, number
from sims.random_features.eigenframework import Equation, solve
from sims.random_features.estimates import evaluate
from sims.random_features.spectral_sums import REACH, SpectralSums, Sums, spectral_sums
from sims.random_features.theory import broadcast, samples_argument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_WORTHWHILE = 1e-13  # a positive ridge must lower the error by more than this share of it
_CHUNK = 200_000  # (settings x grid) elements handled at once
_STEP = 1e-9  # in log gamma: the step of the superlinear refinement before its last


@dataclass(frozen=True)
class OptimalRidge:
    """The best ridge and what it achieves; arrays of the broadcast shape, or floats.

    Attributes
    ----------
    ridge : array
        In [0, inf]; inf when the target has no power on any positive eigenvalue.
    test : array
        Test error at that ridge, label noise included.
    fitting_ratio : array
        Train over test error at that ridge, in [0, 1].
    """

    ridge: FloatArray
    test: FloatArray
    fitting_ratio: FloatArray


def optimal_ridge(
    n: float,
    k: float,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: float = 0.0,
    multiplicity: ArrayLike | None = None,
) -> OptimalRidge:
    """Find the global minimum of the test error over all ridges >= 0.

    Parameters
    ----------
    n : float
        Number of samples, in (0, inf).
    k : float
        Number of features, in (0, inf].
    eigenvalues, target_power, multiplicity
        The task, as for `risk`.
    noise_variance : float
        Variance of the label noise, >= 0.

    Returns
    -------
    OptimalRidge
        Of floats. `ridge` is 0 unless a positive ridge lowers the test error by more than 1e-13
        of its value; it is inf when there is only noise to fit.

    Raises
    ------
    ValueError
        As for `risk`.

    References
    ----------
    Simon et al., arXiv 2311.14646, for the theorem this serves; the method is derived, see
    docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> i = np.arange(1, 10_001)
    >>> best = optimal_ridge(256, 251, i**-1.5, i**-1.5, noise_variance=0.5)
    >>> round(float(best.ridge), 2), round(float(best.test), 4)
    (0.97, 0.9193)
    """
    return optimal_ridge_curve(
        number("n", n, 0, open_low=True, allow_inf=True),
        number("k", k, 0, open_low=True, allow_inf=True),
        eigenvalues,
        target_power,
        noise_variance=number("noise_variance", noise_variance, 0),
        multiplicity=multiplicity,
    )


def optimal_ridge_curve(
    n: ArrayLike,
    k: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: ArrayLike = 0.0,
    multiplicity: ArrayLike | None = None,
) -> OptimalRidge:
    """Find `optimal_ridge` for many settings of one task: the envelope of all fixed-ridge curves.

    Parameters
    ----------
    n, k, noise_variance : array_like
        As for `optimal_ridge`; they broadcast together.
    eigenvalues, target_power, multiplicity
        The task, as for `risk`.

    Returns
    -------
    OptimalRidge
        Of arrays of the broadcast shape.

    Raises
    ------
    ValueError
        As for `risk`.

    Examples
    --------
    >>> import numpy as np
    >>> i = np.arange(1, 10_001)
    >>> best = optimal_ridge_curve(256, [50, 1000], i**-1.5, i**-1.5, noise_variance=0.5)
    >>> best.test.round(4)
    array([1.1213, 0.8616])
    """
    arrays = [
        samples_argument(n),
        array("k", k, 0, open_low=True, allow_inf=True),
        array("noise_variance", noise_variance, 0),
    ]
    sums = spectral_sums(eigenvalues, target_power, multiplicity)
    flat, shape = broadcast(("n", "k", "noise_variance"), arrays)
    columns = max(1, sums.slopes[0].size)
    step = max(1, _CHUNK // columns)
    parts = [
        _tune(sums, _Settings(*(values[start : start + step] for values in flat)))
        for start in range(0, len(flat[0]), step)
    ]
    found = np.concatenate(parts, axis=1) if parts else np.empty((3, 0))
    return OptimalRidge(*(values.reshape(shape)[()] for values in found))


class _Settings(NamedTuple):
    """What may differ from point to point, shape (points,)."""

    n: FloatArray
    k: FloatArray
    noise: FloatArray

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> _Settings:
        """Select some of the points."""
        return _Settings(*(values[which] for values in self))

    def as_column(self) -> _Settings:
        """Make room for a grid of gammas as a second axis."""
        return _Settings(*(values[:, None] for values in self))


def _tune(sums: SpectralSums, at: _Settings) -> FloatArray:
    """Return ridge, test error and fitting ratio, shape (3, points)."""
    points = len(at.n)
    ridge = np.zeros(points)
    test = evaluate(sums, at.n, at.k, ridge, at.noise).test
    left_over = np.maximum(at.n - np.minimum(at.k, sums.rank), 0.0)
    fitting_ratio = (left_over / at.n) ** 2
    only_noise = (sums.alignment == 0) & (at.noise + sums.null_power > 0)
    if sums.alignment == 0:
        ridge[only_noise], fitting_ratio[only_noise] = np.inf, 1.0
        test[only_noise] = (at.noise + sums.null_power)[only_noise]
        return np.stack([ridge, test, fitting_ratio])
    which, log_gamma = _minima(sums, at)
    chosen = at.take(which)
    a, b, all_sums = _gaps_at(sums, chosen, log_gamma)
    error = _test_error(chosen, a, b, all_sums)
    order = np.lexsort((error, which))
    first = order[np.flatnonzero(np.diff(which[order], prepend=-1))]
    better = first[error[first] < (1.0 - _WORTHWHILE) * test[which[first]]]
    to = which[better]
    with np.errstate(invalid="ignore"):
        share = np.where(np.isinf(at.k[to]), 1.0, b[better] / at.k[to])
    ridge[to] = sums.scale * np.exp(log_gamma[better]) * a[better] * share
    fitting_ratio[to] = (a[better] / at.n[to]) ** 2
    test[to] = evaluate(sums, at.n[to], at.k[to], ridge[to], at.noise[to]).test
    return np.stack([ridge, test, fitting_ratio])


def _minima(sums: SpectralSums, at: _Settings) -> tuple[NDArray[np.intp], FloatArray]:
    """Find all local minima at positive ridge: which point each belongs to, and its log gamma."""
    start = _ridgeless(sums, at)
    grid, on_grid = _grid(sums, at, start)
    wide = at.as_column()
    a = np.maximum(_deficit(on_grid, wide.n), 0.0)
    b = np.maximum(_deficit(on_grid, wide.k), 0.0)
    trend = _trend(wide, a, b, on_grid)
    lowest = np.isfinite(start)
    trend_there = np.zeros(len(start))
    some = at.take(lowest)
    a0, b0 = np.maximum(some.n - some.k, 0.0), np.maximum(some.k - some.n, 0.0)
    trend_there[lowest] = _trend(some, a0, b0, sums.all(start[lowest]))
    trend = np.where(grid <= start[:, None], trend_there[:, None], trend)
    which, column = np.nonzero((trend[:, :-1] < 0) & (trend[:, 1:] >= 0))
    left = np.maximum(grid[column], start[which])
    ends = trend[which, column], trend[which, column + 1]
    return which, _refine(sums, at.take(which), (left, grid[column + 1]), ends)


def _ridgeless(sums: SpectralSums, at: _Settings) -> FloatArray:
    """Log gamma at ridge 0; -inf where neither n nor k is below the rank."""
    low, high = np.minimum(at.n, at.k), np.maximum(at.n, at.k)
    start = np.full_like(low, -np.inf)
    short = sums.spare(low) < 0
    equation = Equation(low[short], high[short], np.zeros(short.sum()))
    start[short] = solve(sums, equation).log_gamma
    return start


def _grid(sums: SpectralSums, at: _Settings, start: FloatArray) -> tuple[FloatArray, Sums]:
    """Tabulated log gammas from where the error may start to rise to where it surely rises.

    The bounds are crude. Below and above the table, where only extreme noise can take them, the
    grid goes on in unit steps.
    """
    total = sums.power + sums.null_power + at.noise
    floor = np.where(sums.null_power + at.noise > 0, sums.null_power + at.noise, total)
    smallest = sums.first + REACH
    falls = np.log(floor / total / at.n / (1.0 + sums.rank)) + 2.0 * smallest - 3.0
    # One column at or before each start, to stand for the start itself.
    left = max(float(np.where(np.isfinite(start), start, falls).min()) - 0.2, -640.0)
    spread = 1.0 / at.n + 1.0 / at.k
    rises = np.maximum(total / sums.alignment * sums.trace**2 * spread, sums.trace * spread)
    right = min(max(float(np.log(rises).max()), 0.0) + 4.0, 700.0)
    nodes = sums.node_positions()
    used = (nodes >= left) & (nodes <= right)
    below = np.arange(math.floor(left), sums.first, dtype=np.float64)
    above = np.arange(sums.last, math.ceil(right), dtype=np.float64)
    inner = (values[..., used] for values in sums.node_sums())
    outer = zip(sums.all(below), inner, sums.all(above))
    grid = np.concatenate([below, nodes[used], above])
    return grid, Sums(*(np.concatenate(parts, axis=-1) for parts in outer))


def _deficit(sums: Sums, size: FloatArray) -> FloatArray:
    return np.asarray(((size - sums.above[0]) - sums.above[1]) - sums.excess)


def _gaps_at(
    sums: SpectralSums, at: _Settings, log_gamma: FloatArray
) -> tuple[FloatArray, FloatArray, Sums]:
    """``n - z``, ``k - z`` and the sums."""
    here = sums.all(log_gamma)
    a, b = (np.maximum(_deficit(here, size), 0.0) for size in (at.n, at.k))
    return a, b, here


def _shares(b: FloatArray, c: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """``c/(b + c)``, ``b/(b + c)`` and ``bc/(b + c)``, for b in [0, inf]."""
    with np.errstate(invalid="ignore"):
        omega = c / (b + c)
        rest = np.where(b < c, b / (b + c), 1.0 - omega)
        return omega, rest, np.where(b < c, b * omega, c * rest)


def _test_error(at: _Settings, a: FloatArray, b: FloatArray, here: Sums) -> FloatArray:
    omega, _, both = _shares(b, here.c)
    return np.asarray(at.n * (here.s2 + at.noise + omega * here.s1) / (a + both))


def _trend(at: _Settings, a: FloatArray, b: FloatArray, here: Sums) -> FloatArray:
    """Return the derivative of the test error in log gamma, times a positive factor.

    With ``D = ab + ac + bc`` and ``A = S2 + noise`` it has the sign of ``b D s1_low +
    a b c_high S1 - c^3 S1 - (b^2 c_high + (b + c) c^2) A``, here divided by ``(b + c)^2``.
    """
    omega, rest, both = _shares(b, here.c)
    rise = rest * ((a + both) * here.s1_low + a * (here.c_high / (b + here.c)) * here.s1)
    fall = omega**2 * here.c * here.s1
    fall = fall + (rest**2 * here.c_high + omega * here.c) * (here.s2 + at.noise)
    return np.asarray(rise - fall)


def _refine(
    sums: SpectralSums,
    at: _Settings,
    bracket: tuple[FloatArray, FloatArray],
    values: tuple[FloatArray, FloatArray],
) -> FloatArray:
    """Find the root of the trend in each bracket by the Illinois method."""
    (left, right), (low, high) = bracket, values
    root, side = right, np.zeros_like(right)
    for _ in range(60):
        previous = root
        root = np.where(high > low, left - low * (right - left) / (high - low), right)
        root = np.clip(root, left, right)
        value = _trend(at, *_gaps_at(sums, at, root))
        moved = np.where(value >= 0, 1.0, -1.0)
        # Halving the value of an end that stays put twice keeps the method from stalling.
        low, high = (
            np.where(moved < 0, value, np.where(side > 0, low / 2.0, low)),
            np.where(moved > 0, value, np.where(side < 0, high / 2.0, high)),
        )
        left, right = np.where(moved < 0, root, left), np.where(moved > 0, root, right)
        side = moved
        if np.all(np.abs(root - previous) < _STEP):
            break
    return root
