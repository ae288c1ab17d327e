"""What the family's studies share: sources, equations, the three kinds of tasks, settings."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.design import RuleValues, first_order_risk, rule_values
from sims.active_multitask_lasso.instances import (
    Instance,
    random_instance,
    spiked_instance,
    two_level_instance,
)
from sims.active_multitask_lasso.minimal_norm import relevance
from sims.active_multitask_lasso.stages import Rule
from sims.active_multitask_lasso.water_filling import allocation
from sims.params import Params, parameter
from sims.study import Equation, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

LASSO = Source(
    "Y. Wang, Y. Chen, K. Jamieson, S. S. Du, Improved Active Multi-Task Representation Learning "
    "via Lasso, ICML 2023, arXiv 2306.02556",
    "@inproceedings{wang2023lasso,\n"
    "  title={Improved Active Multi-Task Representation Learning via Lasso},\n"
    "  author={Wang, Yiping and Chen, Yifang and Jamieson, Kevin and Du, Simon S.},\n"
    "  booktitle={International Conference on Machine Learning},\n"
    "  year={2023},\n"
    "  note={arXiv:2306.02556}\n"
    "}",
)
ACTIVE = Source(
    "Y. Chen, K. Jamieson, S. S. Du, Active Multi-Task Representation Learning, ICML 2022, "
    "arXiv 2202.00911",
    "@inproceedings{chen2022active,\n"
    "  title={Active Multi-Task Representation Learning},\n"
    "  author={Chen, Yifang and Jamieson, Kevin and Du, Simon S.},\n"
    "  booktitle={International Conference on Machine Learning},\n"
    "  year={2022},\n"
    "  note={arXiv:2202.00911}\n"
    "}",
)
ELFVING = Source(
    "G. Elfving, Optimum Allocation in Linear Regression Theory, Ann. Math. Stat., 1952"
)
DERIVED = Source("Derived, see docs/theory/active_multitask_lasso.md")
OURS = "derived, see docs/theory/active_multitask_lasso.md"
PAPER = "setting of arXiv 2306.02556"

TASKS, RISK, UNKNOWN = (
    "1 Which tasks matter?",
    "2 What does the risk become?",
    "3 Knowing nothing beforehand",
)
PATH, COST, IMAGES = "4 The lasso path", "5 What does it cost?", "6 Real images"

RULES: tuple[Rule, ...] = ("uniform", "l2", "l1")
RULE_NAMES = ("uniform", "L2 rule", "L1 rule")
ACTIVE_NAMES = ("L2 active", "L1 active")

Kind = Literal["two levels", "spiked", "random"]
KINDS: tuple[Kind, ...] = ("two levels", "spiked", "random")

RELEVANCE = Equation(
    r"\nu^p = \arg\min\{\lVert\nu\rVert_p : W\nu = w\},\qquad n_t \propto |\nu^p_t|^p",
    "W holds the heads of the T source tasks, w that of the target, K numbers each. p = 1 is the "
    "L1 rule, p = 2 the L2 rule; uniform sampling takes n_t = N/T.",
    "arXiv 2306.02556, Eq. (13) for p = 1; arXiv 2202.00911 for p = 2",
)
VALUE = Equation(
    r"\mathrm{rep} \approx \sigma^2 (d-K)\, q(n),\qquad"
    r" q(n) = w^\top (W\,\mathrm{diag}(n)\,W^\top)^{-1} w"
    r" = \min_{W\nu = w} \sum_t \frac{\nu_t^2}{n_t}",
    "n_t samples of task t, N in all. rep is the least risk that the learned subspace allows the "
    "target, to first order in 1/n.",
    OURS,
)
CHAIN = Equation(
    r"\lVert\nu^1\rVert_1^2 = N q(n^{L1}) \;\le\; N q(n^{L2}) \;\le\;"
    r" \lVert\nu^2\rVert_0\lVert\nu^2\rVert_2^2 \;\le\; T\lVert\nu^2\rVert_2^2 = N q(N/T)"
    r" \;\le\; T\lVert\nu^1\rVert_1^2",
    "No allocation of N samples has a lower N q than the L1 rule; no instance shows more than a "
    "factor T.",
    "Elfving, 1952 (first term); " + OURS,
)
GAUSSIAN = (
    "Linear tasks that share a K-dimensional subspace of d Gaussian inputs of unit covariance; "
    "noise of equal variance. Sufficient statistics are drawn from their exact law, which is the "
    "same experiment as drawing the data."
)
REP = (
    "Charts show rep, the least risk within the learned subspace. The risk after the target's own "
    "fit adds (rep + σ²)K/(m − K − 1), which no allocation changes and which hides the rest when "
    "the target sample m is small."
)
READ = (
    "Of the papers only the abstracts and Theorem 3.4 with its Eq. (13) were available to us: no "
    "figure of theirs is reproduced, and constants of theirs are not used."
)
FIRST_ORDER = (
    "First order needs about 2d samples of every task that matters; below, the risk is larger."
)


def task_count(default: int, *, low: int = 6, high: int = 100, advanced: bool = False) -> Any:
    """Declare T."""
    return parameter(
        default,
        title="source tasks",
        symbol="T",
        help="How many tasks samples can be drawn from.",
        ge=low,
        le=high,
        advanced=advanced,
    )


def rank_parameter(default: int, *, high: int = 10, advanced: bool = False) -> Any:
    """Declare K."""
    return parameter(
        default,
        title="dimension of the representation",
        symbol="K",
        help="The subspace that all tasks share.",
        ge=2,
        le=high,
        advanced=advanced,
    )


def dimension_parameter(default: int, *, advanced: bool = True) -> Any:
    """Declare d."""
    return parameter(
        default,
        title="input dimension",
        symbol="d",
        help="Above K; the risk grows with d − K.",
        ge=4,
        le=100,
        advanced=advanced,
    )


def ratio_parameter(default: float, *, advanced: bool = False) -> Any:
    """Declare U of the two-level instance."""
    return parameter(
        default,
        title="level ratio (two levels)",
        symbol="U",
        help="How much more relevant the first task is; at U = 1 the tasks would lose a dimension.",
        ge=1.1,
        le=1000,
        scale="log",
        advanced=advanced,
    )


def seed_parameter(default: int = 3, *, advanced: bool = True) -> Any:
    """Declare which instance is drawn."""
    return parameter(
        default,
        title="instance",
        symbol="s",
        help="Which random tasks are drawn; another number gives others of the same law.",
        ge=0,
        le=9999,
        advanced=advanced,
    )


def floor_parameter(default: int = 5, *, high: int = 200, advanced: bool = True) -> Any:
    """Declare the least number of samples of a task."""
    return parameter(
        default,
        title="floor",
        symbol=r"\underline{n}",
        help="Every task gets at least so many samples, whatever the rule says.",
        ge=0,
        le=high,
        advanced=advanced,
    )


def target_parameter(default: int = 5000, *, advanced: bool = True) -> Any:
    """Declare the size of the target sample."""
    return parameter(
        default,
        title="target samples",
        symbol="m",
        help="From which the target's head is learned; at least K + 2.",
        ge=4,
        le=100_000,
        scale="log",
        advanced=advanced,
    )


def budget_parameter(
    default: int, *, low: int = 100, high: int = 10**7, advanced: bool = False
) -> Any:
    """Declare N."""
    return parameter(
        default,
        title="budget",
        symbol="N",
        help="Samples of all source tasks together.",
        ge=low,
        le=high,
        scale="log",
        advanced=advanced,
    )


KIND = parameter(
    "random",
    title="kind of tasks",
    symbol="W",
    help="Gaussian heads; two levels of relevance; or one task that is the target itself.",
)


class TaskParams(Params):
    """How many tasks there are, of what rank, and which."""

    tasks: int = task_count(30)
    rank: int = rank_parameter(4)
    seed: int = seed_parameter()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of instance in use."""
        return (getattr(self, "instance", "random"),)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_above("rank", self.rank, self.tasks, f"tasks = {self.tasks}")
        if hasattr(self, "dimension"):
            refuse_above("rank", self.rank, self.dimension - 1, f"dimension = {self.dimension}")
        if "two levels" in self.kinds:
            most = (self.tasks + 2) // 2
            refuse_above("rank", self.rank, most, f"two levels of tasks = {self.tasks}")
        if hasattr(self, "target_samples") and self.target_samples < self.rank + 2:
            raise ValueError(
                f"target_samples = {self.target_samples} is not allowed: it must be at least "
                f"K + 2 = {self.rank + 2}"
            )
        return self


