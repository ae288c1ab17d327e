"""Chapter 2: simulation that reaches rare events, and two sums that end."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import agreement, exceeds, statement
from sims.inductive_bias.counting import samples_needed
from sims.inductive_bias.interpolant import feature_error_law
from sims.inductive_bias.routes import characteristic_inversion, ruben_series
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    ESTIMATED,
    EXACT,
    INFORMATION,
    OURS,
    SAME_N,
    WIDTHS,
    Space,
    held_out_points,
    known_space,
    rounding_notes,
    training_points,
    which_draw,
)
from sims.inductive_bias.subset_simulation import run_subset_simulation, two_stage_information
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

BITS = 1.0 / float(np.log(2.0))
SUMS = ("Imhof, Davies", "Ruben")
MOST_TERMS = 2000  # of Ruben's series; where it needs more it has no value here
DEEPEST = 100.0  # bits that are simulated; a level for every two of them
MOST_SPREAD = 1000.0  # of its weights; the number of terms grows like it
TRAIN, TEST, WEIGHTS = 5, 12, 15  # of the linear model that is simulated in two stages


class RareEventsParams(Params):
    """Parameters of the simulations."""

    task: Literal["digits-parity", "sphere", "pendulum"] = parameter(
        "digits-parity",
        title="task",
        symbol="y",
        help="Even or odd digits, a function on a sphere, a pendulum.",
    )
    n: int = training_points(100)
    test: int = held_out_points(30, high=60)
    particles: int = parameter(
        500,
        title="particles",
        symbol="S",
        help="Moved from level to level; a fifth of them passes each.",
        ge=100,
        le=5000,
        scale="log",
    )
    sweeps: int = parameter(
        10,
        title="sweeps",
        symbol="t",
        help="Moves of every particle at each level.",
        ge=2,
        le=100,
        scale="log",
    )
    draw: int = which_draw()


class RareEvents(Study[RareEventsParams]):
    """Subset simulation beside the exact law, its cost, its pitfall, and two classical sums."""

    name = "inductive-bias/rare-events"
    title = "Simulation that reaches rare events"
    chapter = ESTIMATED
    statement = (
        "Where there is no formula, simulate in stages: lower the threshold so that a fifth of the "
        "functions passes, move those that do, and go on. **A probability of 2⁻⁷⁰ costs a "
        "hundred thousand evaluations in place of 10²³**. But if fitting the training set is one "
        "of the stages, the steps shrink with it and the bits come out too high."
    )
    takeaway = (
        "Subset simulation follows the exact law tens of bits down, at a cost that grows with the "
        "bits and not with two to the power of them."
    )
    standing = "exact"
    Params = RareEventsParams
    axes = (
        Axis("share", "target error over the mean error", "ε/ē", scale="log", refine=3),
        Axis("place", "target error over the mean error", "ε/ē", scale="log"),
        Axis("sum", "sum"),
        Axis("moves", "sweeps at each level", "t"),
        Axis("tolerance", "training error that counts as fitting", "τ", scale="log"),
    )
    measures = (
        Measure("bits", "information for N test points", ("share",), "I", "bits"),
        Measure("plain", "plain sampling, to 10 %", ("share",)),
        Measure("cost", "subset simulation", ("place",), summary="median"),
        Measure("off", "distance from the exact bits", ("sum", "place"), "|ΔI|", "bits"),
        Measure(
            "staged", "information by two stages", ("moves", "tolerance"), "I", "bits", "median"
        ),
        Measure("limit", "exact, for interpolants", ("tolerance",), "I", "bits"),
        Measure("excess", "bits too many", ("moves", "tolerance"), "", "bits", "median"),
    )
    views = (
        Curves("bits", "Bits", "share", ("bits",)),
        Curves(
            "cost",
            "Cost (line: plain sampling)",
            "share",
            ("plain",),
            points=("place", "cost"),
            y_title="functions evaluated",
        ),
        Curves(
            "stages",
            "Two stages (dashed: exact)",
            "tolerance",
            ("staged", "limit"),
            "moves",
            dashed=("limit",),
            y_scale="linear",
            y_title=f"information for {TEST} test points I (bits)",
        ),
        Curves("sums", "Two classical sums", "place", ("off",), "sum"),
    )
    presets = (
        Preset("quick", "Even or odd, N = 30", RareEventsParams(), 12),
        Preset(
            "paper",
            "Even or odd, N = 60, 1000 particles",
            RareEventsParams(test=60, particles=1000),
            40,
        ),
        Preset("pendulum", "A pendulum: no room for Ruben", RareEventsParams(task="pendulum"), 12),
    )
    equations = (
        INFORMATION,
        Equation(
            r"\ln P=\sum_l\ln p_l,\qquad \theta'=\sqrt{1-\beta^2}\,\theta+\beta\xi",
            "p_l: share of particles that pass level l; a move is taken if the error stays below "
            "the level. θ, ξ are standard normal and β is adapted to 30 % acceptance.",
            "S.-K. Au and J. Beck 2001; moves of S. Cotter et al. 2013",
        ),
        Equation(
            r"P(Q\le\varepsilon)=\tfrac12-\frac1\pi\int_0^\infty \mathrm{Im}\,"
            r"\frac{e^{-iu\varepsilon}\,\varphi(u)}{u}\,du,\qquad"
            r" P(Q\le\varepsilon)=\sum_k a_k\,P\big(w_{\min}\chi^2_{\nu+2k}\le\varepsilon\big)",
            "Imhof and Davies: absolute accuracy. Ruben: all terms positive and accurate in any "
            "tail, but their number grows with the ratio of the weights.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Cost counts the functions whose error is evaluated: line, plain sampling to 10 %; points, "
        "subset simulation. In the first views particles are interpolants: the posterior is "
        "sampled exactly, and only its tail is simulated.",
        f"Two stages: a linear model with {WEIGHTS} weights, {TRAIN} training and {TEST} test "
        "points, target error 0.2. A tolerance on the training error is another condition than "
        "fitting exactly; it tends to it as the tolerance goes to 0.",
        f"Ruben's series is given up beyond {MOST_TERMS} terms, or where the weights differ by "
        f"more than a factor of {MOST_SPREAD:g}; a missing curve means that.",
        SAME_N,
    )

    def grid(self, params: RareEventsParams) -> Arrays:
        """Return thresholds, sums, sweeps and tolerances."""
        space, fine = known(params), np.geomspace(0.05, 1.0, 100)
        bits = np.asarray(space.law.bits(fine * space.law.mean))
        deep, shallow = np.interp([-DEEPEST, -3.0], -bits, np.log(fine))
        shares = np.exp(np.linspace(deep, shallow, 6))
        return {
            "share": shares,
            "place": shares,
            "sum": np.array(SUMS),
            "moves": np.array([5, 20]),
            "tolerance": np.array([1e-3, 1e-2, 3e-2, 1e-1]),
        }

    def theory(self, params: RareEventsParams, grid: Arrays) -> Arrays:
        """Return exact bits, what plain sampling costs, and how far the sums are off."""
        space = known(params)
        errors = np.asarray(grid["share"]) * space.law.mean
        bits = np.asarray(space.law.bits(errors))
        exact = linear_model()[2]
        return {
            "bits": bits,
            "plain": samples_needed(bits, 0.1),
            "off": sums_off(space, tuple(float(share) for share in np.asarray(grid["place"]))),
            "limit": np.full(np.size(grid["tolerance"]), exact),
        }

    def trial(self, params: RareEventsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Simulate every threshold, and the linear model in two stages."""
        space = known(params)
        score, dimension = whitened(space)
        bits, cost = [], []
        for share in np.asarray(grid["share"]):
            found = run_subset_simulation(
                score,
                float(share) * space.law.mean,
                rng,
                dimension=dimension,
                particles=params.particles,
                sweeps=params.sweeps,
            )
            bits.append(-found.log_probability * BITS)
            moved = max(len(found.levels) - 1, 0) * params.sweeps
            cost.append(float(params.particles * (1 + moved)))
        on_train, on_test, exact = linear_model()
        staged = np.array(
            [
                [
                    -two_stage_information(
                        on_train,
                        on_test,
                        float(tolerance),
                        0.2,
                        rng,
                        dimension=WEIGHTS,
                        particles=100,
                        sweeps=int(moves),
                    ).log_probability
                    * BITS
                    for tolerance in np.asarray(grid["tolerance"])
                ]
                for moves in np.asarray(grid["moves"])
            ]
        )
        return {
            "bits": np.array(bits),
            "cost": np.array(cost),
            "staged": staged,
            "excess": staged - exact,
        }

    def validity(self, params: RareEventsParams) -> tuple[str, ...]:
        """Warn where rounding decides."""
        return rounding_notes(known(params))

    def checks(self, outcome: Outcome[RareEventsParams]) -> tuple[Check, ...]:
        """Hold subset simulation against the exact law, and the bias of two stages."""
        off, bits = np.asarray(outcome.theory["off"]), np.asarray(outcome.theory["bits"])
        few = np.zeros((2, np.size(outcome.grid["tolerance"])), dtype=bool)
        few[0, 0] = True
        found = [
            agreement(
                outcome,
                "bits",
                tolerance=0.03,  # copies of one particle are not independent
                sentence="subset simulation finds the exact bits, within 3 %",
            ),
            exceeds(
                outcome,
                "excess",
                0.5,
                where=few,
                sentence="two stages with few sweeps give too many bits at a small tolerance",
            ),
        ]
        if np.isfinite(off[1]).all():
            words = "Ruben's sum keeps eleven digits at every depth"
            worst = float(np.max(off[1] / np.maximum(bits, 1.0)))
            found.append(statement("ruben", words, worst, 1e-11, f"relative distance {worst:.1e}"))
        return tuple(found)


