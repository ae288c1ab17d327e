"""The one scalar equation of the random-feature eigenframework.

With ``z(gamma) = sum lambda/(lambda + gamma)``, `low` and `high` the smaller and the larger of the
number of samples n and the number of features k, the two equations of the framework reduce to
``low - z(gamma) = small(gamma)``, where ``small`` is the smaller root of
``x (x + high - low) = ridge high/gamma`` (derived, see docs/theory/random_features.md).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.random_features.spectral_sums import Slope, SpectralSums

FloatArray = NDArray[np.float64]

_TINY = 1e-300  # keeps 0/0 out of the ridgeless equation, below every other quantity in it
_CONVERGED = 1e-8  # a Newton step this short leaves an error at the level of rounding
_MAX_EVALUATIONS = 60


class Solution(NamedTuple):
    """The root and what it cost.

    Attributes
    ----------
    log_gamma : array
        Of gamma in units of the largest eigenvalue.
    newton : int
        Evaluations of the tabulated sums in the Newton iteration, the most over all points.
    bisections : int
        Halvings of the integer bracket that preceded it.
    """

    log_gamma: FloatArray
    newton: int
    bisections: int


class Gaps(NamedTuple):
    """``small`` and ``large`` at a given gamma: n - z and k - z in increasing order.

    Attributes
    ----------
    small : array
    ratio : array
        ``large/high``, 1 for infinite `high`.
    decay : array
        ``-d small/d log gamma``.
    """

    small: FloatArray
    ratio: FloatArray
    decay: FloatArray


@dataclass(frozen=True)
class Equation:
    """``low - z(gamma) = small(gamma)`` at many points; all arrays of shape (points,).

    Attributes
    ----------
    low, high : array
        Smaller and larger of n and k; `low` finite and positive, `high` may be inf.
    ridge : array
        The ridge if n <= k, ``ridge * k/n`` otherwise, in units of the largest eigenvalue.
    """

    low: FloatArray
    high: FloatArray
    ridge: FloatArray

    @functools.cached_property
    def lead(self) -> FloatArray:
        """``(high - low)/high``."""
        with np.errstate(invalid="ignore"):
            return np.where(np.isinf(self.high), 1.0, (self.high - self.low) / self.high)

    @functools.cached_property
    def _lead_squared(self) -> FloatArray:
        return np.square(self.lead)

    @functools.cached_property
    def _spread(self) -> FloatArray:
        return 4.0 * self.ridge / self.high

    def gaps(self, log_gamma: FloatArray) -> Gaps:
        """Solve ``small large = ridge high/gamma``, ``large - small = high - low``.

        The smaller root comes from the product, so it keeps its relative accuracy.
        """
        inverse_gamma = np.exp(-log_gamma)
        root = np.sqrt(self._lead_squared + self._spread * inverse_gamma)
        ratio = 0.5 * (self.lead + root)
        pull = self.ridge * inverse_gamma
        return Gaps(pull / np.maximum(ratio, _TINY), ratio, pull / np.maximum(root, _TINY))

    def residual(self, slope: Slope, log_gamma: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``small - (low - z)``, which falls strictly in log gamma, and minus its derivative."""
        gap = self.gaps(log_gamma)
        return gap.small - slope.deficit(self.low), slope.c + gap.decay


def solve(sums: SpectralSums, equation: Equation) -> Solution:
    """Find gamma at many points at once.

    The ridge must be positive wherever ``low`` reaches the rank; otherwise gamma is 0 there.

    Raises
    ------
    ArithmeticError
        When the iteration does not converge, which no legal input is known to do.
    """
    if not len(equation.low):
        return Solution(np.empty(0), 0, 0)
    left, right = _bracket(sums, equation)
    bisections = 0
    while np.any(right - left > 1.0):
        middle = np.floor(0.5 * (left + right))
        before = equation.residual(sums.at_edges(middle), middle)[0] > 0
        left, right = np.where(before, middle, left), np.where(before, right, middle)
        bisections += 1
    log_gamma = _first_guess(sums, equation, left, right)
    for newton in range(1, _MAX_EVALUATIONS + 1):
        value, slope = equation.residual(sums.slope(log_gamma), log_gamma)
        left = np.where(value > 0, log_gamma, left)
        right = np.where(value > 0, right, log_gamma)
        proposal = log_gamma + value / slope
        outside = (proposal < left) | (proposal > right)
        proposal = np.where(outside, 0.5 * (left + right), proposal)
        step = np.abs(proposal - log_gamma).max()
        log_gamma = proposal
        if step < _CONVERGED:
            return Solution(log_gamma, newton, bisections)
    raise ArithmeticError(f"gamma did not converge: the last step was {step:g}")


def _bracket(sums: SpectralSums, equation: Equation) -> tuple[FloatArray, FloatArray]:
    """Whole numbers around log gamma.

    From below: ``gamma >= ridge/low``, ``z(gamma) <= low``, ``z >= rank - gamma sum(1/lambda)``.
    From above: ``gamma <= ridge/low + trace/low + trace/high``.
    """
    low, high, ridge = equation.low, equation.high, equation.ridge
    z = sums.counts[0] + sums.edges[0]
    enough = np.searchsorted(-z, -low * (1.0 + 1e-12), side="right")
    inverse_trace = -sums.edges[0, 0] * math.exp(-sums.first)  # sum of 1/lambda
    with np.errstate(divide="ignore"):
        by_ridge = np.log(ridge / low)
        by_rank = np.log(np.maximum(-sums.spare(low), 0.0) / inverse_trace)
    below = np.where(enough > 0, sums.first + enough - 1.0, np.minimum(by_rank, sums.first))
    above = np.log(ridge / low + sums.trace / low + sums.trace / high)
    left = np.floor(np.maximum(below, by_ridge) - 1e-9)
    return left, np.maximum(np.ceil(above + 1e-9), left + 1.0)


def _first_guess(
    sums: SpectralSums, equation: Equation, left: FloatArray, right: FloatArray
) -> FloatArray:
    """Inverse cubic Hermite interpolation between the whole numbers around the root."""
    value0, slope0 = equation.residual(sums.at_edges(left), left)
    value1, slope1 = equation.residual(sums.at_edges(right), right)
    span = np.maximum(value0 - value1, _TINY)
    share = np.clip(value0 / span, 0.0, 1.0)
    rest = 1.0 - share
    entry, leave = span / np.maximum(slope0, _TINY), span / np.maximum(slope1, _TINY)
    guess = share * share * (3.0 - 2.0 * share) + share * rest * (entry * rest - leave * share)
    return np.asarray(left + np.clip(guess, 0.0, 1.0))
