"""Evidence in the background: one pool, one store and one job a view, shared by sessions."""

from __future__ import annotations

import os
import threading
import weakref
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st
from streamlit import runtime

from sims.catalogue import studies
from sims.executors import Leash, start_worker
from sims.params import Params
from sims.result import Result
from sims.runner import Experiment, Stop
from sims.store import Store, default_path, key_of
from sims.study import Study


@dataclass(frozen=True)
class Watch:
    """What is watched: a study at parameters (in canonical form) and a seed."""

    study: str
    params: str
    seed: int


class Job:
    """An experiment that several sessions may watch; whoever looks moves it on.

    Theory is there at once; trials come with `advance`.
    """

    def __init__(self, study: Study[Any], params: Params, seed: int, trials: int) -> None:
        self.watchers: list[str] = []
        self._lock = threading.Lock()
        self._leash = Leash(_executor(), Path(_folder().name))
        self._experiment = Experiment(
            study, params, seed=seed, stop=Stop(trials=trials), executor=self._leash, store=_store()
        )

    @property
    def running(self) -> bool:
        """Whether trials are still to come."""
        return not self._experiment.done

    @property
    def wanted(self) -> int:
        """The number of trials asked for."""
        return self._experiment.stop.most

    @property
    def rate(self) -> float:
        """Trials computed a second since this job began."""
        return self._experiment.computed / max(self._experiment.seconds, 1e-9)

    @property
    def precision(self) -> float:
        """The largest relative standard error so far."""
        return self._experiment.precision

    def advance(self, go_on: bool = True) -> Result:
        """Gather what has arrived, send out more if wanted, and return the result so far."""
        with self._lock:
            if go_on:
                self._experiment.step(timeout=0.0)
            return self._experiment.result()

    def want(self, trials: int) -> None:
        """Ask for more trials; those that are there already are kept."""
        with self._lock:
            if trials > self.wanted:
                self._experiment.extend(Stop(trials=trials))

    def rest(self) -> None:
        """Abandon the work in flight; whoever looks again sends it out again."""
        with self._lock:
            self._experiment.rest()
            self._leash.recall()

    def drop(self) -> None:
        """Abandon the work for good."""
        with self._lock:
            self._experiment.cancel()
            self._leash.recall()


class Board:
    """The jobs that are being watched, so that a class on one view computes it once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._jobs: weakref.WeakValueDictionary[Watch, Job] = weakref.WeakValueDictionary()

    def watch(
        self, watch: Watch, study: Study[Any], params: Params, trials: int, session: str = ""
    ) -> Job:
        """Return the job of a view, started if nobody watches it yet."""
        with self._lock:
            job = self._jobs.get(watch)
            if job is None:
                job = self._jobs[watch] = Job(study, params, watch.seed, trials)
            job.watchers.append(session)
        job.want(trials)
        return job

    def rest_unseen(self) -> None:
        """Abandon the work in flight of views whose pages have all been closed."""
        with self._lock:
            unseen = [job for job in self._jobs.values() if not any(map(_open, job.watchers))]
        for job in unseen:
            job.rest()

    def leave(self, watch: Watch, job: Job, session: str = "") -> None:
        """Stop watching; the last one to leave abandons the work in flight."""
        with self._lock:
            job.watchers.remove(session)
            if job.watchers:
                return
            self._jobs.pop(watch, None)
        job.drop()


def _open(session: str) -> bool:
    """Tell whether a session's page is open; Streamlit remembers closed ones for a while."""
    return not runtime.exists() or runtime.get_instance().is_active_session(session)


def recalled(study: Study[Any], params: Params, seed: int, trials: int) -> Result:
    """Return theory with the evidence that is stored already; nothing is computed for it."""
    experiment = Experiment(
        study, params, seed=seed, stop=Stop(trials=trials), executor=None, store=_store()
    )
    experiment.cancel()
    return experiment.result()


def stored_trials(study: Study[Any], params: Params, seed: int = 0) -> int:
    """Return how many trials are stored of a view."""
    return _store().count(key_of(study, params, seed))


def board() -> Board:
    """Return the server's one board."""
    return _board()


def workers() -> int:
    """Return how many worker processes the server uses."""
    return max(1, os.cpu_count() or 1)


@st.cache_resource(show_spinner=False)
def _board() -> Board:
    return Board()


@st.cache_resource(show_spinner=False)
def _store() -> Store:
    return Store(default_path())


@cache
def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="sims-")


def tidy() -> None:
    """Leave nothing behind; called when the server ends."""
    _folder().cleanup()


def _executor() -> Executor:
    """Return the pool, a fresh one if a worker has died.

    loky's workers do not run `app.py` again, and they step back behind the page when both want
    the processor.
    """
    from joblib.externals.loky import get_reusable_executor

    executor: Executor = get_reusable_executor(
        max_workers=workers(), timeout=300, initializer=_start_worker, initargs=(os.getpid(),)
    )
    return executor


def _start_worker(parent: int) -> None:
    start_worker(parent)
    os.nice(15)
    studies()  # so that the first trial does not wait for imports


@st.cache_resource(show_spinner=False)
def _started() -> threading.Event:
    return threading.Event()


def ready() -> bool:
    """Say whether trials may be sent out: not before the server has drawn its first page.

    Starting the workers takes a second of every processor, and the first visitor should see
    theory before that.
    """
    return _started().is_set()


def warm_up() -> None:
    """Start the workers, unless they are there; called when a page has been drawn."""
    if not ready():
        _started().set()
        for _ in range(workers()):
            _executor().submit(os.getpid)
