"""Controls from the declaration of `Params`: one widget a parameter, five at once at most."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import streamlit as st

from sims.dashboard.symbols import colours
from sims.params import ParameterError, ParameterInfo, Params, as_text
from sims.study import Study, format_value

_STOPS = 41


def remember(study: Study[Any], params: Params) -> None:
    """Make `params` what the controls show from the next run on."""
    st.session_state[_memory(study)] = params
    for info in params.describe():
        key, value = _key(study, info.name), _shown(info, getattr(params, info.name))
        st.session_state[key] = st.session_state[_asked(key)] = value


def remembered(study: Study[Any]) -> Params:
    """Return the parameters a study had when it was last shown, or its first preset's."""
    found: Params = st.session_state.get(_memory(study), study.presets[0].params)
    return found


def put(study: Study[Any], name: str, value: Any) -> None:
    """Move one control, before the controls are drawn."""
    key = _key(study, name)
    st.session_state[key] = st.session_state[_asked(key)] = value


def is_slider(info: ParameterInfo) -> bool:
    """Tell whether a parameter is shown as a slider."""
    return (
        info.kind in ("integer", "number") and math.isfinite(info.low) and math.isfinite(info.high)
    )


def stops(info: ParameterInfo, count: int) -> list[Any]:
    """Return some of a slider's stops from end to end, `count` of them at most."""
    if info.scale == "log" and info.low > 0:
        every = _log_stops(info)
    else:
        step = info.step if info.step is not None else _step(info)
        steps = int((info.high - info.low) / step + 1e-9)
        every = [float(f"{info.low + i * step:.10g}") for i in range(steps + 1)]
    inside = [v for v in every if not (info.open_low and v <= info.low)]
    inside = [v for v in inside if not (info.open_high and v >= info.high)]
    places = np.unique(np.linspace(0, len(inside) - 1, min(count, len(inside))).round().astype(int))
    cast = int if info.kind == "integer" else float
    return [cast(inside[place]) for place in places]


def current(study: Study[Any]) -> tuple[Params, tuple[str, ...]]:
    """Return what the controls say, before they are drawn, and what is wrong with it.

    A page that knows its parameters first can send the chart first. Values that are each legal
    but not together leave the last legal ones in force.
    """
    last = remembered(study)
    values = {}
    for info in study.Params.describe():
        shown = _shown(info, getattr(last, info.name))
        values[info.name] = st.session_state.setdefault(_key(study, info.name), shown)
    try:
        params = study.Params(**values)
    except ParameterError as error:
        return last, tuple(problem.message for problem in error.problems)
    st.session_state[_memory(study)] = params
    return params, ()


def draw(study: Study[Any]) -> None:
    """Draw a study's controls, the advanced ones folded away; `current` reads them."""
    last = remembered(study)
    st.html(f"<style>{_inks(study)}</style>")
    plain = [info for info in study.Params.describe() if not info.advanced]
    more = [info for info in study.Params.describe() if info.advanced]
    for info in plain:
        _control(study, info, getattr(last, info.name))
    if more:
        with st.expander("More parameters"):
            for info in more:
                _control(study, info, getattr(last, info.name))


def _control(study: Study[Any], info: ParameterInfo, value: Any) -> None:
    key, label = _key(study, info.name), _label(info)
    if info.kind == "choice":
        st.selectbox(label, info.choices, key=key, help=info.help)
    elif info.kind == "flag":
        st.toggle(label, key=key, help=info.help)
    elif info.kind == "numbers":
        st.text_input(label, key=key, help=f"{info.help} {info.allowed.capitalize()}.")
    elif math.isinf(info.low) or math.isinf(info.high):
        st.number_input(label, key=key, help=info.help)
    elif info.scale == "log" and info.low > 0:
        stops = _log_stops(info, st.session_state[key], st.session_state.get(_asked(key), value))
        st.select_slider(label, stops, key=key, help=info.help, format_func=format_value)
    else:
        cast = int if info.kind == "integer" else float
        low, high = cast(info.low), cast(info.high)
        step = cast(info.step if info.step is not None else _step(info))
        st.slider(label, low, high, step=step, key=key, help=info.help)


def _log_stops(info: ParameterInfo, *extra: Any) -> list[Any]:
    """Return slider stops of two significant digits, evenly spaced in the logarithm.

    Values that a link or a preset asked for are among them, whatever they are; they stay, so that
    a move of the slider does not change its own scale.
    """
    spaced = np.geomspace(info.low, info.high, _STOPS)
    stops = {float(f"{value:.2g}") for value in spaced} | {info.low, info.high}
    low, high = ([info.low] if info.open_low else []), ([info.high] if info.open_high else [])
    stops = {v for v in stops if info.low <= v <= info.high} - {*low, *high} | set(extra)
    return sorted({round(value) for value in stops} if info.kind == "integer" else stops)


def _step(info: ParameterInfo) -> float:
    if info.kind == "integer":
        return 1
    return float(f"{(info.high - info.low) / 100:.1g}")


def _inks(study: Study[Any]) -> str:
    """Return the style that colours the symbols in labels; labels are read aloud as they are."""
    known = colours(study, st.context.theme.type == "dark")
    return " ".join(
        f".st-key-{re.sub(r'[^a-zA-Z0-9_-]', '-', _key(study, info.name))} label .katex "
        f"{{ color: {known[info.symbol]}; }}"
        for info in study.Params.describe()
        if info.symbol in known
    )


def _label(info: ParameterInfo) -> str:
    words = info.title[0].upper() + info.title[1:]
    unit = f" ({info.unit})" if info.unit else ""
    return f"{words} ${info.symbol}${unit}"


def _shown(info: ParameterInfo, value: Any) -> Any:
    if info.kind == "numbers":
        return as_text(value).replace(",", ", ")
    return float(value) if info.kind == "number" else value


def _key(study: Study[Any], name: str) -> str:
    return f"{study.name}:{name}"


def _asked(key: str) -> str:
    return f"{key}:asked"


def _memory(study: Study[Any]) -> str:
    return f"sims-params:{study.name}"
