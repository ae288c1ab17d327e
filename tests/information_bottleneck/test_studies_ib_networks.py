"""What the catalogue's tests don't cover of chapters 3 and 4: checks, claims, bad inputs, edges."""

from __future__ import annotations

import math
import sys
import warnings

import numpy as np
import pytest
from scipy.stats import kendalltau

from sims.cli import main
from sims.information_bottleneck import (
    InformationPlane,
    conditional_cs_divergence,
    conditional_cs_prediction,
)
from sims.information_bottleneck.studies import STUDIES
from sims.information_bottleneck.studies.common import NETWORKS, REGRESSION, living
from sims.information_bottleneck.studies.conditional import ConditionalParams
from sims.information_bottleneck.studies.correlation import pairs
from sims.information_bottleneck.training import HIDDEN
from sims.params import ParameterError
from sims.study import Curves, Outcome

FAMILY = "information-bottleneck"
MINE = [one for one in STUDIES if one.chapter in (NETWORKS, REGRESSION)]
SMALL = {  # parameters of trials that take a fraction of a second
    "planes": {"epochs": 20, "looks": 3, "kernel_patterns": 64},
    "activations": {"epochs": 20},
    "weight-penalty": {"epochs": 20},
    "compression-accuracy": {"epochs": 20, "networks": 4, "kernel_patterns": 64},
    "cs-ib": {"train": 100, "epochs": 5, "betas": (0.1, 1.0)},
    "generalisation-gap": {"train": 100, "epochs": 10, "betas": (0.1, 1.0), "hidden": 8},
    "conditional-bias": {"largest": 500},
    "as-released": {"largest": 500},
    "particles": {"particles": 40, "steps": 30},
}


def study(name):
    return next(one for one in MINE if one.name == f"{FAMILY}/{name}")


def params_of(name, **values):
    return study(name).presets[0].params.replace(**{**SMALL[name], **values})


@pytest.fixture(scope="module")
def one_trial():
    """Arrays of one small trial of each study, computed when first asked for."""
    known = {}

    def of(name):
        if name not in known:
            one, params = study(name), params_of(name)
            known[name] = one.trial(params, one.grid(params), np.random.default_rng(0))
        return known[name]

    return of


def outcome_with(name, arrays, theory=None, trials=30, width=1e-6):
    """An outcome whose evidence are these arrays, known almost exactly."""
    one, params = study(name), params_of(name)
    grid = one.grid(params)
    found = {**one.theory(params, grid), **(theory or {})}
    mean = {key: np.asarray(value, dtype=float) for key, value in arrays.items()}
    low = {key: value - width for key, value in mean.items()}
    high = {key: value + width for key, value in mean.items()}
    spread = {key: np.full_like(value, width) for key, value in mean.items()}
    return one, Outcome(params, grid, found, mean, spread, low, high, one.guides(params), trials)


def verdict(one, outcome, name):
    return next(check.status for check in one.checks(outcome) if check.name == name)


def test_every_figure_of_the_two_chapters_is_there():
    assert {one.name.partition("/")[2] for one in MINE} == set(SMALL)
    for one in MINE:
        assert {"quick", "paper"} <= {preset.name for preset in one.presets}
        assert one.lesson is not None
        assert all(step.question.endswith("?") for step in one.lesson.steps)


def test_what_was_not_reproduced_is_said():
    for name, times in (("compression-accuracy", 1), ("cs-ib", 2)):
        words = " ".join(study(name).assumptions)
        assert words.count("**Not reproduced:**") == times


def test_quantities_of_different_estimators_share_no_axis():
    """Bits by different estimators have a panel each, named with its ceiling."""
    planes = study("planes")
    for view in planes.views:
        shown = {planes.measure(name) for name in (view.x, *view.measures) if name in _measures()}
        if any("estimator" in measure.axes for measure in shown):
            assert isinstance(view, Curves)
            assert view.panel == "estimator"
    names = planes.grid(params_of("planes"))["estimator"]
    assert [name.split(": ")[1] for name in names] == [
        "ceiling 12 bits",
        "ceiling 12 bits",
        "ceiling 6 bits",
        "ceiling 6 bits",
    ]
    published = next(view for view in study("cs-ib").views if "published" in view.measures)
    assert published.measures == ("published",)  # other data, other definitions


