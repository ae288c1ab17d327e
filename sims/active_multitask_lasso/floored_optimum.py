r"""The best allocation above a floor, exactly, from one LASSO path.

minimise q(n) over n >= f, sum n = N. With F = W diag(f) W' = L L' and M = N - sum f the solution is
n = f + |mu|/tau, where mu solves the LASSO with W, w replaced by L^-1 W, L^-1 w and with the lambda
tau at which |mu|_1 = M tau. Derived, see docs/theory/active_multitask_lasso.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from sims.active_multitask_lasso.checks import checked_problem
from sims.active_multitask_lasso.design import value_of
from sims.active_multitask_lasso.homotopy import Path, Stalled, trace
from sims.active_multitask_lasso.lasso import trace_without_ties
from sims.active_multitask_lasso.minimal_norm import smallest_l1
from sims.active_multitask_lasso.water_filling import check_budget, checked_floor
from sims.numerics.validate import integer

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

CERTIFIED = 1e-9  # relative gap
RIDGE = 1e-9  # relative, where the floors do not span; the result is corrected for it


@dataclass(frozen=True)
class OptimalAllocation:
    """The allocation of least design value above a floor.

    Attributes
    ----------
    counts : ndarray, shape (T,)
        Real numbers that sum to the total. Where tasks coincide they need not be unique.
    value : float
        q(counts).
    gap : float
        (value - lower bound)/value >= 0, by weak duality.
    """

    counts: Real
    value: float
    gap: float


def optimal_floored_allocation(
    heads: ArrayLike, target: ArrayLike, total: int, floor: ArrayLike
) -> OptimalAllocation:
    r"""Minimise q(n) subject to :math:`n_t \ge \text{floor}_t` and :math:`\sum_t n_t = N`.

    Parameters
    ----------
    heads, target : array_like
        As for `design_value`.
    total : int
        N >= 1, at least the sum of the floors.
    floor : array_like
        Real, >= 0, scalar or shape (T,).

    Returns
    -------
    OptimalAllocation

    Raises
    ------
    ValueError
        When an argument is outside its range.
    RuntimeError
        When no solver reaches a relative gap of 1e-6.

    Notes
    -----
    By context the problem of Eq. (9) of Wang et al. (2023), which their Theorem 3.4 compares the
    L1 rule with. Normally exact to 1e-12; where the certificate fails, cvxpy's Clarabel is asked.

    Examples
    --------
    >>> best = optimal_floored_allocation([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 2.0], 100, 5)
    >>> best.counts.round(9).tolist(), round(best.value, 9)
    ([5.0, 47.5, 47.5], 0.042105263)
    """
    w, b = checked_problem(heads, target)
    amount = integer("total", total, 1)
    lower = checked_floor(floor, w.shape[1], whole=False)
    check_budget(amount, lower)
    spare = amount - float(lower.sum())
    if spare <= 1e-12 * amount:
        return OptimalAllocation(lower, value_of(w, b, lower), 0.0)
    if not lower.any():
        nu = smallest_l1(w, b)
        counts = amount * np.abs(nu.nu) / nu.norm
        return _with_certificate(w, b, counts, lower, nu.dual)
    best = _by_path(w, b, lower, spare)
    if best is None or best.gap > CERTIFIED:
        from sims.active_multitask_lasso.oracle import optimal_allocation_oracle

        best = _with_certificate(w, b, *optimal_allocation_oracle(w, b, amount, lower))
        if best.gap > 1e-6:
            raise RuntimeError(f"the best allocation has a relative gap of {best.gap:.1e} at best")
    return best


def _by_path(heads: Real, target: Real, lower: Real, spare: float) -> OptimalAllocation | None:
    metric = (heads * lower) @ heads.T
    sizes = np.linalg.eigvalsh(metric)
    if sizes[0] < RIDGE * sizes[-1]:
        metric[np.diag_indices(len(target))] += RIDGE * sizes[-1]
    root = np.linalg.cholesky(metric)
    whitened = solve_triangular(root, np.column_stack([heads, target]), lower=True)
    for follow in (trace, trace_without_ties):
        try:
            path = follow(np.ascontiguousarray(whitened[:, :-1]), whitened[:, -1].copy())
        except Stalled:
            continue
        return _at_budget(path, heads, target, lower, spare)
    return None


def _at_budget(
    path: Path, heads: Real, target: Real, lower: Real, spare: float
) -> OptimalAllocation:
    """Find the piece of the path where |mu|_1 = M tau and solve its conditions for the given W.

    They are linear in (M y, mu_A, M tau): F y + W_A mu_A = w, W_A'y = tau s and s'mu_A = M tau.
    """
    for piece in path.segments:  # |mu|_1/tau rises as tau falls
        signs, end = piece.signs, piece.end
        if end == 0 or signs @ (piece.constant / end - piece.slope) >= spare:
            break
    rank, k = len(target), signs.size
    columns = heads[:, piece.active]
    system = np.zeros((rank + k + 1, rank + k + 1))
    system[:rank, :rank] = (heads * (lower / spare)) @ heads.T
    system[:rank, rank:-1] = columns
    system[rank:-1, :rank], system[rank:-1, -1] = columns.T, -signs
    system[-1, rank:-1], system[-1, -1] = signs, -1.0
    right = np.concatenate([target, np.zeros(k + 1)])
    solved = np.linalg.lstsq(system, right)[0]
    counts = lower.copy()
    extra = np.maximum(signs * solved[rank:-1], 0.0)
    counts[piece.active] += spare * extra / extra.sum()
    return _with_certificate(heads, target, counts, lower, solved[:rank])


def _with_certificate(
    heads: Real, target: Real, counts: Real, lower: Real, dual: Real
) -> OptimalAllocation:
    """Attach the bound (y'w)^2 / (y'Fy + M |W'y|_inf^2), which holds for every y."""
    value = value_of(heads, target, counts)
    squares = np.square(dual @ heads)
    most = float(lower @ squares + (counts.sum() - lower.sum()) * squares.max())
    bound = float(dual @ target) ** 2 / most
    return OptimalAllocation(counts, value, max(0.0, 1.0 - bound / value))
