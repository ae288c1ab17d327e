"""The closed-form difficulty of a task (2023), in logarithms: bits beyond the data.

All formulas are those of the code released with A. Boopathy, K. Liu, J. Hwang, S. Ge, A.
Mohammedsaleh, I. Fiete, Model-agnostic Measure of Generalization Difficulty, ICML 2023; they are
explained in docs/theory/inductive_bias.md. The bits are an upper bound, further approximated, for
a very generous space of hypotheses: compare tasks by them, nothing else.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from sims.numerics.validate import ValidityWarning, array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

_STIRLING_FROM = 16.0  # above it six terms of the series are exact to rounding
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


@dataclass(frozen=True)
class Difficulty:
    """Information a learner needs beyond its data, by the closed form.

    Attributes
    ----------
    log10_bits : float or ndarray
        -inf where vacuous.
    bits : float or ndarray
        inf where it has no float64; 0 where vacuous.
    vacuous : bool or ndarray of bool
        The data outnumber the hypotheses' dimensions, or any hypothesis is good enough: the bound
        says nothing.
    """

    log10_bits: FloatArray
    bits: FloatArray
    vacuous: NDArray[np.bool_] | bool


@dataclass(frozen=True)
class BandlimitedDifficulty(Difficulty):
    """`Difficulty` with band-limited functions as hypotheses.

    Attributes
    ----------
    degree : float or ndarray
        Highest spherical-harmonic degree K, a real number as in the released code.
    """

    degree: FloatArray


def generalization_difficulty(
    *,
    error: ArrayLike,
    samples: ArrayLike,
    dimension: ArrayLike,
    radius: ArrayLike,
    classes: ArrayLike,
    resolution: ArrayLike,
    output_bound: ArrayLike = 1.0,
) -> BandlimitedDifficulty:
    """Difficulty of a classification task.

    Parameters
    ----------
    error : array_like
        Target error over the Lipschitz constant of the loss, > 0.
    samples : array_like
        Training points, >= 1.
    dimension : array_like
        Intrinsic dimension of the inputs, >= 1, not necessarily whole.
    radius : array_like
        Largest norm of an input, > 0.
    classes : array_like of int
        >= 2; the hypotheses have one output fewer.
    resolution : array_like
        Smallest distance between inputs of different classes, > 0, in units of `radius`'s.
    output_bound : array_like
        Largest absolute output, > 0.

    Returns
    -------
    BandlimitedDifficulty
        Of the arguments' common shape.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Warns
    -----
    ValidityWarning
        Where the degree is below 1: `resolution` is of the order of the inputs' diameter.

    Examples
    --------
    >>> mnist = generalization_difficulty(
    ...     error=1e-3, samples=60_000, dimension=14, radius=17.179, classes=10, resolution=2.3987
    ... )
    >>> round(float(mnist.log10_bits), 3), round(float(mnist.degree), 2)
    (16.172, 38.97)
    """
    count = array("classes", classes, 2)
    if np.any(count != np.floor(count)):
        reject("classes", count[count != np.floor(count)].flat[0], "a whole number in [2, inf)")
    task = _checked(error, samples, dimension, radius, count, resolution, output_bound)
    return _bandlimited(task, np.log(count - 1.0))


def bandlimited_difficulty(
    *,
    error: ArrayLike,
    samples: ArrayLike,
    dimension: ArrayLike,
    radius: ArrayLike,
    classes: ArrayLike,
    outputs: ArrayLike,
    resolution: ArrayLike,
    output_bound: ArrayLike = 1.0,
) -> BandlimitedDifficulty:
    """General form of `generalization_difficulty`: any number of classes and of outputs.

    Parameters
    ----------
    classes : array_like
        Of the input manifold, >= 1.
    outputs : array_like
        Of the hypotheses, >= 1. The authors' web page has `classes` here, the released code one
        fewer.
    error, samples, dimension, radius, resolution, output_bound : array_like
        As for `generalization_difficulty`.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> float(bandlimited_difficulty(error=1e-3, samples=60_000, dimension=14, radius=17.179,
    ...     classes=10, outputs=10, resolution=2.3987).log10_bits.round(3))
    16.221
    """
    wide = array("outputs", outputs, 1)
    task = _checked(error, samples, dimension, radius, classes, resolution, output_bound)
    return _bandlimited(task, np.log(wide))


def control_difficulty(
    *,
    error: ArrayLike,
    samples: ArrayLike,
    dimension: ArrayLike,
    actions: ArrayLike,
    resolution: ArrayLike,
) -> Difficulty:
    """Difficulty of a control task, whose observations lie on a flat torus.

    Parameters
    ----------
    error, resolution : array_like
        > 0, the latter in units of a torus of circumference 2 pi.
    samples : array_like
        >= 1.
    dimension : array_like
        Numbers observed, >= 1. Cart-pole with T stacked observations has 2 T.
    actions : array_like
        Numbers to choose, >= 1.

    Returns
    -------
    Difficulty
        Of the arguments' common shape.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> cart_pole = control_difficulty(
    ...     error=1e-3, samples=10_000, dimension=[2, 4], actions=1, resolution=1e-3
    ... )
    >>> cart_pole.log10_bits.round(3)
    array([ 9.645, 17.522])
    """
    eps = array("error", error, 0, open_low=True)
    n = array("samples", samples, 1)
    m = array("dimension", dimension, 1)
    wide = array("actions", actions, 1)
    delta = array("resolution", resolution, 0, open_low=True)
    log_modes = m * (np.log(2.0 * np.pi) - np.log(delta) + 0.5 * np.log(np.pi))
    log_modes = log_modes - gammaln(0.5 * m + 1.0)
    log_ratio = (
        math.log(4.0 * math.pi**2 / math.sqrt(6.0))
        + np.log(wide)
        + 0.5 * np.log(m)
        - np.log(delta)
        - np.log(n) / m
        - np.log(eps)
    )
    return Difficulty(*_assemble(np.log(wide), math.log(2.0) + log_modes, np.log(n), log_ratio))


def few_shot_difficulty(
    *,
    error: float,
    samples: float,
    ways: int,
    task_dimension: float,
    pooled_dimension: float,
    radius: float,
    resolution: float,
) -> BandlimitedDifficulty:
    """Difficulty of learning to classify from one example a class.

    The hypothesis maps `ways` examples to a classifier; the classifier's coefficients are its
    outputs, and its inputs are the examples side by side.

    Parameters
    ----------
    error : float
        > 0.
    samples : float
        Training tasks, >= 1; it hardly matters.
    ways : int
        Classes to tell apart, >= 2.
    task_dimension : float
        m0 >= 1, of the inputs of one task and, in the released form, of every example but one.
    pooled_dimension : float
        m1 >= 1, of the remaining example.
    radius, resolution : float
        > 0.

    Returns
    -------
    BandlimitedDifficulty
        `degree` is that of the map from examples to classifiers.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> float(few_shot_difficulty(error=0.01, samples=1e20, ways=20, task_dimension=22,
    ...     pooled_dimension=29, radius=49.406, resolution=5.4772).log10_bits.round(1))
    145.3
    """
    w = float(integer("ways", ways, 2))
    m0 = number("task_dimension", task_dimension, 1)
    m1 = number("pooled_dimension", pooled_dimension, 1)
    r = number("radius", radius, 0, open_low=True)
    delta = number("resolution", resolution, 0, open_low=True)
    bound = math.sqrt(w * (w - 1.0))
    coefficients = log_eigenfunctions(m0, top_degree(m0, 2.0 * math.pi * (r / delta)))
    task = _checked(error, samples, m1 + (w - 1.0) * m0, r * math.sqrt(w), 1.0, delta, bound)
    return _bandlimited(task, math.log(2.0 * w * (w - 1.0)) + coefficients)


def top_degree(dimension: ArrayLike, frequency: ArrayLike) -> FloatArray:
    """Real degree K >= 0 with K (K + m - 1) = M^2: harmonics on S^m up to frequency M.

    Parameters
    ----------
    dimension : array_like
        m >= 1.
    frequency : array_like
        M > 0.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> round(float(top_degree(2, 6**0.5)), 12)
    2.0
    """
    less = array("dimension", dimension, 1) - 1.0
    m = array("frequency", frequency, 0, open_low=True)
    return np.asarray(2.0 * m * (m / (np.hypot(less, 2.0 * m) + less)))[()]


def log_eigenfunctions(dimension: ArrayLike, degree: ArrayLike) -> FloatArray:
    """Log of the number of spherical harmonics on S^m up to degree K, both real.

    E = C(m+K, m) + C(m+K-1, m) = C(m+K, m) (1 + K/(m+K)).

    Parameters
    ----------
    dimension : array_like
        m >= 1.
    degree : array_like
        K >= 0.

    Raises
    ------
    ValueError
        For arguments outside these ranges.

    Examples
    --------
    >>> np.exp(log_eigenfunctions(2, [0, 1, 2])).round(12)  # 1, 1+3, 1+3+5
    array([1., 4., 9.])
    """
    m, k = np.broadcast_arrays(array("dimension", dimension, 1), array("degree", degree, 0))
    small, large = np.minimum(m, k), np.maximum(m, k)
    log_choose = _log_gamma_rise(large + 1.0, small) - gammaln(small + 1.0)
    return np.asarray(log_choose + np.log1p(k / (m + k)))[()]


class _Task(NamedTuple):
    """Checked arguments of the band-limited forms."""

    error: FloatArray
    samples: FloatArray
    dimension: FloatArray
    frequency: FloatArray
    classes: FloatArray
    output_bound: FloatArray


def _checked(
    error: ArrayLike,
    samples: ArrayLike,
    dimension: ArrayLike,
    radius: ArrayLike,
    classes: ArrayLike,
    resolution: ArrayLike,
    output_bound: ArrayLike,
) -> _Task:
    delta = array("resolution", resolution, 0, open_low=True)
    frequency = 2.0 * np.pi * (array("radius", radius, 0, open_low=True) / delta)
    return _Task(
        array("error", error, 0, open_low=True),
        array("samples", samples, 1),
        array("dimension", dimension, 1),
        array("2 pi radius / resolution", frequency, 0, open_low=True),
        array("classes", classes, 1),
        array("output_bound", output_bound, 0, open_low=True),
    )


def _bandlimited(task: _Task, log_outputs: FloatArray) -> BandlimitedDifficulty:
    """Compute the measure; the inputs' radius enters through the frequency alone."""
    eps, n, m, frequency, d, bound = task
    degree = top_degree(m, frequency)
    if np.any(degree < 1.0):
        warnings.warn(
            "resolution is so coarse that the highest degree is below 1: the measure means little",
            ValidityWarning,
            stacklevel=3,
        )
    area = np.log(2.0 * d) + 0.5 * (m + 1.0) * math.log(math.pi) - gammaln(0.5 * (m + 1.0))
    log_ratio = (  # of the radius of all hypotheses to that of the good ones
        np.log(bound)
        + 0.5 * np.log(d)
        + log_outputs
        + np.log(degree)
        + 0.5 * np.log(m / 6.0)
        + (area - np.log(n)) / m
        - np.log(eps)
    )
    per_output = np.log(2.0 * d) + log_eigenfunctions(m, degree)
    log10_bits, bits, vacuous = _assemble(log_outputs, per_output, np.log(n), log_ratio)
    return BandlimitedDifficulty(
        log10_bits, bits, vacuous, np.broadcast_to(degree, np.shape(log10_bits))[()]
    )


