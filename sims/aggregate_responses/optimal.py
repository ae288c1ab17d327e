"""The best weight rho of the instance loss, from the roots of one quartic."""

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
from sims.aggregate_responses.isotropic import checked_cell, checked_powers, risk
from sims.numerics.validate import array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class OptimalRho:
    """The best weight and what it achieves.

    Attributes
    ----------
    rho : ndarray or float
        In [0, rho_max]; NaN for bags of one sample, where rho has no effect.
    risk : ndarray or float
        Excess risk there.
    """

    rho: Real
    risk: Real


def optimal_rho(
    psi: ArrayLike,
    bag_size: ArrayLike,
    *,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
    rho_max: ArrayLike = np.inf,
) -> OptimalRho:
    """Minimise the asymptotic `risk` over rho in [0, rho_max], without ridge.

    Parameters
    ----------
    psi, bag_size, noise_variance, signal_power : array_like
        As for `risk`.
    rho_max : array_like
        Largest weight considered, in [0, inf]; 1 keeps to mixtures of the two losses.

    Returns
    -------
    OptimalRho
        rho = 0 stands for the bag-level estimator, of minimum norm when psi < bag_size; there it
        is not the limit of small rho and can be the best (always when psi <= 1).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The stationary points solve a quartic in w = 1 - s, the share of the signal that is lost:
    derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> best = optimal_rho(6, 3, noise_variance=1.0)
    >>> round(float(best.rho), 6), round(float(best.risk), 6)
    (0.267704, 0.44608)
    """
    psi, bag_size, _ = checked_cell(psi, bag_size, 0.0)
    noise, signal = checked_powers(noise_variance, signal_power)
    limit = array("rho_max", rho_max, 0, allow_inf=True)
    cells = np.broadcast_arrays(psi, bag_size, noise, signal, limit)
    psi, bag_size, noise, signal, limit = (np.ravel(cell) for cell in cells)
    best_rho = np.zeros(psi.shape)
    best = risk(psi, bag_size, 0.0, noise_variance=noise, signal_power=signal).total
    inner = (psi > 1) & (bag_size > 1) & (limit > 0)
    if inner.any():
        arguments = psi[inner], bag_size[inner], noise[inner] / signal[inner], limit[inner]
        rho, value = _best_positive(*arguments)
        value = value * signal[inner]
        better = value < best[inner]
        best_rho[inner] = np.where(better, rho, 0.0)
        best[inner] = np.where(better, value, best[inner])
    best_rho[bag_size == 1] = np.nan
    shape = cells[0].shape
    return OptimalRho(best_rho.reshape(shape)[()], best.reshape(shape)[()])


def _best_positive(psi: Real, bag_size: Real, noise: Real, limit: Real) -> tuple[Real, Real]:
    """Best rho in (0, limit] for psi > 1, k > 1 and unit signal power; arrays of one dimension.

    Every real part of a root, moved into the admissible interval, is an honest candidate, so no
    tolerance decides which roots are real.
    """
    a, b = masses(psi, bag_size)
    low = np.maximum(0.0, 1.0 - a)
    high = solve_fixed_point(psi, bag_size, limit, np.zeros_like(psi)).deficit
    roots = _stationary_deficits(psi, a, b, noise)
    w = np.clip(roots, low[:, None], high[:, None])
    w = np.concatenate([w, high[:, None]], axis=1)
    values = _risk_at(w, psi[:, None], a[:, None], b[:, None], noise[:, None])
    row, column = np.arange(psi.size), np.argmin(values, axis=1)
    at = w[row, column]
    # 1 - w and b - w keep their digits; quotient gives inf at the end of the interval
    weight = quotient(at * (a - 1.0 + at), (1.0 - at) * (b - at))
    return np.where(at >= high, limit, weight), values[row, column]


def _stationary_deficits(psi: Real, a: Real, b: Real, noise: Real) -> Real:
    """Real parts of the roots of the quartic in w, polished by Newton's method."""
    coefficients = np.stack(
        [
            psi,
            -4.0 * b,
            b * (4.0 + b - 3.0 * a - noise),
            b * (1.0 + b) * (a + noise - 1.0),
            -(b**2) * noise,
        ]
    )
    companion = np.zeros((psi.size, 4, 4))
    companion[:, 0, :] = (-coefficients[1:] / coefficients[0]).T
    companion[:, [1, 2, 3], [0, 1, 2]] = 1.0
    w: Real = np.asarray(np.linalg.eigvals(companion).real, dtype=np.float64)
    slopes = coefficients[:-1] * np.array([4.0, 3.0, 2.0, 1.0])[:, None]
    for _ in range(4):
        step = quotient(_horner(coefficients, w), _horner(slopes, w))
        w = np.where(np.abs(step) < 0.1 * np.abs(w), w - step, w)
    return w


def _horner(coefficients: Real, w: Real) -> Real:
    value = np.zeros_like(w)
    for coefficient in coefficients:
        value = value * w + coefficient[:, None]
    return value


def _risk_at(w: Real, psi: Real, a: Real, b: Real, noise: Real) -> Real:
    """Risk per unit of signal power on the curve a x = 1 - w, b y = w."""
    x, x_rest = (1.0 - w) / a, (a - 1.0 + w) / a
    y, y_rest = w / b, (b - w) / b
    point = FixedPoint(a, b, x, x_rest, y, y_rest, np.zeros_like(w))
    return point.bias_factor + product(np.broadcast_to(noise, w.shape), point.variance_factor)
