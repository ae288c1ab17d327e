"""Chapter 2: bounds from a critic, their ceilings and their spread."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import never_above
from sims.information_bottleneck.gaussian import correlation_for_information
from sims.information_bottleneck.studies.common import DERIVED, MEASURING, OURS
from sims.information_bottleneck.studies.sources import (
    GAUSSIAN_INFORMATION,
    LIMITATIONS,
    POOLE,
)
from sims.information_bottleneck.variational import (
    distribution_free_ceiling,
    donsker_varadhan,
    gaussian_critic,
    infonce,
    infonce_bias,
    nwj,
)
from sims.numerics.validate import ValidityWarning
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

NAMES = ("InfoNCE", "Donsker–Varadhan", "NWJ")
NCE, DV, NWJ = range(3)


class BoundsParams(Params):
    """Parameters of the bounds."""

    information: float = parameter(
        4.0,
        title="true information",
        symbol="I",
        unit="nats",
        help="Of a Gaussian pair; the critic is its exact log density ratio.",
        ge=0.1,
        le=8,
        step=0.1,
    )
    largest: int = parameter(
        1024,
        title="largest batch",
        symbol=r"K_{\max}",
        help="Batches double from 16 up to this.",
        ge=32,
        le=2048,
        scale="log",
    )


class LowerBounds(Study[BoundsParams]):
    """InfoNCE, Donsker-Varadhan and NWJ against the batch size, with the best critic."""

    name = "information-bottleneck/lower-bounds"
    title = "A ceiling or a spread"
    chapter = MEASURING
    statement = (
        "Three bounds that train a critic, here given the best one. InfoNCE is calm and **stops at "
        "$\\log K$**. Donsker–Varadhan and NWJ have no such ceiling; **in a batch too small for "
        "the information they scatter widely**, the former far above the truth."
    )
    takeaway = (
        "InfoNCE creeps up under log K (dashed); the other two come to the truth sooner, after "
        "a wild start in small batches."
    )
    standing = "asymptotic"
    Params = BoundsParams
    axes = (
        Axis("batch", "batch", "K", scale="log", refine=5),
        Axis("bound", "bound"),
        Axis("wide", "batch", "K", scale="log"),
    )
    measures = (
        Measure("value", "bound on the information", ("bound", "batch"), "Î", "nats"),
        Measure("ceiling", "log K", ("batch",), "", "nats"),
        Measure("bias", "InfoNCE: what is missing", ("wide",), "I − Î", "nats"),
        Measure("spread", "squared distance from the truth", ("bound", "batch"), "", "nats²"),
        Measure("free", "any distribution-free bound", ("batch",), "", "nats"),
    )
    views = (
        Curves(
            "value",
            "Bounds against the batch",
            "batch",
            ("value", "ceiling"),
            "bound",
            y_scale="linear",
            dashed=("ceiling",),
            guides=(Guide("truth", "y", "truth"),),
        ),
        Curves("spread", "Squared distance from the truth", "batch", ("spread",), "bound"),
        Curves(
            "free",
            "What InfoNCE, and any distribution-free bound, can reach",
            "batch",
            ("ceiling", "free"),
            y_scale="linear",
            y_title="ceiling (nats)",
            guides=(Guide("truth", "y", "truth"),),
        ),
        Curves("bias", "InfoNCE: what is missing, below its asymptote (line)", "wide", ("bias",)),
    )
    presets = (
        Preset("quick", "Four nats", BoundsParams(), 60),
        Preset("paper", "Four nats, batches to 2048", BoundsParams(largest=2048), 100),
        Preset("one", "One nat: easy", BoundsParams(information=1.0), 60),
        Preset("two", "Two nats: the asymptote of the bias", BoundsParams(information=2.0), 60),
        Preset("six", "Six nats: no batch is large enough", BoundsParams(information=6.0), 60),
    )
    equations = (
        GAUSSIAN_INFORMATION,
        Equation(
            r"\hat I_{\mathrm{NCE}} = \Big\langle f_{ii}-\log\tfrac1K\textstyle\sum_j e^{f_{ij}}"
            r"\Big\rangle,\quad \hat I_{\mathrm{DV}} = \langle f_{ii}\rangle - "
            r"\log\langle e^{f_{ij}}\rangle_{i\ne j},\quad \hat I_{\mathrm{NWJ}} = \langle"
            r" f_{ii}\rangle - \langle e^{f_{ij}-1}\rangle_{i\ne j}",
            "f: critic, here log p(y|x)/p(y), plus 1 for NWJ.",
            "Poole et al., ICML 2019",
        ),
        Equation(
            r"I - \mathbb E\,\hat I_{\mathrm{NCE}} \approx \frac{e^{2I}-1}{2K}",
            "For the best critic of a Gaussian pair as K → ∞. At any K that can be run it "
            "overstates the bias, by 10 % for little information and several times for much.",
            OURS,
        ),
        Equation(
            r"\hat I \le \log(2 k N^2)",
            "No distribution-free lower bound that holds with high confidence exceeds this.",
            f"McAllester and Stratos, in the version {OURS}",
        ),
    )
    sources = (POOLE, LIMITATIONS, DERIVED)
    assumptions = (
        "One Gaussian pair with the exact critic: training can only make matters worse.",
        "The bias formula is an asymptote, drawn for K > e²ᴵ only; the points take the same pairs' "
        "mean log ratio for the truth, which removes most of the noise.",
        "With heavy tails a mean of NWJ over few trials is itself unreliable.",
    )

    def grid(self, params: BoundsParams) -> Arrays:
        """Return batches that double, those where the bias formula holds, and the bounds."""
        steps = 2.0 ** np.arange(4, math.log2(params.largest) + 1e-9)
        batch = np.unique(np.append(steps, float(params.largest)))
        wide = batch[batch >= math.exp(2 * params.information)]
        return {
            "batch": batch,
            "bound": np.array(NAMES),
            "wide": wide if wide.size else batch[-1:],
        }

    def theory(self, params: BoundsParams, grid: Arrays) -> Arrays:
        """Return ceilings, and InfoNCE's bias where its formula holds."""
        batch, wide = np.asarray(grid["batch"]), np.asarray(grid["wide"])
        bias = np.asarray(infonce_bias(params.information, wide))
        free = [distribution_free_ceiling(max(2, round(k))).ceiling for k in batch]
        return {
            "ceiling": np.log(batch),
            "free": np.array(free),
            "bias": np.where(wide >= math.exp(2 * params.information), bias, np.inf),
        }

    def trial(self, params: BoundsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw one batch of every size and evaluate every bound on it."""
        rho = float(correlation_for_information(params.information))
        batches, wide = np.asarray(grid["batch"]), np.asarray(grid["wide"])
        value, pairs = np.zeros((len(NAMES), batches.size)), np.zeros(batches.size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # the chart shows the ceiling
            for place, size in enumerate(batches.astype(int)):
                x, noise = rng.standard_normal((2, size))
                critic = gaussian_critic(x, rho * x + math.sqrt(1 - rho**2) * noise, rho)
                value[:, place] = infonce(critic), donsker_varadhan(critic), nwj(critic + 1.0)
                pairs[place] = np.diag(critic).mean()  # of mean I, and as noisy as the bounds
        value = np.maximum(value, -1e6)  # a mean over trials exists; NWJ can be -inf
        return {
            "value": value,
            "spread": (value - params.information) ** 2,
            "bias": (pairs - value[NCE])[np.isin(batches, wide)],
        }

    def guides(self, params: BoundsParams) -> dict[str, float]:
        """Return the truth."""
        return {"truth": params.information}

    def checks(self, outcome: Outcome[BoundsParams]) -> tuple[Check, ...]:
        """Hold the ceiling, the bias where its formula is valid, and the larger spread."""
        params = outcome.params
        if not outcome.mean:
            return ()
        batch, wide = np.asarray(outcome.grid["batch"]), np.asarray(outcome.grid["wide"])
        shape = np.shape(outcome.mean["value"])
        of = np.arange(len(NAMES))[:, None]
        ceiling = np.where(of == NCE, np.log(batch), math.inf)
        found = [
            never_above(
                outcome,
                "value",
                np.broadcast_to(ceiling, shape),
                tolerance=1e-12,
                sentence="InfoNCE never exceeds log K",
            )
        ]
        if (wide >= math.exp(2 * params.information)).any():
            found.append(
                never_above(
                    outcome,
                    "bias",
                    np.asarray(outcome.theory["bias"]),
                    sentence="InfoNCE's bias stays below its asymptote (e²ᴵ − 1)/2K",
                )
            )
        return tuple(found)
