"""Chapter 4: bags of samples with similar scores."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator
from scipy.special import ndtri

from sims.aggregate_responses.bag_trials import curated_trial
from sims.aggregate_responses.bags import equal_bags
from sims.aggregate_responses.curated import curated_risk, optimal_bags_1d, within_bag_fraction
from sims.aggregate_responses.studies.common import (
    CHOICE,
    DERIVED,
    EXACT_LAW,
    FIXED_POINT,
    GAUSSIAN,
    LOSSES,
    OURS,
    PRIORBOOST,
    LinearTask,
    bag_size_parameter,
    divisible,
    few_bags,
    near_peaks,
    noise_level,
    refuse_oversized,
    samples_per_feature,
    sized_agreement,
)
from sims.agreement import never_rises, statement
from sims.params import parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

BAGS = ("random", "sorted, equal sizes", "optimal, k or more")
SCORES = 2400  # a multiple of every bag size that is drawn


class CuratedParams(LinearTask):
    """Parameters of bags sorted along a direction."""

    psi: float = samples_per_feature(5.0, low=1.3)
    bag_size: int = bag_size_parameter(5)
    noise_variance: float = noise_level(0.5)
    rhos: tuple[float, ...] = parameter(
        (0.03, 0.1, 0.3, 1.0),
        title="weights",
        symbol=r"\rho",
        help="One curve each; 1 is the instance loss.",
        ge=0.005,
        le=10,
    )

    @property
    def n(self) -> int:
        """Number of samples, a multiple of the bag size."""
        return divisible(self.psi * self.d, (self.bag_size,))

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("bag_size", (self.bag_size,), round(self.psi * self.d), bags=2)
        return self


class Curated(Study[CuratedParams]):
    """Risk of bags sorted along a direction, against its angle to the signal."""

    name = "aggregate-responses/curated"
    title = "Put similar samples together"
    chapter = CHOICE
    statement = (
        "Sort the samples by a score $x^\\top v$ and make bags of neighbours. **What the score "
        "knows of the signal is no longer averaged away**: the bias along $v$ vanishes, the "
        "variance does not change. So the risk falls with $r^2 = \\cos^2\\angle(v,\\theta_0)$, "
        "most for the instance loss, whose bias is largest."
    )
    takeaway = (
        "Good bags make a heavy weight on the instance loss affordable; a score that is unrelated "
        "to the signal (r² = 0) neither helps nor hurts."
    )
    standing = "asymptotic"
    Params = CuratedParams
    axes = (
        Axis("rho", "weight", "ρ"),
        Axis("alignment", "alignment of score and signal", "r²", refine=9),
        Axis("bags", "bags"),
        Axis("size", "bag size", "k", scale="log"),
    )
    measures = (
        Measure("risk", "excess risk", ("rho", "alignment")),
        Measure("variance", "variance", ("rho", "alignment")),
        Measure("within", "score's variance left inside bags", ("bags", "size"), "ω"),
    )
    views = (
        Curves("risk", "Risk against alignment", "alignment", ("risk",), "rho", x_scale="linear"),
        Curves(
            "variance",
            "Variance",
            "alignment",
            ("variance",),
            "rho",
            x_scale="linear",
        ),
        Curves("within", "Left inside bags", "size", ("within",), "bags"),
    )
    presets = (
        Preset("quick", "ψ = 5, bags of five", CuratedParams(), 20),
        Preset("paper", "ψ = 5, bags of five, d = 400", CuratedParams(d=400), 20),
        Preset("big-bags", "Bags of twenty, ψ = 10", CuratedParams(psi=10, bag_size=20, d=400), 20),
    )
    equations = (
        LOSSES,
        FIXED_POINT,
        Equation(
            r"s_v=\frac{P_A}{P_A+P_B},\qquad P_A=\frac{\psi(1-\omega)}{1+\alpha},\qquad"
            r" P_B=\frac{\psi\,\rho\,\omega}{1+\rho\,\alpha}",
            "s_v: the share of the signal along v that is kept; ω: the share of the score's "
            "variance inside bags. As ω → 0, s_v → 1 and the bias along v vanishes.",
            OURS,
        ),
        Equation(
            r"\mathrm{bias}^2 = r^2(1-s_v)^2+(1-r^2)(1-s)^2+\frac{S_AR_A+S_BN_B}{\Delta},\qquad"
            r"\begin{aligned} R_A&=r^2(1-s_v)^2k(1-\omega)+(1-r^2)(1-s)^2\\"
            r" N_B&=r^2s_v^2\,\omega/q+(1-r^2)s^2\end{aligned}",
            "Signal power 1; s = ax, S_A = ax², S_B = by², q = 1 − 1/k as for random bags.",
            OURS,
        ),
    )
    sources = (PRIORBOOST, DERIVED)
    assumptions = (
        *GAUSSIAN[1:],
        "Isotropic Gaussian features; the sorting direction is independent of the samples that "
        "are sorted. Learned scores are the subject of the next study.",
        EXACT_LAW,
        "The direction v is hardly penalised and adds variance of its own, at ρ = 1 about k/d of "
        "the whole: large bags need many features for the theory to be close.",
        "Third view: lines for sorted and optimal bags put the same programmes to evenly spaced "
        "normal quantiles; drawn scores scatter more in the tails, where most of ω comes from.",
    )
    lesson = Lesson(
        "sorting",
        "What does a good bag buy?",
        (
            Step(
                "With the instance loss (ρ = 1), bags of five and a perfect score (r² = 1) the "
                "risk is 0.03 instead of 0.71. Now the bags hold twenty samples, at ψ = 10.",
                {"bag_size": 20, "psi": 10.0},
                "With a perfect score, what do bags of twenty do to the instance loss?",
                ("Its risk rises", "Its risk falls further"),
                1,
                "Sorted bags cost next to no bias, so only the variance counts, and the instance "
                "loss has variance σ²/(k(ψ−1)): larger bags average more noise away. With random "
                "bags the same step takes the risk from 0.71 to 0.91.",
            ),
        ),
    )

    def grid(self, params: CuratedParams) -> Arrays:
        """Return weights, alignments, kinds of bags and bag sizes."""
        return {
            "rho": np.asarray(params.rhos),
            "alignment": np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0]),
            "bags": np.array(BAGS),
            "size": np.array([2, 3, 5, 8, 12, 20]),
        }

    def theory(self, params: CuratedParams, grid: Arrays) -> Arrays:
        """Return risk and variance, and the within-bag shares of normal quantiles."""
        found = curated_risk(
            params.n / params.d,
            params.bag_size,
            np.asarray(grid["rho"])[:, None],
            alignment=np.asarray(grid["alignment"]),
            within_fraction=sorted_share(params.n, params.bag_size),
            noise_variance=params.noise_variance,
        )
        shape = found.total.shape
        return {
            "risk": found.total,
            "variance": np.broadcast_to(found.variance, shape),
            "within": _quantile_shares(tuple(int(k) for k in np.asarray(grid["size"]))),
        }

    def trial(self, params: CuratedParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw samples whose bags are sorted along one coordinate, and scores to be bagged."""
        drawn = curated_trial(
            params.n,
            params.d,
            params.bag_size,
            grid["rho"],
            alignments=grid["alignment"],
            noise_variance=params.noise_variance,
            rng=rng,
        ).risk
        shape = drawn.total.shape
        return {
            "risk": drawn.total.T,
            "variance": np.broadcast_to(drawn.variance, shape).T,
            "within": _shares(rng.standard_normal(SCORES), np.asarray(grid["size"]), rng),
        }

    def validity(self, params: CuratedParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = (params.bag_size,)
        peaks = sizes if min(params.rhos) <= 0.01 else ()
        return (*near_peaks(params.n / params.d, peaks), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[CuratedParams]) -> tuple[Check, ...]:
        """Hold theory against simulation, risk falling with alignment, and the programme."""
        params = outcome.params
        extra = max(0.02, params.bag_size / params.d)
        rise = never_rises(np.asarray(outcome.theory["risk"]), 1)
        falls = "the better the score, the lower the risk, at every weight"
        shares = np.asarray({**outcome.theory, **outcome.mean}["within"])
        lead = float(np.max(shares[2] / shares[1]))
        best = "optimal bags leave no more inside than sorted bags of equal size"
        return (
            sized_agreement(outcome, "risk", "risk", least=extra),
            sized_agreement(outcome, "variance", "variance", least=extra),
            statement("falls", falls, rise, 0.0, f"largest rise {rise:.1e}"),
            statement("optimal", best, lead, 1.0 + 1e-12, f"share over share: at most {lead:.3f}"),
        )


@lru_cache(maxsize=256)
def sorted_share(n: int, bag_size: int) -> float:
    """Return omega of n evenly spaced normal quantiles in equal bags."""
    return within_bag_fraction(_quantiles(n), equal_bags(n, bag_size))


@lru_cache(maxsize=8)
def _quantile_shares(sizes: tuple[int, ...]) -> Real:
    """Shares inside bags of evenly spaced normal quantiles, shape (bags, sizes)."""
    return _shares(_quantiles(SCORES), np.asarray(sizes))


def _quantiles(n: int) -> Real:
    return np.asarray(ndtri((np.arange(n) + 0.5) / n))


def _shares(scores: Real, sizes: NDArray[np.int64], rng: Generator | None = None) -> Real:
    """Shares inside random (in expectation without `rng`), sorted and optimal bags."""
    ordered = np.sort(scores)
    rows = []
    for size in sizes:
        bags = equal_bags(scores.size, int(size))
        chance = 1.0 - 1.0 / size
        if rng is not None:
            chance = within_bag_fraction(rng.permutation(scores), bags)
        optimal = optimal_bags_1d(ordered, int(size))
        rows.append([chance, *(within_bag_fraction(ordered, one) for one in (bags, optimal))])
    return np.transpose(rows)