class KindParams(TaskParams):
    """One instance of a kind to choose."""

    instance: Kind = KIND
    ratio: float = ratio_parameter(20.0)


def refuse_above(name: str, value: int, most: int, words: str) -> None:
    """Refuse a value above what others allow."""
    if value > most:
        raise ValueError(f"{name} = {value} is not allowed: it must be at most {most} ({words})")


def refuse_small_budget(name: str, budget: int, tasks: int, floor: int) -> None:
    """Refuse a budget that the floors alone exceed."""
    if budget < tasks * floor:
        raise ValueError(
            f"{name} = {budget} is not allowed: it must be at least tasks x floor = {tasks * floor}"
        )


@lru_cache(maxsize=512)
def instance_of(kind: Kind, tasks: int, rank: int, ratio: float, seed: int) -> Instance:
    """Build an instance; the same arguments give the same one.

    Examples
    --------
    >>> instance_of("spiked", 8, 3, 20.0, 0).heads.shape
    (3, 8)
    """
    if kind == "random":
        return random_instance(tasks, rank, seed)
    if kind == "two levels":
        return two_level_instance(tasks, rank, ratio)
    return spiked_instance(tasks, rank, np.random.default_rng(seed))


@lru_cache(maxsize=512)
def values_of(kind: Kind, tasks: int, rank: int, ratio: float, seed: int) -> RuleValues:
    """Return N q of each rule on an instance, once for the same one."""
    made = instance_of(kind, tasks, rank, ratio, seed)
    return rule_values(made.heads, made.target)


