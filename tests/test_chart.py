from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree

import altair as alt
import numpy as np
import pytest
import vl_convert
from toys import COIN, WHOLE, Coin, CoinParams

from sims.chart import alt_text, caption, chart, find_view, panels, spec
from sims.chart_rows import of_panel, rows
from sims.runner import run
from sims.study import Axis, Curves, Guide, HeatMap, Measure, Preset, Stack, Study

SIZES, LEVELS, KINDS = np.array([1.0, 10.0, 100.0]), np.array([0.5, 2.0]), np.array(["a", "b", "c"])


class Rich(Study[CoinParams]):
    """Every kind of view, with panels, guides, parametric curves and values no axis can show."""

    name = "toys/rich"
    title = "Rich"
    chapter = "Charts"
    statement = takeaway = "All there is."
    standing = "exact"
    Params = CoinParams
    axes = (
        Axis("size", "size", "n", scale="log", refine=3),
        Axis("level", "level", "δ", scale="log"),
        Axis("kind", "kind"),
    )
    measures = (
        Measure("error", "error", ("level", "size", "kind"), "E"),
        Measure("cost", "cost", ("size",), "C", "s"),
        Measure("part", "part", ("size",)),
        Measure("rest", "rest", ("size",)),
        Measure("middle", "middle", ("size",)),
        Measure("swept", "swept", ("size", "level", "kind")),
    )
    views = (
        Curves(
            "lines",
            "Error against size",
            "size",
            ("error", "cost"),
            colour="level",
            panel="kind",
            dashed=("cost",),
            guides=(Guide("edge", "x", "n = 10"), Guide("floor", "y", "floor")),
        ),
        Curves("two", "Two measures", "size", ("part", "rest"), y_title="parts"),
        Curves("scrub", "Scrubbed", "size", ("swept",), colour="kind", scrub="level"),
        Curves("track", "Error against cost", "cost", ("part",), points=("cost", "rest")),
        HeatMap("map", "Map", "size", "level", "error", panel="kind"),
        HeatMap("bordered", "Bordered", "size", "level", "error", panel="kind", border="middle"),
        Stack("stack", "Parts", "size", ("part", "rest"), total="cost", y_title="parts"),
        Curves(
            "names",
            "Error in bars with names",
            "kind",
            ("error",),
            colour="level",
            panel="size",
            y_scale="linear",
            bars=True,
            guides=(Guide("floor", "y", "floor"),),
        ),
        Curves(
            "bars",
            "Error in bars",
            "level",
            ("error",),
            colour="kind",
            panel="size",
            y_scale="linear",
            bars=True,
            guides=(Guide("floor", "y", "floor"),),
        ),
    )
    presets = (Preset("quick", "Quick", CoinParams()),)

    def grid(self, params):
        return {"size": SIZES, "level": LEVELS, "kind": KINDS}

    def theory(self, params, grid):
        size, level = grid["size"], grid["level"]
        error = params.claim * level[:, None, None] / size[None, :, None] * np.arange(1.0, 4.0)
        error[0, -1, 0], error[1, 0, 1] = math.inf, 0.0
        return {
            "error": error,
            "cost": size.copy(),
            "part": 1 / size,
            "rest": 1 - 1 / size,
            "middle": np.sqrt(size / 10),
            "swept": size[:, None, None] ** level[:, None] * np.arange(1.0, 4.0),
        }

    def trial(self, params, grid, rng):
        scatter = rng.normal(size=(2, 3, 3))
        return {"error": scatter, "cost": rng.normal(1, 0.1, 3), "rest": rng.exponential(size=3)}

    def guides(self, params):
        return {"edge": 10.0, "floor": 0.01, "unused": 5.0}


RICH = Rich()


@pytest.fixture(scope="module")
def coin():
    return run(COIN, {"p": 0.25}, trials=30)


@pytest.fixture(scope="module")
def rich():
    return rich_result(4)


def rich_result(trials):
    return run(RICH, trials=trials)


def where(table, **words):
    """Return the rows of a table whose columns say these words."""
    chosen = np.ones(table["role"].size, dtype=bool)
    for column, word in words.items():
        chosen &= table[column] == word
    return {name: values[chosen] for name, values in table.items()}


ALL_VIEWS = [(COIN, view) for view in COIN.views] + [(RICH, view) for view in RICH.views]
NAMES = [f"{study.name}-{view.name}" for study, view in ALL_VIEWS]


