"""Exact log-probabilities of the generalised chi-square law, at any depth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.inductive_bias.contour import AGREE, STEP, integrate
from sims.inductive_bias.exponent import Exponent, Plan
from sims.inductive_bias.law import GeneralisedChiSquare, as_law, deep_tail, standardised
from sims.inductive_bias.saddle import Saddle, lower_saddle, upper_saddle
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

CELLS = 1 << 17  # thresholds times terms handled at once
CERTAIN = 1e60  # thresholds this many times the mean are exceeded with probability 0 in float64
TINY = 1e-280  # and below this multiple of it the limiting law is exact in float64
THIN = math.log(0.01)  # a bound on the upper tail below which it is computed by itself
AGREE_THIN = 1e-12  # relative error of a thin upper tail that is small enough
VANISHING = 1e-16  # absolute error of it that no digit of P would show
SHARPEST_LOWER, SHARPEST_UPPER = 0.3, 0.6  # bends of the contour; more would cost digits


class Inversion(NamedTuple):
    """Log-probabilities with their certificate.

    Attributes
    ----------
    log_cdf : ndarray
        ln P(Q <= threshold).
    nodes : ndarray of int
        Points of the contour at which the integrand was evaluated; 0 where none was needed.
    error : ndarray
        Estimated relative error of the probability (of its complement in the upper tail) on top
        of rounding.
    """

    log_cdf: FloatArray
    nodes: NDArray[np.int64]
    error: FloatArray


def log_cdf(
    threshold: ArrayLike,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
) -> FloatArray:
    r"""Exact :math:`\ln P(Q \le x)`, :math:`Q = c + \sum_i w_i \chi'^2(\nu_i, \delta_i^2)`.

    Nothing underflows: millions of nats are as accurate as one.

    Parameters
    ----------
    threshold : array_like
        x, in the units of the weights; inf is allowed.
    weights : array_like, shape (terms,) or scalar
        w >= 0; terms of weight 0 vanish.
    dof : array_like, shape (terms,) or scalar
        nu > 0, degrees of freedom, not necessarily whole.
    noncentrality : array_like, shape (terms,) or scalar
        delta² >= 0.
    offset : float
        c, the least value of Q.

    Returns
    -------
    ndarray, shaped like `threshold`
        In nats, at most 0; -inf at and below the offset (with no term left, 0 from the offset on).

    Raises
    ------
    ValueError
        When an argument is outside its range or the lengths differ.
    ArithmeticError
        Should the contour integral not settle: known only beyond noncentralities of 1e30, below
        the mean.

    Notes
    -----
    Inversion of the moment generating function along a hyperbola through the saddle of
    K(s) - s y - log|s|. Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> log_cdf([1e-6, 1.0, 40.0], [1.0, 0.5], dof=[1, 3], noncentrality=[0.0, 2.0]).round(6)
    array([-29.670742,  -2.308096,  -0.      ])
    >>> float(log_cdf(1.0, 1.0, offset=1.0))
    -inf
    """
    law = as_law(weights, dof, noncentrality, offset)
    return law_log_cdf(law, as_thresholds(threshold))


def as_thresholds(threshold: ArrayLike) -> FloatArray:
    """Return thresholds as floats; both infinities are allowed, NaN is not."""
    try:
        result = np.asarray(threshold, dtype=np.float64)
    except (TypeError, ValueError):
        result = array("threshold", threshold, allow_inf=True)
    if np.isnan(result).any():
        reject("threshold", math.nan, "real numbers or inf")
    return result


def law_log_cdf(law: GeneralisedChiSquare, threshold: FloatArray) -> FloatArray:
    """`log_cdf` of a checked law, for instance one whose terms have w -> 0 at fixed b²."""
    return invert(law, threshold).log_cdf[()]


def invert(law: GeneralisedChiSquare, threshold: ArrayLike, step: float = STEP) -> Inversion:
    """`law_log_cdf` with node counts and the convergence of every threshold."""
    threshold = np.asarray(threshold, dtype=np.float64)
    y = threshold.ravel() - law.offset
    found = Inversion(np.where(y > 0, 0.0, -np.inf), np.zeros(y.shape, np.int64), np.zeros(y.shape))
    if law.weights.size:
        scaled, scale = standardised(law)
        size = max(1, CELLS // len(law.weights))
        tiny = (y > 0) & (y < TINY * scale)
        if tiny.any():
            found.log_cdf[tiny] = deep_tail(law, y[tiny])
        chosen = np.flatnonzero((y >= TINY * scale) & (y < CERTAIN * scale))
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            block = _log_cdf(scaled, y[part] / scale, step)
            found.log_cdf[part] = block.log_cdf
            found.nodes[part], found.error[part] = block.nodes, block.error
    else:
        found.log_cdf[y == 0] = 0.0
    shape = threshold.shape
    return Inversion(
        found.log_cdf.reshape(shape), found.nodes.reshape(shape), found.error.reshape(shape)
    )


def _log_cdf(law: GeneralisedChiSquare, y: FloatArray, step: float) -> Inversion:
    """Invert for positive thresholds: a thin upper tail by itself, everything else directly."""
    found = Inversion(np.full(y.shape, np.nan), np.zeros(y.shape, np.int64), np.zeros(y.shape))
    above = np.flatnonzero(y > law.mean)
    saddle = upper_saddle(law, y[above], 1.0) if above.size else None
    if saddle is not None and (thin := saddle.value < THIN).any():
        above, tail = above[thin], _tail(law, saddle.at_rows(thin), -1.0, step)
        # Where its contour does not settle, the other one still gives the digits of P itself.
        unseen = VANISHING * np.exp(np.minimum(-tail.log_cdf, 700.0))
        good = tail.error <= np.maximum(AGREE_THIN, unseen)
        found.log_cdf[above[good]] = np.log1p(-np.exp(tail.log_cdf[good]))
        found.nodes[above], found.error[above] = tail.nodes, tail.error
    left = np.flatnonzero(np.isnan(found.log_cdf))
    if left.size:
        tail = _tail(law, lower_saddle(law, y[left], 1.0), 1.0, step)
        if not (tail.error <= AGREE).all():
            raise ArithmeticError("the integral along the contour did not settle")
        found.log_cdf[left] = np.minimum(tail.log_cdf, 0.0)
        found.nodes[left] += tail.nodes
        found.error[left] = tail.error
    return found


def _tail(law: GeneralisedChiSquare, saddle: Saddle, pole: float, step: float) -> Inversion:
    """Logarithm of P(Q <= y) from a saddle below 0 (pole 1), of P(Q > y) from above (pole -1)."""
    rho, pull, dof = saddle.rho, saddle.pull, saddle.guide
    second = 0.5 * rho**2 @ dof + 2.0 * pull.sum(1)
    third = rho**3 @ dof + 6.0 * (pull * rho).sum(1)
    spread = 1.0 / np.sqrt(1.0 + second)  # standard deviation of the integrand over sigma
    if pole > 0:
        bend = np.minimum((third + 2.0) / 3.0 * spread**3, SHARPEST_LOWER)
    else:
        bend = np.minimum(third / (3.0 * second) * spread, SHARPEST_UPPER)
    # The factor 1/s is one more term, with two degrees of freedom.
    extra = np.full((len(spread), 1), pole)
    every = np.append(law.dof, 2.0)
    exponent = Exponent(
        saddle.slope * spread,
        np.hstack([rho, extra]) * spread[:, None],
        np.hstack([pull, 0.0 * extra]) * spread[:, None] ** 2,
        every,
        Plan.of(every),
    )
    tries, agree = (4, AGREE) if pole > 0 else (2, AGREE_THIN)
    found = integrate(exponent, bend, refinements=tries, agree=agree, step=step)
    logs = saddle.value + np.log(spread / math.pi * np.maximum(found.integral, 0.0))
    return Inversion(logs, found.nodes, found.error)
