"""Linear regression on bag means, between the bag loss and the instance loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from sims.aggregate_responses.bags import as_bags
from sims.aggregate_responses.leave_one_out import bag_errors
from sims.aggregate_responses.rho_path import prepare, solve_path
from sims.numerics.validate import number, reject

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


class InterpolatingRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    r"""Minimise (1-rho) bag loss + rho instance loss for a linear model.

    The learner uses responses only through their bag means. The objective is
    :math:`\sum_a k_a (\bar y_a - \bar x_a'\theta)^2 + \rho \sum_i
    ((x_i - \bar x_{a(i)})'\theta)^2 + d\lambda\lVert\theta\rVert^2`, the intercept apart, which
    nothing penalises. Where the minimiser is not unique (rho = 0 with fewer bags than features,
    fewer samples than features, dependent features) it is the one of minimum norm.

    Parameters
    ----------
    rho : float or "loo"
        Weight of the instance loss, >= 0: 0 is the bag loss, 1 the instance loss, more is
        stronger regularisation. "loo" chooses it by the leave-one-bag-out error.
    ridge : float
        lambda >= 0.
    fit_intercept : bool

    Attributes
    ----------
    coef_ : ndarray, shape (n_features_in_,)
    intercept_ : float
    rho_ : float
        The weight used. Under "loo" it is 1 where the weight cannot matter (bags of one sample)
        or no bag leaves a residual (interpolation).
    n_bags_ : int
    loo_error_ : float
        Only under "loo": the estimate of sigma² + excess risk at rho_.

    Notes
    -----
    Setting: Javanmard et al. (ICLR 2024). Solution and leave-one-out formula: derived, see
    docs/theory/aggregate_responses.md. Leverages treat within-bag deviations as a fixed penalty.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((60, 2))
    >>> y = x @ [1.0, -2.0]
    >>> model = InterpolatingRegressor(rho=0.0).fit(x, y, bags=np.repeat(np.arange(20), 3))
    >>> model.coef_.round(6).tolist()
    [1.0, -2.0]
    """

    def __init__(
        self,
        rho: float | Literal["loo"] = 0.1,
        ridge: float = 0.0,
        fit_intercept: bool = True,
    ) -> None:
        self.rho = rho
        self.ridge = ridge
        self.fit_intercept = fit_intercept

    def fit(
        self, X: ArrayLike, y: ArrayLike, bags: ArrayLike | None = None
    ) -> InterpolatingRegressor:
        """Fit on responses that are averaged inside bags.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like, shape (n,)
            Responses, or their bag means repeated.
        bags : array_like of int, shape (n,), optional
            Bag labels >= 0; None puts each sample in its own bag.

        Returns
        -------
        InterpolatingRegressor
            Itself.

        Raises
        ------
        ValueError
            When an argument is outside its range or the shapes do not fit.
        """
        data, values = validate_data(self, X, y, y_numeric=True, dtype=np.float64)
        responses: Real = np.asarray(values, dtype=np.float64)
        weight = _checked_rho(self.rho)
        penalty = number("ridge", self.ridge, 0) * data.shape[1]
        partition = as_bags(bags, len(data))
        problem = prepare(data, responses, partition, self.fit_intercept)
        self.n_bags_ = partition.count
        if weight is None:
            cell = problem.rows, problem.targets, partition, penalty, self.fit_intercept
            errors = bag_errors(*cell)
            if partition.count == len(data):
                weight, self.loo_error_ = 1.0, float(errors.error(np.ones(1))[0])
            else:
                weight, self.loo_error_ = errors.best()
        self.rho_ = weight
        path = solve_path(problem.rows, problem.targets, partition, np.array([weight]), penalty)
        self.coef_ = path[0]
        self.intercept_ = float(problem.level - self.coef_ @ problem.centre)
        return self

    def predict(self, X: ArrayLike) -> Real:
        """Predict responses of single samples, shape (n,)."""
        check_is_fitted(self)
        data = validate_data(self, X, reset=False, dtype=np.float64)
        return np.asarray(data @ self.coef_ + self.intercept_)


def _checked_rho(rho: object) -> float | None:
    """Return the weight, or None for "loo"."""
    if isinstance(rho, str):
        if rho != "loo":
            reject("rho", rho, "a number in [0, inf) or 'loo'")
        return None
    return number("rho", rho, 0)
