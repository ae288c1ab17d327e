"""Active multi-task lasso: which source tasks to sample, and how much.

The setting is that of Wang, Chen, Jamieson and Du (ICML 2023) and Chen, Jamieson and Du (ICML
2022); the equations are derived in docs/theory/active_multitask_lasso.md.
"""

from __future__ import annotations

from sims.active_multitask_lasso.bounds import (
    SampleComplexity,
    plug_in_guarantee,
    relevance_factor,
    risk_upper_bound,
    sample_complexity,
    subspace_factor,
    subspace_factor_bound,
    subspace_factor_mean,
)
from sims.active_multitask_lasso.calibration import (
    CalibratedRelevance,
    calibrated_lambda,
    calibrated_relevance,
)
from sims.active_multitask_lasso.cost import (
    CostDesign,
    linear_cost,
    linear_cost_design,
    saltus_cost,
    saltus_cost_design,
)
from sims.active_multitask_lasso.design import (
    RuleValues,
    design_value,
    first_order_risk,
    rule_values,
    target_step_risk,
)
from sims.active_multitask_lasso.digits import DIGITS_STRATEGIES, DigitsOutcome, digits_trial
from sims.active_multitask_lasso.digits_tasks import CORRUPTIONS, DigitsTasks, digits_tasks
from sims.active_multitask_lasso.floored_optimum import (
    OptimalAllocation,
    optimal_floored_allocation,
)
from sims.active_multitask_lasso.instances import (
    Instance,
    random_instance,
    spiked_instance,
    two_level_instance,
)
from sims.active_multitask_lasso.joint_erm import MultitaskFit, joint_erm
from sims.active_multitask_lasso.lasso import LassoPath, lasso_path
from sims.active_multitask_lasso.minimal_norm import Relevance, relevance
from sims.active_multitask_lasso.oracle import LassoOracle
from sims.active_multitask_lasso.real_inputs import PoolInputs, pool_inputs, whitened_digits
from sims.active_multitask_lasso.sampler import ActiveSampler
from sims.active_multitask_lasso.stages import (
    estimated_relevance,
    exploration_budget,
    geometric_budgets,
    next_counts,
)
from sims.active_multitask_lasso.statistics import (
    Statistics,
    draw_data,
    draw_statistics,
    no_statistics,
    statistics_of,
)
from sims.active_multitask_lasso.sweeps import exploration_trial, target_samples_trial
from sims.active_multitask_lasso.target_head import excess_risk, representation_risk, target_head
from sims.active_multitask_lasso.trial import STRATEGIES, StrategyRisks, strategy_trial
from sims.active_multitask_lasso.water_filling import allocation, water_fill

__all__ = [
    "CORRUPTIONS",
    "DIGITS_STRATEGIES",
    "STRATEGIES",
    "ActiveSampler",
    "CalibratedRelevance",
    "CostDesign",
    "DigitsOutcome",
    "DigitsTasks",
    "Instance",
    "LassoOracle",
    "LassoPath",
    "MultitaskFit",
    "OptimalAllocation",
    "PoolInputs",
    "Relevance",
    "RuleValues",
    "SampleComplexity",
    "Statistics",
    "StrategyRisks",
    "allocation",
    "calibrated_lambda",
    "calibrated_relevance",
    "design_value",
    "digits_tasks",
    "digits_trial",
    "draw_data",
    "draw_statistics",
    "estimated_relevance",
    "excess_risk",
    "exploration_budget",
    "exploration_trial",
    "first_order_risk",
    "geometric_budgets",
    "joint_erm",
    "lasso_path",
    "linear_cost",
    "linear_cost_design",
    "next_counts",
    "no_statistics",
    "optimal_floored_allocation",
    "plug_in_guarantee",
    "pool_inputs",
    "random_instance",
    "relevance",
    "relevance_factor",
    "representation_risk",
    "risk_upper_bound",
    "rule_values",
    "saltus_cost",
    "saltus_cost_design",
    "sample_complexity",
    "spiked_instance",
    "statistics_of",
    "strategy_trial",
    "subspace_factor",
    "subspace_factor_bound",
    "subspace_factor_mean",
    "target_head",
    "target_samples_trial",
    "target_step_risk",
    "two_level_instance",
    "water_fill",
    "whitened_digits",
]
