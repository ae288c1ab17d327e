"""Particles that flow down the Cauchy–Schwarz divergence to a two-Gaussian target."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.cauchy_schwarz import Gradient
from sims.information_bottleneck.conditional import exponents
from sims.information_bottleneck.validity import samples
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ParticleFlow:
    """Particles and their distance from the target at chosen steps.

    Attributes
    ----------
    steps : ndarray of int, shape (snapshots,)
        0 is the start.
    positions : ndarray, shape (snapshots, particles, d)
    divergence : ndarray, shape (snapshots,)
        Cauchy–Schwarz divergence, nats.
    mmd_squared : ndarray, shape (snapshots,)
        Squared maximum mean discrepancy (V-statistic) of the same kernel, without unit.
    target : ndarray, shape (M, d)
    """

    steps: NDArray[np.int64]
    positions: FloatArray
    divergence: FloatArray
    mmd_squared: FloatArray
    target: FloatArray


class _Means(NamedTuple):
    """Kernel means over pairs; the middle one in logarithms, far particles make it tiny."""

    own: float
    log_cross: float
    target: float

    @property
    def divergence(self) -> float:
        return math.log(self.own) + math.log(self.target) - 2.0 * self.log_cross

    @property
    def mmd_squared(self) -> float:
        return self.own + self.target - 2.0 * math.exp(self.log_cross)


def cs_divergence(points: ArrayLike, target: ArrayLike, *, width: float) -> float:
    """Cauchy–Schwarz divergence between the laws of two sets of samples.

    ``-2 log mean k(p, q) + log mean k(p, p') + log mean k(q, q')`` with a Gaussian kernel, all
    pairs counted: the divergence of the two kernel density estimates of width sigma/sqrt(2).

    Parameters
    ----------
    points : array_like, shape (N,) or (N, d)
    target : array_like, shape (M,) or (M, d)
    width : float
        sigma > 0 in exp(-|a - b|²/(2 sigma²)).

    Returns
    -------
    float
        In nats, at least 0, finite however far apart the samples are.

    Raises
    ------
    ValueError
        For dimensions that differ, entries that are not finite or a width <= 0.

    Notes
    -----
    Memory is O((N + M)²): meant for up to a few thousand samples.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md (factor-2 convention).

    Examples
    --------
    >>> round(cs_divergence([0.0], [3.0], width=1.0), 12)
    9.0
    """
    rows, others, width = _checked(points, target, width)
    return _state(rows, others, width).means.divergence


def cs_divergence_gradient(points: ArrayLike, target: ArrayLike, *, width: float) -> Gradient:
    """`cs_divergence` with its derivative with respect to the first samples.

    Parameters
    ----------
    points, target, width
        As for `cs_divergence`.

    Returns
    -------
    Gradient
        The gradient has the shape of points.

    Raises
    ------
    ValueError
        As `cs_divergence`.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> found = cs_divergence_gradient([0.0], [3.0], width=1.0)
    >>> round(found.value, 12), found.gradient.round(12)
    (9.0, array([-6.]))
    """
    rows, others, width = _checked(points, target, width)
    state = _state(rows, others, width)
    return Gradient(state.means.divergence, state.gradient().reshape(np.shape(points)))


def mmd_squared(points: ArrayLike, target: ArrayLike, *, width: float) -> float:
    """Squared maximum mean discrepancy of two sets of samples, all pairs counted.

    Parameters
    ----------
    points, target, width
        As for `cs_divergence`.

    Returns
    -------
    float
        Between 0 and 2, without unit.

    Raises
    ------
    ValueError
        As `cs_divergence`.

    Examples
    --------
    >>> round(mmd_squared([0.0], [30.0], width=1.0), 12)
    2.0
    """
    rows, others, width = _checked(points, target, width)
    return _state(rows, others, width).means.mmd_squared


def two_gaussians(particles: int, rng: Generator, *, centre: float = 4.0) -> FloatArray:
    """Target samples in the plane, half around (centre, centre), half around its negative.

    Parameters
    ----------
    particles : int
        >= 2; unit variance in every coordinate.
    rng : Generator
    centre : float

    Raises
    ------
    ValueError
        For fewer than two particles.

    Examples
    --------
    >>> points = two_gaussians(400, np.random.default_rng(0))
    >>> int((points.sum(axis=1) > 0).sum())
    200
    """
    particles = integer("particles", particles, 2)
    side = np.where(np.arange(particles) < particles // 2, 1.0, -1.0)
    return rng.standard_normal((particles, 2)) + number("centre", centre) * side[:, None]


def particle_flow(
    start: ArrayLike,
    target: ArrayLike,
    *,
    width: float = 1.0,
    rate: float = 200.0,
    steps: Sequence[int] = (0, 10, 100, 1000),
) -> ParticleFlow:
    """Plain gradient descent on `cs_divergence` in the positions of the particles.

    Parameters
    ----------
    start : array_like, shape (N, d)
    target : array_like, shape (M, d)
    width : float
        > 0.
    rate : float
        Step size > 0; the gradient of one particle is of order 1/N.
    steps : sequence of int
        Increasing numbers >= 0 of steps after which to look.

    Returns
    -------
    ParticleFlow

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> flow = particle_flow([[0.0]], [[3.0]], rate=0.5, steps=(0, 1, 2))
    >>> flow.divergence.round(6)
    array([9., 0., 0.])
    """
    rows, others, width = _checked(start, target, width)
    rate = number("rate", rate, 0.0, open_low=True)
    looks = [integer("steps", step, 0) for step in steps]
    if not looks or any(b <= a for a, b in itertools.pairwise(looks)):
        reject("steps", tuple(looks), "increasing and not empty")
    rows = rows.copy()
    seen: list[FloatArray] = []
    means: list[_Means] = []
    own_target = float(np.exp(exponents(others, others, width)).mean())
    for step in range(looks[-1] + 1):
        state = _state(rows, others, width, own_target)
        if step in looks:
            seen.append(rows.copy())
            means.append(state.means)
        rows -= rate * state.gradient()
    return ParticleFlow(
        np.array(looks),
        np.stack(seen),
        np.array([mean.divergence for mean in means]),
        np.array([mean.mmd_squared for mean in means]),
        others,
    )


def run_particles(
    particles: int,
    rng: Generator,
    *,
    width: float = 1.0,
    rate: float | None = None,
    steps: Sequence[int] = (0, 10, 100, 1000),
) -> ParticleFlow:
    """Let standard normal particles in the plane flow to two Gaussians: one repetition.

    Parameters
    ----------
    particles : int
        As many as target samples, >= 2.
    rng : Generator
    width, steps
        As for `particle_flow`.
    rate : float, optional
        Half the number of particles if absent.

    Returns
    -------
    ParticleFlow

    Raises
    ------
    ValueError
        As `particle_flow`.

    Examples
    --------
    >>> flow = run_particles(50, np.random.default_rng(0), steps=(0, 20))
    >>> bool(flow.divergence[1] < 0.1 * flow.divergence[0])
    True
    """
    particles = integer("particles", particles, 2)
    target = two_gaussians(particles, rng)
    start = rng.standard_normal((particles, 2))
    rate = 0.5 * particles if rate is None else rate
    return particle_flow(start, target, width=width, rate=rate, steps=steps)


class _State(NamedTuple):
    """The kernels at one step; `cross` is normalised to sum 1."""

    points: FloatArray
    target: FloatArray
    own: FloatArray
    cross: FloatArray
    means: _Means
    width: float

    def gradient(self) -> FloatArray:
        own = self.own.sum(axis=1)[:, None] * self.points - self.own @ self.points
        cross = self.cross.sum(axis=1)[:, None] * self.points - self.cross @ self.target
        pairs = self.means.own * len(self.points) ** 2
        return np.asarray(2.0 * (cross - own / pairs) / self.width**2)


def _state(
    points: FloatArray, target: FloatArray, width: float, own_target: float | None = None
) -> _State:
    own = np.exp(exponents(points, points, width))
    if own_target is None:
        own_target = float(np.exp(exponents(target, target, width)).mean())
    cross = exponents(points, target, width)
    top = float(cross.max())
    cross -= top
    np.exp(cross, out=cross)
    total = float(cross.sum())
    cross /= total
    log_cross = top + math.log(total / cross.size)
    return _State(
        points, target, own, cross, _Means(float(own.mean()), log_cross, own_target), width
    )


def _checked(
    points: ArrayLike, target: ArrayLike, width: float
) -> tuple[FloatArray, FloatArray, float]:
    rows, others = samples("points", points, 1), samples("target", target, 1)
    if rows.shape[1] != others.shape[1]:
        reject("target.shape", others.shape, f"(M, {rows.shape[1]}) like points")
    return rows, others, number("width", width, 0.0, open_low=True)
