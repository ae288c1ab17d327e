"""Law of the test error of a random interpolant: Gaussian processes and linear feature maps."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, eigvalsh, solve_triangular, svd

from sims.inductive_bias.inversion import law_log_cdf
from sims.inductive_bias.law import GeneralisedChiSquare, draw, merge
from sims.numerics.kernels import kernel_matrix
from sims.numerics.validate import ValidityWarning, array, columns_of, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

NOISE_LIKE = 1e-8  # a larger jitter is a model of label noise, no longer numerics
FITTED = 1e-6  # training error over target variance above which the space did not interpolate
NEGATIVE = 1e-6  # negative eigenvalue of the posterior, over the largest of the prior, allowed
SAME = 1e-12  # squared feature distance, over the mean squared norm, of coinciding points
BLOCK = 1 << 20  # numbers in a temporary


@dataclass(frozen=True, eq=False)
class InterpolantErrorLaw:
    """Law of the mean squared test error of a random function that fits the training set.

    ``Q = offset + sum_i weights_i chi'^2(dof_i, bias_squared_i / weights_i)``.

    Attributes
    ----------
    weights, dof, bias_squared : ndarray, shape (rank,)
        Posterior variance along an eigendirection over N C; outputs C; squared bias along it over
        N C. By decreasing weight.
    offset : float
        Error along frozen directions, which no interpolant changes: the least reachable error.
    mean : float
        Expected error.
    rank : int
        Number of directions not frozen.
    test_points, outputs : int
        N and C. The law is of these test points: never compare laws of different N silently.
    """

    weights: FloatArray
    dof: FloatArray
    bias_squared: FloatArray
    offset: float
    mean: float
    rank: int
    test_points: int
    outputs: int

    @property
    def law(self) -> GeneralisedChiSquare:
        """The parameters alone, equal weights merged."""
        return merge(GeneralisedChiSquare(self.weights, self.dof, self.bias_squared, self.offset))

    def log_cdf(self, error: ArrayLike) -> FloatArray:
        """Log of P(test error <= `error` | the training set is fitted), in nats.

        Raises
        ------
        ValueError
            For errors that are not positive or NaN.
        """
        eps = array("error", error, 0.0, open_low=True, allow_inf=True)
        return law_log_cdf(self.law, eps)

    def bits(self, error: ArrayLike) -> FloatArray | float:
        """Inductive bias needed to reach `error`: minus the binary log of its probability.

        Parameters
        ----------
        error : array_like
            Mean squared test error, > 0; inf is allowed.

        Returns
        -------
        float, or ndarray shaped like `error`
            Bits, >= 0; inf at and below the offset, with a `ValidityWarning`.

        Raises
        ------
        ValueError
            For errors that are not positive or NaN.
        """
        bits = 0.0 - self.log_cdf(error) / math.log(2.0)
        if np.isinf(bits).any():
            warnings.warn(
                f"error below the reachable {self.offset:.3g} at this numerical cut-off: inf bits",
                ValidityWarning,
                stacklevel=2,
            )
        return bits if np.ndim(bits) else float(bits)

    def draw(self, samples: int, rng: Generator) -> FloatArray:
        """Draw independent test errors from the law."""
        return draw(self.law, samples, rng)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Gaussian law of the values at the test points, given the training set.

    Attributes
    ----------
    mean : ndarray, shape (N, C)
    covariance : ndarray, shape (N, N)
        The same for every output.
    training_error : float
        Mean squared error of the mean on the training set: what the jitter left over.
    """

    mean: FloatArray
    covariance: FloatArray
    training_error: float

    def draw_errors(self, targets_test: ArrayLike, samples: int, rng: Generator) -> FloatArray:
        """Draw functions and return their mean squared test errors, shape (samples,).

        The slow way to sample the error law, and an independent check of it.
        """
        targets = columns_of("targets_test", targets_test, len(self.mean))
        if targets.shape != self.mean.shape:
            reject("targets_test.shape", targets.shape, f"{self.mean.shape} like the mean")
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        gap = (self.mean - targets).T
        errors = np.empty(integer("samples", samples, 1))
        size = max(1, BLOCK // gap.size)
        for start in range(0, len(errors), size):
            part = errors[start : start + size]
            residual = rng.standard_normal((len(part), *gap.shape)) @ root.T + gap
            part[:] = np.einsum("sij,sij->s", residual, residual) / gap.size
        return errors


def interpolant_error_law(
    kernel_train: ArrayLike,
    kernel_cross: ArrayLike,
    kernel_test: ArrayLike,
    targets_train: ArrayLike,
    targets_test: ArrayLike,
    *,
    jitter: float = 1e-10,
    cut: float = 1e-10,
) -> InterpolantErrorLaw:
    """Law of the test error of a Gaussian process conditioned on fitting the training set.

    Parameters
    ----------
    kernel_train : array_like, shape (n, n)
        n = 0 is legal: the prior.
    kernel_cross : array_like, shape (n, N)
    kernel_test : array_like, shape (N, N)
    targets_train : array_like, shape (n,) or (n, C)
    targets_test : array_like, shape (N,) or (N, C)
    jitter : float
        Added to the training kernel's diagonal in units of its mean, in [0, inf). Above 1e-8 it
        is a model of label noise, another hypothesis space, and a `ValidityWarning` says so.
    cut : float
        Directions with a variance at most this share of the largest eigenvalue of `kernel_test`,
        plus what a jitter no larger than it adds, are frozen and their bias goes to the offset, in
        [0, 1).

    Returns
    -------
    InterpolantErrorLaw

    Raises
    ------
    ValueError
        For shapes that do not go together, no test point, kernels that are not positive
        semi-definite (each and jointly), a training kernel that cannot be factorised at this
        jitter, or coinciding training inputs with different targets.

    Warns
    -----
    ValidityWarning
        When the training set is not fitted: a large jitter, or targets the kernel cannot follow.

    Notes
    -----
    The hypothesis space is that of A. Boopathy, W. Yue, J. Hwang, A. Iyer, I. Fiete, Towards
    exact computation of inductive bias, IJCAI 2024. The law is derived, see
    docs/theory/inductive_bias.md.

    Examples
    --------
    >>> law = interpolant_error_law([[1.0]], [[0.6, 0.0]], np.eye(2), [1.0], [0.0, 0.5])
    >>> law.rank, round(law.mean, 4), round(law.bits(0.1), 3)
    (2, 1.125, 3.638)
    """
    cut = number("cut", cut, 0.0, 1.0, open_high=True)
    test = kernel_matrix("kernel_test", kernel_test)
    targets = columns_of("targets_test", targets_test, len(test))
    posterior = gaussian_posterior(
        kernel_train, kernel_cross, test, _training_targets(targets_train, targets), jitter=jitter
    )
    level = cut * _largest_eigenvalue(test)
    if jitter <= cut and np.size(kernel_train):
        level += jitter * float(
            np.mean(np.diag(kernel_train))
        )  # what it adds where a point is known
    values, vectors = eigh(posterior.covariance)
    return _error_law(values, vectors, posterior.mean - targets, level)


def gaussian_posterior(
    kernel_train: ArrayLike,
    kernel_cross: ArrayLike,
    kernel_test: ArrayLike,
    targets_train: ArrayLike,
    *,
    jitter: float = 1e-10,
) -> Posterior:
    """Condition a Gaussian process with mean 0 on fitting the training set.

    Parameters
    ----------
    kernel_train, kernel_cross, kernel_test, targets_train, jitter
        As for `interpolant_error_law`; without training points the targets have shape (0, C).

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        As `interpolant_error_law`.

    Warns
    -----
    ValidityWarning
        As `interpolant_error_law`.

    Examples
    --------
    >>> found = gaussian_posterior([[1.0]], [[0.6]], [[1.0]], [2.0])
    >>> found.mean.round(6).item(), found.covariance.round(6).item()
    (1.2, 0.64)
    """
    jitter = number("jitter", jitter, 0.0)
    test = kernel_matrix("kernel_test", kernel_test)
    train = np.zeros((0, 0)) if np.size(kernel_train) == 0 else None
    if train is None:
        train = kernel_matrix("kernel_train", kernel_train)
    n, size = len(train), len(test)
    cross = array("kernel_cross", kernel_cross)
    if cross.shape != (n, size) and (n or cross.size):
        reject("kernel_cross.shape", cross.shape, f"{(n, size)} like the other kernels")
    if n == 0:
        outputs = np.shape(targets_train)[1] if np.ndim(targets_train) == 2 else 1
        if np.size(targets_train):
            reject("targets_train.shape", np.shape(targets_train), "(0, C) without training points")
        return Posterior(np.zeros((size, outputs)), test, 0.0)
    targets = columns_of("targets_train", targets_train, n)
    _reject_conflicts(train, targets)
    ridge = jitter * np.trace(train) / n
    try:
        lower = cholesky(train + ridge * np.eye(n), lower=True)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"kernel_train is singular at jitter = {jitter:g}: inputs coincide, or nearly; use a "
            f"larger jitter, up to {NOISE_LIKE:g}"
        ) from None
    half = solve_triangular(lower, cross, lower=True)
    white = solve_triangular(lower, targets, lower=True)
    left = ridge * solve_triangular(lower, white, lower=True, trans="T")  # residuals
    error = float(np.mean(left**2))
    _warn_unless_fitted(jitter, error, float(np.mean(targets**2)))
    covariance = test - half.T @ half
    covariance = 0.5 * (covariance + covariance.T)
    if eigvalsh(covariance, subset_by_index=[0, 0])[0] < -NEGATIVE * _largest_eigenvalue(test):
        raise ValueError(
            "kernel_train, kernel_cross and kernel_test are not parts of one positive "
            "semi-definite kernel: the posterior variance is negative somewhere"
        )
    return Posterior(half.T @ white, covariance, error)


