"""The view on the screen: which of the study's, and on which scales."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.chart import find_view, with_scales
from sims.study import Curves, Stack, Study, View

_SCALES = ("log", "linear")


def current(study: Study[Any]) -> View:
    """Return the view that was chosen, on the scales that were chosen."""
    view = find_view(study, st.session_state.get(_choice(study)))
    state = st.session_state
    return with_scales(view, state.get(_key(study, view, "x")), state.get(_key(study, view, "y")))


def view_picker(study: Study[Any]) -> None:
    """Draw the choice among a study's views, where there are several."""
    if len(study.views) == 1:
        return
    titles = {view.name: view.title for view in study.views}
    st.segmented_control(
        "View",
        list(titles),
        format_func=lambda name: titles[name],
        default=study.views[0].name,
        required=True,
        key=_choice(study),
        label_visibility="collapsed",
    )


def scale_picker(study: Study[Any]) -> None:
    """Draw the switches between linear and logarithmic axes."""
    view = find_view(study, st.session_state.get(_choice(study)))
    drawer = st.popover("Axes", on_change="rerun", key=f"axes:{study.name}")
    if not drawer.open:
        return
    with drawer:
        if not (isinstance(view, Curves) and view.bars):  # things in a row have no scale
            _switch(study, view, "x", "Horizontal axis", view.x_scale)
        if not isinstance(view, Stack):
            _switch(study, view, "y", "Vertical axis", view.y_scale)
        st.caption("Drag the chart to move it, Shift and wheel to zoom, double-click to reset.")


def _switch(study: Study[Any], view: View, axis: str, title: str, declared: str) -> None:
    key = _key(study, view, axis)
    st.session_state.setdefault(key, declared)
    st.segmented_control(title, _SCALES, required=True, key=key)


def _choice(study: Study[Any]) -> str:
    return f"view:{study.name}"


def _key(study: Study[Any], view: View, axis: str) -> str:
    return f"scale:{study.name}:{view.name}:{axis}"
