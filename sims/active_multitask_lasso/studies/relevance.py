"""Chapter 1: relevance of every task, its certificate, and the three allocations, as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.joint_erm import joint_erm
from sims.active_multitask_lasso.stages import estimated_relevance
from sims.active_multitask_lasso.statistics import draw_statistics
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    CHAIN,
    DERIVED,
    ELFVING,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    RULE_NAMES,
    TASKS,
    VALUE,
    KindParams,
    chosen,
    instance_of,
    ratio_parameter,
    risk_shares,
    task_count,
    values_of,
)
from sims.active_multitask_lasso.target_head import target_head
from sims.agreement import statement
from sims.params import parameter
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

    from sims.active_multitask_lasso.design import RuleValues
    from sims.study import Arrays

    Real = NDArray[np.float64]

DIMENSION = 30
NORMS = ("ν² (smallest L2 norm)", "ν¹ (smallest L1 norm)")


class RelevanceParams(KindParams):
    """Parameters of the bars."""

    tasks: int = task_count(16, high=60)
    ratio: float = ratio_parameter(6.0)
    explored: int = parameter(
        300,
        title="samples a task seen by the learner",
        symbol="n_0",
        help="The points: relevance estimated from so many samples of every task.",
        ge=40,
        le=100_000,
        scale="log",
    )
    target_samples: int = parameter(
        500,
        title="target samples",
        symbol="m",
        help="From which the learner estimates the target's head.",
        ge=12,
        le=100_000,
        scale="log",
        advanced=True,
    )


class RelevanceBars(Study[RelevanceParams]):
    """Relevance and allocations of every task, known and estimated."""

    name = "active-multitask-lasso/relevance"
    title = "Which tasks are relevant"
    chapter = TASKS
    statement = (
        "Write the target's head as a combination of the sources' heads, $W\\nu = w$. The "
        "**smallest** such $\\nu$ says which tasks matter, and the rule turns it into samples: "
        "shares proportional to $|\\nu^1_t|$ (L1) or to $(\\nu^2_t)^2$ (L2). The L1 solution needs "
        "**at most K tasks**; the L2 solution uses nearly all of them and squares their weight."
    )
    takeaway = (
        "Bars: what a rule does that knows W and w; points: what a learner makes of estimates. "
        "The L1 rule asks for K tasks, the L2 rule leans on a few and touches all."
    )
    standing = "exact"
    Params = RelevanceParams
    axes = (
        Axis("rule", "rule"),
        Axis("norm", "relevance"),
        Axis("task", "source task, by |ν²|", "t"),
    )
    measures = (
        Measure("share", "share of the samples", ("rule", "task")),
        Measure("relevance", "relevance of the task", ("norm", "task"), "ν"),
        Measure("dual", "correlation with the dual vector", ("task",), "w'y"),
        Measure("part", "share of the risk", ("rule", "task")),
        Measure("worth", "risk over the least possible", ("rule",)),
    )
    views = (
        Curves(
            "allocation",
            "Shares of the samples",
            "task",
            ("share",),
            panel="rule",
            y_scale="linear",
            y_range=(0, 1),
            bars=True,
        ),
        Curves(
            "relevance",
            "Relevance of every task",
            "task",
            ("relevance",),
            panel="norm",
            y_scale="linear",
            bars=True,
        ),
        Curves(
            "certificate",
            "Why no ν is smaller: the dual certificate",
            "task",
            ("dual",),
            y_scale="linear",
            y_range=(-1.3, 1.3),
            bars=True,
            guides=(Guide("above", "y", "1"), Guide("below", "y", "−1")),
        ),
        Curves(
            "risk",
            "Where the risk comes from",
            "task",
            ("part",),
            panel="rule",
            y_scale="linear",
            y_range=(0, 1),
            bars=True,
        ),
    )
    presets = (
        Preset("quick", "Sixteen random tasks", RelevanceParams(), 20),
        Preset("paper", "Forty random tasks of rank 5", RelevanceParams(tasks=40, rank=5), 40),
        Preset(
            "two-levels",
            "Two levels: same relevance, opposite mistakes",
            RelevanceParams(instance="two levels"),
            20,
        ),
        Preset("spiked", "Spiked: one task is the target", RelevanceParams(instance="spiked"), 20),
        Preset(
            "too-little",
            "Too few samples to tell",
            RelevanceParams(explored=40, target_samples=12),
            40,
        ),
        Preset(
            "equal",
            "Nearly equal relevance: nothing to choose",
            RelevanceParams(instance="two levels", ratio=1.5, rank=2),
            20,
        ),
    )
    equations = (
        RELEVANCE,
        Equation(
            r"\lVert\nu^1\rVert_1 = \max\{y^\top w : |w_t^\top y| \le 1 \text{ for all } t\}",
            "The dual programme. Its solution y proves that no ν is smaller: tasks in use have "
            "|w_t'y| = 1, and y'w equals the norm.",
            "linear programming duality",
        ),
        VALUE,
        CHAIN,
    )
    sources = (LASSO, ACTIVE, ELFVING, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Tasks are ordered by |ν²|. Points are estimates from n samples of every task and m of the "
        f"target (d = {DIMENSION}, noise variance 1), without any exploration share: the "
        "pseudo-inverse for ν², the LASSO at its calibrated λ for ν¹.",
        "On two levels ν¹ is not unique: the bars are one vertex of the solutions, the points are "
        "means over different vertices. All have the same norm, hence the same risk. The last view "
        f"splits N q(n) of each rule by task, at its own minimising ν ({OURS}).",
        READ,
    )
    lesson = Lesson(
        "relevance",
        "Which tasks would you sample?",
        (
            Step(
                "Sixteen random tasks of rank 4. The L2 rule touches nearly all of them.",
                {"instance": "random", "rank": 4},
                "How many tasks does the L1 rule use?",
                ("All sixteen", "About eight", "Four"),
                2,
                "A vertex of the linear programme has at most K tasks. That the other tasks can "
                "not help is what the dual certificate (third view) proves.",
            ),
            Step(
                "Now two levels with U = 6: one task is six times as relevant as each other one.",
                {"instance": "two levels", "ratio": 6.0},
                "Which share of the samples does the L2 rule give to that one task?",
                ("29 %", "71 %", "100 %"),
                1,
                "36 parts of 51. The others matter with 15 against 6, and have to share the rest. "
                "Look at where the risk comes from: under uniform sampling 71 % of it is the first "
                "task's; the L2 rule only turns that round, and its risk is the same.",
            ),
        ),
    )

    def grid(self, params: RelevanceParams) -> Arrays:
        """Return rules, norms and tasks."""
        return {
            "rule": np.array(RULE_NAMES),
            "norm": np.array(NORMS),
            "task": np.arange(1, params.tasks + 1),
        }

    def theory(self, params: RelevanceParams, grid: Arrays) -> Arrays:
        """Return shares, relevance, the certificate, and the parts of the risk."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        order = _order(found)
        nu1, nu2 = found.nu1.nu[order], found.nu2.nu[order]
        shares = _shares(nu1, nu2)
        parts = np.stack(
            [risk_shares(made, row)[order] for row in _shares(found.nu1.nu, found.nu2.nu)]
        )
        dual = found.nu1.dual @ made.heads[:, order]
        return {
            "share": shares,
            "relevance": np.stack([nu2, nu1]),
            "dual": dual,
            "part": parts,
            "worth": np.array([found.uniform, found.l2, found.l1]) / found.l1,
        }

    def trial(self, params: RelevanceParams, grid: Arrays, rng: Generator) -> Arrays:
        """Estimate the relevance from samples of all tasks."""
        made, order = instance_of(*chosen(params)), _order(values_of(*chosen(params)))
        basis = np.eye(DIMENSION, params.rank)
        theta = (basis @ made.heads).T
        drawn = draw_statistics(theta, params.explored, noise_variance=1.0, rng=rng)
        size = params.target_samples
        aim = draw_statistics((basis @ made.target)[None], size, noise_variance=1.0, rng=rng)
        fit = joint_erm(drawn, params.rank)
        head = target_head(aim, fit.basis)
        nu1, nu2 = (
            estimated_relevance(
                fit.heads,
                head,
                fit.counts,
                rule=rule,
                target_samples=params.target_samples,
                noise_variance=1.0,
            )[order]
            for rule in ("l1", "l2")
        )
        return {"share": _shares(nu1, nu2), "relevance": np.stack([nu2, nu1])}

    def guides(self, params: RelevanceParams) -> dict[str, float]:
        """Return the ends of what the dual vector allows."""
        return {"above": 1.0, "below": -1.0}

    def validity(self, params: RelevanceParams) -> tuple[str, ...]:
        """Say where there is nothing to choose, or more than one solution."""
        notes = []
        worth = values_of(*chosen(params))
        if worth.uniform < 1.1 * worth.l1:
            notes.append(
                "All tasks are nearly equally relevant: no rule can gain more than "
                f"{worth.uniform / worth.l1 - 1:.0%} over uniform sampling."
            )
        if params.instance == "two levels":
            notes.append("The L1 solution is not unique here; compare norms, not bars.")
        return tuple(notes)

    def checks(self, outcome: Outcome[RelevanceParams]) -> tuple[Check, ...]:
        """Hold W nu = w, the certificate and the number of tasks used."""
        params = outcome.params
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        heads = made.heads[:, _order(found)]
        nu = np.asarray(outcome.theory["relevance"])
        off = float(np.abs(nu @ heads.T - made.target).max())
        dual = np.asarray(outcome.theory["dual"])
        norm = float(np.abs(nu[1]).sum())
        gap = max(float(np.abs(dual).max()) - 1.0, abs(norm - float(nu[1] @ dual)) / norm)
        used = int(np.count_nonzero(nu[1]))
        return (
            statement("solves", "both ν solve Wν = w", off, 1e-9, f"largest residual {off:.1e}"),
            statement(
                "certificate",
                "the dual vector proves that no ν has a smaller L1 norm",
                gap,
                1e-9,
                f"relative gap {gap:.1e}",
            ),
            statement(
                "sparse",
                "the L1 solution uses at most K tasks",
                used,
                params.rank,
                f"{used} of {params.tasks} tasks",
            ),
            _chain(np.asarray(outcome.theory["worth"])),
        )


def _chain(worth: Real) -> Check:
    """Check the order of the rules."""
    over = float(max(worth[2] / worth[1], worth[1] / worth[0]))
    detail = f"uniform {worth[0]:.3g}, L2 rule {worth[1]:.3g} times the L1 rule's risk"
    return statement("chain", "L1 rule ≤ L2 rule ≤ uniform", over, 1 + 1e-9, detail)


def _order(found: RuleValues) -> NDArray[np.intp]:
    """Return the tasks by falling |ν²|."""
    return np.argsort(-np.abs(found.nu2.nu).round(12), kind="stable")


def _square_shares(nu: Real) -> Real:
    return np.asarray(np.square(nu) / np.square(nu).sum())


def _shares(nu1: Real, nu2: Real) -> Real:
    """Return the shares of the three rules, (3, T); uniform where nothing is relevant."""
    uniform = np.full(nu1.size, 1.0 / nu1.size)
    l1 = np.abs(nu1) / np.abs(nu1).sum() if nu1.any() else uniform
    return np.stack([uniform, _square_shares(nu2) if nu2.any() else uniform, l1])
