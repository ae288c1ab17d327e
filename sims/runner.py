"""Trials to moments to result, on any executor; streamed, resumable, stopped by a stated rule."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.catalogue import find
from sims.moments import Moments
from sims.params import Params
from sims.result import Provenance, Result, Stopped
from sims.store import Key, Store, Trial, key_of

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from sims.study import Arrays, Study

Progress = Callable[["Experiment"], None]

_TASK_SECONDS = 0.1  # trials shorter than this travel in batches, so that sending them is cheap
_LARGEST_BATCH = 64
_TASKS_A_SECOND = 50  # that a scheduler is asked for at most: a Dask one hands out about 100
_READ_AT_ONCE = 500
_NO_COUNT = 100_000  # where only a precision or a time was asked for
_FEWEST = 10  # below, a standard error is itself too uncertain to stop by
_LOOK_SECONDS = 0.25  # between two looks at what other processes have stored
_LEAST_LEASE = 30.0  # seconds for which a claim on trials stands, and a multiple of what they take
_LEASE_FACTOR = 20.0
_LARGEST_SEED = 2**63 - 1  # what a store's column holds


_MOST_LOSSES = 3  # workers that one batch may cost before it is held to be the cause


class TrialError(RuntimeError):
    """A trial raised; the message says which one, so that it can be run again alone."""


@dataclass(frozen=True)
class Stop:
    """When to stop: whichever of the rules that are set is met first.

    Attributes
    ----------
    trials : int or None
        A number of trials.
    precision : float or None
        A relative standard error that no point exceeds any more, asked from the tenth trial on.
    seconds : float or None
        A time budget for this run, in wall-clock seconds.
    """

    trials: int | None = None
    precision: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        from sims.numerics.validate import integer, number

        if self.trials is not None:
            object.__setattr__(self, "trials", integer("trials", self.trials, 0))
        if self.precision is not None:
            number("precision", self.precision, 0, open_low=True)
        if self.seconds is not None:
            number("seconds", self.seconds, 0, open_low=True)

    @property
    def most(self) -> int:
        """The largest number of trials that can be needed."""
        return _NO_COUNT if self.trials is None else self.trials


@dataclass(frozen=True)
class Batch:
    """Trials that travel together: indices ``first`` to ``first + count - 1``.

    Attributes
    ----------
    first, count : int
    losses : int
        How many workers have died with it so far.
    """

    first: int
    count: int
    losses: int = 0


def run_batch(study: Study[Any], params: Params, seed: int, first: int, count: int) -> list[Trial]:
    """Run trials ``first`` to ``first + count - 1``; what a worker is asked to do.

    The randomness of a trial is ``SeedSequence(seed, spawn_key=(index,))`` and nothing else, and
    BLAS runs on one thread, so that a trial is the same bits wherever it is computed.

    Raises
    ------
    TrialError
        When a trial raises, or returns what the study did not declare.
    """
    from threadpoolctl import threadpool_limits

    grid = study.grid(params)
    trials = []
    with threadpool_limits(1):
        for index in range(first, first + count):
            rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
            begun = time.perf_counter()
            try:
                arrays = study.trial(params, grid, rng)
                _check_shapes(study, grid, arrays)
                Moments(study.measures).add(arrays)  # refused now, before a store keeps it
            except Exception as error:
                where = f"trial {index} of {study.name} at {params!r}, seed {seed}"
                raise TrialError(f"{where}: {type(error).__name__}: {error}") from error
            trials.append(Trial(index, time.perf_counter() - begun, dict(arrays)))
    return trials


class Experiment:
    """One study at one point of its parameters, gathering evidence step by step.

    `step` never waits longer than it is told, so that a terminal can draw its progress, a page
    stay alive, and either can `cancel`. Trials are folded in the order of their index; those
    that arrive early wait. What a store holds already is taken from there.

    Parameters
    ----------
    study : Study
    params : Params
    seed : int
        In [0, 2⁶³).
    stop : Stop
    executor : concurrent.futures.Executor, optional
        Trials run in this process, between steps, when there is none.
    store : Store, optional

    Attributes
    ----------
    computed, recalled : int
        Trials that were run, and trials that were read from the store.
    alarm : float
        The probability with which each check of its results may refuse a true claim.
    trial_seconds : float
        What a trial takes, averaged over recent ones; NaN before the first.
    task_seconds : float
        How long a batch of trials should take.
    """

    def __init__(
        self,
        study: Study[Any],
        params: Params,
        *,
        seed: int = 0,
        stop: Stop | None = None,
        executor: Executor | None = None,
        store: Store | None = None,
    ) -> None:
        from sims.numerics.validate import integer

        self.study, self.params = study, params
        self.seed = integer("seed", seed, 0, _LARGEST_SEED)
        self.stop = stop or Stop(trials=study.presets[0].trials)
        self.computed = self.recalled = 0
        self.alarm = 1e-3
        self.task_seconds = task_seconds(executor)
        self._executor, self._store = executor, store
        self._key: Key | None = key_of(study, params, self.seed) if store else None
        self._owner = uuid.uuid4().hex
        self._claims = False
        self._looked = -math.inf
        self._grid = study.grid(params)
        self._theory = study.theory(params, self._grid)
        _check_shapes(study, self._grid, self._theory)
        self._lines: dict[str, tuple[Arrays, Arrays]] = {}  # filled by the results as they draw
        self._moments = Moments(study.measures)
        self._early: dict[int, Trial] = {}
        self._flying: dict[Future[list[Trial]], Batch] = {}
        self._lost: list[Batch] = []
        self._next = 0  # the first index that has not been sent out
        self.trial_seconds = math.nan
        self._begun = time.monotonic()
        self._stopped: Stopped | None = None if study.has_trials else "theory"
        self._failure: Exception | None = None
        self._recall()
        self._fold()

    @property
    def done(self) -> bool:
        """Whether the stopping rule has been met (or the experiment was cancelled)."""
        return self._stopped is not None

    @property
    def trials(self) -> int:
        """Trials that the summary covers so far."""
        return self._moments.count

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since this run began."""
        return time.monotonic() - self._begun

    @property
    def precision(self) -> float:
        """The largest relative standard error of any point so far."""
        return self._moments.relative_error()

    def step(self, timeout: float = 0.2) -> bool:
        """Gather what has arrived, keep the workers busy, and say whether anything is left to do.

        Parameters
        ----------
        timeout : float
            Seconds to wait for a trial at most; without an executor, the time to spend on trials
            (one batch at least).

        Returns
        -------
        bool
            True while the experiment goes on.

        Raises
        ------
        TrialError
            When a trial raises: now, and at every later step.
        """
        if self._failure is not None:
            raise self._failure
        if not self.done and self.seconds >= (self.stop.seconds or math.inf):
            self._finish("seconds")
        if self.done:
            return False
        try:
            if self._executor is None:
                self._work(timeout)
            else:
                self._fly(self._executor, timeout)
        except Exception as error:
            self._failure = error
            self._finish("failed")
            raise
        return not self.done

    def take(self) -> Batch | None:
        """Reserve the next trials to compute, for whoever computes them; None for "no more".

        What is taken comes back through `absorb`, or through `give_back`.
        """
        if self.done:
            return None
        if self._lost:
            return self._lost.pop()
        self._next = max(self._next, self.trials)
        first, count = self._reserve()
        if self.done:  # by what others have stored
            return None
        self._next = first + count
        if count == 0 and self._store is not None:
            self._next = self.trials  # whoever claimed the rest may die
        return Batch(first, count) if count else None

    def give_back(self, batch: Batch) -> None:
        """Return trials whose worker died, to be sent out again.

        Raises
        ------
        TrialError
            When the same trials have cost a third worker.
        """
        if batch.losses + 1 >= _MOST_LOSSES:
            last = batch.first + batch.count - 1
            raise TrialError(
                f"trials {batch.first} to {last} of {self.study.name} at {self.params!r}, seed "
                f"{self.seed}: {_MOST_LOSSES} workers died computing them (out of memory?)"
            )
        self._lost.append(replace(batch, losses=batch.losses + 1))

    def absorb(self, trials: list[Trial]) -> None:
        """Keep computed trials in the store and fold them in."""
        if self._store is not None and self._key is not None:
            self._store.write(self._key, trials)
        self.computed += len(trials)
        seconds = sum(trial.seconds for trial in trials) / len(trials)
        known = self.trial_seconds
        self.trial_seconds = seconds if math.isnan(known) else 0.7 * known + 0.3 * seconds
        self._early.update((trial.index, trial) for trial in trials)
        self._fold()

    def cancel(self) -> None:
        """Stop here: drop what has not started and keep what has been gathered."""
        if not self.done:
            self._finish("cancelled")

    def extend(self, stop: Stop) -> None:
        """Go on from here under another stopping rule; trials so far are kept."""
        self.stop = stop
        if self.study.has_trials:
            self._stopped = self._failure = None
            self._begun = time.monotonic()
            self._recall()
            self._fold()

    def result(self) -> Result:
        """Return theory and the evidence so far."""
        low, high = self._moments.interval()
        return Result(
            params=self.params,
            grid=self._grid,
            theory=self._theory,
            mean=self._moments.mean(),
            stderr=self._moments.stderr(),
            low=low,
            high=high,
            guides=self.study.guides(self.params),
            trials=self.trials,
            alarm=self.alarm,
            study=self.study,
            lines=self._lines,
            provenance=Provenance.now(
                self.study, self.seed, self._stopped or "running", self.seconds, self.computed
            ),
        )

    def _recall(self) -> None:
        """Fold in what the store holds; beyond a gap (a run was killed there) it waits."""
        if self._store is None or self._key is None or self.done:
            return
        start = self.trials
        while start < self.stop.most and not self._met():
            wanted = min(_READ_AT_ONCE, self.stop.most - start)
            stored = self._store.read(self._key, start, wanted)
            fresh = {t.index: t for t in stored if self.trials <= t.index < self.stop.most}
            self.recalled += len(fresh.keys() - self._early.keys())
            if stored and math.isnan(self.trial_seconds):
                self.trial_seconds = sum(trial.seconds for trial in stored) / len(stored)
            self._early |= fresh
            self._fold()
            if len(stored) < wanted:
                break
            start = stored[-1].index + 1

    def _reserve(self) -> tuple[int, int]:
        """Choose the next trials that nobody has computed or is computing: first, count."""
        most = self._batch_size()
        if self._store is None or self._key is None:
            return self._next, max(0, min(most, self.stop.most - self._next))
        lease = _LEAST_LEASE + _LEASE_FACTOR * most * np.nan_to_num(self.trial_seconds, nan=1.0)
        first, count = self._store.claim(
            self._key, self._owner, self._next, self.stop.most, most, float(lease)
        )
        self._claims |= count > 0
        if first > self._next and time.monotonic() > self._looked + _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._recall()  # somebody else is at work on this
        return first, count

    def _batch_size(self) -> int:
        if math.isnan(self.trial_seconds):
            return 1
        most = int(_LARGEST_BATCH * self.task_seconds / _TASK_SECONDS)
        return max(1, min(most, int(self.task_seconds / max(self.trial_seconds, 1e-6))))

    def _work(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.done:
            batch = self.take()
            if batch is None:
                self._await_others(timeout)
                break
            self.absorb(run_batch(self.study, self.params, self.seed, batch.first, batch.count))
            if time.monotonic() >= deadline:
                break

    def _fly(self, executor: Executor, timeout: float) -> None:
        while len(self._flying) < 2 * places(executor):
            batch = self.take()
            if batch is None:
                break
            self._flying[submit(executor, self, batch)] = batch
        if not self._flying:
            self._await_others(timeout)
        arrived, _ = wait(self._flying, timeout=timeout, return_when=FIRST_COMPLETED)
        for batch, future in [(self._flying.pop(future), future) for future in arrived]:
            land(self, batch, future)

    def _await_others(self, timeout: float) -> None:
        if not self.done:
            time.sleep(min(timeout, _LOOK_SECONDS))

    def _fold(self) -> None:
        """Fold trials in order until one is missing or the rule is met.

        The rule is asked after every trial, never after a batch, so that where a run stops does
        not depend on how its trials were sent out.
        """
        while not self._met() and self._moments.count in self._early:
            self._moments.add(self._early.pop(self._moments.count).arrays)
        if self._met():
            self._finish("trials" if self.trials >= self.stop.most else "precision")

    def _met(self) -> bool:
        if self.done or self.trials >= self.stop.most:
            return True
        if self.stop.precision is None or self.trials < _FEWEST:
            return False
        return self.precision <= self.stop.precision

    def _finish(self, reason: Stopped) -> None:
        if self._stopped is None:
            self._stopped = reason
        self.rest()

    def rest(self) -> None:
        """Abandon what is in flight; the next step sends it out again, unless this has ended."""
        if self._claims and self._store is not None:
            self._store.release(self._owner)
            self._claims = False
        for future in self._flying:
            future.cancel()
        self._flying.clear()
        self._lost.clear()
        self._next = self.trials  # what was in flight is sent out again if the run goes on


def run(
    name_or_study: str | Study[Any],
    params: Params | Mapping[str, Any] | None = None,
    *,
    trials: int | None = None,
    seed: int = 0,
    executor: Executor | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    preset: str | None = None,
    precision: float | None = None,
    seconds: float | None = None,
) -> Result:
    """Run a study until its stopping rule is met and return theory beside evidence.

    Parameters
    ----------
    name_or_study : str or Study
        A name such as ``"random-features/double-descent"``, or a study of your own.
    params : Params or mapping, optional
        Values that differ from the preset's.
    trials, precision, seconds : optional
        Stop after this many trials, at this relative standard error of every point, or after
        this many seconds, whichever comes first; the preset's number of trials when none is set.
    seed : int
        The same seed gives the same trials, bit for bit, on every executor.
    executor : concurrent.futures.Executor, optional
        Where trials run; in this process by default.
    store : Store or path, optional
        Where trials are kept and looked up; nowhere by default.
    progress : callable, optional
        Called with the running `Experiment` about five times a second; its ``cancel()`` stops it.
    preset : str, optional
        The preset to start from; the study's first by default.

    Returns
    -------
    Result
        With ``theory``, ``mean``, ``stderr``, ``trials``, ``checks``, ``to_frame()``, ``chart()``.

    Raises
    ------
    ParameterError
        When a value is not allowed (a ``ValueError``).
    TrialError
        When a trial raises.

    Examples
    --------
    >>> result = run("random-features/double-descent", {"n": 64, "modes": 400}, trials=2)
    >>> result.trials
    2
    """
    study = find(name_or_study) if isinstance(name_or_study, str) else name_or_study
    base = study.preset(preset) if preset else study.presets[0]
    chosen = params if isinstance(params, Params) else base.params.replace(**dict(params or {}))
    if not isinstance(chosen, study.Params):
        allowed = f"{study.Params.__name__}, a mapping or None"
        raise ValueError(f"params = {params!r} is not allowed: it must be {allowed}")
    if trials is None and precision is None and seconds is None:
        trials = base.trials
    owned = None if store is None or isinstance(store, Store) else Store(store)
    kept = store if isinstance(store, Store) else owned
    experiment = Experiment(
        study,
        chosen,
        seed=seed,
        stop=Stop(trials, precision, seconds),
        executor=executor,
        store=kept,
    )
    try:
        while experiment.step():
            if progress:
                progress(experiment)
        if progress:
            progress(experiment)
        return experiment.result()
    finally:
        experiment.cancel()
        if owned:
            owned.close()


def _check_shapes(study: Study[Any], grid: Arrays, arrays: Arrays) -> None:
    declared = {measure.name: measure for measure in study.measures}
    for name, values in arrays.items():
        if name not in declared:
            known = ", ".join(declared)
            raise ValueError(f"{study.name} returned {name!r}, but its measures are {known}")
        axes = declared[name].axes
        expected = tuple(np.size(grid[axis]) for axis in axes)
        if np.shape(values) != expected:
            along = f"its axes ({', '.join(axes)}) have {expected}"
            raise ValueError(f"{study.name}: {name} has shape {np.shape(values)}, but {along}")


def places(executor: Executor) -> int:
    """Return how many trials an executor computes at once (2 where it does not say)."""
    return int(getattr(executor, "places", 0) or getattr(executor, "_max_workers", 0) or 2)


def task_seconds(executor: Executor | None) -> float:
    """Return how long a batch should take: the longer the more workers wait for one scheduler."""
    return (
        _TASK_SECONDS
        if executor is None
        else max(_TASK_SECONDS, places(executor) / _TASKS_A_SECOND)
    )


def submit(executor: Executor, experiment: Experiment, batch: Batch) -> Future[list[Trial]]:
    """Send a batch to an executor."""
    study, params, seed = experiment.study, experiment.params, experiment.seed
    return executor.submit(run_batch, study, params, seed, batch.first, batch.count)


def land(experiment: Experiment, batch: Batch, future: Future[list[Trial]]) -> None:
    """Fold in a batch that came back, or give it back if its worker died."""
    try:
        trials = future.result()
    except BrokenExecutor:
        experiment.give_back(batch)
    else:
        experiment.absorb(trials)
