"""The home page: the families as cards, with every study one click away."""

from __future__ import annotations

import streamlit as st

from sims.catalogue import FAMILIES, Family, of_family


def home_page() -> None:
    """Draw the home page."""
    st.title("A laboratory for machine-learning theory", anchor=False)
    st.markdown(
        "A theorem draws a curve, an experiment draws points. Here both are on one chart: move "
        "any parameter, watch the evidence gather, and see how well they agree."
    )
    for family in FAMILIES:
        with st.container(border=True):
            _card(family)
    st.markdown(
        "The same studies run in the terminal (`sims list`, `sims run …`) and in Python "
        "(`sims.run(…)`), with the same seeds and the same numbers."
    )


def _card(family: Family) -> None:
    st.subheader(family.title, anchor=False)
    st.markdown(f"**{family.question}**")
    studies = of_family(family.slug)
    chapters = list(dict.fromkeys(study.chapter for study in studies))
    for column, chapter in zip(st.columns(len(chapters)), chapters):
        with column:
            st.markdown(chapter)
            for study in studies:
                if study.chapter == chapter:
                    st.page_link(
                        f"pages/{family.slug}.py",
                        label=study.title,
                        help=study.takeaway,
                        query_params={"study": study.name.partition("/")[2]},
                    )
