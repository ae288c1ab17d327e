"""The information bottleneck for discrete variables, by Blahut-Arimoto iterations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_EMPTY_CLUSTER = 1e-300  # a cluster of less mass is dropped
_NO_MASS = -1e300  # log 0 that stays 0 when multiplied by a probability 0
_TOTAL = 1e-9  # how far the sum of a joint table may be from 1
_ANNEALING = np.geomspace(64.0, 1.0, 25)  # trade-offs on the way down, in units of the last


@dataclass(frozen=True)
class DiscreteIB:
    """A solution of the discrete information bottleneck.

    Attributes
    ----------
    information_x, information_y : float
        I(T;X) and I(T;Y) in nats.
    encoder : ndarray, shape (number of x, clusters)
        p(t|x); rows sum to 1.
    """

    information_x: float
    information_y: float
    encoder: FloatArray


def discrete_ib(joint: ArrayLike, beta: float, *, starts: int = 10, seed: int = 0) -> DiscreteIB:
    """Minimise I(T;X) - beta I(T;Y) over encoders p(t|x) by Blahut-Arimoto iterations.

    There are several fixed points; of random starts, an annealed one (from the identity, at large
    beta, downward) and the trivial one the lowest functional is kept.

    Parameters
    ----------
    joint : array_like, shape (number of x, number of y)
        p(x, y) >= 0, summing to 1, no row empty.
    beta : float
        In (0, inf).
    starts : int
        Random starts, >= 1.
    seed : int
        Of the random starts, >= 0.

    Returns
    -------
    DiscreteIB

    Raises
    ------
    ValueError
        For a table that is no such distribution, or an argument outside its range.

    Notes
    -----
    Iteration: Tishby, Pereira, Bialek, The information bottleneck method (1999).

    Examples
    --------
    >>> result = discrete_ib([[0.45, 0.05], [0.05, 0.45]], 4.0)
    >>> round(result.information_x, 4), round(result.information_y, 4)
    (0.6859, 0.3665)
    """
    table = checked_joint(joint)
    beta = number("beta", beta, 0, open_low=True)
    starts = integer("starts", starts, 1)
    size = len(table)
    rng = np.random.default_rng(integer("seed", seed, 0))
    problem = _Problem(table)
    encoders = rng.dirichlet(np.ones(size), (starts, size))
    annealed = np.eye(size)[None] * (1 - 1e-3) + 1e-3 / size
    for factor in _ANNEALING[:-1]:
        annealed = problem.descend(annealed, beta * factor, 1e-6, 200)
    encoders = problem.descend(np.concatenate([encoders, annealed]), beta, 1e-12, 3000)
    best = encoders[int(np.argmin(problem.functional(encoders, beta)))][None]
    best = problem.descend(best, beta, 4e-16, 20_000)
    if problem.functional(best, beta)[0] >= -1e-15:  # nothing beats a T that is constant
        best = np.ones((1, size, 1))
    return problem.result(best[0])


def blahut_arimoto(
    joint: ArrayLike, beta: float, encoder: ArrayLike, *, tolerance: float = 4e-16
) -> DiscreteIB:
    """Iterate from one given encoder to the fixed point it leads to.

    Parameters
    ----------
    joint, beta
        As for `discrete_ib`.
    encoder : array_like, shape (number of x, clusters)
        p(t|x) to start from; rows sum to 1.
    tolerance : float
        Change of the functional, relative to 1 + its size, at which to stop, >= 0.

    Returns
    -------
    DiscreteIB
        A local minimum only.

    Raises
    ------
    ValueError
        As `discrete_ib`, and for an encoder that is no conditional distribution.

    Examples
    --------
    >>> joint = [[0.45, 0.05], [0.05, 0.45]]
    >>> result = blahut_arimoto(joint, 4.0, [[0.9, 0.1], [0.1, 0.9]])
    >>> round(result.information_x, 4)
    0.6859
    """
    table = checked_joint(joint)
    beta = number("beta", beta, 0, open_low=True)
    start = array("encoder", encoder, 0, ndim=2)
    if len(start) != len(table) or not start.size:
        reject("encoder.shape", start.shape, f"({len(table)}, clusters) like joint")
    if np.abs(start.sum(axis=1) - 1.0).max() > _TOTAL:
        raise ValueError("encoder has a row that does not sum to 1")
    tolerance = number("tolerance", tolerance, 0)
    problem = _Problem(table)
    return problem.result(problem.descend(start[None], beta, tolerance, 50_000)[0])


def discrete_information(joint: ArrayLike) -> float:
    """Mutual information of a discrete joint distribution, in nats. *Exact*.

    Parameters
    ----------
    joint : array_like, shape (number of x, number of y)
        As for `discrete_ib`.

    Raises
    ------
    ValueError
        For a table that is no such distribution.

    Examples
    --------
    >>> round(discrete_information([[0.5, 0.0], [0.0, 0.5]]), 6)
    0.693147
    """
    table = checked_joint(joint)
    return max(0.0, entropy(table.sum(axis=1)) + entropy(table.sum(axis=0)) - entropy(table))


def entropy(probabilities: ArrayLike) -> float:
    """Entropy of a distribution given by its probabilities, in nats.

    Parameters
    ----------
    probabilities : array_like
        >= 0, of any shape; they are taken as they are, not normalised.

    Raises
    ------
    ValueError
        For a negative probability.

    Examples
    --------
    >>> round(entropy([0.5, 0.5]), 6)
    0.693147
    """
    return float(special.entr(array("probabilities", probabilities, 0)).sum())


def checked_joint(joint: ArrayLike) -> FloatArray:
    """Return a joint distribution after checking that it is one and has no empty row.

    Examples
    --------
    >>> checked_joint([[0.5, 0.5]]).shape
    (1, 2)
    """
    table = array("joint", joint, 0, ndim=2)
    if not table.size:
        reject("joint.shape", table.shape, "not empty")
    total = float(table.sum())
    if abs(total - 1.0) > _TOTAL:
        reject("joint.sum()", total, f"1 to within {_TOTAL:g}")
    empty = np.flatnonzero(table.sum(axis=1) == 0)
    if empty.size:
        raise ValueError(f"joint has an empty row ({int(empty[0])}): leave that x out")
    return table / total


class _Problem:
    """A joint table, and the iteration on a stack of encoders of shape (starts, x, clusters)."""

    def __init__(self, table: FloatArray) -> None:
        self.x = table.sum(axis=1)
        self.table = table
        self.y_given_x = table / self.x[:, None]
        self.entropies = special.entr(self.y_given_x).sum(axis=1)
        self.entropy_y = entropy(table.sum(axis=0))

    def descend(
        self, encoders: FloatArray, beta: float, tolerance: float, limit: int
    ) -> FloatArray:
        """Iterate until no start's functional changes by more than the relative tolerance."""
        last = np.full(len(encoders), np.inf)
        for _ in range(limit):
            encoders, value = self._step(encoders, beta)
            if (np.abs(last - value) <= tolerance * (1.0 + np.abs(value))).all():
                break
            last = value
        return encoders

    def _step(self, encoders: FloatArray, beta: float) -> tuple[FloatArray, FloatArray]:
        """One round of the three self-consistent equations, and -sum p(x) log Z(x)."""
        clusters = np.einsum("x,sxt->st", self.x, encoders)
        joint = np.matmul(encoders.mT, self.table)  # p(t, y)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_clusters = np.where(clusters > _EMPTY_CLUSTER, np.log(clusters), -np.inf)
            log_y = np.log(joint) - log_clusters[:, :, None]
        log_y = np.where(joint > 0, log_y, _NO_MASS)
        cross = np.matmul(self.y_given_x, log_y.mT)
        exponents = log_clusters[:, None, :] + beta * (cross + self.entropies[:, None])
        top = exponents.max(axis=2, keepdims=True)
        weights = np.exp(exponents - top)
        totals = weights.sum(axis=2, keepdims=True)
        value: FloatArray = -((top + np.log(totals))[:, :, 0] @ self.x)
        return weights / totals, value

    def information(self, encoders: FloatArray) -> tuple[FloatArray, FloatArray]:
        """I(T;X) and I(T;Y) of each encoder."""
        clusters = np.einsum("x,sxt->st", self.x, encoders)
        entropy_t = special.entr(clusters).sum(axis=1)
        noise = np.einsum("x,sxt->s", self.x, special.entr(encoders))
        joint = special.entr(np.matmul(encoders.mT, self.table)).sum(axis=(1, 2))
        return entropy_t - noise, entropy_t + self.entropy_y - joint

    def functional(self, encoders: FloatArray, beta: float) -> FloatArray:
        """I(T;X) - beta I(T;Y) of each encoder."""
        information_x, information_y = self.information(encoders)
        return information_x - beta * information_y

    def result(self, encoder: FloatArray) -> DiscreteIB:
        """Drop empty clusters and measure what is left."""
        kept = encoder[:, self.x @ encoder > _EMPTY_CLUSTER]
        information_x, information_y = self.information(kept[None])
        return DiscreteIB(
            max(0.0, float(information_x[0])), max(0.0, float(information_y[0])), kept
        )
