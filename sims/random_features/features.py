"""Random ReLU features ``relu(w.x)/sqrt(k)``, ``w ~ N(0, 2/d I)``, on the sphere and on real data.

A unit can be silent: zero on every training point, though not on every other point. Nothing is
dropped or drawn again. A silent unit counts in k, gets the coefficient zero (to rounding) at any
ridge, including 0 (minimum norm), and the trials report the share of silent units. What does harm
at ridge 0 is the unit that is active on a single training point and large elsewhere: with k <= n
and almost no ridge, held-out errors far above the theory are real. Use a ridge of about 1e-3 or
look at medians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sims.numerics.kernels import kernel_matrix
from sims.numerics.ridge_path import nested_ridge_paths
from sims.numerics.validate import array, columns_of, integer, number, reject
from sims.random_features.sphere import sphere_points, sphere_target

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_BLOCK = 1 << 20  # elements of the features of one block of test points


@dataclass(frozen=True)
class FeatureErrors:
    """Errors of one trial, at every width and ridge.

    Attributes
    ----------
    test : ndarray, shape (widths, ridges)
        Mean squared error on new points, summed over outputs, label noise included.
    train : ndarray, shape (widths, ridges)
        Mean squared residual on the noisy labels, summed over outputs.
    silent : ndarray, shape (widths,)
        Share of the units that are zero on every training point.
    """

    test: FloatArray
    train: FloatArray
    silent: FloatArray


@dataclass(frozen=True)
class PopulationSpectrum:
    """Spectrum of a finite population, to be passed to `risk`.

    Attributes
    ----------
    eigenvalues, target_power : ndarray, shape (N,)
        Largest eigenvalue first.
    """

    eigenvalues: FloatArray
    target_power: FloatArray


def draw_weights(k: int, dimension: int, rng: Generator) -> FloatArray:
    """Draw k weight vectors from N(0, 2/d I), shape (k, dimension).

    Parameters
    ----------
    k, dimension : int
        Each >= 1.
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        For sizes below 1.

    Examples
    --------
    >>> import numpy as np
    >>> draw_weights(3, 2, np.random.default_rng(0)).shape
    (3, 2)
    """
    size = integer("k", k, 1), integer("dimension", dimension, 1)
    return math.sqrt(2.0 / size[1]) * rng.standard_normal(size)


def relu_features(inputs: ArrayLike, weights: ArrayLike) -> FloatArray:
    """Return ``relu(inputs @ weights.T) / sqrt(k)``.

    Parameters
    ----------
    inputs : array_like, shape (n, d)
    weights : array_like, shape (k, d)

    Returns
    -------
    ndarray, shape (n, k)
        G with ``G @ G.T`` tending to `nngp_kernel` of depth 1 as k grows.

    Raises
    ------
    ValueError
        When the widths differ.

    Examples
    --------
    >>> relu_features([[1.0], [-1.0]], [[2.0]])
    array([[2.],
           [0.]])
    """
    points, units = array("inputs", inputs, ndim=2), array("weights", weights, ndim=2)
    if points.shape[1] != units.shape[1] or not units.size:
        reject("weights.shape", units.shape, f"(k, {points.shape[1]}) like inputs, k >= 1")
    return _relu(points, units) / math.sqrt(len(units))


def sphere_trial(
    n: int,
    widths: ArrayLike,
    ridges: ArrayLike,
    *,
    dimension: int,
    degree_power: ArrayLike,
    noise_variance: float = 0.0,
    test_points: int = 2000,
    rng: Generator,
) -> FeatureErrors:
    """Run one trial of ReLU features on the sphere, along a whole curve of widths.

    Parameters
    ----------
    n : int
        Number of samples, >= 1, drawn uniformly from the sphere.
    widths : array_like of int, shape (widths,)
        Numbers of features, each >= 1, in any order; all are taken from one nested pool.
    ridges : array_like, shape (ridges,)
        Each >= 0, added to the kernel matrix.
    dimension : int
        d >= 2.
    degree_power : array_like, shape (degrees,)
        Mean square of the target's part of each degree, as for `sphere_target`.
    noise_variance : float
        Of the label noise, >= 0.
    test_points : int
        Fresh points on which the test error is measured, >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    FeatureErrors

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    References
    ----------
    Setting: Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> power = [0.0, 0.5, 0.5]
    >>> errors = sphere_trial(50, [20, 100], [0.1], dimension=10, degree_power=power, rng=rng)
    >>> errors.test.shape
    (2, 1)
    """
    n = integer("n", n, 1)
    points = sphere_points(n + integer("test_points", test_points, 1), dimension, rng)
    target = sphere_target(points, degree_power)[:, None]
    noise = number("noise_variance", noise_variance, 0)
    return _trial(points, target, n, _widths(widths), _ridges(ridges), noise, rng)


def population_trial(
    inputs: ArrayLike,
    targets: ArrayLike,
    n: int,
    widths: ArrayLike,
    ridges: ArrayLike,
    *,
    noise_variance: float = 0.0,
    rng: Generator,
) -> FeatureErrors:
    """Run one trial of ReLU features on real data, along a whole curve of widths.

    n of the N points are drawn without replacement for training; the test error is measured on
    the other ``N - n``: compare it with the theory's `held_out_error`.

    Parameters
    ----------
    inputs : array_like, shape (N, d)
        The whole population.
    targets : array_like, shape (N,) or (N, outputs)
    n : int
        Number of training points, in [1, N - 1]; at most about N/4 for a close comparison.
    widths, ridges, rng
        As for `sphere_trial`.
    noise_variance : float
        Variance of noise added to the labels, summed over the outputs, >= 0.

    Returns
    -------
    FeatureErrors

    Raises
    ------
    ValueError
        For shapes that do not fit or arguments out of range.

    References
    ----------
    Setting: Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((60, 5))
    >>> population_trial(inputs, inputs[:, 0], 20, [10, 40], [0.1, 1.0], rng=rng).test.shape
    (2, 2)
    """
    points = array("inputs", inputs, ndim=2)
    columns = columns_of("targets", targets, len(points))
    n = integer("n", n, 1, len(points) - 1)
    noise = number("noise_variance", noise_variance, 0)
    counts, ridge = _widths(widths), _ridges(ridges)
    if not isinstance(rng, Generator):
        reject("rng", rng, "a numpy.random.Generator")
    order = rng.permutation(len(points))
    return _trial(points[order], columns[order], n, counts, ridge, noise, rng)


def population_spectrum(kernel: ArrayLike, targets: ArrayLike) -> PopulationSpectrum:
    """Eigenvalues and target power of a finite population, for the theory on real data.

    Parameters
    ----------
    kernel : array_like, shape (N, N)
        Kernel matrix of the whole population, not divided by N.
    targets : array_like, shape (N,) or (N, outputs)

    Returns
    -------
    PopulationSpectrum
        ``lambda_i = eig_i / N`` and ``v_i^2 = |u_i . y|^2 / N``, summed over outputs, u_i the unit
        eigenvectors; so the power adds up to the mean square of the targets.

    Raises
    ------
    ValueError
        For a matrix that is not symmetric positive semi-definite, targets of another length.

    References
    ----------
    Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646.

    Examples
    --------
    >>> spectrum = population_spectrum([[2.0, 0.0], [0.0, 4.0]], [2.0, 0.0])
    >>> spectrum.eigenvalues, spectrum.target_power
    (array([2., 1.]), array([0., 2.]))
    """
    matrix = kernel_matrix("kernel", kernel)
    columns = columns_of("targets", targets, len(matrix))
    values, vectors = np.linalg.eigh(matrix)
    coefficients = vectors.T @ columns
    power = np.einsum("ic,ic->i", coefficients, coefficients) / len(matrix)
    return PopulationSpectrum(np.maximum(values[::-1], 0.0) / len(matrix), power[::-1].copy())


def _trial(
    points: FloatArray,
    target: FloatArray,
    n: int,
    widths: NDArray[np.int_],
    ridges: FloatArray,
    noise: float,
    rng: Generator,
) -> FeatureErrors:
    """Train on the first n points, test on all others."""
    outputs = target.shape[1]
    weights = draw_weights(int(widths.max()), points.shape[1], rng)
    labels = target[:n] + math.sqrt(noise / outputs) * rng.standard_normal((n, outputs))
    features = _relu(points[:n], weights)
    order = np.argsort(widths, kind="stable")
    paths = list(nested_ridge_paths(features, labels, widths[order], ridges))
    sums = np.zeros((len(widths), len(ridges)))
    rows = max(1, _BLOCK // len(weights))
    for start in range(n, len(points), rows):
        # No kernel between test and training points: features times coefficients.
        block = _relu(points[start : start + rows], weights)
        for index, path in zip(order, paths):
            k, count = widths[index], len(ridges) * outputs
            stacked = path.coefficients.transpose(1, 0, 2).reshape(k, count)
            missed = (block[:, :k] @ stacked).reshape(len(block), len(ridges), outputs)
            missed -= target[start : start + rows, None, :]
            sums[index] += np.einsum("nrc,nrc->r", missed, missed)
    train = np.empty_like(sums)
    train[order] = [path.train for path in paths]
    silent = np.cumsum(~features.any(axis=0))[widths - 1] / widths
    return FeatureErrors(sums / (len(points) - n) + noise, train, silent)


def _relu(points: FloatArray, weights: FloatArray) -> FloatArray:
    activations: FloatArray = points @ weights.T
    return np.maximum(activations, 0.0, out=activations)


def _widths(widths: ArrayLike) -> NDArray[np.int_]:
    counts = np.atleast_1d(array("widths", widths, 1))
    if counts.ndim > 1 or not counts.size or np.any(counts != np.round(counts)):
        raise ValueError("widths must be a scalar or a vector of whole numbers, each >= 1")
    return counts.astype(int)


def _ridges(ridges: ArrayLike) -> FloatArray:
    values = np.atleast_1d(array("ridges", ridges, 0))
    if values.ndim > 1 or not values.size:
        raise ValueError(f"ridges has shape {values.shape}, but it must be (count,), count >= 1")
    return values
