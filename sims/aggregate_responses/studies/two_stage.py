"""Chapter 4: learn a score on random bags, then bag by it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.bag_trials import two_stage_trial
from sims.aggregate_responses.curated import curated_risk, score_alignment
from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.optimal import optimal_rho
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    CHOICE,
    DERIVED,
    FIXED_POINT,
    GAUSSIAN,
    OURS,
    PRIORBOOST,
    Proportion,
    bag_size_parameter,
    divisible,
    feature_count,
    few_bags,
    near_peaks,
    noise_level,
    refuse_oversized,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.studies.curated import sorted_share
from sims.agreement import statement
from sims.params import parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

RANDOM, FRESH, REUSED = SCHEMES = (
    "random",
    "two stages",
    "re-sorted",
)
TUNING = np.geomspace(3e-3, 3, 121)


class TwoStageParams(Proportion):
    """Parameters of the two-stage scheme."""

    psi: float = samples_per_feature(20.0, low=3)
    bag_size: int = bag_size_parameter(5, high=30)
    noise_variance: float = noise_level(0.5)
    first_rho: float = parameter(
        0.2,
        title="weight in the first stage",
        symbol=r"\rho_1",
        help="Weight of the instance loss while the score is learned (first view).",
        ge=0.005,
        le=3,
        scale="log",
    )
    d: int = feature_count(100, high=400)

    @property
    def n(self) -> int:
        """Number of samples of both stages together, an even number of bags."""
        return _samples(self, self.bag_size)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("bag_size", (self.bag_size,), round(self.psi * self.d), bags=4)
        return self


class TwoStage(Study[TwoStageParams]):
    """Random bags of all samples against bags sorted by what half of them taught."""

    name = "aggregate-responses/two-stage"
    title = "Learn a score, then bag by it"
    chapter = CHOICE
    statement = (
        "Nobody knows the right direction beforehand. So spend half the samples on random bags, "
        "learn a score, and sort the other half by it. **With the instance loss that pays "
        "handsomely**, random bags with the whole budget lose. But **random bags with a tuned "
        "weight $\\rho$ do better still**: in this model the budget of the first stage is never "
        "earned back."
    )
    takeaway = (
        "Curated bags rescue the instance loss; who can tune ρ keeps random bags and all the "
        "data. Sorting the same samples again is worse than fresh ones, except at the smallest "
        "weights."
    )
    standing = "asymptotic"
    Params = TwoStageParams
    axes = (
        Axis("scheme", "bags"),
        Axis("rho", "weight of the instance loss", "ρ", scale="log", refine=9),
        Axis("weight", "weight"),
        Axis("size", "bag size", "k", scale="log"),
    )
    measures = (
        Measure("risk", "excess risk", ("scheme", "rho")),
        Measure("by_size", "excess risk", ("weight", "scheme", "size")),
    )
    views = (
        Curves("risk", "Risk against the last weight", "rho", ("risk",), "scheme"),
        Curves(
            "size",
            "Risk against the bag size",
            "size",
            ("by_size",),
            "scheme",
            panel="weight",
        ),
    )
    presets = (
        Preset("quick", "ψ = 20 in all, bags of five", TwoStageParams(), 20),
        Preset("paper", "ψ = 20 in all, bags of five, d = 200", TwoStageParams(d=200), 40),
        Preset("scarce", "Little data: ψ = 6 in all", TwoStageParams(psi=6), 40),
        Preset("clean", "Hardly any noise", TwoStageParams(noise_variance=0.05), 40),
    )
    equations = (
        FIXED_POINT,
        Equation(
            r"r^2 = \frac{s^2}{s^2+\tau^2},\qquad \tau^2 = R_1-(1-s)^2,\qquad s = a\,x",
            "What the first stage learns: R₁ is its risk with ψ/2 samples per feature, s what it "
            "keeps of the signal, τ² the rest of its estimate (signal power 1).",
            OURS,
        ),
        Equation(
            r"R_{two} = R_{curated}\big(\tfrac\psi2,\,k,\,\rho;\ r^2,\,\omega\big)"
            r"\qquad\text{against}\qquad R_{random}(\psi,\,k,\,\rho)",
            "The second stage sorts fresh samples by the learned score; the formula for curated "
            "bags is that of the study before.",
            OURS,
        ),
    )
    sources = (PRIORBOOST, DERIVED)
    assumptions = (
        *GAUSSIAN[1:],
        "Isotropic Gaussian features. PriorBoost adapts over many stages; here there are two of "
        "equal size, and the last fit uses the second stage's bags alone.",
        "Random: bags of all samples. Two stages: the fit to the second half, sorted by what the "
        "first half taught. Re-sorted: the first half again, sorted by its own score.",
        "Fresh samples: the score is independent of them, and the formula holds. The same samples "
        "sorted again by their own score are not; no formula covers them, and their line is that "
        "of fresh samples.",
        "Tuned: every weight is the theory's best for its scheme and stage. Unequal splits of the "
        "budget do not change the verdict in theory; other tasks and models may.",
    )
    lesson = Lesson(
        "two-stage",
        "Is half the budget well spent?",
        (
            Step(
                "ψ = 20, bags of five. In the first view, at ρ = 1 (the instance loss) random bags "
                "have risk 0.65 and two stages a third of it. Now only a third of the data: "
                "ψ = 6 in all.",
                {"psi": 6.0},
                "With the instance loss, do two stages still win?",
                ("Yes, but by less", "Yes, by more", "No"),
                0,
                "The score is learned from three samples per feature and knows little of the "
                "signal, so there is less to gain from sorting by it.",
            ),
            Step(
                "Back to ψ = 20, and hardly any noise: σ² = 0.05. Look at the second view's panel "
                "for tuned weights.",
                {"psi": 20.0, "noise_variance": 0.05},
                "With tuned weights, which scheme is better at bags of five?",
                ("Two stages", "Random bags with the whole budget"),
                1,
                "Random bags leave the tuned loss nearly unbiased, and it has twice the data. A "
                "score cannot add what the responses of the first half already said.",
            ),
        ),
    )

    def grid(self, params: TwoStageParams) -> Arrays:
        """Return schemes, weights of the last fit, kinds of weight, and bag sizes."""
        sizes = np.array([2, 3, 5, 8, 12, 20])
        return {
            "scheme": np.array(SCHEMES),
            "rho": np.array([0.01, 0.03, 0.07, 0.15, 0.3, 0.6, 1.0, 2.0]),
            "weight": np.array(["instance loss", "tuned ρ"]),
            "size": sizes[sizes <= max(2.0, params.psi * params.d / 20)],
        }

    def theory(self, params: TwoStageParams, grid: Arrays) -> Arrays:
        """Return the risk of random bags and of two stages, along the weight and the bag size."""
        noise, rho = params.noise_variance, np.asarray(grid["rho"])
        cell = params.n / params.d, params.bag_size
        random = risk(*cell, rho, noise_variance=noise).total
        second = _second_stage(params.n, params.d, params.bag_size, params.first_rho, noise, rho)
        rows = [_best(params, int(size)) for size in np.asarray(grid["size"])]
        pure, tuned = ([(one.random, one.sorted, one.sorted) for one in r] for r in zip(*rows))
        return {
            "risk": np.stack([random, second, second]),
            "by_size": np.stack([np.transpose(pure), np.transpose(tuned)]),
        }

    def trial(self, params: TwoStageParams, grid: Arrays, rng: Generator) -> Arrays:
        """Carry out all schemes along the weight, and for every bag size with both weights."""
        k, rho = params.bag_size, np.asarray(grid["rho"])
        first = np.stack(_schemes(params, k, params.n, rho, rho, params.first_rho, rng))
        by_size = np.empty((2, len(SCHEMES), len(grid["size"])))
        for column, size in enumerate(np.asarray(grid["size"]).astype(int)):
            n = _samples(params, int(size))
            for row, best in enumerate(_best(params, int(size))):
                last = np.array([best.random_rho]), np.array([best.last_rho])
                found = _schemes(params, int(size), n, *last, best.first_rho, rng)
                by_size[row, :, column] = np.concatenate(found)
        return {"risk": first, "by_size": by_size}

    def validity(self, params: TwoStageParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        half = params.n / 2
        return (
            *near_peaks(half / params.d, (params.bag_size,)),
            *few_bags(round(half), [params.bag_size]),
        )

    def checks(self, outcome: Outcome[TwoStageParams]) -> tuple[Check, ...]:
        """Hold theory against simulation, its verdict against theirs, and the tuned budget."""
        covered = (np.asarray(outcome.grid["scheme"]) != REUSED)[:, None]
        fresh = "risk along {}, fresh samples"
        tuned = np.asarray(outcome.theory["by_size"])[1]
        lead = float(np.min(tuned[1] / tuned[0]))
        ratio = f"two stages over random: at least {lead:.3f}"
        keeps = "with tuned weights random bags and the whole budget are better at every bag size"
        return (
            sized_agreement(outcome, "risk", fresh.format("the weight"), where=covered),
            sized_agreement(outcome, "by_size", fresh.format("the bag size"), where=covered),
            statement("tuned", keeps, lead, 1.0, ratio, below=False),
            _verdict(outcome),
        )


class Best(NamedTuple):
    """The weights of both schemes and the risks that theory expects."""

    random_rho: float
    random: float
    first_rho: float
    last_rho: float
    sorted: float


def _second_stage(
    n: int, d: int, bag_size: int, first_rho: float, noise: float, rho: float | Real
) -> Real:
    """Risk that theory expects of the second stage, n samples in both together."""
    psi = n / 2 / d
    return curated_risk(
        psi,
        bag_size,
        rho,
        alignment=score_alignment(psi, bag_size, first_rho, noise_variance=noise),
        within_fraction=sorted_share(n // 2, bag_size),
        noise_variance=noise,
    ).total


@lru_cache(maxsize=512)
def _best(params: TwoStageParams, bag_size: int) -> tuple[Best, Best]:
    """Return the instance loss's weights and the tuned ones, for one bag size."""
    n, d, noise = _samples(params, bag_size), params.d, params.noise_variance
    pure = _second_stage(n, d, bag_size, 1.0, noise, 1.0)
    whole = risk(n / d, bag_size, 1.0, noise_variance=noise).total
    optimum = optimal_rho(n / d, bag_size, noise_variance=noise)
    first = float(
        TUNING[np.argmax(score_alignment(n / 2 / d, bag_size, TUNING, noise_variance=noise))]
    )
    last = _second_stage(n, d, bag_size, first, noise, TUNING)
    return (
        Best(1.0, float(whole), 1.0, 1.0, float(pure)),
        Best(
            float(optimum.rho),
            float(optimum.risk),
            first,
            float(TUNING[np.argmin(last)]),
            float(last.min()),
        ),
    )


