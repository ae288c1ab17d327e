"""The tables that charts draw: one row a mark, every number as it is drawn.

Tables are plain columns until the end: a slider's move builds one, and a frame assembled column
by column costs more than the theory it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sims.study import Curves, HeatMap, Measure, Stack, Study, View, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sims.result import Result
    from sims.study import Arrays

Columns = dict[str, "NDArray[Any]"]

THEORY, SIMULATION, REFERENCE, GUIDE = "theory", "simulation", "reference", "guide"
PINNED, PINNED_POINT = "pinned", "pinned point"
PIN_NAMES = "ABCD"
_WORDS = ("role", "panel", "series", "measure", "group", "guide", "place_label", "pin")


def rows(result: Result, view: View, pins: Sequence[Result] = ()) -> Columns:
    """Return the table of a view by columns: places, intervals, series, panel and role.

    Earlier results (`pins`) are rows of their own roles, in views of curves.
    """
    if isinstance(view, Curves):
        table = _curve_rows(result, view)
        if not pins:
            return table
        shown = set(labels(result, view.panel))
        return _joined(
            [table, *(_pinned(pin, view, name, shown) for pin, name in zip(pins, PIN_NAMES))]
        )
    if isinstance(view, HeatMap):
        return _heat_rows(result, view)
    return _stack_rows(result, view)


def of_panel(table: Columns, panel: str) -> Columns:
    """Return the rows of one panel."""
    chosen = table["panel"] == panel
    return {name: column[chosen] for name, column in table.items() if name != "panel"}


def labels(result: Result, axis: str | None) -> list[str]:
    """Return an axis's values as legends write them; one empty label where there is no axis."""
    if axis is None:
        return [""]
    values = np.asarray(result.grid[axis]).tolist()
    for digits in range(3, 18):  # values that read alike get as many digits as tell them apart
        written = [format_value(value, digits) for value in values]
        if len(set(written)) == len(set(values)):
            break
    return written


def panel_title(study: Study[Any], axis: str | None, label: str) -> str:
    """Write above a panel what it shows: its axis's symbol and value."""
    symbol = study.axis(axis).symbol if axis else ""
    return f"{symbol} = {label}" if symbol else label


def heat_panel(role: str, panel: str) -> str:
    """Name the panel of a heat map: its own value and whether it is theory or simulation."""
    return f"{panel}, {role}" if panel else role


def _curve_rows(result: Result, view: Curves) -> Columns:
    parts = []
    for name in view.measures:
        measure = result.study.measure(name)
        if name in result.theory:
            role = REFERENCE if name in view.dashed else THEORY
            grid, theory = result.along(_line_axis(view, measure))
            parts.append(_points(result, view, measure, grid, theory, view.x, role))
        if name in result.mean and view.points is None:
            parts.append(_evidence(result, view, measure, view.x))
    if view.points is not None and result.mean:
        x, y = view.points
        parts.append(_evidence(result, view, result.study.measure(y), x))
    return _legible(_joined([*parts, _guides(result, view)]), view.x_scale, view.y_scale)


def _pinned(result: Result, view: Curves, name: str, panels: set[str]) -> Columns:
    """Return an earlier result's lines and points, in the panels that are there now."""
    table = _curve_rows(result, view)
    roles = {THEORY: PINNED, SIMULATION: PINNED_POINT}
    kept = np.array([role in roles for role in table["role"]], dtype=bool)
    kept &= np.array([panel in panels for panel in table["panel"]], dtype=bool)
    part = {column: values[kept] for column, values in table.items()}
    part["role"] = np.array([roles[role] for role in part["role"]], dtype=object)
    part["group"] = np.array([f"{name}/{group}" for group in part["group"]], dtype=object)
    part["pin"] = _repeated(name, part["role"].size)
    return part


def _stack_rows(result: Result, view: Stack) -> Columns:
    lines = Curves(view.name, view.title, view.x, view.measures, panel=view.panel)
    parts = []
    base: NDArray[Any] | float = 0.0
    grid, theory = result.along(view.x)
    for order, name in enumerate(view.measures):
        measure = result.study.measure(name)
        part = _points(result, lines, measure, grid, theory, view.x, THEORY)
        top = base + part["y"]
        part |= {"low": np.broadcast_to(base, top.shape), "high": top}
        part["order"] = np.full(top.size, float(order))
        parts.append(part)
        base = top
    if view.total is not None and view.total in result.mean:
        parts.append(_evidence(result, lines, result.study.measure(view.total), view.x))
    return _legible(_joined([*parts, _guides(result, view)]), view.x_scale, "linear")


