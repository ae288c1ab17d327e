"""Points of the unit sphere, and targets made of spherical harmonics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import array, integer

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]


def sphere_points(n: int, dimension: int, rng: Generator) -> FloatArray:
    """Draw n points uniformly from the unit sphere in `dimension` coordinates.

    Parameters
    ----------
    n, dimension : int
        Each >= 1.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, shape (n, dimension)

    Raises
    ------
    ValueError
        For sizes below 1.

    Examples
    --------
    >>> import numpy as np
    >>> points = sphere_points(5, 3, np.random.default_rng(0))
    >>> np.allclose(np.sum(points**2, axis=1), 1)
    True
    """
    size = integer("n", n, 1), integer("dimension", dimension, 1)
    points = rng.standard_normal(size)
    points /= np.sqrt(np.einsum("ij,ij->i", points, points))[:, None]
    return points


def gegenbauer(highest: int, dimension: int, cosines: ArrayLike) -> FloatArray:
    """Gegenbauer polynomials of all degrees up to `highest`, each equal to 1 at 1.

    Parameters
    ----------
    highest : int
        Largest degree, >= 0.
    dimension : int
        Of the space that holds the sphere, d >= 2.
    cosines : array_like
        Where to evaluate, in [-1, 1].

    Returns
    -------
    ndarray, shape (highest + 1, *cosines.shape)
        ``P_(l+1) = ((2l + d - 2) t P_l - l P_(l-1)) / (l + d - 2)``.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> gegenbauer(2, 3, [0.5]).ravel()
    array([ 1.   ,  0.5  , -0.125])
    """
    highest, d = integer("highest", highest, 0), integer("dimension", dimension, 2)
    t = array("cosines", cosines, -1, 1)
    values = np.ones((highest + 1, *t.shape))
    values[1:2] = t
    for degree in range(1, highest):
        raised = (2 * degree + d - 2) * t * values[degree] - degree * values[degree - 1]
        values[degree + 1] = raised / (degree + d - 2)
    return values


def harmonics_count(degree: int, dimension: int) -> int:
    """Count the spherical harmonics of one degree on the sphere in `dimension` coordinates.

    Parameters
    ----------
    degree : int
        >= 0.
    dimension : int
        >= 2.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> [harmonics_count(degree, 10) for degree in (0, 1, 2, 4)]
    [1, 10, 54, 660]
    """
    degree, d = integer("degree", degree, 0), integer("dimension", dimension, 2)
    if degree == 0:
        return 1
    return (2 * degree + d - 2) * math.comb(degree + d - 3, degree - 1) // degree


def sphere_target(inputs: ArrayLike, degree_power: ArrayLike) -> FloatArray:
    """Zonal target ``sum_l c_l sqrt(N_l) P_l(x_1)`` at points of the unit sphere.

    Parameters
    ----------
    inputs : array_like, shape (n, d)
        Points of the unit sphere, d >= 2.
    degree_power : array_like, shape (degrees,)
        ``c_l**2`` of each degree from 0 upwards, >= 0: the mean square of that part of the
        target, as in `relu_sphere_spectrum`.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ValueError
        For no degree at all, a negative power, or points off the sphere.

    Examples
    --------
    >>> sphere_target([[0.6, 0.8, 0.0]], [0.0, 3.0]).round(3)
    array([1.8])
    """
    points = array("inputs", inputs, ndim=2)
    power = array("degree_power", degree_power, 0, ndim=1)
    if not len(power):
        raise ValueError("degree_power is empty: it must give the power of at least degree 0")
    if np.any(np.abs(np.einsum("ij,ij->i", points, points) - 1.0) > 1e-6):
        raise ValueError("inputs are not on the unit sphere")
    d = points.shape[1]
    polynomials = gegenbauer(len(power) - 1, d, np.clip(points[:, 0], -1.0, 1.0))
    counts = np.array([harmonics_count(degree, d) for degree in range(len(power))], dtype=float)
    return np.asarray(np.sqrt(power * counts) @ polynomials)
