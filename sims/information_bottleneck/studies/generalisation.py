"""Chapter 4: the generalisation gap of a hundred small networks against their information."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds
from sims.information_bottleneck.cs_ib import LOSSES, BottleneckSettings, run_bottleneck
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, OURS, REGRESSION
from sims.information_bottleneck.studies.cs_ib import (
    BETA,
    EXPERIMENT,
    FRIEDMAN,
    LOSS,
    LOSS_NAMES,
    OBJECTIVE,
    compression_weights,
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

    from sims.study import Arrays


BY_SAMPLE = ("sample", "loss", "beta")


class GapParams(Params):
    """Parameters of the generalisation gap."""

    betas: tuple[float, ...] = compression_weights((0.03, 0.1, 0.3, 1.0, 3.0))
    train: int = parameter(
        300,
        title="training samples",
        symbol="n",
        help="Few, so that there is a gap to see; tested on 1000 others.",
        ge=100,
        le=2000,
        scale="log",
    )
    epochs: int = parameter(
        40,
        title="epochs",
        symbol="e",
        help="Passes over the training samples.",
        ge=10,
        le=300,
        scale="log",
    )
    hidden: int = parameter(
        32,
        title="hidden units",
        symbol="h",
        help="Of each of the three ReLU layers.",
        ge=8,
        le=128,
        scale="log",
        advanced=True,
    )


class GeneralisationGap(Study[GapParams]):
    """The gap between test and train error against the information kept, network by network."""

    name = "information-bottleneck/generalisation-gap"
    title = "Does compression close the gap?"
    chapter = REGRESSION
    statement = (
        "The paper argues that a network which keeps **less information on its inputs** has a "
        "smaller **generalisation gap**, and shows a scatter of a hundred networks. So do ours. "
        "There is **no theory line**: the constants of the bound are not known to us, and a bound "
        "without them says nothing about a number."
    )
    takeaway = (
        "Less information goes with a smaller gap, but not with a smaller test error: the gap "
        "closes because the training error rises to meet it."
    )
    standing = "bound"
    Params = GapParams
    axes = (
        LOSS,
        BETA,
        Axis("sample", "samples"),
        Axis("end", "normalised Cauchy–Schwarz information"),
    )
    measures = (
        Measure("information", "normalised Cauchy–Schwarz information kept", ("loss", "beta")),
        Measure("kept", "normalised Cauchy–Schwarz information kept", BY_SAMPLE),
        Measure("gap", "test error minus train error", ("loss", "beta"), "", "sd of y"),
        Measure("none", "no gap", ("end",), "", "sd of y"),
        Measure("error", "error (root mean square)", BY_SAMPLE, "", "sd of y"),
        Measure("coefficient", "rank correlation of gap and information", ("loss",), "ρ"),
        Measure(
            "price", "test error at the largest β minus that at β = 0", ("loss",), "", "sd of y"
        ),
    )
    views = (
        Curves(
            "gap",
            "Generalisation gap",
            "information",
            ("gap", "none"),
            "loss",
            x_scale="linear",
            y_scale="linear",
            dashed=("none",),
        ),
        Curves(
            "errors",
            "Test and train error",
            "kept",
            ("error",),
            "sample",
            "loss",
            x_scale="linear",
            y_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "144 networks on 300 samples each", GapParams(), 12),
        Preset("paper", "480 networks", GapParams(epochs=80), 40),
        Preset("many-samples", "2000 samples: hardly a gap to close", GapParams(train=2000), 6),
    )
    equations = (
        OBJECTIVE,
        Equation(
            r"\text{gap} = \sqrt{\mathrm{MSE}_{test}} - \sqrt{\mathrm{MSE}_{train}}",
            "In units of the response's standard deviation.",
            OURS,
        ),
    )
    sources = (CS_IB, FRIEDMAN, DERIVED)
    assumptions = (
        *EXPERIMENT,
        "No theory: the dashed line is only where train and test error are alike.",
        "β moves information, gap and error at once: the scatter shows that they go together, not "
        "that one causes the other. The correlation is taken over β inside one trial.",
        "Information is the normalised Cauchy–Schwarz kind with kernels of width 3: without unit, "
        "near 1 at most, and no Shannon information.",
        "The paper's figure has a gap of 0.015 to 0.085 over information of 0.37 to 0.97, on "
        "California Housing; ours are other data and other units.",
    )
    lesson = Lesson(
        "small-gap",
        "Is a small gap a good sign?",
        (
            Step(
                "From right to left the networks keep less and less information.",
                {"train": 300},
                "Where is the generalisation gap smallest?",
                ("Where most information is kept", "Where least is kept"),
                1,
                "As in the paper: the gap shrinks with the information.",
            ),
            Step(
                "Now look at the view of both errors.",
                {"train": 300},
                "Which networks predict unseen samples best?",
                ("Those with the smallest gap", "Those with the largest gap"),
                1,
                "The gap closes from below: the penalty keeps the network from learning its "
                "training set. A small gap alone is no good sign.",
            ),
        ),
    )

    def grid(self, params: GapParams) -> Arrays:
        """Return losses, weights, and the ends of the reference line."""
        return {
            "loss": np.array([LOSS_NAMES[name] for name in LOSSES]),
            "beta": np.array((0.0, *params.betas)),
            "sample": np.array(["for testing", "for training"]),
            "end": np.array([0.0, 0.7]),
        }

    def theory(self, params: GapParams, grid: Arrays) -> Arrays:
        """Return the reference line; there is no theory."""
        return {"none": np.zeros(2)}

    def trial(self, params: GapParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw data, train a network for every loss and weight, and rank them."""
        from scipy.stats import spearmanr

        found = run_bottleneck(
            BottleneckSettings(
                betas=(0.0, *params.betas),
                train=params.train,
                test=1000,
                epochs=params.epochs,
                batch=64,
                hidden=params.hidden,
                latent=8,
            ),
            rng,
        )
        information, test, train = found.qmi[:, 0], found.test_rmse[:, 0], found.train_rmse[:, 0]
        gap = test - train
        return {
            "information": information,
            "gap": gap,
            "error": np.stack([test, train]),
            "kept": np.stack([information, information]),
            "coefficient": np.array([spearmanr(*pair).statistic for pair in zip(information, gap)]),
            "price": test[:, -1] - test[:, 0],
        }

    def validity(self, params: GapParams) -> tuple[str, ...]:
        """Warn of correlations over few points."""
        if len(params.betas) >= 4:
            return ()
        return (f"A rank correlation over {len(params.betas) + 1} weights is mostly noise.",)

    def checks(self, outcome: Outcome[GapParams]) -> tuple[Check, ...]:
        """Judge that the gap follows the information, and what that costs."""
        return (
            exceeds(
                outcome, "coefficient", sentence="the gap is smaller where less information is kept"
            ),
            exceeds(
                outcome,
                "price",
                sentence="yet the test error at the largest β is above that at β = 0",
            ),
        )
