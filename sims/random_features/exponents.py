"""Power-law exponents of a kernel and a target, measured on data.

Fitting the tail of a finite spectrum fails, because the last decades of an n x n spectrum bend
down. Two proxies whose slopes are the exponents are measured on nested subsets instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.linalg import lapack, solve_triangular

from sims.numerics.kernels import kernel_matrix
from sims.numerics.validate import ValidityWarning, array, columns_of, integer, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

FEWEST_SIZES = 5
JITTER = 1e-10  # of the mean eigenvalue, added to the diagonal
DOUBT = 2.0  # standard errors by which an exponent must exceed 1


@dataclass(frozen=True)
class ExponentSeries:
    """What one random ordering of the points gives, at every size.

    Attributes
    ----------
    kappa : ndarray, shape (sizes,)
        ``1 / Tr(K_n^-1)``; falls like ``n**-alpha``.
    test : ndarray, shape (sizes,)
        Mean squared error of ridgeless regression on the points left out, summed over outputs;
        falls like ``n**(1 - beta)``.
    """

    kappa: FloatArray
    test: FloatArray


@dataclass(frozen=True)
class Exponents:
    """Fitted exponents and the series behind them.

    Attributes
    ----------
    alpha, beta : float
        Exponents of the eigenvalues and of the squared target coefficients.
    alpha_stderr, beta_stderr : float
        Standard errors over the trials; NaN for a single trial.
    alpha_residual, beta_residual : float
        Root mean square deviation of the mean log series from its line: how straight it is.
    kappa_level, test_level : float
        The fitted lines are ``kappa_level * n**-alpha`` and ``test_level * n**(1 - beta)``.
    sizes : ndarray, shape (sizes,)
        Ascending.
    kappa, test : ndarray, shape (trials, sizes)
        The series of every trial, see `ExponentSeries`.
    """

    alpha: float
    beta: float
    alpha_stderr: float
    beta_stderr: float
    alpha_residual: float
    beta_residual: float
    kappa_level: float
    test_level: float
    sizes: NDArray[np.int64]
    kappa: FloatArray
    test: FloatArray


def fit_exponents(
    kernel: ArrayLike,
    targets: ArrayLike,
    sizes: ArrayLike,
    *,
    trials: int = 5,
    rng: Generator,
) -> Exponents:
    """Measure the exponents alpha and beta of a kernel and a target on real data.

    alpha is minus the log-log slope of ``1 / Tr(K_n^-1)``, beta is one minus the slope of the
    ridgeless noiseless held-out error, n running over `sizes`, both by least squares.

    Parameters
    ----------
    kernel : array_like, shape (N, N)
        Kernel matrix of all points, not divided by N.
    targets : array_like, shape (N,) or (N, outputs)
        One or several target functions at the points; their powers are summed.
    sizes : array_like of int
        At least 5 different numbers of training points in [1, N - 1]; the smallest should be well
        above the number of dominant modes, the largest not above about 0.8 N.
    trials : int
        Random orderings of the points to average over, >= 1.
    rng : numpy.random.Generator
        Source of the orderings.

    Returns
    -------
    Exponents

    Raises
    ------
    ValueError
        For a matrix that is not symmetric positive semi-definite, targets of another length,
        fewer than 5 different sizes, sizes that leave no point out.

    Warns
    -----
    ValidityWarning
        When the result is no power law: alpha or beta not above 1 by two standard errors (typical
        of noisy targets), or a kernel of lower rank than the largest size.

    Notes
    -----
    One Cholesky decomposition a trial serves all sizes. 1e-10 of the mean eigenvalue is added to
    the diagonal; a kernel with many repeated points is ruled by that number and not by its
    spectrum.

    References
    ----------
    The proxies: Simon, Karkada, Ghosh, Belkin, arXiv 2311.14646. See
    docs/theory/random_features.md.

    Examples
    --------
    >>> import numpy as np
    >>> from sims.numerics.kernels import laplace_kernel
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.uniform(size=(400, 3))
    >>> sizes = [40, 80, 120, 200, 300]
    >>> fit = fit_exponents(laplace_kernel(inputs), inputs[:, 0] ** 2, sizes, trials=3, rng=rng)
    >>> round(fit.alpha, 1), fit.test.shape  # alpha = (d + 1)/d for points filling d dimensions
    (1.3, (3, 5))
    """
    matrix = kernel_matrix("kernel", kernel)
    columns, counts = _check(matrix, targets, sizes, rng)
    runs = [_trial(matrix, columns, counts, rng) for _ in range(integer("trials", trials, 1))]
    kappa = np.stack([run.kappa for run in runs])
    test = np.stack([run.test for run in runs])
    if not test.all():
        raise ValueError("targets are fitted without error, so there is no exponent to measure")
    kappa_line, test_line = _line(counts, kappa), _line(counts, test)
    result = Exponents(
        -kappa_line.slope,
        1.0 - test_line.slope,
        kappa_line.stderr,
        test_line.stderr,
        kappa_line.residual,
        test_line.residual,
        kappa_line.level,
        test_line.level,
        counts,
        kappa,
        test,
    )
    _warn(result, JITTER * float(np.trace(matrix)) / len(matrix))
    return result


def exponent_trial(
    kernel: ArrayLike, targets: ArrayLike, sizes: ArrayLike, rng: Generator
) -> ExponentSeries:
    """Measure both proxies at every size on one random ordering of the points.

    For the trials of a study, which run many times on one kernel: symmetry and definiteness are
    not checked here.

    Parameters
    ----------
    kernel, targets, sizes, rng
        As for `fit_exponents`; the order of the sizes is kept, and one size is enough.

    Returns
    -------
    ExponentSeries

    Raises
    ------
    ValueError
        For shapes that do not fit or sizes out of range.

    References
    ----------
    As for `fit_exponents`.

    Examples
    --------
    >>> import numpy as np
    >>> series = exponent_trial(np.eye(6), np.ones(6), [2, 4], np.random.default_rng(0))
    >>> series.kappa, series.test
    (array([0.5 , 0.25]), array([1., 1.]))
    """
    matrix = array("kernel", kernel, ndim=2)
    columns, counts = _check(matrix, targets, sizes, rng, fewest=1)
    return _trial(matrix, columns, counts, rng)


def _check(
    kernel: FloatArray,
    targets: ArrayLike,
    sizes: ArrayLike,
    rng: Generator,
    fewest: int = FEWEST_SIZES,
) -> tuple[FloatArray, NDArray[np.int64]]:
    """Targets as columns and sizes as integers (sorted, once each, where a line is fitted)."""
    points = len(kernel)
    if kernel.shape != (points, points):
        reject("kernel.shape", kernel.shape, "square")
    columns = columns_of("targets", targets, points)
    counts = array("sizes", sizes, 1, points - 1, ndim=1)
    broken = counts[counts != np.round(counts)]
    if len(broken):
        reject("sizes", broken[0], "whole numbers")
    if fewest > 1:
        counts = np.unique(counts)
    if len(counts) < fewest:
        raise ValueError(f"sizes has {len(counts)} different value(s), but a fit needs {fewest}")
    if not isinstance(rng, Generator):
        reject("rng", rng, "a numpy.random.Generator")
    return columns, counts.astype(np.int64)


def _trial(
    kernel: FloatArray, targets: FloatArray, sizes: NDArray[np.int64], rng: Generator
) -> ExponentSeries:
    """One Cholesky factor of the permuted kernel; its leading blocks belong to all sizes."""
    points, most = len(kernel), int(sizes.max())
    order = rng.permutation(points)
    factor, beyond = _factor(kernel[np.ix_(order, order[:most])])
    values = targets[order]
    inverse, _ = lapack.dtrtri(factor, lower=1)
    traces = np.cumsum(np.einsum("ij,ij->i", inverse, inverse))
    # With y_n = L_n z_n, regression on the first n points predicts row i by L[i, :n] z_n.
    innovations = solve_triangular(factor, values[:most], lower=True)
    rows = np.vstack([factor, beyond])
    left = values.copy()
    test = np.empty(len(sizes))
    done = 0
    for index in np.argsort(sizes, kind="stable"):
        n = int(sizes[index])
        left -= rows[:, done:n] @ innovations[done:n]
        test[index] = np.einsum("ij,ij->", left[n:], left[n:]) / (points - n)
        done = n
    return ExponentSeries(1.0 / traces[sizes - 1], test)


def _factor(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lower Cholesky factor L of the leading block, and the rest times ``L.T^-1``."""
    size = columns.shape[1]
    block = columns[:size].copy()
    block[np.diag_indices(size)] += JITTER * np.trace(block) / size
    factor, failed = lapack.dpotrf(block, lower=1)
    if failed:
        raise ValueError(
            "kernel is not positive definite on a subset of the points even with 1e-10 of its "
            "mean eigenvalue added: its exponents can't be measured"
        )
    beyond = solve_triangular(factor, columns[size:].T, lower=True).T
    return factor, beyond


