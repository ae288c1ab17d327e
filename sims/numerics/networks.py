"""Many small fully connected networks at once: arrays with a leading axis of networks.

All parameters of all networks stand in one array, of which weights and biases are views, so that
an optimiser step (`sims.numerics.descent`) is a handful of operations however many layers there
are. A network can be trained on its own data or on the same as the others.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.numerics.activations import ACTIVATIONS, activate, derivative
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator

Floats = NDArray[Any]  # float32 or float64, one of them throughout an ensemble
Law = Literal["normal", "truncated-normal"]

PRELU_START = 0.25  # initial slope of PReLU below 0, one for each unit, learned
_CUT = 2.0  # a truncated normal has no draw beyond so many standard deviations


class Trace(NamedTuple):
    """What a forward pass leaves for the backward pass.

    Attributes
    ----------
    inputs : ndarray, shape (B, d) or (networks, B, d)
    before, after : tuple of ndarray, shape (networks, B, width)
        Each layer's values before and after its activation.
    """

    inputs: Floats
    before: tuple[Floats, ...]
    after: tuple[Floats, ...]

    @property
    def output(self) -> Floats:
        """Values of the last layer."""
        return self.after[-1]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Networks of one architecture; their parameters may be changed in place.

    Attributes
    ----------
    sizes : tuple of int
        Units of the input and of every layer.
    activations : tuple of str
        One for every layer; the last is usually "linear".
    parameters : ndarray, shape (networks, count)
        Everything there is to learn.
    weights : tuple of ndarray, shape (networks, units in, units out)
        Views of `parameters`, like the two below.
    biases : tuple of ndarray, shape (networks, units)
    slopes : tuple of ndarray, shape (networks, units), empty where a layer is no "prelu"
    """

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    parameters: Floats
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    slopes: tuple[Floats, ...]

    def like(self, parameters: Floats) -> Ensemble:
        """Return the same architecture over another array of parameters (or gradients)."""
        return over(self.sizes, self.activations, parameters)


def over(sizes: Sequence[int], activations: Sequence[str], parameters: Floats) -> Ensemble:
    """See an array of parameters as an ensemble.

    Parameters
    ----------
    sizes : sequence of int
        Units of the input and of every layer, at least two numbers >= 1.
    activations : sequence of str
        One for every layer.
    parameters : ndarray, shape (networks, `parameter_count`)
        C-contiguous.

    Raises
    ------
    ValueError
        For sizes, activations or a shape that do not belong together.

    Examples
    --------
    >>> over((2, 1), ("linear",), np.arange(3.0)[None]).weights[0][0]
    array([[0.],
           [1.]])
    """
    count = parameter_count(sizes, activations)
    if parameters.ndim != 2 or parameters.shape[1] != count:
        reject("parameters.shape", parameters.shape, f"(networks, {count})")
    networks, start = len(parameters), 0
    weights: list[Floats] = []
    biases: list[Floats] = []
    slopes: list[Floats] = []
    for (inner, outer), name in zip(itertools.pairwise(sizes), activations):
        for target, length, shape in (
            (weights, inner * outer, (networks, inner, outer)),
            (biases, outer, (networks, outer)),
            (slopes, outer * (name == "prelu"), (networks, outer * (name == "prelu"))),
        ):
            target.append(parameters[:, start : start + length].reshape(shape))
            start += length
    return Ensemble(
        tuple(sizes), tuple(activations), parameters, tuple(weights), tuple(biases), tuple(slopes)
    )


def parameter_count(sizes: Sequence[int], activations: Sequence[str]) -> int:
    """Count the parameters of one network.

    Raises
    ------
    ValueError
        For fewer than two sizes, a size below 1, or activations that are unknown or too few.

    Examples
    --------
    >>> parameter_count((12, 10, 2), ("tanh", "linear"))
    152
    """
    if len(sizes) < 2:
        reject("sizes", tuple(sizes), "at least two numbers")
    for size in sizes:
        integer("sizes", size, 1)
    if len(activations) != len(sizes) - 1:
        reject("len(activations)", len(activations), f"{len(sizes) - 1}, one for every layer")
    for name in activations:
        if name not in ACTIVATIONS:
            reject("activation", name, f"one of {', '.join(ACTIVATIONS)}")
    return sum(
        inner * outer + outer * (2 if name == "prelu" else 1)
        for (inner, outer), name in zip(itertools.pairwise(sizes), activations)
    )