def _measures():
    return {measure.name for measure in study("planes").measures}


@pytest.mark.parametrize("name", SMALL)
def test_one_trial_has_every_measured_quantity(name, one_trial):
    arrays = one_trial(name)
    grid = study(name).grid(params_of(name))
    for key, value in arrays.items():
        shape = tuple(len(grid[axis]) for axis in study(name).measure(key).axes)
        assert np.shape(value) == shape
        assert np.isfinite(value).all()


def test_paths_stay_below_what_is_attainable(one_trial):
    arrays, grid = one_trial("planes"), study("planes").grid(params_of("planes"))
    ceilings = np.array([12, 12, 6, 6])[:, None, None]
    assert np.all(arrays["information_x"] <= ceilings + 1e-9)
    assert np.all(arrays["information_x"][:2, 0] > 11)  # the first of tanh keeps the patterns apart
    assert np.all(arrays["information_y"][:2] <= 0.999158)
    assert arrays["information_x"].shape == (4, 6, len(grid["epoch"]))


def test_the_dead_are_left_out_of_averages_unless_all_are_dead():
    def plane(accuracy):
        empty = np.zeros((1, 1, len(accuracy), 6))
        last = np.array([accuracy])
        return InformationPlane(np.array([1]), ("kde",), empty, empty, np.zeros(1), last, last)

    kept, dead = living(plane([0.5, 0.95, 0.97]))
    assert (kept.tolist(), dead) == ([False, True, True], pytest.approx(1 / 3))
    kept, dead = living(plane([0.5, 0.6]))
    assert (kept.tolist(), dead) == ([True, True], 1.0)


def test_pairs_are_those_of_kendall():
    rng = np.random.default_rng(0)
    score, accuracy = rng.random((2, 3, 12)), rng.random(12)
    tau, gained = pairs(score, accuracy)
    for place in np.ndindex(2, 3):
        assert tau[place] == pytest.approx(kendalltau(score[place], accuracy).statistic, abs=1e-12)
    brute = np.mean(
        [
            np.sign(score[0, 0, i] - score[0, 0, j]) * (accuracy[i] - accuracy[j])
            for i in range(12)
            for j in range(i)
        ]
    )
    assert gained[0, 0] == pytest.approx(brute, abs=1e-15)
    assert [float(v) for v in pairs(np.zeros(4), accuracy[:4])] == [0.0, 0.0]
    assert [float(v) for v in pairs(np.ones(1), accuracy[:1])] == [0.0, 0.0]


def test_expected_bias_is_the_prediction_itself():
    params = ConditionalParams(slope=0.7, noise=0.2)
    sizes = np.array([200.0, 1700.0])
    direct = [
        conditional_cs_prediction(
            (1.0, 0.7), (0.0, 0.2), (0.3, 0.2), width_y=0.2, width_x=0.03, samples=int(n)
        )
        for n in sizes
    ]
    assert params.expected(0.03, sizes) == pytest.approx(direct, rel=1e-9)


def test_claims_of_the_lesson_on_the_bias():
    perfect = ConditionalParams(slope=1.0, noise=0.3)
    bias = float(perfect.expected(0.02, np.array([1200.0]))[0]) - perfect.limit()
    assert perfect.limit() == pytest.approx(0.18, abs=0.005)
    assert bias == pytest.approx(0.04, abs=0.006)


def test_the_two_forms_weigh_places_of_x_as_said():
    """Published: all places of x alike. Released: by how many samples are there."""
    # Two clusters of far apart x: 300 perfect predictions and 30 wrong ones, no noise. In each
    # cluster every row of K is constant (width 1, clusters a point each), so the sums are exact.
    x = np.repeat([0.0, 100.0], [300, 30])
    y, wrong = np.zeros(330), np.repeat([0.0, 1.0], [300, 30])
    overlap = np.exp(-0.5)
    options = {"width_x": 1.0, "width_y": 1.0}
    alike = conditional_cs_divergence(x, y, wrong, **options)
    crowded = conditional_cs_divergence(x, y, wrong, variant="released", **options)
    assert alike == pytest.approx(-2 * math.log((1 + overlap) / 2), rel=1e-12)
    assert crowded == pytest.approx(-2 * math.log((300 + 30 * overlap) / 330), rel=1e-12)


