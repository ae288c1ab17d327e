"""Chapter 4: the whole LASSO path, its certificate, and what its lambdas are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.calibration import calibrated_lambda, calibrated_relevance
from sims.active_multitask_lasso.design import design_value
from sims.active_multitask_lasso.joint_erm import joint_erm
from sims.active_multitask_lasso.lasso import lasso_path
from sims.active_multitask_lasso.stages import next_counts
from sims.active_multitask_lasso.statistics import draw_statistics
from sims.active_multitask_lasso.studies.common import (
    DERIVED,
    GAUSSIAN,
    LASSO,
    OURS,
    PATH,
    READ,
    VALUE,
    KindParams,
    budget_parameter,
    chosen,
    dimension_parameter,
    instance_of,
    ratio_parameter,
    refuse_above,
    target_parameter,
    task_count,
    values_of,
)
from sims.active_multitask_lasso.target_head import target_head
from sims.active_multitask_lasso.water_filling import water_fill
from sims.agreement import exceeds, never_above, never_rises, statement
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
    from numpy.typing import ArrayLike, NDArray

    from sims.active_multitask_lasso.instances import Instance
    from sims.study import Arrays

    Real = NDArray[np.float64]

SHOWN = 6  # tasks drawn
SMALLEST_GAP = 1e-18  # a gap of exactly 0 has no place on a log scale
FIXED = 0.05  # the fraction of the largest lambda that is compared with the calibrated lambda
AT_MOST = 0.1  # ln of what the calibrated lambda may lose to basis pursuit


class PathParams(KindParams):
    """Parameters of the path."""

    tasks: int = task_count(30, low=8)
    ratio: float = ratio_parameter(20.0)
    explored: int = parameter(
        200,
        title="explored samples of a task",
        symbol="n_0",
        help="Behind the estimated heads of the points; more make the path that of the truth.",
        ge=60,
        le=100_000,
        scale="log",
    )
    total: int = budget_parameter(96_000, low=2000, advanced=True)
    dimension: int = dimension_parameter(30)
    target_samples: int = target_parameter(5000)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_above("explored", self.explored, self.total // self.tasks, "total over tasks")
        return self


class LassoPathStudy(Study[PathParams]):
    """Everything along the LASSO path: coefficients, norm, residual, support, gap, risk."""

    name = "active-multitask-lasso/path"
    title = "One path, every λ"
    chapter = PATH
    statement = (
        "The learner's heads are noisy, so it solves $\\min_\\nu \\tfrac12\\lVert w-W\\nu\\rVert^2 "
        "+ \\lambda\\lVert\\nu\\rVert_1$. From the largest useful $\\lambda$ to 0 the solution is "
        "**piecewise linear**: a homotopy follows it exactly, knot by knot, and one path serves "
        "every $\\lambda$ and, at its end, the relevance $\\nu^1$ itself. A **duality gap** "
        "certifies each solution."
    )
    takeaway = (
        "Tasks enter one by one until K of them carry the target; below a small λ nothing changes "
        "any more, and the calibrated λ lies there."
    )
    standing = "exact"
    Params = PathParams
    axes = (
        Axis("task", "task, by |ν¹|", "t"),
        Axis("fraction", "λ over its largest useful value", "λ/λmax", scale="log", refine=11),
    )
    measures = (
        Measure("nu", "relevance", ("task", "fraction"), "ν"),
        Measure("norm", "L1 norm of the solution", ("fraction",), "|ν|₁"),
        Measure("residual", "what the solution misses", ("fraction",), "|w − Wν|"),
        Measure("used", "tasks in use", ("fraction",)),
        Measure("gap", "relative duality gap", ("fraction",)),
        Measure("worth", "risk of the allocation over the least", ("fraction",)),
        Measure("lost", "ln of risk: calibrated λ over λ → 0", ()),
        Measure("trap", "ln of risk: fixed fraction over calibrated λ", ()),
    )
    views = (
        Curves(
            "nu",
            "The path of the coefficients",
            "fraction",
            ("nu",),
            "task",
            y_scale="linear",
            guides=(Guide("calibrated", "x", "calibrated λ"),),
        ),
        Curves(
            "worth",
            "What each λ is worth",
            "fraction",
            ("worth",),
            guides=(Guide("calibrated", "x", "calibrated λ"),),
        ),
        Curves(
            "norm",
            "Norm of the solution",
            "fraction",
            ("norm",),
            y_scale="linear",
            guides=(
                Guide("calibrated", "x", "calibrated λ"),
                Guide("smallest", "y", "|ν¹|₁"),
            ),
        ),
        Curves(
            "residual",
            "What the solution misses",
            "fraction",
            ("residual",),
            guides=(Guide("calibrated", "x", "calibrated λ"),),
        ),
        Curves(
            "used",
            "Tasks in use",
            "fraction",
            ("used",),
            y_scale="linear",
            guides=(Guide("calibrated", "x", "calibrated λ"), Guide("rank", "y", "K")),
        ),
        Curves("gap", "Certificate", "fraction", ("gap",), y_range=(1e-19, 1e-8)),
    )
    presets = (
        Preset("quick", "Thirty random tasks", PathParams(), 40),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            PathParams(tasks=40, rank=5, dimension=50, total=128_000),
            100,
        ),
        Preset(
            "fixed-fraction",
            "A fixed fraction of λmax fails: two levels",
            PathParams(instance="two levels", explored=300),
            40,
        ),
        Preset("spiked", "Spiked: one knot", PathParams(instance="spiked"), 40),
        Preset(
            "few-target-samples",
            "Too few target samples: a different target",
            PathParams(target_samples=12),
            60,
        ),
    )
    equations = (
        Equation(
            r"\nu_A = p - \lambda v,\qquad p = W_A^+ w,\quad v = (W_A^\top W_A)^{-1}s,\qquad"
            r" \lambda_j = \frac{|(W^\top e)_j|}{1-\mathrm{sign}((W^\top e)_j)\,(W^\top u)_j}",
            "Between knots the active tasks A and their signs s are constant; w − Wν = e + λu. "
            "Task j joins at λ_j. At λ = 0 the solution is ν¹.",
            OURS,
        ),
        Equation(
            r"\mathrm{gap} = \tfrac12\lVert r-\lambda y\rVert^2 + \lambda(\lVert\nu\rVert_1 - "
            r"\nu^\top W^\top y),\qquad \lVert W^\top y\rVert_\infty \le 1",
            "r is the residual. The objective is within this of its minimum, for every such y; "
            "shown relative to the objective.",
            OURS,
        ),
        Equation(
            r"\lambda = \frac{\Delta^2}{2\lVert\nu^1\rVert_1},\qquad"
            r" \Delta^2 = \sigma^2 K\Big(\frac1m+\sum_t\frac{(\nu^2_t)^2}{n_t}\Big)",
            "The calibrated λ: the solution then has at most twice the least norm and misses w by "
            "√2Δ at most, Δ being the true error.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, DERIVED)
    assumptions = (
        GAUSSIAN,
        "Lines: the path for the true W and w. Points: for heads estimated from n samples of "
        "every task and m of the target, at the same fractions of their own largest λ; one path a "
        "trial. The calibrated λ is marked for the true heads with the same n and m.",
        "Worth: the first-order risk of the N samples that the L1 rule places by that solution, "
        "on top of those explored. Gaps of exactly 0 are drawn at 1e-18.",
        "On two levels many solutions have the same norm, and the path ends at one of them; "
        "single coefficients of the estimated path then differ from the line.",
        READ,
    )
    lesson = Lesson(
        "path",
        "How small should λ be?",
        (
            Step(
                "Thirty random tasks of rank 4: look at the tasks in use (fifth view).",
                {"instance": "random", "tasks": 30, "rank": 4},
                "How many tasks are in use as λ → 0?",
                ("All thirty", "Four", "One"),
                1,
                "A basic solution needs K tasks to reach a target of K dimensions. Thirty noisy "
                "tasks would fit no better: four already leave no residual.",
            ),
            Step(
                "Two levels, U = 20. A popular choice is a fixed fraction of the largest λ, 5 %.",
                {"instance": "two levels", "ratio": 20.0, "explored": 300},
                "What does that choice cost, compared with the calibrated λ?",
                ("Nothing", "About 10 %", "A factor of 3 or more"),
                2,
                "The largest λ is set by the one long column. A twentieth of it still shrinks "
                "everything that the short columns have to say.",
            ),
        ),
    )

    def grid(self, params: PathParams) -> Arrays:
        """Return the tasks that matter most, and fractions of the largest lambda."""
        return {
            "task": np.arange(1, SHOWN + 1),
            "fraction": np.geomspace(1e-4, 1.0, 13),
        }

    def theory(self, params: PathParams, grid: Arrays) -> Arrays:
        """Return the path of the true heads."""
        made = instance_of(*chosen(params))
        explored = np.full(params.tasks, float(params.explored))
        along = _along(made.heads, made.target, np.asarray(grid["fraction"]))
        counts = [
            water_fill(np.abs(nu) if nu.any() else np.ones(nu.size), params.total, explored)
            for nu in along.nu
        ]
        return {
            "nu": along.nu[:, _order(params)].T,
            "worth": np.array([_worth(params, made, n) for n in counts]),
            **along.told(),
        }

    def trial(self, params: PathParams, grid: Arrays, rng: Generator) -> Arrays:
        """Estimate the heads and follow one path through all fractions."""
        made = instance_of(*chosen(params))
        basis = np.eye(params.dimension, params.rank)
        theta, aim = (basis @ made.heads).T, (basis @ made.target)[None]
        drawn = draw_statistics(theta, params.explored, noise_variance=1.0, rng=rng)
        target = draw_statistics(aim, params.target_samples, noise_variance=1.0, rng=rng)
        fit = joint_erm(drawn, params.rank)
        head = target_head(target, fit.basis)
        fractions = np.append(np.asarray(grid["fraction"]), FIXED)
        along = _along(fit.heads, head, fractions)
        best = calibrated_relevance(
            fit.heads,
            head,
            fit.counts,
            target_samples=params.target_samples,
            noise_variance=1.0,
        )
        worth = np.array(
            [
                _worth(params, made, next_counts(nu, fit.counts, params.total, rule="l1"))
                for nu in (*along.nu, best.nu)
            ]
        )
        return {
            "nu": along.nu[:-1, _order(params)].T,
            "worth": worth[:-2],
            "lost": np.asarray(np.log(worth[-1] / worth[0])),
            "trap": np.asarray(np.log(worth[-2] / worth[-1])),
            **{name: values[:-1] for name, values in along.told().items()},
        }

    def guides(self, params: PathParams) -> dict[str, float]:
        """Return the calibrated lambda, the least norm and K."""
        made = instance_of(*chosen(params))
        found = calibrated_lambda(
            made.heads,
            made.target,
            params.explored,
            target_samples=params.target_samples,
            noise_variance=1.0,
        )
        fraction = found / float(np.abs(made.target @ made.heads).max())
        shown = {"calibrated": fraction} if 1e-4 <= fraction <= 1 else {}
        smallest = values_of(*chosen(params)).nu1.norm
        return {**shown, "smallest": smallest, "rank": float(params.rank)}

    def validity(self, params: PathParams) -> tuple[str, ...]:
        """Warn where the solution is not unique and where the target is hardly known."""
        notes = []
        if params.instance == "two levels":
            notes.append("Many solutions have the same norm here: compare norms and risks.")
        if params.target_samples < 12 * params.rank:
            notes.append(
                f"Fewer than 12K = {12 * params.rank} target samples: the path is that of a "
                "different target."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[PathParams]) -> tuple[Check, ...]:
        """Hold the certificate, the number of tasks, the end of the path, and lambda's worth."""
        params = outcome.params
        gap = float(np.max(outcome.theory["gap"]))
        norm = np.asarray(outcome.theory["norm"])
        end = float(norm[0] / values_of(*chosen(params)).nu1.norm)
        most = int(np.max(outcome.theory["used"]))
        found = [
            statement(
                "certificate",
                "every solution of the true path is certified",
                gap,
                1e-10,
                f"largest relative gap {gap:.1e}",
            ),
            never_above(
                outcome, "gap", 1e-10, sentence="and so is every solution of the estimated paths"
            ),
            statement("sparse", "at most K tasks are in use", most, params.rank, f"at most {most}"),
            statement(
                "end",
                "as λ grows the norm only falls, from the least norm at λ → 0",
                max(end - 1, never_rises(norm, 0)),
                1e-9,
                f"{end:.6f} of the least norm at the smallest λ",
            ),
        ]
        if params.target_samples >= 100 * params.rank:
            words = f"the calibrated λ loses less than {AT_MOST:.0%} against λ → 0"
            found.append(never_above(outcome, "lost", AT_MOST, sentence=words))
        if params.instance == "two levels" and params.total >= 8 * params.tasks * params.explored:
            words = f"a fixed {FIXED:.0%} of the largest λ is worse than the calibrated λ"
            found.append(exceeds(outcome, "trap", sentence=words))
        return tuple(found)


