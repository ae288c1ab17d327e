"""Chapter 2: the published estimator beside the exact value, at any depth and sample size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, exceeds
from sims.inductive_bias.counting import supported_bits
from sims.inductive_bias.law import law_cumulants
from sims.inductive_bias.moments import match_three_cumulants
from sims.inductive_bias.published import NoncentralChi2Fit, fit_noncentral_chi2
from sims.inductive_bias.routes import tilted_importance_sampling
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    ESTIMATED,
    EXACT,
    INFORMATION,
    LAW,
    OURS,
    SAME_N,
    STAND_INS,
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

BITS = 1.0 / float(np.log(2.0))
WAYS = ("exact", "published fit", "as released", "moments")
TILTED = 100  # draws that the exact law is tested with at every threshold
SIZES = (100, 300, 1000, 3000, 10_000, 30_000)


class EstimatorParams(Params):
    """Parameters of the estimator and of the task it is tried on."""

    task: TaskName = parameter(
        "digits",
        title="task",
        symbol="y",
        help="Digits (ten classes, or even against odd), a function on a sphere, a pendulum.",
    )
    n: int = training_points(100)
    test: int = held_out_points(100)
    samples: int = parameter(
        10_000,
        title="sampled errors",
        symbol="S",
        help="That a law is fitted to; the released code uses 10,000.",
        ge=100,
        le=30_000,
        scale="log",
    )
    depth: float = parameter(
        0.2,
        title="target error over the mean error",
        symbol=r"\varepsilon/\bar e",
        help="For the view against the number of samples.",
        ge=0.02,
        le=0.9,
        scale="log",
    )
    short: bool = parameter(
        False,
        title="length scale 1",
        symbol=r"\ell=1",
        help="The kernel's width in the released code, in place of the task's own.",
        advanced=True,
    )
    draw: int = which_draw()


class PublishedEstimator(Study[EstimatorParams]):
    """Fits to sampled errors, extrapolated to small ones, beside the exact bits."""

    name = "inductive-bias/published-estimator"
    title = "The published estimator against the truth"
    chapter = ESTIMATED
    statement = (
        "The estimator of 2024: sample $S$ test errors, fit a scaled non-central chi-square to "
        "them, and read the probability of small errors off the fit. Near the bulk it is right. "
        "**Beyond what $S$ samples support it extrapolates**, and with ten outputs it falls short "
        "by a third and more, whatever the number of samples."
    )
    takeaway = (
        "Above the dotted line no sample has a say: there the fit is an extrapolation, hundreds "
        "of bits below the exact value, and no number of samples mends it."
    )
    standing = "exact"
    Params = EstimatorParams
    axes = (
        Axis("share", "target error over the mean error", "ε/ē", scale="log", refine=3),
        Axis("way", "estimate"),
        Axis("size", "sampled errors", "S", scale="log"),
        Axis("fit", "estimate"),
    )
    measures = (
        Measure("bits", "information for N test points", ("way", "share"), "I", "bits", "median"),
        Measure("beyond", "moments, beyond what S samples support", ("share",), "I", "bits"),
        Measure("missing", "share of the bits that the fit misses", ("share",)),
        Measure("truth", "exact", ("size",), "I", "bits"),
        Measure("by_size", "information for N test points", ("fit", "size"), "I", "bits", "median"),
    )
    views = (
        Curves(
            "depth",
            "Exact and estimated (dashed: extrapolated)",
            "share",
            ("bits", "beyond"),
            "way",
            dashed=("beyond",),
            y_title="information for N test points I (bits)",
            guides=(Guide("supported", "y", "what the samples support; above: extrapolated"),),
        ),
        Curves(
            "size",
            "With more samples (dashed: exact)",
            "size",
            ("truth", "by_size"),
            "fit",
            dashed=("truth",),
            y_scale="linear",
            y_title="information for N test points I (bits)",
        ),
        Curves(
            "missing",
            "What the fit misses",
            "share",
            ("missing",),
            x_range=(0.025, 2),
            y_scale="linear",
            guides=(Guide("edge", "x", "← extrapolated"),),
        ),
    )
    presets = (
        Preset("quick", "Ten classes, S = 10,000", EstimatorParams(), 12),
        Preset("paper", "Ten classes, n = 300, N = 200", EstimatorParams(n=300, test=200), 50),
        Preset(
            "parity",
            "One output: a few per cent off",
            EstimatorParams(task="digits-parity", test=50),
            12,
        ),
        Preset("released", "Length scale 1: z²/2 shows", EstimatorParams(short=True), 12),
        Preset("few", "A hundred samples", EstimatorParams(samples=100), 40),
    )
    equations = (
        INFORMATION,
        LAW,
        Equation(
            r"\hat I(\varepsilon) = -\log_2 F_{a\chi'^2(\nu,\lambda)}(\varepsilon),\qquad"
            r" (a,\nu,\lambda)=\arg\max \sum_j \ln f(e_j)",
            "Location 0, three parameters by maximum likelihood. ν and λ are nearly "
            "unidentifiable from the bulk, and ν/2 is the slope of the extrapolation.",
            "released code of arXiv 2406.15941",
        ),
        Equation(
            r"\hat I = \tfrac12 z^2 \quad\text{where } F \text{ underflows}",
            "Sankaran's normal score z. It leaves out about ln(z√2π), ignores the sign of z, and "
            "stays finite as ε → 0.",
            "released code of arXiv 2406.15941",
        ),
        Equation(
            r"I_{\mathrm{supported}} = \log_2 S - \log_2 10",
            "Ten of S samples lie below the error there; beyond, a count says nothing.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "Points: medians over trials; a trial samples functions from the posterior and fits "
        "their errors. 'As released' is the same fit, with z²/2 where its probability underflows.",
        "Line of 'moments': the law with the three exact cumulants, as if fitted to infinitely "
        "many samples; where they allow no such law, the gamma law of two. Its points use the "
        "samples' cumulants. Points of 'exact': importance sampling from the tilted law.",
        SAME_N,
        STAND_INS,
    )
    lesson = Lesson(
        "extrapolation",
        "How far does a fit reach?",
        (
            Step(
                "Ten thousand errors of random interpolants, ten classes of digits. They support "
                "about 10 bits.",
                {"task": "digits", "samples": 10_000, "n": 100, "test": 100},
                "At a twentieth of the mean error the truth is over a thousand bits. The fit says?",
                ("Hundreds of bits too few", "The same within 5 %", "Twice as many"),
                0,
                "The bulk decides the fit, and the tail is not its continuation: a thousand "
                "directions count in the tail, about half of them in the bulk.",
            ),
            Step(
                "Now with a hundred errors only.",
                {"samples": 100},
                "What becomes of the estimates?",
                (
                    "They scatter, round much the same wrong value",
                    "They become right",
                    "They go to zero",
                ),
                0,
                "More samples take away the scatter and leave the error: the law is the wrong one.",
            ),
        ),
    )

    def grid(self, params: EstimatorParams) -> Arrays:
        """Return thresholds, ways to estimate, and sample sizes up to S."""
        sizes = [size for size in SIZES if size < params.samples]
        return {
            "share": np.geomspace(0.03, 0.95, 9),
            "way": np.array(WAYS),
            "size": np.array([*sizes, params.samples], dtype=float),
            "fit": np.array([WAYS[1], WAYS[3]]),
        }

    def theory(self, params: EstimatorParams, grid: Arrays) -> Arrays:
        """Return the exact bits and those of the fit to infinitely many samples."""
        space = known(params)
        errors = np.asarray(grid["share"]) * space.law.mean
        exact, limit = np.asarray(space.law.bits(errors)), limiting_fit(space)
        moments = limit.nats(errors) * BITS
        within = exact <= supported_bits(params.samples)
        none = np.full(errors.size, np.inf)  # points only
        at = params.depth * space.law.mean
        ends = np.array([np.inf, float(limit.nats(at)) * BITS])
        sizes = np.size(grid["size"])
        return {
            "bits": np.array([exact, none, none, np.where(within, moments, np.inf)]),
            "beyond": np.where(within, np.inf, moments),
            "truth": np.full(sizes, float(space.law.bits(at))),
            "by_size": np.repeat(ends[:, None], sizes, axis=1),
        }

    def trial(self, params: EstimatorParams, grid: Arrays, rng: Generator) -> Arrays:
        """Sample errors and estimate from them in every way."""
        space = known(params)
        errors = space.posterior.draw_errors(space.targets, params.samples, rng)
        levels = np.asarray(grid["share"]) * space.law.mean
        fit, moments = fit_noncentral_chi2(errors), moment_fit(errors)
        found = fit.nats(levels)
        rows = [tilted(space, levels, rng), found, fit.released_nats(levels), moments.nats(levels)]
        at = params.depth * space.law.mean
        parts = [errors[: int(size)] for size in np.asarray(grid["size"])]
        by_size = [
            [float(law.nats(at)) for law in (fit_noncentral_chi2(part), moment_fit(part))]
            for part in parts
        ]
        return {
            "bits": np.array(rows) * BITS,
            "missing": 1.0 - found * BITS / np.asarray(space.law.bits(levels)),
            "by_size": np.transpose(by_size) * BITS,
        }

    def guides(self, params: EstimatorParams) -> dict[str, float]:
        """Return the depth that the samples support, and the error that it belongs to."""
        space = known(params)
        depth = supported_bits(params.samples)
        fine = np.geomspace(0.03, 1.2, 200)
        bits = np.asarray(space.law.bits(fine * space.law.mean))
        edge = float(np.exp(np.interp(depth, bits[::-1], np.log(fine)[::-1])))
        return {"supported": depth, "edge": edge}

    def validity(self, params: EstimatorParams) -> tuple[str, ...]:
        """Warn where rounding decides."""
        return rounding_notes(known(params))

    def checks(self, outcome: Outcome[EstimatorParams]) -> tuple[Check, ...]:
        """Hold the fit against the truth within the samples' reach, and beyond it."""
        params = outcome.params
        share, exact = np.asarray(outcome.grid["share"]), np.asarray(outcome.theory["bits"])[0]
        within = (exact <= outcome.guides["supported"]) & (exact > 0.5)
        near = Outcome(
            params=params,
            grid=outcome.grid,
            theory={**outcome.theory, "fit": exact},
            mean=_first(outcome.mean),
            stderr=_first(outcome.stderr),
            low=_first(outcome.low),
            high=_first(outcome.high),
            guides=outcome.guides,
            trials=outcome.trials,
            alarm=outcome.alarm,
        )
        found = [
            agreement(
                near,
                "fit",
                tolerance=0.05,
                where=within,
                sentence="where the samples support it the published fit is right, within 5 %",
            )
        ]
        if params.task == "digits" and params.samples >= 1000 and not params.short:
            words = "below a tenth of the mean error it misses more than 15 % of the bits"
            found.append(exceeds(outcome, "missing", 0.15, where=share <= 0.1, sentence=words))
        return tuple(found)


