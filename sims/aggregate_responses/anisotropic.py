"""Risk for a general feature covariance, with or without ridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.fixed_point import (
    FixedPoint,
    increasing_root,
    product,
    quotient,
    solve_fixed_point,
)
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk, checked_cell
from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


def anisotropic_risk(
    eigenvalues: ArrayLike,
    theta: ArrayLike,
    psi: ArrayLike,
    bag_size: ArrayLike,
    rho: ArrayLike,
    *,
    noise_variance: ArrayLike,
    ridge: ArrayLike = 0.0,
) -> AggregateRisk:
    """Asymptotic excess risk E(x'theta_hat - x'theta_0)² for features of covariance Sigma.

    *Asymptotic*; reduces to `risk` for equal eigenvalues.

    Parameters
    ----------
    eigenvalues : array_like, shape (d,)
        Of Sigma, non-negative, not all 0.
    theta : array_like, shape (d,)
        theta_0 in the eigenbasis of Sigma.
    psi, bag_size, rho, noise_variance : array_like
        As for `risk`; they broadcast together, and psi = n/d counts all d features.
    ridge : array_like
        lambda >= 0, of the penalty d lambda ||theta||² on the squared error of bag sums.

    Returns
    -------
    AggregateRisk
        Shaped like the broadcast of psi, bag_size, rho, noise_variance and ridge.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md. Without ridge and with enough rows the risk
    depends on Sigma only through theta_0' Sigma theta_0.

    Examples
    --------
    >>> out = anisotropic_risk([2.0, 0.5], [0.6, 0.8], 6, 3, 0.1, noise_variance=0.5, ridge=0.3)
    >>> round(float(out.bias_squared), 6), round(float(out.variance), 6)
    (0.15038, 0.13651)
    """
    spectrum = array("eigenvalues", eigenvalues, 0, ndim=1)
    signal = array("theta", theta, ndim=1)
    if signal.shape != spectrum.shape:
        reject("theta", signal.shape, f"of the shape of eigenvalues, {spectrum.shape}")
    if not spectrum.any():
        reject("eigenvalues", 0.0, "positive somewhere")
    psi, bag_size, rho = checked_cell(psi, bag_size, rho)
    ridge = array("ridge", ridge, 0)
    noise = array("noise_variance", noise_variance, 0)
    cells = np.broadcast_arrays(psi, bag_size, rho, ridge, noise)
    psi, bag_size, rho, ridge, noise = (np.ravel(cell) for cell in cells)
    # directions without variance are invisible to the data: the problem lives in the others
    seen = spectrum > 0
    scale = spectrum.size / seen.sum()
    spectrum, signal = spectrum[seen], signal[seen]
    point, kappa = _solve(spectrum, psi * scale, bag_size, rho, ridge * scale)
    bias, variance = _split(spectrum, signal, point, kappa)
    shape = cells[0].shape
    return as_risk(bias.reshape(shape), product(noise, variance).reshape(shape))


def _solve(
    spectrum: Real, psi: Real, bag_size: Real, rho: Real, ridge: Real
) -> tuple[FixedPoint, Real]:
    """Return x and y (with their complements) and the effective ridge kappa, cell by cell."""
    point = solve_fixed_point(psi, bag_size, rho, np.zeros_like(ridge))
    rows = np.where(rho > 0, psi, point.a)
    kappa = np.zeros_like(psi)
    short = (ridge == 0) & (rows < 1)
    if short.any():
        kappa[short] = _interpolating_ridge(spectrum, rows[short])
    pulled = ridge > 0
    if pulled.any():
        x, x_rest, y, y_rest = (
            part.copy() for part in (point.x, point.x_rest, point.y, point.y_rest)
        )
        cells = point.a[pulled], point.b[pulled], rho[pulled], ridge[pulled]
        solved, kappa[pulled] = _ridge_root(spectrum, *cells)
        x[pulled], x_rest[pulled], y[pulled], y_rest[pulled] = solved
        point = FixedPoint(point.a, point.b, x, x_rest, y, y_rest, point.gap)
    return point, kappa


def _interpolating_ridge(spectrum: Real, rows: Real) -> Real:
    """Solve mean(e/(e + kappa)) = rows < 1: the ridge that interpolation amounts to."""
    low = np.log(spectrum.min()) + np.log1p(-rows) - np.log(rows)
    high = np.log(spectrum.max()) + np.log1p(-rows) - np.log(rows)

    def excess(log_kappa: Real) -> tuple[Real, Real]:
        kept = 1.0 / (1.0 + np.exp(log_kappa)[:, None] / spectrum)
        total = kept.mean(1)
        return np.log(rows) - np.log(total), (kept * (1.0 - kept)).mean(1) / total

    return np.exp(increasing_root(excess, low, high))


def _ridge_root(
    spectrum: Real, a: Real, b: Real, rho: Real, ridge: Real
) -> tuple[tuple[Real, Real, Real, Real], Real]:
    """Solve 1 = mean(e/((a x + b y) e + ridge/u)) for u = 1/delta; x, y as without covariance."""
    hard = np.isinf(rho)
    mass = a + b * np.where(hard, 0.0, rho)
    soft_end = -np.log((spectrum / (mass[:, None] * spectrum + ridge[:, None])).mean(1))
    # rho = inf with b >= 1 leaves no freedom: u -> inf, reached far beyond every scale
    hard_end = np.log((a + ridge / spectrum.min()) / np.maximum(1.0 - b, 1e-250))
    high = np.where(hard, hard_end, soft_end)
    low = np.log(ridge) - np.log(spectrum.mean())

    def parts(u: Real) -> tuple[Real, Real, Real, Real]:
        with np.errstate(divide="ignore", over="ignore"):
            weight = rho / u
            return (
                1.0 / (1.0 + u),
                1.0 / (1.0 + 1.0 / u),
                np.where(rho > 0, 1.0 / (1.0 + 1.0 / weight), 0.0),
                1.0 / (1.0 + weight),
            )

    def imbalance(log_u: Real) -> tuple[Real, Real]:
        u = np.exp(log_u)
        x, x_rest, y, y_rest = parts(u)
        weight = (a * x + b * y)[:, None] * spectrum + (ridge / u)[:, None]
        change = (a * x * x_rest + b * y * y_rest)[:, None] * spectrum + (ridge / u)[:, None]
        total = (spectrum / weight).mean(1)
        return np.log(total), (spectrum * change / weight**2).mean(1) / total

    u = np.exp(increasing_root(imbalance, np.minimum(low, high), high))
    x, x_rest, y, y_rest = parts(u)
    return (x, x_rest, y, y_rest), ridge / u / (a * x + b * y)


def _split(spectrum: Real, signal: Real, point: FixedPoint, kappa: Real) -> tuple[Real, Real]:
    """Bias² and variance per unit noise (notes 3.6), complements formed without cancellation."""
    used = point.a * point.x + point.b * point.y
    kept = spectrum / (spectrum + kappa[:, None])
    lost = kappa[:, None] / (spectrum + kappa[:, None])
    freedom = (kept**2).mean(1)
    energy = spectrum * signal**2
    share_a, share_b = point.a * point.x / used, point.b * point.y / used
    missed = (energy * (share_b[:, None] * kept + lost) ** 2).sum(1)
    stirred = (energy * (share_a[:, None] * kept) ** 2).sum(1)
    between = freedom * point.a * point.x**2 / used**2
    within = freedom * point.b * point.y**2 / used**2
    curvature = point.a * point.x * point.x_rest + point.b * point.y * point.y_rest
    slack = ((kept * lost).mean(1) * used + freedom * curvature) / used**2
    bias = missed + quotient(between * missed + within * stirred, slack)
    return bias, quotient(between, slack)
