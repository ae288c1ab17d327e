"""Chapter 5: samples of some tasks cost more than those of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.cost import linear_cost, linear_cost_design
from sims.active_multitask_lasso.design import design_value, first_order_risk
from sims.active_multitask_lasso.joint_erm import joint_erm
from sims.active_multitask_lasso.statistics import draw_statistics
from sims.active_multitask_lasso.studies.common import (
    COST,
    DERIVED,
    ELFVING,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    REP,
    RULE_NAMES,
    VALUE,
    KindParams,
    budget_parameter,
    chosen,
    dimension_parameter,
    instance_of,
    ratio_parameter,
    refuse_small_budget,
    values_of,
    well_fed,
)
from sims.active_multitask_lasso.target_head import representation_risk
from sims.agreement import agreement, exceeds, statement
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

DESIGNS = (*RULE_NAMES, "L1 with prices")
L1, AWARE = 2, 3
FLOOR = 5
TOLERANCE = 0.15


class PricesParams(KindParams):
    """Parameters of sampling with prices."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    total: int = budget_parameter(30_000, low=3000)
    dimension: int = dimension_parameter(30)
    prices: int = parameter(
        0,
        title="price list",
        symbol="z",
        help="Which random prices the tasks have; another number gives another list.",
        ge=0,
        le=9999,
    )

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", self.total, self.tasks, 100)
        return self


