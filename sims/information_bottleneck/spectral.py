"""Matrix-based Rényi information: entropies of the eigenvalues of Gram matrices."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from sims.information_bottleneck.pairwise import gram_tiles
from sims.information_bottleneck.validity import paired_samples, samples, warn_near_ceiling
from sims.numerics.validate import number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

    from sims.information_bottleneck.pairwise import KernelTile

FloatArray = NDArray[np.float64]


def renyi_information(
    x: ArrayLike, y: ArrayLike, *, width_x: float, width_y: float, alpha: float = 1.01
) -> float:
    """Matrix-based Rényi information S(A) + S(B) - S(A, B) with Gaussian kernels.

    A = K/N, B = Q/N, the joint matrix N A∘B, and S = log(tr A^alpha)/(1 - alpha).

    Parameters
    ----------
    x, y : array_like, shape (N,) or (N, d)
        Samples, N >= 2.
    width_x, width_y : float
        sigma > 0 of the kernels exp(-d²/2 sigma²).
    alpha : float
        Order, > 0. At 2 the sums of squares suffice, O(N²) in bounded memory; otherwise
        eigenvalues, O(N³). 1 is the limit, von Neumann's entropy.

    Returns
    -------
    float
        In nats, at most log N. It is **not** an estimate of Shannon's mutual information: far
        from zero under independence at narrow widths, and possibly slightly negative.

    Raises
    ------
    ValueError
        For samples of different length or not finite, or a width or order <= 0.

    Warns
    -----
    ValidityWarning
        Within 5 % of log N.

    References
    ----------
    L. G. Sanchez Giraldo, M. Rao, J. C. Príncipe, Measures of entropy from data using
    infinitely divisible kernels, IEEE Trans. Inf. Theory 61 (2015).

    Examples
    --------
    >>> x = [0.0, 1.0, 2.0]
    >>> round(renyi_information(x, x, width_x=1.0, width_y=1.0, alpha=2), 4)
    0.4501
    """
    x, y = paired_samples(("x", "y"), (x, y))
    width_x = number("width_x", width_x, 0, open_low=True)
    width_y = number("width_y", width_y, 0, open_low=True)
    alpha = number("alpha", alpha, 0, open_low=True)
    entropies = [
        _entropy(tiles, len(x), alpha)
        for tiles in (
            gram_tiles(x, width_x),
            gram_tiles(y, width_y),
            _products(gram_tiles(x, width_x), gram_tiles(y, width_y)),
        )
    ]
    value = entropies[0] + entropies[1] - entropies[2]
    warn_near_ceiling(value, math.log(len(x)), "log N")
    return value


def renyi_entropy(x: ArrayLike, *, width: float, alpha: float = 1.01) -> float:
    """Matrix-based Rényi entropy of one set of samples.

    Parameters
    ----------
    x : array_like, shape (N,) or (N, d)
        Samples, N >= 2.
    width : float
        sigma > 0 of the kernel exp(-d²/2 sigma²).
    alpha : float
        Order, > 0.

    Returns
    -------
    float
        In nats, between 0 and log N.

    Raises
    ------
    ValueError
        As `renyi_information`.

    Examples
    --------
    >>> round(renyi_entropy([0.0, 100.0], width=1.0), 6)
    0.693147
    """
    points = samples("x", x)
    width = number("width", width, 0, open_low=True)
    alpha = number("alpha", alpha, 0, open_low=True)
    return _entropy(gram_tiles(points, width), len(points), alpha)


def _products(first: Iterator[KernelTile], second: Iterator[KernelTile]) -> Iterator[KernelTile]:
    """Tiles of the elementwise product of two Gram matrices."""
    for one, other in zip(first, second):
        np.multiply(one.kernel, other.kernel, out=one.kernel)
        yield one


def _entropy(tiles: Iterator[KernelTile], size: int, alpha: float) -> float:
    if alpha == 2.0:
        squares = sum(
            (2.0 if mirrored else 1.0) * float(np.vdot(kernel, kernel))
            for _, _, kernel, mirrored in tiles
        )
        return 2.0 * math.log(size) - math.log(squares)
    gram = np.empty((size, size))
    for rows, columns, kernel, mirrored in tiles:
        gram[rows, columns] = kernel
        if mirrored:
            gram[columns, rows] = kernel.T
    gram /= size
    values = np.maximum(linalg.eigvalsh(gram, overwrite_a=True, check_finite=False), 0.0)
    values /= values.sum()  # the trace is 1; 1/(1 - alpha) would blow up what rounding took
    kept = values[values > 0]
    if alpha == 1.0:
        return -float((kept * np.log(kept)).sum())
    # sum p^alpha = 1 + sum p (p^(alpha-1) - 1), so that alpha near 1 keeps its digits
    excess = float((kept * np.expm1((alpha - 1.0) * np.log(kept))).sum())
    return math.log1p(excess) / (1.0 - alpha)
