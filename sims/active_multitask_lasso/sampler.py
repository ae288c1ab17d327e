"""An active sampler that a user drives with data of their own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from sims.active_multitask_lasso.joint_erm import MultitaskFit, joint_erm
from sims.active_multitask_lasso.stages import (
    Lasso,
    Rule,
    estimated_relevance,
    next_counts,
)
from sims.active_multitask_lasso.statistics import Statistics, no_statistics, statistics_of
from sims.active_multitask_lasso.target_head import target_head
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Pair = tuple[ArrayLike, ArrayLike]

FORMAT = 1
PARTS = ("gram", "cross", "square", "counts")


@dataclass(frozen=True)
class SamplerSettings:
    """What an `ActiveSampler` was told; see there."""

    rank: int
    rule: Rule
    budgets: tuple[int, ...]
    noise_variance: float | None
    lasso: Lasso
    selection: int | None
    target_ridge: float


class ActiveSampler:
    r"""Propose how many samples of each source task to draw next, take them, and continue.

    The first budget is spread uniformly. Afterwards every epoch fits the sources jointly, fits the
    target's head on the learned features, estimates the relevance of each task and distributes
    the next budget by the rule, counting what has been drawn already. Samples are never thrown
    away and never read twice; only sufficient statistics are kept.

    Parameters
    ----------
    target : (X, y) or Statistics
        The target's sample, shapes (m, d) and (m,).
    tasks : int
        T, number of source tasks.
    rank : int
        K, 1 <= K <= T and K < d.
    budgets : sequence of int
        Increasing cumulative numbers of source samples, see `geometric_budgets`.
    rule : {"l1", "l2", "uniform"}
        How relevance becomes a share: |nu_t|, nu_t^2, or not at all.
    noise_variance : float, optional
        sigma^2 >= 0; estimated from the joint fit when not given.
    lasso : "calibrated" or float
        As for `estimated_relevance`.
    selection : int, optional
        Sample only so many tasks after the exploration: those largest in estimated relevance.
    target_ridge : float
        Ridge of the target's fit, >= 0. Without one, at least K target samples are needed.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    A runnable form, ours, of the algorithms of Wang et al. (2023) and Chen et al. (2022); see
    docs/theory/active_multitask_lasso.md. Inputs should be roughly white. Nothing here is random:
    the same data lead to the same proposals.

    Examples
    --------
    >>> from sims.active_multitask_lasso import ActiveSampler, draw_data
    >>> rng = np.random.default_rng(0)
    >>> theta = np.zeros((4, 6))
    >>> theta[[0, 1, 2, 3], [0, 1, 1, 1]] = 1.0
    >>> known = {"noise_variance": 0.01, "rng": rng}
    >>> sampler = ActiveSampler(
    ...     draw_data(theta[:1], [50], **known)[0], tasks=4, rank=2, budgets=[80, 400]
    ... )
    >>> while not sampler.done:
    ...     wanted = sampler.propose()
    ...     sampler.add(draw_data(theta, wanted, **known))
    >>> sampler.counts.argmax(), int(sampler.counts.sum())
    (np.int64(0), 400)
    """

    def __init__(
        self,
        target: Pair | Statistics,
        *,
        tasks: int,
        rank: int,
        budgets: Sequence[int],
        rule: Rule = "l1",
        noise_variance: float | None = None,
        lasso: Lasso = "calibrated",
        selection: int | None = None,
        target_ridge: float = 0.0,
    ) -> None:
        aim = target if isinstance(target, Statistics) else statistics_of([target])
        count = integer("tasks", tasks, 1)
        if aim.tasks != 1:
            reject("tasks in the target's statistics", aim.tasks, "1")
        if rule not in get_args(Rule):
            reject("rule", rule, f"one of {', '.join(map(repr, get_args(Rule)))}")
        if lasso != "calibrated":
            if isinstance(lasso, str):
                reject("lasso", lasso, "'calibrated' or a fraction in [0, 1)")
            lasso = number("lasso", lasso, 0, 1, open_high=True)
        variance = None if noise_variance is None else number("noise_variance", noise_variance, 0)
        k = integer("rank", rank, 1, count)
        if k >= aim.dimension:
            reject("rank", k, f"below the input dimension, {aim.dimension}")
        ridge = number("target_ridge", target_ridge, 0)
        if ridge == 0 and aim.total < k:
            reject("target samples", aim.total, f"at least the rank, {k}, unless target_ridge > 0")
        chosen = None if selection is None else integer("selection", selection, 1, count)
        if rule == "uniform" and chosen is not None:
            reject("selection", chosen, "None with the uniform rule, which estimates no relevance")
        totals = _checked_budgets(budgets, k)
        self._settings = SamplerSettings(k, rule, totals, variance, lasso, chosen, ridge)
        self._target, self._sources = aim, no_statistics(count, aim.dimension)
        self._plan: Whole | None = None
        self._selected: list[int] | None = None
        self._excluded: list[int] = []
        self._fitted: tuple[Statistics, MultitaskFit] | None = None

    @property
    def settings(self) -> SamplerSettings:
        """What the sampler was told, with budgets as extended."""
        return self._settings

    @property
    def statistics(self) -> Statistics:
        """Sufficient statistics of all source samples so far."""
        return self._sources

    @property
    def counts(self) -> Whole:
        """Source samples of each task so far, shape (T,)."""
        return self._sources.counts.copy()

    @property
    def selected(self) -> list[int] | None:
        """Tasks still sampled, None as long as all are."""
        return None if self._selected is None else list(self._selected)

    @property
    def done(self) -> bool:
        """Whether all budgets have been spent."""
        return self._sources.total >= self._settings.budgets[-1]

    def propose(self) -> Whole:
        """Return how many samples of each task to draw next, shape (T,).

        Calling it again without new data returns the same; after a partial delivery it returns
        what is still missing.

        Raises
        ------
        ValueError
            When all budgets are spent (see `extend`), or the noise has to be estimated and the
            data so far leave no degree of freedom for it.
        """
        if self._plan is None:
            self._plan = self._next_plan()
        lacking: Whole = np.maximum(self._plan - self._sources.counts, 0)
        return lacking

    def add(self, data: Sequence[Pair | None] | Mapping[int, Pair | None] | Statistics) -> None:
        """Take samples of the source tasks, as many or as few as there are.

        The epoch ends when every task has what was proposed.

        Parameters
        ----------
        data : sequence or mapping of (X, y), or Statistics
            As for `statistics_of`; statistics must be those of the new samples only.

        Raises
        ------
        ValueError
            When the data do not fit; then nothing has been taken.
        """
        size, dimension = self._sources.cross.shape
        if isinstance(data, Statistics):
            new = data
        elif not isinstance(data, Mapping) and len(data) != size:
            reject("len(data)", len(data), f"{size}, one entry for each task (None where empty)")
        else:
            new = statistics_of(data, tasks=size, dimension=dimension)
        self._sources = self._sources + new
        if self._plan is not None and (self._sources.counts >= self._plan).all():
            self._plan = None

    def exclude(self, tasks: Sequence[int]) -> None:
        """Propose no further samples of some tasks, because they have run dry or cost too much.

        Samples they have given still count, and the rest of the budget goes to the others.

        Raises
        ------
        ValueError
            For task numbers outside [0, T), and when no task would be left.
        """
        last = self._sources.tasks - 1
        gone = {integer("task number", task, 0, last) for task in tasks} | set(self._excluded)
        if len(gone) > last:
            reject("excluded tasks", sorted(gone), "some of the tasks, not all")
        self._excluded, self._plan = sorted(gone), None

    def extend(self, total: int) -> None:
        """Add a further cumulative budget, larger than all so far.

        Raises
        ------
        ValueError
            When it is not.
        """
        last = max(self._settings.budgets[-1], self._sources.total)
        more = integer("total", total, last + 1)
        told = asdict(self._settings) | {"budgets": (*self._settings.budgets, more)}
        self._settings = SamplerSettings(**told)

    def with_rule(self, rule: Rule) -> ActiveSampler:
        """Return a sampler with the same samples and another rule, to compare the two.

        Tasks are selected afresh.

        Raises
        ------
        ValueError
            For an unknown rule.
        """
        told = asdict(self._settings) | {"rule": rule}
        other = ActiveSampler(self._target, tasks=self._sources.tasks, **told)
        other._sources, other._fitted = self._sources, self._fitted
        other._excluded = list(self._excluded)
        return other

    def fit(self) -> MultitaskFit:
        """Fit the source tasks jointly to all samples so far, once for the same samples."""
        if self._fitted is None or self._fitted[0] is not self._sources:
            self._fitted = self._sources, joint_erm(self._sources, self._settings.rank)
        return self._fitted[1]

    def head(self, fit: MultitaskFit | None = None) -> Real:
        """Fit the target's head on the learned features, shape (K,)."""
        basis = (self.fit() if fit is None else fit).basis
        return target_head(self._target, basis, ridge=self._settings.target_ridge)

    def parameters(self) -> Real:
        """Return the target's predictor: y is about X @ parameters, shape (d,)."""
        fit = self.fit()
        return np.asarray(fit.basis @ self.head(fit))

    def relevance(self) -> Real:
        """Estimate the relevance of every task from all samples so far, shape (T,)."""
        told, fit = self._settings, self.fit()
        variance = told.noise_variance
        if variance is None and told.rule == "l1" and told.lasso == "calibrated":
            variance = fit.noise_variance
            if np.isnan(variance):
                wanted = "positive to estimate the noise: explore more or give noise_variance"
                reject("degrees of freedom of the joint fit", fit.degrees_of_freedom, wanted)
        return estimated_relevance(
            fit.heads,
            self.head(fit),
            fit.counts,
            rule=told.rule,
            target_samples=self._target.total,
            noise_variance=variance or 0.0,
            lasso=told.lasso,
        )

    def _next_plan(self) -> Whole:
        drawn, told = self._sources.counts, self._settings
        ahead = [total for total in told.budgets if total > drawn.sum()]
        if not ahead:
            reject("budget left", 0, f"positive; {drawn.sum()} samples are drawn: call extend")
        open_ = ~np.isin(np.arange(drawn.size), self._excluded)
        nu = np.ones(drawn.size)
        explored = int(drawn.sum()) >= told.budgets[0] and int((drawn > 0).sum()) >= told.rank
        if told.rule != "uniform" and explored:
            nu = self.relevance()
            if told.selection is not None and self._selected is None:
                order = np.argsort(-np.where(open_, np.abs(nu), -1.0), kind="stable")
                self._selected = sorted(int(task) for task in order[: told.selection])
        if self._selected is not None:
            open_ &= np.isin(np.arange(drawn.size), self._selected)
        if not open_.any():
            reject("selected tasks", self._selected, "left open: every one of them was excluded")
        nu = np.where(open_, nu, 0.0)
        return next_counts(nu if nu.any() else open_ * 1.0, drawn, ahead[0], rule=told.rule)

    def state(self) -> dict[str, Any]:
        """Return everything needed to continue: numbers, strings and arrays."""
        parts = {
            f"{name}_{part}": np.array(getattr(statistics, part))
            for name, statistics in (("source", self._sources), ("target", self._target))
            for part in PARTS
        }
        plan = {} if self._plan is None else {"plan": self._plan.copy()}
        told = asdict(self._settings) | {"budgets": list(self._settings.budgets)}
        closed = {"selected": self.selected, "excluded": list(self._excluded)}
        return {"format": FORMAT, "settings": told, **closed, **plan, **parts}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> ActiveSampler:
        """Return a sampler that continues exactly where `state` was taken.

        Raises
        ------
        ValueError
            When something is missing or does not fit.
        """
        if not isinstance(state, Mapping) or state.get("format") != FORMAT:
            found = state.get("format") if isinstance(state, Mapping) else type(state).__name__
            reject("format of the state", found, f"{FORMAT}")
        try:
            sources, target = (_checked_statistics(name, state) for name in ("source", "target"))
            sampler = cls(target, tasks=sources.tasks, **state["settings"])
            plan, selected, excluded = state.get("plan"), state["selected"], state["excluded"]
        except (KeyError, TypeError) as problem:
            raise ValueError(f"the state is incomplete: {problem}") from problem
        if sources.dimension != target.dimension:
            reject("dimension of the source statistics", sources.dimension, f"{target.dimension}")
        sampler._sources = sources
        sampler.exclude(excluded)
        if selected is not None:
            sampler._selected = [integer("task number", t, 0, sources.tasks - 1) for t in selected]
        if plan is not None:
            aims = array("plan", plan, 0)
            if aims.shape != (sources.tasks,):
                reject("plan.shape", aims.shape, f"({sources.tasks},)")
            sampler._plan = aims.astype(np.int64)
        return sampler

    def save(self, file: str | os.PathLike[str]) -> None:
        """Write the state to a file (NumPy's npz, no pickle), replacing it as a whole."""
        state = self.state()
        arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
        rest = {name: value for name, value in state.items() if name not in arrays}
        path = Path(file)
        partial = path.with_name(path.name + ".partial")
        with partial.open("wb") as stream:
            np.savez(stream, allow_pickle=False, told=np.array(json.dumps(rest)), **arrays)
        partial.replace(path)

    @classmethod
    def load(cls, file: str | os.PathLike[str]) -> ActiveSampler:
        """Return the sampler that was saved to a file.

        Raises
        ------
        ValueError
            When the file holds no such state.
        FileNotFoundError
            When there is no file.
        """
        try:
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            told = json.loads(str(arrays.pop("told")))
        except FileNotFoundError:
            raise
        except Exception as problem:  # what reading raises depends on what the file is
            raise ValueError(f"{file} holds no saved sampler: {problem}") from problem
        return cls.from_state({**told, **arrays})


def _checked_budgets(budgets: Sequence[int], rank: int) -> tuple[int, ...]:
    values = np.atleast_1d(array("budgets", budgets, rank))
    rising = values.size > 0 and (np.diff(values) > 0).all()
    if values.ndim != 1 or not rising or (values != np.floor(values)).any():
        reject("budgets", np.asarray(budgets).tolist(), "increasing whole numbers")
    return tuple(int(value) for value in values)


def _checked_statistics(name: str, state: Mapping[str, Any]) -> Statistics:
    signed = {"gram": -np.inf, "cross": -np.inf}
    gram, cross, square, counts = (
        array(f"{name}_{part}", state[f"{name}_{part}"], signed.get(part, 0.0)) for part in PARTS
    )
    tasks, dimension = cross.shape if cross.ndim == 2 else (0, 0)
    shapes = (tasks, dimension, dimension), (tasks, dimension), (tasks,), (tasks,)
    if not tasks or (gram.shape, cross.shape, square.shape, counts.shape) != shapes:
        reject(f"shapes of the {name} statistics", gram.shape, "(T, d, d) and what follows from it")
    return Statistics(gram, cross, square, counts.astype(np.int64))
