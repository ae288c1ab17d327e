"""Chapter 1: what the choice of the tasks decides, from nothing to a factor T."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.design import RuleValues, rule_values
from sims.active_multitask_lasso.instances import Instance
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    CHAIN,
    DERIVED,
    ELFVING,
    FIRST_ORDER,
    GAUSSIAN,
    KINDS,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    REP,
    RULE_NAMES,
    RULES,
    TASKS,
    VALUE,
    Kind,
    TaskParams,
    budget_parameter,
    dimension_parameter,
    instance_of,
    known_counts,
    known_risks,
    rank_parameter,
    refuse_small_budget,
    seed_parameter,
    task_count,
    well_fed,
)
from sims.active_multitask_lasso.trial import strategy_trial
from sims.agreement import agreement, exceeds, statement
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

TWO_LEVELS, SPIKED = 0, 1
FLOOR = 5
FEWEST = 100  # samples of a task on average
TOLERANCE = 0.15


class GapParams(TaskParams):
    """Parameters of the comparison of the three rules."""

    tasks: int = task_count(40, low=12)
    rank: int = rank_parameter(4, high=6)
    seed: int = seed_parameter(3, advanced=False)
    total: int = budget_parameter(200_000, low=1000)
    dimension: int = dimension_parameter(30)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All three kinds are shown."""
        return KINDS

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", self.total, self.tasks, FEWEST)
        return self


