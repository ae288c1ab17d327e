"""What an allocation is worth: design value, first-order risk, values of the three rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from sims.active_multitask_lasso.checks import checked_counts, checked_problem
from sims.active_multitask_lasso.minimal_norm import Relevance, smallest_l1, smallest_l2
from sims.numerics.validate import array, integer, number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

IN_RANGE = 1e-9  # relative part of the target outside the span of the sampled tasks


def design_value(heads: ArrayLike, target: ArrayLike, counts: ArrayLike) -> float:
    r"""Return :math:`q(n) = w'(W\,\mathrm{diag}(n)\,W')^{-1}w`.

    It equals the minimum of :math:`\sum_t \nu_t^2/n_t` over :math:`W\nu = w`, and is computed as
    such, so that tasks without samples (whose nu_t must be 0) need no special case.

    Parameters
    ----------
    heads : array_like, shape (K, T)
        W, of rank K, without zero columns.
    target : array_like, shape (K,)
        w, not 0.
    counts : array_like
        n, real numbers >= 0, shape (T,) or scalar.

    Returns
    -------
    float
        Positive; inf when the tasks with samples do not span the target.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    The identity is derived in docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> design_value([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0], [4, 2])
    0.375
    >>> design_value([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0], [4, 0])
    inf
    """
    w, b = checked_problem(heads, target)
    return value_of(w, b, checked_counts(counts, w.shape[1]))


def value_of(heads: Real, target: Real, counts: Real) -> float:
    """Do the work of `design_value`, without checks.

    Which directions the sampled tasks span is decided on W alone, whatever the range of the
    counts; rows in falling order keep the QR factorisation accurate for a wide range.
    """
    used = np.flatnonzero(counts)
    order = used[np.argsort(-counts[used], kind="stable")]
    columns, w = heads[:, order], target
    if order.size < len(target) or np.linalg.matrix_rank(columns) < len(target):
        left, sizes, _ = np.linalg.svd(columns, full_matrices=False)
        kept = left[:, sizes > sizes.max(initial=0.0) * len(target) * np.finfo(np.float64).eps]
        w = kept.T @ target
        if float(np.linalg.norm(target - kept @ w)) > IN_RANGE * float(np.linalg.norm(target)):
            return float("inf")
        columns = kept.T @ columns
    r = np.linalg.qr((np.sqrt(counts[order]) * columns).T, mode="r")
    half = solve_triangular(r, w, trans="T")
    return float(half @ half)


def first_order_risk(
    heads: ArrayLike,
    target: ArrayLike,
    counts: ArrayLike,
    *,
    dimension: int,
    noise_variance: float,
) -> float:
    r"""Return :math:`\sigma^2(d-K)\,q(n)`, the representation risk to first order.

    The representation risk is :math:`\lVert(I-\hat B\hat B')\theta\rVert^2`, the least risk that
    the learned subspace allows. Add `target_step_risk` for the risk after the target's own fit.

    Parameters
    ----------
    heads, target, counts : array_like
        As for `design_value`.
    dimension : int
        d > K, of the isotropic inputs.
    noise_variance : float
        sigma^2 >= 0.

    Returns
    -------
    float
        inf when the sampled tasks do not span the target.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md. Needs about 2d samples of every task that
    matters; below that the true risk is larger.

    Examples
    --------
    >>> known = {"dimension": 10, "noise_variance": 0.5}
    >>> round(first_order_risk([[1.0, 0.0], [0.0, 2.0]], [1.0, 1.0], [400, 200], **known), 9)
    0.015
    """
    w, b = checked_problem(heads, target)
    n = checked_counts(counts, w.shape[1])
    d = checked_dimension(dimension, len(b))
    variance = number("noise_variance", noise_variance, 0)
    value = value_of(w, b, n)
    return float("inf") if np.isinf(value) else variance * (d - len(b)) * value


def target_step_risk(
    representation_risk: ArrayLike, *, rank: int, target_samples: int, noise_variance: float
) -> Real:
    r"""Return the expected risk after least squares of the target on the learned features.

    Given the subspace and Gaussian inputs this is exact: with :math:`m` target samples,
    :math:`\mathrm{rep} + (\mathrm{rep}+\sigma^2)K/(m-K-1)`.

    Parameters
    ----------
    representation_risk : array_like
        rep >= 0; inf is allowed.
    rank : int
        K >= 1.
    target_samples : int
        m > K + 1.
    noise_variance : float
        sigma^2 >= 0.

    Returns
    -------
    ndarray or float
        Of the shape of `representation_risk`.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Derived, see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> float(target_step_risk(0.5, rank=2, target_samples=7, noise_variance=1.0))
    1.25
    """
    rep = array("representation_risk", representation_risk, 0, allow_inf=True)
    k = integer("rank", rank, 1)
    m = integer("target_samples", target_samples, k + 2)
    variance = number("noise_variance", noise_variance, 0)
    total: Real = (rep + (rep + variance) * k / (m - k - 1))[()]
    return total


@dataclass(frozen=True)
class RuleValues:
    """N q(n) of each rule without floor; times sigma^2 (d - K)/N it is the risk.

    Attributes
    ----------
    l1 : float
        |nu1|_1^2, the least of all allocations.
    l2 : float
        N q(n) for n_t proportional to nu2_t^2.
    uniform : float
        T |nu2|_2^2.
    l2_bound : float
        |nu2|_0 |nu2|_2^2 >= l2; equal to `uniform` when nu2 has no zeros.
    nu1, nu2 : Relevance
    """

    l1: float
    l2: float
    uniform: float
    l2_bound: float
    nu1: Relevance
    nu2: Relevance


def rule_values(heads: ArrayLike, target: ArrayLike) -> RuleValues:
    """Compare the three rules: l1 <= l2 <= uniform always holds.

    Parameters
    ----------
    heads, target : array_like, shape (K, T) and (K,)
        As for `relevance`.

    Returns
    -------
    RuleValues

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    That the L1 rule is optimal is Elfving's theorem on c-optimal designs; the chain is derived in
    docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> from sims.active_multitask_lasso import random_instance
    >>> instance = random_instance(40, 5, 3)
    >>> values = rule_values(instance.heads, instance.target)
    >>> round(values.l1, 4), round(values.l2, 4), round(values.uniform, 4)
    (0.267, 0.4742, 1.0176)
    """
    w, b = checked_problem(heads, target)
    nu1, nu2 = smallest_l1(w, b), smallest_l2(w, b)
    shares = np.square(nu2.nu / nu2.norm)
    l2 = value_of(w, b, shares)
    nonzero = int(np.count_nonzero(np.abs(nu2.nu) > 1e-12 * np.abs(nu2.nu).max()))
    square = nu2.norm**2
    return RuleValues(nu1.norm**2, l2, w.shape[1] * square, nonzero * square, nu1, nu2)


def checked_dimension(dimension: int, rank: int) -> int:
    """Return d after checking that it is a whole number above K.

    Examples
    --------
    >>> checked_dimension(3, 3)
    Traceback (most recent call last):
    ...
    ValueError: dimension = 3 is not allowed: it must be a whole number above the rank, 3
    """
    d = integer("dimension", dimension, 1)
    if d <= rank:
        reject("dimension", d, f"a whole number above the rank, {rank}")
    return d
