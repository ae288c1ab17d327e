"""Chapter 1: the errors of random interpolants, a threshold, and the information of being below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, statement
from sims.inductive_bias.approximations import chernoff_bound
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    INFORMATION,
    LAW,
    NAT,
    SAME_N,
    STAND_INS,
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
from sims.study import Axis, Check, Curves, Guide, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

BINS = 30
DEPTHS = np.array([0.5, 1.0, 2.0, 3.0, 5.0, 7.0])


class NatParams(Params):
    """Parameters of the histogram and its threshold."""

    task: TaskName = parameter(
        "digits-parity",
        title="task",
        symbol="y",
        help="Digits (ten classes, or even against odd), a function on a sphere, a pendulum.",
    )
    n: int = training_points(100)
    test: int = held_out_points(50)
    threshold: float = parameter(
        0.25,
        title="target error",
        symbol=r"\varepsilon/\bar{y}^2",
        help="Mean squared error over the targets' mean square: 1 is what the answer 0 gets.",
        ge=0.001,
        le=2,
        scale="log",
    )
    draw: int = which_draw()
    samples: int = sample_count(4000)


class Nat(Study[NatParams]):
    """Histogram of test errors with its exact law, and bits against the threshold."""

    name = "inductive-bias/nat"
    title = "One bit for every halving"
    chapter = NAT
    statement = (
        "Draw functions that fit the $n$ training points, and look at their errors on $N$ test "
        "points. The share below a threshold $\\varepsilon$ is a probability; **minus its "
        "logarithm is what a learner must know** beyond data and hypothesis space: bits with "
        "$\\log_2$, nats with $\\ln$."
    )
    takeaway = (
        "The histogram ends where the interesting errors begin: they are too rare ever to be "
        "drawn, and the exact law still gives their probability."
    )
    standing = "exact"
    Params = NatParams
    axes = (
        Axis("error", "target error over the targets' mean square", "ε/ȳ²", scale="log", refine=3),
        Axis("bin", "test error over the targets' mean square", "e/ȳ²"),
        Axis("depth", "depth", "b", "bits"),
    )
    measures = (
        Measure("density", "share of interpolants in a bin over its width", ("bin",), "p"),
        Measure("bits", "information for N test points", ("error",), "I", "bits"),
        Measure("nats", "information for N test points", ("error",), "I", "nats"),
        Measure("level", "information for N test points", ("depth",), "I", "bits"),
        Measure("quantile", "sampled error over the targets' mean square", ("depth",), "ε/ȳ²"),
        Measure("share", "share of sampled interpolants that reach ε", ("depth",), "P"),
    )
    views = (
        Curves(
            "histogram",
            "Histogram of errors",
            "bin",
            ("density",),
            x_scale="linear",
            y_scale="linear",
            guides=(Guide("threshold", "x", "ε"), Guide("mean", "x", "mean")),
        ),
        Curves(
            "bits",
            "Bits against the threshold",
            "error",
            ("bits",),
            points=("quantile", "level"),
            y_scale="linear",
            guides=(
                Guide("threshold", "x", "ε"),
                Guide("needed", "y", "bits that ε asks for"),
            ),
        ),
        Curves(
            "nats",
            "In nats",
            "error",
            ("nats",),
            y_scale="linear",
            guides=(Guide("threshold", "x", "ε"), Guide("needed_nats", "y", "nats")),
        ),
    )
    presets = (
        Preset("quick", "Even or odd, n = 100, N = 50", NatParams(), 20),
        Preset("paper", "Ten classes, n = 300, N = 200", NatParams(task="digits", n=300, test=200)),
        Preset("pendulum", "A pendulum: hardly a bit", NatParams(task="pendulum", n=50), 20),
        Preset("no-data", "Five training points", NatParams(n=5), 20),
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
        "bit",
        "What is a bit of bias?",
        (
            Step(
                "Random functions that fit a hundred digits, even against odd; the dotted line ε "
                "is a quarter of what the answer 0 gets.",
                {"task": "digits-parity", "n": 100, "test": 50, "threshold": 0.25},
                "About one in eleven random interpolants is below ε. How many bits is that?",
                ("About 0.1", "About 3.5", "About 11"),
                1,
                "Minus log2 of 1/11 is 3.5: a learner must take three or four yes-or-no decisions "
                "rightly that the data do not take for it.",
            ),
            Step(
                "Now half the error: ε = 0.125.",
                {"threshold": 0.125},
                "How much rarer are such functions?",
                ("Twice", "Fifty times", "Tens of thousands of times"),
                2,
                "Nearly 20 bits: one function in 850,000. Counting ends at the logarithm of the "
                "number of samples; the exact law has no such end.",
            ),
            Step(
                "The same threshold with three hundred training points.",
                {"n": 300},
                "What do more data do to the bits that are missing?",
                ("They fall", "They stay", "They rise"),
                0,
                "Some 5 bits are left of 20: what the data decide, nobody needs to know before.",
            ),
        ),
    )

    def grid(self, params: NatParams) -> Arrays:
        """Return thresholds, bins that hold nearly all errors, and depths that can be counted."""
        space = known(params)
        edges = bin_edges(space)
        return {
            "error": np.geomspace(1e-3, 2.0, 20),
            "bin": (edges[1:] + edges[:-1]) / 2,
            "depth": DEPTHS,
        }

    def theory(self, params: NatParams, grid: Arrays) -> Arrays:
        """Return the exact density over bins, bits and nats, and probabilities to be counted."""
        space = known(params)
        edges = bin_edges(space)
        below = np.exp2(-relative_bits([space], edges)[0])
        bits = relative_bits([space], np.asarray(grid["error"]))[0]
        _, share = exact_quantiles([space], np.asarray(grid["depth"]))
        return {
            "density": np.diff(below) / np.diff(edges),
            "bits": bits,
            "nats": bits * np.log(2.0),
            "share": share[0],
        }

    def trial(self, params: NatParams, grid: Arrays, rng: Generator) -> Arrays:
        """Sample interpolants; histogram their errors and count."""
        space = known(params)
        edges = bin_edges(space)
        errors = space.posterior.draw_errors(space.targets, params.samples, rng) / space.power
        counts = np.histogram(errors, edges)[0]
        found = counted([space], np.asarray(grid["depth"]), params.samples, rng)
        return {
            "density": counts / (params.samples * np.diff(edges)),
            **{name: values[0] for name, values in found.items()},
        }

    def guides(self, params: NatParams) -> dict[str, float]:
        """Return the threshold, what it asks for, and the mean error."""
        space = known(params)
        bits = float(relative_bits([space], np.array([params.threshold]))[0, 0])
        return {
            "threshold": params.threshold,
            "needed": bits,
            "needed_nats": bits * float(np.log(2.0)),
            "mean": float(space.law.mean / space.power),
        }

    def validity(self, params: NatParams) -> tuple[str, ...]:
        """Warn where rounding decides."""
        return rounding_notes(known(params))

    def checks(self, outcome: Outcome[NatParams]) -> tuple[Check, ...]:
        """Hold the exact law against sampled functions, and say what the threshold asks for."""
        params = outcome.params
        density = np.asarray(outcome.theory["density"])
        nats = float(outcome.guides["needed_nats"])
        space = known(params)
        at = np.array([params.threshold * space.power])
        chernoff = -float(chernoff_bound(space.law.law, at)[0]) / float(np.log(2.0))
        slack = outcome.guides["needed"] - chernoff
        return (
            agreement(
                outcome,
                "density",
                tolerance=0.05,
                where=density > 0.2 * density.max(),
                sentence="the exact density is that of sampled interpolants, within 5 %",
            ),
            agreement(
                outcome,
                "share",
                tolerance=0.02,
                sentence="the exact probability is that of sampled interpolants, to 7 bits",
            ),
            statement(
                "threshold",
                "the threshold asks for at least Chernoff's bound",
                slack,
                -1e-9 * max(nats, 1.0),
                f"{outcome.guides['needed']:.4g} bits = {nats:.4g} nats; the bound gives "
                f"{chernoff:.4g} bits",
                below=False,
            ),
        )


def known(params: NatParams) -> Space:
    """Return the hypothesis space on the draw in question."""
    return known_space(params.task, params.n, params.test, params.draw, "rbf", WIDTHS[params.task])


def bin_edges(space: Space) -> Real:
    """Return the borders of bins between the law's outer quantiles."""
    places, _ = exact_quantiles([space], np.array([12.0]))
    centre, least = space.law.mean / space.power, float(places[0, 0])
    return np.linspace(0.9 * least, 2.0 * centre - 0.6 * least, BINS + 1)
