"""Saddle points of exp(K(s) - s y) and of exp(K(s) - s y) / s, for many thresholds at once.

Everything is written for the law without its offset and in units of sigma = |s|: with
t = 2 w sigma, a term has the ratio rho = t/(1 + t) below the mean (s < 0) and t/(1 - t) above it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

if TYPE_CHECKING:
    from collections.abc import Callable

    from sims.inductive_bias.law import GeneralisedChiSquare

FloatArray = NDArray[np.float64]

STEPS = 200  # of the safeguarded Newton iteration; bisection alone would need fewer
LOGIT = 200.0  # of the ends of the bracket above the mean; thresholds to 1e60 means need 140
SETTLED = 1e-7  # last Newton step in the logarithm of sigma, whose error is then its square


@dataclass(frozen=True)
class Saddle:
    """What the contour needs at the point s0 = -sigma (lower) or +sigma (upper).

    With ``s = s0 + sigma d`` the exponent is ``value + slope d - sum_i nu_i/2 [log(1 - rho_i d) +
    rho_i d] + sum_i pull_i d^2 / (1 - rho_i d)`` plus what the factor 1/s adds.

    Attributes
    ----------
    sigma : ndarray, shape (thresholds,)
    value : ndarray, shape (thresholds,)
        K(s0) - s0 y.
    slope : ndarray, shape (thresholds,)
        sigma times the derivative of the exponent, 1/s included: rounding, were the root exact.
    rho, pull : ndarray, shape (thresholds, terms)
    guide : ndarray, shape (terms,)
        Degrees of freedom that placed the saddle: the law's, but for a last singularity.
    """

    sigma: FloatArray
    value: FloatArray
    slope: FloatArray
    rho: FloatArray
    pull: FloatArray
    guide: FloatArray

    def at_rows(self, rows: NDArray[np.bool_]) -> Saddle:
        """Keep some of the thresholds."""
        return Saddle(
            self.sigma[rows],
            self.value[rows],
            self.slope[rows],
            self.rho[rows],
            self.pull[rows],
            self.guide,
        )


def lower_saddle(law: GeneralisedChiSquare, y: FloatArray, pole: float) -> Saddle:
    """Saddle on the negative axis, for thresholds at most the mean.

    Parameters
    ----------
    law : GeneralisedChiSquare
        Its offset is not looked at.
    y : ndarray, shape (thresholds,)
        Threshold minus offset, > 0.
    pole : {0, 1}
        1 for the exponent K(s) - s y - log(-s), whose root exists for every y; 0 for the plain
        saddle, which needs y below the mean.
    """
    w, nu, bias = law.weights, law.dof, law.bias_squared
    half, twice, biased = 0.5 * nu, 2.0 * w, bool(bias.any())
    with np.errstate(over="ignore"):
        most = half.sum() + 0.125 * (bias / w).sum() + pole
    mean, variance = half @ twice + bias.sum(), nu @ (twice * w) + 4.0 * bias @ w
    low = -np.log(y) if pole else np.log((mean - y) / variance)
    high = np.log(np.minimum(most, 1e300) / y)

    def parts(v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        sigma = np.exp(v)
        t = sigma[:, None] * twice
        rho = t / (1.0 + t)
        reach = sigma[:, None] * bias / (1.0 + t) if biased else np.zeros((len(v), 1))
        return sigma, t, rho, reach

    def excess(v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log of sigma K' + pole over sigma y, falling in v = log sigma, and its slope."""
        _, t, rho, reach = parts(v)
        total = rho @ half
        change = total - (rho * rho) @ half
        if biased:
            pulled = reach / (1.0 + t)
            total += pulled.sum(1)
            change += (pulled * (1.0 - 2.0 * rho)).sum(1)
        total += pole
        return np.log(total / y) - v, change / total - 1.0

    # The root for one gamma law with the right mean and variance.
    scale = variance / mean
    drift = y - mean - pole * scale
    root = np.sqrt(drift**2 + 4.0 * pole * y * scale)
    guess = np.where(
        drift > 0, 2.0 * pole / (root + np.abs(drift)), (root - drift) / (2.0 * y * scale)
    )
    v = falling_root(excess, np.log(guess), low, high)
    sigma, t, rho, reach = parts(v)
    value = sigma * y - np.log1p(t) @ half - reach.sum(1)
    pulled = reach / (1.0 + t) if biased else reach
    slope = rho @ half + pulled.sum(1) + pole - sigma * y
    return Saddle(sigma, value, slope, rho, rho * pulled, nu)


