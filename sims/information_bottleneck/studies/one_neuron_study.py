"""Chapter 2: compression that one neuron shows by saturating."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import agreement, statement
from sims.information_bottleneck.counting import plug_in_entropy
from sims.information_bottleneck.one_neuron import one_neuron_entropy
from sims.information_bottleneck.studies.common import (
    ADAPTIVE,
    BITS,
    DERIVED,
    MEASURING,
    OPENING,
    OURS,
    SAXE,
)
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

    Real = NDArray[np.float64]

Activation = Literal["tanh", "relu", "linear"]
ACTIVATIONS: tuple[Activation, ...] = ("tanh", "relu", "linear")


class NeuronParams(Params):
    """Parameters of the binned neuron."""

    bins: int = parameter(
        30,
        title="bins",
        symbol="b",
        help="Equal bins between −r and r; what lies beyond falls into the outermost.",
        ge=2,
        le=200,
    )
    reach: float = parameter(
        1.0,
        title="range of the bins",
        symbol="r",
        help="1 suits tanh; a linear or a ReLU neuron soon leaves it.",
        ge=0.2,
        le=20,
        scale="log",
    )
    samples: int = parameter(
        4000,
        title="inputs",
        symbol="N",
        help="Drawn in a trial; entropies are Miller–Madow corrected.",
        ge=100,
        le=100_000,
        scale="log",
        advanced=True,
    )


class OneNeuron(Study[NeuronParams]):
    """Binned entropy of one neuron against its weight."""

    name = "information-bottleneck/one-neuron"
    title = "Compression without learning"
    chapter = MEASURING
    statement = (
        "One neuron $h = f(wX)$, a Gaussian input, thirty bins. Nothing is lost: for an invertible "
        "$f$ the information is infinite at every weight. The **binned** entropy rises and then "
        "**falls, as the tanh neuron saturates and crowds into the outermost bins**. Growing "
        "weights alone look like compression."
    )
    takeaway = (
        "The fall on the right is the bins', not the network's: with wider bins or another "
        "activation it moves or goes."
    )
    standing = "exact"
    Params = NeuronParams
    axes = (
        Axis("weight", "weight", "w", scale="log", refine=7),
        Axis("activation", "activation"),
    )
    measures = (
        Measure("entropy", "binned entropy", ("activation", "weight"), "H", "bits"),
        Measure("ceiling", "ceiling: log2 of the bins", ("weight",), "", "bits"),
    )
    views = (
        Curves(
            "entropy",
            "Binned entropy against the weight (estimator: equal bins; dashed: its ceiling)",
            "weight",
            ("entropy", "ceiling"),
            "activation",
            y_scale="linear",
            dashed=("ceiling",),
        ),
    )
    presets = (
        Preset("quick", "Thirty bins on [−1, 1]", NeuronParams(), 20),
        Preset("paper", "Thirty bins, 100,000 inputs", NeuronParams(samples=100_000), 40),
        Preset("wide", "Thirty bins on [−8, 8]", NeuronParams(reach=8.0), 20),
        Preset("coarse", "Four bins", NeuronParams(bins=4), 20),
    )
    equations = (
        Equation(
            r"I(T;X) = H(\mathrm{bin}(h)),\qquad p_i = \Phi\Big(\frac{f^{-1}(e_{i+1})}{w}\Big)"
            r"-\Phi\Big(\frac{f^{-1}(e_i)}{w}\Big)",
            "e: edges of the bins, Φ the normal distribution function.",
            OURS,
        ),
    )
    sources = (ADAPTIVE, OPENING, SAXE, DERIVED)
    assumptions = (
        "A standard Gaussian input. Values at an edge belong to the bin above it.",
        "With a bin for exact zeros a ReLU neuron would show half its inputs there, always.",
    )
    lesson = Lesson(
        "saturation",
        "What compresses here?",
        (
            Step(
                "A tanh neuron, thirty bins on [−1, 1]. Its weight grows; nothing is trained.",
                {"bins": 30, "reach": 1.0},
                "What does its binned entropy do?",
                ("Rises for ever", "Rises, then falls", "Stays"),
                1,
                "Small weights leave all values in a few middle bins, large ones push them into "
                "the two outermost. In between the bins are used best.",
            ),
            Step(
                "The same neurons, with the bins on [−8, 8].",
                {"reach": 8.0},
                "Which neuron's entropy now rises to the largest weights?",
                ("tanh", "The linear one rises further than tanh", "None"),
                1,
                "tanh never leaves [−1, 1], four of the thirty bins; the linear neuron fills them "
                "all before it leaves the range.",
            ),
        ),
    )

    def grid(self, params: NeuronParams) -> Arrays:
        """Return weights and activations."""
        return {"weight": 2.0 ** np.arange(-3, 6), "activation": np.array(ACTIVATIONS)}

    def theory(self, params: NeuronParams, grid: Arrays) -> Arrays:
        """Return the exact entropies."""
        weights, cuts = np.asarray(grid["weight"]), edges(params)
        exact = [np.asarray(one_neuron_entropy(weights, name, cuts)) for name in ACTIVATIONS]
        return {
            "entropy": np.array(exact) * BITS,
            "ceiling": np.full(weights.size, math.log2(params.bins)),
        }

    def trial(self, params: NeuronParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw inputs and bin the neuron's values."""
        x, cuts = rng.standard_normal(params.samples), edges(params)
        rows = [
            [_binned(_activate(name, float(w) * x), cuts) for w in np.asarray(grid["weight"])]
            for name in ACTIVATIONS
        ]
        return {"entropy": np.array(rows) * BITS}

    def checks(self, outcome: Outcome[NeuronParams]) -> tuple[Check, ...]:
        """Hold the exact entropy, and the fall of the tanh neuron."""
        entropy = np.asarray(outcome.theory["entropy"])[0]
        fall = float(entropy.max() - entropy[-1])
        return (
            agreement(
                outcome,
                "entropy",
                tolerance=0.01,
                sentence="the binned entropy is the exact one, within 1 %",
            ),
            statement(
                "fall",
                "the tanh neuron's entropy falls from its largest value as the weight grows",
                fall,
                0.0,
                f"by {fall:.2f} bits at the largest weight",
                below=False,
            ),
        )


def edges(params: NeuronParams) -> Real:
    """Return the interior edges of the bins."""
    return np.linspace(-params.reach, params.reach, params.bins + 1)[1:-1]


def _activate(name: Activation, values: Real) -> Real:
    if name == "tanh":
        return np.tanh(values)
    return np.maximum(values, 0.0) if name == "relu" else values


def _binned(values: Real, cuts: Real) -> float:
    """Return the corrected entropy of the bins, in nats."""
    counts = np.bincount(np.searchsorted(cuts, values, side="right"))
    return float(plug_in_entropy(counts[counts > 0], miller_madow=True))
