"""Information of a binned layer: fixed width, fixed range, adaptive edges; 2-D histograms.

For a deterministic layer of continuous inputs I(T;X) is infinite; every finite value is a
property of the binning, which therefore belongs on every plot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sims.information_bottleneck.counting import (
    LayerInformation,
    layer_information,
    pattern_keys,
    plug_in_entropy,
)
from sims.information_bottleneck.validity import integer_labels, paired_samples
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_LARGEST_BIN = 2.0**53  # beyond it neighbouring bins are no different numbers


def binned_information(
    activations: ArrayLike, labels: ArrayLike, *, width: float, miller_madow: bool = False
) -> LayerInformation:
    """I(T;X) and I(T;Y) of a layer in bins of equal width, floor(T/width).

    Parameters
    ----------
    activations : array_like, shape (N,), (N, d) or (..., N, d)
        One row a sample, N >= 2; leading axes are a stack of layers (epochs, networks). Store
        them as float32 where saturation matters, as the papers did.
    labels : array_like of int, shape (N,)
    width : float
        > 0; 0.07 is customary.
    miller_madow : bool
        Correct each entropy for its leading bias, when the samples are not all there are.

    Returns
    -------
    LayerInformation
        In nats, at most log N. I(T;X) = H(B) supposes distinct inputs.

    Raises
    ------
    ValueError
        For fewer than two samples, entries that are not finite, labels that are not whole
        numbers, or a width <= 0 or too small for the range.

    References
    ----------
    A. M. Saxe et al., On the information bottleneck theory of deep learning, ICLR 2018.

    Examples
    --------
    >>> found = binned_information([[0.01], [0.02], [0.5], [0.9]], [0, 0, 1, 1], width=0.07)
    >>> round(found.information_x, 4), round(found.information_y, 4)
    (1.0397, 0.6931)
    """
    layer, classes = _layer(activations, labels)
    width = number("width", width, 0, open_low=True)
    scaled = np.floor(layer / width)
    if np.abs(scaled).max() >= _LARGEST_BIN:
        reject("width", width, "larger: the activations fill more than 2^53 bins of it")
    return layer_information(
        pattern_keys(scaled.astype(np.int64)), classes, miller_madow=miller_madow
    )


def range_binned_information(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    low: float = -1.0,
    high: float = 1.0,
    top: Literal["closed", "own"] = "closed",
    miller_madow: bool = False,
) -> LayerInformation:
    """I(T;X) and I(T;Y) of a layer in equal bins of one fixed range.

    Parameters
    ----------
    activations, labels, miller_madow
        As for `binned_information`. Values outside the range go to the outermost bins.
    bins : int
        >= 1.
    low, high : float
        The range, low < high.
    top : {"closed", "own"}
        Whether the last bin includes `high`, or `high` (and more) is a bin of its own, as it is
        with ``digitize`` on ``linspace`` edges. On saturated tanh units this makes a difference
        of some tenths of a nat.

    Returns
    -------
    LayerInformation
        In nats, at most min(log N, d log bins).

    Raises
    ------
    ValueError
        As `binned_information`, and for bins < 1, an empty range or another `top`.

    References
    ----------
    R. Shwartz-Ziv, N. Tishby, Opening the black box of deep neural networks via information
    (2017).

    Examples
    --------
    >>> layer, labels = [[-1.0], [0.99], [0.9999], [1.0]], [0, 1, 1, 1]
    >>> round(range_binned_information(layer, labels).information_x, 4)
    0.5623
    >>> round(range_binned_information(layer, labels, top="own").information_x, 4)
    1.0397
    """
    layer, classes = _layer(activations, labels)
    bins = integer("bins", bins, 1)
    low, high = number("low", low), number("high", high)
    if not low < high:
        reject("high", high, f"above low = {low:g}")
    if top not in ("closed", "own"):
        reject("top", top, '"closed" or "own"')
    edges = np.linspace(low, high, bins + 1)
    inner = edges[1:-1] if top == "closed" else edges[1:]
    keys = pattern_keys(np.searchsorted(inner, layer, side="right"))
    return layer_information(keys, classes, miller_madow=miller_madow)


def adaptive_edges(
    activations: ArrayLike,
    *,
    bins: int = 30,
    low: float | None = None,
    edges: Literal["interior", "released"] = "interior",
) -> FloatArray:
    """Edges of entropy-based adaptive binning (EBAB): equal numbers of unique values in each bin.

    With u the sorted distinct values of all units together, `low` left out, the edges are
    ``u[floor(k n/bins)]``, k = 0 … bins - 1 when some value equals `low` (which so gets a bin of
    its own) and k = 1 … bins - 1 otherwise.

    Parameters
    ----------
    activations : array_like
        All units of one layer at one time, of any shape.
    bins : int
        >= 1.
    low : float, optional
        Value with a probability of its own, such as the 0 of ReLU.
    edges : {"interior", "released"}
        "released" gives those of the authors' code: `low`, every u[floor(k n/bins)] from k = 0
        on, and the largest value, which so gets a bin of its own. It needs `low`
        (0 for ReLU-like units, -1.000001 for tanh-like ones).

    Returns
    -------
    ndarray
        For ``searchsorted(side="right")``; increasing, with repetitions when there are fewer
        distinct values than bins.

    Raises
    ------
    ValueError
        For entries that are not finite, bins < 1, another rule, or "released" without `low`.

    References
    ----------
    I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive estimators show information compression
    in deep neural networks, ICLR 2019; the released edges are those of the authors' code.

    Examples
    --------
    >>> adaptive_edges([0.0, 0.0, 1.0, 2.0, 3.0, 4.0], bins=2, low=0.0)
    array([1., 3.])
    >>> adaptive_edges([0.0, 0.0, 1.0, 2.0, 3.0, 4.0], bins=2, low=0.0, edges="released")
    array([0., 1., 3., 4.])
    """
    values = np.unique(array("activations", activations))
    bins = integer("bins", bins, 1)
    if edges not in ("interior", "released"):
        reject("edges", edges, '"interior" or "released"')
    if low is None:
        if edges == "released":
            reject("low", low, 'a number when edges = "released"')
        own = np.zeros(len(values), dtype=bool)
    else:
        low = number("low", low)
        own = values == low
    values = values[~own]
    if not values.size:
        return np.array([low] if edges == "released" else [], dtype=np.float64)
    steps = values[np.arange(bins) * len(values) // bins]
    if edges == "released":
        return np.concatenate([[low], steps, values[-1:]])
    return steps if own.any() else steps[1:]


def adaptive_binned_information(
    activations: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 30,
    low: float | None = None,
    edges: Literal["interior", "released"] = "interior",
    miller_madow: bool = False,
) -> LayerInformation:
    """I(T;X) and I(T;Y) of a layer by entropy-based adaptive binning (EBAB).

    Parameters
    ----------
    activations, labels, miller_madow
        As for `binned_information`. Each layer of a stack gets its own edges.
    bins, low, edges
        As for `adaptive_edges`.

    Returns
    -------
    LayerInformation
        In nats, at most log N. It does not change under increasing maps of the activations,
        except through ties: whether saturated units coincide is up to their precision.

    Raises
    ------
    ValueError
        As `binned_information` and `adaptive_edges`.

    References
    ----------
    I. Chelombiev, C. Houghton, C. O'Donnell, Adaptive estimators show information compression
    in deep neural networks, ICLR 2019.

    Examples
    --------
    >>> found = adaptive_binned_information([[0.1], [0.2], [30.0], [40.0]], [0, 0, 1, 1], bins=2)
    >>> round(found.information_x, 4), round(found.information_y, 4)
    (0.6931, 0.6931)
    """
    layer, classes = _layer(activations, labels)
    binned = np.empty(layer.shape, dtype=np.int64)
    for index in np.ndindex(layer.shape[:-2]):
        cuts = adaptive_edges(layer[index], bins=bins, low=low, edges=edges)
        binned[index] = np.searchsorted(cuts, layer[index], side="right")
    return layer_information(pattern_keys(binned), classes, miller_madow=miller_madow)


def histogram_information(
    x: ArrayLike, y: ArrayLike, *, bins: int = 16, miller_madow: bool = False
) -> float:
    """Mutual information of two variables from a histogram of equal bins over their ranges.

    Parameters
    ----------
    x, y : array_like, shape (N,) or (N, d)
        Samples, N >= 2; every coordinate is binned over its own range.
    bins : int
        For each coordinate, >= 1.
    miller_madow : bool
        Correct each of the three entropies by its occupied cells.

    Returns
    -------
    float
        In nats, at most log N and d log bins; the bias without correction is about
        (m_xy - m_x - m_y + 1)/2N for m occupied cells.

    Raises
    ------
    ValueError
        For samples of different length or not finite, or bins < 1.

    Examples
    --------
    >>> round(histogram_information([0.0, 0.1, 0.9, 1.0], [5.0, 5.1, 7.9, 8.0], bins=2), 4)
    0.6931
    """
    parts = paired_samples(("x", "y"), (x, y))
    bins = integer("bins", bins, 1)
    keys = [pattern_keys(_equal_bins(part, bins)) for part in parts]
    joint = pattern_keys(np.stack(keys, axis=1))
    entropies = [
        plug_in_entropy(np.unique(key, return_counts=True)[1], miller_madow=miller_madow)
        for key in (*keys, joint)
    ]
    value = entropies[0] + entropies[1] - entropies[2]
    return value if miller_madow else max(0.0, value)


def _layer(activations: ArrayLike, labels: ArrayLike) -> tuple[FloatArray, IntArray]:
    """Activations as (..., N, d) and labels as int64, after checks."""
    layer = array("activations", activations)
    if layer.ndim == 1:
        layer = layer[:, None]
    if layer.ndim < 2 or not layer.size:
        reject("activations.shape", layer.shape, "(N,), (N, d) or (..., N, d), and not empty")
    if layer.shape[-2] < 2:
        reject("activations.shape", layer.shape, "(..., N, d) with N >= 2")
    return layer, integer_labels("labels", labels, layer.shape[-2])


def _equal_bins(values: FloatArray, bins: int) -> IntArray:
    """Bin of every entry, from equal bins over the range of its column, the last one closed."""
    binned = np.empty(values.shape, dtype=np.int64)
    for j, column in enumerate(values.T):
        inner = np.linspace(column.min(), column.max(), bins + 1)[1:-1]
        binned[:, j] = np.searchsorted(inner, column, side="right")
    return binned
