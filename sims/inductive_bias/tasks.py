"""Tasks small enough for an exact answer: digits, spheres with random teachers, a pendulum."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.datasets import digits
from sims.numerics.kernels import (
    laplace_kernel,
    median_squared_distance,
    nngp_kernel,
    ntk_kernel,
    rbf_kernel,
)
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from sims.datasets import DigitTargets

FloatArray = NDArray[np.float64]
Kernel = Literal["rbf", "laplace", "nngp", "ntk"]
Control = Literal["smooth", "clipped"]

TOP_SPEED = 8.0


@dataclass(frozen=True, eq=False)
class Task:
    """A training set and a test set.

    Attributes
    ----------
    name : str
    train_inputs, test_inputs : ndarray, shapes (n, d) and (N, d)
    train_targets, test_targets : ndarray, shapes (n, C) and (N, C)
    """

    name: str
    train_inputs: FloatArray
    train_targets: FloatArray
    test_inputs: FloatArray
    test_targets: FloatArray

    def first(self, train: int) -> Task:
        """Return the same task with only the first points of the training set.

        Parameters
        ----------
        train : int
            In [0, n].

        Raises
        ------
        ValueError
            For a number outside this range.

        Examples
        --------
        >>> task = pendulum_task(np.random.default_rng(0))
        >>> task.first(10).train_inputs.shape
        (10, 3)
        """
        train = integer("train", train, 0, len(self.train_inputs))
        return Task(
            self.name,
            self.train_inputs[:train],
            self.train_targets[:train],
            self.test_inputs,
            self.test_targets,
        )


class KernelMatrices(NamedTuple):
    """Kernels of a task, in the order in which `interpolant_error_law` takes them.

    Attributes
    ----------
    train : ndarray, shape (n, n)
    cross : ndarray, shape (n, N)
    test : ndarray, shape (N, N)
    """

    train: FloatArray
    cross: FloatArray
    test: FloatArray


def digits_task(
    rng: Generator, *, train: int = 100, test: int = 100, targets: DigitTargets = "one-hot"
) -> Task:
    """Handwritten digits with pixels in [0, 1], drawn without replacement.

    Parameters
    ----------
    rng : Generator
    train : int
        >= 0.
    test : int
        >= 1; together at most 1797.
    targets : {"one-hot", "parity"}
        As for `sims.datasets.digits`.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> task = digits_task(np.random.default_rng(0), train=20, test=30)
    >>> task.train_inputs.shape, task.test_targets.shape
    ((20, 64), (30, 10))
    """
    train, test = integer("train", train, 0), integer("test", test, 1)
    data = digits(targets)
    if train + test > data.size:
        reject("train + test", train + test, f"at most {data.size}")
    low, high = data.inputs.min(), data.inputs.max()  # a white and a black pixel
    inputs = (data.inputs - low) / (high - low)
    chosen = rng.permutation(data.size)[: train + test]
    return _split(f"digits, {targets}", inputs[chosen], data.targets[chosen], train)


def sphere_task(
    rng: Generator,
    *,
    dimension: int = 4,
    train: int = 100,
    test: int = 200,
    width: float = 1.0,
) -> Task:
    """Uniform points of a sphere, targets from a Gaussian process with an RBF kernel.

    Parameters
    ----------
    rng : Generator
    dimension : int
        m >= 1 of the sphere S^m, in m + 1 coordinates.
    train : int
        >= 0.
    test : int
        >= 1.
    width : float
        Length scale of the teacher's kernel, > 0.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> task = sphere_task(np.random.default_rng(0), dimension=2)
    >>> bool(np.allclose(np.sum(task.test_inputs**2, axis=1), 1.0)), task.test_targets.shape
    (True, (200, 1))
    """
    m, train = integer("dimension", dimension, 1), integer("train", train, 0)
    points = rng.standard_normal((train + integer("test", test, 1), m + 1))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(rbf_kernel(points, width=width))
    roots = np.sqrt(np.maximum(values, 0.0))
    targets = vectors @ (roots[:, None] * rng.standard_normal((len(points), 1)))
    return _split(f"sphere of dimension {m}", points, targets, train)


def pendulum_task(
    rng: Generator, *, train: int = 50, test: int = 100, control: Control = "smooth"
) -> Task:
    """Torque that holds a pendulum upright, as a function of its state.

    Angle (0 is upright) and speed are uniform in [-pi, pi] x [-8, 8]; the inputs are (cos angle,
    sin angle, speed/8).

    Parameters
    ----------
    rng : Generator
    train : int
        >= 0.
    test : int
        >= 1.
    control : {"smooth", "clipped"}
        "smooth": tanh(-(2 sin angle + 0.64 speed)). "clipped": the linear-quadratic regulator of
        the upright position, cut at the largest torque. The latter jumps where the angle wraps
        and is nearly a step elsewhere: interpolants overshoot, and the information becomes huge
        and changes from seed to seed. A good example of a bad test.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> task = pendulum_task(np.random.default_rng(0), train=5)
    >>> task.train_inputs.shape, bool(np.abs(task.train_targets).max() <= 1)
    ((5, 3), True)
    """
    train, test = integer("train", train, 0), integer("test", test, 1)
    if control not in ("smooth", "clipped"):
        reject("control", control, "'smooth' or 'clipped'")
    angle = rng.uniform(-math.pi, math.pi, train + test)
    speed = rng.uniform(-TOP_SPEED, TOP_SPEED, train + test)
    if control == "smooth":
        torque = np.tanh(-(2.0 * np.sin(angle) + 0.64 * speed))
    else:
        by_angle, by_speed = upright_gains()
        torque = np.clip(-(by_angle * angle + by_speed * speed) / 2.0, -1.0, 1.0)
    inputs = np.stack([np.cos(angle), np.sin(angle), speed / TOP_SPEED], axis=1)
    return _split(f"pendulum, {control} torque", inputs, torque[:, None], train)


@functools.cache
def upright_gains() -> tuple[float, float]:
    """Gains of the linear-quadratic regulator of a rod of unit mass and length, upright.

    angle'' = 15 angle + 3 torque (gravity 10), unit weights of states and torque; the largest
    torque of `pendulum_task` is 2.

    Examples
    --------
    >>> [round(gain, 3) for gain in upright_gains()]
    [10.099, 2.781]
    """
    from scipy.linalg import solve_continuous_are

    dynamics, push = np.array([[0.0, 1.0], [15.0, 0.0]]), np.array([[0.0], [3.0]])
    value = solve_continuous_are(dynamics, push, np.eye(2), np.eye(1))
    by_angle, by_speed = (push.T @ value)[0]
    return float(by_angle), float(by_speed)


def task_kernels(
    task: Task, kernel: Kernel = "rbf", *, width: float | None = None, depth: int = 1
) -> KernelMatrices:
    """Kernel matrices of a task's inputs.

    Parameters
    ----------
    task : Task
    kernel : {"rbf", "laplace", "nngp", "ntk"}
    width : float, optional
        Length scale of the first two, > 0; `median_distance` of the task if absent.
    depth : int
        Hidden layers of the last two, >= 1.

    Returns
    -------
    KernelMatrices
        Its fields are the first three arguments of `interpolant_error_law`.

    Raises
    ------
    ValueError
        For an unknown kernel or arguments outside these ranges.

    Examples
    --------
    >>> task = pendulum_task(np.random.default_rng(0), train=5, test=7)
    >>> [part.shape for part in task_kernels(task, width=0.5)]
    [(5, 5), (5, 7), (7, 7)]
    """
    kernels: dict[str, Callable[[FloatArray], FloatArray]] = {
        "rbf": lambda rows: rbf_kernel(rows, width=_scale(task, width)),
        "laplace": lambda rows: laplace_kernel(rows, width=_scale(task, width)),
        "nngp": lambda rows: nngp_kernel(rows, depth),
        "ntk": lambda rows: ntk_kernel(rows, depth),
    }
    if kernel not in kernels:
        reject("kernel", kernel, f"one of {', '.join(kernels)}")
    n = len(task.train_inputs)
    whole = kernels[kernel](np.concatenate([task.train_inputs, task.test_inputs]))
    return KernelMatrices(whole[:n, :n], whole[:n, n:], whole[n:, n:])


def median_distance(task: Task) -> float:
    """Root of the median squared distance between a task's inputs, training and test.

    Examples
    --------
    >>> inputs, targets = np.array([[0.0], [1.0], [3.0]]), np.zeros((3, 1))
    >>> median_distance(Task("three", inputs[:1], targets[:1], inputs[1:], targets[1:]))
    2.0
    """
    return math.sqrt(median_squared_distance(np.concatenate([task.train_inputs, task.test_inputs])))


def _scale(task: Task, width: float | None) -> float:
    return median_distance(task) if width is None else number("width", width, 0, open_low=True)


def _split(name: str, inputs: FloatArray, targets: FloatArray, train: int) -> Task:
    return Task(name, inputs[:train], targets[:train], inputs[train:], targets[train:])
