"""Five strategies on three kinds of tasks: parameters, first-order risks, where they apply."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.bounds import risk_upper_bound
from sims.active_multitask_lasso.design import first_order_risk
from sims.active_multitask_lasso.real_inputs import pool_inputs, whitened_digits
from sims.active_multitask_lasso.stages import exploration_budget
from sims.active_multitask_lasso.statistics import gaussian_statistics
from sims.active_multitask_lasso.studies.common import (
    ACTIVE_NAMES,
    KINDS,
    RULE_NAMES,
    Kind,
    TaskParams,
    dimension_parameter,
    floor_parameter,
    instance_of,
    known_counts,
    ratio_parameter,
    target_parameter,
    values_of,
    well_fed,
)
from sims.active_multitask_lasso.water_filling import water_fill
from sims.params import parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.active_multitask_lasso.tape import Inputs

    Real = NDArray[np.float64]

STRATEGY_NAMES = (*RULE_NAMES, *ACTIVE_NAMES)
UNIFORM, L2, L1, L2_ACTIVE, L1_ACTIVE = range(5)
PAIRS = {
    "uniform − L1 rule": (UNIFORM, L1),
    "uniform − L2 rule": (UNIFORM, L2),
    "L2 rule − L1 rule": (L2, L1),
    "uniform − L1 active": (UNIFORM, L1_ACTIVE),
    "L2 active − L1 active": (L2_ACTIVE, L1_ACTIVE),
}


class BudgetParams(TaskParams):
    """Parameters of risk against the budget."""

    instances: Literal["all three", "two levels", "spiked", "random"] = parameter(
        "all three",
        title="kind of tasks",
        symbol="W",
        help="Two levels of relevance; one task that is the target itself; Gaussian heads.",
    )
    ratio: float = ratio_parameter(20.0)
    dimension: int = dimension_parameter(30, advanced=False)
    largest: int = parameter(
        64_000,
        title="largest budget",
        symbol="N",
        help="Points stand at this budget and its halves, quarters and so on.",
        ge=400,
        le=10**7,
        scale="log",
        advanced=True,
    )
    halvings: int = parameter(
        5,
        title="halvings of the budget",
        symbol="h",
        help="How often the largest budget is halved.",
        ge=2,
        le=9,
        advanced=True,
    )
    target_samples: int = target_parameter()
    floor: int = floor_parameter(5)
    inputs: Literal["Gaussian", "digits"] = parameter(
        "Gaussian",
        title="inputs",
        symbol="x",
        help="Digits: whitened principal components of real images; the labels stay linear.",
        advanced=True,
    )

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of tasks that are shown."""
        return tuple(kind for kind in KINDS if self.instances in ("all three", kind))

    @property
    def budgets(self) -> NDArray[np.float64]:
        """The budgets of the points."""
        return np.round(self.largest / 2.0 ** np.arange(self.halvings, -1, -1))

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        least = 2 * self.tasks * max(self.floor, 1)
        if self.budgets[0] < least:
            raise ValueError(
                f"largest = {self.largest} is not allowed: it must be at least "
                f"{least * 2**self.halvings}, so that after {self.halvings} halvings there are "
                f"two times the floor for every task"
            )
        if self.inputs == "digits" and self.dimension > 60:
            raise ValueError(
                f"dimension = {self.dimension} is not allowed: it must be at most 60 for digits"
            )
        return self


def told(params: BudgetParams, kind: Kind) -> tuple[Kind, int, int, float, int]:
    """Return what `instance_of` and `values_of` ask for."""
    return kind, params.tasks, params.rank, params.ratio, params.seed


@lru_cache(maxsize=8)
def inputs_of(name: str, dimension: int) -> Inputs:
    """Return what draws the inputs."""
    return gaussian_statistics if name == "Gaussian" else pool_inputs(whitened_digits(dimension))


def first_order(params: BudgetParams, kind: Kind, total: int) -> tuple[Real, float]:
    """Return the first-order risk of the five strategies and the bound of the L1 rule."""
    made, found = instance_of(*told(params, kind)), values_of(*told(params, kind))
    counts = list(known_counts(found, total, params.floor).astype(float))
    first = exploration_budget(
        total, tasks=params.tasks, dimension=params.dimension, floor=params.floor
    )
    explored = np.full(params.tasks, first / params.tasks)
    for weights in (np.square(found.nu2.nu), np.abs(found.nu1.nu)):
        counts.append(water_fill(weights, total, explored))
    d = params.dimension
    risks = [
        first_order_risk(made.heads, made.target, n, dimension=d, noise_variance=1.0)
        for n in counts
    ]
    bound = risk_upper_bound(
        made.heads, made.target, counts[L1], found.nu1.nu, dimension=d, noise_variance=1.0
    )
    return np.array(risks), bound


def leads(params: BudgetParams, rep: Real, totals: Real) -> Real:
    """Return the differences of the pairs, in units of the least first-order risk."""
    least = [
        (params.dimension - params.rank) * values_of(*told(params, k)).l1 for k in params.kinds
    ]
    unit = np.array(least)[:, None, None] / totals
    return np.stack([rep[:, high] - rep[:, low] for high, low in PAIRS.values()], axis=1) / unit


def covered_by(params: BudgetParams, kind: Kind) -> NDArray[np.bool_]:
    """Return where first order may be held to its tolerance, (rules, budgets)."""
    made, found = instance_of(*told(params, kind)), values_of(*told(params, kind))
    counts = [known_counts(found, int(n), params.floor) for n in params.budgets]
    return np.transpose([well_fed(made, n, params.dimension) for n in counts])
