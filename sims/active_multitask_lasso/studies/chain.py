"""Chapter 1: the order of the rules on many instances, and how much they typically differ."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.design import rule_values
from sims.active_multitask_lasso.instances import random_instance
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    CHAIN,
    DERIVED,
    ELFVING,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    RULE_NAMES,
    TASKS,
    VALUE,
    rank_parameter,
    refuse_above,
    seed_parameter,
    task_count,
)
from sims.agreement import statement
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

COMPARED = ("uniform", "L2 rule")
GRID = (1, 2, 3, 5, 8, 12, 20)


class ChainParams(Params):
    """Parameters of the draws."""

    tasks: int = task_count(60, low=6, high=200)
    rank: int = rank_parameter(5, high=20)
    instances: int = parameter(
        60,
        title="instances",
        symbol="r",
        help="How many sets of random tasks are drawn for the first view.",
        ge=10,
        le=500,
        scale="log",
    )
    seed: int = seed_parameter(0)

    @model_validator(mode="after")
    def _check_rank(self) -> Self:
        refuse_above("rank", self.rank, self.tasks, f"tasks = {self.tasks}")
        return self


class Chain(Study[ChainParams]):
    """Values of the rules over the least one, on many random instances."""

    name = "active-multitask-lasso/chain"
    title = "The chain, on many instances"
    chapter = TASKS
    statement = (
        "On **every** instance: L1 rule ≤ L2 rule ≤ uniform ≤ T times the L1 rule. The *bound* "
        "that is usual for the L2 rule, $\\lVert\\nu^2\\rVert_0\\lVert\\nu^2\\rVert_2^2$, equals "
        "the value of uniform sampling as soon as all tasks have some relevance: judged by bounds "
        "alone the L2 rule would gain nothing. Its true value does."
    )
    takeaway = (
        "Lines never cross: on random tasks the L2 rule has most of the gain and the L1 rule all "
        "of it; in more dimensions K there is less to gain."
    )
    standing = "bound"
    Params = ChainParams
    axes = (
        Axis("value", "rule"),
        Axis("compared", "rule"),
        Axis("place", "instance, by what uniform sampling loses"),
        Axis("dimension", "dimension of the representation", "K", scale="log"),
    )
    measures = (
        Measure("sorted", "risk over the least possible", ("value", "place")),
        Measure("most", "the factor T", ("place",)),
        Measure("gain", "risk over the least possible", ("compared", "dimension")),
        Measure("limit", "the factor T", ("dimension",)),
        Measure("broken", "instances that break the chain", ()),
    )
    views = (
        Curves(
            "chain",
            "Every instance in turn",
            "place",
            ("sorted", "most"),
            "value",
            x_scale="linear",
            dashed=("most",),
        ),
        Curves(
            "gain",
            "Typical gains",
            "dimension",
            ("gain", "limit"),
            "compared",
            dashed=("limit",),
        ),
    )
    presets = (
        Preset("quick", "Sixty sets of sixty tasks", ChainParams(), 60),
        Preset("paper", "Five hundred sets", ChainParams(instances=500), 400),
        Preset("few", "Hardly more tasks than dimensions", ChainParams(tasks=12, rank=10), 60),
    )
    equations = (RELEVANCE, CHAIN, VALUE)
    sources = (LASSO, ACTIVE, ELFVING, DERIVED)
    assumptions = (
        "Gaussian heads, target in a random direction. Values are N q(n) without a floor, divided "
        "by that of the L1 rule; they are computed, not simulated.",
        "Second view: means over instances drawn afresh; no theory predicts them. The chain itself "
        f"is proved for every instance ({OURS}).",
        READ,
    )

    def grid(self, params: ChainParams) -> Arrays:
        """Return what is compared, the instances in order, and dimensions."""
        ranks = [k for k in GRID if k <= params.tasks]
        return {
            "value": np.array(RULE_NAMES),
            "compared": np.array(COMPARED),
            "place": np.arange(1.0, params.instances + 1),
            "dimension": np.array(ranks, dtype=float),
        }

    def theory(self, params: ChainParams, grid: Arrays) -> Arrays:
        """Return the values of all instances of the first view, and the factor T."""
        found = _values(params.tasks, params.rank, params.seed, params.instances)
        order = np.argsort(found[0], kind="stable")
        return {
            "sorted": found[:3, order],
            "most": np.full(params.instances, float(params.tasks)),
            "limit": np.full(np.size(grid["dimension"]), float(params.tasks)),
        }

    def trial(self, params: ChainParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw one instance for every dimension."""
        seeds = rng.integers(2**31, size=np.size(grid["dimension"]))
        cells = zip(np.asarray(grid["dimension"]).astype(int), seeds)
        found = np.transpose([_row(params.tasks, int(k), int(seed)) for k, seed in cells])
        return {"gain": found[:2], "broken": np.asarray(float(_breaks(found).sum()))}

    def checks(self, outcome: Outcome[ChainParams]) -> tuple[Check, ...]:
        """Hold the chain on all instances of both views."""
        params = outcome.params
        broken = int(_breaks(np.asarray(outcome.theory["sorted"]), params.tasks).sum())
        found = _values(params.tasks, params.rank, params.seed, params.instances)
        loose = int((np.abs(found[3] / found[0] - 1) > 1e-9).sum())
        words = "L1 rule ≤ L2 rule ≤ uniform ≤ T times the L1 rule, on every instance"
        drawn = float(outcome.mean.get("broken", np.nan)) * outcome.trials
        fresh = np.size(outcome.grid["dimension"]) * outcome.trials
        name, again = "fresh", "the chain holds on every instance drawn afresh"
        return (
            statement("chain", words, broken, 0, f"{broken} of {params.instances} break it"),
            statement(
                "bound",
                "the bound of the L2 rule is the value of uniform sampling",
                loose,
                0,
                f"{loose} of {params.instances} differ",
            ),
            statement(name, again, drawn, 0, f"{drawn:.0f} of {fresh} break it")
            if outcome.trials
            else Check(name, again, "undecided", np.nan, 0, "none drawn so far"),
        )


def _row(tasks: int, rank: int, seed: int) -> tuple[float, float, float, float]:
    """Return uniform, L2 rule, L1 rule and the L2 rule's bound, over the L1 rule's value."""
    made = random_instance(tasks, rank, seed)
    found = rule_values(made.heads, made.target)
    return found.uniform / found.l1, found.l2 / found.l1, 1.0, found.l2_bound / found.l1


@lru_cache(maxsize=16)
def _values(tasks: int, rank: int, seed: int, count: int) -> Real:
    """Return the rows of many instances, (4, count)."""
    seeds = range(1000 * seed, 1000 * seed + count)
    return np.transpose([_row(tasks, rank, one) for one in seeds])


def _breaks(found: Real, tasks: float = np.inf) -> NDArray[np.bool_]:
    """Return which instances break the chain, by more than rounding."""
    uniform, l2, l1 = found[:3] * np.array([[1.0], [1.0], [1.0 - 1e-9]])
    return np.asarray((l1 > l2) | (l2 > uniform * (1 + 1e-9)) | (uniform > tasks * (1 + 1e-9)))
