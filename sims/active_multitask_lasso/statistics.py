r"""Sufficient statistics of linear regression tasks, from data or drawn exactly in law.

Every estimator of the family sees its data only as X'X, X'y and y'y of each task, whose size does
not depend on the number of samples. Statistics of independent samples add up, so that a later
stage adds its samples to those of the earlier ones and no row is read twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.checks import checked_counts
from sims.numerics.validate import array, integer, number, reject
from sims.numerics.wishart import bartlett_factors

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]
    Whole = NDArray[np.int64]

BLOCK = 1 << 16  # entries of X handled at a time: they stay in cache between the products
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of T linear regression tasks with d inputs.

    Attributes
    ----------
    gram : ndarray, shape (T, d, d)
        S_t = X_t'X_t.
    cross : ndarray, shape (T, d)
        c_t = X_t'y_t.
    square : ndarray, shape (T,)
        y_t'y_t.
    counts : ndarray of int, shape (T,)
        n_t, the rows of X_t.
    """

    gram: Real
    cross: Real
    square: Real
    counts: Whole

    @property
    def tasks(self) -> int:
        """Number of tasks T."""
        return len(self.counts)

    @property
    def dimension(self) -> int:
        """Number of inputs d."""
        return int(self.cross.shape[1])

    @property
    def total(self) -> int:
        """Samples of all tasks together."""
        return int(self.counts.sum())

    def __add__(self, other: Statistics) -> Statistics:
        """Return the statistics of both samples together."""
        if self.cross.shape != other.cross.shape:
            reject("shape (T, d) of added statistics", other.cross.shape, f"{self.cross.shape}")
        return Statistics(
            self.gram + other.gram,
            self.cross + other.cross,
            self.square + other.square,
            self.counts + other.counts,
        )

    def take(self, tasks: ArrayLike) -> Statistics:
        """Return the statistics of some tasks, by index or by mask."""
        chosen = np.asarray(tasks)
        return Statistics(
            self.gram[chosen], self.cross[chosen], self.square[chosen], self.counts[chosen]
        )


def no_statistics(tasks: int, dimension: int) -> Statistics:
    """Return the statistics of tasks without a single sample.

    Raises
    ------
    ValueError
        Unless both are whole numbers >= 1.

    Examples
    --------
    >>> no_statistics(3, 2).total
    0
    """
    t, d = integer("tasks", tasks, 1), integer("dimension", dimension, 1)
    return Statistics(np.zeros((t, d, d)), np.zeros((t, d)), np.zeros(t), np.zeros(t, np.int64))


def statistics_of(
    data: Sequence[tuple[ArrayLike, ArrayLike] | None]
    | Mapping[int, tuple[ArrayLike, ArrayLike] | None],
    *,
    tasks: int | None = None,
    dimension: int | None = None,
) -> Statistics:
    """Reduce raw data to sufficient statistics, reading every row once.

    Parameters
    ----------
    data : sequence or mapping of (X, y)
        One pair for each task in order, or pairs by task number; X has shape (n_t, d), y (n_t,).
        None, or a task that the mapping leaves out, means no samples.
    tasks : int, optional
        T; needed with a mapping, otherwise the length of `data`.
    dimension : int, optional
        d; needed when no task has data.

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        For shapes that do not fit, task numbers outside [0, T) and entries that are not finite.

    Examples
    --------
    >>> both = statistics_of([([[1.0, 0.0], [1.0, 2.0]], [3.0, 1.0]), None])
    >>> both.gram[0].tolist(), both.cross[0].tolist(), both.counts.tolist()
    ([[2.0, 2.0], [2.0, 4.0]], [4.0, 2.0], [2, 0])
    """
    given = dict(data) if isinstance(data, Mapping) else dict(enumerate(data))
    if tasks is None and isinstance(data, Mapping):
        reject("tasks", tasks, "the number of tasks, when data is a mapping")
    size = integer("tasks", len(given) if tasks is None else tasks, 1)
    result: Statistics | None = None if dimension is None else no_statistics(size, dimension)
    for task, pair in given.items():
        integer("task number", task, 0, size - 1)
        if pair is None:
            continue
        inputs, responses = _checked_pair(task, pair, None if result is None else result.dimension)
        if result is None:
            result = no_statistics(size, inputs.shape[1])
        with np.errstate(over="ignore", invalid="ignore"):  # looked at below
            result.square[task] = moments(inputs, responses, result.gram[task], result.cross[task])
        result.counts[task] = len(responses)
        if not (np.isfinite(result.square[task]) and np.isfinite(result.gram[task]).all()):
            array(f"X of task {task}", inputs)
            array(f"y of task {task}", responses)
            reject(f"data of task {task}", "finite", "small enough for their squares to be finite")
    if result is None:
        reject("dimension", dimension, "given when no task has data")
    return result