def _heat_rows(result: Result, view: HeatMap) -> Columns:
    measure = result.study.measure(view.measure)
    x, y = np.asarray(result.grid[view.x]), np.asarray(result.grid[view.y])
    x_edges, y_edges = _edges(x, view.x_scale), _edges(y, view.y_scale)
    names = labels(result, view.panel)
    parts = []
    for role, arrays in ((THEORY, result.theory), (SIMULATION, result.mean)):
        if view.measure not in arrays:
            continue
        values = np.asarray(arrays[view.measure], dtype=float)
        place = dict(zip(measure.axes, (index.ravel() for index in np.indices(values.shape))))
        i, j = place[view.x], place[view.y]
        panel = place[view.panel] if view.panel else np.zeros(values.size, dtype=int)
        part = {"x": x_edges[i], "x2": x_edges[i + 1], "y": y_edges[j], "y2": y_edges[j + 1]}
        part |= {"at_x": x[i], "at_y": y[j], "role": _repeated(role, values.size)}
        part["value"] = np.where(np.isfinite(values), values, np.nan).ravel()
        part["panel"] = np.array([heat_panel(role, name) for name in names], dtype=object)[panel]
        parts.append(part)
    if view.border is not None:
        border = np.asarray(result.theory[view.border], dtype=float)
        inside = (border >= y_edges[0]) & (border <= y_edges[-1])
        line = {"at_x": x.astype(float), "at_y": np.where(inside, border, np.nan)}
        place = {"role": _repeated(REFERENCE, x.size)}
        parts.append({**line, **place, "panel": _repeated(heat_panel(THEORY, names[0]), x.size)})
    return _joined(parts)


def fixed_domains(result: Result, view: View) -> tuple[tuple[float, float], ...]:
    """Return the ends of scales that must not follow the marks in sight; none for most views.

    For a heat map its two axes and its colours (theory's, so that theory and simulation are told
    apart by the same scale); for a chart with a slider inside, both axes over all its curves.
    """
    if isinstance(view, HeatMap):
        return _heat_domains(result, view)
    if not isinstance(view, Curves) or view.scrub is None:
        return ()
    table = rows(result, view)
    ends = [(float(np.nanmin(table[c])), float(np.nanmax(table[c]))) for c in ("x", "y")]
    (left, right), (low, high) = ends
    room = 0.95 if view.y_scale == "log" else 1.0  # a line on the very edge is half cut off
    return (left, right), (float(f"{low * room:.3g}"), float(f"{high / room:.3g}"))


def _heat_domains(result: Result, view: HeatMap) -> tuple[tuple[float, float], ...]:
    ends = []
    for axis, scale in ((view.x, view.x_scale), (view.y, view.y_scale)):
        edges = _edges(np.asarray(result.grid[axis]), scale)
        ends.append((float(edges[0]), float(edges[-1])))
    if view.colour_range is not None:
        return (*ends, view.colour_range)
    values = _flat(result.theory[view.measure])
    shown = values[np.isfinite(values) & ((values > 0) | (view.colour_scale != "log"))]
    low, high = (float(shown.min()), float(shown.max())) if shown.size else (0.1, 1.0)
    return (*ends, (low, high if high > low else low + 1.0))


def _line_axis(view: Curves, measure: Measure) -> str:
    """Return the axis a line runs along: the horizontal, or what is left when it is another.

    It is another for a parametric curve, and for a measure that has a grid of its own.
    """
    if view.x in measure.axes:
        return view.x
    return next(axis for axis in measure.axes if axis not in (view.colour, view.panel))


def _evidence(result: Result, view: Curves, measure: Measure, x: str) -> Columns:
    name = measure.name
    part = _points(result, view, measure, result.grid, result.mean, x, SIMULATION)
    for column, arrays in (("low", result.low), ("high", result.high), ("theory", result.theory)):
        if name in arrays:
            part[column] = np.tile(_flat(arrays[name]), _copies(result, view, measure))
    part["trials"] = np.full(part["y"].size, float(result.trials))
    return part