# Every check can hold, and can fail: evidence on either side of what is claimed.

CASES = [
    ("planes", "information_y-bounded", {}, {"information_y": 1.01}),
    ("planes", "disagreement-exceeds", {"disagreement": 0.3}, {"disagreement": -0.1}),
    ("planes", "dead", {"dead": 0.0}, {"dead": 0.5}),
    ("activations", "information_x-bounded", {"information_x": 12.0}, {"information_x": 12.1}),
    ("activations", "contrast-exceeds", {"contrast": 0.2}, {"contrast": -0.2}),
    ("activations", "output-exceeds", {"output": 0.1}, {"output": -0.1}),
    ("activations", "dead", {"dead": 0.1}, {"dead": 0.3}),
    ("weight-penalty", "compression-exceeds", {"compression": 0.1}, {"compression": -0.1}),
    ("weight-penalty", "clustering-exceeds", {"clustering": 0.1}, {"clustering": -0.1}),
    ("weight-penalty", "dead", {"dead": 0.0}, {"dead": 1.0}),
    ("compression-accuracy", "lead-bounded", {"lead": 0.1}, {"lead": 0.4}),
    ("compression-accuracy", "hidden-exceeds", {"hidden": 0.2}, {"hidden": -0.2}),
    ("compression-accuracy", "dead", {"dead": 0.0}, {"dead": 0.9}),
    ("cs-ib", "gain-bounded", {"gain": 0.0}, {"gain": 0.02}),
    ("cs-ib", "cost-bounded", {"compression": 0.3, "cost": 0.0}, {"compression": 0.3, "cost": 0.1}),
    ("generalisation-gap", "coefficient-exceeds", {"coefficient": 0.9}, {"coefficient": -0.9}),
    ("generalisation-gap", "price-exceeds", {"price": 0.1}, {"price": -0.1}),
    ("conditional-bias", "excess-exceeds", {"excess": 0.1}, {"excess": -0.1}),
    ("as-released", "shortfall-exceeds", {"shortfall": 0.1}, {"shortfall": -0.1}),
    ("as-released", "at_truth-bounded", {"at_truth": 0.0}, {"at_truth": 1e-3}),
    ("particles", "remaining-bounded", {"remaining": 0.001}, {"remaining": 0.1}),
    ("particles", "uneven-bounded", {"uneven": 0.02}, {"uneven": 0.4}),
]


@pytest.mark.parametrize(("name", "check", "good", "bad"), CASES)
def test_a_check_holds_and_can_fail(name, check, good, bad, one_trial):
    arrays = one_trial(name)

    def filled(values):
        return arrays | {key: np.full(np.shape(arrays[key]), v) for key, v in values.items()}

    assert verdict(*outcome_with(name, filled(good)), check) == "holds"
    assert verdict(*outcome_with(name, filled(bad)), check) == "fails"


@pytest.mark.parametrize(
    ("name", "measure"),
    [("conditional-bias", "divergence"), ("as-released", "divergence"), ("particles", "start")],
)
def test_agreement_fails_for_a_wrong_theory(name, measure, one_trial):
    one, params = study(name), params_of(name)
    theory = one.theory(params, one.grid(params))
    arrays = {**one_trial(name), measure: theory[measure]}
    wrong = {measure: 1.3 * np.asarray(theory[measure])}
    finite = {key: np.where(np.isfinite(value), value, 1.0) for key, value in arrays.items()}
    check = f"{measure}-agrees"
    assert verdict(*outcome_with(name, finite), check) == "holds"
    assert verdict(*outcome_with(name, finite, wrong), check) == "fails"


@pytest.mark.parametrize("name", SMALL)
def test_without_evidence_nothing_is_claimed(name):
    one, params = study(name), params_of(name)
    grid = one.grid(params)
    empty = Outcome(params, grid, one.theory(params, grid), {}, {}, {}, {}, one.guides(params), 0)
    assert {check.status for check in one.checks(empty)} == {"undecided"}


def test_eight_activations_are_compared():
    names = params_of("activations", which="all eight").names()
    assert set(names) == set(HIDDEN)
    assert len(names) == 8
    assert names[:4] == params_of("activations").names()


# Bad inputs: each names the parameter, in Python and in the terminal.

