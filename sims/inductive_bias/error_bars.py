"""How far an estimate of the information may be from the truth: bounds, delta method, bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, ndtri, polygamma

from sims.inductive_bias.gamma_law import checked_errors, fit_gamma, log_gamma_cdf
from sims.inductive_bias.inversion import log_cdf
from sims.inductive_bias.likelihood import SKEW_HIGH, SKEW_LOW, Sample, law_of, maximise, scores
from sims.inductive_bias.published import fit_noncentral_chi2
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from sims.inductive_bias.likelihood import Parameters

FloatArray = NDArray[np.float64]
FittedLaw = Literal["gamma", "noncentral-chi2"]

_CELLS = 1 << 20  # resampled errors held at once


@dataclass(frozen=True)
class InformationBounds:
    """Where another value of the information lies, in nats.

    Attributes
    ----------
    low, high : float or ndarray
        low >= 0; high is inf where vacuous.
    vacuous : bool or ndarray of bool
        Nothing is said from above.
    """

    low: FloatArray
    high: FloatArray
    vacuous: NDArray[np.bool_] | bool


@dataclass(frozen=True)
class FittedInformation:
    """Information under a fitted law, in nats, with a standard deviation or an interval.

    Attributes
    ----------
    nats : float or ndarray
        Of the law fitted to all errors.
    deviation : float or ndarray
        Standard deviation caused by the finite number of errors.
    low, high : float or ndarray
        Interval of the confidence asked for. It knows nothing of the law being the wrong one.
    """

    nats: FloatArray
    deviation: FloatArray
    low: FloatArray
    high: FloatArray


def density_ratio_bounds(nats: ArrayLike, log_ratio: ArrayLike) -> InformationBounds:
    """Bound the information when hypotheses are drawn from another law than the one meant.

    Parameters
    ----------
    nats : array_like
        Information under either law, in [0, inf].
    log_ratio : array_like
        a >= 0: the ratio of the two densities lies in [exp(-a), exp(a)].

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Notes
    -----
    |I - I'| <= a, derived in docs/theory/inductive_bias.md.

    Examples
    --------
    >>> density_ratio_bounds(2.0, 0.5)
    InformationBounds(low=np.float64(1.5), high=np.float64(2.5), vacuous=False)
    """
    value, shift = np.broadcast_arrays(
        array("nats", nats, 0, allow_inf=True), array("log_ratio", log_ratio, 0)
    )
    return InformationBounds(
        np.maximum(value - shift, 0.0)[()], (value + shift)[()], _flag(np.zeros(value.shape, bool))
    )


def distance_bounds(nats: ArrayLike, distance: ArrayLike) -> InformationBounds:
    """Bound the information when the law of the error is off by a known distance.

    With F = exp(-nats), the other value lies in [-ln(F + tau), -ln(F - tau)].

    Parameters
    ----------
    nats : array_like
        Information under either law, in [0, inf].
    distance : array_like
        tau in [0, 1]: total variation between the laws of the hypotheses, or the largest
        difference between the distribution functions of the error.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Notes
    -----
    Vacuous once tau >= F: a total variation of 1 % says nothing beyond 6.6 bits. Derived, see
    docs/theory/inductive_bias.md.

    Examples
    --------
    >>> distance_bounds([0.5, 6.0], 0.01).vacuous
    array([False,  True])
    """
    value, tau = np.broadcast_arrays(
        array("nats", nats, 0, allow_inf=True), array("distance", distance, 0, 1)
    )
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        ratio = np.where(tau > 0, tau * np.exp(value), 0.0)
        low = np.where(np.isinf(value) & (tau > 0), -np.log(tau), value - np.log1p(ratio))
        vacuous = (ratio >= 1.0) | (np.isinf(value) & (tau > 0))
        high = np.where(ratio >= 1.0, np.inf, value - np.log1p(-np.minimum(ratio, 1.0)))
    # above e^709 the ratio overflows and the distance alone counts
    low = np.where(np.isinf(ratio), -np.log(np.where(tau > 0, tau, 1.0)), low)
    return InformationBounds(np.maximum(low, 0.0)[()], high[()], _flag(vacuous))


def delta_method(
    errors: ArrayLike, error: ArrayLike, *, law: FittedLaw = "gamma", confidence: float = 0.95
) -> FittedInformation:
    """Estimate the scatter of a fitted information by the delta method with a sandwich.

    Parameters
    ----------
    errors : array_like, shape (samples,)
        Test errors of sampled hypotheses, > 0, at least 30.
    error : array_like
        Target error, > 0.
    law : {"gamma", "noncentral-chi2"}
        What is fitted by maximum likelihood.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    FittedInformation
        Shaped like `error`; the normal interval is cut at 0.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Notes
    -----
    The variance is g' A⁻¹ B A⁻¹ g / samples, with g the gradient of the information in the
    parameters, A minus the mean curvature of the log likelihood, B the mean outer product of its
    slopes: right even if the law is wrong, for the scatter about the best-fitting law's value.
    A fit at a boundary keeps its skewness there, and the interval is too short. Derived, see
    docs/theory/inductive_bias.md.

    Examples
    --------
    >>> errors = np.random.default_rng(0).gamma(10.0, 0.1, 10_000)
    >>> delta_method(errors, 0.1).deviation.round(1)  # about 16 nats deep
    np.float64(0.2)
    """
    sample = checked_errors(array("errors", errors, ndim=1))
    eps = array("error", error, 0, open_low=True)
    z = -float(ndtri(0.5 * (1.0 - _confidence(confidence))))
    if _known(law) == "gamma":
        nats, slopes, influence = _gamma_influence(sample, eps)
    else:
        nats, slopes, influence = _noncentral_influence(sample, eps)
    covariance = influence @ influence.T / sample.size**2
    variance = np.einsum("i...,ij,j...->...", slopes, covariance, slopes)
    deviation = np.sqrt(variance)
    low = np.maximum(nats - z * deviation, 0.0)
    return FittedInformation(nats[()], deviation[()], low[()], (nats + z * deviation)[()])


def bootstrap(
    errors: ArrayLike,
    error: ArrayLike,
    rng: Generator,
    *,
    law: FittedLaw = "gamma",
    resamples: int = 200,
    confidence: float = 0.95,
) -> FittedInformation:
    """Percentile interval of a fitted information, by refitting to resampled errors.

    Parameters
    ----------
    errors, error, law, confidence
        As for `delta_method`.
    rng : Generator
    resamples : int
        >= 2.

    Returns
    -------
    FittedInformation
        Shaped like `error`.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> bootstrap(rng.gamma(10.0, 0.1, 10_000), 0.1, rng).deviation.round(1)
    np.float64(0.2)
    """
    sample = checked_errors(array("errors", errors, ndim=1))
    eps = array("error", error, 0, open_low=True)
    resamples = integer("resamples", resamples, 2)
    tail = 0.5 * (1.0 - _confidence(confidence))
    if _known(law) == "gamma":
        nats = fit_gamma(sample).nats(eps)
        values = _gamma_resamples(sample, eps, rng, resamples)
    else:
        nats, values = _noncentral_resamples(sample, eps, rng, resamples)
    low, high = np.quantile(values, [tail, 1.0 - tail], axis=0)
    return FittedInformation(nats, values.std(axis=0, ddof=1)[()], low[()], high[()])


def _flag(values: NDArray[np.bool_]) -> NDArray[np.bool_] | bool:
    """Return a bool where there is only one."""
    return values if values.ndim else bool(values)


def _known(law: str) -> str:
    if law not in ("gamma", "noncentral-chi2"):
        reject("law", law, "'gamma' or 'noncentral-chi2'")
    return law


def _confidence(confidence: float) -> float:
    return number("confidence", confidence, 0.0, 1.0, open_low=True, open_high=True)


def _gamma_influence(
    sample: FloatArray, eps: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Nats, their slopes in (ln shape, ln scale), and A⁻¹ times every error's slopes."""
    fit = fit_gamma(sample)
    a, x = float(fit.shape), sample / float(fit.scale)
    y = eps / float(fit.scale)
    nats = -log_gamma_cdf(a, y)
    step = 1e-5
    by_shape = (log_gamma_cdf(a * np.exp(-step), y) - log_gamma_cdf(a * np.exp(step), y)) / (
        2.0 * step
    )
    by_scale = np.exp(a * np.log(y) - y - gammaln(a) + nats)
    curvature = np.array([[a * a * polygamma(1, a), a], [a, a]])
    slopes = np.stack([a * (np.log(x) - digamma(a)), x - a])
    return nats, np.stack([by_shape, by_scale]), np.linalg.solve(curvature, slopes)


