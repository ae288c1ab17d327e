"""Lessons: a step asks for a prediction, then sets the sliders, reveals and explains."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.dashboard.view import apply_values
from sims.study import Lesson, Study


def lesson_view(study: Study[Any]) -> None:
    """Draw the study's lesson, if it has one, folded away until somebody wants it."""
    lesson = study.lesson
    if lesson is None:
        return
    with st.expander(f"Lesson: {lesson.title}", key=f"lesson:{study.name}"):
        st.fragment(_step)(study, lesson)


def _step(study: Study[Any], lesson: Lesson) -> None:
    place = f"lesson-step:{study.name}"
    number = st.session_state.setdefault(place, 0)
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
            st.session_state[place] = number - 1
            st.rerun(scope="fragment")
        if number + 1 < len(lesson.steps) and st.button("Next step", key=f"{place}:next"):
            st.session_state[place] = number + 1
            st.rerun(scope="fragment")
