"""What the catalogue's tests don't cover: checks that fail, what lessons claim, bad inputs."""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sims
from sims.cli import main
from sims.inductive_bias.studies import STUDIES
from sims.inductive_bias.studies.data_constants import smallest_of_all
from sims.inductive_bias.studies.difficulty_table import OWN
from sims.inductive_bias.studies.published_estimator import moment_fit
from sims.inductive_bias.studies.rare_events import linear_model
from sims.inductive_bias.subset_simulation import two_stage_information
from sims.params import ParameterError
from sims.study import Curves

FAMILY = "inductive-bias"
ROOT = Path(__file__).parents[2]
SMALL = {  # trials that show a wrong theory, and cheap parameters for them
    "nat": (12, {"n": 50, "test": 30}),
    "tasks": (8, {"n": 20, "test": 20}),
    "kernels": (8, {"n": 20, "test": 20}),
    "band-limit": (20, {"dimensions": (2, 4)}),
    "routes": (6, {"n": 30, "test": 20}),
    "published-estimator": (10, {"n": 30, "test": 20, "samples": 2000}),
    "error-bars": (40, {"n": 30, "test": 10}),
    "rare-events": (5, {"n": 20, "test": 10, "particles": 200}),
    "random-width": (12, {"n": 15, "test": 20, "widest": 300}),
    "measured-dimension": (4, {"points": 500}),
    "data-constants": (4, {"largest": 300}),
    "difficulty-table": (0, {}),
    "difficulty": (0, {}),
}
WRONG = {  # study, measure, how the theory is changed: the check on it must fail
    ("nat", "share"): 1.3,
    ("nat", "density"): 1.3,
    ("tasks", "share"): 1.3,
    ("kernels", "share"): 1.3,
    ("band-limit", "by_degree"): 1.15,
    ("routes", "tilted"): 1.05,
    ("published-estimator", "bits"): 1.3,
    ("error-bars", "square"): 5.0,
    ("rare-events", "bits"): 1.3,
    ("random-width", "bits"): 3.0,
    ("data-constants", "truth"): 2.0,
    ("difficulty-table", "images"): 1.0005,
    ("difficulty-table", "unions"): 1.0005,
    ("difficulty", "by_samples"): np.linspace(0.5, 1.0, 11),
}


def study(name):
    return next(one for one in STUDIES if one.name == f"{FAMILY}/{name}")


def theory(name, **values):
    one = study(name)
    params = one.presets[0].params.replace(**values)
    grid = one.grid(params)
    return grid, {key: np.asarray(value) for key, value in one.theory(params, grid).items()}


@pytest.fixture(scope="module")
def small():
    """A small result of each study, computed when first asked for."""
    known = {}

    def of(name):
        if name not in known:
            trials, values = SMALL[name]
            known[name] = sims.run(study(name), values, trials=trials)
        return known[name]

    return of


@pytest.mark.parametrize(("name", "measure"), WRONG, ids=[" ".join(key) for key in WRONG])
def test_a_wrong_theory_is_told_so(small, name, measure):
    # Checks refuse a true claim with probability 1e-3 at most; the seed is fixed.
    result = small(name)
    assert all(check.status != "fails" for check in study(name).checks(result))
    changed = np.asarray(result.theory[measure]) * WRONG[name, measure]
    broken = replace(result, theory={**result.theory, measure: changed})
    assert any(check.status == "fails" for check in study(name).checks(broken))


def test_the_story_is_in_the_order_of_the_page():
    call = ast.parse((ROOT / "pages" / f"{FAMILY}.py").read_text(encoding="utf-8")).body[-1]
    chapters = next(k.value for k in call.value.keywords if k.arg == "chapters")
    headings = [key.value for key in chapters.keys]
    assert len(headings) == 5
    order = [headings.index(one.chapter) for one in STUDIES]
    assert order == sorted(order)
    assert set(order) == set(range(5))
    assert STUDIES[0].name == f"{FAMILY}/nat"


def test_there_are_lessons_and_they_ask():
    lessons = [one.lesson for one in STUDIES if one.lesson]
    assert len(lessons) >= 3
    assert all(step.question.endswith("?") for lesson in lessons for step in lesson.steps)
    answers = [step.answer for lesson in lessons for step in lesson.steps]
    assert len(set(answers)) > 1


