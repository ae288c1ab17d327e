"""Chapter 4: what the regression loss itself measures at finite N, bias included."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, exceeds
from sims.information_bottleneck.conditional import conditional_cs_divergence
from sims.information_bottleneck.conditional_limits import conditional_cs_prediction
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, OURS, REGRESSION
from sims.numerics.validate import ValidityWarning
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
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

ENOUGH = 20  # neighbours from which the first-order bias is held to its tolerance
NARROW = 0.06  # widths of x up to which the laws are not blurred over x
SAMPLES = Axis("samples", "number of samples", "N", scale="log", refine=7)
WIDTH = Axis("width", "kernel width of x", "σₓ", scale="log")
BY_SIZE = ("width", "samples")
OFFSET, TRUE_NOISE = 0.2, 0.3  # of the prediction, and of the truth
FEW, MANY = 100, 10**12


@lru_cache(maxsize=256)
def predicted(
    slope: float,
    noise: float,
    width_y: float,
    width_x: float | None = None,
    samples: int | None = None,
) -> float:
    """Return the prediction for the page's two lines, kept: its quadrature takes a while.

    Examples
    --------
    >>> round(predicted(0.5, 0.5, 0.2), 5)
    0.15803
    """
    return conditional_cs_prediction(
        (1.0, slope),
        (0.0, OFFSET),
        (TRUE_NOISE, noise),
        width_y=width_y,
        width_x=width_x,
        samples=samples,
    )


class ConditionalParams(Params):
    """Parameters of two noisy lines: y = x, and a prediction of another slope and noise."""

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
    widths: tuple[float, ...] = parameter(
        (0.02, 0.05),
        title="kernel widths of x",
        symbol=r"\sigma_x",
        help="One curve each; x fills the unit interval.",
        ge=0.005,
        le=0.5,
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
        1200,
        title="most samples",
        symbol=r"N_{\max}",
        help="The end of the horizontal axis; the cost is quadratic.",
        ge=500,
        le=8000,
        scale="log",
        advanced=True,
    )

    def limit(self) -> float:
        """Return the limit of many samples and narrow widths, nats."""
        return predicted(self.slope, self.noise, self.width_y)

    def expected(self, width: float, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the expectation of the estimate at finite N, nats: a straight line in 1/N."""
        law = self.slope, self.noise, self.width_y, width
        many, few = (predicted(*law, count) for count in (MANY, FEW))
        return np.asarray(many + (few - many) * FEW / samples)


