"""Exact entropy of one binned neuron with Gaussian input, for any activation."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sims.numerics.activations import ACTIVATIONS, activate
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
Function = Callable[[FloatArray], FloatArray]

_FAR = 40.0  # standard deviations; the normal law has no mass beyond
_HALVINGS = 80


class _Shape(NamedTuple):
    """An activation: increasing, or first falling to its least value at `valley`."""

    function: Function
    valley: float = -np.inf


_VALLEYS = {"abs": 0.0, "swish": -1.2784645427610738}
NEURON_ACTIVATIONS = tuple(name for name in ACTIVATIONS if name != "prelu")  # it has a parameter


def one_neuron_entropy(
    weight: ArrayLike, activation: str | Function, edges: ArrayLike
) -> float | FloatArray:
    """Entropy of the bin of h = f(w X), X ~ N(0, 1). *Exact*.

    It is I(T;X) of a one-neuron layer as the binned estimators see it: for a saturating f it
    rises and then falls with the weight, with no learning anywhere.

    Parameters
    ----------
    weight : array_like
        w; only its size matters.
    activation : str or callable
        A name of `NEURON_ACTIVATIONS`, or a nondecreasing function of arrays.
    edges : array_like, shape (bins - 1,)
        Interior edges, increasing; a value equal to an edge belongs to the bin above it.

    Returns
    -------
    float or ndarray
        In nats, shaped like `weight`.

    Raises
    ------
    ValueError
        For an unknown activation, edges that do not increase or entries that are not finite.

    Notes
    -----
    Derived, see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> edges = np.linspace(-1, 1, 31)[1:-1]  # 30 bins on [-1, 1]
    >>> (one_neuron_entropy([0.2, 1.0, 16.0], "tanh", edges) / np.log(2)).round(2).tolist()
    [3.58, 4.88, 1.71]
    """
    weights = np.abs(array("weight", weight))
    cuts = array("edges", edges, ndim=1)
    if (np.diff(cuts) <= 0).any():
        reject("edges", cuts.tolist(), "increasing")
    shape = _shape(activation)
    masses = _bin_masses(weights.reshape(-1, 1), cuts, shape)
    result = special.entr(masses).sum(axis=1).reshape(weights.shape)
    return float(result) if result.ndim == 0 else result


def _shape(activation: str | Function) -> _Shape:
    if not isinstance(activation, str):
        return _Shape(activation)
    if activation not in NEURON_ACTIVATIONS:
        reject("activation", activation, f"one of {', '.join(NEURON_ACTIVATIONS)} or a function")
    return _Shape(partial(activate, activation), _VALLEYS.get(activation, -np.inf))


def _bin_masses(weights: FloatArray, cuts: FloatArray, shape: _Shape) -> FloatArray:
    """Probability of each bin, shape (weights, bins), from normal tails of small error."""
    valley = np.full_like(weights, -_FAR)
    bent = weights > 0
    valley[bent] = np.clip(shape.valley / weights[bent], -_FAR, _FAR)
    rise = _crossing(weights, cuts, shape.function, valley, np.full_like(weights, _FAR))
    masses = _slices(valley, rise, np.full_like(weights, _FAR))
    if np.isfinite(shape.valley):
        fall = _crossing(weights, cuts, shape.function, valley, np.full_like(weights, -_FAR))
        masses += _slices(-valley, -fall, np.full_like(weights, _FAR))
    return masses


def _crossing(
    weights: FloatArray, cuts: FloatArray, function: Function, low: FloatArray, high: FloatArray
) -> FloatArray:
    """Where f(w z) leaves the values below each cut on the way from `low` to `high`.

    `high` may lie on either side of `low`; f(w z) does not decrease on the way.
    """
    below = np.broadcast_to(low, (len(weights), len(cuts))).copy()
    above = np.broadcast_to(high, below.shape).copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (below + above)
        under = np.asarray(function(weights * middle)) < cuts
        below = np.where(under, middle, below)
        above = np.where(under, above, middle)
    # a cut that f is above everywhere is crossed at once
    return np.where(np.asarray(function(weights * low)) < cuts, above, low)


def _slices(start: FloatArray, crossings: FloatArray, end: FloatArray) -> FloatArray:
    """Give the normal probability between neighbours among start, crossings, end."""
    points = np.concatenate([start, crossings, end], axis=1)
    upper = points[:, :-1] > 0  # the smaller tail has the smaller rounding error
    lower_mass = special.ndtr(points[:, 1:]) - special.ndtr(points[:, :-1])
    upper_mass = special.ndtr(-points[:, :-1]) - special.ndtr(-points[:, 1:])
    return np.maximum(np.where(upper, upper_mass, lower_mass), 0.0)
