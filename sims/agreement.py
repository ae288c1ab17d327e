"""Checks that many studies share: how theory and evidence are held against each other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sims.study import Check, Outcome

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def agreement(
    outcome: Outcome,
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
    when intervals twice as wide miss the theory at too many points as well. While more than half
    of the intervals are wider than the tolerance itself (or 2 %, whichever is larger), the
    evidence cannot tell, and the check is undecided.

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
        return Check(name, claim, "undecided", math.nan, share, "fewer than two trials so far")
    theory, mean, low, high, left_out = _points(outcome, measure, where)
    if theory.size == 0:
        return Check(name, claim, "undecided", math.nan, share, "no finite point to compare")
    scale = np.abs(theory)
    slack = tolerance * scale
    agrees = (low - slack <= theory) & (theory <= high + slack)
    figure = float(agrees.mean())
    worst = float(np.max(np.abs(mean - theory) / np.where(scale > 0, scale, 1.0)))
    detail = f"{figure:.0%} of {agrees.size} points agree; largest deviation {worst:.1%}"
    if left_out:
        detail += f"; {left_out} without a finite value left out"
    needed = max(tolerance, 0.02) * scale
    # The points of one trial go astray together, so a claim is refused only where intervals
    # twice as wide still miss the theory.
    wide = (high - low) / 2 + slack
    plausible = (low - wide <= theory) & (theory <= high + wide)
    if plausible.mean() < share:
        status = "fails"
    elif figure < share:
        status, detail = "undecided", detail + "; more trials will tell"
    elif np.mean((high - low) / 2 > needed) > 0.5:
        status, detail = "undecided", detail + "; intervals still too wide to tell"
    else:
        status = "holds"
    return Check(name, claim, status, figure, share, detail)  # type: ignore[arg-type]


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


def _points(
    outcome: Outcome, measure: str, where: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int]:
    """Return theory, centre and interval where all are finite, and how many points are not."""
    columns = (outcome.theory, outcome.mean, outcome.low, outcome.high)
    values = np.stack([np.asarray(column[measure], dtype=float) for column in columns])
    asked = np.ones(values.shape[1:], dtype=bool)
    if where is not None:
        asked &= np.broadcast_to(np.asarray(where, dtype=bool), asked.shape)
    use = asked & np.isfinite(values).all(axis=0)
    theory, mean, low, high = values[:, use]
    return theory, mean, low, high, int(asked.sum() - use.sum())
