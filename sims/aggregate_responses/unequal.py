"""Risk with bags of unequal sizes, per-bag weights and per-bag noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.fixed_point import masses, product, quotient, secular_root
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class _Groups:
    """Bags of equal weight: their share of all bags, their weight, their mean noise variance."""

    share: Real
    weight: Real
    noise: Real


def unequal_bag_risk(
    psi: ArrayLike,
    bag_sizes: ArrayLike,
    rho: ArrayLike,
    *,
    noise_variance: ArrayLike,
    weights: str | ArrayLike = "size",
    signal_power: ArrayLike = 1.0,
    ridge: ArrayLike = 0.0,
) -> AggregateRisk:
    r"""Asymptotic excess risk for unequal bags, whose squared errors carry weights.

    Minimised is :math:`\sum_a w_a k_a (\bar y_a - \bar x_a'\theta)^2 + \rho \sum_i
    ((x_i - \bar x_{a(i)})'\theta)^2 + d\lambda\lVert\theta\rVert^2`. *Asymptotic*, isotropic
    features, random bags.

    Parameters
    ----------
    psi : array_like
        n/d in (0, inf).
    bag_sizes : array_like, shape (m,)
        k_a >= 1, or a sample of their distribution.
    rho : array_like
        Weight of the within-bag penalty, in [0, inf).
    noise_variance : array_like, scalar or shape (m,)
        sigma_a² >= 0, the noise variance of the responses in bag a (for heteroscedastic or
        privatised bags: k_a times the noise variance of the bag mean).
    weights : {"size", "equal"} or array_like of shape (m,)
        w_a > 0. "size" (all 1) counts every sample once, as the instance loss does; "equal"
        counts every bag once, w_a = mean(k)/k_a.
    signal_power, ridge : array_like
        As for `risk`.

    Returns
    -------
    AggregateRisk
        Shaped like the broadcast of psi, rho, signal_power and ridge.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md. Under "size" only the mean bag size and the
    mean noise variance matter.

    Examples
    --------
    >>> risks = [
    ...     unequal_bag_risk(8, [1, 2, 9], 0.1, noise_variance=0.5, weights=w).total
    ...     for w in ("size", "equal")
    ... ]
    >>> [round(float(value), 4) for value in risks]
    [0.2957, 0.3911]
    """
    psi = array("psi", psi, 0, open_low=True)
    rho = array("rho", rho, 0)
    ridge = array("ridge", ridge, 0)
    signal = array("signal_power", signal_power, 0, open_low=True)
    sizes = array("bag_sizes", bag_sizes, 1, ndim=1)
    if sizes.size == 0:
        reject("bag_sizes", [], "at least one bag")
    groups = _grouped(sizes, weights, array("noise_variance", noise_variance, 0))
    cells = np.broadcast_arrays(psi, rho, signal, ridge)
    psi, rho, signal, ridge = (np.ravel(cell) for cell in cells)
    bias, variance = _split(*masses(psi, sizes.mean()), groups, rho, ridge)
    shape = cells[0].shape
    return as_risk(product(signal, bias).reshape(shape), variance.reshape(shape))


def _grouped(sizes: Real, weights: str | ArrayLike, noise: Real) -> _Groups:
    if isinstance(weights, str):
        if weights not in ("size", "equal"):
            reject("weights", weights, "'size', 'equal' or an array")
        per_bag = np.ones_like(sizes) if weights == "size" else sizes.mean() / sizes
    else:
        per_bag = array("weights", weights, 0, ndim=1, open_low=True)
        if per_bag.shape != sizes.shape:
            reject("weights", per_bag.shape, f"of the shape of bag_sizes, {sizes.shape}")
    if noise.shape not in ((), (1,), sizes.shape):
        reject("noise_variance", noise.shape, f"a number or of shape {sizes.shape}")
    weight, group, count = np.unique(per_bag, return_inverse=True, return_counts=True)
    total = np.bincount(group, np.broadcast_to(noise, sizes.shape))
    return _Groups(count / sizes.size, weight, total / count)


def _split(a: Real, b: Real, groups: _Groups, rho: Real, ridge: Real) -> tuple[Real, Real]:
    """Bias² per unit of signal and variance, one row a cell, one column a group of bags."""
    bags = a[:, None] * groups.share
    rows = np.where(rho > 0, a + b, a)
    solvable = (ridge > 0) | (rows > 1)
    u = np.zeros_like(a)
    if solvable.any():
        poles = np.concatenate([np.broadcast_to(groups.weight, bags.shape), rho[:, None]], axis=1)
        terms = np.concatenate([bags, b[:, None]], axis=1)
        u[solvable] = secular_root(terms[solvable], poles[solvable], ridge[solvable])
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        ratio = u[:, None] / groups.weight
        x, x_rest = 1.0 / (1.0 + ratio), 1.0 / (1.0 + 1.0 / ratio)
        y = np.where(rho > 0, 1.0 / (1.0 + u / rho), 0.0)
        y_rest = np.where(rho > 0, 1.0 / (1.0 + rho / u), 1.0)
        gap = np.where(ridge > 0, ridge / u, np.maximum(1.0 - rows, 0.0))
    deficit, shrinkage = gap + b * y, (bags * x).sum(1)
    between, within = (bags * x**2).sum(1), b * y**2
    slack = gap + (bags * x * x_rest).sum(1) + b * y * y_rest
    bias = deficit**2 + quotient(between * deficit**2 + within * shrinkage**2, slack)
    return bias, quotient((bags * x**2 * groups.noise).sum(1), slack)
