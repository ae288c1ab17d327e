"""Closed-form approximations of the log-probability, for display and as bounds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx

from sims.inductive_bias.inversion import as_thresholds, law_log_cdf
from sims.inductive_bias.law import GeneralisedChiSquare, as_law, law_cumulants, standardised
from sims.inductive_bias.moments import match_three_cumulants
from sims.inductive_bias.saddle import lower_saddle, upper_saddle
from sims.numerics.validate import reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
Approximation = Literal["lugannani-rice", "chernoff", "three-cumulant"]

NEAR = 1e-4  # standard deviations from the mean within which the limit at the mean is used
CELLS = 1 << 17  # thresholds times terms handled at once


def log_cdf_approximation(
    threshold: ArrayLike,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
    method: Approximation,
) -> FloatArray:
    """Approximate what `log_cdf` computes.

    Parameters
    ----------
    threshold, weights, dof, noncentrality, offset
        As for `log_cdf`.
    method : {"lugannani-rice", "chernoff", "three-cumulant"}
        Lugannani-Rice: in the deep lower tail of n degrees of freedom it overstates ln P by
        ``ln Gamma(n/2)`` minus Stirling's formula, about ``1/(6 n)``. Chernoff: a strict upper
        bound on ln P, 0 from the mean on. Three-cumulant: the exact probability under the scaled
        non-central chi-square with the same first three cumulants (where there is none, under the
        gamma law with the same two); it starts at 0 whatever the offset and goes far wrong in
        deep tails.

    Returns
    -------
    ndarray, shaped like `threshold`
        In nats.

    Raises
    ------
    ValueError
        When an argument is outside its range, the method is unknown, or no law has the
        cumulants, which takes a negative offset.

    References
    ----------
    R. Lugannani, S. Rice, Saddle point approximation for the distribution of the sum of
    independent random variables, Advances in Applied Probability 12 (1980). The three-cumulant
    fit is derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> weights = [1.0, 0.5, 0.2]
    >>> log_cdf_approximation(0.1, weights, method="lugannani-rice").round(4)
    np.float64(-3.6821)
    >>> log_cdf_approximation(0.1, weights, method="chernoff").round(4)
    np.float64(-2.5815)
    """
    if method not in get_args(Approximation):
        reject("method", method, " or ".join(map(repr, get_args(Approximation))))
    law = as_law(weights, dof, noncentrality, offset)
    at = as_thresholds(threshold)
    if not law.weights.size:
        return law_log_cdf(law, at)
    functions = {
        "lugannani-rice": lugannani_rice,
        "chernoff": chernoff_bound,
        "three-cumulant": three_cumulant,
    }
    return functions[method](law, at)[()]


def chernoff_bound(law: GeneralisedChiSquare, threshold: FloatArray) -> FloatArray:
    """Return min over s <= 0 of K(s) - s y, which no log-probability exceeds."""
    scaled, y = _positive(law, threshold)
    below = (y > 0) & (y < scaled.mean)
    result = np.where(y > 0, 0.0, -np.inf)
    result[below] = np.minimum(_plain(scaled, y[below])[0], 0.0)
    return result.reshape(threshold.shape)


def lugannani_rice(law: GeneralisedChiSquare, threshold: FloatArray) -> FloatArray:
    """Saddle-point approximation of Lugannani and Rice, in logs on both sides of the mean."""
    scaled, y = _positive(law, threshold)
    second, third = law_cumulants(scaled, 3)[1:]
    z = (y - scaled.mean) / math.sqrt(second)
    result = np.where(y > 0, 0.0, -np.inf)
    near = (y > 0) & (np.abs(z) < NEAR)
    slope = 1.0 / math.sqrt(2.0 * math.pi)  # of the normal law at 0
    result[near] = np.log(0.5 + slope * (z[near] + third / (6.0 * second**1.5)))
    rest = (y > 0) & (y < np.inf) & ~near
    exponent, square = _plain(scaled, y[rest])
    r, q = np.sqrt(np.maximum(-2.0 * exponent, 0.0)), np.sqrt(square)
    mills = math.sqrt(0.5 * math.pi) * erfcx(r / math.sqrt(2.0))
    with np.errstate(divide="ignore"):  # a tail below 0, for far less than a degree of freedom
        tail = exponent + np.log(slope * np.maximum(mills - 1.0 / r + 1.0 / q, 0.0))
    result[rest] = np.where(z[rest] < 0, tail, np.log1p(-np.exp(np.minimum(tail, -1e-16))))
    return np.minimum(result, 0.0).reshape(threshold.shape)


def three_cumulant(law: GeneralisedChiSquare, threshold: FloatArray) -> FloatArray:
    """Exact log-probability of the scaled non-central chi-square with the same cumulants."""
    first, second, third = law_cumulants(law, 3)
    if first <= 0.0:
        reject("offset", law.offset, "large enough to keep the mean positive")
    match = match_three_cumulants(first, second, third)
    if match.status == "infeasible":
        raise ValueError("no scaled non-central chi-square has these three cumulants")
    fitted = as_law(match.scale, match.dof, match.noncentrality, 0.0)
    return np.asarray(law_log_cdf(fitted, threshold))


def _positive(
    law: GeneralisedChiSquare, threshold: FloatArray
) -> tuple[GeneralisedChiSquare, FloatArray]:
    """Return the standardised law and the thresholds in its units, flattened."""
    scaled, scale = standardised(law)
    return scaled, (threshold.ravel() - law.offset) / scale


def _plain(law: GeneralisedChiSquare, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """K(s) - s y and s² K''(s) at the root of K'(s) = y, for finite y > 0 off the mean."""
    exponent, square = np.empty_like(y), np.empty_like(y)
    size = max(1, CELLS // len(law.weights))
    for rows, find in ((y < law.mean, lower_saddle), (y >= law.mean, upper_saddle)):
        chosen = np.flatnonzero(rows)
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            saddle = find(law, y[part], 0.0)
            exponent[part] = saddle.value
            square[part] = 0.5 * saddle.rho**2 @ law.dof + 2.0 * saddle.pull.sum(1)
    return exponent, square
