"""Chapter 1: the bottleneck of Gaussian variables, in closed form and by numerical search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.agreement import agreement, statement
from sims.information_bottleneck.gaussian import gaussian_information, pair_covariance
from sims.information_bottleneck.gaussian_ib import (
    gaussian_ib,
    gaussian_ib_critical_betas,
    gaussian_ib_curve,
    gaussian_ib_switch_points,
    minimise_gaussian_ib,
)
from sims.information_bottleneck.studies.common import DERIVED, TRADE_OFF
from sims.information_bottleneck.studies.sources import CHECHIK, GAUSSIAN_INFORMATION, PROBLEM
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Guide,
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

    Real = NDArray[np.float64]

SEARCH = 1e-6  # how closely the numerical minimum must meet the closed form
ORDINALS = ("first", "second", "third", "fourth", "fifth")


class TradeOffParams(Params):
    """Parameters of the Gaussian bottleneck."""

    correlations: tuple[float, ...] = parameter(
        (0.95, 0.8, 0.5),
        title="canonical correlations",
        symbol=r"\rho_1,\dots,\rho_d",
        help="How strongly each direction of X is tied to one of Y; at most five.",
        ge=0.05,
        le=0.999,
    )
    points: int = parameter(
        9,
        title="trade-offs searched",
        symbol="b",
        help="At how many values of beta the minimum is searched numerically.",
        ge=3,
        le=30,
        advanced=True,
    )
    starts: int = parameter(
        2,
        title="random starts",
        symbol="s",
        help="Of each search; the lowest value is kept.",
        ge=1,
        le=10,
        advanced=True,
    )

    @model_validator(mode="after")
    def _check_count(self) -> Self:
        if len(self.correlations) > len(ORDINALS):
            shown = ",".join(f"{rho:g}" for rho in self.correlations)
            raise ValueError(
                f"correlations = {shown} is not allowed: it must be at most five numbers"
            )
        return self

    @property
    def ordered(self) -> Real:
        """The correlations, strongest first."""
        return np.sort(np.asarray(self.correlations, dtype=float))[::-1]


class TradeOff(Study[TradeOffParams]):
    """The Gaussian bottleneck curve, its switch-on points, and numerical minima on it."""

    name = "information-bottleneck/trade-off"
    title = "What a summary must cost"
    chapter = TRADE_OFF
    statement = (
        "Keep a summary $T$ of $X$ that tells as much as possible about $Y$ while remembering "
        "as little as possible of $X$. For Gaussian variables the best trade-off is known in "
        "closed form: **the curve bends, and directions switch on one after the other**, the "
        "most predictive first, each as soon as $\\beta > 1/\\rho_k^2$."
    )
    takeaway = (
        "The first nats kept of X buy the most about Y; a weaker direction is worth carrying only "
        "beyond its switch-on line."
    )
    standing = "exact"
    Params = TradeOffParams
    axes = (
        Axis("compression", "what is kept of X", "I(T;X)", "nats"),
        Axis("beta", "trade-off", "β", scale="log", refine=15),
    )
    measures = (
        Measure("curve", "what is kept of Y", ("compression",), "I(T;Y)", "nats"),
        Measure("strongest", "the strongest direction alone", ("compression",), "", "nats"),
        Measure("ceiling", "no loss: all that is kept is about Y", ("compression",), "", "nats"),
        Measure("information_x", "kept of X", ("beta",), "I(T;X)", "nats"),
        Measure("information_y", "kept of Y", ("beta",), "I(T;Y)", "nats"),
        Measure("active", "directions in use", ("beta",)),
    )
    views = (
        Curves(
            "curve",
            "The best trade-off",
            "compression",
            ("curve", "strongest", "ceiling"),
            points=("information_x", "information_y"),
            x_scale="linear",
            y_scale="linear",
            y_title="what is kept of Y, I(T;Y) (nats)",
            dashed=("strongest", "ceiling"),
            guides=tuple(Guide(word, "x", f"{word} direction on") for word in ORDINALS[1:]),
        ),
        Curves(
            "beta",
            "Against β",
            "beta",
            ("information_x", "information_y"),
            y_scale="linear",
            y_title="information (nats)",
        ),
        Curves("active", "Directions in use", "beta", ("active",), y_scale="linear"),
    )
    presets = (
        Preset("quick", "Three directions: ρ = 0.95, 0.8, 0.5", TradeOffParams(), 5),
        Preset(
            "paper",
            "Four directions, 25 trade-offs",
            TradeOffParams(correlations=(0.95, 0.8, 0.6, 0.4), points=25, starts=4),
            20,
        ),
        Preset("one", "One direction: no switch", TradeOffParams(correlations=(0.9,)), 10),
        Preset(
            "equal",
            "Equal directions switch on together",
            TradeOffParams(correlations=(0.8, 0.8, 0.8)),
            10,
        ),
    )
    equations = (
        PROBLEM,
        GAUSSIAN_INFORMATION,
        Equation(
            r"I_Y = I_X - \frac n2 \log\!\Big(\prod_{i\le n}\rho_i^{2/n}"
            r" + e^{2 I_X/n}\prod_{i\le n}(1-\rho_i^2)^{1/n}\Big),\qquad c_n \le I_X \le c_{n+1}",
            "n is the number of directions that are on; the slope of the curve is 1/β.",
            "Chechik et al., JMLR 2005",
        ),
        Equation(
            r"c_n = \tfrac12 \sum_{i<n} \log\frac{(1-\rho_n^2)\,\rho_i^2}{(1-\rho_i^2)\,\rho_n^2},"
            r"\qquad \beta_n = 1/\rho_n^2",
            "What is kept of X, and the trade-off, when direction n switches on.",
            "Chechik et al., JMLR 2005",
        ),
    )
    sources = (CHECHIK, DERIVED)
    assumptions = (
        "X and Y are jointly Gaussian and T = AX + noise; that nothing but such a T does better is "
        "the paper's result.",
        "Each trial mixes the directions of X and of Y by random matrices and searches the encoder "
        "A from random starts, knowing nothing of the closed form.",
        "In the dashed references T carries the strongest direction only, or nothing but what is "
        "about Y (no encoder reaches that).",
    )
    lesson = Lesson(
        "trade-off",
        "What is worth remembering?",
        (
            Step(
                "Three directions of X are tied to Y with correlations 0.95, 0.8 and 0.5. A "
                "summary may keep 0.5 nats of X, no more.",
                {"correlations": (0.95, 0.8, 0.5)},
                "Which directions should it carry?",
                ("A little of all three", "The first one only", "The two strongest"),
                1,
                "The second direction switches on at 0.83 nats, the third at 2.50. Below "
                "0.83 nats every nat is better spent on a finer picture of the first.",
            ),
            Step(
                "Now the three correlations are equal, 0.8 each.",
                {"correlations": (0.8, 0.8, 0.8)},
                "When does the second direction switch on?",
                ("Later than before", "At once, together with the first", "Never"),
                1,
                "All three have the same price, β = 1/ρ² = 1.56: they switch on together, and the "
                "curve has no bend of its own between them.",
            ),
            Step(
                "Back to one direction with ρ = 0.9 and I(X;Y) = 0.83 nats. The first "
                "nats are the best bargain.",
                {"correlations": (0.9,)},
                "What does the very first nat-worth of X buy about Y, per nat?",
                ("A full nat", "0.81 nats", "0.45 nats"),
                1,
                "The slope at the origin is ρ₁² = 0.81, and it only falls from there: a β below "
                "1/0.81 = 1.23 is not worth any summary at all.",
            ),
        ),
    )

    def grid(self, params: TradeOffParams) -> Arrays:
        """Return a fine line of compression, and trade-offs from just on to well beyond."""
        critical = gaussian_ib_critical_betas(params.ordered)
        beta = np.geomspace(1.05 * critical[0], 6.0 * critical[-1], params.points)
        end = gaussian_ib(params.ordered, float(beta[-1])).information_x
        switches = gaussian_ib_switch_points(params.ordered)
        fine = np.union1d(np.linspace(0.0, 1.02 * end, 160), switches)
        return {"compression": fine, "beta": beta}

    def theory(self, params: TradeOffParams, grid: Arrays) -> Arrays:
        """Return the curve, its references, and both informations at each trade-off."""
        rho, kept = params.ordered, np.asarray(grid["compression"])
        found = [gaussian_ib(rho, float(beta)) for beta in grid["beta"]]
        return {
            "curve": gaussian_ib_curve(rho, kept),
            "strongest": gaussian_ib_curve(rho[:1], kept),
            "ceiling": np.minimum(kept, gaussian_information(rho)),
            "information_x": np.array([point.information_x for point in found]),
            "information_y": np.array([point.information_y for point in found]),
            "active": np.array([float(point.active) for point in found]),
        }

    def trial(self, params: TradeOffParams, grid: Arrays, rng: Generator) -> Arrays:
        """Hide the directions by random mixing, then search the encoder at every trade-off."""
        covariance, size = _mixed(params.ordered, rng), len(params.ordered)
        found = [
            minimise_gaussian_ib(covariance, size, float(beta), rng=rng, starts=params.starts)
            for beta in grid["beta"]
        ]
        return {
            "information_x": np.array([point.information_x for point in found]),
            "information_y": np.array([point.information_y for point in found]),
            "active": np.array([float(point.active) for point in found]),
        }

    def guides(self, params: TradeOffParams) -> dict[str, float]:
        """Return where each further direction switches on."""
        points = gaussian_ib_switch_points(params.ordered)
        places = {word: float(at) for word, at in zip(ORDINALS[1:], points[1:])}
        return {word: at for word, at in places.items() if at > 1e-9}

    def checks(self, outcome: Outcome[TradeOffParams]) -> tuple[Check, ...]:
        """Meet the numerical minimum; the slope is 1/β and only falls."""
        rho = outcome.params.ordered
        found = [
            agreement(
                outcome,
                name,
                tolerance=SEARCH,
                share=1.0,
                sentence=f"the search ends within a millionth of the closed form in {words}",
            )
            for name, words in (("information_x", "I(T;X)"), ("information_y", "I(T;Y)"))
        ]
        kept = np.asarray(outcome.theory["information_x"])
        step = 1e-4 * kept
        rise = gaussian_ib_curve(rho, kept + step) - gaussian_ib_curve(rho, kept - step)
        gap = float(np.max(np.abs(rise / (2 * step) * np.asarray(outcome.grid["beta"]) - 1)))
        words = "the slope of the curve is 1/β"
        found.append(statement("slope", words, gap, 1e-3, f"largest deviation {gap:.1e}"))
        x, y = (np.asarray(a) for a in (outcome.grid["compression"], outcome.theory["curve"]))
        rises = float(np.max(np.diff(np.diff(y) / np.diff(x)), initial=0.0))
        words = "every further nat buys less than the one before"
        found.append(statement("concave", words, rises, 1e-8, f"largest rise {rises:.1e}"))
        return tuple(found)


def _mixed(rho: Real, rng: Generator) -> Real:
    """Return the covariance of pairs whose X and Y have each been mixed by a random matrix."""
    size = len(rho)
    mixing = np.zeros((2 * size, 2 * size))
    for part in (slice(0, size), slice(size, 2 * size)):
        left, _ = np.linalg.qr(rng.standard_normal((size, size)))
        right, _ = np.linalg.qr(rng.standard_normal((size, size)))
        mixing[part, part] = left * np.exp(rng.uniform(-1.0, 1.0, size)) @ right
    covariance: Real = mixing @ pair_covariance(rho) @ mixing.T
    return covariance
