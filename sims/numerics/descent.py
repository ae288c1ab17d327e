"""Losses of many networks at once, and Adam."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sims.numerics.validate import number

Floats = NDArray[Any]  # float32 or float64


def squared_error(output: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Mean of |f - y|² over the batch, for every network, and its derivative in the output.

    Parameters
    ----------
    output : ndarray, shape (networks, B, outputs)
    targets : ndarray, shape (B, outputs) or (networks, B, outputs)

    Returns
    -------
    ndarray, shape (networks,); ndarray, shape of `output`

    Examples
    --------
    >>> squared_error(np.array([[[3.0]]]), np.array([[1.0]]))
    (array([4.]), array([[[4.]]]))
    """
    residual = output - targets
    value = np.einsum("sbj,sbj->s", residual, residual) / output.shape[1]
    residual *= 2.0 / output.shape[1]
    return value, residual


def cross_entropy(output: Floats, labels: NDArray[np.integer[Any]]) -> tuple[Floats, Floats]:
    """Mean softmax cross-entropy in nats, for every network, and its derivative in the output.

    Parameters
    ----------
    output : ndarray, shape (networks, B, classes)
        Logits.
    labels : ndarray of int, shape (B,) or (networks, B)
        0 … classes - 1.

    Returns
    -------
    ndarray, shape (networks,); ndarray, shape of `output`

    Examples
    --------
    >>> value, slope = cross_entropy(np.zeros((1, 1, 2)), np.array([1]))
    >>> value.round(4), slope
    (array([0.6931]), array([[[ 0.5, -0.5]]]))
    """
    if output.shape[2] == 2:
        return _logistic(output, labels)
    index = np.broadcast_to(labels, output.shape[:2])[..., None]
    shifted = output - output.max(axis=2, keepdims=True)
    shares = np.exp(shifted)
    total = shares.sum(axis=2, keepdims=True)
    value = (np.log(total) - np.take_along_axis(shifted, index, axis=2)).mean(axis=(1, 2))
    shares /= total
    chosen = np.take_along_axis(shares, index, axis=2)
    np.put_along_axis(shares, index, chosen - shares.dtype.type(1.0), axis=2)
    shares /= output.shape[1]
    return value, shares


def _logistic(output: Floats, labels: NDArray[np.integer[Any]]) -> tuple[Floats, Floats]:
    """Compute `cross_entropy` of two classes, which depends on their difference alone."""
    margin = output[..., 1] - output[..., 0]
    value = np.logaddexp(margin.dtype.type(0.0), margin) - labels * margin
    pull = np.empty_like(output)
    np.subtract(expit(margin), labels, out=pull[..., 1], casting="same_kind")
    pull[..., 1] /= output.shape[1]
    np.negative(pull[..., 1], out=pull[..., 0])
    return value.mean(axis=1), pull


def softmax(output: Floats) -> Floats:
    """Shares of the classes, summing to 1 over the last axis.

    Examples
    --------
    >>> softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    shares = np.exp(output - output.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return np.asarray(shares)


class Adam:
    """Adam for all networks at once; every network takes its own steps.

    D. P. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015.

    Parameters
    ----------
    parameters : ndarray
        Changed in place by `step`.
    rate : float
        > 0; may be set between steps.
    decay : tuple of float
        Of the running means of the gradient and of its square, in [0, 1).
    small : float
        Added to the root of the latter, > 0.

    Examples
    --------
    >>> at = np.array([[1.0]])
    >>> Adam(at, rate=0.1).step(np.array([[5.0]]))
    >>> at.round(6)
    array([[0.9]])
    """

    def __init__(
        self,
        parameters: Floats,
        *,
        rate: float,
        decay: tuple[float, float] = (0.9, 0.999),
        small: float = 1e-8,
    ) -> None:
        self.parameters = parameters
        self.rate = number("rate", rate, 0.0, open_low=True)
        for value in decay:
            number("decay", value, 0.0, 1.0, open_high=True)
        self.decay = decay
        self.small = number("small", small, 0.0, open_low=True)
        self.mean = np.zeros_like(parameters)
        self.square = np.zeros_like(parameters)
        self.steps = 0
        self._buffer = np.empty_like(parameters)

    def step(self, gradient: Floats) -> None:
        """Move down the gradient, which is left alone."""
        self.steps += 1
        first, second = self.decay
        buffer = self._buffer
        np.multiply(gradient, 1.0 - first, out=buffer)
        self.mean *= first
        self.mean += buffer
        np.multiply(gradient, gradient, out=buffer)
        buffer *= 1.0 - second
        self.square *= second
        self.square += buffer
        # the two bias corrections, one of them moved into `small`
        root = math.sqrt(1.0 - second**self.steps)
        np.sqrt(self.square, out=buffer)
        buffer += self.small * root
        np.divide(self.mean, buffer, out=buffer)
        buffer *= self.rate * root / (1.0 - first**self.steps)
        self.parameters -= buffer
