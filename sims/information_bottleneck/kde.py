"""Information of a layer under imposed Gaussian noise: pairwise-distance bounds, two noise rules.

Tiles of the upper triangle are summed as they come. No logarithm of a vanishing sum can occur:
every row has its own kernel, which is 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.pairwise import TILE, gram_tiles
from sims.information_bottleneck.validity import (
    integer_labels,
    samples,
    warn,
    warn_near_ceiling,
)
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
VarianceRule = Literal["max", "max-squared"]


@dataclass(frozen=True)
class EntropyBounds:
    """Bounds on the information that a noisy layer has on its input.

    Attributes
    ----------
    lower, upper : float
        In nats, between 0 and log N.
    """

    lower: float
    upper: float


@dataclass(frozen=True)
class KdeInformation:
    """Kernel estimates of what a noisy layer tells about input and label.

    Attributes
    ----------
    information_x : EntropyBounds
        Bounds on I(T;X).
    information_y_lower, information_y_upper : float
        I(T;Y) from the lower and from the upper bounds. As differences of bounds these are *not*
        bounds themselves, and either may be the larger.
    variance : float
        The noise variance they hold for.
    """

    information_x: EntropyBounds
    information_y_lower: float
    information_y_upper: float
    variance: float


def kde_entropy_bounds(activations: ArrayLike, *, variance: float) -> EntropyBounds:
    """Bounds on I(T;X) of a deterministic layer to which N(0, variance) noise is added.

    ``upper = -1/N sum_i log 1/N sum_j exp(-|t_i - t_j|²/2 variance)``, lower with 8 variance
    in place of 2 variance. They bound the entropy of the mixture of N Gaussians, less that of one.

    Parameters
    ----------
    activations : array_like, shape (N,) or (N, d)
        One row a sample, N >= 2.
    variance : float
        Of the imposed noise, > 0; 1e-3 is customary.

    Returns
    -------
    EntropyBounds
        In nats, at most log N.

    Raises
    ------
    ValueError
        For fewer than two samples, entries that are not finite, or a variance <= 0.

    Warns
    -----
    ValidityWarning
        When the upper bound is within 5 % of log N: the samples hardly overlap.

    References
    ----------
    A. Kolchinsky, B. D. Tracey, Estimating mixture entropy with pairwise distances, Entropy 19
    (2017).

    Examples
    --------
    >>> bounds = kde_entropy_bounds([[0.0], [0.0], [1.0], [2.0]], variance=0.1)
    >>> round(bounds.lower, 4), round(bounds.upper, 4)
    (0.7506, 1.0314)
    """
    layer = samples("activations", activations)
    found = _bounds(layer, number("variance", variance, 0, open_low=True))
    warn_near_ceiling(found.upper, math.log(len(layer)), "log N")
    return found


def kde_information(
    activations: ArrayLike, labels: ArrayLike, *, variance: float
) -> KdeInformation:
    """I(T;X) and I(T;Y) of a deterministic layer with N(0, variance) noise added.

    I(T;Y) is H(T) less the mean over labels of H(T | Y = y), each from `kde_entropy_bounds`.

    Parameters
    ----------
    activations : array_like, shape (N,) or (N, d)
    labels : array_like of int, shape (N,)
    variance : float
        > 0.

    Returns
    -------
    KdeInformation

    Raises
    ------
    ValueError
        As `kde_entropy_bounds`, and for labels that are not whole numbers.

    Examples
    --------
    >>> found = kde_information([[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1], variance=0.01)
    >>> round(found.information_y_lower, 4), round(found.information_y_upper, 4)
    (0.6931, 0.6931)
    """
    layer = samples("activations", activations)
    classes = integer_labels("labels", labels, len(layer))
    return _information(layer, classes, number("variance", variance, 0, open_low=True))


def adaptive_variance(
    activations: ArrayLike, *, scale: float = 1e-3, rule: VarianceRule = "max"
) -> float:
    """Noise variance of the adaptive KDE for one layer at one time.

    Parameters
    ----------
    activations : array_like
        All units of the layer, of any shape.
    scale : float
        Constant of proportionality, > 0. The paper's is not known to us.
    rule : {"max", "max-squared"}
        Proportional to the largest |activation|, the paper's rule, under which the estimate
        depends on the units of the layer; or to its square, our rule, under which it does not.

    Returns
    -------
    float
        0 for a layer that is 0 everywhere.

    Raises
    ------
    ValueError
        For entries that are not finite, a scale <= 0 or another rule.

    References
    ----------
    I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive estimators show information compression
    in deep neural networks, ICLR 2019.

    Examples
    --------
    >>> round(adaptive_variance([[0.5], [-4.0]]), 6)
    0.004
    >>> round(adaptive_variance([[0.5], [-4.0]], rule="max-squared"), 6)
    0.016
    """
    values = array("activations", activations)
    if not values.size:
        reject("activations.shape", values.shape, "not empty")
    scale = number("scale", scale, 0, open_low=True)
    largest = float(np.abs(values).max())
    if rule not in ("max", "max-squared"):
        reject("rule", rule, '"max" or "max-squared"')
    return scale * (largest if rule == "max" else largest**2)


def adaptive_kde_information(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    scale: float = 1e-3,
    rule: VarianceRule = "max",
) -> KdeInformation:
    """I(T;X) and I(T;Y) with noise as large as the layer's activity asks for (aKDE).

    Parameters
    ----------
    activations : array_like, shape (N,) or (N, d)
    labels : array_like of int, shape (N,)
    scale, rule
        As for `adaptive_variance`.

    Returns
    -------
    KdeInformation
        All zero, with a warning, for a layer that is 0 everywhere.

    Raises
    ------
    ValueError
        As `kde_information` and `adaptive_variance`.

    Warns
    -----
    ValidityWarning
        For a dead layer.

    Examples
    --------
    >>> layer, labels = [[0.0], [0.1], [5.0], [5.1]], [0, 0, 1, 1]
    >>> round(adaptive_kde_information(layer, labels).information_y_upper, 4)
    0.6931
    """
    layer = samples("activations", activations)
    classes = integer_labels("labels", labels, len(layer))
    variance = adaptive_variance(layer, scale=scale, rule=rule)
    if variance == 0.0:
        warn("the layer is 0 everywhere: it carries no information, whatever the noise")
        return KdeInformation(EntropyBounds(0.0, 0.0), 0.0, 0.0, 0.0)
    return _information(layer, classes, variance)


def gaussian_kde_1d(values: ArrayLike, *, bandwidth: float, points: int = 8192) -> FloatArray:
    """Gaussian kernel density of a sample in one dimension, at the sample's own points, by FFT.

    Linear binning on a regular grid, padded by 6 bandwidths and by zeros to twice the length,
    times the kernel's transform, and linear interpolation back: O(N + points log points).

    Parameters
    ----------
    values : array_like, shape (N,)
        N >= 2.
    bandwidth : float
        h > 0, the kernel's standard deviation.
    points : int
        Of the grid, >= 16. The error is of order (grid step / h)².

    Returns
    -------
    ndarray, shape (N,)
        Density at each value, its own kernel included.

    Raises
    ------
    ValueError
        For entries that are not finite or an argument outside its range.

    References
    ----------
    B. W. Silverman, Kernel density estimation using the fast Fourier transform (1982).

    Examples
    --------
    >>> gaussian_kde_1d([0.0, 1.0], bandwidth=1.0).round(4)
    array([0.3205, 0.3205])
    """
    data = array("values", values, ndim=1)
    if len(data) < 2:
        reject("len(values)", len(data), "at least 2")
    h = number("bandwidth", bandwidth, 0, open_low=True)
    points = integer("points", points, 16)
    low, high = data.min() - 6.0 * h, data.max() + 6.0 * h
    step = (high - low) / (points - 1)
    place = (data - low) / step
    cell = np.minimum(place.astype(np.int64), points - 2)
    share = place - cell
    mass = np.bincount(cell, 1.0 - share, points) + np.bincount(cell + 1, share, points)
    frequency = 2.0 * math.pi * np.fft.rfftfreq(2 * points, step)
    spectrum = np.fft.rfft(mass, 2 * points) * np.exp(-0.5 * (frequency * h) ** 2)
    density = np.fft.irfft(spectrum, 2 * points)[:points] / (len(data) * step)
    result: FloatArray = density[cell] * (1.0 - share) + density[cell + 1] * share
    return np.maximum(result, 0.0)


def _information(layer: FloatArray, classes: NDArray[np.int64], variance: float) -> KdeInformation:
    whole = _bounds(layer, variance)
    lower, upper = whole.lower, whole.upper
    for label, count in zip(*np.unique(classes, return_counts=True)):
        if count > 1:
            part = _bounds(layer[classes == label], variance)
            share = int(count) / len(layer)
            lower -= share * part.lower
            upper -= share * part.upper
    return KdeInformation(whole, lower, upper, variance)


def _bounds(layer: FloatArray, variance: float, tile: int = TILE) -> EntropyBounds:
    """Both bounds from one pass: the narrow kernel is the wide one to the fourth power."""
    wide, narrow = np.zeros(len(layer)), np.zeros(len(layer))
    for rows, columns, kernel, mirrored in gram_tiles(layer, 2.0 * math.sqrt(variance), tile=tile):
        for power, sums in ((1, wide), (4, narrow)):
            if power == 4:
                np.square(kernel, out=kernel)
                np.square(kernel, out=kernel)
            sums[rows] += kernel.sum(axis=1)
            if mirrored:
                sums[columns] += kernel.sum(axis=0)
    size = math.log(len(layer))
    lower, upper = (max(0.0, size - float(np.log(s).mean())) for s in (wide, narrow))
    return EntropyBounds(lower, upper)
