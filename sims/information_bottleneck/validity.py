"""What every estimator asks of its samples, and the warnings they share."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import ValidityWarning, array, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FloatArray = NDArray[np.float64]

CEILING_SHARE = 0.05  # an estimate this near its ceiling says little but the ceiling
KERNEL_EMPTY = 1e-12  # mean off-diagonal entry below which a Gram matrix is the identity
KERNEL_FULL = 1.0 - 1e-6  # ... and above which it is constant


def samples(name: str, value: ArrayLike, minimum: int = 2) -> FloatArray:
    """Return samples as a finite matrix, one row a sample; a vector is one coordinate.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like, shape (N,) or (N, d)
    minimum : int
        Fewest rows accepted.

    Raises
    ------
    ValueError
        For another shape, no coordinate, too few rows or entries that are not finite.

    Examples
    --------
    >>> samples("x", [1, 2]).shape
    (2, 1)
    """
    result = array(name, value)
    if result.ndim not in (1, 2) or not result.size:
        reject(f"{name}.shape", result.shape, "(N,) or (N, d) with d >= 1")
    if len(result) < minimum:
        reject(f"len({name})", len(result), f"at least {minimum}")
    return result[:, None] if result.ndim == 1 else result


def paired_samples(
    names: tuple[str, ...], values: tuple[ArrayLike, ...], minimum: int = 2
) -> tuple[FloatArray, ...]:
    """Return several sets of samples of equal length, each checked by `samples`.

    Raises
    ------
    ValueError
        As `samples`, and when the numbers of rows differ.

    Examples
    --------
    >>> [part.shape for part in paired_samples(("x", "y"), ([1, 2], [[1, 2], [3, 4]]))]
    [(2, 1), (2, 2)]
    """
    result = tuple(samples(name, value, minimum) for name, value in zip(names, values))
    for name, part in zip(names[1:], result[1:]):
        if len(part) != len(result[0]):
            reject(f"len({name})", len(part), f"len({names[0]}) = {len(result[0])}")
    return result


def integer_labels(name: str, value: ArrayLike, rows: int) -> NDArray[np.int64]:
    """Return class labels as int64 after checking that they are whole numbers, one a row.

    Raises
    ------
    ValueError
        For another shape or labels that are not whole numbers.

    Examples
    --------
    >>> integer_labels("labels", [0.0, 1.0], 2)
    array([0, 1])
    """
    result = array(name, value)
    if result.shape != (rows,):
        reject(f"{name}.shape", result.shape, f"({rows},), one label a row")
    fraction = np.flatnonzero(result != np.round(result))
    if fraction.size:
        first = int(fraction[0])
        reject(f"{name}[{first}]", result[first], "a whole number")
    return result.astype(np.int64)


def warn(message: str, depth: int = 1) -> None:
    """Give a `ValidityWarning` that points at the caller of the public function.

    Parameters
    ----------
    message : str
    depth : int
        How many calls inside the public function the warning is given, itself included.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("the sample is small")
    >>> caught[0].category.__name__
    'ValidityWarning'
    """
    warnings.warn(message, ValidityWarning, stacklevel=2 + depth)


def warn_near_ceiling(value: float, ceiling: float, meaning: str) -> None:
    """Warn when an estimate is within 5 % of the largest value it can take.

    Parameters
    ----------
    value, ceiling : float
        In nats.
    meaning : str
        What the ceiling is, such as "log N".

    Examples
    --------
    >>> warn_near_ceiling(1.0, 4.6, "log N")
    """
    if value > (1.0 - CEILING_SHARE) * ceiling:
        warnings.warn(
            f"the estimate {value:.4g} is within 5 % of its ceiling {meaning} = {ceiling:.4g}: "
            "the true value may be anything larger",
            ValidityWarning,
            stacklevel=3,
        )


def warn_kernel(name: str, row_sums: FloatArray, width: float) -> None:
    """Warn when a Gram matrix of unit diagonal is the identity or constant to rounding.

    Parameters
    ----------
    name : str
        The variable whose kernel it is.
    row_sums : ndarray, shape (N,)
        Row sums of the Gram matrix, diagonal included.
    width : float
        Kernel width, for the message.

    Examples
    --------
    >>> warn_kernel("x", np.array([1.5, 1.5]), 1.0)
    """
    others = (row_sums - 1.0) / max(1, len(row_sums) - 1)
    if others.max() < KERNEL_EMPTY:
        state = "the identity: every sample sees only itself"
    elif others.min() > KERNEL_FULL:
        state = "constant: all samples look alike"
    else:
        return
    warnings.warn(
        f"with width {width:.3g} the kernel of {name} is {state}",
        ValidityWarning,
        stacklevel=3,
    )
