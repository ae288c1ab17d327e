"""Kernel ridge regression along a grid of ridges, and what the training data alone can tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sims.numerics.ridge_path import shifted_solve
from sims.numerics.validate import array, columns_of, integer, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class KernelErrors:
    """Errors of kernel ridge regression, summed over outputs.

    Attributes
    ----------
    test, train : ndarray, shape (ridges,)
        Mean squared errors on the test points and on the training labels.
    """

    test: FloatArray
    train: FloatArray

    @property
    def fitting_ratio(self) -> FloatArray:
        """Train error over test error."""
        return np.asarray(self.train / self.test)


@dataclass(frozen=True)
class NoiseErrors:
    """Errors of one trial at several noise levels, summed over outputs.

    Attributes
    ----------
    test : ndarray, shape (levels, ridges)
        Mean squared error on the points left out, label noise included.
    train : ndarray, shape (levels, ridges)
        Mean squared residual on the noisy labels.
    noise_variance : ndarray, shape (levels,)
        Of the labels, summed over the outputs.
    """

    test: FloatArray
    train: FloatArray
    noise_variance: FloatArray


@dataclass(frozen=True)
class CrossValidation:
    """Estimates from training data alone.

    Attributes
    ----------
    test : ndarray, shape (ridges,)
        Generalised cross-validation estimate of the test error, label noise included.
    train : ndarray, shape (ridges,)
        Mean squared residual.
    kappa : ndarray, shape (ridges,)
        ``1 / Tr(K + ridge I)^-1``, the estimate of the eigenframework's kappa.
    """

    test: FloatArray
    train: FloatArray
    kappa: FloatArray


def kernel_ridge(
    kernel: ArrayLike,
    targets: ArrayLike,
    ridges: ArrayLike,
    *,
    cross: ArrayLike,
    test_targets: ArrayLike,
) -> KernelErrors:
    """Fit ``f(x) = k(x, X) (K + ridge I)^-1 y`` at every ridge with one factorisation.

    Parameters
    ----------
    kernel : array_like, shape (n, n)
        K, symmetric positive semi-definite, not divided by n; its lower triangle is read.
    targets : array_like, shape (n,) or (n, outputs)
        y.
    ridges : array_like, shape (ridges,)
        Each >= 0; 0 interpolates, with the minimum norm where K is singular.
    cross : array_like, shape (test points, n)
        Kernel between test and training points.
    test_targets : array_like, shape (test points,) or (test points, outputs)

    Returns
    -------
    KernelErrors

    Raises
    ------
    ValueError
        For shapes that do not fit, entries that are not finite, negative ridges.

    Examples
    --------
    >>> import numpy as np
    >>> errors = kernel_ridge(
    ...     np.eye(2), [1.0, 1.0], [0.0, 1.0], cross=[[1.0, 0.0]], test_targets=[1.0]
    ... )
    >>> errors.test, errors.train
    (array([0.  , 0.25]), array([0.  , 0.25]))
    """
    matrix = array("kernel", kernel, ndim=2)
    columns = columns_of("targets", targets, len(matrix))
    new = array("cross", cross, ndim=2)
    if new.shape[1] != len(matrix) or not len(new):
        reject("cross.shape", new.shape, f"(test points, {len(matrix)}), test points >= 1")
    truth = columns_of("test_targets", test_targets, len(new))
    if truth.shape[1] != columns.shape[1]:
        reject("test_targets.shape", truth.shape, f"({len(new)}, {columns.shape[1]}) like targets")
    ridge = array("ridges", ridges, 0, ndim=1)
    residuals, missed = _fit(matrix, columns, ridge, new, truth)
    return KernelErrors(_mean_square(missed), _mean_square(residuals))


def fitting_ratio_trial(
    kernel: ArrayLike,
    targets: ArrayLike,
    n: int,
    ridges: ArrayLike,
    relative_noise: ArrayLike,
    *,
    rng: Generator,
) -> NoiseErrors:
    """Split a population at random and regress at every ridge and noise level.

    Parameters
    ----------
    kernel : array_like, shape (N, N)
        Kernel matrix of the whole population, symmetric positive semi-definite (not checked).
    targets : array_like, shape (N,) or (N, outputs)
        Noiseless targets.
    n : int
        Number of training points, in [1, N - 1].
    ridges : array_like, shape (ridges,)
        Each >= 0.
    relative_noise : array_like, shape (levels,)
        Noise variance over this split's ridgeless noiseless test error, each >= 0.
    rng : numpy.random.Generator
        Draws the split, and one noise pattern that all levels scale.

    Returns
    -------
    NoiseErrors

    Raises
    ------
    ValueError
        For shapes that do not fit or arguments out of range.

    Notes
    -----
    Predictions are linear in the labels, so all levels come from one solve for targets and noise
    side by side. The noise of the test labels enters by its variance, not by a draw.

    References
    ----------
    Setting: Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> errors = fitting_ratio_trial(np.eye(8), np.ones(8), 4, [0.0, 1.0], [0.0, 2.0], rng=rng)
    >>> errors.noise_variance, errors.test
    (array([0., 2.]), array([[1., 1.],
           [3., 3.]]))
    """
    matrix = array("kernel", kernel, ndim=2)
    if matrix.shape[0] != matrix.shape[1]:
        reject("kernel.shape", matrix.shape, "square")
    columns = columns_of("targets", targets, len(matrix))
    n = integer("n", n, 1, len(matrix) - 1)
    ridge = np.append(array("ridges", ridges, 0, ndim=1), 0.0)  # the last one sets the noise
    levels = array("relative_noise", relative_noise, 0, ndim=1)
    if not isinstance(rng, Generator):
        reject("rng", rng, "a numpy.random.Generator")
    order = rng.permutation(len(matrix))
    train, rest = order[:n], order[n:]
    outputs = columns.shape[1]
    noise = rng.standard_normal((n, outputs)) / np.sqrt(outputs)
    residuals, missed = _fit(
        matrix[np.ix_(train, train)],
        np.hstack([columns[train], noise]),
        ridge,
        matrix[np.ix_(rest, train)],
        np.hstack([columns[rest], np.zeros((len(rest), outputs))]),
    )
    variance = levels * _mean_square(missed[-1:, :, :outputs])
    scale = np.sqrt(variance)
    return NoiseErrors(
        _combined(missed[:-1], scale) + variance[:, None],
        _combined(residuals[:-1], scale),
        variance,
    )


def gcv(kernel: ArrayLike, targets: ArrayLike, ridges: ArrayLike) -> CrossValidation:
    """Estimate test error and kappa without test data: generalised cross-validation.

    With ``m = (ridge/n) Tr (K + ridge I)^-1``, ``E_tr / m^2`` tends to the test error and
    ``1 / Tr (K + ridge I)^-1`` to kappa as n grows.

    Parameters
    ----------
    kernel : array_like, shape (n, n)
        Kernel matrix of the training points: the limit kernel, or ``G @ G.T`` of a feature matrix
        that is already divided by ``sqrt(k)``. Its lower triangle is read.
    targets : array_like, shape (n,) or (n, outputs)
        Noisy labels.
    ridges : array_like, shape (ridges,)
        Each >= 0; 0 means the limit from above.

    Returns
    -------
    CrossValidation
        Summed over outputs.

    Raises
    ------
    ValueError
        For shapes that do not fit, entries that are not finite, negative ridges, or a kernel
        without a positive eigenvalue.

    Notes
    -----
    One eigendecomposition. Eigenvalues below ``n * eps`` of the largest count as zero.

    References
    ----------
    P. Craven, G. Wahba, Smoothing noisy data with spline functions, Numer. Math. 31 (1979). Its
    agreement with the eigenframework: derived, see docs/theory/random_features.md.

    Examples
    --------
    >>> estimate = gcv([[1.0, 0.0], [0.0, 3.0]], [1.0, 1.0], [0.0, 1.0])
    >>> estimate.kappa, estimate.test
    (array([0.75      , 1.33333333]), array([1.25      , 1.11111111]))
    """
    matrix = array("kernel", kernel, ndim=2)
    n = len(matrix)
    if matrix.shape != (n, n) or not n:
        reject("kernel.shape", matrix.shape, "square and not empty")
    columns = columns_of("targets", targets, n)
    ridge = array("ridges", ridges, 0, ndim=1)
    values, vectors = np.linalg.eigh(matrix)
    if values[-1] <= 0:
        raise ValueError("kernel has no positive eigenvalue")
    values = np.where(values > n * np.finfo(float).eps * values[-1], values, 0.0)
    power = np.sum((vectors.T @ columns) ** 2, axis=1)
    shifted = values + ridge[:, None]
    # Share of each direction in the residual: 1 / shifted, scaled by its smallest entry so that
    # a zero there has a limit too.
    lowest = shifted[:, :1]
    null = (shifted == 0).astype(float)
    share = np.divide(lowest, shifted, out=null, where=shifted > 0)
    trace = share.sum(axis=1)
    train = np.sum((ridge[:, None] * _inverse(shifted)) ** 2 * power, axis=1)
    train += np.where(ridge == 0, ((values == 0) * power).sum(), 0.0)
    return CrossValidation(
        n * np.sum(share**2 * power, axis=1) / trace**2, train / n, lowest[:, 0] / trace
    )


def _inverse(values: FloatArray) -> FloatArray:
    return np.divide(1.0, values, out=np.zeros_like(values), where=values > 0)


def _fit(
    kernel: FloatArray,
    targets: FloatArray,
    ridges: FloatArray,
    cross: FloatArray,
    truth: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Residuals (ridges, n, outputs) and test errors (ridges, test points, outputs), signed."""
    weights = shifted_solve(kernel, targets, ridges)
    residuals = ridges[:, None, None] * weights
    if not ridges.all():
        interpolants = ridges == 0
        residuals[interpolants] = targets - kernel @ weights[interpolants]
    stacked = weights.transpose(1, 0, 2).reshape(len(kernel), -1)
    fitted = (cross @ stacked).reshape(len(cross), len(ridges), targets.shape[1])
    return residuals, truth - fitted.transpose(1, 0, 2)


def _combined(errors: FloatArray, scale: FloatArray) -> FloatArray:
    """Mean squares, (levels, ridges), of first half plus scale times second half of outputs."""
    half = errors.shape[2] // 2
    signal, noise = errors[..., :half], errors[..., half:]
    both = 2.0 * np.einsum("rnc,rnc->r", signal, noise) / errors.shape[1]
    return np.asarray(
        _mean_square(signal) + scale[:, None] * both + scale[:, None] ** 2 * _mean_square(noise)
    )


def _mean_square(errors: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("rnc,rnc->r", errors, errors) / errors.shape[1])
