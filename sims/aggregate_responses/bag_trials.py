"""Trials with chosen bags: sorted by a score, learned in two stages, of unequal size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.bags import as_bags, equal_bags
from sims.aggregate_responses.fixed_point import product
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk
from sims.aggregate_responses.path_solver import Blocks, PathSolver, data_blocks
from sims.aggregate_responses.pencil import pencil
from sims.numerics.validate import array, number
from sims.numerics.wishart import bartlett_factor

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class CuratedDraw:
    """One trial of curated bags: the risk, and the scores' share of variance inside bags."""

    risk: AggregateRisk
    within_fraction: Real


def curated_trial(
    n: int,
    d: int,
    bag_size: int,
    rhos: ArrayLike,
    *,
    alignments: ArrayLike,
    noise_variance: float,
    signal_power: float = 1.0,
    rng: Generator,
) -> CuratedDraw:
    """Draw the risk given features whose bags are sorted along a direction of given alignment.

    *Exact in law* for Gaussian isotropic features, n > d: the sorting direction is the first
    coordinate, the others do not notice the bags.

    Parameters
    ----------
    n, d, bag_size : int
        Samples, features, and a bag size that divides n.
    rhos : array_like, shape (rhos,)
        Weights in (0, inf), or 0 with more bags than features.
    alignments : array_like, shape (alignments,)
        r² in [0, 1].
    noise_variance, signal_power : float
    rng : Generator

    Returns
    -------
    CuratedDraw
        Risk arrays of shape (alignments, rhos).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> draw = curated_trial(
    ...     500, 50, 5, [0.1, 1.0], alignments=[0.0, 1.0], noise_variance=0.5, rng=rng
    ... )
    >>> draw.risk.total.shape
    (2, 2)
    """
    weights = array("rhos", rhos, 0, ndim=1)
    aligned = array("alignments", alignments, 0, 1, ndim=1)
    bags = as_bags(equal_bags(n, bag_size))
    scores = np.sort(rng.standard_normal(n))
    means = scores.reshape(-1, bag_size).mean(1)
    parts = bag_size * float(means @ means), float(np.square(scores - means[bags.index]).sum())
    between, within = (
        _with_first_column(d, rows, power, rng)
        for rows, power in zip((bags.count, n - bags.count), parts, strict=True)
    )
    total = between.T @ between + within.T @ within
    solver = PathSolver(Blocks(between, total, n, within), weights)
    bias = np.array([(solver.bias(_tilted(d, r2)) ** 2).sum(1) for r2 in aligned])
    noise = np.asarray(number("noise_variance", noise_variance, 0))
    signal = number("signal_power", signal_power, 0, open_low=True)
    share = np.asarray(parts[1] / (parts[0] + parts[1]))
    return CuratedDraw(as_risk(signal * bias, product(noise, solver.variance())), share)


def _with_first_column(d: int, rows: int, power: float, rng: Generator) -> Real:
    """Triangular rows with the scatter of Gaussian ones, given the first column's square."""
    factor = bartlett_factor(d, rows, rng, lower=False)
    if rows:
        factor[0, 0] = np.sqrt(power)
    return factor


def _tilted(d: int, alignment: float) -> Real:
    """Return the unit vector with the given squared first coordinate."""
    theta = np.zeros(d)
    theta[0] = np.sqrt(alignment)
    if d > 1:
        theta[1] = np.sqrt(1.0 - alignment)
    return theta


@dataclass(frozen=True)
class TwoStageDraw:
    """One trial of the two-stage scheme.

    Attributes
    ----------
    first : float
        Excess risk of the first stage, random bags.
    alignment : float
        cos² between its estimate and theta_0.
    fresh : ndarray, shape (rhos,)
        Second stage, bags of *new* samples sorted by the first stage's scores.
    within_fraction : float
        The new scores' share of variance inside bags.
    reused : ndarray, shape (rhos,)
        Second stage on the *same* samples sorted by those scores; no formula covers it.
    """

    first: Real
    alignment: Real
    fresh: Real
    within_fraction: Real
    reused: Real


