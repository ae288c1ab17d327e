"""Spectra of synthetic tasks, ready to be passed to `risk`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

EXPLICIT_MODES = 100_000  # up to here every mode is listed
_SINGLE_MODES = 512  # listed one by one before the integral takes over
_GAUSS_NODES = 12
_E_FOLDS = 2.5  # of the eigenvalue in each Gauss panel: 12 nodes then leave 1e-16
_LARGEST_SIZE = 12.0  # infinite spectra serve n and k up to 10^12


@dataclass(frozen=True)
class TaskSpectrum:
    """Eigenvalues of a kernel and the target's power on them.

    Attributes
    ----------
    eigenvalues : array, shape (levels,)
    target_power : array, shape (levels,)
        Squared target coefficient of each single mode of the level.
    multiplicity : array, shape (levels,)
        Modes in each level; not whole where levels stand for a stretch of the spectrum.
    """

    eigenvalues: FloatArray
    target_power: FloatArray
    multiplicity: FloatArray

    def arguments(self) -> dict[str, FloatArray]:
        """Return the keyword arguments with which `risk` and its like take the task.

        Examples
        --------
        >>> from sims.random_features.theory import risk
        >>> task = power_law_spectrum(1.5, 2.0, float("inf"))
        >>> float(risk(100, 1000, 0.1, **task.arguments()).test.round(4))
        0.0376
        """
        return {
            "eigenvalues": self.eigenvalues,
            "target_power": self.target_power,
            "multiplicity": self.multiplicity,
        }


def power_law_spectrum(alpha: float, beta: float, modes: float) -> TaskSpectrum:
    """Return the task ``lambda_i = i**-alpha``, ``v_i**2 = i**-beta``, i = 1 ... modes.

    Parameters
    ----------
    alpha : float
        Eigenvalue exponent, in [0, 20]; above 1 if `modes` is inf.
    beta : float
        Target exponent, in [0, 20]; above 1 if `modes` is inf.
    modes : float
        A whole number in [1, 1e15], or inf.

    Returns
    -------
    TaskSpectrum
        Every mode by itself up to 100 000 modes (all multiplicities 1). Longer spectra are
        compressed to about a thousand levels; sums over the spectrum keep a relative accuracy of
        1e-11 (derived, see docs/theory/random_features.md). An infinite one serves n and k up to
        1e12.

    Raises
    ------
    ValueError
        For an argument outside its range; with infinitely many modes an exponent of 1 or less
        would mean an infinite trace or an infinite target.

    Examples
    --------
    >>> spectrum = power_law_spectrum(1.5, 1.2, 3)
    >>> spectrum.eigenvalues.round(3)
    array([1.   , 0.354, 0.192])
    >>> endless = power_law_spectrum(1.5, 2.0, float("inf"))
    >>> float(round((endless.multiplicity * endless.target_power).sum(), 9))  # pi^2/6
    1.644934067
    """
    modes = number("modes", modes, 1, allow_inf=True)
    endless = math.isinf(modes)
    if not endless:
        modes = integer("modes", modes, 1, 1e15)
    alpha = number("alpha", alpha, 1 if endless else 0, 20, open_low=endless)
    beta = number("beta", beta, 1 if endless else 0, 20, open_low=endless)
    if modes <= EXPLICIT_MODES:
        index = np.arange(1.0, modes + 1)
        return TaskSpectrum(index**-alpha, index**-beta, np.ones(len(index)))
    # An infinite spectrum is cut where eigenvalues are below 1e-17 of any gamma that may occur.
    end = 10.0 ** (_LARGEST_SIZE + 1.0 + 17.0 / alpha) if endless else modes + 0.5
    single = np.arange(1.0, _SINGLE_MODES + 2)
    weights = np.ones(len(single))
    # Euler-Maclaurin: sum beyond I = integral from I + 1/2 + (f(I + 1) - f(I))/24 + O(f''').
    weights[-2:] = 1.0 - 1.0 / 24.0, 1.0 / 24.0
    index, stretch = _panels(_SINGLE_MODES + 0.5, end, _E_FOLDS / max(1.0, alpha, beta / 2.0))
    index, multiplicity = np.concatenate([single, index]), np.concatenate([weights, stretch])
    eigenvalues, target_power = index**-alpha, index**-beta
    if endless:
        # One level with the trace of the rest, one without eigenvalue with its target power.
        eigenvalues = np.append(eigenvalues, [end**-alpha, 0.0])
        target_power = np.append(target_power, [0.0, end ** (1.0 - beta) / (beta - 1.0)])
        multiplicity = np.append(multiplicity, [end / (alpha - 1.0), 1.0])
    return TaskSpectrum(eigenvalues, target_power, multiplicity)


def _panels(start: float, end: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre nodes and weights for an integral over a long range, in its logarithm."""
    span = math.log(end / start)
    count = max(1, math.ceil(span / width))
    node, weight = np.polynomial.legendre.leggauss(_GAUSS_NODES)
    half = span / count / 2.0
    centre = math.log(start) + half * (2.0 * np.arange(count) + 1.0)
    index = np.exp((centre[:, None] + half * node).ravel())
    return index, index * np.tile(half * weight, count)


