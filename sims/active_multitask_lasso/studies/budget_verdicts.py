"""What is asserted of risk against budget, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from sims.active_multitask_lasso.studies.common import values_of
from sims.active_multitask_lasso.studies.five_strategies import (
    L2_ACTIVE,
    PAIRS,
    BudgetParams,
    covered_by,
    told,
)
from sims.agreement import agreement, exceeds, statement
from sims.study import Check, Outcome

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.study import Status

LEARNERS = list(PAIRS).index("L2 active − L1 active")
NAMED_FROM = 8000
TOLERANCE = 0.15
SLOPE = 0.1


def verdicts(outcome: Outcome[BudgetParams], paper: BudgetParams) -> tuple[Check, ...]:
    """Hold first order, slopes and orderings; those of the paper's instance in detail."""
    params = outcome.params
    covered = np.zeros((len(params.kinds), 5, params.budgets.size), dtype=bool)
    covered[:, :L2_ACTIVE] = [covered_by(params, kind) for kind in params.kinds]
    repaid = covered & (np.asarray(outcome.theory["rep"]) >= outcome.theory["step"])
    words = f"first order within {TOLERANCE:.0%} of the simulated {{}}, known relevance"
    asked = (
        ("rep", covered, words.format("representation risk")),
        ("total", repaid, words.format("risk after the target's fit, where that costs less")),
    )
    held = [
        agreement(outcome, name, tolerance=TOLERANCE, where=where, sentence=sentence)
        for name, where, sentence in asked
        if where.any()
    ]
    if (covered.sum(axis=2) >= 3).any():
        held.append(slopes(outcome, covered))
    return (*held, *orderings(outcome, params, paper, covered), least(outcome, params))


def slopes(outcome: Outcome[BudgetParams], covered: NDArray[np.bool_]) -> Check:
    """Check that log risk falls with slope −1 along log N, where first order applies."""
    name, words = "slope", f"slope −1 ± {SLOPE:g} in log-log scales, known relevance"
    if outcome.trials < 2:
        return Check(name, words, "undecided", np.nan, SLOPE, "fewer than two trials so far")
    budget = np.log(np.asarray(outcome.grid["budget"], dtype=float))
    mean, error = (np.asarray(side["rep"]) for side in (outcome.mean, outcome.stderr))
    places = list(zip(*np.nonzero(covered.sum(axis=2) >= 3)))
    factor = stdtrit(outcome.trials - 1, 1 - outcome.alarm / (2 * len(places)))
    worst, refused = 0.0, False
    for place in places:
        used = covered[place]
        lever = budget[used] - budget[used].mean()
        lever /= lever @ lever
        relative = error[place][used] / mean[place][used]
        off = abs(float(lever @ np.log(mean[place][used])) + 1.0)
        spread = float(np.sqrt(np.square(lever * relative).sum()))
        worst, refused = max(worst, off), refused or bool(off - factor * spread > SLOPE)
    status: Status = "fails" if refused else "holds" if worst <= SLOPE else "undecided"
    detail = f"{len(places)} slopes, at most {worst:.3f} off"
    return Check(name, words, status, worst, SLOPE, detail, outcome.alarm)


def orderings(
    outcome: Outcome[BudgetParams],
    params: BudgetParams,
    paper: BudgetParams,
    covered: NDArray[np.bool_],
) -> tuple[Check, ...]:
    """Assert orderings where theory sets two strategies apart by the whole least risk.

    Smaller gaps, and a gap between the two learners, are asserted of the paper's instance alone:
    that they show on every instance is not known.
    """
    fed = covered[:, :L2_ACTIVE].all(axis=1, keepdims=True)
    lead = np.asarray(outcome.theory["lead"])
    judged = np.arange(len(PAIRS)) != LEARNERS
    apart = (lead >= 1.0) & judged[:, None]
    found = []
    if (apart & fed).any():
        words = (
            "simulated as in theory, wherever that sets two strategies apart by the whole least "
            "risk (learners against uniform sampling only)"
        )
        found.append(exceeds(outcome, "lead", where=apart & fed, sentence=words))
    if not params.changes(paper).keys() <= {"largest", "halvings"}:
        return tuple(found)
    second = exceeds(
        outcome,
        "lead",
        where=params.budgets >= NAMED_FROM,
        sentence=f"on this instance, from N = {NAMED_FROM} on: uniform above L2 above L1, uniform "
        "above active L1, active L2 above active L1",
    )
    return (*found, replace(second, name="ordering"))


def least(outcome: Outcome[BudgetParams], params: BudgetParams) -> Check:
    """Check that first order never undercuts Elfving's optimum."""
    rep = np.asarray(outcome.theory["rep"])
    floors = [
        (params.dimension - params.rank) * values_of(*told(params, k)).l1 for k in params.kinds
    ]
    ratio = float(np.min(rep * params.budgets / np.array(floors)[:, None, None]))
    words = "no strategy has a first-order risk below σ²(d−K)|ν¹|₁²/N"
    return statement("least", words, ratio, 1 - 1e-9, f"smallest ratio {ratio:.6g}", below=False)
