"""Chapter 1: the peak where features and samples are equally many, and who pays for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, never_rises, statement
from sims.params import parameter
from sims.random_features.sampler import sample_curve_trial, width_curve_trial
from sims.random_features.studies.common import (
    DERIVED,
    DETERMINISTIC_EQUIVALENTS,
    EIGENLEARNING,
    FEATURES,
    MORE_IS_BETTER,
    OURS,
    PAPER,
    PAPER_RIDGES,
    RIDGE,
    SAMPLE_COUNT,
    SAMPLES,
    SWEEP,
    SWEPT_RIDGES,
    PowerLawTask,
    sizes,
)
from sims.random_features.theory import risk
from sims.random_features.tuning import optimal_ridge_curve
from sims.study import (
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

CHAPTER = "1 Double descent"

EIGENFRAMEWORK = Equation(
    r"n = \sum_i \frac{\lambda_i}{\lambda_i+\gamma} + \frac{\delta}{\kappa}, \qquad"
    r" k = \sum_i \frac{\lambda_i}{\lambda_i+\gamma} + \frac{k\,\kappa}{\gamma}",
    "Two numbers κ and γ follow from n samples, k features, ridge δ and the eigenvalues λ.",
    PAPER,
)
TEST_ERROR = Equation(
    r"E_{te} = n\,\frac{(b+c)(S_2+\sigma^2) + c\,S_1}{ab+ac+bc}, \qquad"
    r" a = n - z,\ b = k - z,\ c = \sum_i \frac{\lambda_i\gamma}{(\lambda_i+\gamma)^2}",
    "z is the common sum above; S₁ = Σ vᵢ² λᵢγ/(λᵢ+γ)², S₂ = Σ vᵢ² γ²/(λᵢ+γ)². "
    "Every term is positive, so no digit is lost to cancellation.",
    OURS,
)
TRAIN_ERROR = Equation(
    r"E_{tr} = \left(\frac{\delta}{n\kappa}\right)^2 E_{te}",
    "The ratio of train to test error is the fitting ratio R, between 0 and 1.",
    PAPER,
)
GAUSSIAN = (
    "Features and modes behave like independent normal variables (Gaussian universality). The "
    "simulation draws exactly that; real features only come close.",
    "The theory is for expected errors, up to corrections of order 1/n and 1/k; they are largest "
    "near k = n at tiny ridge, where single trials scatter wildly.",
)


RIDGES = parameter(
    PAPER_RIDGES,
    title="ridges",
    symbol=r"\delta",
    help="One curve each. The ridge is added to the kernel matrix, not divided by n.",
    ge=1e-6,
    le=1e6,
)
LARGEST = parameter(
    10_000,
    title="end of the horizontal axis",
    symbol=r"k_{\max}",
    help="The largest size drawn and simulated.",
    ge=100,
    le=1_000_000,
    scale="log",
    advanced=True,
)
POINTS = parameter(
    13,
    title="simulated sizes",
    symbol="m",
    help="How many sizes along the curve are simulated.",
    ge=5,
    le=41,
    advanced=True,
)


class FeatureCurveParams(PowerLawTask):
    """Parameters of error against the number of features."""

    n: int = SAMPLE_COUNT
    ridges: tuple[float, ...] = RIDGES
    largest: int = LARGEST
    points: int = POINTS


class SampleCurveParams(PowerLawTask):
    """Parameters of error against the number of samples."""

    k: int = parameter(
        256,
        title="number of features",
        symbol="k",
        help="Random features of the model.",
        ge=10,
        le=1024,
        scale="log",
    )
    ridges: tuple[float, ...] = RIDGES
    largest: int = LARGEST
    points: int = POINTS


def curve_measures(axis: str) -> tuple[Measure, ...]:
    """Return test, train and optimally tuned test error along features or samples."""
    return (
        Measure("test", "test error", ("ridge", axis), "Eₜₑ"),
        Measure("train", "train error", ("ridge", axis), "Eₜᵣ"),
        Measure("optimal", "test error at the optimal ridge", (axis,), "E*"),
        Measure("swept", "test error", ("sweep", axis), "Eₜₑ"),
    )


def curve_views(axis: str) -> tuple[Curves, ...]:
    """Return the test error with the tuned one behind it, and the train error."""
    peak = (Guide("peak", "x", "k = n"),)
    return (
        Curves(
            "test",
            "Test error",
            axis,
            ("test", "optimal"),
            "ridge",
            dashed=("optimal",),
            guides=peak,
        ),
        Curves("train", "Train error", axis, ("train",), "ridge", guides=peak),
        Curves(
            "scrub",
            "Scrub the ridge",
            axis,
            ("swept", "optimal"),
            dashed=("optimal",),
            scrub="sweep",
            y_title="test error Eₜₑ",
            guides=peak,
        ),
    )


def split_sweep(
    test: NDArray[np.float64], train: NDArray[np.float64], ridges: int
) -> dict[str, NDArray[np.float64]]:
    """Tell the chosen ridges, which come first, from those of the slider inside the chart."""
    return {"test": test[:ridges], "train": train[:ridges], "swept": test[ridges:]}


def curve_checks(outcome: Outcome[PowerLawTask], axis: str, peak: float) -> tuple[Check, ...]:
    """Hold theory against simulation, and the tuned error against the monotonicity theorem.

    Round the peak, at a ridge below 1e-3, a trial's error is heavy-tailed, and neither its mean
    nor its median over a few trials says anything about a theory of the expectation.
    """
    size, ridge = np.asarray(outcome.grid[axis]), np.asarray(outcome.grid["ridge"])
    close = (size > peak / 2) & (size < 2 * peak)
    away = ~((ridge < 1e-3)[:, None] & close)
    rise = never_rises(np.asarray(outcome.theory["optimal"]), 0)
    test = "theory within 6 % of the simulated test error"
    train = "theory within 10 % of the simulated train error"
    words = f"at the optimal ridge the test error never rises with more {axis}"
    return (
        agreement(outcome, "test", tolerance=0.06, where=away, sentence=test),
        agreement(outcome, "train", tolerance=0.10, where=away, sentence=train),
        statement("monotone", words, rise, 0.0, f"largest rise {rise:.1e}"),
    )


class DoubleDescent(Study[FeatureCurveParams]):
    """Test and train error against the number of features, Gaussian features."""

    name = "random-features/double-descent"
    title = "Double descent"
    chapter = CHAPTER
    statement = (
        "Error against the number of features $k$ at fixed $n$. With a small ridge the test error "
        "peaks at $k = n$; with the **optimal** ridge (dashed) it only falls."
    )
    takeaway = (
        "The peak at k = n belongs to a ridge that is too small; at the optimal ridge more "
        "features never hurt."
    )
    standing = "asymptotic"
    Params = FeatureCurveParams
    axes = (RIDGE, FEATURES, SWEEP)
    measures = curve_measures("features")
    views = curve_views("features")
    presets = (
        Preset("quick", "Figure 1, left, at laptop scale", FeatureCurveParams(), 20),
        Preset(
            "paper",
            "Figure 1, left, as in the paper (10⁴ modes, 31 sizes)",
            FeatureCurveParams(modes=10_000, points=31),
            45,
        ),
        Preset(
            "peak",
            "A tall peak: almost no ridge",
            FeatureCurveParams(ridges=(1e-4, 1e-2, 1.0)),
            40,
        ),
        Preset("noiseless", "No label noise", FeatureCurveParams(noise_variance=0), 20),
    )
    equations = (EIGENFRAMEWORK, TEST_ERROR, TRAIN_ERROR)
    sources = (MORE_IS_BETTER, EIGENLEARNING, DETERMINISTIC_EQUIVALENTS, DERIVED)
    assumptions = GAUSSIAN
    lesson = Lesson(
        "peak",
        "Who makes the peak?",
        (
            Step(
                "The smallest ridge in the chart gives the tallest peak at k = n. Now the ridge is "
                "divided by a hundred.",
                {"ridges": (1e-4, 1e-2, 1.0)},
                "How much taller does the peak grow?",
                ("Not at all", "About ten times", "About a hundred times"),
                1,
                "At k = n the error grows like one over the square root of the ridge: a hundred "
                "times less ridge, ten times more error.",
            ),
            Step(
                "The labels carry noise of variance 0.5. Take it away.",
                {"noise_variance": 0.0, "ridges": (1e-4, 1e-2, 1.0)},
                "Without label noise, is there still a peak?",
                ("Yes: the features are random too", "No: the peak is fitted noise"),
                0,
                "The modes that n samples can't resolve act as noise of their own, so the peak "
                "stays. It is the ridge that removes it, not clean labels.",
            ),
            Step(
                "Look at the dashed line: at every k the ridge is the best one.",
                {"noise_variance": 0.5, "ridges": PAPER_RIDGES},
                "Can adding features raise the dashed line anywhere?",
                ("Yes, near k = n", "No, nowhere"),
                1,
                "That is the paper's monotonicity theorem: with a tuned ridge, more features "
                "never hurt, whatever the task.",
            ),
        ),
    )

    def grid(self, params: FeatureCurveParams) -> Arrays:
        """Return ridges, and features from 10 upwards through n."""
        return {
            "ridge": np.asarray(params.ridges),
            "features": sizes(10, params.largest, params.points, params.n),
            "sweep": SWEPT_RIDGES,
        }

    def theory(self, params: FeatureCurveParams, grid: Arrays) -> Arrays:
        """Return both errors at every ridge, and the test error at the best ridge."""
        eigenvalues, power = params.spectrum()
        noise = params.noise_variance
        ridge, k = np.asarray(grid["ridge"]), np.asarray(grid["features"])
        every = np.concatenate([ridge, np.asarray(grid["sweep"])])
        found = risk(params.n, k, every[:, None], eigenvalues, power, noise_variance=noise)
        best = optimal_ridge_curve(params.n, k, eigenvalues, power, noise_variance=noise)
        return split_sweep(found.test, found.train, ridge.size) | {"optimal": best.test}

    def trial(self, params: FeatureCurveParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every width at every ridge to one draw of the data."""
        eigenvalues, power = params.spectrum()
        widths = np.asarray(grid["features"]).astype(int)
        found = width_curve_trial(
            params.n,
            widths,
            np.asarray(grid["ridge"]),
            eigenvalues,
            power,
            noise_variance=params.noise_variance,
            rng=rng,
        )
        return {"test": found.test.T, "train": found.train.T}

    def guides(self, params: FeatureCurveParams) -> dict[str, float]:
        """Return where k = n."""
        return {"peak": params.n}

    def checks(self, outcome: Outcome[FeatureCurveParams]) -> tuple[Check, ...]:
        """Judge agreement and monotonicity."""
        return curve_checks(outcome, "features", outcome.guides["peak"])


