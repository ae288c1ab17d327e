"""Checks that many studies share: how theory and evidence are held against each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.study import Check, Outcome

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def agreement(
    outcome: Outcome[Any],
    measure: str,
    *,
    tolerance: float,
    share: float = 0.9,
    where: ArrayLike | None = None,
    sentence: str = "",
) -> Check:
    """Check that theory lies within a relative tolerance of the evidence, given its interval.

    A point agrees when its 95 % interval, widened by ``tolerance`` times the theory, covers the
    theory; points where either is not finite are left out, and counted in the detail. The
    tolerance is what a finite-size theory is allowed to be off, so that more trials
    make the check sharper without making a true asymptotic statement fail. The check fails only
    when intervals widened to the outcome's false-alarm rate (see `reach`) miss the theory at too
    many points as well. While more than half of the intervals are wider than the tolerance itself
    (or 2 %, whichever is larger), the evidence cannot tell, and the check is undecided.

    Parameters
    ----------
    outcome : Outcome
    measure : str
        A measure that both theory and evidence have.
    tolerance : float
        Relative, at least 0.
    share : float
        The share of points that must agree, in (0, 1].
    where : array_like of bool, optional
        The points the statement is about (all of them by default).
    sentence : str
        The claim in words.

    Returns
    -------
    Check
        Its figure is the share of points that agree.
    """
    claim = sentence or f"theory within {tolerance:.0%} of the simulated {measure}"
    name = f"{measure}-agrees"
    if outcome.trials < 2:
        return _silent(name, claim, share, "fewer than two trials so far")
    theory, mean, low, high, left_out = _points(outcome, outcome.theory[measure], measure, where)
    if theory.size == 0:
        return _silent(name, claim, share, "no finite point to compare")
    scale = np.abs(theory)
    slack = tolerance * scale
    agrees = (low - slack <= theory) & (theory <= high + slack)
    figure = float(agrees.mean())
    worst = float(np.max(np.abs(mean - theory) / np.where(scale > 0, scale, 1.0)))
    detail = f"{figure:.0%} of {agrees.size} points agree; largest deviation {worst:.1%}"
    if left_out:
        detail += f"; {left_out} without a finite value left out"
    half = (high - low) / 2
    factor = reach(outcome, share, theory.size)
    wide = (factor - 1) * half + slack
    plausible = (low - wide <= theory) & (theory <= high + wide)
    needed = max(tolerance, 0.02) * scale
    if plausible.mean() < share:
        return Check(name, claim, "fails", figure, share, detail, outcome.alarm)
    if figure < share:
        gap = np.maximum(np.abs(mean - theory) - slack, 0.0)[~agrees]
        needs = _further(outcome.trials, factor * half[~agrees], gap)
        detail += "; more trials will tell"
        return Check(name, claim, "undecided", figure, share, detail, outcome.alarm, needs)
    if np.mean(half > needed) > 0.5:
        needs = _further(outcome.trials, half, needed)
        detail += "; intervals still too wide to tell"
        return Check(name, claim, "undecided", figure, share, detail, outcome.alarm, needs)
    return Check(name, claim, "holds", figure, share, detail, outcome.alarm)


def never_above(
    outcome: Outcome[Any],
    measure: str,
    bound: ArrayLike,
    *,
    tolerance: float = 0.0,
    where: ArrayLike | None = None,
    sentence: str = "",
) -> Check:
    """Check that the evidence respects an upper bound at every point, given its intervals.

    It holds while no 95 % interval lies wholly above ``bound + tolerance |bound|``, and fails when
    an interval widened to the outcome's false-alarm rate (see `reach`) does. A bound may be
    attained: touching it is no offence. For a lower bound give the measure's negative.

    Parameters
    ----------
    outcome : Outcome
    measure : str
        A measure of the evidence.
    bound : array_like
        Broadcast against the measure's shape.
    tolerance : float
        Relative, at least 0.
    where : array_like of bool, optional
        The points the statement is about (all of them by default).
    sentence : str
        The claim in words.

    Returns
    -------
    Check
        Its figure is the largest ratio of evidence to bound.
    """
    claim = sentence or f"no simulated {measure} above the bound"
    name = f"{measure}-bounded"
    if outcome.trials < 2:
        return _silent(name, claim, 1.0, "fewer than two trials so far")
    limit, mean, low, high, _ = _points(outcome, bound, measure, where)
    if limit.size == 0:
        return _silent(name, claim, 1.0, "no finite point to compare")
    allowed = limit + tolerance * np.abs(limit)
    factor = reach(outcome, 1.0, limit.size)
    half = (high - low) / 2
    over = low > allowed
    refused = low - (factor - 1) * half > allowed
    figure = float(np.max(mean / np.where(limit != 0, limit, np.nan), initial=-math.inf))
    detail = f"{int(over.sum())} of {over.size} points above"
    if math.isfinite(figure):  # a bound of 0 has no ratio
        detail += f"; largest ratio to the bound {figure:.3g}"
    if refused.any():
        return Check(name, claim, "fails", figure, 1.0, detail, outcome.alarm)
    if over.any():
        needs = _further(outcome.trials, factor * half[over], (mean - allowed)[over])
        detail += "; more trials will tell"
        return Check(name, claim, "undecided", figure, 1.0, detail, outcome.alarm, needs)
    return Check(name, claim, "holds", figure, 1.0, detail, outcome.alarm)


def exceeds(
    outcome: Outcome[Any],
    measure: str,
    threshold: ArrayLike = 0.0,
    *,
    share: float = 1.0,
    where: ArrayLike | None = None,
    sentence: str = "",
) -> Check:
    """Check that a measure is shown to be larger than a threshold, beyond what chance allows.

    The strong form, for orderings: declare the difference of two rules under common random
    numbers as a measure, and ask that it exceeds 0. It holds when intervals widened to the
    outcome's false-alarm rate lie above the threshold at `share` of the points, fails when at more
    than ``1 - share`` of them they lie below, and is undecided in between.

    Parameters
    ----------
    outcome : Outcome
    measure : str
        A measure of the evidence.
    threshold : array_like
        Broadcast against the measure's shape.
    share : float
        The share of points that must exceed, in (0, 1].
    where : array_like of bool, optional
        The points the statement is about (all of them by default).
    sentence : str
        The claim in words.

    Returns
    -------
    Check
        Its figure is the share of points shown to exceed.
    """
    claim = sentence or f"the simulated {measure} exceeds the threshold"
    name = f"{measure}-exceeds"
    if outcome.trials < 2:
        return _silent(name, claim, share, "fewer than two trials so far")
    limit, mean, low, high, _ = _points(outcome, threshold, measure, where)
    if limit.size == 0:
        return _silent(name, claim, share, "no finite point to compare")
    factor = reach(outcome, share, limit.size)
    wide = (factor - 1) * (high - low) / 2
    above, below = low - wide > limit, high + wide < limit
    figure = float(above.mean())
    detail = f"{int(above.sum())} of {above.size} points beyond doubt"
    if below.mean() > 1 - share:
        return Check(name, claim, "fails", figure, share, detail, outcome.alarm)
    if figure < share:
        unclear, half = ~above, (high - low) / 2
        needs = _further(outcome.trials, factor * half[unclear], (mean - limit)[unclear])
        detail += "; more trials will tell"
        return Check(name, claim, "undecided", figure, share, detail, outcome.alarm, needs)
    return Check(name, claim, "holds", figure, share, detail, outcome.alarm)


def reach(outcome: Outcome[Any], share: float, points: int) -> float:
    """Return by how much 95 % intervals are widened before a claim is refused on them.

    A claim about the share of `points` is refused when ``m = floor((1 - share) points) + 1`` of
    them miss. The points of one trial go astray together, so nothing is assumed about their
    dependence: by Markov's inequality, intervals that each miss with probability
    ``alarm m / points`` refuse a true claim with probability `Outcome.alarm` at most. The widened
    intervals are Student's, like the 95 % ones of means; for medians the factor is the same.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> round(reach(SimpleNamespace(alarm=0.001, trials=10**6), 0.9, 1000), 2)
    1.98
    """
    from scipy.special import stdtrit

    missing = math.floor((1 - share) * points + 1e-9) + 1
    each = outcome.alarm * missing / points
    freedom = outcome.trials - 1
    return float(stdtrit(freedom, 1 - each / 2) / stdtrit(freedom, 0.975))


def statement(
    name: str, sentence: str, figure: float, threshold: float, detail: str, *, below: bool = True
) -> Check:
    """Check a deterministic figure against a threshold.

    Parameters
    ----------
    name, sentence, detail : str
    figure, threshold : float
    below : bool
        Whether the figure must be at most (or else at least) the threshold.

    Examples
    --------
    >>> statement("residual", "the equation is solved", 1e-15, 1e-12, "residual 1e-15").status
    'holds'
    """
    holds = figure <= threshold if below else figure >= threshold
    return Check(name, sentence, "holds" if holds else "fails", figure, threshold, detail)


def never_rises(values: NDArray[Any], axis: int, rounding: float = 1e-10) -> float:
    """Return the largest relative rise between neighbours along an axis (0 where it falls).

    NaN when a value is NaN, so that a check on the figure fails.

    Examples
    --------
    >>> never_rises(np.array([3.0, 2.0, 2.0]), 0)
    0.0
    """
    along = np.moveaxis(np.asarray(values, dtype=float), axis, 0)
    before, after = along[:-1], along[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        rises = np.where(after <= before, 0.0, (after - before) / np.abs(before))
    largest = float(np.max(rises, initial=0.0))
    return 0.0 if largest <= rounding else largest


def _silent(name: str, claim: str, threshold: float, why: str) -> Check:
    return Check(name, claim, "undecided", math.nan, threshold, why)


def _further(trials: int, half: NDArray[Any], wanted: NDArray[Any]) -> int:
    """Return how many more trials would shrink the typical half-width to the one wanted.

    0, for "unknown", where there is nothing to shrink it to.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = float(np.median(half / np.abs(wanted)))
    if not math.isfinite(ratio):
        return 0
    return max(1, math.ceil(trials * (ratio**2 - 1) - 1e-6))


def _points(
    outcome: Outcome[Any], reference: ArrayLike, measure: str, where: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int]:
    """Return reference, centre and interval where all are finite, and how many points are not."""
    columns = (outcome.mean, outcome.low, outcome.high)
    evidence = [np.asarray(column[measure], dtype=float) for column in columns]
    aligned = np.broadcast_to(np.asarray(reference, dtype=float), evidence[0].shape)
    values = np.stack([aligned, *evidence])
    asked = np.ones(values.shape[1:], dtype=bool)
    if where is not None:
        asked &= np.broadcast_to(np.asarray(where, dtype=bool), asked.shape)
    use = asked & np.isfinite(values).all(axis=0)
    held, mean, low, high = values[:, use]
    return held, mean, low, high, int(asked.sum() - use.sum())
