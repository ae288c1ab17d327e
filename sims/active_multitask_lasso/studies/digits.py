"""Chapter 6: seventy tasks on real images, and where relevance helps with them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator
from scipy.special import stdtrit

from sims.active_multitask_lasso.digits import digits_trial
from sims.active_multitask_lasso.digits_tasks import CLASSES, CORRUPTIONS, DigitsTasks, digits_tasks
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    DERIVED,
    IMAGES,
    LASSO,
    OURS,
    READ,
    RELEVANCE,
    refuse_small_budget,
)
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
    Source,
    Step,
    Study,
)

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays, Status

STRATEGY_NAMES = ("uniform", "L2 active", "L1 active", "target alone")
OTHERS = STRATEGY_NAMES[1:]
LEARNERS = STRATEGY_NAMES[:3]
SOURCES = (len(CORRUPTIONS) - 1) * CLASSES
CLAIMED = (4, 6)
ERRORS = 3.0  # standard errors by which the gain must be shown
DATA = Source(
    "Handwritten digits, 8 x 8 pixels (E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, "
    "1998), as bundled with scikit-learn: a stand-in for the papers' corrupted MNIST."
)


class DigitsParams(Params):
    """Parameters of the experiment on images."""

    ranks: tuple[int, ...] = parameter(
        (4, 6, 10),
        title="fitted dimensions",
        symbol="K",
        help="Dimensions of the shared representation that is fitted.",
        ge=2,
        le=20,
    )
    total: int = parameter(
        8000,
        title="budget",
        symbol="N",
        help="Images of all seventy source tasks together, drawn with replacement.",
        ge=1000,
        le=100_000,
        scale="log",
    )
    target_samples: int = parameter(
        40,
        title="target samples",
        symbol="m",
        help="Labelled images of the target.",
        ge=10,
        le=1000,
        scale="log",
    )
    share: float = parameter(
        0.4,
        title="exploration share",
        symbol="N_1/N",
        help="Share of the budget that is spread uniformly first.",
        ge=0.05,
        le=1,
        step=0.05,
    )
    fraction: float = parameter(
        0.05,
        title="λ over its largest useful value",
        symbol=r"\lambda/\lambda_{\max}",
        help="Of the L1 learner; there is no noise level here to calibrate it from.",
        ge=0,
        le=0.9,
        advanced=True,
    )
    split: int = parameter(
        0,
        title="split",
        symbol="s",
        help="Which images are for training and which for testing.",
        ge=0,
        le=9999,
        advanced=True,
    )

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("total", int(self.total * self.share), SOURCES, 1)
        if len(set(self.ranks)) < len(self.ranks):
            shown = ",".join(str(rank) for rank in self.ranks)
            raise ValueError(f"ranks = {shown} is not allowed: it must be different numbers")
        return self


class DigitsStandIn(Study[DigitsParams]):
    """Active sampling on corrupted digits, against uniform sampling, target by target."""

    name = "active-multitask-lasso/digits"
    title = "Corrupted digits"
    chapter = IMAGES
    statement = (
        "Is this a 7? Eight corruptions of real images times ten digits make 80 yes-or-no tasks. "
        "The target is one of them, with 40 labelled images; sources are the 70 tasks of **the "
        "other corruptions**. While the fitted dimension is below what the tasks need, both "
        "active rules **beat uniform sampling**: they find the target's digit among the "
        "corruptions. **That L1 beats L2 is not seen here**, and with enough dimensions uniform "
        "sampling is as good."
    )
    takeaway = (
        "With few dimensions choosing the tasks decides what is kept, and active sampling gains; "
        "with K = 10 there is nothing to gain. Nothing is claimed of L1 against L2."
    )
    standing = "bound"
    Params = DigitsParams
    axes = (
        Axis("other", "strategy"),
        Axis("strategy", "strategy"),
        Axis("learner", "strategy"),
        Axis("rank", "fitted dimensions", "K", scale="log"),
    )
    measures = (
        Measure("gain", "squared error minus that of uniform sampling", ("other", "rank")),
        Measure("even", "uniform sampling", ("rank",)),
        Measure("squared", "squared error on test images", ("strategy", "rank")),
        Measure("wrong", "error rate on test images", ("strategy", "rank")),
        Measure("own", "share of later samples on the target's digit", ("learner", "rank")),
        Measure("tenth", "by chance", ("rank",)),
    )
    views = (
        Curves(
            "gain",
            "Paired difference to uniform sampling",
            "rank",
            ("gain", "even"),
            "other",
            y_scale="linear",
            y_range=(-0.3, 0.3),
            dashed=("even",),
        ),
        Curves(
            "squared",
            "Squared error",
            "rank",
            ("squared",),
            "strategy",
            y_scale="linear",
        ),
        Curves(
            "wrong",
            "Error rate",
            "rank",
            ("wrong",),
            "strategy",
            y_scale="linear",
        ),
        Curves(
            "own",
            "Is relevance found?",
            "rank",
            ("own", "tenth"),
            "learner",
            y_scale="linear",
            y_range=(0, 0.8),
            dashed=("tenth",),
        ),
    )
    presets = (
        Preset("quick", "Eight corruptions, forty target images", DigitsParams(), 60),
        Preset("paper", "The sweep of K, 160 targets", DigitsParams(ranks=(4, 6, 8, 10)), 160),
        Preset(
            "enough-dimensions",
            "Enough dimensions: uniform sampling is as good",
            DigitsParams(ranks=(10, 14)),
            60,
        ),
        Preset(
            "many-target-samples",
            "Enough target samples: no need of other tasks",
            DigitsParams(ranks=(4, 6), target_samples=400, total=2000),
            40,
        ),
    )
    equations = (
        RELEVANCE,
        Equation(
            r"\tfrac12\Big(\mathbb{E}_{\,y=1}(\hat y-1)^2 + \mathbb{E}_{\,y=-1}(\hat y+1)^2\Big)",
            "Class-balanced squared error on test images; the error rate is balanced alike. "
            "Labels are ±1, and the linear score is not clipped.",
            OURS,
        ),
    )
    sources = (LASSO, ACTIVE, DATA, DERIVED)
    assumptions = (
        "**A stand-in**: scikit-learn's digits of 8 x 8 pixels in place of the papers' corrupted "
        "MNIST, and corruptions of ours (none, Gaussian noise, impulse noise, Gaussian blur, "
        "horizontal blur, low contrast, inverted, stripe). No number of the papers is compared.",
        "**Honest limits.** L1 does not beat L2 on these tasks: in our runs L2 was slightly "
        "better, also with twice the budget; nothing is claimed of the two. The gain is there "
        "while K is below the rank that the tasks need: at K = 8 that of L1 is no longer "
        "significant, and at K = 10 neither rule can be told from uniform sampling (160 targets).",
        "No theory covers this: labels are not linear in the pixels, the tasks are not of low "
        "rank and noise is not Gaussian. The dashed line is uniform sampling itself.",
        "Images are split 1200 to 597 before anything else. Features: 24 whitened principal "
        "components, learned on training images of all corruptions, and a constant. A trial is "
        "one target drawn at random; strategies share its images and the exploration. Intervals "
        "are over targets, for one split.",
        "Target alone: ridge regression on the target's own images, which uses no source task.",
        READ,
    )
    lesson = Lesson(
        "digits",
        "Does relevance help on real images?",
        (
            Step(
                "K = 4 fitted dimensions, forty labelled images of the target, 8000 of the other "
                "seventy tasks.",
                {"ranks": (4, 6, 10)},
                "What do the active learners sample after their exploration (fourth view)?",
                (
                    "All tasks about alike",
                    "Mostly the target's digit under other corruptions",
                    "Mostly one corruption, all digits",
                ),
                1,
                "By chance a tenth of the samples would show the target's digit. They take three "
                "to five times as much: relevance is found.",
            ),
            Step(
                "Now fit more dimensions: K = 10 and K = 14.",
                {"ranks": (10, 14)},
                "What happens to the gain over uniform sampling?",
                ("It grows with K", "It stays", "It is gone"),
                2,
                "Ten digits need about nine directions. Once all of them fit there is nothing to "
                "choose, and concentrating on few tasks only adds noise to the others.",
            ),
        ),
    )

    def grid(self, params: DigitsParams) -> Arrays:
        """Return strategies and fitted dimensions."""
        return {
            "other": np.array(OTHERS),
            "strategy": np.array(STRATEGY_NAMES),
            "learner": np.array(LEARNERS),
            "rank": np.array(sorted(params.ranks), dtype=float),
        }

    def theory(self, params: DigitsParams, grid: Arrays) -> Arrays:
        """Return the lines of reference; there is no theory."""
        size = np.size(grid["rank"])
        return {"even": np.zeros(size), "tenth": np.full(size, 1.0 / CLASSES)}

    def trial(self, params: DigitsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw a target and learn it by every strategy, with every number of dimensions."""
        corruption = int(rng.integers(len(CORRUPTIONS)))
        digit = int(rng.integers(CLASSES))
        found = [
            digits_trial(
                _tasks(params.split),
                corruption,
                digit,
                rank=int(rank),
                total=params.total,
                target_samples=params.target_samples,
                exploration=params.share,
                lasso=params.fraction,
                rng=rng,
            )
            for rank in np.asarray(grid["rank"])
        ]
        squared = np.transpose([one.squared_error for one in found])
        return {
            "gain": squared[1:] - squared[0],
            "squared": squared,
            "wrong": np.transpose([one.error_rate for one in found]),
            "own": np.transpose([one.own_digit_share for one in found]),
        }

    def validity(self, params: DigitsParams) -> tuple[str, ...]:
        """Warn where active sampling is known not to help."""
        notes = []
        if min(params.ranks) >= 8:
            notes.append(
                "K = 8 and more: the tasks need about nine directions, and active sampling is not "
                "expected to help."
            )
        if params.target_samples >= 200:
            notes.append("With so many target samples the target alone may do best.")
        return tuple(notes)

    def checks(self, outcome: Outcome[DigitsParams]) -> tuple[Check, ...]:
        """Hold the gain of both active rules where it is claimed; say nothing of L1 against L2."""
        params = outcome.params
        ranks = [rank for rank in CLAIMED if rank in params.ranks]
        settings = {**params.model_dump(), "ranks": (), "split": 0}
        known = {**DigitsParams().model_dump(), "ranks": (), "split": 0}
        if not ranks or settings != known:
            return ()
        return (_gains(outcome, ranks),)


