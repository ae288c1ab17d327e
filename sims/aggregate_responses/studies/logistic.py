"""Chapter 1: logistic regression on proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.classification import (
    instance_logistic_norm,
)
from sims.aggregate_responses.studies.common import (
    AGGREGATE,
    DERIVED,
    EASY,
    LOSS,
    OURS,
    divisible,
)
from sims.aggregate_responses.trials import logistic_trial
from sims.agreement import agreement
from sims.params import Params, parameter
from sims.study import (
    Axis,
    Check,
    Curves,
    Equation,
    Lesson,
    Measure,
    Outcome,
    Preset,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.aggregate_responses.estimators.logistic import Loss
    from sims.study import Arrays

LOGISTIC: tuple[Loss, ...] = ("instance", "debiased", "proportion")


class LogisticParams(Params):
    """Parameters of logistic regression on proportions."""

    norm: float = parameter(
        2.0,
        title="norm of the true parameter",
        symbol=r"\lVert\theta_0\rVert",
        help="How steep the true label probabilities are.",
        ge=0.2,
        le=6,
        step=0.1,
    )
    n: int = parameter(
        10_000,
        title="number of samples",
        symbol="n",
        help="Rounded to a multiple of every bag size.",
        ge=2000,
        le=200_000,
        scale="log",
    )
    d: int = parameter(
        5,
        title="number of features",
        symbol="d",
        help="The theory is for many samples and a fixed number of features.",
        ge=1,
        le=50,
        scale="log",
    )


class LogisticShrinkage(Study[LogisticParams]):
    """Norm of three logistic regressions on proportions, against the bag size."""

    name = "aggregate-responses/logistic"
    title = "Logistic regression on proportions"
    chapter = LOSS
    statement = (
        "Logistic regression against its bag's proportion, sample by sample, finds the right "
        "direction but **shrinks the probabilities towards one half**: with bags of five its "
        "norm is an eighth of the truth. The proportion loss and debiased labels do not shrink."
    )
    takeaway = (
        "If you need probabilities, undo the shrinkage: match proportions, or debias the labels."
    )
    standing = "asymptotic"
    Params = LogisticParams
    axes = (Axis("loss", "loss"), Axis("bag_size", "bag size", "k", scale="log", refine=15))
    measures = (
        Measure("norm", "norm of the estimate", ("loss", "bag_size")),
        Measure("cosine", "cosine to the true direction", ("loss", "bag_size")),
    )
    views = (
        Curves("norm", "Norm of the estimate", "bag_size", ("norm",), "loss"),
        Curves(
            "cosine",
            "Direction",
            "bag_size",
            ("cosine",),
            "loss",
            y_scale="linear",
            y_range=(0.9, 1.01),
        ),
    )
    presets = (
        Preset("quick", "n = 10 000, five features", LogisticParams(), 20),
        Preset("paper", "n = 100 000", LogisticParams(n=100_000), 20),
        Preset("steep", "Steep labels: norm 5", LogisticParams(norm=5, n=50_000), 20),
    )
    equations = (
        Equation(
            r"\mathbb E\big[z\,\sigma(gz)\big]"
            r"=\frac1k\,\mathbb E\big[z\,\sigma(\lVert\theta_0\rVert z)\big]",
            "g is the norm that the instance loss finds; z is standard normal, σ the logistic "
            "function.",
            OURS,
        ),
        Equation(
            r"L_{proportion}=-\frac1m\sum_a"
            r"\big[\bar y_a\log\bar p_a+(1-\bar y_a)\log(1-\bar p_a)\big]",
            "p̄: the mean predicted probability in a bag. Consistent, but not convex.",
            "Busa-Fekete et al. (arXiv 2302.03115) compare such losses",
        ),
        Equation(
            r"\tilde y_a = k\,\bar y_a-(k-1)\,\bar y",
            "Debiased labels: right on average given a sample's features, for random bags.",
            f"arXiv 2302.03115; this form is {OURS}",
        ),
    )
    sources = (EASY, AGGREGATE, DERIVED)
    assumptions = (
        "Balanced classes, isotropic Gaussian features, random bags, a logistic model that is "
        "true; the theory is for n → ∞ at fixed d.",
        "Debiased labels leave [0, 1]: with little data a ridge of 1e-6 alone bounds their loss.",
        "The proportion loss is not convex; the fit starts from the instance solution.",
    )
    lesson = Lesson(
        "shrinkage",
        "How sure does the crude loss become?",
        (
            Step(
                "With true norm 2 and bags of five the instance loss finds norm 0.25.",
                {"norm": 5.0},
                "The truth becomes steeper: norm 5 instead of 2. What does the instance loss find "
                "at k = 5?",
                ("About 0.62, in proportion", "About 0.31", "About 0.25, as before"),
                1,
                "A proportion of a bag says little about any one sample, however steep the "
                "truth. The norm it finds is bounded: even exact labels give no more than 0.33.",
            ),
        ),
    )

    def grid(self, params: LogisticParams) -> Arrays:
        """Return the losses and the bag sizes."""
        return {"loss": np.array(LOGISTIC), "bag_size": np.array([1.0, 2.0, 3.0, 5.0, 10.0])}

    def theory(self, params: LogisticParams, grid: Arrays) -> Arrays:
        """Return the population norms; every loss finds the right direction."""
        k = np.asarray(grid["bag_size"])
        shrunken = instance_logistic_norm(k, params.norm)
        whole = np.full(k.size, params.norm)
        return {
            "norm": np.stack([shrunken, whole, whole]),
            "cosine": np.ones((len(LOGISTIC), k.size)),
        }

    def trial(self, params: LogisticParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw labels and fit every loss at every bag size."""
        sizes = np.asarray(grid["bag_size"]).astype(int)
        n = divisible(params.n, sizes)
        norms, cosines = logistic_trial(n, params.d, sizes, LOGISTIC, norm=params.norm, rng=rng)
        return {"norm": norms.T, "cosine": cosines.T}

    def validity(self, params: LogisticParams) -> tuple[str, ...]:
        """Warn where there is too little data for the population limit."""
        if params.n >= 2000 * params.d:
            return ()
        return (
            f"Fewer than 2000 samples a feature ({params.n / params.d:.0f}): the estimates of "
            "big bags are inflated by their own noise.",
        )

    def checks(self, outcome: Outcome[LogisticParams]) -> tuple[Check, ...]:
        """Hold the norms against simulation."""
        instance = np.asarray(outcome.grid["loss"])[:, None] == "instance"
        enough = "theory within {} % of the norm that {}"
        return (
            agreement(
                outcome,
                "norm",
                tolerance=0.03,
                where=instance,
                sentence=enough.format(3, "the instance loss finds"),
            ),
            agreement(
                outcome,
                "norm",
                tolerance=0.05,
                where=~instance,
                sentence=enough.format(5, "the consistent losses find"),
            ),
        )
