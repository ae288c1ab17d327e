"""Chapter 2: what the bag size costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.isotropic import risk
from sims.aggregate_responses.optimal import optimal_rho
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    COST,
    DERIVED,
    EXACT_LAW,
    FIXED_POINT,
    GAUSSIAN,
    OURS,
    RISK,
    LinearTask,
    bag_counts,
    few_bags,
    near_peaks,
    noise_level,
    refuse_oversized,
    samples_per_feature,
    sized_agreement,
)
from sims.agreement import never_rises, statement
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

LOSSES_DRAWN = ("bag", "instance", "best ρ")


class BagCostParams(LinearTask):
    """Parameters of risk against the bag size."""

    psi: float = samples_per_feature(12.0, low=1.3, high=50)
    noise_variance: float = noise_level(0.5, low=0.05)
    largest: int = parameter(
        40,
        title="largest bag size",
        symbol=r"k_{\max}",
        help="End of the horizontal axis.",
        ge=4,
        le=100,
        scale="log",
        advanced=True,
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("largest", (self.largest,), self.n)
        return self


class BagCost(Study[BagCostParams]):
    """Risk of both losses and of the best mixture against the bag size."""

    name = "aggregate-responses/bag-size"
    title = "The price of a bag"
    chapter = COST
    statement = (
        "The same samples in bags of $k$. The bag loss pays with variance and **breaks down when "
        "there are as many bags as features** ($k = \\psi$); the instance loss pays with bias; "
        "the best mixture passes the peak unharmed. With a tuned ridge (dashed) each step up "
        "costs, and with the best mixture too unless data are scarce or noise outweighs signal: "
        "**without privacy, aggregation only costs**."
    )
    takeaway = (
        "Well regularised, each step up in bag size costs accuracy; the pure bag loss fails "
        "altogether at k = ψ."
    )
    standing = "asymptotic"
    Params = BagCostParams
    axes = (
        Axis("loss", "loss"),
        Axis("bag_size", "bag size", "k", scale="log"),
        Axis("simulated", "simulated bag size", "k", scale="log"),
    )
    measures = (
        Measure("curve", "excess risk", ("loss", "bag_size")),
        Measure("risk", "excess risk", ("loss", "simulated")),
        Measure("ridge", "excess risk of the best ridge", ("bag_size",)),
        Measure("weight", "best weight of the instance loss", ("bag_size",), "ρ*"),
        Measure("rule", "rule of thumb σ²/b", ("bag_size",)),
    )
    views = (
        Curves(
            "risk",
            "Risk against the bag size",
            "bag_size",
            ("curve", "ridge"),
            "loss",
            dashed=("ridge",),
            points=("simulated", "risk"),
            guides=(Guide("peak", "x", "k = ψ"), Guide("signal", "y", "predicting nothing")),
        ),
        Curves(
            "weight",
            "Which weight is best",
            "bag_size",
            ("weight", "rule"),
            dashed=("rule",),
        ),
    )
    presets = (
        Preset("quick", "ψ = 12, σ² = 0.5", BagCostParams(), 40),
        Preset("paper", "ψ = 12, σ² = 0.5, d = 400", BagCostParams(d=400), 40),
        Preset("scarce", "Few samples: ψ = 3", BagCostParams(psi=3), 60),
    )
    equations = (
        Equation(
            r"R_{bag} = \frac{k\,\sigma^2}{\psi-k}\quad(k<\psi),\qquad"
            r" R_{bag} = (1-a)\lVert\theta_0\rVert^2+\frac{a\,\sigma^2}{1-a}\quad(k>\psi)",
            "a = ψ/k bags per feature; beyond the peak the minimum-norm solution is meant.",
            OURS,
        ),
        FIXED_POINT,
        RISK,
        Equation(
            r"\rho^* \approx \frac{\sigma^2}{b\,\lVert\theta_0\rVert^2},\qquad b=\psi(1-1/k)",
            "A rule of thumb, good for b above 3; the exact best weight solves a quartic.",
            OURS,
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "The paper reports a best weight that grows with the bag size on real data. In this model "
        "it first falls, then rises slowly: that trend is not a consequence of the theory.",
    )
    lesson = Lesson(
        "peak",
        "Can bigger bags help?",
        (
            Step(
                "At ψ = 12 the bag loss diverges at k = 12: as many bags as features. Take fewer "
                "samples, ψ = 6.",
                {"psi": 6.0},
                "Where is the peak now, and what happens beyond it?",
                (
                    "At k = 6; beyond it the risk falls again",
                    "At k = 12; beyond it the risk falls again",
                    "At k = 6; beyond it the risk keeps rising",
                ),
                0,
                "It is a double descent in the number of bags. Beyond the peak the minimum-norm "
                "solution sets most of the signal to zero and lands near 1, the error of "
                "predicting nothing: lower than at the peak, but no success.",
            ),
            Step(
                "Back to ψ = 12, with a lot of noise: σ² = 10.",
                {"psi": 12.0, "noise_variance": 10.0},
                "Are single responses (k = 1) still the best of all bags for the best mixture?",
                ("Yes", "No, bags of two are better"),
                1,
                "In bags of one there is nothing for ρ to penalise, so they have risk 0.91; bags "
                "of two bring a penalty, and 0.67. That is its merit and not the bags': a ridge on "
                "single responses (dashed) gets 0.47, and only loses with every larger bag.",
            ),
        ),
    )

    def grid(self, params: BagCostParams) -> Arrays:
        """Return the losses, a fine line through k = psi, and the sizes that are simulated."""
        fine = np.geomspace(1, params.largest, 160)
        psi = params.psi
        if psi < params.largest:
            fine = np.unique(np.append(fine[np.abs(fine / psi - 1) > 0.005], psi))
        sizes = np.array([1, 2, 3, 4, 6, 8, 10, 15, 20, 30, 40, 60, 80, 100], dtype=float)
        clear = (np.abs(sizes - psi) >= 0.15 * sizes) & (sizes <= params.largest)
        return {"loss": np.array(LOSSES_DRAWN), "bag_size": fine, "simulated": sizes[clear]}

    def theory(self, params: BagCostParams, grid: Arrays) -> Arrays:
        """Return all three risks, the best weight and its rule of thumb."""
        k, noise = np.asarray(grid["bag_size"]), params.noise_variance
        within = params.psi * (1 - 1 / k)
        weight = np.nan_to_num(optimal_rho(params.psi, k, noise_variance=noise).rho, nan=np.inf)
        with np.errstate(divide="ignore"):
            rule = noise / within
        return {
            "curve": self._risks(params, k),
            "risk": self._risks(params, np.asarray(grid["simulated"])),
            "ridge": risk(params.psi, k, 0.0, noise_variance=noise, ridge=noise).total,
            "weight": weight,
            "rule": rule,
        }

    def trial(self, params: BagCostParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw the scatter once and fit every bag size with all three weights."""
        sizes, noise = np.asarray(grid["simulated"]), params.noise_variance
        best = np.nan_to_num(optimal_rho(params.psi, sizes, noise_variance=noise).rho, nan=1.0)
        weights = np.concatenate([[0.0, 1.0], best])
        counts = bag_counts(params.n, sizes)
        found = risk_trial(params.n, params.d, counts, weights, noise_variance=noise, rng=rng)
        own = np.arange(sizes.size)
        return {"risk": np.stack([*found.total[:, :2].T, found.total[own, 2 + own]])}

    def guides(self, params: BagCostParams) -> dict[str, float]:
        """Return the bag size at which there are as many bags as features."""
        peak = {"peak": params.psi} if params.psi < params.largest else {}
        return {**peak, "signal": 1.0}

    def validity(self, params: BagCostParams) -> tuple[str, ...]:
        """Warn near psi = 1 and where there are few bags at the right end."""
        notes = [*near_peaks(params.psi, ()), *few_bags(params.n, [params.largest])]
        if not _plenty(params):
            notes.append(
                "Scarce data, or noise that outweighs the signal: bags can help the best mixture, "
                "as a crude ridge."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[BagCostParams]) -> tuple[Check, ...]:
        """Hold theory against simulation; well regularised, risk only rises with bag size."""
        params = outcome.params
        found = [sized_agreement(outcome, "risk", "risk")]
        ridge = "with the best ridge the risk never falls as bags grow"
        rows = [("ridge", ridge, np.asarray(outcome.theory["ridge"]))]
        if _plenty(params):
            best = "at the best weight the risk never falls as bags grow"
            rows.append(("cost", best, np.asarray(outcome.theory["curve"])[2]))
        for name, words, values in rows:
            fall = never_rises(-values, 0)
            found.append(statement(name, words, fall, 0.0, f"largest fall {fall:.1e}"))
        return tuple(found)

    @staticmethod
    def _risks(params: BagCostParams, k: NDArray[np.float64]) -> NDArray[np.float64]:
        noise = params.noise_variance
        pure = risk(params.psi, k, np.array([[0.0], [1.0]]), noise_variance=noise).total
        best = optimal_rho(params.psi, k, noise_variance=noise).risk
        return np.stack([*pure, best])


def _plenty(params: BagCostParams) -> bool:
    """Whether the best mixture is regularised well enough for bags to cost at every size."""
    return params.psi >= 4 and params.noise_variance <= 1
