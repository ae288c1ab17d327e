"""The optimisation problems as cvxpy states them: slow, readable, the oracle of the tests."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.active_multitask_lasso.checks import checked_problem
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

TOLERANCES = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}


class LassoOracle:
    """min 1/2 |w - W nu|^2 + lambda |nu|_1, compiled once for all problems of one shape.

    Parameters
    ----------
    rank, tasks : int
        K and T of the problems to come.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> oracle = LassoOracle(2, 3)
    >>> abs(oracle.solve([[2.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [3.0, 1.0], 1.0)).round(4).tolist()
    [1.0, 0.0, 0.5]
    """

    def __init__(self, rank: int, tasks: int) -> None:
        cp: Any = import_module("cvxpy")  # heavy, and half typed

        rank = integer("rank", rank, 1)
        tasks = integer("tasks", tasks, rank)
        self._heads, self._target = cp.Parameter((rank, tasks)), cp.Parameter(rank)
        self._lambda = cp.Parameter(nonneg=True)
        self._nu = cp.Variable(tasks)
        misfit = cp.sum_squares(self._target - self._heads @ self._nu)
        objective = 0.5 * misfit + self._lambda * cp.norm1(self._nu)
        self._problem = cp.Problem(cp.Minimize(objective))

    def solve(self, heads: ArrayLike, target: ArrayLike, lambda_: float) -> Real:
        """Return the minimiser nu, shape (T,), to about 1e-7.

        Raises
        ------
        ValueError
            When an argument is outside its range or of another shape.
        """
        w, b = checked_problem(heads, target)
        if w.shape != self._heads.shape:
            reject("heads.shape", w.shape, f"{self._heads.shape}")
        self._heads.value, self._target.value = w, b
        self._lambda.value = number("lambda_", lambda_, 0, open_low=True)
        self._problem.solve(solver="CLARABEL", **TOLERANCES)
        return np.asarray(self._nu.value, dtype=np.float64)


def optimal_allocation_oracle(
    heads: Real, target: Real, total: float, lower: Real
) -> tuple[Real, Real, Real]:
    """Return the optimal counts, their floors and the dual vector of W nu = w; no checks.

    min sum_t nu_t^2/p_t over W nu = w, sum p = 1, p >= floor/N, jointly convex; n = N p.

    Examples
    --------
    >>> heads, floor = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.full(3, 5.0)
    >>> optimal_allocation_oracle(heads, np.array([1.0, 2.0]), 100, floor)[0].round(3).tolist()
    [5.0, 47.5, 47.5]
    """
    cp: Any = import_module("cvxpy")

    tasks = heads.shape[1]
    nu, shares = cp.Variable(tasks), cp.Variable(tasks)
    met = heads @ nu == target
    value = cp.sum([cp.quad_over_lin(nu[t], shares[t]) for t in range(tasks)])
    constraints = [met, cp.sum(shares) == 1, shares >= lower / total]
    cp.Problem(cp.Minimize(value), constraints).solve(solver="CLARABEL", **TOLERANCES)
    counts = lower + np.maximum(total * shares.value - lower, 0.0)
    spare, extra = total - lower.sum(), counts - lower
    return lower + spare * extra / extra.sum(), lower, np.asarray(met.dual_value)
