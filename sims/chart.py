"""The chart grammar: a result and a declared view become a Vega-Lite chart.

A chart's shape (its `spec`) depends on the declaration and the legend's labels alone and is
built once; its rows are a table. So a moved slider costs a table, not a chart.
"""

from __future__ import annotations

import json
import warnings
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import altair as alt
from altair.utils.schemapi import debug_mode

from sims.chart_rows import (
    PIN_NAMES,
    PINNED,
    PINNED_POINT,
    REFERENCE,
    SIMULATION,
    THEORY,
    fixed_domains,
    heat_panel,
    labels,
    of_panel,
    panel_title,
    rows,
)
from sims.study import Axis, Curves, HeatMap, Measure, Stack, Study, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sims.params import Scale
    from sims.result import Result

# Okabe and Ito's colour-blind-safe set, ordered for contrast on each ground.
LIGHT = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A7A7A")
DARK = ("#56B4E9", "#E69F00", "#2CC79B", "#E39BC4", "#F0E442", "#FF8A4C", "#A8A8A8")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
DASHES = ([1, 0], [2, 3], [7, 3], [7, 3, 2, 3])
PIN_DASHES = ([5, 3], [2, 2], [9, 3, 2, 3], [12, 4])
FONT = "DejaVu Sans"


def find_view(study: Study[Any], name: str | View | None) -> View:
    """Return a view by name, the first when it is None; a view (of other scales, say) as it is.

    Raises
    ------
    ValueError
        When the study has no such view.
    """
    if name is None:
        return study.views[0]
    if not isinstance(name, str):
        return name
    for view in study.views:
        if view.name == name:
            return view
    known = ", ".join(view.name for view in study.views)
    raise ValueError(f"view = {name!r} is not allowed: {study.name} has {known}")


def panels(result: Result, view: View) -> list[str]:
    """Return the panels of a view, in order; one empty name where there is but one."""
    names = labels(result, view.panel)
    if not isinstance(view, HeatMap):
        return names
    roles = [THEORY] + ([SIMULATION] if view.measure in result.mean else [])
    return [heat_panel(role, name) for name in names for role in roles]


def with_scales(view: View, x_scale: Scale | None, y_scale: Scale | None) -> View:
    """Return a view on other scales; None leaves an axis as it is declared."""
    if isinstance(view, Stack):  # parts that are piled up need a linear scale
        return replace(view, x_scale=x_scale or view.x_scale)
    return replace(view, x_scale=x_scale or view.x_scale, y_scale=y_scale or view.y_scale)


def spec(
    result: Result,
    view: View,
    *,
    dark: bool = False,
    height: int = 400,
    pins: Sequence[Result] = (),
) -> dict[str, Any]:
    """Return the Vega-Lite specification of one panel, without data, on a transparent ground.

    The data are `rows`, restricted to the panel, those of `pins` among them. The same
    declaration and labels give the very same specification (shared: copy it before changing
    it), so that a browser keeps the chart and only exchanges its data.
    """
    series = tuple(labels(result, view.colour)) if isinstance(view, Curves) else ()
    domains = fixed_domains(result, view)
    places = tuple(labels(result, view.scrub)) if isinstance(view, Curves) else ()
    pinned = len(pins) if isinstance(view, Curves) else 0
    return _spec(result.study, view, series, domains, len(places), dark, height, pinned)


