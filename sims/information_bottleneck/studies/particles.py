"""Chapter 4: particles that flow down the Cauchy–Schwarz divergence into two modes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from sims.agreement import agreement, never_above
from sims.information_bottleneck.cs_exact import mixture_cs_divergence
from sims.information_bottleneck.particles import run_particles
from sims.information_bottleneck.studies.common import CS_IB, DERIVED, OURS, REGRESSION
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Guide,
    HeatMap,
    Lesson,
    Measure,
    Outcome,
    Preset,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

CENTRE = 4.0
EDGES = np.linspace(-8.0, 8.0, 17)
LEFT = 0.02  # of the divergence, at the end
UNEVEN = 0.1  # by how much a mode's share may miss a half
MOMENTS = ("start", "end")


class ParticleParams(Params):
    """Parameters of the flow."""

    particles: int = parameter(
        200,
        title="particles",
        symbol="N",
        help="As many as there are samples of the target.",
        ge=20,
        le=1000,
        scale="log",
    )
    steps: int = parameter(
        300,
        title="steps",
        symbol="k",
        help="Of plain gradient descent on the divergence.",
        ge=30,
        le=3000,
        scale="log",
    )
    width: float = parameter(
        1.0,
        title="kernel width",
        symbol=r"\sigma",
        help="Of the kernel; the modes have deviation 1 and lie 11.3 apart.",
        ge=0.3,
        le=5,
        step=0.1,
    )
    pace: float = parameter(
        0.5,
        title="step size for each particle",
        symbol=r"\eta",
        help="Times the number of particles, as the gradient of one is of order 1/N.",
        ge=0.05,
        le=1,
        step=0.05,
        advanced=True,
    )


class ParticleFlow(Study[ParticleParams]):
    """A cloud of particles flows into two distant Gaussians."""

    name = "information-bottleneck/particles"
    title = "One mode or both?"
    chapter = REGRESSION
    statement = (
        "A prediction that can only follow one branch of a two-branched truth has lost half of it. "
        "Does the Cauchy–Schwarz divergence settle for **one mode**, or does it want **both**? "
        "Particles start around the origin and descend its gradient towards two Gaussians at "
        "(4, 4) and (−4, −4)."
    )
    takeaway = (
        "The flow fills both modes, half of the particles each: from this start the divergence "
        "covers modes, and does not pick one."
    )
    standing = "exact"
    Params = ParticleParams
    axes = (
        Axis("moment", "moment"),
        Axis("x1", "first coordinate", "x₁"),
        Axis("x2", "second coordinate", "x₂"),
        Axis("step", "step of the descent", "k", scale="log"),
    )
    measures = (
        Measure("share", "share of particles in a cell", ("moment", "x2", "x1")),
        Measure("divergence", "Cauchy–Schwarz divergence", ("step",), "D", "nats"),
        Measure("mmd", "squared mean discrepancy", ("step",), "MMD²"),
        Measure("smaller", "share of the mode with fewer particles", ("step",)),
        Measure("start", "divergence at the start", (), "D", "nats"),
        Measure("remaining", "divergence left at the end, over that at the start", ()),
        Measure("uneven", "how far a mode's share is from a half", ()),
    )
    views = (
        HeatMap(
            "cloud",
            "The cloud",
            "x1",
            "x2",
            "share",
            "moment",
            x_scale="linear",
            y_scale="linear",
            colour_scale="linear",
        ),
        Curves(
            "divergence",
            "Divergence",
            "step",
            ("divergence",),
            guides=(Guide("exact", "y", "start, closed form"),),
        ),
        Curves("mmd", "Another distance, which nobody descends", "step", ("mmd",)),
        Curves(
            "modes",
            "Share of the smaller mode",
            "step",
            ("smaller",),
            y_scale="linear",
            y_range=(0, 0.55),
            guides=(Guide("half", "y", "a half"),),
        ),
    )
    presets = (
        Preset("quick", "200 particles, 300 steps", ParticleParams(), 20),
        Preset("paper", "400 particles, 1000 steps", ParticleParams(particles=400, steps=1000), 20),
        Preset("wide", "A wide kernel blurs the target", ParticleParams(width=4.0), 20),
        Preset("narrow", "A narrow kernel sees little", ParticleParams(width=0.4), 20),
    )
    equations = (
        Equation(
            r"D = \log\frac{1}{N^2}\sum_{ij}\kappa(p_i,p_j) + \log\frac{1}{N^2}\sum_{ij}"
            r"\kappa(q_i,q_j) - 2\log\frac{1}{N^2}\sum_{ij}\kappa(p_i,q_j)",
            "Particles p, samples q of the target, Gaussian kernel of width σ. It is not bounded: "
            "it stays finite however far apart they are.",
            "arXiv 2404.17951 (factor-2 convention)",
        ),
        Equation(
            r"D = -2\log\!\int pq + \log\!\int p^2 + \log\!\int q^2",
            "Of the smoothed laws N(0, 1 + σ²/2) and the two Gaussians: closed form, shown as the "
            "thin line at the start.",
            OURS,
        ),
    )
    sources = (CS_IB, DERIVED)
    assumptions = (
        "Exact are the laws of start and target (left maps) and the divergence at the start, up "
        "to the bias of N samples. No theory predicts the flow.",
        "The flow knows samples of the target, not the target: it ends below the divergence of "
        "two independent samples.",
        "Covering both modes is what this start shows, halfway between them. Particles that start "
        "in one mode of two distant ones feel the other hardly at all.",
        "Divergence (nats) and MMD² (no unit) are different quantities; each has a chart.",
    )
    lesson = Lesson(
        "modes",
        "One mode or both?",
        (
            Step(
                "All particles start around the origin, between the two modes.",
                {"width": 1.0},
                "Where are they after 300 steps?",
                ("All in one mode", "Half in each", "Still between the modes"),
                1,
                "Half in each, to within a few per cent. See the view of the modes' shares.",
            ),
            Step(
                "A kernel of width 4 blurs each mode into a wide hill.",
                {"width": 4.0},
                "The divergence ends lower than before. Is the cloud closer to the target?",
                ("Yes", "No: blurred laws are easier to match"),
                1,
                "A number belongs to its kernel: divergences of different widths are different "
                "quantities.",
            ),
        ),
    )

    def grid(self, params: ParticleParams) -> Arrays:
        """Return two moments, the centres of the map's cells, and steps."""
        centres = (EDGES[1:] + EDGES[:-1]) / 2
        return {
            "moment": np.array(MOMENTS),
            "x1": centres,
            "x2": centres,
            "step": np.unique(np.round(np.geomspace(1, params.steps, 8))),
        }

    def theory(self, params: ParticleParams, grid: Arrays) -> Arrays:
        """Return the cells' probabilities under both laws, and the divergence at the start."""
        start = np.outer(_cells(0.0), _cells(0.0))
        target = 0.5 * sum(np.outer(_cells(c), _cells(c)) for c in (CENTRE, -CENTRE))
        return {"share": np.stack([start, target]), "start": np.asarray(self._start(params))}

    def trial(self, params: ParticleParams, grid: Arrays, rng: Generator) -> Arrays:
        """Let one cloud flow."""
        flow = run_particles(
            params.particles,
            rng,
            width=params.width,
            rate=params.pace * params.particles,
            steps=(0, *np.asarray(grid["step"]).astype(int).tolist()),
        )
        maps = [
            np.histogram2d(cloud[:, 1], cloud[:, 0], bins=EDGES)[0] / params.particles
            for cloud in flow.positions[[0, -1]]
        ]
        upper = np.mean(flow.positions.sum(axis=2) > 0, axis=1)
        return {
            "share": np.stack(maps),
            "divergence": flow.divergence[1:],
            "mmd": flow.mmd_squared[1:],
            "smaller": np.minimum(upper, 1 - upper)[1:],
            "start": flow.divergence[0],
            "remaining": flow.divergence[-1] / flow.divergence[0],
            "uneven": np.abs(upper[-1] - 0.5),
        }

    def guides(self, params: ParticleParams) -> dict[str, float]:
        """Return the divergence at the start, and an even share."""
        return {"exact": self._start(params), "half": 0.5}

    def validity(self, params: ParticleParams) -> tuple[str, ...]:
        """Warn of kernels that see too little or too much."""
        notes = []
        if params.width < 0.5:
            notes.append(f"A kernel of width {params.width:g} sees few particles at a time.")
        if params.width > 3:
            notes.append(
                f"A kernel of width {params.width:g} blurs the modes: what it descends says little "
                "about the shape of the cloud."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[ParticleParams]) -> tuple[Check, ...]:
        """Judge start, end and the shares of the modes."""
        return (
            agreement(
                outcome,
                "start",
                tolerance=0.1,
                sentence="the closed form within 10 % of the divergence at the start",
            ),
            never_above(
                outcome,
                "remaining",
                LEFT,
                sentence=f"less than {LEFT:.0%} of the divergence is left at the end",
            ),
            never_above(
                outcome,
                "uneven",
                UNEVEN,
                sentence=f"each mode gets between {0.5 - UNEVEN:.0%} and {0.5 + UNEVEN:.0%}",
            ),
        )

    @staticmethod
    def _start(params: ParticleParams) -> float:
        """Return the divergence of the smoothed laws at the start, nats."""
        spread = (1.0 + params.width**2 / 2) * np.eye(2)
        centres = [[CENTRE, CENTRE], [-CENTRE, -CENTRE]]
        return mixture_cs_divergence(
            [1.0], [[0.0, 0.0]], [spread], [0.5, 0.5], centres, [spread, spread]
        )


def _cells(centre: float) -> NDArray[np.float64]:
    """Return the normal probability of each cell of a coordinate."""
    return np.asarray(np.diff(ndtr(EDGES - centre)))
