"""Does compression go with generalisation? Scores, dead networks and rank correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.validity import warn
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

DEAD = 0.7  # test accuracy at or below which a network has not learned the task
FEW_NETWORKS = 20  # a rank correlation of fewer networks is noise


@dataclass(frozen=True, eq=False)
class CompressionCorrelation:
    """Spearman correlation of compression and accuracy, one for every layer.

    Attributes
    ----------
    coefficient : ndarray, shape (layers,)
        NaN for a layer in which all networks compress alike.
    p_value : ndarray, shape (layers,)
        Two-sided.
    level : float
        Level of each test after Bonferroni.
    passes : ndarray of bool, shape (layers,)
        p_value <= level.
    networks, dead : int
        Networks that took part, and those left out because they had not learned.
    """

    coefficient: FloatArray
    p_value: FloatArray
    level: float
    passes: NDArray[np.bool_]
    networks: int
    dead: int


def compression_score(information: ArrayLike, *, axis: int = 0) -> FloatArray:
    """Share of the largest I(T;X) that a layer has lost by the end of training.

    ``(max over epochs - last)/max over epochs``: 0 where it never falls, 1 where all is lost.

    Parameters
    ----------
    information : array_like
        I(T;X) >= 0 at successive epochs.
    axis : int
        The epochs' axis.

    Returns
    -------
    ndarray
        Without that axis; 0 where there never was information.

    Raises
    ------
    ValueError
        For entries that are negative or not finite, or no epoch.

    References
    ----------
    Ours; the definition in Chelombiev, Houghton, O'Donnell (ICLR 2019) was not available to us.

    Examples
    --------
    >>> compression_score([1.0, 4.0, 3.0])
    array(0.25)
    """
    values = array("information", information, 0.0)
    if values.ndim == 0 or values.shape[axis] == 0:
        reject("information.shape", values.shape, "at least one epoch long")
    largest = values.max(axis=axis)
    lost = largest - np.take(values, -1, axis=axis)
    return np.asarray(lost / np.where(largest > 0, largest, 1.0))


def dead_networks(accuracy: ArrayLike, *, threshold: float = DEAD) -> NDArray[np.bool_]:
    """Find the networks that have not learned, and say how many there are.

    Parameters
    ----------
    accuracy : array_like, shape (networks,)
        Test accuracies in [0, 1].
    threshold : float
        A network at or below it is dead.

    Returns
    -------
    ndarray of bool, shape (networks,)

    Raises
    ------
    ValueError
        For accuracies or a threshold outside [0, 1].

    Warns
    -----
    ValidityWarning
        When there are any.

    Examples
    --------
    >>> dead_networks([0.97, 0.98])
    array([False, False])
    """
    values = array("accuracy", accuracy, 0.0, 1.0, ndim=1)
    dead = values <= number("threshold", threshold, 0.0, 1.0)
    if dead.any():
        warn(
            f"{int(dead.sum())} of {dead.size} networks are dead (test accuracy at most "
            f"{threshold:g}): they are counted, not averaged"
        )
    return np.asarray(dead)


def compression_correlation(
    scores: ArrayLike, accuracy: ArrayLike, *, tests: int | None = None, level: float = 0.05
) -> CompressionCorrelation:
    """Spearman correlation between compression and test accuracy over networks, layer by layer.

    Parameters
    ----------
    scores : array_like, shape (networks, layers)
        From `compression_score`.
    accuracy : array_like, shape (networks,)
        Test accuracies; dead networks are left out and counted.
    tests : int, optional
        By how many tests Bonferroni divides the level; the layers if absent. Give the total when
        several settings are looked at.
    level : float
        Of all the tests together, in (0, 1).

    Returns
    -------
    CompressionCorrelation

    Raises
    ------
    ValueError
        For shapes that do not match, fewer than three living networks, or values outside their
        ranges.

    Warns
    -----
    ValidityWarning
        For fewer than 20 networks, and for dead ones.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> accuracy = rng.uniform(0.9, 1.0, 30)
    >>> found = compression_correlation(np.stack([accuracy, -accuracy], axis=1), accuracy)
    >>> found.coefficient.round(6), found.passes, found.level
    (array([ 1., -1.]), array([ True,  True]), 0.025)
    """
    from scipy.stats import spearmanr

    compression = array("scores", scores, ndim=2)
    reached = array("accuracy", accuracy, 0.0, 1.0, ndim=1)
    if len(reached) != len(compression):
        reject("len(accuracy)", len(reached), f"{len(compression)}, one a network")
    level = number("level", level, 0.0, 1.0, open_low=True, open_high=True)
    count = number("tests", compression.shape[1] if tests is None else tests, 1)
    dead = dead_networks(reached)
    alive = ~dead
    living = int(alive.sum())
    if living < 3:
        reject("living networks", living, "at least 3")
    if living < FEW_NETWORKS:
        warn(f"a rank correlation over {living} networks is mostly noise: take {FEW_NETWORKS}")
    layers = compression.shape[1]
    coefficient, p_value = np.full(layers, np.nan), np.full(layers, np.nan)
    for layer in range(layers):
        one, two = compression[alive, layer], reached[alive]
        if np.ptp(one) > 0 and np.ptp(two) > 0:
            found = spearmanr(one, two)
            coefficient[layer], p_value[layer] = found.statistic, found.pvalue
    return CompressionCorrelation(
        coefficient, p_value, level / count, p_value <= level / count, living, len(dead) - living
    )
