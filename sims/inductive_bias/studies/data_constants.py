"""Chapter 5: the digits' own dimension and resolution, and what their error does to the measure."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import agreement, exceeds
from sims.inductive_bias.difficulty import generalization_difficulty
from sims.inductive_bias.dimension import class_resolution, intrinsic_dimensions
from sims.inductive_bias.studies.shared_tasks import AGNOSTIC, DERIVED, DIGITS, MEASURE, OURS
from sims.inductive_bias.tasks import digits_task
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

KINDS = ("smallest seen", "extrapolated")
PAIRS = (300.0, 1000.0, 10_000.0, 100_000.0)


class ConstantsParams(Params):
    """Parameters of the two estimates."""

    neighbours: tuple[int, ...] = parameter(
        (3, 5, 20),
        title="neighbours",
        symbol="k",
        help="One colour each; the published estimate uses 5.",
        ge=2,
        le=60,
    )
    tail: float = parameter(
        0.02,
        title="share of pairs in the tail",
        symbol="k/N",
        help="The extrapolation uses so many of the closest pairs looked at.",
        ge=0.02,
        le=0.5,
        scale="log",
    )
    largest: int = parameter(
        900,
        title="largest subset",
        symbol="n",
        help="Digits in the largest random subset that the dimension is estimated from.",
        ge=300,
        le=1797,
        scale="log",
    )


class DataConstants(Study[ConstantsParams]):
    """Dimension and resolution of scikit-learn's digits against sample size, and the bits."""

    name = "inductive-bias/data-constants"
    title = "Where the constants come from"
    chapter = MEASURE
    statement = (
        "Dimension and resolution are not given, they are estimated. The digits' dimension depends "
        "on the neighbours and on the number of images; the smallest distance between two classes "
        "is **not seen among random pairs and has to be extrapolated**. Both sit in the exponent: "
        "the published procedures move the digits' bits by more than a factor of ten."
    )
    takeaway = (
        "More images show more dimensions and more neighbours fewer; the tail of the distances "
        "gives the resolution from a tenth of the pairs, within a few per cent."
    )
    standing = "asymptotic"
    Params = ConstantsParams
    axes = (
        Axis("k", "neighbours", "k"),
        Axis("size", "digits in the subset", "n", scale="log"),
        Axis("kind", "estimate"),
        Axis("pairs", "pairs of different classes looked at", "N", scale="log"),
        Axis("step", "digits in the subset", "n"),
    )
    measures = (
        Measure("dimension", "estimated dimension", ("k", "size"), "m̂"),
        Measure("resolution", "estimated resolution", ("kind", "pairs"), "δ̂"),
        Measure("truth", "among all pairs", ("pairs",), "δ"),
        Measure("bits", "log₁₀ of the bits (upper bound)", ("k", "size"), "log₁₀ I"),
        Measure("drop", "dimensions lost with many neighbours", ("step",)),
        Measure("excess", "smallest seen over the truth, less 1", ("pairs",)),
    )
    views = (
        Curves("dimension", "Dimension", "size", ("dimension",), "k", y_scale="linear"),
        Curves(
            "resolution",
            "Resolution (dashed: all pairs)",
            "pairs",
            ("resolution", "truth"),
            "kind",
            dashed=("truth",),
            y_scale="linear",
            y_title="resolution δ̂ (input units)",
        ),
        Curves(
            "bits",
            "The measure's bits",
            "size",
            ("bits",),
            "k",
            y_scale="linear",
        ),
    )
    presets = (
        Preset("quick", "Subsets to 900 digits", ConstantsParams(), 12),
        Preset("paper", "All digits", ConstantsParams(largest=1797), 40),
        Preset("tail", "A tenth of the pairs as tail", ConstantsParams(tail=0.1), 12),
    )
    equations = (
        Equation(
            r"\hat m = \Big[\frac{1}{n(k-1)}\sum_x\sum_{j<k}\ln\frac{T_k(x)}{T_j(x)}\Big]^{-1}",
            "T_j: distance to the j-th neighbour. The mean is inverted once.",
            "Levina and Bickel 2004, averaged after MacKay and Ghahramani; as released with "
            "arXiv 2305.01034",
        ),
        Equation(
            r"\frac1{\hat\delta}=t+t\,M_1\,\frac{a^{\gamma}-1}{\gamma},\qquad"
            r" \gamma=M_1+1-\frac{1/2}{1-M_1^2/M_2},\qquad a=\frac kN\cdot\#\text{pairs}",
            "t: the k-th largest of N values of 1/distance; M₁, M₂: means of the logarithms of the "
            "larger ones over t, and of their squares. The smaller of this and the smallest "
            "distance seen is taken.",
            "Dekkers, Einmahl and de Haan 1989; as released with arXiv 2305.01034",
        ),
    )
    sources = (AGNOSTIC, DIGITS, DERIVED)
    assumptions = (
        "Pixels in [0, 1]. Pairs at distance 0, equal images with two labels, are left out; the "
        "digits have none.",
        "There is no true dimension of the digits to compare with; for spheres see 'Can the "
        "dimension be measured?'.",
        "Bits: ten classes, target error 0.01, all 1797 samples, the true resolution, and the "
        "dimension unrounded; the paper rounds it. " + OURS.capitalize() + ".",
    )

    def grid(self, params: ConstantsParams) -> Arrays:
        """Return neighbours, subset sizes and numbers of pairs."""
        sizes = np.round(np.geomspace(100, params.largest, 5))
        return {
            "k": np.asarray(params.neighbours),
            "size": sizes,
            "kind": np.array(KINDS),
            "pairs": np.array(PAIRS),
            "step": sizes,
        }

    def theory(self, params: ConstantsParams, grid: Arrays) -> Arrays:
        """Return the smallest distance among all pairs."""
        return {"truth": np.full(len(PAIRS), smallest_of_all())}

    def trial(self, params: ConstantsParams, grid: Arrays, rng: Generator) -> Arrays:
        """Estimate from random subsets, and from random pairs."""
        images, labels = digits()
        counts = [int(k) for k in np.asarray(grid["k"])]
        extra = [min(counts), max(counts)]
        sizes = [int(n) for n in np.asarray(grid["size"])]
        order = rng.permutation(len(images))
        found = np.array(
            [intrinsic_dimensions(images[order[:n]], [*counts, *extra]) for n in sizes]
        ).T
        dimension = found[: len(counts)]
        estimates = [
            class_resolution(
                images,
                labels,
                tail=max(round(params.tail * pairs), 6),
                pairs=int(pairs),
                rng=rng,
            )
            for pairs in PAIRS
        ]
        smallest = np.array([one.smallest for one in estimates])
        bits = generalization_difficulty(
            error=0.01,
            samples=len(images),
            dimension=np.maximum(dimension, 1.0),
            radius=float(np.linalg.norm(images, axis=1).max()),
            classes=10,
            resolution=smallest_of_all(),
        )
        return {
            "dimension": dimension,
            "resolution": np.array([smallest, [one.value for one in estimates]]),
            "bits": np.asarray(bits.log10_bits),
            "drop": found[-2] - found[-1],
            "excess": smallest / smallest_of_all() - 1.0,
        }

    def checks(self, outcome: Outcome[ConstantsParams]) -> tuple[Check, ...]:
        """Hold the bias by neighbours, and the extrapolation against all pairs."""
        params = outcome.params
        pairs = np.asarray(outcome.grid["pairs"])
        truth = np.asarray(outcome.theory["truth"])
        against = Outcome(
            params=params,
            grid=outcome.grid,
            theory={"extrapolated": truth},
            mean=_extrapolated(outcome.mean),
            stderr=_extrapolated(outcome.stderr),
            low=_extrapolated(outcome.low),
            high=_extrapolated(outcome.high),
            trials=outcome.trials,
            alarm=outcome.alarm,
        )
        found = [
            agreement(
                against,
                "extrapolated",
                tolerance=0.1,
                where=pairs >= 1e5,
                sentence="from 100,000 pairs the resolution is right, within 10 %",
            ),
            exceeds(
                outcome,
                "excess",
                0.2,
                where=pairs <= 1000,
                sentence="the smallest of 1000 distances is more than 20 % too large",
            ),
        ]
        if max(params.neighbours) >= 4 * min(params.neighbours):
            words = "more neighbours, fewer dimensions, from 300 digits on"
            enough = np.asarray(outcome.grid["step"]) >= 290
            found.append(exceeds(outcome, "drop", where=enough, sentence=words))
        return tuple(found)


def _extrapolated(arrays: Arrays) -> dict[str, Real]:
    """Return the extrapolated resolution as a measure of its own."""
    return {"extrapolated": np.asarray(arrays["resolution"])[1]} if "resolution" in arrays else {}


@cache
def digits() -> tuple[Real, NDArray[np.int_]]:
    """Return all images, with pixels in [0, 1], and their labels."""
    task = digits_task(np.random.default_rng(0), train=0, test=1797)
    return task.test_inputs, np.argmax(task.test_targets, axis=1)


@cache
def smallest_of_all() -> float:
    """Return the smallest distance between digits of different classes."""
    return class_resolution(*digits(), pairs=2_000_000).value
