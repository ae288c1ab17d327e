"""Active sampling on real images: learn a digit under a new corruption from seventy other tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from sims.active_multitask_lasso.digits_tasks import (
    CLASSES,
    CORRUPTIONS,
    DigitsTasks,
    digits_tasks,
    task_list,
)
from sims.active_multitask_lasso.sampler import ActiveSampler
from sims.active_multitask_lasso.stages import Exploration, Lasso, Rule, exploration_budget
from sims.active_multitask_lasso.statistics import Statistics, statistics_of
from sims.numerics.validate import integer

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Real = NDArray[np.float64]

DigitsStrategy = Literal["uniform", "l2-active", "l1-active", "target only"]
DIGITS_STRATEGIES: tuple[DigitsStrategy, ...] = get_args(DigitsStrategy)
RULES: tuple[Rule, Rule] = ("uniform", "l2")
TARGET_ONLY_RIDGE = 1.0

__all__ = ["DIGITS_STRATEGIES", "DigitsOutcome", "DigitsTasks", "digits_tasks", "digits_trial"]


@dataclass(frozen=True, eq=False)
class DigitsOutcome:
    """What one target was predicted with, by strategy.

    Attributes
    ----------
    squared_error : ndarray, shape (4,)
        Class-balanced, on test images, in the order of `DIGITS_STRATEGIES`.
    error_rate : ndarray, shape (4,)
        Class-balanced.
    own_digit_share : ndarray, shape (3,)
        Share of the samples after the exploration that went to the target's digit under other
        corruptions; by uniform sampling 0.1.
    """

    squared_error: Real
    error_rate: Real
    own_digit_share: Real


def digits_trial(
    tasks: DigitsTasks,
    corruption: int,
    digit: int,
    *,
    rank: int = 6,
    total: int = 8000,
    target_samples: int = 40,
    exploration: Exploration = 0.4,
    lasso: Lasso = 0.05,
    selection: int | None = None,
    target_ridge: float = 0.1,
    rng: Generator,
) -> DigitsOutcome:
    """Learn one target from the tasks of all other corruptions, by every strategy.

    Parameters
    ----------
    tasks : DigitsTasks
        From `digits_tasks`.
    corruption, digit : int
        The target: one of the 8 corruptions and one of the 10 digits.
    rank : int
        K of the fitted representation.
    total : int
        N, the samples of all source tasks together.
    target_samples : int
        Labelled images of the target, >= 1.
    exploration, lasso, selection, target_ridge
        As for `exploration_budget` and `ActiveSampler`.
    rng : numpy.random.Generator

    Returns
    -------
    DigitsOutcome
        The strategies share the target's sample, the exploration, and what they both draw later.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Nothing says that the L1 rule should beat the L2 rule here: the tasks are neither linear nor of
    low rank, and both gain only while K is below the rank that the tasks really need.

    Examples
    --------
    >>> tasks = digits_tasks(np.random.default_rng(0))
    >>> outcome = digits_trial(tasks, 3, 7, rng=np.random.default_rng(1))
    >>> outcome.squared_error.shape, bool((outcome.own_digit_share[1:] > 0.1).all())
    ((4,), True)
    """
    own = integer("corruption", corruption, 0, len(CORRUPTIONS) - 1)
    digit = integer("digit", digit, 0, CLASSES - 1)
    sources = task_list(own)
    size = integer("target_samples", target_samples, 1)
    dimension = tasks.train.shape[2]
    first = exploration_budget(
        total, tasks=len(sources), dimension=dimension, exploration=exploration
    )
    aim = statistics_of([tasks.draw(own, digit, size, rng)])
    passive, active = (
        ActiveSampler(
            aim,
            tasks=len(sources),
            rank=rank,
            budgets=(first, total) if first < total else (total,),
            rule=rule,
            lasso=lasso,
            selection=None if rule == "uniform" else selection,
            target_ridge=target_ridge,
        )
        for rule in RULES
    )
    explored = _draw(tasks, sources, [passive.propose()], rng)[0]
    passive.add(explored)
    active.add(explored)
    wanted = [] if passive.done else [passive.propose(), active.propose()]
    samplers = [passive, active, active.with_rule("l1")]
    if not passive.done:
        wanted.append(samplers[2].propose())
    for sampler, statistics in zip(samplers, _draw(tasks, sources, wanted, rng)):
        sampler.add(statistics)
    fitted = [sampler.parameters() for sampler in samplers]
    fitted.append(_ridge(aim, TARGET_ONLY_RIDGE))
    errors = np.array([tasks.errors(own, digit, parameters) for parameters in fitted])
    same = np.array([source[1] == digit for source in sources])
    shares = [counts[same].sum() / counts.sum() for counts in wanted] or [0.1] * len(samplers)
    return DigitsOutcome(errors[:, 0], errors[:, 1], np.array(shares))


def _draw(
    tasks: DigitsTasks,
    sources: list[tuple[int, int]],
    wanted: list[NDArray[np.int64]],
    rng: Generator,
) -> list[Statistics]:
    """Draw once what the largest request needs; smaller requests get the beginning of it."""
    if not wanted:
        return []
    most = np.max(wanted, axis=0)
    data = [tasks.draw(*source, int(size), rng) for source, size in zip(sources, most)]
    dimension = tasks.train.shape[2]
    return [
        statistics_of([(x[:n], y[:n]) for (x, y), n in zip(data, counts)], dimension=dimension)
        for counts in wanted
    ]


def _ridge(sample: Statistics, strength: float) -> Real:
    penalised = sample.gram[0] + strength * np.eye(sample.dimension)
    return np.asarray(np.linalg.solve(penalised, sample.cross[0]))
