"""Kernel dependence by Hilbert-Schmidt norms: HSIC and centred kernel alignment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.pairwise import gram_sums
from sims.information_bottleneck.validity import paired_samples, warn
from sims.numerics.validate import number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def hsic(x: ArrayLike, t: ArrayLike, *, width_x: float, width_t: float) -> float:
    """Hilbert-Schmidt independence criterion with Gaussian kernels, the biased V-statistic.

    ``tr(KQ)/N² + 1'K1 1'Q1/N⁴ - 2 1'KQ1/N³``, from the sums that also give CS-QMI.

    Parameters
    ----------
    x, t : array_like, shape (N,) or (N, d)
        Samples, N >= 2.
    width_x, width_t : float
        sigma > 0 of the kernels exp(-d²/2 sigma²).

    Returns
    -------
    float
        Not in nats: it has no unit, and lies in [0, 1]. Its mean under independence is
        positive, of order 1/N (`gaussian_kernel_moments`).

    Raises
    ------
    ValueError
        For samples of different length or not finite, or a width <= 0.

    Warns
    -----
    ValidityWarning
        When a Gram matrix is the identity or constant to rounding.

    References
    ----------
    A. Gretton, O. Bousquet, A. Smola, B. Schölkopf, Measuring statistical dependence with
    Hilbert-Schmidt norms, ALT 2005.

    Examples
    --------
    >>> round(hsic([0.0, 1.0, 2.0], [0.0, 1.0, 2.0], width_x=1.0, width_t=1.0), 4)
    0.0893
    """
    x, t = paired_samples(("x", "t"), (x, t))
    width_x = number("width_x", width_x, 0, open_low=True)
    width_t = number("width_t", width_t, 0, open_low=True)
    sums = gram_sums(x, width_x, t, width_t)
    return max(0.0, _hsic(sums.product, sums.rows_x, sums.rows_t))


def cka(x: ArrayLike, t: ArrayLike, *, width_x: float, width_t: float) -> float:
    """Centred kernel alignment: HSIC(x, t)/sqrt(HSIC(x, x) HSIC(t, t)).

    Parameters
    ----------
    x, t, width_x, width_t
        As for `hsic`.

    Returns
    -------
    float
        In [0, 1] up to rounding; NaN, with a warning, when one of the two is constant.

    Raises
    ------
    ValueError
        As `hsic`.

    Warns
    -----
    ValidityWarning
        As `hsic`, and for samples that are all equal.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee, G. Hinton, Similarity of neural network representations
    revisited, ICML 2019.

    Examples
    --------
    >>> x = [[0.0], [1.0], [3.0], [4.0]]
    >>> round(cka(x, x, width_x=1.0, width_t=1.0), 12)
    1.0
    >>> round(cka(x, [1.0, 0.0, 3.0, 4.0], width_x=1.0, width_t=1.0), 4)
    0.9917
    """
    x, t = paired_samples(("x", "t"), (x, t))
    width_x = number("width_x", width_x, 0, open_low=True)
    width_t = number("width_t", width_t, 0, open_low=True)
    sums = gram_sums(x, width_x, t, width_t, squares=True)
    cross = max(0.0, _hsic(sums.product, sums.rows_x, sums.rows_t))
    own_x = _hsic(sums.square_x, sums.rows_x, sums.rows_x)
    own_t = _hsic(sums.square_t, sums.rows_t, sums.rows_t)
    if min(own_x, own_t) <= 0.0:
        warn("a variable is constant under its kernel: its alignment with anything is undefined")
        return math.nan
    return cross / math.sqrt(own_x * own_t)


def _hsic(product: float, rows: FloatArray, others: FloatArray) -> float:
    """HSIC from the sums, around the mean of the rows so that less cancels."""
    n = len(rows)
    spread = float(np.vdot(rows - rows.mean(), others - others.mean()))
    return (product - float(rows.mean() * others.mean())) / n**2 - 2.0 * spread / n**3