BAD = [
    ("planes", {"activation": "sin"}, "activation = sin is not allowed: it must be one of tanh"),
    ("planes", {"epochs": 5}, "epochs = 5 is not allowed"),
    ("planes", {"width": 0}, "width = 0 is not allowed"),
    ("planes", {"variance": float("nan")}, "variance = nan is not allowed"),
    ("planes", {"bins": 1}, "bins = 1 is not allowed"),
    ("planes", {"networks": 0}, "networks = 0 is not allowed"),
    ("activations", {"which": "nine"}, "which = nine is not allowed"),
    ("weight-penalty", {"penalties": (0.0, -0.1)}, "penalties = 0,-0.1 is not allowed"),
    ("weight-penalty", {"penalties": ()}, "penalties = '' is not allowed"),
    ("compression-accuracy", {"networks": 1}, "networks = 1 is not allowed"),
    ("compression-accuracy", {"kernel_patterns": 5000}, "kernel_patterns = 5000 is not allowed"),
    ("cs-ib", {"betas": (0.1, 0.0)}, "betas = 0.1,0 is not allowed"),
    ("cs-ib", {"epsilon": -0.1}, "epsilon = -0.1 is not allowed"),
    ("generalisation-gap", {"betas": (float("inf"),)}, "betas = inf is not allowed"),
    ("generalisation-gap", {"train": 10}, "train = 10 is not allowed"),
    ("conditional-bias", {"widths": (0.0,)}, "widths = 0 is not allowed"),
    ("as-released", {"width": 0.5}, "width = 0.5 is not allowed"),
    ("particles", {"particles": 1}, "particles = 1 is not allowed"),
]


@pytest.mark.parametrize(("name", "values", "message"), BAD)
def test_bad_inputs_are_explained(name, values, message):
    with pytest.raises(ParameterError) as caught:
        params_of(name, **values)
    assert message in str(caught.value)


def test_bad_inputs_are_explained_in_the_terminal(tmp_path, monkeypatch, capsys):
    line = ["sims", "run", f"{FAMILY}/planes", "--set", "epochs=5", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code not in (0, None)
    assert "epochs = 5 is not allowed" in capsys.readouterr().err


WARNED = [
    ("planes", {"epochs": 20}, "have not learned yet"),
    ("planes", {"epochs": 150, "kernel_patterns": 512}, "more than 9 bits"),
    ("weight-penalty", {"epochs": 80, "penalties": (0.0, 0.05)}, "do not learn"),
    ("cs-ib", {}, "far from trained"),
    ("generalisation-gap", {}, "mostly noise"),
    ("conditional-bias", {"widths": (0.01,)}, "beyond a bias of first order"),
    ("conditional-bias", {"widths": (0.3,)}, "blurs"),
    ("as-released", {"width": 0.02}, "beyond a bias of first order"),
    ("particles", {"width": 0.3}, "few particles"),
    ("particles", {"width": 4.0}, "blurs"),
]


@pytest.mark.parametrize(("name", "values", "words"), WARNED)
def test_settings_beyond_validity_are_warned_of(name, values, words):
    params = params_of(name, **values)
    assert any(words in note for note in study(name).validity(params))


EDGES = [
    ("planes", {"activation": "relu", "networks": 2, "bins": 2}),
    ("weight-penalty", {"penalties": (0.1,)}),
    ("compression-accuracy", {"networks": 2, "activation": "relu"}),
    ("cs-ib", {"betas": (30.0,), "epsilon": 0.0}),
    ("generalisation-gap", {"betas": (30.0,)}),
    ("conditional-bias", {"widths": (0.005, 0.5), "slope": -2.0, "noise": 0.05}),
    ("as-released", {"width": 0.01, "slope": 2.0, "noise": 1.0, "width_y": 0.05}),
    ("particles", {"particles": 20, "width": 0.3, "pace": 1.0}),
    ("particles", {"particles": 20, "width": 5.0, "pace": 0.05}),
]


@pytest.mark.parametrize(("name", "values"), EDGES)
def test_edges_have_no_nan(name, values):
    one, params = study(name), params_of(name, **values)
    grid = one.grid(params)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = one.theory(params, grid), one.trial(params, grid, np.random.default_rng(0))
    for arrays in found:
        for value in arrays.values():
            assert not np.isnan(np.asarray(value)).any()