@lru_cache(maxsize=4)
def _tasks(split: int) -> DigitsTasks:
    """Return the images and their features, once for a split."""
    return digits_tasks(np.random.default_rng(split))


def _gains(outcome: Outcome[DigitsParams], ranks: list[int]) -> Check:
    """Check that both active rules gain over uniform sampling, by three standard errors."""
    name = "gain"
    shown = " and ".join(str(rank) for rank in ranks)
    words = f"both active rules beat uniform sampling by {ERRORS:g} standard errors at K = {shown}"
    if outcome.trials < 2:
        return Check(name, words, "undecided", np.nan, ERRORS, "fewer than two trials so far")
    place = [int(np.flatnonzero(np.asarray(outcome.grid["rank"]) == rank)[0]) for rank in ranks]
    gain, error = (
        np.asarray(side["gain"])[:2][:, place] for side in (outcome.mean, outcome.stderr)
    )
    z = -gain / error
    least = float(z.min())
    refused = float(stdtrit(outcome.trials - 1, 1 - outcome.alarm / z.size))
    status: Status = "holds" if least > ERRORS else "fails" if least < -refused else "undecided"
    needs = 0
    if status == "undecided" and least > 0:
        needs = max(1, int(np.ceil(outcome.trials * ((ERRORS / least) ** 2 - 1))))
    detail = f"least of {z.size}: {least:.1f} standard errors"
    return Check(name, words, status, least, ERRORS, detail, outcome.alarm, needs)