@dataclass(frozen=True)
class _Line:
    slope: float
    level: float
    residual: float
    stderr: float


def _line(sizes: NDArray[np.int64], series: FloatArray) -> _Line:
    """Least squares line through the log-log series, shape (trials, sizes)."""
    x, y = np.log(sizes), np.log(series)
    centred = x - x.mean()
    slopes = y @ centred / (centred @ centred)
    slope = float(slopes.mean())
    deviations = y.mean(axis=0) - y.mean() - slope * centred
    stderr = slopes.std(ddof=1) / np.sqrt(len(slopes)) if len(slopes) > 1 else np.nan
    return _Line(
        slope,
        float(np.exp(y.mean() - slope * x.mean())),
        float(np.sqrt(np.mean(deviations**2))),
        float(stderr),
    )


def _warn(result: Exponents, jitter: float) -> None:
    reasons = []
    if jitter > 0.1 * result.kappa.min():
        reasons.append("the kernel is rank deficient")
    for name in ("alpha", "beta"):
        value, stderr = getattr(result, name), getattr(result, f"{name}_stderr")
        margin = 0.0 if np.isnan(stderr) else DOUBT * stderr
        if value - margin <= 1.0:
            spread = f" +- {stderr:.2g}" if margin else ""
            reasons.append(f"{name} = {value:.3g}{spread} is not clearly above 1")
    if reasons:
        warnings.warn(
            f"no power-law task: {', '.join(reasons)} (noisy target, or no power law?)",
            ValidityWarning,
            stacklevel=3,
        )
