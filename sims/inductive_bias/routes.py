"""Other routes to the same probability, each with its limits: independent checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from sims.inductive_bias.law import GeneralisedChiSquare, as_law
from sims.inductive_bias.saddle import lower_saddle
from sims.numerics.validate import integer, number

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
BLOCK = 1 << 18  # complex numbers in a temporary


@dataclass(frozen=True)
class CharacteristicInversion:
    """Probability from the characteristic function.

    Attributes
    ----------
    cdf : float
        P(Q <= threshold).
    error : float
        Bound on its absolute error, rounding aside.
    nodes : int
        Values of the characteristic function computed.
    """

    cdf: float
    error: float
    nodes: int


@dataclass(frozen=True)
class MixtureSum:
    """Log-probability from a positive mixture of central chi-squares.

    Attributes
    ----------
    log_cdf : float
        In nats; a lower bound by construction.
    remainder : float
        Bound on what the terms left out would add to it, in nats.
    terms : int
    """

    log_cdf: float
    remainder: float
    terms: int


@dataclass(frozen=True)
class TiltedEstimate:
    """Log-probability by importance sampling.

    Attributes
    ----------
    log_cdf : float
        In nats.
    standard_error : float
        Of log_cdf, in nats.
    samples : int
    """

    log_cdf: float
    standard_error: float
    samples: int


def characteristic_inversion(
    threshold: float,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
    tolerance: float = 1e-12,
    limit: int = 200_000,
) -> CharacteristicInversion:
    """Sum the characteristic function on the imaginary axis, as Imhof and Davies do.

    Its accuracy is **absolute**: useless for probabilities below the tolerance, and slow to
    converge for two degrees of freedom or fewer.

    Parameters
    ----------
    threshold : float
    weights, dof, noncentrality, offset
        As for `log_cdf`.
    tolerance : float
        Absolute error aimed at, in (0, 1).
    limit : int
        Largest number of nodes, >= 1.

    Returns
    -------
    CharacteristicInversion
        With `error` above the tolerance where the limit was reached.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    References
    ----------
    R. B. Davies, Numerical inversion of a characteristic function, Biometrika 60 (1973). The
    bounds are derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> found = characteristic_inversion(1.0, [0.5, 0.3], dof=[2, 4])
    >>> round(found.cdf, 8), found.error < 1e-11
    (0.16453941, True)
    """
    x = number("threshold", threshold)
    tolerance = number("tolerance", tolerance, 0.0, 1.0, open_low=True, open_high=True)
    limit = integer("limit", limit, 1)
    law = as_law(weights, dof, noncentrality, offset)
    y = x - law.offset
    if not law.weights.size or y <= 0:
        return CharacteristicInversion(float(y >= 0 and not law.weights.size), 0.0, 0)
    step = 2.0 * math.pi / _period(law, y, 0.5 * tolerance)
    total, nodes, rest = 0.0, 0, math.inf
    largest = max(16, BLOCK // len(law.weights))
    while rest > 0.5 * tolerance and nodes < limit:
        size = min(max(64, nodes), largest)
        k = np.arange(nodes, min(nodes + size, limit), dtype=np.float64) + 0.5
        modulus, angle = _characteristic(law, k * step)
        total += float((np.exp(modulus) * np.sin(angle - k * step * y) / k).sum())
        nodes += len(k)
        rest = _remainder(law, k[-1] * step, modulus[-1])
    return CharacteristicInversion(0.5 - total / math.pi, rest + 0.5 * tolerance, nodes)


def _period(law: GeneralisedChiSquare, y: float, tolerance: float) -> float:
    """Period beyond which the law has at most `tolerance` of its mass, by Chernoff's bound."""
    top = law.weights.max()
    s = np.linspace(0.05, 0.95, 19) / (2.0 * top)
    factor = 1.0 - 2.0 * s[:, None] * law.weights
    growth = (law.bias_squared * s[:, None] / factor).sum(1) - 0.5 * np.log(factor) @ law.dof
    return float(max(y, ((growth - math.log(tolerance)) / s).min())) * 1.0000001


