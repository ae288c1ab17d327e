"""Chapter 3: what not knowing the relevance costs, in stages, and what is guaranteed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.bounds import plug_in_guarantee
from sims.active_multitask_lasso.design import design_value
from sims.active_multitask_lasso.sampler import ActiveSampler
from sims.active_multitask_lasso.stages import exploration_budget, geometric_budgets
from sims.active_multitask_lasso.statistics import draw_statistics
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    DERIVED,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    UNKNOWN,
    VALUE,
    KindParams,
    chosen,
    dimension_parameter,
    instance_of,
    ratio_parameter,
    target_parameter,
    values_of,
)
from sims.active_multitask_lasso.water_filling import water_fill
from sims.agreement import agreement, statement
from sims.params import parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
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

EPOCHS = (2, 3, 4)
SCHEMES = ("one round after exploring", "two rounds", "three rounds", "guarantee, one round")
GUARANTEE = 3
TOLERANCE = 0.15
ENOUGH = 4  # explored samples of a task per dimension, for estimates to be taken as perfect


class StagesParams(KindParams):
    """Parameters of the active learner."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30, advanced=False)
    largest: int = parameter(
        256_000,
        title="largest budget",
        symbol="N",
        help="Points stand at this budget and its quarters.",
        ge=64_000,
        le=10**7,
        scale="log",
        advanced=True,
    )
    target_samples: int = target_parameter(5000)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        least = 4 * self.tasks * self.dimension
        if self.largest < 4 * least:
            raise ValueError(
                f"largest = {self.largest} is not allowed: it must be at least "
                f"16 tasks x dimension = {4 * least}"
            )
        return self


