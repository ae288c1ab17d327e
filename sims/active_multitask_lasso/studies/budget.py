"""Chapter 2: risk against the budget, five strategies on three kinds of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.design import first_order_risk, target_step_risk
from sims.active_multitask_lasso.studies.budget_verdicts import verdicts
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    CHAIN,
    DERIVED,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    REP,
    RISK,
    VALUE,
    instance_of,
)
from sims.active_multitask_lasso.studies.five_strategies import (
    PAIRS,
    STRATEGY_NAMES,
    BudgetParams,
    covered_by,
    first_order,
    inputs_of,
    leads,
    told,
)
from sims.active_multitask_lasso.trial import strategy_trial
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

PAPER_INSTANCE = BudgetParams(instances="random", tasks=40, rank=5, dimension=50, largest=128_000)


class Budget(Study[BudgetParams]):
    """Representation risk of five strategies against the number of source samples."""

    name = "active-multitask-lasso/budget"
    title = "Risk against budget"
    chapter = RISK
    statement = (
        "The risk left by the learned subspace is $\\sigma^2(d-K)\\,q(n)$ to first order: **slope "
        "−1 for every rule**, at heights that the relevance decides. On two levels the L2 rule is "
        "as bad as uniform sampling; on the spiked tasks uniform loses the factor $T$. *Active* "
        "strategies know nothing beforehand: they explore uniformly, estimate, and then follow "
        "their rule."
    )
    takeaway = (
        "Parallel lines: a rule shifts the risk by a factor. The active L1 rule nears the one "
        "that knows everything; the papers' form of a bound (dashed, of the L1 rule) has the "
        "same slope, higher up."
    )
    standing = "asymptotic"
    Params = BudgetParams
    axes = (
        Axis("instance", "source tasks"),
        Axis("strategy", "strategy"),
        Axis("budget", "budget of source samples", "N", scale="log", refine=1),
        Axis("pair", "difference"),
    )
    measures = (
        Measure("rep", "representation risk", ("instance", "strategy", "budget")),
        Measure("bound", "upper bound, L1 rule", ("instance", "budget")),
        Measure("over", "simulated over first order", ("instance", "strategy", "budget")),
        Measure("total", "risk after the target's fit", ("instance", "strategy", "budget")),
        Measure("step", "what the target's own fit costs", ("budget",)),
        Measure("lead", "difference of risks over the least", ("instance", "pair", "budget")),
    )
    views = (
        Curves(
            "risk",
            "Risk of the learned subspace",
            "budget",
            ("rep", "bound"),
            "strategy",
            "instance",
            dashed=("bound",),
        ),
        Curves(
            "over",
            "Simulated risk over its first-order value",
            "budget",
            ("over",),
            "strategy",
            "instance",
            guides=(Guide("one", "y", ""),),
        ),
        Curves(
            "total",
            "Risk after the target's own fit",
            "budget",
            ("total", "step"),
            "strategy",
            "instance",
            dashed=("step",),
        ),
        Curves(
            "lead",
            "Paired differences of risks",
            "budget",
            ("lead",),
            "pair",
            "instance",
            y_scale="linear",
            guides=(Guide("zero", "y", ""),),
        ),
    )
    equations = (
        VALUE,
        Equation(
            r"E\,\lVert \hat B\hat w - \theta\rVert^2 = \mathrm{rep} + "
            r"(\mathrm{rep}+\sigma^2)\frac{K}{m-K-1}",
            "Risk after least squares of m target samples on the learned features: exact for "
            "Gaussian inputs, given the subspace.",
            OURS,
        ),
        Equation(
            r"\mathrm{rep} \;\lesssim\; \sigma^2 K (d+T) \sum_t \frac{(\nu^1_t)^2}{n_t}",
            "The form of the papers' bound, with constant 1 and without the logarithm of the "
            "failure probability. The constant is not tuned.",
            f"form of arXiv 2202.00911 and 2306.02556; {OURS}",
        ),
        RELEVANCE,
        CHAIN,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        REP,
        FIRST_ORDER,
        "Exploration: min(N/2, √(NTd)) samples, spread uniformly; λ of the LASSO calibrated from "
        "the noise. Lines of active strategies are what perfect estimates would lead to after "
        "that exploration; the second view divides by the first-order risk of the very counts "
        "that a trial chose.",
        "That the active L1 rule beats the active L2 rule is claimed of the paper preset's "
        "instance alone: over ten random instances it did so clearly in eight.",
        "On two levels the active L2 rule beats the L2 rule that knows everything while N is "
        "moderate: its exploration feeds the tasks that the rule starves.",
        "Real inputs (digits): images in place of Gaussian vectors, labels still linear.",
        READ,
    )
    presets = (
        Preset("quick", "All three kinds of tasks: T = 30, K = 4", BudgetParams(), 20),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50, up to 128 000 samples",
            PAPER_INSTANCE,
            40,
        ),
        Preset(
            "strict-dominance",
            "Strict dominance: two levels, T = 40, up to 512 000 samples",
            BudgetParams(
                instances="two levels",
                tasks=40,
                rank=5,
                dimension=50,
                largest=512_000,
                halvings=4,
            ),
            40,
        ),
        Preset(
            "t-gap",
            "The gap of T: spiked tasks",
            BudgetParams(instances="spiked", largest=96_000, halvings=4),
            40,
        ),
        Preset(
            "real-inputs",
            "Real inputs: pixels of digits in place of Gaussian vectors",
            BudgetParams(instances="random", inputs="digits", largest=48_000, halvings=4),
            40,
        ),
        Preset(
            "small-budget",
            "Too small a budget: N below T times d",
            BudgetParams(instances="random", floor=2, largest=4800, halvings=4),
            60,
        ),
        Preset(
            "few-target-samples",
            "Too few target samples to see the ordering in the total risk",
            BudgetParams(instances="random", target_samples=500),
            40,
        ),
        Preset(
            "equal-relevance",
            "Nearly equal relevance: nothing to gain",
            BudgetParams(instances="two levels", ratio=2.0),
            40,
        ),
        Preset(
            "large-floor",
            "Too large a floor: every rule is nearly uniform",
            BudgetParams(instances="random", floor=100, largest=24_000, halvings=2),
            40,
        ),
    )
    lesson = Lesson(
        "budget",
        "What does knowing the relevance buy?",
        (
            Step(
                "Random tasks: T = 30, K = 4, d = 30.",
                {"instances": "random", "tasks": 30, "rank": 4, "dimension": 30},
                "The L1 rule has 4.5 times less risk than uniform sampling at the same budget. How "
                "much less budget does it need for the same risk?",
                ("√4.5 ≈ 2 times less", "4.5 times less", "4.5² ≈ 20 times less"),
                1,
                "The slope is −1: a factor in risk is the same factor in samples.",
            ),
            Step(
                "Two levels, U = 20: the L2 rule knows the exact relevance of every task.",
                {"instances": "two levels", "ratio": 20.0},
                "At N = 8000, what does better: the L2 rule that knows, or the active L2 rule that "
                "has to explore first?",
                ("The rule that knows", "The active rule"),
                1,
                "Exploration spends samples on the tasks that the L2 rule starves. With more data "
                "the active rule follows its estimates and becomes as bad as the L2 rule.",
            ),
            Step(
                "Back to random tasks, but now inputs of d = 60 dimensions instead of 30.",
                {"instances": "random", "dimension": 60},
                "What happens to the risk of every rule at a large budget?",
                ("It about doubles", "It is four times as large", "It stays as it is"),
                0,
                "The risk is proportional to d − K: 56 instead of 26. Which rule is how much "
                "better than which does not depend on d.",
            ),
        ),
    )

    def grid(self, params: BudgetParams) -> Arrays:
        """Return instances, strategies, budgets, and the pairs that are compared."""
        return {
            "instance": np.array(params.kinds),
            "strategy": np.array(STRATEGY_NAMES),
            "budget": params.budgets,
            "pair": np.array(list(PAIRS)),
        }

    def theory(self, params: BudgetParams, grid: Arrays) -> Arrays:
        """Return first-order risks, with perfect estimates for the active strategies; the bound."""
        totals = [int(n) for n in np.round(np.asarray(grid["budget"]))]
        rows = [[first_order(params, kind, n) for n in totals] for kind in params.kinds]
        rep = np.swapaxes([[row[0] for row in kind] for kind in rows], 1, 2)

        def total(risk: Real) -> Real:
            m = params.target_samples
            return target_step_risk(risk, rank=params.rank, target_samples=m, noise_variance=1.0)

        return {
            "rep": rep,
            "bound": np.array([[row[1] for row in kind] for kind in rows]),
            "total": total(rep),
            "step": total(np.zeros(len(totals))),
            "lead": leads(params, rep, np.array(totals, dtype=float)),
        }

    def trial(self, params: BudgetParams, grid: Arrays, rng: Generator) -> Arrays:
        """Run all strategies at all budgets on one tape of samples, instance by instance."""
        totals = np.asarray(grid["budget"])
        rep, over, total = (np.empty((len(params.kinds), 5, totals.size)) for _ in range(3))
        for row, kind in enumerate(params.kinds):
            made = instance_of(*told(params, kind))
            found = strategy_trial(
                made.heads,
                made.target,
                totals,
                dimension=params.dimension,
                target_samples=params.target_samples,
                floor=params.floor,
                inputs=inputs_of(params.inputs, params.dimension),
                rng=rng,
            )
            expected = [
                [
                    first_order_risk(
                        made.heads,
                        made.target,
                        counts,
                        dimension=params.dimension,
                        noise_variance=1.0,
                    )
                    for counts in strategies
                ]
                for strategies in found.counts
            ]
            rep[row], total[row] = found.representation.T, found.total.T
            over[row] = (found.representation / np.array(expected)).T
        return {"rep": rep, "over": over, "total": total, "lead": leads(params, rep, totals)}

    def guides(self, params: BudgetParams) -> dict[str, float]:
        """Return where simulation and first order agree, and where there is no difference."""
        return {"one": 1.0, "zero": 0.0}

    def validity(self, params: BudgetParams) -> tuple[str, ...]:
        """Warn of small budgets, starved tasks, few target samples and large floors."""
        notes = []
        if params.budgets[0] < params.tasks * params.dimension:
            notes.append(
                f"Budgets below T d = {params.tasks * params.dimension}: exploration tells an "
                "active learner little, and first order is off by factors."
            )
        starved = [kind for kind in params.kinds if not covered_by(params, kind)[:, -1].all()]
        if starved:
            notes.append(
                f"{' and '.join(starved).capitalize()}: tasks that matter get few samples even at "
                "the largest budget, and first order is optimistic."
            )
        if params.target_samples < 12 * params.rank:
            notes.append(
                f"Fewer than 12K = {12 * params.rank} target samples: the active L1 rule can "
                "settle on the wrong tasks and lose to the active L2 rule."
            )
        if params.floor * params.tasks > 0.2 * params.budgets[0]:
            notes.append("Floors take more than a fifth of the smallest budget: rules converge.")
        return tuple(notes)

    def checks(self, outcome: Outcome[BudgetParams]) -> tuple[Check, ...]:
        """Hold first order against simulation, the slopes, and the orderings that are vouched."""
        return verdicts(outcome, PAPER_INSTANCE)