def _samples(params: TwoStageParams, bag_size: int) -> int:
    """Return a number of samples near the budget that makes an even number of bags."""
    return divisible(params.psi * params.d, (2 * bag_size,))


def _schemes(
    params: TwoStageParams,
    bag_size: int,
    n: int,
    random_rhos: Real,
    last_rhos: Real,
    first_rho: float,
    rng: Generator,
) -> tuple[Real, Real, Real]:
    """Draw the risk of random bags, of fresh sorted samples and of the same samples sorted."""
    noise = params.noise_variance
    counts = [n // bag_size]
    random = risk_trial(n, params.d, counts, random_rhos, noise_variance=noise, rng=rng).total[0]
    size = n // 2, params.d, bag_size
    drawn = two_stage_trial(*size, last_rhos, first_rho=first_rho, noise_variance=noise, rng=rng)
    return random, drawn.fresh, drawn.reused


def _verdict(outcome: Outcome[TwoStageParams]) -> Check:
    """Check that the simulation never contradicts which scheme the theory prefers."""
    name, words = "verdict", "the simulation prefers the scheme that the theory prefers"
    if outcome.trials < 2:
        return Check(name, words, "undecided", np.nan, 0, "fewer than two trials so far")
    expected = np.asarray(outcome.theory["by_size"])
    low, high = (np.asarray(side["by_size"]) for side in (outcome.low, outcome.high))
    wins = expected[:, 1] < expected[:, 0]
    wrong = np.where(wins, low[:, 1] > high[:, 0], high[:, 1] < low[:, 0])
    count = int(wrong.sum())
    detail = f"{count} of {wrong.size} cells contradict; two stages win in {int(wins.sum())}"
    return statement(name, words, count, 0, detail)
