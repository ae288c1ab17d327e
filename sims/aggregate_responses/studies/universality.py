"""Chapter 2: features that are not Gaussian."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    BAG_SIZE,
    COST,
    DERIVED,
    FIXED_POINT,
    GAUSSIAN,
    RHO,
    RISK,
    LinearTask,
    away_from_peaks,
    divisible,
    feature_count,
    few_bags,
    near_peaks,
    noise_level,
    refuse_indivisible,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.trials import FEATURES, feature_trial
from sims.params import parameter
from sims.study import Axis, Check, Curves, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays


class UniversalityParams(LinearTask):
    """Parameters of features of other laws."""

    psi: float = samples_per_feature(6.0, low=1.3, high=20)
    noise_variance: float = noise_level(0.5)
    bag_sizes: tuple[int, ...] = parameter(
        (2, 4),
        title="bag sizes",
        symbol="k",
        help="One curve each; the number of samples is a multiple of all.",
        ge=1,
        le=100,
    )
    d: int = feature_count(100, low=10, high=400, advanced=False)

    @property
    def n(self) -> int:
        """Number of samples, a multiple of every bag size."""
        return divisible(self.psi * self.d, self.bag_sizes)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_indivisible(self.psi * self.d, self.bag_sizes)
        return self


class Universality(Study[UniversalityParams]):
    """Drawn features of four laws against the one theory."""

    name = "aggregate-responses/universality"
    title = "Features that are not Gaussian"
    chapter = COST
    statement = (
        "The theory assumes Gaussian features. Here they are drawn: Gaussian, **signs, uniform, "
        "and Student's t with five degrees of freedom**. The same curves hold for all, and "
        "already for moderately many features."
    )
    takeaway = "Two moments and not too heavy tails are all that the theory sees."
    standing = "asymptotic"
    Params = UniversalityParams
    axes = (Axis("law", "features"), BAG_SIZE, RHO)
    measures = (
        Measure("risk", "excess risk", ("law", "bag_size", "rho")),
        Measure("bias", "bias²", ("law", "bag_size", "rho")),
        Measure("variance", "variance", ("law", "bag_size", "rho")),
    )
    views = (
        Curves(
            "risk",
            "Risk for four laws of the features",
            "rho",
            ("risk",),
            "bag_size",
            panel="law",
            x_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "ψ = 6 at d = 100", UniversalityParams(), 20),
        Preset("paper", "ψ = 6 at d = 300", UniversalityParams(d=300), 20),
        Preset("tiny", "Only 20 features", UniversalityParams(d=20), 200),
    )
    equations = (FIXED_POINT, RISK)
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        "Features are independent with mean 0, variance 1 and a finite fourth moment; this is "
        "observed here, not proved.",
        "The experiment draws all features; bias and variance given them need no response noise.",
    )

    def grid(self, params: UniversalityParams) -> Arrays:
        """Return the laws, bag sizes and weights above 0."""
        return {
            "law": np.array(FEATURES),
            "bag_size": np.asarray(params.bag_sizes),
            "rho": np.array([0.01, 0.03, 0.07, 0.12, 0.2, 0.35, 0.6, 1.0]),
        }

    def theory(self, params: UniversalityParams, grid: Arrays) -> Arrays:
        """Return the Gaussian theory, the same for every law."""
        k, psi = np.asarray(grid["bag_size"])[:, None], params.n / params.d
        found = risk(psi, k, np.asarray(grid["rho"]), noise_variance=params.noise_variance)
        shape = (len(FEATURES), *found.total.shape)
        return {
            "risk": np.broadcast_to(found.total, shape),
            "bias": np.broadcast_to(found.bias_squared, shape),
            "variance": np.broadcast_to(found.variance, shape),
        }

    def trial(self, params: UniversalityParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw features of every law and fit every bag size at every weight."""
        size = params.n, params.d, grid["bag_size"], grid["rho"]
        noise = params.noise_variance
        drawn = [feature_trial(*size, noise_variance=noise, law=law, rng=rng) for law in FEATURES]
        return {
            "risk": np.stack([found.total for found in drawn]),
            "bias": np.stack([found.bias_squared for found in drawn]),
            "variance": np.stack([found.variance for found in drawn]),
        }

    def validity(self, params: UniversalityParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = params.bag_sizes
        return (*near_peaks(params.n / params.d, sizes), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[UniversalityParams]) -> tuple[Check, ...]:
        """Hold the one theory against every law."""
        params = outcome.params
        k, rho = np.asarray(outcome.grid["bag_size"])[:, None], np.asarray(outcome.grid["rho"])
        where = away_from_peaks(params.n / params.d, k, rho)
        law = np.asarray(outcome.grid["law"])[:, None, None]
        return tuple(
            sized_agreement(
                outcome, "risk", f"risk with {name} features", where=where & (law == name)
            )
            for name in FEATURES
        )
