"""Time our code next to its peers so that a busy machine does not spoil the figures.

Absolute times on a shared machine move by a factor of two while ratios of neighbours move by a
few per cent. So every timing of a peer is sandwiched, ours-peer-ours, in rounds of shuffled order,
and the figure to quote is the median ratio with its quartiles. An A/A row (ours against itself)
shows the resolution: when it is not 0.98 to 1.02 the machine was too busy. A peer that is less
accurate than ours, or than `tolerance`, is marked, not silently beaten.

    report = compare("two sums", Contender("numpy", a), [Contender("python", b)], error=check)
    print(report)
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

MINIMUM_TIMING = 2e-3  # seconds; shorter calls are repeated inside one timing
Task = Callable[[], Any]


@dataclass(frozen=True)
class Contender:
    """One way to do the job.

    Attributes
    ----------
    name : str
    run : callable
        Does the job; what it returns is handed to the error function.
    error : callable, optional
        Error of the returned value; `compare`'s own error function when absent.
    share : float
        The part of the job that `run` does; a time is divided by it, and the table says so. For
        peers too slow to run whole.
    prepare : callable, optional
        Called before every repetition, outside the clock (to empty a cache, say).
    """

    name: str
    run: Task
    error: Callable[[Any], float] | None = None
    share: float = 1.0
    prepare: Callable[[], object] | None = None


@dataclass
class Row:
    """What was measured for one contender; `ratios` are its times over ours, one a round."""

    name: str
    error: float
    share: float
    ratios: list[float] = field(default_factory=list)
    minimum: float = float("inf")  # seconds for the whole job

    def quartiles(self) -> tuple[float, float, float]:
        """Lower quartile, median and upper quartile of the ratio to ours."""
        low, middle, high = np.percentile(self.ratios or [np.nan], [25, 50, 75])
        return float(low), float(middle), float(high)


@dataclass(frozen=True)
class Report:
    """The rows of one comparison, ours first, and the physical limit in seconds if given."""

    title: str
    rows: list[Row]
    limit: float | None
    tolerance: float

    def ratio(self, name: str) -> float:
        """Median ratio of the named peer's time to ours."""
        return next(row for row in self.rows if row.name == name).quartiles()[1]

    def __str__(self) -> str:
        lines = [
            f"{self.title}  (1 thread; load {_load()})",
            f"{'contender':<34}{'min time':>12}{'ratio':>10}{'quartiles':>24}{'error':>10}",
        ]
        lines += [self._line(row) for row in self.rows]
        if self.limit is not None:
            share = self.limit / self.rows[0].minimum
            lines.append(
                f"{'physical limit':<34}{_seconds(self.limit):>12}   ours: {share:.2f} of it"
            )
        return "\n".join(lines)

    def _line(self, row: Row) -> str:
        low, middle, high = row.quartiles()
        ratio, spread = f"{middle:.4g}", f"{low:.3g} .. {high:.3g}"
        if row is self.rows[0]:
            ratio, spread = "1", ""
        notes = "" if row.error <= self.tolerance or np.isnan(row.error) else "  LESS ACCURATE"
        if row.share < 1:
            notes += f"  extrapolated from {row.share:.3g} of the job"
        error = "-" if np.isnan(row.error) else f"{row.error:.1e}"
        return f"{row.name:<34}{_seconds(row.minimum):>12}{ratio:>10}{spread:>24}{error:>10}{notes}"


