"""One repetition of the sampling experiment, over all budgets and strategies at once.

Known strategies use the true relevance; active ones explore uniformly, estimate it and add their
remaining samples to those they have. All read one tape of samples, and larger budgets extend
smaller ones, so that a trial draws little more than its largest budget needs and the strategies
differ by what they chose, less by luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Unpack, get_args

import numpy as np
from numpy.random import Generator

from sims.active_multitask_lasso.experiment import (
    Experiment,
    Settings,
    checked_budgets,
    checked_target,
    experiment,
)
from sims.active_multitask_lasso.stages import Rule
from sims.active_multitask_lasso.statistics import Statistics
from sims.active_multitask_lasso.tape import Tape
from sims.numerics.validate import reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]

Strategy = Literal["uniform", "l2", "l1", "l2-active", "l1-active"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
PASSIVE: dict[Strategy, Rule] = {"uniform": "uniform", "l2": "l2", "l1": "l1"}
ACTIVE: dict[Strategy, Rule] = {"l2-active": "l2", "l1-active": "l1"}


@dataclass(frozen=True, eq=False)
class StrategyRisks:
    """What one trial found, for every budget and strategy.

    Attributes
    ----------
    representation : ndarray, shape (budgets, strategies)
        rep, the least risk within the learned subspace.
    total : ndarray, shape (budgets, strategies)
        Excess risk after the target's own least squares on the learned features.
    subspace_factor : ndarray, shape (budgets, strategies)
        sum_t n_t |(I - Bhat Bhat') theta_t|^2, the second factor of the upper bound.
    counts : ndarray of int, shape (budgets, strategies, T)
    """

    representation: Real
    total: Real
    subspace_factor: Real
    counts: Whole


def strategy_trial(
    heads: ArrayLike,
    target: ArrayLike,
    budgets: ArrayLike,
    *,
    target_samples: int = 5000,
    strategies: Sequence[Strategy] = STRATEGIES,
    rng: Generator,
    **settings: Unpack[Settings],
) -> StrategyRisks:
    r"""Run the experiment once for every budget and strategy.

    Parameters
    ----------
    heads, target : array_like, shape (K, T) and (K,)
        The true W and w.
    budgets : array_like of int, shape (budgets,)
        N, each at least T * floor, in any order.
    target_samples : int
        At least K + 2; shared by all strategies and budgets.
    strategies : sequence of str
        Any of "uniform", "l2", "l1" (which know the relevance), "l2-active" and "l1-active".
    rng : numpy.random.Generator
    **settings
        As for `experiment`; `dimension` is needed.

    Returns
    -------
    StrategyRisks

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    With Gaussian inputs every number has exactly the law it would have with raw data. Derived, see
    docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> from sims.active_multitask_lasso import random_instance, strategy_trial
    >>> instance = random_instance(12, 3, 0)
    >>> found = strategy_trial(
    ...     instance.heads, instance.target, [2000, 8000], dimension=20,
    ...     rng=np.random.default_rng(0),
    ... )
    >>> found.representation.shape, found.counts.sum(axis=2).tolist()
    ((2, 5), [[2000, 2000, 2000, 2000, 2000], [8000, 8000, 8000, 8000, 8000]])
    """
    setup = experiment(heads, target, **settings)
    totals, names = checked_budgets("budgets", budgets), _checked_strategies(strategies)
    sample = setup.target_sample(checked_target(target_samples, setup.fitted_rank), rng)
    known = [name for name in names if name in PASSIVE]
    active = [name for name in names if name in ACTIVE]
    plans = {(n, name): setup.known(PASSIVE[name], n) for n in totals for name in known}
    explored = {n: setup.explored(n) for n in totals} if active else {}
    places = np.array([*plans.values(), *explored.values()])
    tape = Tape(places, setup.parameters, setup.sigma, setup.inputs, rng)
    found = {}
    for n in totals:
        data = {name: tape.at(plans[n, name]) for name in known}
        if active:
            data |= _second_stage(setup, tape.at(explored[n]), sample, n, active, rng)
        for name, statistics in data.items():
            risks = setup.risks(setup.fit(statistics), sample)
            found[n, name] = (*risks, statistics.counts)
    fields = zip(*([found[n, name] for n in totals for name in names]))
    shape = len(totals), len(names)
    return StrategyRisks(*(np.array(part).reshape(*shape, *np.shape(part[0])) for part in fields))


def _second_stage(
    setup: Experiment,
    before: Statistics,
    sample: Statistics,
    total: int,
    names: Sequence[Strategy],
    rng: Generator,
) -> dict[Strategy, Statistics]:
    fit = setup.fit(before)
    plans = [setup.chosen(fit, sample, total, ACTIVE[name]) for name in names]
    return dict(zip(names, setup.continued(before, plans, rng)))


def _checked_strategies(strategies: Sequence[Strategy]) -> list[Strategy]:
    unknown = [name for name in strategies if name not in STRATEGIES]
    if unknown or not strategies or isinstance(strategies, str):
        wrong = unknown[0] if unknown and not isinstance(strategies, str) else strategies
        reject("strategies", wrong, f"some of {', '.join(map(repr, STRATEGIES))}")
    return list(strategies)
