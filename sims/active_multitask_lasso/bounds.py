"""Upper bounds on the risk, what they are made of, and the sample sizes that follow."""

from __future__ import annotations

from dataclasses import dataclass
from math import isinf, log
from typing import TYPE_CHECKING

import numpy as np

from sims.active_multitask_lasso.checks import (
    checked_basis,
    checked_counts,
    checked_heads,
    checked_problem,
)
from sims.active_multitask_lasso.design import checked_dimension, rule_values
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


def relevance_factor(nu: ArrayLike, counts: ArrayLike) -> float:
    r"""Return :math:`\sum_t \nu_t^2/n_t`, the first factor of the bound.

    Tasks with nu_t = 0 contribute nothing whatever their count; it is inf when a relevant task
    has no samples. For every nu with W nu = w it is at least `design_value`.

    Parameters
    ----------
    nu : array_like, shape (T,)
    counts : array_like
        Real numbers >= 0, shape (T,) or scalar.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> relevance_factor([1.0, 0.0, -2.0], [10, 0, 16])
    0.35
    """
    values = array("nu", nu, ndim=1)
    n = checked_counts(counts, values.size)
    used = values != 0
    if (n[used] == 0).any():
        return float("inf")
    return float(np.sum(np.square(values[used]) / n[used]))


def subspace_factor(
    estimated_basis: ArrayLike, basis: ArrayLike, heads: ArrayLike, counts: ArrayLike
) -> float:
    r"""Return :math:`\sum_t n_t\lVert(I-\hat B\hat B')Bw_t\rVert^2`, the second factor.

    By the Cauchy-Schwarz inequality the representation risk is at most `relevance_factor` times
    this, with certainty and for every nu with W nu = w.

    Parameters
    ----------
    estimated_basis : array_like, shape (d, k)
        Orthonormal columns; k may differ from K.
    basis : array_like, shape (d, K)
        B, orthonormal columns, d > K.
    heads : array_like, shape (K, T)
        W, of rank K, without zero columns.
    counts : array_like
        Real numbers >= 0, shape (T,) or scalar.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Examples
    --------
    >>> round(subspace_factor([[0.8], [0.6]], [[1.0], [0.0]], [[1.0, 2.0]], [10, 5]), 9)
    10.8
    """
    w = checked_heads(heads)
    b = checked_basis("basis", basis, len(w))
    hat = array("estimated_basis", estimated_basis, ndim=2)
    hat = checked_basis("estimated_basis", hat, hat.shape[1])
    if len(hat) != len(b):
        reject("estimated_basis.shape", hat.shape, f"({len(b)}, k), the rows of basis")
    theta = b @ w
    missed = np.square(theta - hat @ (hat.T @ theta)).sum(axis=0)
    return float(checked_counts(counts, w.shape[1]) @ missed)


def subspace_factor_mean(*, dimension: int, rank: int, noise_variance: float) -> float:
    r"""Return :math:`\sigma^2 K(d-K)`, the mean of `subspace_factor` to first order.

    Examples
    --------
    >>> subspace_factor_mean(dimension=30, rank=4, noise_variance=1.0)
    104.0
    """
    k = integer("rank", rank, 1)
    d = checked_dimension(dimension, k)
    return number("noise_variance", noise_variance, 0) * k * (d - k)


def subspace_factor_bound(
    *,
    dimension: int,
    rank: int,
    tasks: int,
    noise_variance: float,
    failure: float = 1.0,
) -> float:
    r"""Return :math:`\sigma^2(K(d+T) + \log(1/\delta))`, the second factor of the papers' bound.

    Parameters
    ----------
    dimension, rank, tasks : int
        d > K >= 1 and T >= K.
    noise_variance : float
        sigma^2 >= 0.
    failure : float
        delta in (0, 1], the probability with which the bound may fail; 1 drops the logarithm.

    Returns
    -------
    float
        With constant 1. The theorem has an unspecified constant; it is not to be tuned.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The form of the bound of Chen et al. (2022) and Wang et al. (2023); see
    docs/theory/active_multitask_lasso.md for what could be read of the papers.

    Examples
    --------
    >>> subspace_factor_bound(dimension=30, rank=4, tasks=30, noise_variance=1.0)
    240.0
    """
    k = integer("rank", rank, 1)
    d, t = checked_dimension(dimension, k), integer("tasks", tasks, k)
    delta = number("failure", failure, 0, 1, open_low=True)
    return number("noise_variance", noise_variance, 0) * (k * (d + t) - log(delta))


