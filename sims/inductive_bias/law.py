"""The generalised chi-square law: parameters, cumulants, cumulant generating function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GeneralisedChiSquare:
    """Law of ``Q = offset + sum_i w_i chi'^2(nu_i, b_i^2 / w_i)``, all terms independent.

    Carrying b² instead of the noncentrality b²/w keeps every entry finite as w -> 0.

    Attributes
    ----------
    weights : ndarray, shape (terms,)
        w > 0.
    dof : ndarray, shape (terms,)
        Degrees of freedom nu > 0, not necessarily whole.
    bias_squared : ndarray, shape (terms,)
        b² >= 0: the noncentrality times the weight.
    offset : float
        The least value that Q can take.
    """

    weights: FloatArray
    dof: FloatArray
    bias_squared: FloatArray
    offset: float = 0.0

    @property
    def noncentrality(self) -> FloatArray:
        """b²/w of every term; may be huge."""
        return self.bias_squared / self.weights

    @property
    def mean(self) -> float:
        """Expectation of Q."""
        return float(self.offset + self.dof @ self.weights + self.bias_squared.sum())

    @property
    def variance(self) -> float:
        """Variance of Q."""
        return float(2.0 * self.dof @ self.weights**2 + 4.0 * self.bias_squared @ self.weights)

    @property
    def total_dof(self) -> float:
        """Sum of the degrees of freedom, which rules the deep lower tail."""
        return float(self.dof.sum())


def as_law(
    weights: ArrayLike, dof: ArrayLike, noncentrality: ArrayLike, offset: float
) -> GeneralisedChiSquare:
    """Check the public parameters; terms of weight 0 vanish, equal weights become one term.

    Raises
    ------
    ValueError
        For negative or NaN weights or noncentralities, dof <= 0, more than one dimension, lengths
        that differ, an offset that is not finite, or a mean that overflows.
    """
    parts = {
        "weights": array("weights", weights, 0.0),
        "dof": array("dof", dof, 0.0, open_low=True),
        "noncentrality": array("noncentrality", noncentrality, 0.0),
    }
    for name, part in parts.items():
        if part.ndim > 1:
            reject(f"{name}.shape", part.shape, "of at most one dimension")
    try:
        w, nu, delta = np.broadcast_arrays(*(np.atleast_1d(part) for part in parts.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {part.shape}" for name, part in parts.items())
        raise ValueError(f"weights, dof and noncentrality do not go together: {shapes}") from None
    base = number("offset", offset)
    kept = w > 0
    with np.errstate(over="ignore"):
        bias = w[kept] * delta[kept]
        mean = nu[kept] @ w[kept] + bias.sum()
    if not np.isfinite(mean):
        raise ValueError("weights times dof plus noncentrality overflows: scale the errors down")
    return merge(GeneralisedChiSquare(w[kept], nu[kept], bias, base))


def merge(law: GeneralisedChiSquare) -> GeneralisedChiSquare:
    """Sort by decreasing weight and add up the terms of equal weight: the same law, shorter."""
    weights, place = np.unique(-law.weights, return_inverse=True)
    if len(weights) == len(law.weights):
        order = np.argsort(-law.weights, kind="stable")
        return GeneralisedChiSquare(
            law.weights[order], law.dof[order], law.bias_squared[order], law.offset
        )
    dof, bias = np.zeros_like(weights), np.zeros_like(weights)
    np.add.at(dof, place, law.dof)
    np.add.at(bias, place, law.bias_squared)
    return GeneralisedChiSquare(-weights, dof, bias, law.offset)


def standardised(law: GeneralisedChiSquare) -> tuple[GeneralisedChiSquare, float]:
    """Return the law of Q - offset in units of its mean, and that mean."""
    scale = float(law.dof @ law.weights + law.bias_squared.sum())
    return GeneralisedChiSquare(law.weights / scale, law.dof, law.bias_squared / scale), scale


def deep_tail(law: GeneralisedChiSquare, y: FloatArray) -> FloatArray:
    """Leading terms of the log-probability as y = threshold - offset falls to 0 from above."""
    half = 0.5 * law.total_dof
    known = 0.5 * (law.dof @ np.log(law.weights) + law.noncentrality.sum())
    with np.errstate(divide="ignore"):
        return np.asarray(half * (np.log(y) - math.log(2.0)) - gammaln(half + 1.0) - known)


def cumulants(
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    order: int = 4,
) -> FloatArray:
    r"""Cumulants of :math:`\sum_i w_i \chi'^2(\nu_i, \delta_i^2)`.

    :math:`\kappa_k = 2^{k-1}(k-1)! \sum \nu w^k + 2^{k-1} k! \sum \delta^2 w^k`.

    Parameters
    ----------
    weights : array_like, shape (terms,) or scalar
        w >= 0, in the units of Q.
    dof, noncentrality : array_like, shape (terms,) or scalar
        nu > 0 and delta² >= 0.
    order : int
        The highest k, >= 1.

    Returns
    -------
    ndarray, shape (order,)
        kappa_1 (the mean), kappa_2 (the variance), …

    Raises
    ------
    ValueError
        When an argument is outside its range or the lengths differ.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> cumulants([1.0, 0.5], noncentrality=[0.0, 2.0])
    array([ 2.5,  4.5, 15. , 75. ])
    """
    return law_cumulants(as_law(weights, dof, noncentrality, 0.0), order)


def law_cumulants(law: GeneralisedChiSquare, order: int = 4) -> FloatArray:
    """Cumulants kappa_1 … kappa_order of Q, the offset included in the first."""
    order = integer("order", order, 1)
    w, nu, bias = law.weights, law.dof, law.bias_squared
    result = np.array(
        [
            2.0 ** (k - 1) * math.factorial(k - 1) * float(nu @ w**k + k * (bias @ w ** (k - 1)))
            for k in range(1, order + 1)
        ]
    )
    result[0] += law.offset
    return result


def cgf(law: GeneralisedChiSquare, s: ArrayLike, derivative: int = 0) -> FloatArray:
    """Cumulant generating function K(s) of Q - offset, or one of its derivatives.

    Parameters
    ----------
    law : GeneralisedChiSquare
    s : array_like
        Below 1/(2 max w), in the inverse units of Q.
    derivative : int
        Order of the derivative, >= 0.

    Returns
    -------
    ndarray, shaped like s

    Raises
    ------
    ValueError
        When s reaches the first singularity.

    Examples
    --------
    >>> law = GeneralisedChiSquare(np.ones(1), np.array([2.0]), np.zeros(1))
    >>> cgf(law, [-0.5, 0.25], derivative=1)
    array([1., 4.])
    """
    at = array("s", s)
    edge = 0.5 / law.weights.max() if law.weights.size else math.inf
    if (at >= edge).any():
        reject("s", float(at.max()), f"below 1/(2 max w) = {edge:g}")
    k = integer("derivative", derivative, 0)
    w, nu, bias = law.weights, law.dof, law.bias_squared
    factor = 1.0 - 2.0 * at[..., None] * w
    if k == 0:
        terms = -0.5 * nu * np.log1p(-2.0 * at[..., None] * w) + bias * at[..., None] / factor
        return np.asarray(terms.sum(-1))
    central = nu * w / factor * (w / factor) ** (k - 1)
    shifted = k * bias / factor**2 * (w / factor) ** (k - 1)
    return np.asarray(2.0 ** (k - 1) * math.factorial(k - 1) * (central + shifted).sum(-1))


def draw(law: GeneralisedChiSquare, samples: int, rng: Generator) -> FloatArray:
    """Draw independent values of Q."""
    size = (integer("samples", samples, 1), len(law.weights))
    values = rng.noncentral_chisquare(law.dof, law.noncentrality, size)
    return np.asarray(law.offset + values @ law.weights)
