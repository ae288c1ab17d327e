"""Variational lower bounds from a critic, and what no such bound can exceed.

With the optimal critic of a Gaussian pair nothing is trained, so that the bounds' own bias,
variance and ceilings are seen alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sims.information_bottleneck.gaussian import checked_correlations, log_residual
from sims.information_bottleneck.validity import paired_samples, warn_near_ceiling
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class DistributionFreeCeiling:
    """What a distribution-free lower bound on information cannot exceed.

    Attributes
    ----------
    ceiling : float
        In nats.
    probability : float
        Least probability that the bound stays at or below it.
    """

    ceiling: float
    probability: float


def infonce(critic: ArrayLike) -> float:
    """InfoNCE bound: mean_i[f_ii - log (1/K) sum_j exp f_ij], never above log K.

    Parameters
    ----------
    critic : array_like, shape (K, K)
        f(x_i, y_j), pairs drawn together on the diagonal, K >= 2.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        For a matrix that is not square and finite, or K < 2.

    Warns
    -----
    ValidityWarning
        Within 5 % of log K.

    References
    ----------
    A. van den Oord, Y. Li, O. Vinyals, Representation learning with contrastive predictive
    coding (2018).

    Examples
    --------
    >>> round(infonce([[1.0, 0.0], [0.0, 1.0]]), 4)
    0.3799
    """
    scores = _critic(critic)
    size = len(scores)
    value = float((np.diag(scores) - special.logsumexp(scores, axis=1)).mean()) + math.log(size)
    warn_near_ceiling(value, math.log(size), "log K")
    return value


def donsker_varadhan(critic: ArrayLike) -> float:
    """Donsker-Varadhan estimate: mean of f over pairs less log mean of exp f over non-pairs.

    Parameters
    ----------
    critic : array_like, shape (K, K)
        As for `infonce`; entries off the diagonal stand for the product of the marginals.

    Returns
    -------
    float
        In nats. A bound only in expectation over the second term; its spread grows like exp(I).

    Raises
    ------
    ValueError
        As `infonce`.

    References
    ----------
    M. D. Donsker, S. R. S. Varadhan (1983); B. Poole et al., On variational bounds of mutual
    information, ICML 2019.

    Examples
    --------
    >>> round(donsker_varadhan([[1.0, 0.0], [0.0, 1.0]]), 4)
    1.0
    """
    scores = _critic(critic)
    return float(np.diag(scores).mean()) - _log_mean_off_diagonal(scores)


def nwj(critic: ArrayLike) -> float:
    """NWJ bound: mean of f over pairs less mean of exp(f - 1) over non-pairs.

    The best critic is 1 plus the log density ratio.

    Parameters
    ----------
    critic : array_like, shape (K, K)
        As for `donsker_varadhan`.

    Returns
    -------
    float
        In nats; -inf when the second mean overflows. Unbiased for its critic, of a spread that
        grows like exp(I).

    Raises
    ------
    ValueError
        As `infonce`.

    References
    ----------
    X. Nguyen, M. J. Wainwright, M. I. Jordan, IEEE Trans. Inf. Theory 56 (2010).

    Examples
    --------
    >>> round(nwj([[1.0, 0.0], [0.0, 1.0]]), 4)
    0.6321
    """
    scores = _critic(critic)
    exponent = _log_mean_off_diagonal(scores) - 1.0
    return float(np.diag(scores).mean()) - (math.exp(exponent) if exponent < 709 else math.inf)


def gaussian_critic(x: ArrayLike, y: ArrayLike, correlations: ArrayLike) -> FloatArray:
    """Log density ratio log p(y|x)/p(y) of unit-variance Gaussian pairs: the optimal critic.

    Parameters
    ----------
    x, y : array_like, shape (K,) or (K, d)
    correlations : array_like, scalar or shape (d,)
        Of each pair of coordinates, in (-1, 1).

    Returns
    -------
    ndarray, shape (K, K)
        f(x_i, y_j); add 1 for `nwj`.

    Raises
    ------
    ValueError
        For samples that do not fit or correlations outside their range.

    Examples
    --------
    >>> gaussian_critic([0.0, 1.0], [0.0, 1.0], 0.5).round(4)
    array([[ 0.1438, -0.0228],
           [-0.0228,  0.4772]])
    """
    x, y = paired_samples(("x", "y"), (x, y))
    rho = checked_correlations(correlations)
    if x.shape != y.shape:
        reject("y.shape", y.shape, f"{x.shape} like x")
    if len(rho) not in (1, x.shape[1]):
        reject("correlations.shape", rho.shape, f"() or ({x.shape[1]},)")
    rho = np.broadcast_to(rho, x.shape[1])
    residual = (1.0 - rho) * (1.0 + rho)
    squares = -0.5 * rho * rho / residual
    linear = (x * (rho / residual)) @ y.T
    own = np.add.outer((x * x) @ squares, (y * y) @ squares)
    result: FloatArray = linear + own - 0.5 * log_residual(rho).sum()
    return result


def ratio_variance(information: ArrayLike) -> FloatArray:
    """Variance of the density ratio p/q under q for Gaussian pairs: exp(2 I) - 1. *Exact*.

    Donsker-Varadhan and NWJ need many more samples than this.

    Parameters
    ----------
    information : array_like
        In nats, >= 0; of any number of pairs together.

    Raises
    ------
    ValueError
        When it is negative.

    Examples
    --------
    >>> round(float(ratio_variance(0.5)), 4)
    1.7183
    """
    return np.expm1(2.0 * array("information", information, 0))[()]


def infonce_bias(information: ArrayLike, batch: ArrayLike) -> FloatArray:
    """Bias I - E[InfoNCE] of the optimal Gaussian critic: (exp(2 I) - 1)/2K. *Asymptotic*.

    For K -> inf at fixed I only: at K of 16 to 256 it overstates the bias by 10 to 40 %.

    Parameters
    ----------
    information : array_like
        In nats, >= 0.
    batch : array_like
        K >= 2.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> round(float(infonce_bias(0.5, 64)), 4)
    0.0134
    """
    return np.asarray(ratio_variance(information) / (2.0 * array("batch", batch, 2)))[()]


def bijection_infonce(symbols: int, batch: int) -> float:
    """Mean InfoNCE when Y is a bijection of a uniform X, with the optimal critic. *Exact*.

    ``E log(K/(1 + B))``, B binomial(K - 1, 1/V): the other pairs of the batch with X's symbol.

    Parameters
    ----------
    symbols : int
        V >= 2.
    batch : int
        K >= 2.

    Returns
    -------
    float
        In nats; below both log V, the information, and log K.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> round(bijection_infonce(100, 32), 4)
    3.2635
    """
    symbols, batch = integer("symbols", symbols, 2), integer("batch", batch, 2)
    same = np.arange(batch)
    logs = special.gammaln(batch) - special.gammaln(same + 1) - special.gammaln(batch - same)
    logs += (batch - 1 - same) * math.log1p(-1.0 / symbols) - same * math.log(symbols)
    chances = np.exp(logs)
    return math.log(batch) - float(chances @ np.log1p(same))


def distribution_free_ceiling(
    samples: int, *, delta: float = 0.05, slack: float = 0.05
) -> DistributionFreeCeiling:
    """Value that no distribution-free 1 - delta lower bound on information exceeds. *Bound*.

    Any bound from N samples stays at or below log M with probability at least
    1 - delta - N(N-1)/2M, for every M: M points drawn once, then sampled with replacement, look
    like the source unless an index repeats, and carry log M at most. M is the least for which the
    last term is at most `slack`.

    Parameters
    ----------
    samples : int
        N >= 2.
    delta : float
        In (0, 1).
    slack : float
        In (0, 1).

    Returns
    -------
    DistributionFreeCeiling
        The same for entropy as for information.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Our own statement, in the manner of D. McAllester and K. Stratos, Formal limitations on the
    measurement of mutual information (2020); see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> limit = distribution_free_ceiling(128)
    >>> round(limit.ceiling, 2), round(limit.probability, 3)
    (12.0, 0.9)
    """
    n = integer("samples", samples, 2)
    delta = number("delta", delta, 0, 1, open_low=True, open_high=True)
    slack = number("slack", slack, 0, 1, open_low=True, open_high=True)
    points = math.ceil(n * (n - 1) / (2.0 * slack))
    used = n * (n - 1) / (2.0 * points)
    return DistributionFreeCeiling(math.log(points), max(0.0, 1.0 - delta - used))


def _critic(critic: ArrayLike) -> FloatArray:
    scores = array("critic", critic, ndim=2)
    if scores.shape[0] != scores.shape[1] or len(scores) < 2:
        reject("critic.shape", scores.shape, "(K, K) with K >= 2")
    return scores


def _log_mean_off_diagonal(scores: FloatArray) -> float:
    others = scores.copy()
    np.fill_diagonal(others, -np.inf)
    size = len(scores)
    return float(special.logsumexp(others)) - math.log(size * (size - 1))
