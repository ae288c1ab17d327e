"""Chapter 1: the bag loss, the instance loss, and everything between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.optimal import OptimalRho, optimal_rho
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    BAG_SIZE,
    BAG_SIZES,
    DERIVED,
    EXACT_LAW,
    FIXED_POINT,
    GAUSSIAN,
    LOSS,
    LOSSES,
    RHO,
    RISK,
    LinearTask,
    away_from_peaks,
    bag_counts,
    few_bags,
    finite_size,
    near_peaks,
    refuse_oversized,
    sized_agreement,
)
from sims.agreement import statement
from sims.params import parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Lesson,
    Measure,
    Outcome,
    Preset,
    Stack,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays


class WeightParams(LinearTask):
    """Parameters of risk against the weight of the instance loss."""

    bag_sizes: tuple[int, ...] = BAG_SIZES
    largest: float = parameter(
        1.0,
        title="end of the horizontal axis",
        symbol=r"\rho_{\max}",
        help="1 is the instance loss; beyond it the same penalty is only stronger.",
        ge=0.1,
        le=10,
        advanced=True,
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("bag_sizes", self.bag_sizes, self.n)
        return self


class Weight(Study[WeightParams]):
    """Risk against rho, theory and experiment, for several bag sizes."""

    name = "aggregate-responses/weight"
    title = "Between bag and instance"
    chapter = LOSS
    statement = (
        "Fit the bag means ($\\rho = 0$), fit every sample to its bag's mean ($\\rho = 1$), or "
        "anything between. The bag loss is unbiased and noisy, the instance loss is calm and "
        "biased; **the best weight lies between them** and hardly depends on the bag size: "
        "$\\rho^* \\approx \\sigma^2/(b\\,\\lVert\\theta_0\\rVert^2)$."
    )
    takeaway = (
        "A small weight on the instance loss takes most of the variance and little of the signal; "
        "the dashed line joins the best weights of all bag sizes."
    )
    standing = "asymptotic"
    Params = WeightParams
    axes = (
        BAG_SIZE,
        RHO,
        Axis("bag_loss", "weight of the instance loss", "ρ"),
        Axis("best_rho", "best weight", "ρ*"),
    )
    measures = (
        Measure("risk", "excess risk", ("bag_size", "rho")),
        Measure("bias", "bias²", ("bag_size", "rho")),
        Measure("variance", "variance", ("bag_size", "rho")),
        Measure("bag_risk", "excess risk of the bag loss (ρ = 0)", ("bag_size", "bag_loss")),
        Measure("optimum", "excess risk at the best weight", ("best_rho",)),
    )
    views = (
        Curves(
            "risk",
            "Risk against ρ",
            "rho",
            ("risk", "bag_risk", "optimum"),
            "bag_size",
            x_scale="linear",
            dashed=("bag_risk", "optimum"),
        ),
        Stack(
            "parts",
            "Bias² and variance",
            "rho",
            ("bias", "variance"),
            total="risk",
            panel="bag_size",
            x_scale="linear",
            y_title="excess risk",
        ),
        Curves(
            "bias",
            "Bias² alone",
            "rho",
            ("bias",),
            "bag_size",
            x_scale="linear",
            y_scale="linear",
        ),
        Curves("variance", "Variance alone", "rho", ("variance",), "bag_size", x_scale="linear"),
    )
    presets = (
        Preset("quick", "Effect of ρ: ψ = 10, three bag sizes", WeightParams(), 20),
        Preset(
            "paper",
            "Theory against simulation at d = 100: ψ = 6, k = 3",
            WeightParams(psi=6, bag_sizes=(3,), noise_variance=0.5, d=100),
            20,
        ),
        Preset("large", "Effect of ρ at d = 400", WeightParams(d=400), 20),
        Preset(
            "few-bags",
            "Fewer bags than features: ψ = 3, k = 5",
            WeightParams(psi=3, bag_sizes=(2, 5)),
            40,
        ),
    )
    equations = (LOSSES, FIXED_POINT, RISK)
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "Our parameters: the paper's captions were not available to us. The equations are our own "
        "derivation; they agree with every special case of the paper that we know.",
        "The points at ρ = 0 are the bag loss itself, of minimum norm where there are fewer bags "
        "than features; the curve does not run into them there.",
    )
    lesson = Lesson(
        "weight",
        "Bag loss, instance loss, or neither?",
        (
            Step(
                "With σ² = 1, ψ = 10 and bags of 2, 3 and 5, the best weight is between 0.1 and "
                "0.2. Now the responses get less noisy: σ² = 0.1.",
                {"noise_variance": 0.1},
                "Where does the best weight go?",
                ("Towards the bag loss", "It stays", "Towards the instance loss"),
                0,
                "The penalty costs bias and saves variance. With a tenth of the noise there is "
                "a tenth of the variance to save: the best weight falls to about σ²/b, near 0.02.",
            ),
            Step(
                "Back to σ² = 1, but with three samples a feature only, and bags of 2 and 5.",
                {"noise_variance": 1.0, "psi": 3.0, "bag_sizes": (2, 5)},
                "For bags of five (fewer bags than features), which weight is best on [0, 1]?",
                ("ρ = 0, the bag loss", "In the middle", "ρ = 1, the instance loss"),
                2,
                "At σ² ≥ ((k−1)(ψ−2)+1)/k = 1 the pure instance loss is best. The curve also jumps "
                "at ρ = 0: the minimum-norm bag solution is not the limit of small weights.",
            ),
        ),
    )

    def grid(self, params: WeightParams) -> Arrays:
        """Return bag sizes, weights above 0, the bag loss, and a fine line of best weights."""
        shape = np.array([0.002, 0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
        return {
            "bag_size": np.asarray(params.bag_sizes),
            "rho": shape * params.largest,
            "bag_loss": np.zeros(1),
            "best_rho": _best(params).rho,
        }

    def theory(self, params: WeightParams, grid: Arrays) -> Arrays:
        """Return risk and its parts at every weight, and the optima."""
        k, noise = np.asarray(grid["bag_size"])[:, None], params.noise_variance
        found = risk(params.psi, k, np.asarray(grid["rho"]), noise_variance=noise)
        bag = risk(params.psi, k, np.asarray(grid["bag_loss"]), noise_variance=noise)
        return {
            "risk": found.total,
            "bias": found.bias_squared,
            "variance": found.variance,
            "bag_risk": bag.total,
            "optimum": _best(params).risk,
        }

    def trial(self, params: WeightParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw the scatter matrices once and fit every bag size at every weight."""
        counts = bag_counts(params.n, grid["bag_size"])
        weights = np.concatenate([grid["bag_loss"], grid["rho"]])
        noise = params.noise_variance
        found = risk_trial(params.n, params.d, counts, weights, noise_variance=noise, rng=rng)
        return {
            "risk": found.total[:, 1:],
            "bias": found.bias_squared[:, 1:],
            "variance": found.variance[:, 1:],
            "bag_risk": found.total[:, :1],
        }

    def validity(self, params: WeightParams) -> tuple[str, ...]:
        """Warn near the peaks, with few bags and beyond the instance loss."""
        notes = [*near_peaks(params.psi, params.bag_sizes), *few_bags(params.n, params.bag_sizes)]
        if params.largest > 1:
            notes.append("ρ > 1 is no mixture of the two losses, only a stronger penalty.")
        if params.psi <= 1:
            notes.append("ψ ≤ 1: every ρ > 0 fits all bags with minimum norm, so ρ has no effect.")
        if 1 in params.bag_sizes:
            notes.append("In bags of one sample ρ has no effect.")
        return tuple(notes)

    def checks(self, outcome: Outcome[WeightParams]) -> tuple[Check, ...]:
        """Hold risk, bias² and variance against simulation, and the optimum below all points."""
        params = outcome.params
        k, rho = np.asarray(outcome.grid["bag_size"])[:, None], np.asarray(outcome.grid["rho"])
        where = away_from_peaks(params.psi, k, rho)
        found = [
            sized_agreement(outcome, measure, words, where=where)
            for measure, words in (("risk", "risk"), ("bias", "bias²"), ("variance", "variance"))
        ]
        return (*found, _never_below(outcome, params))


def _best(params: WeightParams) -> OptimalRho:
    """Return the best weights on a fine range of bag sizes round the chosen ones."""
    low, high = min(params.bag_sizes), max(params.bag_sizes)
    k = np.linspace(max(1.05, low / 1.15), max(1.5, 1.15 * high), 60)
    noise = params.noise_variance
    return optimal_rho(params.psi, k, noise_variance=noise, rho_max=params.largest)


def _never_below(outcome: Outcome[WeightParams], params: WeightParams) -> Check:
    """Check that no simulated risk undercuts the best one by more than finite size allows."""
    words = "no weight does better in the simulation than the best one in theory"
    slack = finite_size(params.d)
    name = "optimum"
    if outcome.trials < 2:
        return Check(name, words, "undecided", np.nan, -slack, "fewer than two trials so far")
    sizes = np.asarray(outcome.grid["bag_size"])
    best = optimal_rho(params.psi, sizes, noise_variance=params.noise_variance).risk
    gap = float(np.min(np.asarray(outcome.high["risk"]) / best[:, None] - 1))
    detail = f"largest undercut {max(0.0, -gap):.2%}, allowed {slack:.1%}"
    return statement(name, words, gap, -slack, detail, below=False)
