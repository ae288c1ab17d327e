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
    theory. The tolerance is what a finite-size theory is allowed to be off, so that more trials
    make the check sharper without making a true asymptotic statement fail. While more than half
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
    theory, mean, half, use = _points(outcome, measure, where)
    if not use.any():
        return Check(name, claim, "undecided", math.nan, share, "no finite point to compare")
    distance = np.abs(mean - theory)[use]
    scale = np.abs(theory)[use]
    agrees = distance <= half[use] + tolerance * scale
    figure = float(agrees.mean())
    worst = float(np.max(distance / np.where(scale > 0, scale, 1.0)))
    detail = f"{figure:.0%} of {agrees.size} points agree; largest deviation {worst:.1%}"
    needed = max(tolerance, 0.02) * scale
    if figure < share:
        status = "fails"
    elif np.mean(half[use] > needed) > 0.5:
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

    Examples
    --------
    >>> never_rises(np.array([3.0, 2.0, 2.0]), 0)
    0.0
    """
    before = np.abs(np.take(values, range(values.shape[axis] - 1), axis))
    rises = np.diff(values, axis=axis) / before
    largest = float(np.max(rises, initial=0.0))
    return largest if largest > rounding else 0.0


def _points(
    outcome: Outcome, measure: str, where: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    theory = np.asarray(outcome.theory[measure], dtype=float)
    mean = np.asarray(outcome.mean[measure], dtype=float)
    half = (outcome.high[measure] - outcome.low[measure]) / 2
    use = np.isfinite(theory) & np.isfinite(mean) & np.isfinite(half)
    if where is not None:
        use &= np.broadcast_to(np.asarray(where, dtype=bool), use.shape)
    return theory, mean, half, use