def feature_error_law(
    features_train: ArrayLike,
    features_test: ArrayLike,
    targets_train: ArrayLike,
    targets_test: ArrayLike,
    *,
    cut: float = 1e-10,
) -> InterpolantErrorLaw:
    """Law of the test error of random linear readouts that fit the training set exactly.

    ``h(x) = phi(x) theta`` with theta ~ N(0, I_k) for every output. In the space of the weights no
    jitter is needed, and directions that no weight can move are exactly frozen.

    Parameters
    ----------
    features_train : array_like, shape (n, k)
        n = 0 is legal.
    features_test : array_like, shape (N, k)
    targets_train : array_like, shape (n,) or (n, C)
    targets_test : array_like, shape (N,) or (N, C)
    cut : float
        As for `interpolant_error_law`.

    Returns
    -------
    InterpolantErrorLaw
        With rank at most k - n for generic features.

    Raises
    ------
    ValueError
        For shapes that do not go together, no test point, test features that are all 0, or
        training targets that no weights fit, such as n > k generic ones.

    Notes
    -----
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> law = feature_error_law([[1.0, 0.0, 0.0]], np.eye(3), [1.0], [1.0, 0.0, 0.0])
    >>> law.rank, law.offset, round(law.bits(1e-3), 3)
    (2, 0.0, 9.382)
    """
    cut = number("cut", cut, 0.0, 1.0, open_high=True)
    test = array("features_test", features_test, ndim=2)
    if not test.any():
        raise ValueError(f"features_test, of shape {test.shape}, has no entry other than 0")
    targets = columns_of("targets_test", targets_test, len(test))
    known = _training_targets(targets_train, targets)
    mean, free = np.zeros_like(targets), test
    if len(known):
        train = array("features_train", features_train, ndim=2)
        if train.shape != (len(known), test.shape[1]):
            reject("features_train.shape", train.shape, f"{(len(known), test.shape[1])}")
        rows, values, columns = svd(train, full_matrices=False)
        live = values > values[0] * max(train.shape) * 4.0 * np.finfo(float).eps
        rows, values, columns = rows[:, live], values[live], columns[live]
        codes = rows.T @ known
        gap = float(np.linalg.norm(known - rows @ codes))
        if gap > 1e-9 * float(np.linalg.norm(known)):
            raise ValueError(
                f"no weights fit targets_train: {len(known)} points, features of rank {len(values)}"
            )
        reach = test @ columns.T
        mean = reach @ (codes / values[:, None])
        free = test - reach @ columns
    vectors, lengths, _ = svd(free, full_matrices=free.shape[1] < len(test))  # all N vectors
    values = np.zeros(len(test))
    values[: len(lengths)] = lengths**2
    top = float(np.linalg.norm(test, 2)) ** 2
    return _error_law(values, vectors, mean - targets, cut * top)