@pytest.fixture(scope="module", params=[0, 1, 4], ids=["theory", "one trial", "trials"])
def evidence(request):
    trials = request.param
    return {COIN: run(COIN, {"p": 0.25}, trials=trials), RICH: rich_result(trials)}


# --- the specification depends on the declaration, not on the numbers ---


@pytest.mark.parametrize(("study", "view"), ALL_VIEWS, ids=NAMES)
def test_a_specification_holds_no_data(evidence, study, view):
    shape = spec(evidence[study], view)
    assert "datasets" not in shape
    assert {json.dumps(layer.get("data", {"name": "rows"})) for layer in shape["layer"]} == {
        '{"name": "rows"}'
    }
    assert "values" not in json.dumps(shape["layer"])


@pytest.mark.parametrize("name", ["curve", "stack"])
def test_a_moved_slider_keeps_the_specification(name):
    view = find_view(COIN, name)
    one = run(COIN, {"p": 0.25}, trials=0)
    other = run(COIN, {"p": 0.5, "claim": 3, "throws": "2, 20"}, trials=5)
    assert spec(one, view) == spec(other, view)
    assert rows(one, view)["y"].tolist() != rows(other, view)["y"].tolist()


def test_more_trials_keep_the_specification_of_a_map():
    view = find_view(COIN, "map")
    assert spec(run(COIN, trials=1), view) == spec(run(COIN, trials=9), view)


def test_other_labels_make_another_legend(rich):
    view = RICH.views[0]
    domain = find_scale(spec(rich, view), "series")["domain"]
    assert domain == ["0.5", "2"]


def find_scale(shape, field):
    for layer in shape["layer"]:
        for encoding in layer["encoding"].values():
            if isinstance(encoding, dict) and encoding.get("field") == field:
                return encoding["scale"]
    raise AssertionError(field)


def test_a_specification_is_shared_and_drawing_leaves_it_alone(coin):
    view = COIN.views[0]
    shape = spec(coin, view)
    before = json.dumps(shape)
    chart(coin, view.name)
    assert spec(coin, view) is shape
    assert json.dumps(shape) == before


def test_dark_and_light_differ_in_colours_alone(coin):
    light, dark = (spec(coin, COIN.views[0], dark=dark) for dark in (False, True))
    assert light["config"]["axis"]["labelColor"] != dark["config"]["axis"]["labelColor"]
    assert find_scale(light, "series")["domain"] == find_scale(dark, "series")["domain"]
    assert find_scale(light, "series")["range"] != find_scale(dark, "series")["range"]
    assert light["config"]["background"] == dark["config"]["background"] == "transparent"
    assert coin.chart().to_dict()["config"]["background"] == "white"
    assert coin.chart(dark=True).to_dict()["config"]["background"] == "transparent"


def test_titles_come_from_the_declarations(rich):
    encoding = spec(rich, RICH.views[0])["layer"][1]["encoding"]
    assert (encoding["x"]["title"], encoding["y"]["title"]) == ("size n", "error E")
    assert encoding["color"]["legend"]["title"] == "level δ"
    assert spec(rich, RICH.views[1])["layer"][1]["encoding"]["y"]["title"] == "parts"
    assert (
        spec(rich, find_view(RICH, "track"))["layer"][1]["encoding"]["x"]["title"] == "cost C (s)"
    )
    assert spec(rich, find_view(RICH, "map"))["layer"][0]["encoding"]["color"]["title"] == "error E"


def test_a_view_that_names_nothing_is_refused(coin):
    lost = Curves("lost", "Lost", "width", ("squared",))
    with pytest.raises(ValueError, match=r"toys/coin declares neither .* called 'width'"):
        spec(coin, lost)
    with pytest.raises(ValueError, match="view = 'plan' is not allowed: toys/coin has curve, map"):
        find_view(COIN, "plan")
    assert find_view(COIN, None) is COIN.views[0]


# --- the rows are the result's numbers ---


def test_lines_and_points_are_the_results_arrays(coin):
    table = rows(coin, COIN.views[0])
    _, fine = coin.along("throws")
    lines = where(table, role="theory")
    assert lines["y"].tobytes() == fine["squared"].ravel().tobytes()
    points = where(table, role="simulation")
    for column, arrays in (("y", coin.mean), ("high", coin.high), ("theory", coin.theory)):
        assert points[column].tobytes() == arrays["squared"].ravel().tobytes()
    assert np.all(points["low"] > 0)
    kept = coin.low["squared"].ravel() > 0
    assert points["low"][kept].tobytes() == coin.low["squared"].ravel()[kept].tobytes()
    np.testing.assert_allclose(points["low"][~kept], points["y"][~kept] / 10)
    assert set(points["trials"]) == {30}
    assert points["x"].tolist() == [1, 10, 100] * 2
    assert points["series"].tolist() == ["0"] * 3 + ["1"] * 3
    bound = where(table, role="reference")
    assert bound["y"].tobytes() == fine["bound"].tobytes()
    assert set(bound["group"]) == {"bound/largest possible"}