class Along(NamedTuple):
    """Solutions along the path, (fractions, T), and what they miss, (fractions,)."""

    nu: Real
    residual: Real
    gap: Real

    def told(self) -> dict[str, Real]:
        """Return what is shown of them."""
        return {
            "norm": np.abs(self.nu).sum(axis=1),
            "residual": self.residual,
            "used": np.count_nonzero(self.nu, axis=1).astype(float),
            "gap": np.maximum(self.gap, SMALLEST_GAP),
        }


def _along(heads: Real, target: Real, fractions: Real) -> Along:
    """Follow one path."""
    path = lasso_path(heads, target, fractions * float(np.abs(target @ heads).max()))
    missed = target - path.nu @ heads.T
    return Along(path.nu, np.linalg.norm(missed, axis=1), path.gap)


def _worth(params: PathParams, made: Instance, counts: ArrayLike) -> float:
    """First-order risk of an allocation over the least possible."""
    least = values_of(*chosen(params)).l1 / params.total
    return design_value(made.heads, made.target, counts) / least


def _order(params: PathParams) -> NDArray[np.intp]:
    """Return the tasks shown: those of largest |nu1|, then of largest |nu2|."""
    found = values_of(*chosen(params))
    return np.lexsort((-np.abs(found.nu2.nu), -np.abs(found.nu1.nu)))[:SHOWN]
