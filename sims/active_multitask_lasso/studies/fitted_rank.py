"""Chapter 2: fit fewer dimensions than the tasks have, or more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.joint_erm import joint_erm
from sims.active_multitask_lasso.statistics import Statistics
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    DERIVED,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
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
    floor_parameter,
    instance_of,
    known_counts,
    known_risks,
    ratio_parameter,
    refuse_above,
    refuse_small_budget,
    values_of,
)
from sims.active_multitask_lasso.target_head import representation_risk
from sims.active_multitask_lasso.trial import strategy_trial
from sims.agreement import agreement, exceeds
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.active_multitask_lasso.instances import Instance
    from sims.study import Arrays

    Real = NDArray[np.float64]

MORE = 2
TOLERANCE = 0.2
UNIFORM, L1 = 0, 2


class FittedRankParams(KindParams):
    """Parameters of risk against the fitted dimension."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30)
    total: int = budget_parameter(24_000, low=2000)
    floor: int = floor_parameter(5)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", self.total, self.tasks, max(1, self.floor))
        most = min(self.tasks, self.dimension - 1) - MORE
        refuse_above("rank", self.rank, most, "two dimensions more are fitted")
        return self


class FittedRank(Study[FittedRankParams]):
    """Risk of each rule against the dimension of the fitted representation."""

    name = "active-multitask-lasso/fitted-rank"
    title = "Too few dimensions, or too many"
    chapter = RISK
    statement = (
        "The true dimension $K$ is rarely known. Too many fitted dimensions cost nothing. With "
        "too few, no budget helps: some directions must be given up, and **the samples decide "
        "which**. A rule that samples for the target keeps what the target needs."
    )
    takeaway = (
        "With one dimension too few, uniform sampling loses part of the target for good; the L1 "
        "rule hardly notices, because nearly all its samples lie in what the target needs."
    )
    standing = "asymptotic"
    Params = FittedRankParams
    axes = (
        Axis("rule", "rule"),
        Axis("fitted", "fitted dimensions", "k"),
    )
    measures = (
        Measure("rep", "representation risk", ("rule", "fitted")),
        Measure("lead", "uniform minus L1 rule", ("fitted",)),
    )
    views = (
        Curves(
            "rep",
            "Risk against the fitted dimension",
            "fitted",
            ("rep",),
            "rule",
            x_scale="linear",
            guides=(Guide("true", "x", "true dimension K"),),
        ),
    )
    presets = (
        Preset("quick", "Thirty random tasks of rank 4", FittedRankParams(), 30),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            FittedRankParams(tasks=40, rank=5, dimension=50, total=64_000),
            60,
        ),
        Preset(
            "spiked", "Spiked: one dimension is enough", FittedRankParams(instance="spiked"), 30
        ),
    )
    equations = (
        Equation(
            r"\mathrm{rep} \to \lVert (I-P_k)\,w\rVert^2\quad(k<K),\qquad"
            r" P_k:\ \text{leading } k \text{ eigenvectors of } W\,\mathrm{diag}(n)\,W^\top",
            "What is given up for good: the limit of many samples, found by fitting k dimensions "
            "to noiseless tasks with the same counts. Lines add the first-order risk to it.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "The rules know the true relevance, of rank K. Lines below K are limits of many samples "
        "plus the first-order risk, a sum that is only good to a fifth or so where two "
        "eigenvalues are close.",
        REP,
        FIRST_ORDER,
        READ,
    )

    def grid(self, params: FittedRankParams) -> Arrays:
        """Return rules and fitted dimensions."""
        return {"rule": np.array(RULE_NAMES), "fitted": np.arange(1.0, params.rank + MORE + 1)}

    def theory(self, params: FittedRankParams, grid: Arrays) -> Arrays:
        """Return what is given up for good, plus the first-order risk."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        counts = known_counts(found, params.total, params.floor)
        first = known_risks(
            made, found, [params.total], floor=params.floor, dimension=params.dimension
        )
        ranks = np.asarray(grid["fitted"]).astype(int)
        lost = [[_given_up(made, n, int(k)) for k in ranks] for n in counts]
        return {"rep": first + np.array(lost)}

    def trial(self, params: FittedRankParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every number of dimensions to samples drawn by every rule."""
        made = instance_of(*chosen(params))
        rep = np.transpose(
            [
                strategy_trial(
                    made.heads,
                    made.target,
                    [params.total],
                    dimension=params.dimension,
                    floor=params.floor,
                    fitted_rank=int(k),
                    strategies=RULES,
                    rng=rng,
                ).representation[0]
                for k in np.asarray(grid["fitted"])
            ]
        )
        return {"rep": rep, "lead": rep[UNIFORM] - rep[L1]}

    def guides(self, params: FittedRankParams) -> dict[str, float]:
        """Return the true dimension."""
        return {"true": float(params.rank)}

    def checks(self, outcome: Outcome[FittedRankParams]) -> tuple[Check, ...]:
        """Hold the limits, and the lead of the L1 rule at every fitted dimension."""
        params = outcome.params
        rep = np.asarray(outcome.theory["rep"])
        apart = rep[UNIFORM] > 2 * rep[L1]
        found = [
            agreement(
                outcome,
                "rep",
                tolerance=TOLERANCE,
                sentence=f"theory within {TOLERANCE:.0%} of the simulated risk",
            )
        ]
        if apart.any() and params.total >= 8 * params.tasks * params.dimension:
            words = (
                "uniform sampling has more risk than the L1 rule where theory says twice as much"
            )
            found.append(exceeds(outcome, "lead", where=apart, sentence=words))
        return tuple(found)


def _given_up(made: Instance, counts: NDArray[np.int64], fitted: int) -> float:
    """Return the risk that is left after a fit of so many dimensions to noiseless tasks."""
    rank = len(made.target)
    if fitted >= rank:
        return 0.0
    basis = np.eye(rank + 1, rank)
    theta, n = (basis @ made.heads).T, counts.astype(float)
    gram = n[:, None, None] * np.eye(rank + 1)
    noiseless = Statistics(gram, n[:, None] * theta, n * np.square(theta).sum(axis=1), counts)
    return representation_risk(joint_erm(noiseless, fitted).basis, basis @ made.target)
