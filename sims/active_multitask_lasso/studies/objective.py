"""Chapter 2: the objective that undoes what an allocation is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.bounds import relevance_factor
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    DERIVED,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
    PAPER,
    READ,
    REP,
    RISK,
    RULE_NAMES,
    RULES,
    VALUE,
    KindParams,
    budget_parameter,
    chosen,
    dimension_parameter,
    instance_of,
    known_counts,
    known_risks,
    ratio_parameter,
    refuse_small_budget,
    values_of,
    well_fed,
)
from sims.active_multitask_lasso.trial import strategy_trial
from sims.agreement import agreement, exceeds
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Guide,
    Lesson,
    Measure,
    Outcome,
    Preset,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.active_multitask_lasso.joint_erm import Objective
    from sims.study import Arrays

    Real = NDArray[np.float64]

OBJECTIVES: tuple[Objective, ...] = ("pooled", "per-task mean")
POOLED, MEAN = 0, 1
TOLERANCE = 0.15
UNIFORM, L1 = 0, 2


class ObjectiveParams(KindParams):
    """Parameters of the comparison of two objectives."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30)
    total: int = budget_parameter(24_000, low=2000)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", self.total, self.tasks, 60)
        return self


class ObjectiveTrap(Study[ObjectiveParams]):
    """Risk of the rules when tasks are pooled, and when each counts alike, against the floor."""

    name = "active-multitask-lasso/objective"
    title = "Pool the samples, not the tasks"
    chapter = RISK
    statement = (
        "The fit must minimise the squared error summed over all **samples**. Average within "
        "tasks first, as is often written, and a task with five samples weighs as much as one "
        "with thousands: **the allocation is undone**. The L1 rule then turns from the best into "
        "the worst, unless every task gets many samples anyway."
    )
    takeaway = (
        "Pooled (left), samples of irrelevant tasks do no harm and floors only cost. With the "
        "mean of each task (right), the L1 rule is worse than uniform until the floor reaches N/T."
    )
    standing = "asymptotic"
    Params = ObjectiveParams
    axes = (
        Axis("objective", "objective"),
        Axis("rule", "rule"),
        Axis("floor", "least samples of a task", "n", scale="log", refine=4),
    )
    measures = (
        Measure("rep", "representation risk", ("objective", "rule", "floor")),
        Measure("loss", "L1 rule minus uniform, per-task mean", ("floor",)),
    )
    views = (
        Curves("rep", "Risk against the floor", "floor", ("rep",), "rule", "objective"),
        Curves(
            "loss",
            "Per-task mean: the L1 rule minus uniform sampling",
            "floor",
            ("loss",),
            y_scale="linear",
            guides=(Guide("zero", "y", ""),),
        ),
    )
    presets = (
        Preset("quick", "Thirty random tasks", ObjectiveParams(), 20),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            ObjectiveParams(tasks=40, rank=5, dimension=50, total=64_000),
            40,
        ),
        Preset("two-levels", "Two levels", ObjectiveParams(instance="two levels"), 20),
    )
    equations = (
        Equation(
            r"\min_{B, w_t} \sum_t \lVert Y_t - X_t B w_t\rVert^2 \quad\text{(pooled)}\qquad"
            r"\text{against}\qquad \min_{B, w_t} \sum_t \frac1{n_t}\lVert Y_t - X_t B w_t\rVert^2",
            "X_t and Y_t are the n_t samples of task t.",
            PAPER,
        ),
        Equation(
            r"\mathrm{rep} \approx \sigma^2 (d-K) \sum_t \frac{(\nu^2_t)^2}{n_t}"
            r"\qquad\text{(per-task mean)}",
            "To first order every task's own least squares then has weight 1 instead of √n_t, so "
            "that the L2 relevance takes the place of the minimising ν. Needs every task to have "
            "more than d samples; the lines begin there.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "The rules know the true relevance. A task with K samples or fewer is fitted exactly and "
        "has no vote at all: at the very smallest floors the harm is less.",
        REP,
        FIRST_ORDER,
        READ,
    )
    lesson = Lesson(
        "objective",
        "What does an average undo?",
        (
            Step(
                "Thirty random tasks and 24 000 samples by the L1 rule: four tasks get nearly all "
                "of them, every other task five.",
                {"instance": "random", "tasks": 30, "rank": 4, "total": 24_000},
                "The fit averages the squared error within each task first. What is the risk?",
                (
                    "The same: the four tasks are still known best",
                    "Worse, but better than uniform sampling",
                    "Worse than uniform sampling",
                ),
                2,
                "It is four times that of uniform sampling, and twenty times the pooled one: 26 "
                "tasks with five noisy samples have 26 votes out of 30.",
            ),
        ),
    )

    def grid(self, params: ObjectiveParams) -> Arrays:
        """Return objectives, rules, and floors from 5 to N/T."""
        most = params.total // params.tasks
        return {
            "objective": np.array(OBJECTIVES),
            "rule": np.array(RULE_NAMES),
            "floor": np.unique(np.geomspace(5, most, 7).astype(int)).astype(float),
        }

    def theory(self, params: ObjectiveParams, grid: Arrays) -> Arrays:
        """Return first-order risks of both objectives, where they apply."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        floors = np.asarray(grid["floor"]).astype(int)
        d, total = params.dimension, params.total
        pooled = [
            known_risks(made, found, [total], floor=int(low), dimension=d)[:, 0] for low in floors
        ]
        mean = [
            [
                (d - params.rank) * relevance_factor(found.nu2.nu, counts)
                if counts.min() > d
                else np.inf
                for counts in known_counts(found, total, int(low))
            ]
            for low in floors
        ]
        return {"rep": np.stack([np.transpose(pooled), np.transpose(mean)])}

    def trial(self, params: ObjectiveParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit both objectives to samples drawn by every rule above every floor."""
        made = instance_of(*chosen(params))
        rep = np.array(
            [
                [
                    strategy_trial(
                        made.heads,
                        made.target,
                        [params.total],
                        dimension=params.dimension,
                        floor=int(low),
                        strategies=RULES,
                        objective=objective,
                        rng=rng,
                    ).representation[0]
                    for low in np.asarray(grid["floor"])
                ]
                for objective in OBJECTIVES
            ]
        ).swapaxes(1, 2)
        return {"rep": rep, "loss": rep[MEAN, L1] - rep[MEAN, UNIFORM]}

    def guides(self, params: ObjectiveParams) -> dict[str, float]:
        """Return where the rules are equally good."""
        return {"zero": 0.0}

    def checks(self, outcome: Outcome[ObjectiveParams]) -> tuple[Check, ...]:
        """Hold first order where it applies, and the loss where floors are small."""
        params = outcome.params
        floors = np.asarray(outcome.grid["floor"])
        found = [
            agreement(
                outcome,
                "rep",
                tolerance=TOLERANCE,
                where=_covered(params, floors),
                sentence=f"first order within {TOLERANCE:.0%} of both simulated risks",
            )
        ]
        if params.instance == "random":
            found.append(
                exceeds(
                    outcome,
                    "loss",
                    where=(floors >= 2 * params.rank) & (floors <= params.dimension),
                    sentence="with the mean of each task and floors between 2K and d, the L1 rule "
                    "is worse than uniform sampling",
                )
            )
        return tuple(found)


def _covered(params: ObjectiveParams, floors: Real) -> NDArray[np.bool_]:
    """Return where first order may be held to its tolerance, (objectives, rules, floors)."""
    made, found = instance_of(*chosen(params)), values_of(*chosen(params))
    counts = [known_counts(found, params.total, int(low)) for low in floors]
    pooled = np.transpose([well_fed(made, n, params.dimension) for n in counts])
    mean = np.transpose([n.min(axis=1) >= 2 * params.dimension for n in counts])
    return np.stack([pooled, mean])
