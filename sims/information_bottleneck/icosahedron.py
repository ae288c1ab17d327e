"""The data set of the information-plane papers: 4096 patterns on the sphere, labelled by a rule.

The inputs are all 0/1 patterns on 12 uniform points of the sphere, the vertices of an
icosahedron. The published labels depend on a pattern only through three numbers that no rotation
changes: how many ones, how many adjacent pairs of ones, how many antipodal pairs of ones. The rule
below gives all of them; see docs/theory/information_bottleneck.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sims.numerics.validate import number

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

STOCHASTIC_GAIN = 0.826206  # of the sigmoid; gives I(X;Y) = 0.99 bits
_GOLDEN = (1.0 + math.sqrt(5.0)) / 2.0


@dataclass(frozen=True, eq=False)
class IcosahedronData:
    """All binary patterns on the icosahedron, and their labels.

    Attributes
    ----------
    patterns : ndarray of int, shape (4096, 12)
        0 and 1; column v belongs to row v of `icosahedron_vertices`, rows count in binary.
    labels : ndarray of int, shape (4096,)
        0 or 1.
    """

    patterns: IntArray
    labels: IntArray


def icosahedron_vertices() -> FloatArray:
    """Vertices of the regular icosahedron on the unit sphere: 12 uniform directions.

    Returns
    -------
    ndarray, shape (12, 3)
        The cyclic permutations of (0, ±1, ±phi)/sqrt(1 + phi²).

    Examples
    --------
    >>> points = icosahedron_vertices()
    >>> np.unique((points @ points.T).round(6)).tolist()  # antipodes, two kinds, itself
    [-1.0, -0.447214, 0.447214, 1.0]
    """
    corners = [
        np.roll([0.0, one, golden * _GOLDEN], shift)
        for shift in range(3)
        for one in (1.0, -1.0)
        for golden in (1.0, -1.0)
    ]
    return np.array(corners) / math.sqrt(1.0 + _GOLDEN**2)


def icosahedron_dataset() -> IcosahedronData:
    """Generate the 12-bit data set: ``y = 1 iff 48 e1 + 228 n - 22 n² - 24 e3 > 859``. *Exact*.

    n counts the ones of a pattern, e1 its adjacent pairs of ones, e3 its antipodal pairs of ones.

    Returns
    -------
    IcosahedronData
        2118 ones; H(Y) = 0.999157 bits = I(X;Y).

    Notes
    -----
    Data: R. Shwartz-Ziv, N. Tishby (2017). The rule is ours and gives the published labels, up
    to the order of the input bits; see docs/theory/information_bottleneck.md.

    Examples
    --------
    >>> data = icosahedron_dataset()
    >>> data.patterns.shape, int(data.labels.sum())
    ((4096, 12), 2118)
    """
    scores = icosahedron_scores()
    return IcosahedronData(_patterns(), (scores > 0).astype(np.int64))


def icosahedron_scores() -> IntArray:
    """Left side of the rule less 859, for every pattern: its sign is the label.

    Returns
    -------
    ndarray of int, shape (4096,)
        Never 0; the smallest size is 5.

    Examples
    --------
    >>> int(np.abs(icosahedron_scores()).min())
    5
    """
    vertices, patterns = icosahedron_vertices(), _patterns()
    cosines = vertices @ vertices.T
    adjacent = (np.abs(cosines - 1.0 / math.sqrt(5.0)) < 1e-9).astype(np.int64)
    antipodal = (cosines < -1.0 + 1e-9).astype(np.int64)
    ones = patterns.sum(axis=1)
    edges = ((patterns @ adjacent) * patterns).sum(axis=1) // 2
    axes = ((patterns @ antipodal) * patterns).sum(axis=1) // 2
    return np.asarray(48 * edges + 228 * ones - 22 * ones**2 - 24 * axes - 859)


def stochastic_label_probabilities(gain: float = STOCHASTIC_GAIN) -> FloatArray:
    """p(y = 1 | pattern) = sigmoid(gain · score), the noisy version of the data set.

    Parameters
    ----------
    gain : float
        >= 0; the default gives I(X;Y) = 0.99 bits. The papers' own gain refers to another,
        undisclosed scale of the scores.

    Returns
    -------
    ndarray, shape (4096,)

    Raises
    ------
    ValueError
        For a negative gain.

    Examples
    --------
    >>> round(float(stochastic_label_probabilities().mean()), 4)
    0.5168
    """
    gain = number("gain", gain, 0)
    return np.asarray(special.expit(gain * icosahedron_scores()))


def stochastic_joint(gain: float = STOCHASTIC_GAIN) -> FloatArray:
    """Joint table of score and noisy label: the score is all that the label depends on.

    Its bottleneck curve is that of the whole data set, and `discrete_ib` can find it.

    Parameters
    ----------
    gain : float
        As for `stochastic_label_probabilities`.

    Returns
    -------
    ndarray, shape (distinct scores, 2)
        p(score, y).

    Raises
    ------
    ValueError
        For a negative gain.

    Examples
    --------
    >>> from sims.information_bottleneck.discrete import discrete_information
    >>> joint = stochastic_joint()
    >>> round(discrete_information(joint) / math.log(2), 6)
    0.99
    """
    ones = stochastic_label_probabilities(gain)
    _, places, counts = np.unique(icosahedron_scores(), return_index=True, return_counts=True)
    weight = counts / counts.sum()
    return np.column_stack([weight * (1.0 - ones[places]), weight * ones[places]])


def _patterns() -> IntArray:
    return (np.arange(4096)[:, None] >> np.arange(11, -1, -1)) & 1