def chart(
    result: Result,
    name: str | View | None = None,
    *,
    dark: bool = False,
    pins: Sequence[Result] = (),
) -> alt.TopLevelMixin:
    """Return a view as a self-contained Altair chart, all panels side by side.

    Parameters
    ----------
    result : Result
    name : str or View, optional
        One of the study's views; the first by default.
    dark : bool
        Ink for a dark ground, and no ground of its own.
    pins : sequence of Result
        Earlier results of the same study, drawn faded behind this one.
    """
    import pandas as pd

    view = find_view(result.study, name)
    table = rows(result, view, pins)
    parts = []
    for index, panel in enumerate(panels(result, view)):
        height = 300 if panel else 380
        shape = _renamed(spec(result, view, dark=dark, height=height, pins=pins), str(index))
        config = shape["config"]
        part = alt.LayerChart.from_dict(
            {name: entry for name, entry in shape.items() if name not in ("$schema", "config")}
        ).properties(width=420 if panel else 620)
        if panel:
            part = part.properties(title=panel_title(result.study, view.panel, panel))
        part.data = pd.DataFrame(of_panel(table, panel))
        parts.append(part)
    with warnings.catch_warnings():
        # One legend's selection for all panels is what is meant.
        warnings.filterwarnings("ignore", message="Automatically deduplicated selection")
        whole = parts[0] if len(parts) == 1 else alt.concat(*parts, columns=2)
    ground = {} if dark else {"background": "white"}
    return whole.properties(title=view.title, config={**config, **ground})


def _renamed(shape: dict[str, Any], suffix: str) -> dict[str, Any]:
    """Return a copy whose layers have names of their own: in one picture names must differ."""
    copy = deepcopy(shape)
    for layer in copy["layer"]:
        if "name" in layer:
            layer["name"] += f"_{suffix}"
    for param in copy.get("params", ()):
        if "views" in param:
            param["views"] = [f"{name}_{suffix}" for name in param["views"]]
    return copy


def caption(result: Result, view: View) -> str:
    """Say in one sentence what the marks are."""
    if isinstance(view, HeatMap):
        return "Colour: the measure's value; theory beside simulation."
    lines = "Areas: theory's parts." if isinstance(view, Stack) else "Lines: theory."
    if isinstance(view, Curves) and view.bars:
        lines = "Bars: theory."
    if not result.study.has_trials:
        return f"{lines} This study has no experiment: it compares formulas."
    if not result.mean:
        return f"{lines} The first points are on their way."
    trials = f"{result.trials} trial" + ("s" if result.trials != 1 else "")
    return f"{lines} Points: {_centre(result, view)} of {trials}, with 95 % interval."


_CENTRES = {"mean": "mean", "median": "median", "log-mean": "geometric mean"}


def _centre(result: Result, view: Curves | Stack) -> str:
    """Name how the points of a view summarise trials."""
    names = (view.total,) if isinstance(view, Stack) else (*view.measures, *(view.points or ()))
    kinds = [result.study.measure(name).summary for name in names if name in result.mean]
    return " or ".join(_CENTRES[kind] for kind in dict.fromkeys(kinds)) or "mean"


def alt_text(result: Result, view: View) -> str:
    """Describe a chart to somebody who does not see it."""
    return f"{result.study.title}: {view.title}. {result.study.takeaway}"


@lru_cache(maxsize=256)
def _spec(
    study: Study[Any],
    view: View,
    series: tuple[str, ...],
    domains: tuple[tuple[float, float], ...],
    places: int,
    dark: bool,
    height: int,
    pinned: int,
) -> dict[str, Any]:
    with debug_mode(False):  # Altair's validation is left to the tests: it takes half the time
        if isinstance(view, Curves) and view.bars:
            layers = _bar_layers(study, view, series, dark, pinned)
        elif isinstance(view, Curves):
            layers = _curve_layers(study, view, series, places, domains, dark, pinned)
        elif isinstance(view, HeatMap):
            layers = _heat_layers(study, view, *domains)
        else:
            layers = _stack_layers(study, view, dark)
        layered = alt.layer(*layers).properties(height=height, width="container")
        shape: dict[str, Any] = layered.to_dict(validate=False)
    shape.pop("data")
    shape["config"] = _config(dark)
    return shape