def upper_saddle(law: GeneralisedChiSquare, y: FloatArray, pole: float) -> Saddle:
    """Saddle between 0 and the first singularity 1/(2 max w), for thresholds above the mean.

    The unknown is the logit of t = 2 sigma max w, so that 1 - t keeps its digits.

    Parameters
    ----------
    law, y, pole
        As for `lower_saddle`.
    """
    w, nu, bias = law.weights, law.dof, law.bias_squared
    half = 0.5 * nu
    # A last singularity of few degrees of freedom would draw the saddle too near: steer clear.
    guide = np.maximum(nu, np.where(w == w.max(), pole, 0.0))
    edge = 2.0 * w.max()
    share = w / w.max()
    mean, variance = half @ (2.0 * w) + bias.sum(), 2.0 * nu @ w**2 + 4.0 * bias @ w

    def parts(v: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        top = expit(v)
        rest = expit(-v)[:, None] + top[:, None] * (1.0 - share)  # 1 - t of every term
        return top / edge, rest, top[:, None] * share / rest

    def excess(v: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log of sigma y + pole over sigma K', falling in the logit v, and its slope."""
        sigma, rest, rho = parts(v)
        pulled = bias * sigma[:, None] / rest**2
        total = 0.5 * rho @ guide + pulled.sum(1)
        change = 0.5 * (rho / rest) @ guide + (pulled * (1.0 + 2.0 * rho)).sum(1)
        wanted = sigma * y + pole
        return np.log(wanted) - np.log(total), (sigma * y / wanted - change / total) * expit(-v)

    # The root were K' = mean + variance s / (1 - edge s).
    drift = y - mean
    square, line = variance + edge * drift, edge * (2.0 * edge * pole - drift)
    flat = -(edge**2) * pole
    if pole:
        half_sum = 0.5 * (np.abs(line) + np.sqrt(line**2 - 4.0 * square * flat))
        top = np.where(line > 0, -flat / half_sum, half_sum / square)
    else:
        top = edge * drift / square
    top = np.clip(top, 1e-300, 1.0 - 1e-12)
    v = falling_root(excess, np.log(top) - np.log1p(-top), -LOGIT, LOGIT)
    sigma, rest, rho = parts(v)
    pulled = bias * sigma[:, None] / rest
    value = pulled.sum(1) + np.log1p(rho) @ half - sigma * y
    pulled /= rest
    slope = rho @ half + pulled.sum(1) - pole - sigma * y
    return Saddle(sigma, value, slope, rho, rho * pulled, guide)


def falling_root(
    function: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    start: FloatArray,
    low: FloatArray | float,
    high: FloatArray | float,
) -> FloatArray:
    """Roots of falling functions by Newton steps, halving the bracket where they leave it.

    Parameters
    ----------
    function : callable
        Values and slopes, elementwise.
    start : ndarray
    low, high : array_like
        Ends of the brackets.

    Raises
    ------
    ArithmeticError
        When the steps do not settle.
    """
    low, high = (np.broadcast_to(end, start.shape) for end in (low, high))
    v = np.clip(start, low, high)
    for _ in range(STEPS):
        value, slope = function(v)
        low, high = np.where(value > 0, v, low), np.where(value < 0, v, high)
        ahead = v - value / np.minimum(slope, -1e-300)
        inside = (ahead >= low) & (ahead <= high)
        ahead = np.where(inside, ahead, 0.5 * (low + high))
        done = np.abs(ahead - v) <= SETTLED * np.maximum(1.0, np.abs(v) * 1e-6)
        v = ahead
        if done.all():
            return v
    raise ArithmeticError("the saddle point did not settle")
