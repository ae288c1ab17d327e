"""Probabilities of rare events under a Gaussian prior, by subset simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

FloatArray = NDArray[np.float64]

_ACCEPTANCE = 0.3  # aimed at by adapting the size of the moves


@dataclass(frozen=True, eq=False)
class SubsetSimulation:
    """A population that reached the event, and how likely that was.

    Attributes
    ----------
    log_probability : float
        Nats; -inf where the event was not reached within the levels allowed.
    deviation : float
        Rough standard deviation of it, from binomial scatter with independent particles: too
        small where the moves mix slowly.
    levels : ndarray, shape (levels,)
        Scores that were passed one after another; the last is the threshold.
    fractions : ndarray, shape (levels,)
        Of the particles that passed.
    acceptance : ndarray, shape (levels,)
        Of the last sweep before each level, NaN for the first.
    particles : ndarray, shape (particles, dimension)
        From the prior given the event, about; those of the last level if it was not reached.
    """

    log_probability: float
    deviation: float
    levels: FloatArray
    fractions: FloatArray
    acceptance: FloatArray
    particles: FloatArray


def run_subset_simulation(
    score: Callable[[FloatArray], FloatArray],
    threshold: float,
    rng: Generator,
    *,
    dimension: int | None = None,
    start: FloatArray | None = None,
    limit: Callable[[FloatArray], NDArray[np.bool_]] | None = None,
    particles: int = 1000,
    keep: float = 0.2,
    sweeps: int = 10,
    max_levels: int = 400,
) -> SubsetSimulation:
    """Estimate ln P(score(theta) <= threshold) for theta ~ N(0, I).

    Each level is the `keep` quantile of the scores. The particles that pass are copied and moved
    by preconditioned Crank-Nicolson steps, sqrt(1 - beta²) theta + beta xi, which leave the prior
    alone; a step is taken if the score stays below the level.

    Parameters
    ----------
    score : callable
        From (particles, dimension) to (particles,), finite.
    threshold : float
    rng : Generator
    dimension : int, optional
        Of theta, >= 1; from the prior unless `start` is given.
    start : ndarray, shape (particles, dimension), optional
        A population from the prior given `limit`; the probability is then conditional.
    limit : callable, optional
        What particles must satisfy besides, from (particles, dimension) to booleans.
    particles : int
        >= 10.
    keep : float
        In (0, 1).
    sweeps : int
        Steps of every particle at each level, >= 1. Thin events need many more than 10.
    max_levels : int
        >= 1.

    Returns
    -------
    SubsetSimulation

    Raises
    ------
    ValueError
        For arguments outside these ranges, neither or both of `dimension` and `start`, or scores
        that are not finite.

    References
    ----------
    S.-K. Au, J. Beck, Probabilistic Engineering Mechanics 2001; the moves are those of S. Cotter,
    G. Roberts, A. Stuart, D. White, Statistical Science 2013.

    Examples
    --------
    >>> found = run_subset_simulation(
    ...     lambda theta: theta[:, 0], -4.0, np.random.default_rng(0), dimension=2
    ... )
    >>> abs(found.log_probability - (-10.36)) < 4 * 0.15  # ln Phi(-4); scatter of this run
    True
    """
    threshold = number("threshold", threshold)
    keep = number("keep", keep, 0.0, 1.0, open_low=True, open_high=True)
    sweeps, max_levels = integer("sweeps", sweeps, 1), integer("max_levels", max_levels, 1)
    theta = _population(rng, dimension, start, particles)
    values, beta, rate = _scores(score, theta), 0.5, math.nan
    levels: list[float] = []
    fractions: list[float] = []
    rates: list[float] = []
    while len(levels) < max_levels:
        level = _next_level(values, keep, threshold, levels[-1] if levels else math.inf)
        passed = values <= level
        for record, value in zip((levels, fractions, rates), (level, passed.mean(), rate)):
            record.append(float(value))
        if level <= threshold or not passed.any():
            break
        chosen = rng.permutation(np.resize(rng.permutation(np.flatnonzero(passed)), len(theta)))
        theta, values = theta[chosen], values[chosen]
        for _ in range(sweeps):
            rate = _move(theta, values, score, limit, level, beta, rng)
            beta = min(1.0, max(1e-6, beta * math.exp(rate - _ACCEPTANCE)))
    shares = np.array(fractions)
    reached = levels[-1] <= threshold and shares[-1] > 0.0
    with np.errstate(divide="ignore"):
        variance = float(np.sum((1.0 - shares) / shares)) / len(theta) if reached else math.nan
    total = float(np.log(shares).sum()) if reached else -math.inf
    return SubsetSimulation(
        total, math.sqrt(variance), np.array(levels), shares, np.array(rates), theta
    )


def two_stage_information(
    train_score: Callable[[FloatArray], FloatArray],
    test_score: Callable[[FloatArray], FloatArray],
    tolerance: float,
    error: float,
    rng: Generator,
    *,
    dimension: int,
    particles: int = 1000,
    sweeps: int = 60,
) -> SubsetSimulation:
    """Estimate the information by simulation alone: first fit the training set, then test.

    The result is conditional: ln P(test <= error | train <= tolerance). **Biased**, towards too
    much information, where the training set carves a thin sheet out of the prior: the steps
    become too small to explore it. Where the last layer is linear, sample the interpolants
    exactly instead.

    Parameters
    ----------
    train_score, test_score : callable
        From (particles, dimension) to (particles,).
    tolerance, error : float
        Largest training and test error.
    rng : Generator
    dimension, particles, sweeps : int
        As for `run_subset_simulation`.

    Returns
    -------
    SubsetSimulation
        Of the second stage; log_probability is -inf if the first one fails.

    Raises
    ------
    ValueError
        As `run_subset_simulation`.

    Examples
    --------
    >>> found = two_stage_information(
    ...     lambda t: t[:, 0] ** 2, lambda t: t[:, 1] ** 2, 0.1, 0.01, np.random.default_rng(0),
    ...     dimension=2, sweeps=20,
    ... )
    >>> abs(found.log_probability - (-2.53)) < 0.5
    True
    """
    sweeps = integer("sweeps", sweeps, 1)
    first = run_subset_simulation(
        train_score, tolerance, rng, dimension=dimension, particles=particles, sweeps=sweeps
    )
    if math.isinf(first.log_probability):
        return first

    def fits(theta: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(train_score(theta) <= tolerance)

    start = first.particles
    inside = np.flatnonzero(fits(start))
    start = start[rng.permutation(np.resize(rng.permutation(inside), len(start)))]
    values, beta = _scores(train_score, start), 0.1
    for _ in range(sweeps):
        rate = _move(start, values, train_score, None, tolerance, beta, rng)
        beta = min(1.0, max(1e-6, beta * math.exp(rate - _ACCEPTANCE)))
    return run_subset_simulation(test_score, error, rng, start=start, limit=fits, sweeps=sweeps)


def _next_level(values: FloatArray, keep: float, threshold: float, last: float) -> float:
    """Quantile of the scores, but below the last level even where many scores are equal."""
    level = float(np.quantile(values, keep))
    if level >= last:
        below = values[values < last]
        level = float(below.max()) if below.size else threshold
    return max(threshold, level)


def _population(
    rng: Generator, dimension: int | None, start: FloatArray | None, particles: int
) -> FloatArray:
    if (dimension is None) == (start is None):
        raise ValueError("exactly one of dimension and start must be given")
    if dimension is not None:
        size = integer("particles", particles, 10), integer("dimension", dimension, 1)
        return rng.standard_normal(size)
    theta = np.array(start, dtype=np.float64)
    if theta.ndim != 2 or len(theta) < 10 or not theta.shape[1]:
        reject("start.shape", theta.shape, "(particles >= 10, dimension >= 1)")
    return theta


def _scores(score: Callable[[FloatArray], FloatArray], theta: FloatArray) -> FloatArray:
    values = np.array(score(theta), dtype=np.float64)
    if values.shape != (len(theta),) or not np.isfinite(values).all():
        raise ValueError(f"score must return {len(theta)} finite numbers, one a particle")
    return values


def _move(
    theta: FloatArray,
    values: FloatArray,
    score: Callable[[FloatArray], FloatArray],
    limit: Callable[[FloatArray], NDArray[np.bool_]] | None,
    level: float,
    beta: float,
    rng: Generator,
) -> float:
    """Take one step with every particle, in place; return the share that moved."""
    proposal = math.sqrt(1.0 - beta**2) * theta + beta * rng.standard_normal(theta.shape)
    proposed = _scores(score, proposal)
    good = proposed <= level
    if limit is not None:
        good &= limit(proposal)
    theta[good], values[good] = proposal[good], proposed[good]
    return float(good.mean())
