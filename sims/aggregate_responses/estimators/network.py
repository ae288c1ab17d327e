"""A small neural network trained with the interpolating loss."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from sims.aggregate_responses.bags import Bags, as_bags
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import RandomState
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


class InterpolatingNetwork(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    r"""Fully connected ReLU network, full-batch Adam on (1-rho) bag loss + rho instance loss.

    The gradient in the prediction of sample i is :math:`(2/n)[(1-\rho)(\bar f_a - \bar y_a) +
    \rho(f_i - \bar y_a)]`, so a step costs one pass through the network and one average over
    bags. Features and responses are standardised inside.

    Parameters
    ----------
    rho : float
        Weight of the instance loss, >= 0.
    hidden : sequence of int
        Widths of the hidden layers.
    learning_rate : float
    steps : int
    random_state : int, RandomState or None
        Of the initial weights.

    Attributes
    ----------
    weights_, biases_ : list of ndarray
        Layer by layer.
    loss_ : float
        The interpolating loss at the end, in units of the response squared.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((200, 3))
    >>> y = np.sin(x[:, 0]) + x[:, 1] ** 2
    >>> model = InterpolatingNetwork(rho=0.0).fit(x, y, bags=np.repeat(np.arange(100), 2))
    >>> bool(model.score(x, y) > 0.8)
    True
    """

    def __init__(
        self,
        rho: float = 0.1,
        hidden: Sequence[int] = (32, 32, 16),
        learning_rate: float = 3e-3,
        steps: int = 400,
        random_state: int | RandomState | None = 0,
    ) -> None:
        self.rho = rho
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.steps = steps
        self.random_state = random_state

    def fit(
        self, X: ArrayLike, y: ArrayLike, bags: ArrayLike | None = None
    ) -> InterpolatingNetwork:
        """Train on responses that are averaged inside bags.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like, shape (n,)
            Responses, or their bag means repeated.
        bags : array_like of int, shape (n,), optional
            Bag labels >= 0; None puts each sample in its own bag.

        Raises
        ------
        ValueError
            When an argument is outside its range or the shapes do not fit.
        """
        data, values = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        responses: Real = np.asarray(values, dtype=np.float64)
        rho = number("rho", self.rho, 0)
        rate = number("learning_rate", self.learning_rate, 0, open_low=True)
        steps = integer("steps", self.steps, 1)
        widths = [integer("hidden", width, 1) for width in self.hidden]
        if not widths:
            reject("hidden", self.hidden, "at least one width")
        partition = as_bags(bags, len(data))
        means = partition.means(responses)
        self._centre, self._scale = data.mean(0), _positive(data.std(0))
        self._level, self._unit = float(responses.mean()), float(_positive(means.std()))
        rows, targets = (data - self._centre) / self._scale, (means - self._level) / self._unit
        random = check_random_state(self.random_state)
        sizes = [data.shape[1], *widths, 1]
        self.weights_ = [
            random.standard_normal((before, after)) * np.sqrt(2.0 / before)
            for before, after in pairwise(sizes)
        ]
        self.biases_ = [np.zeros(after) for after in sizes[1:]]
        self._train(rows, targets, partition, rho, rate, steps)
        return self

    def predict(self, X: ArrayLike) -> Real:
        """Predict responses of single samples, shape (n,)."""
        check_is_fitted(self)
        data = validate_data(self, X, reset=False, dtype=np.float64)
        outputs = self._forward((data - self._centre) / self._scale)[-1][:, 0]
        return np.asarray(self._level + self._unit * outputs)

    def _train(
        self, rows: Real, targets: Real, bags: Bags, rho: float, rate: float, steps: int
    ) -> None:
        """Adam with the usual constants; `parameters` are views of what it updates."""
        parameters = [*self.weights_, *self.biases_]
        first = [np.zeros_like(parameter) for parameter in parameters]
        second = [np.zeros_like(parameter) for parameter in parameters]
        for step in range(1, steps + 1):
            layers = self._forward(rows)
            slope, _ = interpolating_slope(layers[-1][:, 0], targets, bags, rho)
            gradients = self._backward(layers, slope)
            size = rate * np.sqrt(1.0 - 0.999**step) / (1.0 - 0.9**step)
            for parameter, mean, power, gradient in zip(
                parameters, first, second, gradients, strict=True
            ):
                mean += 0.1 * (gradient - mean)
                power += 0.001 * (gradient**2 - power)
                parameter -= size * mean / (np.sqrt(power) + 1e-8)
        outputs = self._forward(rows)[-1][:, 0]
        self.loss_ = self._unit**2 * interpolating_slope(outputs, targets, bags, rho)[1]

    def _forward(self, rows: Real) -> list[Real]:
        """Activations of every layer, the input's first."""
        layers = [rows]
        last = len(self.weights_) - 1
        for index, (weight, bias) in enumerate(zip(self.weights_, self.biases_, strict=True)):
            outputs = layers[-1] @ weight + bias
            layers.append(outputs if index == last else np.maximum(outputs, 0.0))
        return layers

    def _backward(self, layers: list[Real], slope: Real) -> list[Real]:
        """Gradients of all weights, then of all biases."""
        weights, biases = [], []
        flow = slope[:, None]
        for index in range(len(self.weights_) - 1, -1, -1):
            weights.append(layers[index].T @ flow)
            biases.append(flow.sum(0))
            if index:
                flow = (flow @ self.weights_[index].T) * (layers[index] > 0)
        return weights[::-1] + biases[::-1]


def interpolating_slope(
    predictions: Real, bag_means: Real, bags: Bags, rho: float
) -> tuple[Real, float]:
    """Gradient of the interpolating loss in the predictions, and the loss itself.

    Parameters
    ----------
    predictions : ndarray, shape (n,)
    bag_means : ndarray, shape (m,)
        Mean responses of the bags.
    bags : Bags
    rho : float

    Examples
    --------
    >>> slope, loss = interpolating_slope(
    ...     np.array([1.0, 3.0]), np.array([1.0]), as_bags([0, 0]), 0.5
    ... )
    >>> slope.tolist(), loss
    ([0.5, 1.5], 1.5)
    """
    apart = bags.means(predictions) - bag_means
    inside = predictions - bag_means[bags.index]
    n = len(predictions)
    slope = (2.0 / n) * ((1.0 - rho) * apart[bags.index] + rho * inside)
    loss = (1.0 - rho) * float(bags.sizes @ apart**2) / n + rho * float(inside @ inside) / n
    return slope, loss


def _positive(scale: Real | np.float64) -> Real:
    return np.where(scale > 0, scale, 1.0)
