"""The published estimator: a scaled non-central chi-square fitted to sampled test errors.

A. Boopathy, W. Yue, J. Hwang, A. Iyer, I. Fiete, Towards Exact Computation of Inductive Bias,
IJCAI 2024, as in the released code. Beyond the depth that the samples support
(`sims.inductive_bias.counting.supported_bits`) its values are extrapolations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sims.inductive_bias.gamma_law import checked_errors, fit_gamma
from sims.inductive_bias.inversion import log_cdf
from sims.inductive_bias.likelihood import SKEW_HIGH, SKEW_LOW, Law, Sample, law_of, maximise
from sims.numerics.validate import array, number

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
FitStatus = Literal["interior", "gamma-boundary", "atom-boundary"]

_STARTS = (0.02, 0.12, 0.22)  # skewnesses from which the likelihood is climbed


@dataclass(frozen=True)
class NoncentralChi2Fit:
    """Law scale * chi'^2(dof, noncentrality) of the highest likelihood.

    Attributes
    ----------
    scale : float
        In units of the error.
    dof, noncentrality : float
    status : {"interior", "gamma-boundary", "atom-boundary"}
        "gamma-boundary": no noncentrality helps; the fit is the gamma law's. "atom-boundary":
        dof -> 0, an atom of mass exp(-noncentrality/2) at error 0, so that the information
        saturates at noncentrality/2 nats.
    log_likelihood : float
        Mean over the errors, in nats.
    samples : int
        Errors that it was fitted to.
    """

    scale: float
    dof: float
    noncentrality: float
    status: FitStatus
    log_likelihood: float
    samples: int

    def nats(self, error: ArrayLike) -> FloatArray:
        """Information -ln P(Q <= error) under the fitted law, exact at any depth.

        Parameters
        ----------
        error : array_like
            > 0.

        Raises
        ------
        ValueError
            For an error that is not positive.

        Examples
        --------
        >>> fit = NoncentralChi2Fit(1.0, 100.0, 50.0, "interior", 0.0, 10_000)
        >>> fit.nats(10.0).round(1)
        np.float64(95.5)
        """
        eps = array("error", error, 0, open_low=True)
        return -log_cdf(eps, self.scale, dof=self.dof, noncentrality=self.noncentrality)

    def released_nats(self, error: ArrayLike) -> FloatArray:
        """Information as the released code evaluates it: see `released_nats`."""
        eps = array("error", error, 0, open_low=True)
        return released_nats(eps / self.scale, self.dof, self.noncentrality)


def fit_noncentral_chi2(errors: ArrayLike) -> NoncentralChi2Fit:
    """Fit a scaled non-central chi-square, location 0, by maximum likelihood.

    Parameters
    ----------
    errors : array_like, shape (samples,)
        Test errors of sampled hypotheses, > 0, at least 30.

    Returns
    -------
    NoncentralChi2Fit

    Raises
    ------
    ValueError
        For too few errors, an error that is not positive, or errors that are all alike.

    Notes
    -----
    The density is smooth in the logarithm of the error, so the mean log likelihood of any number
    of samples is a weighted sum over 96 Chebyshev points. The fit is over the mean, the shape
    mean²/variance and the skewness, which are nearly orthogonal; dof and noncentrality are not.
    Derived, see docs/theory/inductive_bias.md.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fit = fit_noncentral_chi2(0.1 * rng.noncentral_chisquare(4.0, 20.0, 10_000))
    >>> fit.status, round(fit.scale * (fit.dof + fit.noncentrality), 2)
    ('interior', 2.4)
    """
    sample = checked_errors(array("errors", errors, ndim=1))
    gamma = fit_gamma(sample)
    shape, mean = float(gamma.shape), float(gamma.shape * gamma.scale)
    data = Sample(sample / mean)
    best = maximise(data, [(0.0, math.log(shape), skew) for skew in _STARTS])
    law, value = law_of(*best.parameters), best.log_likelihood
    status: FitStatus = "interior"
    if best.parameters[2] <= SKEW_LOW:
        status, law = "gamma-boundary", Law(0.5 / shape, 2.0 * shape, 0.0)
    elif best.parameters[2] >= SKEW_HIGH:
        status = "atom-boundary"
    return NoncentralChi2Fit(
        mean * law.scale, law.dof, law.noncentrality, status, value - math.log(mean), sample.size
    )


def released_nats(x: ArrayLike, dof: float, noncentrality: float) -> FloatArray:
    """Evaluate as released: -ln CDF by SciPy where that is finite, else z²/2.

    Kept to show what it does: z²/2 leaves out about ln(z sqrt(2 pi)), ignores the sign of z, and
    stays finite as x -> 0.

    Parameters
    ----------
    x : array_like
        Error over the fitted scale, > 0.
    dof, noncentrality : float
        As fitted.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> released_nats([10.0, 1e-9], 100.0, 50.0).round(1)  # exact: 95.5 and 1244.3
    array([ 95.5, 199. ])
    """
    from scipy.stats import ncx2  # half a second, and only needed here

    at = array("x", x, 0, open_low=True)
    dof = number("dof", dof, 0, open_low=True)
    noncentrality = number("noncentrality", noncentrality, 0)
    with np.errstate(all="ignore"):
        direct = -np.log(ncx2.cdf(at, dof, noncentrality))
    fallback = 0.5 * sankaran_score(at, dof, noncentrality) ** 2
    return np.where(np.isfinite(direct), direct, fallback)[()]


def sankaran_score(x: ArrayLike, dof: float, noncentrality: float) -> FloatArray:
    """Approximate P(chi'^2 <= x) by Phi(z), after Sankaran; return the normal score z.

    Parameters
    ----------
    x : array_like
        > 0.
    dof : float
        > 0.
    noncentrality : float
        >= 0.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    References
    ----------
    M. Sankaran, Approximations to the non-central chi-square distribution, Biometrika 1963.

    Examples
    --------
    >>> sankaran_score(10.0, 100.0, 50.0).round(3)
    np.float64(-12.71)
    """
    at = array("x", x, 0, open_low=True)
    nu = number("dof", dof, 0, open_low=True)
    lam = number("noncentrality", noncentrality, 0)
    h = 1.0 - 2.0 / 3.0 * (nu + lam) * (nu + 3.0 * lam) / (nu + 2.0 * lam) ** 2
    p = (nu + 2.0 * lam) / (nu + lam) ** 2
    m = (h - 1.0) * (1.0 - 3.0 * h)
    centre = 1.0 + h * p * (h - 1.0 - 0.5 * (2.0 - h) * m * p)
    spread = h * math.sqrt(2.0 * p) * (1.0 + 0.5 * m * p)
    return np.asarray(((at / (nu + lam)) ** h - centre) / spread)[()]
