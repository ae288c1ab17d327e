"""Risk of the interpolating family for isotropic features: limits, exact laws, thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.fixed_point import (
    FixedPoint,
    masses,
    product,
    quotient,
    solve_fixed_point,
)
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class AggregateRisk:
    """Excess risk E(x'theta_hat - x'theta_0)², split; no sigma² is added.

    Attributes
    ----------
    bias_squared, variance, total : ndarray or float
        In the units of the response squared, shaped like the broadcast arguments; inf where the
        limit diverges.
    """

    bias_squared: Real
    variance: Real
    total: Real


def as_risk(bias_squared: Real, variance: Real) -> AggregateRisk:
    """Add up; arrays of no dimension become scalars."""
    parts = np.broadcast_arrays(bias_squared, variance)
    bias_squared, variance = (np.array(part)[()] for part in parts)
    return AggregateRisk(bias_squared, variance, bias_squared + variance)


def from_fixed_point(point: FixedPoint, noise_variance: Real, signal_power: Real) -> AggregateRisk:
    """Turn a solved fixed point into bias², variance and risk (notes 3.2)."""
    bias = product(signal_power, point.bias_factor)
    return as_risk(bias, product(noise_variance, point.variance_factor))


def risk(
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
    ridge: ArrayLike = 0.0,
) -> AggregateRisk:
    r"""Asymptotic excess risk of the minimiser of (1-rho) bag loss + rho instance loss.

    Linear model :math:`y = X\theta_0 + \varepsilon` with isotropic features and random bags, as
    n, d grow with psi = n/d and the bag size fixed. *Asymptotic*; exact to O(1/d).

    Parameters
    ----------
    psi : array_like
        n/d, samples per feature, in (0, inf).
    bag_size : array_like
        k >= 1; n/m for unequal bags under the size-weighted loss. Need not be whole.
    rho : array_like
        Weight of the instance loss, in [0, inf]: 0 is the bag loss, 1 the instance loss, more is
        stronger regularisation. Where the solution is not unique it is the one of minimum norm:
        with psi < k, rho = 0 is *not* the limit rho -> 0+ (see `small_rho_limit`).
    noise_variance : array_like
        sigma² >= 0.
    signal_power : array_like
        ||theta_0||² > 0.
    ridge : array_like
        lambda >= 0, of the penalty d lambda ||theta||² on the squared error of bag sums.

    Returns
    -------
    AggregateRisk
        inf at psi = 1 (rho > 0) and at psi = bag_size (rho = 0) without ridge.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Setting: Javanmard, Chen, Mirrokni, Badanidiyuru, Fu (ICLR 2024). Equations: derived, see
    docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> risk(10, 2, [0.1, 1.0], noise_variance=1.0).total.round(4).tolist()
    [0.2062, 0.3333]
    >>> float(risk(4, 4, 0.0, noise_variance=1.0).total)
    inf
    """
    cell = checked_cell(psi, bag_size, rho)
    ridge = array("ridge", ridge, 0)
    noise, signal = checked_powers(noise_variance, signal_power)
    return from_fixed_point(solve_fixed_point(*cell, ridge), noise, signal)


def small_rho_limit(
    psi: ArrayLike,
    bag_size: ArrayLike,
    *,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
) -> AggregateRisk:
    """Limit of `risk` as rho -> 0+, which is not its value at rho = 0 when 1 < psi < bag_size.

    Parameters
    ----------
    psi, bag_size, noise_variance, signal_power : array_like
        As for `risk`.

    Returns
    -------
    AggregateRisk

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> gap = small_rho_limit(3, 5, noise_variance=1.0).total
    >>> round(float(gap), 6), float(risk(3, 5, 0.0, noise_variance=1.0).total)
    (2.32, 1.9)
    """
    psi, bag_size, _ = np.broadcast_arrays(*checked_cell(psi, bag_size, 0.0))
    noise, signal = checked_powers(noise_variance, signal_power)
    a, b = masses(psi, bag_size)
    few_bags, few_samples = a < 1, psi <= 1
    zero, one = np.zeros_like(a), np.ones_like(a)
    x = np.where(few_bags, one, 1.0 / a)
    y = np.where(few_samples, one, np.where(few_bags, quotient(1.0 - a, b), zero))
    y_rest = np.where(few_samples, zero, np.where(few_bags, quotient(psi - 1.0, b), one))
    gap = np.maximum(1.0 - psi, 0.0)
    point = FixedPoint(a, b, x, np.where(few_bags, zero, (a - 1.0) / a), y, y_rest, gap)
    return from_fixed_point(point, noise, signal)


def finite_sample_risk(
    n: ArrayLike,
    m: ArrayLike,
    d: ArrayLike,
    *,
    level: str,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
) -> AggregateRisk:
    """Exact expected excess risk of the bag- or instance-level estimator at finite size.

    *Exact* for Gaussian isotropic features and any bag sizes; without ridge, of minimum norm.

    Parameters
    ----------
    n, m, d : array_like of int
        Samples, bags (1 <= m <= n) and features.
    level : {"bag", "instance"}
        Which loss is minimised.
    noise_variance, signal_power : array_like
        sigma² >= 0 and ||theta_0||² > 0.

    Returns
    -------
    AggregateRisk
        inf where the expectation does not exist (rows within one of d).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> finite_sample_risk(160, 40, 20, level="bag", noise_variance=0.5).variance.round(6)
    np.float64(0.526316)
    """
    n, m, d = (whole(name, value) for name, value in (("n", n), ("m", m), ("d", d)))
    if level not in ("bag", "instance"):
        reject("level", level, "'bag' or 'instance'")
    if (m > n).any():
        at = np.argwhere(np.broadcast_arrays(m > n)[0])[0]
        worst = [np.broadcast_to(part, np.broadcast_shapes(m.shape, n.shape)) for part in (m, n)]
        reject("m", float(worst[0][tuple(at)]), f"at most n = {worst[1][tuple(at)]:g}")
    noise, signal = checked_powers(noise_variance, signal_power)
    n, m, d = np.broadcast_arrays(n, m, d)
    parts = _exact_bag(m, d) if level == "bag" else _exact_instance(n, m, d)
    return as_risk(product(signal, parts[0]), product(noise, parts[1]))


def _exact_bag(m: Real, d: Real) -> tuple[Real, Real]:
    """Bias² and variance per unit: projections and inverse Wishart traces with m rows."""
    return np.maximum(1.0 - m / d, 0.0), _inverse_trace(m, d, np.minimum(m, d))


def _exact_instance(n: Real, m: Real, d: Real) -> tuple[Real, Real]:
    """Second moments of a random projection Q of rank n - m against a Wishart and its inverse."""
    within = n - m
    cross = _inverse_trace(n, d, np.minimum(n, d)) * np.abs(n * d - 2.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        tall = n > d
        y = within * m / (n * (n + 2.0) * (n - 1.0))
        x = within * (within + 2.0) / (n * (n + 2.0)) - 2.0 * y
        beta = (n**2 - cross) / (n * (n + 2.0) * (n - 1.0))
        wide = (within * (1.0 - beta * (n + 1.0)) + beta * within * (within + 1.0)) / d
        bias = np.where(tall, x + y + y * cross / d, 1.0 - n / d + wide)
    bias = np.where(np.isinf(cross), np.inf, bias)
    bias = np.where(within == 0, np.maximum(1.0 - n / d, 0.0), bias)
    return bias, m / n * _inverse_trace(n, d, np.minimum(n, d))


def _inverse_trace(rows: Real, d: Real, rank: Real) -> Real:
    """E tr of the (pseudo-)inverse of a Wishart matrix with `rows` degrees of freedom."""
    spare = np.abs(rows - d) - 1.0
    return np.where(spare > 0, quotient(rank, np.maximum(spare, 0.0)), np.inf)


def snr_threshold(psi: ArrayLike, bag_size: ArrayLike) -> Real:
    """Signal-to-noise ratio below which the instance loss beats the bag loss.

    *Asymptotic*, isotropic, no ridge; the bag-level estimator has minimum norm when psi < k.

    Parameters
    ----------
    psi, bag_size : array_like
        n/d in (0, inf) and k >= 1.

    Returns
    -------
    ndarray or float
        inf at psi = bag_size, where the bag-level risk is infinite; 0 where the instance level
        never wins (psi <= 1, and k = 1, where the losses coincide).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> snr_threshold(10, [2, 5, 9]).round(4).tolist()
    [0.7, 1.4865, 11.2192]
    """
    psi, k, _ = np.broadcast_arrays(*checked_cell(psi, bag_size, 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        many = k * ((k + 1.0) * psi - k) / ((psi - k) * ((k - 1.0) * psi - k + 2.0))
        spare = psi - 1.0
        noise_edge = psi / (k - psi) - 1.0 / (k * spare)
        bias_edge = (spare - 1.0 + 1.0 / spare + (1.0 - 1.0 / spare) / k) / k
        few = np.maximum(noise_edge / bias_edge, 0.0)
    threshold = np.where(psi > k, many, np.where(psi < k, few, np.inf))
    return np.where((psi <= 1) | (k == 1), 0.0, threshold)[()]


def instance_optimal_noise(psi: ArrayLike, bag_size: ArrayLike) -> Real:
    """Noise-to-signal ratio from which rho = 1 is the best of all rho in [0, 1].

    Parameters
    ----------
    psi, bag_size : array_like
        n/d in (1, inf) and k >= 1.

    Returns
    -------
    ndarray or float
        ((k-1)(psi-2) + 1)/k; negative values mean "always".

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> float(instance_optimal_noise(3, 5))
    1.0
    """
    psi, k, _ = checked_cell(psi, bag_size, 0.0)
    psi = array("psi", psi, 1, open_low=True)
    return np.asarray(((k - 1.0) * (psi - 2.0) + 1.0) / k)[()]


def checked_cell(psi: ArrayLike, bag_size: ArrayLike, rho: ArrayLike) -> tuple[Real, Real, Real]:
    """Check the three arguments that nearly every function of the family takes."""
    return (
        array("psi", psi, 0, open_low=True),
        array("bag_size", bag_size, 1),
        array("rho", rho, 0, allow_inf=True),
    )


def checked_powers(noise_variance: ArrayLike, signal_power: ArrayLike) -> tuple[Real, Real]:
    """Check sigma² and ||theta_0||²."""
    return (
        array("noise_variance", noise_variance, 0),
        array("signal_power", signal_power, 0, open_low=True),
    )


def whole(name: str, value: ArrayLike, low: float = 1.0) -> Real:
    """Check an array of counts."""
    counts = array(name, value, low)
    broken = counts != np.floor(counts)
    if broken.any():
        reject(name, float(counts[broken].flat[0]), "a whole number")
    return counts