class Gap(Study[GapParams]):
    """Risk of each rule over the least possible, against the number of tasks."""

    name = "active-multitask-lasso/gap"
    title = "What the sampling rule decides"
    chapter = TASKS
    statement = (
        "Same budget, same tasks, three rules. Sampling in proportion to the relevance "
        "$|\\nu^1_t|$ (**L1 rule**) reaches the least risk that any allocation can. Sampling by "
        "$(\\nu^2_t)^2$ (**L2 rule**) can be **exactly as bad as uniform** (two levels), and "
        "uniform sampling can lose a factor **T**, the number of tasks (spiked): never more."
    )
    takeaway = (
        "The L1 rule stays at 1; on two levels the L2 rule is as bad as uniform sampling, and on "
        "the spiked tasks uniform sampling loses the whole factor T (dashed)."
    )
    standing = "asymptotic"
    Params = GapParams
    axes = (
        Axis("instance", "source tasks"),
        Axis("rule", "rule"),
        Axis("count", "number of source tasks", "T", scale="log"),
        Axis("simulated", "simulated number of source tasks", "T", scale="log"),
        Axis("ratio", "level ratio", "U", scale="log", refine=6),
    )
    measures = (
        Measure("curve", "risk over the least possible", ("instance", "rule", "count")),
        Measure("relative", "risk over the least possible", ("instance", "rule", "simulated")),
        Measure("most", "the factor T", ("count",)),
        Measure("levels", "risk over the least possible", ("rule", "ratio")),
        Measure("most_levels", "the factor T", ("ratio",)),
        Measure("lead", "uniform minus L1 rule", ("instance", "simulated")),
        Measure("lead_l2", "L2 rule minus L1 rule on two levels", ("simulated",)),
    )
    views = (
        Curves(
            "gap",
            "How much worse than the best allocation",
            "count",
            ("curve", "most"),
            "rule",
            "instance",
            points=("simulated", "relative"),
            dashed=("most",),
        ),
        Curves(
            "levels",
            "Two levels: against the level ratio",
            "ratio",
            ("levels", "most_levels"),
            "rule",
            dashed=("most_levels",),
        ),
    )
    presets = (
        Preset("quick", "Up to 40 tasks", GapParams(), 20),
        Preset(
            "paper",
            "Up to 100 tasks, d = 50, ten times the budget",
            GapParams(tasks=100, rank=5, dimension=50, total=2_000_000),
            40,
        ),
        Preset(
            "starved",
            "Too small a budget: first order is optimistic",
            GapParams(total=20_000),
            40,
        ),
    )
    equations = (
        RELEVANCE,
        VALUE,
        CHAIN,
        Equation(
            r"\frac{q(n^{L2})}{q(n^{L1})} = \frac{q(N/T)}{q(n^{L1})} = "
            r"\frac{T\,(U^2+T-1)}{(U+T-1)^2} \;\to\; T \quad (U\to\infty)",
            "Two levels: task 1 is U times as relevant as the others. L1 and L2 relevance are then "
            "the same vector; only the exponent of the rule differs. In the first view U = T.",
            OURS,
        ),
    )
    sources = (LASSO, ACTIVE, ELFVING, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Simulated: the rules know the true relevance, every task has at least 5 samples, and the "
        "risk is divided by σ²(d−K)|ν¹|₁²/N, the least first-order risk of any allocation.",
        "The two-level tasks are our own construction; the lower-bound instance of the paper was "
        "not available to us. The random tasks of a small T are the first of those of a large T.",
        REP,
        FIRST_ORDER,
        READ,
    )
    lesson = Lesson(
        "gap",
        "How much can a sampling rule decide?",
        (
            Step(
                "Forty tasks of rank 4. On the spiked tasks one source is the target itself, the "
                "others are at right angles to it.",
                {"tasks": 40, "rank": 4},
                "How much more risk does uniform sampling have than the best allocation?",
                ("About 4 times", "About 6 times", "40 times"),
                2,
                "Only one sample in 40 is of use to it: the factor is T, and no instance has a "
                "larger one.",
            ),
            Step(
                "Open the second view: two levels, T = 40. One task is U times as relevant as each "
                "of the 39 others, by the L1 and by the L2 norm alike.",
                {"tasks": 40},
                "Which rule do you expect to do worst at U = 20?",
                ("Uniform", "The L2 rule", "Both do equally badly"),
                2,
                "Squaring gives the first task 91 % of the samples and starves the others, which "
                "matter together as much. Uniform starves the first. Both have 5 times the risk.",
            ),
            Step(
                "The same, with random (Gaussian) tasks of rank 2 instead of rank 4.",
                {"rank": 2, "seed": 3},
                "Does choosing tasks by the L1 rule gain more or less over uniform than before?",
                ("More", "Less"),
                0,
                "In fewer dimensions some task is nearly along the target: typical gains at T = 60 "
                "are 5.6 at K = 2 and 2.7 at K = 20.",
            ),
        ),
    )

    def grid(self, params: GapParams) -> Arrays:
        """Return instances, rules, numbers of tasks for lines and for points, level ratios."""
        fewest = max(6, 2 * params.rank)
        fine, coarse = (np.geomspace(fewest, params.tasks, size) for size in (11, 4))
        return {
            "instance": np.array(KINDS),
            "rule": np.array(RULE_NAMES),
            "count": np.unique(fine.round()),
            "simulated": np.unique(coarse.round()),
            "ratio": np.array([1.5, 3.0, 6.0, 12.0, 25.0, 50.0]),
        }

    def theory(self, params: GapParams, grid: Arrays) -> Arrays:
        """Return N q over its least value: without floor on lines, of the counts at points."""
        counts, ratios = np.asarray(grid["count"]), np.asarray(grid["ratio"])
        simulated = [int(t) for t in np.asarray(grid["simulated"])]
        return {
            "curve": np.array(
                [np.transpose([_limits(params, kind, int(t)) for t in counts]) for kind in KINDS]
            ),
            "relative": np.array(
                [np.transpose([_expected(params, kind, t) for t in simulated]) for kind in KINDS]
            ),
            "most": counts.astype(float),
            "levels": np.transpose(
                [_limits(params, "two levels", params.tasks, float(u)) for u in ratios]
            ),
            "most_levels": np.full(ratios.size, float(params.tasks)),
        }

    def trial(self, params: GapParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw samples by every rule, on every instance, and fit the subspace."""
        simulated = [int(t) for t in np.asarray(grid["simulated"])]
        ratios = [float(u) for u in np.asarray(grid["ratio"])]
        rows = [[_simulated(params, kind, t, rng) for t in simulated] for kind in KINDS]
        relative = np.swapaxes(rows, 1, 2)
        levels = [_simulated(params, "two levels", params.tasks, rng, u) for u in ratios]
        return {
            "relative": relative,
            "levels": np.transpose(levels),
            "lead": relative[:, 0] - relative[:, 2],
            "lead_l2": relative[TWO_LEVELS, 1] - relative[TWO_LEVELS, 2],
        }

    def validity(self, params: GapParams) -> tuple[str, ...]:
        """Warn where the L2 rule starves tasks that matter."""
        if _covered(params, "two levels", params.tasks).all():
            return ()
        return (
            f"With N = {params.total} samples, tasks that matter get fewer than 2d = "
            f"{2 * params.dimension} of them: the simulated risk lies above its first-order value.",
        )

    def checks(self, outcome: Outcome[GapParams]) -> tuple[Check, ...]:
        """Hold first order against simulation; the chain, the factor T, strict dominance."""
        params = outcome.params
        simulated = [int(t) for t in np.asarray(outcome.grid["simulated"])]
        ratios = [float(u) for u in np.asarray(outcome.grid["ratio"])]
        where = np.array(
            [np.transpose([_covered(params, kind, t) for t in simulated]) for kind in KINDS]
        )
        levels = np.transpose([_covered(params, "two levels", params.tasks, u) for u in ratios])
        words = f"first order within {TOLERANCE:.0%} of the simulated risk"
        return (
            agreement(
                outcome,
                "relative",
                tolerance=TOLERANCE,
                where=where,
                sentence=f"{words} on all three kinds of tasks",
            ),
            agreement(
                outcome,
                "levels",
                tolerance=TOLERANCE,
                where=levels,
                sentence=f"{words} at every level ratio",
            ),
            exceeds(
                outcome,
                "lead",
                sentence="simulated: uniform sampling has more risk than the L1 rule",
            ),
            exceeds(
                outcome,
                "lead_l2",
                sentence="simulated: on two levels the L2 rule has more risk than the L1 rule",
            ),
            *_exact(np.asarray(outcome.theory["curve"]), np.asarray(outcome.theory["most"])),
        )


@lru_cache(maxsize=512)
def gap_instance(
    kind: Kind, tasks: int, most: int, rank: int, ratio: float, seed: int
) -> tuple[Instance, RuleValues]:
    """Return an instance with the values of its rules; random tasks are the first of `most`."""
    made = instance_of(kind, most if kind == "random" else tasks, rank, ratio, seed)
    made = Instance(made.heads[:, :tasks], made.target)
    return made, rule_values(made.heads, made.target)


def _at(
    params: GapParams, kind: Kind, tasks: int, ratio: float | None = None
) -> tuple[Instance, RuleValues]:
    """Return the instance of so many tasks; U = T unless it is given."""
    levels = float(tasks) if ratio is None else ratio
    return gap_instance(kind, tasks, params.tasks, params.rank, levels, params.seed)


def _limits(params: GapParams, kind: Kind, tasks: int, ratio: float | None = None) -> Real:
    """N q of each rule over its least value, for large N."""
    found = _at(params, kind, tasks, ratio)[1]
    return np.array([found.uniform, found.l2, found.l1]) / found.l1


def _unit(params: GapParams, found: RuleValues) -> float:
    """Return the least first-order risk."""
    return (params.dimension - params.rank) * found.l1 / params.total


def _expected(params: GapParams, kind: Kind, tasks: int, ratio: float | None = None) -> Real:
    """First-order risk of the very counts that are simulated, over the least."""
    made, found = _at(params, kind, tasks, ratio)
    risks = known_risks(made, found, [params.total], floor=FLOOR, dimension=params.dimension)
    return np.asarray(risks[:, 0] / _unit(params, found))


def _covered(
    params: GapParams, kind: Kind, tasks: int, ratio: float | None = None
) -> NDArray[np.bool_]:
    """Return for which rules first order is to be held to its tolerance."""
    made, found = _at(params, kind, tasks, ratio)
    return well_fed(made, known_counts(found, params.total, FLOOR), params.dimension)


def _simulated(
    params: GapParams, kind: Kind, tasks: int, rng: Generator, ratio: float | None = None
) -> Real:
    made, found = _at(params, kind, tasks, ratio)
    drawn = strategy_trial(
        made.heads,
        made.target,
        [params.total],
        dimension=params.dimension,
        floor=FLOOR,
        strategies=RULES,
        rng=rng,
    )
    return np.asarray(drawn.representation[0] / _unit(params, found))


def _exact(curve: Real, most: Real) -> tuple[Check, ...]:
    """Check what holds without any simulation: the chain, strict dominance, the factor T."""
    uniform, l2, l1 = curve.swapaxes(0, 1)
    over = max(
        float(np.max(low / high)) for low, high in ((l1, l2), (l2, uniform), (uniform, most))
    )
    level = float(np.abs(l2[TWO_LEVELS] / uniform[TWO_LEVELS] - 1).max())
    whole = float(np.abs(uniform[SPIKED] / most - 1).max())
    return (
        statement(
            "chain",
            "best ≤ L2 rule ≤ uniform ≤ T times the best, on every instance",
            over,
            1 + 1e-9,
            f"largest ratio of neighbours {over:.12g}",
        ),
        statement(
            "as-bad",
            "on two levels the L2 rule is exactly as bad as uniform sampling",
            level,
            1e-9,
            f"relative difference {level:.1e}",
        ),
        statement(
            "factor",
            "on the spiked tasks uniform sampling loses exactly the factor T",
            whole,
            1e-9,
            f"relative difference {whole:.1e}",
        ),
    )
