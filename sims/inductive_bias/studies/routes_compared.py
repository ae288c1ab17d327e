"""Chapter 2: other routes to the same probability, and how deep each holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, statement
from sims.inductive_bias.approximations import chernoff_bound, lugannani_rice, three_cumulant
from sims.inductive_bias.routes import tilted_importance_sampling
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    ESTIMATED,
    EXACT,
    LAW,
    OURS,
    SAME_N,
    WIDTHS,
    Space,
    TaskName,
    held_out_points,
    known_space,
    rounding_notes,
    training_points,
    which_draw,
)
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

ROUTES = ("Lugannani–Rice", "Chernoff bound", "three cumulants")


class RoutesParams(Params):
    """Parameters of the comparison of routes."""

    task: TaskName = parameter(
        "digits",
        title="task",
        symbol="y",
        help="Digits (ten classes, or even against odd), a function on a sphere, a pendulum.",
    )
    n: int = training_points(100)
    test: int = held_out_points(100)
    tilted: int = parameter(
        2000,
        title="tilted draws in a trial",
        symbol="S",
        help="From the law tilted towards the threshold; plain draws would see nothing.",
        ge=200,
        le=50_000,
        scale="log",
        advanced=True,
    )
    draw: int = which_draw()


class RoutesCompared(Study[RoutesParams]):
    """Bits by approximations and by tilted sampling, against the exact law."""

    name = "inductive-bias/routes"
    title = "Other routes to the same number"
    chapter = ESTIMATED
    statement = (
        "A thousand bits below the bulk, numerical inversion along the imaginary axis has no digit "
        "left (its accuracy is absolute), and plain sampling no sample. **The contour through the "
        "saddle keeps nine digits at any depth**; a saddle-point formula comes within a hundredth "
        "of a bit, a bound within a few, and a law matched to three moments goes far wrong."
    )
    takeaway = (
        "Lugannani and Rice's formula is hundredths of a bit off at any depth, Chernoff's bound a "
        "few bits; matching three moments loses hundreds."
    )
    standing = "exact"
    Params = RoutesParams
    axes = (
        Axis("share", "target error over the mean error", "ε/ē", scale="log", refine=1),
        Axis("place", "target error over the mean error", "ε/ē", scale="log"),
        Axis("route", "route"),
    )
    measures = (
        Measure("off", "distance from the exact bits", ("route", "share"), "|ΔI|", "bits"),
        Measure("bits", "information for N test points", ("share",), "I", "bits"),
        Measure("tilted", "information for N test points", ("place",), "I", "bits"),
        Measure("counted", "what a million plain samples support", ("share",), "I", "bits"),
    )
    views = (
        Curves("off", "How far each route is off", "share", ("off",), "route"),
        Curves(
            "bits",
            "Exact law and tilted importance sampling",
            "share",
            ("bits", "counted"),
            points=("place", "tilted"),
            dashed=("counted",),
        ),
    )
    presets = (
        Preset("quick", "Ten classes, n = 100, N = 100", RoutesParams(), 20),
        Preset("paper", "Ten classes, n = 300, N = 200", RoutesParams(n=300, test=200), 40),
        Preset("parity", "Even or odd", RoutesParams(task="digits-parity", test=50), 20),
    )
    equations = (
        LAW,
        Equation(
            r"P(Q\le\varepsilon)=\frac{1}{2\pi i}\int e^{K(s)-s\varepsilon-\ln(-s)}\,ds",
            "K: cumulant generating function. The contour crosses the negative axis at the "
            "integrand's saddle and bends to the right; everything stays in logarithms.",
            OURS,
        ),
        Equation(
            r"I \ge \sup_{s<0}\,\big(s\varepsilon-K(s)\big)",
            "Chernoff: a rigorous lower bound on the information, in nats.",
            OURS,
        ),
        Equation(
            r"\hat P=\frac1S\sum_j \mathbf 1\{Q_j\le\varepsilon\}\,e^{K(s)-sQ_j},\qquad"
            r" Q_j\sim\text{law tilted by } s",
            "Tilting makes the rare event common and weighs it back; unbiased at any depth.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Davies's and Imhof's inversions have absolute accuracy: useless beyond about 40 bits, "
        "and so not drawn.",
        SAME_N,
    )

    def grid(self, params: RoutesParams) -> Arrays:
        """Return thresholds relative to the mean error, and the routes."""
        return {
            "share": np.geomspace(0.02, 0.9, 20),
            "place": np.geomspace(0.02, 0.9, 7),
            "route": np.array(ROUTES),
        }

    def theory(self, params: RoutesParams, grid: Arrays) -> Arrays:
        """Return exact bits and the distance of every route."""
        space = known(params)
        errors = np.asarray(grid["share"]) * space.law.mean
        exact = np.asarray(space.law.bits(errors))
        routes = (lugannani_rice, chernoff_bound, three_cumulant)
        off = [-route(space.law.law, errors) / np.log(2.0) - exact for route in routes]
        return {
            "off": np.abs(off),
            "bits": exact,
            "tilted": np.asarray(space.law.bits(np.asarray(grid["place"]) * space.law.mean)),
            "counted": np.full(errors.size, np.log2(1e5)),
        }

    def trial(self, params: RoutesParams, grid: Arrays, rng: Generator) -> Arrays:
        """Estimate by tilted importance sampling."""
        space = known(params)
        law = space.law.law
        found = [
            tilted_importance_sampling(
                float(error),
                law.weights,
                dof=law.dof,
                noncentrality=law.noncentrality,
                offset=law.offset,
                samples=params.tilted,
                rng=rng,
            ).log_cdf
            for error in np.asarray(grid["place"]) * space.law.mean
        ]
        return {"tilted": -np.array(found) / np.log(2.0)}

    def validity(self, params: RoutesParams) -> tuple[str, ...]:
        """Warn where rounding decides."""
        return rounding_notes(known(params))

    def checks(self, outcome: Outcome[RoutesParams]) -> tuple[Check, ...]:
        """Hold tilted sampling against the exact law, and measure the other routes."""
        rice, chernoff, cumulants = np.asarray(outcome.theory["off"])
        bits = np.asarray(outcome.theory["bits"])
        deep = float(cumulants[0] / bits[0])
        return (
            agreement(
                outcome,
                "tilted",
                tolerance=0.002,
                sentence="tilted sampling finds the exact bits, within 0.2 %",
            ),
            statement(
                "saddle-point",
                "Lugannani and Rice's formula is within a tenth of a bit at every depth",
                float(rice.max()),
                0.1,
                f"largest distance {rice.max():.1e} bits, at up to {bits.max():.0f} bits",
            ),
            statement(
                "chernoff",
                "Chernoff's bound is within 8 bits",
                float(chernoff.max()),
                8.0,
                f"largest distance {chernoff.max():.2f} bits",
            ),
            statement(
                "moments",
                "three matched cumulants miss at least 5 % of the bits in the deep tail",
                deep,
                0.05,
                f"{deep:.0%} of {bits[0]:.0f} bits",
                below=False,
            ),
        )


def known(params: RoutesParams) -> Space:
    """Return the hypothesis space on the draw in question."""
    return known_space(params.task, params.n, params.test, params.draw, "rbf", WIDTHS[params.task])
