"""The fixed point behind every proportional limit of the family, written without cancellation.

All limits depend on two masses, ``a = m/d`` (bags) and ``b = (n-m)/d`` (within-bag contrasts),
and on the root alpha of ``1 = lambda alpha + a alpha/(1+alpha) + b rho alpha/(1+rho alpha)``.
Its reciprocal ``u = 1/alpha`` is what is computed, because u = 0 is the interpolating regime.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class FixedPoint:
    """Solution of the fixed point and the complements that its users would lose digits forming.

    Attributes
    ----------
    a, b : ndarray
        Bags and within-bag contrasts per feature.
    x, x_rest : ndarray
        alpha/(1 + alpha) and 1 minus it.
    y, y_rest : ndarray
        rho alpha/(1 + rho alpha) and 1 minus it.
    gap : ndarray
        lambda alpha, also its limit 1 - (rows per feature) when there is no ridge and too few
        rows, so that ``a x + b y + gap = 1`` always.
    """

    a: Real
    b: Real
    x: Real
    x_rest: Real
    y: Real
    y_rest: Real
    gap: Real

    @property
    def shrinkage(self) -> Real:
        """The factor s by which the signal survives."""
        return self.a * self.x

    @property
    def deficit(self) -> Real:
        """1 - s, without cancellation."""
        return self.gap + self.b * self.y

    @property
    def between_energy(self) -> Real:
        """S_A = a x²."""
        return self.a * self.x**2

    @property
    def within_energy(self) -> Real:
        """S_B = b y²."""
        return self.b * self.y**2

    @property
    def slack(self) -> Real:
        """Delta = 1 - S_A - S_B, as a sum of non-negative terms; 0 where the risk diverges."""
        return self.gap + self.a * self.x * self.x_rest + self.b * self.y * self.y_rest

    @property
    def variance_factor(self) -> Real:
        """V = S_A/Delta, the variance per unit of noise."""
        return quotient(self.between_energy, self.slack)

    @property
    def bias_factor(self) -> Real:
        """Squared bias per unit of signal power."""
        spread = self.between_energy * self.deficit**2 + self.within_energy * self.shrinkage**2
        return self.deficit**2 + quotient(spread, self.slack)


def quotient(numerator: Real, denominator: Real) -> Real:
    """Divide, with c/0 = inf and 0/0 = 0: a term that is absent stays absent at a singularity.

    Examples
    --------
    >>> quotient(np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0])).tolist()
    [0.0, inf, 0.5]
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(numerator == 0, 0.0, np.divide(numerator, denominator))


def product(weight: Real, value: Real) -> Real:
    """Multiply, with 0 times inf = 0: no noise, no variance.

    Examples
    --------
    >>> product(np.array([0.0, 2.0]), np.array([np.inf, 3.0])).tolist()
    [0.0, 6.0]
    """
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(weight == 0, 0.0, np.multiply(weight, value))


def masses(psi: Real, bag_size: Real) -> tuple[Real, Real]:
    """Return a = psi/k and b = psi (1 - 1/k).

    Examples
    --------
    >>> masses(np.float64(6.0), np.float64(3.0))
    (np.float64(2.0), np.float64(4.0))
    """
    return psi / bag_size, psi * (bag_size - 1.0) / bag_size


def solve_fixed_point(psi: Real, bag_size: Real, rho: Real, ridge: Real) -> FixedPoint:
    """Solve the isotropic fixed point in every regime (notes 3.1; arguments broadcast).

    Parameters
    ----------
    psi, bag_size, rho, ridge : ndarray
        n/d > 0, k >= 1, rho in [0, inf] and lambda >= 0, already checked.

    Examples
    --------
    >>> one = np.float64(1.0)
    >>> point = solve_fixed_point(6 * one, 3 * one, one, 0 * one)
    >>> float(point.x), float(point.slack)
    (0.16666666666666666, 0.8333333333333334)
    """
    psi, bag_size, rho, ridge = np.broadcast_arrays(psi, bag_size, rho, ridge)
    a, b = masses(psi, bag_size)
    u = np.where(ridge > 0, 1.0, _ridgeless_root(psi, a, b, rho))
    pulled = (ridge > 0) & ~(np.isinf(rho) & (b >= 1))
    if pulled.any():
        rows = np.stack([a, b], axis=-1)[pulled]
        poles = np.stack([np.ones_like(rho), rho], axis=-1)[pulled]
        u = u.copy()
        u[pulled] = secular_root(rows, poles, ridge[pulled])
    u = np.where((ridge > 0) & ~pulled, np.inf, u)
    return _at_root(psi, a, b, rho, ridge, u)


