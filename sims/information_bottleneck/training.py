"""Training the small classifiers of the information-plane experiments, all of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.validity import integer_labels
from sims.numerics.activations import ACTIVATIONS
from sims.numerics.descent import Adam, cross_entropy, softmax
from sims.numerics.networks import Ensemble, backward, forward, initialise
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
Floats = NDArray[Any]

HIDDEN = tuple(name for name in ACTIVATIONS if name != "linear")
LAYERS = (10, 7, 5, 4, 3)
ATOMS = {"relu": 0.0, "abs": 0.0, "softplus": 0.0}


class Snapshot(NamedTuple):
    """All networks at one moment of their training.

    Attributes
    ----------
    epoch : int
        0 is before the first step.
    layers : tuple of ndarray of float32, shape (networks, patterns, units)
        Activations on every pattern; the softmax output is the last layer.
    train_accuracy, test_accuracy : ndarray, shape (networks,)
    """

    epoch: int
    layers: tuple[NDArray[np.float32], ...]
    train_accuracy: FloatArray
    test_accuracy: FloatArray


@dataclass(frozen=True)
class TrainingSettings:
    """How the networks are built and trained; the defaults are short enough for a live view.

    Attributes
    ----------
    activation : str
        "tanh", "relu", "abs", "prelu", "elu", "softplus", "centred-softplus" or "swish".
    networks : int
        Initialisations trained together, >= 1, each with its own order of patterns.
    epochs : int
        >= 1. The paper trains for 8000 to 10000.
    looks : int
        Snapshots besides the one at epoch 0, spaced evenly in log epoch, >= 1.
    l2 : float
        Weight lambda >= 0 of (lambda/2) |W|² over all layers but the output.
    rate : float
        Of Adam, > 0. The paper's is 4e-4, for its longer training.
    batch : int
        >= 1.
    train_share : float
        In (0, 1).
    layers : tuple of int
        Hidden units.
    shared_split : bool
        Whether all networks of a run are tested on the same patterns. Their accuracies then
        compare without the noise of the test set, but are no longer independent.
    """

    activation: str = "tanh"
    networks: int = 8
    epochs: int = 500
    looks: int = 16
    l2: float = 0.0
    rate: float = 8e-4
    batch: int = 256
    train_share: float = 0.8
    layers: tuple[int, ...] = LAYERS
    shared_split: bool = False

    def __post_init__(self) -> None:
        """Check every setting."""
        if self.activation not in HIDDEN:
            reject("activation", self.activation, f"one of {', '.join(HIDDEN)}")
        for name in ("networks", "epochs", "looks", "batch"):
            integer(name, getattr(self, name), 1)
        number("l2", self.l2, 0.0)
        number("rate", self.rate, 0.0, open_low=True)
        number("train_share", self.train_share, 0.0, 1.0, open_low=True, open_high=True)
        if not self.layers:
            reject("layers", self.layers, "not empty")
        for size in self.layers:
            integer("layers", size, 1)

    @property
    def low(self) -> float | None:
        """The activation value with a probability of its own, for adaptive binning."""
        return ATOMS.get(self.activation)


def look_epochs(epochs: int, looks: int) -> NDArray[np.int64]:
    """Epoch 0 and up to `looks` more, evenly spaced in log epoch, the last one included.

    Parameters
    ----------
    epochs, looks : int
        >= 1. Early looks that would fall on the same epoch are taken once.

    Raises
    ------
    ValueError
        For numbers below 1.

    Examples
    --------
    >>> look_epochs(100, 5)
    array([  0,   1,   3,  10,  32, 100])
    """
    epochs, looks = integer("epochs", epochs, 1), integer("looks", looks, 1)
    chosen = np.geomspace(1, epochs, looks) if looks > 1 else np.array([float(epochs)])
    return np.unique(np.concatenate([[0], chosen.round().astype(np.int64)]))


def train_networks(
    patterns: ArrayLike, labels: ArrayLike, settings: TrainingSettings, rng: Generator
) -> Iterator[Snapshot]:
    """Train all networks together and show them at the chosen epochs.

    Parameters
    ----------
    patterns : array_like, shape (N, d)
        Inputs; information is measured on all of them, training sees `train_share`.
    labels : array_like of int, shape (N,)
        0 … classes - 1.
    settings : TrainingSettings
    rng : Generator
        Draws the splits, the initial weights and the order of patterns.

    Yields
    ------
    Snapshot
        As training proceeds, so that a picture can grow meanwhile.

    Raises
    ------
    ValueError
        For patterns or labels that are not finite, or too few for a split.

    Notes
    -----
    Softmax cross-entropy, Adam, biases 0 and truncated-normal weights of scale 1/sqrt(units in)
    for tanh and 2/sqrt(units in) for the others; float32 throughout. Only because of it do
    saturated tanh units coincide, which is what the adaptive estimators see as compression.

    References
    ----------
    I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive estimators show information compression
    in deep neural networks, ICLR 2019; A. M. Saxe et al., ICLR 2018.

    Examples
    --------
    >>> patterns = np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 5)
    >>> settings = TrainingSettings(networks=2, epochs=3, looks=2, layers=(4,))
    >>> found = list(train_networks(patterns, patterns[:, 0], settings, np.random.default_rng(0)))
    >>> [look.epoch for look in found], [layer.shape for layer in found[0].layers]
    ([0, 1, 3], [(2, 20, 4), (2, 20, 2)])
    """
    inputs = array("patterns", patterns, ndim=2).astype(np.float32)
    classes = integer_labels("labels", labels, len(inputs))
    if classes.min() < 0:
        reject("labels", int(classes.min()), "0 or more")
    cut = round(settings.train_share * len(inputs))
    if not 0 < cut < len(inputs):
        reject("train_share", settings.train_share, f"such that {len(inputs)} patterns split")
    return _training(inputs, classes, cut, settings, rng)


def _training(
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    cut: int,
    settings: TrainingSettings,
    rng: Generator,
) -> Iterator[Snapshot]:
    networks = settings.networks
    splits = 1 if settings.shared_split else networks
    split = np.argsort(rng.random((splits, len(inputs))), axis=1)
    split = np.broadcast_to(split, (networks, len(inputs)))
    train = split[:, :cut]
    ensemble = _networks(inputs.shape[1], int(labels.max()) + 1, settings, rng)
    slope = ensemble.like(np.empty_like(ensemble.parameters))
    adam = Adam(ensemble.parameters, rate=settings.rate)
    looks = set(look_epochs(settings.epochs, settings.looks).tolist())
    yield _look(0, ensemble, inputs, labels, split, cut)
    for epoch in range(1, settings.epochs + 1):
        train = rng.permuted(train, axis=1)
        for start in range(0, cut, settings.batch):
            chosen = train[:, start : start + settings.batch]
            trace = forward(ensemble, inputs[chosen])
            _, pull = cross_entropy(trace.output, labels[chosen])
            backward(ensemble, trace, pull, into=slope)
            if settings.l2:
                for target, weights in zip(slope.weights[:-1], ensemble.weights[:-1]):
                    target += np.float32(settings.l2) * weights
            adam.step(slope.parameters)
        if epoch in looks:
            yield _look(epoch, ensemble, inputs, labels, split, cut)


def _networks(inputs: int, classes: int, settings: TrainingSettings, rng: Generator) -> Ensemble:
    sizes = (inputs, *settings.layers, max(2, classes))
    activations = (*(settings.activation for _ in settings.layers), "linear")
    return initialise(
        sizes,
        activations,
        settings.networks,
        rng,
        gain=1.0 if settings.activation == "tanh" else 2.0,
        law="truncated-normal",
        dtype=np.float32,
    )


def _look(
    epoch: int,
    ensemble: Ensemble,
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    split: NDArray[np.int64],
    cut: int,
) -> Snapshot:
    trace = forward(ensemble, inputs)
    right = trace.output.argmax(axis=2) == labels
    right = np.take_along_axis(right, split, axis=1)
    layers = (*trace.after[:-1], softmax(trace.output))
    if not math.isfinite(float(np.abs(ensemble.parameters).max())):
        raise FloatingPointError(f"training diverged before epoch {epoch}: take a smaller rate")
    return Snapshot(epoch, layers, right[:, :cut].mean(axis=1), right[:, cut:].mean(axis=1))