def _log_gamma_rise(z: FloatArray, step: FloatArray) -> FloatArray:
    """Compute ln Gamma(z + step) - ln Gamma(z) without cancellation for large z."""
    far = np.maximum(z, _STIRLING_FROM)
    rise = step * (np.log(far + step) - 1.0) + (far - 0.5) * np.log1p(step / far)
    for order, coefficient in enumerate(_STIRLING):
        power = -1.0 - 2.0 * order
        rise += coefficient * ((far + step) ** power - far**power)
    near = gammaln(np.minimum(z, _STIRLING_FROM) + step) - gammaln(np.minimum(z, _STIRLING_FROM))
    return np.where(z >= _STIRLING_FROM, rise, near)


def _assemble(
    log_outputs: FloatArray, per_output: FloatArray, log_samples: FloatArray, log_ratio: FloatArray
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_] | bool]:
    """Put together outputs (e^per_output - samples) log2(ratio) from natural logarithms."""
    vacuous = (log_samples >= per_output) | (log_ratio <= 0.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        left = per_output + np.log(-np.expm1(log_samples - per_output))
        total = log_outputs + left + np.log(log_ratio) - math.log(math.log(2.0))
        log10_bits = np.where(vacuous, -np.inf, total / math.log(10.0))
        bits = np.where(vacuous, 0.0, np.exp(total))
    return log10_bits[()], bits[()], vacuous if np.ndim(vacuous) else bool(vacuous)
