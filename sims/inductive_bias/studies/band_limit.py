"""Chapter 3: dimension, resolution and samples, where the answer is one formula."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, never_rises, statement
from sims.inductive_bias.sphere import bandlimited_sphere_bits, harmonics_up_to
from sims.inductive_bias.studies.shared_tasks import (
    AGNOSTIC,
    DERIVED,
    EXACT,
    HARD,
    INFORMATION,
    OURS,
)
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Lesson, Measure, Outcome, Preset, Step, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

ONE_CHI_SQUARE = Equation(
    r"e=\sigma^2\,\chi'^2\Big(E-n,\frac{r^2}{\sigma^2}\Big),\qquad"
    r" E=\binom{m+K}{m}+\binom{m+K-1}{m},\qquad \sigma^2=\frac1E",
    "E harmonics up to degree K on the sphere of dimension m; n noiseless samples fix n "
    "coefficients, r² is what they do not see of the truth, on average σ²(E − n).",
    OURS,
)


class BandLimitParams(Params):
    """Parameters of band-limited functions on spheres."""

    dimensions: tuple[int, ...] = parameter(
        (1, 2, 4, 6),
        title="dimensions of the sphere",
        symbol="m",
        help="One curve each; 1 is the circle.",
        ge=1,
        le=10,
    )
    degree: int = parameter(
        3,
        title="highest degree",
        symbol="K",
        help="The finest detail a hypothesis may have, where it is not on the horizontal axis.",
        ge=1,
        le=8,
    )
    share: float = parameter(
        0.5,
        title="samples per coefficient",
        symbol="n/E",
        help="How many of the E coefficients the samples fix, where it is not on the axis.",
        ge=0,
        le=0.95,
        step=0.05,
    )
    error: float = parameter(
        0.01,
        title="target error",
        symbol=r"\varepsilon",
        help="Mean squared error over the whole sphere; the targets have mean square 1.",
        ge=1e-6,
        le=0.5,
        scale="log",
    )


class BandLimit(Study[BandLimitParams]):
    """Exact bits of band-limited functions against degree, samples and error."""

    name = "inductive-bias/band-limit"
    title = "Dimension, resolution, samples: one formula"
    chapter = HARD
    statement = (
        "Let hypotheses be functions on the sphere $S^m$ with details down to degree $K$. The "
        "test error is then one scaled non-central $\\chi^2$ and the bits are exact. **Dimension "
        "and resolution multiply the open coefficients; each is worth "
        "$\\log_2(1/\\sqrt\\varepsilon)$ bits**, and each sample closes one."
    )
    takeaway = (
        "Finer resolution costs bits like K to the power m; samples take them away one coefficient "
        "at a time; a smaller error costs only a logarithm."
    )
    standing = "exact"
    Params = BandLimitParams
    axes = (
        Axis("dimension", "dimension", "m"),
        Axis("degree", "highest degree", "K"),
        Axis("share", "samples per coefficient", "n/E"),
        Axis("error", "target error", "ε", scale="log", refine=3),
    )
    measures = (
        Measure("by_degree", "information, whole sphere", ("dimension", "degree"), "I", "bits"),
        Measure("by_share", "information, whole sphere", ("dimension", "share"), "I", "bits"),
        Measure("by_error", "information, whole sphere", ("dimension", "error"), "I", "bits"),
    )
    views = (
        Curves("degree", "Resolution", "degree", ("by_degree",), "dimension", x_scale="linear"),
        Curves("share", "Number of samples", "share", ("by_share",), "dimension", x_scale="linear"),
        Curves("error", "Target error", "error", ("by_error",), "dimension"),
    )
    presets = (
        Preset("quick", "K = 3, n = E/2, ε = 0.01", BandLimitParams(), 60),
        Preset("paper", "m to 8", BandLimitParams(dimensions=(1, 2, 4, 6, 8)), 400),
        Preset("precise", "A millionth", BandLimitParams(error=1e-6), 60),
    )
    equations = (INFORMATION, ONE_CHI_SQUARE)
    sources = (AGNOSTIC, EXACT, DERIVED)
    assumptions = (
        "Coefficients are independent, normal and of equal variance a priori; the n samples are "
        "noiseless, in general position, and n is E times the share, rounded down.",
        "The error is that over the whole sphere: N = ∞ test points.",
        "Line: a truth whose unseen part has the average length. Points: truths drawn from the "
        "prior, averaged in bits.",
    )
    lesson = Lesson(
        "resolution",
        "What costs most?",
        (
            Step(
                "Half of the coefficients are fixed by samples; the target error is 0.01. Look at "
                "the first view.",
                {"error": 0.01, "share": 0.5},
                "From K = 2 to K = 8, by about which factor do the bits grow on S⁴ (m = 4)?",
                ("4, as K does", "16", "More than 80"),
                2,
                "Coefficients grow like K to the power m. From 20 harmonics at K = 2 to 825 at "
                "K = 8: each open one costs its bits.",
            ),
            Step(
                "Now ask for an error ten thousand times smaller.",
                {"error": 1e-6},
                "By which factor do the bits grow?",
                ("About 2 to 3", "100", "10,000"),
                0,
                "Each open coefficient has to be known to log₂(1/√ε) bits: 3.3 at 0.01, 10 at a "
                "millionth. Precision is cheap, dimension is not.",
            ),
        ),
    )

    def grid(self, params: BandLimitParams) -> Arrays:
        """Return dimensions, degrees, shares of samples and errors."""
        return {
            "dimension": np.asarray(params.dimensions),
            "degree": np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0]),
            "share": np.array([0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95]),
            "error": np.geomspace(1e-6, 0.5, 10),
        }

    def theory(self, params: BandLimitParams, grid: Arrays) -> Arrays:
        """Return exact bits for a truth of average length."""
        return sweeps(params, grid, None)

    def trial(self, params: BandLimitParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw what the samples do not see of a truth, from its prior."""
        return sweeps(params, grid, rng)

    def validity(self, params: BandLimitParams) -> tuple[str, ...]:
        """Warn where hardly anything is open."""
        least = min(
            open_coefficients(int(m), params.degree, params.share) for m in params.dimensions
        )
        if least >= 4:
            return ()
        return (f"Only {least} open coefficients in the smallest dimension: truths differ much.",)

    def checks(self, outcome: Outcome[BandLimitParams]) -> tuple[Check, ...]:
        """Hold the formula against random truths, and the two directions."""
        params = outcome.params
        free = np.array(
            [
                [open_coefficients(int(m), int(k), params.share) for k in outcome.grid["degree"]]
                for m in params.dimensions
            ]
        )
        rise = never_rises(np.asarray(outcome.theory["by_share"]), 1)
        fall = never_rises(-np.asarray(outcome.theory["by_degree"]), 1)
        return (
            agreement(
                outcome,
                "by_degree",
                tolerance=0.01,
                where=free >= 10,
                sentence="a truth of average length is typical, with ten open coefficients",
            ),
            statement("samples", "a sample never costs bits", rise, 0.0, f"largest rise {rise:g}"),
            statement(
                "degree", "a finer resolution never saves bits", fall, 0.0, f"largest {fall:g}"
            ),
        )


