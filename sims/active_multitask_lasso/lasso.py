"""LASSO solutions at any lambdas from one path, each with its duality gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.checks import checked_problem
from sims.active_multitask_lasso.homotopy import Path, Segment, Stalled, trace
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

PATH_GAP = 1e-10  # relative; a path is normally exact to 1e-14
ACCEPTED_GAP = 1e-8  # relative, where ill-conditioned tasks or the last resort leave no better
TIE_BREAK = 1e-9  # relative change of the columns that makes ties regular
GOLDEN = 0.6180339887498949


@dataclass(frozen=True)
class LassoPath:
    """Solutions of min 1/2 |w - W nu|^2 + lambda |nu|_1 and their certificates.

    Attributes
    ----------
    lambdas : ndarray, shape (L,)
        As given.
    nu : ndarray, shape (L, T)
    gap : ndarray, shape (L,)
        (primal - dual)/primal >= 0: the objective is within this fraction of its minimum.
    knots : ndarray
        Falling values of lambda at which tasks join or leave, down to the smallest of `lambdas`;
        the first is the one above which nu = 0. Empty when `solver` knows no knots.
    solver : str
        "homotopy", "homotopy with ties broken" or "cvxpy".
    """

    lambdas: Real
    nu: Real
    gap: Real
    knots: Real
    solver: str


def lasso_path(heads: ArrayLike, target: ArrayLike, lambdas: ArrayLike) -> LassoPath:
    r"""Minimise :math:`\tfrac12\lVert w - W\nu\rVert^2 + \lambda\lVert\nu\rVert_1` at every lambda.

    Parameters
    ----------
    heads : array_like, shape (K, T)
        W, of rank K, without zero columns.
    target : array_like, shape (K,)
        w, not 0.
    lambdas : array_like, shape (L,) or scalar
        Each > 0, in any order. For lambda -> 0 see `relevance` with p = 1.

    Returns
    -------
    LassoPath

    Raises
    ------
    ValueError
        When an argument is outside its range.
    RuntimeError
        When no solver reaches a relative gap of 1e-8.

    Notes
    -----
    One exact homotopy serves all lambdas (derived, see docs/theory/active_multitask_lasso.md).
    Where tasks coincide the minimiser is not unique and one of them is returned. scikit-learn
    divides the square by the number of rows: its ``alpha`` is lambda/K.

    Examples
    --------
    >>> path = lasso_path([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [3.0, 1.0], [1.0, 4.0])
    >>> path.nu.round(9).tolist(), bool((path.gap < 1e-12).all())
    ([[1.0, 0.0, 0.5], [0.5, 0.0, 0.0]], True)
    """
    w, b = checked_problem(heads, target)
    values = np.atleast_1d(array("lambdas", lambdas, 0, open_low=True))
    if values.ndim != 1 or not values.size:
        reject("lambdas.shape", values.shape, "(L,) with L >= 1")
    return solve_lasso(w, b, values)


def solve_lasso(heads: Real, target: Real, lambdas: Real) -> LassoPath:
    """Do the work of `lasso_path`, without checks."""
    found = []
    for solver, follow in (("homotopy", trace), ("homotopy with ties broken", trace_without_ties)):
        try:
            path = follow(heads, target, float(lambdas.min()))
        except Stalled:
            continue
        nu, scaled = path.at(lambdas)
        gap = relative_gap(heads, target, lambdas, nu, scaled)
        found.append(LassoPath(lambdas, nu, gap, path.knots, solver))
        if gap.max() <= PATH_GAP:
            return found[-1]
    if not found or min(one.gap.max() for one in found) > ACCEPTED_GAP:
        found.append(_by_cvxpy(heads, target, lambdas))
    best = min(found, key=lambda one: float(one.gap.max()))
    if best.gap.max() > ACCEPTED_GAP:
        raise RuntimeError(f"the LASSO has a relative duality gap of {best.gap.max():.1e} at best")
    return best


def relative_gap(
    heads: Real, target: Real, lambdas: Real, nu: Real, scaled: Real | None = None
) -> Real:
    r"""Certify LASSO solutions by the duality gap.

    Parameters
    ----------
    heads, target, lambdas : ndarray, shape (K, T), (K,) and (L,)
    nu : ndarray, shape (L, T)
    scaled : ndarray, shape (L, K), optional
        Candidates y for the dual vector, by default (w - W nu)/lambda; they are made feasible.

    Returns
    -------
    ndarray, shape (L,)
        (primal - dual)/primal, from :math:`\tfrac12\lVert r-\lambda y\rVert^2 +
        \lambda(\lVert\nu\rVert_1 - \nu'W'y)`, which is the gap without cancellation.

    Examples
    --------
    >>> relative_gap(np.eye(2), np.ones(2), np.array([0.5]), np.array([[0.5, 0.5]]))
    array([0.])
    """
    residual = target - nu @ heads.T
    y = residual / lambdas[:, None] if scaled is None else scaled
    slopes = y @ heads
    largest = np.maximum(1.0, np.abs(slopes).max(axis=1))
    y = y / largest[:, None]
    norms = np.abs(nu).sum(axis=1)
    primal = 0.5 * np.square(residual).sum(axis=1) + lambdas * norms
    slack = norms - np.einsum("lt,lt->l", nu, slopes) / largest
    gap = 0.5 * np.square(residual - lambdas[:, None] * y).sum(axis=1)
    gap += lambdas * np.maximum(slack, 0.0)
    return np.asarray(gap / primal)


def trace_without_ties(heads: Real, target: Real, stop: float = 0.0) -> Path:
    """Follow the path of slightly rescaled tasks, then restate each piece for the given ones.

    Tasks that reach the bound together, duplicates among them, are so taken one by one.
    """
    order = np.arange(1, heads.shape[1] + 1) * GOLDEN % 1.0
    path = trace(heads / (1.0 + TIE_BREAK * order), target, stop)
    return Path(heads, target, [_restated(piece, heads, target) for piece in path.segments])


def _restated(piece: Segment, heads: Real, target: Real) -> Segment:
    q, r = np.linalg.qr(heads[:, piece.active])
    inside = q.T @ target
    dual = np.linalg.solve(r.T, piece.signs)
    outside = target - q @ inside
    outside -= q @ (q.T @ outside)
    if len(piece.active) == len(target):
        outside[:] = 0.0
    return piece._replace(
        constant=np.linalg.solve(r, inside),
        slope=np.linalg.solve(r, dual),
        residual=np.stack([outside, q @ dual], axis=1),
    )


def _by_cvxpy(heads: Real, target: Real, lambdas: Real) -> LassoPath:
    """Solve by an interior-point method, slowly but without a path that could stall."""
    from sims.active_multitask_lasso.oracle import LassoOracle

    oracle = LassoOracle(*heads.shape)
    nu = np.array([oracle.solve(heads, target, float(value)) for value in lambdas])
    gap = relative_gap(heads, target, lambdas, nu)
    return LassoPath(lambdas, nu, gap, np.empty(0), "cvxpy")