def _characteristic(law: GeneralisedChiSquare, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-modulus and continuous argument of E exp(iu(Q - offset))."""
    twice = 2.0 * u[:, None] * law.weights
    square = 1.0 + twice**2
    modulus = -0.25 * np.log(square) @ law.dof - (twice / square * u[:, None]) @ law.bias_squared
    angle = 0.5 * np.arctan(twice) @ law.dof + (u[:, None] / square) @ law.bias_squared
    return modulus, angle


def _remainder(law: GeneralisedChiSquare, u: float, modulus: float) -> float:
    """Bound on the terms after frequency u: there the modulus falls at least like a power."""
    share = (2.0 * u * law.weights) ** 2
    power = 0.5 * float(law.dof @ (share / (1.0 + share)))
    return float(math.exp(modulus) / (math.pi * power))


def ruben_series(
    threshold: float,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
    tolerance: float = 1e-13,
    limit: int = 20_000,
) -> MixtureSum:
    """Expand Q in central chi-squares of the smallest weight; all terms are positive.

    Accurate relative to P in any tail, and in logs throughout, but the number of terms grows like
    ``threshold / (2 min w)``: hopeless for weights spread over more than four decades.

    Parameters
    ----------
    threshold : float
    weights, dof, noncentrality, offset
        As for `log_cdf`.
    tolerance : float
        Largest remainder, in nats, in (0, 1).
    limit : int
        Largest number of terms, >= 1.

    Returns
    -------
    MixtureSum

    Raises
    ------
    ValueError
        When an argument is outside its range.
    ArithmeticError
        When the limit does not suffice.

    References
    ----------
    H. Ruben, Probability content of regions under spherical normal distributions IV, Annals of
    Mathematical Statistics 33 (1962).

    Examples
    --------
    >>> found = ruben_series(1.0, [0.5, 0.3], dof=[2, 4])
    >>> round(found.log_cdf, 9)
    -1.804605135
    """
    x = number("threshold", threshold)
    tolerance = number("tolerance", tolerance, 0.0, 1.0, open_low=True, open_high=True)
    limit = integer("limit", limit, 1)
    law = as_law(weights, dof, noncentrality, offset)
    y = x - law.offset
    if not law.weights.size or y <= 0:
        empty = not law.weights.size and y >= 0
        return MixtureSum(0.0 if empty else -math.inf, 0.0, 0)
    least = law.weights.min()
    terms = 64
    while terms <= 2 * limit:
        terms = min(terms, limit)
        coefficients = _ruben_coefficients(law, least, terms)
        steps = _incomplete_gamma(0.5 * law.total_dof, 0.5 * y / least, terms)
        total = float(logsumexp(coefficients + steps))
        # All later coefficients sum to at most 1 - (those taken), and their gammas are smaller.
        left = max(-math.expm1(min(float(logsumexp(coefficients)), 0.0)), 1e-16)
        remainder = math.log(left) + float(steps[-1]) - total
        if remainder <= math.log(tolerance):
            return MixtureSum(min(total, 0.0), math.exp(remainder), terms)
        if terms == limit:
            break
        terms *= 2
    raise ArithmeticError(f"Ruben's series needs more than limit = {limit} terms here")


def _ruben_coefficients(law: GeneralisedChiSquare, least: float, terms: int) -> FloatArray:
    """Logarithms of the mixture's first coefficients, by the usual recursion, kept in range."""
    ratio = least / law.weights
    spread = 1.0 - ratio
    start = 0.5 * (law.dof @ np.log(ratio) - law.noncentrality.sum())
    power = np.ones_like(spread)  # spread to the power m - 1
    g, c, logs = np.empty(terms), np.zeros(terms), np.empty(terms)
    shift, c[0], logs[0] = start, 1.0, start
    for m in range(1, terms):
        g[m] = power @ (law.dof * spread + m * law.noncentrality * ratio)
        power *= spread
        c[m] = g[m:0:-1] @ c[:m] / (2.0 * m)
        if c[m] > 1e200:
            c[: m + 1] *= 1e-200
            shift += 200.0 * math.log(10.0)
        logs[m] = math.log(c[m]) + shift if c[m] > 0 else -math.inf
    return logs


def _incomplete_gamma(shape: float, z: float, terms: int) -> FloatArray:
    """Log of P(shape + k, z) for k = 0 … terms - 1, as sums of positive terms from the far end."""
    spare = int(z) + 60  # beyond them the terms fall faster than geometrically
    a = shape + np.arange(terms + spare)
    steps = a * math.log(z) - z - gammaln(a + 1.0)
    sums = np.logaddexp.accumulate(steps[::-1])[::-1]
    return np.asarray(sums[:terms])


def tilted_importance_sampling(
    threshold: float,
    weights: ArrayLike,
    *,
    dof: ArrayLike = 1.0,
    noncentrality: ArrayLike = 0.0,
    offset: float = 0.0,
    samples: int,
    rng: Generator,
) -> TiltedEstimate:
    """Estimate ln P(Q <= threshold) from draws of the exponentially tilted law.

    At the saddle s < 0 the tilted law has the threshold for its mean: each term's weight becomes
    ``w v`` and its noncentrality ``delta² v``, with ``v = 1/(1 - 2 s w)``; a draw counts
    ``exp(K(s) - s Q)`` if it lies below. Works at any depth.

    Parameters
    ----------
    threshold : float
        Above the offset; from the mean on no tilt is used.
    weights, dof, noncentrality, offset
        As for `log_cdf`; at least one weight must be positive.
    samples : int
        >= 2.
    rng : numpy.random.Generator

    Returns
    -------
    TiltedEstimate
        -inf with standard error inf, should no draw fall below the threshold.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> found = tilted_importance_sampling(1e-3, np.ones(20), samples=20_000, rng=rng)
    >>> round(found.log_cdf, 1), found.standard_error < 0.02
    (-91.1, True)
    """
    law = as_law(weights, dof, noncentrality, offset)
    if not law.weights.size:
        raise ValueError("weights are all 0: Q is the offset, and there is nothing to sample")
    x = number("threshold", threshold, law.offset, open_low=True)
    samples = integer("samples", samples, 2)
    y = x - law.offset
    sigma, value = 0.0, 0.0
    if y < law.mean - law.offset:
        saddle = lower_saddle(law, np.array([y]), 0.0)
        sigma, value = float(saddle.sigma[0]), float(saddle.value[0])
    shrink = 1.0 / (1.0 + 2.0 * sigma * law.weights)
    total = np.zeros(samples)
    for w, nu, delta, v in zip(law.weights, law.dof, law.noncentrality, shrink):
        total += w * v * rng.noncentral_chisquare(nu, delta * v, samples)
    counted = np.where(total <= y, np.exp(np.minimum(sigma * (total - y), 0.0)), 0.0)
    mean, spread = float(counted.mean()), float(counted.std(ddof=1))
    if mean == 0.0:
        return TiltedEstimate(-math.inf, math.inf, samples)
    error = spread / mean / math.sqrt(samples)
    return TiltedEstimate(value + math.log(mean), error, samples)