class SampleDescent(Study[SampleCurveParams]):
    """Test and train error against the number of samples, Gaussian features."""

    name = "random-features/sample-descent"
    title = "More data can hurt"
    chapter = CHAPTER
    statement = (
        "The same model with its $k$ features fixed, against the number of samples $n$. With a "
        "small ridge, **more data** makes it worse on the way to $n = k$; with the optimal ridge "
        "(dashed) more data never hurts."
    )
    takeaway = "Samples and features mirror each other: the peak stands at n = k for both."
    standing = "asymptotic"
    Params = SampleCurveParams
    axes = (RIDGE, SAMPLES, SWEEP)
    measures = curve_measures("samples")
    views = curve_views("samples")
    presets = (
        Preset("quick", "The full traces, second row, at laptop scale", SampleCurveParams(), 20),
        Preset(
            "paper",
            "The full traces as in the paper (10⁴ modes, 31 sizes)",
            SampleCurveParams(modes=10_000, points=31),
            45,
        ),
        Preset(
            "peak",
            "A tall peak: almost no ridge",
            SampleCurveParams(ridges=(1e-4, 1e-2, 1.0)),
            40,
        ),
    )
    equations = (EIGENFRAMEWORK, TEST_ERROR, TRAIN_ERROR)
    sources = (MORE_IS_BETTER, EIGENLEARNING, DETERMINISTIC_EQUIVALENTS, DERIVED)
    assumptions = GAUSSIAN

    def grid(self, params: SampleCurveParams) -> Arrays:
        """Return ridges, and sample sizes from 10 upwards through k."""
        samples = sizes(10, params.largest, params.points, params.k)
        return {"ridge": np.asarray(params.ridges), "samples": samples, "sweep": SWEPT_RIDGES}

    def theory(self, params: SampleCurveParams, grid: Arrays) -> Arrays:
        """Return both errors at every ridge, and the test error at the best ridge."""
        eigenvalues, power = params.spectrum()
        noise = params.noise_variance
        ridge, n = np.asarray(grid["ridge"]), np.asarray(grid["samples"])
        every = np.concatenate([ridge, np.asarray(grid["sweep"])])
        found = risk(n, params.k, every[:, None], eigenvalues, power, noise_variance=noise)
        best = optimal_ridge_curve(n, params.k, eigenvalues, power, noise_variance=noise)
        return split_sweep(found.test, found.train, ridge.size) | {"optimal": best.test}

    def trial(self, params: SampleCurveParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every sample size at every ridge with one draw of the features."""
        eigenvalues, power = params.spectrum()
        found = sample_curve_trial(
            np.asarray(grid["samples"]).astype(int),
            params.k,
            np.asarray(grid["ridge"]),
            eigenvalues,
            power,
            noise_variance=params.noise_variance,
            rng=rng,
        )
        return {"test": found.test.T, "train": found.train.T}

    def guides(self, params: SampleCurveParams) -> dict[str, float]:
        """Return where n = k."""
        return {"peak": params.k}

    def checks(self, outcome: Outcome[SampleCurveParams]) -> tuple[Check, ...]:
        """Judge agreement and monotonicity."""
        return curve_checks(outcome, "samples", outcome.guides["peak"])