@pytest.mark.parametrize(("study", "view"), ALL_VIEWS, ids=NAMES)
def test_every_row_belongs_to_one_panel(evidence, study, view):
    result = evidence[study]
    table = rows(result, view)
    assert len({column.size for column in table.values()}) == 1
    names = panels(result, view)
    assert set(table["panel"]) <= set(names)
    parts = [of_panel(table, name) for name in names]
    assert sum(part["role"].size for part in parts) == table["role"].size
    assert all("panel" not in part and part["role"].size for part in parts)


def test_panels_split_the_measure_that_has_their_axis(rich):
    table = rows(rich, RICH.views[0])
    assert panels(rich, RICH.views[0]) == ["a", "b", "c"]
    for index, kind in enumerate("abc"):
        points = where(of_panel(table, kind), role="simulation", measure="error")
        mean = rich.mean["error"][:, :, index].ravel()
        shown = np.where(mean > 0, mean, np.nan)
        np.testing.assert_array_equal(points["y"], shown)
        assert points["x"].tolist() == [1, 10, 100] * 2
        cost = where(of_panel(table, kind), role="reference")
        np.testing.assert_array_equal(cost["y"], rich.along("size")[1]["cost"])
        paid = where(of_panel(table, kind), role="simulation", measure="cost")
        np.testing.assert_array_equal(paid["y"], rich.mean["cost"])
        np.testing.assert_array_equal(paid["high"], rich.high["cost"])


@pytest.mark.parametrize(("study", "view"), ALL_VIEWS, ids=NAMES)
def test_axes_receive_only_what_they_can_show(evidence, study, view):
    """Infinity is a gap everywhere; zero and below are gaps on a logarithmic axis."""
    table = rows(evidence[study], view)
    y_scale = "linear" if isinstance(view, Stack) else view.y_scale
    for columns, scale in ((("x", "x2"), view.x_scale), (("y", "y2", "low", "high"), y_scale)):
        for name in columns:
            values = table.get(name, np.array([]))
            if values.dtype == object:  # names stand on no scale
                continue
            shown = values[~np.isnan(values)]
            assert np.isfinite(shown).all()
            assert scale == "linear" or np.all(shown > 0)


def test_infinity_is_a_gap(rich):
    table = rows(rich, RICH.views[0])
    lines = where(table, role="theory", panel="a", series="0.5")
    gap = np.isnan(lines["y"])
    assert gap[lines["x"] == 100].all()
    assert not gap[lines["x"] < 50].any()
    cells = where(rows(rich, find_view(RICH, "map")), panel="a, theory")
    assert np.isnan(cells["value"]).sum() == 1


def test_one_trial_is_drawn_without_an_interval():
    for result, view in ((run(COIN, trials=1), COIN.views[0]), (rich_result(1), RICH.views[0])):
        points = where(rows(result, view), role="simulation")
        assert np.isnan(points["low"]).all()
        assert np.isnan(points["high"]).all()


def test_values_that_read_alike_are_told_apart():
    """Two curves under one label would be drawn as one zigzag."""

    class Close(Coin):
        def grid(self, params):
            return {**super().grid(params), "side": np.array([1.0, 1.0001])}

    result = run(Close(), trials=0)
    domain = find_scale(spec(result, COIN.views[0]), "series")["domain"]
    assert len(set(domain)) == 2
    lines = where(rows(result, COIN.views[0]), role="theory")
    assert list(dict.fromkeys(lines["series"])) == domain
    assert len(set(lines["group"])) == 2