def relu_sphere_spectrum(
    dimension: int, degrees: int, degree_power: ArrayLike = ()
) -> TaskSpectrum:
    """Return the spectrum of random ReLU features on the sphere.

    Inputs are uniform on the unit sphere of `dimension` coordinates and features are
    ``relu(w . x)`` with ``w ~ N(0, (2/dimension) I)``; level l holds the spherical harmonics of
    degree l, l = 0 ... degrees - 1. Odd degrees from 3 on have eigenvalue 0.

    Parameters
    ----------
    dimension : int
        At least 2.
    degrees : int
        How many degrees, at least 1; about 60 leave nothing to be desired.
    degree_power : array_like, shape (up to degrees,), optional
        Target power of each degree in total, >= 0; missing ones are 0. For the target
        ``sum_l c_l sqrt(N_l) P_l(e . x)`` it is ``c_l**2``.

    Returns
    -------
    TaskSpectrum
        One level a degree.

    Raises
    ------
    ValueError
        For an argument outside its range or more powers than degrees.

    References
    ----------
    The Funk-Hecke formula; the closed form is derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> spectrum = relu_sphere_spectrum(10, 5)
    >>> spectrum.multiplicity
    array([  1.,  10.,  54., 210., 660.])
    >>> [float(f"{x:.5e}") for x in spectrum.eigenvalues]
    [0.0334602, 0.005, 0.000276531, 0.0, 1.63628e-06]
    """
    d = integer("dimension", dimension, 2, 10_000)
    count = integer("degrees", degrees, 1, 10_000)
    given = array("degree_power", degree_power, 0, ndim=1)
    if len(given) > count:
        reject("len(degree_power)", len(given), f"at most degrees = {count}")
    power = np.pad(given, (0, count - len(given)))
    degree = np.arange(count)
    even = (degree % 2 == 0) & (degree >= 2)
    m = degree[even]
    log_coefficient = np.full(count, -np.inf)  # of relu(t) on P_l(t)
    log_coefficient[0] = gammaln(d / 2) - gammaln((d + 1) / 2) - math.log(2 * math.sqrt(math.pi))
    log_coefficient[1:2] = -math.log(2 * d)
    log_coefficient[even] = (
        gammaln(d / 2) - 0.5 * math.log(math.pi) - m * math.log(2)
        + gammaln(m - 1) - gammaln(m / 2) - gammaln((m + d + 1) / 2)
    )  # fmt: skip
    multiplicity = np.array([_harmonics(d, int(degree)) for degree in degree])
    return TaskSpectrum(2.0 * np.exp(2.0 * log_coefficient), power / multiplicity, multiplicity)


def _harmonics(dimension: int, degree: int) -> float:
    """Count the independent spherical harmonics of one degree."""
    if degree == 0:
        return 1.0
    choices = math.comb(degree + dimension - 3, degree - 1)
    return float((2 * degree + dimension - 2) * choices // degree)
