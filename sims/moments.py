"""Running summaries of independent trials, folded one at a time in the order of their index."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from sims.study import Measure, Summary

CONFIDENCE = 0.95


class Moments:
    """Mean, standard error and 95 % interval of every measure, point by point.

    Trials are folded in by Welford's update, so the result depends on the trials and their
    order alone: the same trials give the same bits whichever worker ran them. Measures with
    summary "median" keep their trials (a median has no running form); "log-mean" works on the
    logarithms and returns to the measure's own scale.

    Parameters
    ----------
    measures : sequence of Measure
        Only those that a trial returns are summarised.

    Examples
    --------
    >>> from sims.study import Measure
    >>> moments = Moments([Measure("risk", "risk", ())])
    >>> for value in (1.0, 2.0, 3.0):
    ...     moments.add({"risk": np.asarray(value)})
    >>> float(moments.mean()["risk"]), moments.count
    (2.0, 3)
    """

    def __init__(self, measures: Sequence[Measure]) -> None:
        self.count = 0
        self._summary: dict[str, Summary] = {m.name: m.summary for m in measures}
        self._mean: dict[str, NDArray[np.float64]] = {}
        self._squares: dict[str, NDArray[np.float64]] = {}
        self._kept: dict[str, list[NDArray[np.float64]]] = {}

    def add(self, trial: Mapping[str, NDArray[Any]]) -> None:
        """Fold in one trial.

        Raises
        ------
        ValueError
            When a measure is unknown, not finite, or non-positive under a log-mean.
        """
        values = {name: self._transformed(name, value) for name, value in trial.items()}
        self.count += 1
        for name, value in values.items():
            if self._summary[name] == "median":
                self._kept.setdefault(name, []).append(value)
            mean = self._mean.setdefault(name, np.zeros_like(value))
            squares = self._squares.setdefault(name, np.zeros_like(value))
            delta = value - mean
            mean += delta / self.count
            squares += delta * (value - mean)

    def mean(self) -> dict[str, NDArray[np.float64]]:
        """Return the centre of every measure: mean, median or geometric mean."""
        return {name: self._centre(name) for name in self._mean}

    def stderr(self) -> dict[str, NDArray[np.float64]]:
        """Return standard errors on the measure's own scale; NaN for a single trial."""
        result = {}
        for name, squares in self._squares.items():
            if self._summary[name] == "median":
                low, high = self._median_interval(name)
                result[name] = (high - low) / (2 * _quantile(self.count))
            else:
                error = self._error(squares)
                scale = np.exp(self._mean[name]) if self._summary[name] == "log-mean" else 1.0
                result[name] = error * scale
        return result

    def interval(self) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
        """Return the ends of the 95 % intervals; NaN for a single trial.

        Student's t for means (of logarithms, under "log-mean"), order statistics for medians.
        """
        low, high = {}, {}
        for name, mean in self._mean.items():
            if self._summary[name] == "median":
                low[name], high[name] = self._median_interval(name)
                continue
            half = _quantile(self.count) * self._error(self._squares[name])
            low[name], high[name] = mean - half, mean + half
            if self._summary[name] == "log-mean":
                low[name], high[name] = np.exp(low[name]), np.exp(high[name])
        return low, high

    def relative_error(self) -> float:
        """Return the largest standard error relative to its centre (inf below two trials)."""
        if self.count < 2:
            return math.inf
        largest = 0.0
        centres = self.mean()
        for name, error in self.stderr().items():
            centre = np.abs(centres[name])
            ratio = np.divide(error, centre, out=np.full_like(error, math.inf), where=centre > 0)
            ratio[error == 0] = 0.0
            ratio[np.isnan(error)] = math.inf  # too few trials for a median's interval
            largest = max(largest, float(np.max(ratio, initial=0.0)))
        return largest

    def _transformed(self, name: str, value: NDArray[Any]) -> NDArray[np.float64]:
        if name not in self._summary:
            raise ValueError(f"a trial returned {name!r}, which the study does not declare")
        result = np.asarray(value, dtype=np.float64)
        if self._summary[name] == "log-mean":
            if not np.all(result > 0):
                raise ValueError(f"a trial returned {name} <= 0, which has no logarithm")
            result = np.log(result)
        if not np.all(np.isfinite(result)):
            raise ValueError(f"a trial returned a value of {name} that is not finite")
        return result

    def _centre(self, name: str) -> NDArray[np.float64]:
        if self._summary[name] == "median":
            return np.asarray(np.median(self._kept[name], axis=0))
        mean = self._mean[name]
        return np.exp(mean) if self._summary[name] == "log-mean" else mean.copy()

    def _error(self, squares: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.count < 2:
            return np.full_like(squares, math.nan)
        return np.sqrt(squares / (self.count - 1) / self.count)

    def _median_interval(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ordered = np.sort(np.stack(self._kept[name]), axis=0)
        rank = _median_rank(self.count)
        if rank is None:  # too few trials for any pair of order statistics to cover 95 %
            missing = np.full_like(ordered[0], math.nan)
            return missing, missing
        return ordered[rank], ordered[-1 - rank]


def _quantile(count: int) -> float:
    if count < 2:
        return math.nan
    from scipy.special import stdtrit

    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))


def _median_rank(count: int) -> int | None:
    """Return the largest r such that order statistics r and n-1-r cover the median at 95 %."""
    from scipy.special import bdtr

    ranks = np.arange((count + 1) // 2)
    covered = ranks[bdtr(ranks, count, 0.5) <= (1 - CONFIDENCE) / 2]
    return int(covered[-1]) if covered.size else None
