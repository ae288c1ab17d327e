"""The tables that charts draw: one row a mark, every number as it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sims.study import Curves, HeatMap, Measure, Stack, View, format_value

if TYPE_CHECKING:
    import pandas
    from numpy.typing import NDArray

    from sims.result import Result
    from sims.study import Arrays

THEORY, SIMULATION, REFERENCE, GUIDE = "theory", "simulation", "reference", "guide"


def rows(result: Result, view: View) -> pandas.DataFrame:
    """Return the table of a view: columns for places, intervals, series, panel and role."""
    if isinstance(view, Curves):
        return _curve_rows(result, view)
    if isinstance(view, HeatMap):
        return _heat_rows(result, view)
    return _stack_rows(result, view)


def labels(result: Result, axis: str | None) -> list[str]:
    """Return an axis's values as legends write them; one empty label where there is no axis."""
    if axis is None:
        return [""]
    return [format_value(value) for value in np.asarray(result.grid[axis]).tolist()]


def heat_panel(role: str, panel: str) -> str:
    """Name the panel of a heat map: its own value and whether it is theory or simulation."""
    return f"{panel}, {role}" if panel else role


def _curve_rows(result: Result, view: Curves) -> pandas.DataFrame:
    parts = []
    for name in view.measures:
        measure = result.study.measure(name)
        if name in result.fine_theory:
            role = REFERENCE if name in view.dashed else THEORY
            table = _points(result, view, measure, result.fine_grid, result.fine_theory, view.x)
            parts.append(table.assign(y=_flat(result.fine_theory[name]), role=role))
        if name in result.mean and view.points is None:
            parts.append(_evidence(result, view, measure, view.x))
    if view.points is not None and result.mean:
        x, y = view.points
        parts.append(_evidence(result, view, result.study.measure(y), x))
    return _legible(_joined([*parts, _guides(result, view)]), view.x_scale, view.y_scale)


def _stack_rows(result: Result, view: Stack) -> pandas.DataFrame:
    lines = Curves(view.name, view.title, view.x, view.measures, panel=view.panel)
    parts = []
    base: NDArray[Any] | float = 0.0
    for order, name in enumerate(view.measures):
        measure = result.study.measure(name)
        table = _points(result, lines, measure, result.fine_grid, result.fine_theory, view.x)
        values = _flat(result.fine_theory[name])
        top = base + values
        parts.append(table.assign(y=values, low=base, high=top, order=order, role=THEORY))
        base = top
    if view.total is not None and view.total in result.mean:
        parts.append(_evidence(result, lines, result.study.measure(view.total), view.x))
    return _legible(_joined([*parts, _guides(result, view)]), view.x_scale, "linear")


def _heat_rows(result: Result, view: HeatMap) -> pandas.DataFrame:
    import pandas as pd

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
        table = {"x": x_edges[i], "x2": x_edges[i + 1], "y": y_edges[j], "y2": y_edges[j + 1]}
        table |= {"at_x": x[i], "at_y": y[j]}
        table["value"] = np.where(np.isfinite(values), values, np.nan).ravel()
        panels = [heat_panel(role, names[p]) for p in panel]
        parts.append(pd.DataFrame(table).assign(role=role, panel=panels))
    return _joined(parts)


def _evidence(result: Result, view: Curves, measure: Measure, x: str) -> pandas.DataFrame:
    name = measure.name
    theory = result.theory.get(name)
    return _points(result, view, measure, result.grid, result.mean, x).assign(
        y=_spread(result, view, measure, result.mean[name]),
        low=_spread(result, view, measure, result.low[name]),
        high=_spread(result, view, measure, result.high[name]),
        theory=np.nan if theory is None else _spread(result, view, measure, theory),
        trials=result.trials,
        role=SIMULATION,
    )


def _points(
    result: Result, view: Curves, measure: Measure, grid: Arrays, values: Arrays, x: str
) -> pandas.DataFrame:
    """Lay a measure's points out as rows: where they stand, and to which line they belong.

    A measure without the panel's axis stands in every panel.
    """
    import pandas as pd

    axes = np.meshgrid(*(np.asarray(grid[axis]) for axis in measure.axes), indexing="ij")
    mesh = dict(zip(measure.axes, axes))
    along = _flat(mesh[x] if x in mesh else np.asarray(values[x]))
    series = _point_labels(measure, view.colour, mesh, along.size)
    table = pd.DataFrame(
        {
            "x": along,
            "order": np.arange(along.size, dtype=float),
            "series": series,
            "measure": measure.title,
            "group": [f"{measure.name}/{one}" for one in series],
        }
    )
    if view.panel is None or view.panel in mesh:
        return table.assign(panel=_point_labels(measure, view.panel, mesh, along.size))
    copies = [table.assign(panel=panel) for panel in labels(result, view.panel)]
    return pd.concat(copies, ignore_index=True)


def _spread(result: Result, view: Curves, measure: Measure, values: NDArray[Any]) -> NDArray[Any]:
    """Repeat a measure's values as often as `_points` repeats its rows."""
    missing = view.panel is not None and view.panel not in measure.axes
    return np.tile(_flat(values), len(labels(result, view.panel)) if missing else 1)


def _point_labels(measure: Measure, axis: str | None, mesh: Arrays, size: int) -> list[str]:
    if axis is not None and axis in mesh:
        return [format_value(value) for value in mesh[axis].ravel().tolist()]
    return [measure.title if axis else ""] * size


def _guides(result: Result, view: Curves | Stack) -> pandas.DataFrame:
    import pandas as pd

    found = [
        {guide.direction: result.guides[guide.name], "guide": guide.name, "panel": panel}
        for guide in view.guides
        if guide.name in result.guides
        for panel in labels(result, view.panel)
    ]
    return pd.DataFrame(found).assign(role=GUIDE) if found else pd.DataFrame()


def _legible(table: pandas.DataFrame, x_scale: str, y_scale: str) -> pandas.DataFrame:
    """Turn what an axis can't show into gaps: inf everywhere, zero and below on log scales."""
    table = table.copy()
    for column, scale in (("x", x_scale), ("y", y_scale), ("low", y_scale), ("high", y_scale)):
        if column not in table:
            continue
        values = table[column].to_numpy(dtype=float)
        if column == "low" and scale == "log":
            # An interval that reaches zero is drawn down to a tenth of its centre.
            values = np.where(values > 0, values, table["y"].to_numpy(dtype=float) / 10)
        shown = np.isfinite(values) & ((values > 0) | (scale != "log"))
        table[column] = np.where(shown, values, np.nan)
    return table


def _edges(centres: NDArray[Any], scale: str) -> NDArray[Any]:
    """Return the borders of cells round their centres."""
    position = np.log(centres) if scale == "log" else np.asarray(centres, dtype=float)
    middle = (position[1:] + position[:-1]) / 2
    ends = (2 * position[:1] - middle[:1], 2 * position[-1:] - middle[-1:])
    edges = np.concatenate([ends[0], middle, ends[1]])
    return np.exp(edges) if scale == "log" else edges


def _joined(parts: list[pandas.DataFrame]) -> pandas.DataFrame:
    import pandas as pd

    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def _flat(values: Any) -> NDArray[Any]:
    return np.asarray(values, dtype=float).ravel()
