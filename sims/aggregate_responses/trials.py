"""Trials on drawn data: the oracle of the exact laws, and what has no shorter law.

Each function is one independent repetition over all bag sizes and weights, deterministic given
its generator. Features are isotropic and bags consecutive, which for exchangeable samples is as
good as random.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from sims.aggregate_responses.bags import Bags, as_bags, equal_bags
from sims.aggregate_responses.classification import SignLabelAccuracy, label_accuracy
from sims.aggregate_responses.fixed_point import product
from sims.aggregate_responses.isotropic import AggregateRisk, as_risk
from sims.aggregate_responses.mechanism import LabelPrivacy
from sims.aggregate_responses.path_solver import Blocks, PathSolver
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    from sims.aggregate_responses.estimators.logistic import Loss

    Real = NDArray[np.float64]

FEATURES = ("gaussian", "rademacher", "uniform", "student")


def draw_features(n: int, d: int, rng: Generator, law: str = "gaussian") -> Real:
    """Draw independent features of mean 0 and variance 1.

    Parameters
    ----------
    n, d : int
    rng : Generator
    law : {"gaussian", "rademacher", "uniform", "student"}
        The last with 5 degrees of freedom.

    Raises
    ------
    ValueError
        For another law.

    Examples
    --------
    >>> sorted(set(draw_features(5, 2, np.random.default_rng(0), "rademacher").ravel()))
    [np.float64(-1.0), np.float64(1.0)]
    """
    if law not in FEATURES:
        reject("law", law, f"one of {', '.join(FEATURES)}")
    shape = n, d
    if law == "rademacher":
        return np.asarray(2.0 * rng.integers(0, 2, shape) - 1.0)
    if law == "uniform":
        return np.asarray(np.sqrt(3.0) * rng.uniform(-1.0, 1.0, shape))
    if law == "student":
        return np.asarray(np.sqrt(3.0 / 5.0) * rng.standard_t(5.0, shape))
    return rng.standard_normal(shape)


def feature_trial(
    n: int,
    d: int,
    bag_sizes: ArrayLike,
    rhos: ArrayLike,
    *,
    noise_variance: float,
    signal_power: float = 1.0,
    law: str = "gaussian",
    rng: Generator,
) -> AggregateRisk:
    """Bias², variance and risk given drawn features of any law, theta_0's direction averaged.

    Parameters
    ----------
    n, d : int
        Samples and features.
    bag_sizes : array_like of int, shape (sizes,)
        Divisors of n.
    rhos : array_like, shape (rhos,)
        Weights in [0, inf).
    noise_variance, signal_power : float
        sigma² >= 0 and ||theta_0||² > 0. No noise is drawn.
    law : str
        See `draw_features`.
    rng : Generator

    Returns
    -------
    AggregateRisk
        Arrays of shape (sizes, rhos).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> feature_trial(120, 20, [2, 3], [0.1, 1.0], noise_variance=0.5, rng=rng).total.shape
    (2, 2)
    """
    weights = array("rhos", rhos, 0, ndim=1)
    noise = np.asarray(number("noise_variance", noise_variance, 0))
    signal = number("signal_power", signal_power, 0, open_low=True)
    data = draw_features(n, d, rng, law)
    curves = []
    for _, _, blocks in _partitions(data, bag_sizes):
        solver = PathSolver(blocks, weights)
        curves.append((solver.mean_bias_squared(), solver.variance()))
    bias, variance = np.stack(curves, axis=1)
    return as_risk(signal * bias, product(noise, variance))


def private_trial(
    n: int,
    d: int,
    bag_sizes: ArrayLike,
    rhos: ArrayLike,
    *,
    epsilon: float,
    clip: float,
    noise_variance: float,
    signal_power: float = 1.0,
    sensitivity_factor: float = 2.0,
    ridge: float = 0.0,
    rng: Generator,
) -> Real:
    """Excess risk of estimators fitted to label-private bag means, shape (sizes, rhos).

    Responses are drawn and clipped; the Laplace noise is averaged exactly, given the features.

    Parameters
    ----------
    n, d, bag_sizes, rhos, noise_variance, signal_power, rng
        As for `feature_trial`.
    epsilon, clip, sensitivity_factor : float
        As for `LabelPrivacy`.
    ridge : float
        lambda >= 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> arguments = dict(epsilon=2.0, clip=1.6, noise_variance=0.25, rng=rng)
    >>> private_trial(200, 20, [1, 5], [0.1, 1.0], **arguments).shape
    (2, 2)
    """
    weights = array("rhos", rhos, 0, ndim=1)
    privacy = LabelPrivacy(epsilon, clip, sensitivity_factor)
    theta, data = _direction(d, signal_power), draw_features(n, d, rng)
    responses = data @ theta + np.sqrt(noise_variance) * rng.standard_normal(n)
    rows = []
    for size, bags, blocks in _partitions(data, bag_sizes):
        solver = PathSolver(blocks, weights, ridge * d)
        found = solver.coefficients(np.sqrt(size) * privacy.clipped_means(responses, bags))
        laplace = 2.0 * size * privacy.scales(bags)[0] ** 2
        rows.append(((found - theta) ** 2).sum(1) + laplace * solver.variance())
    return np.array(rows)


def sign_label_trial(
    n: int, d: int, bag_sizes: ArrayLike, rhos: ArrayLike, *, gain: float, rng: Generator
) -> SignLabelAccuracy:
    """Accuracy of the interpolating squared loss on drawn +-1 labels, arrays (sizes, rhos).

    Given the fitted direction, both accuracies are exact for fresh Gaussian samples.

    Parameters
    ----------
    n, d, bag_sizes, rhos, rng
        As for `feature_trial`.
    gain : float
        As for `sign_label_accuracy`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sign_label_trial(120, 20, [3], [0.1, 1.0], gain=3.0, rng=rng).cosine.shape
    (1, 2)
    """
    weights = array("rhos", rhos, 0, ndim=1)
    data = draw_features(n, d, rng)
    with np.errstate(invalid="ignore"):
        chance = expit(np.where(data[:, 0] == 0, 0.0, gain * data[:, 0]))
    labels = np.where(rng.uniform(size=n) < chance, 1.0, -1.0)
    rows = []
    for size, bags, blocks in _partitions(data, bag_sizes):
        found = PathSolver(blocks, weights).coefficients(np.sqrt(size) * bags.means(labels))
        rows.append(found[:, 0] / np.linalg.norm(found, axis=1))
    cosine = np.clip(np.array(rows), -1.0, 1.0)
    direction = 1.0 - np.arccos(cosine) / np.pi
    return SignLabelAccuracy(cosine, direction, label_accuracy(cosine, gain))


def logistic_trial(
    n: int,
    d: int,
    bag_sizes: ArrayLike,
    losses: Sequence[Loss],
    *,
    norm: float,
    ridge: float = 1e-6,
    rng: Generator,
) -> tuple[Real, Real]:
    """Norm and cosine of logistic regressions on bag proportions, two arrays (sizes, losses).

    Parameters
    ----------
    n, d, bag_sizes, rng
        As for `feature_trial`.
    losses : sequence of str
        Losses of `AggregateLogisticRegression`.
    norm : float
        ||theta_0||.
    ridge : float

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> norms, cosines = logistic_trial(400, 3, [2], ["instance"], norm=2.0, rng=rng)
    >>> norms.shape, cosines.shape
    ((1, 1), (1, 1))
    """
    from sims.aggregate_responses.estimators import AggregateLogisticRegression

    data = draw_features(n, d, rng)
    labels = (rng.uniform(size=n) < expit(norm * data[:, 0])).astype(int)
    norms, cosines = [], []
    for size in _divisors(n, bag_sizes):
        bags = equal_bags(n, size)
        for loss in losses:
            model = AggregateLogisticRegression(loss=loss, ridge=ridge, fit_intercept=False)
            found = model.fit(data, labels, bags).coef_[0]
            norms.append(np.linalg.norm(found))
            cosines.append(found[0] / norms[-1])
    shape = -1, len(losses)
    return np.reshape(norms, shape), np.reshape(cosines, shape)


def split_trial(
    features: Real,
    responses: Real,
    bag_sizes: ArrayLike,
    rhos: ArrayLike,
    *,
    train: int,
    rng: Generator,
    ridge: float = 0.0,
) -> Real:
    """Test error of the interpolating regression on one random split of real data.

    Features and responses are standardised on the training part; bags are random, and training
    samples that do not fill a bag are left out.

    Parameters
    ----------
    features, responses : ndarray, shapes (n, d) and (n,)
    bag_sizes : array_like of int, shape (sizes,)
        Each in [1, train].
    rhos : array_like, shape (rhos,)
    train : int
        Training samples, in [2, n).
    rng : Generator
    ridge : float

    Returns
    -------
    ndarray, shape (sizes, rhos)
        Mean squared error on the rest, in units of the training responses' variance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 3))
    >>> split_trial(x, x @ [1.0, 2.0, 0.0], [2, 4], [0.1, 1.0], train=40, rng=rng).shape
    (2, 2)
    """
    from sims.aggregate_responses.rho_path import interpolating_path

    data, values, rest, truth = standardised_split(features, responses, train, rng)
    rows = []
    for size in array("bag_sizes", bag_sizes, 1, train, ndim=1).astype(int):
        kept = train - train % size
        bags = equal_bags(kept, size)
        path = interpolating_path(data[:kept], values[:kept], rhos, bags=bags, ridge=ridge)
        predictions = path.coefficients @ rest.T + path.intercepts[:, None]
        rows.append(((predictions - truth) ** 2).mean(1))
    return np.array(rows)


def standardised_split(
    features: Real, responses: Real, train: int, rng: Generator
) -> tuple[Real, Real, Real, Real]:
    """Split at random and standardise by the training part: train X, y, test X, y."""
    train = integer("train", train, 2, len(features) - 1)
    order = rng.permutation(len(features))
    inside, outside = order[:train], order[train:]
    centre, scale = features[inside].mean(0), features[inside].std(0)
    scale = np.where(scale > 0, scale, 1.0)
    level, unit = responses[inside].mean(), responses[inside].std()
    data, values = (features - centre) / scale, (responses - level) / unit
    return data[inside], values[inside], data[outside], values[outside]


def _partitions(data: Real, bag_sizes: ArrayLike) -> Iterator[tuple[int, Bags, Blocks]]:
    """Yield every bag size's partition and blocks; the total scatter is formed once."""
    n, d = data.shape
    total = data.T @ data
    for size in _divisors(n, bag_sizes):
        bags = as_bags(equal_bags(n, size), n)
        means = bags.means(data)
        within = data - means[bags.index] if n < d else None
        yield size, bags, Blocks(np.sqrt(size) * means, total, n, within)


def _divisors(n: int, bag_sizes: ArrayLike) -> list[int]:
    sizes = array("bag_sizes", bag_sizes, 1, n, ndim=1)
    for size in sizes:
        equal_bags(n, integer("bag_size", size, 1, n))
    return [int(size) for size in sizes]


def _direction(d: int, signal_power: float) -> Real:
    theta = np.zeros(d)
    theta[0] = np.sqrt(number("signal_power", signal_power, 0, open_low=True))
    return theta
