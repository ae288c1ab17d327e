"""Bits from counting: how many of the sampled hypotheses generalise well, and what that proves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv, betaln

from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class CountingBits:
    """-log2 of a share of hits, with an interval.

    Attributes
    ----------
    bits : float or ndarray
        inf without a hit.
    low, high : float or ndarray
        Ends of the interval, 0 <= low <= bits <= high.
    """

    bits: FloatArray
    low: FloatArray
    high: FloatArray


def counting_bits(hits: ArrayLike, samples: ArrayLike, *, confidence: float = 0.95) -> CountingBits:
    """Information -log2 P estimated by the share of hits, with its Clopper-Pearson interval.

    Parameters
    ----------
    hits : array_like of int
        Sampled hypotheses whose error is at most the target, in [0, samples].
    samples : array_like of int
        >= 1.
    confidence : float
        In (0, 1).

    Returns
    -------
    CountingBits
        Of the arguments' common shape. The probability of missing the truth is at most
        (1 - confidence)/2 at either end, except that without a hit the whole of 1 - confidence
        goes to the one end there is: ``low = -log2(1 - (1 - confidence)**(1/samples))``.

    Raises
    ------
    ValueError
        For counts that are not whole or outside their ranges.

    Examples
    --------
    >>> found = counting_bits(25, 100)
    >>> found.bits.round(2), found.low.round(2), found.high.round(2)
    (np.float64(2.0), np.float64(1.53), np.float64(2.57))
    >>> counting_bits(0, 10_000).low.round(2)  # ln(S/3) nats
    np.float64(11.71)
    """
    k, size = _counts(hits, samples)
    miss = 1.0 - number("confidence", confidence, 0.0, 1.0, open_low=True, open_high=True)
    with np.errstate(divide="ignore"):
        bits = -np.log2(k / size)
    # the upper end by its distance from 1 where it is near 1
    share = np.where(k == 0, 1.0, 0.5) * miss
    upper = _log_quantile(k + 1.0, np.maximum(size - k, 0.5), share)
    rest = _log_quantile(np.maximum(size - k, 0.5), k + 1.0, share, upper=False)
    log_high = np.where(upper < -math.log(2.0), upper, np.log1p(-np.exp(rest)))
    log_low = _log_quantile(np.maximum(k, 0.5), size - k + 1.0, 0.5 * miss, upper=False)
    low = np.where(k == size, 0.0, -log_high / math.log(2.0))
    high = np.where(k == 0, np.inf, -log_low / math.log(2.0))
    return CountingBits(np.abs(bits)[()], low[()], high[()])


def dkw_bits(hits: ArrayLike, samples: ArrayLike, *, confidence: float = 0.95) -> CountingBits:
    """Like `counting_bits`, but valid at all targets at once (a band of constant width in P).

    The distribution function of the error is within ``sqrt(ln(2/alpha)/(2 samples))`` of that of
    the samples, everywhere, with probability `confidence` = 1 - alpha.

    Parameters
    ----------
    hits, samples, confidence
        As for `counting_bits`.

    Raises
    ------
    ValueError
        As `counting_bits`.

    References
    ----------
    A. Dvoretzky, J. Kiefer, J. Wolfowitz, Ann. Math. Stat. 1956, with the constant of P. Massart,
    Ann. Prob. 1990.

    Examples
    --------
    >>> dkw_bits([100, 5000], 10_000).high.round(2)  # 1 % is inside the band: nothing above
    array([ inf, 1.04])
    """
    k, size = _counts(hits, samples)
    miss = 1.0 - number("confidence", confidence, 0.0, 1.0, open_low=True, open_high=True)
    width = np.sqrt(math.log(2.0 / miss) / (2.0 * size))
    share = k / size
    with np.errstate(divide="ignore"):
        bits, high = -np.log2(share), -np.log2(np.maximum(share - width, 0.0))
        low = -np.log2(np.minimum(share + width, 1.0))
    return CountingBits(np.abs(bits)[()], np.abs(low)[()], high[()])


def samples_needed(bits: ArrayLike, precision: ArrayLike) -> FloatArray:
    """Hypotheses to sample for a relative precision of P by counting, ``2**bits / precision**2``.

    Parameters
    ----------
    bits : array_like
        Information to measure, >= 0.
    precision : array_like
        Relative standard deviation of P, > 0.

    Returns
    -------
    float or ndarray
        Not rounded; the factor 1 - P is left out. inf where it has no float64.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> float(samples_needed(15, 0.1).round(-4))
    3280000.0
    """
    depth = array("bits", bits, 0)
    relative = array("precision", precision, 0, open_low=True)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp2(depth - 2.0 * np.log2(relative)))[()]


def supported_bits(samples: int) -> float:
    """Depth that so many sampled errors support, ``log2(samples) - 3`` and at least 0 bits.

    Beyond it, a law fitted to the samples is an extrapolation: fewer than eight or so of them
    are expected there.

    Parameters
    ----------
    samples : int
        >= 1.

    Raises
    ------
    ValueError
        For a number below 1.

    Examples
    --------
    >>> supported_bits(1024)
    7.0
    """
    return max(math.log2(number("samples", samples, 1)) - 3.0, 0.0)


def _log_quantile(
    a: FloatArray, b: FloatArray, share: FloatArray | float, *, upper: bool = True
) -> FloatArray:
    """Log of the point of a beta law with `share` of it above (or below).

    The library's inverse is good to about 1e-14 in the point itself, which may be far smaller:
    Newton's method in the logarithm gives it all its digits.
    """
    inverse, cumulative, sign = (
        (betainccinv, betaincc, -1.0) if upper else (betaincinv, betainc, 1.0)
    )
    x = inverse(a, b, share)
    for _ in range(3):
        found = cumulative(a, b, x)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            log_slope = a * np.log(x) + (b - 1.0) * np.log1p(-x) - betaln(a, b) - np.log(found)
            step = sign * (np.log(share) - np.log(found)) * np.exp(-log_slope)
        x = np.where(np.abs(step) < 0.5, np.minimum(x * np.exp(step), 1.0), x)
    return np.asarray(np.log(x))


def _counts(hits: ArrayLike, samples: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check hits and samples and broadcast them."""
    k, size = array("hits", hits, 0), array("samples", samples, 1)
    for name, counts in (("hits", k), ("samples", size)):
        if np.any(off := counts != np.floor(counts)):
            reject(name, counts[off].flat[0], "a whole number")
    k, size = np.broadcast_arrays(k, size)
    if np.any(over := k > size):
        reject("hits", k[over].flat[0], f"at most samples = {size[over].flat[0]:g}")
    return k, size
