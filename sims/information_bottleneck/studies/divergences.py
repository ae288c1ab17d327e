"""Chapter 2: which of two divergences is the larger, and where a quoted result fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import never_above, statement
from sims.information_bottleneck.cs_exact import gaussian_cs_divergence, gaussian_kl_divergence
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, MEASURING, OURS
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

DRAWS = 40
CASES = ("half of it against KL", "equal means", "equal covariances, difference")


class DivergencesParams(Params):
    """Parameters of the comparison of divergences."""

    spreads: tuple[float, ...] = parameter(
        (0.25, 0.5, 1.0, 2.0),
        title="standard deviations of p",
        symbol=r"\sigma_p",
        help="Of p = N(m, σ²), one curve each; q is standard normal.",
        ge=0.05,
        le=20,
    )
    dimension: int = parameter(
        3,
        title="dimensions of the random Gaussians",
        symbol="d",
        help="Drawn to look for violations.",
        ge=1,
        le=10,
        advanced=True,
    )


class Divergences(Study[DivergencesParams]):
    """Cauchy-Schwarz over Kullback-Leibler divergence of Gaussians."""

    name = "information-bottleneck/divergences"
    title = "Smaller than Kullback–Leibler? Not always"
    chapter = MEASURING
    statement = (
        "It is often quoted that the Cauchy–Schwarz divergence of Gaussians is at most "
        "Kullback–Leibler's. With the factor 2 that is used here it is **true for equal means, an "
        "equality for equal covariances, and false in general**; half of it never exceeds "
        "Kullback–Leibler."
    )
    takeaway = "Curves above 1 are counter-examples: a narrow p far from a wide q. None is above 2."
    standing = "exact"
    Params = DivergencesParams
    axes = (
        Axis("spread", "standard deviation of p", "σ"),
        Axis("gap", "distance of the means", "m", refine=7),
        Axis("case", "claim"),
    )
    measures = (
        Measure("ratio", "Cauchy–Schwarz over Kullback–Leibler divergence", ("spread", "gap")),
        Measure("worst", "largest violation of a claim", ("case",)),
    )
    views = (
        Curves(
            "ratio",
            "Ratio of the divergences, D_CS(p; q)/KL(p‖q)",
            "gap",
            ("ratio",),
            "spread",
            x_scale="linear",
            y_scale="linear",
            guides=(
                Guide("one", "y", "as quoted: not above 1"),
                Guide("two", "y", "2: never above"),
            ),
        ),
    )
    presets = (
        Preset("quick", "Four widths", DivergencesParams(), 40),
        Preset("paper", "Four widths, many draws", DivergencesParams(), 400),
        Preset("narrow", "A very narrow p", DivergencesParams(spreads=(0.05, 0.1, 0.2)), 40),
    )
    equations = (
        Equation(
            r"D_{CS}(p;q) = -2\log\!\int\! pq + \log\!\int\! p^2 + \log\!\int\! q^2"
            r" = \Delta^\top(\Sigma_p+\Sigma_q)^{-1}\Delta +"
            r" \log\frac{|\Sigma_p+\Sigma_q|}{2^d\,|\Sigma_p|^{1/2}|\Sigma_q|^{1/2}}",
            "Δ is the difference of the means; the right-hand side is for Gaussians.",
            f"arXiv 2404.17951 (definition, up to the factor 2); right-hand side {OURS}",
        ),
        Equation(
            r"\tfrac12 D_{CS} \le KL(p\,\|\,q) \ \text{always},\qquad"
            r" D_{CS} \le KL \ \text{if } m_p = m_q \text{ or } \Sigma_p \succeq \Sigma_q,\qquad"
            r" D_{CS} = KL \ \text{if } \Sigma_p = \Sigma_q",
            "What is true.",
            OURS,
        ),
    )
    sources = (CS_IB, DERIVED)
    assumptions = (
        "Gaussians only; for other laws the paper's statement could not be read.",
        "Some papers leave out the factor 2: then the quoted result is true.",
    )

    def grid(self, params: DivergencesParams) -> Arrays:
        """Return widths, distances and claims."""
        return {
            "spread": np.asarray(params.spreads, dtype=float),
            "gap": np.linspace(0.0, 6.0, 13),
            "case": np.array(CASES),
        }

    def theory(self, params: DivergencesParams, grid: Arrays) -> Arrays:
        """Return the ratio; 0 over 0 is 1, its limit."""
        return {
            "ratio": np.array(
                [
                    [_ratio(float(gap), float(spread)) for gap in grid["gap"]]
                    for spread in grid["spread"]
                ]
            ),
            "worst": np.zeros(len(CASES)),
        }

    def trial(self, params: DivergencesParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw random Gaussians and look for violations of what is true."""
        size, worst = params.dimension, np.full(3, -np.inf)
        zero = np.zeros(size)
        for _ in range(DRAWS):
            mean = rng.standard_normal(size) * rng.exponential(3.0)
            first, second = (_covariance(size, rng) for _ in range(2))
            kl = gaussian_kl_divergence(mean, first, zero, second)
            half = gaussian_cs_divergence(mean, first, zero, second) / 2.0 - kl
            centred = gaussian_cs_divergence(zero, first, zero, second)
            centred -= gaussian_kl_divergence(zero, first, zero, second)
            alike = gaussian_cs_divergence(mean, first, zero, first)
            alike = abs(alike - gaussian_kl_divergence(mean, first, zero, first))
            worst = np.maximum(worst, (half / kl, centred, alike / max(kl, 1.0) - 1e-9))
        return {"worst": worst}

    def guides(self, params: DivergencesParams) -> dict[str, float]:
        """Return both limits."""
        return {"one": 1.0, "two": 2.0}

    def checks(self, outcome: Outcome[DivergencesParams]) -> tuple[Check, ...]:
        """Find the counter-example, and no violation of what is true."""
        cs = gaussian_cs_divergence(2.0, 0.25, 0.0, 1.0)
        kl = gaussian_kl_divergence(2.0, 0.25, 0.0, 1.0)
        ratio = np.asarray(outcome.theory["ratio"])
        return (
            statement(
                "counter-example",
                "N(2, 1/4) and N(0, 1) contradict the quoted result",
                cs / kl,
                1.0,
                f"{cs:.4f} against {kl:.4f}",
                below=False,
            ),
            statement(
                "half",
                "half of the Cauchy–Schwarz divergence is below Kullback–Leibler on every curve",
                float(ratio.max()),
                2.0,
                f"largest ratio {ratio.max():.3f}",
            ),
            never_above(
                outcome,
                "worst",
                1e-9,
                sentence="no random Gaussians violate what is true",
            ),
        )


def _ratio(gap: float, spread: float) -> float:
    kl = gaussian_kl_divergence(gap, spread**2, 0.0, 1.0)
    return gaussian_cs_divergence(gap, spread**2, 0.0, 1.0) / kl if kl > 1e-12 else 1.0


def _covariance(size: int, rng: Generator) -> Real:
    root = rng.standard_normal((size, size))
    spread = np.exp(rng.uniform(-1.5, 1.5, size))
    return np.asarray((root * spread) @ root.T + 0.01 * np.eye(size))
