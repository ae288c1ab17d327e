"""What Gaussian-kernel dependence measures are worth on Gaussian data, at any number of samples.

The V-statistics of CS-QMI and HSIC are built from the same three sums; their expectations are
polynomials in 1/N of four kernel moments, which are determinants. Derivations:
docs/theory/information_bottleneck.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.gaussian import log_determinant, split_covariance
from sims.numerics.validate import integer, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class KernelMoments:
    """Expectations of kernels over independent samples (x, t), (x', t'), (x'', t'').

    Attributes
    ----------
    mean_x, mean_t : float
        E k(x, x') and E l(t, t').
    product : float
        T1 = E[k(x, x') l(t, t')].
    mixed : float
        T3 = E[k(x, x') l(t, t'')].
    """

    mean_x: float
    mean_t: float
    product: float
    mixed: float

    @property
    def cs_qmi(self) -> float:
        """Limit N -> inf of the estimate: log(T1 Ek El / T3²)."""
        return math.log(self.product * self.mean_x * self.mean_t / self.mixed**2)

    @property
    def hsic(self) -> float:
        """Limit N -> inf of the estimate: T1 + Ek El - 2 T3."""
        return self.product + self.mean_x * self.mean_t - 2.0 * self.mixed

    def expected(self, samples: int) -> ExpectedSums:
        """Give the expectations of the three V-statistics for N >= 2 samples. *Exact*."""
        n = integer("samples", samples, 2)
        means, pairs = self.mean_x + self.mean_t, self.mean_x * self.mean_t
        two, three = n * (n - 1), n * (n - 1) * (n - 2)
        first = (n + two * self.product) / n**2
        third = (n + two * (means + self.product) + three * self.mixed) / n**3
        second = n * n + n * two * means + 2 * two * self.product
        second += 4 * three * self.mixed + three * (n - 3) * pairs
        return ExpectedSums(first, second / n**4, third)


@dataclass(frozen=True)
class ExpectedSums:
    """Expectations of the V-statistics behind CS-QMI and HSIC.

    Attributes
    ----------
    joint : float
        E V1, V1 = tr(KQ)/N².
    product : float
        E V2, V2 = 1'K1 1'Q1/N⁴.
    mixed : float
        E V3, V3 = 1'KQ1/N³.
    """

    joint: float
    product: float
    mixed: float

    @property
    def cs_qmi(self) -> float:
        """Prediction for the mean of log(V1 V2/V3²), the logarithm taken after the means."""
        return math.log(self.joint * self.product / self.mixed**2)

    @property
    def hsic(self) -> float:
        """Mean of V1 + V2 - 2 V3. *Exact*."""
        return self.joint + self.product - 2.0 * self.mixed


def gaussian_kernel_moments(
    covariance: ArrayLike, dimension_x: int, *, width_x: float, width_t: float
) -> KernelMoments:
    """Moments of Gaussian kernels on jointly Gaussian X and T. *Exact*.

    With W = diag(1/width²), J the joint covariance and P its block-diagonal part:
    ``E k = |I + 2 W_x Sigma_x|^{-1/2}``, ``T1 = |I + 2 W J|^{-1/2}``,
    ``T3 = |I + W (J + P)|^{-1/2}``.

    Parameters
    ----------
    covariance : array_like, shape (d, d)
        Joint covariance J, symmetric, positive definite.
    dimension_x : int
        How many of the first coordinates are X.
    width_x, width_t : float
        sigma > 0 of the kernels exp(-d²/2 sigma²).

    Returns
    -------
    KernelMoments

    Raises
    ------
    ValueError
        For a matrix that is no such covariance, or an argument outside its range.

    Examples
    --------
    >>> moments = gaussian_kernel_moments([[1.0, 0.9], [0.9, 1.0]], 1, width_x=1.0, width_t=1.0)
    >>> round(moments.cs_qmi, 4), round(moments.expected(400).cs_qmi, 4)
    (0.1288, 0.129)
    """
    joint, dx = split_covariance(covariance, dimension_x)
    width_x = number("width_x", width_x, 0, open_low=True)
    width_t = number("width_t", width_t, 0, open_low=True)
    scale = np.concatenate([np.full(dx, 1 / width_x), np.full(len(joint) - dx, 1 / width_t)])
    scaled = scale[:, None] * joint * scale
    blocks = scaled.copy()
    blocks[:dx, dx:] = blocks[dx:, :dx] = 0.0
    return KernelMoments(
        _shrinkage(2.0 * scaled[:dx, :dx]),
        _shrinkage(2.0 * scaled[dx:, dx:]),
        _shrinkage(2.0 * scaled),
        _shrinkage(scaled + blocks),
    )


def _shrinkage(matrix: FloatArray) -> float:
    """Return |I + matrix|^{-1/2}."""
    return math.exp(-0.5 * log_determinant(matrix + np.eye(len(matrix))))
