"""Ordinary models on a task: the test errors at which the information that they supply is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import integer

if TYPE_CHECKING:
    from sims.inductive_bias.tasks import KernelMatrices, Task

FloatArray = NDArray[np.float64]

RIDGES = (1e-3, 1.0)
NEIGHBOURS = 5
_JITTER = 1e-10  # of the kernel's mean diagonal


def model_errors(task: Task, kernels: KernelMatrices, *, seed: int = 0) -> dict[str, float]:
    """Mean squared test errors, over points and outputs, of several model classes.

    Parameters
    ----------
    task : Task
        With at least five training points.
    kernels : KernelMatrices
        Of the task, for the mean of the Gaussian process.
    seed : int
        Of the tree's ties, >= 0.

    Returns
    -------
    dict
        Model to error: "constant" (the mean training target), "tree", "ridge 0.001", "ridge 1",
        "GP mean", "5 neighbours".

    Raises
    ------
    ValueError
        For a task with fewer than five training points.

    Examples
    --------
    >>> from sims.inductive_bias.tasks import pendulum_task, task_kernels
    >>> task = pendulum_task(np.random.default_rng(0))
    >>> errors = model_errors(task, task_kernels(task, width=0.5))
    >>> min(errors, key=errors.get), max(errors, key=errors.get)
    ('GP mean', 'constant')
    """
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    if len(task.train_inputs) < NEIGHBOURS:
        raise ValueError(f"task has fewer than {NEIGHBOURS} training points")
    seed = integer("seed", seed, 0)
    models = {"tree": DecisionTreeRegressor(random_state=seed)}
    models |= {f"ridge {ridge:g}": Ridge(alpha=ridge) for ridge in RIDGES}
    models[f"{NEIGHBOURS} neighbours"] = KNeighborsRegressor(NEIGHBOURS)
    found = {
        "constant": np.broadcast_to(task.train_targets.mean(axis=0), task.test_targets.shape),
        "GP mean": _posterior_mean(task, kernels),
    }
    for name, model in models.items():
        predicted = model.fit(task.train_inputs, task.train_targets).predict(task.test_inputs)
        found[name] = np.reshape(predicted, task.test_targets.shape)
    return {
        name: float(np.mean((values - task.test_targets) ** 2)) for name, values in found.items()
    }


def _posterior_mean(task: Task, kernels: KernelMatrices) -> FloatArray:
    from scipy.linalg import cho_factor, cho_solve

    n = len(kernels.train)
    shift = _JITTER * np.trace(kernels.train) / n * np.eye(n)
    factor = cho_factor(kernels.train + shift)
    return np.asarray(kernels.cross.T @ cho_solve(factor, task.train_targets))
