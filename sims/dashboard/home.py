"""The home page: the families as cards, with every study one click away."""

from __future__ import annotations

import streamlit as st

from sims.catalogue import FAMILIES, of_family


def home_page() -> None:
    """Draw the home page."""
    st.title("A laboratory for machine-learning theory", anchor=False)
    st.markdown(
        "A theorem draws a curve, an experiment draws points. Here both are on one chart: move "
        "any parameter, watch the evidence gather, and see how well they agree."
    )
    for family in FAMILIES:
        with st.container(border=True):
            page = f"pages/{family.slug}.py"
            st.subheader(family.title, anchor=False)
            st.markdown(family.question)
            for study in of_family(family.slug):
                slug = study.name.partition("/")[2]
                st.page_link(page, label=study.title, query_params={"study": slug})
    st.markdown(
        "The same studies run in the terminal (`sims list`, `sims run …`) and in Python "
        "(`sims.run(…)`), with the same seeds and the same numbers."
    )
