"""Logistic regression on bag proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import optimize
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sims.aggregate_responses.bags import Bags, as_bags
from sims.numerics.validate import integer, number, reject

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]

Loss = Literal["proportion", "instance", "debiased", "interpolating"]
LOSSES = ("proportion", "instance", "debiased", "interpolating")
FLOOR = 1e-12  # of the mean probability of a bag inside the logarithm


class AggregateLogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # untyped
    r"""Binary logistic regression from the proportion of positives in each bag.

    Parameters
    ----------
    loss : {"proportion", "instance", "debiased", "interpolating"}
        "proportion": cross entropy of the bag's proportion against its mean predicted
        probability; consistent, not convex (started from the instance solution).
        "instance": cross entropy of every sample against its bag's proportion; convex, right
        direction but shrunken, see `instance_logistic_norm`.
        "debiased": the instance loss on k ybar - (k-1) p, p the overall rate; convex and unbiased
        for random bags, but its targets leave [0, 1], so that with little data only the ridge
        bounds it from below.
        "interpolating": (1-rho) proportion + rho instance.
    rho : float
        In [0, 1]; used by "interpolating" only.
    ridge : float
        Half this times ||coef||² is added to the mean loss; >= 0. The intercept is free.
    fit_intercept : bool
    max_iter : int
    tol : float
        Largest component of the gradient at which to stop.

    Attributes
    ----------
    classes_ : ndarray, shape (2,)
    coef_ : ndarray, shape (1, n_features_in_)
    intercept_ : ndarray, shape (1,)
    n_iter_ : int

    Notes
    -----
    Bags of unequal size count by their samples. Debiasing: Busa-Fekete et al. (NeurIPS 2023);
    limits: derived, see docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.standard_normal((2000, 2))
    >>> y = (x[:, 0] > 0).astype(int)
    >>> bags = np.repeat(np.arange(500), 4)
    >>> model = AggregateLogisticRegression(loss="instance").fit(x, y, bags)
    >>> bool(model.score(x, y) > 0.95)
    True
    """

    def __init__(
        self,
        loss: Loss = "instance",
        rho: float = 0.5,
        ridge: float = 1e-6,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-8,
    ) -> None:
        self.loss = loss
        self.rho = rho
        self.ridge = ridge
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def fit(
        self, X: ArrayLike, y: ArrayLike, bags: ArrayLike | None = None
    ) -> AggregateLogisticRegression:
        """Fit on labels, of which only the proportions in bags are used.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like, shape (n,)
            Labels of two classes.
        bags : array_like of int, shape (n,), optional
            Bag labels >= 0; None puts each sample in its own bag.

        Raises
        ------
        ValueError
            When there are not two classes, or an argument is outside its range.
        """
        data, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        classes, encoded = np.unique(labels, return_inverse=True)
        if len(classes) == 1:
            raise ValueError("y holds one class only, but two classes are needed")
        if len(classes) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass."
            )
        self.classes_ = classes
        partition = as_bags(bags, len(data))
        return self._fit(data, partition.means(encoded.astype(np.float64)), partition)

    def fit_proportions(
        self, X: ArrayLike, proportions: ArrayLike, bags: ArrayLike | None = None
    ) -> AggregateLogisticRegression:
        """Fit on the bags' proportions of positives, repeated for every sample.

        Parameters
        ----------
        X : array_like, shape (n, d)
        proportions : array_like, shape (n,)
            Averaged inside bags. They may leave [0, 1] (privatised ones do); the losses that
            contain the proportion loss clip them to it.
        bags : array_like of int, shape (n,), optional

        Raises
        ------
        ValueError
            When an argument is outside its range or the shapes do not fit.
        """
        data, values = validate_data(self, X, proportions, y_numeric=True, dtype=np.float64)
        self.classes_ = np.array([0, 1])
        partition = as_bags(bags, len(data))
        return self._fit(data, partition.means(np.asarray(values, dtype=np.float64)), partition)

    def decision_function(self, X: ArrayLike) -> Real:
        """Logits of the second class, shape (n,)."""
        check_is_fitted(self)
        data = validate_data(self, X, reset=False, dtype=np.float64)
        return np.asarray(data @ self.coef_[0] + self.intercept_[0])

    def predict_proba(self, X: ArrayLike) -> Real:
        """Probabilities of both classes, shape (n, 2)."""
        positive = expit(self.decision_function(X))
        return np.stack([1.0 - positive, positive], axis=1)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Most probable class, shape (n,)."""
        second = (self.decision_function(X) > 0).astype(int)
        return np.asarray(self.classes_[second])

    def _fit(self, X: Real, means: Real, bags: Bags) -> AggregateLogisticRegression:
        if self.loss not in LOSSES:
            reject("loss", self.loss, f"one of {', '.join(LOSSES)}")
        rho = number("rho", self.rho, 0, 1)
        ridge = number("ridge", self.ridge, 0)
        if self.loss == "debiased":
            rate = float(bags.sizes @ means) / len(X)
            targets = bags.sizes * means - (bags.sizes - 1.0) * rate
        else:
            targets = means
        self.n_iter_ = 0
        convex = instance_loss(targets, bags)
        theta = self._minimise(convex, X, np.zeros(X.shape[1] + 1), ridge)
        if self.loss in ("proportion", "interpolating"):
            share = 0.0 if self.loss == "proportion" else rho
            mixed = mixed_loss(np.clip(means, 0.0, 1.0), bags, share)
            theta = self._minimise(mixed, X, theta, ridge)
        self.coef_, self.intercept_ = theta[None, :-1], theta[-1:]
        return self

    def _minimise(
        self, loss: Callable[[Real], tuple[float, Real]], X: Real, start: Real, ridge: float
    ) -> Real:
        free = float(self.fit_intercept)

        def objective(theta: Real) -> tuple[float, Real]:
            value, slope = loss(X @ theta[:-1] + free * theta[-1])
            gradient = np.append(slope @ X + ridge * theta[:-1], free * slope.sum())
            return value + 0.5 * ridge * float(theta[:-1] @ theta[:-1]), gradient

        options: Any = {
            "maxiter": integer("max_iter", self.max_iter, 1),
            "gtol": number("tol", self.tol, 0, open_low=True),
            "ftol": 0.0,
            "maxcor": 20,
            "maxls": 50,
        }
        minimize: Any = optimize.minimize
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options)
        self.n_iter_ += int(found.nit)
        if found.status == 1:
            _warn(f"no convergence in {found.nit} iterations; raise max_iter or ridge")
        return np.asarray(found.x)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags


