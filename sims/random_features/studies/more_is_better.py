"""Chapter 2: at the optimal ridge, more samples and more features never hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, never_rises, statement
from sims.params import parameter
from sims.random_features.sampler import width_curve_trial
from sims.random_features.studies.common import (
    DERIVED,
    FEATURES,
    MORE_IS_BETTER,
    PAPER,
    SAMPLES,
    PowerLawTask,
    sizes,
)
from sims.random_features.studies.double_descent import EIGENFRAMEWORK, GAUSSIAN, TEST_ERROR
from sims.random_features.theory import risk
from sims.random_features.tuning import optimal_ridge_curve
from sims.study import (
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

    from sims.study import Arrays

CHAPTER = "2 More is better"


class EnvelopeParams(PowerLawTask):
    """Parameters of the tuned error over samples and features."""

    samples: tuple[float, ...] = parameter(
        (32, 64, 128, 256),
        title="numbers of samples",
        symbol="n",
        help="One curve each.",
        ge=5,
        le=2000,
    )
    ridge: float = parameter(
        0.005,
        title="fixed ridge",
        symbol=r"\delta",
        help="The grey dashed curves keep this ridge; the coloured ones tune it at every point.",
        ge=1e-4,
        le=100,
        scale="log",
    )


class Envelopes(Study[EnvelopeParams]):
    """The test error at the optimal ridge over samples and features."""

    name = "random-features/more-is-better"
    title = "At the optimal ridge, more is better"
    chapter = CHAPTER
    statement = (
        "**For any task**, the test error at the optimal ridge never rises with the number of "
        "features $k$ nor with the number of samples $n$: infinitely wide is best. At a fixed "
        "ridge (grey, dashed) it is not so."
    )
    takeaway = "Tuned, every curve falls: more features and more samples never hurt."
    standing = "asymptotic"
    Params = EnvelopeParams
    axes = (SAMPLES, FEATURES)
    measures = (
        Measure("tuned", "test error at the optimal ridge", ("samples", "features"), "E*"),
        Measure("fixed", "test error at the fixed ridge", ("samples", "features"), "Eₜₑ"),
        Measure("ridge", "optimal ridge", ("samples", "features"), "δ*"),
    )
    views = (
        Curves(
            "features",
            "Against features",
            "features",
            ("tuned", "fixed"),
            "samples",
            dashed=("fixed",),
            y_title="test error",
        ),
        Curves(
            "samples",
            "Against samples",
            "samples",
            ("tuned", "fixed"),
            "features",
            dashed=("fixed",),
            y_title="test error",
        ),
        Curves("ridge", "The optimal ridge", "features", ("ridge",), "samples"),
    )
    presets = (
        Preset("quick", "Four sample sizes", EnvelopeParams(), 20),
        Preset(
            "paper",
            "10⁴ modes, up to 1024 samples",
            EnvelopeParams(modes=10_000, samples=(64, 128, 256, 512, 1024)),
            40,
        ),
        Preset("hard", "A hard task, much noise", EnvelopeParams(beta=1.1, noise_variance=2), 20),
    )
    equations = (
        Equation(
            r"E^*(n,k) = \min_{\delta \ge 0} E_{te}(n,k,\delta), \qquad"
            r" E^*(n',k') \le E^*(n,k) \ \text{ for } n' \ge n,\ k' \ge k",
            "Strictly smaller when the target has power on a mode that the kernel can learn.",
            f"{PAPER}, main theorem; our proof by a sweep over γ in docs/theory/random_features.md",
        ),
        TEST_ERROR,
        EIGENFRAMEWORK,
    )
    sources = (MORE_IS_BETTER, DERIVED)
    assumptions = (
        *GAUSSIAN,
        "The optimum is over ridges δ ≥ 0; a negative ridge can be better for some tasks and is "
        "outside the statement.",
        "The experiment is run at the ridge that theory calls optimal.",
    )
    lesson = Lesson(
        "tuning",
        "Does more always help?",
        (
            Step(
                "The grey curves keep the ridge at 0.005, the coloured ones tune it. Raise the "
                "fixed ridge to 1.",
                {"ridge": 1.0},
                "What happens to the peaks of the grey curves?",
                ("They move to larger k", "They disappear", "They grow"),
                1,
                "A ridge near the optimal one has no peak. But a single ridge can't be optimal "
                "at every n and k: look at the third view.",
            ),
            Step(
                "Now the target is almost as rough as the noise (beta = 1.05).",
                {"beta": 1.05},
                "Can so hard a task make a coloured curve rise?",
                ("Yes", "No"),
                1,
                "The theorem asks nothing of the task. The gain from more features only gets "
                "smaller.",
            ),
        ),
    )

    def grid(self, params: EnvelopeParams) -> Arrays:
        """Return the sample sizes, and features from 10 to 10⁴."""
        return {"samples": np.asarray(params.samples), "features": sizes(10, 10_000, 10, 0)}

    def theory(self, params: EnvelopeParams, grid: Arrays) -> Arrays:
        """Return the tuned error, the ridge that tunes it, and the error at the fixed ridge."""
        eigenvalues, power = params.spectrum()
        noise = params.noise_variance
        n, k = np.asarray(grid["samples"])[:, None], np.asarray(grid["features"])
        best = optimal_ridge_curve(n, k, eigenvalues, power, noise_variance=noise)
        fixed = risk(n, k, params.ridge, eigenvalues, power, noise_variance=noise)
        return {"tuned": best.test, "fixed": fixed.test, "ridge": best.ridge}

    def trial(self, params: EnvelopeParams, grid: Arrays, rng: Generator) -> Arrays:
        """Fit every size at the ridge that theory calls optimal there."""
        eigenvalues, power = params.spectrum()
        best = self.theory(params, grid)["ridge"]
        widths = np.asarray(grid["features"]).astype(int)
        tuned = np.empty(best.shape)
        for row, samples in enumerate(np.asarray(grid["samples"]).astype(int)):
            found = width_curve_trial(
                int(samples),
                widths,
                best[row],
                eigenvalues,
                power,
                noise_variance=params.noise_variance,
                rng=rng,
            )
            tuned[row] = np.diagonal(found.test)  # each width at its own optimal ridge
        return {"tuned": tuned}

    def checks(self, outcome: Outcome[EnvelopeParams]) -> tuple[Check, ...]:
        """Hold theory against simulation, and the tuned error against the theorem."""
        tuned = np.asarray(outcome.theory["tuned"])
        order = np.argsort(np.asarray(outcome.grid["samples"]))
        rises = [never_rises(tuned[order], axis) for axis in (0, 1)]
        return (
            agreement(
                outcome,
                "tuned",
                tolerance=0.06,
                sentence="theory within 6 % of the simulated error at the optimal ridge",
            ),
            *(
                statement(
                    f"monotone-{word}",
                    f"the tuned error never rises with more {word}",
                    rise,
                    0.0,
                    f"largest rise {rise:.1e}",
                )
                for rise, word in zip(rises, ("samples", "features"))
            ),
        )
