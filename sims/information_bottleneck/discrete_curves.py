"""Discrete bottlenecks with an exact curve, and the Gaussian one put on a grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sims.numerics.validate import array, integer, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def bsc_ib_curve(crossover: float, information_x: ArrayLike) -> FloatArray:
    """Bottleneck curve for a fair bit X seen as Y through a binary symmetric channel. *Exact*.

    With ``g(u) = log 2 - h((1-u)/2)`` it is ``I_Y = g((1 - 2 delta) g^{-1}(I_X))``, Mrs Gerber's
    lemma. It leaves zero at beta = `bsc_critical_beta`.

    Parameters
    ----------
    crossover : float
        delta in (0, 0.5], the chance that a bit is flipped.
    information_x : array_like
        I(T;X) in nats, in [0, log 2].

    Returns
    -------
    ndarray or float
        I(T;Y) in nats, shaped like `information_x`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> bsc_ib_curve(0.1, [0.0, 0.3, np.log(2)]).round(4).tolist()
    [0.0, 0.1834, 0.3681]
    """
    delta = number("crossover", crossover, 0, 0.5, open_low=True)
    log2 = math.log(2.0)
    target = array("information_x", information_x, 0, log2 * (1 + 1e-15))
    return _advantage((1.0 - 2.0 * delta) * _bias_for(np.minimum(target, log2)))[()]


def bsc_critical_beta(crossover: float) -> float:
    """Trade-off 1/(1 - 2 delta)² at which the bottleneck of `bsc_ib_curve` leaves zero. *Exact*.

    Parameters
    ----------
    crossover : float
        delta in (0, 0.5].

    Returns
    -------
    float
        inf at 0.5.

    Raises
    ------
    ValueError
        When delta is outside its range.

    Examples
    --------
    >>> round(bsc_critical_beta(0.1), 4)
    1.5625
    """
    delta = number("crossover", crossover, 0, 0.5, open_low=True)
    return 1.0 / (1.0 - 2.0 * delta) ** 2 if delta < 0.5 else math.inf


def deterministic_ib_curve(information_x: ArrayLike, label_entropy: float) -> FloatArray:
    """Bottleneck curve when the label is a function of the input: min(I_X, H(Y)). *Exact*.

    Parameters
    ----------
    information_x : array_like
        I(T;X) in nats, >= 0.
    label_entropy : float
        H(Y) in nats, >= 0.

    Returns
    -------
    ndarray or float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> deterministic_ib_curve([0.2, 2.0], 0.5).tolist()
    [0.2, 0.5]
    """
    target = array("information_x", information_x, 0, allow_inf=True)
    return np.minimum(target, number("label_entropy", label_entropy, 0))


def discretised_gaussian(
    correlation: float, *, points: int = 41, limit: float = 4.0
) -> tuple[FloatArray, FloatArray]:
    """Joint table of a Gaussian pair on a square grid, and the grid's coordinates.

    Parameters
    ----------
    correlation : float
        In (-1, 1).
    points : int
        Grid points on [-limit, limit], >= 2.
    limit : float
        In standard deviations, > 0.

    Returns
    -------
    joint : ndarray, shape (points, points)
        Proportional to the density, summing to 1.
    grid : ndarray, shape (points,)

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> joint, grid = discretised_gaussian(0.8)
    >>> joint.shape, float(grid[0])
    ((41, 41), -4.0)
    """
    rho = number("correlation", correlation, -1, 1, open_low=True, open_high=True)
    points, limit = integer("points", points, 2), number("limit", limit, 0, open_low=True)
    grid = np.linspace(-limit, limit, points)
    x, y = grid[:, None], grid[None, :]
    density = np.exp(-0.5 * (x * x - 2.0 * rho * x * y + y * y) / ((1.0 - rho) * (1.0 + rho)))
    return density / density.sum(), grid


def _advantage(bias: FloatArray) -> FloatArray:
    """Log 2 - h((1 - u)/2), exact in relative terms at both ends of u in [0, 1]."""
    u = np.asarray(bias, dtype=np.float64)
    inner = np.minimum(u, 0.5)
    small = inner * np.arctanh(inner) + 0.5 * np.log1p(-inner * inner)
    large = math.log(2.0) - special.entr((1.0 + u) / 2.0) - special.entr((1.0 - u) / 2.0)
    return np.where(u < 0.5, small, large)


def _bias_for(advantage: FloatArray) -> FloatArray:
    """Inverse of `_advantage`: it is convex, so Newton from above falls onto the root."""
    u = np.minimum(np.sqrt(2.0 * advantage), 1.0 - 2.0**-53)
    for _ in range(60):
        slope = np.maximum(np.arctanh(u), np.finfo(np.float64).tiny)
        u = np.clip(u - (_advantage(u) - advantage) / slope, 0.0, 1.0 - 2.0**-53)
    return np.where(advantage >= math.log(2.0), 1.0, u)
