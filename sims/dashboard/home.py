"""The home page: where to start, a search, and the families as cards with a live miniature."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.catalogue import FAMILIES, Family, of_family, studies
from sims.dashboard.evidence import recalled
from sims.dashboard.figure import figure
from sims.study import Study

HEIGHT = 230  # of a miniature, in pixels
_START = (
    ("Student", "Predict, then look: a lesson on double descent", {"lesson": "1"}),
    ("Teacher", "The same lesson in large type, for a projector", {"lesson": "1", "teach": "1"}),
)


def home_page() -> None:
    """Draw the home page."""
    st.title("A laboratory for machine-learning theory", anchor=False)
    st.markdown(
        "A theorem draws a curve, an experiment draws points. Here both are on one chart: move "
        "any parameter, watch the evidence gather, and see how well they agree."
    )
    _start_here()
    wanted = st.text_input(
        "Search studies, papers and symbols", placeholder="ridge, privacy, Simon, rho …"
    )
    if wanted:
        _found(wanted)
        return
    for family in FAMILIES:
        with st.container(border=True):
            _card(family)
    st.markdown(
        "The same studies run in the terminal (`sims list`, `sims run …`, `sims reproduce`) and "
        "in Python (`sims.run(…)`), with the same seeds and the same numbers."
    )


def matches(study: Study[Any], wanted: str) -> bool:
    """Tell whether every word that is searched for occurs in a study, its papers or symbols."""
    infos = study.Params.describe()
    texts = [study.name, study.title, study.statement, study.takeaway, study.chapter]
    texts += [source.text for source in study.sources]
    texts += [f"{info.name} {info.title} {info.symbol}" for info in infos]
    texts += [f"{measure.title} {measure.symbol}" for measure in study.measures]
    whole = " ".join(texts).lower()
    return all(word in whole for word in wanted.lower().split())


def _start_here() -> None:
    st.markdown("**Start here**")
    columns = st.columns(4)
    for column, (who, words, query) in zip(columns, _START):
        with column:
            st.markdown(who)
            there = {"study": "double-descent", **query}
            st.page_link("pages/random-features.py", label=words, query_params=there)
    with columns[2]:
        st.markdown("Researcher")
        st.page_link("pages/verdicts.py", label="Every statement with its latest verdict")
    with columns[3]:
        st.markdown("Practitioner")
        last = FAMILIES[min(1, len(FAMILIES) - 1)]
        st.page_link(f"pages/{last.slug}.py", label=last.question)


def _found(wanted: str) -> None:
    found = [study for study in studies().values() if matches(study, wanted)]
    if not found:
        st.info("Nothing has all these words. Try one of them, or a symbol’s name such as alpha.")
    for study in found:
        _link(study)
        st.caption(study.takeaway)


def _card(family: Family) -> None:
    members = of_family(family.slug)
    picture, words = st.columns([1, 1.6], gap="medium")
    with picture:
        _miniature(members[0])
    with words:
        st.subheader(family.title, anchor=False)
        st.markdown(f"**{family.question}**")
        for chapter in dict.fromkeys(study.chapter for study in members):
            st.markdown(chapter)
            with st.container(horizontal=True):
                for study in members:
                    if study.chapter == chapter:
                        _link(study)


def _miniature(study: Study[Any]) -> None:
    """Draw a study's first view, live: theory, and the evidence that is stored already."""
    preset = study.presets[0]
    figure(recalled(study, preset.params, 0, preset.trials), study.views[0], height=HEIGHT)


def _link(study: Study[Any]) -> None:
    st.page_link(
        f"pages/{study.family}.py",
        label=study.title,
        help=study.takeaway,
        query_params={"study": study.name.partition("/")[2]},
    )
