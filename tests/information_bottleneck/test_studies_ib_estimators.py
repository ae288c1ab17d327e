"""What the catalogue's tests don't cover of chapters 1 and 2: claims, checks, bad inputs."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from sims.cli import main
from sims.information_bottleneck import comparable
from sims.information_bottleneck.studies import STUDIES
from sims.information_bottleneck.studies.common import MEASURING, TRADE_OFF
from sims.params import ParameterError
from sims.runner import run
from sims.study import Curves, Outcome

FAMILY = "information-bottleneck"
MINE = {one.name.partition("/")[2]: one for one in STUDIES if one.chapter in (TRADE_OFF, MEASURING)}


def lessons():
    return [one for one in MINE.values() if one.lesson is not None]


def judged(name, measure, change, **values):
    """Run a few trials, falsify one measure, and return all verdicts."""
    one = MINE[name]
    params = one.presets[0].params.replace(**values)
    result = run(one, params.model_dump(), trials=6)
    changed = {part: dict(getattr(result, part)) for part in ("mean", "low", "high")}
    for arrays in changed.values():
        if measure in arrays:
            arrays[measure] = change(np.asarray(arrays[measure], dtype=float))
    outcome = Outcome(
        params=params,
        grid=result.grid,
        theory=result.theory,
        mean=changed["mean"],
        stderr=result.stderr,
        low=changed["low"],
        high=changed["high"],
        guides=result.guides,
        trials=result.trials,
    )
    return {check.name: check.status for check in one.checks(outcome)}


def test_the_story_of_the_two_chapters():
    assert list(MINE) == [
        "trade-off",
        "noisy-bit",
        "learned",
        "estimators",
        "lower-bounds",
        "cs-information",
        "one-neuron",
        "wasserstein",
        "divergences",
    ]
    assert STUDIES[0].name == f"{FAMILY}/trade-off"
    assert len(lessons()) >= 5
    for one in lessons():
        assert all(0 <= step.answer < len(step.choices) for step in one.lesson.steps)


def test_only_comparable_estimators_share_an_axis():
    assert comparable(["ksg1", "histogram", "infonce"])
    assert not comparable(["ksg1", "cs-qmi"])
    for name in ("cs-information", "wasserstein"):
        for view in MINE[name].views:
            assert isinstance(view, Curves)
            drawn = {MINE[name].measure(key).unit for key in view.measures}
            assert len(drawn) == 1


@pytest.mark.parametrize(
    ("name", "measure", "values"),
    [
        ("estimators", "estimate", {"samples": 60}),
        ("lower-bounds", "value", {"largest": 32}),
        ("cs-information", "by_size", {"samples": 50}),
    ],
)
def test_a_value_above_the_ceiling_is_refused(name, measure, values):
    """Doubled and shifted well above log N, the evidence fails the check of the ceiling."""
    kept = judged(name, measure, lambda a: a, **values)
    assert kept[f"{measure}-bounded"] == "holds"
    lifted = judged(name, measure, lambda a: a + 20.0, **values)
    assert lifted[f"{measure}-bounded"] == "fails"


def test_a_wrong_search_fails_the_trade_off():
    values = {"correlations": (0.9,), "points": 3, "starts": 1}
    verdicts = judged("trade-off", "information_y", lambda a: a * 0.99, **values)
    assert verdicts["information_x-agrees"] == "holds"
    assert verdicts["information_y-agrees"] == "fails"


def test_points_off_the_curve_of_the_noisy_bit_fail():
    values = {"crossovers": (0.1,)}
    assert judged("noisy-bit", "shortfall", lambda a: a, **values)["on-curve"] == "holds"
    assert judged("noisy-bit", "shortfall", lambda a: a + 1e-3, **values)["on-curve"] == "fails"


def test_wrong_coincidences_fail_the_exact_infonce():
    values = {"samples": 20, "batch": 32}
    assert judged("wasserstein", "nce", lambda a: 0.8 * a, **values)["nce-agrees"] == "fails"


def test_a_violated_inequality_is_seen():
    assert judged("divergences", "worst", lambda a: a, dimension=2)["worst-bounded"] == "holds"
    found = judged("divergences", "worst", lambda a: np.full_like(a, 0.1), dimension=2)
    assert found["worst-bounded"] == "fails"


def test_claims_of_the_lessons():
    """Numbers that lessons tell, computed here."""
    bias = MINE["cs-information"]
    params = bias.presets[0].params.replace(rho=0.0, width=0.3, samples=100)
    expected = bias.theory(params, bias.grid(params))["by_rho"]
    assert expected[0, 0] == pytest.approx(0.126, abs=5e-4)
    assert expected[1, 0] == 0.0
    neuron = MINE["one-neuron"]
    params = neuron.presets[0].params
    entropy = neuron.theory(params, neuron.grid(params))["entropy"][0]
    assert 0 < int(np.argmax(entropy)) < entropy.size - 1
    factors = MINE["wasserstein"]
    params = factors.presets[0].params
    theory = factors.theory(params, factors.grid(params))
    assert theory["information"][7] == pytest.approx(11.09, abs=0.01)
    assert theory["nce"][7] == pytest.approx(math.log(128), abs=0.01)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("trade-off", {"correlations": (0.5, 1.0)}),
        ("trade-off", {"correlations": (0.1,) * 6}),
        ("noisy-bit", {"crossovers": (0.5,)}),
        ("noisy-bit", {"clusters": 1}),
        ("learned", {"rho": 1.0}),
        ("estimators", {"samples": 3}),
        ("estimators", {"bins": 0}),
        ("lower-bounds", {"information": -1.0}),
        ("cs-information", {"width": 0.0}),
        ("cs-information", {"rho": 1.0}),
        ("one-neuron", {"bins": 1}),
        ("wasserstein", {"symbols": 1}),
        ("divergences", {"spreads": (0.0,)}),
    ],
)
def test_bad_inputs_name_argument_and_range(name, values, capsys, monkeypatch):
    (key, value), one = next(iter(values.items())), MINE[name]
    with pytest.raises(ParameterError, match=f"{key} = .* is not allowed: it must be"):
        one.presets[0].params.replace(**values)
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    monkeypatch.setattr(sys, "argv", ["sims", "run", one.name, "--set", f"{key}={text}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert f"{key} = " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("learned", {"samples": (50,)}, "never seen"),
        ("estimators", {"pairs": 5}, "cells"),
        ("cs-information", {"width": 0.02}, "near"),
    ],
)
def test_warnings_are_said(name, values, words):
    one = MINE[name]
    notes = one.validity(one.presets[0].params.replace(**values))
    assert any(words in note for note in notes)
    assert one.validity(one.presets[0].params) == ()
