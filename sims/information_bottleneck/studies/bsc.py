"""Chapter 1: the bottleneck of a noisy bit, in closed form and by iteration."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import statement
from sims.information_bottleneck.discrete import blahut_arimoto, discrete_information
from sims.information_bottleneck.discrete_curves import bsc_critical_beta, bsc_ib_curve
from sims.information_bottleneck.studies.common import DERIVED, OURS, TRADE_OFF
from sims.information_bottleneck.studies.sources import PROBLEM, TISHBY
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

LOG2 = math.log(2.0)


class BitParams(Params):
    """Parameters of the noisy bit."""

    crossovers: tuple[float, ...] = parameter(
        (0.02, 0.1, 0.2),
        title="flip probabilities",
        symbol=r"\delta",
        help="Chance that Y differs from the fair bit X; one curve each.",
        ge=0.001,
        le=0.45,
    )
    clusters: int = parameter(
        3,
        title="clusters offered",
        symbol="|T|",
        help="How many values T may take in the search; two suffice.",
        ge=2,
        le=8,
        advanced=True,
    )


class NoisyBit(Study[BitParams]):
    """The bottleneck curve of a binary symmetric channel and Blahut-Arimoto points on it."""

    name = "information-bottleneck/noisy-bit"
    title = "One noisy bit"
    chapter = TRADE_OFF
    statement = (
        "X is a fair bit, Y the same bit flipped with probability $\\delta$. The best summary is "
        "the bit with some noise of one's own added, and the curve is Mrs Gerber's lemma. **Below "
        "$\\beta = 1/(1-2\\delta)^2$ the best summary is none at all**; the iteration of the "
        "original paper, started anywhere, finds the same points."
    )
    takeaway = (
        "Noise in the channel bends the curve and lowers its end; what it asks for is the same: "
        "a noisier copy of the bit."
    )
    standing = "exact"
    Params = BitParams
    axes = (
        Axis("crossover", "flip probability", "δ"),
        Axis("compression", "what is kept of X", "I(T;X)", "nats"),
        Axis("price", "trade-off over its critical value", "β/β_c", scale="log"),
    )
    measures = (
        Measure("curve", "what is kept of Y", ("crossover", "compression"), "I(T;Y)", "nats"),
        Measure("ceiling", "no loss", ("compression",), "", "nats"),
        Measure("information_x", "kept of X", ("crossover", "price"), "I(T;X)", "nats"),
        Measure("information_y", "kept of Y", ("crossover", "price"), "I(T;Y)", "nats"),
        Measure("shortfall", "distance below the curve", ("crossover", "price"), "", "nats"),
    )
    views = (
        Curves(
            "curve",
            "The best trade-off",
            "compression",
            ("curve", "ceiling"),
            "crossover",
            points=("information_x", "information_y"),
            x_scale="linear",
            y_scale="linear",
            y_title="what is kept of Y, I(T;Y) (nats)",
            dashed=("ceiling",),
            guides=(Guide("whole", "x", "the whole bit"),),
        ),
        Curves(
            "onset",
            "When a summary begins to pay",
            "price",
            ("information_x",),
            "crossover",
            y_scale="linear",
            guides=(Guide("critical", "x", "critical β"),),
        ),
    )
    presets = (
        Preset("quick", "Three channels", BitParams(), 10),
        Preset("paper", "Five channels", BitParams(crossovers=(0.01, 0.05, 0.1, 0.2, 0.35)), 40),
        Preset("clean", "A nearly clean channel", BitParams(crossovers=(0.001, 0.01)), 10),
    )
    equations = (
        PROBLEM,
        Equation(
            r"I_Y = \log 2 - h\big(a(1-\delta)+(1-a)\delta\big),\qquad h(a) = \log 2 - I_X",
            "h is the entropy of a bit in nats, a the noise that the summary adds of its own.",
            "Mrs Gerber's lemma",
        ),
        Equation(
            r"p(t\mid x) \propto p(t)\,e^{-\beta\, KL[p(y\mid x)\,\|\,p(y\mid t)]}",
            "One round of the iteration; p(t) and p(y|t) follow from the encoder before.",
            "Tishby, Pereira, Bialek, 1999",
        ),
        Equation(r"\beta_c = 1/(1-2\delta)^2", "Where the curve leaves the origin.", OURS),
    )
    sources = (TISHBY, DERIVED)
    assumptions = (
        "A uniform bit and a symmetric channel, known exactly: no sampling.",
        "Each trial starts the iteration at a random encoder. It is slow just above the critical "
        "β, so the search begins 10 % above it.",
    )

    def grid(self, params: BitParams) -> Arrays:
        """Return channels, a fine line of compression, trade-offs round the critical one."""
        below, above = np.array([0.5, 0.8]), np.geomspace(1.1, 12.0, 10)
        return {
            "crossover": np.asarray(params.crossovers, dtype=float),
            "compression": np.linspace(0.0, LOG2, 121),
            "price": np.concatenate([below, above]),
        }

    def theory(self, params: BitParams, grid: Arrays) -> Arrays:
        """Return every curve."""
        kept = np.asarray(grid["compression"])
        curves = np.stack([bsc_ib_curve(float(delta), kept) for delta in grid["crossover"]])
        zero = np.zeros((len(curves), len(grid["price"])))
        return {"curve": curves, "ceiling": kept, "shortfall": zero}

    def trial(self, params: BitParams, grid: Arrays, rng: Generator) -> Arrays:
        """Iterate from one random encoder at every trade-off of every channel."""
        shape = (len(grid["crossover"]), len(grid["price"]))
        found = np.zeros((3, *shape))
        for i, j in np.ndindex(shape):
            delta = float(grid["crossover"][i])
            table = np.array([[1 - delta, delta], [delta, 1 - delta]]) / 2
            start = rng.dirichlet(np.ones(params.clusters), 2)
            beta = float(grid["price"][j]) * bsc_critical_beta(delta)
            end = blahut_arimoto(table, beta, start, tolerance=1e-14)
            best = float(bsc_ib_curve(delta, min(end.information_x, LOG2)))
            found[:, i, j] = end.information_x, end.information_y, best - end.information_y
        return {"information_x": found[0], "information_y": found[1], "shortfall": found[2]}

    def guides(self, params: BitParams) -> dict[str, float]:
        """Return the whole bit and the critical trade-off."""
        return {"whole": LOG2, "critical": 1.0}

    def checks(self, outcome: Outcome[BitParams]) -> tuple[Check, ...]:
        """Every point on the curve, none below the critical trade-off, the right end."""
        ends = np.array([_channel_information(d) for d in outcome.grid["crossover"]])
        gap = float(np.max(np.abs(np.asarray(outcome.theory["curve"])[:, -1] / ends - 1)))
        words = "each curve ends at the information of its channel"
        found = [statement("end", words, gap, 1e-10, f"largest deviation {gap:.1e}")]
        if outcome.trials < 1:
            return tuple(found)
        short = float(np.max(np.abs(outcome.mean["shortfall"])))
        words = "every search ends on the curve"
        found.append(statement("on-curve", words, short, 1e-6, f"largest distance {short:.1e}"))
        off = np.asarray(outcome.grid["price"]) < 1
        kept = np.asarray(outcome.mean["information_x"])
        most = float(np.max(kept[:, off]))
        words = "below the critical trade-off nothing is kept"
        found.append(statement("off", words, most, 1e-6, f"at most {most:.1e} nats"))
        least = float(np.min(kept[:, ~off]))
        words = "above it something is"
        detail = f"at least {least:.2g} nats"
        found.append(statement("on", words, least, 1e-3, detail, below=False))
        return tuple(found)


def _channel_information(delta: float) -> float:
    """Return I(X;Y) of the channel from its table."""
    table = np.array([[1 - delta, delta], [delta, 1 - delta]]) / 2
    return discrete_information(table)
