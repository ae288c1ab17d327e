"""One study on a page: controls beside the chart, evidence filling in, the verdict below."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from sims.chart import caption
from sims.dashboard import address, axes, controls, pins, sweep
from sims.dashboard.evidence import Job, Watch, board, ready
from sims.dashboard.figure import figure
from sims.dashboard.symbols import coloured, colours
from sims.dashboard.takeaway import is_open, take_away
from sims.params import Params
from sims.result import Result
from sims.runner import TrialError
from sims.study import Check, Preset, Study, View

_TICK_SECONDS = 0.4
_TRIALS = (5, 10, 20, 40, 60, 100, 200, 400, 1000, 2000)
_COLOURS = {"holds": "green", "fails": "red", "undecided": "orange"}
_WORDS = {"holds": "holds", "fails": "fails", "undecided": "not enough evidence yet"}


def study_view(study: Study[Any]) -> None:
    """Draw a study: heading, statement, explorer, assumptions and sources."""
    st.subheader(study.title, anchor=False)
    st.markdown(study.statement)
    every = sweep.STEP_SECONDS if sweep.playing(study) else None
    st.fragment(explorer, run_every=every)(study)
    _background(study)


def explorer(study: Study[Any], lesson: Mapping[str, str] | None = None) -> None:
    """Draw controls and chart; a moved slider reruns this and nothing else.

    The chart is sent before the controls, because it is what the reader waits for.

    Parameters
    ----------
    study : Study
    lesson : mapping, optional
        Where a lesson that fills the screen stands, for the address: the chart and its message
        alone are drawn.
    """
    sweep.advance(study)
    sides = [st.container()] if lesson is not None else st.columns([2.4, 1], gap="large")
    params, problems = controls.current(study)
    seed, trials = _run_settings(study)
    with sides[0]:
        notes = st.container()
        job = _job(study, params, seed, trials)
        going = job.running and not _paused(study)
        st.session_state["sims-ticking"] = going
        live = st.fragment(_live, run_every=_TICK_SECONDS if going else None)
        live(study, job, lesson)
    for warning in study.validity(params):
        notes.warning(warning, icon=":material/rule:")
    if lesson is not None:
        return
    with sides[1]:
        _preset_picker(study)
        controls.draw(study)
        for problem in problems:
            st.error(problem)
        _run_controls(study)


def _live(study: Study[Any], job: Job, lesson: Mapping[str, str] | None) -> None:
    """Draw the chart with the evidence so far; it comes back by itself while trials arrive."""
    if job.running:
        board().rest_unseen()
    try:
        result = job.advance(go_on=ready() and not _paused(study))
    except TrialError as error:
        st.error(f"The experiment stopped: {error}")
        return
    except BrokenExecutor:
        _leave()  # the next run of the page starts a fresh pool
        st.error("A worker process died. Move a parameter or reload the page to go on.")
        return
    axes.view_picker(study)
    beside = pins.side_by_side(study)
    figure(result, axes.current(study), pins=() if beside else pins.results(study))
    st.markdown(study.takeaway)
    st.caption(caption(result, axes.current(study)))
    if lesson is None:
        _tools(study, job, result, beside)
    _progress(study, job, result)
    _meter(result)
    address.write(study, result.params, result.provenance.seed, lesson or {})
    if st.session_state["sims-ticking"] != (job.running and not _paused(study)):
        st.rerun()  # the whole page once, so that the ticking ends or begins again


def _tools(study: Study[Any], job: Job, result: Result, beside: bool) -> None:
    """Draw what can be done with a chart, and what it is compared with."""
    view = axes.current(study)
    with st.container(horizontal=True):
        pins.pin_button(study, result)
        axes.scale_picker(study)
        sweep.sweep_picker(study)
        take_away(result)
        sweep.stop_button(study)
    pins.pin_list(study)
    if beside:
        _gallery(pins.titled(study), view, 2)
    _gallery(sweep.multiples(study, result.params, result.provenance.seed, job.wanted), view, 3)


def _gallery(shown: list[tuple[str, Result]], view: View, columns: int) -> None:
    """Draw results of other parameters as small charts."""
    for start in range(0, len(shown), columns):
        for column, (title, result) in zip(st.columns(columns), shown[start : start + columns]):
            with column:
                st.markdown(title)
                figure(result, view, height=220, place=title)


def _preset_picker(study: Study[Any]) -> None:
    drawer = st.popover("Presets", width="stretch", on_change="rerun", key=f"presets:{study.name}")
    if not drawer.open:
        return
    with drawer:
        for preset in study.presets:
            st.button(
                preset.title,
                key=f"preset:{study.name}:{preset.name}",
                on_click=_apply,
                args=(study, preset),
                width="stretch",
            )
        st.button(
            "Reset",
            icon=":material/restart_alt:",
            key=f"reset:{study.name}",
            on_click=_reset,
            args=(study,),
            width="stretch",
            help="The first preset, seed 0, no pins.",
        )


def _reset(study: Study[Any]) -> None:
    _apply(study, study.presets[0])
    pins.keep(study, ())
    st.session_state["sims-seed"] = 0


def _apply(study: Study[Any], preset: Preset) -> None:
    controls.remember(study, preset.params)
    st.session_state[f"trials:{study.name}"] = _nearest_count(preset.trials)


def apply_values(study: Study[Any], values: Mapping[str, Any]) -> None:
    """Set some of a study's parameters, as a lesson does; used as a callback."""
    controls.remember(study, controls.remembered(study).replace(**values))