def risk_upper_bound(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    nu: ArrayLike,
    *,
    dimension: int,
    noise_variance: float,
    failure: float = 1.0,
) -> float:
    r"""Return the bound :math:`\sigma^2(K(d+T)+\log(1/\delta))\sum_t\nu_t^2/n_t`.

    Parameters
    ----------
    heads, target, counts : array_like
        As for `design_value`.
    nu : array_like, shape (T,)
        Any vector with W nu = w, such as `relevance`'s.
    dimension, noise_variance, failure
        As for `subspace_factor_bound`.

    Returns
    -------
    float
        Bounds the representation risk, up to a constant that is set to 1. It has the slope of the
        risk in N and lies above it by about K(d+T)/(d-K).

    Raises
    ------
    ValueError
        When an argument is outside its range, or W nu differs from w.

    Examples
    --------
    >>> risk_upper_bound([[1.0, 2.0]], [2.0], [10, 10], [0, 1], dimension=3, noise_variance=1.0)
    0.5
    """
    w, b = checked_problem(heads, target)
    values = array("nu", nu, ndim=1)
    if values.size != w.shape[1]:
        reject("nu.shape", values.shape, f"({w.shape[1]},), one entry for each task")
    off = float(np.abs(w @ values - b).max())
    if off > 1e-6 * float(np.abs(b).max()):
        reject("max |heads @ nu - target|", off, "0: every row of W nu = w has to hold")
    second = subspace_factor_bound(
        dimension=dimension,
        rank=len(b),
        tasks=w.shape[1],
        noise_variance=noise_variance,
        failure=failure,
    )
    first = relevance_factor(values, counts)
    return first if isinf(first) else first * second


@dataclass(frozen=True)
class SampleComplexity:
    """Source samples at which the first-order risk falls to the accuracy, rule by rule.

    Attributes
    ----------
    l1, l2, uniform : float
        Real numbers; round up.
    l2_bound : float
        From |nu2|_0 |nu2|_2^2, not below `l2`.
    target : float
        sigma^2 K / accuracy, the scale of the target samples needed besides.
    """

    l1: float
    l2: float
    uniform: float
    l2_bound: float
    target: float


def sample_complexity(
    heads: ArrayLike,
    target: ArrayLike,
    *,
    dimension: int,
    noise_variance: float,
    accuracy: float,
) -> SampleComplexity:
    r"""Return how many source samples bring the representation risk to `accuracy`.

    Parameters
    ----------
    heads, target : array_like
        As for `relevance`.
    dimension : int
        d > K.
    noise_variance : float
        sigma^2 >= 0.
    accuracy : float
        The risk asked for, > 0 (the papers write :math:`\varepsilon^2`).

    Returns
    -------
    SampleComplexity

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived from the first-order risk, see docs/theory/active_multitask_lasso.md; the papers have
    constants of the form K(d + T) where d - K stands here.

    Examples
    --------
    >>> found = sample_complexity(
    ...     [[1.0, 2.0]], [2.0], dimension=5, noise_variance=1.0, accuracy=0.01
    ... )
    >>> round(found.l1, 9), round(found.uniform, 9)
    (400.0, 640.0)
    """
    values = rule_values(heads, target)
    rank = values.nu1.dual.size
    d = checked_dimension(dimension, rank)
    variance = number("noise_variance", noise_variance, 0)
    scale = variance / number("accuracy", accuracy, 0, open_low=True)
    unit = scale * (d - rank)
    return SampleComplexity(
        l1=unit * values.l1,
        l2=unit * values.l2,
        uniform=unit * values.uniform,
        l2_bound=unit * values.l2_bound,
        target=scale * rank,
    )


def plug_in_guarantee(
    heads: ArrayLike,
    target: ArrayLike,
    nu: ArrayLike,
    *,
    adaptive_samples: float,
    floor: float,
) -> float:
    r"""Bound q(n) for counts chosen by an estimate of the relevance.

    When :math:`n_t \ge \max\{M|\hat\nu_t|/\lVert\hat\nu\rVert_1, n_0\}` for every task,
    :math:`q(n) \le (\lVert\hat\nu\rVert_1/\sqrt M + \lVert w-W\hat\nu\rVert /
    (\sigma_{\min}(W)\sqrt{n_0}))^2`.

    Parameters
    ----------
    heads, target : array_like
        The true W and w, as for `relevance`.
    nu : array_like, shape (T,)
        The estimate; W nu need not be w.
    adaptive_samples : float
        M > 0.
    floor : float
        n_0 >= 0; 0 gives inf unless W nu = w.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> bound = plug_in_guarantee([[2.0]], [1.0], [0.25], adaptive_samples=100, floor=25)
    >>> round(bound, 9)
    0.005625
    """
    w, b = checked_problem(heads, target)
    values = array("nu", nu, ndim=1)
    if values.size != w.shape[1]:
        reject("nu.shape", values.shape, f"({w.shape[1]},), one entry for each task")
    m = number("adaptive_samples", adaptive_samples, 0, open_low=True)
    n0 = number("floor", floor, 0)
    first = float(np.abs(values).sum()) / np.sqrt(m)
    missed = float(np.linalg.norm(b - w @ values))
    if missed <= 1e-12 * float(np.linalg.norm(b)):
        return float(first**2)
    if n0 == 0:
        return float("inf")
    smallest = float(np.linalg.svd(w, compute_uv=False)[-1])
    return float((first + missed / (smallest * np.sqrt(n0))) ** 2)
