"""What the conditional Cauchy–Schwarz divergence tends to, and what it estimates at finite N."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from sims.information_bottleneck.validity import paired_samples
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def correntropy_loss(y: ArrayLike, y_hat: ArrayLike, *, width_y: float) -> float:
    """Limit of `conditional_cs_divergence` for width_x -> 0 and distinct x.

    ``-2 log mean_j exp(-|y_j - y_hat_j|²/(2 width_y²))``; the mean squared error over width_y²
    where residuals are small.

    Parameters
    ----------
    y, y_hat : array_like, shape (N,) or (N, d')
    width_y : float
        > 0.

    Raises
    ------
    ValueError
        As `conditional_cs_divergence`.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> round(correntropy_loss([0.0, 1.0], [0.1, 1.1], width_y=1.0), 12)
    0.01
    """
    first, second = paired_samples(("y", "y_hat"), (y, y_hat))
    if first.shape != second.shape:
        reject("y_hat.shape", second.shape, f"{first.shape} like y")
    width_y = number("width_y", width_y, 0.0, open_low=True)
    exponents = -0.5 * ((first - second) ** 2).sum(axis=1) / width_y**2
    return -2.0 * (float(np.logaddexp.reduce(exponents)) - math.log(len(first)))


def conditional_cs_prediction(
    slopes: tuple[float, float],
    offsets: tuple[float, float],
    deviations: tuple[float, float],
    *,
    width_y: float,
    width_x: float | None = None,
    samples: int | None = None,
) -> float:
    """Predict `conditional_cs_divergence` of two noisy lines over uniform x.

    x ~ U(0, 1), y|x ~ N(slope x + offset, deviation²) and likewise y_hat|x. Without `samples`
    the limit N -> inf, then width_x -> 0; with it, the finite-N expectation to first order:
    x is weighted by the inverse of the share of its neighbourhood that lies in [0, 1], and each
    of the first two sums gains ``(1/l - 1)/m`` from pairs of a sample with itself, for
    m = N width_x sqrt(2 pi) neighbours and l = width_y/sqrt(width_y² + 2 deviation²).

    Parameters
    ----------
    slopes, offsets, deviations : pair of float
        Of the law of y and of that of y_hat; deviations >= 0.
    width_y : float
        > 0.
    width_x, samples : float and int, optional
        Given together.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        For values outside these ranges, or one of width_x and samples alone.

    Notes
    -----
    Needs width_x much less than 1 and m of about ten or more. The bias is of the size of the
    divergence itself, so an estimate must never be held against the limit.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> lines = (1.0, 0.5), (0.0, 0.2), (0.3, 0.5)
    >>> round(conditional_cs_prediction(*lines, width_y=0.2), 5)
    0.15803
    >>> round(conditional_cs_prediction(*lines, width_y=0.2, width_x=0.03, samples=500), 3)
    0.268
    """
    slope, offset = (array(n, v, ndim=1) for n, v in (("slopes", slopes), ("offsets", offsets)))
    deviation = array("deviations", deviations, 0.0, ndim=1)
    for name, pair in (("slopes", slope), ("offsets", offset), ("deviations", deviation)):
        if len(pair) != 2:
            reject(f"len({name})", len(pair), "2, for y and for y_hat")
    width_y = number("width_y", width_y, 0.0, open_low=True)
    if (width_x is None) != (samples is None):
        raise ValueError("width_x and samples must be given together, or neither")
    variances = deviation**2 + 0.5 * width_y**2
    nodes, weights = np.polynomial.legendre.leggauss(400)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    bias = 0.0
    if width_x is not None and samples is not None:
        width_x = number("width_x", width_x, 0.0, open_low=True)
        neighbours = number("samples", samples, 2) * width_x * math.sqrt(2.0 * math.pi)
        seen = np.sqrt(1.0 + 2.0 * (deviation / width_y) ** 2)  # 1/l
        bias = float((seen - 1.0).sum()) / neighbours
        weights = weights / _inside(nodes, width_x)
        weights /= weights.sum()
    gap = np.diff(slope)[0] * nodes + np.diff(offset)[0]
    spread = float(variances.sum())
    exponents = -0.5 * gap**2 / spread + np.log(weights)
    cross = float(np.logaddexp.reduce(exponents)) - 0.5 * math.log(2.0 * math.pi * spread)
    return -2.0 * cross - 0.5 * float(np.log(4.0 * math.pi * variances).sum()) + bias


def _inside(x: FloatArray, width: float) -> FloatArray:
    """Share of N(x, width²) inside [0, 1]."""
    return np.asarray(ndtr((1.0 - x) / width) - ndtr(-x / width))
