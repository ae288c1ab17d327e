"""Chapter 2: a dependency without a ceiling in nats, and what it costs to estimate."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, never_above, statement
from sims.information_bottleneck.studies.common import DERIVED, MEASURING, OURS
from sims.information_bottleneck.studies.sources import LIMITATIONS, WASSERSTEIN
from sims.information_bottleneck.variational import bijection_infonce
from sims.information_bottleneck.wasserstein import (
    factor_dependency,
    factor_information,
    gaussian_w1_bracket,
    wasserstein_dependency,
)
from sims.numerics.validate import ValidityWarning
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

    from sims.study import Arrays

KINDS = ("joint against product", "baseline: product against product")


class FactorsParams(Params):
    """Parameters of the factors and of the Gaussian pair."""

    symbols: int = parameter(
        4,
        title="symbols of a factor",
        symbol="V",
        help="Each factor takes one of V values, equally likely.",
        ge=2,
        le=50,
    )
    batch: int = parameter(
        128,
        title="batch",
        symbol="K",
        help="Pairs that InfoNCE compares.",
        ge=4,
        le=2048,
        scale="log",
    )
    samples: int = parameter(
        300,
        title="samples",
        symbol="N",
        help="For the Wasserstein estimate: half from the joint law, half from the product.",
        ge=20,
        le=1000,
        scale="log",
    )


class Factors(Study[FactorsParams]):
    """InfoNCE, information and Wasserstein dependency against the number of factors."""

    name = "information-bottleneck/wasserstein"
    title = "A distance in place of a ceiling"
    chapter = MEASURING
    statement = (
        "$Y$ holds $m$ independent factors of $X$. Their information grows with $m$, and InfoNCE "
        "**stops at $\\log K$**. The Wasserstein dependency, a distance between the joint law and "
        "the product, **grows in proportion to $m$ without a ceiling**; but it is not in nats, "
        "depends on the metric, and its estimate sees a distance where there is none."
    )
    takeaway = (
        "InfoNCE bends under log K while the information (dashed) goes on; what the distance "
        "gains there it loses in the baseline that must be shown beside it."
    )
    standing = "exact"
    Params = FactorsParams
    axes = (
        Axis("factors", "factors", "m"),
        Axis("rho", "correlation", "ρ"),
        Axis("fine", "correlation", "ρ"),
        Axis("kind", "sample"),
    )
    measures = (
        Measure("nce", "InfoNCE, best critic", ("factors",), "Î", "nats"),
        Measure("information", "information m log V", ("factors",), "I", "nats"),
        Measure("distance", "Wasserstein dependency", ("factors",), "I_W", "symbols"),
        Measure(
            "estimate", "Wasserstein dependency", ("kind", "rho"), "I_W", "standard deviations"
        ),
        Measure("upper", "not above", ("fine",), "", "standard deviations"),
        Measure("lower", "not below", ("fine",), "", "standard deviations"),
        Measure("least", "lower end less the estimate", ("rho",), "", "standard deviations"),
    )
    views = (
        Curves(
            "nce",
            "InfoNCE against the number of factors (dashed: the information)",
            "factors",
            ("nce", "information"),
            x_scale="linear",
            y_scale="linear",
            dashed=("information",),
            guides=(Guide("ceiling", "y", "log K"),),
        ),
        Curves(
            "distance",
            "Wasserstein dependency of the same factors",
            "factors",
            ("distance",),
            x_scale="linear",
            y_scale="linear",
        ),
        Curves(
            "gaussian",
            "Its estimate for a Gaussian pair (dashed: exact bracket)",
            "fine",
            ("estimate", "upper", "lower"),
            "kind",
            x_scale="linear",
            y_scale="linear",
            points=("rho", "estimate"),
            dashed=("upper", "lower"),
        ),
    )
    presets = (
        Preset("quick", "Four symbols, a batch of 128", FactorsParams(), 20),
        Preset("paper", "Ten symbols, a batch of 2048", FactorsParams(symbols=10, batch=2048), 40),
        Preset("few", "Forty samples: the baseline rules", FactorsParams(samples=40), 40),
    )
    equations = (
        Equation(
            r"I_W(X;Y) = W_1\big(p(x,y),\,p(x)p(y)\big) ="
            r" \sup_{\lVert f\rVert_L\le1}\ \mathbb E_{p(x,y)}f-\mathbb E_{p(x)p(y)}f",
            "In the units of the metric, and dependent on it.",
            "arXiv 1903.11780",
        ),
        Equation(
            r"I_W = m\,(1-1/V), \qquad I = m\log V, \qquad"
            r" \mathbb E\,\hat I_{\mathrm{NCE}} = \mathbb E\log\frac{K}{1+B}",
            "Hamming metric over the symbols of X and Y together; B counts the other pairs of the "
            "batch with the same symbols.",
            OURS,
        ),
    )
    sources = (WASSERSTEIN, LIMITATIONS, DERIVED)
    assumptions = (
        "Y is a bijection of X: nothing is lost, and the best critic knows it.",
        "The Gaussian estimate matches half of the sample to shuffled pairs of the other half by "
        "optimal assignment; its bias in D joint dimensions goes like N^(−1/D).",
        "**Not reproduced**: an advantage of the paper's Lipschitz critic over InfoNCE; in a "
        "linear toy InfoNCE, stuck at log K, still found every factor.",
        "Nats, symbols and standard deviations are not comparable and have charts of their own.",
    )
    lesson = Lesson(
        "factors",
        "What a ceiling hides",
        (
            Step(
                "Factors of four symbols; a batch of 128 pairs, log K = 4.9 nats.",
                {"symbols": 4, "batch": 128},
                "Eight factors carry 11.1 nats. What does InfoNCE say?",
                ("11.1", "4.9", "8"),
                1,
                "From four factors on hardly two pairs of the batch agree, and telling one of 128 "
                "apart is all that can be shown.",
            ),
            Step(
                "Look at the third view, with forty samples.",
                {"samples": 40},
                "At ρ = 0 the true distance is 0. The estimate?",
                ("0 as well", "About three quarters of a standard deviation", "Negative"),
                1,
                "Two samples of one law are never on top of each other. The baseline has the same "
                "bias: show it, and look at the difference.",
            ),
        ),
    )

    def grid(self, params: FactorsParams) -> Arrays:
        """Return numbers of factors, correlations, and the two samples."""
        return {
            "factors": np.arange(1.0, 11.0),
            "rho": np.array([0.0, 0.3, 0.6, 0.8, 0.95]),
            "fine": np.linspace(0.0, 0.99, 60),
            "kind": np.array(KINDS),
        }

    def theory(self, params: FactorsParams, grid: Arrays) -> Arrays:
        """Return the exact values, and the bracket of the Gaussian pair."""
        factors = np.asarray(grid["factors"]).astype(int)
        bracket = np.array([gaussian_w1_bracket(float(rho)) for rho in grid["fine"]]).T
        return {
            "nce": np.array([_infonce(params, int(m)) for m in factors]),
            "information": np.array([factor_information(int(m), params.symbols) for m in factors]),
            "distance": np.array([factor_dependency(int(m), params.symbols) for m in factors]),
            "lower": bracket[0],
            "upper": bracket[1],
        }

    def trial(self, params: FactorsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Count coincidences in a batch of factors; match a Gaussian sample."""
        factors = np.asarray(grid["factors"]).astype(int)
        drawn = rng.integers(0, params.symbols, (params.batch, int(factors.max())))
        found = []
        for m in factors:
            _, place, counts = np.unique(
                drawn[:, :m], axis=0, return_inverse=True, return_counts=True
            )
            found.append(math.log(params.batch) - float(np.log(counts[place]).mean()))
        x, noise = rng.standard_normal((2, params.samples))
        pairs, lower = [], []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # the chart shows the baseline
            for rho in np.asarray(grid["rho"]):
                y = rho * x + math.sqrt(1.0 - rho**2) * noise
                estimate = wasserstein_dependency(x, y, rng=rng)
                pairs.append((estimate.value, estimate.baseline))
                lower.append(gaussian_w1_bracket(float(rho))[0] - estimate.value)
        return {
            "nce": np.array(found),
            "estimate": np.array(pairs).T,
            "least": np.array(lower),
        }

    def guides(self, params: FactorsParams) -> dict[str, float]:
        """Return the ceiling."""
        return {"ceiling": math.log(params.batch)}

    def checks(self, outcome: Outcome[FactorsParams]) -> tuple[Check, ...]:
        """Hold the exact InfoNCE, the bracket, and the line of the distance."""
        distance = np.asarray(outcome.theory["distance"])
        bent = float(np.abs(np.diff(distance, 2)).max())
        return (
            agreement(
                outcome,
                "nce",
                tolerance=0.01,
                sentence="InfoNCE is its exact mean, within 1 %",
            ),
            never_above(
                outcome,
                "least",
                0.0,
                sentence="the estimated distance is not below the exact bracket",
            ),
            statement(
                "linear",
                "the Wasserstein dependency grows in proportion to the factors",
                bent,
                1e-12,
                f"second difference {bent:.0e}",
            ),
        )


def _infonce(params: FactorsParams, factors: int) -> float:
    """Return the exact mean of InfoNCE; beyond 10¹⁵ symbols no two pairs of a batch agree."""
    symbols = params.symbols**factors
    return math.log(params.batch) if symbols > 1e15 else bijection_infonce(symbols, params.batch)
