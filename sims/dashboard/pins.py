"""Pinned views: what was seen before stays on the chart, faded, or beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from sims.chart_rows import PIN_NAMES
from sims.dashboard.evidence import recalled
from sims.params import ParameterError, Params, as_text
from sims.result import Result
from sims.study import Curves, Study, format_value

MOST = len(PIN_NAMES)


@dataclass(frozen=True)
class Pin:
    """A view that is kept: parameters, seed and number of trials."""

    params: Params
    seed: int
    trials: int


def pinned(study: Study[Any]) -> tuple[Pin, ...]:
    """Return what is pinned on a study, oldest first."""
    found: tuple[Pin, ...] = st.session_state.get(_key(study), ())
    return found


def keep(study: Study[Any], pins: tuple[Pin, ...]) -> None:
    """Replace what is pinned on a study."""
    st.session_state[_key(study)] = pins[:MOST]


def results(study: Study[Any]) -> list[Result]:
    """Return theory and stored evidence of every pin."""
    return [recalled(study, pin.params, pin.seed, pin.trials) for pin in pinned(study)]


def titled(study: Study[Any]) -> list[tuple[str, Result]]:
    """Return the pins' results with what to write above each."""
    titles = [f"{name}: {words(study, pin)}" for name, pin in zip(PIN_NAMES, pinned(study))]
    return list(zip(titles, results(study)))


def side_by_side(study: Study[Any]) -> bool:
    """Tell whether pins stand beside the chart rather than in it."""
    drawn_over = any(isinstance(view, Curves) for view in study.views)
    return bool(st.session_state.get(_beside(study), not drawn_over))


def words(study: Study[Any], pin: Pin) -> str:
    """Say how a pin differs from the study's first preset."""
    changes = pin.params.changes(study.presets[0].params)
    if not changes:
        return "as the page opened"
    return ", ".join(f"{name} = {_short(value)}" for name, value in changes.items())


def write(study: Study[Any]) -> str:
    """Write the pins as one value of a link."""
    base = study.presets[0].params
    texts = []
    for pin in pinned(study):
        pairs = {k: as_text(v) for k, v in pin.params.changes(base).items()}
        pairs |= {"seed": str(pin.seed), "trials": str(pin.trials)}
        texts.append(";".join(f"{k}={v}" for k, v in pairs.items()))
    return "|".join(texts)


def read(study: Study[Any], text: str) -> tuple[tuple[Pin, ...], list[str]]:
    """Read pins from a link; those that can't be read are named and left out."""
    pins, messages = [], []
    for part in text.split("|")[:MOST] if text else []:
        pairs = dict(pair.partition("=")[::2] for pair in part.split(";") if pair)
        try:
            seed, trials = pairs.pop("seed", "0"), pairs.pop("trials", "0")
            if not (seed.isdecimal() and trials.isdecimal()):
                raise ValueError("its seed and trials must be whole numbers in [0, inf)")
            pins.append(Pin(study.presets[0].params.replace(**pairs), int(seed), int(trials)))
        except ParameterError as error:
            messages += [f"A pin is left out: {problem.message}" for problem in error.problems]
        except ValueError as error:
            messages.append(f"A pin is left out: {error}")
    return tuple(pins), messages


def pin_button(study: Study[Any], result: Result) -> None:
    """Offer to pin the view on the screen."""
    pin = Pin(result.params, result.provenance.seed, result.trials)
    full = len(pinned(study)) >= MOST
    st.button(
        "Pin this view",
        icon=":material/keep:",
        key=f"pin:{study.name}",
        on_click=keep,
        args=(study, (*pinned(study), pin)),
        disabled=full,
        help=f"{MOST} views at most." if full else "Keep it, faded, and go on moving.",
    )


def pin_list(study: Study[Any]) -> None:
    """Draw what is pinned, each with a button that lets go, and the choice of where."""
    pins = pinned(study)
    if not pins:
        return
    with st.container(horizontal=True):
        for index, pin in enumerate(pins):
            st.button(
                f"{PIN_NAMES[index]}: {words(study, pin)}",
                icon=":material/close:",
                key=f"unpin:{study.name}:{index}",
                on_click=keep,
                args=(study, pins[:index] + pins[index + 1 :]),
                help="Let go of this pin.",
            )
    st.session_state.setdefault(_beside(study), side_by_side(study))
    st.toggle("Pins side by side", key=_beside(study))


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(_short(entry) for entry in value)
    return format_value(value) if isinstance(value, int | float) else str(value)


def _beside(study: Study[Any]) -> str:
    return f"sims-beside:{study.name}"


def _key(study: Study[Any]) -> str:
    return f"sims-pins:{study.name}"