def _nearest_count(trials: int) -> int:
    return min(_TRIALS, key=lambda count: abs(math.log(count / max(trials, 1))))


def _run_settings(study: Study[Any]) -> tuple[int, int]:
    """Return the seed and the number of trials that the controls ask for."""
    if not study.has_trials:
        return 0, 0
    preset = _nearest_count(study.presets[0].trials)
    trials = st.session_state.setdefault(f"trials:{study.name}", preset)
    return int(st.session_state.setdefault("sims-seed", 0)), int(trials)


def _run_controls(study: Study[Any]) -> None:
    if not study.has_trials:
        return
    st.select_slider(
        "Trials",
        _TRIALS,
        key=f"trials:{study.name}",
        help="Independent repetitions of the experiment.",
    )
    st.number_input(
        "Seed",
        min_value=0,
        max_value=2**32 - 1,
        step=1,
        key="sims-seed",
        help="The same seed gives the same trials, bit for bit, here and in the terminal.",
    )
    st.toggle("Pause", key="sims-paused", help="Stop gathering evidence; go on where it was.")


def _paused(study: Study[Any]) -> bool:
    """Tell whether evidence waits: the reader wants it to, or is taking away what is seen."""
    return bool(st.session_state.get("sims-paused", False)) or is_open(study)


def _job(study: Study[Any], params: Params, seed: int, trials: int) -> Job:
    """Return this session's job, leaving the one it watched before."""
    watch = Watch(study.name, params.canonical(), seed)
    known: tuple[Watch, Job] | None = st.session_state.get("sims-job")
    if known is not None and known[0] == watch:
        known[1].want(trials)
        return known[1]
    _leave()
    job = board().watch(watch, study, params, trials, _session())
    st.session_state["sims-job"] = (watch, job)
    return job


def _leave() -> None:
    """Stop watching what this session watches."""
    known: tuple[Watch, Job] | None = st.session_state.pop("sims-job", None)
    if known is not None:
        board().leave(*known, _session())


def _session() -> str:
    """Return the name of this session."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def _progress(study: Study[Any], job: Job, result: Result) -> None:
    if not study.has_trials:
        return
    share = min(result.trials / max(job.wanted, 1), 1.0)
    words = f"{result.trials} of {job.wanted} trials"
    if result.trials > 1:
        words += f", largest relative standard error {job.precision:.1%}"
    if job.running and _paused(study):
        words += ", paused"
    elif job.running and result.provenance.computed:
        words += f", {job.rate:.1f} a second"
    st.progress(share, text=words)


def _meter(result: Result) -> None:
    if not result.checks:
        return
    # One element: the browser draws every element anew whenever a slider moves.
    st.markdown("\n\n".join(["**Agreement**", *map(_check_words, result.checks)]))


def _check_words(check: Check) -> str:
    badge = f":{_COLOURS[check.status]}-badge[{_WORDS[check.status]}]"
    needs = f"; about {check.needs} more trials would decide" if check.needs else ""
    return f"{badge} {check.sentence}: {check.detail}{needs}."


def _background(study: Study[Any]) -> None:
    st.markdown("**The theory**")
    inks = colours(study, st.context.theme.type == "dark")
    for equation in study.equations:
        st.latex(coloured(equation.latex, inks))
        st.caption(f"{equation.where} Source: {equation.source}.")
    with st.expander("Assumptions and sources"):
        if study.assumptions:
            st.markdown("**Where it holds**")
            st.markdown("\n".join(f"- {line}" for line in study.assumptions))
        st.markdown("**Sources**")
        st.markdown("\n".join(f"- {source.text}" for source in study.sources))
        st.caption(f"Standing of the theory: {study.standing}.")
