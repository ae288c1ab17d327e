"""The Cauchy–Schwarz bottleneck for regression: small networks on Friedman's function, compared.

Every seed draws its own data, first weights and order of samples; all losses and weights beta of
the penalty start from them together, so that differences between them are paired.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.cauchy_schwarz import normalised_cs_qmi
from sims.information_bottleneck.conditional import moments, moments_gradient
from sims.information_bottleneck.minibatch import information_penalty, input_kernel
from sims.numerics.descent import Adam, squared_error
from sims.numerics.networks import Ensemble, backward, forward, initialise
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator

FloatArray = NDArray[np.float64]

LOSSES = ("cs", "mse")
BOTTLENECK = 2  # the linear layer after two hidden ones


@dataclass(frozen=True)
class BottleneckSettings:
    """A comparison of losses and compression weights.

    Attributes
    ----------
    losses : tuple of str
        "cs" for the conditional Cauchy–Schwarz divergence, "mse" for the squared error.
    betas : tuple of float
        Weights of the normalised CS-QMI, >= 0; the first must be 0, the reference for
        compression.
    seeds : int
        Independent repetitions trained together, >= 1.
    train, test : int
        Samples, >= 2.
    features : int
        >= 5; those beyond the fifth are noise.
    epochs, batch : int
        >= 1; a batch >= 2.
    rate : float
        Of Adam, > 0.
    hidden, latent : int
        Units of the ReLU layers and of the linear bottleneck, >= 1.
    width_x, width_y : float
        Kernel widths of the "cs" loss, for standardised data, > 0.
    width_penalty : float
        Kernel width of the penalty, for inputs and bottleneck, > 0.
    epsilon : float
        Largest change of a standardised input by the fast-gradient-sign attack, >= 0.
    """

    losses: tuple[str, ...] = LOSSES
    betas: tuple[float, ...] = (0.0, 0.1, 0.3, 1.0)
    seeds: int = 1
    train: int = 1500
    test: int = 1500
    features: int = 8
    epochs: int = 60
    batch: int = 128
    rate: float = 1e-3
    hidden: int = 64
    latent: int = 16
    width_x: float = 1.0
    width_y: float = 1.0
    width_penalty: float = 3.0
    epsilon: float = 0.1

    def __post_init__(self) -> None:
        """Check every setting."""
        if not self.losses or any(loss not in LOSSES for loss in self.losses):
            reject("losses", self.losses, f"out of {', '.join(LOSSES)}, not empty")
        if not self.betas or self.betas[0] != 0:
            reject("betas", self.betas, "a list that starts with 0, the reference")
        for beta in self.betas:
            number("betas", beta, 0.0)
        for name in ("seeds", "epochs", "hidden", "latent"):
            integer(name, getattr(self, name), 1)
        for name in ("train", "test", "batch"):
            integer(name, getattr(self, name), 2)
        integer("features", self.features, 5)
        for name in ("rate", "width_x", "width_y", "width_penalty"):
            number(name, getattr(self, name), 0.0, open_low=True)
        number("epsilon", self.epsilon, 0.0)


@dataclass(frozen=True, eq=False)
class BottleneckOutcome:
    """What the networks reached; arrays of shape (losses, seeds, betas) except `betas`.

    Every figure is measured in the same way for every loss, on test samples unless it says
    otherwise.

    Attributes
    ----------
    betas : ndarray, shape (betas,)
    train_rmse, test_rmse : ndarray
        In units of the standard deviation of y.
    adversarial_rmse : ndarray
        Under a fast-gradient-sign attack on the squared error.
    qmi : ndarray
        Normalised CS-QMI of inputs and bottleneck, without unit.
    compression : ndarray
        r = 1 - qmi/qmi(beta = 0): 0 none, 1 full.
    information_y : ndarray
        (1/2) log(Var y/MSE), nats: what a Gaussian y would share with its prediction.
    """

    betas: FloatArray
    train_rmse: FloatArray
    test_rmse: FloatArray
    adversarial_rmse: FloatArray
    qmi: FloatArray
    compression: FloatArray
    information_y: FloatArray


class Regression(NamedTuple):
    """Standardised samples of several independent repetitions.

    Attributes
    ----------
    x : ndarray, shape (seeds, n, features)
    y : ndarray, shape (seeds, n, 1)
    """

    x: FloatArray
    y: FloatArray


def friedman_samples(
    seeds: int, train: int, test: int, rng: Generator, *, features: int = 8
) -> tuple[Regression, Regression]:
    """Draw Friedman's first function of uniform inputs, with skewed noise, standardised.

    ``y = 10 sin(pi x1 x2) + 20 (x3 - 1/2)² + 10 x4 + 5 x5 + g - 2``, g ~ Gamma(2, 1). Inputs are
    standardised by their law, y by the mean and deviation of its training samples.

    Parameters
    ----------
    seeds, train, test : int
        Repetitions and their samples.
    rng : Generator
    features : int
        >= 5.

    Returns
    -------
    Regression, Regression
        For training and for testing.

    References
    ----------
    J. H. Friedman, Multivariate adaptive regression splines, Ann. Statist. 19 (1991); the noise
    is ours.

    Examples
    --------
    >>> train, test = friedman_samples(2, 100, 50, np.random.default_rng(0))
    >>> train.x.shape, test.y.shape, bool(np.allclose(train.y.std(axis=1), 1.0))
    ((2, 100, 8), (2, 50, 1), True)
    """
    uniform = rng.random((seeds, train + test, features))
    x1, x2, x3, x4, x5 = np.moveaxis(uniform[..., :5], -1, 0)
    y = 10.0 * np.sin(math.pi * x1 * x2) + 20.0 * (x3 - 0.5) ** 2 + 10.0 * x4 + 5.0 * x5
    y += rng.gamma(2.0, 1.0, y.shape) - 2.0
    seen = y[:, :train]
    y = (y - seen.mean(axis=1, keepdims=True)) / seen.std(axis=1, keepdims=True)
    x, y = (uniform - 0.5) * math.sqrt(12.0), y[..., None]
    return Regression(x[:, :train], y[:, :train]), Regression(x[:, train:], y[:, train:])


def run_bottleneck(settings: BottleneckSettings, rng: Generator) -> BottleneckOutcome:
    """Draw data, train every network, and measure all of them alike.

    Parameters
    ----------
    settings : BottleneckSettings
    rng : Generator

    Returns
    -------
    BottleneckOutcome
        Of the last epoch: no epoch is chosen by its test error.

    Raises
    ------
    ValueError
        When there are no more training samples than one.

    References
    ----------
    Yu, Yu, Løkse, Jenssen, Príncipe, Cauchy–Schwarz divergence information bottleneck for
    regression, ICLR 2024 (the objective); the experiment is ours.

    Examples
    --------
    >>> settings = BottleneckSettings(betas=(0.0,), train=50, test=50, epochs=1, hidden=4, latent=2)
    >>> found = run_bottleneck(settings, np.random.default_rng(0))
    >>> found.test_rmse.shape, found.compression.ravel()
    ((2, 1, 1), array([0., 0.]))
    """
    train, test = friedman_samples(
        settings.seeds, settings.train, settings.test, rng, features=settings.features
    )
    return measure(train_bottleneck(train, settings, rng), train, test, settings)


def train_bottleneck(data: Regression, settings: BottleneckSettings, rng: Generator) -> Ensemble:
    """Train seeds x losses x betas networks together, in this order along the networks' axis.

    Parameters
    ----------
    data : Regression
    settings : BottleneckSettings
    rng : Generator

    Returns
    -------
    Ensemble

    Examples
    --------
    >>> settings = BottleneckSettings(betas=(0.0, 1.0), epochs=1, hidden=4, latent=2)
    >>> rng = np.random.default_rng(0)
    >>> data, _ = friedman_samples(1, 50, 2, rng)
    >>> train_bottleneck(data, settings, rng).parameters.shape
    (4, 83)
    """
    seeds, count, features = data.x.shape
    rivals = len(settings.losses) * len(settings.betas)
    sizes = (features, settings.hidden, settings.hidden, settings.latent, settings.hidden, 1)
    names = ("relu", "relu", "linear", "relu", "linear")
    first = initialise(sizes, names, seeds, rng, gain=math.sqrt(2.0))
    networks = first.like(np.repeat(first.parameters, rivals, axis=0))
    slope = networks.like(np.empty_like(networks.parameters))
    adam = Adam(networks.parameters, rate=settings.rate)
    order = np.tile(np.arange(count), (seeds, 1))
    for _ in range(settings.epochs):
        order = rng.permuted(order, axis=1)
        for start in range(0, count - 1, settings.batch):
            chosen = order[:, start : start + settings.batch, None]
            x = np.take_along_axis(data.x, chosen, axis=1)
            y = np.take_along_axis(data.y, chosen, axis=1)
            trace = forward(networks, np.repeat(x, rivals, axis=0))
            output, hidden = objective_gradient(
                x, y, trace.output, trace.after[BOTTLENECK], settings
            )
            backward(networks, trace, output, hidden={BOTTLENECK: hidden}, into=slope)
            adam.step(slope.parameters)
    return networks


def objective_gradient(
    x: FloatArray,
    y: FloatArray,
    output: FloatArray,
    latent: FloatArray,
    settings: BottleneckSettings,
) -> tuple[FloatArray, FloatArray]:
    """Differentiate every network's objective in its output and in its bottleneck.

    Parameters
    ----------
    x, y : ndarray, shapes (seeds, B, features) and (seeds, B, 1)
    output, latent : ndarray, shapes (networks, B, 1) and (networks, B, latent)
        Networks in the order of `train_bottleneck`.
    settings : BottleneckSettings

    Returns
    -------
    ndarray, ndarray
        Shapes of output and latent.

    Examples
    --------
    >>> settings = BottleneckSettings(losses=("mse",), betas=(0.0,))
    >>> x = np.zeros((1, 2, 5))
    >>> objective_gradient(x, x[..., :1], np.ones((1, 2, 1)), np.ones((1, 2, 3)), settings)[0]
    array([[[1.],
            [1.]]])
    """
    seeds, batch = x.shape[:2]
    shape = seeds, len(settings.losses), len(settings.betas), batch, -1
    output, latent = output.reshape(shape), latent.reshape(shape)
    pull = np.empty_like(output)
    for index, loss in enumerate(settings.losses):
        guesses = output[:, index]
        if loss == "mse":
            flat = guesses.reshape(-1, batch, 1)
            truth = np.repeat(y, len(settings.betas), axis=0)
            pull[:, index] = squared_error(flat, truth)[1].reshape(guesses.shape)
        else:
            parts = x[:, None], y[:, None], guesses
            found = moments(*parts, settings.width_x, settings.width_y)
            pull[:, index] = moments_gradient(*parts, settings.width_x, settings.width_y, found)
    inner = np.zeros_like(latent)
    active = np.flatnonzero(settings.betas)
    if active.size:
        kernel = input_kernel(x[:, None, None], settings.width_penalty)
        penalty = information_penalty(kernel, latent[:, :, active], settings.width_penalty)
        weights = np.array(settings.betas)[active]
        inner[:, :, active] = weights[:, None, None] * penalty.gradient
    return pull.reshape(-1, batch, 1), inner.reshape(seeds * shape[1] * shape[2], batch, -1)


def measure(
    networks: Ensemble, train: Regression, test: Regression, settings: BottleneckSettings
) -> BottleneckOutcome:
    """Measure errors, robustness and compression of trained networks.

    Examples
    --------
    >>> settings = BottleneckSettings(betas=(0.0,), hidden=4, latent=2, epochs=1)
    >>> rng = np.random.default_rng(0)
    >>> train, test = friedman_samples(1, 50, 50, rng)
    >>> found = measure(train_bottleneck(train, settings, rng), train, test, settings)
    >>> bool((found.adversarial_rmse > found.test_rmse).all())
    True
    """
    rivals = len(settings.losses) * len(settings.betas)
    x, y = np.repeat(test.x, rivals, axis=0), np.repeat(test.y, rivals, axis=0)
    trace = forward(networks, x)
    error, pull = squared_error(trace.output, y)
    attack = backward(networks, trace, pull, inputs=True)[1]
    assert attack is not None  # asked for
    attacked = forward(networks, x + settings.epsilon * np.sign(attack)).output
    seen = forward(networks, np.repeat(train.x, rivals, axis=0)).output
    qmi = _measured_qmi(x, trace.after[BOTTLENECK], settings.width_penalty)

    def ordered(values: FloatArray) -> FloatArray:
        by_seed = values.reshape(-1, len(settings.losses), len(settings.betas))
        return np.asarray(np.swapaxes(by_seed, 0, 1))

    information = ordered(qmi)
    reference = information[..., :1]
    spread = np.repeat(test.y.var(axis=(1, 2)), rivals)
    return BottleneckOutcome(
        np.array(settings.betas, dtype=np.float64),
        ordered(np.sqrt(squared_error(seen, np.repeat(train.y, rivals, axis=0))[0])),
        ordered(np.sqrt(error)),
        ordered(np.sqrt(squared_error(attacked, y)[0])),
        information,
        1.0 - information / np.where(reference > 0, reference, np.nan),
        ordered(0.5 * np.log(spread / error)),
    )


def _measured_qmi(x: FloatArray, latent: FloatArray, width: float) -> FloatArray:
    pairs: Sequence[tuple[FloatArray, FloatArray]] = list(zip(x, latent))
    return np.array([normalised_cs_qmi(a, t, width_x=width, width_t=width) for a, t in pairs])