def instance_loss(targets: Real, bags: Bags) -> Callable[[Real], tuple[float, Real]]:
    """Mean cross entropy of every sample against its bag's target, and its slope in the logits."""
    spread = targets[bags.index]

    def loss(logits: Real) -> tuple[float, Real]:
        value = np.logaddexp(0.0, logits) - spread * logits
        return float(value.mean()), (expit(logits) - spread) / len(logits)

    return loss


def mixed_loss(means: Real, bags: Bags, rho: float) -> Callable[[Real], tuple[float, Real]]:
    """(1-rho) proportion loss + rho instance loss and its slope in the logits."""
    share = bags.sizes / bags.index.size
    instance = instance_loss(means, bags)

    def loss(logits: Real) -> tuple[float, Real]:
        chance = expit(logits)
        mean = np.clip(bags.means(chance), FLOOR, 1.0 - FLOOR)
        entropy = -float(share @ (means * np.log(mean) + (1.0 - means) * np.log1p(-mean)))
        pull = (mean - means) / (mean * (1.0 - mean)) / bags.index.size
        slope = pull[bags.index] * chance * (1.0 - chance)
        if rho == 0:
            return entropy, slope
        value, inner = instance(logits)
        return (1.0 - rho) * entropy + rho * value, (1.0 - rho) * slope + rho * inner

    return loss


def _warn(message: str) -> None:
    import warnings

    warnings.warn(message, ConvergenceWarning, stacklevel=4)
