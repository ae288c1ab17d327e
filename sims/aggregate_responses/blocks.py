"""Trials from two Wishart blocks: any covariance, any ridge, a given theta_0.

Given bags that are independent of the features, the scaled bag means A (m x d) and the
within-bag deviations B (rank n - m) are independent with Gaussian rows; only their scatter
matters, so two triangular factors stand for all the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.fixed_point import product
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk
from sims.aggregate_responses.path_solver import PathSolver, draw_blocks
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


def block_trial(
    n: int,
    bag_counts: ArrayLike,
    rhos: ArrayLike,
    *,
    eigenvalues: ArrayLike,
    theta: ArrayLike,
    noise_variance: float,
    ridges: ArrayLike = 0.0,
    rng: Generator,
) -> AggregateRisk:
    """Draw bias², variance and risk given the features, for a covariance and ridges.

    *Exact in law* for Gaussian features and bags independent of them, at each number of bags.

    Parameters
    ----------
    n : int
        Samples.
    bag_counts : array_like of int, shape (bags,)
        Numbers of bags m in [1, n].
    rhos : array_like, shape (rhos,)
        Weights in [0, inf); solutions that are not unique are of minimum norm.
    eigenvalues, theta : array_like, shape (d,)
        Of the covariance (positive), and theta_0 in its eigenbasis.
    noise_variance : float
        sigma² >= 0.
    ridges : array_like, scalar or shape (ridges,)
        lambda >= 0, of the penalty d lambda ||theta||²; one factorisation for each.
    rng : Generator

    Returns
    -------
    AggregateRisk
        Arrays of shape (bags, rhos), or (bags, ridges, rhos) when `ridges` is an array.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> draw = block_trial(
    ...     300, [60], [0.1, 1.0], eigenvalues=np.linspace(0.5, 2, 40), theta=np.ones(40) / 6,
    ...     noise_variance=0.5, rng=np.random.default_rng(0),
    ... )
    >>> draw.total.shape
    (1, 2)
    """
    n = integer("n", n, 1)
    counts = array("bag_counts", bag_counts, 1, n, ndim=1)
    if (counts != np.floor(counts)).any():
        reject("bag_counts", counts.tolist(), "whole numbers")
    weights = array("rhos", rhos, 0, ndim=1)
    spectrum = array("eigenvalues", eigenvalues, 0, ndim=1, open_low=True)
    signal = array("theta", theta, ndim=1)
    if signal.shape != spectrum.shape:
        reject("theta", signal.shape, f"of the shape of eigenvalues, {spectrum.shape}")
    noise = np.asarray(number("noise_variance", noise_variance, 0))
    penalties = array("ridges", ridges, 0)
    shape = counts.size, penalties.size, weights.size
    bias, variance = np.empty(shape), np.empty(shape)
    for row, m in enumerate(counts.astype(int)):
        blocks = draw_blocks(n, int(m), spectrum, rng)
        for column, ridge in enumerate(np.ravel(penalties)):
            solver = PathSolver(blocks, weights, float(ridge) * spectrum.size)
            bias[row, column] = solver.bias(signal) ** 2 @ spectrum
            variance[row, column] = solver.variance(spectrum)
    if penalties.ndim == 0:
        bias, variance = bias[:, 0], variance[:, 0]
    return as_risk(bias, product(noise, variance))
