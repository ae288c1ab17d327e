"""The Gaussian information bottleneck: curve, switch-on points, encoder, numerical check.

Minimise I(T;X) - beta I(T;Y) over T = A X + N(0, I) for jointly Gaussian X and Y. The setting is
that of Chechik, Globerson, Tishby and Weiss (JMLR 2005).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, optimize

from sims.information_bottleneck.gaussian import (
    checked_correlations,
    log_determinant,
    log_residual,
    split_covariance,
)
from sims.numerics.validate import array, integer, number

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class GaussianIB:
    """A point of the Gaussian information-bottleneck curve.

    Attributes
    ----------
    information_x, information_y : float
        I(T;X) and I(T;Y) in nats.
    active : int
        Number of directions that T carries.
    """

    information_x: float
    information_y: float
    active: int


def gaussian_ib_critical_betas(correlations: ArrayLike) -> FloatArray:
    """Trade-off at which each direction switches on: beta_i = 1/rho_i². *Exact*.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Canonical correlations in (-1, 1).

    Returns
    -------
    ndarray, shape (k,)
        In the order of `correlations`; inf where the correlation is 0.

    Raises
    ------
    ValueError
        When a correlation is outside (-1, 1).

    Examples
    --------
    >>> gaussian_ib_critical_betas([0.8, 0.5]).round(4).tolist()
    [1.5625, 4.0]
    """
    squares = checked_correlations(correlations) ** 2
    return np.divide(1.0, squares, out=np.full_like(squares, np.inf), where=squares > 0)


def gaussian_ib_switch_points(correlations: ArrayLike) -> FloatArray:
    """Compression I(T;X) at which each direction switches on along the curve. *Exact*.

    ``c_n = 1/2 sum_{i<n} log[(lambda_n/lambda_i) (1-lambda_i)/(1-lambda_n)]`` with
    lambda = 1 - rho², the strongest correlation first.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Canonical correlations in (-1, 1).

    Returns
    -------
    ndarray, shape (k,)
        Increasing, starting at 0, in nats; inf for correlations of 0.

    Raises
    ------
    ValueError
        When a correlation is outside (-1, 1).

    Examples
    --------
    >>> gaussian_ib_switch_points([0.8, 0.5]).round(4).tolist()
    [0.0, 0.837]
    """
    rho = checked_correlations(correlations)
    points = _Directions(rho).switch_points
    return np.concatenate([points, np.full(len(rho) - len(points), np.inf)])


def gaussian_ib_curve(correlations: ArrayLike, information_x: ArrayLike) -> FloatArray:
    """Largest I(T;Y) that a Gaussian bottleneck keeps at a given I(T;X). *Exact*.

    With n directions on, ``I_Y = I_X - n/2 log(G + H exp(2 I_X/n))``, G and H the geometric means
    of rho_i² and of 1 - rho_i² over those directions.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Canonical correlations in (-1, 1).
    information_x : array_like
        I(T;X) in nats, in [0, inf].

    Returns
    -------
    ndarray or float
        I(T;Y) in nats, shaped like `information_x`; it tends to I(X;Y).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Chechik et al. (JMLR 2005); see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> gaussian_ib_curve([0.9, 0.5], [0.0, 1.0, 5.0, np.inf]).round(4).tolist()
    [0.0, 0.6026, 0.9662, 0.9742]
    """
    directions = _Directions(checked_correlations(correlations))
    target = array("information_x", information_x, 0, allow_inf=True)
    active = np.searchsorted(directions.switch_points, target, side="right")
    result = np.zeros_like(target)
    for n in range(1, len(directions.squares) + 1):
        here = active == n
        result[here] = directions.curve(n, target[here])
    return (result + 0.0)[()]  # no negative zero


def gaussian_ib(correlations: ArrayLike, beta: float) -> GaussianIB:
    """Point of the Gaussian bottleneck curve at a trade-off beta. *Exact*.

    Direction i is on iff beta > 1/rho_i². With n on,
    ``I_X = 1/2 sum log[(beta-1) rho_i²/(1-rho_i²)]``, ``I_Y = I_X - 1/2 sum log(beta rho_i²)``;
    the slope of the curve there is 1/beta.

    Parameters
    ----------
    correlations : array_like, scalar or shape (k,)
        Canonical correlations in (-1, 1).
    beta : float
        In (0, inf); T is zero up to the first critical value.

    Returns
    -------
    GaussianIB

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> point = gaussian_ib([0.8, 0.5], 2.0)
    >>> round(point.information_x, 4), round(point.information_y, 4), point.active
    (0.2877, 0.1643, 1)
    """
    directions = _Directions(checked_correlations(correlations))
    beta = number("beta", beta, 0, open_low=True)
    n = int(np.count_nonzero(beta * directions.squares > 1.0))
    if n == 0:
        return GaussianIB(0.0, 0.0, 0)
    kept = math.log(beta - 1.0) + directions.log_squares[:n] - directions.log_residuals[:n]
    lost = math.log(beta) + directions.log_squares[:n]
    information_x = 0.5 * float(kept.sum())
    return GaussianIB(information_x, information_x - 0.5 * float(lost.sum()), n)


def gaussian_ib_encoder(covariance: ArrayLike, dimension_x: int, beta: float) -> FloatArray:
    """Optimal encoder A of the Gaussian bottleneck T = A X + N(0, I).

    Row i is alpha_i v_i', v_i a left eigenvector of Sigma_{x|y} Sigma_x^{-1} scaled to
    v_i' Sigma_x v_i = 1, and alpha_i² = (beta rho_i² - 1)/(1 - rho_i²).

    Parameters
    ----------
    covariance : array_like, shape (d, d)
        Joint covariance, symmetric, positive definite.
    dimension_x : int
        How many of the first coordinates are X.
    beta : float
        In (0, inf).

    Returns
    -------
    ndarray, shape (dimension_x, dimension_x)
        Rows of directions that are off are zero.

    Raises
    ------
    ValueError
        For a matrix that is no such covariance or an argument outside its range.

    Examples
    --------
    >>> gaussian_ib_encoder([[1.0, 0.8], [0.8, 1.0]], 1, 2.0).round(4)
    array([[0.8819]])
    """
    joint, dx = split_covariance(covariance, dimension_x)
    beta = number("beta", beta, 0, open_low=True)
    conditional = _conditional(joint, dx)
    residuals, vectors = linalg.eigh(conditional, joint[:dx, :dx])
    gains = np.maximum(beta * (1.0 - residuals) - 1.0, 0.0) / residuals
    signs = np.where(vectors[np.abs(vectors).argmax(axis=0), np.arange(dx)] < 0, -1.0, 1.0)
    encoder: FloatArray = (vectors * (signs * np.sqrt(gains))).T
    return encoder


def gaussian_encoder_information(
    encoder: ArrayLike, covariance: ArrayLike, dimension_x: int
) -> tuple[float, float]:
    """I(T;X) and I(T;Y) of any T = A X + N(0, I). *Exact*.

    Parameters
    ----------
    encoder : array_like, shape (m, dimension_x)
    covariance, dimension_x
        As for `gaussian_ib_encoder`.

    Returns
    -------
    information_x, information_y : float
        In nats.

    Raises
    ------
    ValueError
        For bad shapes or a matrix that is no covariance.

    Examples
    --------
    >>> encoder = gaussian_ib_encoder([[1.0, 0.8], [0.8, 1.0]], 1, 2.0)
    >>> information_x, information_y = gaussian_encoder_information(
    ...     encoder, [[1.0, 0.8], [0.8, 1.0]], 1)
    >>> round(information_x, 4), round(information_y, 4)
    (0.2877, 0.1643)
    """
    joint, dx = split_covariance(covariance, dimension_x)
    matrix = array("encoder", encoder, ndim=2)
    if matrix.shape[1] != dx:
        raise ValueError(f"encoder has shape {matrix.shape}, but it must have {dx} columns")
    noise = np.eye(len(matrix))
    total = log_determinant(matrix @ joint[:dx, :dx] @ matrix.T + noise)
    rest = log_determinant(matrix @ _conditional(joint, dx) @ matrix.T + noise)
    return 0.5 * total, 0.5 * (total - rest)


def minimise_gaussian_ib(
    covariance: ArrayLike, dimension_x: int, beta: float, *, rng: Generator, starts: int = 3
) -> GaussianIB:
    """Minimise I(T;X) - beta I(T;Y) over A numerically, knowing nothing of the closed form.

    L-BFGS from several starts, then least squares on the gradient of the best.

    Parameters
    ----------
    covariance, dimension_x, beta
        As for `gaussian_ib_encoder`.
    rng : numpy.random.Generator
        Draws the starting points.
    starts : int
        Number of starting points; the lowest value is kept.

    Returns
    -------
    GaussianIB
        `active` is the numerical rank of A.

    Raises
    ------
    ValueError
        As `gaussian_ib_encoder`.

    Examples
    --------
    >>> joint = [[1.0, 0.8], [0.8, 1.0]]
    >>> point = minimise_gaussian_ib(joint, 1, 2.0, rng=np.random.default_rng(0))
    >>> round(point.information_x, 4), round(point.information_y, 4)
    (0.2877, 0.1643)
    """
    joint, dx = split_covariance(covariance, dimension_x)
    beta = number("beta", beta, 0, open_low=True)
    sigma, conditional = joint[:dx, :dx], _conditional(joint, dx)

    def functional(flat: FloatArray) -> tuple[float, FloatArray]:
        encoder = flat.reshape(dx, dx)
        total = encoder @ sigma @ encoder.T + np.eye(dx)
        rest = encoder @ conditional @ encoder.T + np.eye(dx)
        value = 0.5 * (1.0 - beta) * log_determinant(total) + 0.5 * beta * log_determinant(rest)
        slope = (1.0 - beta) * np.linalg.solve(total, encoder @ sigma)
        slope += beta * np.linalg.solve(rest, encoder @ conditional)
        return value, np.asarray(slope.ravel(), dtype=np.float64)

    def slope_of(flat: FloatArray) -> FloatArray:
        return functional(flat)[1]

    runs = [
        optimize.fmin_l_bfgs_b(
            functional, rng.standard_normal(dx * dx), factr=0.0, pgtol=1e-11, maxiter=5000
        )
        for _ in range(integer("starts", starts, 1))
    ]
    best = min(runs, key=lambda run: float(run[1]))[0]
    # the value is flat to rounding around its minimum; its gradient still has a sharp root
    root = optimize.least_squares(slope_of, best, method="lm", xtol=1e-15)
    best = np.reshape(root.x, (dx, dx))
    information_x, information_y = gaussian_encoder_information(best, joint, dx)
    return GaussianIB(information_x, information_y, int(np.linalg.matrix_rank(best, tol=1e-3)))


class _Directions:
    """Correlated directions, the strongest first; those of correlation 0 never switch on."""

    def __init__(self, rho: FloatArray) -> None:
        rho = np.sort(np.abs(rho))[::-1]
        rho = rho[rho * rho > 0]
        self.squares = rho * rho
        self.log_squares = 2.0 * np.log(rho)
        self.log_residuals = log_residual(rho)
        gains = self.log_squares - self.log_residuals
        before = np.concatenate([[0.0], np.cumsum(gains)[:-1]])[: len(rho)]
        self.switch_points = 0.5 * np.maximum(before - np.arange(len(rho)) * gains, 0.0)

    def curve(self, n: int, information_x: FloatArray) -> FloatArray:
        """I(T;Y) with the first n directions on: -n/2 log(G exp(-2 I_X/n) + H)."""
        log_g, log_h = self.log_squares[:n].mean(), self.log_residuals[:n].mean()
        g, h = np.exp(log_g), np.exp(log_h)
        scaled = 2.0 * information_x / n
        below_one = g * np.expm1(-scaled) + (g + h - 1.0)
        small = np.log1p(np.maximum(below_one, -0.5))  # keeps the digits of a small I_Y
        large = np.logaddexp(log_g - scaled, log_h)  # keeps them when H is tiny
        return np.asarray(np.where(below_one > -0.5, small, large) * (-0.5 * n))


def _conditional(joint: FloatArray, dx: int) -> FloatArray:
    """Covariance of X given Y."""
    half = linalg.solve_triangular(np.linalg.cholesky(joint[dx:, dx:]), joint[dx:, :dx], lower=True)
    result: FloatArray = joint[:dx, :dx] - half.T @ half
    return result
