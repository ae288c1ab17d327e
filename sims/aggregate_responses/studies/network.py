"""Chapter 2: a small network on real data in bags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.bags import equal_bags
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    COST,
    DERIVED,
    LOSSES,
    OURS,
)
from sims.aggregate_responses.studies.real_data import (
    DATA,
    NOT_REPRODUCED,
    TUNING,
    RealDataParams,
    population,
    predicted,
)
from sims.aggregate_responses.trials import standardised_split
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Guide,
    Measure,
    Outcome,
    Preset,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays, Status

    Real = NDArray[np.float64]


class NetworkParams(Params):
    """Parameters of the network on real data."""

    bag_sizes: tuple[int, ...] = parameter(
        (4, 16, 80),
        title="bag sizes",
        symbol="k",
        help="Patients in a bag; those that do not fill one are left out.",
        ge=1,
        le=160,
    )
    rhos: tuple[float, ...] = parameter(
        (0.0, 0.01, 0.1, 1.0),
        title="weights",
        symbol=r"\rho",
        help="One series each.",
        ge=0,
        le=10,
    )
    steps: int = parameter(
        200,
        title="training steps",
        symbol="T",
        help="Full-batch steps of Adam at rate 0.003.",
        ge=20,
        le=1000,
        scale="log",
    )
    depth: int = parameter(
        2,
        title="hidden layers",
        symbol="L",
        help="Of 16 ReLU units each.",
        ge=1,
        le=3,
    )


class NetworkOnBags(Study[NetworkParams]):
    """Test error of a small network trained on bags of patients."""

    name = "aggregate-responses/network"
    title = "A network on bags"
    chapter = COST
    statement = (
        "The paper trains a network on bags of houses and finds that the best weight grows with "
        "the bag size. We train a small network on bags of patients, and **do not reproduce "
        "it**: a small weight is best or as good as any at every bag size, and up to bags of 16 a "
        "tuned linear model (dashed) does better."
    )
    takeaway = (
        "On these data nothing says that larger bags want a larger weight, and a network has "
        "nothing over a linear model until only a handful of bags is left."
    )
    standing = "asymptotic"
    Params = NetworkParams
    axes = (Axis("rho", "weight", "ρ"), Axis("bag_size", "bag size", "k", scale="log"))
    measures = (
        Measure("error", "test error over the responses' variance", ("rho", "bag_size")),
        Measure("linear", "linear model at its best ρ, theory", ("bag_size",)),
    )
    views = (
        Curves(
            "error",
            "Test error of the network",
            "bag_size",
            ("error", "linear"),
            "rho",
            y_scale="linear",
            dashed=("linear",),
            guides=(Guide("mean", "y", "predicting the mean"),),
        ),
    )
    presets = (
        Preset("quick", "Two layers of 16 units, 200 steps", NetworkParams(), 20),
        Preset(
            "paper",
            "Bags of 80 and 160, three hidden layers",
            NetworkParams(bag_sizes=(16, 80, 160), depth=3, steps=400),
            20,
        ),
    )
    equations = (
        LOSSES,
        Equation(
            r"\frac{\partial L_\rho}{\partial f_i}=\frac2n\Big[(1-\rho)\big(\bar f_a-\bar y_a\big)"
            r"+\rho\,\big(f_i-\bar y_a\big)\Big]",
            "A step costs one pass through the network and one average over bags.",
            OURS,
        ),
    )
    sources = (AGGREGATE, DATA, DERIVED)
    assumptions = (
        NOT_REPRODUCED,
        "Diabetes data in place of Boston housing: 320 patients to train, the others to test. "
        "No theory covers the network; the dashed line is a reference.",
        "Neither steps nor widths are tuned; early stopping at a few hundred steps regularises.",
    )

    def grid(self, params: NetworkParams) -> Arrays:
        """Return weights and bag sizes."""
        return {"rho": np.asarray(params.rhos), "bag_size": np.asarray(params.bag_sizes)}

    def theory(self, params: NetworkParams, grid: Arrays) -> Arrays:
        """Return the reference: the best linear model."""
        sizes = np.asarray(grid["bag_size"], dtype=float)
        return {"linear": predicted(RealDataParams(), sizes, TUNING).min(1)}

    def guides(self, params: NetworkParams) -> dict[str, float]:
        """Return the error of predicting the mean response."""
        return {"mean": 1.0}

    def trial(self, params: NetworkParams, grid: Arrays, rng: Generator) -> Arrays:
        """Split at random and train one network for every bag size and weight."""
        from sims.aggregate_responses.estimators import InterpolatingNetwork

        people = population("diabetes")
        data, values, rest, truth = standardised_split(people.inputs, people.targets, 320, rng)
        errors = np.empty((len(params.rhos), len(params.bag_sizes)))
        for column, size in enumerate(params.bag_sizes):
            bags = equal_bags(len(data) - len(data) % size, size)
            start = int(rng.integers(2**31))  # the same initial weights for every rho
            for row, rho in enumerate(params.rhos):
                model = InterpolatingNetwork(
                    rho=rho,
                    hidden=(16,) * params.depth,
                    steps=params.steps,
                    random_state=start,
                )
                model.fit(data[: bags.size], values[: bags.size], bags)
                errors[row, column] = np.mean((model.predict(rest) - truth) ** 2)
        return {"error": errors}

    def validity(self, params: NetworkParams) -> tuple[str, ...]:
        """Warn with a handful of bags."""
        fewest = 320 // max(params.bag_sizes)
        if fewest >= 20:
            return ()
        return (f"Only {fewest} bags at the largest size: results scatter widely.",)

    def checks(self, outcome: Outcome[NetworkParams]) -> tuple[Check, ...]:
        """Judge our own finding: at no bag size is a large weight the best."""
        words = "no weight above 0.1 beats all smaller ones by more than its error, at any bag size"
        rho = np.asarray(outcome.grid["rho"])
        large = rho > 0.1
        if outcome.trials < 10 or not large.any() or large.all():
            detail = "needs ten trials and weights on both sides of 0.1"
            return (Check("small", words, "undecided", np.nan, 1.0, detail),)
        best = np.asarray(outcome.mean["error"])[~large].min(0)
        ratio = float(np.min(np.asarray(outcome.high["error"])[large].min(0) / best))
        status: Status = "holds" if ratio >= 1 else "fails"
        return (Check("small", words, status, ratio, 1.0, f"smallest ratio {ratio:.3f}"),)