@pytest.mark.parametrize("one", STUDIES, ids=[one.name for one in STUDIES])
def test_every_axis_of_information_has_a_unit_and_says_for_which_points(one):
    for view in one.views:
        if not isinstance(view, Curves):
            continue
        label = view.y_title or one.measure(view.measures[0]).label
        if "information" in label or "bits" in label:
            assert re.search(r"bits|nats", label)
        if label.startswith("information"):
            assert re.search(r"N test points|whole sphere|\d+ test points", label)


def test_lesson_of_the_first_study_tells_true_numbers():
    bits = [
        study("nat").guides(study("nat").presets[0].params.replace(**values))["needed"]
        for values in ({}, {"threshold": 0.125}, {"threshold": 0.125, "n": 300})
    ]
    assert 2.0 ** -bits[0] == pytest.approx(1 / 11, rel=0.1)
    assert 2.0 ** bits[1] == pytest.approx(850_000, rel=0.02)
    assert bits[2] == pytest.approx(5, abs=0.5)


def test_lesson_on_tasks_tells_true_orders():
    grid, smooth = theory("tasks")
    at = int(np.argmin(np.abs(grid["error"] - 0.1)))
    assert smooth["bits"][0, at] > 100 * max(smooth["bits"][3, at], 1e-9)
    _, clipped = theory("tasks", torque="clipped")
    assert clipped["bits"][3, at] > 100 * max(smooth["bits"][3, at], 1.0)


def test_lesson_on_the_table_tells_true_factors():
    def own(**values):
        grid, found = theory("difficulty-table", **values)
        assert grid["image"][0] == OWN
        return found["images"][0]

    base = own()
    mnist = theory("difficulty-table")[1]["images"][1]
    assert mnist - base > 5
    assert own(n=100_000_000) - base == pytest.approx(np.log10(0.5), abs=0.02)
    assert own(n=300_000_000) == -np.inf
    assert base - own(dimension=7.0) == pytest.approx(np.log10(3), abs=0.1)
    with_digits = own(dimension=8.0, ratio=4.806 / 1.179)
    assert with_digits == pytest.approx(10.507, abs=2e-3)


def test_lesson_on_the_drivers_tells_true_factors():
    one = study("difficulty")
    imagenet = 4
    grid, found = theory("difficulty")
    assert grid["task"][imagenet] == "ImageNet"
    at = np.argmin(np.abs(grid["resolution"] - 1))
    coarse = theory("difficulty", resolution=2.0)[1]["by_dimension"][imagenet]
    assert np.all(found["by_dimension"][imagenet] - coarse >= 0)
    steep = np.interp(2.0, grid["resolution"], found["by_resolution"][imagenet])
    assert found["by_resolution"][imagenet, at] - steep > 10
    reference = np.interp(np.log(1.28e8), np.log(grid["samples"]), found["by_samples"][imagenet])
    assert reference > 0.95
    assert one.validity(one.presets[0].params) == ()


def test_lesson_on_error_bars_tells_the_truth():
    grid, found = theory("error-bars")
    deep, sizes = found["square"][-1], grid["size"]
    assert deep[sizes == 1000] < 1.2 * deep[sizes == 10_000]
    assert found["floor"][-1, 0] > 100


def test_lengths_of_the_lesson_on_spaces_are_as_told():
    one = study("length-scale")
    params = one.presets[0].params.replace(budgets=(200,))
    grid = one.grid(params)
    bits = np.mean([one.trial(params, grid, np.random.default_rng(k))["bits"] for k in (0, 1)], 0)
    by_length = dict(zip(grid["length"], bits[0]))
    assert by_length[1.0] == pytest.approx(1800, rel=0.1)
    assert by_length[6.0] < 100
    assert by_length[10.0] > by_length[6.0]


def test_vacuous_and_coarse_measures_are_said_in_words():
    table = study("difficulty-table")
    assert table.validity(table.preset("quick").params) == ()
    assert "vacuous" in table.validity(table.preset("vacuous").params)[0]
    coarse = " ".join(table.validity(table.preset("coarse").params))
    assert "below 1" in coarse
    drivers = study("difficulty")
    # Digits and MNIST at five times the distance and a hundred times the samples.
    words = drivers.validity(drivers.preset("coarse").params.replace(samples=100.0))
    assert "digits" in words[0]
    assert "ImageNet" not in words[0]