def _error_law(
    values: FloatArray, vectors: FloatArray, gap: FloatArray, level: float
) -> InterpolantErrorLaw:
    """Read the law off the posterior's eigenvectors (columns) and the mean's error, (N, C)."""
    cells, outputs = gap.size, gap.shape[1]
    bias = np.square(vectors.T @ gap).sum(1) / cells
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > max(level, 0.0)]
    weights, squared = values[order] / cells, bias[order]
    frozen = np.delete(bias, order)
    offset = float(frozen.sum())
    return InterpolantErrorLaw(
        weights=weights,
        dof=np.full(len(order), float(outputs)),
        bias_squared=squared,
        offset=offset,
        mean=offset + float(outputs * weights.sum() + squared.sum()),
        rank=len(order),
        test_points=len(gap),
        outputs=outputs,
    )


def _training_targets(targets_train: ArrayLike, targets_test: FloatArray) -> FloatArray:
    """Training targets with as many outputs as the test targets; possibly none at all."""
    outputs = targets_test.shape[1]
    known = array("targets_train", targets_train)
    if known.size == 0:
        return np.zeros((0, outputs))
    known = columns_of("targets_train", known, len(known))
    if known.shape[1] != outputs:
        reject("targets_train.shape", known.shape, f"(n, {outputs}) like targets_test")
    return known


