"""Chapter 1, continued: what the peak is made of, and the symmetry of samples and features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, statement
from sims.params import parameter
from sims.random_features.sampler import size_grid_trial, width_curve_trial
from sims.random_features.studies.common import (
    DERIVED,
    EIGENLEARNING,
    FEATURES,
    MORE_IS_BETTER,
    OURS,
    RIDGE,
    SAMPLE_COUNT,
    PowerLawTask,
    sizes,
)
from sims.random_features.studies.double_descent import (
    CHAPTER,
    EIGENFRAMEWORK,
    GAUSSIAN,
    TEST_ERROR,
)
from sims.random_features.theory import risk
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
    Stack,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

PARTS = (
    "noise",
    "bias_squared",
    "variance_features",
    "variance_data",
    "variance_noise",
    "variance_interaction",
)
PART_TITLES = (
    "label noise itself",
    "bias²",
    "variance: features",
    "variance: data",
    "variance: label noise",
    "variance: interaction",
)


class VarianceParams(PowerLawTask):
    """Parameters of the decomposition along the number of features."""

    n: int = SAMPLE_COUNT
    ridge: float = parameter(
        0.03,
        title="ridge",
        symbol=r"\delta",
        help="Added to the kernel matrix, not divided by n.",
        ge=1e-4,
        le=100,
        scale="log",
    )


class VarianceStack(Study[VarianceParams]):
    """Bias, four variances and their interaction through the peak."""

    name = "random-features/variance-stack"
    title = "What the peak is made of"
    chapter = CHAPTER
    statement = (
        "The test error, taken apart into the noise of the label itself, bias, the variance due "
        "to the random features alone, to the data alone, to the label noise, and the part that "
        "exists only because **both** features and data are random."
    )
    takeaway = (
        "The peak at k = n is the interaction: neither the features nor the data make it alone."
    )
    standing = "asymptotic"
    Params = VarianceParams
    axes = (FEATURES,)
    measures = (
        *(
            Measure(name, title, ("features",), unit="part of the test error")
            for name, title in zip(PARTS, PART_TITLES)
        ),
        Measure("test", "test error", ("features",), "Eₜₑ"),
    )
    views = (
        Stack(
            "stack",
            "Parts of the test error against features",
            "features",
            PARTS,
            total="test",
            y_title="test error Eₜₑ",
            guides=(Guide("peak", "x", "k = n"),),
        ),
    )
    presets = (
        Preset("quick", "Through the peak", VarianceParams(), 20),
        Preset("paper", "Through the peak, 10⁴ modes", VarianceParams(modes=10_000), 60),
        Preset("tuned", "With enough ridge the interaction is gone", VarianceParams(ridge=1.0), 20),
    )
    equations = (
        Equation(
            r"E_{te} - \sigma^2 = \underbrace{S_2}_{\text{bias}^2} +"
            r" \underbrace{\tfrac{c\,S_1}{b+c}}_{\text{features}} +"
            r" \underbrace{\tfrac{q\,S_2}{n-q}}_{\text{data}} +"
            r" \underbrace{\tfrac{q\,\sigma^2}{n-q}}_{\text{label noise}} + \text{interaction}",
            "q = Σ (λᵢ/(λᵢ+γ))²; the other symbols as in the test error's formula.",
            OURS,
        ),
        EIGENFRAMEWORK,
        TEST_ERROR,
    )
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = (
        *GAUSSIAN,
        "The split is the analysis of variance of the predictor over random features and random "
        "data (with their label noise). Other papers call only the noise's part variance.",
    )
    lesson = Lesson(
        "interaction",
        "Whose fault is the peak?",
        (
            Step(
                "At ridge 0.03 the stack shows a peak at k = n. Raise the ridge to 1.",
                {"ridge": 1.0},
                "Which part shrinks most?",
                ("The bias", "The variance due to features", "The interaction"),
                2,
                "The interaction all but vanishes, while the bias grows a little: that trade is "
                "what tuning the ridge is about.",
            ),
        ),
    )

    def grid(self, params: VarianceParams) -> Arrays:
        """Return features from 10 to 10⁴ through n."""
        return {"features": sizes(10, 10_000, 13, params.n)}

    def theory(self, params: VarianceParams, grid: Arrays) -> Arrays:
        """Return the parts and their sum."""
        eigenvalues, power = params.spectrum()
        noise = params.noise_variance
        k = np.asarray(grid["features"])
        found = risk(params.n, k, params.ridge, eigenvalues, power, noise_variance=noise)
        parts = (
            np.full_like(k, noise),
            found.bias_squared,
            found.variance_features,
            found.variance_data,
            found.variance_noise,
            found.variance_interaction,
        )
        return {**dict(zip(PARTS, parts)), "test": found.test}

    def trial(self, params: VarianceParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every width to one draw of the data."""
        eigenvalues, power = params.spectrum()
        found = width_curve_trial(
            params.n,
            np.asarray(grid["features"]).astype(int),
            np.array([params.ridge]),
            eigenvalues,
            power,
            noise_variance=params.noise_variance,
            rng=rng,
        )
        return {"test": found.test[:, 0]}

    def guides(self, params: VarianceParams) -> dict[str, float]:
        """Return where k = n."""
        return {"peak": params.n}

    def checks(self, outcome: Outcome[VarianceParams]) -> tuple[Check, ...]:
        """Check that the parts add up, and that their sum is what is simulated."""
        total = sum(np.asarray(outcome.theory[name]) for name in PARTS)
        gap = float(np.max(np.abs(total / outcome.theory["test"] - 1)))
        words = "the parts add up to the test error"
        return (
            agreement(
                outcome,
                "test",
                tolerance=0.06,
                sentence="theory within 6 % of the simulated test error",
            ),
            statement("sum", words, gap, 1e-12, f"relative gap {gap:.1e}"),
        )