def _config(dark: bool) -> dict[str, Any]:
    ink, faint = ("#E6E6E6", "#3A3F4B") if dark else ("#262730", "#E3E6EA")
    text = {"labelColor": ink, "titleColor": ink, "labelFontSize": 12, "titleFontSize": 13}
    return {
        "font": FONT,
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontWeight": "normal",
            "gridColor": faint,
            "domainColor": ink,
            "tickColor": ink,
            "titlePadding": 8,
        },
        "axisQuantitative": {"tickCount": 6},
        "legend": {
            **text,
            "titleFontWeight": "normal",
            "orient": "top",
            "symbolSize": 90,
            "symbolOpacity": 1,
        },
        "title": {"color": ink, "fontWeight": "normal", "anchor": "start", "fontSize": 14},
    }


def _curve_layers(
    study: Study[Any],
    view: Curves,
    series: tuple[str, ...],
    places: int,
    domains: tuple[tuple[float, float], ...],
    dark: bool,
    pinned: int,
) -> list[alt.Chart]:
    x_range, y_range = domains or (view.x_range, view.y_range)
    base = alt.Chart(alt.NamedData("rows"))
    scrubbed = _scrubber(study, view, places)
    at_place = "datum.place == null || !isValid(datum.place)"
    if scrubbed is not None:
        at_place += f" || datum.place == {scrubbed.name}"
    x = alt.X("x:Q", title=_title(study, view.x), scale=_scale(view.x_scale, x_range))
    y = alt.Y("y:Q", title=_vertical_title(study, view), scale=_scale(view.y_scale, y_range))
    shown = alt.selection_point(fields=["series"], bind="legend", name="shown")
    colour, shape = _series_encodings(study, view, series, dark)
    opacity = alt.condition(shown, alt.value(1.0), alt.value(0.08))
    dash = _dash(study, view)
    tips = [
        alt.Tooltip("measure:N", title="measure"),
        alt.Tooltip("series:N", title=_title(study, view.colour) if view.colour else "series"),
        alt.Tooltip("x:Q", title=_title(study, view.x), format=".4g"),
    ]
    seen = [
        alt.Tooltip("y:Q", title="simulated", format=".4g"),
        alt.Tooltip("low:Q", title="95 % from", format=".4g"),
        alt.Tooltip("high:Q", title="95 % to", format=".4g"),
        alt.Tooltip("theory:Q", title="theory", format=".4g"),
        alt.Tooltip("trials:Q", title="trials"),
    ]
    line = alt.Tooltip("y:Q", title="theory", format=".4g")
    lines = (
        base.transform_filter(alt.datum.role == THEORY)
        .transform_filter(at_place)
        .mark_line(strokeWidth=2.2, clip=True)
        .encode(
            x=x,
            y=y,
            color=colour,
            strokeDash=dash,
            opacity=opacity,
            detail=alt.Detail("group:N"),
            tooltip=[*tips, line],
            order=alt.Order("order:Q"),
        )
        .add_params(shown, _zoom(), *([scrubbed] if scrubbed is not None else []))
    )
    references = (
        base.transform_filter(alt.datum.role == REFERENCE)
        .mark_line(strokeWidth=2, strokeDash=[6, 4], clip=True)
        .encode(
            x=x,
            y=y,
            color=alt.value("#B5B5B5" if dark else "#6B6B6B"),
            detail=alt.Detail("group:N"),
            tooltip=[*tips, line],
            order=alt.Order("order:Q"),
        )
    )
    evidence = base.transform_filter(alt.datum.role == SIMULATION)
    bars = evidence.mark_rule(aria=False, strokeWidth=2, clip=True).encode(
        x=x,
        y=alt.Y("low:Q"),
        y2=alt.Y2("high:Q"),
        color=colour,
        opacity=alt.condition(shown, alt.value(0.45), alt.value(0.05)),
    )
    points = evidence.mark_point(
        aria=False, filled=True, size=48, clip=view.y_range is not None
    ).encode(x=x, y=y, color=colour, shape=shape, opacity=opacity, tooltip=[*tips, *seen])
    behind = _pinned_layers(base, x, y, series, colour, pinned, dark) if pinned else []
    layers = [*behind, bars, lines, references, points, *_guide_layers(base, view, x, y, dark)]
    if scrubbed is not None:
        layers.append(_place_label(base, at_place, dark))
    return layers


