"""Conditional Cauchy–Schwarz divergence between responses and predictions, with its gradient."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.cauchy_schwarz import Gradient
from sims.information_bottleneck.validity import paired_samples, warn
from sims.numerics.validate import number, reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
Variant = Literal["paper", "released"]

VARIANTS = ("paper", "released")
FEW_NEIGHBOURS = 2.0  # below it the divergence compares samples, not conditional laws
_BLOCK = 1 << 17  # pairs in a block of rows: 1 MB an array


class Moments(NamedTuple):
    """The sums behind the divergence; all have the leading axes (networks) of the samples.

    Attributes
    ----------
    truth, model, cross : ndarray
        Logarithms of the weighted sums over K L1, K L2 and K L21.
    log_weights : ndarray, shape (..., N)
        log w_j.
    neighbours : ndarray
        Mean row sum of K without the diagonal.
    """

    truth: FloatArray
    model: FloatArray
    cross: FloatArray
    log_weights: FloatArray
    neighbours: FloatArray

    @property
    def divergence(self) -> FloatArray:
        """``truth + model - 2 cross``."""
        return self.truth + self.model - 2.0 * self.cross


def conditional_cs_divergence(
    x: ArrayLike,
    y: ArrayLike,
    y_hat: ArrayLike,
    *,
    width_x: float,
    width_y: float,
    variant: Variant = "paper",
) -> float:
    """Cauchy–Schwarz divergence of p(y|x) from q(y_hat|x), estimated from triples of samples.

    With K the Gram matrix of x, L1 of y, L2 of y_hat and L21_ji = kappa(y_hat_j, y_i),
    ``log Σ_j w_j Σ_i K_ji L1_ji + log Σ_j w_j Σ_i K_ji L2_ji - 2 log Σ_j w_j Σ_i K_ji L21_ji``.
    It is 0 when y_hat = y.

    Parameters
    ----------
    x : array_like, shape (N,) or (N, d)
    y, y_hat : array_like, shape (N,) or (N, d')
    width_x, width_y : float
        sigma > 0 in exp(-|a - b|²/(2 sigma²)).
    variant : {"paper", "released"}
        w_j is 1/(Σ_i K_ji)² as derived, or 1/Σ_i K_ji² as in the code released with the paper.
        The numbers differ.

    Returns
    -------
    float
        In nats, finite however far the predictions are.

    Raises
    ------
    ValueError
        For lengths that differ, N < 2, entries that are not finite, a width <= 0 or another
        variant.

    Warns
    -----
    ValidityWarning
        When a sample has fewer than 2 effective neighbours in x on average (the row sum of K
        without the sample itself).

    Notes
    -----
    O(N²) time, bounded memory. As width_x goes to 0 this becomes the
    correntropy loss (`conditional_limits.correntropy_loss`); where
    width_x is wide it only compares laws blurred over x.

    References
    ----------
    Yu, Yu, Løkse, Jenssen, Príncipe, Cauchy–Schwarz divergence information bottleneck for
    regression, ICLR 2024.

    Examples
    --------
    >>> x = [0.0, 0.2, 0.4, 0.6]
    >>> round(conditional_cs_divergence(x, x, [0.0, 0.1, 0.2, 0.3], width_x=1.0, width_y=0.5), 4)
    0.0805
    """
    rows = _checked(x, y, y_hat, variant)
    width_x, width_y = _widths(width_x, width_y)
    found = moments(*rows, width_x, width_y, variant)
    _warn_few(found)
    return float(found.divergence)


def conditional_cs_gradient(
    x: ArrayLike,
    y: ArrayLike,
    y_hat: ArrayLike,
    *,
    width_x: float,
    width_y: float,
    variant: Variant = "paper",
) -> Gradient:
    """`conditional_cs_divergence` together with its derivative with respect to y_hat.

    Parameters
    ----------
    x, y, y_hat, width_x, width_y, variant
        As for `conditional_cs_divergence`.

    Returns
    -------
    Gradient
        The gradient has the shape of y_hat.

    Raises
    ------
    ValueError
        As `conditional_cs_divergence`.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> x = [0.0, 0.1, 0.2, 0.3]
    >>> found = conditional_cs_gradient(x, x, [0.1, 0.2, 0.3, 0.4], width_x=1.0, width_y=1.0)
    >>> round(found.value, 4), found.gradient.round(4)
    (0.0098, array([0.0487, 0.0496, 0.0489, 0.048 ]))
    """
    rows = _checked(x, y, y_hat, variant)
    width_x, width_y = _widths(width_x, width_y)
    found = moments(*rows, width_x, width_y, variant)
    _warn_few(found)
    slope = moments_gradient(*rows, width_x, width_y, found)
    return Gradient(float(found.divergence), slope.reshape(np.shape(y_hat)))


def moments(
    x: FloatArray,
    y: FloatArray,
    y_hat: FloatArray,
    width_x: float,
    width_y: float,
    variant: Variant = "paper",
) -> Moments:
    """Sum what the divergence is made of; leading axes of the three arrays broadcast.

    Parameters
    ----------
    x, y, y_hat : ndarray, shapes (..., N, d), (..., N, d') and (..., N, d')
        The networks of an ensemble may share x and y: leave their leading axis out.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> moments(x, x, np.stack([x, x + 1.0]), 1.0, 1.0).divergence.round(4)
    array([0.    , 0.7273])
    """
    parts: list[tuple[FloatArray, ...]] = []
    for rows in _row_blocks(x, y, y_hat):
        log_kernel = exponents(x[..., rows, :], x, width_x)
        kernel = np.exp(log_kernel)
        total = kernel.sum(-1)
        size = total**2 if variant == "paper" else np.einsum("...ij,...ij->...i", kernel, kernel)
        own, model = (np.exp(exponents(v[..., rows, :], v, width_y)) for v in (y, y_hat))
        cross = exponents(y_hat[..., rows, :], y, width_y)
        cross += log_kernel
        parts.append(
            (
                np.einsum("...ij,...ij->...i", kernel, own),
                np.einsum("...ij,...ij->...i", kernel, model),
                _log_sum(cross),
                -np.log(size),
                total,
            )
        )
    own, model, log_cross, log_weights, total = (np.concatenate(p, axis=-1) for p in zip(*parts))
    weights = np.exp(log_weights)
    return Moments(
        np.log((weights * own).sum(-1)),
        np.log((weights * model).sum(-1)),
        _log_sum(log_weights + log_cross),
        log_weights,
        total.mean(-1) - 1.0,
    )


def moments_gradient(
    x: FloatArray,
    y: FloatArray,
    y_hat: FloatArray,
    width_x: float,
    width_y: float,
    found: Moments,
) -> FloatArray:
    """Differentiate ``found.divergence`` with respect to y_hat; same shape as y_hat.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0]])
    >>> moments_gradient(x, x, x + 1.0, 1.0, 1.0, moments(x, x, x + 1.0, 1.0, 1.0)).round(4)
    array([[0.9068],
           [0.5416]])
    """
    parts = []
    log_weights = found.log_weights
    weights = np.exp(log_weights)
    for rows in _row_blocks(x, y, y_hat):
        log_kernel = exponents(x[..., rows, :], x, width_x)
        here = y_hat[..., rows, :]
        pull = exponents(here, y_hat, width_y)
        pull += log_kernel - found.model[..., None, None]
        pull = np.exp(pull)
        pull *= weights[..., rows, None] + weights[..., None, :]
        slope = pull @ y_hat - pull.sum(-1)[..., None] * here
        pull = exponents(here, y, width_y)
        pull += log_kernel
        pull += (log_weights[..., rows] - found.cross[..., None])[..., None]
        pull = np.exp(pull)
        slope -= 2.0 * (pull @ y - pull.sum(-1)[..., None] * here)
        parts.append(slope)
    return np.concatenate(parts, axis=-2) / width_y**2


def exponents(points: FloatArray, others: FloatArray, width: float) -> FloatArray:
    """Return ``-|a - b|²/(2 width²)`` from differences: nothing cancels. Leading axes broadcast.

    Examples
    --------
    >>> exponents(np.array([[0.0], [1.0]]), np.array([[2.0]]), 1.0)
    array([[-2. ],
           [-0.5]])
    """
    if points.ndim == others.ndim == 2:
        from scipy.spatial.distance import cdist

        result = cdist(points, others, "sqeuclidean")
    else:
        leading = np.broadcast_shapes(points.shape[:-2], others.shape[:-2])
        result = np.zeros((*leading, points.shape[-2], others.shape[-2]))
        for first, second in zip(np.moveaxis(points, -1, 0), np.moveaxis(others, -1, 0)):
            difference = first[..., :, None] - second[..., None, :]
            difference *= difference
            result += difference
    result *= -0.5 / width**2
    return result


def _log_sum(values: FloatArray) -> FloatArray:
    """Log-sum-exp over the last axis, whatever the depth."""
    top = values.max(-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(-1)))


def _row_blocks(*arrays: FloatArray) -> Iterator[slice]:
    """Slices of rows, so small that every temporary has about a megabyte."""
    count = arrays[0].shape[-2]
    together = math.prod(np.broadcast_shapes(*(a.shape[:-2] for a in arrays)))
    step = max(1, _BLOCK // (count * together))
    return (slice(i, min(i + step, count)) for i in range(0, count, step))


def _checked(
    x: ArrayLike, y: ArrayLike, y_hat: ArrayLike, variant: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    if variant not in VARIANTS:
        reject("variant", variant, "'paper' or 'released'")
    x_rows, y_rows, hat_rows = paired_samples(("x", "y", "y_hat"), (x, y, y_hat))
    if y_rows.shape != hat_rows.shape:
        reject("y_hat.shape", hat_rows.shape, f"{y_rows.shape} like y")
    return x_rows, y_rows, hat_rows


def _widths(width_x: float, width_y: float) -> tuple[float, float]:
    return (
        number("width_x", width_x, 0.0, open_low=True),
        number("width_y", width_y, 0.0, open_low=True),
    )


def _warn_few(found: Moments) -> None:
    neighbours = float(found.neighbours)
    if neighbours < FEW_NEIGHBOURS:
        warn(
            f"a sample has only {neighbours:.3g} effective neighbours in x: the divergence "
            "compares samples one by one rather than conditional laws; take a larger width_x"
        )
