"""What the catalogue's tests don't cover: lessons' claims, checks that can fail, bad inputs."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

import sims
from sims.active_multitask_lasso import (
    exploration_budget,
    random_instance,
    rule_values,
    two_level_instance,
)
from sims.active_multitask_lasso.studies import STUDIES
from sims.active_multitask_lasso.studies.common import (
    risk_shares,
    values_of,
    well_fed,
)
from sims.cli import main
from sims.params import ParameterError
from sims.study import Outcome

FAMILY = "active-multitask-lasso"
CHAPTERS = [
    "1 Which tasks matter?",
    "2 What does the risk become?",
    "3 Knowing nothing beforehand",
    "4 The lasso path",
    "5 What does it cost?",
    "6 Real images",
]


def study(name):
    return next(one for one in STUDIES if one.name == f"{FAMILY}/{name}")


def preset(name, of="quick", **values):
    return study(name).preset(of).params.replace(**values)


def theory(name, of="quick", **values):
    """Theory of a preset with some values changed, and its grid."""
    one, params = study(name), preset(name, of, **values)
    grid = one.grid(params)
    return one.theory(params, grid), grid


def without_trials(name, change=lambda found, grid: {}, **values):
    """An outcome of theory alone, some of it replaced."""
    one, params = study(name), preset(name, **values)
    grid = one.grid(params)
    found = {**one.theory(params, grid)}
    found |= change(found, grid)
    return one, Outcome(params, grid, found, {}, {}, {}, {}, one.guides(params), 0)


def verdict(one, outcome, name):
    return next(check.status for check in one.checks(outcome) if check.name == name)


# The story.


def test_the_story_has_its_chapters_presets_and_lessons():
    assert list(dict.fromkeys(one.chapter for one in STUDIES)) == CHAPTERS
    assert all({"quick", "paper"} <= {p.name for p in one.presets} for one in STUDIES)
    lessons = [one.lesson for one in STUDIES if one.lesson]
    assert len(lessons) >= 3
    assert all(step.question.endswith("?") for lesson in lessons for step in lesson.steps)
    with_lesson = {one.chapter for one in STUDIES if one.lesson}
    assert with_lesson == set(CHAPTERS)


def test_the_first_studies_show_the_message_without_a_click():
    first = STUDIES[0]
    view, params = first.views[0], first.presets[0].params
    assert view.panel == "instance"
    assert view.points == ("simulated", "relative")
    curve = np.asarray(theory("gap")[0]["curve"])
    assert np.asarray(first.grid(params)["instance"])[:2].tolist() == ["two levels", "spiked"]
    np.testing.assert_allclose(curve[0, 1], curve[0, 0], rtol=1e-9)  # L2 rule = uniform
    assert curve[0, 0, -1] / curve[0, 2, -1] > 10  # strictly dominated by the L1 rule
    np.testing.assert_allclose(curve[1, 0, -1], 40, rtol=1e-9)  # the factor T
    second = next(one for one in STUDIES if one.chapter == CHAPTERS[1])
    assert second.views[0].panel == "instance"
    assert second.presets[0].params.instances == "all three"


@pytest.mark.parametrize("one", STUDIES, ids=lambda one: one.name)
def test_nothing_claims_a_figure_of_the_papers(one):
    words = " ".join(
        [one.title, one.statement, one.takeaway, *one.assumptions]
        + [preset.title for preset in one.presets]
        + [equation.where + equation.source for equation in one.equations]
    )
    assert "Figure" not in words
    assert "Fig." not in words
    assert any("no figure of theirs is reproduced" in word for word in one.assumptions)


def test_honest_limits_of_the_images_are_printed():
    one = study("digits")
    words = one.statement + " ".join(one.assumptions)
    for limit in ("stand-in", "L1 does not beat L2", "told from uniform", "one split"):
        assert limit in words
    assert not any("L1" in check.sentence for check in one.checks(without_trials("digits")[1]))


def test_cases_of_the_notes_are_presets_named_for_what_they_teach():
    named = {p.name for one in STUDIES for p in one.presets}
    assert named >= {
        "small-budget",
        "few-target-samples",
        "equal-relevance",
        "large-floor",
        "starved",
        "strict-dominance",
        "t-gap",
        "real-inputs",
        "fixed-fraction",
        "too-little",
    }
    setting = study("budget").preset("paper").params  # S1
    assert (setting.tasks, setting.rank, setting.seed, setting.dimension) == (40, 5, 3, 50)
    assert (setting.target_samples, setting.floor, study("budget").preset("paper").trials) == (
        5000,
        5,
        40,
    )
    assert setting.budgets.tolist() == [4000, 8000, 16_000, 32_000, 64_000, 128_000]


# Every figure that a lesson states, from the theory.


def test_claims_of_the_lessons_on_rules():
    share = 20.0**2 / (20.0**2 + 39)
    assert round(share, 2) == 0.91
    made = two_level_instance(40, 5, 20)
    found = rule_values(made.heads, made.target)
    assert found.uniform / found.l1 == pytest.approx(5.04, abs=0.005)
    gains = [theory("gap", rank=k)[0]["curve"][2, 0, -1] for k in (2, 4)]
    assert gains[0] > gains[1]
    shares = theory("relevance", "two-levels")[0]["share"]
    assert shares[1, 0] == pytest.approx(0.71, abs=0.005)
    parts = theory("relevance", "two-levels")[0]["part"]
    assert parts[0, 0] == pytest.approx(0.71, abs=0.005)
    np.testing.assert_allclose(parts[1], 1 / 16, rtol=1e-6)
    assert np.count_nonzero(theory("relevance")[0]["share"][2]) == 4


def test_claims_of_the_lessons_on_budgets():
    found = values_of("random", 30, 4, 20.0, 3)
    assert found.uniform / found.l1 == pytest.approx(4.5, abs=0.02)
    narrow, wide = (
        theory("budget", instances="random", dimension=d)[0]["rep"][0, 0, -1] for d in (30, 60)
    )
    assert wide / narrow == pytest.approx(56 / 26, rel=1e-6)
    shares = [exploration_budget(n, tasks=30, dimension=30) / n for n in (24_000, 100_000)]
    assert shares == pytest.approx([0.19, 0.095], abs=0.005)
    worth = theory("stages")[0]["worth"]
    assert worth[0, 0] == pytest.approx(1.55, abs=0.01)
    assert exploration_budget(4000, tasks=30, dimension=30) == pytest.approx(1900, abs=5)


def test_claims_of_the_lessons_on_costs():
    general = theory("opening-cost")[0]["tasks"]
    assert (general[3] == 4).all()
    special = theory("opening-cost", target="along one short task", length=1.0)[0]["tasks"]
    assert special[3, 0] == 4
    assert special[3, -1] == 1
    random, _ = theory("prices")
    assert random["curve"][0, -1] > 2 * random["curve"][0, 0]
    spiked, _ = theory("prices", instance="spiked")
    np.testing.assert_allclose(spiked["curve"][2], 1, rtol=1e-9)


def test_claims_of_the_lesson_on_the_path():
    found, _ = theory("path")
    assert found["used"][0] == 4
    result = sims.run(study("path"), preset("path", "fixed-fraction"), trials=20)
    assert np.exp(result.mean["trap"]) > 3  # ln has a standard error of about 0.04


# What is simulated against what theory says, at small sizes.

SIMULATED = [
    ("gap", {"tasks": 12, "total": 40_000}, 6),
    ("budget", {"instances": "random", "tasks": 12, "halvings": 2}, 10),
    ("bound", {"tasks": 12, "largest": 48_000}, 12),
    ("objective", {"tasks": 12, "total": 24_000}, 8),
    ("fitted-rank", {"tasks": 12, "total": 24_000}, 8),
    ("exploration", {"tasks": 12, "budgets": (24_000,)}, 10),
    ("target-samples", {"tasks": 12}, 12),
    ("stages", {"tasks": 12}, 8),
    ("prices", {"tasks": 12}, 16),
]


@pytest.mark.parametrize(("name", "values", "trials"), SIMULATED)
def test_agreement_fails_for_a_wrong_theory(name, values, trials):
    """A theory three times too high is refused after a few trials, the right one is not."""
    one = study(name)
    result = sims.run(one, preset(name, **values), trials=trials)
    assert [check.name for check in result.checks if check.status == "fails"] == []
    wrong = {
        key: 3.0 * np.asarray(value) if key in result.mean else value
        for key, value in result.theory.items()
    }
    broken = replace(result, theory=wrong)
    refused = [c for c in one.checks(broken) if c.name.endswith("-agrees") and c.status == "fails"]
    assert refused


ORDERINGS = [
    ("gap", {"tasks": 12, "total": 40_000}, {"lead", "lead_l2"}),
    ("budget", {"instances": "random", "tasks": 12, "halvings": 2}, {"lead"}),
    ("objective", {"tasks": 12}, {"loss"}),
    ("fitted-rank", {"tasks": 12}, {"lead"}),
    ("exploration", {"budgets": (3000,)}, {"price"}),
    ("target-samples", {}, {"lead", "gain"}),
    ("path", {"instance": "two levels"}, {"trap"}),
    ("prices", {"tasks": 12}, {"lead"}),
]


@pytest.mark.parametrize(("name", "values", "measures"), ORDERINGS)
def test_an_ordering_is_refused_when_it_is_the_other_way_round(name, values, measures):
    """Few trials never refuse the ordering, and do when the difference is put far below 0."""
    one = study(name)
    result = sims.run(one, preset(name, **values), trials=5)
    names = {f"{measure}-exceeds" for measure in measures}
    judged = {check.name: check.status for check in result.checks if check.name in names}
    assert set(judged) == names
    assert "fails" not in judged.values()
    far = 100 * max(float(np.abs(result.high[measure]).max()) for measure in measures)
    sides = {
        side: {**getattr(result, side), **{m: getattr(result, side)[m] - far for m in measures}}
        for side in ("mean", "low", "high")
    }
    broken = one.checks(replace(result, **sides))
    assert {check.name for check in broken if check.status == "fails"} >= names


def test_the_slope_is_refused_when_it_is_not_minus_one():
    one, params = study("budget"), preset("budget", instances="random", tasks=12)
    result = sims.run(one, params, trials=12)
    assert verdict(one, result, "slope") != "fails"
    tilt = np.asarray(result.grid["budget"]) ** 0.4
    tilted = {
        side: {**getattr(result, side), "rep": getattr(result, side)["rep"] * tilt}
        for side in ("mean", "stderr", "low", "high")
    }
    assert verdict(one, replace(result, **tilted), "slope") == "fails"


def test_the_ordering_of_the_paper_instance_is_asserted_there_alone():
    one = study("budget")
    _, outcome = without_trials("budget")
    assert "ordering" not in [check.name for check in one.checks(outcome)]
    paper = one.preset("paper").params
    grid = one.grid(paper)
    outcome = Outcome(paper, grid, one.theory(paper, grid), {}, {}, {}, {}, {}, 0)
    assert "ordering" in [check.name for check in one.checks(outcome)]


def test_the_gain_on_images_is_judged_by_standard_errors():
    one, outcome = without_trials("digits")
    shape = (3, np.size(outcome.grid["rank"]))
    measured = {
        "mean": {"gain": np.full(shape, -0.08)},
        "stderr": {"gain": np.full(shape, 0.02)},
    }
    some = replace(outcome, trials=40, **measured)
    assert verdict(one, some, "gain") == "holds"
    wider = {"stderr": {"gain": np.full(shape, 0.04)}}
    unsure = next(c for c in one.checks(replace(some, **wider)))
    assert unsure.status == "undecided"
    assert unsure.needs > 0
    assert verdict(one, replace(some, mean={"gain": np.full(shape, 0.2)}), "gain") == "fails"
    only = replace(some, params=preset("digits", ranks=(10, 14)))
    assert one.checks(only) == ()  # nothing is claimed where K is large


# Deterministic checks can fail: each is shown a theory in which its claim is wrong.

SPOILT = [
    ("gap", "chain", lambda t, g: {"curve": t["curve"][:, ::-1]}),
    ("gap", "as-bad", lambda t, g: {"curve": t["curve"] * np.array([[1.0], [0.9], [1.0]])}),
    ("gap", "factor", lambda t, g: {"most": 1.01 * t["most"]}),
    ("relevance", "solves", lambda t, g: {"relevance": 1.001 * t["relevance"]}),
    ("relevance", "certificate", lambda t, g: {"dual": 1.001 * t["dual"]}),
    ("relevance", "sparse", lambda t, g: {"relevance": t["relevance"][::-1]}),
    ("relevance", "chain", lambda t, g: {"worth": t["worth"][::-1]}),
    ("chain", "chain", lambda t, g: {"sorted": t["sorted"][::-1]}),
    ("optimal-allocation", "certificate", lambda t, g: {"gap": t["gap"] + 1e-6}),
    ("optimal-allocation", "least", lambda t, g: {"ratio": 0.99 * t["ratio"]}),
    ("optimal-allocation", "falls", lambda t, g: {"excess": t["excess"][:, ::-1]}),
    ("optimal-allocation", "limit", lambda t, g: {"ratio": t["ratio"][[0, 0, 2]]}),
    ("budget", "least", lambda t, g: {"rep": 0.99 * t["rep"]}),
    ("bound", "above", lambda t, g: {"bound": 0.5 * t["bound"]}),
    ("stages", "limit", lambda t, g: {"worth": t["worth"] + 0.4}),
    ("path", "certificate", lambda t, g: {"gap": t["gap"] + 1e-6}),
    ("path", "sparse", lambda t, g: {"used": t["used"] + 1}),
    ("path", "end", lambda t, g: {"norm": 1.001 * t["norm"]}),
    ("prices", "cheapest", lambda t, g: {"curve": 0.99 * t["curve"]}),
    ("prices", "equal", lambda t, g: {"curve": t["curve"][[0, 1, 0, 3]]}),
    ("opening-cost", "cheapest", lambda t, g: {"over": 0.99 * t["over"]}),
    ("opening-cost", "few", lambda t, g: {"tasks": t["tasks"] + 1}),
    ("opening-cost", "l1", lambda t, g: {"over": t["over"][::-1]}),
]


@pytest.mark.parametrize(("name", "check", "spoil"), SPOILT)
def test_a_check_holds_and_can_fail(name, check, spoil):
    assert verdict(*without_trials(name), check) == "holds"
    assert verdict(*without_trials(name, spoil), check) == "fails"


@pytest.mark.parametrize(
    ("name", "check"), [("bound", "product"), ("stages", "guarantee"), ("chain", "fresh")]
)
def test_counted_violations_are_told(name, check):
    one = study(name)
    values = {"tasks": 12} | ({"rank": 4} if name == "chain" else {})
    result = sims.run(one, preset(name, **values), trials=2)
    assert verdict(one, result, check) == "holds"
    spoilt = {**result.mean, "broken": np.asarray(0.5)}
    assert verdict(one, replace(result, mean=spoilt), check) == "fails"


# Helpers.


def test_shares_of_the_risk_belong_to_the_minimiser():
    made = random_instance(12, 3, 0)
    rng = np.random.default_rng(0)
    counts = rng.integers(5, 500, 12)
    shares = risk_shares(made, counts)
    found = rule_values(made.heads, made.target)
    uniform = risk_shares(made, np.full(12, 7))
    np.testing.assert_allclose(uniform, np.square(found.nu2.nu) / found.nu2.norm**2, rtol=1e-9)
    assert shares.sum() == pytest.approx(1)
    vertex = np.where(found.nu1.nu != 0, 10, 0)
    assert np.count_nonzero(risk_shares(made, vertex)) == 3
    assert well_fed(made, [np.full(12, 40), np.full(12, 100)], 10).tolist() == [False, True]


# Bad inputs: each names the parameter, in Python and in the terminal.

BAD = [
    ("gap", {"rank": 1}, "rank = 1 is not allowed"),
    ("gap", {"rank": 6, "dimension": 5}, "rank = 6 is not allowed: it must be at most 4"),
    ("gap", {"total": 3000, "tasks": 60}, "total = 3000 is not allowed"),
    ("gap", {"total": 2.5e4 + 0.5}, "total = 25000.5 is not allowed"),
    ("relevance", {"instance": "three levels"}, "instance = three levels is not allowed"),
    ("relevance", {"ratio": 1}, "ratio = 1 is not allowed"),
    ("relevance", {"ratio": float("nan")}, "ratio = nan is not allowed"),
    ("relevance", {"instance": "two levels", "tasks": 8, "rank": 6}, "rank = 6 is not allowed"),
    ("chain", {"tasks": 6, "rank": 10}, "rank = 10 is not allowed"),
    ("optimal-allocation", {"floor": 0}, "floor = 0 is not allowed"),
    ("optimal-allocation", {"floor": -1}, "floor = -1 is not allowed"),
    ("budget", {"largest": 2000, "halvings": 9}, "largest = 2000 is not allowed"),
    ("budget", {"dimension": 80, "inputs": "digits"}, "dimension = 80 is not allowed"),
    ("budget", {"target_samples": 5}, "target_samples = 5 is not allowed"),
    ("budget", {"instances": "both"}, "instances = both is not allowed"),
    ("budget", {"rank": 10, "dimension": 10}, "rank = 10 is not allowed"),
    ("bound", {"largest": 4000, "tasks": 100, "floor": 50}, "largest = 500 is not allowed"),
    ("objective", {"total": 2000, "tasks": 60}, "total = 2000 is not allowed"),
    ("fitted-rank", {"rank": 6, "dimension": 8}, "rank = 6 is not allowed"),
    ("exploration", {"budgets": ()}, "budgets = '' is not allowed"),
    ("exploration", {"budgets": (1000, 10)}, "budgets = 1000,10 is not allowed"),
    ("exploration", {"budgets": (1000,), "floor": 50}, "budgets = 1000 is not allowed"),
    ("target-samples", {"total": "many"}, "total = many is not allowed"),
    ("stages", {"largest": 64_000, "tasks": 100, "dimension": 60}, "largest = 64000"),
    ("path", {"explored": 4000}, "explored = 4000 is not allowed"),
    ("prices", {"total": 3000, "tasks": 100}, "total = 3000 is not allowed"),
    ("opening-cost", {"length": 0}, "length = 0 is not allowed"),
    ("digits", {"ranks": (4, 4)}, "ranks = 4,4 is not allowed"),
    ("digits", {"ranks": (1,)}, "ranks = 1 is not allowed"),
    ("digits", {"total": 1000, "share": 0.05}, "total = 50 is not allowed"),
]


@pytest.mark.parametrize(("name", "values", "message"), BAD)
def test_bad_inputs_are_explained(name, values, message):
    with pytest.raises(ParameterError) as caught:
        preset(name, **values)
    assert message in str(caught.value)


@pytest.mark.parametrize(("name", "setting"), [("budget", "ratio=1"), ("digits", "ranks=4,4")])
def test_bad_inputs_are_explained_in_the_terminal(name, setting, tmp_path, monkeypatch, capsys):
    line = ["sims", "run", f"{FAMILY}/{name}", "--set", setting, "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code not in (0, None)
    assert "is not allowed" in capsys.readouterr().err


# Edges of the parameters: infinite risks are infinite, nothing is NaN.

EDGES = [
    ("gap", {"tasks": 12, "rank": 6, "dimension": 7, "total": 1200}),
    ("relevance", {"instance": "spiked", "tasks": 6, "rank": 6, "explored": 40}),
    ("relevance", {"tasks": 6, "rank": 6, "target_samples": 12}),
    ("chain", {"tasks": 6, "rank": 2, "instances": 10}),
    ("optimal-allocation", {"floor": 200, "tasks": 100}),
    ("optimal-allocation", {"instance": "spiked"}),
    ("budget", {"tasks": 6, "rank": 3, "largest": 400, "halvings": 2, "floor": 0}),
    ("budget", {"tasks": 12, "instances": "random", "target_samples": 6, "halvings": 2}),
    ("budget", {"instances": "spiked", "tasks": 12, "floor": 0, "halvings": 2}),
    ("bound", {"instance": "two levels", "tasks": 6, "largest": 4000}),
    ("objective", {"instance": "spiked", "tasks": 12, "total": 2000}),
    ("fitted-rank", {"instance": "spiked", "tasks": 6, "rank": 4, "total": 2000, "floor": 1}),
    ("exploration", {"tasks": 6, "budgets": (1000,), "target_samples": 6, "floor": 0}),
    ("target-samples", {"tasks": 6, "rank": 2, "total": 2000, "floor": 0}),
    ("stages", {"instance": "spiked", "tasks": 6, "target_samples": 6}),
    ("path", {"instance": "spiked", "tasks": 8, "explored": 60, "target_samples": 6}),
    ("path", {"instance": "two levels", "tasks": 8, "ratio": 1000.0}),
    ("prices", {"instance": "spiked", "tasks": 6, "total": 3000}),
    ("opening-cost", {"tasks": 6, "rank": 6, "target": "along one short task", "length": 5.0}),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("name", "values"), EDGES)
def test_edges_have_no_nan(name, values):
    one, params = study(name), preset(name, **values)
    grid = one.grid(params)
    found = [one.theory(params, grid)]
    if one.has_trials:
        found.append(one.trial(params, grid, np.random.default_rng(0)))
    for arrays in found:
        for value in arrays.values():
            assert not np.isnan(np.asarray(value)).any()
    assert all(isinstance(note, str) for note in one.validity(params))


def test_settings_beyond_validity_are_warned_of():
    def notes(name, of="quick", **values):
        return " ".join(study(name).validity(preset(name, of, **values)))

    assert notes("gap") == notes("budget") == notes("path") == notes("digits") == ""
    assert "fewer than 2d" in notes("gap", "starved")
    assert "T d = 900" in notes("budget", "small-budget")
    assert "12K" in notes("budget", target_samples=20)
    assert "fifth of the smallest budget" in notes("budget", "large-floor")
    assert "no rule can gain" in notes("relevance", "equal")
    assert "not unique" in notes("relevance", "two-levels")
    assert "not sure to be a bound" in notes("bound", "vacuous")
    assert "2Td" in notes("exploration", "too-little")
    assert "does not fall with the budget" in notes("stages", "few-target-samples")
    assert "heuristic" in notes("opening-cost", "heuristic")
    assert "nine directions" in notes("digits", "enough-dimensions")


@pytest.mark.parametrize(
    ("asked", "message", "mended"),
    [
        ({"study": "budget", "ratio": "1"}, "ratio = 1 is not allowed", {"ratio": 1.1}),
        ({"study": "budget", "rank": "0"}, "rank = 0 is not allowed", {"rank": 2}),
        ({"study": "budget", "floor": "-3"}, "floor = -3 is not allowed", {"floor": 0}),
        ({"study": "gap", "total": "nan"}, "total = nan is not allowed", {"total": 200_000}),
        ({"study": "gap", "rank": "6", "dimension": "4"}, "rank = 6 is not allowed", {"rank": 4}),
        ({"study": "relevance", "instance": "one"}, "instance = one", {"instance": "random"}),
        ({"study": "digits", "ranks": "4,4"}, "ranks = 4,4 is not allowed", {"ranks": (4, 6, 10)}),
        ({"study": "path", "explored": "5000"}, "explored = 5000", {"explored": 200}),
    ],
)
def test_bad_links_are_mended_and_explained(asked, message, mended):
    from sims.dashboard.address import parse

    found = parse(FAMILY, asked)
    assert any(message in told for told in found.messages)
    assert {name: getattr(found.params, name) for name in mended} == mended