def _bar_layers(
    study: Study[Any], view: Curves, series: tuple[str, ...], dark: bool, pinned: int
) -> list[alt.Chart]:
    """Draw theory as bars side by side, evidence as points on them, what is pinned as ticks."""
    base = alt.Chart(alt.NamedData("rows"))
    axis = alt.Axis(labelAngle=0, labelOverlap=True, grid=False, labelLimit=90)
    x = alt.X("x:O", title=_title(study, view.x), axis=axis, sort=None)
    y_scale = _scale(view.y_scale, view.y_range).to_dict() | {"zero": view.y_scale == "linear"}
    y = alt.Y("y:Q", title=_vertical_title(study, view), scale=alt.Scale(**y_scale))
    offset = alt.XOffset("series:N", sort=list(series)) if view.colour else alt.Undefined
    shown = alt.selection_point(fields=["series"], bind="legend", name="shown")
    colour, shape = _series_encodings(study, view, series, dark)
    opacity = alt.condition(shown, alt.value(0.9), alt.value(0.08))
    place: dict[str, Any] = {"x": x, "xOffset": offset}
    tips = [
        alt.Tooltip("series:N", title=_title(study, view.colour) if view.colour else "series"),
        alt.Tooltip("x:O", title=_title(study, view.x)),
        alt.Tooltip("y:Q", title="value", format=".4g"),
    ]
    theory = base.transform_filter((alt.datum.role == THEORY) | (alt.datum.role == REFERENCE))
    bars = theory.mark_bar(clip=True).encode(
        **place, y=y, color=colour, opacity=opacity, tooltip=tips
    )
    ink = "#E6E6E6" if dark else "#262730"
    evidence = base.transform_filter(alt.datum.role == SIMULATION)
    whiskers = evidence.mark_rule(aria=False, strokeWidth=1.5, color=ink).encode(
        **place, y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
    )
    points = evidence.mark_point(aria=False, filled=True, size=40, color=ink).encode(
        **place, y=y, shape=shape, tooltip=tips
    )
    ticks = base.transform_filter(alt.datum.role == PINNED).mark_tick(
        aria=False, thickness=2, color=ink, opacity=0.6
    )
    behind = [ticks.encode(**place, y=y, tooltip=tips)] if pinned else []
    return [
        bars.add_params(shown),
        *behind,
        whiskers,
        points,
        *_guide_layers(base, view, x, y, dark),
    ]


def _zoom() -> alt.Parameter:
    """Drag to move the axes, Shift and the wheel to zoom, double click to reset.

    The wheel alone stays with the page: a reader who scrolls past a chart must not be caught.
    """
    return alt.selection_interval(
        bind="scales", name="zoom", zoom="wheel![event.shiftKey]", clear="dblclick"
    )


def _pinned_layers(
    base: alt.Chart,
    x: alt.X,
    y: alt.Y,
    series: tuple[str, ...],
    colour: Any,
    count: int,
    dark: bool,
) -> list[alt.Chart]:
    """Draw what is pinned faded: in its series' colour where this result has that series too."""
    pinned = base.transform_filter(alt.datum.role == PINNED)
    grey = alt.value("#9AA0A6" if dark else "#8A8F98")
    known = f"indexof({json.dumps(list(series))}, datum.series) >= 0"
    ink = alt.condition(known, colour, grey) if isinstance(colour, alt.Color) else grey
    dash = alt.StrokeDash(
        "pin:N",
        legend=alt.Legend(title="pinned"),
        scale=alt.Scale(domain=list(PIN_NAMES[:count]), range=PIN_DASHES[:count]),
    )
    tips = [
        alt.Tooltip("pin:N", title="pinned"),
        alt.Tooltip("series:N", title="series"),
        alt.Tooltip("x:Q", format=".4g"),
        alt.Tooltip("y:Q", format=".4g"),
    ]
    lines = pinned.mark_line(strokeWidth=1.6, opacity=0.5, clip=True).encode(
        x=x,
        y=y,
        color=ink,
        strokeDash=dash,
        detail=alt.Detail("group:N"),
        order=alt.Order("order:Q"),
        tooltip=tips,
    )
    points = (
        base.transform_filter(alt.datum.role == PINNED_POINT)
        .mark_point(aria=False, size=26, opacity=0.5, clip=True)
        .encode(x=x, y=y, color=ink, tooltip=tips)
    )
    return [lines, points]


