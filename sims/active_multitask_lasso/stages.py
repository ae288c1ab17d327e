"""What an active learner decides between two stages: how much to explore, what to draw next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from sims.active_multitask_lasso.calibration import calibrated_relevance
from sims.active_multitask_lasso.checks import checked_counts, rank_of
from sims.active_multitask_lasso.lasso import solve_lasso
from sims.active_multitask_lasso.minimal_norm import smallest_l1, smallest_l2
from sims.active_multitask_lasso.water_filling import allocation
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]

Rule = Literal["uniform", "l1", "l2"]
Exploration = float | Literal["sqrt"]
Lasso = float | Literal["calibrated"]

RANK_TOLERANCE = 1e-9  # relative singular value of estimated heads that counts as none


def exploration_budget(
    total: int, *, tasks: int, dimension: int, floor: int = 1, exploration: Exploration = "sqrt"
) -> int:
    r"""Return how many samples to spread uniformly before anything is known.

    Parameters
    ----------
    total : int
        N, at least tasks * floor.
    tasks, dimension : int
        T and d.
    floor : int
        Least number of samples of a task, >= 0.
    exploration : "sqrt" or float
        :math:`\min(N/2, \sqrt{NTd})`, or a share of N in (0, 1]; in both cases at least
        tasks * floor.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The square root mirrors the papers' exploration of order 1/eps next to 1/eps^2 samples; the
    rule is ours, see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> exploration_budget(32_000, tasks=40, dimension=50)
    8000
    >>> exploration_budget(1_000, tasks=40, dimension=50, exploration=0.25)
    250
    """
    t, d = integer("tasks", tasks, 1), integer("dimension", dimension, 1)
    least = t * integer("floor", floor, 0)
    n = integer("total", total, 1)
    if n < least:
        reject("total", n, f"at least tasks * floor = {least}")
    if exploration == "sqrt":
        wanted = min(n / 2, (float(n) * t * d) ** 0.5)
    elif isinstance(exploration, str):
        reject("exploration", exploration, "'sqrt' or a share in (0, 1]")
    else:
        wanted = n * number("exploration", exploration, 0, 1, open_low=True)
    return max(least, int(wanted + 1e-9), 1)


def geometric_budgets(
    total: int,
    epochs: int = 2,
    *,
    tasks: int,
    dimension: int,
    floor: int = 1,
    exploration: Exploration = "sqrt",
) -> tuple[int, ...]:
    """Return cumulative budgets that grow by a constant factor from the exploration to `total`.

    Parameters
    ----------
    total : int
        N.
    epochs : int
        At least 2, the exploration included.
    tasks, dimension, floor, exploration
        As for `exploration_budget`, which gives the first entry.

    Returns
    -------
    tuple of int
        Increasing; shorter than `epochs` where neighbours would coincide.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> geometric_budgets(32_000, 3, tasks=40, dimension=50)
    (8000, 16000, 32000)
    """
    steps = integer("epochs", epochs, 2)
    first = exploration_budget(
        total, tasks=tasks, dimension=dimension, floor=floor, exploration=exploration
    )
    growth = np.geomspace(first, total, steps).round().astype(np.int64)
    growth[-1] = total
    return tuple(int(value) for value in np.unique(growth))


def estimated_relevance(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    *,
    rule: Rule,
    target_samples: int,
    noise_variance: float,
    lasso: Lasso = "calibrated",
) -> Real:
    r"""Estimate the relevance of every task from fitted heads.

    Parameters
    ----------
    heads : array_like, shape (K, T)
        What of the joint fit; columns of tasks without samples are passed over.
    target : array_like, shape (K,)
        what of the target's fit on the same features.
    counts : array_like of int
        Samples behind the heads, shape (T,).
    rule : {"l1", "l2", "uniform"}
        The LASSO, the pseudo-inverse, or ones.
    target_samples : int
        Behind the target's head, >= 1.
    noise_variance : float
        sigma^2 >= 0 or its estimate.
    lasso : "calibrated" or float
        lambda by `calibrated_lambda`, or as a fraction of max |W'w| in [0, 1); 0 is basis pursuit.

    Returns
    -------
    ndarray, shape (T,)
        All zero when nothing relevant can be told from noise.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Rotating the features rotates heads and target alike and leaves the relevance as it is. The
    scheme follows Wang et al. (2023) in a runnable form of ours, see
    docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> known = {"target_samples": 100, "noise_variance": 0.0}
    >>> estimated_relevance([[1.0, 2.0]], [2.0], [10, 10], rule="l2", **known).round(9).tolist()
    [0.4, 0.8]
    >>> estimated_relevance([[1.0, 2.0]], [2.0], [10, 10], rule="l1", **known).tolist()
    [0.0, 1.0]
    """
    w, b = array("heads", heads, ndim=2), array("target", target, ndim=1)
    if b.size != len(w):
        reject("target.shape", b.shape, f"({len(w)},), one entry for each row of heads")
    n = checked_counts(counts, w.shape[1])
    if rule not in get_args(Rule):
        reject("rule", rule, f"one of {', '.join(map(repr, get_args(Rule)))}")
    variance = number("noise_variance", noise_variance, 0)
    if lasso != "calibrated":
        if isinstance(lasso, str):
            reject("lasso", lasso, "'calibrated' or a fraction in [0, 1)")
        lasso = number("lasso", lasso, 0, 1, open_high=True)
    nu = np.zeros(w.shape[1])
    if rule == "uniform":
        return nu + 1.0
    used = np.flatnonzero((n > 0) & w.any(axis=0))
    w, b = _full_rank(w[:, used], b)
    if b.any():
        nu[used] = _relevance(w, b, n[used], rule, target_samples, variance, lasso)
    return nu


def next_counts(nu: ArrayLike, counts: ArrayLike, total: int, *, rule: Rule) -> Whole:
    """Return the cumulative counts to reach, given what has been drawn already.

    Parameters
    ----------
    nu : array_like, shape (T,)
        Estimated relevance; all zero means that all tasks are treated alike.
    counts : array_like of int, shape (T,)
        Drawn so far; no task goes below.
    total : int
        Cumulative budget, at least the sum of `counts`.
    rule : {"uniform", "l1", "l2"}
        Shares proportional to nu_t^2 by the L2 rule, to |nu_t| otherwise.

    Returns
    -------
    ndarray of int, shape (T,)
        Sums to `total`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> next_counts([3.0, 1.0, 0.0], [2, 2, 2], 12, rule="l1").tolist()
    [8, 2, 2]
    """
    values = array("nu", nu, ndim=1)
    weights = values if values.any() else np.ones_like(values)
    return allocation(weights, total, p=2 if rule == "l2" else 1, floor=counts)


def _relevance(
    heads: Real,
    target: Real,
    counts: Real,
    rule: Rule,
    target_samples: int,
    noise_variance: float,
    lasso: Lasso,
) -> Real:
    if rule == "l2":
        return smallest_l2(heads, target).nu
    if lasso == "calibrated":
        return calibrated_relevance(
            heads,
            target,
            counts,
            target_samples=target_samples,
            noise_variance=noise_variance,
        ).nu
    if lasso == 0:
        return smallest_l1(heads, target).nu
    largest = float(np.abs(target @ heads).max())
    return np.asarray(solve_lasso(heads, target, np.array([lasso * largest])).nu[0])


def _full_rank(heads: Real, target: Real) -> tuple[Real, Real]:
    """Restate a problem in the directions that the heads span, all of them as a rule."""
    if heads.shape[1] >= len(heads) and rank_of(heads) == len(heads):
        return heads, target
    left, sizes, _ = np.linalg.svd(heads, full_matrices=False)
    kept = left[:, sizes > RANK_TOLERANCE * sizes.max(initial=0.0)]
    return kept.T @ heads, kept.T @ target
