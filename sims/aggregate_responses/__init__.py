"""Aggregate responses: learning from bag means, what it costs, what privacy changes.

The setting is that of Javanmard, Chen, Mirrokni, Badanidiyuru and Fu (ICLR 2024); the equations
are derived in docs/theory/aggregate_responses.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sims.aggregate_responses.anisotropic import anisotropic_risk
from sims.aggregate_responses.bags import as_bags, bags_from_members, equal_bags
from sims.aggregate_responses.classification import (
    SignLabelAccuracy,
    best_label_weight,
    debiased_risk,
    instance_logistic_norm,
    label_accuracy,
    linear_gain,
    sign_label_accuracy,
)
from sims.aggregate_responses.curated import (
    curated_risk,
    normal_within_fraction,
    optimal_bags_1d,
    score_alignment,
    within_bag_fraction,
)
from sims.aggregate_responses.isotropic import (
    AggregateRisk,
    finite_sample_risk,
    instance_optimal_noise,
    risk,
    small_rho_limit,
    snr_threshold,
)
from sims.aggregate_responses.mechanism import LabelPrivacy, Release
from sims.aggregate_responses.optimal import OptimalRho, optimal_rho
from sims.aggregate_responses.privacy import (
    EffectiveNoise,
    critical_rho,
    effective_noise,
    laplace_scale,
    optimal_bag_size,
    private_leading_order,
    private_risk,
)
from sims.aggregate_responses.rho_path import RhoPath, interpolating_path
from sims.aggregate_responses.unequal import unequal_bag_risk

if TYPE_CHECKING:
    from sims.aggregate_responses.estimators import (
        AggregateLogisticRegression,
        InterpolatingNetwork,
        InterpolatingRegressor,
    )

__all__ = [
    "AggregateLogisticRegression",
    "AggregateRisk",
    "EffectiveNoise",
    "InterpolatingNetwork",
    "InterpolatingRegressor",
    "LabelPrivacy",
    "OptimalRho",
    "Release",
    "RhoPath",
    "SignLabelAccuracy",
    "anisotropic_risk",
    "as_bags",
    "bags_from_members",
    "best_label_weight",
    "critical_rho",
    "curated_risk",
    "debiased_risk",
    "effective_noise",
    "equal_bags",
    "finite_sample_risk",
    "instance_logistic_norm",
    "instance_optimal_noise",
    "interpolating_path",
    "label_accuracy",
    "laplace_scale",
    "linear_gain",
    "normal_within_fraction",
    "optimal_bag_size",
    "optimal_bags_1d",
    "optimal_rho",
    "private_leading_order",
    "private_risk",
    "risk",
    "score_alignment",
    "sign_label_accuracy",
    "small_rho_limit",
    "snr_threshold",
    "unequal_bag_risk",
    "within_bag_fraction",
]

_ESTIMATORS = ("AggregateLogisticRegression", "InterpolatingNetwork", "InterpolatingRegressor")


def __getattr__(name: str) -> Any:
    """Load the estimators, and with them scikit-learn, only when they are asked for."""
    if name in _ESTIMATORS:
        from sims.aggregate_responses import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
