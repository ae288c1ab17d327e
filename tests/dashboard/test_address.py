"""Links: what they ask for, how they are mended."""

from __future__ import annotations

from sims.catalogue import find
from sims.dashboard.address import legal, parse


def test_a_good_link_is_taken_as_it_is():
    asked = {"study": "variance-stack", "n": "64", "ridge": "0.1", "seed": "7"}
    arrived = parse("random-features", asked)
    assert arrived.study.name == "random-features/variance-stack"
    assert (arrived.params.n, arrived.params.ridge, arrived.seed) == (64, 0.1, 7)
    assert arrived.messages == ()


def test_each_bad_value_is_named_and_replaced_by_the_nearest_legal_one():
    asked = {"n": "1e9", "alpha": "nan", "beta": "2", "ridges": "0.1,-1", "seed": "-1"}
    arrived = parse("random-features", {"study": "double-descent", **asked})
    default = arrived.study.presets[0].params
    assert arrived.params.n == 1024
    assert arrived.params.alpha == default.alpha
    assert arrived.params.beta == 2
    assert arrived.params.ridges == default.ridges
    assert arrived.seed == 0
    text = " ".join(arrived.messages)
    for piece in ("n = 1e9", "alpha = nan", "ridges = 0.1,-1", "seed = -1", "[10, 1024]"):
        assert piece in text


def test_an_unknown_study_or_name_keeps_the_rest():
    arrived = parse("random-features", {"study": "nothing", "n": "99", "colour": "red"})
    assert arrived.study.name == "random-features/double-descent"
    assert arrived.params.n == 99
    assert len(arrived.messages) == 2


def test_embedding_is_not_a_parameter():
    assert parse("random-features", {"embed": "true", "n": "99"}).messages == ()


def test_legal_leaves_legal_values_alone():
    study = find("random-features/phase-diagram")
    params, messages = legal(study, {"alpha": 1.2})
    assert params.alpha == 1.2
    assert messages == []