def _scrubber(study: Study[Any], view: Curves, places: int) -> alt.Parameter | None:
    """Return a slider inside the chart, over curves that are all there already."""
    if view.scrub is None:
        return None
    slide = alt.binding_range(min=0, max=places - 1, step=1, name=f"{_title(study, view.scrub)} ")
    return alt.param(name="place", value=places // 2, bind=slide)


def _place_label(base: alt.Chart, at_place: str, dark: bool) -> alt.Chart:
    first = base.transform_filter((alt.datum.role == THEORY) & (alt.datum.order == 0))
    text = first.transform_filter(at_place).mark_text(
        aria=False, align="right", fontSize=14, color="#E6E6E6" if dark else "#262730"
    )
    label: alt.Chart = text.encode(
        x=alt.value("width"), y=alt.value(10), text=alt.Text("place_label:N")
    )
    return label


def _series_encodings(
    study: Study[Any], view: Curves, series: tuple[str, ...], dark: bool
) -> tuple[Any, Any]:
    palette = _palette(len(series), dark)
    if view.colour is None:
        return alt.value(palette[0]), alt.value(SHAPES[0])
    columns = 3 if view.panel else 6  # panels stand two by two, half as wide
    legend = alt.Legend(title=_title(study, view.colour), columns=columns)
    domain = list(series)
    colours = alt.Scale(domain=domain, range=palette)
    shapes = alt.Scale(domain=domain, range=[SHAPES[i % len(SHAPES)] for i in range(len(series))])
    return (
        alt.Color("series:N", scale=colours, legend=legend, sort=None),
        alt.Shape("series:N", scale=shapes, legend=legend, sort=None),
    )


def _dash(study: Study[Any], view: Curves) -> Any:
    drawn = [name for name in view.measures if name not in view.dashed]
    if len(drawn) < 2:
        return alt.value([1, 0])
    titles = [study.measure(name).title for name in drawn]
    scale = alt.Scale(domain=titles, range=[DASHES[i % len(DASHES)] for i in range(len(titles))])
    return alt.StrokeDash("measure:N", scale=scale, legend=alt.Legend(title=None))


def _guide_layers(
    base: alt.Chart, view: Curves | Stack, x: alt.X, y: alt.Y, dark: bool
) -> list[alt.Chart]:
    ink = "#C8C8C8" if dark else "#555555"
    layers = []
    for guide in view.guides:
        at = base.transform_filter(alt.datum.guide == guide.name)
        channels: dict[str, Any] = {"x": x} if guide.direction == "x" else {"y": y}
        layers.append(at.mark_rule(aria=False, strokeDash=[3, 3], color=ink).encode(**channels))
        place = {"y": alt.value(15)} if guide.direction == "x" else {"x": alt.value(6)}
        text = at.mark_text(aria=False, align="left", dx=5, dy=-7, color=ink, fontSize=12)
        layers.append(text.encode(**channels, **place, text=alt.value(guide.title)))
    return layers


def _heat_layers(
    study: Study[Any],
    view: HeatMap,
    across: tuple[float, float],
    up: tuple[float, float],
    range_: tuple[float, float],
) -> list[alt.Chart]:
    measure = study.measure(view.measure)
    base = alt.Chart(alt.NamedData("rows"))
    x_scale, y_scale = _scale(view.x_scale, across), _scale(view.y_scale, up)
    x = alt.X("x:Q", title=_title(study, view.x), scale=x_scale)
    y = alt.Y("y:Q", title=_title(study, view.y), scale=y_scale)
    colour = alt.Color(
        "value:Q",
        title=measure.label,
        scale=_scale(view.colour_scale, range_, scheme="viridis"),
        legend=alt.Legend(gradientLength=200, format=".2~g", tickCount=4),
    )
    tips = [
        alt.Tooltip("at_x:Q", title=_title(study, view.x), format=".4g"),
        alt.Tooltip("at_y:Q", title=_title(study, view.y), format=".4g"),
        alt.Tooltip("value:Q", title=measure.title, format=".4g"),
    ]
    cells = (
        base.transform_filter(alt.datum.role != REFERENCE)
        .mark_rect()
        .encode(x=x, x2=alt.X2("x2:Q"), y=y, y2=alt.Y2("y2:Q"), color=colour, tooltip=tips)
    )
    border = (
        base.transform_filter(alt.datum.role == REFERENCE)
        .mark_line(color="white", strokeWidth=3, strokeDash=[6, 3])
        .encode(x="at_x:Q", y="at_y:Q")
    )
    return [cells, border] if view.border else [cells]


def _stack_layers(study: Study[Any], view: Stack, dark: bool) -> list[alt.Chart]:
    base = alt.Chart(alt.NamedData("rows"))
    titles = [study.measure(name).title for name in view.measures]
    scale = alt.Scale(domain=titles, range=_palette(len(titles), dark))
    x = alt.X("x:Q", title=_title(study, view.x), scale=_scale(view.x_scale))
    y = alt.Y("low:Q", title=view.y_title, scale=_scale("linear", view.y_range))
    areas = (
        base.transform_filter(alt.datum.role == THEORY)
        .mark_area(opacity=0.85, clip=True)
        .encode(
            x=x,
            y=y,
            y2=alt.Y2("high:Q"),
            color=alt.Color(
                "measure:N", scale=scale, sort=None, legend=alt.Legend(title=None, columns=2)
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("measure:N", title="part"),
                alt.Tooltip("x:Q", title=_title(study, view.x), format=".4g"),
                alt.Tooltip("y:Q", title="value", format=".4g"),
            ],
        )
    )
    seen = base.transform_filter(alt.datum.role == SIMULATION)
    ink = "#FFFFFF" if dark else "#111111"
    bars = seen.mark_rule(aria=False, strokeWidth=2, color=ink, clip=True).encode(
        x=x, y=y, y2=alt.Y2("high:Q")
    )
    points = seen.mark_point(
        aria=False, filled=True, size=46, color=ink, opacity=1, clip=True
    ).encode(x=x, y=alt.Y("y:Q"), tooltip=[alt.Tooltip("y:Q", title="simulated", format=".4g")])
    return [areas, bars, points, *_guide_layers(base, view, x, y, dark)]


def _palette(count: int, dark: bool) -> list[str]:
    colours = DARK if dark else LIGHT
    if count <= len(colours):
        return list(colours[: max(count, 1)])
    return [f"hsl({250 - 220 * i / (count - 1):.0f}, 65%, 48%)" for i in range(count)]


def _scale(
    kind: str,
    domain: tuple[float, float] | None = None,
    *,
    nice: bool = True,
    scheme: str | None = None,
) -> alt.Scale:
    options: dict[str, Any] = {"type": kind, "nice": nice and domain is None and kind != "log"}
    if kind == "log" and nice and domain is None:
        options["padding"] = 12
    if kind == "linear" and scheme is None:
        options["zero"] = False
    if domain is not None:
        options |= {"domain": list(domain), "clamp": scheme is not None}
    if scheme is not None:
        options["scheme"] = scheme
    return alt.Scale(**options)


def _title(study: Study[Any], name: str) -> str:
    declarations: tuple[Axis | Measure, ...] = (*study.axes, *study.measures)
    for declared in declarations:
        if declared.name == name:
            return declared.label
    raise ValueError(f"{study.name} declares neither an axis nor a measure called {name!r}")


def _vertical_title(study: Study[Any], view: Curves) -> str:
    return view.y_title or study.measure(view.measures[0]).label