class Stages(Study[StagesParams]):
    """Value of the active L1 rule's allocation over the optimum, and its guarantee."""

    name = "active-multitask-lasso/stages"
    title = "What not knowing costs"
    chapter = UNKNOWN
    statement = (
        "Explore, estimate, sample, and perhaps repeat. **The claim of the abstract**: with "
        "unknown relevance a LASSO recovers the rate of known relevance. Here the first-order risk "
        "of the allocation that the learner chose is compared with the least possible: the ratio "
        "falls to 1 as the budget grows. A **plug-in guarantee** needs only the error of "
        "$W\\hat\\nu = w$ and the floor that exploration leaves."
    )
    takeaway = (
        "The price of not knowing is a factor that tends to 1; more rounds help little. The "
        "guarantee is never broken, and is loose."
    )
    standing = "asymptotic"
    Params = StagesParams
    axes = (
        Axis("scheme", "scheme"),
        Axis("budget", "budget of source samples", "N", scale="log", refine=4),
    )
    measures = (
        Measure("worth", "risk over the least possible", ("scheme", "budget")),
        Measure("missed", "relative error of Wν̂ = w", ("budget",)),
        Measure("broken", "allocations above their guarantee", ()),
    )
    views = (
        Curves("worth", "Risk of the chosen allocation", "budget", ("worth",), "scheme"),
        Curves("missed", "How well the relevance is known", "budget", ("missed",)),
    )
    presets = (
        Preset("quick", "Thirty random tasks", StagesParams(), 40),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50, up to two million samples",
            StagesParams(tasks=40, rank=5, dimension=50, largest=2_048_000),
            60,
        ),
        Preset("two-levels", "Two levels", StagesParams(instance="two levels"), 40),
        Preset("spiked", "Spiked", StagesParams(instance="spiked"), 40),
        Preset(
            "few-target-samples",
            "Too few target samples: more budget does not help",
            StagesParams(target_samples=20),
            60,
        ),
    )
    equations = (
        Equation(
            r"q(n) \le \Big(\frac{\lVert\hat\nu\rVert_1}{\sqrt M} + "
            r"\frac{\lVert w - W\hat\nu\rVert}{\sigma_{\min}(W)\sqrt{n_0}}\Big)^2"
            r"\quad\text{if } n_t \ge \max\{M|\hat\nu_t|/\lVert\hat\nu\rVert_1,\, n_0\}",
            "M samples follow the estimate, n₀ of every task come from the exploration. The first "
            "term is near the optimum; the second is of lower order when n₀ and m grow with N.",
            OURS,
        ),
        Equation(
            r"N_1 = \min(N/2, \sqrt{NTd}),\qquad N_1 < N_2 < \dots < N\ \text{geometrically}",
            "Budgets of the rounds. Samples are kept from one to the next; the LASSO's λ is "
            "calibrated from the noise each time.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "The learner is the one a user drives with data of their own (ActiveSampler), told the "
        "noise variance; d, K and the budgets are known. Values are first-order risks of the "
        "counts it ended with, from the true W and w.",
        "Lines: perfect estimates after the same exploration, the same for every number of "
        "rounds; the guarantee's line is what it says of them.",
        "Reusing the samples of earlier rounds is our choice; the papers' schedule is not run.",
        READ,
    )
    lesson = Lesson(
        "stages",
        "Is it worth knowing?",
        (
            Step(
                "Random tasks. At N = 4000 the learner explores with 1900 samples, about 60 of "
                "each task.",
                {"instance": "random"},
                "How much more risk does it end up with than if it had known the relevance?",
                ("About a half more", "About ten times", "As much as uniform sampling: 4.5 times"),
                0,
                "Half the budget is spent on finding out, and most of that on irrelevant tasks: "
                "that alone costs 55 %. That the estimates are wrong costs next to nothing.",
            ),
            Step(
                "Now only 20 target samples.",
                {"target_samples": 20},
                "Does a larger budget of source samples make up for them?",
                ("Yes, in the end", "No"),
                1,
                "The error of the target's own head does not shrink with N. Compared with the best "
                "allocation it even gets worse: the larger the budget, the smaller the share that "
                "is spread uniformly, and the rest serves a slightly wrong target.",
            ),
        ),
    )

    def grid(self, params: StagesParams) -> Arrays:
        """Return schemes and budgets."""
        return {
            "scheme": np.array(SCHEMES),
            "budget": np.round(params.largest / 4.0 ** np.arange(3, -1, -1)),
        }

    def theory(self, params: StagesParams, grid: Arrays) -> Arrays:
        """Return what perfect estimates lead to, and the guarantee for them."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        nu = found.nu1.nu
        rows = []
        for total in np.round(np.asarray(grid["budget"])).astype(int):
            first = exploration_budget(total, tasks=params.tasks, dimension=params.dimension)
            counts = water_fill(np.abs(nu), total, np.full(params.tasks, first / params.tasks))
            unit = found.l1 / total
            value = design_value(made.heads, made.target, counts) / unit
            known = plug_in_guarantee(
                made.heads,
                made.target,
                nu,
                adaptive_samples=_adaptive(nu, counts),
                floor=float(counts.min()),
            )
            rows.append([value] * len(EPOCHS) + [known / unit])
        return {"worth": np.transpose(rows)}

    def trial(self, params: StagesParams, grid: Arrays, rng: Generator) -> Arrays:
        """Let the sampler run to its end, at every budget and with every number of rounds."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        rows, missed, broken = [], [], 0
        for total in np.asarray(grid["budget"]).astype(int):
            unit = found.l1 / total
            row = []
            for epochs in EPOCHS:
                nu, counts = _run(params, int(total), epochs, rng)
                row.append(design_value(made.heads, made.target, counts) / unit)
                limit = plug_in_guarantee(
                    made.heads,
                    made.target,
                    nu,
                    adaptive_samples=_adaptive(nu, counts),
                    floor=float(counts.min()),
                )
                broken += row[-1] * unit > limit * (1 + 1e-9)
                if epochs == EPOCHS[0]:
                    guarantee = limit / unit
                    off = float(np.linalg.norm(made.heads @ nu - made.target))
            rows.append([*row, guarantee])
            missed.append(off)
        return {
            "worth": np.transpose(rows),
            "missed": np.array(missed),
            "broken": np.asarray(float(broken)),
        }

    def validity(self, params: StagesParams) -> tuple[str, ...]:
        """Warn of small target samples."""
        if params.target_samples >= 100 * params.rank:
            return ()
        return (
            "Few target samples: the error of the target's head does not fall with the budget, "
            "and neither line nor limit 1 is reached.",
        )

    def checks(self, outcome: Outcome[StagesParams]) -> tuple[Check, ...]:
        """Hold the lines where estimates are good; the guarantee; the limit."""
        params = outcome.params
        budget = np.asarray(outcome.grid["budget"])
        explored = [
            exploration_budget(int(n), tasks=params.tasks, dimension=params.dimension)
            for n in budget
        ]
        good = np.array(explored) >= ENOUGH * params.dimension * params.tasks
        where = np.zeros((len(SCHEMES), budget.size), dtype=bool)
        where[:GUARANTEE] = good
        found = []
        if good.any() and params.target_samples >= 1000 * params.rank:
            words = (
                f"lines within {TOLERANCE:.0%} of what the learner chose, after 4d samples a task"
            )
            found.append(
                agreement(outcome, "worth", tolerance=TOLERANCE, where=where, sentence=words)
            )
        words = "no allocation is above its guarantee"
        broken = float(outcome.mean.get("broken", np.nan)) * outcome.trials
        runs = len(EPOCHS) * budget.size * outcome.trials
        found.append(
            statement("guarantee", words, broken, 0, f"{broken:.0f} of {runs} are")
            if outcome.trials
            else Check("guarantee", words, "undecided", np.nan, 0, "no trial so far")
        )
        last = float(np.asarray(outcome.theory["worth"])[0, -1])
        words = "with perfect estimates, not knowing costs less than a third at the largest budget"
        found.append(statement("limit", words, last, 4 / 3, f"{last:.3f} times the least risk"))
        return tuple(found)


def _adaptive(nu: Real, counts: NDArray[np.generic]) -> float:
    """Return the largest M with n_t >= M |nu_t|/|nu|_1; 1 where nothing was found relevant."""
    used = nu != 0
    if not used.any():
        return 1.0
    n = np.asarray(counts, dtype=float)[used]
    return float(np.min(n * np.abs(nu).sum() / np.abs(nu[used])))


def _run(
    params: StagesParams, total: int, epochs: int, rng: Generator
) -> tuple[Real, NDArray[np.int64]]:
    """Return the last estimate of the relevance and the counts of a whole run."""
    made = instance_of(*chosen(params))
    basis = np.eye(params.dimension, params.rank)
    theta, aim = (basis @ made.heads).T, (basis @ made.target)[None]
    target = draw_statistics(aim, params.target_samples, noise_variance=1.0, rng=rng)
    budgets = geometric_budgets(total, epochs, tasks=params.tasks, dimension=params.dimension)
    sampler = ActiveSampler(
        target, tasks=params.tasks, rank=params.rank, budgets=budgets, noise_variance=1.0
    )
    nu = np.ones(params.tasks)
    while not sampler.done:
        wanted = sampler.propose()
        if sampler.counts.any():
            nu = sampler.relevance()
        sampler.add(draw_statistics(theta, wanted, noise_variance=1.0, rng=rng))
    return nu, sampler.counts
