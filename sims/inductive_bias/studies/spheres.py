"""Chapter 3: intrinsic dimension and training budget, on spheres with random teachers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds
from sims.inductive_bias.counting import supported_bits
from sims.inductive_bias.interpolant import interpolant_error_law
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    EXACT,
    HARD,
    INFORMATION,
    LAW,
    SAME_N,
    held_out_points,
    training_points,
)
from sims.inductive_bias.tasks import sphere_task, task_kernels
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

DIMENSIONS = (1, 2, 3, 4, 6, 8, 10)
BUDGETS = (0, 10, 30, 100, 300)
BUDGET_DIMENSIONS = (2, 4, 8)
SAMPLES = 10_000


class SpheresParams(Params):
    """Parameters of Gaussian-process teachers on spheres."""

    errors: tuple[float, ...] = parameter(
        (0.1, 0.01, 0.001),
        title="target errors",
        symbol=r"\varepsilon",
        help="One series each in the first view; the targets have mean square 1.",
        ge=1e-4,
        le=1,
    )
    error: float = parameter(
        0.01,
        title="target error against the budget",
        symbol=r"\varepsilon",
        help="For the second view.",
        ge=1e-4,
        le=1,
        scale="log",
    )
    n: int = training_points(100)
    test: int = held_out_points(100)
    width: float = parameter(
        1.0,
        title="length scale",
        symbol=r"\ell",
        help="Of teacher and hypotheses alike, in units of the sphere's radius.",
        ge=0.5,
        le=3,
        step=0.1,
    )


class Spheres(Study[SpheresParams]):
    """Exact bits of random tasks on spheres against dimension and training points."""

    name = "inductive-bias/spheres"
    title = "How dimension defeats data"
    chapter = HARD
    statement = (
        "The teacher is drawn from the very space of the hypotheses, so the bias could not be "
        "better. Yet **from dimension to dimension the missing bits explode**: a hundred samples "
        "pin down a function on $S^2$, and hardly touch one on $S^{10}$."
    )
    takeaway = (
        "Below dimension 4 a hundred samples leave nothing to know; at m = 10 a hundred bits and "
        "more are missing, beyond the dashed line that counting ten thousand samples reaches."
    )
    standing = "exact"
    Params = SpheresParams
    axes = (
        Axis("error", "target error", "ε"),
        Axis("dimension", "dimension of the sphere", "m"),
        Axis("sphere", "dimension of the sphere", "m"),
        Axis("budget", "training points", "n"),
        Axis("place", "dimension of the sphere", "m"),
        Axis("spot", "training points", "n"),
        Axis("step", "dimension of the sphere", "m"),
    )
    measures = (
        Measure(
            "bits", "information for N test points", ("error", "dimension"), "I", "bits", "median"
        ),
        Measure(
            "by_budget",
            "information for N test points",
            ("sphere", "budget"),
            "I",
            "bits",
            "median",
        ),
        Measure("seen", "what counting 10,000 samples supports", ("place",), "", "bits"),
        Measure("reach", "what counting 10,000 samples supports", ("spot",), "", "bits"),
        Measure("growth", "bits added by two dimensions", ("error", "step"), "", "bits"),
    )
    views = (
        Curves(
            "dimension",
            "Bits against the dimension",
            "dimension",
            ("bits", "seen"),
            "error",
            x_scale="linear",
            x_range=(0.5, 10.5),
            y_range=(0.1, 3000),
            y_title="information for N test points I (bits)",
            dashed=("seen",),
        ),
        Curves(
            "budget",
            "Bits against the training budget",
            "budget",
            ("by_budget", "reach"),
            "sphere",
            x_scale="linear",
            x_range=(-8, 308),
            y_range=(0.1, 3000),
            y_title="information for N test points I (bits)",
            dashed=("reach",),
        ),
    )
    presets = (
        Preset("quick", "n = 100, N = 100", SpheresParams(), 16),
        Preset("paper", "n = 100, N = 200", SpheresParams(test=200), 60),
        Preset("rough", "A rougher teacher: ℓ = 0.5", SpheresParams(width=0.5), 16),
        Preset("smooth", "A smoother teacher: ℓ = 2", SpheresParams(width=2.0), 16),
    )
    equations = (INFORMATION, LAW)
    sources = (EXACT, DERIVED)
    assumptions = (
        "Points uniform on the sphere, teacher and hypotheses from the same Gaussian process with "
        "an RBF kernel of unit amplitude. A trial draws a task and computes its bits exactly; "
        "points are medians over tasks, whose bits differ by tens of per cent.",
        "There is no formula for this average; the dashed line is where counting would end.",
        SAME_N,
    )
    lesson = Lesson(
        "dimension",
        "How many samples is a dimension worth?",
        (
            Step(
                "A hundred samples, a hundred test points, target error 0.01.",
                {"n": 100, "test": 100, "width": 1.0},
                "On the sphere with m = 2 about 0 bits are missing. How many at m = 10?",
                ("About 10", "More than a hundred", "About 40"),
                1,
                "The kernel's eigenvalues fall slowly in high dimension: most directions are still "
                "open after a hundred samples, and each must be got right.",
            ),
            Step(
                "Now a teacher twice as smooth, and a space that knows it.",
                {"width": 2.0},
                "What happens at m = 10?",
                ("Hardly anything", "Most of the bits are gone"),
                1,
                "Smoothness is bias as well: on a smooth space far fewer directions matter, and "
                "the samples reach them.",
            ),
        ),
    )

    def grid(self, params: SpheresParams) -> Arrays:
        """Return target errors, dimensions and budgets."""
        return {
            "error": np.asarray(params.errors),
            "dimension": np.asarray(DIMENSIONS, dtype=float),
            "sphere": np.asarray(BUDGET_DIMENSIONS),
            "budget": np.asarray(BUDGETS, dtype=float),
            "place": np.asarray((DIMENSIONS[0], DIMENSIONS[-1]), dtype=float),
            "spot": np.asarray((BUDGETS[0], BUDGETS[-1]), dtype=float),
            "step": np.asarray(DIMENSIONS[-3:], dtype=float),
        }

    def theory(self, params: SpheresParams, grid: Arrays) -> Arrays:
        """Return only how far counting would get."""
        depth = np.full(2, supported_bits(SAMPLES))
        return {"seen": depth, "reach": depth}

    def trial(self, params: SpheresParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw one task of every dimension and compute its bits; likewise for every budget."""
        errors = np.asarray(grid["error"], dtype=float)
        sizes = [int(m) for m in np.asarray(grid["dimension"])]
        bits = np.transpose([task_bits(params, m, [params.n], errors, rng)[0] for m in sizes])
        budgets = [int(n) for n in np.asarray(grid["budget"])]
        level = np.array([params.error])
        by_budget = [
            task_bits(params, int(m), budgets, level, rng)[:, 0] for m in np.asarray(grid["sphere"])
        ]
        return {
            "bits": bits,
            "by_budget": np.array(by_budget),
            "growth": bits[:, -3:] - bits[:, -4:-1],
        }

    def checks(self, outcome: Outcome[SpheresParams]) -> tuple[Check, ...]:
        """Hold that the bits grow from m = 4 on, at the smallest errors."""
        small = np.asarray(outcome.grid["error"])[:, None] <= 0.01
        return (
            exceeds(
                outcome,
                "growth",
                where=np.broadcast_to(small, np.shape(outcome.mean.get("growth", small))),
                sentence="from m = 4 on every two dimensions add bits, at errors up to 0.01",
            ),
        )


def task_bits(
    params: SpheresParams, dimension: int, budgets: list[int], errors: Real, rng: Generator
) -> Real:
    """Draw a task; return its bits for the first n training points, shape (budgets, errors)."""
    task = sphere_task(
        rng, dimension=dimension, train=max(budgets), test=params.test, width=params.width
    )
    train, cross, test = task_kernels(task, width=params.width)
    found = []
    for count in budgets:
        law = interpolant_error_law(
            train[:count, :count],
            cross[:count],
            test,
            task.train_targets[:count],
            task.test_targets,
        )
        found.append(-law.log_cdf(errors) / np.log(2.0))
    return np.array(found)