class SymmetryParams(PowerLawTask):
    """Parameters of the exchange of samples and features."""

    n: int = parameter(
        256,
        title="first size",
        symbol="n",
        help="Samples of the first task, features of the mirrored one.",
        ge=10,
        le=10_000,
        scale="log",
    )
    ridge: float = parameter(
        0.1,
        title="ridge",
        symbol=r"\delta",
        help="Ridge of the first task.",
        ge=1e-4,
        le=100,
        scale="log",
    )


class Symmetry(Study[SymmetryParams]):
    """Exchanging n and k leaves gamma alone, but not the test error."""

    name = "random-features/symmetry"
    title = "Samples and features change places"
    chapter = CHAPTER
    statement = (
        "Exchange $n$ and $k$ (and rescale the ridge to $\\delta k/n$): the theory's central "
        "number $\\gamma$ does not change at all, while the test error does."
    )
    takeaway = (
        "γ is symmetric in samples and features; the test error is not, since only samples carry "
        "label noise."
    )
    standing = "exact"
    Params = SymmetryParams
    axes = (Axis("task", "task"), FEATURES)
    measures = (
        Measure("gamma", "effective ridge", ("task", "features"), "γ"),
        Measure("test", "test error", ("task", "features"), "Eₜₑ"),
    )
    views = (
        Curves("gamma", "The effective ridge γ", "features", ("gamma",), "task"),
        Curves("test", "The test error", "features", ("test",), "task"),
    )
    presets = (
        Preset("quick", "Mirror images", SymmetryParams(), 0),
        Preset("noiseless", "No label noise", SymmetryParams(noise_variance=0), 0),
    )
    equations = (
        Equation(
            r"\gamma\left(1-\frac{z(\gamma)}{n}\right)\left(1-\frac{z(\gamma)}{k}\right) ="
            r" \frac{\delta}{n} \quad\Rightarrow\quad"
            r" \gamma(n,k,\delta) = \gamma\!\left(k,n,\tfrac{\delta k}{n}\right)",
            "z = Σ λᵢ/(λᵢ+γ). The equation stays the same when n and k change places at fixed "
            "ridge per sample.",
            OURS,
        ),
        EIGENFRAMEWORK,
    )
    sources = (MORE_IS_BETTER, EIGENLEARNING, DERIVED)
    assumptions = ("An identity of the theory's equations: it holds for any spectrum and sizes.",)

    def grid(self, params: SymmetryParams) -> Arrays:
        """Return the two tasks, and second sizes from 10 to 10⁴."""
        tasks = np.array([f"n = {params.n}, k varies", f"k = {params.n}, n varies"])
        return {"task": tasks, "features": sizes(10, 10_000, 25, params.n)}

    def theory(self, params: SymmetryParams, grid: Arrays) -> Arrays:
        """Return both quantities for a task and its mirror image."""
        eigenvalues, power = params.spectrum()
        noise = params.noise_variance
        size = np.asarray(grid["features"])
        first = risk(params.n, size, params.ridge, eigenvalues, power, noise_variance=noise)
        mirrored = params.ridge * size / params.n
        second = risk(size, params.n, mirrored, eigenvalues, power, noise_variance=noise)
        return {
            "gamma": np.stack([first.gamma, second.gamma]),
            "test": np.stack([first.test, second.test]),
        }

    def checks(self, outcome: Outcome[SymmetryParams]) -> tuple[Check, ...]:
        """Check the identity."""
        one, other = np.asarray(outcome.theory["gamma"])
        gap = float(np.max(np.abs(one / other - 1)))
        words = "γ is the same for a task and its mirror image"
        return (statement("symmetric", words, gap, 1e-12, f"relative difference {gap:.1e}"),)


