"""Allocations when samples cost different amounts, or opening a task costs extra."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.active_multitask_lasso.checks import checked_counts, checked_problem
from sims.active_multitask_lasso.minimal_norm import smallest_l1
from sims.numerics.validate import array, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

LARGEST_ENUMERATION = 20_000  # supports; 20 tasks and K = 4 have 6,195
FEASIBLE = 1e-9  # relative misfit of W_S nu_S = w
INDEPENDENT = 1e-9  # relative, least singular value of the columns of a support


@dataclass(frozen=True)
class CostDesign:
    """The cheapest allocation that reaches a design value.

    Attributes
    ----------
    counts : ndarray, shape (T,)
        Real numbers with q(counts) = value.
    nu : ndarray, shape (T,)
        The solution of W nu = w behind them.
    cost : float
    label : str
        "exact", or "heuristic" when a cheaper support was not excluded.
    """

    counts: Real
    nu: Real
    cost: float
    label: Literal["exact", "heuristic"]


def linear_cost_design(
    heads: ArrayLike, target: ArrayLike, prices: ArrayLike, *, value: float
) -> CostDesign:
    r"""Minimise :math:`\sum_t h_t n_t` subject to :math:`q(n) \le` `value`.

    Parameters
    ----------
    heads, target : array_like
        As for `design_value`.
    prices : array_like
        h > 0 of one sample, scalar or shape (T,).
    value : float
        The design value to reach, > 0.

    Returns
    -------
    CostDesign
        Always exact: cost times value is the square of the least :math:`\sum_t \sqrt{h_t}|\nu_t|`
        with W nu = w, and :math:`n_t \propto |\nu_t|/\sqrt{h_t}`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> design = linear_cost_design([[1.0, 2.0]], [2.0], [1.0, 9.0], value=0.01)
    >>> design.counts.tolist(), round(design.cost, 9)
    ([400.0, 0.0], 400.0)
    """
    w, b = checked_problem(heads, target)
    h = _checked_prices(prices, w.shape[1])
    goal = number("value", value, 0, open_low=True)
    root = np.sqrt(h)
    priced = smallest_l1(w / root, b)
    counts = np.abs(priced.nu) / h * (priced.norm / goal)
    return CostDesign(counts, priced.nu / root, priced.norm**2 / goal, "exact")


def saltus_cost_design(
    heads: ArrayLike, target: ArrayLike, *, opening: float, price: float, value: float
) -> CostDesign:
    r"""Minimise :math:`\sum_t a\,1[n_t>0] + h n_t` subject to :math:`q(n) \le` `value`.

    On a support S the least cost is :math:`a|S| + h\lVert\nu_S\rVert_1^2/`value. Supports of more
    than K tasks are never better than their vertices, so at most K tasks need be tried.

    Parameters
    ----------
    heads, target : array_like
        As for `design_value`.
    opening : float
        a >= 0, paid once for every task with samples.
    price : float
        h > 0 of one sample.
    value : float
        The design value to reach, > 0.

    Returns
    -------
    CostDesign
        "exact" when all supports were enumerated (about T <= 20 with K <= 4), when a = 0, or when
        one task suffices; otherwise the L1 vertex, "heuristic". For targets in general position
        every support needs K tasks and the L1 vertex is optimal at every a.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> heads = [[1.0, 0.0, 0.6], [0.0, 1.0, 0.6]]
    >>> cheap = saltus_cost_design(heads, [1.0, 1.0], opening=10.0, price=1.0, value=0.01)
    >>> np.flatnonzero(cheap.counts).tolist(), round(cheap.cost, 6), cheap.label
    ([2], 287.777778, 'exact')
    """
    w, b = checked_problem(heads, target)
    a = number("opening", opening, 0)
    h = number("price", price, 0, open_low=True)
    goal = number("value", value, 0, open_low=True)
    best = smallest_l1(w, b)
    nu, cost = best.nu, _saltus(best.nu, a, h, goal)
    used = np.count_nonzero(nu)
    label: Literal["exact", "heuristic"] = "exact" if a == 0 or used == 1 else "heuristic"
    rank, tasks = w.shape
    if label != "exact" and sum(comb(tasks, k) for k in range(1, rank)) <= LARGEST_ENUMERATION:
        label = "exact"
        for other in _vertices(w, b):
            if _saltus(other, a, h, goal) < cost * (1.0 - 1e-12):
                nu, cost = other, _saltus(other, a, h, goal)
    counts = np.abs(nu) * (float(np.abs(nu).sum()) / goal)
    return CostDesign(counts, nu, cost, label)


def linear_cost(counts: ArrayLike, prices: ArrayLike) -> float:
    r"""Return :math:`\sum_t h_t n_t`.

    Parameters
    ----------
    counts : array_like, shape (T,)
        n, each >= 0.
    prices : array_like
        h > 0, scalar or shape (T,).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> linear_cost([3, 4], [1.0, 0.5])
    5.0
    """
    n = array("counts", counts, 0, ndim=1)
    return float(_checked_prices(prices, n.size) @ n)


def saltus_cost(counts: ArrayLike, *, opening: float, price: float) -> float:
    r"""Return :math:`\sum_t a\,1[n_t>0] + h n_t`.

    Parameters
    ----------
    counts : array_like, shape (T,)
        n, each >= 0.
    opening, price : float
        a >= 0 and h > 0.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> saltus_cost([3, 0, 4], opening=10.0, price=0.5)
    23.5
    """
    n = array("counts", counts, 0, ndim=1)
    a, h = number("opening", opening, 0), number("price", price, 0, open_low=True)
    return a * int(np.count_nonzero(n)) + h * float(n.sum())


def _saltus(nu: Real, opening: float, price: float, value: float) -> float:
    return opening * int(np.count_nonzero(nu)) + price * float(np.abs(nu).sum()) ** 2 / value


def _vertices(heads: Real, target: Real) -> list[Real]:
    """Return, for each number of tasks below K, the solution of least L1 norm on a support.

    The L1 vertex covers supports of K tasks. Dependent columns are passed over: what they reach,
    a smaller support reaches with no larger norm.
    """
    rank, tasks = heads.shape
    found = []
    for size in range(1, rank):
        supports = np.array(list(combinations(range(tasks), size)))
        columns = heads[:, supports].transpose(1, 0, 2)
        lengths = np.linalg.norm(columns, axis=1, keepdims=True)
        left, sizes, right = np.linalg.svd(columns / lengths, full_matrices=False)
        regular = sizes[:, -1] > INDEPENDENT
        sizes[~regular] = 1.0
        inside = np.einsum("nij,i->nj", left, target)
        missed = np.linalg.norm(target - np.einsum("nij,nj->ni", left, inside), axis=1)
        nu = np.einsum("nji,nj->ni", right, inside / sizes) / lengths[:, 0]
        usable = regular & (missed <= FEASIBLE * np.linalg.norm(target))
        if usable.any():
            best = np.flatnonzero(usable)[np.abs(nu[usable]).sum(axis=1).argmin()]
            vertex = np.zeros(tasks)
            vertex[supports[best]] = nu[best]
            found.append(vertex)
    return found


def _checked_prices(prices: ArrayLike, tasks: int) -> Real:
    return checked_counts(prices, tasks, name="prices", positive=True)
