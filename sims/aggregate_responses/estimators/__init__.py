"""Estimators with the scikit-learn interface; importing this package imports scikit-learn."""

from sims.aggregate_responses.estimators.interpolating import InterpolatingRegressor
from sims.aggregate_responses.estimators.logistic import AggregateLogisticRegression
from sims.aggregate_responses.estimators.network import InterpolatingNetwork

__all__ = ["AggregateLogisticRegression", "InterpolatingNetwork", "InterpolatingRegressor"]
