"""Chapter 5: every task that is sampled at all costs something to open."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.active_multitask_lasso.cost import CostDesign, saltus_cost, saltus_cost_design
from sims.active_multitask_lasso.design import RuleValues, design_value, rule_values
from sims.active_multitask_lasso.instances import Instance, random_instance
from sims.active_multitask_lasso.studies.common import (
    COST,
    DERIVED,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    RULE_NAMES,
    VALUE,
    TaskParams,
    rank_parameter,
    task_count,
)
from sims.agreement import statement
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
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

DESIGNS = (*RULE_NAMES, "cheapest")
UNIFORM, L2, L1, CHEAPEST = range(4)


class OpeningParams(TaskParams):
    """Parameters of the jump in the cost."""

    tasks: int = task_count(16, high=40)
    rank: int = rank_parameter(4, high=6)
    target: Literal["general", "along one short task"] = parameter(
        "general",
        title="target",
        symbol="w",
        help="In general position; or a multiple of one task whose head is short.",
    )
    length: float = parameter(
        1.0,
        title="length of that task's head",
        symbol=r"\lVert w_1\rVert",
        help="The shorter, the more samples the one task needs that would do alone.",
        ge=0.05,
        le=5,
        scale="log",
    )
    samples: int = parameter(
        1000,
        title="samples of the L1 rule",
        symbol="N",
        help="How many samples the L1 rule needs for the risk that is asked for.",
        ge=50,
        le=10**6,
        scale="log",
        advanced=True,
    )


class OpeningCost(Study[OpeningParams]):
    """Cost of reaching one risk, against the cost of opening a task."""

    name = "active-multitask-lasso/opening-cost"
    title = "Tasks that cost something to open"
    chapter = COST
    statement = (
        "Beside a price for every sample there is a **jump** $a$ for every task that is sampled at "
        "all: $\\sum_t a\\,1[n_t>0] + n_t$. A target in general position needs $K$ tasks, and the "
        "L1 rule uses exactly $K$: it is the cheapest **at every $a$**, while the L2 and the "
        "uniform rule open all $T$. Only a special target can do with fewer, longer-sampled tasks."
    )
    takeaway = (
        "In general position the L1 rule is the cheapest design whatever a task costs to open; "
        "rules that touch every task pay for all of them."
    )
    standing = "exact"
    Params = OpeningParams
    axes = (
        Axis("design", "design"),
        Axis("opening", "cost of opening a task, in samples", "a", scale="log", refine=1),
    )
    measures = (
        Measure("cost", "cost of the same risk", ("design", "opening"), "", "samples"),
        Measure("over", "cost over the cheapest", ("design", "opening")),
        Measure("tasks", "tasks opened", ("design", "opening")),
    )
    views = (
        Curves("cost", "Cost of the same risk", "opening", ("cost",), "design"),
        Curves("over", "Compared with the cheapest design", "opening", ("over",), "design"),
        Curves("tasks", "Tasks that are opened", "opening", ("tasks",), "design", y_scale="linear"),
    )
    presets = (
        Preset("quick", "Sixteen tasks, target in general position", OpeningParams()),
        Preset("paper", "Twenty tasks of rank 4", OpeningParams(tasks=20)),
        Preset(
            "special",
            "A target that one short task carries alone",
            OpeningParams(target="along one short task"),
        ),
        Preset(
            "heuristic",
            "Too many supports to try: the L1 rule as a heuristic",
            OpeningParams(tasks=40, rank=6, target="along one short task"),
        ),
    )
    equations = (
        Equation(
            r"\min_{S}\; a\,|S| + \frac{h\,\lVert\nu_S\rVert_1^2}{q_0},\qquad"
            r" \nu_S = \arg\min\{\lVert\nu\rVert_1 : W_S\,\nu = w\}",
            "S are the tasks opened. Supports of more than K tasks are never better than their "
            "vertices, so that at most K tasks need be tried. Here h = 1.",
            OURS,
        ),
        RELEVANCE,
        VALUE,
    )
    sources = (LASSO, DERIVED)
    assumptions = (
        "Nothing is simulated: costs are those of the first-order risk that the L1 rule reaches "
        "with N samples. Counts are real numbers.",
        "All supports of fewer than K tasks are tried while there are at most 20 000 of them; "
        "beyond that the L1 rule stands in for the cheapest design, as a heuristic.",
        "The papers' own theorem on sampling costs was not available; this is our derivation.",
        READ,
    )
    lesson = Lesson(
        "opening",
        "How many tasks should you open?",
        (
            Step(
                "Sixteen tasks, a target in general position in K = 4 dimensions.",
                {"target": "general", "tasks": 16, "rank": 4},
                "Opening a task gets dearer and dearer. How many tasks does the cheapest design "
                "open in the end?",
                ("One", "Four", "It depends on a"),
                1,
                "Fewer than four tasks cannot carry the target at all. Four are enough at every a, "
                "and the L1 rule picks the best four.",
            ),
            Step(
                "Now the target is a multiple of one task whose head has length 1.",
                {"target": "along one short task", "length": 1.0},
                "When does the cheapest design use that task alone?",
                ("Always", "Never", "When opening a task is dear enough"),
                2,
                "Alone it needs more samples, because its signal is weak. It saves the opening "
                "cost of three tasks: beyond a certain a that is worth it.",
            ),
        ),
    )

    def grid(self, params: OpeningParams) -> Arrays:
        """Return designs, and jumps from a thousandth of the samples to ten times as many."""
        return {
            "design": np.array(DESIGNS),
            "opening": params.samples * np.geomspace(1e-3, 10, 13),
        }

    def theory(self, params: OpeningParams, grid: Arrays) -> Arrays:
        """Return costs and numbers of tasks of all designs."""
        counts = _rules(params)
        cost, tasks = [], []
        for jump in np.asarray(grid["opening"]):
            best = _cheapest(params, float(jump))
            priced = [saltus_cost(n, opening=float(jump), price=1.0) for n in counts]
            cost.append([*priced, best.cost])
            tasks.append([*np.count_nonzero(counts, axis=1), np.count_nonzero(best.counts)])
        found = np.transpose(cost)
        return {
            "cost": found,
            "over": found / found[CHEAPEST],
            "tasks": np.transpose(tasks).astype(float),
        }

    def validity(self, params: OpeningParams) -> tuple[str, ...]:
        """Say where the cheapest design is a heuristic."""
        if _cheapest(params, float(params.samples)).label == "exact":
            return ()
        return (
            "Too many supports to try them all: the cheapest design is the L1 rule, as a "
            "heuristic, and a cheaper one may exist.",
        )

    def checks(self, outcome: Outcome[OpeningParams]) -> tuple[Check, ...]:
        """Hold the cheapest design below every rule, and equal to the L1 rule where it must be."""
        params = outcome.params
        over = np.asarray(outcome.theory["over"])
        tasks = np.asarray(outcome.theory["tasks"])
        low, most = float(over.min()), int(tasks[CHEAPEST].max())
        found = [
            statement(
                "cheapest",
                "no rule is cheaper than the cheapest design",
                low,
                1 - 1e-9,
                f"smallest ratio {low:.9g}",
                below=False,
            ),
            statement(
                "few",
                "the cheapest design opens at most K tasks",
                most,
                params.rank,
                f"at most {most} of {params.tasks}",
            ),
        ]
        if params.target == "general":
            off = float(np.abs(over[L1] - 1).max())
            words = "in general position the L1 rule is the cheapest at every opening cost"
            found.append(statement("l1", words, off, 1e-9, f"largest excess {off:.1e}"))
        return tuple(found)


@lru_cache(maxsize=64)
def opening_instance(
    tasks: int, rank: int, seed: int, target: str, length: float
) -> tuple[Instance, RuleValues]:
    """Return an instance and its rules; a special target lies along the first task."""
    made = random_instance(tasks, rank, seed)
    if target != "general":
        heads = made.heads.copy()
        heads[:, 0] = length * made.target
        made = Instance(heads, made.target)
    return made, rule_values(made.heads, made.target)


def _told(params: OpeningParams) -> tuple[int, int, int, str, float]:
    return params.tasks, params.rank, params.seed, params.target, params.length


def _rules(params: OpeningParams) -> Real:
    """Return the real counts of the three rules for the same risk, (3, T)."""
    made, found = opening_instance(*_told(params))
    value = found.l1 / params.samples
    nu1, nu2 = found.nu1.nu, found.nu2.nu
    shares = np.stack([np.ones(nu1.size), np.square(nu2), np.abs(nu1)])
    reach = [design_value(made.heads, made.target, share) / value for share in shares]
    return np.asarray(shares * np.array(reach)[:, None])


@lru_cache(maxsize=1024)
def _design(told: tuple[int, int, int, str, float], opening: float, samples: int) -> CostDesign:
    made, found = opening_instance(*told)
    value = found.l1 / samples
    return saltus_cost_design(made.heads, made.target, opening=opening, price=1.0, value=value)


def _cheapest(params: OpeningParams, opening: float) -> CostDesign:
    """Return the cheapest design for the same risk."""
    return _design(_told(params), opening, params.samples)
