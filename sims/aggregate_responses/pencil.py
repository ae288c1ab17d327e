"""One factorisation that serves every weight rho: the pencil of between- and within-bag scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class Pencil:
    """Simultaneous diagonalisation of S = A'A + penalty I and T = B'B.

    With W the `basis`, ``W'(S + T)W = I`` and ``W'SW = diag(mu)``, so that
    ``(S + rho T)^-1 = W diag(1/(mu + rho (1 - mu))) W'`` for every rho.

    Attributes
    ----------
    mu : ndarray, shape (d,)
        In [0, 1]; 0 where the bag means say nothing.
    basis : ndarray, shape (d, d)
    inverse : ndarray, shape (d, d)
        W^-1.
    penalty : float
        What was added to A'A; d lambda.
    """

    mu: Real
    basis: Real
    inverse: Real
    penalty: float

    def damping(self, rhos: Real) -> Real:
        """1/(mu + rho (1 - mu)), shape (rhos, d)."""
        return np.asarray(1.0 / (self.mu + rhos[:, None] * (1.0 - self.mu)))

    def coefficients(self, rhos: Real, right: Real) -> Real:
        """Solve (S + rho T) theta = right for every rho: shape (rhos, d)."""
        return np.asarray((self.damping(rhos) * (self.basis.T @ right)) @ self.basis.T)

    def bias(self, rhos: Real, theta: Real) -> Real:
        """E[theta_hat | X] - theta_0 for every rho, without cancellation: shape (rhos, d)."""
        pull = rhos[:, None] * (1.0 - self.mu) * (self.inverse @ theta)
        pull = pull + self.penalty * (self.basis.T @ theta)
        return np.asarray(-(self.damping(rhos) * pull) @ self.basis.T)

    def mean_bias_squared(self, rhos: Real) -> Real:
        """Squared norm of the bias averaged over unit theta_0, without penalty: shape (rhos,)."""
        gram = (self.basis.T @ self.basis) * (self.inverse @ self.inverse.T)
        lost = rhos[:, None] * (1.0 - self.mu) * self.damping(rhos)
        return np.asarray(((lost @ gram) * lost).sum(1) / self.mu.size)

    def variance(self, rhos: Real, metric: Real | None = None) -> Real:
        """Variance per unit noise, tr(Sigma M^-1 A'A M^-1): shape (rhos,).

        Parameters
        ----------
        metric : ndarray, shape (d,), optional
            Eigenvalues of Sigma when the features are its eigenvectors; absent for identity.
        """
        damping = self.damping(rhos)
        scaled = self.basis if metric is None else self.basis * np.sqrt(metric)[:, None]
        total = damping**2 @ (self.mu * (scaled**2).sum(0))
        if self.penalty:
            mixed = (self.basis.T @ self.basis) * (scaled.T @ scaled)
            total = total - self.penalty * ((damping @ mixed) * damping).sum(1)
        return np.asarray(total)


def pencil(between: Real, total: Real, penalty: float = 0.0) -> Pencil:
    """Diagonalise A'A + penalty I against A'A + B'B + penalty I: one Cholesky, one `eigh`.

    Parameters
    ----------
    between, total : ndarray, shape (d, d)
        A'A and A'A + B'B; the latter (with the penalty) positive definite.
    penalty : float
        d lambda >= 0.

    Raises
    ------
    numpy.linalg.LinAlgError
        When the sum is not positive definite.

    Examples
    --------
    >>> both = pencil(np.diag([3.0, 1.0]), np.diag([4.0, 4.0]))
    >>> both.mu.round(12).tolist()
    [0.25, 0.75]
    """
    if penalty:
        ridge = penalty * np.eye(total.shape[0])
        between, total = between + ridge, total + ridge
    factor = linalg.cholesky(total, lower=True, check_finite=False)
    half = linalg.solve_triangular(factor, between, lower=True, check_finite=False)
    reduced = linalg.solve_triangular(factor, half.T, lower=True, check_finite=False)
    mu, vectors = linalg.eigh(0.5 * (reduced + reduced.T), driver="evd", check_finite=False)
    basis = linalg.solve_triangular(factor, vectors, lower=True, trans="T", check_finite=False)
    return Pencil(np.clip(mu, 0.0, 1.0), basis, (factor @ vectors).T, penalty)
