"""Chapter 3: the hypothesis space itself, by the length scale of its kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import exceeds
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    HARD,
    INFORMATION,
    LAW,
    SAME_N,
    STAND_INS,
    Space,
    drawn_task,
    held_out_points,
    space_of,
)
from sims.inductive_bias.tasks import task_kernels
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

LENGTHS = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0])


class LengthScaleParams(Params):
    """Parameters of the sweep of kernels."""

    task: Literal["digits", "digits-parity"] = parameter(
        "digits",
        title="task",
        symbol="y",
        help="Ten classes, or even against odd.",
    )
    error: float = parameter(
        0.2,
        title="target error over the targets' mean square",
        symbol=r"\varepsilon/\bar{y}^2",
        help="0.2 is a mean squared error of 0.02 for ten classes.",
        ge=0.02,
        le=1,
        step=0.02,
    )
    budgets: tuple[int, ...] = parameter(
        (50, 200),
        title="training points",
        symbol="n",
        help="One series each.",
        ge=5,
        le=600,
    )
    test: int = held_out_points(100)


class LengthScale(Study[LengthScaleParams]):
    """Exact bits against the RBF length scale, on random splits of the digits."""

    name = "inductive-bias/length-scale"
    title = "A task is only as hard as its space"
    chapter = HARD
    statement = (
        "Keep digits, samples and target error; change only the length scale $\\ell$ of the "
        "hypotheses. **The missing bits change by a factor of fifty and more.** The width 1 of "
        "the released code is far too short for these inputs, which are about 3 apart: every "
        "test point is a guess of its own."
    )
    takeaway = (
        "The bits have a clear minimum near twice the typical distance of inputs: a number "
        "without its hypothesis space means nothing."
    )
    standing = "exact"
    Params = LengthScaleParams
    axes = (
        Axis("budget", "training points", "n"),
        Axis("length", "length scale", "ℓ", scale="log"),
        Axis("place", "length scale", "ℓ", scale="log"),
        Axis("side", "longer and shorter"),
    )
    measures = (
        Measure("bits", "information for N test points", ("budget", "length"), "I", "bits"),
        Measure(
            "error",
            "mean error of interpolants over the targets' mean square",
            ("budget", "length"),
            "E e/ȳ²",
        ),
        Measure("outputs", "one bit for each test output", ("place",), "", "bits"),
        Measure("whole", "predicting zero", ("place",)),
        Measure("excess", "bits above those at ℓ = 4", ("budget", "side"), "", "bits"),
    )
    views = (
        Curves(
            "bits",
            "Bits against the length scale",
            "length",
            ("bits", "outputs"),
            "budget",
            x_range=(0.4, 12),
            y_title="information for N test points I (bits)",
            dashed=("outputs",),
        ),
        Curves(
            "error",
            "Error of a random interpolant",
            "length",
            ("error", "whole"),
            "budget",
            x_range=(0.4, 12),
            dashed=("whole",),
        ),
    )
    presets = (
        Preset("quick", "Ten classes, N = 100", LengthScaleParams(), 20),
        Preset(
            "paper",
            "Ten classes, N = 200, n to 600",
            LengthScaleParams(budgets=(50, 200, 600), test=200),
            60,
        ),
        Preset("parity", "Even or odd", LengthScaleParams(task="digits-parity"), 20),
    )
    equations = (INFORMATION, LAW)
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "RBF kernels of unit amplitude on pixels in [0, 1], whose median distance is 3.07; no "
        "noise. A trial draws a training and a test set and computes their bits exactly; points "
        "are means over such draws.",
        "The dashed lines are no theory, only marks to compare with.",
        SAME_N,
        STAND_INS,
    )
    lesson = Lesson(
        "space",
        "One task, many numbers",
        (
            Step(
                "Ten classes of digits at a fifth of the targets' mean square. At ℓ = 1, as in the "
                "released code, about 1800 bits are missing after 200 samples.",
                {"task": "digits", "error": 0.2},
                "How many at ℓ = 6?",
                ("About 1500", "About 400", "Fewer than 100"),
                2,
                "At ℓ = 1 inputs are too far apart for the kernel to link them, and the samples "
                "say nothing about the test points. At ℓ = 6 they nearly determine them.",
            ),
            Step(
                "The bits fall with ℓ at first. Look at the right end.",
                {"budgets": (50, 200)},
                "Does a longer length scale always help?",
                ("Yes", "No, the bits rise again after a best length"),
                1,
                "The longest scale makes hypotheses too stiff: fitting the samples exactly makes "
                "them swing between. The best ℓ depends on the data.",
            ),
        ),
    )

    def grid(self, params: LengthScaleParams) -> Arrays:
        """Return budgets and length scales."""
        return {
            "budget": np.asarray(params.budgets),
            "length": LENGTHS,
            "place": LENGTHS[[0, -1]],
            "side": np.array(["ℓ = 1", "ℓ = 10"]),
        }

    def theory(self, params: LengthScaleParams, grid: Arrays) -> Arrays:
        """Return only marks to compare with."""
        outputs = params.test * (10.0 if params.task == "digits" else 1.0)
        return {"outputs": np.full(2, outputs), "whole": np.ones(2)}

    def trial(self, params: LengthScaleParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw a split and compute its bits for every length scale and budget."""
        budgets = [int(n) for n in np.asarray(grid["budget"])]
        task = drawn_task(params.task, max(budgets), params.test, rng)
        bits, error = np.empty((2, len(budgets), LENGTHS.size))
        for column, length in enumerate(LENGTHS):
            kernels = task_kernels(task, width=float(length))
            for row, count in enumerate(budgets):
                part = (kernels.train[:count, :count], kernels.cross[:count], kernels.test)
                space = space_of(task.first(count), type(kernels)(*part))
                bits[row, column] = relative(space, params.error)
                error[row, column] = space.law.mean / space.power
        excess = np.stack([bits[:, 1] - bits[:, 4], bits[:, 6] - bits[:, 4]], axis=1)
        return {"bits": bits, "error": error, "excess": excess}

    def checks(self, outcome: Outcome[LengthScaleParams]) -> tuple[Check, ...]:
        """Hold that too short a length scale costs bits."""
        short = np.array([[True, False]])
        return (
            exceeds(
                outcome,
                "excess",
                where=short,
                sentence="the released width ℓ = 1 misses more bits than ℓ = 4, at every budget",
            ),
        )


def relative(space: Space, error: float) -> float:
    """Return the bits at an error in units of the targets' mean square."""
    return float(space.law.bits(error * space.power))
