"""Many studies in one queue: the cheapest undecided first, so that time buys most verdicts."""

from __future__ import annotations

import math
import time
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sims.runner import (
    Batch,
    Experiment,
    Stop,
    TrialError,
    land,
    places,
    run_batch,
    submit,
    task_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sims.result import Result
    from sims.store import Store, Trial
    from sims.study import Preset, Study

State = Literal["waiting", "running", "complete", "broken", "stopped"]

_LOOKS = 2  # a check is judged at the preset's trials, and once more if it was undecided then
_PROBE_SECONDS = 5.0  # before a study costs more than this, see what the others cost
_LOOK_SECONDS = 0.25
_MOST_EXTENDED = 4  # times the preset's trials that an undecided check may ask for
FALSE_ALARM = 0.05


@dataclass(frozen=True)
class Item:
    """A study at a preset."""

    study: Study[Any]
    preset: Preset


class Entry:
    """One item of a campaign, with its experiment once that has been opened.

    Attributes
    ----------
    item : Item
    state : {"waiting", "running", "complete", "broken", "stopped"}
        "stopped" when a time budget or an interruption came first, "broken" when a trial raised.
    error : str
        Why it is broken; empty otherwise.
    """

    def __init__(self, item: Item) -> None:
        self.item = item
        self.state: State = "waiting"
        self.error = ""
        self.experiment: Experiment | None = None
        self._extended = False
        self._result: Result | None = None

    @property
    def trials(self) -> int:
        """Trials that the summary covers so far."""
        return self.experiment.trials if self.experiment else 0

    @property
    def wanted(self) -> int:
        """Trials that are wanted now."""
        return self.experiment.stop.most if self.experiment else self.item.preset.trials

    @property
    def remaining_seconds(self) -> float:
        """Processor seconds that are still to be spent, as far as known; NaN when unknown."""
        if self.experiment is None:
            return math.nan
        return max(0, self.wanted - self.trials) * self.experiment.trial_seconds

    @property
    def finished(self) -> bool:
        """Whether nothing more will be computed."""
        return self.state in ("complete", "broken", "stopped")

    @property
    def result(self) -> Result | None:
        """Theory and evidence so far; None before the study has been opened."""
        if self.experiment is None:
            return None
        if self._result is None or self._result.trials != self.experiment.trials:
            self._result = self.experiment.result()
        return self._result

    @property
    def verdict(self) -> str:
        """What can be said by now: "holds", "fails", "undecided" or "broken"."""
        if self.state == "broken":
            return "broken"
        if self.result is None:
            return "undecided"
        return {True: "holds", False: "fails", None: "undecided"}[self.result.holds]

    def open(self, alarm: float, **settings: Any) -> None:
        """Compute the theory and recall what is stored; `alarm` is shared among the checks."""
        item = self.item
        stop = Stop(item.preset.trials)
        self.experiment = Experiment(item.study, item.preset.params, stop=stop, **settings)
        self.experiment.alarm = alarm / max(1, len(self.experiment.result().checks)) / _LOOKS
        self.state = "running"
        self.settle()

    def settle(self) -> None:
        """Judge when the wanted trials are there; ask once for more where that would decide."""
        if self.experiment is None or not self.experiment.done or self.finished:
            return
        needs = self._needs()
        if needs and not self._extended:
            self._extended = True
            most = _MOST_EXTENDED * self.item.preset.trials
            self.experiment.extend(Stop(min(most, self.trials + needs)))
            if not self.experiment.done:
                return
        self.state = "complete"

    def fail(self, error: Exception) -> None:
        """Give up on this study and keep what it has."""
        self.error, self.state = str(error), "broken"
        if self.experiment:
            self.experiment.cancel()

    def stop(self) -> None:
        """Stop here: a budget is spent, or somebody interrupted."""
        if not self.finished:
            self.state = "stopped"
            if self.experiment:
                self.experiment.cancel()

    def _needs(self) -> int:
        result = self.result
        if result is None or result.holds is not None or not self.item.study.has_trials:
            return 0
        return max(check.needs for check in result.checks)


class Campaign:
    """Studies that share one queue, one executor and one store.

    The trials of all studies stand in one queue. The study that is expected to be done first is
    served first, but before one costs more than some seconds, every other has been tried.
    A study whose checks are undecided at its preset's number of trials goes on once, to the
    number that would decide (four times the preset's at most).

    Parameters
    ----------
    items : sequence of Item
    seed : int
    executor : concurrent.futures.Executor, optional
        Trials run in this process when there is none.
    store : Store, optional
    seconds : float, optional
        A time budget.
    false_alarm : float
        The probability, at most, that any true statement in the whole campaign is refused by
        chance. Divided evenly among studies, checks and looks (Bonferroni).
    """

    def __init__(
        self,
        items: Sequence[Item],
        *,
        seed: int = 0,
        executor: Executor | None = None,
        store: Store | None = None,
        seconds: float | None = None,
        false_alarm: float = FALSE_ALARM,
    ) -> None:
        self.entries = [Entry(item) for item in items]
        self.seed, self.false_alarm = seed, false_alarm
        self._executor, self._store = executor, store
        self._budget = seconds or math.inf
        self._flying: dict[Future[list[Trial]], tuple[Entry, Batch]] = {}
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Wall-clock seconds since the campaign began."""
        return time.monotonic() - self._begun

    @property
    def finished(self) -> bool:
        """Whether nothing more will be computed."""
        return all(entry.finished for entry in self.entries)

    @property
    def remaining_seconds(self) -> float:
        """Processor seconds that are still to be spent, as far as known."""
        known = [e.remaining_seconds for e in self.entries if e.state == "running"]
        return sum(seconds for seconds in known if not math.isnan(seconds))

    def step(self, timeout: float = 0.2) -> bool:
        """Gather what has arrived, keep the workers busy; say whether anything is left to do.

        Parameters
        ----------
        timeout : float
            Seconds to wait for a trial at most.
        """
        if self.seconds >= self._budget:
            self.stop()
        elif self._executor is None:
            self._work(timeout)
        else:
            self._fly(self._executor, timeout)
        return not self.finished

    def stop(self) -> None:
        """Stop everything that is not finished; what has been computed is kept."""
        for entry in self.entries:
            entry.stop()
        for future in self._flying:
            future.cancel()
        self._flying.clear()

    def _work(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self.finished:
            task = self._take()
            if task is None:
                self._await_others(timeout)
                break
            entry, experiment, batch = task
            try:
                study, params = experiment.study, experiment.params
                experiment.absorb(run_batch(study, params, self.seed, batch.first, batch.count))
                entry.settle()
            except TrialError as error:
                entry.fail(error)
            if time.monotonic() >= deadline:
                break

    def _fly(self, executor: Executor, timeout: float) -> None:
        while len(self._flying) < 2 * places(executor):
            task = self._take()
            if task is None:
                break
            entry, experiment, batch = task
            self._flying[submit(executor, experiment, batch)] = (entry, batch)
        if not self._flying:
            self._await_others(timeout)
        arrived, _ = wait(self._flying, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in arrived:
            entry, batch = self._flying.pop(future)
            if entry.experiment is None or entry.state == "broken":
                continue
            try:
                land(entry.experiment, batch, future)
                entry.settle()
            except TrialError as error:
                entry.fail(error)

    def _take(self) -> tuple[Entry, Experiment, Batch] | None:
        """Reserve the next batch of the study that is expected to be done first."""
        for entry in sorted(self._open_ones(), key=_expected):
            if entry.experiment is None:
                self._open(entry)
            if entry.experiment is None or entry.finished:
                continue
            batch = entry.experiment.take()
            if batch is not None:
                return entry, entry.experiment, batch
            entry.settle()  # other processes may have stored the rest
        return None

    def _await_others(self, timeout: float) -> None:
        """Pause: what is left to do is being done by other processes that share the store."""
        if not self.finished:
            time.sleep(min(timeout, _LOOK_SECONDS))

    def _open_ones(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.finished]

    def _open(self, entry: Entry) -> None:
        try:
            share = self.false_alarm / len(self.entries)
            entry.open(share, seed=self.seed, store=self._store)
            if entry.experiment:
                entry.experiment.task_seconds = task_seconds(self._executor)
        except (TrialError, ValueError, ArithmeticError, RuntimeError) as error:
            entry.fail(error)


def _expected(entry: Entry) -> float:
    seconds = entry.remaining_seconds
    return _PROBE_SECONDS if math.isnan(seconds) else seconds
