"""Kernel ridge regression as a function of how well it fits: the exact partner of `power_law`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, reject
from sims.random_features.eigenframework import Equation, solve
from sims.random_features.spectral_sums import spectral_sums
from sims.random_features.theory import broadcast, samples_argument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class FittingCurve:
    """Test error against fitting ratio at k = inf; arrays of the broadcast shape.

    Attributes
    ----------
    ridge : array
        The ridge that gives the fitting ratio.
    test : array
        Test error there, label noise included.
    relative : array
        The same over the ridgeless noiseless test error.
    kappa : array
        The implicit ridge.
    """

    ridge: FloatArray
    test: FloatArray
    relative: FloatArray
    kappa: FloatArray


def fitting_curve(
    fitting_ratio: ArrayLike,
    n: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    relative_noise: ArrayLike = 0.0,
    multiplicity: ArrayLike | None = None,
) -> FittingCurve:
    """Evaluate the eigenframework at k = inf for given fitting ratios instead of ridges.

    Parameters
    ----------
    fitting_ratio : array_like
        R, training over test error, in [0, 1).
    n : array_like
        Number of samples, in (0, rank); `fitting_ratio`, `n` and `relative_noise` broadcast.
    eigenvalues, target_power, multiplicity
        The task, as for `risk`.
    relative_noise : array_like
        Noise variance over the ridgeless noiseless test error at the same n, >= 0.

    Returns
    -------
    FittingCurve

    Raises
    ------
    ValueError
        As for `risk`; also for n not below the number of positive eigenvalues, where a ridgeless
        fit does not interpolate noise.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> from sims.random_features.spectra import power_law_spectrum
    >>> task = power_law_spectrum(1.5, 2.0, np.inf)
    >>> curve = fitting_curve(
    ...     [0, 0.25], 1e4, task.eigenvalues, task.target_power, multiplicity=task.multiplicity
    ... )
    >>> curve.relative.round(3)
    array([1. , 1.6])
    """
    arrays = [
        array("fitting_ratio", fitting_ratio, 0, 1, open_high=True),
        samples_argument(n),
        array("relative_noise", relative_noise, 0),
    ]
    sums = spectral_sums(eigenvalues, target_power, multiplicity)
    (ratio, n, noise), shape = broadcast(("fitting_ratio", "n", "relative_noise"), arrays)
    if np.any(sums.spare(n) >= 0):
        reject("n", float(n.max()), f"below the number of positive eigenvalues, {sums.rank:g}")
    r = np.sqrt(ratio)
    no_ridge, endless = np.zeros_like(n), np.full_like(n, np.inf)
    plain = sums.all(solve(sums, Equation(n, endless, no_ridge)).log_gamma)
    scale = n * plain.s2 / plain.c  # ridgeless: n - q = c
    # The fitting ratio fixes z = n (1 - r), which is the ridgeless equation for fewer samples.
    log_gamma = solve(sums, Equation(n * (1.0 - r), endless, no_ridge)).log_gamma
    at = sums.all(log_gamma)
    test = n * (at.s2 + noise * scale) / (n * r + at.c)
    kappa = sums.scale * np.exp(log_gamma)
    fields = (n * r * kappa, test, test / scale, kappa)
    return FittingCurve(*(values.reshape(shape)[()] for values in fields))
