"""Chapter 3: how much of the budget to spend on finding out."""

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
    chosen,
    dimension_parameter,
    floor_parameter,
    instance_of,
    ratio_parameter,
    refuse_small_budget,
    target_parameter,
    values_of,
)
from sims.active_multitask_lasso.sweeps import exploration_trial
from sims.active_multitask_lasso.water_filling import water_fill
from sims.agreement import agreement, exceeds
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

SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.8, 1.0)
TOLERANCE = 0.15
ENOUGH = 4  # explored samples of a task per dimension, for estimates to be taken as perfect


class ExplorationParams(KindParams):
    """Parameters of the exploration share."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30)
    budgets: tuple[int, ...] = parameter(
        (3000, 24_000),
        title="budgets",
        symbol="N",
        help="Samples of all source tasks together, one chart each.",
        ge=1000,
        le=10**6,
    )
    target_samples: int = target_parameter()
    floor: int = floor_parameter(5)

    @model_validator(mode="after")
    def _check_budgets(self) -> Self:
        refuse_small_budget("budgets", min(self.budgets), self.tasks, max(1, self.floor))
        return self


class ExplorationShare(Study[ExplorationParams]):
    """Risk of the active strategies against the share of the budget spent on exploration."""

    name = "active-multitask-lasso/exploration"
    title = "How much to explore"
    chapter = UNKNOWN
    statement = (
        "An active learner spends a share of its budget uniformly, on finding out which tasks "
        "matter. **Too little, and it chooses wrongly**, by orders of magnitude; too much, and "
        "little is left to use the knowledge. The square-root rule, $\\min(N/2, \\sqrt{NTd})$ "
        "samples (dashed), stays near the bottom of the U at every budget."
    )
    takeaway = (
        "The U is steep on the left and flat on the right: when in doubt, explore more. With a "
        "larger budget a smaller share is enough, as the square root says."
    )
    standing = "asymptotic"
    Params = ExplorationParams
    axes = (
        Axis("budget", "budget", "N"),
        Axis("strategy", "strategy"),
        Axis("share", "share of the budget spent on exploration", scale="log", refine=6),
    )
    measures = (
        Measure("rep", "representation risk", ("budget", "strategy", "share"), summary="median"),
        Measure("root", "risk of the square-root rule", ("budget", "share")),
        Measure("price", "ln of risk over the square-root rule's", ("budget", "strategy", "share")),
    )
    views = (
        Curves(
            "rep",
            "Risk against the exploration share",
            "share",
            ("rep", "root"),
            "strategy",
            "budget",
            dashed=("root",),
        ),
        Curves(
            "price",
            "Compared with the square-root rule, trial by trial",
            "share",
            ("price",),
            "strategy",
            "budget",
            y_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "Small and large budget", ExplorationParams(), 40),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            ExplorationParams(tasks=40, rank=5, dimension=50, budgets=(8000, 64_000)),
            100,
        ),
        Preset(
            "too-little",
            "Too little exploration: a budget near T times d",
            ExplorationParams(budgets=(1000, 2000)),
            60,
        ),
        Preset("two-levels", "Two levels", ExplorationParams(instance="two levels"), 40),
    )
    equations = (
        Equation(
            r"N_1 = \min\big(N/2, \sqrt{N\,T\,d}\big)\text{ samples, spread uniformly; then}"
            r"\quad n_t = \max\{c\,|\hat\nu_t|^p,\; N_1/T\}",
            "The square root mirrors the papers' exploration of order 1/ε beside 1/ε² samples. "
            "Samples of the exploration are kept.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Lines: first-order risk of what perfect estimates would lead to after the same "
        "exploration; the dashed line is that of the L1 rule after the square-root exploration. "
        "Points are medians, because after too little exploration single risks are huge.",
        "The papers' own schedule, whose constants are far too large to be run, is not used.",
        REP,
        FIRST_ORDER,
        READ,
    )
    lesson = Lesson(
        "exploration",
        "When do you know enough?",
        (
            Step(
                "N = 3000 samples, 30 tasks in 30 dimensions. Ten samples of each task would be a "
                "tenth of the budget.",
                {"instance": "random", "budgets": (3000, 24_000)},
                "What happens to the active L1 rule if you explore with that tenth alone?",
                (
                    "A little is lost: estimates are rough",
                    "Nearly all is lost: the risk is ten times as large or more",
                ),
                1,
                "Ten samples do not even determine 30 coefficients. The fitted subspace is "
                "unrelated to the truth, and the rest of the budget goes to the wrong tasks.",
            ),
            Step(
                "Now N = 24 000.",
                {"budgets": (24_000, 100_000)},
                "How does the best share move as the budget grows?",
                ("It grows", "It stays", "It shrinks"),
                2,
                "What has to be found out stays the same; the square-root rule explores with 19 % "
                "of 24 000 samples and 9.5 % of 100 000.",
            ),
        ),
    )

    def grid(self, params: ExplorationParams) -> Arrays:
        """Return budgets, strategies and shares."""
        return {
            "budget": np.asarray(params.budgets),
            "strategy": np.array(ACTIVE_NAMES),
            "share": np.array(SHARES),
        }

    def theory(self, params: ExplorationParams, grid: Arrays) -> Arrays:
        """Return first-order risks after perfect estimates."""
        shares = np.asarray(grid["share"])
        rep = [
            np.transpose(
                [
                    _perfect(params, int(n), max(share * n, params.tasks * max(params.floor, 1)))
                    for share in shares
                ]
            )
            for n in np.asarray(grid["budget"])
        ]
        root = [
            _perfect(params, int(n), _root(params, int(n)))[1] for n in np.asarray(grid["budget"])
        ]
        return {"rep": np.array(rep), "root": np.repeat(np.array(root)[:, None], shares.size, 1)}

    def trial(self, params: ExplorationParams, grid: Arrays, rng: Generator) -> Arrays:
        """Explore with every share and by the square-root rule, and spend the rest."""
        made = instance_of(*chosen(params))
        found = np.array(
            [
                exploration_trial(
                    made.heads,
                    made.target,
                    int(n),
                    [*np.asarray(grid["share"]), "sqrt"],
                    dimension=params.dimension,
                    target_samples=params.target_samples,
                    floor=params.floor,
                    rng=rng,
                )
                for n in np.asarray(grid["budget"])
            ]
        ).swapaxes(1, 2)
        rep = found[..., :-1]
        return {"rep": rep, "price": np.log(rep / found[..., -1:])}

    def validity(self, params: ExplorationParams) -> tuple[str, ...]:
        """Warn of budgets that no exploration can serve, and of few target samples."""
        notes = []
        if min(params.budgets) < 2 * params.tasks * params.dimension:
            notes.append(
                f"Budgets below 2Td = {2 * params.tasks * params.dimension}: even the square-root "
                "rule cannot give every task as many samples as there are dimensions."
            )
        if params.target_samples < 12 * params.rank:
            notes.append(f"Fewer than 12K = {12 * params.rank} target samples: the head is noise.")
        return tuple(notes)

    def checks(self, outcome: Outcome[ExplorationParams]) -> tuple[Check, ...]:
        """Hold the lines where estimates are good, and the left side of the U above its bottom."""
        params = outcome.params
        shares = np.asarray(outcome.grid["share"])
        budgets = np.asarray(outcome.grid["budget"])[:, None, None]
        explored = shares * budgets / params.tasks
        good = np.repeat(explored >= ENOUGH * params.dimension, 2, axis=1)
        poor = (explored <= 0.4 * params.dimension) & np.array([[False], [True]])
        root = np.array([_root(params, int(n)) for n in params.budgets]) / params.tasks
        poor &= (root >= params.dimension)[:, None, None]
        found = []
        if good.any() and params.target_samples >= 100 * params.rank:
            words = f"lines within {TOLERANCE:.0%} of the simulated risk after 4d samples of a task"
            found.append(agreement(outcome, "rep", tolerance=TOLERANCE, where=good, sentence=words))
        if poor.any():
            words = "with fewer than 0.4d explored samples a task, the active L1 rule is worse off"
            found.append(exceeds(outcome, "price", where=poor, sentence=words))
        return tuple(found)


def _root(params: ExplorationParams, total: int) -> float:
    """Return the square-root rule's exploration."""
    told = {"tasks": params.tasks, "dimension": params.dimension, "floor": params.floor}
    return float(exploration_budget(total, **told))


def _perfect(params: ExplorationParams, total: int, explored: float) -> Real:
    """First-order risk of both rules when the relevance is known after the exploration."""
    made, found = instance_of(*chosen(params)), values_of(*chosen(params))
    lower = np.full(params.tasks, min(explored / params.tasks, total / params.tasks * (1 - 1e-12)))
    return np.array(
        [
            first_order_risk(
                made.heads,
                made.target,
                water_fill(weights, total, lower),
                dimension=params.dimension,
                noise_variance=1.0,
            )
            for weights in (np.square(found.nu2.nu), np.abs(found.nu1.nu))
        ]
    )
