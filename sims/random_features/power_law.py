"""Power-law tasks learnt by kernel ridge regression: closed forms for many samples.

``lambda_i = i**-alpha`` and ``v_i**2 = i**-beta`` with infinitely many modes, k = inf. The ridge is
parametrised by the fitting ratio R, training over test error; ``r = sqrt(R) = ridge/(n kappa)``.
Noise is often measured relative to the ridgeless noiseless test error:
``noise_variance = relative_noise * E_00``.

For ``beta > 2 alpha + 1`` the target is smoother than ridge regression can use: the error then
falls as if beta were ``2 alpha + 1``. The functions warn and do so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import zeta

from sims.numerics.validate import ValidityWarning, array, number, reject
from sims.random_features.eigenframework import Equation, solve
from sims.random_features.estimates import evaluate
from sims.random_features.spectral_sums import spectral_sums
from sims.random_features.theory import broadcast

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_NEWTON_STEPS = 200  # far more than the convex functions below ever take


def interpolation_threshold(alpha: ArrayLike, beta: ArrayLike) -> FloatArray:
    """Return the largest relative noise at which fitting the training data exactly is optimal.

    Parameters
    ----------
    alpha, beta : array_like
        Exponents of eigenvalues and target power, > 1.

    Returns
    -------
    array
        ``(beta - alpha)/(alpha (alpha - 1))``; negative means that interpolation is not optimal
        even without noise.

    Raises
    ------
    ValueError
        For an exponent of 1 or less.

    Warns
    -----
    ValidityWarning
        For ``beta >= 2 alpha + 1``, which counts as ``2 alpha + 1``.

    References
    ----------
    Simon et al., arXiv 2311.14646; derived in docs/theory/random_features.md.

    Examples
    --------
    >>> float(interpolation_threshold(1.5, 2.0).round(3))
    0.667
    """
    (alpha, beta), shape = _exponents(alpha, beta)
    return ((beta - alpha) / (alpha * (alpha - 1.0))).reshape(shape)[()]


def optimal_fitting_ratio(
    alpha: ArrayLike, beta: ArrayLike, relative_noise: ArrayLike = 0.0
) -> FloatArray:
    """Return the fitting ratio at the optimal ridge in the limit of many samples.

    Parameters
    ----------
    alpha, beta : array_like
        Exponents, > 1.
    relative_noise : array_like
        Noise variance over the ridgeless noiseless test error, in [0, inf).

    Returns
    -------
    array
        R*, in [0, 1): 0 if and only if `relative_noise` is at most `interpolation_threshold`.

    Raises
    ------
    ValueError
        For an argument outside its range.

    Warns
    -----
    ValidityWarning
        For ``beta >= 2 alpha + 1``, which counts as ``2 alpha + 1``.

    References
    ----------
    Simon et al., arXiv 2311.14646; derived in docs/theory/random_features.md.

    Examples
    --------
    >>> optimal_fitting_ratio(1.5, 2.0, [0, 1, 5]).round(4)
    array([0.    , 0.0106, 0.2371])
    """
    (alpha, beta, noise), shape = _exponents(alpha, beta, relative_noise=relative_noise)
    return np.square(1.0 - _best_gap(alpha, beta, noise)).reshape(shape)[()]


def relative_error(
    fitting_ratio: ArrayLike, alpha: ArrayLike, beta: ArrayLike, relative_noise: ArrayLike = 0.0
) -> FloatArray:
    """Return the test error at a given fitting ratio over the ridgeless noiseless test error.

    Parameters
    ----------
    fitting_ratio : array_like
        R, in [0, 1).
    alpha, beta, relative_noise : array_like
        As for `optimal_fitting_ratio`.

    Returns
    -------
    array
        ``[(1-r)**(1-beta) + alpha relative_noise] / (1 + (alpha-1) r)`` with ``r = sqrt(R)``.

    Raises
    ------
    ValueError
        For an argument outside its range.

    References
    ----------
    Simon et al., arXiv 2311.14646 (the authors' code); derived in docs/theory/random_features.md.

    Examples
    --------
    >>> relative_error([0, 0.25], 1.5, 2.0).round(4)
    array([1. , 1.6])
    """
    (alpha, beta, noise, ratio), shape = _exponents(
        alpha, beta, relative_noise=relative_noise, fitting_ratio=fitting_ratio
    )
    r = np.sqrt(ratio)
    return _relative(1.0 - r, alpha, beta, noise).reshape(shape)[()]


def optimal_relative_error(
    alpha: ArrayLike, beta: ArrayLike, relative_noise: ArrayLike = 0.0
) -> FloatArray:
    """Return the smallest `relative_error` over all fitting ratios.

    Parameters and errors as for `optimal_fitting_ratio`.

    Examples
    --------
    >>> float(optimal_relative_error(1.5, 2.0, 0.5))  # interpolation is optimal here
    1.75
    """
    (alpha, beta, noise), shape = _exponents(alpha, beta, relative_noise=relative_noise)
    return _relative(_best_gap(alpha, beta, noise), alpha, beta, noise).reshape(shape)[()]


def largest_fitting_ratio(
    alpha: ArrayLike, beta: ArrayLike, relative_noise: ArrayLike = 0.0, excess: ArrayLike = 0.05
) -> FloatArray:
    """Return the largest fitting ratio that still comes within a given excess of the optimum.

    Parameters
    ----------
    alpha, beta, relative_noise : array_like
        As for `optimal_fitting_ratio`.
    excess : array_like
        The test error may be ``1 + excess`` times the optimal one, in (0, inf).

    Returns
    -------
    array
        In (R*, 1).

    Raises
    ------
    ValueError
        For an argument outside its range.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> largest_fitting_ratio(1.12, 1.36, 0, [0.01, 0.05, 0.1, 0.5]).round(3)
    array([0.002, 0.031, 0.093, 0.554])
    """
    excess = array("excess", excess, 0, open_low=True)
    (alpha, beta, noise, excess), shape = _exponents(
        alpha, beta, relative_noise=relative_noise, excess=excess
    )
    target = (1.0 + excess) * _relative(_best_gap(alpha, beta, noise), alpha, beta, noise)
    # Convex and falling in the gap 1 - r up to the root: Newton's method climbs towards it.
    gap = (target * alpha) ** (-1.0 / (beta - 1.0))
    for _ in range(_NEWTON_STEPS):
        value = gap ** (1.0 - beta) + alpha * noise - target * (alpha - (alpha - 1.0) * gap)
        slope = (1.0 - beta) * gap**-beta + target * (alpha - 1.0)
        step = value / slope
        gap = np.clip(gap - step, gap, 1.0)
        if np.all(np.abs(step) <= 1e-16 + 1e-15 * gap):
            break
    return np.square(1.0 - gap).reshape(shape)[()]


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
    >>> float(ridgeless_error(1000, 2.0, 2.0).round(9))  # pi^2/(4 * 1000) / (2/pi) ...
    0.001570796
    """
    n = array("n", n, 0, open_low=True)
    true_beta = array("beta", beta, 1, open_low=True)
    (alpha, beta, n, true_beta), shape = _exponents(alpha, beta, n=n, true_beta=true_beta)
    return _ridgeless(n, alpha, beta, true_beta).reshape(shape)[()]


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
    0.65023
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
    array([0.169, 0.857, 0.985])
    """
    scale = ridgeless_error(n, alpha, beta)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)
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
        warnings.simplefilter("ignore", ValidityWarning)
        (alpha, beta, noise, scale), shape = _exponents(
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
    inner = _prefactor(alpha) ** (beta - 1.0) / (p * np.sinc(np.where(smooth, 0.0, p)))
    rough = inner * (beta - 1.0) / alpha / alpha * np.pi * 0 + inner * k ** (1.0 - beta)
    saturated = (_prefactor(alpha) / k) ** alpha * zeta(np.where(smooth, beta - alpha, 2.0))
    return np.where(smooth, saturated, rough).reshape(shape)[()]
