"""Trials that vary what an active learner is given: its exploration, its target sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.random import Generator

from sims.active_multitask_lasso.experiment import (
    Settings,
    checked_budgets,
    checked_target,
    experiment,
)
from sims.active_multitask_lasso.stages import Exploration, Rule
from sims.active_multitask_lasso.statistics import Statistics
from sims.active_multitask_lasso.tape import Tape
from sims.active_multitask_lasso.target_head import missed_power
from sims.numerics.validate import reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

RULES: tuple[Rule, Rule] = ("l2", "l1")


def exploration_trial(
    heads: ArrayLike,
    target: ArrayLike,
    total: int,
    shares: Sequence[Exploration],
    *,
    target_samples: int = 5000,
    rng: Generator,
    **settings: Unpack[Settings],
) -> Real:
    """Run the active strategies once for every share of the budget spent on exploration.

    Parameters
    ----------
    heads, target : array_like, shape (K, T) and (K,)
        The true W and w.
    total : int
        N, at least T * floor.
    shares : sequence of float or "sqrt"
        As `exploration` of `exploration_budget`; 1 is uniform sampling.
    target_samples, rng, **settings
        As for `strategy_trial`; `exploration` itself is not used.

    Returns
    -------
    ndarray, shape (shares, 2)
        rep of the L2 and the L1 rule.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> from sims.active_multitask_lasso import random_instance
    >>> instance = random_instance(12, 3, 0)
    >>> exploration_trial(
    ...     instance.heads, instance.target, 4000, [0.2, "sqrt"], dimension=20,
    ...     rng=np.random.default_rng(0),
    ... ).shape
    (2, 2)
    """
    n = checked_budgets("total", total)[0]
    if isinstance(shares, str) or not len(shares):
        reject("shares", shares, "a sequence of shares in (0, 1] or 'sqrt'")
    setups = []
    for share in shares:
        settings["exploration"] = share
        setups.append(experiment(heads, target, **settings))
    first = setups[0]
    sample = first.target_sample(checked_target(target_samples, first.fitted_rank), rng)
    places = np.array([setup.explored(n) for setup in setups])
    tape = Tape(places, first.parameters, first.sigma, first.inputs, rng)
    found = np.empty((len(setups), len(RULES)))
    for row, counts in enumerate(places):
        before = tape.at(counts)
        fit = first.fit(before)
        plans = [first.chosen(fit, sample, n, rule) for rule in RULES]
        for column, statistics in enumerate(first.continued(before, plans, rng)):
            found[row, column] = missed_power(first.fit(statistics).basis, first.aim)
    return found


def target_samples_trial(
    heads: ArrayLike,
    target: ArrayLike,
    total: int,
    target_samples: ArrayLike,
    *,
    rng: Generator,
    **settings: Unpack[Settings],
) -> Real:
    """Run the active strategies once for every size of the target sample.

    All sizes share one exploration; larger target samples extend smaller ones.

    Parameters
    ----------
    heads, target : array_like, shape (K, T) and (K,)
        The true W and w.
    total : int
        N, at least T * floor.
    target_samples : array_like of int, shape (sizes,)
        Each at least K + 2.
    rng, **settings
        As for `strategy_trial`.

    Returns
    -------
    ndarray, shape (sizes, 3)
        rep of uniform sampling (which does not depend on the target), of the L2 and the L1 rule.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> from sims.active_multitask_lasso import random_instance
    >>> instance = random_instance(12, 3, 0)
    >>> target_samples_trial(
    ...     instance.heads, instance.target, 4000, [8, 200], dimension=20,
    ...     rng=np.random.default_rng(0),
    ... ).shape
    (2, 3)
    """
    setup = experiment(heads, target, **settings)
    n = checked_budgets("total", total)[0]
    sizes = checked_budgets("target_samples", target_samples)
    checked_target(min(sizes), setup.fitted_rank)
    aims = Tape(np.array(sizes)[:, None], setup.aim[None], setup.sigma, setup.inputs, rng)
    uniform, explored = setup.known("uniform", n), setup.explored(n)
    tape = Tape(np.array([uniform, explored]), setup.parameters, setup.sigma, setup.inputs, rng)
    before = tape.at(explored)
    fit = setup.fit(before)
    samples = [aims.at(np.array([size])) for size in sizes]
    plans = [setup.chosen(fit, sample, n, rule) for sample in samples for rule in RULES]

    def risk(statistics: Statistics) -> float:
        return missed_power(setup.fit(statistics).basis, setup.aim)

    active = [risk(statistics) for statistics in setup.continued(before, plans, rng)]
    passive = np.full((len(sizes), 1), risk(tape.at(uniform)))
    return np.hstack([passive, np.reshape(active, (len(sizes), len(RULES)))])
