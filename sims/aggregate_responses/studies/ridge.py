"""Chapter 1: the weight of the instance loss against an ordinary ridge on bag sums."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.anisotropic import anisotropic_risk
from sims.aggregate_responses.blocks import block_trial
from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.optimal import optimal_rho
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    EXACT_LAW,
    FIXED_POINT,
    GAUSSIAN,
    LOSS,
    OURS,
    LinearTask,
    bag_counts,
    bag_size_parameter,
    feature_count,
    few_bags,
    near_peaks,
    refuse_oversized,
    samples_per_feature,
    sized_agreement,
)
from sims.agreement import statement
from sims.params import parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Guide,
    HeatMap,
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

    from sims.study import Arrays

METHODS = ("best ρ", "best ridge")


class RidgeParams(LinearTask):
    """Parameters of the comparison of two penalties."""

    psi: float = samples_per_feature(6.0, low=1.3, high=50)
    bag_size: int = bag_size_parameter(3, high=50)
    condition: float = parameter(
        100.0,
        title="condition of the covariance",
        symbol=r"\kappa(\Sigma)",
        help="Largest over smallest eigenvalue of the features' covariance in the third view.",
        ge=1,
        le=10_000,
        scale="log",
    )
    d: int = feature_count(100, high=400)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("bag_size", (self.bag_size,), self.n)
        return self


class RidgeOrWeight(Study[RidgeParams]):
    """Best weight against best ridge: isotropic features, jointly, and shaped features."""

    name = "aggregate-responses/ridge"
    title = "Or simply a ridge?"
    chapter = LOSS
    statement = (
        "What $\\rho$ adds to the bag loss is a ridge shaped by the scatter inside the bags. With "
        "isotropic features **an ordinary ridge on the bag sums does better**, and the best pair "
        "$(\\rho,\\lambda)$ has $\\rho = 0$. With correlated features the tables can turn: "
        "$\\rho$'s risk does not feel the covariance, the ridge's does."
    )
    takeaway = (
        "ρ is a way to regularise, not a gain of its own: tune a ridge first, and keep ρ for "
        "signals that hide in directions of little variance."
    )
    standing = "asymptotic"
    Params = RidgeParams
    axes = (
        Axis("method", "penalty"),
        Axis("noise", "noise variance", "σ²", scale="log", refine=5),
        Axis("rho", "weight of the instance loss", "ρ"),
        Axis("ridge", "ridge", "λ"),
        Axis("exponent", "how much the signal favours weak directions", "p", refine=5),
    )
    measures = (
        Measure("tuned", "excess risk", ("method", "noise")),
        Measure("joint", "excess risk", ("ridge", "rho")),
        Measure("shaped", "excess risk", ("method", "exponent")),
    )
    views = (
        Curves("tuned", "Both at their best", "noise", ("tuned",), "method"),
        HeatMap(
            "joint",
            "ρ and ridge together",
            "rho",
            "ridge",
            "joint",
            x_scale="linear",
            y_scale="linear",
        ),
        Curves(
            "shaped",
            "Correlated features",
            "exponent",
            ("shaped",),
            "method",
            x_scale="linear",
            y_scale="linear",
            guides=(
                Guide("isotropic", "x", "isotropic signal"),
                Guide("matched", "x", "ρ's prior"),
            ),
        ),
    )
    presets = (
        Preset("quick", "ψ = 6, k = 3, σ² = 1", RidgeParams(), 20),
        Preset("paper", "The same at d = 200", RidgeParams(d=200), 40),
        Preset("big-bags", "Big bags: ψ = 20, k = 10", RidgeParams(psi=20, bag_size=10), 20),
    )
    equations = (
        FIXED_POINT,
        Equation(
            r"\hat\theta = \big(A^\top A+\rho\,B^\top B+d\lambda I\big)^{-1}A^\top u,"
            r"\qquad \lambda^* = \frac{\sigma^2}{\lVert\theta_0\rVert^2}",
            "A: scaled bag means; B: deviations inside bags; u: scaled mean responses. At ρ = 0 "
            "and this ridge it is the Bayes estimate of an isotropic signal.",
            OURS,
        ),
        Equation(
            r"\theta_{0,j}^2 \propto e_j^{-p}",
            "Third view: e are the covariance's eigenvalues, spread evenly in the logarithm; the "
            "power of x'θ₀ stays 1. ρ acts like a prior with p = 1.",
            OURS,
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "The ridge is tuned with knowledge of σ² and the signal; so is ρ.",
    )
    lesson = Lesson(
        "ridge",
        "Which penalty deserves the tuning?",
        (
            Step(
                "Open the third view. At p = 0 the signal is isotropic, at p = 1 it has the "
                "covariance that ρ's penalty is made for; the eigenvalues span a factor of 100. "
                "Now all eigenvalues are made nearly equal.",
                {"condition": 1.0},
                "What happens to the point where the curves cross?",
                ("It moves to p = 0", "It goes: the ridge wins everywhere", "It stays at p = 1"),
                1,
                "With equal eigenvalues the exponent p means nothing, and the ridge is the exact "
                "Bayes estimate, which no weight ρ can beat.",
            ),
            Step(
                "And with eigenvalues over a factor of 10 000?",
                {"condition": 10_000.0},
                "Does ρ's own curve move?",
                ("It rises", "It stays where it is", "It falls"),
                1,
                "Without a ridge the estimate follows any linear change of the features, so its "
                "risk cannot depend on their covariance. Only the ridge's curve moves.",
            ),
        ),
    )

    def grid(self, params: RidgeParams) -> Arrays:
        """Return noise levels, both penalties' strengths, and exponents."""
        reach = 2.5 * max(params.noise_variance, 0.1)
        return {
            "method": np.array(METHODS),
            "noise": np.geomspace(0.05, 10, 9),
            "rho": np.linspace(0, 1, 11),
            "ridge": np.linspace(0, reach, 11),
            "exponent": np.linspace(-1, 2, 7),
        }

    def theory(self, params: RidgeParams, grid: Arrays) -> Arrays:
        """Return both tuned risks, the joint map, and the tuned risks of correlated features."""
        noise, exponent = np.asarray(grid["noise"]), np.asarray(grid["exponent"])
        cell = params.psi, params.bag_size
        tuned = risk(*cell, 0.0, noise_variance=noise, ridge=noise)
        own = params.noise_variance
        joint = risk(
            *cell, grid["rho"], noise_variance=own, ridge=np.asarray(grid["ridge"])[:, None]
        )
        weight = optimal_rho(*cell, noise_variance=own).risk
        shaped = [_best_ridge(params, float(p))[1] for p in exponent]
        return {
            "tuned": np.stack([optimal_rho(*cell, noise_variance=noise).risk, tuned.total]),
            "joint": joint.total,
            "shaped": np.stack([np.full(exponent.size, weight), shaped]),
        }

    def trial(self, params: RidgeParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit both penalties at their theoretical best, and the whole joint grid."""
        n, d, own = params.n, params.d, params.noise_variance
        counts, noise = bag_counts(n, [params.bag_size]), np.asarray(grid["noise"])
        plain = {"eigenvalues": np.ones(d), "theta": np.full(d, d**-0.5)}
        cell = params.psi, params.bag_size
        rhos = optimal_rho(*cell, noise_variance=noise).rho
        weight = risk_trial(n, d, counts, rhos, noise_variance=1.0, rng=rng)
        ridge = block_trial(n, counts, [0.0], ridges=noise, noise_variance=1.0, rng=rng, **plain)
        joint = block_trial(
            n, counts, grid["rho"], ridges=grid["ridge"], noise_variance=own, rng=rng, **plain
        )
        best = float(optimal_rho(*cell, noise_variance=own).rho)
        return {
            "tuned": np.stack(
                [
                    weight.bias_squared[0] + noise * weight.variance[0],
                    ridge.bias_squared[0, :, 0] + noise * ridge.variance[0, :, 0],
                ]
            ),
            "joint": joint.total[0],
            "shaped": _shaped_trial(params, np.asarray(grid["exponent"]), best, rng),
        }

    def guides(self, params: RidgeParams) -> dict[str, float]:
        """Return the exponents of an isotropic signal and of the one that rho assumes."""
        return {"isotropic": 0.0, "matched": 1.0}

    def validity(self, params: RidgeParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = (params.bag_size,)
        return (*near_peaks(params.psi, sizes), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[RidgeParams]) -> tuple[Check, ...]:
        """Hold theory against simulation, and the ridge against the weight."""
        params = outcome.params
        tuned, joint = np.asarray(outcome.theory["tuned"]), np.asarray(outcome.theory["joint"])
        excess = float(np.max(tuned[1] / tuned[0]))
        lead = float(joint[:, 0].min() / joint.min())
        wins = "with isotropic features the best ridge is never worse than the best ρ"
        both = "of all pairs on the map the best has ρ = 0"
        return (
            sized_agreement(outcome, "tuned", "risks of both penalties at their best"),
            sized_agreement(outcome, "joint", "map", where=_regular(params, outcome.grid)),
            sized_agreement(outcome, "shaped", "risks with correlated features"),
            statement("ridge-wins", wins, excess, 1.0, f"ridge over ρ at most {excess:.4f}"),
            statement("joint", both, lead, 1.0, f"best at ρ = 0 over best of all: {lead:.4f}"),
        )


def _regular(params: RidgeParams, grid: Arrays) -> NDArray[np.bool_]:
    """Leave out the unregularised corner where there are about as many bags as features."""
    weight = np.asarray(grid["rho"]) + np.asarray(grid["ridge"])[:, None]
    far = abs(params.psi - params.bag_size) >= 0.15 * params.bag_size
    return np.asarray((weight > 0.05) | far)


@lru_cache(maxsize=256)
def _best_ridge(params: RidgeParams, exponent: float) -> tuple[float, float]:
    """Return the ridge of least risk at rho = 0 on a fine grid, and that risk."""
    eigenvalues, theta = _shape(params, exponent)
    ridges = np.geomspace(1e-4, 1e2, 121)
    noise = params.noise_variance
    cell = params.psi, params.bag_size, 0.0
    found = anisotropic_risk(eigenvalues, theta, *cell, noise_variance=noise, ridge=ridges).total
    best = int(np.argmin(found))
    return float(ridges[best]), float(found[best])


def _shape(params: RidgeParams, exponent: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return eigenvalues evenly spaced in the logarithm, and a signal of power 1."""
    half = np.sqrt(params.condition)
    eigenvalues = np.geomspace(1 / half, half, params.d)
    theta = eigenvalues ** (-exponent / 2)
    return eigenvalues, theta / np.sqrt(eigenvalues @ theta**2)


def _shaped_trial(
    params: RidgeParams, exponents: NDArray[np.float64], rho: float, rng: Generator
) -> NDArray[np.float64]:
    """Risk of both penalties, each at its theoretical best, for every exponent."""
    counts = bag_counts(params.n, [params.bag_size])
    rows = []
    for exponent in exponents:
        eigenvalues, theta = _shape(params, float(exponent))
        for weight, ridge in ((rho, 0.0), (0.0, _best_ridge(params, float(exponent))[0])):
            found = block_trial(
                params.n,
                counts,
                [weight],
                eigenvalues=eigenvalues,
                theta=theta,
                noise_variance=params.noise_variance,
                ridges=ridge,
                rng=rng,
            )
            rows.append(found.total[0, 0])
    return np.reshape(rows, (-1, 2)).T
