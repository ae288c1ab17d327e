"""Binary labels seen only as bag proportions: what each loss converges to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtr

from sims.aggregate_responses.fixed_point import increasing_root, quotient, solve_fixed_point
from sims.aggregate_responses.isotropic import checked_cell, checked_powers
from sims.numerics.validate import array

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

# Half-line nodes for E f(z), z standard normal and f even: the trapezium rule in log z, which
# resolves every steepness of f alike. Its error falls like exp(-pi²/(2 STEP)): below 1e-16.
STEP = 0.125
NODES = np.exp(np.arange(-45.0, 3.7, STEP))
WEIGHTS = 2.0 * STEP * NODES * np.exp(-0.5 * NODES**2) / np.sqrt(2.0 * np.pi)


@dataclass(frozen=True)
class SignLabelAccuracy:
    """How well squared loss on +-1 labels classifies.

    Attributes
    ----------
    cosine : ndarray or float
        Between theta_hat and theta_0.
    direction_accuracy : ndarray or float
        P(sign(x'theta_hat) = sign(x'theta_0)).
    label_accuracy : ndarray or float
        P(sign(x'theta_hat) = y) for a fresh labelled sample.
    """

    cosine: Real
    direction_accuracy: Real
    label_accuracy: Real


def sign_label_accuracy(
    psi: ArrayLike, bag_size: ArrayLike, rho: ArrayLike, *, gain: ArrayLike
) -> SignLabelAccuracy:
    """Asymptotic accuracy of the interpolating squared loss on aggregated +-1 labels.

    Labels follow P(y = 1 | x) = 1/(1 + exp(-gain z)), z = x'theta_0/||theta_0||, with isotropic
    Gaussian x and random bags.

    Parameters
    ----------
    psi, bag_size, rho : array_like
        As for `risk`.
    gain : array_like
        Steepness of the label probability, in [0, inf].

    Returns
    -------
    SignLabelAccuracy
        Where the risk diverges the direction is lost: cosine 0, accuracies 1/2.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> out = sign_label_accuracy(6, 3, 0.3, gain=3.0)
    >>> [round(float(v), 6) for v in (out.cosine, out.direction_accuracy, out.label_accuracy)]
    [0.730554, 0.760738, 0.717746]
    """
    gain = array("gain", gain, 0, allow_inf=True)
    psi, bag_size, rho = checked_cell(psi, bag_size, rho)
    point = solve_fixed_point(psi, bag_size, rho, np.zeros(()))
    kappa = linear_gain(gain)
    noise = 1.0 - kappa**2
    # s and tau divided by x sqrt(a), so that the limit of infinite rho keeps its direction
    spread = kappa**2 * (point.deficit**2 + point.a * point.within_energy) + noise
    cosine = kappa * np.sqrt(point.a)
    cosine = cosine / np.sqrt(cosine**2 + quotient(spread, point.slack))
    cosine, gain = np.broadcast_arrays(cosine, gain)
    direction = 1.0 - np.arccos(cosine) / np.pi
    return SignLabelAccuracy(
        np.array(cosine)[()], np.array(direction)[()], label_accuracy(cosine, gain)
    )


def best_label_weight(psi: ArrayLike, gain: ArrayLike) -> Real:
    """Return the weight rho whose estimate turns least from the truth, whatever the bag size.

    Parameters
    ----------
    psi : array_like
        n/d, above 1.
    gain : array_like
        gamma, at least 0.

    Returns
    -------
    ndarray or float
        In [0, 1]: ``(1 - kappa²) / (psi kappa² + 1 - kappa²)`` with kappa of `linear_gain`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> round(float(best_label_weight(6, 3.0)), 4)
    0.1557
    """
    psi = array("psi", psi, 1, open_low=True)
    signal = linear_gain(gain) ** 2
    return (1.0 - signal) / (psi * signal + 1.0 - signal)


def linear_gain(gain: ArrayLike) -> Real:
    """E[z tanh(gain z/2)]: the slope of the best linear fit to +-1 labels.

    Parameters
    ----------
    gain : array_like
        In [0, inf].

    Returns
    -------
    ndarray or float
        In [0, sqrt(2/pi)].

    Raises
    ------
    ValueError
        When the gain is negative.

    Examples
    --------
    >>> float(linear_gain(np.inf)) == float(np.sqrt(2 / np.pi))
    True
    """
    gain = array("gain", gain, 0, allow_inf=True)
    finite = np.where(np.isinf(gain), 0.0, gain)
    slope: Real = (WEIGHTS * NODES * np.tanh(0.5 * finite[..., None] * NODES)).sum(-1)
    return np.where(np.isinf(gain), np.sqrt(2.0 / np.pi), slope)[()]


def label_accuracy(cosine: ArrayLike, gain: ArrayLike) -> Real:
    """Probability that a direction at the given cosine predicts a fresh label.

    Parameters
    ----------
    cosine : array_like
        Cosine of the angle to theta_0, in [-1, 1].
    gain : array_like
        In [0, inf].

    Returns
    -------
    ndarray or float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> float(label_accuracy(0.0, 5.0).round(12))
    0.5
    """
    cosine = array("cosine", cosine, -1, 1)[..., None]
    gain = array("gain", gain, 0, allow_inf=True)[..., None]
    with np.errstate(divide="ignore"):
        slope = cosine / np.sqrt((1.0 - cosine) * (1.0 + cosine))
    agree, label = ndtr(slope * NODES), expit(gain * NODES)
    right = (WEIGHTS * (agree * label + (1.0 - agree) * (1.0 - label))).sum(-1)
    return np.asarray(np.clip(right, 0.0, 1.0))[()]


def instance_logistic_norm(bag_size: ArrayLike, norm: ArrayLike) -> Real:
    """Norm to which the instance-level logistic loss shrinks a parameter of the given norm.

    Population limit for balanced classes, isotropic Gaussian x and random bags; the direction
    is right. *Exact* in the limit of many samples.

    Parameters
    ----------
    bag_size : array_like
        k >= 1.
    norm : array_like
        ||theta_0|| >= 0 of the true logistic model.

    Returns
    -------
    ndarray or float
        g with E[z sigma(g z)] = E[z sigma(norm z)]/k.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> instance_logistic_norm([1, 2, 5], 2.0).round(4).tolist()
    [2.0, 0.6672, 0.2459]
    """
    k, norm = np.broadcast_arrays(array("bag_size", bag_size, 1), array("norm", norm, 0))
    flat_k, flat = np.ravel(k), np.ravel(norm)
    result = flat.copy()
    moved = (flat > 0) & (flat_k > 1)
    if moved.any():
        target = linear_gain(flat[moved]) / flat_k[moved]

        def excess(log_gain: Real) -> tuple[Real, Real]:
            gain = np.exp(log_gain)
            tanh = np.tanh(0.5 * gain[:, None] * NODES)
            slope = (WEIGHTS * NODES * tanh).sum(-1)
            change = (WEIGHTS * NODES**2 * (1.0 - tanh**2)).sum(-1) * 0.5 * gain
            return np.log(slope / target), change / slope

        # the slope is concave in the gain: dividing it by k divides the gain by more
        top = np.log(flat[moved])
        bottom = np.log(2.0 * target) - 1.0
        result[moved] = np.exp(increasing_root(excess, bottom, top))
    return result.reshape(k.shape)[()]


def debiased_risk(
    psi: ArrayLike,
    bag_size: ArrayLike,
    *,
    noise_variance: ArrayLike,
    signal_power: ArrayLike = 1.0,
) -> Real:
    """Asymptotic excess risk of least squares on debiased responses k ybar - (k-1) mean(y).

    With centred features this is k times the instance-level estimator, unbiased.

    Parameters
    ----------
    psi, bag_size, noise_variance, signal_power : array_like
        As for `risk`; of minimum norm when psi < 1.

    Returns
    -------
    ndarray or float
        (k sigma² + (k-1) ||theta_0||²)/(psi - 1) when psi > 1; with psi > k it is less than the
        bag level's k sigma²/(psi - k) exactly when ||theta_0||²/sigma² < k/(psi - k).

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/aggregate_responses.md; the debiasing is that of Busa-Fekete et al.
    (NeurIPS 2023).

    Examples
    --------
    >>> float(debiased_risk(9, 3, noise_variance=0.5))
    0.4375
    """
    psi, k, _ = checked_cell(psi, bag_size, 0.0)
    noise, signal = checked_powers(noise_variance, signal_power)
    enough = quotient(k * noise + (k - 1.0) * signal, np.maximum(psi - 1.0, 0.0))
    # k times the interpolating solution, whose shrinkage is psi/k
    q = 1.0 - psi / k
    spread = psi * (k * q**2 + (1.0 - 1.0 / k) * psi**2) * signal + psi * k * noise
    few = signal * (1.0 - psi) ** 2 + quotient(spread, np.maximum(1.0 - psi, 0.0))
    return np.array(np.where(psi < 1, few, enough))[()]
