"""Every symbol: the parameters, axes and measures of all studies, as they declare them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.catalogue import FAMILIES, of_family
from sims.study import Axis, Measure, Study


def glossary_page() -> None:
    """Draw the page."""
    st.title("Glossary", anchor=False)
    st.markdown("The symbols of each family, as its sliders, charts and equations use them.")
    wanted = st.text_input("Find", placeholder="a symbol or a word, such as ridge", key="glossary")
    for family in FAMILIES:
        lines = [line for line in entries(of_family(family.slug)) if wanted.lower() in line.lower()]
        if lines:
            st.subheader(family.title, anchor=False)
            st.markdown("\n".join(["| symbol | meaning | notes |", "|---|---|---|", *lines]))


def entries(studies: list[Study[Any]]) -> list[str]:
    """Return a table's rows for every symbol of some studies, each meaning once."""
    found: dict[tuple[str, str], str] = {}
    for study in studies:
        for info in study.Params.describe():
            found.setdefault(
                (f"${info.symbol}$", info.title), f"{info.help} {_sentence(info.allowed)}"
            )
        declarations: tuple[Axis | Measure, ...] = (*study.axes, *study.measures)
        for declared in declarations:
            unit = f"In {declared.unit}." if declared.unit else ""
            if declared.symbol:
                found.setdefault((declared.symbol, declared.title), unit)
    cells = sorted(found.items(), key=lambda entry: entry[0][1].lower())
    return [
        f"| {_cell(symbol)} | {_cell(title)} | {_cell(words)} |" for (symbol, title), words in cells
    ]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
