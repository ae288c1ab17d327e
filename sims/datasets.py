"""Real data bundled with scikit-learn, standardised; nothing is downloaded."""

from __future__ import annotations

import functools
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from sims.numerics.validate import reject

if TYPE_CHECKING:
    from collections.abc import Callable

FloatArray = NDArray[np.float64]

DigitTargets = Literal["one-hot", "parity"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A regression problem on real inputs. The arrays are shared and read-only.

    Attributes
    ----------
    name : str
        Short name, the key of `load`.
    title : str
        What the data are, in words.
    inputs : ndarray, shape (size, dimension)
        Standardised.
    targets : ndarray, shape (size, outputs)
        One column for each output; classes coded by numbers.
    labels : ndarray of int, shape (size,), or None
        Class of each point, None where the target is a quantity.
    source, licence : str
        Where the data come from and under what terms they are shipped.
    """

    name: str
    title: str
    inputs: FloatArray
    targets: FloatArray
    labels: NDArray[np.int64] | None
    source: str
    licence: str

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.inputs)

    @property
    def dimension(self) -> int:
        """Number of input coordinates."""
        return int(self.inputs.shape[1])


@functools.cache
def digits(targets: DigitTargets = "one-hot") -> Dataset:
    """Handwritten digits, 8 x 8 pixels: 1797 points, 64 coordinates.

    The inputs have mean 0 and variance 1 over all points and pixels together, so that the border
    pixels, which are nearly always white, are not blown up.

    Parameters
    ----------
    targets : {"one-hot", "parity"}
        Ten columns of 0 and 1, or one column: +1 for even digits, -1 for odd ones.

    Returns
    -------
    Dataset
        The same object at every call.

    Raises
    ------
    ValueError
        For other targets.

    Examples
    --------
    >>> digits().inputs.shape, digits("parity").targets.shape
    ((1797, 64), (1797, 1))
    """
    if targets not in ("one-hot", "parity"):
        reject("targets", targets, "'one-hot' or 'parity'")
    pixels, labels = _digit_images()
    columns = (
        np.eye(10)[labels]
        if targets == "one-hot"
        else 1.0 - 2.0 * (labels % 2).astype(float)[:, None]
    )
    return _frozen(
        Dataset(
            "digits" if targets == "one-hot" else "digits-parity",
            "handwritten digits"
            if targets == "one-hot"
            else "handwritten digits, even against odd",
            (pixels - pixels.mean()) / pixels.std(),
            columns,
            labels,
            "E. Alpaydin, C. Kaynak, Optical recognition of handwritten digits, UCI Machine "
            "Learning Repository (test part), as bundled with scikit-learn",
            "BSD-3-Clause (the package that ships it)",
        )
    )


def _digit_images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Read pixels and labels from scikit-learn's file, without the seconds its import takes."""
    package = importlib.util.find_spec("sklearn")
    if package is not None and package.origin is not None:
        path = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if path.exists():
            table = np.loadtxt(path, delimiter=",")
            return np.ascontiguousarray(table[:, :-1]), table[:, -1].astype(np.int64)
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.data.astype(float), bunch.target.astype(np.int64)


@functools.cache
def diabetes() -> Dataset:
    """Progress of diabetes within a year: 442 points, 10 coordinates, one quantity.

    Every input column and the target have mean 0 and variance 1.

    Returns
    -------
    Dataset
        The same object at every call.

    Examples
    --------
    >>> diabetes().inputs.shape
    (442, 10)
    """
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    return _frozen(
        Dataset(
            "diabetes",
            "progress of diabetes",
            _standardised(bunch.data),
            _standardised(bunch.target[:, None]),
            None,
            "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani, Least angle regression, Ann. "
            "Statist. 32 (2004), as bundled with scikit-learn",
            "BSD-3-Clause (the package that ships it)",
        )
    )


@functools.cache
def breast_cancer() -> Dataset:
    """Breast tumours, benign (+1) or malignant (-1): 569 points, 30 coordinates.

    Every input column has mean 0 and variance 1.

    Returns
    -------
    Dataset
        The same object at every call.

    Examples
    --------
    >>> breast_cancer().inputs.shape
    (569, 30)
    """
    from sklearn.datasets import load_breast_cancer

    bunch = load_breast_cancer()
    labels = bunch.target.astype(np.int64)
    return _frozen(
        Dataset(
            "breast-cancer",
            "breast tumours, benign against malignant",
            _standardised(bunch.data),
            2.0 * labels[:, None] - 1.0,
            labels,
            "W. N. Street, W. H. Wolberg, O. L. Mangasarian, Breast cancer Wisconsin (diagnostic), "
            "UCI Machine Learning Repository, as bundled with scikit-learn",
            "BSD-3-Clause (the package that ships it)",
        )
    )


LOADERS: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "digits-parity": functools.partial(digits, "parity"),
    "diabetes": diabetes,
    "breast-cancer": breast_cancer,
}
"""Every data set by name; nothing is loaded before its function is called."""


def load(name: str) -> Dataset:
    """Return a data set by name.

    Parameters
    ----------
    name : str
        A key of `LOADERS`.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> load("diabetes").size
    442
    """
    if name not in LOADERS:
        reject("name", name, f"one of {', '.join(LOADERS)}")
    return LOADERS[name]()


def _standardised(columns: FloatArray) -> FloatArray:
    return np.asarray((columns - columns.mean(axis=0)) / columns.std(axis=0))


def _frozen(data: Dataset) -> Dataset:
    for values in (data.inputs, data.targets, data.labels):
        if values is not None:
            values.flags.writeable = False
    return data
