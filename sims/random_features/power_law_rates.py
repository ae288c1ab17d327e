"""Rates of power-law tasks: errors to leading order in the number of samples or features.

Same task and same conventions as in `power_law`.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import zeta

from sims.numerics.validate import ValidityWarning, array, reject
from sims.random_features.power_law import exponents, optimal_fitting_ratio, relative_error
from sims.random_features.theory import broadcast

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def asymptotic_kappa(n: ArrayLike, fitting_ratio: ArrayLike, alpha: ArrayLike) -> FloatArray:
    """Return the implicit ridge kappa to leading order in n.

    Parameters
    ----------
    n : array_like
        Number of samples, in (0, inf).
    fitting_ratio : array_like
        R, in [0, 1).
    alpha : array_like
        Eigenvalue exponent, > 1.

    Returns
    -------
    array
        ``[pi/(alpha sin(pi/alpha)) / (n (1 - r))]**alpha``; the ridge there is ``n r kappa``.

    Raises
    ------
    ValueError
        For an argument outside its range.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> float(asymptotic_kappa(100, 0.0, 2.0).round(8))  # (pi/200)^2
    0.00024674
    """
    n = array("n", n, 0, open_low=True)
    ratio = array("fitting_ratio", fitting_ratio, 0, 1, open_high=True)
    alpha = array("alpha", alpha, 1, open_low=True)
    (n, ratio, alpha), shape = broadcast(("n", "fitting_ratio", "alpha"), [n, ratio, alpha])
    return ((_prefactor(alpha) / (n * (1.0 - np.sqrt(ratio)))) ** alpha).reshape(shape)[()]


def ridgeless_error(n: ArrayLike, alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    """Return ``E_00``, the noiseless ridgeless test error, to leading order in n.

    Parameters
    ----------
    n : array_like
        Number of samples, in (0, inf).
    alpha, beta : array_like
        Exponents, > 1.

    Returns
    -------
    array
        Falls like ``n**(1-beta)``; like ``n**(-2 alpha)`` for beta > 2 alpha + 1.

    Raises
    ------
    ValueError
        For an argument outside its range, and for ``beta = 2 alpha + 1``, where a logarithm of n
        replaces the power law.

    Warns
    -----
    ValidityWarning
        For beta > 2 alpha + 1.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> float(ridgeless_error(1000, 2.0, 2.0).round(9))  # pi^2/4000
    0.002467401
    """
    n = array("n", n, 0, open_low=True)
    (alpha, beta, n, given), shape = exponents(alpha, beta, n=n, beta_as_given=beta)
    if np.any(given == 2.0 * alpha + 1.0):
        reject("beta", float(given[given == 2.0 * alpha + 1.0][0]), "different from 2 alpha + 1")
    smooth = given > 2.0 * alpha + 1.0
    p = (beta - 1.0) / alpha
    rough = 1.0 / np.sinc(np.where(smooth, 0.0, 1.0 - p))
    saturated = alpha * zeta(np.where(smooth, given - 2.0 * alpha, 2.0))
    scale = (_prefactor(alpha) / n) ** (beta - 1.0)
    return (scale * np.where(smooth, saturated, rough)).reshape(shape)[()]


def asymptotic_error(
    n: ArrayLike,
    fitting_ratio: ArrayLike,
    alpha: ArrayLike,
    beta: ArrayLike,
    noise_variance: ArrayLike = 0.0,
) -> FloatArray:
    """Return the test error at a given fitting ratio to leading order in n.

    Parameters
    ----------
    n : array_like
        Number of samples, in (0, inf).
    fitting_ratio : array_like
        R, in [0, 1).
    alpha, beta : array_like
        Exponents, > 1.
    noise_variance : array_like
        Of the labels, absolute, >= 0.

    Returns
    -------
    array
        ``[E_00 (1-r)**(1-beta) + alpha noise_variance] / (1 + (alpha-1) r)``.

    Raises
    ------
    ValueError
        As for `ridgeless_error`.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> float(asymptotic_error(10_000, 0.16, 1.5, 1.5, 0.5).round(5))
    0.66546
    """
    scale = ridgeless_error(n, alpha, beta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # given once already
        noise = array("noise_variance", noise_variance, 0)
        return scale * relative_error(fitting_ratio, alpha, beta, noise / scale)


def fixed_noise_fitting_ratio(
    n: ArrayLike, alpha: ArrayLike, beta: ArrayLike, noise_variance: ArrayLike
) -> FloatArray:
    """Return the optimal fitting ratio when the noise stays fixed while n grows.

    The noise then outgrows the error it is compared with, and R* tends to 1: the classical
    regime, in which overfitting is harmful.

    Parameters
    ----------
    n, alpha, beta, noise_variance : array_like
        As for `asymptotic_error`.

    Returns
    -------
    array
        R*, in [0, 1).

    Raises
    ------
    ValueError
        As for `ridgeless_error`.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> fixed_noise_fitting_ratio([1e2, 1e4, 1e6], 1.5, 2.0, 0.1).round(3)
    array([0.165, 0.856, 0.985])
    """
    scale = ridgeless_error(n, alpha, beta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # given once already
        noise = array("noise_variance", noise_variance, 0)
        return optimal_fitting_ratio(alpha, beta, noise / scale)


def fixed_noise_excess(
    n: ArrayLike, alpha: ArrayLike, beta: ArrayLike, noise_variance: ArrayLike
) -> FloatArray:
    """Return the optimal test error minus fixed noise, to leading order in n.

    Parameters
    ----------
    n, alpha, beta, noise_variance : array_like
        As for `asymptotic_error`; the noise positive.

    Returns
    -------
    array
        Falls like ``n**(-(beta-1)/beta)``.

    Raises
    ------
    ValueError
        As for `ridgeless_error`.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> slow, fast = fixed_noise_excess([1e6, 1e8], 1.5, 2.0, 0.1)
    >>> round(float(slow / fast), 6)
    10.0
    """
    noise = array("noise_variance", noise_variance, 0, open_low=True)
    scale = ridgeless_error(n, alpha, beta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # given once already
        (alpha, beta, noise, scale), shape = exponents(
            alpha, beta, noise_variance=noise, scale=scale
        )
    gap = ((beta - 1.0) * scale / ((alpha - 1.0) * noise)) ** (1.0 / beta)
    excess = noise * (alpha - 1.0) / alpha * beta / (beta - 1.0) * gap
    return excess.reshape(shape)[()]


def feature_bottleneck(k: ArrayLike, alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    """Return the test error minus noise for infinitely many samples, no ridge, k features.

    Parameters
    ----------
    k : array_like
        Number of features, in (0, inf).
    alpha, beta : array_like
        Exponents, > 1.

    Returns
    -------
    array
        To leading order in k: falls like ``k**(1-beta)`` for beta < alpha + 1 and like
        ``k**-alpha`` beyond.

    Raises
    ------
    ValueError
        For an argument outside its range, and for ``beta = alpha + 1``, where a logarithm of k
        replaces the power law.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> float(feature_bottleneck(1000, 2.0, 2.0).round(9))  # pi^2/4 / 1000
    0.002467401
    """
    arrays = [array("k", k, 0, open_low=True)]
    arrays += [array(name, x, 1, open_low=True) for name, x in (("alpha", alpha), ("beta", beta))]
    (k, alpha, beta), shape = broadcast(("k", "alpha", "beta"), arrays)
    if np.any(beta == alpha + 1.0):
        reject("beta", float(beta[beta == alpha + 1.0][0]), "different from alpha + 1")
    p = (beta - 1.0) / alpha
    smooth = beta > alpha + 1.0
    gamma = (_prefactor(alpha) / k) ** alpha
    rough = gamma**p / ((beta - 1.0) * np.sinc(np.where(smooth, 0.0, p)))
    saturated = gamma * zeta(np.where(smooth, beta - alpha, 2.0))
    return np.where(smooth, saturated, rough).reshape(shape)[()]


def _prefactor(alpha: FloatArray) -> FloatArray:
    """``pi/(alpha sin(pi/alpha))``: the integral of ``1/(1 + x**alpha)`` over x > 0."""
    return np.asarray(1.0 / np.sinc(1.0 / alpha))
