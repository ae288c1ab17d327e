"""The scaled non-central chi-square that has three given cumulants."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from sims.numerics.validate import number

MatchStatus = Literal["interior", "gamma-boundary", "infeasible"]


@dataclass(frozen=True)
class CumulantMatch:
    """A law scale * chi'^2(dof, noncentrality), or the reason why there is none.

    Attributes
    ----------
    scale : float
        In units of the error.
    dof, noncentrality : float
    status : {"interior", "gamma-boundary", "infeasible"}
        "gamma-boundary": the third cumulant is too large for the family, so that only mean and
        variance are matched, with noncentrality 0. "infeasible": it is too small; the parameters
        are NaN.
    """

    scale: float
    dof: float
    noncentrality: float
    status: MatchStatus


def match_three_cumulants(k1: float, k2: float, k3: float) -> CumulantMatch:
    """Match mean, variance and third cumulant of an error by a scaled non-central chi-square.

    Parameters
    ----------
    k1, k2 : float
        Mean and variance, > 0.
    k3 : float
        Third cumulant.

    Returns
    -------
    CumulantMatch

    Raises
    ------
    ValueError
        For a mean or a variance that is not positive, or numbers that are not finite.

    Notes
    -----
    Feasible only if ``k1 k3 <= 2 k2**2``. A generalised chi-square without bias has the opposite
    inequality (Cauchy-Schwarz), so that an interpolant's law is typically on the boundary, the
    gamma law of Satterthwaite. Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> match_three_cumulants(4.5, 7.5, 21.0)  # 0.5 chi'^2(3, 6) has these
    CumulantMatch(scale=0.5, dof=3.0, noncentrality=6.0, status='interior')
    >>> match_three_cumulants(1.0, 2.0, 9.0).status
    'gamma-boundary'
    """
    k1 = number("k1", k1, 0.0, open_low=True)
    k2 = number("k2", k2, 0.0, open_low=True)
    k3 = number("k3", k3)
    # in units of the mean, so that nothing over- or underflows that need not
    variance, third = k2 / k1 / k1, k3 / k1 / k1 / k1
    share = 0.5 * third / variance / variance  # 0 … 1 where there is a match
    if share >= 1.0:
        return CumulantMatch(0.5 * k2 / k1, 2.0 / variance, 0.0, "gamma-boundary")
    root = math.sqrt(1.0 - share)
    scale = 0.5 * variance * share / (1.0 + root)
    noncentrality = 0.5 * variance * root / scale / scale if scale > 0.0 else math.inf
    dof = 1.0 / scale - noncentrality if scale > 0.0 else -math.inf
    if not dof > 0.0:
        return CumulantMatch(math.nan, math.nan, math.nan, "infeasible")
    return CumulantMatch(k1 * scale, dof, noncentrality, "interior")