def test_a_slider_inside_the_chart_shows_one_curve_at_a_time(rich):
    view = find_view(RICH, "scrub")
    table = rows(rich, view)
    grid, theory = rich.along("size")
    for place, level in enumerate(LEVELS):
        lines = {name: column[table["place"] == place] for name, column in table.items()}
        assert set(lines["place_label"]) == {f"δ = {level:g}"}
        for index, kind in enumerate(KINDS):
            line = where(lines, series=kind)
            order = np.argsort(line["order"])
            np.testing.assert_array_equal(line["x"][order], grid["size"])
            np.testing.assert_array_equal(line["y"][order], theory["swept"][:, place, index])
        assert (lines["order"] == 0).any()  # where the label stands
    shape = spec(rich, view)
    (slide,) = [param for param in shape["params"] if param["name"] == "place"]
    assert (slide["bind"]["min"], slide["bind"]["max"], slide["value"]) == (0, 1, 1)
    low, high = find_scale(shape, "y")["domain"]
    assert low < theory["swept"].min()
    assert high > theory["swept"].max()


def test_a_parametric_curve_runs_along_a_measure(rich):
    table = rows(rich, find_view(RICH, "track"))
    lines, points = where(table, role="theory"), where(table, role="simulation")
    _, fine = rich.along("size")
    np.testing.assert_array_equal(lines["x"], fine["cost"])
    np.testing.assert_array_equal(lines["y"], fine["part"])
    np.testing.assert_array_equal(points["x"], rich.mean["cost"])
    np.testing.assert_array_equal(points["y"], rich.mean["rest"])


def test_a_stack_piles_parts_to_the_whole(rich):
    table = rows(rich, find_view(RICH, "stack"))
    part, rest = (where(table, role="theory", measure=name) for name in ("part", "rest"))
    assert set(part["low"]) == {0}
    np.testing.assert_array_equal(rest["low"], part["high"])
    np.testing.assert_allclose(rest["high"], 1, rtol=1e-12)
    total = where(table, role="simulation")
    np.testing.assert_array_equal(total["y"], rich.mean["cost"])


def test_guides_stand_in_every_panel(rich):
    guides = where(rows(rich, RICH.views[0]), role="guide")
    assert sorted(zip(guides["panel"], guides["guide"])) == [
        (panel, guide) for panel in "abc" for guide in ("edge", "floor")
    ]
    for guide, x, y in zip(guides["guide"], guides["x"], guides["y"]):
        assert (x == 10, y == 0.01) == (guide == "edge", guide == "floor")


# --- heat maps ---


@pytest.mark.parametrize("sizes", [(1, 10, 100), (3, 4), (7,)])
def test_cells_of_a_map_touch_and_hold_their_value(sizes):
    result = run(COIN, {"throws": sizes}, trials=2)
    cells = where(rows(result, find_view(COIN, "map")), role="theory")
    n = len(sizes)
    x, x2 = cells["x"].reshape(2, n), cells["x2"].reshape(2, n)
    y, y2 = cells["y"].reshape(2, n), cells["y2"].reshape(2, n)
    np.testing.assert_array_equal(cells["value"], result.theory["squared"].ravel())
    np.testing.assert_array_equal(x[:, 1:], x2[:, :-1])
    np.testing.assert_array_equal(y[1], y2[0])
    assert np.all((x < sizes) & (x2 > sizes))
    np.testing.assert_allclose(np.sqrt(x[0, 1:-1] * x2[0, 1:-1]), sizes[1:-1])
    assert y[:, 0].tolist() == [-0.5, 0.5]
    assert cells["at_x"].tolist() == [*sizes, *sizes]


def test_theory_and_simulation_share_the_scale_of_colours(coin):
    view = find_view(COIN, "map")
    assert panels(coin, view) == ["theory", "simulation"]
    assert panels(run(COIN, trials=0), view) == ["theory"]
    domain = find_scale(spec(coin, view), "value")["domain"]
    assert domain == [coin.theory["squared"].min(), coin.theory["squared"].max()]


def test_the_colours_of_a_map_leave_out_what_they_cannot_show(rich):
    domain = find_scale(spec(rich, find_view(RICH, "map")), "value")["domain"]
    theory = rich.theory["error"]
    assert domain == [theory[theory > 0].min(), theory[np.isfinite(theory)].max()]


def test_a_border_is_a_line_across_the_theory(rich):
    line = where(rows(rich, find_view(RICH, "bordered")), role="reference")
    assert set(line["panel"]) == {"a, theory"}
    inside = (rich.theory["middle"] >= 0.25) & (rich.theory["middle"] <= 4)
    np.testing.assert_array_equal(line["at_x"], SIZES)
    np.testing.assert_array_equal(line["at_y"], np.where(inside, rich.theory["middle"], np.nan))


# --- everything compiles ---


