"""Lessons: a step asks for a prediction, then sets the sliders, reveals and explains."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.dashboard.view import apply_values, explorer
from sims.study import Lesson, Study

_TEACHING = "sims-teaching"
# Large type, and nothing on the screen but the lesson and its chart.
_LARGE = """
[data-testid="stHeader"], [data-testid="stSidebar"] { display: none; }
[data-testid="stMainBlockContainer"] { padding-top: 1.5rem; }
html { font-size: 135%; }
"""


def arrive(study: Study[Any], step: int, teach: bool) -> None:
    """Open what a link asks for: a step of the lesson (from 1 on, 0 for none), in large type."""
    if study.lesson is not None and step:
        st.session_state[_place(study)] = step - 1
        st.session_state[_open(study)] = True
    st.session_state[_TEACHING] = teach


def teaching() -> bool:
    """Tell whether the screen belongs to a lesson."""
    return bool(st.session_state.get(_TEACHING))


def lesson_view(study: Study[Any]) -> None:
    """Draw the study's lesson, if it has one, folded away until somebody wants it."""
    lesson = study.lesson
    if lesson is None:
        return
    unfolded = bool(st.session_state.get(_open(study)))
    with st.expander(f"Lesson: {lesson.title}", key=f"lesson:{study.name}", expanded=unfolded):
        st.fragment(_step)(study, lesson)
        st.button(
            "For a projector", icon=":material/present_to_all:", on_click=_teach, args=(True,)
        )


def teacher_page(study: Study[Any]) -> None:
    """Draw a lesson beside its chart, in large type, and nothing else."""
    st.html(f"<style>{_LARGE}</style>")
    lesson = study.lesson
    if lesson is None:
        st.session_state[_TEACHING] = False
        st.rerun()
    words, chart = st.columns([1, 1.5], gap="large")
    with chart:
        st.fragment(explorer)(study, {"lesson": str(_number(study) + 1), "teach": "1"})
    with words:
        st.subheader(lesson.title, anchor=False)
        st.fragment(_step)(study, lesson)
        st.button("Leave the lesson", icon=":material/close:", on_click=_teach, args=(False,))


def _step(study: Study[Any], lesson: Lesson) -> None:
    place, number = _place(study), _number(study)
    step = lesson.steps[number]
    st.caption(f"Step {number + 1} of {len(lesson.steps)}")
    st.markdown(step.text)
    guess = st.radio(step.question, step.choices, index=None, key=f"{place}:{number}")
    revealed = f"{place}:{number}:revealed"
    if guess is None:
        st.caption("Choose an answer; the chart then shows what happens.")
        return
    if not st.session_state.get(revealed):
        if st.button("Show me", key=f"{revealed}:button", type="primary"):
            st.session_state[revealed] = True
            apply_values(study, step.values)
            st.rerun()
        return
    right = step.choices.index(guess) == step.answer
    (st.success if right else st.info)(f"{'Yes. ' if right else 'Not so. '}{step.reveal}")
    with st.container(horizontal=True):
        if number and st.button("Back", key=f"{place}:back"):
            _go(study, number - 1)
        if number + 1 < len(lesson.steps) and st.button("Next step", key=f"{place}:next"):
            _go(study, number + 1)


def _number(study: Study[Any]) -> int:
    return int(st.session_state.get(_place(study), 0))


def _go(study: Study[Any], number: int) -> None:
    st.session_state[_place(study)] = number
    st.rerun(scope="app" if teaching() else "fragment")


def _teach(on: bool) -> None:
    st.session_state[_TEACHING] = on


def _place(study: Study[Any]) -> str:
    return f"lesson-step:{study.name}"


def _open(study: Study[Any]) -> str:
    return f"lesson-open:{study.name}"
