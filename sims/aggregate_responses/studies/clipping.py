"""Chapter 3: how hard to clip."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.privacy import private_risk
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    GAUSSIAN,
    OURS,
    PRIVACY,
)
from sims.aggregate_responses.studies.privacy import (
    MECHANISM,
    PRIVACY_LIMITS,
    PRIVATE_RISK,
    WeightedRelease,
    private_agreement,
    private_validity,
)
from sims.aggregate_responses.trials import private_trial
from sims.agreement import statement
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
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]


TUNING = np.geomspace(0.005, 5, 161)
STRONG = 4.0  # with a larger budget the noise no longer demands clipping


class ClippingParams(WeightedRelease):
    """Parameters of risk against the clipping constant."""

    epsilon: float = parameter(
        2.0,
        title="privacy budget",
        symbol=r"\varepsilon",
        help="Small is private: odds change by at most exp(ε) when one response does.",
        ge=0.25,
        le=32,
        scale="log",
    )


class Clipping(Study[ClippingParams]):
    """Risk against the clipping constant for several bag sizes."""

    name = "aggregate-responses/clipping"
    title = "Clip harder"
    chapter = PRIVACY
    statement = (
        "Noise must cover the largest response that is let through, so it grows with the clipping "
        "constant $C$; but clipping distorts the responses. **The best $C$ clips a lot**: far "
        "below $\\sqrt{2(1+\\sigma^2)}$, from where on hardly any response is clipped, the risk of "
        "small bags falls by a multiple."
    )
    takeaway = (
        "Lost signal costs less than noise. Each at its own best C (second view), single responses "
        "beat every bag: like a ridge, clipping does what large bags were for."
    )
    standing = "asymptotic"
    Params = ClippingParams
    axes = (
        Axis("bag_size", "bag size", "k"),
        Axis("clip", "clipping constant", "C", scale="log", refine=7),
        Axis("budget", "privacy budget", "ε", scale="log"),
    )
    measures = (
        Measure("risk", "excess risk", ("bag_size", "clip")),
        Measure("tuned", "excess risk at the best C", ("bag_size", "budget")),
    )
    views = (
        Curves(
            "risk",
            "Risk against clipping",
            "clip",
            ("risk",),
            "bag_size",
            guides=(
                Guide("nothing", "y", "predicting nothing"),
                Guide("rare", "x", "clips hardly any"),
            ),
        ),
        Curves("tuned", "Each at its best C", "budget", ("tuned",), "bag_size", y_scale="linear"),
    )
    presets = (
        Preset("quick", "ε = 2, ρ = 0.3, n = 1000", ClippingParams(n=1000), 40),
        Preset("paper", "n = 2000", ClippingParams(n=2000), 60),
        Preset("strong", "Strong privacy: ε = 0.5", ClippingParams(n=1000, epsilon=0.5), 60),
        Preset("weak", "Weak privacy: ε = 16", ClippingParams(n=1000, epsilon=16), 60),
    )
    equations = (
        MECHANISM,
        PRIVATE_RISK,
        Equation(
            r"\kappa=\mathrm{erf}\frac{z}{\sqrt2},\qquad"
            r" \mathbb E\,\mathrm{clip}(y)^2=(1+\sigma^2)\big(\kappa-2z\varphi(z)\big)"
            r"+T^2(1-\kappa),\qquad z=\frac{T}{\sqrt{1+\sigma^2}},\quad T=C\sqrt{\log n}",
            "κ is the share of the linear signal that clipping leaves (signal power 1).",
            OURS,
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        *PRIVACY_LIMITS,
        "Second view: C is tuned by the formula, with knowledge of σ² and the signal's power.",
        "The paper assumes C² > 2(1 + σ²) for signal power 1, so that no response is clipped with "
        "high probability; smaller C are our addition.",
    )

    lesson = Lesson(
        "clipping",
        "How much signal would you give away?",
        (
            Step(
                "At ε = 2 single responses (k = 1) are best clipped at C = 0.35; hardly any "
                "response is clipped from 1.58 on. Now privacy gets stronger: ε = 0.5.",
                {"epsilon": 0.5},
                "Where does the best C of single responses go?",
                ("Below 0.1", "It stays", "To 1 or so"),
                0,
                "Four times the noise asks for about four times the clipping. What is released is "
                "then little more than the responses' signs.",
            ),
            Step(
                "Now privacy is weak: ε = 16.",
                {"epsilon": 16.0},
                "Which bag size is best when each has its best C?",
                ("k = 20", "k = 5", "k = 1"),
                2,
                "The noise no longer matters, and bags only average the signal away, whatever C.",
            ),
        ),
    )

    def grid(self, params: ClippingParams) -> Arrays:
        """Return bag sizes and clipping constants."""
        return {
            "bag_size": np.asarray(params.bag_sizes),
            "clip": np.array([0.03, 0.06, 0.12, 0.2, 0.35, 0.55, 0.8, 1.2, 1.8, 2.6, 4.0]),
            "budget": np.geomspace(0.25, 32, 57),
        }

    def theory(self, params: ClippingParams, grid: Arrays) -> Arrays:
        """Return the risk at every clipping constant, and at the best one for every budget."""
        epsilon, clip = params.epsilon, np.asarray(grid["clip"])
        every = _risk(params, np.asarray(grid["budget"])[:, None], TUNING)
        return {"risk": _risk(params, epsilon, clip), "tuned": every.min(-1)}

    def trial(self, params: ClippingParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every bag size to one drawn data set, clipped at every constant."""
        rows = [
            private_trial(
                params.n,
                params.d,
                grid["bag_size"],
                [params.rho],
                epsilon=params.epsilon,
                clip=float(clip),
                noise_variance=params.noise_variance,
                sensitivity_factor=int(params.factor),
                rng=copy.deepcopy(rng),  # the same data for every constant
            )[:, 0]
            for clip in np.asarray(grid["clip"])
        ]
        return {"risk": np.transpose(rows)}

    def guides(self, params: ClippingParams) -> dict[str, float]:
        """Return the risk of predicting nothing, and the constant from which few are clipped."""
        return {"nothing": 1.0, "rare": float(np.sqrt(2 * (1 + params.noise_variance)))}

    def validity(self, params: ClippingParams) -> tuple[str, ...]:
        """Warn about the printed scale, few bags and the bag loss near its peak."""
        return private_validity(params)

    def checks(self, outcome: Outcome[ClippingParams]) -> tuple[Check, ...]:
        """Hold the risk against simulation, and the best constant below the paper's condition."""
        params = outcome.params
        tuned = np.asarray(outcome.theory["tuned"])
        lead = float(np.max(tuned[np.argmin(params.bag_sizes)] / tuned.min(0)))
        wins = "each at its best C, no bag beats the smallest by more than 2 % at any ε"
        found = (
            private_agreement(outcome),
            statement("smallest", wins, lead, 1.02, f"its risk over the best: at most {lead:.4f}"),
        )
        if params.epsilon > STRONG:
            return found
        risks = np.asarray(outcome.theory["risk"])
        best = np.asarray(outcome.grid["clip"])[risks[np.isfinite(risks).all(1)].argmin(1)]
        largest, rare = float(np.max(best, initial=0.0)), outcome.guides["rare"]
        words = "the best C of every bag size clips"
        detail = f"largest best C {largest:g}, hardly any response is clipped from {rare:.2f} on"
        return (*found, statement("clips", words, largest, rare, detail))


def _risk(params: ClippingParams, epsilon: float | Real, clip: Real) -> Real:
    """Return the theory's risk, the bag sizes along the first axis."""
    sizes = np.asarray(params.bag_sizes).reshape(-1, *[1] * np.broadcast(epsilon, clip).ndim)
    return private_risk(
        params.n / params.d,
        sizes,
        params.rho,
        n=params.n,
        epsilon=epsilon,
        clip=clip,
        noise_variance=params.noise_variance,
        sensitivity_factor=int(params.factor),
    ).total