def moments(inputs: Real, responses: Real, gram: Real, cross: Real) -> float:
    """Add X'X and X'y to `gram` and `cross` in one pass over the rows; return y'y.

    Examples
    --------
    >>> gram, cross = np.zeros((1, 1)), np.zeros(1)
    >>> moments(np.array([[2.0], [1.0]]), np.array([3.0, 1.0]), gram, cross), gram[0, 0], cross[0]
    (10.0, np.float64(5.0), np.float64(7.0))
    """
    step = max(1, BLOCK // max(1, inputs.shape[1]))
    square = 0.0
    for start in range(0, len(responses), step):
        x, y = inputs[start : start + step], responses[start : start + step]
        gram += x.T @ x
        cross += y @ x
        square += float(y @ y)
    return square


def draw_statistics(
    parameters: ArrayLike, counts: ArrayLike, *, noise_variance: float, rng: Generator
) -> Statistics:
    r"""Draw the statistics of y = X theta_t + noise with standard normal inputs, exactly in law.

    Parameters
    ----------
    parameters : array_like, shape (T, d)
        theta_t, one row for each task.
    counts : array_like of int
        n_t >= 0, shape (T,) or scalar.
    noise_variance : float
        sigma^2 >= 0.
    rng : numpy.random.Generator

    Returns
    -------
    Statistics

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    With X = U L', U having orthonormal columns and L being a Bartlett factor, S = L L' and, for
    g = U'z, c = S theta + sigma L g and y'y = theta'S theta + 2 sigma theta'L g + sigma^2 |z|^2,
    where |z|^2 - |g|^2 is chi-square with n - d degrees of freedom. With n < d, L is a trapezoid
    and g has n entries. The cost does not depend on n. Derived, see
    docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> drawn = draw_statistics(
    ...     [[1.0, 0.0]] * 3, [0, 1, 10**6], noise_variance=0.5, rng=np.random.default_rng(0)
    ... )
    >>> np.linalg.matrix_rank(drawn.gram).tolist(), (drawn.cross[2] / 10**6).round(1).tolist()
    ([0, 1, 2], [1.0, 0.0])
    """
    theta = array("parameters", parameters, ndim=2)
    n = checked_counts(counts, len(theta))
    if (n != np.floor(n)).any():
        reject("counts", float(n[n != np.floor(n)][0]), "a whole number")
    return gaussian_statistics(theta, n, number("noise_variance", noise_variance, 0) ** 0.5, rng)


def gaussian_statistics(theta: Real, counts: Real, sigma: float, rng: Generator) -> Statistics:
    """Do the work of `draw_statistics`, without checks; `sigma` is a standard deviation."""
    tasks, dimension = theta.shape
    result = no_statistics(tasks, dimension)
    result.counts[:] = counts
    step = max(1, 2 * BLOCK // dimension**2)
    for start in range(0, tasks, step):
        part = slice(start, start + step)
        n = result.counts[part]
        factors = bartlett_factors(dimension, n, rng)
        noise = rng.standard_normal((len(n), dimension))
        noise[np.arange(dimension) >= n[:, None]] = 0.0
        rest = n - dimension  # degrees of freedom of the noise outside the span of X
        outside = np.where(rest > 0, rng.chisquare(np.maximum(rest, 1)), 0.0)
        np.matmul(factors, factors.mT, out=result.gram[part])
        signal = np.matmul(result.gram[part], theta[part, :, None])[..., 0]
        mixed = sigma * np.matmul(factors, noise[..., None])[..., 0]
        result.cross[part] = signal + mixed
        fitted = np.einsum("ti,ti->t", theta[part], signal + 2.0 * mixed)
        power = np.square(noise).sum(axis=1) + outside
        result.square[part] = np.maximum(fitted + sigma**2 * power, 0.0)
    return result


def draw_data(
    parameters: ArrayLike, counts: ArrayLike, *, noise_variance: float, rng: Generator
) -> list[tuple[Real, Real]]:
    """Draw raw data of the law that `draw_statistics` summarises.

    Parameters
    ----------
    parameters, counts, noise_variance, rng
        As for `draw_statistics`.

    Returns
    -------
    list of (X, y)
        One pair for each task.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> pairs = draw_data([[1.0, 2.0]], [3], noise_variance=1.0, rng=np.random.default_rng(0))
    >>> pairs[0][0].shape, pairs[0][1].shape
    ((3, 2), (3,))
    """
    theta = array("parameters", parameters, ndim=2)
    n = checked_counts(counts, len(theta))
    sigma = number("noise_variance", noise_variance, 0) ** 0.5
    pairs = []
    for row, size in zip(theta, n):
        inputs = rng.standard_normal((integer("counts", size, 0), len(row)))
        pairs.append((inputs, inputs @ row + sigma * rng.standard_normal(len(inputs))))
    return pairs


def _checked_pair(
    task: int, pair: tuple[ArrayLike, ArrayLike], dimension: int | None
) -> tuple[Real, Real]:
    """Return X and y as matching float arrays; that they are finite shows in their moments."""
    try:
        inputs, responses = (np.asarray(part, dtype=np.float64) for part in pair)
    except (TypeError, ValueError):
        reject(f"data of task {task}", type(pair).__name__, "a pair (X, y) of real arrays")
    if inputs.ndim != 2 or not inputs.shape[1] or dimension not in (None, inputs.shape[1]):
        wanted = "d" if dimension is None else str(dimension)
        reject(f"shape of X of task {task}", inputs.shape, f"(n, {wanted})")
    if responses.shape != (len(inputs),):
        reject(f"shape of y of task {task}", responses.shape, f"({len(inputs)},), as X has rows")
    return inputs, responses
