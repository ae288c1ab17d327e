"""Normalised CS-QMI of a mini-batch as a penalty: many networks at once, with its gradient.

The batches are small, so whole Gram matrices are held; networks are leading axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


class InputKernel(NamedTuple):
    """The Gram matrix of a batch of inputs, and what the penalty needs of it.

    Attributes
    ----------
    kernel : ndarray, shape (..., B, B)
    rows : ndarray, shape (..., B)
    information : ndarray, shape (...)
        CS-QMI of the inputs with themselves, nats.
    """

    kernel: FloatArray
    rows: FloatArray
    information: FloatArray


class Penalty(NamedTuple):
    """Normalised CS-QMI of every network, and its derivative in the representation.

    Attributes
    ----------
    value : ndarray, shape (...)
    gradient : ndarray, shape (..., B, d)
    """

    value: FloatArray
    gradient: FloatArray


def batch_gram(points: FloatArray, width: float) -> FloatArray:
    """Gaussian Gram matrices of batches of points; the diagonals are exactly 1.

    Parameters
    ----------
    points : ndarray, shape (..., B, d)
        Not much farther from their mean than `width`, times a million.
    width : float
        > 0.

    Examples
    --------
    >>> batch_gram(np.array([[0.0], [1.0]]), 1.0).round(4)
    array([[1.    , 0.6065],
           [0.6065, 1.    ]])
    """
    scaled = (points - points.mean(axis=-2, keepdims=True)) / width
    halves = 0.5 * np.einsum("...ij,...ij->...i", scaled, scaled)
    result = scaled @ np.swapaxes(scaled, -1, -2)
    result -= halves[..., :, None]
    result -= halves[..., None, :]
    np.minimum(result, 0.0, out=result)
    diagonal = np.arange(points.shape[-2])
    result[..., diagonal, diagonal] = 0.0
    np.exp(result, out=result)
    return np.asarray(result)


def input_kernel(x: FloatArray, width: float) -> InputKernel:
    """Prepare a batch of inputs, shared by the networks or not.

    Parameters
    ----------
    x : ndarray, shape (..., B, d)
    width : float
        > 0.

    Examples
    --------
    >>> input_kernel(np.array([[0.0], [1.0]]), 1.0).information.round(4)
    np.float64(0.0583)
    """
    kernel = batch_gram(x, width)
    rows = kernel.sum(-1)
    return InputKernel(kernel, rows, _information(kernel, rows, kernel, rows))


def information_penalty(inputs: InputKernel, t: FloatArray, width: float) -> Penalty:
    """Normalised CS-QMI between inputs and representations.

    Parameters
    ----------
    inputs : InputKernel
        Its leading axes broadcast to those of t: without any, the networks share the inputs.
    t : ndarray, shape (..., B, d)
    width : float
        > 0, of the representation's kernel.

    Returns
    -------
    Penalty
        Value and gradient are 0 for a network whose representation is constant.

    References
    ----------
    The normalised form is that of the code released with CS-IB; the gradient is derived in
    docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> x = np.array([[0.0], [1.0], [3.0]])
    >>> information_penalty(input_kernel(x, 1.0), 2.0 * x[None], 2.0).value.round(12)
    array([1.])
    """
    kernel, rows, own_x = inputs
    other = batch_gram(t, width)
    others = other.sum(-1)
    total = others.sum(-1)
    joint = np.einsum("...ij,...ij->...", kernel, other)
    square = np.einsum("...ij,...ij->...", other, other)
    cross = np.einsum("...i,...i->...", rows, others)
    own_cross = np.einsum("...i,...i->...", others, others)
    value = np.log(joint * rows.sum(-1)) + np.log(total) - 2.0 * np.log(cross)
    own_t = np.log(square) + 2.0 * np.log(total) - 2.0 * np.log(own_cross)
    alive = (own_t > 1e-12) & (own_x > 1e-12)
    own_t = np.where(alive, own_t, 1.0)
    scale = np.where(alive, 1.0 / np.sqrt(np.where(alive, own_x, 1.0) * own_t), 0.0)
    ratio = value / own_t
    # derivative of the ratio with respect to other_ij: kernel, other, rows and constants
    by_row = 2.0 * (ratio / own_cross)[..., None] * others - 2.0 * rows / cross[..., None]
    by_row += ((1.0 - ratio) / total)[..., None]
    pull = (2.0 / joint)[..., None, None] * kernel
    pull -= (2.0 * ratio / square)[..., None, None] * other
    pull += by_row[..., :, None]
    pull += by_row[..., None, :]
    pull *= other
    slope = pull @ t - pull.sum(-1)[..., None] * t
    slope *= (scale / width**2)[..., None, None]
    return Penalty(scale * value, slope)


def _information(
    kernel: FloatArray, rows: FloatArray, other: FloatArray, others: FloatArray
) -> FloatArray:
    """CS-QMI of pairs of Gram matrices over leading axes."""
    joint = np.einsum("...ij,...ij->...", kernel, other)
    cross = np.einsum("...i,...i->...", rows, others)
    return np.asarray(
        np.log(joint) + np.log(rows.sum(-1)) + np.log(others.sum(-1)) - 2.0 * np.log(cross)
    )
