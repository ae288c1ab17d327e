"""Chapter 3 in theory: the optimal fitting ratio of power-law tasks, exact and in the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import statement
from sims.params import Params, parameter
from sims.random_features.power_law import (
    interpolation_threshold,
    largest_fitting_ratio,
    optimal_fitting_ratio,
    relative_error,
)
from sims.random_features.power_law_rates import fixed_noise_fitting_ratio
from sims.random_features.spectra import power_law_spectrum
from sims.random_features.studies.common import DERIVED, MORE_IS_BETTER, OURS, SAMPLES
from sims.random_features.studies.kernels import CHAPTER, RATIO_ERROR, THRESHOLD
from sims.random_features.theory import risk
from sims.random_features.tuning import optimal_ridge_curve
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
    from numpy.typing import ArrayLike, NDArray

    from sims.random_features.estimates import Risk
    from sims.random_features.spectra import TaskSpectrum
    from sims.study import Arrays

ALPHA = parameter(
    1.5,
    title="eigenvalue exponent",
    symbol=r"\alpha",
    help="Eigenvalues fall like i to the minus alpha.",
    ge=1.05,
    le=3,
    step=0.01,
)
BETA = parameter(
    2.0,
    title="target exponent",
    symbol=r"\beta",
    help="Squared target coefficients fall like i to the minus beta.",
    ge=1.05,
    le=5,
    step=0.01,
)
LIMITS = (
    "Infinitely many features (kernel regression), exact power laws, 1 < β < 2α + 1.",
    "The formulas are leading order in n; near α = 1 or β = 2α + 1 they converge slowly.",
)


def _saturated(alpha: float, beta: float) -> tuple[str, ...]:
    """Say where the target is too smooth for the kernel."""
    if beta < 2 * alpha + 1:
        return ()
    return (
        f"β = {beta:g} is not below 2α + 1 = {2 * alpha + 1:g}: the target saturates, and the "
        "formulas use β = 2α + 1.",
    )


def _effective(alpha: float, beta: float) -> float:
    """Return the target exponent that counts: a smoother target saturates at 2 alpha + 1."""
    return min(beta, 2 * alpha + 1 - 1e-9)


class ConvergenceParams(Params):
    """Parameters of exact curves against the limit."""

    alpha: float = ALPHA
    beta: float = BETA
    noise: float = parameter(
        1.0,
        title="relative noise",
        symbol=r"\sigma_{rel}^2",
        help="Label noise over the ridgeless noiseless test error, at every n.",
        ge=0,
        le=50,
        step=0.1,
    )
    samples: tuple[float, ...] = parameter(
        (10, 100, 1000, 10_000),
        title="numbers of samples",
        symbol="n",
        help="One curve each.",
        ge=2,
        le=1e7,
    )


class Convergence(Study[ConvergenceParams]):
    """Exact error against fitting ratio at finite n, beside the limit."""

    name = "random-features/convergence"
    title = "From finite n to the law"
    chapter = CHAPTER
    statement = (
        "Test error against the fitting ratio for an ideal power-law task with infinitely many "
        "modes: the **exact** solution at finite $n$ (lines) against the closed form for large "
        "$n$ (grey, dashed)."
    )
    takeaway = "From a hundred samples on, the closed form is the curve."
    standing = "asymptotic"
    Params = ConvergenceParams
    axes = (SAMPLES, Axis("ridge_factor", "ridge over its scale", scale="log"))
    measures = (
        Measure("fitting_ratio", "fitting ratio", ("samples", "ridge_factor"), "R"),
        Measure(
            "relative",
            "test error over its ridgeless noiseless value",
            ("samples", "ridge_factor"),
        ),
        Measure("limit", "closed form for large n", ("samples", "ridge_factor")),
    )
    views = (
        Curves(
            "ratio",
            "Test error against the fitting ratio",
            "fitting_ratio",
            ("relative", "limit"),
            "samples",
            x_scale="linear",
            dashed=("limit",),
            y_title="test error over its ridgeless noiseless value",
            guides=(Guide("best", "x", "optimal R"),),
        ),
    )
    presets = (
        Preset("quick", "α = 1.5, β = 2, noise 1", ConvergenceParams(), 0),
        Preset(
            "cifar", "Exponents of CIFAR-10", ConvergenceParams(alpha=1.17, beta=1.14, noise=0), 0
        ),
        Preset("mnist", "Exponents of MNIST", ConvergenceParams(alpha=1.12, beta=1.36, noise=1), 0),
    )
    equations = (RATIO_ERROR, THRESHOLD)
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = LIMITS

    def grid(self, params: ConvergenceParams) -> Arrays:
        """Return sample sizes and ridges in units of the task's own scale."""
        factors = np.concatenate([[0.0], np.geomspace(1e-3, 1e3, 81)])
        return {"samples": np.asarray(params.samples), "ridge_factor": factors}

    def theory(self, params: ConvergenceParams, grid: Arrays) -> Arrays:
        """Return exact errors and ratios, and the closed form at the same ratios."""
        task = power_law_spectrum(params.alpha, params.beta, np.inf)
        n = np.asarray(grid["samples"])[:, None]
        plain = _risk(n, 0.0, task)
        ridge = np.asarray(grid["ridge_factor"]) * n * plain.kappa  # r = 1/2 at a factor near 1
        found = _risk(n, ridge, task, params.noise * plain.test)
        ratio = found.train / found.test
        beta = _effective(params.alpha, params.beta)
        inside = np.minimum(ratio, 1 - 1e-9)
        return {
            "fitting_ratio": ratio,
            "relative": found.test / plain.test,
            "limit": relative_error(inside, params.alpha, beta, params.noise),
        }

    def guides(self, params: ConvergenceParams) -> dict[str, float]:
        """Return the optimal ratio in the limit."""
        beta = _effective(params.alpha, params.beta)
        return {"best": float(optimal_fitting_ratio(params.alpha, beta, params.noise))}

    def validity(self, params: ConvergenceParams) -> tuple[str, ...]:
        """Warn where the target saturates."""
        return _saturated(params.alpha, params.beta)

    def checks(self, outcome: Outcome[ConvergenceParams]) -> tuple[Check, ...]:
        """Compare the largest n with the limit, where it is not yet close to no fit at all."""
        last = int(np.argmax(outcome.grid["samples"]))
        n = float(outcome.grid["samples"][last])
        here = outcome.theory["fitting_ratio"][last] < 0.9
        exact = outcome.theory["relative"][last][here]
        gap = float(np.max(np.abs(exact / outcome.theory["limit"][last][here] - 1)))
        words = f"at n = {n:g} the closed form is within 3 % for R < 0.9"
        return (statement("limit", words, gap, 0.03, f"largest deviation {gap:.2%}"),)


