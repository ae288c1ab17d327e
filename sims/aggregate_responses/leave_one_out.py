"""Choosing rho from bag means alone, by leaving out one bag mean at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import linalg, optimize

from sims.aggregate_responses.rho_path import whiten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sims.aggregate_responses.bags import Bags

    Real = NDArray[np.float64]

GRID = np.geomspace(1e-4, 1e2, 61)


@dataclass(frozen=True)
class BagErrors:
    """Leave-one-out prediction error of bag means as a function of rho.

    For Gaussian features and random bags, ``error(rho)`` estimates sigma² + risk(rho).

    Attributes
    ----------
    mu : ndarray, shape (r,)
        Eigenvalues of the scatter between bags, whitened.
    rows : ndarray, shape (m, r)
        The scaled bag means in the eigenvectors' coordinates.
    targets : ndarray, shape (m,)
        u = sqrt(k_a) times the bag means.
    constant : ndarray, shape (m,)
        Leverage of the intercept on each bag, k_a/n, or 0.
    """

    mu: Real
    rows: Real
    targets: Real
    constant: Real

    def error(self, rhos: Real) -> Real:
        """Mean of ((u_a - A_a theta_hat)/(1 - h_a))², shape (rhos,); inf without residuals.

        A leverage of 1 means that the bag is fitted exactly whatever its response, so that it
        says nothing about prediction.
        """
        damping = 1.0 / (self.mu + rhos[:, None] * (1.0 - self.mu))
        fitted = (damping * (self.rows.T @ self.targets)) @ self.rows.T
        rest = 1.0 - self.constant - damping @ (self.rows**2).T
        exact: NDArray[np.bool_] = np.asarray(rest.min(axis=1) < 1e-10)
        left = (self.targets - fitted) / np.where(exact[:, None], 1.0, rest)
        return np.where(exact, np.inf, (left**2).mean(1))

    def best(self) -> tuple[float, float]:
        """Return the weight of least error and that error; (1, inf) where none is defined.

        rho = 0 takes part only where it determines the solution.
        """
        unique = self.mu.size > 0 and self.mu.min() > 1e-9 and len(self.targets) >= self.mu.size
        grid = np.concatenate([[0.0], GRID]) if unique else GRID
        errors = self.error(grid)
        at = int(np.argmin(errors))
        if not np.isfinite(errors[at]):
            return 1.0, np.inf
        rho, least = float(grid[at]), float(errors[at])
        if rho > 0:
            step = np.log(GRID[1] / GRID[0])
            found = optimize.minimize_scalar(
                lambda log_rho: float(self.error(np.exp([log_rho]))[0]),
                bounds=(np.log(rho) - step, np.log(rho) + step),
                method="bounded",
            )
            if found.fun < least:
                rho, least = float(np.exp(found.x)), float(found.fun)
        return rho, least


def bag_errors(rows: Real, targets: Real, bags: Bags, penalty: float, constant: bool) -> BagErrors:
    """Prepare leave-one-out errors for every rho: one eigendecomposition.

    Parameters
    ----------
    rows : ndarray, shape (n, d)
        Features, centred when there is an intercept.
    targets : ndarray, shape (m,)
        u = sqrt(k_a) times the (centred) bag means.
    bags : Bags
    penalty : float
        d lambda.
    constant : bool
        Whether an intercept was fitted.
    """
    coordinates = whiten(rows, penalty)
    between = np.sqrt(bags.sizes)[:, None] * bags.means(rows)
    seen = coordinates.drop(between.T).T
    scatter = seen.T @ seen
    if penalty:
        scatter = scatter + penalty * coordinates.drop(coordinates.lift(np.eye(len(scatter))))
    if scatter.size:
        mu, vectors = linalg.eigh(scatter, driver="evd")
    else:
        mu, vectors = np.empty(0), scatter
    leverage = bags.sizes / bags.index.size if constant else np.zeros(bags.count)
    return BagErrors(np.clip(mu, 0.0, 1.0), seen @ vectors, targets, leverage)
