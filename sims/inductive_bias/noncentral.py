"""Density of the non-central chi-square at many points, fast and for any parameters."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.special import loggamma

FloatArray = NDArray[np.float64]
_Array = NDArray[Any]  # complex while differentiating in the degrees of freedom

_ORDER = 24.0  # from this order on, the uniform expansion with so many terms is exact to 1e-15
_TERMS = 10
_STEP = 1e-30  # of the complex-step derivative: no subtraction, so it can be as small as this


class LogDensity(NamedTuple):
    """ln f(x) and its derivatives, each of the points' shape.

    Attributes
    ----------
    value, by_point, by_dof, by_noncentrality : ndarray
    """

    value: FloatArray
    by_point: FloatArray
    by_dof: FloatArray
    by_noncentrality: FloatArray


def log_density(points: FloatArray, dof: float, noncentrality: float) -> LogDensity:
    r"""Log density of the non-central chi-square and its gradient.

    :math:`\ln f = -b\ln 2 + (b-1)\ln x - (x+\lambda)/2 - \ln\Gamma(b) + \ln {}_0F_1(b;
    \lambda x/4)` with :math:`b = \nu/2`, which is smooth in lambda down to 0, where it is the
    chi-square. The confluent function comes from the uniform expansion of the Bessel function at
    a high order and a stable recurrence down to the order wanted.

    Parameters
    ----------
    points : ndarray
        > 0.
    dof : float
        nu > 0.
    noncentrality : float
        lambda >= 0.

    Returns
    -------
    LogDensity

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> log_density(np.array([2.0]), 2.0, 0.0).value  # ln(1/2) - 1
    array([-1.69314718])
    """
    half = complex(0.5 * dof, _STEP)
    argument = 0.25 * noncentrality * points
    log_function, ratio = _log_confluent(half, argument)
    logs = np.log(points)
    constant = loggamma(half) + half * math.log(2.0) + 0.5 * noncentrality
    value = (half - 1.0) * logs - 0.5 * points - constant + log_function
    slope = 0.25 * ratio.real / half.real  # of ln 0F1 in lambda x
    return LogDensity(
        np.asarray(value.real),
        (half.real - 1.0) / points - 0.5 + noncentrality * slope,
        np.asarray(0.5 * value.imag / _STEP),
        points * slope - 0.5,
    )


def _log_confluent(b: complex, q: FloatArray) -> tuple[_Array, _Array]:
    """Compute ln 0F1(b; q) and the ratio 0F1(b+1; q)/0F1(b; q), for b > 0 and q >= 0.

    0F1(b-1) = 0F1(b) + q/(b(b-1)) 0F1(b+1): all terms positive, so going down is stable.
    """
    steps = max(0, math.ceil(_ORDER + 1.0 - b.real))
    top = b + steps
    result = _uniform(top, q)
    ratio = np.exp(_uniform(top + 1.0, q) - result)
    for at in (b + j for j in reversed(range(steps))):  # top - 1 would cost a small b its digits
        ratio = 1.0 / (1.0 + q / (at * (at + 1.0)) * ratio)
        result = result - np.log(ratio)
    return result, ratio


def _uniform(b: complex, q: FloatArray) -> _Array:
    """Compute ln 0F1(b; q) for b > _ORDER, from the expansion of I_(b-1)(2 sqrt q)."""
    order = b - 1.0
    square = 4.0 * q / (order * order)
    root = np.sqrt(1.0 + square)
    exponent = order * (square / (1.0 + root) - np.log(0.5 + 0.5 * root))
    # what is left of ln Gamma(order + 1) once Stirling's leading terms are taken away
    rest = loggamma(order + 1.0) - (order + 0.5) * np.log(order) + order
    rest -= 0.5 * math.log(2.0 * math.pi)
    slant = 1.0 / root
    squared, total = slant * slant, np.zeros_like(root)
    for coefficients in reversed(_debye()):
        inner = np.full_like(root, coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            inner = inner * squared + coefficient
        total = total * (slant / order) + inner
    return np.asarray(exponent + rest - 0.5 * np.log(root) + np.log(total))


@functools.cache
def _debye() -> tuple[tuple[float, ...], ...]:
    """Coefficients of u_k(t)/t^k in t², k = 0 … _TERMS (F. W. J. Olver's recurrence)."""
    t = Polynomial([0.0, 1.0])
    u = Polynomial([1.0])
    result: list[tuple[float, ...]] = [(1.0,)]
    for k in range(1, _TERMS + 1):
        u = 0.5 * t**2 * (1.0 - t**2) * u.deriv() + 0.125 * ((1.0 - 5.0 * t**2) * u).integ()
        result.append(tuple(float(c) for c in u.coef[k::2]))
    return tuple(result)
