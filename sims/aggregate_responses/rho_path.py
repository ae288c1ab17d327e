"""The interpolating estimator at many weights rho, from data, for one factorisation.

With S = A'A + penalty and G = X'X + penalty, every estimator solves
``(S + rho (G - S)) theta = A'u``. In coordinates where G is the identity the matrix is
``rho I + (1 - rho) M``, M with eigenvalues in [0, 1]: one tridiagonal form of M serves every rho.
With fewer bags than coordinates M = V'V is singular; its companion V V' is used, which is not, so
that small rho loses no digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from sims.aggregate_responses.bags import Bags, as_bags
from sims.numerics.ridge_path import Tridiagonal, tridiagonalise
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

RANK_TOLERANCE = 1e-9  # relative, of singular values taken for zero
CONDITION_LIMIT = 1e7  # of the scaled scatter that is left to Cholesky: at least 9 digits


@dataclass(frozen=True)
class RhoPath:
    """Interpolating estimators at several weights.

    Attributes
    ----------
    coefficients : ndarray, shape (rhos, d)
    intercepts : ndarray, shape (rhos,)
    """

    coefficients: Real
    intercepts: Real


@dataclass(frozen=True)
class Whitened:
    """Coordinates gamma in which X'X + penalty is the identity: theta = basis gamma.

    Attributes
    ----------
    factor : ndarray
        The lower Cholesky factor L (the basis is L^-T), or the basis itself, shape (d, r).
    triangular : bool
        Which of the two.
    """

    factor: Real
    triangular: bool

    @property
    def rank(self) -> int:
        """The number of coordinates r."""
        return int(self.factor.shape[1])

    def lift(self, columns: Real) -> Real:
        """Return basis @ columns."""
        if not self.triangular:
            return self.factor @ columns
        return _solve(self.factor, columns, transposed=True)

    def drop(self, columns: Real) -> Real:
        """Return basis' @ columns."""
        if not self.triangular:
            return self.factor.T @ columns
        return _solve(self.factor, columns)

    def scatter(self, matrix: Real) -> Real:
        """Return basis' @ matrix @ basis, of which only the lower triangle counts."""
        if not self.triangular:
            return self.factor.T @ matrix @ self.factor
        return np.asarray(lapack.dsygst(matrix, self.factor, lower=1)[0])


def interpolating_path(
    features: ArrayLike,
    responses: ArrayLike,
    rhos: ArrayLike,
    *,
    bags: ArrayLike | None = None,
    ridge: float = 0.0,
    fit_intercept: bool = True,
) -> RhoPath:
    r"""Minimise (1-rho) bag loss + rho instance loss at every rho.

    The objective is :math:`\sum_a k_a (\bar y_a - \bar x_a'\theta)^2 + \rho \sum_i
    ((x_i - \bar x_{a(i)})'\theta)^2 + d\lambda\lVert\theta\rVert^2`, the intercept apart, which
    nothing penalises. Solutions that are not unique are of minimum norm.

    Parameters
    ----------
    features : array_like, shape (n, d)
    responses : array_like, shape (n,)
        Averaged inside bags; repeated bag means are fine.
    rhos : array_like, shape (rhos,)
        Each >= 0.
    bags : array_like of int, shape (n,), optional
        Bag labels; None puts each sample in its own bag.
    ridge : float
        lambda >= 0.
    fit_intercept : bool

    Returns
    -------
    RhoPath

    Raises
    ------
    ValueError
        When an argument is outside its range or the shapes do not fit.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> x = np.array([[1.0], [2.0], [4.0], [9.0]])
    >>> path = interpolating_path(x, 3 * x[:, 0] + 1, [0.0, 1.0], bags=[0, 1, 0, 1])
    >>> path.coefficients.round(3).tolist()
    [[3.0], [0.711]]
    """
    matrix = array("features", features, ndim=2)
    values = array("responses", responses, ndim=1)
    if not matrix.size or len(matrix) != len(values):
        reject("responses", values.shape, f"as many as rows of features, {matrix.shape}")
    weights = array("rhos", rhos, 0, ndim=1)
    ridge = number("ridge", ridge, 0)
    partition = as_bags(bags, len(matrix))
    problem = prepare(matrix, values, partition, fit_intercept)
    penalty = ridge * matrix.shape[1]
    theta = solve_path(problem.rows, problem.targets, partition, weights, penalty)
    return RhoPath(theta, problem.level - theta @ problem.centre)


@dataclass(frozen=True)
class Problem:
    """Centred data: features, u = sqrt(k_a) bag means, and what to add back."""

    rows: Real
    targets: Real
    centre: Real
    level: float


def prepare(features: Real, responses: Real, bags: Bags, fit_intercept: bool) -> Problem:
    """Centre when there is an intercept: it is free, so the others solve the centred problem."""
    root = np.sqrt(bags.sizes)
    if not fit_intercept:
        return Problem(features, root * bags.means(responses), np.zeros(features.shape[1]), 0.0)
    centre, level = features.mean(0), float(responses.mean())
    rows = features - centre
    rows[:, np.ptp(features, axis=0) == 0] = 0.0  # not the rounding of a constant's mean
    return Problem(rows, root * bags.means(responses - level), centre, level)


