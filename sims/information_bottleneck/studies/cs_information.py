"""Chapter 2: the Cauchy-Schwarz information, its closed form, its bias and its ceiling."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, never_above, statement
from sims.information_bottleneck.cauchy_schwarz import cs_qmi
from sims.information_bottleneck.cs_exact import gaussian_cs_qmi
from sims.information_bottleneck.gaussian import gaussian_information, pair_covariance
from sims.information_bottleneck.kernel_moments import KernelMoments, gaussian_kernel_moments
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, MEASURING, OURS
from sims.information_bottleneck.studies.sources import GAUSSIAN_INFORMATION, QMI, SMOOTHED
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

STATISTICS = ("V-statistic", "U-statistic")
SIZES = (50, 100, 200, 400, 800)


class CauchySchwarzParams(Params):
    """Parameters of the Cauchy-Schwarz information of a Gaussian pair."""

    width: float = parameter(
        0.3,
        title="kernel width",
        symbol=r"\sigma",
        help="Of both kernels, in standard deviations of the data.",
        ge=0.02,
        le=3,
        scale="log",
    )
    samples: int = parameter(
        400,
        title="samples",
        symbol="N",
        help="For the view against the correlation.",
        ge=20,
        le=2000,
        scale="log",
    )
    rho: float = parameter(
        0.5,
        title="correlation",
        symbol=r"\rho",
        help="For the view against the number of samples.",
        ge=0,
        le=0.99,
        step=0.01,
    )


class CauchySchwarzInformation(Study[CauchySchwarzParams]):
    """Estimates of the Cauchy-Schwarz information against their exact and expected values."""

    name = "information-bottleneck/cs-information"
    title = "Another information, with a bias of its own"
    chapter = MEASURING
    statement = (
        "The Cauchy–Schwarz information is not Shannon's: for Gaussian pairs it is **smaller by "
        "$-\\log(1-\\rho^2/4)$, at most $\\log\\frac43$ a pair**. With kernels it measures the "
        "data after smoothing; the usual V-statistic is biased upwards, exactly as predicted, "
        "and narrow kernels drive it to $\\log N$ whatever the data."
    )
    takeaway = (
        "The V-statistic sees dependence where there is none, by the amount predicted for N; "
        "without the coincident indices (U) the bias is gone."
    )
    standing = "exact"
    Params = CauchySchwarzParams
    axes = (
        Axis("correlation", "correlation", "ρ", refine=4),
        Axis("statistic", "estimator"),
        Axis("size", "samples", "N", scale="log"),
        Axis("pair", "correlation", "ρ"),
    )
    measures = (
        Measure(
            "by_rho",
            "Cauchy–Schwarz information",
            ("statistic", "correlation"),
            "I_CS",
            "nats",
        ),
        Measure("unsmoothed", "without smoothing", ("correlation",), "I_CS", "nats"),
        Measure("by_size", "Cauchy–Schwarz information", ("statistic", "size"), "I_CS", "nats"),
        Measure("ceiling", "ceiling log N", ("size",), "", "nats"),
        Measure("gap", "Shannon's information less it", ("pair",), "I − I_CS", "nats"),
        Measure("most", "log 4/3", ("pair",), "", "nats"),
    )
    views = (
        Curves(
            "rho",
            "Against the correlation (dashed: without smoothing)",
            "correlation",
            ("by_rho", "unsmoothed"),
            "statistic",
            x_scale="linear",
            y_scale="linear",
            dashed=("unsmoothed",),
        ),
        Curves(
            "size",
            "Against the number of samples",
            "size",
            ("by_size", "ceiling"),
            "statistic",
            dashed=("ceiling",),
        ),
        Curves(
            "gap",
            "How far below Shannon's information",
            "pair",
            ("gap", "most"),
            x_scale="linear",
            y_scale="linear",
            dashed=("most",),
            guides=(Guide("none", "y", "independent"),),
        ),
    )
    presets = (
        Preset("quick", "Width 0.3, 400 samples", CauchySchwarzParams(), 30),
        Preset("paper", "Width 0.3, 2000 samples", CauchySchwarzParams(samples=2000), 60),
        Preset("narrow", "Narrow kernels: the ceiling", CauchySchwarzParams(width=0.03), 30),
        Preset(
            "independent",
            "Independent, seen as dependent",
            CauchySchwarzParams(rho=0.0, width=0.3, samples=100),
            60,
        ),
    )
    equations = (
        GAUSSIAN_INFORMATION,
        QMI,
        SMOOTHED,
        Equation(
            r"\mathbb E\,\hat I_V \approx \log\frac{\mathbb E V_1\,\mathbb E V_2}"
            r"{(\mathbb E V_3)^2},\qquad 0 \le \hat I_V \le \log N",
            "V₁, V₂, V₃: the three means of kernel values, with their coincident indices; their "
            "expectations are exact at every N. The ceiling is reached as widths go to 0.",
            OURS,
        ),
    )
    sources = (CS_IB, DERIVED)
    assumptions = (
        "A Gaussian pair of unit variances; equal widths.",
        "Lines: for the V-statistic the logarithm of expectations at this N, for the U-statistic "
        "the smoothed closed form. Both leave out an O(1/N) bias of the logarithm.",
        "Not comparable with Shannon's information: only their difference is drawn.",
    )
    lesson = Lesson(
        "bias",
        "Dependence that is not there",
        (
            Step(
                "A hundred pairs of independent variables, kernels of width 0.3.",
                {"rho": 0.0, "width": 0.3, "samples": 100},
                "What does the V-statistic say (left end of the curve)?",
                ("Zero, up to noise", "About 0.13 nats", "About −0.1 nats"),
                1,
                "Each sample sees itself in both kernels. This alone looks like dependence, and "
                "its size is predicted: 0.126 nats.",
            ),
            Step(
                "Now very narrow kernels.",
                {"width": 0.02},
                "Where does the V-statistic go?",
                ("To zero", "To log N", "To infinity"),
                1,
                "Every sample sees only itself: N distinct symbols, perfectly tied, log N nats. "
                "The U-statistic has nothing left to average.",
            ),
        ),
    )

    def grid(self, params: CauchySchwarzParams) -> Arrays:
        """Return correlations, statistics and sample sizes."""
        return {
            "correlation": np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.95]),
            "statistic": np.array(STATISTICS),
            "size": np.asarray(SIZES, dtype=float),
            "pair": np.linspace(0.0, 0.999, 80),
        }

    def theory(self, params: CauchySchwarzParams, grid: Arrays) -> Arrays:
        """Return what each statistic is expected to be, the closed forms and the ceiling."""
        rho, sizes = np.asarray(grid["correlation"]), np.asarray(grid["size"])
        along = [_moments(float(r), params.width) for r in rho]
        one = _moments(params.rho, params.width)
        pair = np.asarray(grid["pair"])
        shannon = np.array([gaussian_information(float(r)) for r in pair])
        return {
            "by_rho": np.array(
                [
                    [moments.expected(params.samples).cs_qmi for moments in along],
                    [moments.cs_qmi for moments in along],
                ]
            ),
            "unsmoothed": np.array([gaussian_cs_qmi(float(r)) for r in rho]),
            "by_size": np.array(
                [[one.expected(int(n)).cs_qmi for n in sizes], np.full(sizes.size, one.cs_qmi)]
            ),
            "ceiling": np.log(sizes),
            "gap": shannon - np.array([gaussian_cs_qmi(float(r)) for r in pair]),
            "most": np.full(pair.size, math.log(4.0 / 3.0)),
        }

    def trial(self, params: CauchySchwarzParams, grid: Arrays, rng: Generator) -> Arrays:
        """Estimate at every correlation, and at every sample size."""
        x, noise = rng.standard_normal((2, max(*SIZES, params.samples)))

        def both(rho: float, size: int) -> tuple[float, float]:
            t = rho * x[:size] + math.sqrt(1.0 - rho**2) * noise[:size]
            widths = {"width_x": params.width, "width_t": params.width}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ValidityWarning)  # said by `validity`
                v, u = (cs_qmi(x[:size], t, statistic=s, **widths) for s in ("V", "U"))
            return v, u if math.isfinite(u) else 0.0

        return {
            "by_rho": np.array([both(float(r), params.samples) for r in grid["correlation"]]).T,
            "by_size": np.array([both(params.rho, int(n)) for n in grid["size"]]).T,
        }

    def guides(self, params: CauchySchwarzParams) -> dict[str, float]:
        """Return zero."""
        return {"none": 0.0}

    def validity(self, params: CauchySchwarzParams) -> tuple[str, ...]:
        """Warn where kernels see too little."""
        fewest = min(SIZES) * params.width**2
        if fewest >= 2:
            return ()
        return (
            "So narrow that few samples see each other: the V-statistic nears log N, and the "
            "U-statistic may be undefined (drawn as 0).",
        )

    def checks(self, outcome: Outcome[CauchySchwarzParams]) -> tuple[Check, ...]:
        """Hold the finite-N predictions, the ceiling and the gap's limit."""
        params = outcome.params
        gap = np.asarray(outcome.theory["gap"])
        found = [
            statement(
                "gap",
                "it stays below Shannon's information by at most log 4/3 a pair",
                float(max(gap.max() - math.log(4.0 / 3.0), -gap.min())),
                1e-9,
                f"largest gap {gap.max():.4f}, log 4/3 = {math.log(4 / 3):.4f}",
            )
        ]
        if not outcome.mean:
            return tuple(found)
        sizes = np.asarray(outcome.grid["size"])
        shape = np.shape(outcome.mean["by_size"])
        found.append(
            never_above(
                outcome,
                "by_size",
                np.broadcast_to(np.log(sizes), shape),
                tolerance=1e-12,
                sentence="no estimate exceeds log N",
            )
        )
        if params.width >= 0.2 and params.samples >= 200:
            tied = np.asarray(outcome.grid["correlation"]) >= 0.4
            words = "from ρ = 0.4 on the V-statistic is what is expected at this N, within 5 %"
            where = (np.arange(2)[:, None] == 0) & tied
            found.append(agreement(outcome, "by_rho", tolerance=0.05, where=where, sentence=words))
        return tuple(found)


def _moments(rho: float, width: float) -> KernelMoments:
    """Return the exact kernel moments of a pair."""
    return gaussian_kernel_moments(pair_covariance(rho), 1, width_x=width, width_t=width)
