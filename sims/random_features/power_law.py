"""The optimal fitting ratio of power-law tasks, in closed form for many samples.

``lambda_i = i**-alpha`` and ``v_i**2 = i**-beta`` with infinitely many modes, k = inf. The ridge is
parametrised by the fitting ratio R, training over test error; ``r = sqrt(R) = ridge/(n kappa)``.
Noise is often measured relative to the ridgeless noiseless test error:
``noise_variance = relative_noise * E_00``.

For ``beta > 2 alpha + 1`` the target is smoother than ridge regression can use: the error then
falls as if beta were ``2 alpha + 1``. The functions warn and do so.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import ValidityWarning, array
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
    (alpha, beta), shape = exponents(alpha, beta)
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
    (alpha, beta, noise), shape = exponents(alpha, beta, relative_noise=relative_noise)
    ratio = np.square(1.0 - _best_gap(alpha, beta, noise))
    return np.minimum(ratio, np.nextafter(1.0, 0.0)).reshape(shape)[()]


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
    (alpha, beta, noise, ratio), shape = exponents(
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
    (alpha, beta, noise), shape = exponents(alpha, beta, relative_noise=relative_noise)
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
    (alpha, beta, noise, excess), shape = exponents(
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
    return np.minimum(np.square(1.0 - gap), np.nextafter(1.0, 0.0)).reshape(shape)[()]


def exponents(
    alpha: ArrayLike, beta: ArrayLike, **others: ArrayLike
) -> tuple[list[FloatArray], tuple[int, ...]]:
    """Check and broadcast the exponents and what goes with them; a beta too large is lowered."""
    arrays = {
        "alpha": array("alpha", alpha, 1, open_low=True),
        "beta": array("beta", beta, 1, open_low=True),
    }
    for name, value in others.items():
        below_one = name == "fitting_ratio"
        arrays[name] = array(name, value, 0, 1 if below_one else math.inf, open_high=below_one)
    (flat_alpha, flat_beta, *rest), shape = broadcast(tuple(arrays), tuple(arrays.values()))
    largest = 2.0 * flat_alpha + 1.0
    if np.any(flat_beta >= largest):
        at = int(np.argmax(flat_beta >= largest))
        warnings.warn(
            f"beta = {flat_beta[at]:g} is not below 2 alpha + 1 = {largest[at]:g}: the target is "
            "smoother than ridge regression can use, and the error falls as if beta were that",
            ValidityWarning,
            stacklevel=3,
        )
    return [flat_alpha, np.minimum(flat_beta, largest), *rest], shape


def _relative(
    gap: FloatArray, alpha: FloatArray, beta: FloatArray, noise: FloatArray
) -> FloatArray:
    """`relative_error` in terms of ``gap = 1 - r``."""
    return np.asarray((gap ** (1.0 - beta) + alpha * noise) / (alpha - (alpha - 1.0) * gap))


def _best_gap(alpha: FloatArray, beta: FloatArray, noise: FloatArray) -> FloatArray:
    """Return ``1 - r`` at the optimum, in (0, 1].

    It is the root of an increasing convex function, so Newton's method falls towards it from
    above; the start leaves out the linear term.
    """
    weight = alpha * (alpha - 1.0) * noise
    with np.errstate(divide="ignore"):
        gap = np.minimum(1.0, (alpha * (beta - 1.0) / weight) ** (1.0 / beta))
    for _ in range(_NEWTON_STEPS):
        value = alpha * (1.0 - beta) + (alpha - 1.0) * beta * gap + weight * gap**beta
        slope = (alpha - 1.0) * beta + weight * beta * gap ** (beta - 1.0)
        step = np.maximum(value / slope, 0.0)  # below 0 the optimum is at r = 0
        gap = gap - step
        if np.all(step <= 1e-16 * gap):
            break
    return gap
