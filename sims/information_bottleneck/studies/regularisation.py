"""Chapter 3: what a weight penalty does to the layers of the information plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds
from sims.information_bottleneck.compression import compression_score
from sims.information_bottleneck.discrete_curves import deterministic_ib_curve
from sims.information_bottleneck.planes import run_information_plane
from sims.information_bottleneck.studies.common import (
    ADAPTIVE,
    ATTAINABLE,
    BINNED,
    BITS,
    DERIVED,
    ICOSAHEDRON,
    LAYERS,
    NETWORKS,
    PATTERNS,
    SCORE,
    ActivationName,
    NetworkParams,
    activation_choice,
    dead_check,
    epoch_count,
    label_entropy,
    learning_rate,
    living,
)
from sims.information_bottleneck.studies.planes import LAYER, LAYER_RANGE, hardly_trained
from sims.information_bottleneck.training import TrainingSettings
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

    from sims.study import Arrays

FROM = 2  # the third layer: from here on a strong penalty makes the layers alike
LOOKS = 5
BY_LAYER = ("penalty", "layer")


class PenaltyParams(NetworkParams):
    """Parameters of the weight penalty."""

    activation: ActivationName = activation_choice("relu")
    penalties: tuple[float, ...] = parameter(
        (0.0, 0.005, 0.015),
        title="weight penalties",
        symbol=r"\lambda",
        help="One series each; the first and the last are compared.",
        ge=0,
        le=0.1,
    )
    epochs: int = epoch_count(80)
    rate: float = learning_rate(4e-3)


class WeightPenalty(Study[PenaltyParams]):
    """Compression and clustering of layers under a penalty on the weights."""

    name = "information-bottleneck/weight-penalty"
    title = "A weight penalty compresses"
    chapter = NETWORKS
    statement = (
        "Add $\\frac{\\lambda}{2}\\lVert W\\rVert^2$ to the loss of every layer but the output. "
        "ReLU layers, which hardly compress by themselves, now do, and **cluster**: from the third "
        "layer on all know equally much of the label. Estimator: 30 adaptive bins, ceiling 12 "
        "bits, at the end of training; layer 6 is the softmax output."
    )
    takeaway = (
        "With a penalty the late layers keep the same information on the label, and the middle "
        "ones drop several bits on the input, at no cost in accuracy until it is too strong."
    )
    standing = "bound"
    Params = PenaltyParams
    axes = (
        Axis("penalty", "weight penalty", "λ"),
        LAYER,
        Axis("level", "level of I(T;X)", unit="bits"),
    )
    measures = (
        Measure("information_x", "information on the input", BY_LAYER, "I(T;X)", "bits", "median"),
        Measure("information_y", "information on the label", BY_LAYER, "I(T;Y)", "bits", "median"),
        Measure("attainable", "attainable", ("level",), "I(T;Y)", "bits"),
        Measure("score", "compression score", BY_LAYER, "C", summary="median"),
        Measure("accuracy", "test accuracy", ("penalty",), summary="median"),
        Measure("clustering", "spread of I(T;Y) over layers 3 to 6 that λ removes", (), "", "bits"),
        Measure("compression", "score of layers 3 and 4 that λ adds", ()),
        Measure("dead", "share of dead networks", ("penalty",)),
    )
    views = (
        Curves(
            "label",
            "On the label",
            "layer",
            ("information_y",),
            "penalty",
            x_scale="linear",
            x_range=LAYER_RANGE,
            y_scale="linear",
            y_range=(0.4, 1.06),
            guides=(Guide("entropy", "y", "H(Y): all there is to know"),),
        ),
        Curves(
            "input",
            "On the input",
            "layer",
            ("information_x",),
            "penalty",
            x_scale="linear",
            x_range=LAYER_RANGE,
            y_scale="linear",
            y_range=(0, 13),
            guides=(Guide("ceiling", "y", "ceiling: 12 bits"),),
        ),
        Curves(
            "plane",
            "Information plane",
            "information_x",
            ("information_y", "attainable"),
            "penalty",
            x_scale="linear",
            y_scale="linear",
            x_range=(0, 12.5),
            y_range=(0, 1.05),
            dashed=("attainable",),
        ),
        Curves(
            "score",
            "Compression of each layer",
            "layer",
            ("score",),
            "penalty",
            x_scale="linear",
            x_range=LAYER_RANGE,
            y_scale="linear",
        ),
        Curves(
            "accuracy",
            "Test accuracy",
            "penalty",
            ("accuracy",),
            x_scale="linear",
            y_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "ReLU, 80 epochs", PenaltyParams(), 24),
        Preset(
            "paper",
            "ReLU, ten initialisations at once, 1000 epochs",
            PenaltyParams(epochs=1000, rate=1e-3, networks=10),
            3,
        ),
        Preset("strong", "Too strong", PenaltyParams(penalties=(0.0, 0.015, 0.05)), 10),
        Preset("tanh", "tanh", PenaltyParams(activation="tanh", penalties=(0.0, 0.001, 0.005)), 10),
    )
    equations = (
        Equation(
            r"L = -\frac1B\sum_i \log p_{y_i}(x_i) + \frac{\lambda}{2}\sum_{l<6}\lVert W_l\rVert^2",
            "The paper's default is λ = 0.015.",
            "arXiv 1902.09037, released code",
        ),
        BINNED,
        SCORE,
        ATTAINABLE,
    )
    sources = (ADAPTIVE, DERIVED)
    assumptions = (
        *ICOSAHEDRON,
        "No theory predicts the points; the dashed border is what any layer can attain, up to "
        "the estimator's ceiling.",
        "Penalties do not share initial weights: every series has networks of its own.",
        "Dead networks are counted below, and left out where a trial has a living one. Points are "
        "medians over trials, so that the few trials without one do not move them.",
    )
    lesson = Lesson(
        "clustering",
        "What does a weight penalty do to the layers?",
        (
            Step(
                "Without a penalty (λ = 0) each layer knows less of the label than the one "
                "before. Compare with λ = 0.015.",
                {"activation": "relu", "penalties": (0.0, 0.005, 0.015)},
                "What do layers 3 to 6 look like under λ = 0.015?",
                (
                    "They lie on the same height: the information on the label is the same",
                    "They fall more steeply",
                    "They keep all of H(Y)",
                ),
                0,
                "They cluster. Small weights leave few distinct values, and what the third "
                "layer has thrown away no later layer gets back; but nor do they lose more.",
            ),
            Step(
                "Make it three times as strong: λ = 0.05.",
                {"penalties": (0.0, 0.015, 0.05)},
                "Is more compression still free?",
                ("Yes: accuracy stays", "No: accuracy falls, and some networks die"),
                1,
                "Now the layers throw away what the label needs: I(T;Y) falls in all of them.",
            ),
        ),
    )

    def grid(self, params: PenaltyParams) -> Arrays:
        """Return penalties, layers, and the corners of the dashed border."""
        top = np.log2(PATTERNS)
        return {
            "penalty": np.asarray(params.penalties),
            "layer": LAYERS,
            "level": np.array([0.0, label_entropy() * BITS, top]),
        }

    def theory(self, params: PenaltyParams, grid: Arrays) -> Arrays:
        """Return the border of what is attainable."""
        level = np.asarray(grid["level"]) / BITS
        return {"attainable": deterministic_ib_curve(level, label_entropy()) * BITS}

    def trial(self, params: PenaltyParams, grid: Arrays, rng: Generator) -> Arrays:
        """Train networks under every penalty, and measure their layers at the end."""
        count = len(params.penalties)
        found = np.empty((3, count, LAYERS.size))
        accuracy, dead = np.empty(count), np.empty(count)
        for row, penalty in enumerate(params.penalties):
            plane = run_information_plane(
                TrainingSettings(
                    activation=params.activation,
                    networks=params.networks,
                    epochs=params.epochs,
                    looks=LOOKS,
                    rate=params.rate,
                    l2=penalty,
                ),
                rng,
            )
            kept, dead[row] = living(plane)
            on_input, on_label = plane.information_x[0][:, kept], plane.information_y[0][:, kept]
            found[0, row] = on_input[-1].mean(axis=0) * BITS
            found[1, row] = on_label[-1].mean(axis=0) * BITS
            found[2, row] = compression_score(on_input).mean(axis=0)
            accuracy[row] = plane.test_accuracy[-1, kept].mean()
        spread = np.ptp(found[1, :, FROM:], axis=1)
        middle = found[2, :, FROM : FROM + 2].mean(axis=1)
        return {
            "information_x": found[0],
            "information_y": found[1],
            "score": found[2],
            "accuracy": accuracy,
            "clustering": np.asarray(spread[0] - spread[-1]),
            "compression": np.asarray(middle[-1] - middle[0]),
            "dead": dead,
        }

    def guides(self, params: PenaltyParams) -> dict[str, float]:
        """Return what there is to know: of the label, and of the input."""
        return {"entropy": label_entropy() * BITS, "ceiling": float(np.log2(PATTERNS))}

    def validity(self, params: PenaltyParams) -> tuple[str, ...]:
        """Warn of short trainings, and of penalties under which networks die."""
        notes = list(hardly_trained(params.epochs, params.rate))
        if max(params.penalties) > 0.03:
            notes.append("Above λ = 0.03 some networks do not learn the task at all.")
        return tuple(notes)

    def checks(self, outcome: Outcome[PenaltyParams]) -> tuple[Check, ...]:
        """Compare the last penalty with the first."""
        params = outcome.params
        first, last = params.penalties[0], params.penalties[-1]
        return (
            exceeds(
                outcome,
                "compression",
                sentence=f"layers 3 and 4 compress more under λ = {last:g} than under {first:g}",
            ),
            exceeds(
                outcome,
                "clustering",
                sentence=f"layers 3 to 6 lie closer together under λ = {last:g} than under "
                f"{first:g}",
            ),
            dead_check(outcome, params.networks),
        )
