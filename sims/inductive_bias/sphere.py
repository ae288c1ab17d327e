"""Band-limited functions on a sphere, where the law is one non-central chi-square."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sims.inductive_bias.inversion import law_log_cdf
from sims.inductive_bias.law import GeneralisedChiSquare
from sims.numerics.validate import array, integer, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def harmonics_up_to(dimension: int, degree: int) -> int:
    """Count the orthonormal spherical harmonics of degree at most K on the m-sphere.

    ``E = C(m + K, m) + C(m + K - 1, m)``.

    Parameters
    ----------
    dimension : int
        m >= 1, of the sphere itself: 1 is the circle.
    degree : int
        K >= 0.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> harmonics_up_to(1, 5), harmonics_up_to(2, 3)
    (11, 16)
    """
    m, k = integer("dimension", dimension, 1), integer("degree", degree, 0)
    return math.comb(m + k, m) + math.comb(m + k - 1, m)


def bandlimited_sphere_bits(
    error: ArrayLike,
    *,
    dimension: int,
    degree: int,
    samples: int,
    residual: float,
    prior_variance: float | None = None,
) -> FloatArray | float:
    r"""Exact bits that a band-limited function on the m-sphere needs beyond generic samples.

    Coefficients of the E harmonics of degree at most K are N(0, sigma² I) a priori; n generic
    noiseless samples fix n of them; the error is the squared population L² distance. It follows
    :math:`\sigma^2 \chi'^2(E - n, r^2/\sigma^2)`.

    Parameters
    ----------
    error : array_like
        Mean squared error to be reached, > 0; inf is allowed.
    dimension, degree : int
        m >= 1 of the sphere, K >= 0 of the highest harmonics.
    samples : int
        n >= 0; from E on nothing is missing.
    residual : float
        r² >= 0: squared norm of the part of the true coefficients that the samples do not see.
        For a truth drawn from the prior it is sigma² (E - n) on average.
    prior_variance : float, optional
        sigma² > 0; 1/E if absent, which gives labels unit variance.

    Returns
    -------
    float, or ndarray shaped like `error`
        Bits.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> round(bandlimited_sphere_bits(0.1, dimension=1, degree=3, samples=3, residual=4 / 7), 2)
    6.93
    """
    free, variance, r2 = _setting(dimension, degree, samples, residual, prior_variance)
    eps = array("error", error, 0.0, open_low=True, allow_inf=True)
    if free <= 0:
        return np.zeros(eps.shape) if eps.ndim else 0.0
    law = GeneralisedChiSquare(np.array([variance]), np.array([float(free)]), np.array([r2]))
    bits = 0.0 - law_log_cdf(law, eps) / math.log(2.0)
    return bits if eps.ndim else float(bits)


def bandlimited_sphere_asymptote(
    error: ArrayLike,
    *,
    dimension: int,
    degree: int,
    samples: int,
    residual: float,
    prior_variance: float | None = None,
) -> FloatArray | float:
    """Small-error limit of `bandlimited_sphere_bits`: dimensions times a logarithm.

    ``((E - n)/2) ln(2 sigma²/error) + lnGamma((E - n)/2 + 1) + r²/(2 sigma²)`` nats, returned in
    bits; negative values are cut to 0.

    Parameters
    ----------
    error, dimension, degree, samples, residual, prior_variance
        As for `bandlimited_sphere_bits`.

    Returns
    -------
    float, or ndarray shaped like `error`

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md. The form is that of the 2023 measure of
    generalization difficulty.

    Examples
    --------
    >>> round(bandlimited_sphere_asymptote(1e-3, dimension=1, degree=3, samples=3, residual=4/7), 2)
    20.2
    """
    free, variance, r2 = _setting(dimension, degree, samples, residual, prior_variance)
    eps = array("error", error, 0.0, open_low=True)
    half = 0.5 * max(free, 0)
    nats = half * np.log(2.0 * variance / eps) + gammaln(half + 1.0)
    if free > 0:
        nats = nats + 0.5 * r2 / variance
    bits = np.maximum(nats, 0.0) / math.log(2.0)
    return bits if eps.ndim else float(bits)


def _setting(
    dimension: int, degree: int, samples: int, residual: float, prior_variance: float | None
) -> tuple[int, float, float]:
    """Free coefficients E - n, prior variance and squared residual, checked."""
    harmonics = harmonics_up_to(dimension, degree)
    free = harmonics - integer("samples", samples, 0)
    r2 = number("residual", residual, 0.0)
    if prior_variance is None:
        return free, 1.0 / harmonics, r2
    return free, number("prior_variance", prior_variance, 0.0, open_low=True), r2
