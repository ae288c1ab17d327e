"""The likelihood of a scaled non-central chi-square, and its maximum."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.optimize import minimize

from sims.inductive_bias.noncentral import log_density

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Loss = Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]]

FloatArray = NDArray[np.float64]
Parameters = tuple[float, float, float]

SKEW_LOW, SKEW_HIGH = 1e-6, 0.25 * (1.0 - 1e-6)  # the search stays between them
_NODES = 96  # Chebyshev points in ln error
_POLISH = 4  # Newton steps


class Law(NamedTuple):
    """A scaled non-central chi-square."""

    scale: float
    dof: float
    noncentrality: float


def law_of(log_mean: float, log_shape: float, skew: float) -> Law:
    """Parameters of the law from nearly orthogonal ones.

    Parameters
    ----------
    log_mean : float
    log_shape : float
        ln(mean²/variance).
    skew : float
        In [0, 1/4): 1 minus skewness over that of the gamma law of the same shape.

    Examples
    --------
    >>> [round(part, 6) for part in law_of(math.log(4.5), math.log(2.7), (2 / 5) ** 2)]
    [0.5, 3.0, 6.0]
    """
    root = math.sqrt(skew)
    share = root / (1.0 - root)  # noncentrality over dof + noncentrality
    total = 2.0 * math.exp(log_shape) * (1.0 + share)
    return Law(math.exp(log_mean) / total, (1.0 - share) * total, share * total)


def scores(errors: FloatArray, log_mean: float, log_shape: float, skew: float) -> FloatArray:
    """Log density and its gradient in the parameters of `law_of`, at every error.

    Parameters
    ----------
    errors : ndarray, shape (samples,)
        > 0.
    log_mean, log_shape, skew : float
        As for `law_of`, skew > 0.

    Returns
    -------
    ndarray, shape (4, samples)
        Value, then the three derivatives.

    Examples
    --------
    >>> scores(np.array([1.0]), 0.0, 0.0, 0.1).shape
    (4, 1)
    """
    law, root = law_of(log_mean, log_shape, skew), math.sqrt(skew)
    share = root / (1.0 - root)
    total = law.dof + law.noncentrality
    points = errors / law.scale
    density = log_density(points, law.dof, law.noncentrality)
    by_scale = -points * density.by_point - 1.0
    by_shape = law.dof * density.by_dof + law.noncentrality * density.by_noncentrality - by_scale
    by_share = total * (
        (1.0 + 2.0 * share) * density.by_noncentrality - 2.0 * share * density.by_dof
    )
    by_skew = (by_share - by_scale) / (1.0 + share) / (2.0 * root * (1.0 - root) ** 2)
    return np.stack([density.value - math.log(law.scale), by_scale, by_shape, by_skew])


class Sample:
    """Errors such that the mean of a smooth function over them is a weighted sum at few points.

    The log density is analytic in the logarithm of the error, so its Chebyshev interpolant is
    exact to rounding, and the mean of that is linear in the values at the nodes.

    Parameters
    ----------
    errors : ndarray, shape (samples,)
        > 0, not all equal.

    Attributes
    ----------
    nodes : ndarray, shape (96,)
        Errors at which functions are to be evaluated.

    Examples
    --------
    >>> sample = Sample(np.array([1.0, 2.0, 4.0]))
    >>> round(float(sample.shares() @ np.sqrt(sample.nodes)), 12)  # (1 + sqrt 2 + 2)/3
    1.471404520791
    """

    def __init__(self, errors: FloatArray) -> None:
        logs = np.log(errors)
        low, high = float(logs.min()), float(logs.max())
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        points = chebyshev.chebpts1(_NODES)
        self.nodes = np.exp(middle + half * points)
        self._basis = chebyshev.chebvander((logs - middle) / half, _NODES - 1)
        self._at_nodes = chebyshev.chebvander(points, _NODES - 1) / _NODES
        self._at_nodes[:, 1:] *= 2.0

    def shares(self, counts: FloatArray | None = None) -> FloatArray:
        """Weights of the nodes for the mean over the errors, each counted so many times."""
        if counts is None:
            return np.asarray(self._at_nodes @ self._basis.mean(axis=0))
        return np.asarray(self._at_nodes @ (counts @ self._basis / counts.sum()))


class Maximum(NamedTuple):
    """Where the mean log likelihood is largest: parameters of `law_of`, and its value."""

    parameters: Parameters
    log_likelihood: float


def maximise(
    sample: Sample, starts: Sequence[Parameters], counts: FloatArray | None = None
) -> Maximum:
    """Maximise the likelihood over the parameters of `law_of`, the skewness between its bounds.

    Parameters
    ----------
    sample : Sample
    starts : sequence of parameters
        The best of the maxima that are reached is polished.
    counts : ndarray, shape (samples,), optional
        How often each error occurs, for a bootstrap.

    Examples
    --------
    >>> errors = np.random.default_rng(0).noncentral_chisquare(4.0, 20.0, 2000)
    >>> best = maximise(Sample(errors), [(3.0, 1.0, 0.1)])
    >>> bool(abs(math.exp(best.parameters[0]) / errors.mean() - 1) < 1e-3)
    True
    """
    shares = sample.shares(counts)
    offset = np.array([starts[0][0], starts[0][1], 0.0])
    units = np.array([math.exp(-0.5 * starts[0][1]), 1.0, 1.0])  # about the parameters' scatter

    def loss(scaled: FloatArray) -> tuple[float, FloatArray]:
        found = -(scores(sample.nodes, *(offset + units * scaled)) @ shares)
        return float(found[0]), found[1:] * units

    runs = [
        minimize(
            loss,
            (np.array(start) - offset) / units,
            jac=True,
            bounds=((-9.0, 9.0), (-3.0, 3.0), (SKEW_LOW, SKEW_HIGH)),
            method="L-BFGS-B",
            options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 200},
        )
        for start in starts
    ]
    at = _polish(loss, np.asarray(min(runs, key=lambda run: float(run.fun)).x))
    log_mean, log_shape, skew = offset + units * at
    return Maximum((float(log_mean), float(log_shape), float(skew)), -loss(at)[0])


def _polish(loss: Loss, at: FloatArray) -> FloatArray:
    """Take a few Newton steps in the parameters that are not at a bound."""
    free = [0, 1, 2] if SKEW_LOW < at[2] < SKEW_HIGH else [0, 1]
    slope = loss(at)[1]
    for _ in range(_POLISH):
        curvature = np.empty((len(free), len(free)))
        for row, index in enumerate(free):
            step = np.zeros(3)
            step[index] = 1e-5 * (min(at[2], 0.25 - at[2]) if index == 2 else 1.0)
            rise = (loss(at + step)[1] - loss(at - step)[1]) / (2.0 * step[index])
            curvature[row] = rise[free]
        if np.linalg.eigvalsh(0.5 * (curvature + curvature.T)).min() <= 0.0:
            break
        new = at.copy()
        new[free] -= np.linalg.solve(curvature, slope[free])
        new[2] = min(max(new[2], SKEW_LOW), SKEW_HIGH)
        new_slope = loss(new)[1]
        if not np.abs(new_slope[free]).max() < np.abs(slope[free]).max():
            break
        at, slope = new, new_slope
    return at
