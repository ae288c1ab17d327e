"""Chapter 1: a bottleneck learned from a finite sample, judged on it and on the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds, never_above
from sims.information_bottleneck.discrete import blahut_arimoto, discrete_information
from sims.information_bottleneck.discrete_curves import discretised_gaussian
from sims.information_bottleneck.gaussian_ib import gaussian_ib_curve
from sims.information_bottleneck.studies.common import DERIVED, OURS, TRADE_OFF
from sims.information_bottleneck.studies.sources import CHECHIK, PROBLEM, TISHBY
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

JUDGES = ("on its own sample", "on the truth")
LIMIT = 3.0  # standard deviations covered by the table


class LearnedParams(Params):
    """Parameters of a bottleneck learned from counts."""

    rho: float = parameter(
        0.8,
        title="correlation",
        symbol=r"\rho",
        help="Of the Gaussian pair that is discretised.",
        ge=0.3,
        le=0.95,
        step=0.01,
    )
    samples: tuple[int, ...] = parameter(
        (200, 1000, 10_000),
        title="sample sizes",
        symbol="N",
        help="One series each.",
        ge=50,
        le=1_000_000,
    )
    cells: int = parameter(
        17,
        title="cells of each variable",
        symbol="m",
        help="Between -3 and 3 standard deviations.",
        ge=15,
        le=31,
    )


class Learned(Study[LearnedParams]):
    """A discrete bottleneck learned from counts: optimism on the sample, loss on the truth."""

    name = "information-bottleneck/learned"
    title = "Learned from a sample, it looks too good"
    chapter = TRADE_OFF
    statement = (
        "Count $N$ samples of a discretised Gaussian pair in a table, find the bottleneck of that "
        "table, and read off its two informations. **On the sample it was learned from, the "
        "summary beats the theoretical limit**; the same summary, judged on the true law, stays "
        "below it. What looks like a good summary is the noise of the counts."
    )
    takeaway = (
        "Points above the dashed limit are an illusion of the sample; the truth of the same "
        "summaries lies below, and both meet the limit only as N grows."
    )
    standing = "bound"
    Params = LearnedParams
    axes = (
        Axis("judged", "judged"),
        Axis("samples", "samples", "N", scale="log"),
        Axis("beta", "trade-off", "β", scale="log"),
        Axis("compression", "what is kept of X", "I(T;X)", "nats"),
    )
    measures = (
        Measure("limit", "the limit for the Gaussian pair", ("compression",), "", "nats"),
        Measure("information_x", "kept of X", ("judged", "samples", "beta"), "I(T;X)", "nats"),
        Measure("information_y", "kept of Y", ("judged", "samples", "beta"), "I(T;Y)", "nats"),
        Measure("excess", "I(T;Y) above the limit", ("judged", "samples", "beta"), "", "nats"),
        Measure("optimism", "I(T;Y) on the sample less the truth", ("samples", "beta"), "", "nats"),
    )
    views = (
        Curves(
            "plane",
            "Both judgements",
            "compression",
            ("limit",),
            "samples",
            panel="judged",
            points=("information_x", "information_y"),
            x_scale="linear",
            y_scale="linear",
            y_title="what is kept of Y, I(T;Y) (nats)",
            dashed=("limit",),
        ),
        Curves("optimism", "Optimism", "beta", ("optimism",), "samples"),
    )
    presets = (
        Preset("quick", "ρ = 0.8, 17 cells", LearnedParams(), 20),
        Preset(
            "paper",
            "ρ = 0.8, 31 cells, up to a million samples",
            LearnedParams(samples=(200, 1000, 10_000, 100_000, 1_000_000), cells=31),
            40,
        ),
        Preset("weak", "A weak tie: ρ = 0.4", LearnedParams(rho=0.4), 20),
    )
    equations = (
        PROBLEM,
        Equation(
            r"I_Y \le I_X - \tfrac12\log\big(\rho^2 + (1-\rho^2)\,e^{2 I_X}\big)",
            "The Gaussian bottleneck curve: a limit on every summary of X.",
            "Chechik et al., JMLR 2005",
        ),
        Equation(
            r"p(t\mid x) \propto p(t)\,e^{-\beta\, KL[\hat p(y\mid x)\,\|\,p(y\mid t)]}",
            "The iteration, fed with the frequencies of the sample.",
            "Tishby, Pereira, Bialek, 1999",
        ),
    )
    sources = (TISHBY, CHECHIK, DERIVED)
    assumptions = (
        "The truth is the table of a Gaussian density on a grid; with 15 cells or more its own "
        f"limit is within 3 % below the Gaussian one drawn here ({OURS}).",
        "The iteration starts near the identity and stops when its functional changes by less "
        "than 1e-7. It is one of several possible minima.",
        "A value of X that the sample lacks is sent to a cluster at random, by the clusters' "
        "frequencies.",
    )
    lesson = Lesson(
        "learned",
        "Too good to be true",
        (
            Step(
                "A table of 17 × 17 cells is filled with 200 samples, and the best summary for "
                "that table is computed at six trade-offs.",
                {"samples": (200, 1000, 10_000)},
                "Where do the summaries lie, measured on the same 200 samples?",
                ("Below the limit", "On the limit", "Above the limit"),
                2,
                "Empty cells look like certainty. Judged on the true law, the very same summaries "
                "fall below the limit: the difference is overfitting.",
            ),
            Step(
                "Now with finer cells, 31 a side, and the same samples.",
                {"cells": 31},
                "What happens to the optimism?",
                ("It shrinks, the picture is finer", "It grows", "It stays"),
                1,
                "There are more cells for the same samples, and more noise to be remembered. Finer "
                "bins never make a plug-in information smaller.",
            ),
        ),
    )

    def grid(self, params: LearnedParams) -> Arrays:
        """Return judges, sample sizes, trade-offs, and a line of compression for the limit."""
        beta = np.geomspace(1.6, 40.0, 6) / params.rho**2
        return {
            "judged": np.array(JUDGES),
            "samples": np.asarray(sorted(params.samples)),
            "beta": beta,
            "compression": np.linspace(0.0, np.log(params.cells), 121),
        }

    def theory(self, params: LearnedParams, grid: Arrays) -> Arrays:
        """Return the limit."""
        return {"limit": gaussian_ib_curve(params.rho, grid["compression"])}

    def trial(self, params: LearnedParams, grid: Arrays, rng: Generator) -> Arrays:
        """Count one sample of every size, learn at every trade-off, judge twice."""
        truth, _ = discretised_gaussian(params.rho, points=params.cells, limit=LIMIT)
        shape = (len(grid["samples"]), len(grid["beta"]))
        kept = np.zeros((2, 2, *shape))  # judge, X or Y
        for i, count in enumerate(grid["samples"]):
            counts = rng.multinomial(int(count), truth.ravel()).reshape(truth.shape)
            for j, beta in enumerate(grid["beta"]):
                encoder = _learned(counts / count, float(beta))
                for judge, table in enumerate((counts / count, truth)):
                    kept[judge, :, i, j] = _judged(table, encoder)
        x, y = kept[:, 0], kept[:, 1]
        return {
            "information_x": x,
            "information_y": y,
            "excess": y - gaussian_ib_curve(params.rho, x),
            "optimism": y[0] - y[1],
        }

    def validity(self, params: LearnedParams) -> tuple[str, ...]:
        """Warn where a row of the table hardly gets a sample."""
        least = min(params.samples) / params.cells
        if least >= 5:
            return ()
        return (f"With {least:.2g} samples for each value of X, many values are never seen.",)

    def checks(self, outcome: Outcome[LearnedParams]) -> tuple[Check, ...]:
        """Judged on the truth below the limit; on a small sample of its own above it."""
        params = outcome.params
        own = (np.asarray(outcome.grid["judged"]) == JUDGES[0])[:, None, None]
        small = (np.asarray(outcome.grid["samples"]) <= params.cells**2)[None, :, None]
        below = "judged on the truth, no summary passes the limit"
        above = "on a sample of no more than m² its summary seems to pass the limit"
        found = [never_above(outcome, "excess", 0.0, where=~own, sentence=below)]
        if small.any():
            found.append(exceeds(outcome, "excess", where=own & small, sentence=above))
        optimism = "up to ten samples a cell, its own sample makes a summary look better than it is"
        few = (np.asarray(outcome.grid["samples"]) <= 10 * params.cells**2)[:, None]
        if few.any():
            found.append(exceeds(outcome, "optimism", where=few, sentence=optimism))
        return tuple(found)


def _learned(table: Real, beta: float) -> Real:
    """Return the encoder of a table of frequencies; unseen values go by the clusters' weights."""
    weights = table.sum(axis=1)
    seen = weights > 0
    size = int(seen.sum())
    start = np.full((size, size), 0.1 / size) + 0.9 * np.eye(size)
    found = blahut_arimoto(table[seen], beta, start, tolerance=1e-7).encoder
    encoder = np.tile(weights[seen] @ found, (len(table), 1))
    encoder[seen] = found
    return encoder


def _judged(table: Real, encoder: Real) -> tuple[float, float]:
    """Return I(T;X) and I(T;Y) of an encoder under a table."""
    weights = table.sum(axis=1)
    seen = weights > 0
    kept_y = encoder.T @ table
    return (
        discrete_information(weights[seen, None] * encoder[seen]),
        discrete_information(kept_y[kept_y.sum(axis=1) > 0]),
    )
