"""The list of pages, and the guard that keeps a deep link inside the common frame."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.catalogue import FAMILIES

_FRAMED = "sims-framed"
# The message of a page is its chart: as little as possible stands above it.
_STYLE = """
[data-testid="stMainBlockContainer"] { padding: 3.6rem clamp(1rem, 4vw, 4rem) 4rem; }
@media (min-width: 640px) { .katex-display { overflow: visible !important; } }
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after { animation: none !important; transition: none !important; }
}
"""


def pages() -> list[Any]:
    """Return home, one page a family in catalogue order, the verdicts and the glossary."""
    home = st.Page("pages/home.py", title="Home", default=True)
    families = [
        st.Page(f"pages/{family.slug}.py", title=family.title, url_path=family.slug)
        for family in FAMILIES
    ]
    verdicts = st.Page("pages/verdicts.py", title="Verdicts", url_path="verdicts")
    glossary = st.Page("pages/glossary.py", title="Glossary", url_path="glossary")
    return [home, *families, verdicts, glossary]


def frame() -> Any:
    """Set the page up and return the page to run; `app.py` calls this and nothing else does."""
    st.set_page_config(page_title="Theory laboratory", layout="wide")
    page = _navigation()
    st.session_state[_FRAMED] = True
    st.html(f"<style>{_STYLE}</style>")
    return page


def ensure_frame() -> None:
    """Run inside the common frame; the first statement of every page.

    A folder called ``pages`` beside the entry script also switches on Streamlit's legacy router:
    the first visitor of a fresh server who opens a deep link gets the bare page, without
    `app.py`. Declaring the navigation here turns that router off for the whole process.
    """
    if _FRAMED not in st.session_state:
        _navigation()
        st.session_state[_FRAMED] = True
        st.rerun()


def _navigation() -> Any:
    """Declare the pages; one that stands inside somebody else's page has no menu."""
    return st.navigation(pages(), position="hidden" if st.context.is_embedded else "top")
