"""Chapter 3: the risk under label privacy, and the bag size it asks for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.privacy import (
    effective_noise,
    optimal_bag_size,
    private_leading_order,
    private_risk,
)
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    GAUSSIAN,
    OURS,
    PAPER,
    PRIVACY,
    few_bags,
    noise_level,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.trials import private_trial
from sims.agreement import statement
from sims.params import Params, parameter
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

Factor = Literal["2", "1"]

MECHANISM = Equation(
    r"\tilde y_a = \frac1k\sum_{i\in a}\mathrm{clip}\big(y_i,\pm C\sqrt{\log n}\big)"
    r" + \mathrm{Laplace}\Big(\frac{f\,C\sqrt{\log n}}{k\,\varepsilon}\Big),\qquad f=2",
    "Replacing one response moves one bag mean by at most 2C√log n/k, so f = 2 makes the release "
    "ε-label-private. The paper, as we know it, prints f = 1, which guarantees only 2ε.",
    f"{PAPER}; the sensitivity is {OURS}",
)
PRIVATE_RISK = Equation(
    r"R = (1-\kappa s)^2+\kappa^2\,\frac{S_A(1-s)^2+S_Bs^2}{\Delta}+\sigma_e^2V,\qquad"
    r" \sigma_e^2 = \mathbb E\,\mathrm{clip}(y)^2-\kappa^2+\frac{2f^2C^2\log n}{k\,\varepsilon^2}",
    "κ: the chance of not being clipped; s, S_A, S_B, Δ and V as without privacy (signal power 1).",
    OURS,
)
ONE_WEIGHT = parameter(
    0.3,
    title="weight of the instance loss",
    symbol=r"\rho",
    help="0 is the bag loss, 1 the instance loss.",
    ge=0,
    le=1,
    step=0.05,
)
FACTOR = parameter(
    "2",
    title="sensitivity factor",
    symbol="f",
    help="2 gives the privacy it says; 1 is the scale printed in the paper and gives only 2ε.",
    advanced=True,
)
PRIVACY_LIMITS = (
    "Pure differential privacy for the responses only, in ideal arithmetic: neighbours differ in "
    "the replacement of one response, one release, bags and C chosen without looking at responses.",
    "The experiment draws features and responses; the Laplace noise is averaged exactly.",
)


class PrivateTask(Params):
    """Samples and features of a private release; n enters through its logarithm too."""

    n: int = parameter(
        2000,
        title="number of samples",
        symbol="n",
        help="A multiple of every bag size; more samples are clipped less.",
        ge=200,
        le=8000,
        scale="log",
        advanced=True,
    )
    psi: float = samples_per_feature(10.0, low=1.5, high=50)
    noise_variance: float = noise_level(0.25, high=5, advanced=True)

    @property
    def d(self) -> int:
        """Number of features."""
        return max(2, round(self.n / self.psi))


class WeightedRelease(PrivateTask):
    """A private release in bags of given sizes, and the weight it is fitted with."""

    rho: float = ONE_WEIGHT
    bag_sizes: tuple[int, ...] = parameter(
        (1, 2, 5, 10, 20),
        title="bag sizes",
        symbol="k",
        help="One curve each; each divides n.",
        ge=1,
        le=100,
    )
    factor: Factor = FACTOR

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        for size in self.bag_sizes:
            bags, rest = divmod(self.n, size)
            if rest:
                shown = ",".join(str(one) for one in self.bag_sizes)
                raise ValueError(
                    f"bag_sizes = {shown} is not allowed: each must divide n = {self.n}, but "
                    f"{size} makes {bags} bags and leaves {rest} samples"
                )
        return self


class PrivateRiskParams(WeightedRelease):
    """Parameters of risk against the privacy budget."""

    clip: float = parameter(
        1.6,
        title="clipping constant",
        symbol="C",
        help="Responses are clipped to ±C√log n before they are averaged.",
        ge=0.05,
        le=5,
        step=0.05,
    )


class PrivateRisk(Study[PrivateRiskParams]):
    """Risk against epsilon for several bag sizes, and the best size's staircase."""

    name = "aggregate-responses/private-risk"
    title = "Privacy wants bigger bags"
    chapter = PRIVACY
    statement = (
        "Bag means are released with Laplace noise. A mean of $k$ needs only $1/k$ of the noise of "
        "a single response, so **the more privacy, the larger the best bag**: the curves of all "
        "bag sizes cross, and the best size falls in steps as $\\varepsilon$ grows."
    )
    takeaway = (
        "Without privacy a bag only costs; under strong privacy large bags win. The gain "
        "comes from the regularisation by ρ: with a tuned ridge (third view) k = 1 is best."
    )
    standing = "asymptotic"
    Params = PrivateRiskParams
    axes = (
        Axis("bag_size", "bag size", "k"),
        Axis("epsilon", "privacy budget", "ε", scale="log", refine=7),
        Axis("budget", "privacy budget", "ε", scale="log"),
        Axis("rho", "weight", "ρ"),
    )
    measures = (
        Measure("risk", "excess risk", ("bag_size", "epsilon")),
        Measure("leading", "leading order in log n", ("bag_size", "epsilon")),
        Measure("best_size", "best bag size", ("rho", "budget"), "k*"),
        Measure("ridge", "excess risk at the best ridge", ("bag_size", "epsilon")),
    )
    views = (
        Curves(
            "risk",
            "Risk against privacy",
            "epsilon",
            ("risk",),
            "bag_size",
            y_range=(0.03, 100),
            guides=(Guide("nothing", "y", "predicting nothing"),),
        ),
        Curves("staircase", "Best bag size", "budget", ("best_size",), "rho"),
        Curves(
            "ridge",
            "A tuned ridge instead",
            "epsilon",
            ("ridge",),
            "bag_size",
            y_scale="linear",
        ),
        Curves(
            "leading",
            "Leading order",
            "epsilon",
            ("risk", "leading"),
            "bag_size",
            y_range=(0.03, 100),
            y_title="excess risk",
        ),
    )
    presets = (
        Preset("quick", "n = 1000, ψ = 10, ρ = 0.3", PrivateRiskParams(n=1000), 60),
        Preset("paper", "n = 2000", PrivateRiskParams(), 100),
        Preset("instance", "The instance loss, ρ = 1", PrivateRiskParams(n=1000, rho=1.0), 60),
        Preset("clipped", "Clipped hard: C = 0.3", PrivateRiskParams(n=1000, clip=0.3), 60),
    )
    equations = (
        MECHANISM,
        PRIVATE_RISK,
        Equation(
            r"\frac{R}{\log n}\to\frac{2f^2C^2}{k\,\varepsilon^2}\,V(k,\rho,\psi)",
            "The leading order; the rest dies out only like 1/log n, so both are drawn.",
            f"order as in arXiv 2401.11081, consistent with what is {OURS}",
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        *PRIVACY_LIMITS,
        "Third view: released means are divided by κ, which undoes the shrinkage by clipping; the "
        "ridge on their bag sums is the best there is, σ_e²/κ² over the signal's power, at each "
        "bag size and ε. Formulas only.",
    )
    lesson = Lesson(
        "privacy",
        "What does privacy change?",
        (
            Step(
                "At ρ = 0.3 bags of twenty win at strong privacy (small ε), single responses at "
                "weak privacy. Now the weight grows: ρ = 1, the instance loss.",
                {"rho": 1.0},
                "At ε = 3, does the best bag get smaller or larger?",
                ("Smaller", "Larger"),
                0,
                "The instance loss shrinks big bags towards zero: calm, but biased. At ε = 3 "
                "its bias already matters more than the noise: the best bag shrinks from five "
                "samples to two.",
            ),
            Step(
                "Responses were clipped at 1.6√log n, which hardly ever happens. Clip at a fifth "
                "of that.",
                {"rho": 0.3, "clip": 0.3},
                "Clipping biases the responses. What happens to the risk at ε = 1?",
                ("It rises", "It falls"),
                1,
                "The noise scales with C. Losing some of the signal to clipping is far cheaper "
                "than the noise that protects the rare large responses.",
            ),
            Step(
                "Look at the third view, with C = 1.6 again.",
                {"clip": 1.6},
                "With the best ridge at every ε and k, which bag size is best?",
                ("k = 1, at every ε", "k = 20 at strong privacy", "It does not matter"),
                0,
                "A mean of k has k times less noise power per bag, but there are k times fewer "
                "of them, and signal is lost in averaging. What helped was the shrinkage.",
            ),
        ),
    )

    def grid(self, params: PrivateRiskParams) -> Arrays:
        """Return bag sizes, budgets, a fine line of budgets, and weights of the staircase."""
        return {
            "bag_size": np.asarray(params.bag_sizes),
            "epsilon": np.geomspace(0.25, 32, 8),
            "budget": np.geomspace(0.25, 32, 241),
            "rho": np.unique([0.05, 0.3, 1.0, params.rho]),
        }

    def theory(self, params: PrivateRiskParams, grid: Arrays) -> Arrays:
        """Return the risk, its leading order, the best sizes, and the ridge's risk."""
        psi, budget = params.n / params.d, np.asarray(grid["budget"])
        k, epsilon = np.asarray(grid["bag_size"])[:, None], np.asarray(grid["epsilon"])
        order = _release(params)
        task = {**order, "noise_variance": params.noise_variance}
        seen = effective_noise(k, epsilon=epsilon, **task)
        noise = seen.noise_variance / seen.gain**2
        return {
            "risk": private_risk(psi, k, params.rho, epsilon=epsilon, **task).total,
            "leading": private_leading_order(psi, k, params.rho, epsilon=epsilon, **order),
            "best_size": np.stack(
                [
                    optimal_bag_size(psi, float(rho), params.bag_sizes, epsilon=budget, **task)
                    for rho in np.asarray(grid["rho"])
                ]
            ),
            "ridge": risk(psi, k, 0.0, noise_variance=noise, ridge=noise).total,
        }

    def trial(self, params: PrivateRiskParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every bag size to one drawn data set; the noise's part serves every budget."""
        sizes = np.asarray(grid["bag_size"])
        clean, noise = _parts(params, sizes, rng)
        return {"risk": clean[:, None] + noise[:, None] / np.asarray(grid["epsilon"]) ** 2}

    def guides(self, params: PrivateRiskParams) -> dict[str, float]:
        """Return the risk of predicting nothing."""
        return {"nothing": 1.0}

    def validity(self, params: PrivateRiskParams) -> tuple[str, ...]:
        """Warn about the printed scale, few bags and the bag loss near its peak."""
        return private_validity(params)

    def checks(self, outcome: Outcome[PrivateRiskParams]) -> tuple[Check, ...]:
        """Hold the risk against simulation, the staircase falling, and the ridge's order."""
        params = outcome.params
        steps = np.diff(np.asarray(outcome.theory["best_size"]), axis=1)
        rise = float(np.max(steps, initial=0.0))
        falls = "the best bag size never grows with ε"
        risks = np.asarray(outcome.theory["ridge"])
        lead = float(np.max(risks[np.argmin(params.bag_sizes)] / risks.min(0)))
        wins = "with the best ridge the smallest bag is the best at every ε"
        return (
            private_agreement(outcome),
            statement("staircase", falls, rise, 0.0, f"largest step up {rise:g}"),
            statement("ridge", wins, lead, 1.0, f"its risk over the best: at most {lead:.4f}"),
        )


def private_validity(params: WeightedRelease) -> tuple[str, ...]:
    """Warn about the printed scale, few bags and the bag loss near its peak."""
    notes = [*few_bags(params.n, params.bag_sizes)]
    if params.factor == "1":
        notes.append("Sensitivity factor 1 releases with 2ε of privacy loss, not with ε.")
    close = [k for k in params.bag_sizes if abs(params.psi - k) < 0.15 * k]
    if params.rho <= 0.01 and close:
        notes.append(f"ψ is close to k = {close[0]}: the bag loss diverges there.")
    return tuple(notes)


def private_agreement(outcome: Outcome[WeightedRelease]) -> Check:
    """Hold the risk against simulation, off the bag loss's peak."""
    params = outcome.params
    k = np.asarray(outcome.grid["bag_size"])[:, None]
    near = (params.rho <= 0.01) & (np.abs(params.psi - k) < 0.15 * k)
    return sized_agreement(outcome, "risk", "risk", where=~near, least=0.04)


def _release(params: PrivateRiskParams) -> dict[str, float]:
    return {"n": params.n, "clip": params.clip, "sensitivity_factor": int(params.factor)}


def _parts(params: PrivateRiskParams, sizes: Real, rng: Generator) -> tuple[Real, Real]:
    """Split one draw's risk into what clipping leaves and what the noise adds at epsilon = 1.

    The noise is averaged exactly, so that its part is proportional to 1/epsilon²: two passes over
    the same draw serve every budget.
    """
    totals = [
        private_trial(
            params.n,
            params.d,
            sizes,
            [params.rho],
            epsilon=epsilon,
            clip=params.clip,
            noise_variance=params.noise_variance,
            sensitivity_factor=int(params.factor),
            rng=same,
        )[:, 0]
        for epsilon, same in ((np.inf, copy.deepcopy(rng)), (1.0, rng))
    ]
    return totals[0], totals[1] - totals[0]
