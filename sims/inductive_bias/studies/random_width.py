"""Chapter 4: networks with random hidden weights, their last layer integrated out exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.agreement import agreement, exceeds
from sims.inductive_bias.mixture import mixture_bits, random_feature_laws
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    INFORMATION,
    OURS,
    SAME_N,
    STAND_INS,
    SUPPLY,
    Space,
    TaskName,
    held_out_points,
    known_space,
    known_task,
    training_points,
    which_draw,
)
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.inductive_bias.interpolant import InterpolantErrorLaw
    from sims.study import Arrays

    Real = NDArray[np.float64]

TASK: TaskName = "digits-parity"


class RandomWidthParams(Params):
    """Parameters of random-feature networks."""

    n: int = training_points(40, low=10, high=150)
    test: int = held_out_points(60, high=100)
    errors: tuple[float, ...] = parameter(
        (0.4, 0.6, 0.8),
        title="target errors over the infinite network's mean error",
        symbol=r"\varepsilon/\bar{e}_\infty",
        help="One curve each; the mean error is that of interpolants at infinite width.",
        ge=0.2,
        le=2,
    )
    widest: int = parameter(
        1200,
        title="largest width",
        symbol=r"k_{\max}",
        help="Hidden units of the widest network.",
        ge=300,
        le=4000,
        scale="log",
    )
    networks: int = parameter(
        2,
        title="networks in a trial",
        symbol="W",
        help="Draws of the hidden weights, averaged over in their probabilities.",
        ge=1,
        le=20,
        advanced=True,
    )
    draw: int = which_draw()

    @model_validator(mode="after")
    def _check_width(self) -> Self:
        least = 2 * (self.n + self.test)
        if self.widest < least:
            raise ValueError(
                f"widest = {self.widest} is not allowed: it must be at least {least}, twice the "
                f"training and test points (largest width)"
            )
        return self


class RandomWidth(Study[RandomWidthParams]):
    """Exact bits of random-feature networks against width, and their infinite limit."""

    name = "inductive-bias/random-width"
    title = "How wide must a random network be?"
    chapter = SUPPLY
    statement = (
        "Hidden weights are random, the last layer Gaussian: given the hidden weights the error "
        "law is exact, and only they are sampled. **A network with fewer units than training and "
        "test points cannot reach small errors at all**; a wide one approaches its "
        "infinite-width kernel (lines)."
    )
    takeaway = (
        "From a few hundred units on the bits settle at the infinite network's; a narrow network "
        "has a floor of error below which no bias helps."
    )
    standing = "asymptotic"
    Params = RandomWidthParams
    axes = (
        Axis("error", "target error over the infinite network's mean", "ε/ē"),
        Axis("width", "hidden units", "k", scale="log"),
        Axis("narrow", "hidden units", "k", scale="log"),
    )
    measures = (
        Measure("bits", "information for N test points", ("error", "width"), "I", "bits", "median"),
        Measure(
            "floor",
            "least reachable error over the infinite network's mean",
            ("narrow",),
            "c/ē",
            summary="median",
        ),
        Measure(
            "mean", "mean error over the infinite network's", ("narrow",), "E e/ē", summary="median"
        ),
        Measure("unit", "the infinite network's mean", ("narrow",)),
    )
    views = (
        Curves(
            "bits", "Bits against the width (lines: infinite width)", "width", ("bits",), "error"
        ),
        Curves(
            "floor",
            "Least reachable error",
            "narrow",
            ("floor",),
            y_scale="linear",
            guides=(Guide("points", "x", "k = n + N"),),
        ),
        Curves(
            "mean",
            "Error of random interpolants",
            "narrow",
            ("mean", "unit"),
            dashed=("unit",),
            guides=(Guide("points", "x", "k = n + N"),),
        ),
    )
    presets = (
        Preset("quick", "Digits, n = 40, N = 60", RandomWidthParams(), 40),
        Preset(
            "paper",
            "Digits, n = 60, N = 100, widths to 4000",
            RandomWidthParams(n=60, test=100, widest=4000),
            40,
        ),
    )
    equations = (
        INFORMATION,
        Equation(
            r"P(e\le\varepsilon)=\mathbb E_W\,P(e\le\varepsilon\mid W),\qquad"
            r" h(x)=k^{-1/2}\,\mathrm{relu}(Wx)\,\theta,\quad \theta\sim N(0,I)",
            "Each factor is exact, so that sampled hidden weights reach depths that sampled "
            "networks never would.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Digits, even against odd; one draw of training and test set. Lines: the kernel of "
        "infinite width (NNGP, one layer).",
        "A trial averages probabilities over a few networks and takes the logarithm; with few of "
        "them the mean of such bits is above the bits of the mixture by at most half the squared "
        "scatter, in nats.",
        SAME_N,
        STAND_INS,
    )

    def grid(self, params: RandomWidthParams) -> Arrays:
        """Return errors, widths that reach every error, and widths from n on."""
        both = params.n + params.test
        least = 1.5 * params.n + 10.0  # some units are dead: n of them do not fit n points
        below = np.linspace(least, both, 4) if least < both else [least]
        return {
            "error": np.asarray(params.errors),
            "width": np.unique(np.round(np.geomspace(1.5 * both, params.widest, 6))),
            "narrow": np.unique(np.round([*below, *np.geomspace(1.3 * both, params.widest, 6)])),
        }

    def theory(self, params: RandomWidthParams, grid: Arrays) -> Arrays:
        """Return the bits of infinite width, at every width."""
        space = limit(params)
        bits = np.asarray(space.law.bits(np.asarray(grid["error"]) * space.law.mean))
        wide = np.size(grid["width"])
        return {
            "bits": np.repeat(bits[:, None], wide, axis=1),
            "unit": np.ones(np.size(grid["narrow"])),
        }

    def trial(self, params: RandomWidthParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw hidden weights of every width."""
        scale = limit(params).law.mean
        errors = np.asarray(grid["error"]) * scale

        def laws(width: float) -> list[InterpolantErrorLaw]:
            task = known_task(TASK, params.n, params.test, params.draw)
            return random_feature_laws(
                task.train_inputs,
                task.test_inputs,
                task.train_targets,
                task.test_targets,
                width=int(width),
                networks=params.networks,
                rng=rng,
            )

        bits = [mixture_bits(laws(k), errors).bits for k in np.asarray(grid["width"])]
        narrow = [laws(k) for k in np.asarray(grid["narrow"])]
        return {
            "bits": np.transpose(bits),
            "floor": np.array([np.mean([one.offset for one in some]) for some in narrow]) / scale,
            "mean": np.array([np.mean([one.mean for one in some]) for some in narrow]) / scale,
        }

    def guides(self, params: RandomWidthParams) -> dict[str, float]:
        """Return the width from which every error can be reached."""
        return {"points": float(params.n + params.test)}

    def checks(self, outcome: Outcome[RandomWidthParams]) -> tuple[Check, ...]:
        """Hold the widest networks against infinite width, and the floor of the narrow ones."""
        params = outcome.params
        width = np.asarray(outcome.grid["width"])
        narrow = np.asarray(outcome.grid["narrow"])
        found = [
            agreement(
                outcome,
                "bits",
                tolerance=0.15,  # a finite width's own scatter and O(n/k) shift
                where=(width >= width.max()) & (np.asarray(params.errors)[:, None] <= 0.6),
                sentence="the widest networks miss the infinite one's bits, within 15 %",
            )
        ]
        short = narrow < params.n + 0.7 * params.test
        if short.any():
            words = "with fewer than n + 0.7 N units some error cannot be avoided"
            found.append(exceeds(outcome, "floor", where=short, sentence=words))
        return tuple(found)


def limit(params: RandomWidthParams) -> Space:
    """Return the space of networks of infinite width."""
    return known_space(TASK, params.n, params.test, params.draw, "nngp")