def marks(svg, kind):
    """Return the elements that a compiled chart draws for a kind of mark."""
    root = ElementTree.fromstring(svg)
    found = []
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        name = group.get("class", "")
        if name.startswith(f"mark-{kind} role-mark"):
            found += [path for path in group if path.get("d") or path.get("x2") or path.get("y2")]
    return found


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("study", "view"), ALL_VIEWS, ids=NAMES)
def test_every_view_compiles(coin, rich, study, view):
    result = coin if study is COIN else rich
    svg = vl_convert.vegalite_to_svg(chart(result, view.name).to_dict())
    text = "".join(ElementTree.fromstring(svg).itertext())
    assert view.title in text
    assert "NaN" not in svg
    assert "undefined" not in svg


def test_a_compiled_chart_draws_every_point_and_line(coin):
    svg = vl_convert.vegalite_to_svg(chart(coin, "curve", dark=True).to_dict())
    assert len(marks(svg, "symbol")) == 6
    assert len(marks(svg, "line")) == 2 + 1
    assert len(marks(svg, "rule")) == 6
    svg = vl_convert.vegalite_to_svg(chart(coin, "map").to_dict())
    assert len(marks(svg, "rect")) == 2 * 6


def test_bars_stand_from_zero_side_by_side(rich):
    table = rows(rich, next(view for view in RICH.views if view.name == "bars"))
    drawn = np.isfinite(where(table, role="theory")["y"]).sum()
    svg = vl_convert.vegalite_to_svg(chart(rich, "bars").to_dict())
    bars = [path for path in marks(svg, "rect") if path.get("aria-roledescription") == "bar"]
    assert len(bars) == drawn == 2 * 3 * 3 - 1  # one error is infinite: a gap
    assert len(marks(svg, "symbol")) == 2 * 3 * 3
    pinned = chart(rich, "bars", pins=[rich])
    assert len(marks(vl_convert.vegalite_to_svg(pinned.to_dict()), "rect")) == 2 * drawn


@pytest.mark.parametrize("name", ["curve", "map", "stack"])
def test_theory_alone_compiles(name):
    svg = vl_convert.vegalite_to_svg(chart(run(COIN, trials=0), name).to_dict())
    assert len(marks(svg, "symbol")) == 0
    assert len(marks(svg, "line")) + len(marks(svg, "rect")) + len(marks(svg, "area")) > 0


def test_one_trial_draws_no_bars():
    svg = vl_convert.vegalite_to_svg(chart(run(COIN, trials=1), "curve").to_dict())
    assert len(marks(svg, "symbol")) == 6
    assert len(marks(svg, "rule")) == 0


def test_a_chart_is_a_chart(coin):
    assert isinstance(coin.chart(), alt.TopLevelMixin)
    whole = coin.chart("map", dark=True).to_dict()
    assert whole["title"] == "Scatter as a map"
    assert [part["title"] for part in whole["concat"]] == ["theory", "simulation"]
    assert whole["config"]["background"] == "transparent"
    with pytest.raises(ValueError, match="view = 'plan' is not allowed"):
        coin.chart("plan")


@pytest.mark.parametrize("count", [1, 2, 7, 8, 12])
def test_many_curves_keep_their_own_colours(count):
    class Many(Coin):
        def grid(self, params):
            return {**super().grid(params), "side": np.arange(float(count))}

        def theory(self, params, grid):
            one = super().theory(params, grid)
            return {**one, "squared": np.repeat(one["squared"][:1], count, axis=0)}

    shape = spec(run(Many(), trials=0), COIN.views[0])
    scale = find_scale(shape, "series")
    assert len(set(scale["range"])) == len(scale["domain"]) == count
    assert "stroke" not in json.dumps(shape["layer"][3]["encoding"]["shape"])  # no area: unseen


# --- words ---


def test_captions_say_what_the_marks_are(coin):
    curve, map_, stack = COIN.views
    assert caption(coin, curve) == "Lines: theory. Points: mean of 30 trials, with 95 % interval."
    assert "mean of 1 trial," in caption(run(COIN, trials=1), curve)
    assert caption(coin, map_) == "Colour: the measure's value; theory beside simulation."
    assert caption(coin, stack).startswith("Areas: theory's parts.")
    assert "no experiment" in caption(run(WHOLE), curve)
    assert "on their way" in caption(run(COIN, trials=0), curve)


def test_a_chart_can_be_told(coin):
    words = alt_text(coin, COIN.views[0])
    assert words == ("Heads in a row of throws: Scatter against throws. More throws, less scatter.")