def initialise(
    sizes: Sequence[int],
    activations: Sequence[str],
    networks: int,
    rng: Generator,
    *,
    gain: float = 1.0,
    law: Law = "normal",
    bias_deviation: float = 0.0,
    dtype: type = np.float64,
) -> Ensemble:
    """Draw the parameters of many networks.

    Parameters
    ----------
    sizes, activations
        As for `over`.
    networks : int
        >= 1.
    rng : Generator
    gain : float
        Weights have standard deviation gain/sqrt(units in), > 0; sqrt(2) is He's for ReLU.
    law : {"normal", "truncated-normal"}
        The second redraws beyond two of the standard deviations named above, as the usual
        frameworks do, so that the deviation becomes 0.88 of them.
    bias_deviation : float
        >= 0.
    dtype : float32 or float64

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> nets = initialise((3, 5, 1), ("relu", "linear"), 4, np.random.default_rng(0))
    >>> nets.parameters.shape, nets.weights[0].shape
    ((4, 26), (4, 3, 5))
    """
    networks = integer("networks", networks, 1)
    gain = number("gain", gain, 0.0, open_low=True)
    bias_deviation = number("bias_deviation", bias_deviation, 0.0)
    if law not in ("normal", "truncated-normal"):
        reject("law", law, "'normal' or 'truncated-normal'")
    parameters: Floats = np.zeros((networks, parameter_count(sizes, activations)), dtype)
    result = over(sizes, activations, parameters)
    for weights, biases, slopes in zip(result.weights, result.biases, result.slopes):
        draws = rng.standard_normal(weights.shape)
        while law == "truncated-normal" and (far := np.abs(draws) > _CUT).any():
            draws[far] = rng.standard_normal(int(far.sum()))
        weights[:] = gain / math.sqrt(weights.shape[1]) * draws
        if bias_deviation:
            biases[:] = bias_deviation * rng.standard_normal(biases.shape)
        slopes[:] = PRELU_START
    return result


def forward(ensemble: Ensemble, inputs: Floats) -> Trace:
    """Run all networks and keep every layer.

    Parameters
    ----------
    ensemble : Ensemble
    inputs : ndarray, shape (B, d) or (networks, B, d)
        Shared by the networks, or each its own.

    Returns
    -------
    Trace

    Examples
    --------
    >>> net = over((1, 1), ("relu",), np.array([[2.0, -1.0]]))
    >>> forward(net, np.array([[0.0], [3.0]])).output[0, :, 0]
    array([0., 5.])
    """
    values = inputs
    before, after = [], []
    for layer, name in enumerate(ensemble.activations):
        values = np.matmul(values, ensemble.weights[layer])
        values += ensemble.biases[layer][:, None, :]
        before.append(values)
        values = activate(name, values, ensemble.slopes[layer])
        after.append(values)
    return Trace(inputs, tuple(before), tuple(after))


def predict(ensemble: Ensemble, inputs: Floats) -> Floats:
    """Output of all networks, shape (networks, B, outputs).

    Examples
    --------
    >>> net = over((1, 1), ("linear",), np.array([[2.0, -1.0]]))
    >>> predict(net, np.array([[3.0]]))
    array([[[5.]]])
    """
    return forward(ensemble, inputs).output


def backward(
    ensemble: Ensemble,
    trace: Trace,
    output_gradient: Floats,
    *,
    hidden: Mapping[int, Floats] | None = None,
    into: Ensemble | None = None,
    inputs: bool = False,
) -> tuple[Ensemble, Floats | None]:
    """Differentiate a loss in all parameters, and in the inputs if asked for.

    Parameters
    ----------
    ensemble : Ensemble
    trace : Trace
        Of `forward`.
    output_gradient : ndarray, shape (networks, B, outputs)
        Derivative of the loss of each network in its output.
    hidden : mapping from layer to ndarray, optional
        Further derivatives, in the values *after* the activation of a hidden layer (0 is the
        first): how a penalty on a representation enters.
    into : Ensemble, optional
        Where to put the result (`ensemble.like` an empty array); new if absent.
    inputs : bool
        Whether the derivative in the inputs is wanted.

    Returns
    -------
    Ensemble, ndarray or None
        The gradients, laid out as the parameters are, and the derivative in the inputs, of shape
        (networks, B, d).

    Examples
    --------
    >>> net = over((1, 1), ("linear",), np.array([[2.0, -1.0]]))
    >>> trace = forward(net, np.array([[3.0]]))
    >>> slope, at_inputs = backward(net, trace, np.ones((1, 1, 1)), inputs=True)
    >>> slope.parameters, at_inputs
    (array([[3., 1.]]), array([[[2.]]]))
    """
    result = ensemble.like(np.empty_like(ensemble.parameters)) if into is None else into
    pull = output_gradient
    ones = np.ones((1, pull.shape[1]), pull.dtype)  # a product is quicker than a sum over rows
    for layer in reversed(range(len(ensemble.activations))):
        name, after, before = ensemble.activations[layer], trace.after[layer], trace.before[layer]
        if hidden and layer in hidden:
            pull = pull + hidden[layer]
        if name == "prelu":
            np.einsum("sbj,sbj->sj", pull, np.minimum(before, 0.0), out=result.slopes[layer])
        if name != "linear":
            pull = pull * derivative(name, before, after, ensemble.slopes[layer])
        below = trace.after[layer - 1] if layer else trace.inputs
        np.matmul(np.swapaxes(below, -1, -2), pull, out=result.weights[layer])
        np.matmul(ones, pull, out=result.biases[layer][:, None, :])
        if layer or inputs:
            pull = np.matmul(pull, np.swapaxes(ensemble.weights[layer], 1, 2))
    return result, pull if inputs else None
