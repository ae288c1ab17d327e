"""Sweeps: one slider played through its range, or small multiples over it."""

from __future__ import annotations

import time
from typing import Any

import streamlit as st

from sims.dashboard import controls
from sims.dashboard.evidence import recalled
from sims.params import ParameterError, ParameterInfo, Params
from sims.result import Result
from sims.study import Study, format_value

STEP_SECONDS = 0.9
_PLAYED, _MULTIPLES = 20, 6
_PLAYING = "sims-playing"


def sweep_picker(study: Study[Any]) -> None:
    """Draw the choice of a parameter and of the way to sweep it."""
    infos = {info.name: info for info in study.Params.describe() if controls.is_slider(info)}
    if not infos:
        return
    drawer = st.popover("Sweep", on_change="rerun", key=f"sweep:{study.name}")
    if not drawer.open:
        return
    with drawer:
        name = st.selectbox(
            "Parameter",
            list(infos),
            format_func=lambda name: infos[name].title,
            key=f"sweep-parameter:{study.name}",
        )
        if st.button("Play it", key=f"play:{study.name}", icon=":material/play_arrow:"):
            st.session_state[_PLAYING] = [study.name, str(name), 0, 0.0]
            st.rerun()
        shown = st.session_state.get(_multiples(study)) == name
        st.button(
            "Hide the small multiples" if shown else "Small multiples",
            key=f"multiples:{study.name}",
            icon=":material/grid_view:",
            on_click=_show,
            args=(study, None if shown else str(name)),
        )


def playing(study: Study[Any]) -> bool:
    """Tell whether one of a study's sliders is being played."""
    state = st.session_state.get(_PLAYING)
    return state is not None and state[0] == study.name


def advance(study: Study[Any]) -> None:
    """Move the slider that is being played one step on; the page once more when it is through."""
    if not playing(study):
        return
    state = st.session_state[_PLAYING]
    _, name, index, moved = state
    stops = controls.stops(_info(study, name), _PLAYED)
    if index >= len(stops):
        stop()
        st.rerun()
    if time.monotonic() - moved >= 0.8 * STEP_SECONDS:
        controls.put(study, name, stops[index])
        st.session_state[_PLAYING] = [study.name, name, index + 1, time.monotonic()]


def stop_button(study: Study[Any]) -> None:
    """Offer to stop while a slider is being played."""
    if playing(study):
        st.button("Stop playing", icon=":material/stop:", key="stop-playing", on_click=stop)


def stop() -> None:
    """Stop playing."""
    st.session_state.pop(_PLAYING, None)


def multiples(
    study: Study[Any], params: Params, seed: int, trials: int
) -> list[tuple[str, Result]]:
    """Return what a sweep shows side by side: titles and results with the stored evidence."""
    name = st.session_state.get(_multiples(study))
    if name is None:
        return []
    info = _info(study, name)
    shown = []
    for value in controls.stops(info, _MULTIPLES):
        try:
            there = params.replace(**{name: value})
        except ParameterError:
            continue  # not legal together with the other values
        shown.append(
            (f"${info.symbol}$ = {format_value(value)}", recalled(study, there, seed, trials))
        )
    return shown


def _info(study: Study[Any], name: str) -> ParameterInfo:
    return next(info for info in study.Params.describe() if info.name == name)


def _show(study: Study[Any], name: str | None) -> None:
    st.session_state[_multiples(study)] = name


def _multiples(study: Study[Any]) -> str:
    return f"sims-multiples:{study.name}"