class ConditionalBias(Study[ConditionalParams]):
    """The conditional divergence of two noisy lines, with the bias of finite samples."""

    name = "information-bottleneck/conditional-bias"
    title = "What does the loss measure?"
    chapter = REGRESSION
    statement = (
        "The paper's loss estimates the divergence between the law of $y$ given $x$ and that of "
        "the prediction. In a batch every sample meets **itself**, and that alone adds about "
        "$c/m$, where $m = N\\sigma_x\\sqrt{2\\pi}$ is the number of its neighbours. Lines: the "
        "prediction with this bias; dashed: the limit without it."
    )
    takeaway = (
        "At the sizes of a batch the bias is as large as the divergence itself: an estimate must "
        "be held against its prediction at finite N, never against the limit."
    )
    standing = "asymptotic"
    Params = ConditionalParams
    axes = (WIDTH, SAMPLES)
    measures = (
        Measure("divergence", "conditional divergence", BY_SIZE, "D", "nats"),
        Measure("limit", "limit of many samples", ("samples",), "D", "nats"),
        Measure("excess", "bias: estimate minus limit", BY_SIZE, "", "nats"),
        Measure("neighbours", "neighbours of a sample", BY_SIZE, "m"),
    )
    views = (
        Curves(
            "samples",
            "Estimate (no ceiling)",
            "samples",
            ("divergence", "limit"),
            "width",
            y_scale="linear",
            dashed=("limit",),
        ),
        Curves(
            "neighbours",
            "Bias and neighbours",
            "neighbours",
            ("excess",),
            "width",
        ),
    )
    presets = (
        Preset("quick", "Slopes 1 and 0.5, noise 0.3 and 0.5", ConditionalParams(), 80),
        Preset(
            "paper",
            "Up to 4000 samples, three widths",
            ConditionalParams(widths=(0.01, 0.02, 0.05), largest=4000),
            40,
        ),
        Preset("perfect", "A perfect prediction", ConditionalParams(slope=1.0, noise=0.3), 20),
        Preset(
            "blurred",
            "Where it stops holding: widths that blur over x",
            ConditionalParams(slope=-1.0, widths=(0.05, 0.2, 0.5)),
            20,
        ),
    )
    equations = (
        Equation(
            r"\hat D = \log\sum_j w_j\sum_i K_{ji}L^1_{ji} + \log\sum_j w_j\sum_i K_{ji}L^2_{ji}"
            r" - 2\log\sum_j w_j\sum_i K_{ji}L^{21}_{ji}, \qquad w_j = \Big(\sum_i K_{ji}"
            r"\Big)^{-2}",
            "K, L¹, L² are the kernels of x, y and the predictions, L²¹ that of one against the "
            "other. The paper's form; its released code has other weights and gives other numbers.",
            "arXiv 2404.17951",
        ),
        Equation(
            r"E\hat D \approx D_\infty + \frac1m\left[\Big(\tfrac{1}{l_1}-1\Big)+"
            r"\Big(\tfrac{1}{l_2}-1\Big)\right], \qquad l_i = \frac{\sigma_y}{\sqrt{\sigma_y^2+"
            r"2s_i^2}}, \quad m = N\sigma_x\sqrt{2\pi}",
            "To first order in 1/m; besides, x near the ends of its interval counts more.",
            OURS,
        ),
    )
    sources = (CS_IB, DERIVED)
    assumptions = (
        "x uniform on the unit interval; y = x plus noise of deviation 0.3, prediction = b x + 0.2 "
        "plus noise of deviation s₂, both normal.",
        "The prediction is of first order: it needs σₓ well below 1 and ten neighbours or more. "
        f"The check is about m ≥ {ENOUGH} and σₓ ≤ {NARROW:g}.",
        "A width that is not small compares laws blurred over x, which is no loss for regression: "
        "with eight inputs and width 3 a network's error was more than doubled.",
    )
    lesson = Lesson(
        "bias",
        "How biased is the loss?",
        (
            Step(
                "A width of 0.05 sees 2.5 times as many neighbours as one of 0.02.",
                {"widths": (0.02, 0.05)},
                "Which curve lies further above the dashed limit?",
                ("That of the larger width", "That of the smaller width"),
                1,
                "Fewer neighbours, more weight on the sample itself. In the second view both "
                "curves fall on one line of slope −1.",
            ),
            Step(
                "Now the prediction is perfect: the same slope and noise (but offset by 0.2).",
                {"slope": 1.0, "noise": 0.3},
                "With 1200 samples and the smaller width, is the bias negligible?",
                ("Yes", "No, it is a sizeable part of the estimate"),
                1,
                "It is about 0.04 nats, on top of a limit of 0.18.",
            ),
        ),
    )

    def grid(self, params: ConditionalParams) -> Arrays:
        """Return widths, and five numbers of samples."""
        sizes = np.round(np.geomspace(params.largest / 8, params.largest, 5))
        return {"width": np.asarray(params.widths), "samples": sizes}

    def theory(self, params: ConditionalParams, grid: Arrays) -> Arrays:
        """Return the prediction at finite N, its limit, and the bias between them."""
        widths, sizes = np.asarray(grid["width"]), np.asarray(grid["samples"])
        found = np.array([params.expected(width, sizes) for width in widths.tolist()])
        limit = params.limit()
        return {
            "divergence": found,
            "limit": np.full(sizes.size, limit),
            "excess": found - limit,
            "neighbours": widths[:, None] * sizes * math.sqrt(2 * math.pi),
        }

    def trial(self, params: ConditionalParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw samples for every size, and estimate with every width."""
        widths, sizes = np.asarray(grid["width"]), np.asarray(grid["samples"]).astype(int)
        found = np.empty((widths.size, sizes.size))
        for column, count in enumerate(sizes):
            x = rng.random(count)
            y = x + TRUE_NOISE * rng.standard_normal(count)
            guess = params.slope * x + OFFSET + params.noise * rng.standard_normal(count)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ValidityWarning)  # said by `validity`
                found[:, column] = [
                    conditional_cs_divergence(x, y, guess, width_x=w, width_y=params.width_y)
                    for w in widths
                ]
        neighbours = widths[:, None] * sizes * math.sqrt(2 * math.pi)
        return {
            "divergence": found,
            "excess": found - params.limit(),
            "neighbours": neighbours,
        }

    def validity(self, params: ConditionalParams) -> tuple[str, ...]:
        """Warn of few neighbours, and of widths that blur."""
        notes = []
        fewest = min(params.widths) * params.largest / 8 * math.sqrt(2 * math.pi)
        if fewest < 10:
            notes.append(
                f"Only {fewest:.2g} neighbours at the left end: beyond a bias of first order."
            )
        if max(params.widths) > NARROW:
            notes.append(f"σₓ above {NARROW:g} blurs the laws over x, which the lines do not know.")
        return tuple(notes)

    def checks(self, outcome: Outcome[ConditionalParams]) -> tuple[Check, ...]:
        """Hold the prediction against samples, and the bias against none."""
        neighbours = np.asarray(outcome.theory["neighbours"])
        narrow = np.asarray(outcome.grid["width"])[:, None] <= NARROW
        return (
            agreement(
                outcome,
                "divergence",
                tolerance=0.05,
                where=(neighbours >= ENOUGH) & narrow,
                sentence=f"theory within 5 % of the estimate, for m ≥ {ENOUGH} and σₓ ≤ {NARROW:g}",
            ),
            exceeds(
                outcome,
                "excess",
                where=(neighbours <= 60) & narrow,
                sentence="with up to 60 neighbours the bias is there beyond doubt",
            ),
        )