def compare(
    title: str,
    ours: Contender,
    peers: Sequence[Contender],
    *,
    error: Callable[[Any], float] | None = None,
    tolerance: float = float("inf"),
    rounds: int = 15,
    budget: float = 60.0,
    limit: float | None = None,
    against_itself: bool = True,
    seed: int = 0,
) -> Report:
    """Measure all contenders in this process.

    Parameters
    ----------
    title : str
        Heading of the printed table.
    ours, peers
        The contenders; each is called once to warm up, and that call gives its error.
    error : callable, optional
        Error of a result, for contenders without their own.
    tolerance : float
        A larger error is marked in the table.
    rounds : int
        Sandwiches for each peer; a peer stops early once it has used `budget` seconds.
    limit : float, optional
        Unavoidable work in seconds, from the rates below.
    against_itself : bool
        Add the A/A row.
    seed : int
        Of the order of the rounds.
    """
    check_threads()
    if against_itself:
        peers = [*peers, Contender("(A/A: ours again)", ours.run, ours.error, 1.0, ours.prepare)]
    rows = [_warm_up(contender, error) for contender in (ours, *peers)]
    repeats = [_repeats(contender) for contender in (ours, *peers)]
    spent = [0.0] * len(rows)
    order = random.Random(seed)
    for _ in range(rounds):
        for index in order.sample(range(1, len(rows)), len(peers)):
            if spent[index] > budget:
                continue
            before = _time(ours, repeats[0])
            peer = _time(peers[index - 1], repeats[index])
            after = _time(ours, repeats[0])
            spent[index] += before + peer * repeats[index] * rows[index].share + after
            rows[0].minimum = min(rows[0].minimum, before, after)
            rows[index].minimum = min(rows[index].minimum, peer)
            rows[index].ratios.append(2 * peer / (before + after))
    return Report(title, rows, limit, tolerance)


def check_threads() -> None:
    """Raise when a BLAS or OpenMP pool has more than one thread."""
    wide = [pool["internal_api"] for pool in threadpool_info() if pool["num_threads"] > 1]
    if wide:
        raise RuntimeError(
            f"thread pools {wide} are not pinned: run benchmarks as `python -m benchmarks.<name>`"
        )


def gemm_rate(dtype: type = np.float64, size: int = 512) -> float:
    """Floating-point operations a second of a square matrix product."""
    a = np.ones((size, size), dtype)
    out = np.empty_like(a)
    return 2.0 * size**3 / best(lambda: np.matmul(a, a, out=out))


def ufunc_rate(function: Callable[..., Any], dtype: type = np.float64, size: int = 16_384) -> float:
    """Elements a second of a one-argument ufunc on an array that stays in cache."""
    x = np.linspace(-2.0, -1.0, size).astype(dtype)
    out = np.empty_like(x)
    return size / best(lambda: function(x, out=out))


def divide_rate(dtype: type = np.float64, size: int = 16_384) -> float:
    """Elements a second of a division in cache."""
    x = np.linspace(1.0, 2.0, size).astype(dtype)
    out = np.empty_like(x)
    return size / best(lambda: np.divide(x, x, out=out))


def copy_rate(size: int = 4_000_000) -> float:
    """Bytes a second read and written by a copy larger than the caches."""
    x = np.ones(size)
    out = np.empty_like(x)
    return 2.0 * x.nbytes / best(lambda: np.copyto(out, x))


def normal_rate(size: int = 16_384) -> float:
    """Count standard normal draws a second."""
    rng = np.random.default_rng(0)
    out = np.empty(size)
    return size / best(lambda: rng.standard_normal(out=out))


def best(task: Task, rounds: int = 9) -> float:
    """Minimum seconds of one call over several rounds."""
    contender = Contender("", task)
    task()
    repeats = _repeats(contender)
    return min(_time(contender, repeats) for _ in range(rounds))


def _warm_up(contender: Contender, error: Callable[[Any], float] | None) -> Row:
    if contender.prepare:
        contender.prepare()
    result = contender.run()
    measure = contender.error or error
    return Row(contender.name, float(measure(result)) if measure else np.nan, contender.share)


def _repeats(contender: Contender) -> int:
    seconds = _time(contender, 1) * contender.share
    return max(1, int(MINIMUM_TIMING / max(seconds, 1e-9)))


def _time(contender: Contender, repeats: int) -> float:
    """Seconds for the whole job, averaged over the repetitions of one timing."""
    total = 0.0
    for _ in range(repeats):
        if contender.prepare:
            contender.prepare()
        start = time.perf_counter()
        contender.run()
        total += time.perf_counter() - start
    return total / (repeats * contender.share)


def _seconds(value: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if value * factor >= 1 or unit == "us":
            return f"{value * factor:.4g} {unit}"
    raise AssertionError


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"
