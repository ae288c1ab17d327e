"""Inductive bias: how many nats a task needs beyond its data, exactly and as published.

The exact law of an interpolant's test error, the published estimator of its tail beside it, and
the closed-form measure of 2023. Nats unless a name says bits. The equations are derived in
docs/theory/inductive_bias.md.
"""

from __future__ import annotations

from sims.inductive_bias.approximations import log_cdf_approximation
from sims.inductive_bias.bounds import LogCdfBounds, deep_tail_log_cdf, log_cdf_bounds
from sims.inductive_bias.counting import (
    CountingBits,
    counting_bits,
    dkw_bits,
    samples_needed,
    supported_bits,
)
from sims.inductive_bias.difficulty import (
    BandlimitedDifficulty,
    Difficulty,
    bandlimited_difficulty,
    control_difficulty,
    few_shot_difficulty,
    generalization_difficulty,
)
from sims.inductive_bias.dimension import (
    Resolution,
    class_resolution,
    intrinsic_dimension,
    intrinsic_dimensions,
)
from sims.inductive_bias.error_bars import (
    FittedInformation,
    InformationBounds,
    bootstrap,
    delta_method,
    density_ratio_bounds,
    distance_bounds,
)
from sims.inductive_bias.gamma_law import GammaFit, fit_gamma, log_gamma_cdf
from sims.inductive_bias.interpolant import (
    InterpolantErrorLaw,
    Posterior,
    feature_error_law,
    gaussian_posterior,
    interpolant_error_law,
)
from sims.inductive_bias.inversion import Inversion, invert, law_log_cdf, log_cdf
from sims.inductive_bias.law import GeneralisedChiSquare, cgf, cumulants, law_cumulants
from sims.inductive_bias.mixture import MixtureBits, mixture_bits, random_feature_laws
from sims.inductive_bias.models import model_errors
from sims.inductive_bias.moments import CumulantMatch, match_three_cumulants
from sims.inductive_bias.networks import NetworkErrors, network_errors
from sims.inductive_bias.published import (
    NoncentralChi2Fit,
    fit_noncentral_chi2,
    released_nats,
    sankaran_score,
)
from sims.inductive_bias.published_tasks import (
    CONTROL_TASKS,
    IMAGE_TASKS,
    MISSING,
    OMNIGLOT,
    TASKS_SOURCE,
    ClassificationTask,
    ControlTask,
    FewShotTask,
    cart_pole,
    union_difficulty,
)
from sims.inductive_bias.routes import (
    CharacteristicInversion,
    MixtureSum,
    TiltedEstimate,
    characteristic_inversion,
    ruben_series,
    tilted_importance_sampling,
)
from sims.inductive_bias.sphere import (
    bandlimited_sphere_asymptote,
    bandlimited_sphere_bits,
    harmonics_up_to,
)
from sims.inductive_bias.subset_simulation import (
    SubsetSimulation,
    run_subset_simulation,
    two_stage_information,
)
from sims.inductive_bias.tasks import (
    KernelMatrices,
    Task,
    digits_task,
    median_distance,
    pendulum_task,
    sphere_task,
    task_kernels,
)

__all__ = [
    "CONTROL_TASKS",
    "IMAGE_TASKS",
    "MISSING",
    "OMNIGLOT",
    "TASKS_SOURCE",
    "BandlimitedDifficulty",
    "CharacteristicInversion",
    "ClassificationTask",
    "ControlTask",
    "CountingBits",
    "CumulantMatch",
    "Difficulty",
    "FewShotTask",
    "FittedInformation",
    "GammaFit",
    "GeneralisedChiSquare",
    "InformationBounds",
    "InterpolantErrorLaw",
    "Inversion",
    "KernelMatrices",
    "LogCdfBounds",
    "MixtureBits",
    "MixtureSum",
    "NetworkErrors",
    "NoncentralChi2Fit",
    "Posterior",
    "Resolution",
    "SubsetSimulation",
    "Task",
    "TiltedEstimate",
    "bandlimited_difficulty",
    "bandlimited_sphere_asymptote",
    "bandlimited_sphere_bits",
    "bootstrap",
    "cart_pole",
    "cgf",
    "characteristic_inversion",
    "class_resolution",
    "control_difficulty",
    "counting_bits",
    "cumulants",
    "deep_tail_log_cdf",
    "delta_method",
    "density_ratio_bounds",
    "digits_task",
    "distance_bounds",
    "dkw_bits",
    "feature_error_law",
    "few_shot_difficulty",
    "fit_gamma",
    "fit_noncentral_chi2",
    "gaussian_posterior",
    "generalization_difficulty",
    "harmonics_up_to",
    "interpolant_error_law",
    "intrinsic_dimension",
    "intrinsic_dimensions",
    "invert",
    "law_cumulants",
    "law_log_cdf",
    "log_cdf",
    "log_cdf_approximation",
    "log_cdf_bounds",
    "log_gamma_cdf",
    "match_three_cumulants",
    "median_distance",
    "mixture_bits",
    "model_errors",
    "network_errors",
    "pendulum_task",
    "random_feature_laws",
    "released_nats",
    "ruben_series",
    "run_subset_simulation",
    "samples_needed",
    "sankaran_score",
    "sphere_task",
    "supported_bits",
    "task_kernels",
    "tilted_importance_sampling",
    "two_stage_information",
    "union_difficulty",
]
