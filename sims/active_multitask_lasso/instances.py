"""Three families of source tasks and a target, each with known values of every rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class Instance:
    """Heads of the source tasks and of the target.

    Attributes
    ----------
    heads : ndarray, shape (K, T)
        W; column t is the head of source task t.
    target : ndarray, shape (K,)
        w, of unit norm.
    """

    heads: Real
    target: Real


def random_instance(tasks: int, rank: int, seed: int) -> Instance:
    """Draw Gaussian heads and a uniform target direction.

    Parameters
    ----------
    tasks : int
        T >= rank.
    rank : int
        K >= 1, the dimension of the representation.
    seed : int
        The whole instance is a function of the three arguments.

    Returns
    -------
    Instance

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> instance = random_instance(40, 5, 3)
    >>> instance.heads.shape, round(float(instance.target @ instance.target), 12)
    ((5, 40), 1.0)
    """
    tasks, rank = _checked_sizes(tasks, rank, smallest=1)
    rng = np.random.default_rng(integer("seed", seed, 0))
    heads = rng.standard_normal((rank, tasks))
    target = rng.standard_normal(rank)
    return Instance(heads, target / np.linalg.norm(target))


def spiked_instance(tasks: int, rank: int, rng: np.random.Generator) -> Instance:
    """Make one source task the target itself and put all others at right angles to it.

    The L1 and the L2 rule sample that task alone; uniform sampling is worse by the factor T.

    Parameters
    ----------
    tasks : int
        T >= rank.
    rank : int
        K >= 2.
    rng : numpy.random.Generator
        Draws the directions of the other tasks, uniform in the orthogonal complement.

    Returns
    -------
    Instance

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> instance = spiked_instance(30, 4, np.random.default_rng(0))
    >>> bool((instance.target @ instance.heads == np.eye(30)[0]).all())
    True
    """
    tasks, rank = _checked_sizes(tasks, rank, smallest=2)
    others = rng.standard_normal((rank - 1, tasks - 1))
    heads = np.zeros((rank, tasks))
    heads[0, 0] = 1.0
    heads[1:, 1:] = others / np.linalg.norm(others, axis=0)
    return Instance(heads, np.eye(rank)[0])


def two_level_instance(tasks: int, rank: int, ratio: float) -> Instance:
    r"""Place the tasks so that the L2 rule is exactly as bad as uniform sampling.

    In the first two coordinates task 1 is (U, 1/U) and the others are (1, 1); the remaining
    coordinates hold cosines that sum to zero. The target is W u with u = (U, 1, …, 1), scaled to
    unit norm. Then u, equally scaled, is the relevance of smallest L2 norm and has the smallest L1
    norm; the L1 rule is better by the factor :math:`T(U^2+T-1)/(U+T-1)^2`.

    Parameters
    ----------
    tasks : int
        T >= rank, with rank - 2 < (T - 1)/2.
    rank : int
        K >= 2.
    ratio : float
        U > 0 and not 1, where the tasks would span fewer than K dimensions.

    Returns
    -------
    Instance

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md; not the lower-bound construction of Wang et
    al. (2023), which was not available.

    Examples
    --------
    >>> instance = two_level_instance(4, 2, 3.0)
    >>> instance.heads.round(3).tolist()
    [[3.0, 1.0, 1.0, 1.0], [0.333, 1.0, 1.0, 1.0]]
    """
    tasks, rank = _checked_sizes(tasks, rank, smallest=2)
    if rank - 2 >= (tasks - 1) / 2:
        reject("rank", rank, f"below 2 + (tasks - 1)/2 = {2 + (tasks - 1) / 2:g}")
    ratio = number("ratio", ratio, 0, open_low=True)
    if abs(ratio - 1.0) < 1e-8:  # the first two coordinates become parallel
        reject("ratio", ratio, "a positive number other than 1")
    heads = np.zeros((rank, tasks))
    heads[:2, 0] = ratio, 1.0 / ratio
    heads[:2, 1:] = 1.0
    phase = 2.0 * np.pi * np.arange(tasks - 1) / (tasks - 1)
    for frequency in range(1, rank - 1):
        heads[frequency + 1, 1:] = np.sqrt(2.0) * np.cos(frequency * phase)
    target = heads @ np.concatenate([[ratio], np.ones(tasks - 1)])
    target[2:] = 0.0  # the cosines' sums, without their rounding
    return Instance(heads, target / np.linalg.norm(target))


def _checked_sizes(tasks: int, rank: int, *, smallest: int) -> tuple[int, int]:
    tasks = integer("tasks", tasks, smallest)
    return tasks, integer("rank", rank, smallest, tasks)
