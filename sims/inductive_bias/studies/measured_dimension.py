"""Chapter 5: the two numbers that the measure takes from data, and how well they can be had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, exceeds
from sims.inductive_bias.dimension import intrinsic_dimensions
from sims.inductive_bias.studies.shared_tasks import AGNOSTIC, DERIVED, MEASURE, OURS
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

DIMENSIONS = (1, 2, 3, 5, 8, 12)


class DimensionParams(Params):
    """Parameters of the estimate of the dimension."""

    points: int = parameter(
        1000,
        title="points",
        symbol="n",
        help="Uniform on a sphere, turned into thirty dimensions.",
        ge=50,
        le=10_000,
        scale="log",
    )
    neighbours: tuple[float, ...] = parameter(
        (3, 5, 20),
        title="neighbours",
        symbol="k",
        help="One series each; the published estimate uses 5.",
        ge=3,
        le=40,
    )


class MeasuredDimension(Study[DimensionParams]):
    """Intrinsic dimension estimated on spheres of known dimension."""

    name = "inductive-bias/measured-dimension"
    title = "Can the dimension be measured?"
    chapter = MEASURE
    statement = (
        "The measure is exponential in the intrinsic dimension, so its estimate had better be "
        "good. From distances to the nearest neighbours it is, **up to about five dimensions**; "
        "beyond, it falls short, the more so the more neighbours are used."
    )
    takeaway = (
        "On the dashed diagonal the estimate is right; from eight dimensions on a thousand points "
        "no longer show how many there are."
    )
    standing = "asymptotic"
    Params = DimensionParams
    axes = (
        Axis("dimension", "true dimension", "m"),
        Axis("k", "neighbours", "k"),
    )
    measures = (
        Measure("estimate", "estimated dimension", ("k", "dimension"), "m̂"),
        Measure("truth", "true dimension", ("dimension",), "m"),
        Measure("short", "share that is missing", ("k", "dimension")),
    )
    views = (
        Curves(
            "estimate",
            "Estimated against true dimension",
            "dimension",
            ("estimate", "truth"),
            "k",
            x_scale="linear",
            y_scale="linear",
            dashed=("truth",),
        ),
        Curves(
            "short",
            "Share of the dimension that is missing",
            "dimension",
            ("short",),
            "k",
            x_scale="linear",
            y_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "A thousand points", DimensionParams(), 12),
        Preset("paper", "Two thousand points", DimensionParams(points=2000), 40),
        Preset("few", "A hundred points", DimensionParams(points=100), 40),
    )
    equations = (
        Equation(
            r"\hat m = \Big[\frac{1}{n(k-1)}\sum_x\sum_{j<k}\ln\frac{T_k(x)}{T_j(x)}\Big]^{-1}",
            "T_j: distance to the j-th neighbour. The mean is inverted once; averaging the "
            "inverses would be biased upwards.",
            "Levina and Bickel; averaging of MacKay and Ghahramani; as in the " + OURS,
        ),
    )
    sources = (AGNOSTIC, DERIVED)
    assumptions = (
        "Noiseless points, uniform on the sphere. The estimate takes the density as constant among "
        "neighbours, which needs a number of points exponential in the dimension.",
    )

    def grid(self, params: DimensionParams) -> Arrays:
        """Return dimensions and numbers of neighbours."""
        return {
            "dimension": np.asarray(DIMENSIONS, dtype=float),
            "k": np.unique(np.round(params.neighbours)).astype(int),
        }

    def theory(self, params: DimensionParams, grid: Arrays) -> Arrays:
        """Return the truth."""
        return {"truth": np.asarray(grid["dimension"])}

    def trial(self, params: DimensionParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw points on every sphere and estimate with every number of neighbours."""
        counts = [int(k) for k in np.asarray(grid["k"])]
        rows = []
        for dimension in np.asarray(grid["dimension"]).astype(int):
            points = rng.standard_normal((params.points, dimension + 1))
            points /= np.linalg.norm(points, axis=1, keepdims=True)
            rows.append(intrinsic_dimensions(points, counts))
        estimate = np.array(rows).T
        return {"estimate": estimate, "short": 1.0 - estimate / np.asarray(grid["dimension"])}

    def checks(self, outcome: Outcome[DimensionParams]) -> tuple[Check, ...]:
        """Hold the estimate against the truth in low dimension, and its bias in high."""
        params = outcome.params
        if params.points < 500 or not outcome.mean:
            return ()
        dimension = np.asarray(outcome.grid["dimension"])
        shape = np.shape(outcome.mean["estimate"])
        against = Outcome(
            params=params,
            grid=outcome.grid,
            theory={"estimate": np.broadcast_to(dimension, shape)},
            mean=outcome.mean,
            stderr=outcome.stderr,
            low=outcome.low,
            high=outcome.high,
            trials=outcome.trials,
            alarm=outcome.alarm,
        )
        return (
            agreement(
                against,
                "estimate",
                tolerance=0.05,
                where=np.broadcast_to(dimension <= 3, shape),
                sentence="up to dimension 3 the estimate is right, within 5 %",
            ),
            exceeds(
                outcome,
                "short",
                0.05,
                where=np.broadcast_to(dimension >= 12, shape),
                sentence="at dimension 12 more than 5 % are missing",
            ),
        )
