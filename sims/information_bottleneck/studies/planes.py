"""Chapter 3: information planes of the same networks, by four estimators."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds, never_above
from sims.information_bottleneck.compression import compression_score
from sims.information_bottleneck.discrete_curves import deterministic_ib_curve
from sims.information_bottleneck.planes import ESTIMATORS, PlaneSettings, run_information_plane
from sims.information_bottleneck.studies.common import (
    ADAPTIVE,
    ATTAINABLE,
    BINNED,
    BITS,
    DERIVED,
    ICOSAHEDRON,
    LAYERS,
    NETWORKS,
    OPENING,
    PATTERNS,
    SAXE,
    SCORE,
    NetworkParams,
    dead_check,
    label_entropy,
    living,
    short_training,
)
from sims.information_bottleneck.training import TrainingSettings, look_epochs
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
    Source,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

FIXED_BINS, ADAPTIVE_BINS = ESTIMATORS.index("fixed-bins"), ESTIMATORS.index("adaptive-bins")
PLANE = ("estimator", "layer", "epoch")
LAYER = Axis("layer", "layer")
LAYER_RANGE = (0.7, 6.3)
BY = Axis("by", "measured by")
BY_NAMES = (
    "fixed bins",
    "adaptive bins",
    "kernel",
    "adaptive kernel",
)  # in the order of ESTIMATORS

TRAINED = 0.15  # epochs times rate, below which many networks are still at the start


def hardly_trained(epochs: int, rate: float) -> tuple[str, ...]:
    """Warn where training is too short for its rate.

    Examples
    --------
    >>> hardly_trained(40, 8e-3)
    ()
    """
    return short_training(epochs) if epochs * rate < TRAINED else ()


class PlaneParams(NetworkParams):
    """Parameters of the information planes."""

    bins: int = parameter(
        30,
        title="adaptive bins",
        symbol="b",
        help="For each layer and epoch, with equally many of its values in each.",
        ge=2,
        le=200,
        advanced=True,
    )
    width: float = parameter(
        0.07,
        title="width of the fixed bins",
        symbol="w",
        help="One width for all layers and epochs.",
        ge=0.005,
        le=1,
        scale="log",
        advanced=True,
    )
    variance: float = parameter(
        1e-3,
        title="noise of the kernel estimates",
        symbol=r"\sigma^2",
        help="Variance, or its ratio to a layer's largest activity for the adaptive one.",
        ge=1e-6,
        le=1,
        scale="log",
        advanced=True,
    )
    kernel_patterns: int = parameter(
        512,
        title="patterns for the kernel estimates",
        symbol="N",
        help="Their cost is quadratic; their ceiling is the logarithm of this number.",
        ge=64,
        le=PATTERNS,
        scale="log",
        advanced=True,
    )
    looks: int = parameter(
        6,
        title="looks",
        symbol="m",
        help="Epochs at which information is measured, evenly spaced in their logarithm.",
        ge=3,
        le=24,
        advanced=True,
    )

    def ceilings(self) -> NDArray[np.float64]:
        """Return the largest I(T;X) that each estimator can report, bits."""
        kernels = math.log2(min(PATTERNS, self.kernel_patterns))
        bins = math.log2(PATTERNS)
        return np.array([bins if name.endswith("bins") else kernels for name in ESTIMATORS])

    def names(self) -> NDArray[np.str_]:
        """Return what is written over the panels: estimator, setting, ceiling."""
        settings = (
            f"fixed bins of {self.width:g}",
            f"{self.bins} adaptive bins",
            f"kernel, noise {self.variance:g}",
            f"kernel, adaptive noise {self.variance:g}",
        )
        ceilings = self.ceilings()
        return np.array([f"{s}: ceiling {c:.4g} bits" for s, c in zip(settings, ceilings)])


class InformationPlanes(Study[PlaneParams]):
    """Paths of all layers in the information plane, the same networks seen by four estimators."""

    name = "information-bottleneck/planes"
    title = "Information planes"
    chapter = NETWORKS
    statement = (
        "Every layer of a network is a point: what it keeps of the input, $I(T;X)$, against what "
        "it knows of the label, $I(T;Y)$. As training goes on the points climb; do they also turn "
        "**left**, does the network *compress*? The four panels show **the same networks** "
        "(layer 6 is the softmax output)."
    )
    takeaway = (
        "Whether the output layer compresses depends on who measures: with fixed bins it loses a "
        "large part of its information, with adaptive bins next to none."
    )
    standing = "bound"
    Params = PlaneParams
    axes = (
        Axis("estimator", "estimator"),
        LAYER,
        Axis("epoch", "epoch", "e", scale="log"),
        Axis("level", "level of I(T;X)", unit="bits"),
        BY,
    )
    measures = (
        Measure("information_x", "information on the input", PLANE, "I(T;X)", "bits"),
        Measure("information_y", "information on the label", PLANE, "I(T;Y)", "bits"),
        Measure("attainable", "attainable", ("estimator", "level"), "I(T;Y)", "bits"),
        Measure("ceiling", "ceiling of the estimator", ("estimator", "epoch"), "I(T;X)", "bits"),
        Measure("score", "compression score", ("by", "layer"), "C"),
        Measure("accuracy", "test accuracy", ("epoch",)),
        Measure("disagreement", "compression of the output, fixed minus adaptive bins", ()),
        Measure("dead", "share of dead networks", ()),
    )
    views = (
        Curves(
            "plane",
            "Information plane",
            "information_x",
            ("information_y", "attainable"),
            "layer",
            "estimator",
            x_scale="linear",
            y_scale="linear",
            x_range=(0, 12.5),
            y_range=(0, 1.05),
            dashed=("attainable",),
        ),
        Curves(
            "moment",
            "One moment",
            "information_x",
            ("information_y", "attainable"),
            "layer",
            "estimator",
            "epoch",
            x_scale="linear",
            y_scale="linear",
            x_range=(0, 12.5),
            y_range=(0, 1.05),
            dashed=("attainable",),
        ),
        Curves(
            "epochs",
            "While training",
            "epoch",
            ("information_x", "ceiling"),
            "layer",
            "estimator",
            y_scale="linear",
            y_range=(0, 12.5),
            dashed=("ceiling",),
        ),
        Curves(
            "score",
            "Compression of each layer",
            "layer",
            ("score",),
            "by",
            x_scale="linear",
            x_range=LAYER_RANGE,
            y_scale="linear",
        ),
        Curves(
            "accuracy",
            "Test accuracy",
            "epoch",
            ("accuracy",),
            y_scale="linear",
            guides=(Guide("guess", "y", "always the commoner label"),),
        ),
    )
    presets = (
        Preset("quick", "tanh, eight initialisations, 150 epochs", PlaneParams(), 8),
        Preset(
            "paper",
            "tanh, fifty initialisations, 1200 epochs (the paper: 8000)",
            PlaneParams(epochs=1200, rate=1e-3, networks=10, looks=12),
            5,
        ),
        Preset("relu", "ReLU", PlaneParams(activation="relu"), 8),
        Preset("softplus", "Softplus", PlaneParams(activation="softplus"), 8),
        Preset("swish", "Swish", PlaneParams(activation="swish"), 8),
    )
    equations = (
        ATTAINABLE,
        BINNED,
        Equation(
            r"I(T;X) \approx -\frac1N\sum_i \log\frac1N\sum_j"
            r" e^{-\lVert t_i-t_j\rVert^2/2\sigma^2}",
            "The kernel estimate: the information of T with Gaussian noise that the network does "
            "not have, from above. I(T;Y) is a difference of two such bounds, and itself no bound.",
            "Kolchinsky and Tracey, Entropy 19 (2017); arXiv 1902.09037",
        ),
        SCORE,
    )
    sources = (
        ADAPTIVE,
        OPENING,
        SAXE,
        Source(
            "A. Kolchinsky, B. D. Tracey, Estimating Mixture Entropy with Pairwise Distances, "
            "Entropy 19 (2017)"
        ),
        DERIVED,
    )
    assumptions = (
        *ICOSAHEDRON,
        "The dashed border is what any layer can attain; its right end is the ceiling of the "
        "estimator, not of the network. No theory predicts the points.",
        "Four estimators mean four different quantities: they have a panel each. The scores, "
        "shares of an estimator's own maximum, stand side by side.",
        "Points are means over initialisations, and paths of single networks vary widely (as the "
        "paper says). Dead networks are counted below; a trial of several leaves them out.",
        "Found in long runs (10 networks, 2000 epochs, adaptive bins, fifth layer): tanh loses "
        "38 %, ReLU 24 %, softplus next to nothing. Short runs, as here, are not yet there.",
        "The constant of the paper's adaptive kernel estimate was not available to us: 0.001.",
    )
    lesson = Lesson(
        "who-measures",
        "Who says that a network compresses?",
        (
            Step(
                "Eight tanh networks, four estimators. Look at the view of compression scores.",
                {"activation": "tanh"},
                "By which estimators does the softmax output (layer 6) lose a third or more?",
                (
                    "By all four",
                    "By fixed bins and both kernel estimates, not by adaptive bins",
                    "By adaptive bins alone",
                ),
                1,
                "The output saturates at 0 and 1. Bins and noise of one size see its patterns "
                "fall together; bins that follow the values see them in the same order as before.",
            ),
            Step(
                "Now ReLU in place of tanh.",
                {"activation": "relu"},
                "Does the fifth layer compress more or less than that of tanh, by adaptive bins?",
                ("More", "Less", "Equally"),
                1,
                "About 0.1 after 0.3: saturation is what adaptive bins see in tanh, and ReLU "
                "saturates on one side only.",
            ),
            Step(
                "Softplus has no bound and no corner.",
                {"activation": "softplus"},
                "And its fifth layer, by fixed bins?",
                ("Loses a third", "Loses a tenth", "Loses next to nothing"),
                2,
                "Less than 5 %. Adaptive bins report more while the training is short, and in long "
                "runs they report next to nothing too.",
            ),
        ),
    )

    def grid(self, params: PlaneParams) -> Arrays:
        """Return estimators, layers, epochs looked at, and the corners of the dashed border."""
        ends = np.unique(params.ceilings())
        return {
            "estimator": params.names(),
            "layer": LAYERS,
            "epoch": look_epochs(params.epochs, params.looks)[1:].astype(float),
            "level": np.concatenate([[0.0, label_entropy() * BITS], np.repeat(ends, 2)]),
            "by": np.array(BY_NAMES),
        }

    def theory(self, params: PlaneParams, grid: Arrays) -> Arrays:
        """Return the border of what is attainable below each estimator's ceiling."""
        level, ceilings = np.asarray(grid["level"]), params.ceilings()[:, None]
        curve = np.tile(deterministic_ib_curve(level / BITS, label_entropy()) * BITS, (4, 1))
        curve[:, 1:][(level[1:] == level[:-1]) & (level[1:] == ceilings)] = 0.0  # down to the axis
        curve[level > ceilings] = math.inf  # no line there
        epochs = np.size(grid["epoch"])
        return {"attainable": curve, "ceiling": np.repeat(ceilings, epochs, axis=1)}

    def trial(self, params: PlaneParams, grid: Arrays, rng: Generator) -> Arrays:
        """Train networks and measure every layer at every look, in all four ways."""
        plane = run_information_plane(
            TrainingSettings(
                activation=params.activation,
                networks=params.networks,
                epochs=params.epochs,
                looks=params.looks,
                rate=params.rate,
            ),
            rng,
            estimators=("fixed-bins", "adaptive-bins", "kde", "adaptive-kde"),
            plane=PlaneSettings(
                width=params.width,
                bins=params.bins,
                variance=params.variance,
                scale=params.variance,
                kernel_patterns=params.kernel_patterns,
            ),
        )
        kept, dead = living(plane)
        score = compression_score(plane.information_x[:, :, kept], axis=1).mean(axis=1)

        def path(information: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.asarray(np.swapaxes(information[:, 1:, kept].mean(axis=2), 1, 2) * BITS)

        return {
            "information_x": path(plane.information_x),
            "information_y": path(plane.information_y),
            "score": score,
            "accuracy": plane.test_accuracy[1:, kept].mean(axis=1),
            "disagreement": np.asarray(score[FIXED_BINS, -1] - score[ADAPTIVE_BINS, -1]),
            "dead": np.asarray(dead),
        }

    def guides(self, params: PlaneParams) -> dict[str, float]:
        """Return the accuracy of always naming the commoner label."""
        return {"guess": 2118 / PATTERNS}

    def validity(self, params: PlaneParams) -> tuple[str, ...]:
        """Warn of short trainings and of low ceilings."""
        notes = list(hardly_trained(params.epochs, params.rate))
        if params.kernel_patterns < PATTERNS / 4:
            notes.append(
                f"The kernel estimates see {params.kernel_patterns} of the 4096 patterns: they "
                f"can't report more than {math.log2(params.kernel_patterns):.3g} bits."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[PlaneParams]) -> tuple[Check, ...]:
        """Hold the binned paths against the border, and the estimators against each other."""
        params = outcome.params
        border, binned = np.ones(()), np.ones((), dtype=bool)
        if outcome.trials:
            reached = np.asarray(outcome.mean["information_x"]) / BITS
            border = deterministic_ib_curve(reached, label_entropy()) * BITS
            binned = np.arange(len(ESTIMATORS))[:, None, None] <= ADAPTIVE_BINS
        return (
            never_above(
                outcome,
                "information_y",
                border,
                tolerance=1e-9,
                where=binned,
                sentence="by bins, no layer knows more of the label than I(T;X) and H(Y) allow",
            ),
            exceeds(
                outcome,
                "disagreement",
                sentence="the output layer compresses more by fixed bins than by adaptive ones",
            ),
            dead_check(outcome, params.networks),
        )
