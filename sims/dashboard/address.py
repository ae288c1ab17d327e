"""The address of a view: the URL holds the study, its parameters and the seed.

Values that are not allowed become a message and the nearest legal value; the rest of the link
is kept. The URL is written after every change and read again only when somebody else (a link,
the back button) has changed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from sims.catalogue import of_family
from sims.dashboard import pins
from sims.dashboard.pins import Pin
from sims.params import ParameterError, Params, as_text
from sims.study import Study

_FOREIGN = ("embed", "embed_options")  # Streamlit's own
_WRITTEN = "sims-address"
_LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Arrival:
    """What a link asks for, and what had to be changed about it."""

    study: Study[Any]
    params: Params
    seed: int
    messages: tuple[str, ...] = field(default=())
    pins: tuple[Pin, ...] = field(default=())
    lesson: int = 0
    teach: bool = False


def arrival(family: str) -> Arrival | None:
    """Return what the URL asks for when it is news, None when it is what this page wrote."""
    query = st.query_params.to_dict()
    if query == st.session_state.get(_WRITTEN):
        return None
    st.session_state[_WRITTEN] = query
    return parse(family, query)


def parse(family: str, query: Mapping[str, str]) -> Arrival:
    """Turn a query into a study, legal parameters and a seed, with a message for each mend."""
    asked = dict(query)
    messages: list[str] = []
    studies = {study.name.partition("/")[2]: study for study in of_family(family)}
    slug = asked.pop("study", next(iter(studies)))
    if slug not in studies:
        messages.append(
            f"study = {slug} is not on this page: showing the first one. It has "
            + ", ".join(studies)
        )
    study = studies.get(slug) or next(iter(studies.values()))
    seed, complaint = _seed(asked.pop("seed", "0"))
    messages += complaint
    kept, complaint = pins.read(study, asked.pop("pins", ""))
    messages += complaint
    step, complaint = _step(study, asked.pop("lesson", ""))
    messages += complaint
    teach = asked.pop("teach", "") == "1" and study.lesson is not None
    for foreign in _FOREIGN:
        asked.pop(foreign, None)
    params, complaints = legal(study, asked)
    return Arrival(study, params, seed, (*messages, *complaints), kept, step, teach)


def legal(study: Study[Any], values: Mapping[str, Any]) -> tuple[Params, list[str]]:
    """Return the parameters nearest to the values asked for, and a message for each change."""
    base = study.presets[0].params
    asked = dict(values)
    messages: list[str] = []
    while True:
        try:
            return base.replace(**asked), messages
        except ParameterError as error:
            for problem in error.problems:
                if problem.name in asked and problem.nearest != asked[problem.name]:
                    kept = problem.nearest
                    if kept is None:
                        del asked[problem.name]
                        messages.append(problem.message)
                        continue
                    asked[problem.name] = kept
                    messages.append(f"{problem.message}: showing {as_text(kept)}")
                else:  # values that are legal one by one but not together
                    messages.append(f"{problem.message}: showing the first preset")
                    asked.clear()
                    break


def write(study: Study[Any], params: Params, seed: int, more: Mapping[str, str]) -> None:
    """Put a view's address into the URL; what equals the first preset is left out."""
    query = {"study": study.name.partition("/")[2]}
    query |= {k: as_text(v) for k, v in params.changes(study.presets[0].params).items()}
    if seed:
        query["seed"] = str(seed)
    if text := pins.write(study):
        query["pins"] = text
    query |= more
    if query != st.session_state.get(_WRITTEN):
        st.query_params.from_dict(query)
        st.session_state[_WRITTEN] = query


def link() -> str:
    """Return the whole address of what is on the screen."""
    base = (st.context.url or "").partition("?")[0]
    return f"{base}?{urlencode(st.session_state.get(_WRITTEN, {}))}"


def _step(study: Study[Any], text: str) -> tuple[int, list[str]]:
    """Return which step of the lesson a link opens, from 1 on; 0 for none."""
    steps = len(study.lesson.steps) if study.lesson else 0
    if not text:
        return 0, []
    if text.isdecimal() and 1 <= int(text) <= steps:
        return int(text), []
    allowed = f"a whole number in [1, {steps}]" if steps else "absent: this study has no lesson"
    return min(1, steps), [f"lesson = {text} is not allowed: it must be {allowed}"]


def _seed(text: str) -> tuple[int, list[str]]:
    try:
        seed = int(text)
    except ValueError:
        seed = -1
    if 0 <= seed <= _LARGEST_SEED:
        return seed, []
    allowed = f"a whole number in [0, {_LARGEST_SEED}]"
    return 0, [f"seed = {text} is not allowed: it must be {allowed}: showing 0"]
