"""What can be taken away: pictures, tables, the specification, the command and the snippet."""

from __future__ import annotations

from functools import partial
from typing import Any

import streamlit as st

from sims.dashboard import address, axes, pins
from sims.report import SUFFIX, Format, command_line, program_bibtex, render, snippet
from sims.result import Result
from sims.study import Study

_NAMES: dict[Format, str] = {
    "png": "PNG",
    "svg": "SVG",
    "pdf": "PDF",
    "csv": "CSV",
    "parquet": "Parquet",
    "vega-lite": "Vega-Lite",
    "verdict": "Verdict",
}


def is_open(study: Study[Any]) -> bool:
    """Tell whether the drawer is open; what is taken away must stay what is seen."""
    return bool(st.session_state.get(_key(study), False))


def take_away(result: Result) -> None:
    """Offer everything that is on the screen as files, a command and a snippet."""
    slug, view = result.study.name.replace("/", "-"), axes.current(result.study)
    kept = pins.results(result.study)
    drawer = st.popover("Take it away", on_change="rerun", key=_key(result.study))
    if not drawer.open:
        return
    with drawer:
        st.caption("What is on the screen, as a file. New trials wait while this is open.")
        with st.container(horizontal=True):
            for format_, name in _NAMES.items():
                st.download_button(
                    name,
                    data=partial(render, result, format_, view, kept),
                    file_name=f"{slug}-{view.name}{SUFFIX[format_]}",
                    key=f"take:{result.study.name}:{format_}",
                    on_click="ignore",
                )
        st.markdown("As a link")
        st.code(address.link(), language=None)
        st.markdown("In the terminal")
        st.code(command_line(result), language="bash")
        st.markdown("In Python")
        st.code(snippet(result), language="python")
        st.markdown("To cite")
        for entry in [*(source.bibtex for source in result.study.sources), program_bibtex()]:
            if entry:
                st.code(entry, language="bibtex")


def _key(study: Study[Any]) -> str:
    return f"take:{study.name}"
