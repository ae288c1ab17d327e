"""Every figure with its latest verdict, from the trials that are stored already."""

from __future__ import annotations

from typing import Any

import streamlit as st

from sims.catalogue import FAMILIES, of_family
from sims.dashboard.evidence import recalled, stored_trials
from sims.result import Result
from sims.study import Study

_BADGES = {
    True: ":green-badge[holds]",
    False: ":red-badge[fails]",
    None: ":orange-badge[undecided]",
}
_STORED_SECONDS = 20  # a verdict is looked up again after this long


def verdicts_page() -> None:
    """Draw the page."""
    st.title("Verdicts", anchor=False)
    st.markdown(
        "Every study at its first preset, judged on the trials that this machine has stored. "
        "Nothing is computed here: open a study and its evidence gathers, or run "
        "`sims reproduce` in a terminal and come back."
    )
    for family in FAMILIES:
        st.subheader(family.title, anchor=False)
        for study in of_family(family.slug):
            _row(study)


def _row(study: Study[Any]) -> None:
    link, verdict = st.columns([1, 2])
    with link:
        st.page_link(
            f"pages/{study.family}.py",
            label=study.title,
            query_params={"study": study.name.partition("/")[2]},
        )
    with verdict:
        if study.has_trials and not stored_trials(study, study.presets[0].params):
            st.markdown(":gray-badge[no evidence yet]")
            return
        trials, holds, details = _latest(study.name, study.presets[0].trials)
        count = f"{trials} of {study.presets[0].trials} trials" if study.has_trials else "exact"
        st.markdown(f"{_BADGES[holds]} {count}. {details}")


@st.cache_data(ttl=_STORED_SECONDS, show_spinner=False)
def _latest(name: str, trials: int) -> tuple[int, bool | None, str]:
    from sims.catalogue import find

    study = find(name)
    result: Result = recalled(study, study.presets[0].params, 0, trials)
    details = "; ".join(f"{check.sentence}: {check.detail}" for check in result.checks)
    return result.trials, result.holds, details
