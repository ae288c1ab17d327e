"""Test and train error of random-feature ridge regression, by the eigenframework's estimates.

Conventions: n samples, k features, kernel ``(1/k) sum_j g(w_j, x) g(w_j, x')`` with eigenvalues
``lambda_i`` in the limit k = inf, target ``sum_i v_i phi_i(x)``, ridge added to the n x n kernel
matrix (not times n). All errors are mean squared errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, reject
from sims.random_features.eigenframework import Equation, solve
from sims.random_features.estimates import NO_RIDGE, Risk, evaluate
from sims.random_features.spectral_sums import spectral_sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def risk(
    n: ArrayLike,
    k: ArrayLike,
    ridge: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: ArrayLike = 0.0,
    multiplicity: ArrayLike | None = None,
) -> Risk:
    """Evaluate the random-feature eigenframework for any number of settings of one task.

    Parameters
    ----------
    n : array_like
        Number of samples, in (0, inf), not necessarily whole. For n = inf see
        `risk_infinite_data`.
    k : array_like
        Number of features, in (0, inf]; inf is kernel ridge regression.
    ridge : array_like
        In [0, inf), added to the kernel matrix. 0 means the limit from above, as does anything
        below ``1e-295 n`` times the largest eigenvalue.
    eigenvalues : array_like, shape (modes,)
        Of the limiting kernel, >= 0, in any order, at least one positive. Those below 1e-280 of
        the largest count as zero.
    target_power : array_like, shape (modes,)
        Squared target coefficient ``v_i**2`` of each mode (summed over outputs), >= 0.
    noise_variance : array_like
        Variance of the label noise, >= 0. Broadcasts with n, k and ridge.
    multiplicity : array_like, shape (modes,), optional
        How many modes each entry stands for, >= 0, not necessarily whole.

    Returns
    -------
    Risk
        Fields of the broadcast shape. No field is ever NaN: where the estimate diverges (no
        ridge and n = k, or n = rank with noise) `test` and the pieces that cause it are ``inf``
        and all others have their limits.

    Raises
    ------
    ValueError
        For an argument outside its range, lengths or shapes that do not match.

    Notes
    -----
    Every field has a relative error of 2e-12 or less (1e-10 next to a rank that is not a whole
    number). The spectrum is compressed once and remembered, so that further calls cost the same
    for 10 and for 1e6 modes.

    References
    ----------
    Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646: the estimates. The form used here, its limits
    and the analysis of variance are derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> i = np.arange(1, 10_001)
    >>> result = risk(256, [50, 251, np.inf], 0.1, i**-1.5, i**-1.5, noise_variance=0.5)
    >>> result.test.round(4)
    array([1.2101, 1.1368, 0.884 ])
    """
    arrays = [
        samples_argument(n),
        array("k", k, 0, open_low=True, allow_inf=True),
        array("ridge", ridge, 0),
        array("noise_variance", noise_variance, 0),
    ]
    sums = spectral_sums(eigenvalues, target_power, multiplicity)
    (n, k, ridge, noise), shape = broadcast(("n", "k", "ridge", "noise_variance"), arrays)
    return evaluate(sums, n, k, ridge, noise).shaped(shape)


def risk_infinite_data(
    k: ArrayLike,
    ridge_per_sample: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: ArrayLike = 0.0,
    multiplicity: ArrayLike | None = None,
) -> Risk:
    """Evaluate the eigenframework in the limit of infinitely many samples.

    Parameters
    ----------
    k : array_like
        Number of features, in (0, inf].
    ridge_per_sample : array_like
        Limit of ridge/n, in [0, inf); 0 for any ridge that stays fixed while n grows.
    eigenvalues, target_power, noise_variance, multiplicity
        As for `risk`.

    Returns
    -------
    Risk
        `train` equals `test`; `variance_data`, `variance_noise` and `variance_interaction` are 0.

    Raises
    ------
    ValueError
        As for `risk`.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> float(risk_infinite_data(1, 0.0, [1.0, 1.0], [1.0, 1.0]).test.round(12))
    1.0
    """
    arrays = [
        array("k", k, 0, open_low=True, allow_inf=True),
        array("ridge_per_sample", ridge_per_sample, 0),
        array("noise_variance", noise_variance, 0),
    ]
    sums = spectral_sums(eigenvalues, target_power, multiplicity)
    (k, eta, noise), shape = broadcast(("k", "ridge_per_sample", "noise_variance"), arrays)
    scaled = eta / sums.scale
    scaled = np.where(scaled < NO_RIDGE, 0.0, scaled)
    free = (scaled == 0) & (sums.spare(k) >= 0)  # gamma = 0: everything learnable is learnt
    kernel = np.isinf(k) & ~free  # gamma = kappa
    result = Risk.blank(len(k))
    result.bias_squared[free] = sums.null_power
    log_gamma = np.zeros_like(k)
    log_gamma[kernel] = np.log(scaled[kernel])
    finite = ~(free | kernel)
    equation = Equation(k[finite], np.full(finite.sum(), np.inf), scaled[finite] * k[finite])
    log_gamma[finite] = solve(sums, equation).log_gamma
    gap = np.full_like(k, np.inf)  # k - z
    gap[finite] = equation.gaps(log_gamma[finite]).small
    rest = ~free
    at = sums.all(log_gamma[rest])
    result.gamma[rest] = sums.scale * np.exp(log_gamma[rest])
    result.bias_squared[rest] = at.s2
    result.variance_features[rest] = at.s1 * at.c / (gap[rest] + at.c)
    result.kappa[:] = eta
    result.test[:] = result.train[:] = noise + result.bias_squared + result.variance_features
    return result.shaped(shape)


def ensemble_error(
    members: ArrayLike,
    n: ArrayLike,
    k: ArrayLike,
    ridge: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: ArrayLike = 0.0,
    multiplicity: ArrayLike | None = None,
) -> FloatArray:
    """Test error of the average of several predictors that share the data but not the features.

    Parameters
    ----------
    members : array_like
        Number of predictors, in [1, inf]; broadcasts with the others.
    n, k, ridge, eigenvalues, target_power, noise_variance, multiplicity
        As for `risk`; k features for each member.

    Returns
    -------
    array
        The broadcast shape. One member gives `risk`'s `test`; infinitely many give kernel
        regression with the implicit ridge.

    Raises
    ------
    ValueError
        As for `risk`.

    References
    ----------
    Ruben et al., arXiv 2412.05418; in terms of the pieces: derived, see
    docs/theory/random_features.md.

    Examples
    --------
    >>> one, many = ensemble_error([1, 1000], 2, 2, 0.1, [1, 0.5, 0.1], [1, 1, 1])
    >>> bool(many < one)
    True
    """
    members = array("members", members, 1, allow_inf=True)
    noise = array("noise_variance", noise_variance, 0)
    parts = risk(
        n,
        k,
        ridge,
        eigenvalues,
        target_power,
        noise_variance=noise,
        multiplicity=multiplicity,
    )
    common = parts.bias_squared + parts.variance_data + parts.variance_noise + noise
    own = parts.variance_features + parts.variance_interaction
    with np.errstate(invalid="ignore"):
        return np.asarray(common + np.where(np.isinf(members), 0.0, own / members))[()]


def held_out_error(
    test: ArrayLike, train: ArrayLike, n: ArrayLike, population: ArrayLike
) -> FloatArray:
    """Estimate the error on the rest of a finite population after drawing n of it.

    The draw is without replacement. The theory's test error is an average over the whole
    population, the n training points included; taking those out leaves
    ``(population * test - n * train)/(population - n)``.

    Parameters
    ----------
    test, train : array_like
        As `risk` returns them for the population's empirical spectrum, >= 0.
    n : array_like
        Training samples, in (0, population).
    population : array_like
        Number of points in the data set, finite.

    Returns
    -------
    array
        The broadcast shape.

    Raises
    ------
    ValueError
        For an argument outside its range, in particular n >= population.

    Notes
    -----
    Good for n up to about a quarter of the population; beyond one half it over-corrects. Not for
    freshly drawn data, which need no correction.

    References
    ----------
    Simon et al., arXiv 2311.14646 (the authors' plots); checked on data in
    docs/theory/random_features.md.

    Examples
    --------
    >>> float(held_out_error(0.5, 0.1, 100, 1000))
    0.5444444444444444
    """
    names = ("test", "train", "n", "population")
    arrays = [
        array("test", test, 0, allow_inf=True),
        array("train", train, 0),
        array("n", n, 0, open_low=True),
        array("population", population, 0, open_low=True),
    ]
    (test, train, n, population), shape = broadcast(names, arrays)
    if np.any(n >= population):
        at = int(np.argmax(n >= population))
        reject("n", n[at], f"below population = {population[at]:g}: no point would be held out")
    return ((population * test - n * train) / (population - n)).reshape(shape)[()]


def samples_argument(n: ArrayLike) -> FloatArray:
    """Check a number of samples that must be finite."""
    n = array("n", n, 0, open_low=True, allow_inf=True)
    if np.isinf(n).any():
        reject("n", np.inf, "finite; for infinitely many samples call risk_infinite_data")
    return n


def broadcast(
    names: Sequence[str], arrays: Sequence[FloatArray]
) -> tuple[list[FloatArray], tuple[int, ...]]:
    """Broadcast together and flatten; return the flat arrays and the common shape."""
    try:
        together = np.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in zip(names, arrays))
        raise ValueError(f"these shapes do not broadcast together: {shapes}") from None
    return [values.ravel() for values in together], together[0].shape
