from __future__ import annotations

import json
import math

import numpy as np
import pytest
from toys import COIN, WHOLE, Coin, CoinParams

import sims
from sims.report import finite
from sims.runner import Experiment, Stop, run
from sims.study import Axis, Check, Curves, Measure


@pytest.fixture(scope="module")
def result():
    return run(COIN, {"p": 0.25}, trials=30, seed=3)


def test_a_frame_has_one_row_for_every_measure_and_point(result):
    frame = result.to_frame()
    assert list(frame.columns) == [
        "measure", "side", "throws", "theory", "mean", "stderr", "low", "high", "trials",
    ]  # fmt: skip
    squared = frame[frame["measure"] == "squared"]
    assert squared["side"].tolist() == [0, 0, 0, 1, 1, 1]
    assert squared["throws"].tolist() == [1, 10, 100] * 2
    for column in ("theory", "mean", "stderr", "low", "high"):
        expected = getattr(result, column)["squared"].ravel()
        assert squared[column].to_numpy().tobytes() == expected.tobytes()
    assert set(squared["trials"]) == {30}
    bound = frame[frame["measure"] == "bound"]
    assert bound["throws"].tolist() == [1, 10, 100]
    assert bound["side"].isna().all()
    np.testing.assert_allclose(bound["theory"], [0.25, 0.025, 0.0025])
    assert bound[["mean", "stderr", "low", "high"]].isna().all(axis=None)
    assert set(bound["trials"]) == {0}


def test_a_frame_without_trials_is_theory():
    frame = run(COIN, trials=0).to_frame()
    assert len(frame) == 9
    assert frame["theory"].notna().all()
    assert frame["mean"].isna().all()
    assert set(frame["trials"]) == {0}


def test_a_dataset_is_labelled(result):
    dataset = result.to_dataset()
    assert dataset["theory_squared"].dims == ("side", "throws")
    assert dataset["theory_squared"].attrs["long_name"] == "squared deviation E"
    assert dataset["throws"].attrs["long_name"] == "throws n"
    assert dataset.sel(throws=10, side=1)["mean_squared"] == result.mean["squared"][1, 1]
    assert "mean_bound" not in dataset
    assert dataset.attrs["study"] == "toys/coin"
    assert dataset.attrs["trials"] == 30
    assert json.loads(dataset.attrs["params"])["p"] == 0.25


def test_the_verdict_is_plain_data(result):
    verdict = result.verdict()
    assert json.loads(json.dumps(finite(verdict), allow_nan=False)) == finite(verdict)
    assert verdict["params"] == {"p": 0.25, "throws": [1, 10, 100], "claim": 1}
    assert (verdict["study"], verdict["trials"]) == ("toys/coin", 30)
    assert verdict["provenance"]["seed"] == 3
    assert verdict["provenance"]["computed"] == 30
    assert verdict["provenance"]["version"] == sims.__version__
    assert verdict["provenance"]["numpy"] == np.__version__
    (check,) = verdict["checks"]
    assert check["name"] == "squared-agrees"
    assert check["status"] == result.checks[0].status


def judged(*statuses):
    class Judge(Coin):
        def checks(self, outcome):
            return [Check(s, s, s, 0.0, 0.0, "") for s in statuses]

    return run(Judge(), trials=0)


@pytest.mark.parametrize(
    ("statuses", "holds"),
    [
        ((), True),
        (("holds", "holds"), True),
        (("holds", "undecided"), None),
        (("undecided", "fails", "holds"), False),
    ],
)
def test_holds_is_the_worst_check(statuses, holds):
    assert judged(*statuses).holds is holds


def test_checks_are_judged_once(monkeypatch):
    calls = []

    class Counting(Coin):
        def checks(self, outcome):
            calls.append(outcome)
            return ()

    found = run(Counting(), trials=0)
    assert found.checks == found.checks == ()
    assert calls == [found]


def test_a_wrong_claim_fails_and_a_right_one_holds():
    assert run(COIN, preset="wrong").holds is False
    assert run(COIN, trials=1500).holds is True
    assert run(WHOLE).holds is True


def test_lines_pass_through_the_grid_and_are_computed_once():
    calls = []

    class Counting(Coin):
        def theory(self, params, grid):
            calls.append(grid["throws"].size)
            return super().theory(params, grid)

    experiment = Experiment(Counting(), CoinParams(), stop=Stop(3))
    first = experiment.result()
    grid, theory = first.along("throws")
    assert grid["throws"][::4].tolist() == [1, 10, 100]
    assert theory["squared"][:, ::4].tobytes() == first.theory["squared"].tobytes()
    assert theory["squared"].shape == (2, 9)
    assert calls == [3, 9]
    experiment.step()
    experiment.result().along("throws")
    assert calls == [3, 9]  # a result with more trials reuses them


def test_an_axis_that_is_not_refined_needs_no_second_theory(result):
    grid, theory = result.along("side")
    assert grid["side"].tolist() == [0, 1]
    assert theory is result.theory


def test_an_axis_of_words_goes_everywhere():
    class Named(Coin):
        axes = (Axis("throws", "throws", "n", scale="log"), Axis("side", "side"))
        views = (Curves("curve", "Scatter", "throws", ("squared",), colour="side"),)
        measures = (Measure("squared", "squared deviation", ("side", "throws")),)

        def grid(self, params):
            return {"throws": np.asarray(params.throws), "side": np.array(["heads", "tails"])}

        def theory(self, params, grid):
            return {"squared": super().theory(params, grid)["squared"]}

    found = run(Named(), trials=3)
    assert found.to_frame()["side"].tolist() == ["heads"] * 3 + ["tails"] * 3
    assert found.to_dataset().sel(side="tails")["mean_squared"].shape == (3,)
    assert found.chart().to_dict()


def test_provenance_of_a_running_experiment():
    experiment = Experiment(COIN, CoinParams(), seed=9, stop=Stop(1000))
    experiment.step(timeout=0.0)
    how = experiment.result().provenance
    assert (how.seed, how.stopped, how.computed) == (9, "running", experiment.trials)
    assert 0 < how.seconds < math.inf
