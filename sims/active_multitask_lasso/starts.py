"""Subspaces to start the joint fit from: singular vectors of what single tasks say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh, lapack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.active_multitask_lasso.statistics import Statistics

    Real = NDArray[np.float64]


def starting_basis(statistics: Statistics, rank: int, weighted: bool = True) -> Real:
    r"""Return K orthonormal directions near the tasks' own parameters.

    Tasks with at least 1.5 d + 5 samples give their least squares solutions, weighted by
    sqrt(n_t - d - 1), the inverse standard deviation of an entry. With fewer than K such tasks,
    c_t/sqrt(n_t) of all tasks stands in, which for isotropic inputs points to theta_t on average.

    Parameters
    ----------
    statistics : Statistics
        Every task with samples; at least `rank` tasks.
    rank : int
        K.
    weighted : bool
        False weighs all tasks alike, as a fit of per-task means does.

    Returns
    -------
    ndarray, shape (d, K)

    Examples
    --------
    >>> from sims.active_multitask_lasso import draw_statistics
    >>> rng = np.random.default_rng(0)
    >>> drawn = draw_statistics([[0.0, 2.0, 0.0]] * 2, 50, noise_variance=0.0, rng=rng)
    >>> abs(starting_basis(drawn, 1)[:, 0]).round(9).tolist()
    [0.0, 1.0, 0.0]
    """
    counts, dimension = statistics.counts, statistics.dimension
    rich = np.flatnonzero(counts >= 1.5 * dimension + 5)
    if rich.size >= rank:
        rows = np.array([_least_squares(statistics.gram[t], statistics.cross[t]) for t in rich])
        if weighted:
            rows *= np.sqrt(counts[rich] - dimension - 1.0)[:, None]
    else:
        rows = statistics.cross / (np.sqrt(counts) if weighted else counts)[:, None]
    return leading_directions(rows, rank)


def leading_directions(rows: Real, rank: int) -> Real:
    """Return the leading right singular vectors of a matrix as columns.

    Examples
    --------
    >>> abs(leading_directions(np.array([[0.0, 3.0], [1.0, 0.0]]), 1)).tolist()
    [[0.0], [1.0]]
    """
    count, dimension = rows.shape
    if count >= dimension:
        chosen = dimension - rank, dimension - 1
        return np.asarray(eigh(rows.T @ rows, subset_by_index=chosen, check_finite=False)[1])
    return np.asarray(np.linalg.svd(rows, full_matrices=False)[2][:rank].T)


def _least_squares(gram: Real, cross: Real) -> Real:
    """Solve the normal equations of one task, with a small ridge where they are singular."""
    _, solution, info = lapack.dposv(gram, cross)
    if info:
        ridge = 1e-8 * np.trace(gram) / len(gram) + np.finfo(np.float64).tiny
        solution = np.linalg.solve(gram + ridge * np.eye(len(gram)), cross)
    return np.asarray(solution)
