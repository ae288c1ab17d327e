"""Chapter 3 on real data: exponents of kernels on digits, and how closely to fit noisy labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import statement
from sims.params import Params, parameter
from sims.random_features.exponents import exponent_trial
from sims.random_features.power_law import (
    largest_fitting_ratio,
    optimal_fitting_ratio,
    relative_error,
)
from sims.random_features.regression import fitting_ratio_trial
from sims.random_features.studies.common import DERIVED, MORE_IS_BETTER, OURS, PAPER, RIDGE, SAMPLES
from sims.random_features.studies.digits import (
    DIGITS,
    POPULATION,
    KernelName,
    data,
    kernel,
    spectrum,
)
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

    from sims.study import Arrays

CHAPTER = "3 Overfitting is obligatory"


@dataclass(frozen=True)
class PowerLaws:
    """Fitted lines ``kappa_level n**-alpha`` and ``test_level n**(1 - beta)`` of one kernel."""

    alpha: float
    beta: float
    kappa_level: float
    test_level: float


# What `fit_exponents` gives on the digits: nine sizes from 80 to 1400, 20 orderings, seed 0.
# A test measures them again.
MEASURED: dict[str, PowerLaws] = {
    "laplace": PowerLaws(1.1562, 1.5502, 0.89106, 3.4292),
    "ntk-3": PowerLaws(1.2233, 1.5512, 3.2959, 3.1276),
    "ntk-1": PowerLaws(1.3292, 1.5694, 1.2376, 3.4886),
    "nngp-1": PowerLaws(1.7226, 1.6110, 1.1375, 4.4649),
    "rbf": PowerLaws(1.7681, 1.5476, 5.4221, 2.7630),
}

RATIO_ERROR = Equation(
    r"\frac{E_{te}(R)}{E_{00}} = \frac{(1-r)^{1-\beta} + \alpha\,\sigma_{rel}^2}{1+(\alpha-1)r},"
    r"\qquad r = \sqrt R",
    "E₀₀ is the ridgeless test error without label noise, σ²_rel the noise relative to it, R the "
    "fitting ratio.",
    f"leading order in n; {OURS}",
)
THRESHOLD = Equation(
    r"R^* = 0 \iff \sigma_{rel}^2 \le \frac{\beta-\alpha}{\alpha(\alpha-1)}",
    "Up to this much noise, fitting the training labels exactly is optimal.",
    PAPER,
)
KERNEL = parameter(
    "laplace",
    title="kernel",
    symbol="K",
    help="Laplace; neural tangent kernel of depth 3 or 1; NNGP (infinitely many ReLU features); "
    "RBF, whose spectrum is no power law.",
)


class ExponentsParams(Params):
    """Parameters of the measurement of exponents."""

    kernel: KernelName = KERNEL
    smallest: int = parameter(
        80,
        title="smallest subset",
        symbol=r"n_{\min}",
        help="Where the fitted line begins.",
        ge=20,
        le=300,
        scale="log",
    )
    largest: int = parameter(
        1400,
        title="largest subset",
        symbol=r"n_{\max}",
        help="Where it ends; the other images measure the test error.",
        ge=400,
        le=1700,
        scale="log",
    )


class MeasuredExponents(Study[ExponentsParams]):
    """Eigenvalue and target exponents of kernels on digits."""

    name = "random-features/exponents"
    title = "How to measure the exponents"
    chapter = CHAPTER
    statement = (
        "The theory of this chapter needs two numbers of a task: how fast eigenvalues fall "
        "($\\alpha$) and how fast the target's coefficients do ($\\beta$). Fitting the spectrum's "
        "tail fails, for its last decades bend down; two other curves are straight."
    )
    takeaway = (
        "1/Tr K⁻¹ falls with slope −α, the ridgeless test error with slope −(β−1): straight lines "
        "where the raw spectrum bends."
    )
    standing = "asymptotic"
    Params = ExponentsParams
    axes = (SAMPLES, Axis("mode", "mode index", "i", scale="log"))
    measures = (
        Measure("kappa", "1/Tr K⁻¹", ("samples",), "κ", summary="log-mean"),
        Measure("test", "ridgeless test error", ("samples",), "Eₜₑ", summary="log-mean"),
        Measure("eigenvalues", "eigenvalue", ("mode",), "λ"),
        Measure("power", "squared target coefficients beyond mode i", ("mode",)),
        Measure("law", "power law with the measured α", ("mode",)),
    )
    views = (
        Curves("kappa", "Eigenvalue exponent α", "samples", ("kappa",)),
        Curves("test", "Target exponent β", "samples", ("test",)),
        Curves(
            "spectrum",
            "The spectrum itself",
            "mode",
            ("eigenvalues", "power", "law"),
            dashed=("law",),
            y_title="eigenvalue; target power beyond mode i",
        ),
    )
    presets = (
        Preset("quick", "Digits, Laplace kernel", ExponentsParams(), 5),
        Preset("paper", "Digits, Laplace kernel, 20 orderings", ExponentsParams(), 20),
        Preset(
            "ntk-3", "Digits, neural tangent kernel of depth 3", ExponentsParams(kernel="ntk-3"), 5
        ),
        Preset("nngp-1", "Digits, ReLU features", ExponentsParams(kernel="nngp-1"), 5),
        Preset("rbf", "Where it fails: RBF is no power law", ExponentsParams(kernel="rbf"), 5),
    )
    equations = (
        Equation(
            r"\kappa_n = \frac{1}{\operatorname{Tr} K_n^{-1}} \propto n^{-\alpha}, \qquad"
            r" E_{te}(n)\big|_{\delta=\sigma=0} \propto n^{-(\beta-1)}",
            "K_n is the kernel matrix of n points, not divided by n.",
            PAPER,
        ),
    )
    sources = (MORE_IS_BETTER, DIGITS, DERIVED)
    assumptions = (
        "The lines are least-squares fits to 20 orderings of the images (seed 0): this study "
        "measures, it does not predict. Points of other seeds show how far one can trust them.",
        "A kernel whose spectrum falls faster than any power (RBF) has no exponent: its line bends "
        "and the slope drifts with n.",
    )

    def grid(self, params: ExponentsParams) -> Arrays:
        """Return subset sizes and mode indices."""
        return {
            "samples": np.unique(np.round(np.geomspace(params.smallest, params.largest, 9))),
            "mode": np.unique(np.round(np.geomspace(1, POPULATION - 1, 120))),
        }

    def theory(self, params: ExponentsParams, grid: Arrays) -> Arrays:
        """Return straight lines of the measured slopes, and the population's spectrum."""
        fit = MEASURED[params.kernel]
        n, mode = np.asarray(grid["samples"]), np.asarray(grid["mode"]).astype(int)
        task = spectrum(params.kernel, "one-hot")
        beyond = np.cumsum(task.target_power[::-1])[::-1]
        eigenvalues = np.maximum(task.eigenvalues[mode - 1], 1e-300)
        middle = mode.size // 3
        law = eigenvalues[middle] * (mode / mode[middle]) ** -fit.alpha
        return {
            "kappa": fit.kappa_level * n**-fit.alpha,
            "test": fit.test_level * n ** (1 - fit.beta),
            "eigenvalues": eigenvalues,
            "power": beyond[mode - 1],
            "law": law,
        }

    def trial(self, params: ExponentsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Measure both series on one random ordering of the images."""
        found = exponent_trial(
            kernel(params.kernel),
            data("one-hot").targets,
            np.asarray(grid["samples"]).astype(int),
            rng,
        )
        return {"kappa": found.kappa, "test": found.test}

    def validity(self, params: ExponentsParams) -> tuple[str, ...]:
        """Warn where there is no power law."""
        if params.kernel == "rbf":
            return ("The RBF kernel's spectrum is no power law: its exponent drifts with n.",)
        return ()

    def checks(self, outcome: Outcome[ExponentsParams]) -> tuple[Check, ...]:
        """Compare the fitted slopes with the exponents in use."""
        if outcome.trials < 2:
            return ()
        params = outcome.params
        fit = MEASURED[params.kernel]
        log_n = np.log(np.asarray(outcome.grid["samples"]))
        slopes = [
            float(np.polyfit(log_n, np.log(outcome.mean[m]), 1)[0]) for m in ("kappa", "test")
        ]
        found = (-slopes[0], 1 - slopes[1])
        return tuple(
            statement(
                name,
                f"the fitted {name} is within 0.05 of the {name} used in this chapter",
                abs(one - used),
                0.05,
                f"fitted {one:.3f}, used {used:.3f}",
            )
            for name, one, used in zip(("alpha", "beta"), found, (fit.alpha, fit.beta))
        )


class RatioParams(Params):
    """Parameters of test error against the fitting ratio on digits."""

    kernel: KernelName = KERNEL
    n: int = parameter(
        500,
        title="number of samples",
        symbol="n",
        help="Drawn from 1797 images; tested on the others.",
        ge=100,
        le=1400,
        scale="log",
    )
    noise: tuple[float, ...] = parameter(
        (0, 1, 5, 50),
        title="relative noise levels",
        symbol=r"\sigma_{rel}^2",
        help="Variance of label noise over the ridgeless noiseless test error; one curve each.",
        ge=0,
        le=1000,
    )


class FittingRatio(Study[RatioParams]):
    """Test error against the fitting ratio, kernel regression on digits with label noise."""

    name = "random-features/fitting-ratio"
    title = "How closely to fit noisy labels"
    chapter = CHAPTER
    statement = (
        "Kernel regression on digits with noise added to the labels. Each curve sweeps the ridge "
        "from interpolation ($R = 0$) to fitting nothing ($R = 1$). For small noise the best test "
        "error sits **at the left edge**: the training labels, noise and all, must be fitted."
    )
    takeaway = (
        "With little noise the minimum lies at R = 0: overfitting is not benign but required."
    )
    standing = "asymptotic"
    Params = RatioParams
    axes = (
        Axis("noise", "relative noise", "σ²ᵣₑₗ"),
        Axis("ratio", "fitting ratio", "R"),
        RIDGE,
    )
    measures = (
        Measure("law", "test error over its ridgeless noiseless value", ("noise", "ratio")),
        Measure("fitting_ratio", "fitting ratio", ("noise", "ridge"), "R"),
        Measure("relative", "test error over its ridgeless noiseless value", ("noise", "ridge")),
        Measure("test", "test error", ("noise", "ridge"), "Eₜₑ"),
        Measure("train", "train error", ("noise", "ridge"), "Eₜᵣ"),
        Measure("optimum", "optimal fitting ratio", ("noise",), "R*"),
    )
    views = (
        Curves(
            "ratio",
            "Against the fitting ratio",
            "ratio",
            ("law",),
            "noise",
            points=("fitting_ratio", "relative"),
            x_scale="linear",
            guides=(Guide("edge", "x", "interpolation"),),
        ),
        Curves(
            "errors",
            "Test against train error",
            "train",
            (),
            "noise",
            points=("train", "test"),
            y_title="test error Eₜₑ",
        ),
        Curves("test", "Test error against the ridge", "ridge", ("test",), "noise"),
        Curves("train", "Train error against the ridge", "ridge", ("train",), "noise"),
    )
    presets = (
        Preset("quick", "Figure 2 on digits: Laplace kernel", RatioParams(), 5),
        Preset("paper", "Figure 2 on digits, n = 1000", RatioParams(n=1000), 10),
        Preset("ntk-3", "Neural tangent kernel of depth 3", RatioParams(kernel="ntk-3"), 5),
        Preset("ntk-1", "Neural tangent kernel of depth 1", RatioParams(kernel="ntk-1"), 5),
        Preset(
            "nngp-1",
            "ReLU features: the threshold is negative",
            RatioParams(kernel="nngp-1"),
            5,
        ),
    )
    equations = (RATIO_ERROR, THRESHOLD)
    sources = (MORE_IS_BETTER, DIGITS, DERIVED)
    assumptions = (
        "Exact power laws, infinitely many features and large n; exponents are those measured on "
        "this very kernel, and nothing else is fitted: not the height of the curves either.",
        "Noise is relative to the ridgeless noiseless test error. Noise of fixed size is another "
        "regime, with another answer: see the study of noise regimes.",
    )
    lesson = Lesson(
        "interpolate",
        "Should it fit the noise?",
        (
            Step(
                "The labels carry noise as large as the ridgeless test error (σ²_rel = 1).",
                {"noise": (1.0,)},
                "Where is the best fitting ratio?",
                ("At R = 0: fit everything", "In the middle", "Near R = 1: ignore the labels"),
                0,
                "For this kernel the threshold is about 2, so noise of 1 is to be fitted exactly.",
            ),
            Step(
                "Now five times more noise.",
                {"noise": (1.0, 5.0)},
                "Does the minimum leave the left edge?",
                ("Yes", "No"),
                0,
                "5 is above the threshold: the minimum moves to about R = 0.1, still close to "
                "interpolation.",
            ),
            Step(
                "ReLU features (the NNGP kernel) have a larger alpha.",
                {"kernel": "nngp-1", "noise": (0.0, 1.0)},
                "Even without noise: is exact interpolation best here?",
                ("Yes", "No, though nearly so"),
                1,
                "Alpha is larger than beta, so the threshold is negative and the optimal ratio "
                "is small but not zero.",
            ),
        ),
    )

    def grid(self, params: RatioParams) -> Arrays:
        """Return noise levels, fitting ratios for the law, ridges for the experiment."""
        return {
            "noise": np.asarray(params.noise),
            "ratio": np.linspace(0, 0.97, 98),
            "ridge": np.geomspace(1e-5, 1e3, 33),
        }

    def theory(self, params: RatioParams, grid: Arrays) -> Arrays:
        """Return the law at the measured exponents, and its optimum."""
        alpha, beta = MEASURED[params.kernel].alpha, MEASURED[params.kernel].beta
        noise = np.asarray(grid["noise"])
        law = relative_error(np.asarray(grid["ratio"]), alpha, beta, noise[:, None])
        return {"law": law, "optimum": optimal_fitting_ratio(alpha, beta, noise)}

    def trial(self, params: RatioParams, grid: Arrays, rng: Generator) -> Arrays:
        """Split the images, add noise, and regress at every ridge and noise level."""
        ridges = np.concatenate([[0.0], np.asarray(grid["ridge"])])
        levels = np.concatenate([[0.0], np.asarray(grid["noise"])])
        found = fitting_ratio_trial(
            kernel(params.kernel), data("one-hot").targets, params.n, ridges, levels, rng=rng
        )
        ridgeless = found.test[0, 0]  # without ridge or noise: the unit of noise and of errors
        test, train = found.test[1:, 1:], found.train[1:, 1:]
        return {
            "test": test,
            "train": train,
            "relative": test / ridgeless,
            "fitting_ratio": train / test,
        }

    def guides(self, params: RatioParams) -> dict[str, float]:
        """Return the left edge."""
        return {"edge": 0.0}

    def validity(self, params: RatioParams) -> tuple[str, ...]:
        """Warn where there is no power law."""
        if params.kernel == "rbf":
            return ("The RBF kernel's spectrum is no power law: the theory does not apply.",)
        return ()

    def checks(self, outcome: Outcome[RatioParams]) -> tuple[Check, ...]:
        """Compare shapes, and say where the simulated minimum lies."""
        if not outcome.trials:
            return ()
        params = outcome.params
        alpha, beta = MEASURED[params.kernel].alpha, MEASURED[params.kernel].beta
        ratio, seen = outcome.mean["fitting_ratio"], outcome.mean["relative"]
        checks = []
        for row, noise in enumerate(params.noise):
            inside = ratio[row] < 0.95
            law = relative_error(ratio[row][inside], alpha, beta, noise)
            shape = seen[row][inside] / law
            shape /= np.min(seen[row]) / float(
                relative_error(optimal_fitting_ratio(alpha, beta, noise), alpha, beta, noise)
            )
            deviation = float(np.sqrt(np.mean((shape - 1) ** 2)))
            best = float(ratio[row][np.argmin(seen[row])])
            limit = float(largest_fitting_ratio(alpha, beta, noise, 0.02))
            checks.append(
                statement(
                    f"shape-{noise:g}",
                    f"at noise {noise:g} the curve has the theory's shape (after matching minima)",
                    deviation,
                    0.06,
                    f"deviation {deviation:.1%} r.m.s. for R < 0.95; minimum at R = {best:.3f}, "
                    f"theory R* = {float(optimal_fitting_ratio(alpha, beta, noise)):.3f} "
                    f"(within 2 % up to {limit:.3f})",
                )
            )
        return tuple(checks)
