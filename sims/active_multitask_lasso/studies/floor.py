"""Chapter 1: the claim of Theorem 3.4, that the L1 rule becomes the best above a floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.design import design_value
from sims.active_multitask_lasso.floored_optimum import optimal_floored_allocation
from sims.active_multitask_lasso.studies.common import (
    DERIVED,
    ELFVING,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    RULE_NAMES,
    TASKS,
    VALUE,
    KindParams,
    chosen,
    floor_parameter,
    instance_of,
    rank_parameter,
    seed_parameter,
    task_count,
    values_of,
)
from sims.active_multitask_lasso.water_filling import water_fill
from sims.agreement import never_rises, statement
from sims.params import parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]


class FloorParams(KindParams):
    """Parameters of the comparison with the best allocation above a floor."""

    tasks: int = task_count(40)
    rank: int = rank_parameter(5)
    floor: int = floor_parameter(5, advanced=False)
    largest: int = parameter(
        64_000,
        title="largest budget",
        symbol="N",
        help="End of the horizontal axis.",
        ge=10_000,
        le=10**7,
        scale="log",
        advanced=True,
    )
    seed: int = seed_parameter(3)

    @model_validator(mode="after")
    def _check_floor(self) -> Self:
        if self.floor < 1:
            raise ValueError(
                f"floor = {self.floor} is not allowed: it must be at least 1; without a floor the "
                "L1 rule is the optimum itself"
            )
        return self


class Floored(Study[FloorParams]):
    """Value of the rules over the exact optimum above a floor, against the budget."""

    name = "active-multitask-lasso/optimal-allocation"
    title = "The best allocation above a floor"
    chapter = TASKS
    statement = (
        "Every task must get a few samples, and the rest is free: what is best? **The claim of "
        "Theorem 3.4**: as the budget grows, the smallest-L1 relevance and the L1 rule become the "
        "exact optimum of that problem. The L2 rule does not: it keeps its distance."
    )
    takeaway = (
        "The L1 rule's excess over the exact optimum falls about as 1/N² and is gone; that of the "
        "L2 rule settles at a constant."
    )
    standing = "asymptotic"
    Params = FloorParams
    axes = (
        Axis("rule", "rule"),
        Axis("budget", "budget", "N", scale="log"),
    )
    measures = (
        Measure("excess", "risk over that of the exact optimum, minus 1", ("rule", "budget")),
        Measure("ratio", "risk over that of the exact optimum", ("rule", "budget")),
        Measure("moved", "share of the samples to be moved", ("rule", "budget")),
        Measure("gap", "relative duality gap of the optimum", ("budget",)),
    )
    views = (
        Curves("excess", "Distance from the optimum", "budget", ("excess",), "rule"),
        Curves("ratio", "Ratio to the optimum", "budget", ("ratio",), "rule", y_scale="linear"),
        Curves(
            "moved",
            "Samples that the optimum places elsewhere",
            "budget",
            ("moved",),
            "rule",
            guides=(Guide("floors", "x", "half the budget in floors"),),
        ),
    )
    presets = (
        Preset("quick", "Forty random tasks, floor 5", FloorParams()),
        Preset("paper", "Up to a million samples", FloorParams(largest=1_000_000)),
        Preset(
            "two-levels",
            "Two levels: the L2 rule stays five times worse",
            FloorParams(instance="two levels"),
        ),
        Preset("large-floor", "A large floor: every rule is uniform", FloorParams(floor=100)),
    )
    equations = (
        Equation(
            r"(\nu^*, n^*) = \arg\min \sum_t \frac{\nu_t^2}{n_t}\quad\text{s.t.}\quad W\nu = w,\;"
            r"\sum_t n_t = N,\; n_t \ge \underline n\,;\qquad \nu^1 \to \nu^*,\; n^{L1} \to n^*",
            "By context the problem of the paper's Eq. (9); n with a bar below is the floor.",
            "the claim of Theorem 3.4, arXiv 2306.02556",
        ),
        Equation(
            r"\max_y \frac{(y^\top w)^2}{y^\top F y + M\lVert W^\top y\rVert_\infty^2},\qquad"
            r" F = W\,\mathrm{diag}(\underline n)\,W^\top,\quad M = N - \sum_t \underline n",
            "The dual problem, whose value bounds every allocation from below: the certificate.",
            OURS,
        ),
        RELEVANCE,
        VALUE,
    )
    sources = (LASSO, ELFVING, DERIVED)
    assumptions = (
        "Nothing is simulated here. Allocations are real numbers: rounding them to whole samples "
        "would hide what is left of the excess. The optimum is exact, from one LASSO path, and is "
        "certified by its dual.",
        "Where the L1 rule is the optimum at every budget (spiked tasks) its excess is rounding "
        "error, and no line is drawn.",
        READ,
    )

    def grid(self, params: FloorParams) -> Arrays:
        """Return rules, and budgets from half again as many as the floors need."""
        fewest = 1.25 * params.tasks * params.floor
        return {
            "rule": np.array(RULE_NAMES),
            "budget": np.geomspace(fewest, max(params.largest, 4 * fewest), 21).round(),
        }

    def theory(self, params: FloorParams, grid: Arrays) -> Arrays:
        """Return values over the optimum, and the samples to be moved."""
        rows = [_at(params, int(n)) for n in np.asarray(grid["budget"])]
        ratio, moved, gap = (np.array(part) for part in zip(*rows))
        excess = np.where(ratio - 1 > 1e-12, ratio - 1, 0.0)
        return {"ratio": ratio.T, "excess": excess.T, "moved": moved.T, "gap": gap}

    def guides(self, params: FloorParams) -> dict[str, float]:
        """Return the budget at which the floors take half of it."""
        return {"floors": 2.0 * params.tasks * params.floor}

    def checks(self, outcome: Outcome[FloorParams]) -> tuple[Check, ...]:
        """Hold the certificate, the limit and the L2 rule's distance."""
        params = outcome.params
        gap = float(np.max(outcome.theory["gap"]))
        ratio, excess = (np.asarray(outcome.theory[name]) for name in ("ratio", "excess"))
        lowest, budget = float(ratio.min()), np.asarray(outcome.grid["budget"])
        above = budget >= 10 * params.tasks * params.floor
        rise = never_rises(excess[2, above], 0, rounding=1e-6)
        found = values_of(*chosen(params))
        limit, last = found.l2 / found.l1, float(ratio[1, -1])
        off = abs(last / limit - 1)
        return (
            statement(
                "certificate",
                "the optimum is certified by its dual at every budget",
                gap,
                1e-9,
                f"largest relative gap {gap:.1e}",
            ),
            statement(
                "least",
                "no rule does better than the optimum",
                lowest,
                1 - 1e-9,
                f"smallest ratio {lowest:.12g}",
                below=False,
            ),
            statement(
                "falls",
                "from ten times the floors on, the L1 rule's excess only falls",
                rise,
                0.0,
                f"largest rise {rise:.1e}, last excess {excess[2, -1]:.1e}",
            ),
            statement(
                "limit",
                "at the largest budget the L2 rule is within 10 % of its own limit",
                off,
                0.1,
                f"{last:.4g} times the optimum, in the limit {limit:.4g}",
            ),
        )


def _at(params: FloorParams, total: int) -> tuple[Real, Real, float]:
    """Return ratios to the optimum, samples to be moved, and the optimum's gap."""
    made, found = instance_of(*chosen(params)), values_of(*chosen(params))
    best = optimal_floored_allocation(made.heads, made.target, total, params.floor)
    weights = np.ones(params.tasks), np.square(found.nu2.nu), np.abs(found.nu1.nu)
    counts = [water_fill(weight, total, params.floor) for weight in weights]
    ratio = [design_value(made.heads, made.target, n) / best.value for n in counts]
    moved = [float(np.abs(n - best.counts).sum()) / (2 * total) for n in counts]
    return np.array(ratio), np.array(moved), best.gap
