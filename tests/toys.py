"""Studies small enough to check by hand: the mean of coin throws, with its exact law.

With the environment's ``COIN_COUNT`` naming a folder, every computed trial leaves a file there,
called ``<index>-<process>-<time>``; it takes nothing from the generator.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

from sims.agreement import agreement, statement
from sims.params import Params, parameter
from sims.study import Axis, Curves, HeatMap, Measure, Preset, Stack, Study


class CoinParams(Params):
    p: float = parameter(0.5, title="bias", symbol="p", help="Chance of heads.", ge=0, le=1)
    throws: tuple[float, ...] = parameter(
        (1, 10, 100), title="throws", symbol="n", help="Throws a trial.", ge=1, le=1e6
    )
    claim: float = parameter(
        1.0, title="claimed factor", symbol="c", help="1 is right.", gt=0, advanced=True
    )


class Coin(Study[CoinParams]):
    name = "toys/coin"
    title = "Heads in a row of throws"
    chapter = "Coins"
    statement = "The share of heads has variance $p(1-p)/n$."
    takeaway = "More throws, less scatter."
    standing = "exact"
    Params = CoinParams
    axes = (
        Axis("throws", "throws", "n", scale="log", refine=3),
        Axis("side", "side of the coin"),
    )
    measures = (
        Measure("squared", "squared deviation", ("side", "throws"), "E"),
        Measure("bound", "largest possible", ("throws",), "B"),
    )
    views = (
        Curves(
            "curve",
            "Scatter against throws",
            "throws",
            ("squared", "bound"),
            colour="side",
            dashed=("bound",),
        ),
        HeatMap("map", "Scatter as a map", "throws", "side", "squared", y_scale="linear"),
        Stack("stack", "One part", "throws", ("bound",), total=None),
    )
    presets = (
        Preset("quick", "Quick", CoinParams(), 40),
        Preset("paper", "Paper", CoinParams(throws=(1, 10, 100, 1000)), 400),
        Preset("wrong", "A wrong claim", CoinParams(claim=2), 400),
    )

    def grid(self, params):
        return {"throws": np.asarray(params.throws), "side": np.array([0.0, 1.0])}

    def theory(self, params, grid):
        one = params.claim * params.p * (1 - params.p) / grid["throws"]
        return {"squared": np.stack([one, one]), "bound": 0.25 / grid["throws"]}

    def trial(self, params, grid, rng):
        if folder := os.environ.get("COIN_COUNT"):
            _leave_a_trace(Path(folder), rng)
        share = rng.binomial(grid["throws"].astype(int), params.p) / grid["throws"]
        deviation = (share - params.p) ** 2
        return {"squared": np.stack([deviation, deviation])}

    def checks(self, outcome):
        return [agreement(outcome, "squared", tolerance=0.3)]


class SlowCoin(Coin):
    """A coin whose trials take a hundredth of a second, so that a run can be interrupted."""

    name = "toys/slow"
    views = Coin.views[:1]

    def trial(self, params, grid, rng):
        time.sleep(0.01)
        return super().trial(params, grid, rng)


class HeavyCoin(Coin):
    """A coin that takes its time to fall."""

    name = "toys/heavy"

    def trial(self, params, grid, rng):
        time.sleep(2)
        return super().trial(params, grid, rng)


class CrackedCoin(Coin):
    """A coin that breaks in about one trial of five."""

    name = "toys/cracked"

    def trial(self, params, grid, rng):
        if rng.random() < 0.2:
            raise ArithmeticError("the coin broke")
        return super().trial(params, grid, rng)


class WholeCoin(Coin):
    """No experiment: closed forms only."""

    name = "toys/whole"
    views = Coin.views[:1]
    trial = Study.trial

    def checks(self, outcome):
        largest = float(np.max(outcome.theory["squared"][0] / outcome.theory["bound"]))
        return [statement("bounded", "never above the bound", largest, 1.0, f"{largest:.2f}")]


def _leave_a_trace(folder, rng):
    index = rng.bit_generator.seed_seq.spawn_key[0]
    (folder / f"{index}-{os.getpid()}-{time.time_ns()}").touch()


COIN, SLOW, CRACKED, WHOLE = Coin(), SlowCoin(), CrackedCoin(), WholeCoin()
HEAVY = HeavyCoin()  # in no catalogue
STUDIES = {study.name: study for study in (COIN, SLOW, CRACKED, WHOLE)}