def _ridgeless_root(psi: Real, a: Real, b: Real, rho: Real) -> Real:
    """U = 1/alpha at lambda = 0; 0 where the rows do not determine the solution."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        linear = (a - 1.0) + rho * (b - 1.0)
        root = np.hypot(linear, 2.0 * np.sqrt(rho * (psi - 1.0)))
        u = np.where(linear > 0, 0.5 * (linear + root), 2.0 * rho * (psi - 1.0) / (root - linear))
        at_infinity = np.where(b >= 1, np.inf, (psi - 1.0) / (1.0 - b))
        u = np.where(np.isinf(rho), at_infinity, u)
        u = np.where(rho == 0, np.maximum(a - 1.0, 0.0), u)
        return np.where((rho > 0) & (psi <= 1), 0.0, u)


def _at_root(psi: Real, a: Real, b: Real, rho: Real, ridge: Real, u: Real) -> FixedPoint:
    """Everything else from u, each complement by its own formula."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        x, x_rest = 1.0 / (1.0 + u), 1.0 / (1.0 + 1.0 / u)
        weight = _within_weight(psi, a, b, rho, ridge, u)
        y, y_rest = 1.0 / (1.0 + 1.0 / weight), 1.0 / (1.0 + weight)
        rows = np.where(rho > 0, psi, a)
        gap = np.where(ridge > 0, ridge / u, np.maximum(1.0 - rows, 0.0))
    return FixedPoint(a, b, x, x_rest, y, y_rest, gap)


def _within_weight(psi: Real, a: Real, b: Real, rho: Real, ridge: Real, u: Real) -> Real:
    """Return rho alpha, from its own quadratic where u may have underflown."""
    linear = (a - 1.0) + rho * (b - 1.0)
    root = np.hypot(linear, 2.0 * np.sqrt(rho * (psi - 1.0)))
    ridgeless = np.where(linear > 0, 2.0 * rho / (linear + root), (root - linear) / (psi - 1.0) / 2)
    weight = np.where((ridge > 0) | (psi <= 1), rho / u, ridgeless)
    weight = np.where(np.isinf(rho), np.where(b > 1, 1.0 / (b - 1.0), np.inf), weight)
    return np.where(rho == 0, 0.0, weight)


def secular_root(rows: Real, poles: Real, ridge: Real) -> Real:
    """Solve ``sum_i rows_i p_i/(p_i + u) + ridge/u = 1`` for its positive root u.

    Parameters
    ----------
    rows, poles : ndarray, shape (points, terms)
        Non-negative; a pole may be 0 (its term is absent) or inf (its term is constant, and the
        constants sum to less than 1).
    ridge : ndarray, shape (points,)
        Non-negative; where it is 0 the terms present must have more than one row in all.

    Returns
    -------
    ndarray, shape (points,)

    Raises
    ------
    RuntimeError
        When the iteration does not converge.

    Examples
    --------
    >>> secular_root(np.array([[4.0]]), np.array([[2.0]]), np.array([0.0])).round(12).tolist()
    [6.0]
    """
    present = (poles > 0) & (rows > 0)
    constant = np.where(np.isinf(poles), rows, 0.0).sum(-1)
    finite = present & np.isfinite(poles)
    count = np.where(finite, rows, 0.0).sum(-1)
    least = np.where(finite, poles, np.inf).min(-1, initial=np.inf)
    mass = np.where(finite, rows * np.where(finite, poles, 0.0), 0.0).sum(-1) + ridge
    excess = np.maximum(count + constant - 1.0, 0.0)
    floor = np.where(excess > 0, excess * np.minimum(least, 1e300), 0.0)
    low, high = np.maximum(floor, ridge), mass / (1.0 - constant)

    def imbalance(log_u: Real) -> tuple[Real, Real]:
        u = np.exp(log_u)
        with np.errstate(divide="ignore", over="ignore"):
            share = np.where(present, rows / (1.0 + u[:, None] / poles), 0.0)
            rest = 1.0 / (1.0 + poles / u[:, None])
        total = share.sum(-1) + ridge / u
        return -np.log(total), ((share * rest).sum(-1) + ridge / u) / total

    return np.exp(increasing_root(imbalance, np.log(low), np.log(high)))


def increasing_root(function: Callable[[Real], tuple[Real, Real]], low: Real, high: Real) -> Real:
    """Find the roots of an increasing function, elementwise: Newton's method inside a bracket.

    Parameters
    ----------
    function : callable
        Maps positions to values and derivatives.
    low, high : ndarray
        A bracket of each root.

    Raises
    ------
    RuntimeError
        When an element has not converged after 200 steps.

    Examples
    --------
    >>> cube = lambda v: (v**3 - 8.0, 3.0 * v**2)
    >>> increasing_root(cube, np.array([0.0]), np.array([5.0])).tolist()
    [2.0]
    """
    epsilon = 4.0 * np.finfo(np.float64).eps
    slop = epsilon * (1.0 + np.abs(low) + np.abs(high))
    low, high = low - slop, high + slop
    position = 0.5 * (low + high)
    for _ in range(200):
        value, slope = function(position)
        low = np.where(value < 0, position, low)
        high = np.where(value > 0, position, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            target = position - value / slope
        inside = (target >= low) & (target <= high)
        target = np.where(inside, target, 0.5 * (low + high))
        small = np.abs(target - position) <= epsilon * (1.0 + np.abs(position))
        still = small | (np.abs(value) <= epsilon)
        position = np.where(still, position, target)
        if np.isnan(value).any():
            break
        if still.all():
            return position
    raise RuntimeError("the fixed point did not converge; please report these parameters")