class PhaseParams(Params):
    """Parameters of the phase diagram."""

    alpha: float = ALPHA
    n: int = parameter(
        10_000,
        title="number of samples",
        symbol="n",
        help="Where the exact optimum is computed; the diagram itself is for large n.",
        ge=10,
        le=1_000_000,
        scale="log",
    )


class PhaseDiagram(Study[PhaseParams]):
    """Optimal fitting ratio over target exponent and relative noise, with the threshold."""

    name = "random-features/phase-diagram"
    title = "When must one overfit?"
    chapter = CHAPTER
    statement = (
        "The optimal fitting ratio $R^*$ over the target's exponent $\\beta$ and the relative "
        "noise. **Below the white line exact interpolation is optimal**: overfitting is "
        "obligatory there."
    )
    takeaway = "Below the line the best model fits every noisy label exactly."
    standing = "asymptotic"
    Params = PhaseParams
    axes = (
        Axis("beta", "target exponent", "β"),
        Axis("noise", "relative noise", "σ²ᵣₑₗ"),
        Axis("level", "relative noise", "σ²ᵣₑₗ"),
        Axis("cut", "target exponent", "β"),
    )
    measures = (
        Measure("ratio", "optimal fitting ratio", ("noise", "beta"), "R*"),
        Measure("threshold", "interpolation threshold", ("beta",)),
        Measure("limit", "closed form for large n", ("level", "beta"), "R*"),
        Measure("exact", "exact at n", ("level", "cut"), "R*"),
        Measure("exact_limit", "closed form at the same exponents", ("level", "cut"), "R*"),
        Measure("band", "largest R within 5 % of the optimum", ("level", "beta"), "R"),
    )
    views = (
        HeatMap(
            "map",
            "Optimal fitting ratio",
            "beta",
            "noise",
            "ratio",
            x_scale="linear",
            y_scale="linear",
            colour_scale="linear",
            border="threshold",
        ),
        Curves(
            "cut",
            "Exact at n against the limit",
            "beta",
            ("exact", "limit"),
            "level",
            x_scale="linear",
            y_scale="linear",
            dashed=("limit",),
            y_title="optimal fitting ratio R*",
        ),
        Curves(
            "band",
            "How far off is still within 5 %",
            "beta",
            ("band", "limit"),
            "level",
            x_scale="linear",
            y_scale="linear",
            dashed=("limit",),
            y_title="fitting ratio R",
        ),
    )
    presets = (
        Preset("quick", "α = 1.5", PhaseParams(), 0),
        Preset("flat", "A rough kernel, α = 1.15", PhaseParams(alpha=1.15), 0),
        Preset("small", "α = 1.5 at only 100 samples", PhaseParams(n=100), 0),
    )
    equations = (
        THRESHOLD,
        Equation(
            r"\alpha-\beta-(\alpha-1)\beta r+\alpha(\alpha-1)\sigma_{rel}^2(1-r)^\beta = 0,"
            r"\qquad R^* = r^2",
            "Above the threshold, the optimal ratio is the square of this equation's one root.",
            OURS,
        ),
    )
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = LIMITS
    lesson = Lesson(
        "threshold",
        "Which tasks demand overfitting?",
        (
            Step(
                "White line: the threshold (β − α)/(α(α − 1)). At α = 1.5 it is 0.67 at β = 2.",
                {"alpha": 1.15},
                "With a rougher kernel (α = 1.15), does the region of obligatory overfitting grow?",
                ("It grows", "It shrinks"),
                0,
                "The threshold has α − 1 below the fraction: as α falls to 1, ever more noise has "
                "to be fitted.",
            ),
        ),
    )

    def grid(self, params: PhaseParams) -> Arrays:
        """Return target exponents below saturation, noise levels of the map and of the cut."""
        return {
            "beta": np.linspace(1.1, 2 * params.alpha + 0.6, 40),
            "noise": np.linspace(0, 6, 41),
            "level": np.array([0.0, 1.0, 5.0]),
            "cut": np.linspace(1.1, 2 * params.alpha + 0.6, 13),  # each costs a spectrum
        }

    def theory(self, params: PhaseParams, grid: Arrays) -> Arrays:
        """Return closed forms on the whole map, and the exact optimum along three cuts."""
        beta, noise = np.asarray(grid["beta"]), np.asarray(grid["noise"])
        level, cut = np.asarray(grid["level"])[:, None], np.asarray(grid["cut"])
        return {
            "ratio": optimal_fitting_ratio(params.alpha, beta, noise[:, None]),
            "threshold": interpolation_threshold(params.alpha, beta),
            "limit": optimal_fitting_ratio(params.alpha, beta, level),
            "exact": np.stack([_exact(params, one, level[:, 0]) for one in cut], axis=1),
            "exact_limit": optimal_fitting_ratio(params.alpha, cut, level),
            "band": largest_fitting_ratio(params.alpha, beta, level, 0.05),
        }

    def checks(self, outcome: Outcome[PhaseParams]) -> tuple[Check, ...]:
        """Compare the exact optimum with the closed form."""
        n = outcome.params.n
        gap = float(np.max(np.abs(outcome.theory["exact"] - outcome.theory["exact_limit"])))
        words = "the exact optimal ratio is within 0.03 of the closed form"
        return (statement("limit", words, gap, 0.03, f"largest difference {gap:.4f} at n = {n}"),)


