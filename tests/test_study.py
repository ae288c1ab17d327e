from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from toys import COIN, WHOLE

from sims.study import Axis, Measure, Outcome, format_value, label, refined


def test_labels_join_words_symbol_and_unit():
    assert label("width") == "width"
    assert label("width", "k") == "width k"
    assert label("information", unit="nats") == "information (nats)"
    assert Axis("k", "width", "k", "cells").label == "width k (cells)"
    assert Measure("e", "error", (), "E", "bits").label == "error E (bits)"


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_refined_keeps_the_given_points_and_stays_between_them(scale):
    values = np.array([1.0, 3.0, 10.0, 200.0])
    fine = refined(Axis("k", "k", scale=scale, refine=4), values)
    assert fine.size == 3 * 5 + 1
    assert fine[::5].tolist() == values.tolist()  # bit for bit: theory is compared there
    assert np.all(np.diff(fine) > 0)
    steps = np.diff(np.log(fine) if scale == "log" else fine)
    np.testing.assert_allclose(steps[:5], steps[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (Axis("k", "k", refine=0), np.array([1.0, 2.0])),
        (Axis("k", "k", refine=0), np.array(["NNGP", "NTK"])),
        (Axis("k", "k", scale="log", refine=3), np.array([5.0])),
        (Axis("k", "k", scale="log", refine=3), np.array([])),
    ],
)
def test_what_has_nothing_in_between_is_not_refined(axis, values):
    assert refined(axis, values) is values


def test_refined_keeps_the_order_of_unsorted_values():
    fine = refined(Axis("k", "k", scale="log", refine=1), np.array([100.0, 1.0, 4.0]))
    np.testing.assert_allclose(fine, [100, 10, 1, 2, 4])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0046416, "0.00464"),
        (1.0, "1"),
        (256, "256"),
        (1024.0, "1024"),
        (-20_000.0, "-20000"),
        (1e6, "1e+06"),
        (1e300, "1e+300"),
        (12345.6, "1.23e+04"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        ("NTK", "NTK"),
        (True, "True"),
    ],
)
def test_format_value(value, text):
    assert format_value(value) == text


def test_a_study_finds_what_it_declares():
    assert COIN.family == "toys"
    assert COIN.axis("side").title == "side of the coin"
    assert COIN.measure("bound").symbol == "B"
    assert COIN.preset("paper").trials == 400
    with pytest.raises(ValueError, match="preset = 'best' is not allowed: toys/coin has quick, pa"):
        COIN.preset("best")


def test_a_study_without_an_experiment_says_so():
    assert COIN.has_trials
    assert not WHOLE.has_trials
    with pytest.raises(NotImplementedError, match="toys/whole has no experiment"):
        WHOLE.trial(WHOLE.presets[0].params, {}, np.random.default_rng(0))


def test_defaults_of_a_declaration():
    params = COIN.presets[0].params
    assert super(type(COIN), COIN).checks(None) == ()
    assert dict(COIN.guides(params)) == {}
    assert COIN.validity(params) == ()


def test_outcomes_are_frozen():
    outcome = Outcome(COIN.presets[0].params, {}, {}, {}, {}, {}, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        outcome.trials = 3
