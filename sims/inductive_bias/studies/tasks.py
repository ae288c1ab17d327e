"""Chapter 3: four small tasks, and exactly how much a learner must know beyond the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import agreement, statement
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    HARD,
    INFORMATION,
    LAW,
    SAME_N,
    STAND_INS,
    TITLES,
    WIDTHS,
    Space,
    TaskName,
    counted,
    exact_quantiles,
    held_out_points,
    known_space,
    relative_bits,
    rounding_notes,
    sample_count,
    training_points,
    which_draw,
)
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

DEPTHS = np.array([1.0, 2.0, 4.0, 7.0])


class TasksParams(Params):
    """Parameters of the comparison of tasks."""

    n: int = training_points(100)
    test: int = held_out_points(100)
    torque: Literal["smooth", "clipped"] = parameter(
        "smooth",
        title="pendulum's torque",
        symbol="u",
        help="Smooth, or cut off at its largest value and with a jump where the angle wraps.",
    )
    draw: int = which_draw()
    samples: int = sample_count()


class Tasks(Study[TasksParams]):
    """Exact information against target error on digits, a sphere and a pendulum."""

    name = "inductive-bias/tasks"
    title = "Four tasks, and what each asks for"
    chapter = HARD
    statement = (
        "Among all functions that fit the training set, how rare are those that also do well on "
        "$N$ test points? The curves are exact at any depth. **Tasks differ by orders of "
        "magnitude**: ten classes of digits ask for far more than a pendulum, at the same share "
        "of error."
    )
    takeaway = (
        "At the same relative error and N, digits ask for many times the bits of a pendulum; "
        "counting samples (points) sees only the first ten bits."
    )
    standing = "exact"
    Params = TasksParams
    axes = (
        Axis("task", "task"),
        Axis("error", "target error over the targets' mean square", "ε/ȳ²", scale="log", refine=3),
        Axis("depth", "depth", "b", "bits"),
    )
    measures = (
        Measure("bits", "information for N test points", ("task", "error"), "I", "bits"),
        Measure("level", "information for N test points", ("task", "depth"), "I", "bits"),
        Measure(
            "quantile", "sampled error over the targets' mean square", ("task", "depth"), "ε/ȳ²"
        ),
        Measure("share", "share of sampled interpolants that reach ε", ("task", "depth"), "P"),
    )
    views = (
        Curves(
            "bits",
            "Bits needed for an error",
            "error",
            ("bits",),
            "task",
            points=("quantile", "level"),
            y_range=(0.5, 2e4),
        ),
        Curves(
            "share",
            "Exact probability and counted share",
            "depth",
            ("share",),
            panel="task",
            x_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "n = 100, N = 100", TasksParams(), 20),
        Preset("paper", "n = 100, N = 200", TasksParams(test=200), 40),
        Preset("clipped", "A pendulum with a jump", TasksParams(torque="clipped"), 20),
        Preset("few", "Ten training points", TasksParams(n=10), 20),
    )
    equations = (INFORMATION, LAW)
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Gaussian processes with RBF kernels of unit amplitude and length 3 (digits), 1 (sphere), "
        "0.5 (pendulum), fitting n noiseless points; one draw of training and test set.",
        SAME_N,
        STAND_INS,
    )
    lesson = Lesson(
        "tasks",
        "Which task is hard?",
        (
            Step(
                "All four tasks have a hundred training and a hundred test points. The pendulum "
                "has three smooth inputs, the digits 64 pixels and ten outputs.",
                {"torque": "smooth", "n": 100},
                "Digits with ten classes: how many times the bits of the pendulum, at 10 % error?",
                ("About twice", "More than a hundred times", "Fewer bits"),
                1,
                "The pendulum's interpolants reach 10 % error nearly always, so that hardly a bit "
                "is missing; digits leave a thousand directions open, each to be got right.",
            ),
            Step(
                "Now the pendulum's torque is clipped and jumps where the angle wraps.",
                {"torque": "clipped"},
                "What happens to the pendulum's curve?",
                ("It falls", "It hardly moves", "It rises by orders of magnitude"),
                2,
                "Smooth interpolants overshoot at a jump. Smoothness was the bias the space "
                "supplied, and it is now the wrong one: a good example, but a bad benchmark.",
            ),
        ),
    )

    def grid(self, params: TasksParams) -> Arrays:
        """Return the four tasks, relative errors, and the depths that counting can see."""
        names = [TITLES[name] for name in chosen(params)]
        return {"task": np.array(names), "error": np.geomspace(0.01, 1.2, 10), "depth": DEPTHS}

    def theory(self, params: TasksParams, grid: Arrays) -> Arrays:
        """Return exact bits, and the exact probabilities where samples are counted."""
        found = spaces(params)
        _, share = exact_quantiles(found, np.asarray(grid["depth"]))
        return {"bits": relative_bits(found, np.asarray(grid["error"])), "share": share}

    def trial(self, params: TasksParams, grid: Arrays, rng: Generator) -> Arrays:
        """Sample interpolants of every task."""
        return counted(spaces(params), np.asarray(grid["depth"]), params.samples, rng)

    def validity(self, params: TasksParams) -> tuple[str, ...]:
        """Warn of the task that changes from draw to draw, and where rounding decides."""
        notes = rounding_notes(*spaces(params))
        if params.torque == "smooth":
            return notes
        return ("The clipped torque is nearly a step: its bits change from draw to draw.", *notes)

    def checks(self, outcome: Outcome[TasksParams]) -> tuple[Check, ...]:
        """Hold the exact law against counting, and the ordering of digits and pendulum."""
        params = outcome.params
        bits = np.asarray(outcome.theory["bits"])
        at = int(np.argmin(np.abs(np.asarray(outcome.grid["error"]) - 0.1)))
        ratio = float(bits[0, at] / max(bits[3, at], 1.0))
        found = [
            agreement(
                outcome,
                "share",
                tolerance=0.0,
                sentence="the exact probability is that of sampled interpolants, to 7 bits",
            )
        ]
        if params.torque == "smooth":
            words = "at 10 % error digits ask for more than twice the bits of the pendulum"
            found.append(statement("order", words, ratio, 2.0, f"ratio {ratio:.3g}", below=False))
        return tuple(found)


def chosen(params: TasksParams) -> tuple[TaskName, ...]:
    """Return the four tasks."""
    pendulum: TaskName = "pendulum" if params.torque == "smooth" else "pendulum-clipped"
    return ("digits", "digits-parity", "sphere", pendulum)


def spaces(params: TasksParams) -> list[Space]:
    """Return the hypothesis spaces of the four tasks."""
    return [
        known_space(name, params.n, params.test, params.draw, "rbf", WIDTHS[name])
        for name in chosen(params)
    ]