class Prices(Study[PricesParams]):
    """Risk of each design for the same money, against the spread of the prices."""

    name = "active-multitask-lasso/prices"
    title = "Samples at different prices"
    chapter = COST
    statement = (
        "A sample of task $t$ costs $h_t$. Minimising $\\sum_t h_t n_t$ at a given risk is an L1 "
        "programme again, with weights $\\sqrt{h_t}$: the best design minimises "
        "$\\sum_t \\sqrt{h_t}\\,|\\nu_t|$ and samples $n_t \\propto |\\nu_t|/\\sqrt{h_t}$. For the "
        "same **money** it leaves the least risk, and the factor over rules that ignore prices "
        "grows with their spread."
    )
    takeaway = (
        "With equal prices the two L1 designs are one; the more prices differ, the more it pays "
        "to replace a dear task by cheap ones."
    )
    standing = "asymptotic"
    Params = PricesParams
    axes = (
        Axis("design", "design"),
        Axis("spread", "spread of the log prices", "s", refine=4),
        Axis("simulated", "spread of the log prices, simulated", "s"),
    )
    measures = (
        Measure("curve", "risk over the least for the same money", ("design", "spread")),
        Measure("relative", "risk over the least for the same money", ("design", "simulated")),
        Measure("lead", "L1 rule minus L1 with prices", ("simulated",)),
    )
    views = (
        Curves(
            "risk",
            "Risk for the same money",
            "spread",
            ("curve",),
            "design",
            x_scale="linear",
            points=("simulated", "relative"),
        ),
    )
    presets = (
        Preset("quick", "Thirty random tasks", PricesParams(), 30),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            PricesParams(tasks=40, rank=5, dimension=50, total=64_000),
            60,
        ),
        Preset("two-levels", "Two levels", PricesParams(instance="two levels", total=200_000), 30),
        Preset(
            "spiked", "Spiked: nothing can replace the one task", PricesParams(instance="spiked")
        ),
    )
    equations = (
        Equation(
            r"\min_n\Big\{\sum_t h_t n_t : q(n) \le q_0\Big\} = \frac1{q_0}"
            r"\Big(\min_{W\nu=w}\sum_t \sqrt{h_t}\,|\nu_t|\Big)^2,\qquad"
            r" n_t \propto \frac{|\nu_t|}{\sqrt{h_t}}",
            "Least cost of a given first-order risk. With equal prices it is the L1 rule.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ELFVING, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Prices are exp(s z_t) with z_t standard normal, from the list chosen; each design spends "
        "the money that N samples at the mean price would cost. Simulated designs have at least "
        f"{FLOOR} samples of every task besides.",
        "The papers' own theorem on sampling costs was not available; this is our derivation.",
        REP,
        FIRST_ORDER,
        READ,
    )
    lesson = Lesson(
        "prices",
        "Is the best task too dear?",
        (
            Step(
                "Thirty random tasks, prices all equal (left end of the chart).",
                {"instance": "random"},
                "What changes for the uniform rule when prices spread?",
                (
                    "It loses more: it buys every task at any price",
                    "It loses less: cheap tasks make up for dear ones",
                ),
                0,
                "It buys dear samples and cheap ones alike, while the best design goes where "
                "relevance is cheap.",
            ),
            Step(
                "The spiked tasks: one of them is the target itself.",
                {"instance": "spiked"},
                "How much does knowing the prices help the L1 rule now?",
                ("Nothing", "A factor of 2", "A factor T"),
                0,
                "No other task carries anything of the target: it has to be bought at any price, "
                "and both designs buy nothing else.",
            ),
        ),
    )

    def grid(self, params: PricesParams) -> Arrays:
        """Return designs and spreads."""
        return {
            "design": np.array(DESIGNS),
            "spread": np.linspace(0, 2, 6),
            "simulated": np.array([0.0, 0.5, 1.0, 1.5, 2.0]),
        }

    def theory(self, params: PricesParams, grid: Arrays) -> Arrays:
        """Return risks over the least for the same money, and the number of tasks."""
        spreads = np.asarray(grid["spread"])
        designs = [_designs(params, float(s)) for s in spreads]
        return {
            "curve": np.transpose([one.value / one.value[AWARE] for one in designs]),
            "relative": np.transpose(
                [_expected(params, float(s)) for s in np.asarray(grid["simulated"])]
            ),
        }

    def trial(self, params: PricesParams, grid: Arrays, rng: Generator) -> Arrays:
        """Buy samples by every design, and fit the subspace."""
        made = instance_of(*chosen(params))
        basis = np.eye(params.dimension, params.rank)
        theta, aim = (basis @ made.heads).T, basis @ made.target
        columns = []
        for spread in np.asarray(grid["simulated"]):
            designs = _designs(params, float(spread))
            least = (params.dimension - params.rank) * designs.value[AWARE]
            column = []
            for counts in designs.whole:
                drawn = draw_statistics(theta, counts, noise_variance=1.0, rng=rng)
                fit = joint_erm(drawn, params.rank)
                column.append(representation_risk(fit.basis, aim) / least)
            columns.append(column)
        relative = np.transpose(columns)
        return {"relative": relative, "lead": relative[L1] - relative[AWARE]}

    def validity(self, params: PricesParams) -> tuple[str, ...]:
        """Warn where first order does not apply."""
        if _covered(params, np.array([0.0, 2.0])).all():
            return ()
        return (
            "Some designs leave tasks that matter with few samples: first order is optimistic.",
        )

    def checks(self, outcome: Outcome[PricesParams]) -> tuple[Check, ...]:
        """Hold first order, the optimality of the design, and its lead."""
        params = outcome.params
        spreads = np.asarray(outcome.grid["simulated"])
        curve = np.asarray(outcome.theory["curve"])
        relative = np.asarray(outcome.theory["relative"])
        low = float(curve.min())
        first = float(np.abs(curve[L1, 0] / curve[AWARE, 0] - 1))
        covered = _covered(params, spreads)
        found = [
            statement(
                "cheapest",
                "no rule has less first-order risk for the same money",
                low,
                1 - 1e-9,
                f"smallest ratio {low:.9g}",
                below=False,
            ),
            statement(
                "equal",
                "with equal prices it is the L1 rule",
                first,
                1e-9,
                f"relative difference {first:.1e}",
            ),
        ]
        if covered.any():
            words = f"first order within {TOLERANCE:.0%} of the simulated risk"
            found.append(
                agreement(outcome, "relative", tolerance=TOLERANCE, where=covered, sentence=words)
            )
        apart = (relative[L1] - relative[AWARE] >= 1.0) & covered[[L1, AWARE]].all(axis=0)
        if apart.any():
            words = "ignoring prices has more risk, simulated, where theory says twice as much"
            found.append(exceeds(outcome, "lead", where=apart, sentence=words))
        return tuple(found)


class Designs(NamedTuple):
    """What the money buys: real counts, whole counts with a floor (4, T), and q (4,)."""

    counts: Real
    whole: NDArray[np.int64]
    value: Real


def _designs(params: PricesParams, spread: float) -> Designs:
    made, found = instance_of(*chosen(params)), values_of(*chosen(params))
    z = np.random.default_rng(params.prices).standard_normal(params.tasks)
    prices = np.exp(spread * z)
    money = params.total * float(prices.mean())
    best = linear_cost_design(made.heads, made.target, prices, value=1.0).counts
    shares = [np.ones(params.tasks), np.square(found.nu2.nu), np.abs(found.nu1.nu), best]
    counts = np.array([share * (money / linear_cost(share, prices)) for share in shares])
    value = np.array([design_value(made.heads, made.target, n) for n in counts])
    whole = np.maximum(np.rint(counts), FLOOR).astype(np.int64)
    return Designs(counts, whole, value)


def _expected(params: PricesParams, spread: float) -> Real:
    """First-order risk of the very counts that are simulated, over the least."""
    made, designs = instance_of(*chosen(params)), _designs(params, spread)
    least = (params.dimension - params.rank) * designs.value[AWARE]
    return np.array(
        [
            first_order_risk(
                made.heads, made.target, n, dimension=params.dimension, noise_variance=1.0
            )
            / least
            for n in designs.whole
        ]
    )


def _covered(params: PricesParams, spreads: Real) -> NDArray[np.bool_]:
    """Return where first order may be held to its tolerance, (designs, spreads)."""
    made = instance_of(*chosen(params))
    rows = [well_fed(made, _designs(params, float(s)).whole, params.dimension) for s in spreads]
    return np.transpose(rows)
