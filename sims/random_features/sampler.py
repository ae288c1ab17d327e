"""Errors of random-feature ridge regression on Gaussian features, simulated exactly in law.

Setting: n samples with M independent standard normal modes, ``Phi`` (n x M), k features with
weights ``Z`` (k x M), both standard normal; ``G = Phi Lambda^(1/2) Z.T / sqrt(k)``;
``y = Phi v + sigma eps``. See `sims.random_features.gaussian_trial` for how a trial is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, integer, reject
from sims.random_features.gaussian_trial import Errors, Task, direct_trial, grid_trial

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def sample_test_errors(
    n: int,
    k: float,
    ridges: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: float = 0.0,
    trials: int,
    rng: Generator,
    method: Literal["compressed", "direct"] = "compressed",
) -> Errors:
    """Repeat the experiment: new data, new features, one fit at every ridge.

    Parameters
    ----------
    n : int
        Number of samples, >= 1.
    k : int or inf
        Number of features, >= 1; inf is kernel ridge regression.
    ridges : array_like, shape (ridges,)
        Each >= 0; 0 is the minimum-norm least-squares fit. A scalar counts as one entry.
    eigenvalues : array_like, shape (modes,)
        >= 0, at least one positive, in any order.
    target_power : array_like, shape (modes,)
        Squared target coefficients, >= 0. Their signs don't matter to the law of the errors.
    noise_variance : float
        Variance of the label noise, >= 0.
    trials : int
        Number of independent repetitions, >= 1.
    rng : numpy.random.Generator
        Source of randomness.
    method : {"compressed", "direct"}
        The same law, from sufficient statistics at a cost of O(M min(n, k)^2), or from the full
        matrices of n x M and k x M normals, for comparison.

    Returns
    -------
    Errors
        Fields of shape (trials, ridges).

    Raises
    ------
    ValueError
        For arguments outside these ranges or spectra whose lengths differ.

    Notes
    -----
    The errors' law is exact for finite n, k and M; the compressed and the direct method agree in
    distribution, not number by number. At k = n with a tiny ridge it is heavy-tailed.

    References
    ----------
    Setting: Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646. Compressed sampling: derived, see
    docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.arange(1, 501.0) ** -1.5
    >>> rng = np.random.default_rng(0)
    >>> errors = sample_test_errors(
    ...     64, 256, [0.1, 1.0], power, power, noise_variance=0.5, trials=200, rng=rng
    ... )
    >>> errors.test.shape, errors.test.mean(axis=0).round(1)
    ((200, 2), array([1.2, 1.1]))
    """
    trials = integer("trials", trials, 1)
    if method not in ("compressed", "direct"):
        reject("method", method, "'compressed' or 'direct'")
    sizes = _sizes("n", n), _sizes("k", k, infinite=True)
    task = Task.create(eigenvalues, target_power, noise_variance, rng)
    ridge = _vector("ridges", array("ridges", ridges, 0))
    draw = grid_trial if method == "compressed" else direct_trial
    runs = [draw(*sizes, ridge, task, rng) for _ in range(trials)]
    test = np.stack([run.test[0, 0] for run in runs])
    return Errors(test, np.stack([run.train[0, 0] for run in runs]))


def width_curve_trial(
    n: int,
    widths: ArrayLike,
    ridges: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: float = 0.0,
    rng: Generator,
) -> Errors:
    """Run one trial along a whole curve of feature numbers; fields of shape (widths, ridges).

    Every point has exactly the law of `sample_test_errors`. All widths up to n share data and a
    nested pool of features; all larger ones share data, each with features of its own.

    Parameters
    ----------
    widths : array_like, shape (widths,)
        Whole numbers >= 1, or inf, in any order.
    n, ridges, eigenvalues, target_power, noise_variance, rng
        As for `sample_test_errors`.

    Raises
    ------
    ValueError
        As `sample_test_errors`.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.arange(1, 501.0) ** -1.5
    >>> rng = np.random.default_rng(0)
    >>> width_curve_trial(64, [16, 64, 1e6, np.inf], [0.1, 1.0], power, power, rng=rng).test.shape
    (4, 2)
    """
    task = Task.create(eigenvalues, target_power, noise_variance, rng)
    columns = _sizes("widths", widths, infinite=True)
    ridge = _vector("ridges", array("ridges", ridges, 0))
    grid = grid_trial(_sizes("n", n), columns, ridge, task, rng)
    return Errors(grid.test[0], grid.train[0])


def sample_curve_trial(
    ns: ArrayLike,
    k: float,
    ridges: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: float = 0.0,
    rng: Generator,
) -> Errors:
    """Run one trial along a whole curve of sample numbers; fields of shape (ns, ridges).

    Every point has exactly the law of `sample_test_errors`. All n above k share the features,
    each with data of its own; all others share nested data, each with features of its own.

    Parameters
    ----------
    ns : array_like, shape (ns,)
        Whole numbers >= 1, in any order.
    k, ridges, eigenvalues, target_power, noise_variance, rng
        As for `sample_test_errors`.

    Raises
    ------
    ValueError
        As `sample_test_errors`.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.arange(1, 501.0) ** -1.5
    >>> rng = np.random.default_rng(0)
    >>> sample_curve_trial([16, 64, 10**6], 64, [0.1], power, power, rng=rng).train.shape
    (3, 1)
    """
    task = Task.create(eigenvalues, target_power, noise_variance, rng)
    ridge = _vector("ridges", array("ridges", ridges, 0))
    grid = grid_trial(_sizes("ns", ns), _sizes("k", k, infinite=True), ridge, task, rng)
    return Errors(grid.test[:, 0], grid.train[:, 0])


def size_grid_trial(
    ns: ArrayLike,
    ks: ArrayLike,
    ridges: ArrayLike,
    eigenvalues: ArrayLike,
    target_power: ArrayLike,
    *,
    noise_variance: float = 0.0,
    rng: Generator,
) -> Errors:
    """Run one trial at all pairs of n and k; fields of shape (ns, ks, ridges).

    Every cell has exactly the law of `sample_test_errors`. One set of max(n) samples serves all
    cells with ``n <= k`` and one pool of features all cells with ``k < n``, so a grid costs little
    more than its largest cells.

    Parameters
    ----------
    ns : array_like, shape (ns,)
        Whole numbers >= 1, in any order.
    ks : array_like, shape (ks,)
        Whole numbers >= 1, or inf, in any order.
    ridges, eigenvalues, target_power, noise_variance, rng
        As for `sample_test_errors`.

    Raises
    ------
    ValueError
        As `sample_test_errors`.

    References
    ----------
    Derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> power = np.arange(1, 501.0) ** -1.5
    >>> rng = np.random.default_rng(0)
    >>> size_grid_trial([16, 64], [16, 64, 256], [0.1], power, power, rng=rng).test.shape
    (2, 3, 1)
    """
    task = Task.create(eigenvalues, target_power, noise_variance, rng)
    ridge = _vector("ridges", array("ridges", ridges, 0))
    return grid_trial(_sizes("ns", ns), _sizes("ks", ks, infinite=True), ridge, task, rng)


def _sizes(name: str, values: ArrayLike, *, infinite: bool = False) -> FloatArray:
    """Whole numbers from 1 upwards, and inf where that is allowed."""
    sizes = array(name, values, 1, allow_inf=infinite)
    broken = np.isfinite(sizes) & (sizes != np.round(sizes))
    if broken.any():
        place = f"{name}[{int(np.argmax(broken))}]" if sizes.ndim else name
        kind = "a whole number in [1, inf)" + (" or inf" if infinite else "")
        reject(place, sizes[broken][0], kind)
    return _vector(name, sizes)


def _vector(name: str, values: FloatArray) -> FloatArray:
    """Scalars become one entry; anything else must be a non-empty vector."""
    if values.ndim > 1 or not values.size:
        raise ValueError(f"{name} has shape {values.shape}, but it must be (count,), count >= 1")
    return np.atleast_1d(values)
