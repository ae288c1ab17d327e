"""Activation functions of small networks, and their derivatives."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[Any]  # float32 or float64
Activation = Literal[
    "linear", "tanh", "relu", "abs", "prelu", "elu", "softplus", "centred-softplus", "swish"
]

ACTIVATIONS: tuple[str, ...] = get_args(Activation)
_LOG2 = math.log(2.0)


def activate(name: str, values: Floats, slopes: Floats | None = None) -> Floats:
    """Apply an activation function; `values` stay as they are.

    Parameters
    ----------
    name : str
        One of `ACTIVATIONS`.
    values : ndarray, shape (networks, B, units)
    slopes : ndarray, shape (networks, units), optional
        Of "prelu".

    Examples
    --------
    >>> activate("centred-softplus", np.zeros(1)), activate("elu", np.array([-np.inf]))
    (array([0.]), array([-1.]))
    """
    if name == "linear":
        return values
    if name == "tanh":
        return np.asarray(np.tanh(values))
    if name == "relu":
        return np.asarray(np.maximum(values, 0.0))
    if name == "abs":
        return np.asarray(np.abs(values))
    if name == "prelu":
        assert slopes is not None  # an ensemble has them wherever the name stands
        return np.asarray(np.where(values > 0, values, slopes[:, None, :] * values))
    if name == "elu":
        return np.asarray(np.where(values > 0, values, np.expm1(np.minimum(values, 0.0))))
    if name == "swish":
        return np.asarray(values * expit(values))
    result = np.maximum(values, 0.0) + np.log1p(np.exp(-np.abs(values)))
    return np.asarray(result - values.dtype.type(_LOG2) if name == "centred-softplus" else result)


def derivative(name: str, before: Floats, after: Floats, slopes: Floats | None = None) -> Floats:
    """Differentiate an activation, given its argument and its value.

    At the corner of relu, abs and prelu it is that of the negative side, 0 for abs.

    Parameters
    ----------
    name : str
        One of `ACTIVATIONS`.
    before, after : ndarray, shape (networks, B, units)
    slopes : ndarray, shape (networks, units), optional

    Examples
    --------
    >>> derivative("tanh", np.zeros(1), np.zeros(1)), derivative("relu", np.ones(1), np.ones(1))
    (array([1.]), array([ True]))
    """
    if name == "linear":
        return np.ones_like(after)
    if name == "tanh":
        return np.asarray(1.0 - after * after)
    if name == "relu":
        return np.asarray(before > 0)
    if name == "abs":
        return np.asarray(np.sign(before))
    if name == "prelu":
        assert slopes is not None
        return np.asarray(np.where(before > 0, before.dtype.type(1.0), slopes[:, None, :]))
    if name == "elu":
        return np.asarray(np.minimum(after, 0.0) + before.dtype.type(1.0))
    gate = expit(before)
    if name == "swish":
        gate += after * (1.0 - gate)
    return np.asarray(gate)
