"""Chapter 4: the same task seen by several kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import agreement, statement
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    INFORMATION,
    LAW,
    OURS,
    SAME_N,
    STAND_INS,
    SUPPLY,
    WIDTHS,
    Space,
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
from sims.inductive_bias.tasks import Kernel
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

DEPTHS = np.array([1.0, 2.0, 4.0, 7.0])
KERNELS: tuple[tuple[str, Kernel, int], ...] = (
    ("RBF", "rbf", 1),
    ("Laplace", "laplace", 1),
    ("NNGP, 1 layer", "nngp", 1),
    ("NNGP, 3 layers", "nngp", 3),
    ("NTK, 1 layer", "ntk", 1),
    ("NTK, 3 layers", "ntk", 3),
)


class KernelsParams(Params):
    """Parameters of the comparison of kernels."""

    task: Literal["digits", "digits-parity", "sphere", "pendulum"] = parameter(
        "digits",
        title="task",
        symbol="y",
        help="Digits with ten classes, or even against odd; a sphere's teacher; a pendulum.",
    )
    n: int = training_points(100)
    test: int = held_out_points(100, high=200)
    draw: int = which_draw()
    samples: int = sample_count(1000)


class Kernels(Study[KernelsParams]):
    """Exact information against target error for RBF, Laplace, NNGP and NTK spaces."""

    name = "inductive-bias/kernels"
    title = "Which space makes the task easier?"
    chapter = SUPPLY
    statement = (
        "A kernel is a model class: a law over functions, of which those that fit the training "
        "set are kept. **The fewer bits are missing, the more bias the class supplies for this "
        "task.** RBF and Laplace kernels, and ReLU networks of infinite width (NNGP: at random "
        "weights; NTK: trained), on the same data."
    )
    takeaway = (
        "The same data and the same error, but the missing bits depend on the space: no "
        "number of bits belongs to a task alone."
    )
    standing = "exact"
    Params = KernelsParams
    axes = (
        Axis("kernel", "kernel"),
        Axis("error", "target error over the targets' mean square", "ε/ȳ²", scale="log", refine=3),
        Axis("depth", "depth", "b", "bits"),
    )
    measures = (
        Measure("bits", "information for N test points", ("kernel", "error"), "I", "bits"),
        Measure("level", "information for N test points", ("kernel", "depth"), "I", "bits"),
        Measure(
            "quantile", "sampled error over the targets' mean square", ("kernel", "depth"), "ε/ȳ²"
        ),
        Measure("share", "share of sampled interpolants that reach ε", ("kernel", "depth"), "P"),
    )
    views = (
        Curves(
            "bits",
            "Bits that the space leaves missing",
            "error",
            ("bits",),
            "kernel",
            points=("quantile", "level"),
            y_range=(0.5, 1e4),
        ),
        Curves(
            "share",
            "Exact probability and counted share",
            "depth",
            ("share",),
            panel="kernel",
            x_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "Digits, n = 100, N = 100", KernelsParams(), 50),
        Preset("paper", "Digits, n = 300, N = 200", KernelsParams(n=300, test=200), 40),
        Preset("pendulum", "A pendulum", KernelsParams(task="pendulum"), 50),
        Preset("parity", "Even or odd", KernelsParams(task="digits-parity"), 50),
    )
    equations = (
        INFORMATION,
        LAW,
        Equation(
            r"K\to s^2K:\qquad \mu\to\mu,\quad \Sigma\to s^2\,\Sigma",
            "The amplitude of a kernel changes how far interpolants scatter, not their mean. It is "
            "part of the space, and kept as the kernels are usually written.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "RBF and Laplace kernels have value 1 at distance 0 and the task's length (3 for digits, "
        "1 on the sphere, 0.5 for the pendulum); NNGP and NTK have no biases, and weights of "
        "variance 2 over the number of inputs.",
        "The NTK stands for the space of linearised networks with Gaussian weights, not for the "
        "law of networks after gradient descent.",
        SAME_N,
        STAND_INS,
    )

    def grid(self, params: KernelsParams) -> Arrays:
        """Return kernels, relative errors, and the depths that counting can see."""
        names = np.array([name for name, _, _ in KERNELS])
        return {"kernel": names, "error": np.geomspace(0.02, 6, 10), "depth": DEPTHS}

    def theory(self, params: KernelsParams, grid: Arrays) -> Arrays:
        """Return exact bits, and the exact probabilities where samples are counted."""
        found = spaces(params)
        _, share = exact_quantiles(found, np.asarray(grid["depth"]))
        return {"bits": relative_bits(found, np.asarray(grid["error"])), "share": share}

    def trial(self, params: KernelsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Sample interpolants of every kernel."""
        return counted(spaces(params), np.asarray(grid["depth"]), params.samples, rng)

    def validity(self, params: KernelsParams) -> tuple[str, ...]:
        """Warn where rounding decides."""
        return rounding_notes(*spaces(params))

    def checks(self, outcome: Outcome[KernelsParams]) -> tuple[Check, ...]:
        """Hold the exact laws against counting, and the spaces as different."""
        bits = np.asarray(outcome.theory["bits"])
        at = int(np.argmin(np.abs(np.asarray(outcome.grid["error"]) - 0.1)))
        ratio = float(bits[:, at].max() / max(bits[:, at].min(), 1.0))
        words = "at 10 % error the spaces differ by more than a factor of 1.5"
        return (
            agreement(
                outcome,
                "share",
                tolerance=0.0,
                sentence="the exact probability is that of sampled interpolants, to 7 bits",
            ),
            statement("spaces", words, ratio, 1.5, f"ratio {ratio:.3g}", below=False),
        )


def spaces(params: KernelsParams) -> list[Space]:
    """Return the hypothesis spaces of all kernels on the task."""
    key = params.task, params.n, params.test, params.draw
    width = WIDTHS[params.task]
    return [known_space(*key, kernel, width, depth) for _, kernel, depth in KERNELS]
