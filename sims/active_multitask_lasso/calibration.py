"""The LASSO's lambda from the noise of the estimated heads, without cross-validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.checks import checked_counts, checked_problem
from sims.active_multitask_lasso.homotopy import Path, Stalled, trace
from sims.active_multitask_lasso.lasso import relative_gap, solve_lasso, trace_without_ties
from sims.active_multitask_lasso.minimal_norm import certified, smallest_l1, smallest_l2
from sims.numerics.validate import integer, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

PATH_GAP = 1e-10


@dataclass(frozen=True)
class CalibratedRelevance:
    """The relevance estimated by the LASSO at its calibrated lambda.

    Attributes
    ----------
    nu : ndarray, shape (T,)
    lambda_ : float
        0 without noise: then nu is the basis pursuit solution.
    norm : float
        |nu1|_1, the smallest L1 norm of a solution of W nu = w.
    gap : float
        Relative duality gap of nu.
    """

    nu: Real
    lambda_: float
    norm: float
    gap: float


def calibrated_lambda(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    *,
    target_samples: int,
    noise_variance: float,
) -> float:
    r"""Return :math:`\lambda = \Delta^2/(2\lVert\nu^1\rVert_1)` for estimated heads.

    :math:`\Delta^2 = \sigma^2 K(1/m + \sum_t (\nu^2_t)^2/n_t)` estimates the squared error of
    W nu = w. With it the LASSO's solution has at most twice the least L1 norm and misses w by at
    most :math:`\sqrt2\Delta`.

    Parameters
    ----------
    heads : array_like, shape (K, T)
        Estimate of W, of rank K, without zero columns.
    target : array_like, shape (K,)
        Estimate of w, not 0.
    counts : array_like
        Samples behind the heads, each > 0, shape (T,) or scalar.
    target_samples : int
        m >= 1, behind the target's head.
    noise_variance : float
        sigma^2 >= 0.

    Returns
    -------
    float
        0 without noise, otherwise positive.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md. A fixed fraction of max |W'w| fails where
    the columns of W differ in length.

    Examples
    --------
    >>> known = {"target_samples": 20, "noise_variance": 1.0}
    >>> round(calibrated_lambda([[1.0, 2.0]], [2.0], [50, 100], **known), 9)
    0.0298
    """
    w, b, n, m, variance = _checked(heads, target, counts, target_samples, noise_variance)
    return lambda_from(w, b, n, m, variance, smallest_l1(w, b).norm)


def calibrated_relevance(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    *,
    target_samples: int,
    noise_variance: float,
) -> CalibratedRelevance:
    """Estimate the relevance by the LASSO at `calibrated_lambda`, from a single path.

    The end of the path gives |nu1|_1, hence lambda, hence the point on the same path.

    Parameters
    ----------
    heads, target, counts, target_samples, noise_variance
        As for `calibrated_lambda`.

    Returns
    -------
    CalibratedRelevance

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> known = {"target_samples": 20, "noise_variance": 1.0}
    >>> found = calibrated_relevance([[1.0, 2.0]], [2.0], [50, 100], **known)
    >>> found.nu.round(6).tolist(), found.norm
    ([0.0, 0.99255], 1.0)
    """
    w, b, n, m, variance = _checked(heads, target, counts, target_samples, noise_variance)
    path = _whole_path(w, b)
    limit = None if path is None else certified(w, b, *path.limit())
    limit = smallest_l1(w, b) if limit is None else limit
    value = lambda_from(w, b, n, m, variance, limit.norm)
    if value == 0:
        return CalibratedRelevance(limit.nu, 0.0, limit.norm, limit.gap / limit.norm)
    lambdas = np.array([value])
    if path is not None:
        nu, scaled = path.at(lambdas)
        gap = float(relative_gap(w, b, lambdas, nu, scaled)[0])
    if path is None or gap > PATH_GAP:
        solved = solve_lasso(w, b, lambdas)
        nu, gap = solved.nu, float(solved.gap[0])
    return CalibratedRelevance(nu[0], value, limit.norm, gap)


def lambda_from(
    heads: Real, target: Real, counts: Real, target_samples: int, noise_variance: float, norm: float
) -> float:
    """Do the work of `calibrated_lambda` for a known |nu1|_1, without checks."""
    nu2 = smallest_l2(heads, target).nu
    inverse = 1.0 / target_samples + float(np.sum(np.square(nu2) / counts))
    return noise_variance * len(target) * inverse / (2.0 * norm)


def _whole_path(heads: Real, target: Real) -> Path | None:
    for follow in (trace, trace_without_ties):
        try:
            return follow(heads, target)
        except Stalled:
            continue
    return None


def _checked(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    target_samples: int,
    noise_variance: float,
) -> tuple[Real, Real, Real, int, float]:
    w, b = checked_problem(heads, target)
    n = checked_counts(counts, w.shape[1], positive=True)
    m = integer("target_samples", target_samples, 1)
    return w, b, n, m, number("noise_variance", noise_variance, 0)