class MapParams(PowerLawTask):
    """Parameters of the maps over samples and features."""

    ridges: tuple[float, ...] = parameter(
        (2.0**-9, 2.0**3),
        title="ridges",
        symbol=r"\delta",
        help="One pair of maps each.",
        ge=1e-6,
        le=1e6,
    )
    modes: int = parameter(
        1000,
        title="number of modes",
        symbol="M",
        help="Theory and experiment use the same finite number of modes.",
        ge=100,
        le=20_000,
        scale="log",
        advanced=True,
    )
    largest: int = parameter(
        600,
        title="largest size",
        symbol=r"n_{\max}",
        help="Both axes run from 10 to here.",
        ge=100,
        le=4000,
        scale="log",
        advanced=True,
    )
    points: int = parameter(
        10,
        title="sizes along each axis",
        symbol="m",
        help="The maps have this many cells in each direction.",
        ge=4,
        le=31,
        advanced=True,
    )


class ErrorMaps(Study[MapParams]):
    """Test and train error over samples and features, theory beside experiment."""

    name = "random-features/error-maps"
    title = "The whole map"
    chapter = CHAPTER
    statement = (
        "Error over samples $n$ and features $k$ at once, theory beside experiment. With almost "
        "no ridge a bright wall runs along the diagonal $n = k$; a large ridge takes it down."
    )
    takeaway = "The peak is a wall along n = k, and the ridge decides how high it stands."
    standing = "asymptotic"
    Params = MapParams
    axes = (RIDGE, Axis("samples", "number of samples", "n", scale="log"), FEATURES)
    measures = (
        Measure("test", "test error", ("ridge", "samples", "features"), "Eₜₑ"),
        Measure("train", "train error", ("ridge", "samples", "features"), "Eₜᵣ"),
    )
    views = (
        HeatMap(
            "test", "Test error over samples and features", "features", "samples", "test", "ridge"
        ),
        HeatMap(
            "train",
            "Train error over samples and features",
            "features",
            "samples",
            "train",
            "ridge",
        ),
    )
    presets = (
        Preset("quick", "Two ridges at laptop scale", MapParams(), 10),
        Preset(
            "paper",
            "The paper's four ridges (sizes to 1000, not 10⁴)",
            MapParams(ridges=(2.0**-9, 2.0**-5, 0.5, 8.0), modes=2000, largest=1000, points=12),
            10,
        ),
    )
    equations = (TEST_ERROR, EIGENFRAMEWORK)
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = GAUSSIAN

    def grid(self, params: MapParams) -> Arrays:
        """Return ridges and the same sizes along both axes."""
        size = sizes(10, params.largest, params.points, 0)
        return {"ridge": np.asarray(params.ridges), "samples": size, "features": size}

    def theory(self, params: MapParams, grid: Arrays) -> Arrays:
        """Return both errors on the whole grid in one call."""
        eigenvalues, power = params.spectrum()
        found = risk(
            np.asarray(grid["samples"])[:, None],
            np.asarray(grid["features"]),
            np.asarray(grid["ridge"])[:, None, None],
            eigenvalues,
            power,
            noise_variance=params.noise_variance,
        )
        return {"test": found.test, "train": found.train}

    def trial(self, params: MapParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every pair of sizes at every ridge."""
        eigenvalues, power = params.spectrum()
        found = size_grid_trial(
            np.asarray(grid["samples"]).astype(int),
            np.asarray(grid["features"]).astype(int),
            np.asarray(grid["ridge"]),
            eigenvalues,
            power,
            noise_variance=params.noise_variance,
            rng=rng,
        )
        return {
            "test": np.moveaxis(found.test, -1, 0),
            "train": np.moveaxis(found.train, -1, 0),
        }

    def checks(self, outcome: Outcome[MapParams]) -> tuple[Check, ...]:
        """Hold theory against simulation away from the wall."""
        n, k = np.asarray(outcome.grid["samples"]), np.asarray(outcome.grid["features"])
        ratio = np.abs(np.log(n[:, None] / k))
        weak = np.asarray(outcome.grid["ridge"])[:, None, None] < 0.03
        away = ~(weak & (ratio < np.log(2)))
        return (
            agreement(
                outcome,
                "test",
                tolerance=0.10,
                where=away,
                sentence="theory within 10 % of the simulated test error, off the wall",
            ),
        )
