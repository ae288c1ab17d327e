"""Relevance of the source tasks to the target: smallest nu with W nu = w."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from sims.active_multitask_lasso.checks import checked_problem
from sims.active_multitask_lasso.homotopy import Stalled, trace
from sims.active_multitask_lasso.lasso import trace_without_ties
from sims.numerics.validate import integer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

CERTIFIED = 1e-9  # relative, of the gap and of the constraint


@dataclass(frozen=True)
class Relevance:
    """The smallest nu with W nu = w and the proof that none is smaller.

    Attributes
    ----------
    nu : ndarray, shape (T,)
        For p = 1 a vertex: at most K entries other than 0. It need not be the only minimiser.
    norm : float
        |nu|_1 for p = 1, |nu|_2 for p = 2.
    dual : ndarray, shape (K,)
        y with |W'y|_inf <= 1 (p = 1) or |W'y|_2 <= 1 (p = 2); every solution of W nu = w has a
        norm of at least y'w. For p = 1, W'y is the sign of nu where nu is not 0.
    gap : float
        norm - y'w >= 0: what the norm can be too large by.
    """

    nu: Real
    norm: float
    dual: Real
    gap: float


def relevance(heads: ArrayLike, target: ArrayLike, *, p: int) -> Relevance:
    r"""Minimise :math:`\lVert\nu\rVert_p` subject to :math:`W\nu = w`.

    Parameters
    ----------
    heads : array_like, shape (K, T)
        W, of rank K, without zero columns.
    target : array_like, shape (K,)
        w, not 0.
    p : int
        1 or 2.

    Returns
    -------
    Relevance

    Raises
    ------
    ValueError
        When an argument is outside its range.
    RuntimeError
        When the linear programme is not solved to a relative gap of 1e-9.

    Notes
    -----
    p = 1 is Eq. (13) of Wang et al. (2023). It is solved as the end of the exact LASSO path, in
    rare degenerate cases by HiGHS' dual simplex method; p = 2 is the pseudo-inverse.

    Examples
    --------
    >>> heads, target = [[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [3.0, 1.0]
    >>> found = relevance(heads, target, p=1)
    >>> found.nu.round(9).tolist(), round(found.norm, 9), found.dual.round(9).tolist()
    ([1.0, 0.0, 1.0], 2.0, [0.5, 0.5])
    >>> relevance(heads, target, p=2).nu.round(6).tolist()
    [1.111111, 0.222222, 0.777778]
    """
    w, b = checked_problem(heads, target)
    return smallest_l1(w, b) if integer("p", p, 1, 2) == 1 else smallest_l2(w, b)


def smallest_l2(heads: Real, target: Real) -> Relevance:
    """Do the work of `relevance` for p = 2, without checks."""
    q, r = np.linalg.qr(heads.T)
    half = solve_triangular(r, target, trans="T")
    nu = q @ half
    norm = float(np.linalg.norm(half))
    dual = solve_triangular(r, half) / norm
    dual /= max(1.0, float(np.linalg.norm(dual @ heads)))
    return Relevance(nu, norm, dual, max(0.0, norm - float(dual @ target)))


def smallest_l1(heads: Real, target: Real) -> Relevance:
    """Do the work of `relevance` for p = 1, without checks."""
    for follow in (trace, trace_without_ties):
        try:
            nu, dual = follow(heads, target).limit()
        except Stalled:
            continue
        found = certified(heads, target, nu, dual)
        if found is not None:
            return found
    found = certified(heads, target, *basis_pursuit_highs(heads, target))
    if found is None:
        raise RuntimeError("the relevance programme was not solved to a relative gap of 1e-9")
    return found


def certified(heads: Real, target: Real, nu: Real, dual: Real) -> Relevance | None:
    """Return the solution with its certificate, None when it does not hold to 1e-9.

    The dual vector is first made feasible, so that y'w is a lower bound whatever was given.
    """
    y = dual / max(1.0, float(np.abs(dual @ heads).max()))
    norm = float(np.abs(nu).sum())
    gap = norm - float(y @ target)
    off = float(np.abs(heads @ nu - target).max())
    if not (abs(gap) <= CERTIFIED * norm and off <= CERTIFIED * float(np.abs(target).max())):
        return None
    return Relevance(nu, norm, y, max(0.0, gap))


def basis_pursuit_highs(heads: Real, target: Real) -> tuple[Real, Real]:
    """Solve the programme of p = 1 by HiGHS' dual simplex method; return nu and the dual vector.

    nu = p - m with p, m >= 0. The interior-point method is no substitute: with coinciding tasks
    it returns no vertex. The vertex is solved for once more, to the last digit.

    Examples
    --------
    >>> nu, dual = basis_pursuit_highs(np.array([[1.0, 2.0]]), np.array([1.0]))
    >>> nu.round(9).tolist(), dual.round(9).tolist()
    ([0.0, 0.5], [0.5])
    """
    from scipy.optimize import linprog

    tasks = heads.shape[1]
    scale = float(np.abs(target).max())
    solved = linprog(
        np.ones(2 * tasks),
        A_eq=np.hstack([heads, -heads]),
        b_eq=target / scale,
        method="highs-ds",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.status != 0:
        raise RuntimeError(f"HiGHS did not solve the relevance programme: {solved.message}")
    parts = np.asarray(solved.x, dtype=np.float64)
    rough = scale * (parts[:tasks] - parts[tasks:])
    support: NDArray[np.intp] = np.flatnonzero(rough)
    nu = np.zeros(tasks)
    nu[support] = np.linalg.lstsq(heads[:, support], target)[0]
    return nu, np.asarray(solved.eqlin.marginals)
