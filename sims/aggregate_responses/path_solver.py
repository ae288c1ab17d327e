"""Estimators and their conditional risk at every weight rho, unique or of minimum norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

from sims.aggregate_responses.pencil import Pencil, pencil
from sims.aggregate_responses.rho_path import RANK_TOLERANCE
from sims.numerics.wishart import bartlett_factor

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.aggregate_responses.bags import Bags

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class Blocks:
    """What the data enter through: rows between bags, and the scatter of all.

    Attributes
    ----------
    between : ndarray, shape (rows, d)
        A, the bag means times sqrt(k_a), or fewer rows of the same scatter.
    total : ndarray, shape (d, d)
        A'A + B'B, with B the deviations inside bags.
    samples : int
        n, the rank that A and B have together where it is below d.
    within : ndarray or None
        Rows with the scatter of B, needed only where there are fewer samples than features.
    """

    between: Real
    total: Real
    samples: int
    within: Real | None


def data_blocks(features: Real, bags: Bags) -> Blocks:
    """Reduce data, without an m x n matrix and without B where samples abound."""
    means = bags.means(features)
    within = features - means[bags.index] if len(features) < features.shape[1] else None
    between = means * np.sqrt(bags.sizes)[:, None]
    return Blocks(between, features.T @ features, len(features), within)


def draw_blocks(n: int, m: int, eigenvalues: Real, rng: Generator) -> Blocks:
    """Draw blocks with the law of n samples in m random bags, features of diagonal covariance."""
    root = np.sqrt(eigenvalues)
    between, within = (
        bartlett_factor(root.size, rows, rng, lower=False) * root for rows in (m, n - m)
    )
    return Blocks(between, between.T @ between + within.T @ within, n, within)


class PathSolver:
    """The estimators of all rhos: one factorisation where they are unique, else of minimum norm.

    Parameters
    ----------
    blocks : Blocks
    rhos : ndarray, shape (rhos,)
        Weights in [0, inf).
    penalty : float
        d lambda >= 0.
    """

    def __init__(self, blocks: Blocks, rhos: Real, penalty: float = 0.0) -> None:
        between, d = blocks.between, blocks.total.shape[0]
        self._rhos, self._between, self._features = rhos, between, d
        rows = np.where(rhos > 0, blocks.samples, len(between))
        unique = (rows >= d) | (penalty > 0)
        self._unique = unique
        self._pencil: Pencil | None = None
        if unique.any():
            self._pencil = pencil(between.T @ between, blocks.total, penalty)
        # interpolating solutions do not depend on the weight, only on whether B counts
        self._maps: list[tuple[NDArray[np.bool_], Real]] = []
        for counts in (False, True):
            chosen = ~unique & ((rhos > 0) == counts)
            if chosen.any():
                stacked = between
                if counts and blocks.within is not None:
                    stacked = np.concatenate([between, blocks.within])
                inverse: Real = np.asarray(linalg.pinv(stacked, rtol=RANK_TOLERANCE))
                self._maps.append((chosen, inverse[:, : len(between)]))

    def coefficients(self, responses: Real) -> Real:
        """Estimators for responses u (bag means times sqrt(k_a)): shape (rhos, d)."""
        theta = np.empty((self._rhos.size, self._features))
        if self._pencil is not None:
            right = self._between.T @ responses
            theta[self._unique] = self._pencil.coefficients(self._rhos[self._unique], right)
        for chosen, solve in self._maps:
            theta[chosen] = solve @ responses
        return theta

    def bias(self, theta: Real) -> Real:
        """E[theta_hat | X] - theta: shape (rhos, d)."""
        bias = np.empty((self._rhos.size, self._features))
        if self._pencil is not None:
            bias[self._unique] = self._pencil.bias(self._rhos[self._unique], theta)
        for chosen, solve in self._maps:
            bias[chosen] = solve @ (self._between @ theta) - theta
        return bias

    def variance(self, metric: Real | None = None) -> Real:
        """E||theta_hat - E theta_hat||² given X per unit noise variance of u: shape (rhos,).

        `metric` holds the eigenvalues of Sigma when the norm is Sigma's.
        """
        variance = np.empty(self._rhos.size)
        if self._pencil is not None:
            variance[self._unique] = self._pencil.variance(self._rhos[self._unique], metric)
        for chosen, solve in self._maps:
            weight = np.ones(self._features) if metric is None else metric
            variance[chosen] = weight @ (solve**2).sum(1)
        return variance

    def mean_bias_squared(self) -> Real:
        """Squared bias averaged over unit theta: shape (rhos,); without penalty."""
        bias = np.empty(self._rhos.size)
        if self._pencil is not None:
            bias[self._unique] = self._pencil.mean_bias_squared(self._rhos[self._unique])
        for chosen, solve in self._maps:
            lost = solve @ self._between - np.eye(self._features)
            bias[chosen] = (lost**2).sum() / self._features
        return bias
