"""Chapter 3: which activations compress, by two ways of binning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import exceeds, never_above
from sims.information_bottleneck.compression import compression_score
from sims.information_bottleneck.planes import run_information_plane
from sims.information_bottleneck.studies.common import (
    ADAPTIVE,
    BINNED,
    BITS,
    DERIVED,
    ICOSAHEDRON,
    LAYERS,
    NETWORKS,
    PATTERNS,
    SAXE,
    SCORE,
    dead_check,
    epoch_count,
    learning_rate,
    living,
)
from sims.information_bottleneck.studies.planes import (
    BY,
    BY_NAMES,
    LAYER,
    LAYER_RANGE,
    hardly_trained,
)
from sims.information_bottleneck.training import HIDDEN, TrainingSettings, look_epochs
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
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

FOUR = ("tanh", "elu", "relu", "softplus")
SATURATING, ONE_SIDED = FOUR.index("tanh"), FOUR.index("relu")  # alike in the order of all
LOOKS = 4
FIXED, RANKED = 0, 1


class ActivationParams(Params):
    """Parameters of the comparison of activations."""

    which: Literal["four", "all eight"] = parameter(
        "four",
        title="activations",
        symbol="f",
        help="Four of the paper's, or all eight at twice the cost.",
    )
    epochs: int = epoch_count(40)
    rate: float = learning_rate(8e-3)
    networks: int = parameter(
        1,
        title="networks in a trial",
        symbol="S",
        help="Initialisations of each activation trained together; a trial returns their average.",
        ge=1,
        le=50,
        advanced=True,
    )

    def names(self) -> tuple[str, ...]:
        """Return the activations, the four first."""
        others = tuple(name for name in HIDDEN if name not in FOUR)
        return FOUR if self.which == "four" else (*FOUR, *others)


class Activations(Study[ActivationParams]):
    """Compression of every layer under several activations."""

    name = "information-bottleneck/activations"
    title = "Which activations compress?"
    chapter = NETWORKS
    statement = (
        "Saxe et al. saw compression in networks of tanh and none in networks of ReLU, and named "
        "saturation as the cause; with adaptive bins Chelombiev et al. find it elsewhere too. The "
        "same task, network and training for each activation; the estimators, two ways of "
        "**binning**, have a ceiling of 12 bits. Layer 6 is the softmax output."
    )
    takeaway = (
        "By adaptive bins the fifth layer of tanh networks loses most of all; by fixed bins the "
        "loss sits in the softmax output, whatever the activation before it."
    )
    standing = "bound"
    Params = ActivationParams
    axes = (
        Axis("activation", "activation"),
        BY,
        LAYER,
        Axis("epoch", "epoch", "e", scale="log"),
    )
    measures = (
        Measure("score", "compression score", ("activation", "by", "layer"), "C", summary="median"),
        Measure(
            "information_x",
            "information on the input",
            ("activation", "layer", "epoch"),
            "I(T;X)",
            "bits",
            "median",
        ),
        Measure("ceiling", "ceiling", ("activation", "epoch"), "I(T;X)", "bits"),
        Measure("accuracy", "test accuracy", ("activation", "epoch"), summary="median"),
        Measure("contrast", "score of layer 5, tanh minus ReLU", ()),
        Measure("output", "score of layer 6, fixed minus adaptive", ("activation",), "", "median"),
        Measure("dead", "share of dead networks", ("activation",)),
    )
    views = (
        Curves(
            "score",
            "Compression of each layer",
            "layer",
            ("score",),
            "by",
            "activation",
            x_scale="linear",
            y_scale="linear",
            x_range=LAYER_RANGE,
            y_range=(-0.02, 0.8),
        ),
        Curves(
            "epochs",
            "While training (adaptive bins)",
            "epoch",
            ("information_x", "ceiling"),
            "layer",
            "activation",
            y_scale="linear",
            y_range=(0, 12.5),
            dashed=("ceiling",),
        ),
        Curves(
            "accuracy",
            "Test accuracy",
            "epoch",
            ("accuracy",),
            panel="activation",
            y_scale="linear",
            guides=(Guide("guess", "y", "always the commoner label"),),
        ),
    )
    presets = (
        Preset("quick", "Four activations, 40 epochs", ActivationParams(), 12),
        Preset("eight", "All eight activations", ActivationParams(which="all eight"), 12),
        Preset(
            "paper",
            "All eight activations, ten initialisations at once, 400 epochs (the paper: 8000)",
            ActivationParams(which="all eight", epochs=400, rate=2e-3, networks=10),
            2,
        ),
    )
    equations = (BINNED, SCORE)
    sources = (ADAPTIVE, SAXE, DERIVED)
    assumptions = (
        *ICOSAHEDRON,
        "Fixed bins have width 0.07, adaptive ones are 30 for each layer and epoch. The scores are "
        "shares of an estimator's own maximum, and so may stand side by side.",
        "No theory predicts the points. They are medians over trials, so that a network that has "
        "not learned does not move them; dead ones are counted below.",
        "Found in long runs (10 networks, 2000 epochs, adaptive bins, fifth layer): tanh loses "
        "35 %, Swish 22 %, ELU 21 %, centred softplus 16 %, ReLU 13 %, softplus 2 %. The order is "
        "the paper's; the short runs of this page are on the way there.",
    )
    lesson = Lesson(
        "saturation",
        "Is it saturation?",
        (
            Step(
                "tanh saturates at both ends, ReLU at one, softplus nowhere sharply.",
                {"which": "four"},
                "By adaptive bins, whose fifth layer loses the largest share?",
                ("tanh", "ReLU", "softplus"),
                0,
                "tanh, by far. Only float32 makes it so: saturated units are exactly 1 there, and "
                "patterns fall together.",
            ),
            Step(
                "Now look at the softmax output, layer 6, by fixed bins.",
                {"which": "four"},
                "Does it compress with activations that don't saturate?",
                ("No", "Yes: softmax saturates itself"),
                1,
                "Whatever came before, the output ends near 0 or 1, and bins of one width see "
                "little else.",
            ),
        ),
    )

    def grid(self, params: ActivationParams) -> Arrays:
        """Return activations, ways of binning, layers, and epochs looked at."""
        return {
            "activation": np.array(params.names()),
            "by": np.array(BY_NAMES[:2]),
            "layer": LAYERS,
            "epoch": look_epochs(params.epochs, LOOKS)[1:].astype(float),
        }

    def theory(self, params: ActivationParams, grid: Arrays) -> Arrays:
        """Return the ceiling of both ways of binning; there is no theory of the networks."""
        shape = np.size(grid["activation"]), np.size(grid["epoch"])
        return {"ceiling": np.full(shape, math.log2(PATTERNS))}

    def trial(self, params: ActivationParams, grid: Arrays, rng: Generator) -> Arrays:
        """Train networks of every activation, and measure their layers in both ways."""
        names = params.names()
        score = np.empty((len(names), 2, LAYERS.size))
        paths, accuracy, dead = [], [], []
        for row, name in enumerate(names):
            plane = run_information_plane(
                TrainingSettings(
                    activation=name,
                    networks=params.networks,
                    epochs=params.epochs,
                    looks=LOOKS,
                    rate=params.rate,
                ),
                rng,
                estimators=("fixed-bins", "adaptive-bins"),
            )
            kept, share = living(plane)
            score[row] = compression_score(plane.information_x[:, :, kept], axis=1).mean(axis=1)
            paths.append(plane.information_x[RANKED, 1:, kept].mean(axis=0).T * BITS)
            accuracy.append(plane.test_accuracy[1:, kept].mean(axis=1))
            dead.append(share)
        return {
            "score": score,
            "information_x": np.stack(paths),
            "accuracy": np.stack(accuracy),
            "contrast": np.asarray(score[SATURATING, RANKED, 4] - score[ONE_SIDED, RANKED, 4]),
            "output": score[:, FIXED, 5] - score[:, RANKED, 5],
            "dead": np.array(dead),
        }

    def guides(self, params: ActivationParams) -> dict[str, float]:
        """Return the accuracy of always naming the commoner label."""
        return {"guess": 2118 / PATTERNS}

    def validity(self, params: ActivationParams) -> tuple[str, ...]:
        """Warn of short trainings."""
        return hardly_trained(params.epochs, params.rate)

    def checks(self, outcome: Outcome[ActivationParams]) -> tuple[Check, ...]:
        """Judge who compresses, by which bins, and that nobody passes the ceiling."""
        params = outcome.params
        return (
            never_above(
                outcome,
                "information_x",
                math.log2(PATTERNS),
                tolerance=1e-9,
                sentence="no layer is reported above the ceiling of 12 bits",
            ),
            exceeds(
                outcome,
                "contrast",
                sentence="by adaptive bins, layer 5 of tanh compresses more than that of ReLU",
            ),
            exceeds(
                outcome,
                "output",
                sentence="the output compresses more by fixed bins than by adaptive ones, under "
                "every activation",
            ),
            dead_check(outcome, params.networks),
        )
