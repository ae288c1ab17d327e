"""Chapter 1: squared loss on labels that are only seen as proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.classification import (
    best_label_weight,
    sign_label_accuracy,
)
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    BAG_SIZE,
    BAG_SIZES,
    DERIVED,
    EASY,
    FIXED_POINT,
    GAUSSIAN,
    LOSS,
    LOSSES,
    OURS,
    RHO,
    Proportion,
    away_from_peaks,
    divisible,
    few_bags,
    near_peaks,
    refuse_indivisible,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.trials import sign_label_trial
from sims.agreement import statement
from sims.params import parameter
from sims.study import (
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

    from sims.study import Arrays


class LabelParams(Proportion):
    """Parameters of squared loss on labels."""

    psi: float = samples_per_feature(6.0, low=0.2, high=50)
    bag_sizes: tuple[int, ...] = BAG_SIZES
    gain: float = parameter(
        3.0,
        title="steepness of the labels",
        symbol=r"\gamma",
        help="A label is 1 with probability 1/(1 + exp(−γz)); large γ means little noise.",
        ge=0.1,
        le=50,
        scale="log",
    )

    @property
    def n(self) -> int:
        """Number of samples, a multiple of every bag size."""
        return divisible(self.psi * self.d, self.bag_sizes)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_indivisible(self.psi * self.d, self.bag_sizes)
        return self


class Labels(Study[LabelParams]):
    """Accuracy of squared loss on aggregated plus-minus-one labels, against rho."""

    name = "aggregate-responses/labels"
    title = "Labels instead of numbers"
    chapter = LOSS
    statement = (
        "Click or no click, seen as proportions, and least squares on labels $\\pm 1$. Only the "
        "*direction* of the estimate decides the class, so shrinkage neither hurts nor helps. "
        "The curves are flat, and **the best weight is the same for every bag size**: "
        "$\\rho = (1-\\kappa^2)/(\\psi\\kappa^2+1-\\kappa^2)$, less than regression wants."
    )
    takeaway = (
        "For 0-1 decisions the instance loss is far less wrong than its squared error suggests: "
        "it shrinks the estimate but hardly turns it."
    )
    standing = "asymptotic"
    Params = LabelParams
    axes = (BAG_SIZE, RHO)
    measures = (
        Measure("accuracy", "accuracy on fresh labels", ("bag_size", "rho")),
        Measure("direction", "agreement with the true decision", ("bag_size", "rho")),
        Measure("cosine", "cosine to the true direction", ("bag_size", "rho")),
    )
    views = (
        Curves(
            "accuracy",
            "Accuracy on labels",
            "rho",
            ("accuracy",),
            "bag_size",
            x_scale="linear",
            y_scale="linear",
            guides=(Guide("best", "x", "best ρ for every bag size"),),
        ),
        Curves(
            "cosine",
            "Cosine to the truth",
            "rho",
            ("cosine",),
            "bag_size",
            x_scale="linear",
            y_scale="linear",
            guides=(Guide("best", "x", "best ρ for every bag size"),),
        ),
    )
    presets = (
        Preset("quick", "ψ = 6, bags of 2, 3 and 5", LabelParams(), 40),
        Preset("paper", "The same at d = 400", LabelParams(d=400), 40),
        Preset("noisy", "Noisy labels: γ = 1", LabelParams(gain=1), 200),
    )
    equations = (
        LOSSES,
        FIXED_POINT,
        Equation(
            r"\cos\angle(\hat\theta,\theta_0)=\frac{\kappa s}{\sqrt{\kappa^2s^2+\tau^2}},\qquad"
            r" \tau^2=\kappa^2\,\frac{S_A(1-s)^2+S_Bs^2}{\Delta}+(1-\kappa^2)V,\qquad"
            r" \kappa=\mathbb E\big[z\tanh\tfrac{\gamma z}{2}\big]",
            "s = ax is what is left of the signal, S_A = ax², S_B = by²; z is standard normal.",
            OURS,
        ),
        Equation(
            r"\rho_{direction} = \frac{1-\kappa^2}{\psi\,\kappa^2+1-\kappa^2}",
            "With ax + by = 1, τ²/s² is (bψκ²y² + 1 − κ²)/(aΔ) up to a constant; its only "
            "stationary point has (1 − κ²)(x − y) = ψκ²y(1 − x), and k drops out (ψ > 1).",
            "derived for this study; checked below against the whole curve",
        ),
    )
    sources = (AGGREGATE, EASY, DERIVED)
    assumptions = (
        *GAUSSIAN,
        "Labels of balanced classes follow a logistic model in one direction; least squares is "
        "fitted to ±1.",
        "The experiment draws features and labels; accuracy given the fitted direction is exact.",
    )
    lesson = Lesson(
        "labels",
        "What is lost when only the direction counts?",
        (
            Step(
                "The dotted line marks the best weight for bags of 2, 3 and 5. Now the bags have "
                "2, 10 and 20 samples.",
                {"bag_sizes": (2, 10, 20)},
                "Where is the accuracy of the bags of twenty largest?",
                ("At a smaller weight", "At the same weight", "At a larger weight"),
                1,
                "The bag size drops out of the equation for the best direction. It lowers the "
                "curve and steepens its left end, but does not move its top.",
            ),
            Step(
                "Bags of 2, 3 and 5 again, but the labels get noisier: γ = 1.",
                {"bag_sizes": (2, 3, 5), "gain": 1.0},
                "Where does the best weight go?",
                ("Towards the bag loss", "Towards the instance loss"),
                1,
                "With more noise there is more variance to save: from 0.16 to 0.45. The instance "
                "loss is then within a thousandth of the best accuracy.",
            ),
        ),
    )

    def grid(self, params: LabelParams) -> Arrays:
        """Return bag sizes and weights above 0."""
        shape = [0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0]
        return {"bag_size": np.asarray(params.bag_sizes), "rho": np.array(shape)}

    def theory(self, params: LabelParams, grid: Arrays) -> Arrays:
        """Return cosine and both accuracies."""
        k, psi = np.asarray(grid["bag_size"])[:, None], params.n / params.d
        found = sign_label_accuracy(psi, k, np.asarray(grid["rho"]), gain=params.gain)
        return {
            "accuracy": found.label_accuracy,
            "direction": found.direction_accuracy,
            "cosine": found.cosine,
        }

    def trial(self, params: LabelParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw features and labels and fit every bag size at every weight."""
        arguments = params.n, params.d, grid["bag_size"], grid["rho"]
        found = sign_label_trial(*arguments, gain=params.gain, rng=rng)
        return {
            "accuracy": found.label_accuracy,
            "direction": found.direction_accuracy,
            "cosine": found.cosine,
        }

    def guides(self, params: LabelParams) -> dict[str, float]:
        """Return the weight that turns the estimate least."""
        psi = params.n / params.d
        return {"best": float(best_label_weight(psi, params.gain))} if psi > 1 else {}

    def validity(self, params: LabelParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = params.bag_sizes
        return (*near_peaks(params.n / params.d, sizes), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[LabelParams]) -> tuple[Check, ...]:
        """Hold cosine and accuracy against simulation."""
        params = outcome.params
        k, rho = np.asarray(outcome.grid["bag_size"])[:, None], np.asarray(outcome.grid["rho"])
        where = away_from_peaks(params.n / params.d, k, rho)
        return (
            sized_agreement(outcome, "cosine", "cosine", where=where),
            sized_agreement(outcome, "accuracy", "accuracy on labels", where=where),
            *_top(outcome, params),
        )


def _top(outcome: Outcome[LabelParams], params: LabelParams) -> tuple[Check, ...]:
    """Check that no weight on a fine grid has a larger cosine than the closed form's."""
    psi = params.n / params.d
    if psi <= 1:
        return ()
    k, gain = np.asarray(params.bag_sizes)[:, None], params.gain
    best = sign_label_accuracy(psi, k, best_label_weight(psi, gain), gain=gain).cosine
    swept = sign_label_accuracy(psi, k, np.geomspace(1e-4, 10, 201), gain=gain).cosine
    lead = float(np.max(swept / best)) - 1.0
    words = "no weight turns the estimate less than the closed form, at any bag size"
    return (statement("top", words, lead, 1e-12, f"largest lead {lead:.1e}"),)