def known(params: RareEventsParams) -> Space:
    """Return the hypothesis space on the draw in question."""
    return known_space(params.task, params.n, params.test, params.draw, "rbf", WIDTHS[params.task])


def whitened(space: Space) -> tuple[Callable[[Real], Real], int]:
    """Return the test error as a function of standard normal coordinates, and their number."""
    values, vectors = np.linalg.eigh(space.posterior.covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    gap = (space.posterior.mean - space.targets)[:, 0]

    def score(theta: Real) -> Real:
        return np.asarray(np.mean((theta @ root.T + gap) ** 2, axis=1))

    return score, gap.size


@cache
def sums_off(space: Space, shares: tuple[float, ...]) -> Real:
    """Return how many bits the two sums are off; inf where they have no value."""
    law, rows = space.law.law, []
    for share in shares:
        error = share * space.law.mean
        exact = float(space.law.bits(error))
        found = characteristic_inversion(
            error,
            law.weights,
            dof=law.dof,
            noncentrality=law.noncentrality,
            offset=law.offset,
        ).cdf
        imhof = abs(-np.log2(found) - exact) if found > 0 else np.inf
        if law.weights.max() > MOST_SPREAD * law.weights.min():
            rows.append((max(imhof, 1e-16), np.inf))
            continue
        try:
            series = ruben_series(
                error,
                law.weights,
                dof=law.dof,
                noncentrality=law.noncentrality,
                offset=law.offset,
                limit=MOST_TERMS,
            )
            ruben = abs(-series.log_cdf * BITS - exact)
        except ArithmeticError:
            ruben = np.inf
        rows.append((max(imhof, 1e-16), max(ruben, 1e-16)))
    return np.array(rows).T


@cache
def linear_model() -> tuple[Callable[[Real], Real], Callable[[Real], Real], float]:
    """Return training and test error of a linear model, and the exact bits of an interpolant."""
    rng = np.random.default_rng(20240617)
    features = rng.standard_normal((TRAIN + TEST, WEIGHTS)) / np.sqrt(WEIGHTS)
    targets = features @ rng.standard_normal(WEIGHTS)
    law = feature_error_law(features[:TRAIN], features[TRAIN:], targets[:TRAIN], targets[TRAIN:])

    def on_train(theta: Real) -> Real:
        return np.asarray(np.mean((theta @ features[:TRAIN].T - targets[:TRAIN]) ** 2, axis=1))

    def on_test(theta: Real) -> Real:
        return np.asarray(np.mean((theta @ features[TRAIN:].T - targets[TRAIN:]) ** 2, axis=1))

    return on_train, on_test, float(law.bits(0.2))