class RegimeParams(Params):
    """Parameters of the two noise regimes."""

    alpha: float = ALPHA
    beta: float = BETA
    relative_noise: float = parameter(
        1.0,
        title="relative noise",
        symbol=r"\sigma_{rel}^2",
        help="Noise that shrinks with the error it is compared with.",
        ge=0,
        le=50,
        step=0.1,
    )
    noise_variance: float = parameter(
        0.1,
        title="fixed noise variance",
        symbol=r"\sigma^2",
        help="Noise that stays as it is while n grows.",
        ge=0.001,
        le=5,
        scale="log",
    )


class NoiseRegimes(Study[RegimeParams]):
    """Optimal fitting ratio against n, for relative and for fixed noise."""

    name = "random-features/noise-regimes"
    title = "Is overfitting always optimal?"
    chapter = CHAPTER
    statement = (
        "No. The theorem keeps the noise in proportion to the error that is left. If instead the "
        "noise **stays fixed** while $n$ grows, it ends up dominating, and the optimal fitting "
        "ratio goes to 1: the classical advice not to overfit."
    )
    takeaway = "Relative noise: fit it. Fixed noise and ever more data: do not."
    standing = "asymptotic"
    Params = RegimeParams
    axes = (Axis("samples", "number of samples", "n", scale="log"), Axis("regime", "noise"))
    measures = (
        Measure("exact", "optimal fitting ratio", ("regime", "samples"), "R*"),
        Measure("limit", "closed form for large n", ("regime", "samples"), "R*"),
    )
    views = (
        Curves(
            "ratio",
            "Optimal fitting ratio against samples",
            "samples",
            ("exact", "limit"),
            "regime",
            y_scale="linear",
            dashed=("limit",),
            y_title="optimal fitting ratio R*",
        ),
    )
    presets = (
        Preset("quick", "α = 1.5, β = 2", RegimeParams(), 0),
        Preset("tiny", "Tiny fixed noise", RegimeParams(noise_variance=0.001), 0),
    )
    equations = (
        THRESHOLD,
        Equation(
            r"1-r^* \approx \left[\frac{(\beta-1)\,\alpha B}{(\alpha-1)\,\sigma^2}\right]^{1/\beta}"
            r" \to 0",
            "B is the ridgeless noiseless test error over α; it falls like n to the 1 − β.",
            f"fixed noise, leading order in n; {OURS}",
        ),
    )
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = LIMITS

    def grid(self, params: RegimeParams) -> Arrays:
        """Return sample sizes from 10 to 10⁷ and the two regimes."""
        return {"samples": np.geomspace(10, 1e7, 25), "regime": np.array(["relative", "fixed"])}

    def theory(self, params: RegimeParams, grid: Arrays) -> Arrays:
        """Return the exact optimum and the closed forms."""
        n = np.asarray(grid["samples"])
        task = power_law_spectrum(params.alpha, params.beta, np.inf)
        relative = params.relative_noise * _risk(n, 0.0, task).test
        noises = np.stack([relative, np.full(n.shape, params.noise_variance)])
        best = _tuned(n, task, noises)
        beta = _effective(params.alpha, params.beta)
        limit = float(optimal_fitting_ratio(params.alpha, beta, params.relative_noise))
        fixed = fixed_noise_fitting_ratio(n, params.alpha, beta, params.noise_variance)
        return {"exact": best, "limit": np.stack([np.full(n.shape, limit), fixed])}

    def validity(self, params: RegimeParams) -> tuple[str, ...]:
        """Warn where the target saturates."""
        return _saturated(params.alpha, params.beta)

    def checks(self, outcome: Outcome[RegimeParams]) -> tuple[Check, ...]:
        """Compare the largest n with both limits."""
        gaps = np.abs(outcome.theory["exact"][:, -1] - outcome.theory["limit"][:, -1])
        return tuple(
            statement(
                f"{regime}-limit",
                f"with {regime} noise, R* at n = 10⁷ is within 0.02 of the closed form",
                float(gap),
                0.02,
                f"difference {gap:.4f}",
            )
            for regime, gap in zip(("relative", "fixed"), gaps)
        )


def _risk(
    n: NDArray[np.float64], ridge: ArrayLike, task: TaskSpectrum, noise: ArrayLike = 0.0
) -> Risk:
    """Return the exact errors of kernel regression."""
    return risk(
        n,
        np.inf,
        ridge,
        task.eigenvalues,
        task.target_power,
        noise_variance=noise,
        multiplicity=task.multiplicity,
    )


def _tuned(
    n: NDArray[np.float64], task: TaskSpectrum, noise: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the exact optimal fitting ratio."""
    best = optimal_ridge_curve(
        n,
        np.inf,
        task.eigenvalues,
        task.target_power,
        noise_variance=noise,
        multiplicity=task.multiplicity,
    )
    return best.fitting_ratio


def _exact(params: PhaseParams, beta: float, levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the exact optimal ratio of one task at several noise levels."""
    task = power_law_spectrum(params.alpha, beta, np.inf)
    n = np.full(levels.shape, float(params.n))
    return _tuned(n, task, levels * _risk(n, 0.0, task).test)