def solve_path(rows: Real, targets: Real, bags: Bags, rhos: Real, penalty: float) -> Real:
    """Coefficients at every rho for centred features and u = sqrt(k_a) bag means."""
    between = np.sqrt(bags.sizes)[:, None] * bags.means(rows)
    theta = np.zeros((rhos.size, rows.shape[1]))
    inside = (penalty > 0) | (rhos > 0)
    if inside.any():
        coordinates = whiten(rows, penalty)
        theta[inside] = whitened_path(coordinates, between, targets, rhos[inside], penalty)
    if not inside.all():
        theta[~inside] = minimum_norm(between, targets, float(np.linalg.norm(rows)))
    return theta


def minimum_norm(rows: Real, targets: Real, size: float) -> Real:
    """Least squares, of minimum norm where it is not unique.

    `size` is the norm of the data behind the rows: rows that are nothing but its rounding, such
    as the one centred mean of a single bag, count as zero.
    """
    if len(rows) > rows.shape[1]:
        factor = sound_factor(rows.T @ rows)
        if factor is not None:
            half = _solve(factor, (rows.T @ targets)[:, None])
            return _solve(factor, half, transposed=True)[:, 0]
    left, values, right = linalg.svd(rows, full_matrices=False)
    kept = values > RANK_TOLERANCE * max(float(values[0]), 1e-3 * size)
    return np.asarray(right[kept].T @ (left[:, kept].T @ targets / values[kept]))


def whiten(rows: Real, penalty: float, total: Real | None = None) -> Whitened:
    """Change to coordinates where the total scatter is the identity.

    By Cholesky where samples abound; by singular values where they do not or where features
    are (nearly) dependent, so that directions without data keep the coefficient 0.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
    penalty : float
    total : ndarray, shape (d, d), optional
        X'X, where the caller has it already.
    """
    n, d = rows.shape
    if n > d:
        total = rows.T @ rows if total is None else total
        factor = sound_factor(total + penalty * np.eye(d) if penalty else total)
        if factor is not None:
            return Whitened(factor, triangular=True)
    values, right = linalg.svd(rows, full_matrices=False)[1:]
    kept = values > RANK_TOLERANCE * values[0]
    return Whitened(right[kept].T / np.sqrt(values[kept] ** 2 + penalty), triangular=False)


def sound_factor(matrix: Real) -> Real | None:
    """Lower Cholesky factor, or None where, scaled to unit diagonal, it is ill-conditioned."""
    scale = np.sqrt(np.diagonal(matrix))
    if not scale.all():
        return None
    factor, failed = lapack.dpotrf(matrix, lower=1)
    if failed:
        return None
    norm = float((np.abs(matrix) / np.outer(scale, scale)).sum(0).max())
    reciprocal, _ = lapack.dpocon(factor / scale[:, None], norm, uplo="L")
    return None if reciprocal * CONDITION_LIMIT < 1.0 else np.asarray(factor)


def whitened_path(
    coordinates: Whitened, between: Real, targets: Real, rhos: Real, penalty: float
) -> Real:
    """Solve at every rho (above 0, or with a penalty): shape (rhos, d).

    One tridiagonal form, one tridiagonal solve for each rho, all solutions rotated back at once.
    """
    if coordinates.rank == 0:
        return np.zeros((rhos.size, between.shape[1]))
    if not penalty and len(between) < coordinates.rank:
        seen = coordinates.drop(between.T)
        form = tridiagonalise(seen.T @ seen)
        return coordinates.lift(seen @ _mixed_solves(form, targets, rhos)).T
    scatter = between.T @ between
    if penalty:
        scatter[np.diag_indices_from(scatter)] += penalty
    form = tridiagonalise(coordinates.scatter(scatter))
    right = coordinates.drop((between.T @ targets)[:, None])[:, 0]
    return coordinates.lift(_mixed_solves(form, right, rhos)).T


def _mixed_solves(form: Tridiagonal, right: Real, rhos: Real) -> Real:
    """Solve (rho I + (1 - rho) Q T Q') x = right for every rho: shape (size, rhos)."""
    rotated = form.rotate(right[:, None])
    solutions = np.empty((len(rotated), rhos.size), order="F")
    for column, rho in enumerate(rhos):
        main = rho + (1.0 - rho) * form.diagonal
        if len(main) > 1:
            side = (1.0 - rho) * form.off_diagonal
            solutions[:, column] = lapack.dptsv(main, side, rotated)[2][:, 0]
        else:
            solutions[:, column] = rotated[:, 0] / main
    return form.rotate(solutions, back=True)


def _solve(factor: Real, columns: Real, transposed: bool = False) -> Real:
    solution, _ = lapack.dtrtrs(factor, columns, lower=1, trans=int(transposed))
    return np.asarray(solution)
