"""Chapter 2: bags of unequal size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sims.aggregate_responses.bag_trials import unequal_trial
from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    COST,
    DERIVED,
    EXACT_LAW,
    GAUSSIAN,
    OURS,
    RHO,
    RISK,
    LinearTask,
    divisible,
    few_bags,
    near_peaks,
    noise_level,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.unequal import unequal_bag_risk
from sims.agreement import statement
from sims.params import parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

COUNTING = ("samples", "bags")


class UnequalParams(LinearTask):
    """Parameters of bags of unequal size."""

    psi: float = samples_per_feature(8.0, low=1.5, high=50)
    noise_variance: float = noise_level(0.5)
    mean_size: int = parameter(
        4,
        title="mean bag size",
        symbol=r"\bar k",
        help="Half of the bags are larger, half are smaller.",
        ge=2,
        le=20,
    )
    spread: int = parameter(
        3,
        title="deviation of the bag sizes",
        symbol="s",
        help="In the first view bags have k̄ − s or k̄ + s samples; s is cut off at k̄ − 1.",
        ge=0,
        le=19,
    )
    rho: float = parameter(
        0.1,
        title="weight in the second view",
        symbol=r"\rho",
        help="Weight of the instance loss while the bag sizes spread.",
        ge=0.005,
        le=1,
        scale="log",
    )

    @property
    def n(self) -> int:
        """Number of samples: as many pairs of a small and a large bag as fit best."""
        return divisible(self.psi * self.d, (2 * self.mean_size,))


class UnequalBags(Study[UnequalParams]):
    """Two ways of counting unequal bags, against rho and against their spread."""

    name = "aggregate-responses/unequal-bags"
    title = "Bags of unequal size"
    chapter = COST
    statement = (
        "Real bags differ in size. If the loss counts every *sample* once, **only the mean size "
        "matters**: the risk is that of equal bags (dashed). If it counts every *bag* once, small "
        "bags weigh too much: even at its own best $\\rho$ the risk is higher, and it climbs with "
        "the spread."
    )
    takeaway = "Weight bags by their size, and unequal bags cost nothing extra."
    standing = "asymptotic"
    Params = UnequalParams
    axes = (
        Axis("counting", "the loss counts"),
        RHO,
        Axis("deviation", "deviation of the bag sizes", "s", refine=7),
    )
    measures = (
        Measure("risk", "excess risk", ("counting", "rho")),
        Measure("spread", "excess risk", ("counting", "deviation")),
        Measure("equal", "excess risk of equal bags", ("rho",)),
        Measure("equal_spread", "excess risk of equal bags", ("deviation",)),
    )
    views = (
        Curves(
            "risk",
            "Risk against ρ",
            "rho",
            ("risk", "equal"),
            "counting",
            x_scale="linear",
            dashed=("equal",),
        ),
        Curves(
            "spread",
            "Risk against the spread",
            "deviation",
            ("spread", "equal_spread"),
            "counting",
            x_scale="linear",
            y_scale="linear",
            dashed=("equal_spread",),
        ),
    )
    presets = (
        Preset("quick", "Bags of 1 and 7 samples", UnequalParams(), 20),
        Preset("paper", "Bags of 1 and 7 samples at d = 400", UnequalParams(d=400), 20),
        Preset("scarce", "Large bags: 1 and 19", UnequalParams(mean_size=10, spread=9), 40),
    )
    equations = (
        Equation(
            r"\sum_a w_ak_a\big(\bar y_a-\bar x_a^\top\theta\big)^2"
            r" +\rho\sum_i\big((x_i-\bar x_{a(i)})^\top\theta\big)^2",
            "w = 1 counts samples, w = k̄/k counts bags.",
            OURS,
        ),
        Equation(
            r"\frac1d\sum_a\frac{w_a\alpha}{1+w_a\alpha}+\frac{b\,\rho\,\alpha}{1+\rho\,\alpha}=1",
            "The fixed point for weighted bags; with w = 1 it knows their number alone.",
            OURS,
        ),
        RISK,
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "Half of the bags have k̄ − s samples and half k̄ + s; which samples, is random.",
    )
    lesson = Lesson(
        "unequal",
        "Do unequal bags hurt?",
        (
            Step(
                "Half of the bags hold one sample, half hold seven. Make them all equal: four "
                "samples each.",
                {"spread": 0},
                "Which of the two curves moves?",
                ("Both", "The one that counts bags", "The one that counts samples"),
                1,
                "Counting samples, the mean and the deviations inside bags are an orthogonal "
                "change of the rows, whatever the sizes: only the number of bags is left.",
            ),
        ),
    )

    def grid(self, params: UnequalParams) -> Arrays:
        """Return ways of counting, weights above 0, and deviations up to bags of one sample."""
        shape = [0.005, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0]
        steps = np.unique(np.round(np.linspace(0, params.mean_size - 1, 6)))
        return {"counting": np.array(COUNTING), "rho": np.array(shape), "deviation": steps}

    def theory(self, params: UnequalParams, grid: Arrays) -> Arrays:
        """Return both risks along both axes, and those of equal bags."""
        psi, noise, rho = params.n / params.d, params.noise_variance, np.asarray(grid["rho"])
        mean, steps = params.mean_size, np.asarray(grid["deviation"])
        even = risk(psi, mean, params.rho, noise_variance=noise).total
        return {
            "risk": np.stack(_theory(params, _deviation(params), rho)),
            "spread": np.transpose([_theory(params, float(s), params.rho) for s in steps]),
            "equal": risk(psi, mean, rho, noise_variance=noise).total,
            "equal_spread": np.full(steps.size, float(even)),
        }

    def trial(self, params: UnequalParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw bags of both sizes and fit them with both ways of counting."""
        first = _experiment(params, _deviation(params), np.asarray(grid["rho"]), rng)
        own = np.array([params.rho])
        steps = [
            _experiment(params, float(s), own, rng)[:, 0] for s in np.asarray(grid["deviation"])
        ]
        return {"risk": first, "spread": np.transpose(steps)}

    def validity(self, params: UnequalParams) -> tuple[str, ...]:
        """Warn near the peaks, with few bags and where the deviation is cut off."""
        notes = [
            *near_peaks(params.n / params.d, (params.mean_size,)),
            *few_bags(params.n, [params.mean_size]),
        ]
        if params.spread > params.mean_size - 1:
            notes.append(f"The deviation is cut off at {params.mean_size - 1}: bags hold a sample.")
        return tuple(notes)

    def checks(self, outcome: Outcome[UnequalParams]) -> tuple[Check, ...]:
        """Hold theory against simulation, and size-weighted bags against equal ones."""
        found = [
            sized_agreement(outcome, "risk", "risk along ρ"),
            sized_agreement(outcome, "spread", "risk along the spread"),
        ]
        ratio = np.asarray(outcome.theory["risk"])[0] / np.asarray(outcome.theory["equal"])
        gap = float(np.max(np.abs(ratio - 1)))
        words = "counting samples, unequal bags have the risk of equal ones"
        return (*found, statement("mean", words, gap, 1e-9, f"relative difference {gap:.1e}"))


def _deviation(params: UnequalParams) -> float:
    return float(min(params.spread, params.mean_size - 1))


def _sizes(params: UnequalParams, deviation: float) -> NDArray[np.float64]:
    return np.array([params.mean_size - deviation, params.mean_size + deviation])


def _theory(params: UnequalParams, deviation: float, rho: float | NDArray[np.float64]) -> list[Any]:
    """Risk when samples count and when bags count."""
    sizes, noise = _sizes(params, deviation), params.noise_variance
    return [
        unequal_bag_risk(
            params.n / params.d, sizes, rho, noise_variance=noise, weights=weights
        ).total
        for weights in ("size", "equal")
    ]


def _experiment(
    params: UnequalParams, deviation: float, rhos: NDArray[np.float64], rng: Generator
) -> NDArray[np.float64]:
    """One draw of both ways of counting, shape (2, rhos)."""
    sizes = np.repeat(_sizes(params, deviation), params.n // (2 * params.mean_size))
    rows = [
        unequal_trial(
            sizes,
            params.d,
            rhos,
            weights=weights,
            noise_variance=params.noise_variance,
            rng=rng,
        ).total
        for weights in (np.ones_like(sizes), params.mean_size / sizes)
    ]
    return np.array(rows)