def chosen(params: KindParams) -> tuple[Kind, int, int, float, int]:
    """Return what `instance_of` and `values_of` ask for."""
    return params.instance, params.tasks, params.rank, params.ratio, params.seed


def known_counts(found: RuleValues, total: int, floor: ArrayLike = 0) -> NDArray[np.int64]:
    """Return the counts of the three rules that know the relevance, (3, T).

    Examples
    --------
    >>> known_counts(values_of("spiked", 4, 2, 20.0, 0), 40, 1).tolist()
    [[10, 10, 10, 10], [37, 1, 1, 1], [37, 1, 1, 1]]
    """
    nu1, nu2 = found.nu1.nu, found.nu2.nu
    rows = ((np.ones_like(nu1), 1), (nu2, 2), (nu1, 1))
    return np.array([allocation(nu, total, p=p, floor=floor) for nu, p in rows])


def known_risks(
    made: Instance,
    found: RuleValues,
    totals: Iterable[int],
    *,
    floor: int,
    dimension: int,
    noise_variance: float = 1.0,
) -> Real:
    """Return the first-order risk of the three known rules at every budget, (3, budgets)."""
    return np.transpose(
        [
            [
                first_order_risk(
                    made.heads,
                    made.target,
                    counts,
                    dimension=dimension,
                    noise_variance=noise_variance,
                )
                for counts in known_counts(found, int(total), floor)
            ]
            for total in totals
        ]
    )


def risk_shares(made: Instance, counts: ArrayLike) -> Real:
    """Return which share of the first-order risk each task has, (T,).

    With nu the minimiser of sum nu_t^2/n_t, the share of task t is nu_t^2/n_t over q(n).

    Examples
    --------
    >>> made = Instance(np.array([[1.0, 0.0], [0.0, 1.0]]), np.ones(2))
    >>> risk_shares(made, [3, 1]).round(9).tolist()
    [0.25, 0.75]
    """
    n = np.asarray(counts, dtype=float)
    used = np.flatnonzero(n)
    columns, w = made.heads[:, used] * np.sqrt(n[used] / n.max()), made.target
    if np.linalg.matrix_rank(columns) < len(w):  # what is sampled spans the target, not more
        left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
        kept = left[:, sizes > 1e-9 * sizes[0]]
        columns, w = kept.T @ columns, kept.T @ w
    shares = np.zeros(n.size)
    shares[used] = np.square(relevance(columns, w, p=2).nu)
    return np.asarray(shares / shares.sum())


def well_fed(made: Instance, counts: ArrayLike, dimension: int) -> NDArray[np.bool_]:
    """Return for which rows of counts first order may be held to its tolerance.

    On average a task must have 8d samples, and those with fewer than 2d may carry a tenth of the
    risk at most.
    """
    n = np.atleast_2d(np.asarray(counts))
    starved = [float(risk_shares(made, row)[row < 2 * dimension].sum()) for row in n]
    fed = (np.array(starved) <= 0.1) & (n.mean(axis=1) >= 8 * dimension)
    return np.asarray(fed)
