"""Chapter 4: the loss as published beside the loss as released."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, get_args

import numpy as np

from sims.agreement import agreement, exceeds, never_above
from sims.information_bottleneck.conditional import Variant, conditional_cs_divergence
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, OURS, REGRESSION
from sims.information_bottleneck.studies.conditional import (
    ENOUGH,
    FEW,
    MANY,
    OFFSET,
    TRUE_NOISE,
    predicted,
)
from sims.numerics.validate import ValidityWarning
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

FORMS: tuple[Variant, ...] = get_args(Variant)
FORM_NAMES = np.array(["as published", "as released"])
INPUTS = np.array(["uniform", "normal"])
EVERYWHERE = ("form", "inputs", "samples")


class ReleasedParams(Params):
    """Parameters of two noisy lines over inputs of two laws."""

    slope: float = parameter(
        0.5,
        title="slope of the prediction",
        symbol="b",
        help="The truth has slope 1.",
        ge=-2,
        le=2,
        step=0.05,
    )
    noise: float = parameter(
        0.5,
        title="noise of the prediction",
        symbol="s_2",
        help="Its standard deviation; that of the truth is 0.3.",
        ge=0.05,
        le=1,
        step=0.05,
    )
    width: float = parameter(
        0.05,
        title="kernel width of x",
        symbol=r"\sigma_x",
        help="The inputs' standard deviation is 0.29 under both laws.",
        ge=0.01,
        le=0.06,
        step=0.01,
    )
    width_y: float = parameter(
        0.2,
        title="kernel width of y",
        symbol=r"\sigma_y",
        help="Smooths both conditional laws.",
        ge=0.05,
        le=1,
        step=0.05,
        advanced=True,
    )
    largest: int = parameter(
        800,
        title="most samples",
        symbol=r"N_{\max}",
        help="The end of the horizontal axis; the cost is quadratic.",
        ge=500,
        le=4000,
        scale="log",
        advanced=True,
    )


class ReleasedWeights(Study[ReleasedParams]):
    """The published and the released form of the conditional divergence on the same samples."""

    name = "information-bottleneck/as-released"
    title = "The loss as published, and as released"
    chapter = REGRESSION
    statement = (
        "The paper weighs each sample by $1/(\\sum_i K_{ji})^2$; the code released with it by "
        "$1/\\sum_i K_{ji}^2$. **These are two losses.** Both are zero for $\\hat y = y$. Over "
        "uniform inputs they nearly agree; over normal ones, which have lonely samples in their "
        "tails, the released form gives a fraction of the published one."
    )
    takeaway = (
        "Where inputs are uniform the two forms agree, where they have tails they don't: a number "
        "must say which form it is."
    )
    standing = "asymptotic"
    Params = ReleasedParams
    axes = (
        Axis("form", "form"),
        Axis("inputs", "inputs"),
        Axis("samples", "number of samples", "N", scale="log", refine=7),
    )
    measures = (
        Measure("divergence", "conditional divergence", EVERYWHERE, "D", "nats"),
        Measure("shortfall", "published minus released", ("inputs", "samples"), "", "nats"),
        Measure("equal", "no difference", ("samples",), "", "nats"),
        Measure("at_truth", "divergence of ŷ = y", EVERYWHERE, "D", "nats"),
    )
    views = (
        Curves(
            "forms",
            "Both forms (no ceiling)",
            "samples",
            ("divergence",),
            "inputs",
            "form",
            y_scale="linear",
        ),
        Curves(
            "shortfall",
            "Published minus released",
            "samples",
            ("shortfall", "equal"),
            "inputs",
            y_scale="linear",
            dashed=("equal",),
        ),
    )
    presets = (
        Preset("quick", "Slopes 1 and 0.5, noise 0.3 and 0.5", ReleasedParams(), 40),
        Preset("paper", "Up to 2000 samples", ReleasedParams(largest=2000), 40),
        Preset("narrow", "A narrow width", ReleasedParams(width=0.02), 40),
    )
    equations = (
        Equation(
            r"\hat D = \log\sum_j w_j\sum_i K_{ji}L^1_{ji} + \log\sum_j w_j\sum_i K_{ji}L^2_{ji}"
            r" - 2\log\sum_j w_j\sum_i K_{ji}L^{21}_{ji}",
            "K, L¹, L² are the kernels of x, y and the predictions, L²¹ that of one against the "
            "other.",
            "arXiv 2404.17951",
        ),
        Equation(
            r"w_j = \Big(\sum_i K_{ji}\Big)^{-2} \;\text{(published)}, \qquad"
            r" w_j = \Big(\sum_i K_{ji}^2\Big)^{-1} \;\text{(released)}",
            "A sample with m neighbours weighs like 1/m² in one form and like 1/m in the other. As "
            "it meets m others, the published form weighs all places of x alike, the released one "
            "by how many samples are there.",
            OURS,
        ),
    )
    sources = (CS_IB, DERIVED)
    assumptions = (
        "x uniform on the unit interval, or normal of the same mean and deviation; y = x plus "
        "noise of deviation 0.3, prediction = b x + 0.2 plus noise of deviation s₂, both normal.",
        "The line is the prediction at finite N for the published form and uniform inputs. The "
        "other three have no theory here.",
        "Over normal inputs the published form rests on a few samples in the tails, whose only "
        "neighbour may be themselves: it scatters, and does not settle as N grows.",
        "Which of the two forms was behind the paper's tables is not known to us.",
    )
    lesson = Lesson(
        "form",
        "The same loss?",
        (
            Step(
                "Two formulas that differ in where a square is put. Look at uniform inputs.",
                {"width": 0.05},
                "By how much do the two forms differ there?",
                ("By a few per cent", "By half", "One is zero"),
                0,
                "Every sample has about as many neighbours as any other, so that the weights are "
                "all alike, and drop out. What is left comes from the ends of the interval.",
            ),
            Step(
                "Now normal inputs of the same mean and deviation.",
                {"width": 0.05},
                "Which form is larger?",
                ("The released one", "The published one, several times", "They agree again"),
                1,
                "In the tails a sample has few neighbours; 1/m² lets it count for as much as a "
                "crowd in the middle, and there it meets hardly anyone but itself.",
            ),
        ),
    )

    def grid(self, params: ReleasedParams) -> Arrays:
        """Return forms, laws of the inputs, and four numbers of samples."""
        sizes = np.round(np.geomspace(params.largest / 4, params.largest, 4))
        return {"form": FORM_NAMES, "inputs": INPUTS, "samples": sizes}

    def theory(self, params: ReleasedParams, grid: Arrays) -> Arrays:
        """Return the prediction where there is one: published form, uniform inputs."""
        sizes = np.asarray(grid["samples"])
        law = params.slope, params.noise, params.width_y, params.width
        many, few = (predicted(*law, count) for count in (MANY, FEW))
        found = np.full((len(FORMS), INPUTS.size, sizes.size), math.inf)
        found[0, 0] = many + (few - many) * FEW / sizes
        return {"divergence": found, "equal": np.zeros(sizes.size)}

    def trial(self, params: ReleasedParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw samples of every size under both laws, and estimate with both forms."""
        sizes = np.asarray(grid["samples"]).astype(int)
        found = np.empty((2, len(FORMS), INPUTS.size, sizes.size))
        for column, count in enumerate(sizes):
            for row, law in enumerate(INPUTS):
                x = rng.random(count)
                if law == "normal":
                    x = 0.5 + rng.standard_normal(count) / math.sqrt(12.0)
                y = x + TRUE_NOISE * rng.standard_normal(count)
                guess = params.slope * x + OFFSET + params.noise * rng.standard_normal(count)
                for which, form in enumerate(FORMS):
                    for place, predictions in enumerate((guess, y)):
                        found[place, which, row, column] = _estimate(
                            params, x, y, predictions, form
                        )
        return {
            "divergence": found[0],
            "shortfall": found[0, 0] - found[0, 1],
            "at_truth": found[1],
        }

    def validity(self, params: ReleasedParams) -> tuple[str, ...]:
        """Warn of few neighbours."""
        fewest = params.width * params.largest / 4 * math.sqrt(2 * math.pi)
        if fewest >= 10:
            return ()
        return (f"Only {fewest:.2g} neighbours at the left end: beyond a bias of first order.",)

    def checks(self, outcome: Outcome[ReleasedParams]) -> tuple[Check, ...]:
        """Hold the published form against its prediction, and the forms against each other."""
        params = outcome.params
        sizes = np.asarray(outcome.grid["samples"])
        enough = np.zeros((len(FORMS), INPUTS.size, sizes.size), dtype=bool)
        enough[0, 0] = params.width * sizes * math.sqrt(2 * math.pi) >= ENOUGH
        return (
            agreement(
                outcome,
                "divergence",
                tolerance=0.06,
                where=enough,
                sentence=f"published form, uniform inputs: theory within 6 % for m ≥ {ENOUGH}",
            ),
            exceeds(
                outcome,
                "shortfall",
                where=np.broadcast_to((INPUTS == "normal")[:, None], (INPUTS.size, sizes.size)),
                sentence="over normal inputs the published form is the larger one",
            ),
            never_above(
                outcome,
                "at_truth",
                1e-9,
                sentence="both forms are zero where the prediction is the response itself",
            ),
        )


def _estimate(
    params: ReleasedParams,
    x: np.ndarray,
    y: np.ndarray,
    predictions: np.ndarray,
    form: Variant,
) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ValidityWarning)  # said by `validity`
        return conditional_cs_divergence(
            x, y, predictions, width_x=params.width, width_y=params.width_y, variant=form
        )
