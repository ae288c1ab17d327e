"""Chapter 3: the bag size that strong privacy asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.aggregate_responses.privacy import critical_rho, private_leading_order
from sims.aggregate_responses.simulate import risk_trial
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    EXACT_LAW,
    FIXED_POINT,
    GAUSSIAN,
    OURS,
    PRIVACY,
    RHO,
    Proportion,
    away_from_peaks,
    bag_counts,
    few_bags,
    near_peaks,
    refuse_oversized,
    samples_per_feature,
    sized_agreement,
)
from sims.aggregate_responses.studies.privacy import (
    MECHANISM,
)
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


class PrivateSizeParams(Proportion):
    """Parameters of the bag size under strong privacy."""

    psi: float = samples_per_feature(10.0, low=1.3)
    psis: tuple[float, ...] = parameter(
        (6.0, 10.0, 20.0),
        title="samples per feature in the other views",
        symbol=r"\psi",
        help="One curve each in the second and third view.",
        gt=1,
        le=50,
    )
    largest: int = parameter(
        5,
        title="largest bag size",
        symbol="K",
        help="Bags of 1 to K samples are offered.",
        ge=2,
        le=20,
    )

    @model_validator(mode="after")
    def _check_largest(self) -> Self:
        refuse_oversized("largest", (self.largest,), self.n)
        return self


class PrivateBagSize(Study[PrivateSizeParams]):
    """The bag size that strong privacy asks for, against rho."""

    name = "aggregate-responses/private-bag-size"
    title = "All or nothing"
    chapter = PRIVACY
    statement = (
        "Under strong privacy only the released noise counts, and $V(k,\\rho,\\psi)/k$ decides on "
        "the bag size, whatever $\\varepsilon$. Below a small weight $\\rho_c$ single responses "
        "are best; **above it the best bag jumps straight to the largest on offer**, with nothing "
        "in between."
    )
    takeaway = (
        "For all but the smallest weights, strong privacy wants the largest bag it can get; for "
        "the pure bag loss it wants no bags at all."
    )
    standing = "asymptotic"
    Params = PrivateSizeParams
    axes = (
        Axis("bag_size", "bag size", "k"),
        RHO,
        Axis("psi", "samples per feature", "ψ"),
        Axis("weight", "weight of the instance loss", "ρ"),
        Axis("bags", "bag size", "k"),
    )
    measures = (
        Measure("noise", "noise in the estimate, single responses = 1", ("bag_size", "rho")),
        Measure("best_size", "best bag size", ("psi", "weight"), "k*"),
        Measure("critical", "weight above which bags win", ("psi", "bags"), "ρ_c"),
    )
    views = (
        Curves(
            "noise",
            "Noise left",
            "rho",
            ("noise",),
            "bag_size",
            x_scale="linear",
            guides=(Guide("critical", "x", "largest bag wins from here"),),
        ),
        Curves(
            "best_size",
            "Best bag size",
            "weight",
            ("best_size",),
            "psi",
            x_scale="log",
            y_scale="linear",
        ),
        Curves("critical", "Where bags begin to win", "bags", ("critical",), "psi"),
    )
    presets = (
        Preset("quick", "Bags of up to five", PrivateSizeParams(), 40),
        Preset("paper", "Bags of up to five at d = 400", PrivateSizeParams(d=400), 40),
        Preset("many", "Bags of up to ten, ψ = 20", PrivateSizeParams(psi=20, largest=10), 40),
    )
    equations = (
        MECHANISM,
        Equation(
            r"R \simeq \log n\cdot\frac{2f^2C^2}{\varepsilon^2}\cdot\frac{V(k,\rho,\psi)}{k}",
            "The leading order in log n: the released noise swamps everything else.",
            f"order as in arXiv 2401.11081, consistent with what is {OURS}",
        ),
        FIXED_POINT,
        Equation(
            r"\Big[\tfrac{\psi(\psi-1)}{k}+\psi+\tfrac{\psi}{k-1}\Big]x_c^2-\tfrac{2k}{k-1}\,x_c"
            r"+\tfrac{k^2}{\psi(k-1)}-k=0,\qquad \rho_c=\frac{y(1-x_c)}{x_c(1-y)},\quad"
            r" y=\frac{1-a\,x_c}{b}",
            "Bags of k release less noise than single responses exactly when ρ > ρ_c.",
            OURS,
        ),
    )
    sources = (AGGREGATE, DERIVED)
    assumptions = (
        *GAUSSIAN,
        EXACT_LAW,
        "Leading order only: at the ε of practice the bias that ρ brings counts too, and the best "
        "bag is smaller (see the staircase of the study before).",
        "Simulated is V, the variance per unit of noise; the Laplace noise enters only through "
        "its variance, so it is not drawn.",
        "The paper reports k = 5 as best among 1 to 5 for ρ = 1; the second view shows for which "
        "other weights that is so. Its values of ψ are our choice.",
    )
    lesson = Lesson(
        "all-or-nothing",
        "Which bag size does strong privacy want?",
        (
            Step(
                "At ψ = 10 bags of 1 to 5 are on offer; at ρ = 0.5 five is best. Now bags of up to "
                "10 are offered.",
                {"largest": 10},
                "Which bag size is best at ρ = 0.5 now?",
                ("Still 5", "7 or 8", "10"),
                2,
                "V/k keeps falling with k: at such a weight the penalty removes more variance the "
                "larger the bags. The price is bias, which the leading order does not see.",
            ),
        ),
    )

    def grid(self, params: PrivateSizeParams) -> Arrays:
        """Return bag sizes, weights, samples per feature, a fine line of weights."""
        sizes = np.arange(1, params.largest + 1)
        return {
            "bag_size": sizes,
            "rho": np.array([0.005, 0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 1.0]),
            "psi": np.asarray(params.psis),
            "weight": np.geomspace(0.003, 1, 400),
            "bags": sizes[1:],
        }

    def theory(self, params: PrivateSizeParams, grid: Arrays) -> Arrays:
        """Return the noise relative to single responses, best sizes and critical weights."""
        sizes, psi = np.asarray(grid["bag_size"])[:, None], np.asarray(grid["psi"])
        noise = _order(params.psi, sizes, np.asarray(grid["rho"]))
        every = _order(psi[:, None], sizes[:, None], np.asarray(grid["weight"]))
        return {
            "noise": noise / _order(params.psi, 1, 1.0),
            "best_size": np.asarray(grid["bag_size"])[every.argmin(0)].astype(float),
            "critical": critical_rho(psi[:, None], np.asarray(grid["bags"])),
        }

    def trial(self, params: PrivateSizeParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw the variance per unit of noise for every bag size and weight."""
        sizes = np.asarray(grid["bag_size"])
        counts = bag_counts(params.n, sizes)
        found = risk_trial(params.n, params.d, counts, grid["rho"], noise_variance=1.0, rng=rng)
        per_bag = found.variance / sizes[:, None]
        return {"noise": per_bag / per_bag[0, 0]}  # for single responses ρ has no effect

    def guides(self, params: PrivateSizeParams) -> dict[str, float]:
        """Return the weight above which the largest bags beat single responses."""
        critical = float(critical_rho(params.psi, float(params.largest)))
        return {"critical": critical} if 0 < critical <= 1 else {}

    def validity(self, params: PrivateSizeParams) -> tuple[str, ...]:
        """Warn near the peaks and with few bags."""
        sizes = (params.largest,)
        return (*near_peaks(params.psi, sizes), *few_bags(params.n, sizes))

    def checks(self, outcome: Outcome[PrivateSizeParams]) -> tuple[Check, ...]:
        """Hold the noise against simulation, the jump, and the critical weight's equation."""
        params = outcome.params
        k, rho = np.asarray(outcome.grid["bag_size"])[:, None], np.asarray(outcome.grid["rho"])
        where = away_from_peaks(params.psi, k, rho)
        best = np.asarray(outcome.theory["best_size"])
        between = int(np.sum((best > 1) & (best < params.largest)))
        jump = "the best bag size is 1 or the largest, at every weight and ψ"
        gap = _crossing(outcome.grid, np.asarray(outcome.theory["critical"]))
        tie = "at ρ_c bags and single responses release the same noise"
        return (
            sized_agreement(outcome, "noise", "noise", where=where),
            statement("jump", jump, between, 0, f"{between} of {best.size} in between"),
            statement("crossing", tie, gap, 1e-9, f"largest relative difference {gap:.1e}"),
        )


def _order(psi: float | Real, sizes: int | Real, rho: float | Real) -> Real:
    """Leading order per log n at C = epsilon = 1, which cancel where orders are compared."""
    order = private_leading_order(psi, sizes, rho, n=100, epsilon=1.0, clip=1.0)
    return np.asarray(order / np.log(100))


def _crossing(grid: Arrays, critical: Real) -> float:
    """Largest relative difference of the two orders at the critical weights inside (0, inf)."""
    psi, sizes = np.meshgrid(grid["psi"], grid["bags"], indexing="ij")
    real = np.isfinite(critical) & (critical > 0)
    bags = _order(psi[real], sizes[real], critical[real])
    return float(np.max(np.abs(bags / _order(psi[real], 1, 1.0) - 1), initial=0.0))