def _points(
    result: Result,
    view: Curves,
    measure: Measure,
    grid: Arrays,
    values: Arrays,
    x: str,
    role: str,
) -> Columns:
    """Lay a measure's points out as rows: where they stand, and to which line they belong.

    A measure without the panel's axis stands in every panel.
    """
    shape = tuple(np.size(grid[axis]) for axis in measure.axes)
    place = dict(zip(measure.axes, (index.ravel() for index in np.indices(shape))))
    line = _line_axis(view, measure)
    on_axis = x in place or x not in values
    along = _along(np.asarray(grid[line])[place[line]]) if on_axis else _flat(values[x])
    series = _point_labels(result, measure, view.colour, place, along.size)
    part: Columns = {
        "x": along,
        "y": _flat(values[measure.name]),
        "order": place[line].astype(float),
        "series": series,
        "group": np.array([f"{measure.name}/{one}" for one in series], dtype=object),
        "measure": _repeated(measure.title, along.size),
        "role": _repeated(role, along.size),
    }
    if view.scrub in place:
        part["place"] = place[view.scrub].astype(float)
        titles = [panel_title(result.study, view.scrub, one) for one in labels(result, view.scrub)]
        part["place_label"] = np.array(titles, dtype=object)[place[view.scrub]]
    if view.panel is None or view.panel in place:
        return {**part, "panel": _point_labels(result, measure, view.panel, place, along.size)}
    names = np.array(labels(result, view.panel), dtype=object)
    tiled = {name: np.tile(column, names.size) for name, column in part.items()}
    return {**tiled, "panel": np.repeat(names, along.size)}


def _along(values: NDArray[Any]) -> NDArray[Any]:
    """Return places along the horizontal: numbers, or the names of things (in bars)."""
    return values.astype(object) if values.dtype.kind == "U" else _flat(values)


def _copies(result: Result, view: Curves, measure: Measure) -> int:
    """Return how often `_points` repeats a measure."""
    missing = view.panel is not None and view.panel not in measure.axes
    return len(labels(result, view.panel)) if missing else 1


def _point_labels(
    result: Result, measure: Measure, axis: str | None, place: Mapping[str, Any], size: int
) -> NDArray[Any]:
    if axis is None or axis not in place:
        return _repeated(measure.title if axis else "", size)
    names: NDArray[Any] = np.array(labels(result, axis), dtype=object)
    return np.asarray(names[place[axis]])


def _guides(result: Result, view: Curves | Stack) -> Columns:
    shown = [guide for guide in view.guides if guide.name in result.guides]
    places = labels(result, view.panel)
    found = [(guide, panel) for guide in shown for panel in places]
    part: Columns = {
        direction: np.array(
            [result.guides[g.name] if g.direction == direction else np.nan for g, _ in found],
            dtype=float,
        )
        for direction in ("x", "y")
    }
    part["guide"] = np.array([guide.name for guide, _ in found], dtype=object)
    part["panel"] = np.array([panel for _, panel in found], dtype=object)
    return {**part, "role": _repeated(GUIDE, len(found))}


def _legible(table: Columns, x_scale: str, y_scale: str) -> Columns:
    """Turn what an axis can't show into gaps: inf everywhere, zero and below on log scales."""
    for column, scale in (("x", x_scale), ("y", y_scale), ("low", y_scale), ("high", y_scale)):
        if column not in table or table[column].dtype == object:
            continue
        values = table[column]
        if column == "low" and scale == "log":
            # An interval that reaches zero is drawn down to a tenth of its centre.
            values = np.where(values <= 0, np.abs(table["y"]) / 10, values)
        shown = np.isfinite(values) & ((values > 0) | (scale != "log"))
        table[column] = np.where(shown, values, np.nan)
    return table


def _edges(centres: NDArray[Any], scale: str) -> NDArray[Any]:
    """Return the borders of cells round their centres."""
    edges: NDArray[Any]
    position = np.log(centres) if scale == "log" else np.asarray(centres, dtype=float)
    middle = (position[1:] + position[:-1]) / 2
    if position.size == 1:
        edges = position + np.array([-0.5, 0.5])
    else:
        ends = (2 * position[:1] - middle[:1], 2 * position[-1:] - middle[-1:])
        edges = np.concatenate([ends[0], middle, ends[1]])
    return np.asarray(np.exp(edges)) if scale == "log" else edges


def _joined(parts: list[Columns]) -> Columns:
    """Put parts on top of one another; what a part lacks is missing there."""
    sizes = [part["role"].size for part in parts]
    names = dict.fromkeys(name for part in parts for name in part)
    named = {name for part in parts for name in part if part[name].dtype == object}
    return {
        name: np.concatenate(
            [
                part[name] if name in part and part[name].size else _missing(name, size, named)
                for part, size in zip(parts, sizes)
            ]
        )
        for name in names
    }


def _missing(name: str, size: int, named: set[str]) -> NDArray[Any]:
    if name in _WORDS:
        return _repeated("", size)
    return np.full(size, None if name in named else np.nan)


def _repeated(word: str, size: int) -> NDArray[Any]:
    return np.full(size, word, dtype=object)


def _flat(values: Any) -> NDArray[Any]:
    return np.asarray(values, dtype=float).ravel()
