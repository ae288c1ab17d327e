"""Information planes: I(T;X) and I(T;Y) of every layer while networks train, by four estimators."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.binning import adaptive_binned_information, binned_information
from sims.information_bottleneck.counting import LayerInformation
from sims.information_bottleneck.icosahedron import icosahedron_dataset
from sims.information_bottleneck.kde import adaptive_kde_information, kde_information
from sims.information_bottleneck.training import TrainingSettings, train_networks
from sims.information_bottleneck.validity import integer_labels
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike

    from sims.information_bottleneck.kde import VarianceRule
    from sims.information_bottleneck.training import Snapshot

FloatArray = NDArray[np.float64]
PlaneEstimator = Literal["fixed-bins", "adaptive-bins", "kde", "adaptive-kde"]

ESTIMATORS: tuple[str, ...] = get_args(PlaneEstimator)
KERNEL_ESTIMATORS = ("kde", "adaptive-kde")
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class PlaneSettings:
    """What an information plane imposes on a deterministic network.

    Attributes
    ----------
    width : float
        Of the fixed bins, > 0.
    bins : int
        Of the adaptive binning, >= 1.
    variance : float
        Of the noise of the fixed kernel estimate, > 0.
    scale : float
        Constant of the adaptive kernel estimate, > 0.
    rule : {"max", "max-squared"}
        Its noise variance is `scale` times the largest activity, or times its square.
    kernel_patterns : int
        At most so many patterns, always the same, for the two kernel estimates, whose cost is
        quadratic; their ceiling becomes the logarithm of this number.
    """

    width: float = 0.07
    bins: int = 30
    variance: float = 1e-3
    scale: float = 1e-3
    rule: VarianceRule = "max"
    kernel_patterns: int = 1024

    def __post_init__(self) -> None:
        """Check every setting, so that no estimator fails halfway."""
        for name in ("width", "variance", "scale"):
            number(name, getattr(self, name), 0.0, open_low=True)
        integer("bins", self.bins, 1)
        integer("kernel_patterns", self.kernel_patterns, 2)
        if self.rule not in ("max", "max-squared"):
            reject("rule", self.rule, "'max' or 'max-squared'")


@dataclass(frozen=True, eq=False)
class InformationPlane:
    """Trajectories of layers; all information in nats.

    Attributes
    ----------
    epochs : ndarray of int, shape (epochs,)
    estimators : tuple of str
    information_x, information_y : ndarray, shape (estimators, epochs, networks, layers)
    ceilings : ndarray, shape (estimators,)
        log of the number of patterns each estimator was given: no I(T;X) is above it.
    train_accuracy, test_accuracy : ndarray, shape (epochs, networks)
    """

    epochs: NDArray[np.int64]
    estimators: tuple[str, ...]
    information_x: FloatArray
    information_y: FloatArray
    ceilings: FloatArray
    train_accuracy: FloatArray
    test_accuracy: FloatArray


def estimate_layer(
    activations: ArrayLike,
    labels: ArrayLike,
    estimator: PlaneEstimator,
    *,
    settings: PlaneSettings | None = None,
    low: float | None = None,
) -> LayerInformation:
    """Estimate I(T;X) and I(T;Y) of one layer of several networks.

    Parameters
    ----------
    activations : array_like, shape (..., patterns, units)
        float32 where saturation matters, as the papers stored them.
    labels : array_like of int, shape (patterns,)
    estimator : {"fixed-bins", "adaptive-bins", "kde", "adaptive-kde"}
        The kernel estimates are those from the upper bounds.
    settings : PlaneSettings, optional
    low : float, optional
        A value with probability of its own (0 of ReLU), for the adaptive bins.

    Returns
    -------
    LayerInformation
        In nats; arrays with the leading axes of the activations.

    Raises
    ------
    ValueError
        For another estimator, and as the estimators themselves.

    Examples
    --------
    >>> layer = [[0.0, 0.1], [0.9, 0.8], [0.0, 0.1], [1.0, 0.3]]
    >>> found = estimate_layer(layer, [0, 1, 0, 1], "fixed-bins")
    >>> round(float(found.information_y), 4)
    0.6931
    """
    settings = settings or PlaneSettings()
    if estimator == "fixed-bins":
        return binned_information(activations, labels, width=settings.width)
    if estimator == "adaptive-bins":
        return adaptive_binned_information(activations, labels, bins=settings.bins, low=low)
    if estimator not in KERNEL_ESTIMATORS:
        reject("estimator", estimator, f"one of {', '.join(ESTIMATORS)}")
    layer = array("activations", activations)
    if layer.ndim < 2:
        reject("activations.shape", layer.shape, "(..., patterns, units)")
    classes = integer_labels("labels", labels, layer.shape[-2])
    chosen = _patterns(layer.shape[-2], settings.kernel_patterns)
    layer, classes = layer[..., chosen, :], classes[chosen]
    found = np.empty((2, *layer.shape[:-2]))
    for index in np.ndindex(layer.shape[:-2]):
        one = layer[index]
        estimate = (
            kde_information(one, classes, variance=settings.variance)
            if estimator == "kde"
            else adaptive_kde_information(one, classes, scale=settings.scale, rule=settings.rule)
        )
        found[0][index] = estimate.information_x.upper
        found[1][index] = estimate.information_y_upper
    return LayerInformation(found[0], found[1])


def information_plane(
    snapshots: Iterable[Snapshot],
    labels: ArrayLike,
    estimators: Sequence[PlaneEstimator] = ("adaptive-bins",),
    *,
    settings: PlaneSettings | None = None,
    low: float | None = None,
) -> InformationPlane:
    """Follow every layer of every network through its training.

    Snapshots are used up one by one and their activations dropped, so that the memory is that of
    one of them, however many epochs and networks there are.

    Parameters
    ----------
    snapshots : iterable of Snapshot
        Such as `training.train_networks`.
    labels : array_like of int, shape (patterns,)
    estimators : sequence of str
        As for `estimate_layer`, at least one.
    settings, low
        As for `estimate_layer`.

    Returns
    -------
    InformationPlane

    Raises
    ------
    ValueError
        For no snapshot, no estimator or an unknown one, and as `estimate_layer`.

    References
    ----------
    R. Shwartz-Ziv, N. Tishby (2017); I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive
    estimators show information compression in deep neural networks, ICLR 2019.

    Examples
    --------
    >>> from sims.information_bottleneck.training import Snapshot
    >>> layer = np.array([[[0.0], [0.1], [0.9], [1.0]]], dtype=np.float32)
    >>> one = Snapshot(0, (layer,), np.array([0.5]), np.array([0.5]))
    >>> plane = information_plane([one], [0, 0, 1, 1])
    >>> plane.information_x.shape, plane.information_x.round(4).ravel()
    ((1, 1, 1, 1), array([1.3863]))
    """
    settings = settings or PlaneSettings()
    for estimator in estimators:
        if estimator not in ESTIMATORS:
            reject("estimators", estimator, f"out of {', '.join(ESTIMATORS)}")
    if not estimators:
        reject("estimators", tuple(estimators), "not empty")
    seen: list[tuple[int, FloatArray, FloatArray, FloatArray]] = []
    patterns = 2
    for snapshot in snapshots:
        found = np.empty((2, len(estimators), len(snapshot.test_accuracy), len(snapshot.layers)))
        for which, estimator in enumerate(estimators):
            for layer, activations in enumerate(snapshot.layers):
                patterns = activations.shape[-2]
                estimate = estimate_layer(
                    activations, labels, estimator, settings=settings, low=low
                )
                found[0, which, :, layer] = estimate.information_x
                found[1, which, :, layer] = estimate.information_y
        seen.append((snapshot.epoch, found, snapshot.train_accuracy, snapshot.test_accuracy))
    if not seen:
        reject("snapshots", (), "not empty")
    epochs, found_all, train, test = zip(*seen)
    information = np.moveaxis(np.stack(found_all), 0, 2)
    return InformationPlane(
        np.array(epochs),
        tuple(estimators),
        information[0],
        information[1],
        np.array([_ceiling(e, patterns, settings) for e in estimators]),
        np.stack(train),
        np.stack(test),
    )


def run_information_plane(
    settings: TrainingSettings,
    rng: Generator,
    *,
    estimators: Sequence[PlaneEstimator] = ("adaptive-bins",),
    plane: PlaneSettings | None = None,
) -> InformationPlane:
    """Train networks on the 12-bit icosahedron data and follow their layers: one repetition.

    Parameters
    ----------
    settings : TrainingSettings
        The defaults, 8 networks for 500 epochs, take a few seconds with binned estimators.
    rng : Generator
    estimators, plane
        As for `information_plane`.

    Returns
    -------
    InformationPlane

    Raises
    ------
    ValueError
        As `information_plane`.

    Examples
    --------
    >>> short = TrainingSettings(networks=2, epochs=1, looks=1)
    >>> plane = run_information_plane(short, np.random.default_rng(0))
    >>> plane.information_x.shape, bool(plane.information_x.max() <= np.log(4096) + 1e-9)
    ((1, 2, 2, 6), True)
    """
    data = icosahedron_dataset()
    looks = train_networks(data.patterns, data.labels, settings, rng)
    return information_plane(looks, data.labels, estimators, settings=plane, low=settings.low)


def _ceiling(estimator: str, patterns: int, settings: PlaneSettings) -> float:
    if estimator in KERNEL_ESTIMATORS:
        patterns = min(patterns, settings.kernel_patterns)
    return math.log(patterns)


def _patterns(count: int, limit: int) -> NDArray[np.intp]:
    """Choose rows for the kernel estimates: all, or so many that favour no bit of their number."""
    if count <= limit:
        return np.arange(count)
    order = np.argsort(np.arange(count) * _GOLDEN % 1.0, kind="stable")
    return np.sort(order[:limit])
