"""Chapter 3: how many samples of the target are needed to say which tasks matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.design import first_order_risk
from sims.active_multitask_lasso.stages import exploration_budget
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    ACTIVE_NAMES,
    DERIVED,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    REP,
    UNKNOWN,
    VALUE,
    KindParams,
    budget_parameter,
    chosen,
    dimension_parameter,
    floor_parameter,
    instance_of,
    ratio_parameter,
    refuse_small_budget,
    values_of,
)
from sims.active_multitask_lasso.sweeps import target_samples_trial
from sims.active_multitask_lasso.water_filling import water_fill
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

    from sims.study import Arrays

    Real = NDArray[np.float64]

STRATEGY_NAMES = ("uniform", *ACTIVE_NAMES)
UNIFORM, L2_ACTIVE, L1_ACTIVE = range(3)
TOLERANCE = 0.15
PLENTY, FEW = 500, 3  # target samples for each dimension of the representation


class TargetParams(KindParams):
    """Parameters of the target sample."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30)
    total: int = budget_parameter(24_000, low=2000)
    floor: int = floor_parameter(5)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", self.total, self.tasks, max(1, self.floor))
        return self


class TargetSamples(Study[TargetParams]):
    """Risk of the active strategies against the size of the target sample."""

    name = "active-multitask-lasso/target-samples"
    title = "Too few target samples"
    chapter = UNKNOWN
    statement = (
        "The relevance depends on the target's own head, learned from $m$ target samples. The L1 "
        "rule stakes everything on $K$ tasks, **and with few target samples on the wrong ones**: "
        "then the L2 rule, which spreads its samples, is the better learner. From about $12K$ "
        "target samples on, the L1 rule pays."
    )
    takeaway = (
        "The active L1 rule starts above the active L2 rule and ends below it; both end where "
        "perfect knowledge of the target would put them (lines)."
    )
    standing = "asymptotic"
    Params = TargetParams
    axes = (
        Axis("strategy", "strategy"),
        Axis("size", "target samples", "m", scale="log"),
    )
    measures = (
        Measure("rep", "representation risk", ("strategy", "size")),
        Measure("lead", "ln of L1 active over L2 active", ("size",)),
        Measure("gain", "ln of L2 active over L1 active", ("size",)),
    )
    views = (
        Curves(
            "rep",
            "Risk against the target sample",
            "size",
            ("rep",),
            "strategy",
            guides=(Guide("rule", "x", "m = 12K"),),
        ),
        Curves(
            "lead",
            "L1 against L2, trial by trial",
            "size",
            ("lead",),
            y_scale="linear",
            guides=(Guide("rule", "x", "m = 12K"), Guide("zero", "y", "equal")),
        ),
    )
    presets = (
        Preset("quick", "Thirty random tasks, N = 24 000", TargetParams(), 60),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50, N = 64 000",
            TargetParams(tasks=40, rank=5, dimension=50, total=64_000),
            100,
        ),
        Preset("two-levels", "Two levels", TargetParams(instance="two levels"), 60),
        Preset("spiked", "Spiked", TargetParams(instance="spiked"), 60),
    )
    equations = (
        Equation(
            r"\lambda = \frac{\Delta^2}{2\lVert\nu^1\rVert_1},\qquad"
            r" \Delta^2 = \sigma^2 K\Big(\frac1m+\sum_t\frac{(\nu^2_t)^2}{n_t}\Big)",
            "The LASSO's λ, calibrated from the noise of the estimated heads; the target sample "
            "enters through 1/m.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Lines: first-order risk with perfect estimates after the same exploration "
        "(square-root rule).",
        "The crossing near 12K is an observation on random tasks, not a theorem.",
        REP,
        FIRST_ORDER,
        READ,
    )
    lesson = Lesson(
        "target",
        "How much must you know of the target?",
        (
            Step(
                "Thirty random tasks of rank 4, 24 000 source samples, and eight target samples.",
                {"instance": "random", "tasks": 30, "rank": 4, "total": 24_000},
                "Does the active L1 rule beat uniform sampling, which never looks at the target?",
                ("Yes, clearly", "No, it does no better"),
                1,
                "Four numbers from eight samples: the head is half noise. The L1 rule bets on the "
                "wrong four tasks; the L2 rule spreads its bets, and does gain.",
            ),
            Step(
                "Now the spiked tasks: one of the sources is the target itself.",
                {"instance": "spiked"},
                "Which of the two active rules gains already with eight target samples?",
                ("The L1 rule", "The L2 rule", "Neither"),
                1,
                "The one relevant task stands out of the estimated L2 relevance at once; the LASSO "
                "often puts others in its place. From 60 target samples on, both gain a factor of "
                "20 and more.",
            ),
        ),
    )

    def grid(self, params: TargetParams) -> Arrays:
        """Return strategies and sizes of the target sample, from twice the dimension on."""
        multiples = np.array([2, 3, 5, 8, 12, 25, 60, 150, 500])
        return {"strategy": np.array(STRATEGY_NAMES), "size": multiples * float(params.rank)}

    def theory(self, params: TargetParams, grid: Arrays) -> Arrays:
        """Return first-order risks with perfect estimates, which do not depend on m."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        first = exploration_budget(
            params.total, tasks=params.tasks, dimension=params.dimension, floor=params.floor
        )
        weights = np.ones(params.tasks), np.square(found.nu2.nu), np.abs(found.nu1.nu)
        lower = np.full(params.tasks, first / params.tasks)
        risks = [
            first_order_risk(
                made.heads,
                made.target,
                water_fill(weight, params.total, lower),
                dimension=params.dimension,
                noise_variance=1.0,
            )
            for weight in weights
        ]
        return {"rep": np.repeat(np.array(risks)[:, None], np.size(grid["size"]), axis=1)}

    def trial(self, params: TargetParams, grid: Arrays, rng: Generator) -> Arrays:
        """Explore once; estimate, choose and fit with every target sample."""
        made = instance_of(*chosen(params))
        rep = target_samples_trial(
            made.heads,
            made.target,
            params.total,
            np.asarray(grid["size"]),
            dimension=params.dimension,
            floor=params.floor,
            rng=rng,
        ).T
        lead = np.log(rep[L1_ACTIVE] / rep[L2_ACTIVE])
        return {"rep": rep, "lead": lead, "gain": -lead}

    def guides(self, params: TargetParams) -> dict[str, float]:
        """Return the rule of thumb, and where both are equal."""
        return {"rule": 12.0 * params.rank, "zero": 0.0}

    def checks(self, outcome: Outcome[TargetParams]) -> tuple[Check, ...]:
        """Hold the lines with plenty of target samples; the crossing where it is known."""
        params = outcome.params
        size = np.asarray(outcome.grid["size"]) / params.rank
        found = []
        if params.total >= 8 * params.tasks * params.dimension:
            where = np.tile(size >= PLENTY, (3, 1))
            words = (
                f"lines within {TOLERANCE:.0%} of the simulated risk at {PLENTY}K target samples"
            )
            found.append(
                agreement(outcome, "rep", tolerance=TOLERANCE, where=where, sentence=words)
            )
        if not params.changes():
            words = f"with at most {FEW}K target samples the active L1 rule is worse than the L2"
            found.append(exceeds(outcome, "lead", where=size <= FEW, sentence=words))
            words = f"with {PLENTY}K target samples the active L1 rule is better than the L2"
            found.append(exceeds(outcome, "gain", where=size >= PLENTY, sentence=words))
        return tuple(found)
