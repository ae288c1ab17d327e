"""A family's page: its story in chapters, one study at a time."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from sims.catalogue import FAMILIES, of_family
from sims.dashboard import address, controls, lessons, pins
from sims.dashboard.view import study_view


def family_page(family: str, lede: str, chapters: Mapping[str, str]) -> None:
    """Draw the page of a family.

    Parameters
    ----------
    family : str
        Its slug.
    lede : str
        What the page is about, in Markdown.
    chapters : mapping of title to introduction
        In the order of the story; the studies of a chapter follow catalogue order.
    """
    studies = {study.name: study for study in of_family(family)}
    arrived = address.arrival(family)
    if arrived is not None:
        controls.remember(arrived.study, arrived.params)
        pins.keep(arrived.study, arrived.pins)
        st.session_state[_choice(family)] = arrived.study.name
        st.session_state[f"chapter:{family}"] = arrived.study.chapter
        st.session_state["sims-seed"] = arrived.seed
        st.session_state["sims-messages"] = arrived.messages
        lessons.arrive(arrived.study, arrived.lesson, arrived.teach)
    if lessons.teaching():
        lessons.teacher_page(studies[str(st.session_state[_choice(family)])])
        return
    st.title(next(f.title for f in FAMILIES if f.slug == family), anchor=False)
    st.markdown(lede)
    for message in st.session_state.get("sims-messages", ()):
        st.warning(f"The link was mended. {message}.")
    chapter = st.segmented_control(
        "Chapter",
        list(chapters),
        required=True,
        key=f"chapter:{family}",
        on_change=_first_of_chapter,
        args=(family,),
        label_visibility="collapsed",
    )
    st.markdown(chapters[str(chapter)])
    names = [name for name, study in studies.items() if study.chapter == chapter]
    if st.session_state.get(_choice(family)) not in names:
        st.session_state[_choice(family)] = names[0]
    chosen = st.pills(
        "Study",
        names,
        format_func=lambda name: studies[name].title,
        required=True,
        key=_choice(family),
        on_change=_forget_messages,
        label_visibility="collapsed",
    )
    study_view(studies[str(chosen)])
    lessons.lesson_view(studies[str(chosen)])


def _choice(family: str) -> str:
    return f"study:{family}"


def _first_of_chapter(family: str) -> None:
    st.session_state.pop(_choice(family), None)
    _forget_messages()


def _forget_messages() -> None:
    st.session_state["sims-messages"] = ()
