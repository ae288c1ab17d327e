"""What all trials of the sampling experiment share: the truth, the learner's settings, steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Required, TypedDict, get_args

import numpy as np
from numpy.random import Generator

from sims.active_multitask_lasso.checks import checked_basis, checked_problem
from sims.active_multitask_lasso.design import checked_dimension
from sims.active_multitask_lasso.joint_erm import MultitaskFit, Objective, fit_jointly
from sims.active_multitask_lasso.minimal_norm import smallest_l1, smallest_l2
from sims.active_multitask_lasso.stages import (
    Exploration,
    Lasso,
    Rule,
    estimated_relevance,
    exploration_budget,
    next_counts,
)
from sims.active_multitask_lasso.statistics import Statistics, gaussian_statistics
from sims.active_multitask_lasso.tape import Inputs, Tape
from sims.active_multitask_lasso.target_head import head_on, missed_power
from sims.active_multitask_lasso.water_filling import allocation
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]


class Settings(TypedDict, total=False):
    """The keyword arguments of `experiment`, which every trial passes on to it."""

    dimension: Required[int]
    noise_variance: float
    floor: int
    fitted_rank: int | None
    exploration: Exploration
    lasso: Lasso
    objective: Objective
    estimate_noise: bool
    basis: ArrayLike | None
    inputs: Inputs


@dataclass(frozen=True, eq=False)
class Experiment:
    """What stays the same over budgets and strategies of a trial; checked by `experiment`."""

    heads: Real
    target: Real
    basis: Real
    sigma: float
    floor: int
    fitted_rank: int
    exploration: Exploration
    lasso: Lasso
    objective: Objective
    estimate_noise: bool
    inputs: Inputs

    @property
    def parameters(self) -> Real:
        """Return theta_t of the source tasks, (T, d)."""
        return np.asarray((self.basis @ self.heads).T)

    @property
    def aim(self) -> Real:
        """Return theta of the target, (d,)."""
        return np.asarray(self.basis @ self.target)

    def known(self, rule: Rule, total: int) -> Whole:
        """Return the counts of a rule that knows W and w."""
        if rule == "uniform":
            nu = np.ones(self.heads.shape[1])
        else:
            solve = smallest_l2 if rule == "l2" else smallest_l1
            nu = solve(self.heads, self.target).nu
        return allocation(nu, total, p=2 if rule == "l2" else 1, floor=self.floor)

    def explored(self, total: int) -> Whole:
        """Return the counts after the exploration stage of an active strategy."""
        first = exploration_budget(
            total,
            tasks=self.heads.shape[1],
            dimension=len(self.basis),
            floor=self.floor,
            exploration=self.exploration,
        )
        return self.known("uniform", first)

    def fit(self, statistics: Statistics) -> MultitaskFit:
        """Fit the source tasks."""
        return fit_jointly(statistics, self.fitted_rank, self.objective)

    def chosen(self, fit: MultitaskFit, target: Statistics, total: int, rule: Rule) -> Whole:
        """Return the cumulative counts an active strategy aims at after a fit."""
        variance = self.sigma**2
        if self.estimate_noise:
            variance = fit.noise_variance
            if np.isnan(variance):
                wanted = "positive to estimate the noise; explore more or give the noise variance"
                reject("degrees of freedom left by the exploration", fit.degrees_of_freedom, wanted)
        nu = estimated_relevance(
            fit.heads,
            head_on(target, fit.basis),
            fit.counts,
            rule=rule,
            target_samples=target.total,
            noise_variance=variance,
            lasso=self.lasso,
        )
        return next_counts(nu, fit.counts, total, rule=rule)

    def continued(
        self, before: Statistics, plans: Sequence[Whole], rng: Generator
    ) -> list[Statistics]:
        """Add the samples that each plan still lacks, all read from one further tape."""
        if not plans:
            return []
        lacking = np.array([plan - before.counts for plan in plans])
        tape = Tape(lacking, self.parameters, self.sigma, self.inputs, rng)
        return [before + tape.at(counts) for counts in lacking]

    def target_sample(self, size: int, rng: Generator) -> Statistics:
        """Draw the statistics of the target."""
        return self.inputs(self.aim[None], np.array([float(size)]), self.sigma, rng)

    def risks(self, fit: MultitaskFit, target: Statistics) -> tuple[float, float, float]:
        """Return rep, the total excess risk and the second factor of the bound."""
        rep = missed_power(fit.basis, self.aim)
        off = fit.basis @ head_on(target, fit.basis) - self.aim
        theta = self.parameters
        missed = np.square(theta - (theta @ fit.basis) @ fit.basis.T).sum(axis=1)
        return rep, float(off @ off), float(fit.counts @ missed)


def experiment(
    heads: ArrayLike,
    target: ArrayLike,
    *,
    dimension: int,
    noise_variance: float = 1.0,
    floor: int = 5,
    fitted_rank: int | None = None,
    exploration: Exploration = "sqrt",
    lasso: Lasso = "calibrated",
    objective: Objective = "pooled",
    estimate_noise: bool = False,
    basis: ArrayLike | None = None,
    inputs: Inputs = gaussian_statistics,
) -> Experiment:
    """Check the arguments that all trials of the family share.

    Parameters
    ----------
    heads, target : array_like, shape (K, T) and (K,)
        The true W and w.
    dimension : int
        d > K.
    noise_variance : float
        sigma^2 >= 0.
    floor : int
        Least number of samples of a task, >= 0.
    fitted_rank : int, optional
        Dimension of the fitted representation, by default K.
    exploration : "sqrt" or float
        As for `exploration_budget`.
    lasso : "calibrated" or float
        As for `estimated_relevance`.
    objective : {"pooled", "per-task mean"}
        As for `joint_erm`.
    estimate_noise : bool
        Let the learner estimate sigma^2 from its exploration instead of knowing it.
    basis : array_like, shape (d, K), optional
        B; by default the first K coordinates, as good as any other for Gaussian inputs.
    inputs : callable
        Draws statistics for parameters (T, d), counts (T,), sigma and a generator; the inputs'
        second moments must be the identity. Gaussian by default; see `PoolInputs` for real ones.

    Returns
    -------
    Experiment

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> experiment([[1.0, 2.0]], [1.0], dimension=3).known("l1", 20).tolist()
    [5, 15]
    """
    w, b = checked_problem(heads, target)
    rank, tasks = w.shape
    d = checked_dimension(dimension, rank)
    fitted = integer("fitted_rank", rank if fitted_rank is None else fitted_rank, 1)
    if fitted > tasks or fitted >= d:
        reject("fitted_rank", fitted, f"at most T = {tasks} and below d = {d}")
    span = np.eye(d, rank) if basis is None else checked_basis("basis", basis, rank)
    if len(span) != d:
        reject("basis.shape", span.shape, f"({d}, {rank})")
    if objective not in get_args(Objective):
        reject("objective", objective, "'pooled' or 'per-task mean'")
    sigma = number("noise_variance", noise_variance, 0) ** 0.5
    least = integer("floor", floor, 0)
    learner = exploration, lasso, objective, bool(estimate_noise), inputs
    return Experiment(w, b, span, sigma, least, fitted, *learner)


def checked_budgets(name: str, budgets: ArrayLike) -> list[int]:
    """Return sample sizes as whole numbers.

    Examples
    --------
    >>> checked_budgets("budgets", [1e3, 2000])
    [1000, 2000]
    """
    values = np.atleast_1d(array(name, budgets, 1))
    if values.ndim != 1 or not values.size or (values != np.floor(values)).any():
        reject(name, np.asarray(budgets).tolist(), "a vector of whole numbers >= 1")
    return [int(value) for value in values]


def checked_target(target_samples: int, rank: int) -> int:
    """Return the size of the target sample: below K + 2 its risk has no mean.

    Examples
    --------
    >>> checked_target(5, 4)
    Traceback (most recent call last):
    ...
    ValueError: target_samples = 5 is not allowed: it must be a whole number in [6, inf)
    """
    return integer("target_samples", target_samples, rank + 2)