def _reject_conflicts(kernel: FloatArray, targets: FloatArray) -> None:
    """Refuse inputs that coincide, to rounding, and have different targets."""
    norms = np.diag(kernel)
    scale = norms.mean()
    first, second = np.nonzero(np.triu(norms[:, None] + norms - 2.0 * kernel <= SAME * scale, 1))
    apart = np.abs(targets[first] - targets[second]).max(axis=1, initial=0.0)
    conflict = np.flatnonzero(apart > 1e-6 * np.abs(targets).max())
    if conflict.size:
        i, j = first[conflict[0]], second[conflict[0]]
        raise ValueError(
            f"training inputs {i} and {j} coincide but their targets differ by "
            f"{apart[conflict[0]]:.3g}: no function fits both"
        )


def _warn_unless_fitted(jitter: float, error: float, power: float) -> None:
    """Tell when the posterior is not that of functions which fit the training set."""
    if jitter > NOISE_LIKE:
        text = f"jitter = {jitter:g} is label noise, another hypothesis space, above {NOISE_LIKE:g}"
    elif error > FITTED * power:
        text = f"the training set is not fitted: its mean squared error is {error:.3g}"
    else:
        return
    warnings.warn(text, ValidityWarning, stacklevel=4)


def _largest_eigenvalue(kernel: FloatArray) -> float:
    last = len(kernel) - 1
    return float(eigvalsh(kernel, subset_by_index=[last, last])[0])
