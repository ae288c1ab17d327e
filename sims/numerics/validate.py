"""Argument checks for the public doors: every message names argument, value and range."""

from __future__ import annotations

import math
from numbers import Integral
from typing import TYPE_CHECKING, NoReturn

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class ValidityWarning(UserWarning):
    """A result was computed outside the range in which its theory or estimate can be trusted."""


def reject(name: str, value: object, allowed: str) -> NoReturn:
    """Raise the one error message that every public function uses.

    Parameters
    ----------
    name : str
        The argument as the caller knows it.
    value : object
        The offending value.
    allowed : str
        What would have been accepted, completing "must be …".

    Raises
    ------
    ValueError
        Always.

    Examples
    --------
    >>> reject("ridge", -1.0, "in [0, inf)")
    Traceback (most recent call last):
    ...
    ValueError: ridge = -1.0 is not allowed: it must be in [0, inf)
    """
    shown = value.item() if isinstance(value, np.generic) else value
    raise ValueError(f"{name} = {shown!r} is not allowed: it must be {allowed}")


def interval(low: float, high: float, open_low: bool = False, open_high: bool = False) -> str:
    """Write an interval the way the messages and the help texts show it.

    Examples
    --------
    >>> interval(0, math.inf, open_low=True)
    'in (0, inf)'
    """
    left = "(" if open_low or math.isinf(low) else "["
    right = ")" if open_high else "]"
    if math.isinf(high) and open_high is False:
        right = ")"
    return f"in {left}{low:g}, {high:g}{right}"


def number(
    name: str,
    value: object,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
    allow_inf: bool = False,
) -> float:
    """Return `value` as a float after checking that it lies in the interval.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : object
        Anything ``float`` takes.
    low, high : float
        The ends of the allowed interval, included unless ``open_low`` or ``open_high``.
    open_low, open_high : bool
        Exclude the end.
    allow_inf : bool
        Accept ``inf`` where the interval has no upper end.

    Raises
    ------
    ValueError
        When the value is no number, NaN, or outside the interval.

    Examples
    --------
    >>> number("n", 256, 0, open_low=True)
    256.0
    """
    allowed = interval(low, high, open_low, open_high) + (" or inf" if allow_inf else "")
    try:
        result = float(value)  # type: ignore[arg-type]  # the point of the call is to find out
    except (TypeError, ValueError, OverflowError):
        reject(name, value, f"a number {allowed}")
    if math.isinf(result) and not (allow_inf and result > 0):
        reject(name, value, allowed)
    below = result <= low if open_low else result < low
    above = result >= high if open_high and not math.isinf(high) else result > high
    if math.isnan(result) or below or above:
        reject(name, value, allowed)
    return result


def integer(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> int:
    """Return `value` as an int after checking that it is a whole number in the interval.

    Raises
    ------
    ValueError
        When the value is not a whole number in [low, high].

    Examples
    --------
    >>> integer("trials", 10, 1)
    10
    """
    # A large one must not pass through a float.
    result = int(value) if isinstance(value, Integral) else number(name, value, low, high)
    if result != int(result) or not low <= result <= high:
        reject(name, value, f"a whole number {interval(low, high)}")
    return int(result)


def array(
    name: str,
    value: ArrayLike,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    ndim: int | None = None,
    open_low: bool = False,
    open_high: bool = False,
    allow_inf: bool = False,
) -> NDArray[np.float64]:
    """Return `value` as a float64 array after checking its dimension and every entry.

    The message shows the first entry at fault and where it stands.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like
        Anything ``numpy.asarray`` takes.
    low, high, open_low, open_high, allow_inf
        As for `number`.
    ndim : int, optional
        The number of dimensions asked for.

    Raises
    ------
    ValueError
        When the dimension is wrong or an entry is NaN or outside the interval.

    Examples
    --------
    >>> array("eigenvalues", [1.0, 0.5], 0, ndim=1)
    array([1. , 0.5])
    """
    allowed = interval(low, high, open_low, open_high) + (" or inf" if allow_inf else "")
    try:
        given = np.asarray(value)
        if given.dtype.kind == "c":  # or else the imaginary parts would be dropped
            raise TypeError
        result = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        reject(name, value, f"an array of real numbers {allowed}")
    if ndim is not None and result.ndim != ndim:
        raise ValueError(f"{name} has shape {result.shape}, but it must have {ndim} dimension(s)")
    bad = np.isnan(result) | (result <= low if open_low else result < low)
    bad |= result >= high if open_high and not math.isinf(high) else result > high
    bad |= np.isinf(result) & (result < 0 if allow_inf else True)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        place = f"{name}[{', '.join(map(str, where))}]" if where else name
        reject(place, result[where], allowed)
    return result


def columns_of(name: str, value: ArrayLike, rows: int) -> NDArray[np.float64]:
    """Return targets as a finite float64 matrix with one column for each output.

    Parameters
    ----------
    name : str
        The argument's name, for the message.
    value : array_like, shape (rows,) or (rows, outputs)
    rows : int
        How many points there are.

    Raises
    ------
    ValueError
        For another shape, no output at all, or entries that are not finite.

    Examples
    --------
    >>> columns_of("targets", [1, 2], 2)
    array([[1.],
           [2.]])
    """
    result = array(name, value)
    if result.ndim not in (1, 2) or len(result) != rows or not result.size:
        reject(f"{name}.shape", result.shape, f"({rows},) or ({rows}, outputs), outputs >= 1")
    return result[:, None] if result.ndim == 1 else result
