"""Chapter 2: estimators of Shannon's information held against the truth."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, exceeds, never_above
from sims.information_bottleneck.binning import histogram_information
from sims.information_bottleneck.gaussian import correlation_for_information
from sims.information_bottleneck.neighbours import ksg
from sims.information_bottleneck.studies.common import DERIVED, MEASURING
from sims.information_bottleneck.studies.sources import (
    GAUSSIAN_INFORMATION,
    KRASKOV,
    LIMITATIONS,
    POOLE,
)
from sims.information_bottleneck.variational import gaussian_critic, infonce
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

NAMES = ("nearest neighbours", "histogram", "histogram, Miller–Madow", "InfoNCE, best critic")
KSG, BINS, CORRECTED, NCE = range(4)


class EstimatorsParams(Params):
    """Parameters of the comparison of estimators."""

    samples: int = parameter(
        500,
        title="samples",
        symbol="N",
        help="Pairs that every estimator sees; for InfoNCE one batch.",
        ge=20,
        le=3000,
        scale="log",
    )
    pairs: int = parameter(
        1,
        title="dimensions of X and of Y",
        symbol="d",
        help="Coordinates that are tied in pairs, equally strongly.",
        ge=1,
        le=10,
    )
    bins: int = parameter(
        16,
        title="bins a coordinate",
        symbol="b",
        help="Of the histogram, over the range of the sample.",
        ge=2,
        le=64,
    )
    neighbours: int = parameter(
        3,
        title="neighbours",
        symbol="k",
        help="Of the nearest-neighbour estimator (KSG 1).",
        ge=1,
        le=15,
        advanced=True,
    )
    largest: float = parameter(
        8.0,
        title="largest information",
        symbol="I",
        unit="nats",
        help="The true information goes from 0 to this.",
        ge=1,
        le=15,
        advanced=True,
    )


class Estimators(Study[EstimatorsParams]):
    """Estimated against true information of Gaussian pairs."""

    name = "information-bottleneck/estimators"
    title = "Who can measure information?"
    chapter = MEASURING
    statement = (
        "Gaussian pairs whose information is known exactly, and four ways to estimate it from $N$ "
        "samples. **No estimate exceeds $\\log N$**; InfoNCE stops there even with the best "
        "critic there is, a histogram sees information where there is none, and nearest "
        "neighbours, nearly perfect in one dimension, fall short in many."
    )
    takeaway = (
        "A good estimate lies on the dashed diagonal; all of them leave it below the ceiling log "
        "N, and a histogram is wrong at both ends."
    )
    standing = "exact"
    Params = EstimatorsParams
    axes = (
        Axis("information", "true information", "I", "nats"),
        Axis("estimator", "estimator"),
    )
    measures = (
        Measure("truth", "true information", ("information",), "I", "nats"),
        Measure("estimate", "estimated information", ("estimator", "information"), "Î", "nats"),
        Measure("short", "true less estimated", ("estimator", "information"), "I − Î", "nats"),
    )
    views = (
        Curves(
            "estimate",
            "Estimated against true information",
            "information",
            ("estimate", "truth"),
            "estimator",
            x_scale="linear",
            y_scale="linear",
            dashed=("truth",),
            guides=(Guide("ceiling", "y", "ceiling log N"),),
        ),
        Curves(
            "short",
            "What is missing",
            "information",
            ("short",),
            "estimator",
            x_scale="linear",
            y_scale="linear",
            guides=(Guide("none", "y", "no error"),),
        ),
    )
    presets = (
        Preset("quick", "One dimension, 500 samples", EstimatorsParams(), 12),
        Preset(
            "paper", "One dimension, 3000 samples", EstimatorsParams(samples=3000, largest=10.0), 12
        ),
        Preset("five", "Five dimensions", EstimatorsParams(pairs=5, bins=3), 12),
        Preset("few", "Fifty samples", EstimatorsParams(samples=50), 40),
    )
    equations = (
        GAUSSIAN_INFORMATION,
        Equation(
            r"\hat I_{\mathrm{KSG}} = \psi(k)+\psi(N)-\big\langle\psi(n_x+1)+\psi(n_y+1)\big\rangle"
            r" \le \psi(N)-\psi(k)",
            "n_x, n_y: samples nearer in one variable than the k-th neighbour in both.",
            "Kraskov, Stögbauer, Grassberger, 2004",
        ),
        Equation(
            r"\hat I_{\mathrm{NCE}} = \frac1N\sum_i\Big[f_{ii}-\log\frac1N\sum_j e^{f_{ij}}\Big]"
            r" \le \log N",
            "f is the log density ratio, the best critic; nothing is trained here.",
            "van den Oord, Li, Vinyals, 2018",
        ),
    )
    sources = (KRASKOV, POOLE, LIMITATIONS, DERIVED)
    assumptions = (
        "Gaussian pairs, all coordinates equally correlated: the easiest case there is, and the "
        "one with a truth.",
        "All four estimate Shannon's information in nats and may share an axis; measures of other "
        "things (Cauchy–Schwarz, Rényi, HSIC, Wasserstein) have charts of their own.",
        "Uncorrected histograms are biased by about (m_xy − m_x − m_y + 1)/2N for m occupied "
        "cells; Miller and Madow's correction takes this off, and nothing of the binning's loss.",
    )
    lesson = Lesson(
        "ceiling",
        "How much can be measured at all?",
        (
            Step(
                "Five hundred samples, one dimension. log 500 is 6.2 nats.",
                {"samples": 500, "pairs": 1},
                "True information is 8 nats. What does InfoNCE with the best critic say?",
                ("8", "Nearly 6.2", "About 3"),
                1,
                "It compares each pair with 499 wrong ones, and picking one out of 500 is worth "
                "no more than log 500, however much there is to know.",
            ),
            Step(
                "Fifty samples now, and no information at all (the left end).",
                {"samples": 50},
                "Which estimator sees most where there is none?",
                ("Nearest neighbours", "The histogram", "InfoNCE"),
                1,
                "Sixteen by sixteen cells for fifty samples: most cells hold one or none, which "
                "looks like a table of rules.",
            ),
        ),
    )

    def grid(self, params: EstimatorsParams) -> Arrays:
        """Return true informations and the estimators."""
        return {
            "information": np.linspace(0.0, params.largest, 9),
            "estimator": np.array(NAMES),
        }

    def theory(self, params: EstimatorsParams, grid: Arrays) -> Arrays:
        """Return the truth."""
        return {"truth": np.asarray(grid["information"])}

    def trial(self, params: EstimatorsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw pairs at every information and estimate in every way, from the same normals."""
        x, noise = rng.standard_normal((2, params.samples, params.pairs))
        truth = np.asarray(grid["information"])
        found = np.zeros((len(NAMES), truth.size))
        for place, information in enumerate(truth):
            rho = float(correlation_for_information(information, params.pairs))
            y = rho * x + math.sqrt((1.0 - rho) * (1.0 + rho)) * noise
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ValidityWarning)  # the chart shows the ceiling
                found[:, place] = (
                    ksg(x, y, k=params.neighbours),
                    histogram_information(x, y, bins=params.bins),
                    histogram_information(x, y, bins=params.bins, miller_madow=True),
                    infonce(gaussian_critic(x, y, rho)),
                )
        return {"estimate": found, "short": truth - found}

    def guides(self, params: EstimatorsParams) -> dict[str, float]:
        """Return the ceiling."""
        return {"ceiling": math.log(params.samples), "none": 0.0}

    def validity(self, params: EstimatorsParams) -> tuple[str, ...]:
        """Warn where a histogram has no chance."""
        cells = float(params.bins) ** (2 * params.pairs)
        if cells <= 5.0 * params.samples:
            return ()
        return (f"{cells:.3g} cells for {params.samples} samples: the histogram shows its bias.",)

    def checks(self, outcome: Outcome[EstimatorsParams]) -> tuple[Check, ...]:
        """Hold the ceilings, the nearest neighbours in one dimension, and the histogram's bias."""
        params = outcome.params
        if not outcome.mean:
            return ()
        truth = np.asarray(outcome.grid["information"])
        shape = np.shape(outcome.mean["estimate"])
        of = np.arange(len(NAMES))[:, None]
        found = [
            never_above(
                outcome,
                "estimate",
                math.log(params.samples) + 1e-9,
                where=np.broadcast_to(of != CORRECTED, shape),
                sentence="no estimate exceeds log N",
            ),
        ]
        beyond = truth > math.log(params.samples)
        if beyond.any():
            found.append(
                exceeds(
                    outcome,
                    "short",
                    where=np.broadcast_to((of == NCE) & beyond, shape),
                    sentence="beyond log N InfoNCE falls short, with the best critic",
                )
            )
        if params.pairs == 1 and params.samples >= 300:
            small = (of == KSG) & (truth > 0) & (truth <= 0.5 * math.log(params.samples))
            against = Outcome(
                params=params,
                grid=outcome.grid,
                theory={"estimate": np.broadcast_to(truth, shape)},
                mean=outcome.mean,
                stderr=outcome.stderr,
                low=outcome.low,
                high=outcome.high,
                trials=outcome.trials,
                alarm=outcome.alarm,
            )
            words = "in one dimension nearest neighbours are right up to half the ceiling, in 5 %"
            found.append(
                agreement(
                    against,
                    "estimate",
                    tolerance=0.05,
                    where=np.broadcast_to(small, shape),
                    sentence=words,
                )
            )
        return tuple(found)
