"""Label-private aggregates: the noise they need and the risk they leave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import erf, erfc

from sims.aggregate_responses.fixed_point import product, quotient, solve_fixed_point
from sims.aggregate_responses.isotropic import (
    AggregateRisk,
    as_risk,
    checked_cell,
    checked_powers,
    whole,
)
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


def laplace_scale(
    n: ArrayLike,
    bag_size: ArrayLike,
    epsilon: ArrayLike,
    clip: ArrayLike,
    *,
    sensitivity_factor: ArrayLike = 2.0,
) -> Real:
    r"""Scale of the Laplace noise that a bag mean of clipped responses receives.

    Responses are clipped to :math:`[-T, T]`, :math:`T = C\sqrt{\log n}`; replacing one moves its
    bag's mean by at most 2T/k, and the other bags' not at all.

    Parameters
    ----------
    n : array_like of int
        Samples, >= 2.
    bag_size : array_like of int
        Samples in this bag, in [1, n].
    epsilon : array_like
        In (0, inf].
    clip : array_like
        C > 0.
    sensitivity_factor : array_like
        2 makes the release epsilon-label-private when one response is *replaced*. 1 is the
        scale printed in the literature, which guarantees only 2 epsilon.

    Returns
    -------
    ndarray or float
        sensitivity_factor C sqrt(log n)/(k epsilon).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> float(laplace_scale(2000, 5, 1.0, 1.6).round(6))
    1.764463
    """
    n, bag_size = whole("n", n, 2.0), whole("bag_size", bag_size)
    if (bag_size > n).any():
        reject("bag_size", float(bag_size.max()), f"at most n = {n.min():g}")
    epsilon, clip, factor = _checked_budget(epsilon, clip, sensitivity_factor)
    return np.asarray(factor * clip * np.sqrt(np.log(n)) / (bag_size * epsilon))[()]


@dataclass(frozen=True)
class EffectiveNoise:
    """What clipping and Laplace noise make of the linear model.

    Attributes
    ----------
    gain : ndarray or float
        kappa = P(|y| < T), the factor by which clipping shrinks the linear signal.
    noise_variance : ndarray or float
        sigma_e², the noise of sqrt(k) times a released bag mean around that signal.
    """

    gain: Real
    noise_variance: Real


def effective_noise(
    bag_size: ArrayLike,
    *,
    n: ArrayLike,
    epsilon: ArrayLike,
    clip: ArrayLike,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
    sensitivity_factor: ArrayLike = 2.0,
) -> EffectiveNoise:
    """Gain and noise of the Gaussian linear model that privatised bag means behave like.

    Parameters
    ----------
    bag_size, n, epsilon, clip, noise_variance, signal_power, sensitivity_factor : array_like
        As for `private_risk`.

    Returns
    -------
    EffectiveNoise

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> seen = effective_noise(5, n=2000, epsilon=1.0, clip=1.6, noise_variance=0.25)
    >>> round(float(seen.gain), 4), round(float(seen.noise_variance), 4)
    (0.9999, 31.3833)
    """
    bag_size = array("bag_size", bag_size, 1)
    n = array("n", n, 2)
    if np.less(n, bag_size).any():
        reject("bag_size", float(bag_size.max()), f"at most n = {n.min():g}")
    epsilon, clip, factor = _checked_budget(epsilon, clip, sensitivity_factor)
    noise, signal = checked_powers(noise_variance, signal_power)
    power, reach = noise + signal, clip * np.sqrt(np.log(n))
    z = reach / np.sqrt(power)
    gain, clipped = erf(z / np.sqrt(2.0)), erfc(z / np.sqrt(2.0))
    density = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    second = power * (gain - 2.0 * z * density) + reach**2 * clipped
    laplace = 2.0 * (factor * reach / epsilon) ** 2 / bag_size
    cells = np.broadcast_arrays(gain, second - gain**2 * signal + laplace)
    return EffectiveNoise(np.array(cells[0])[()], np.array(cells[1])[()])


def private_risk(
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    n: ArrayLike,
    epsilon: ArrayLike,
    clip: ArrayLike,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
    sensitivity_factor: ArrayLike = 2.0,
    ridge: ArrayLike = 0.0,
) -> AggregateRisk:
    """Excess risk after clipping at C sqrt(log n), averaging and Laplace noise.

    *Asymptotic* in n and d at the given log n; valid for any clip, in particular for one that
    does clip.

    Parameters
    ----------
    psi, bag_size, rho, noise_variance, signal_power, ridge : array_like
        As for `risk`.
    n : array_like
        Samples, >= 2 and >= bag_size; enters through log n.
    epsilon : array_like
        In (0, inf]; inf leaves the clipping.
    clip : array_like
        C > 0.
    sensitivity_factor : array_like
        1 or 2, see `laplace_scale`.

    Returns
    -------
    AggregateRisk
        bias_squared holds what signal and clipping contribute, variance the effective noise's
        part.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Mechanism: Javanmard et al. (ICLR 2024). Equations: derived, see
    docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> cell = dict(n=2000, clip=1.6, noise_variance=0.25)
    >>> private_risk(10, [1, 5, 20], 1.0, epsilon=2.0, **cell).total.round(3).tolist()
    [4.352, 0.836, 0.92]
    """
    cell = checked_cell(psi, bag_size, rho)
    seen = effective_noise(
        bag_size,
        n=n,
        epsilon=epsilon,
        clip=clip,
        noise_variance=noise_variance,
        signal_power=signal_power,
        sensitivity_factor=sensitivity_factor,
    )
    point = solve_fixed_point(*cell, array("ridge", ridge, 0))
    signal = array("signal_power", signal_power, 0, open_low=True)
    lost = point.deficit + (1.0 - seen.gain) * point.shrinkage
    spread = point.between_energy * point.deficit**2 + point.within_energy * point.shrinkage**2
    bias = lost**2 + seen.gain**2 * quotient(spread, point.slack)
    return as_risk(signal * bias, product(seen.noise_variance, point.variance_factor))


def private_leading_order(
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    n: ArrayLike,
    epsilon: ArrayLike,
    clip: ArrayLike,
    sensitivity_factor: ArrayLike = 2.0,
) -> Real:
    """Leading term of `private_risk`, which the rest approaches only like 1/log n.

    Parameters
    ----------
    psi, bag_size, rho, n, epsilon, clip, sensitivity_factor : array_like
        As for `private_risk`. Factor 1 gives the order as the literature states it, factor 2
        four times that.

    Returns
    -------
    ndarray or float
        2 (factor C)² log n/(k epsilon²) V(k, rho, psi).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Javanmard et al. (ICLR 2024) state the order; the factor is discussed in
    docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> arguments = dict(n=1e4, epsilon=1.0, clip=1.8, sensitivity_factor=1)
    >>> float((private_leading_order(8, 4, 0.5, **arguments) / np.log(1e4)).round(5))
    0.13286
    """
    psi, bag_size, rho = checked_cell(psi, bag_size, rho)
    n = array("n", n, 2)
    epsilon, clip, factor = _checked_budget(epsilon, clip, sensitivity_factor)
    point = solve_fixed_point(psi, bag_size, rho, np.zeros(()))
    noise = 2.0 * (factor * clip / epsilon) ** 2 * np.log(n) / bag_size
    return np.array(product(noise, point.variance_factor))[()]


def optimal_bag_size(
    psi: float,
    rho: float,
    bag_sizes: ArrayLike,
    *,
    n: float,
    epsilon: ArrayLike,
    clip: float,
    noise_variance: float,
    signal_power: float = 1.0,
    sensitivity_factor: float = 2.0,
) -> Real:
    """Bag size of least `private_risk` among those offered, for each epsilon.

    Parameters
    ----------
    bag_sizes : array_like, shape (sizes,)
        The sizes to choose from; the smallest wins a tie.
    epsilon : array_like
        Any shape.
    psi, rho, n, clip, noise_variance, signal_power, sensitivity_factor : float
        As for `private_risk`.

    Returns
    -------
    ndarray or float
        Shaped like epsilon.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> cell = dict(n=2000, clip=1.6, noise_variance=0.25)
    >>> optimal_bag_size(10, 1.0, [1, 2, 4, 5, 8, 10, 20], epsilon=[1, 2, 3, 8], **cell).tolist()
    [20.0, 5.0, 4.0, 1.0]
    """
    sizes = np.sort(array("bag_sizes", bag_sizes, 1, ndim=1))
    if sizes.size == 0:
        reject("bag_sizes", [], "at least one size")
    total = private_risk(
        psi,
        sizes,
        rho,
        n=n,
        epsilon=np.asarray(epsilon, dtype=np.float64)[..., None],
        clip=clip,
        noise_variance=noise_variance,
        signal_power=signal_power,
        sensitivity_factor=sensitivity_factor,
    ).total
    return np.asarray(sizes[np.argmin(total, axis=-1)])[()]


def critical_rho(psi: ArrayLike, bag_size: ArrayLike) -> Real:
    """Weight rho above which bags of size k beat single samples at leading order.

    Compares V(k, rho)/k with V(1)/1, which does not depend on epsilon.

    Parameters
    ----------
    psi, bag_size : array_like
        n/d in (1, inf) and k > 1.

    Returns
    -------
    ndarray or float
        In [0, inf]: 0 where bags win at every rho > 0, inf where they win at none.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Root of a quadratic, derived in docs/theory/aggregate_responses.md. At rho -> 0+ with
    psi < k the comparison is with the limit, not with the minimum-norm estimator.

    Examples
    --------
    >>> critical_rho(6, [2, 3, 4, 5]).round(5).tolist()
    [0.05756, 0.04627, 0.03654, 0.02803]
    """
    psi = array("psi", psi, 1, open_low=True)
    k = array("bag_size", bag_size, 1, open_low=True)
    a, b = psi / k, psi * (k - 1.0) / k
    square = psi * (psi - 1.0) / k + psi + psi / (k - 1.0)
    half = -k / (k - 1.0)
    constant = k**2 / (psi * (k - 1.0)) - k
    with np.errstate(divide="ignore", invalid="ignore"):
        # V rises with x, so the larger root is where it crosses
        x = (-half + np.sqrt(np.maximum(half**2 - square * constant, 0.0))) / square
        y = (1.0 - a * x) / b
        crossing = y * (1.0 - x) / (x * (1.0 - y))
    never = x <= np.maximum(0.0, (1.0 - b) / a)
    always = x >= np.minimum(1.0, 1.0 / a)
    return np.where(never, np.inf, np.where(always, 0.0, crossing))[()]


def _checked_budget(
    epsilon: ArrayLike, clip: ArrayLike, sensitivity_factor: ArrayLike
) -> tuple[Real, Real, Real]:
    factor = array("sensitivity_factor", sensitivity_factor, 1, 2)
    odd = (factor != 1) & (factor != 2)
    if odd.any():
        reject("sensitivity_factor", float(factor[odd].flat[0]), "1 or 2")
    return (
        array("epsilon", epsilon, 0, open_low=True, allow_inf=True),
        array("clip", clip, 0, open_low=True),
        factor,
    )
