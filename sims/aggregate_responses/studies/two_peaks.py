"""Chapter 2: the double descent in the number of bags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

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
    away_from_peaks,
    bag_counts,
    bag_size_parameter,
    feature_count,
    noise_level,
    sized_agreement,
)
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

    from sims.study import Arrays


class DescentParams(Params):
    """Parameters of risk against the number of samples."""

    bag_size: int = bag_size_parameter(4, high=20)
    noise_variance: float = noise_level(0.25)
    rhos: tuple[float, ...] = parameter(
        (0.0, 1e-3, 0.1, 1.0),
        title="weights",
        symbol=r"\rho",
        help="One curve each; 0 is the bag loss.",
        ge=0,
        le=10,
    )
    d: int = feature_count(200)


class BagDescent(Study[DescentParams]):
    """Risk against samples per feature for several weights."""

    name = "aggregate-responses/two-peaks"
    title = "Two peaks"
    chapter = COST
    statement = (
        "Risk as samples come in, in bags of $k$. The **bag loss peaks at $\\psi = k$**, where "
        "there are as many bags as features; with any weight $\\rho > 0$ **that peak is gone and "
        "another stands at $\\psi = 1$**, where there are as many samples as features."
    )
    takeaway = (
        "A touch of the instance loss moves the peak from k samples per feature down to one; "
        "lines break where the risk is infinite."
    )
    standing = "asymptotic"
    Params = DescentParams
    axes = (
        Axis("rho", "weight", "ρ"),
        Axis("psi", "samples per feature", "ψ", scale="log"),
        Axis("simulated", "simulated samples per feature", "ψ", scale="log"),
    )
    measures = (
        Measure("curve", "excess risk", ("rho", "psi")),
        Measure("risk", "excess risk", ("rho", "simulated")),
        Measure("best", "excess risk at the best weight", ("psi",)),
    )
    views = (
        Curves(
            "risk",
            "Risk against samples per feature",
            "psi",
            ("curve", "best"),
            "rho",
            points=("simulated", "risk"),
            dashed=("best",),
            y_range=(0.02, 50),
            guides=(Guide("samples", "x", "ψ = 1"), Guide("bags", "x", "ψ = k")),
        ),
    )
    presets = (
        Preset("quick", "Bags of four, σ² = 0.25", DescentParams(), 40),
        Preset("paper", "Bags of four at d = 400", DescentParams(d=400), 40),
        Preset("noiseless", "No noise at all", DescentParams(noise_variance=0), 60),
    )
    equations = (
        FIXED_POINT,
        RISK,
        Equation(
            r"V \approx \frac{1}{2\sqrt{b\,\rho}}\qquad(\psi=k,\ \rho\to0)",
            "A small weight leaves a finite but tall peak of the variance at ψ = k.",
            OURS,
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "Simulated sizes keep away from both peaks, where the mean over draws does not exist.",
        "For ψ < 1 all weights above 0 give the same minimum-norm solution; for 1 < ψ < k the "
        "bag loss is not the limit of small weights.",
    )
    lesson = Lesson(
        "peaks",
        "Where does the bag loss break?",
        (
            Step(
                "Bags of four: the bag loss (ρ = 0) peaks at four samples per feature. Now bags "
                "of eight.",
                {"bag_size": 8},
                "Where are the two peaks?",
                ("At ψ = 1 and ψ = 8", "At ψ = 2 and ψ = 8", "At ψ = 1 and ψ = 4"),
                0,
                "Each loss breaks where its own equations are as many as the features: m = d for "
                "the bag loss, n = d as soon as single samples count.",
            ),
            Step(
                "Bags of four again, and no noise at all.",
                {"bag_size": 4, "noise_variance": 0.0},
                "Does the bag loss still peak at ψ = 4?",
                ("Yes", "No"),
                1,
                "The bag means then obey the model exactly, and beyond ψ = 4 the bag loss finds "
                "θ₀. But the peak at ψ = 1 stays: the instance loss takes the spread of the "
                "signal inside bags for noise.",
            ),
        ),
    )

    def grid(self, params: DescentParams) -> Arrays:
        """Return weights, a fine line through both peaks, and simulated sizes off them."""
        peaks = np.array([1.0, params.bag_size])
        fine = np.geomspace(0.25, 40, 240)
        fine = fine[(np.abs(fine[:, None] / peaks - 1) > 0.005).all(1)]
        wanted = np.geomspace(0.3, 36, 16)
        bags = np.unique(np.maximum(1, np.round(wanted * params.d / params.bag_size)))
        sizes = bags * params.bag_size / params.d
        clear = (np.abs(sizes - 1) >= 0.2) & (np.abs(sizes / params.bag_size - 1) >= 0.15)
        return {
            "rho": np.asarray(params.rhos),
            "psi": np.sort(np.concatenate([fine, peaks])),
            "simulated": sizes[clear],
        }

    def theory(self, params: DescentParams, grid: Arrays) -> Arrays:
        """Return the risk along the line and at the simulated sizes, and the best weight's."""
        rho, noise = np.asarray(grid["rho"])[:, None], params.noise_variance
        cell = params.bag_size, rho
        return {
            "curve": risk(grid["psi"], *cell, noise_variance=noise).total,
            "risk": risk(grid["simulated"], *cell, noise_variance=noise).total,
            "best": optimal_rho(grid["psi"], params.bag_size, noise_variance=noise).risk,
        }

    def trial(self, params: DescentParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw every size and fit it at every weight."""
        samples = np.round(np.asarray(grid["simulated"]) * params.d).astype(int)
        noise = params.noise_variance
        rows = []
        for n in samples:
            counts = bag_counts(int(n), [params.bag_size])
            found = risk_trial(int(n), params.d, counts, grid["rho"], noise_variance=noise, rng=rng)
            rows.append(found.total[0])
        return {"risk": np.array(rows).T}

    def guides(self, params: DescentParams) -> dict[str, float]:
        """Return both peaks."""
        return {"samples": 1.0, "bags": params.bag_size}

    def validity(self, params: DescentParams) -> tuple[str, ...]:
        """Warn where the left end has few bags."""
        fewest = 0.3 * params.d / params.bag_size
        if fewest >= 10:
            return ()
        return (f"Only {fewest:.0f} bags at the left end: single draws scatter widely.",)

    def checks(self, outcome: Outcome[DescentParams]) -> tuple[Check, ...]:
        """Hold theory against simulation off the peaks, and find both peaks infinite."""
        params = outcome.params
        rho, psi = np.asarray(outcome.grid["rho"]), np.asarray(outcome.grid["psi"])
        where = away_from_peaks(outcome.grid["simulated"], params.bag_size, rho[:, None])
        found = sized_agreement(outcome, "risk", "risk", where=where)
        curve = np.asarray(outcome.theory["curve"])
        wrong = 0
        for weight, line in zip(rho, curve):
            peak = params.bag_size if weight == 0 else 1.0
            silent = params.noise_variance == 0 and weight == 0
            infinite = psi[np.isinf(line)].tolist()
            wrong += infinite != ([] if silent else [peak])
        words = "the risk is infinite at ψ = k for ρ = 0, at ψ = 1 for ρ > 0, and nowhere else"
        return (found, statement("peaks", words, wrong, 0, f"{wrong} of {rho.size} curves differ"))
