"""Random interpolants from many small networks trained at once: a space without a formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.descent import Adam, squared_error
from sims.numerics.networks import backward, forward, initialise, predict
from sims.numerics.validate import integer, number

if TYPE_CHECKING:
    from numpy.random import Generator

    from sims.inductive_bias.tasks import Task

FloatArray = NDArray[np.float64]

INTERPOLATES = 0.05  # of the targets' mean square: a training error below it counts as none


@dataclass(frozen=True, eq=False)
class NetworkErrors:
    """Mean squared errors, over points and outputs, of networks that differ by initialisation.

    The code released with the 2024 paper divides by the batch size once more: its errors, and
    its thresholds, are smaller by that factor.

    Attributes
    ----------
    train, test : ndarray, shape (networks,)
    interpolates : bool
        Whether the mean training error is at most 5 % of the targets' mean square. If not, the
        networks are no sample of interpolants, and the information means something else.
    """

    train: FloatArray
    test: FloatArray
    interpolates: bool


def network_errors(
    task: Task,
    rng: Generator,
    *,
    networks: int = 100,
    width: int = 64,
    depth: int = 1,
    epochs: int = 300,
    rate: float = 3e-3,
) -> NetworkErrors:
    """Train ReLU networks from independent initialisations, full batch, with Adam.

    Parameters
    ----------
    task : Task
        With at least one training point.
    rng : Generator
    networks, width : int
        >= 1.
    depth : int
        Hidden layers, >= 1.
    epochs : int
        Steps, >= 1.
    rate : float
        Of Adam, > 0.

    Returns
    -------
    NetworkErrors

    Raises
    ------
    ValueError
        For arguments outside these ranges or a task without training points.

    Examples
    --------
    >>> from sims.inductive_bias.tasks import pendulum_task
    >>> rng = np.random.default_rng(0)
    >>> found = network_errors(pendulum_task(rng, train=20), rng, networks=5, epochs=400)
    >>> found.interpolates, bool(found.test.mean() < 0.3)
    (True, True)
    """
    if not len(task.train_inputs):
        raise ValueError("task has no training point: there is nothing to interpolate")
    depth, epochs = integer("depth", depth, 1), integer("epochs", epochs, 1)
    width = integer("width", width, 1)
    inputs, targets = task.train_inputs, task.train_targets
    sizes = (inputs.shape[1], *([width] * depth), targets.shape[1])
    activations = (*["relu"] * depth, "linear")
    ensemble = initialise(sizes, activations, networks, rng, gain=2.0**0.5)
    adam = Adam(ensemble.parameters, rate=number("rate", rate, 0, open_low=True))
    gradient = ensemble.like(np.empty_like(ensemble.parameters))
    for _ in range(epochs):
        trace = forward(ensemble, inputs)
        backward(ensemble, trace, squared_error(trace.output, targets)[1], into=gradient)
        adam.step(gradient.parameters)
    train, test = (
        np.mean((predict(ensemble, points) - wanted) ** 2, axis=(1, 2))
        for points, wanted in ((inputs, targets), (task.test_inputs, task.test_targets))
    )
    enough = train.mean() <= INTERPOLATES * np.mean(targets**2)
    return NetworkErrors(train, test, bool(enough))
