"""The integral along a hyperbola through the saddle, and how many nodes it takes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sims.inductive_bias.exponent import Exponent

FloatArray = NDArray[np.float64]

SLANT = 0.6  # of the path's far end against the vertical; 1 would graze where a Gaussian grows
STEP = 0.32  # of the trapezoid rule, in standard deviations at the saddle
REACH, MORE = 8.6, 1.2  # length of the path in the same units, and of each extension
EXTENSIONS = 8
NEGLIGIBLE = -33.5  # real part of the exponent where the path may end
AGREE = 1e-17  # estimated relative error that is small enough; slow components can hide behind it
ROUNDING = 1e-15  # of the cancelling linear parts: a smaller change is not of the rule's making


class Contour(NamedTuple):
    """Integrals, nodes used and the estimated relative error, for every threshold.

    The error is inf where the integrand had not decayed at the end of the longest path.
    """

    integral: FloatArray
    nodes: NDArray[np.int64]
    error: FloatArray


def integrate(
    exponent: Exponent,
    bend: FloatArray,
    *,
    refinements: int,
    agree: float = AGREE,
    step: float = STEP,
) -> Contour:
    """Integrate the real part of exp(exponent(d)) dd/(i dv) over v from 0 to infinity.

    The path ``d = i sinh(k v)/k + a (cosh(k v) - 1)/k``, a = SLANT, has curvature a k at the saddle
    d = 0, leaves it upright and bends towards the slope a. Up to 45 degrees the modulus of the
    integrand below the mean falls along every ray from the saddle, so nothing can overflow.

    Parameters
    ----------
    exponent : Exponent
        In the scale in which its second derivative at 0 is 1.
    bend : ndarray, shape (thresholds,)
        The curvature a k > 0.
    refinements : int
        How often the step may be halved.
    agree : float
        The estimated error that is small enough.
    step : float
        First step of the trapezoid rule.
    """
    floor = ROUNDING * np.maximum(1.0, 0.5 * exponent.rho @ exponent.dof)
    first = _first_sums(exponent, bend, step)
    total, half = step * first.whole, 2.0 * step * first.half
    before, change = np.abs(half - 4.0 * step * first.quarter), np.abs(total - half)
    error = np.where(first.decayed, _estimate(change, before, total, floor), np.inf)
    nodes = first.nodes.copy()
    for level in range(refinements):
        rows = np.flatnonzero(first.decayed & ~(error <= agree))
        if not rows.size:
            break
        fine, count = step / 2**level, 2**level * int(first.needed[rows].max())
        places = fine * (np.arange(count, dtype=np.float64) + 0.5)
        between, _ = _values(exponent.at_rows(rows), bend[rows], places)
        refined = 0.5 * (total[rows] + fine * between.sum(1))
        before[rows], change[rows] = change[rows], np.abs(refined - total[rows])
        total[rows] = refined
        error[rows] = _estimate(change[rows], before[rows], refined, floor[rows])
        nodes[rows] += count
    return Contour(total, nodes, error)


def _estimate(
    change: FloatArray, before: FloatArray, total: FloatArray, floor: FloatArray
) -> FloatArray:
    """Relative error left, from the last two changes.

    On halving the step h an error A exp(-c/h) becomes its square over A; so do the changes.
    """
    change, before = change / np.abs(total), before / np.abs(total)
    ratio = np.minimum(change / np.maximum(before, np.finfo(float).tiny), 1.0)
    return np.where(change > floor, change * np.maximum(change, np.square(ratio)), 0.0)


class _Sums(NamedTuple):
    """Sums over all nodes, every other and every fourth, the first halved; nodes and needed."""

    whole: FloatArray
    half: FloatArray
    quarter: FloatArray
    nodes: NDArray[np.int64]
    needed: NDArray[np.int64]
    decayed: NDArray[np.bool_]


def _first_sums(exponent: Exponent, bend: FloatArray, step: float) -> _Sums:
    """Sum outwards until nothing is left."""
    size = len(bend)
    whole, half, quarter = np.zeros((3, size))
    nodes, needed = np.zeros((2, size), np.int64)
    decayed = np.zeros(size, np.bool_)
    rows, start, stop = np.arange(size), 0, _fourfold(REACH / step)
    for _ in range(1 + EXTENSIONS):
        places = step * np.arange(start, stop, dtype=np.float64)
        values, heights = _values(exponent.at_rows(rows), bend[rows], places)
        if start == 0:
            values[:, 0] *= 0.5
        whole[rows] += values.sum(1)
        half[rows] += values[:, ::2].sum(1)
        quarter[rows] += values[:, ::4].sum(1)
        nodes[rows] = stop
        needed[rows] += (heights > NEGLIGIBLE).sum(1)
        decayed[rows] = heights[:, -1] <= NEGLIGIBLE
        rows = rows[~decayed[rows]]
        if not rows.size:
            break
        start, stop = stop, stop + _fourfold(MORE / step)
    return _Sums(whole, half, quarter, nodes, needed, decayed)


def _fourfold(nodes: float) -> int:
    return 4 * math.ceil(nodes / 4.0)


def _values(exponent: Exponent, bend: FloatArray, v: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Integrand at the nodes, and the real part of the exponent."""
    k = bend[:, None] / SLANT
    sine, half = np.sinh(k * v), np.sinh(0.5 * k * v)
    rise = 2.0 * half * half
    logs = exponent((SLANT * rise + 1j * sine) / k)
    turned = np.cos(logs.imag) * (1.0 + rise) + np.sin(logs.imag) * (SLANT * sine)
    return np.exp(logs.real) * turned, logs.real
