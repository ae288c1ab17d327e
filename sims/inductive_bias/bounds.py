"""Two-sided bounds on the log-probability, and its limit in the deep lower tail."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.inductive_bias.approximations import chernoff_bound
from sims.inductive_bias.inversion import as_thresholds, law_log_cdf
from sims.inductive_bias.law import GeneralisedChiSquare, as_law, deep_tail

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


class LogCdfBounds(NamedTuple):
    """``lower <= ln P <= upper``, each shaped like the threshold, in nats."""

    lower: FloatArray
    upper: FloatArray


def log_cdf_bounds(
    threshold: ArrayLike,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
) -> LogCdfBounds:
    """Bound what `log_cdf` computes from both sides.

    Upper: Chernoff's bound. Lower: the radius bound, every weight replaced by the largest, so
    that the error is at most the largest weight times the squared distance of the parameters from
    the truth, one non-central chi-square.

    Parameters
    ----------
    threshold, weights, dof, noncentrality, offset
        As for `log_cdf`.

    Returns
    -------
    LogCdfBounds

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The radius is the idea of A. Boopathy, K. Liu, J. Hwang, S. Ge, A. Mohammedsaleh, I. Fiete,
    Model-agnostic measure of generalization difficulty, ICML 2023; derived in this form, see
    docs/theory/inductive_bias.md.

    Examples
    --------
    >>> bounds = log_cdf_bounds(0.1, [1.0, 0.5])
    >>> bounds.lower.round(3), bounds.upper.round(3)
    (np.float64(-3.021), np.float64(-1.724))
    """
    law = as_law(weights, dof, noncentrality, offset)
    at = as_thresholds(threshold)
    if not law.weights.size:
        exact = law_log_cdf(law, at)
        return LogCdfBounds(exact, exact)
    return LogCdfBounds(law_log_cdf(radius_law(law), at), chernoff_bound(law, at)[()])


def radius_law(law: GeneralisedChiSquare) -> GeneralisedChiSquare:
    """Law of the upper bound on Q in which every weight is the largest."""
    top = law.weights.max()
    bias = min(float(top * law.noncentrality.sum()), 1e300)
    return GeneralisedChiSquare(
        np.array([top]), np.array([law.total_dof]), np.array([bias]), law.offset
    )


def deep_tail_log_cdf(
    threshold: ArrayLike,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
) -> FloatArray:
    """Leading terms of ln P as the threshold falls to the offset.

    With n degrees of freedom in all, ``(n/2) ln(y/2) - lnGamma(n/2 + 1) - sum nu_i ln(w_i)/2 -
    sum delta_i^2/2``, y being the threshold minus the offset: halving y costs n/2 bits.

    Parameters
    ----------
    threshold, weights, dof, noncentrality, offset
        As for `log_cdf`.

    Returns
    -------
    ndarray, shaped like `threshold`
        In nats; the error vanishes in proportion to y. Can be positive where y is not small.

    Raises
    ------
    ValueError
        When an argument is outside its range, or all weights are 0.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> deep_tail_log_cdf(1e-6, 1.0).round(5)
    np.float64(-7.13355)
    """
    law = as_law(weights, dof, noncentrality, offset)
    if not law.weights.size:
        raise ValueError("weights are all 0: Q is the offset and has no tail")
    return deep_tail(law, np.maximum(as_thresholds(threshold) - law.offset, 0.0))[()]