def _first(arrays: Arrays) -> dict[str, Real]:
    """Return the published fit's row as a measure of its own."""
    return {"fit": np.asarray(arrays["bits"])[1]} if "bits" in arrays else {}


def known(params: EstimatorParams) -> Space:
    """Return the hypothesis space on the draw in question."""
    width = 1.0 if params.short else WIDTHS[params.task]
    return known_space(params.task, params.n, params.test, params.draw, "rbf", width)


def tilted(space: Space, levels: Real, rng: Generator) -> Real:
    """Estimate the exact nats by importance sampling."""
    law = space.law.law
    found = [
        tilted_importance_sampling(
            float(level),
            law.weights,
            dof=law.dof,
            noncentrality=law.noncentrality,
            offset=law.offset,
            samples=TILTED,
            rng=rng,
        ).log_cdf
        for level in levels
    ]
    return -np.array(found)


@cache
def limiting_fit(space: Space) -> NoncentralChi2Fit:
    """Return the law with the exact cumulants: what a fit by moments tends to."""
    first, second, third = law_cumulants(space.law.law, 3)[:3]
    return law_of_cumulants(float(first), float(second), float(third))


def moment_fit(errors: Real) -> NoncentralChi2Fit:
    """Fit by the sample's first three cumulants."""
    gap = errors - errors.mean()
    return law_of_cumulants(float(errors.mean()), float(np.mean(gap**2)), float(np.mean(gap**3)))


def law_of_cumulants(first: float, second: float, third: float) -> NoncentralChi2Fit:
    """Return the law with three cumulants, or with two where three allow none."""
    match = match_three_cumulants(first, second, third)
    found = match.scale, match.dof, match.noncentrality
    if match.status != "interior":
        found = second / (2.0 * first), 2.0 * first**2 / second, 0.0
    return NoncentralChi2Fit(*found, status="interior", log_likelihood=0.0, samples=0)
