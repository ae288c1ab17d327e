"""Chapter 4: how many bits an ordinary model brings along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import exceeds
from sims.inductive_bias.models import model_errors
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    INFORMATION,
    LAW,
    SAME_N,
    STAND_INS,
    SUPPLY,
    WIDTHS,
    drawn_task,
    held_out_points,
    known_space,
    relative_bits,
    space_of,
    training_points,
)
from sims.inductive_bias.tasks import task_kernels
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

MODELS = ("constant", "tree", "ridge 0.001", "ridge 1", "GP mean", "5 neighbours")


class ModelClassesParams(Params):
    """Parameters of the comparison of model classes."""

    task: Literal["digits", "digits-parity", "pendulum"] = parameter(
        "digits",
        title="task",
        symbol="y",
        help="Digits with ten classes, or even against odd; or a pendulum.",
    )
    n: int = training_points(200)
    test: int = held_out_points(100)


class ModelClasses(Study[ModelClassesParams]):
    """Information at the test error that each model class reaches."""

    name = "inductive-bias/model-classes"
    title = "What a model class brings along"
    chapter = SUPPLY
    statement = (
        "A model that reaches error $e^*$ supplies $I(e^*)$ bits beyond the hypothesis space and "
        "the data. **The better the model, the more bits**: a constant brings none, five nearest "
        "neighbours more than any linear model. All bits refer to the same space, RBF "
        "interpolants."
    )
    takeaway = (
        "On digits, neighbours and the posterior mean bring hundreds of bits, ridge regression "
        "and trees much less: what they assume fits this task less well."
    )
    standing = "exact"
    Params = ModelClassesParams
    axes = (
        Axis("model", "model"),
        Axis("error", "test error over the targets' mean square", "e/ȳ²", scale="log", refine=3),
        Axis("points", "test points", "N"),
        Axis("pair", "ordering"),
    )
    measures = (
        Measure("curve", "information for N test points", ("error",), "I", "bits"),
        Measure(
            "reached", "test error over the targets' mean square", ("model", "points"), "e*/ȳ²"
        ),
        Measure("bits", "information for N test points", ("model", "points"), "I", "bits"),
        Measure("lead", "bits that one model brings more", ("pair",), "", "bits"),
    )
    views = (
        Curves(
            "supply",
            "Bits supplied (line: one draw)",
            "error",
            ("curve",),
            "model",
            points=("reached", "bits"),
            y_scale="linear",
            x_range=(0.04, 1.6),
            y_range=(-60, 1100),
            dashed=("curve",),
        ),
        Curves(
            "log",
            "On a logarithmic scale",
            "error",
            ("curve",),
            "model",
            points=("reached", "bits"),
            x_range=(0.04, 1.6),
            y_range=(0.1, 3000),
            dashed=("curve",),
        ),
    )
    presets = (
        Preset("quick", "Digits, n = 200, N = 100", ModelClassesParams(), 20),
        Preset("paper", "Digits, n = 200, N = 400", ModelClassesParams(test=400), 60),
        Preset("parity", "Even or odd", ModelClassesParams(task="digits-parity"), 20),
        Preset("pendulum", "A pendulum", ModelClassesParams(task="pendulum", n=50), 20),
    )
    equations = (
        INFORMATION,
        LAW,
        Equation(
            r"\mathrm{bias}(\text{model}) = I(e^*),\qquad e^*=\text{its test error}",
            "The information that a model class supplies, relative to hypothesis space, data and "
            "test points.",
            "setting of arXiv 2406.15941",
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Space: a Gaussian process with RBF kernel, length 3 for digits and 0.5 for the pendulum, "
        "fitting the n samples. The models are scikit-learn's (ridge with a penalty of 0.001 and "
        "of 1, a full tree, five neighbours), and the posterior mean of that process.",
        "A trial draws a training and a test set; points are means over such draws. The dashed "
        "line is the exact curve of one draw.",
        "The pictures of the 2023 paper with bits for AlexNet, ResNet and ViT do not follow from "
        "its released constants and are not shown.",
        SAME_N,
        STAND_INS,
    )
    lesson = Lesson(
        "models",
        "Who knows most?",
        (
            Step(
                "Predicting the mean of the training targets has a test error of 0.9 of the mean "
                "square, far better than a typical random interpolant would need.",
                {"task": "digits", "n": 200},
                "How many bits does that constant bring?",
                ("Almost none", "A hundred", "A thousand"),
                0,
                "Random interpolants of this space do better than that nearly always: there is "
                "nothing to explain.",
            ),
            Step(
                "Now the other end: five nearest neighbours against ridge regression.",
                {"task": "digits"},
                "Which brings more bits on digits?",
                ("Ridge regression", "Five neighbours, many times as many"),
                1,
                "Looking at neighbours presumes that near images have one class. For digits that "
                "is nearly true, and worth hundreds of bits; linearity in pixels is not.",
            ),
        ),
    )

    def grid(self, params: ModelClassesParams) -> Arrays:
        """Return the models, errors of the reference curve, and the orderings to be shown."""
        return {
            "model": np.array(MODELS),
            "error": np.geomspace(0.04, 1.5, 9),
            "points": np.array([params.test]),
            "pair": np.array(["neighbours over ridge 1", "ridge 1 over constant"]),
        }

    def theory(self, params: ModelClassesParams, grid: Arrays) -> Arrays:
        """Return the exact curve of one draw."""
        space = known_space(params.task, params.n, params.test, 0, "rbf", WIDTHS[params.task])
        return {"curve": relative_bits([space], np.asarray(grid["error"]))[0]}

    def trial(self, params: ModelClassesParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw a split, fit every model, and read the bits at its test error."""
        task = drawn_task(params.task, params.n, params.test, rng)
        kernels = task_kernels(task, width=WIDTHS[params.task])
        space = space_of(task, kernels)
        found = model_errors(task, kernels, seed=int(rng.integers(2**31)))
        errors = np.array([found[name] for name in MODELS])
        bits = np.asarray(space.law.bits(errors))
        by_name = dict(zip(MODELS, bits.tolist()))
        lead = [
            by_name["5 neighbours"] - by_name["ridge 1"],
            by_name["ridge 1"] - by_name["constant"],
        ]
        return {
            "reached": errors[:, None] / space.power,
            "bits": bits[:, None],
            "lead": np.array(lead),
        }

    def checks(self, outcome: Outcome[ModelClassesParams]) -> tuple[Check, ...]:
        """Hold the ordering of the models on digits."""
        params = outcome.params
        if not params.task.startswith("digits"):
            return ()
        return (
            exceeds(
                outcome,
                "lead",
                sentence="neighbours bring more bits than ridge 1, and that more than a constant",
            ),
        )
