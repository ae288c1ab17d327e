"""Chapter 4: trained networks as a hypothesis space, where nothing is exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.agreement import exceeds, never_above
from sims.inductive_bias.counting import supported_bits
from sims.inductive_bias.gamma_law import fit_gamma
from sims.inductive_bias.networks import INTERPOLATES, network_errors
from sims.inductive_bias.studies.shared_tasks import (
    DERIVED,
    DIGITS,
    EXACT,
    INFORMATION,
    OURS,
    SAME_N,
    STAND_INS,
    SUPPLY,
    held_out_points,
    known_space,
    known_task,
    relative_bits,
    training_points,
    which_draw,
)
from sims.params import Params, parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.study import Arrays

BITS = 1.0 / float(np.log(2.0))
WIDTHS = (16, 32, 64, 128)
ENOUGH = 64  # units from which these networks interpolate


class NetworksParams(Params):
    """Parameters of trained networks."""

    n: int = training_points(30, low=10, high=200)
    test: int = held_out_points(100, high=300)
    errors: tuple[float, ...] = parameter(
        (0.2, 0.4, 0.6),
        title="target errors over the targets' mean square",
        symbol=r"\varepsilon/\bar{y}^2",
        help="One colour each.",
        ge=0.02,
        le=2,
    )
    depth: int = parameter(
        1, title="hidden layers", symbol="L", help="All of the same width.", ge=1, le=3
    )
    epochs: int = parameter(
        100,
        title="steps",
        symbol="t",
        help="Of Adam, on the whole training set.",
        ge=20,
        le=1000,
        scale="log",
    )
    networks: int = parameter(
        30,
        title="networks in a trial",
        symbol="S",
        help="Trained from independent weights; a law is fitted to their test errors.",
        ge=30,
        le=200,
        scale="log",
        advanced=True,
    )
    draw: int = which_draw()


class Networks(Study[NetworksParams]):
    """Bits of trained networks by extrapolation, beside the exact ones of their kernel."""

    name = "inductive-bias/networks"
    title = "Trained networks: only an extrapolation"
    chapter = SUPPLY
    statement = (
        "Train networks from random weights until they fit the training set: a space without a "
        "formula. A law fitted to their test errors gives bits, as in the published experiment, "
        "but **thirty networks support less than two bits**; all else is the fitted law's tail. "
        "Narrow networks do not even fit the data, and their number means something else."
    )
    takeaway = (
        "Trained networks miss far fewer bits than random functions of their kernel (lines), but "
        "every point above the dotted line is an extrapolation."
    )
    standing = "exact"
    Params = NetworksParams
    axes = (
        Axis("error", "target error over the targets' mean square", "ε/ȳ²"),
        Axis("width", "units in a layer", "k", scale="log"),
        Axis("step", "units in a layer", "k"),
    )
    measures = (
        Measure("bits", "information for N test points", ("error", "width"), "I", "bits", "median"),
        Measure("test", "test error over the targets' mean square", ("width",), "e/ȳ²"),
        Measure("kernel", "random functions of the infinite network's kernel", ("width",), "e/ȳ²"),
        Measure("train", "training error over the targets' mean square", ("width",), "e/ȳ²"),
        Measure("limit", "counts as fitting", ("width",), "e/ȳ²"),
        Measure("gain", "test error of 16 units less that of this width", ("step",)),
    )
    views = (
        Curves(
            "bits",
            "Bits (lines: infinite width)",
            "width",
            ("bits",),
            "error",
            guides=(Guide("supported", "y", "what S networks support; above: extrapolated"),),
        ),
        Curves(
            "test",
            "Test error (dashed: kernel)",
            "width",
            ("kernel", "test"),
            dashed=("kernel",),
            y_title="test error over the targets' mean square e/ȳ²",
        ),
        Curves(
            "train",
            "Training error (dashed: fits)",
            "width",
            ("limit", "train"),
            dashed=("limit",),
            y_title="training error over the targets' mean square e/ȳ²",
        ),
    )
    presets = (
        Preset("quick", "One hidden layer, n = 30, N = 100", NetworksParams(), 12),
        Preset(
            "paper",
            "n = 100, N = 300, a hundred networks",
            NetworksParams(n=100, test=300, networks=100, epochs=300),
            8,
        ),
        Preset("deep", "Two hidden layers", NetworksParams(depth=2), 8),
        Preset("short", "Stopped early: no interpolants", NetworksParams(epochs=20), 12),
    )
    equations = (
        INFORMATION,
        Equation(
            r"\hat I(\varepsilon)=-\log_2 F_{\Gamma(a,\theta)}(\varepsilon),\qquad"
            r" (a,\theta)=\arg\max\sum_{j\le S}\ln f(e_j)",
            "A gamma law in place of the published three-parameter one: with tens of networks its "
            "third parameter is not identifiable. Supported up to log₂ S − log₂ 10 bits.",
            OURS,
        ),
    )
    sources = (EXACT, DIGITS, DERIVED)
    assumptions = (
        "ReLU networks, full-batch Adam at rate 0.01, squared error to one-hot targets of ten "
        "classes of digits; one draw of training and test set.",
        "The law over hypotheses is what initialisation, optimiser and stopping make it. 'Fits' "
        "means a training error of at most 5 % of the targets' mean square.",
        "Errors are means over points and outputs; the released code divides by the batch size "
        "once more, and its thresholds differ by that factor.",
        "Lines: Gaussian functions with the kernel of infinite width (NNGP) that fit the data, for "
        "comparison: trained networks do not follow that law.",
        SAME_N,
        STAND_INS,
    )

    def grid(self, params: NetworksParams) -> Arrays:
        """Return relative errors and widths."""
        widths = np.array(WIDTHS, dtype=float)
        return {"error": np.asarray(params.errors), "width": widths, "step": widths[1:]}

    def theory(self, params: NetworksParams, grid: Arrays) -> Arrays:
        """Return exact bits of random functions of the infinite network's kernel."""
        space = known_space(
            "digits", params.n, params.test, params.draw, "nngp", None, params.depth
        )
        bits = relative_bits([space], np.asarray(grid["error"]))[0]
        wide = len(WIDTHS)
        return {
            "bits": np.repeat(bits[:, None], wide, axis=1),
            "kernel": np.full(wide, space.law.mean / space.power),
            "limit": np.full(wide, INTERPOLATES),
        }

    def trial(self, params: NetworksParams, grid: Arrays, rng: Generator) -> Arrays:
        """Train networks of every width, and fit a law to their test errors."""
        task = known_task("digits", params.n, params.test, params.draw)
        power = float(np.mean(task.test_targets**2))
        scale = float(np.mean(task.train_targets**2))
        bits, test, train = [], [], []
        for width in WIDTHS:
            found = network_errors(
                task,
                rng,
                networks=params.networks,
                width=width,
                depth=params.depth,
                epochs=params.epochs,
                rate=1e-2,
            )
            errors = found.test / power
            bits.append(np.asarray(fit_gamma(errors).nats(np.asarray(grid["error"]))) * BITS)
            test.append(float(errors.mean()))
            train.append(float(found.train.mean()) / scale)
        return {
            "bits": np.array(bits).T,
            "test": np.array(test),
            "train": np.array(train),
            "gain": test[0] - np.array(test[1:]),
        }

    def guides(self, params: NetworksParams) -> dict[str, float]:
        """Return the depth that one trial's networks support."""
        return {"supported": supported_bits(params.networks)}

    def validity(self, params: NetworksParams) -> tuple[str, ...]:
        """Warn where networks are no sample of interpolants."""
        notes = ["Bits of trained networks are extrapolated beyond the dotted line."]
        if params.epochs < 100:
            notes.append(
                "So few steps do not fit the training set: the points are no sample of "
                "interpolants, and the lines no comparison."
            )
        return tuple(notes)

    def checks(self, outcome: Outcome[NetworksParams]) -> tuple[Check, ...]:
        """Hold that wide networks interpolate, and that width helps."""
        params = outcome.params
        if params.epochs < 100 or params.n > 50:
            return ()
        return (
            never_above(
                outcome,
                "train",
                INTERPOLATES,
                where=np.asarray(outcome.grid["width"]) >= ENOUGH,
                sentence="from 64 units on the networks fit the training set",
            ),
            exceeds(
                outcome,
                "gain",
                where=np.asarray(outcome.grid["step"]) >= ENOUGH,
                sentence="networks that fit have less test error than the narrowest",
            ),
        )
