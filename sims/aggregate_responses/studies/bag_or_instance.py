"""Chapter 1: which of the two pure losses, by the signal-to-noise ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.classification import debiased_risk
from sims.aggregate_responses.isotropic import risk, snr_threshold
from sims.aggregate_responses.optimal import optimal_rho
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    EASY,
    EXACT_LAW,
    GAUSSIAN,
    LOSS,
    OURS,
    RISK,
    Proportion,
    away_from_peaks,
    bag_counts,
    bag_size_parameter,
    few_bags,
    near_peaks,
    refuse_oversized,
    sized_agreement,
)
from sims.agreement import statement
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


class BagOrInstanceParams(Proportion):
    """Parameters of the two pure losses against the signal-to-noise ratio."""

    bag_size: int = bag_size_parameter(5, high=50)

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        refuse_oversized("bag_size", (self.bag_size,), self.n)
        return self


class BagOrInstance(Study[BagOrInstanceParams]):
    """The bag loss against the instance loss, and the map of the signal at which they tie."""

    name = "aggregate-responses/bag-or-instance"
    title = "Bag or instance?"
    chapter = LOSS
    statement = (
        "If it has to be one of the two pure losses: the **instance loss wins when the signal is "
        "weak**, below a signal-to-noise ratio that the theory gives in closed form. The map "
        "shows it for all $\\psi$ and $k$: it climbs without bound towards $\\psi = k$, where the "
        "bag loss breaks down."
    )
    takeaway = (
        "Weak signal or hardly more bags than features: instance loss. Strong signal: bag loss. "
        "The best mixture (dashed in the first view) beats both."
    )
    standing = "asymptotic"
    Params = BagOrInstanceParams
    axes = (
        Axis("loss", "loss"),
        Axis("snr", "signal-to-noise ratio", "SNR", scale="log", refine=7),
        Axis("psi", "samples per feature", "ψ", scale="log"),
        Axis("bag_size", "bag size", "k"),
    )
    measures = (
        Measure("risk", "excess risk over the signal's power", ("loss", "snr")),
        Measure("best", "excess risk at the best weight", ("snr",)),
        Measure("debiased", "excess risk of debiased responses", ("snr",)),
        Measure("threshold", "SNR of the tie", ("bag_size", "psi")),
        Measure("diagonal", "bag size at which the bag loss diverges", ("psi",)),
    )
    views = (
        Curves(
            "risk",
            "Against the signal",
            "snr",
            ("risk", "best"),
            "loss",
            dashed=("best",),
            guides=(Guide("threshold", "x", "tie"),),
        ),
        HeatMap(
            "map",
            "Where they tie",
            "psi",
            "bag_size",
            "threshold",
            y_scale="linear",
            colour_range=(0.1, 100),
            border="diagonal",
        ),
        Curves(
            "debiased",
            "Debiased responses",
            "snr",
            ("risk", "debiased"),
            "loss",
            dashed=("debiased",),
            y_title="excess risk over the signal's power",
        ),
    )
    presets = (
        Preset("quick", "ψ = 10, bags of five", BagOrInstanceParams(), 20),
        Preset("paper", "ψ = 10, bags of five, d = 400", BagOrInstanceParams(d=400), 40),
        Preset(
            "edge", "Hardly more bags than features: k = 8", BagOrInstanceParams(bag_size=8), 40
        ),
        Preset(
            "few",
            "Fewer bags than features: ψ = 5, k = 8",
            BagOrInstanceParams(psi=5, bag_size=8),
            40,
        ),
    )
    equations = (
        Equation(
            r"\mathrm{SNR}^* = \frac{k\,((k+1)\psi-k)}{(\psi-k)\,((k-1)\psi-k+2)}\qquad(\psi>k)",
            "At this signal-to-noise ratio ‖θ₀‖²/σ² the two risks are equal.",
            f"a lemma of this kind is in arXiv 2401.11081; the formula is {OURS}",
        ),
        Equation(
            r"\frac{R_{bag}}{\sigma^2} = \frac{k}{\psi-k},\qquad"
            r" \frac{R_{ins}}{\sigma^2} = \mathrm{SNR}\left[q^2+\frac{q(1-q)}{\psi-1}\right]"
            r" + \frac{1}{k(\psi-1)},\qquad q = 1-\frac1k",
            "The bag loss has no bias, the instance loss hardly any variance (ψ > k).",
            OURS,
        ),
        Equation(
            r"R_{debiased} = \frac{k\,\sigma^2+(k-1)\lVert\theta_0\rVert^2}{\psi-1}",
            "Least squares on k ȳ − (k−1) mean(y), which undoes the instance loss's shrinkage.",
            OURS,
        ),
        RISK,
    )
    sources = (AGGREGATE, EASY, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "With ψ < k the bag loss is solved with minimum norm, and the tie follows from its risk.",
        "Debiased responses (dashed in the third view): a formula only, no experiment.",
    )
    lesson = Lesson(
        "threshold",
        "When does the crude loss win?",
        (
            Step(
                "At ψ = 10 and k = 5 the losses tie at SNR = 1.49. Now the bags grow to 8 samples, "
                "still fewer than ψ.",
                {"bag_size": 8},
                "Where does the tie move?",
                ("To weaker signals", "To stronger signals"),
                1,
                "The bag loss has variance k/(ψ − k): with hardly more bags than features it blows "
                "up, and the biased but calm instance loss wins up to SNR = 5.1.",
            ),
            Step(
                "Bags of 2 at ψ = 10, then: 50 samples for each feature.",
                {"bag_size": 2, "psi": 50.0},
                "With plenty of data, which loss wins at SNR = 1?",
                ("The bag loss", "The instance loss"),
                0,
                "Variance falls with more data, bias does not: the instance loss keeps its bias "
                "of about (1 − 1/k)², so the tie moves to ever weaker signals.",
            ),
        ),
    )

    def grid(self, params: BagOrInstanceParams) -> Arrays:
        """Return both losses, signal strengths, and the axes of the map."""
        return {
            "loss": np.array(["bag", "instance"]),
            "snr": np.geomspace(0.05, 50, 13),
            "psi": np.geomspace(1.3, 40, 60),
            "bag_size": np.arange(2.0, 21.0),
        }

    def theory(self, params: BagOrInstanceParams, grid: Arrays) -> Arrays:
        """Return both risks, the best mixture's, the debiased one's, and the ties."""
        noise, k = 1.0 / np.asarray(grid["snr"]), params.bag_size
        psi = np.asarray(grid["psi"])
        found = risk(params.psi, k, _weights()[:, None], noise_variance=noise)
        best = optimal_rho(params.psi, k, noise_variance=noise)
        return {
            "risk": found.total,
            "best": best.risk,
            "debiased": debiased_risk(params.psi, k, noise_variance=noise),
            "threshold": snr_threshold(psi, np.asarray(grid["bag_size"])[:, None]),
            "diagonal": psi,
        }

    def trial(self, params: BagOrInstanceParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw bias² and variance of both losses, which serve every signal strength."""
        counts = bag_counts(params.n, [params.bag_size])
        found = risk_trial(params.n, params.d, counts, _weights(), noise_variance=1.0, rng=rng)
        bias, variance = found.bias_squared[0][:, None], found.variance[0][:, None]
        return {"risk": bias + variance / np.asarray(grid["snr"])}

    def guides(self, params: BagOrInstanceParams) -> dict[str, float]:
        """Return the signal-to-noise ratio at which the losses tie."""
        tie = float(snr_threshold(params.psi, params.bag_size))
        return {"threshold": tie} if 0.05 <= tie <= 50 else {}

    def validity(self, params: BagOrInstanceParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = (params.bag_size,)
        return (*near_peaks(params.psi, sizes), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[BagOrInstanceParams]) -> tuple[Check, ...]:
        """Hold both risks against simulation, and the ties against the risks."""
        params = outcome.params
        where = away_from_peaks(params.psi, params.bag_size, _weights()[:, None])
        gap = _tie(outcome.grid, np.asarray(outcome.theory["threshold"]))
        claim = "at the threshold both losses have the same risk, all over the map"
        return (
            sized_agreement(outcome, "risk", "risks", where=where),
            statement("tie", claim, gap, 1e-9, f"largest relative difference {gap:.1e}"),
        )


def _weights() -> NDArray[np.float64]:
    return np.array([0.0, 1.0])


def _tie(grid: Arrays, threshold: NDArray[np.float64]) -> float:
    """Largest relative difference of the two risks at the threshold, where it is finite."""
    psi, k = np.meshgrid(grid["psi"], grid["bag_size"])
    real = np.isfinite(threshold) & (threshold > 0)
    bag, instance = (
        risk(psi[real], k[real], rho, noise_variance=1.0 / threshold[real]).total
        for rho in _weights()
    )
    return float(np.max(np.abs(bag / instance - 1)))
