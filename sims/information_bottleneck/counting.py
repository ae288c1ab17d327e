"""Entropies by counting: patterns of bins, for one layer or a whole stack of them at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_KEY_BITS = 62  # a mixed-radix key must fit into int64 with its sign


@dataclass(frozen=True)
class LayerInformation:
    """What a layer tells about input and label.

    Attributes
    ----------
    information_x, information_y : float or ndarray
        I(T;X) and I(T;Y) in nats; arrays for a stack of layers.
    """

    information_x: float | FloatArray
    information_y: float | FloatArray


def plug_in_entropy(counts: ArrayLike, *, miller_madow: bool = False) -> float:
    """Entropy of the observed frequencies, optionally with the Miller-Madow correction.

    Parameters
    ----------
    counts : array_like
        How often each outcome was seen, >= 0, not all 0.
    miller_madow : bool
        Add (m - 1)/2N for the m outcomes seen, the leading term of the bias.

    Returns
    -------
    float
        In nats.

    Raises
    ------
    ValueError
        For negative counts or no count at all.

    References
    ----------
    G. A. Miller, Note on the bias of information estimates (1955).

    Examples
    --------
    >>> round(plug_in_entropy([5, 5]), 4), round(plug_in_entropy([5, 5], miller_madow=True), 4)
    (0.6931, 0.7431)
    """
    counts = array("counts", counts, 0)
    seen = counts[counts > 0]
    if not seen.size:
        reject("counts.sum()", 0, "positive")
    total = float(seen.sum())
    value = math.log(total) - float((seen * np.log(seen)).sum()) / total
    return max(0.0, value) + ((len(seen) - 1) / (2.0 * total) if miller_madow else 0.0)


def pattern_keys(bins: IntArray) -> IntArray:
    """One integer for each row, equal exactly where whole rows of bins are equal.

    Parameters
    ----------
    bins : ndarray of int64, shape (..., N, d)
        Bin of each unit; leading axes are layers of a stack, keyed separately.

    Returns
    -------
    ndarray of int64, shape (..., N)
        Mixed-radix numbers; where they would not fit, ranks stand in for the columns so far.

    Examples
    --------
    >>> pattern_keys(np.array([[0, 7], [1, 7], [0, 7]])).tolist()
    [0, 1, 0]
    """
    keys = np.zeros(bins.shape[:-1], dtype=np.int64)
    room = _KEY_BITS - math.log2(bins.shape[-2] + 1)
    bits = 0.0
    for j in range(bins.shape[-1]):
        column = np.ascontiguousarray(bins[..., j])
        low = int(column.min())
        base = int(column.max()) - low + 1
        if math.log2(base) >= room:
            column, low, base = ranks(column), 0, bins.shape[-2]
        if bits + math.log2(base) >= _KEY_BITS:
            keys = ranks(keys)
            bits = math.log2(bins.shape[-2])
        keys *= base
        keys += column
        keys -= low
        bits += math.log2(base)
    return keys


def ranks(values: IntArray) -> IntArray:
    """Dense ranks along the last axis: equal values share a rank.

    Examples
    --------
    >>> ranks(np.array([7, 3, 7, 9])).tolist()
    [1, 0, 1, 2]
    """
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    dense = np.zeros_like(values)
    dense[..., 1:] = np.cumsum(ordered[..., 1:] != ordered[..., :-1], axis=-1)
    result = np.empty_like(values)
    np.put_along_axis(result, order, dense, axis=-1)
    return result


def layer_information(
    keys: IntArray, labels: IntArray, *, miller_madow: bool = False
) -> LayerInformation:
    """I(T;X) = H(B) and I(T;Y) = H(B) + H(Y) - H(B, Y) from one sort of keys and labels.

    Parameters
    ----------
    keys : ndarray of int64, shape (..., N)
        Pattern of each sample, from `pattern_keys`.
    labels : ndarray of int64, shape (N,)
    miller_madow : bool
        Correct each entropy, as `plug_in_entropy`.

    Returns
    -------
    LayerInformation
        Numbers for keys of one axis, else arrays of shape (...).

    Examples
    --------
    >>> found = layer_information(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]))
    >>> round(float(found.information_x), 4), round(float(found.information_y), 4)
    (0.6931, 0.6931)
    """
    classes, counts = np.unique(labels, return_counts=True)
    shift = max(0, len(classes) - 1).bit_length()
    if keys.size and int(keys.max()) >= 1 << (_KEY_BITS - shift):
        keys = ranks(keys)
    both = keys << shift
    both |= np.searchsorted(classes, labels)
    both.sort(axis=-1)
    flat = both.reshape(-1, both.shape[-1])
    joint = _run_entropies(flat, miller_madow)
    alone = _run_entropies(flat >> shift, miller_madow)
    label = plug_in_entropy(counts, miller_madow=miller_madow)
    mutual = alone + label - joint
    if not miller_madow:
        mutual = np.maximum(mutual, 0.0)
    if keys.ndim == 1:
        return LayerInformation(float(alone[0]), float(mutual[0]))
    return LayerInformation(alone.reshape(keys.shape[:-1]), mutual.reshape(keys.shape[:-1]))


def _run_entropies(ordered: IntArray, miller_madow: bool) -> FloatArray:
    """Entropy of each row of sorted keys, from the lengths of its runs."""
    rows, size = ordered.shape
    starts = np.ones((rows, size), dtype=bool)
    np.not_equal(ordered[:, 1:], ordered[:, :-1], out=starts[:, 1:])
    places = np.flatnonzero(starts)
    lengths = np.diff(places, append=rows * size)
    terms = _count_log_count(size)[lengths]
    first = np.searchsorted(places, np.arange(0, rows * size, size))
    result: FloatArray = math.log(size) - np.add.reduceat(terms, first) / size
    if miller_madow:
        result += (np.diff(first, append=len(places)) - 1) / (2.0 * size)
    return result


def _count_log_count(size: int) -> FloatArray:
    """Table of c log c for c = 0 … size."""
    table = np.arange(size + 1, dtype=np.float64)
    table[1:] *= np.log(table[1:])
    return table
