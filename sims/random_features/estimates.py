"""The eigenframework's estimates for a tabulated spectrum, on flat arrays that are already checked.

Test error, training error and the analysis of variance, written so that nothing cancels; `theory`
holds the public door.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sims.random_features.eigenframework import Equation, solve
from sims.random_features.spectral_sums import SpectralSums

FloatArray = NDArray[np.float64]

NO_RIDGE = 1e-295  # ridge/n below this share of the largest eigenvalue is 0: it would underflow


@dataclass(frozen=True)
class Risk:
    """Errors of random-feature ridge regression; every field has the broadcast shape.

    ``test = noise_variance + bias_squared + variance_features + variance_data + variance_noise
    + variance_interaction``: the analysis of variance of the predictor over the draw of the
    features on one side and of the data and their label noise on the other.

    Attributes
    ----------
    test : array
        Mean squared error on fresh noisy labels.
    train : array
        Mean squared error on the noisy training labels.
    kappa, gamma : array
        The two implicit regularisers, in units of the eigenvalues.
    bias_squared : array
        Error of the predictor averaged over features and data.
    variance_features : array
        Main effect of the features' draw.
    variance_data : array
        Main effect of the inputs' draw.
    variance_noise : array
        Main effect of the label noise.
    variance_interaction : array
        What features and data do only together; it carries the peak at n = k.
    """

    test: FloatArray
    train: FloatArray
    kappa: FloatArray
    gamma: FloatArray
    bias_squared: FloatArray
    variance_features: FloatArray
    variance_data: FloatArray
    variance_noise: FloatArray
    variance_interaction: FloatArray

    @classmethod
    def blank(cls, points: int) -> Self:
        """Make room for flat results."""
        return cls(*(np.zeros(points) for _ in fields(cls)))

    def put(self, where: NDArray[np.bool_], part: Risk) -> None:
        """Fill in the results of some of the points."""
        for field in fields(self):
            getattr(self, field.name)[where] = getattr(part, field.name)

    def shaped(self, shape: tuple[int, ...]) -> Self:
        """Give the fields their final shape; scalars for the shape ()."""
        return type(self)(*(getattr(self, f.name).reshape(shape)[()] for f in fields(self)))


def evaluate(
    sums: SpectralSums, n: FloatArray, k: FloatArray, ridge: FloatArray, noise: FloatArray
) -> Risk:
    """`risk` for a tabulated spectrum and checked flat arrays."""
    equation = reduced_equation(sums, n, k, ridge)
    fits = (equation.ridge == 0) & (sums.spare(equation.low) >= 0)
    if not fits.any():
        return _regular(sums, n, k, noise, equation, solve(sums, equation).log_gamma)
    result = Risk.blank(len(n))
    result.put(fits, _everything_fitted(sums, n[fits], k[fits], noise[fits]))
    rest = ~fits
    equation = reduced_equation(sums, n[rest], k[rest], ridge[rest])
    log_gamma = solve(sums, equation).log_gamma
    result.put(rest, _regular(sums, n[rest], k[rest], noise[rest], equation, log_gamma))
    return result


def reduced_equation(
    sums: SpectralSums, n: FloatArray, k: FloatArray, ridge: FloatArray
) -> Equation:
    """Write the framework's two equations as one, in units of the largest eigenvalue."""
    with np.errstate(invalid="ignore"):
        effective = np.where(n <= k, ridge, ridge * (k / n)) / sums.scale
    low = np.minimum(n, k)
    return Equation(low, np.maximum(n, k), np.where(effective < low * NO_RIDGE, 0.0, effective))


def _regular(
    sums: SpectralSums,
    n: FloatArray,
    k: FloatArray,
    noise: FloatArray,
    equation: Equation,
    log_gamma: FloatArray,
) -> Risk:
    """All fields where gamma > 0; every sum below is of non-negative terms."""
    gap, at = equation.gaps(log_gamma), sums.all(log_gamma)
    wide = n <= k
    a = np.where(wide, gap.small, gap.ratio * n)  # n - z
    b = np.where(wide, gap.ratio * k, gap.small)  # k - z
    gamma = sums.scale * np.exp(log_gamma)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        omega = at.c / (b + at.c)
        # a + bc/(b + c); the second form of the last term also holds for b = inf
        excess = a + np.where(b < at.c, b * omega, at.c * (1.0 - omega))
        amplified = (at.s2 + noise) * omega
        crossed = amplified * n * at.c / (a + at.c) + omega * at.s1 * (at.q + at.c * omega)
        total = at.s2 + noise + omega * at.s1
        # At n = k without ridge the excess is 0, and an error of 0 stays 0.
        test = np.where(total > 0, n / excess * total, 0.0)
        interaction = np.where(crossed > 0, crossed / excess, 0.0)
        train = np.where(a > 0, (a / n) ** 2 * test, 0.0)
        return Risk(
            test=test,
            train=train,
            kappa=gamma * np.where(wide, gap.ratio, gap.small / k),
            gamma=gamma,
            bias_squared=at.s2,
            variance_features=omega * at.s1,
            variance_data=at.s2 * at.q / (a + at.c),
            variance_noise=noise * at.q / (a + at.c),
            variance_interaction=interaction,
        )


def _everything_fitted(sums: SpectralSums, n: FloatArray, k: FloatArray, noise: FloatArray) -> Risk:
    """Take the limit of vanishing ridge where neither n nor k is below the rank: gamma = 0."""
    rank, null = sums.rank, np.full_like(n, sums.null_power)
    floor = null + noise
    edge = sums.all(np.array([sums.first - 1.0]))
    spare, room = sums.spare(n), sums.spare(k)
    exact, square = spare == 0, (spare == 0) & (room == 0)

    def blow_up(power: FloatArray) -> FloatArray:
        return np.where(power > 0, np.inf, 0.0)

    with np.errstate(divide="ignore", invalid="ignore"):
        amplify = rank / spare
        finite = np.where(square, n / 3.0 * (edge.s1 / edge.c), 0.0)
        at_edge = np.where(square & (floor > 0), np.inf, n * floor / (4.0 * room))
        interaction = np.where(exact, np.where(square & (floor == 0), finite, at_edge), 0.0)
        return Risk(
            test=np.where(exact, np.where(floor > 0, np.inf, finite), n / spare * floor),
            train=np.where(exact, 0.0, spare / n * floor),
            kappa=np.zeros_like(n),
            gamma=np.zeros_like(n),
            bias_squared=null,
            variance_features=np.zeros_like(n),
            variance_data=np.where(exact, blow_up(null), null * amplify),
            variance_noise=np.where(exact, blow_up(noise), noise * amplify),
            variance_interaction=interaction,
        )
