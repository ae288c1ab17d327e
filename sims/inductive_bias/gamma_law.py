"""The gamma law as an approximation of the test error's: maximum likelihood in microseconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammainc, gammaincc, gammaln, polygamma

from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

FEWEST = 30  # errors without which no law is fitted
SPREAD = 1e-5  # least relative standard deviation of errors that a law is fitted to
_DEEP = 1e-200  # probabilities below it are computed in logarithms
_ASYMPTOTIC = 30.0
_SMALL = 1e-17  # relative size at which a series ends


@dataclass(frozen=True)
class GammaFit:
    """Gamma law of the highest likelihood.

    Attributes
    ----------
    shape, scale : float or ndarray
        Mean shape * scale, variance shape * scale**2.
    samples : int
        Errors that it was fitted to.
    """

    shape: FloatArray
    scale: FloatArray
    samples: int

    def nats(self, error: ArrayLike) -> FloatArray:
        """Information -ln P(Q <= error) under the fitted law, at any depth.

        Parameters
        ----------
        error : array_like
            > 0; broadcasts against the fit's own shape.

        Raises
        ------
        ValueError
            For an error that is not positive.

        Examples
        --------
        >>> fit = GammaFit(np.float64(10.0), np.float64(0.1), 1000)
        >>> fit.nats([0.1, 1e-100]).round(2)
        array([  16.01, 2294.66])
        """
        eps = array("error", error, 0, open_low=True)
        return -log_gamma_cdf(self.shape, eps / self.scale)


def fit_gamma(errors: ArrayLike) -> GammaFit:
    """Fit a gamma law by maximum likelihood.

    Parameters
    ----------
    errors : array_like, shape (..., samples)
        > 0, at least 30 along the last axis; one fit for each of the others.

    Returns
    -------
    GammaFit
        Fields of shape (...).

    Raises
    ------
    ValueError
        For too few errors, an error that is not positive, or errors that are all alike.

    Notes
    -----
    The shape a solves ln a - digamma(a) = ln mean - mean ln; Newton's method from the usual
    rational start converges to rounding in four steps.

    Examples
    --------
    >>> fit = fit_gamma(np.random.default_rng(0).gamma(10.0, 0.1, 10_000))
    >>> fit.shape.round(1), fit.scale.round(2)
    (np.float64(10.0), np.float64(0.1))
    """
    sample = checked_errors(errors)
    mean = sample.mean(axis=-1)
    # ln mean - mean ln, from the deviations so that nearly equal errors keep their digits
    ratio = sample / mean[..., None]
    deviation = ratio - 1.0
    logs = np.where(ratio > 0.5, np.log1p(np.maximum(deviation, -0.5)), np.log(ratio))
    gap = np.mean(deviation - logs, axis=-1)
    shape = (3.0 - gap + np.sqrt((gap - 3.0) ** 2 + 24.0 * gap)) / (12.0 * gap)
    for _ in range(4):
        value = _log_minus_digamma(shape) - gap
        shape = 1.0 / (1.0 / shape + value / (shape**2 * (1.0 / shape - polygamma(1, shape))))
    return GammaFit(shape[()], (mean / shape)[()], sample.shape[-1])


def checked_errors(errors: ArrayLike) -> FloatArray:
    """Return sampled errors as an array after checking that a law can be fitted to them.

    Raises
    ------
    ValueError
        As `fit_gamma`.

    Examples
    --------
    >>> checked_errors(np.ones(30))
    Traceback (most recent call last):
    ...
    ValueError: errors are all alike (relative spread 0): no law can be fitted
    """
    sample = array("errors", errors, 0, open_low=True)
    if sample.ndim == 0 or sample.shape[-1] < FEWEST or not sample.size:
        reject("errors.shape", sample.shape, f"(..., samples) with at least {FEWEST} samples")
    spread = np.min(sample.std(axis=-1) / sample.mean(axis=-1))
    if spread < SPREAD:
        raise ValueError(
            f"errors are all alike (relative spread {spread:.2g}): no law can be fitted"
        )
    return sample


def log_gamma_cdf(shape: ArrayLike, x: ArrayLike) -> FloatArray:
    """Log of the regularised lower incomplete gamma function, at any depth.

    Parameters
    ----------
    shape, x : array_like
        Each > 0; they broadcast.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> log_gamma_cdf([1.0, 500.0], [1.0, 1e-3])  # ln(1 - 1/e), then far down
    array([-4.58675145e-01, -6.06520910e+03])
    """
    a, at = array("shape", shape, 0, open_low=True), array("x", x, 0, open_low=True)
    a, at = np.broadcast_arrays(a, at)
    shallow = gammainc(a, at)
    with np.errstate(divide="ignore", over="ignore"):
        result = np.where(shallow > 0.5, np.log1p(-gammaincc(a, at)), np.log(shallow))
    deep = shallow < _DEEP
    if deep.any():
        result[deep] = _series(a[deep], at[deep])
    return np.asarray(result)[()]


def _log_minus_digamma(a: FloatArray) -> FloatArray:
    """Compute ln a - digamma(a), by its asymptotic series where the two nearly cancel."""
    far = np.maximum(a, _ASYMPTOTIC)
    square = 1.0 / far**2
    series = 0.5 / far + square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
    return np.where(a > _ASYMPTOTIC, series, np.log(a) - digamma(a))


def _series(a: FloatArray, x: FloatArray) -> FloatArray:
    """Compute ln of x^a e^-x / Gamma(a+1) times the sum of x^k/((a+1) … (a+k)), for x < a."""
    term, total, k = np.ones_like(a), np.ones_like(a), 0
    while (term > _SMALL * total).any():
        k += 1
        term *= x / (a + k)
        total += term
    return np.asarray(a * np.log(x) - x - gammaln(a + 1.0) + np.log(total))