def two_stage_trial(
    n: int,
    d: int,
    bag_size: int,
    rhos: ArrayLike,
    *,
    first_rho: float,
    noise_variance: float,
    signal_power: float = 1.0,
    rng: Generator,
) -> TwoStageDraw:
    """Learn a score on random bags, then bag by the score: fresh samples against reused ones.

    Parameters
    ----------
    n, d, bag_size : int
        Samples of each stage, features, and a bag size that divides n.
    rhos : array_like, shape (rhos,)
        Weights of the second stage.
    first_rho : float
        Weight of the first stage, whose responses are drawn.
    noise_variance, signal_power : float
    rng : Generator

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> arguments = dict(first_rho=0.1, noise_variance=0.5, rng=rng)
    >>> two_stage_trial(250, 50, 5, [0.1, 1.0], **arguments).fresh.shape
    (2,)
    """
    weights = array("rhos", rhos, 0, ndim=1)
    noise = number("noise_variance", noise_variance, 0)
    theta = np.zeros(d)
    theta[0] = np.sqrt(number("signal_power", signal_power, 0, open_low=True))
    data = rng.standard_normal((n, d))
    responses = data @ theta + np.sqrt(noise) * rng.standard_normal(n)
    random = as_bags(equal_bags(n, bag_size))
    root = np.sqrt(bag_size)
    first = PathSolver(data_blocks(data, random), np.array([float(first_rho)]))
    score = first.coefficients(root * random.means(responses))[0]

    fresh = rng.standard_normal((n, d))
    bags, within = _sorted_bags(fresh @ score, bag_size)
    solver = PathSolver(data_blocks(fresh, as_bags(bags)), weights)
    fresh_risk = (solver.bias(theta) ** 2).sum(1) + product(np.asarray(noise), solver.variance())

    again = as_bags(_sorted_bags(data @ score, bag_size)[0])
    reused = PathSolver(data_blocks(data, again), weights)
    found = reused.coefficients(root * again.means(responses))
    return TwoStageDraw(
        np.asarray(np.square(score - theta).sum()),
        np.asarray((score @ theta) ** 2 / ((score @ score) * (theta @ theta))),
        fresh_risk,
        np.asarray(within),
        np.square(found - theta).sum(1),
    )


def _sorted_bags(scores: Real, bag_size: int) -> tuple[NDArray[np.int64], float]:
    """Equal bags of consecutive scores, and the share of their variance left inside."""
    bags = np.empty(scores.size, dtype=np.int64)
    order = np.argsort(scores, kind="stable")
    bags[order] = equal_bags(scores.size, bag_size)
    grouped = scores[order].reshape(-1, bag_size)
    inside = np.square(grouped - grouped.mean(1, keepdims=True)).sum()
    return bags, float(inside / np.square(scores - scores.mean()).sum())


def unequal_trial(
    bag_sizes: ArrayLike,
    d: int,
    rhos: ArrayLike,
    *,
    weights: ArrayLike,
    noise_variance: ArrayLike,
    signal_power: float = 1.0,
    rng: Generator,
) -> AggregateRisk:
    """Draw the risk given features for bags of given sizes whose squared errors carry weights.

    *Exact in law* for Gaussian isotropic features, n > d and rho > 0 (or more bags than
    features); theta_0's direction is averaged.

    Parameters
    ----------
    bag_sizes : array_like of int, shape (m,)
    d : int
    rhos : array_like, shape (rhos,)
    weights : array_like, shape (m,)
        w_a > 0; all 1 is the size-weighted loss, mean(k)/k_a the one that counts bags.
    noise_variance : array_like, scalar or shape (m,)
    signal_power : float
    rng : Generator

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sizes = np.tile([1, 2, 9], 30)
    >>> arguments = dict(weights=4 / sizes, noise_variance=0.5, rng=rng)
    >>> unequal_trial(sizes, 40, [0.1, 1.0], **arguments).total.shape
    (2,)
    """
    sizes = array("bag_sizes", bag_sizes, 1, ndim=1)
    grid = array("rhos", rhos, 0, ndim=1)
    per_bag = array("weights", weights, 0, ndim=1, open_low=True)
    noise = np.broadcast_to(array("noise_variance", noise_variance, 0), sizes.shape)
    rows = rng.standard_normal((sizes.size, d)) * np.sqrt(per_bag)[:, None]
    within = bartlett_factor(d, int(sizes.sum()) - sizes.size, rng, lower=False)
    scatter = rows.T @ rows
    both = pencil(scatter, scatter + within.T @ within)
    # u_a enters as w_a u_a: its noise is weighted once more than the rows show
    seen = (rows * np.sqrt(per_bag * noise)[:, None]) @ both.basis
    mixed = (seen.T @ seen) * (both.basis.T @ both.basis)
    damping = both.damping(grid)
    variance = ((damping @ mixed) * damping).sum(1)
    signal = number("signal_power", signal_power, 0, open_low=True)
    return as_risk(signal * both.mean_bias_squared(grid), variance)
