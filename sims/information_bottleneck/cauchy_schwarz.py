"""Cauchy–Schwarz quadratic mutual information from samples, with gradients.

Both statistics are functions of four sums over the two Gram matrices K (of x) and Q (of t):
S1 = Σ_ij K_ij Q_ij, the totals of K and of Q, and S3 = Σ_i k_i q_i of their row sums k and q. So
they cost O(N²) and never need a product of matrices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.pairwise import GramSums, gram_sums, gram_tiles
from sims.information_bottleneck.validity import paired_samples, warn, warn_near_ceiling
from sims.numerics.validate import number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
Statistic = Literal["V", "U"]

STATISTICS = ("V", "U")
_ROUNDING = 1e-12  # a U-statistic below this share of the terms it is the difference of is noise


@dataclass(frozen=True, eq=False)
class Gradient:
    """A scalar and its derivative with respect to one set of samples.

    Attributes
    ----------
    value : float
        In nats, unless the quantity is normalised.
    gradient : ndarray
        Same shape as the samples.
    """

    value: float
    gradient: FloatArray


class PairWeights(NamedTuple):
    """How the statistic moves with Q_ij: ``kernel K_ij + constant + rows (k_i + k_j)``."""

    kernel: float
    constant: float
    rows: float


def cs_qmi(
    x: ArrayLike,
    t: ArrayLike,
    *,
    width_x: float,
    width_t: float,
    statistic: Statistic = "V",
) -> float:
    """Cauchy–Schwarz quadratic mutual information of paired samples.

    ``log(S1/N²) + log(ΣK ΣQ/N⁴) - 2 log(S3/N³)`` with Gaussian Gram matrices. This is the
    V-statistic: at least 0, at most log N (reached as both widths go to 0), biased upwards. The
    U-statistic drops coincident indices; up to O(1/N) it is unbiased for the Cauchy–Schwarz
    divergence of the densities smoothed by N(0, width²/2), and can be negative.

    Parameters
    ----------
    x : array_like, shape (N,) or (N, d)
    t : array_like, shape (N,) or (N, d')
    width_x, width_t : float
        sigma > 0 in exp(-|a - b|²/(2 sigma²)).
    statistic : {"V", "U"}

    Returns
    -------
    float
        In nats. NaN, with a warning that says why, where the U-statistic is the logarithm of
        nothing: widths so small that no three or four samples see each other.

    Raises
    ------
    ValueError
        For lengths that differ, N < 2 (U: N < 4), entries that are not finite, a width <= 0 or
        another statistic.

    Warns
    -----
    ValidityWarning
        When the V-statistic is within 5 % of log N, or a Gram matrix is the identity or constant.

    Notes
    -----
    O(N²) time, O(1) memory besides the samples.

    References
    ----------
    Yu, Yu, Løkse, Jenssen, Príncipe, Cauchy–Schwarz divergence information bottleneck for
    regression, ICLR 2024 (the V-statistic); the U-statistic is derived in
    docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> x = np.arange(8.0)
    >>> round(cs_qmi(x, x, width_x=1.0, width_t=1.0), 4)
    0.9096
    >>> round(cs_qmi(x, x, width_x=1.0, width_t=1.0, statistic="U"), 4)
    1.6847
    """
    x_rows, t_rows = _checked(x, t, statistic)
    width_x, width_t = _width("width_x", width_x), _width("width_t", width_t)
    sums = gram_sums(x_rows, width_x, t_rows, width_t)
    value, reason = statistic_of_sums(sums, statistic)
    if reason:
        warn(f"the U-statistic of CS-QMI is not defined here: {reason}")
    elif statistic == "V":
        warn_near_ceiling(value, math.log(len(x_rows)), "log N")
    return value


def normalised_cs_qmi(x: ArrayLike, t: ArrayLike, *, width_x: float, width_t: float) -> float:
    """CS-QMI over the geometric mean of those of x with itself and of t with itself.

    The V-statistic, as in the code released with CS-IB. Not bounded by 1, and not clipped.

    Parameters
    ----------
    x, t, width_x, width_t
        As for `cs_qmi`.

    Returns
    -------
    float
        Without unit. NaN, with a warning, when x or t is constant.

    Raises
    ------
    ValueError
        As `cs_qmi`.

    Examples
    --------
    >>> x = np.arange(8.0)
    >>> round(normalised_cs_qmi(x, 3 * x, width_x=1.0, width_t=3.0), 6)
    1.0
    """
    x_rows, t_rows = _checked(x, t, "V")
    width_x, width_t = _width("width_x", width_x), _width("width_t", width_t)
    sums = gram_sums(x_rows, width_x, t_rows, width_t, squares=True)
    joint = _v_statistic(sums.product, sums.rows_x, sums.rows_t)
    own_x = _v_statistic(sums.square_x, sums.rows_x, sums.rows_x)
    own_t = _v_statistic(sums.square_t, sums.rows_t, sums.rows_t)
    if min(own_x, own_t) <= 0.0:
        warn("normalised CS-QMI is 0/0: x or t carries no information about itself")
        return math.nan
    return joint / math.sqrt(own_x * own_t)


def cs_qmi_gradient(
    x: ArrayLike,
    t: ArrayLike,
    *,
    width_x: float,
    width_t: float,
    statistic: Statistic = "V",
    normalised: bool = False,
) -> Gradient:
    """CS-QMI together with its derivative with respect to the samples of t.

    Parameters
    ----------
    x, t, width_x, width_t, statistic
        As for `cs_qmi`.
    normalised : bool
        Of `normalised_cs_qmi` instead; V-statistic only.

    Returns
    -------
    Gradient
        The gradient has the shape of t; NaN throughout where the value is.

    Raises
    ------
    ValueError
        As `cs_qmi`, and for a normalised U-statistic.

    References
    ----------
    Derived in docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> found = cs_qmi_gradient([0.0, 1.0], [0.0, 1.0], width_x=1.0, width_t=1.0)
    >>> round(found.value, 4), found.gradient.round(4)
    (0.0583, array([-0.1086,  0.1086]))
    """
    x_rows, t_rows = _checked(x, t, statistic)
    width_x, width_t = _width("width_x", width_x), _width("width_t", width_t)
    if normalised and statistic == "U":
        reject("statistic", statistic, "'V' for the normalised form")
    sums = gram_sums(x_rows, width_x, t_rows, width_t, squares=normalised)
    value, reason = statistic_of_sums(sums, statistic)
    if reason:
        warn(f"the U-statistic of CS-QMI is not defined here: {reason}")
    slope = _slope(x_rows, width_x, t_rows, width_t, sums, statistic)
    if normalised:
        own = GramSums(sums.square_t, sums.rows_t, sums.rows_t, sums.square_t, sums.square_t)
        own_x = _v_statistic(sums.square_x, sums.rows_x, sums.rows_x)
        own_t = _v_statistic(own.product, own.rows_x, own.rows_t)
        if min(own_x, own_t) <= 0.0:
            warn("normalised CS-QMI is 0/0: x or t carries no information about itself")
            return Gradient(math.nan, np.full(np.shape(t), math.nan))
        # t stands twice in I(t, t); both places contribute alike, and the root halves the sum
        slope -= value / own_t * _slope(t_rows, width_t, t_rows, width_t, own, "V")
        scale = 1.0 / math.sqrt(own_x * own_t)
        value, slope = value * scale, slope * scale
    return Gradient(value, slope.reshape(np.shape(t)))


def statistic_of_sums(sums: GramSums, statistic: Statistic) -> tuple[float, str]:
    """CS-QMI from the four sums, and the reason when it is NaN.

    Examples
    --------
    >>> apart = GramSums(4.0, np.ones(4), np.ones(4), np.nan, np.nan)
    >>> round(float(np.exp(statistic_of_sums(apart, "V")[0])), 12)
    4.0
    >>> statistic_of_sums(apart, "U")
    (nan, 'no two samples see each other in both kernels')
    """
    if statistic == "V":
        return _v_statistic(sums.product, sums.rows_x, sums.rows_t), ""
    pairs, triples, quadruples, reason = _distinct(sums)
    if reason:
        return math.nan, reason
    count = len(sums.rows_x)
    value = math.log(pairs) + math.log(quadruples) - 2.0 * math.log(triples)
    return value + math.log((count - 2) / (count - 3)), ""


def pair_weights(sums: GramSums, statistic: Statistic) -> PairWeights:
    """Twice the derivative of the statistic with respect to Q_ij, symmetrised in i and j.

    Row sums k leave out the diagonal for the U-statistic. The derivative with respect to t_i is
    then ``-(1/width²) Σ_j weight_ij Q_ij (t_i - t_j)``.

    Examples
    --------
    >>> apart = GramSums(4.0, np.ones(4), np.ones(4), np.nan, np.nan)
    >>> pair_weights(apart, "V")
    PairWeights(kernel=0.5, constant=0.5, rows=-0.5)
    """
    if statistic == "V":
        cross, total = float(sums.rows_x @ sums.rows_t), float(sums.rows_t.sum())
        return PairWeights(2.0 / sums.product, 2.0 / total, -2.0 / cross)
    pairs, triples, quadruples, reason = _distinct(sums)
    if reason:
        return PairWeights(math.nan, math.nan, math.nan)
    return PairWeights(
        2.0 / pairs + 4.0 / quadruples + 4.0 / triples,
        2.0 * float((sums.rows_x - 1.0).sum()) / quadruples,
        -4.0 / quadruples - 2.0 / triples,
    )


def _distinct(sums: GramSums) -> tuple[float, float, float, str]:
    """Sum over two, three and four distinct samples; the reason if one of them is nothing."""
    count = len(sums.rows_x)
    a, b = sums.rows_x - 1.0, sums.rows_t - 1.0
    pairs, cross, totals = sums.product - count, float(a @ b), float(a.sum() * b.sum())
    triples, quadruples = cross - pairs, totals - 4.0 * cross + 2.0 * pairs
    reason = ""
    if pairs <= _ROUNDING * count:
        reason = "no two samples see each other in both kernels"
    elif triples <= _ROUNDING * cross:
        reason = "no sample sees one other in x and another in t"
    elif quadruples <= _ROUNDING * totals:
        reason = "no two separate pairs see each other, one in x and one in t"
    return pairs, triples, quadruples, reason


def _v_statistic(product: float, rows_x: FloatArray, rows_t: FloatArray) -> float:
    """V-statistic; the powers of N cancel."""
    totals = float(rows_x.sum()) * float(rows_t.sum())
    value = math.log(product) + math.log(totals) - 2.0 * math.log(float(rows_x @ rows_t))
    return max(0.0, value)  # by Cauchy–Schwarz, but for rounding


def _slope(
    x: FloatArray,
    width_x: float,
    t: FloatArray,
    width_t: float,
    sums: GramSums,
    statistic: Statistic,
) -> FloatArray:
    """Differentiate CS-QMI in t (in the second place only, if x is t)."""
    weights = pair_weights(sums, statistic)
    row_part = weights.rows * (sums.rows_x - (statistic == "U")) + 0.5 * weights.constant
    centred = t - t.mean(axis=0)
    total, moved = np.zeros(len(t)), np.zeros_like(t)
    for first, second in zip(gram_tiles(x, width_x), gram_tiles(t, width_t)):
        pull = first.kernel
        pull *= weights.kernel
        pull += row_part[first.rows, None]
        pull += row_part[first.columns]
        pull *= second.kernel
        total[first.rows] += pull.sum(axis=1)
        moved[first.rows] += pull @ centred[first.columns]
        if first.mirrored:
            total[first.columns] += pull.sum(axis=0)
            moved[first.columns] += pull.T @ centred[first.rows]
    return np.asarray((moved - total[:, None] * centred) / width_t**2)


def _checked(x: ArrayLike, t: ArrayLike, statistic: str) -> tuple[FloatArray, FloatArray]:
    if statistic not in STATISTICS:
        reject("statistic", statistic, "'V' or 'U'")
    x_rows, t_rows = paired_samples(("x", "t"), (x, t), 4 if statistic == "U" else 2)
    return x_rows, t_rows


def _width(name: str, value: float) -> float:
    return number(name, value, 0.0, open_low=True)