def open_coefficients(dimension: int, degree: int, share: float) -> int:
    """Return E - n."""
    harmonics = harmonics_up_to(dimension, degree)
    return harmonics - int(harmonics * share)


@lru_cache(maxsize=4096)
def bits_at(
    dimension: int, degree: int, free: int, length: float, errors: tuple[float, ...]
) -> tuple[float, ...]:
    """Return exact bits where so many coefficients are open, the truth's of that squared length."""
    harmonics = harmonics_up_to(dimension, degree)
    found = bandlimited_sphere_bits(
        np.array(errors),
        dimension=dimension,
        degree=degree,
        samples=harmonics - free,
        residual=length / harmonics,
    )
    return tuple(np.asarray(found).tolist())


def sweeps(params: BandLimitParams, grid: Arrays, rng: Generator | None) -> Arrays:
    """Return bits along all three axes: at the mean squared residual, or at random ones."""

    def bits(dimension: int, degree: int, share: float, *error: float) -> tuple[float, ...]:
        free = open_coefficients(dimension, degree, share)
        length = float(free) if rng is None else float(rng.chisquare(free))
        return bits_at(dimension, degree, free, length, error)

    sizes = [int(m) for m in np.asarray(grid["dimension"])]
    degree, share, error = params.degree, params.share, params.error
    return {
        "by_degree": np.array(
            [[bits(m, int(k), share, error)[0] for k in np.asarray(grid["degree"])] for m in sizes]
        ),
        "by_share": np.array(
            [
                [bits(m, degree, float(q), error)[0] for q in np.asarray(grid["share"])]
                for m in sizes
            ]
        ),
        "by_error": np.array(
            [bits(m, degree, share, *np.asarray(grid["error"]).tolist()) for m in sizes]
        ),
    }
