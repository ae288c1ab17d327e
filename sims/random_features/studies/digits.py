"""Real data: scikit-learn's handwritten digits, their kernels, and double descent on them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from sims.agreement import agreement
from sims.datasets import Dataset, digits
from sims.numerics.kernels import laplace_kernel, nngp_kernel, ntk_kernel, rbf_kernel
from sims.params import Params, parameter
from sims.random_features.features import (
    PopulationSpectrum,
    population_spectrum,
    population_trial,
)
from sims.random_features.studies.common import (
    DERIVED,
    DETERMINISTIC_EQUIVALENTS,
    FEATURES,
    MORE_IS_BETTER,
    PAPER,
    RIDGE,
    SWEEP,
    SWEPT_RIDGES,
    sizes,
)
from sims.random_features.studies.double_descent import (
    CHAPTER,
    EIGENFRAMEWORK,
    TEST_ERROR,
    curve_measures,
    curve_views,
    split_sweep,
)
from sims.random_features.theory import held_out_error, risk
from sims.random_features.tuning import optimal_ridge_curve
from sims.study import Check, Equation, Outcome, Preset, Source, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

KernelName = Literal["laplace", "ntk-3", "ntk-1", "nngp-1", "rbf"]
TargetName = Literal["one-hot", "parity"]

POPULATION = 1797
DIGITS = Source(
    "Handwritten digits: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI "
    "Machine Learning Repository, as bundled with scikit-learn (1797 images of 8 × 8 pixels). They "
    "stand in for the paper's CIFAR-10, SVHN and MNIST."
)


def data(targets: TargetName) -> Dataset:
    """Return the digits, globally standardised."""
    return digits(targets)


@cache
def kernel(name: KernelName) -> NDArray[np.float64]:
    """Return a kernel matrix of all digits, shape (1797, 1797); computed once a process."""
    inputs = data("one-hot").inputs
    if name == "laplace":
        return laplace_kernel(inputs)
    if name == "rbf":
        return rbf_kernel(inputs)
    if name == "nngp-1":
        return nngp_kernel(inputs, 1)
    return ntk_kernel(inputs, int(name[-1]))


@cache
def spectrum(name: KernelName, targets: TargetName) -> PopulationSpectrum:
    """Return the eigenvalues and target power of all digits as a population of their own."""
    return population_spectrum(kernel(name), data(targets).targets)


class DigitsParams(Params):
    """Parameters of double descent with ReLU features on the digits."""

    targets: TargetName = parameter(
        "one-hot",
        title="targets",
        symbol="y",
        help="Which digit it is (ten outputs), or whether it is even (one output of ±1).",
    )
    n: int = parameter(
        256,
        title="number of samples",
        symbol="n",
        help="Drawn without replacement from 1797 images; tested on the others.",
        ge=20,
        le=800,
        scale="log",
    )
    ridges: tuple[float, ...] = parameter(
        (1e-3, 1e-2, 0.1, 1.0, 10.0),
        title="ridges",
        symbol=r"\delta",
        help="One curve each. Below 1e-3 single, nearly dead units spoil the experiment.",
        ge=1e-4,
        le=1e4,
    )
    largest: int = parameter(
        2000,
        title="end of the horizontal axis",
        symbol=r"k_{\max}",
        help="The largest number of features drawn and simulated.",
        ge=100,
        le=10_000,
        scale="log",
        advanced=True,
    )
    points: int = parameter(
        9,
        title="simulated sizes",
        symbol="m",
        help="How many sizes along the curve are simulated.",
        ge=5,
        le=31,
        advanced=True,
    )


class DigitsDescent(Study[DigitsParams]):
    """Double descent with random ReLU features on real images."""

    name = "random-features/double-descent-digits"
    title = "The same on real images"
    chapter = CHAPTER
    statement = (
        "Random **ReLU features** on handwritten digits. The theory knows nothing of images: it "
        "gets the eigenvalues of the limiting kernel and the target's coefficients, and predicts "
        "the peak, its height and the way down."
    )
    takeaway = "A theory for Gaussian features predicts real ones to within a few per cent."
    standing = "asymptotic"
    Params = DigitsParams
    axes = (RIDGE, FEATURES, SWEEP)
    measures = curve_measures("features")
    views = curve_views("features")
    presets = (
        Preset("quick", "Figure 1, right, on digits", DigitsParams(), 10),
        Preset("paper", "Figure 1, right, more sizes", DigitsParams(points=21), 45),
        Preset("parity", "Even against odd", DigitsParams(targets="parity"), 10),
        Preset(
            "too-many",
            "Where it stops holding: half of all images for training",
            DigitsParams(n=800),
            10,
        ),
    )
    equations = (
        EIGENFRAMEWORK,
        TEST_ERROR,
        Equation(
            r"E_{held\text{-}out} = \frac{N E_{te} - n E_{tr}}{N-n}",
            "N = 1797 images in all: drawing without replacement and testing on the rest needs "
            "this correction.",
            PAPER,
        ),
    )
    sources = (MORE_IS_BETTER, DETERMINISTIC_EQUIVALENTS, DIGITS, DERIVED)
    assumptions = (
        "Real features are not Gaussian: expect a few per cent, more at tiny ridge.",
        "The population is the 1797 images there are, so n must stay well below 1797; beyond a "
        "half the correction overshoots.",
        "Errors are mean squared errors summed over outputs, not classification errors.",
    )

    def grid(self, params: DigitsParams) -> Arrays:
        """Return ridges, and features from 10 upwards through n."""
        return {
            "ridge": np.asarray(params.ridges),
            "features": sizes(10, params.largest, params.points, params.n),
            "sweep": SWEPT_RIDGES[SWEPT_RIDGES >= 1e-3],
        }

    def theory(self, params: DigitsParams, grid: Arrays) -> Arrays:
        """Return errors on the images left out, and the test error at the best ridge."""
        task = spectrum("nngp-1", params.targets)
        ridge, k = np.asarray(grid["ridge"]), np.asarray(grid["features"])
        every = np.concatenate([ridge, np.asarray(grid["sweep"])])
        found = risk(params.n, k, every[:, None], task.eigenvalues, task.target_power)
        best = optimal_ridge_curve(params.n, k, task.eigenvalues, task.target_power)
        tuned = best.test, best.fitting_ratio * best.test
        test = held_out_error(found.test, found.train, params.n, POPULATION)
        optimal = held_out_error(*tuned, params.n, POPULATION)
        return split_sweep(test, found.train, ridge.size) | {"optimal": optimal}

    def trial(self, params: DigitsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw images and features, fit every width at every ridge, test on the rest."""
        images = data(params.targets)
        found = population_trial(
            images.inputs,
            images.targets,
            params.n,
            np.asarray(grid["features"]).astype(int),
            np.asarray(grid["ridge"]),
            rng=rng,
        )
        return {"test": found.test.T, "train": found.train.T}

    def guides(self, params: DigitsParams) -> dict[str, float]:
        """Return where k = n."""
        return {"peak": params.n}

    def validity(self, params: DigitsParams) -> tuple[str, ...]:
        """Warn where the population is nearly used up or the ridge is too small."""
        notes = []
        if params.n > POPULATION / 4:
            notes.append(
                f"n = {params.n} is more than a quarter of the 1797 images: theory and experiment "
                "drift apart because the population is finite."
            )
        if min(params.ridges) < 1e-3:
            notes.append(
                "A ridge below 0.001 is outside the theory's reach here: single units that are "
                "active on hardly any training image dominate the test error."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[DigitsParams]) -> tuple[Check, ...]:
        """Hold theory against simulation."""
        return (
            agreement(
                outcome,
                "test",
                tolerance=0.12,
                sentence="theory within 12 % of the error on images left out",
            ),
        )