def test_extrapolations_are_marked():
    fit = study("published-estimator")
    params = fit.presets[0].params
    grid = fit.grid(params)
    found = fit.theory(params, grid)
    inside, beyond = np.asarray(found["bits"])[3], np.asarray(found["beyond"])
    assert np.all(np.isinf(inside) != np.isinf(beyond))
    exact = np.asarray(found["bits"])[0]
    assert np.array_equal(np.isinf(beyond), exact <= fit.guides(params)["supported"])
    networks = study("networks")
    assert "extrapolated" in networks.validity(networks.presets[0].params)[0]
    assert "no sample" in networks.validity(networks.preset("short").params)[1]


def test_a_fit_by_moments_finds_the_law_it_was_drawn_from():
    errors = 0.1 * np.random.default_rng(0).noncentral_chisquare(4.0, 20.0, 200_000)
    found = moment_fit(errors)
    # Standard errors by the delta method are about 0.0006, 0.3 and 0.2 here; four of them.
    assert found.scale * (found.dof + found.noncentrality) == pytest.approx(2.4, abs=0.01)
    assert found.nats(1.2) == pytest.approx(
        -np.log(np.mean(errors <= 1.2)), abs=4 / np.sqrt(np.sum(errors <= 1.2))
    )


def test_two_stages_with_many_sweeps_find_the_bits_of_the_linear_model():
    on_train, on_test, exact = linear_model()
    found = two_stage_information(
        on_train, on_test, 0.03, 0.2, np.random.default_rng(0), dimension=15, sweeps=60
    )
    # Six runs scattered by 0.3 bits and were 0.3 too high: a tolerance of seven deviations.
    assert -found.log_probability / np.log(2.0) == pytest.approx(exact, abs=2.5)


def test_the_smallest_distance_of_the_digits():
    # Closest digits of two classes: sqrt(356)/16, from the integer pixels.
    assert smallest_of_all() == pytest.approx(np.sqrt(356) / 16, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("nat", {"n": 2}, "n = 2 is not allowed: it must be a whole number in [5, 300]"),
        ("nat", {"threshold": 0}, "threshold = 0 is not allowed"),
        ("nat", {"threshold": "nan"}, "threshold = nan is not allowed"),
        ("nat", {"test": 0}, "test = 0 is not allowed"),
        ("published-estimator", {"samples": 20}, "samples = 20 is not allowed"),
        ("published-estimator", {"task": "mnist"}, "task = mnist is not allowed: it must be one"),
        ("networks", {"networks": 10}, "networks = 10 is not allowed"),
        ("random-width", {"n": 150, "test": 100, "widest": 300}, "widest = 300 is not allowed"),
        ("measured-dimension", {"neighbours": (1,)}, "neighbours = 1 is not allowed"),
        ("data-constants", {"neighbours": (100,)}, "neighbours = 100 is not allowed"),
        ("difficulty-table", {"classes": 1}, "classes = 1 is not allowed"),
        ("difficulty-table", {"dimension": 0.5}, "dimension = 0.5 is not allowed"),
        ("difficulty-table", {"error": -1}, "error = -1 is not allowed"),
        ("band-limit", {"share": 1.0}, "share = 1.0 is not allowed"),
        ("spheres", {"errors": ()}, "errors = '' is not allowed"),
        ("error-bars", {"levels": (0.5, 2.0)}, "levels = 0.5,2 is not allowed"),
    ],
)
def test_bad_values_are_named_in_python_and_in_the_terminal(name, given, message, capsys):
    with pytest.raises(ParameterError) as refused:
        study(name).Params(**given)
    assert message in str(refused.value)
    words = [f"{key}={_text(value)}" for key, value in given.items()]
    sys.argv = ["sims", "run", f"{FAMILY}/{name}", *(f"--set={word}" for word in words)]
    if not all(word.endswith("=") for word in words):
        with pytest.raises(SystemExit):
            main()
        assert message.split(" is not")[0] in capsys.readouterr().err


def _text(value):
    return ",".join(str(one) for one in value) if isinstance(value, tuple) else str(value)
