"""A result on the screen: its panels as charts that exchange their data and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from sims.chart import alt_text, panels, spec
from sims.chart_rows import of_panel, panel_title, rows
from sims.result import Result
from sims.study import View


def figure(
    result: Result,
    view: View,
    *,
    pins: Sequence[Result] = (),
    height: int = 420,
    place: str = "",
) -> None:
    """Draw a view of a result, its panels two by two.

    Parameters
    ----------
    result : Result
    view : View
    pins : sequence of Result
        Earlier results, drawn faded.
    height : int
        Of a chart that stands alone, in pixels.
    place : str
        Tells apart charts of one view on one page.
    """
    dark = st.context.theme.type == "dark"
    table = rows(result, view, pins)
    names = panels(result, view)
    shape = spec(
        result, view, dark=dark, height=height if len(names) == 1 else min(height, 300), pins=pins
    )
    for index, name in enumerate(names):
        if index % 2 == 0:
            places = st.columns(2) if len(names) > 1 else [st.container()]
        with places[index % 2]:
            if name:
                st.markdown(f"**{panel_title(result.study, view.panel, name)}**")
            st.vega_lite_chart(
                pa.table(of_panel(table, name)),
                shape,
                theme=None,
                width="stretch",
                key=f"{result.study.name}:{view.name}:{place}:{index}",
                alt=alt_text(result, view),
            )