def _noncentral_influence(
    sample: FloatArray, eps: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Do the same for the parameters of `law_of`, those at a boundary left out."""
    unit = float(sample.mean())
    at, free = _fitted_parameters(sample / unit)
    nats, by_parameter = _information(at, eps / unit), []
    rows = []
    for index in free:
        step = 1e-4 * (min(at[2], 0.25 - at[2]) if index == 2 else 1.0)
        ahead, behind = (_moved(at, index, sign * step) for sign in (1.0, -1.0))
        gain = _information(ahead, eps / unit) - _information(behind, eps / unit)
        by_parameter.append(gain / (2.0 * step))
        rise = scores(sample / unit, *ahead)[1:] - scores(sample / unit, *behind)[1:]
        rows.append(-rise.mean(axis=1)[free] / (2.0 * step))
    curvature = np.array(rows)
    slopes = scores(sample / unit, *at)[1:][free]
    influence = np.linalg.solve(0.5 * (curvature + curvature.T), slopes)
    return nats, np.stack(by_parameter), influence


def _fitted_parameters(sample: FloatArray) -> tuple[Parameters, list[int]]:
    """Fit, and say which parameters are free."""
    fit = fit_noncentral_chi2(sample)
    total = fit.dof + fit.noncentrality
    share = fit.noncentrality / total
    log_shape = np.log(0.5 * total**2 / (total + fit.noncentrality))
    skew = min(max((share / (1.0 + share)) ** 2, SKEW_LOW), SKEW_HIGH)
    at = (float(np.log(fit.scale * total)), float(log_shape), skew)
    return at, [0, 1, 2] if fit.status == "interior" else [0, 1]


def _moved(at: Parameters, index: int, step: float) -> Parameters:
    moved = list(at)
    moved[index] += step
    return moved[0], moved[1], moved[2]


def _information(at: Parameters, eps: FloatArray) -> FloatArray:
    law = law_of(*at)
    return -log_cdf(eps, law.scale, dof=law.dof, noncentrality=law.noncentrality)


def _gamma_resamples(
    sample: FloatArray, eps: FloatArray, rng: Generator, resamples: int
) -> FloatArray:
    """Information under the laws fitted to resampled errors, shape (resamples, ...)."""
    rows = max(1, _CELLS // sample.size)
    parts = []
    for start in range(0, resamples, rows):
        shape = (min(rows, resamples - start), sample.size)
        fit = fit_gamma(sample[rng.integers(sample.size, size=shape)])
        wide = (slice(None), *[None] * eps.ndim)
        parts.append(-log_gamma_cdf(fit.shape[wide], eps / fit.scale[wide]))
    return np.concatenate(parts)


def _noncentral_resamples(
    sample: FloatArray, eps: FloatArray, rng: Generator, resamples: int
) -> tuple[FloatArray, FloatArray]:
    """Information under the fitted law and under those fitted to resampled errors."""
    unit = float(sample.mean())
    at, _ = _fitted_parameters(sample / unit)
    data, values = Sample(sample / unit), []
    even = np.full(sample.size, 1.0 / sample.size)
    for _ in range(resamples):
        counts = rng.multinomial(sample.size, even).astype(float)
        refit = maximise(data, [at], counts)
        values.append(_information(refit.parameters, eps / unit))
    return _information(at, eps / unit), np.stack(values)
