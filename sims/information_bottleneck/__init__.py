"""Information bottleneck: exact curves, and the estimators held against them.

Everything is in nats. The equations are derived in docs/theory/information_bottleneck.md.
"""

from __future__ import annotations

from sims.information_bottleneck.binning import (
    adaptive_binned_information,
    adaptive_edges,
    binned_information,
    histogram_information,
    range_binned_information,
)
from sims.information_bottleneck.cauchy_schwarz import (
    Gradient,
    cs_qmi,
    cs_qmi_gradient,
    normalised_cs_qmi,
)
from sims.information_bottleneck.compression import (
    CompressionCorrelation,
    compression_correlation,
    compression_score,
    dead_networks,
)
from sims.information_bottleneck.conditional import (
    conditional_cs_divergence,
    conditional_cs_gradient,
)
from sims.information_bottleneck.conditional_limits import (
    conditional_cs_prediction,
    correntropy_loss,
)
from sims.information_bottleneck.counting import LayerInformation, plug_in_entropy
from sims.information_bottleneck.cs_exact import (
    correlation_for_cs_qmi,
    discrete_cs_divergence,
    gaussian_cs_divergence,
    gaussian_cs_qmi,
    gaussian_kl_divergence,
    mixture_cs_divergence,
)
from sims.information_bottleneck.cs_ib import (
    BottleneckOutcome,
    BottleneckSettings,
    friedman_samples,
    run_bottleneck,
)
from sims.information_bottleneck.discrete import (
    DiscreteIB,
    blahut_arimoto,
    discrete_ib,
    discrete_information,
    entropy,
)
from sims.information_bottleneck.discrete_curves import (
    bsc_critical_beta,
    bsc_ib_curve,
    deterministic_ib_curve,
    discretised_gaussian,
)
from sims.information_bottleneck.entry import Estimator
from sims.information_bottleneck.gaussian import (
    canonical_correlations,
    correlation_for_information,
    covariance_information,
    gaussian_information,
    linear_layer_information,
    pair_covariance,
)
from sims.information_bottleneck.gaussian_ib import (
    GaussianIB,
    gaussian_encoder_information,
    gaussian_ib,
    gaussian_ib_critical_betas,
    gaussian_ib_curve,
    gaussian_ib_encoder,
    gaussian_ib_switch_points,
    minimise_gaussian_ib,
)
from sims.information_bottleneck.hilbert_schmidt import cka, hsic
from sims.information_bottleneck.icosahedron import (
    IcosahedronData,
    icosahedron_dataset,
    icosahedron_scores,
    icosahedron_vertices,
    stochastic_joint,
    stochastic_label_probabilities,
)
from sims.information_bottleneck.kde import (
    EntropyBounds,
    KdeInformation,
    adaptive_kde_information,
    adaptive_variance,
    gaussian_kde_1d,
    kde_entropy_bounds,
    kde_information,
)
from sims.information_bottleneck.kernel_moments import (
    ExpectedSums,
    KernelMoments,
    gaussian_kernel_moments,
)
from sims.information_bottleneck.neighbours import ksg
from sims.information_bottleneck.one_neuron import NEURON_ACTIVATIONS, one_neuron_entropy
from sims.information_bottleneck.particles import (
    ParticleFlow,
    cs_divergence,
    cs_divergence_gradient,
    mmd_squared,
    particle_flow,
    run_particles,
    two_gaussians,
)
from sims.information_bottleneck.planes import (
    InformationPlane,
    PlaneSettings,
    estimate_layer,
    information_plane,
    run_information_plane,
)
from sims.information_bottleneck.spectral import renyi_entropy, renyi_information
from sims.information_bottleneck.table import ESTIMATOR_TABLE, comparable, estimator
from sims.information_bottleneck.training import (
    Snapshot,
    TrainingSettings,
    look_epochs,
    train_networks,
)
from sims.information_bottleneck.variational import (
    DistributionFreeCeiling,
    bijection_infonce,
    distribution_free_ceiling,
    donsker_varadhan,
    gaussian_critic,
    infonce,
    infonce_bias,
    nwj,
    ratio_variance,
)
from sims.information_bottleneck.wasserstein import (
    DependencyEstimate,
    factor_dependency,
    factor_information,
    gaussian_w1_bracket,
    gaussian_w2,
    gaussian_w2_dependency,
    wasserstein_dependency,
    wasserstein_distance_1d,
    wasserstein_distance_exact,
)
from sims.information_bottleneck.widths import (
    effective_neighbours,
    median_width,
    prediction_width,
)

__all__ = [
    "ESTIMATOR_TABLE",
    "NEURON_ACTIVATIONS",
    "BottleneckOutcome",
    "BottleneckSettings",
    "CompressionCorrelation",
    "DependencyEstimate",
    "DiscreteIB",
    "DistributionFreeCeiling",
    "EntropyBounds",
    "Estimator",
    "ExpectedSums",
    "GaussianIB",
    "Gradient",
    "IcosahedronData",
    "InformationPlane",
    "KdeInformation",
    "KernelMoments",
    "LayerInformation",
    "ParticleFlow",
    "PlaneSettings",
    "Snapshot",
    "TrainingSettings",
    "adaptive_binned_information",
    "adaptive_edges",
    "adaptive_kde_information",
    "adaptive_variance",
    "bijection_infonce",
    "binned_information",
    "blahut_arimoto",
    "bsc_critical_beta",
    "bsc_ib_curve",
    "canonical_correlations",
    "cka",
    "comparable",
    "compression_correlation",
    "compression_score",
    "conditional_cs_divergence",
    "conditional_cs_gradient",
    "conditional_cs_prediction",
    "correlation_for_cs_qmi",
    "correlation_for_information",
    "correntropy_loss",
    "covariance_information",
    "cs_divergence",
    "cs_divergence_gradient",
    "cs_qmi",
    "cs_qmi_gradient",
    "dead_networks",
    "deterministic_ib_curve",
    "discrete_cs_divergence",
    "discrete_ib",
    "discrete_information",
    "discretised_gaussian",
    "distribution_free_ceiling",
    "donsker_varadhan",
    "effective_neighbours",
    "entropy",
    "estimate_layer",
    "estimator",
    "factor_dependency",
    "factor_information",
    "friedman_samples",
    "gaussian_critic",
    "gaussian_cs_divergence",
    "gaussian_cs_qmi",
    "gaussian_encoder_information",
    "gaussian_ib",
    "gaussian_ib_critical_betas",
    "gaussian_ib_curve",
    "gaussian_ib_encoder",
    "gaussian_ib_switch_points",
    "gaussian_information",
    "gaussian_kde_1d",
    "gaussian_kernel_moments",
    "gaussian_kl_divergence",
    "gaussian_w1_bracket",
    "gaussian_w2",
    "gaussian_w2_dependency",
    "histogram_information",
    "hsic",
    "icosahedron_dataset",
    "icosahedron_scores",
    "icosahedron_vertices",
    "infonce",
    "infonce_bias",
    "information_plane",
    "kde_entropy_bounds",
    "kde_information",
    "ksg",
    "linear_layer_information",
    "look_epochs",
    "median_width",
    "minimise_gaussian_ib",
    "mixture_cs_divergence",
    "mmd_squared",
    "normalised_cs_qmi",
    "nwj",
    "one_neuron_entropy",
    "pair_covariance",
    "particle_flow",
    "plug_in_entropy",
    "prediction_width",
    "range_binned_information",
    "ratio_variance",
    "renyi_entropy",
    "renyi_information",
    "run_bottleneck",
    "run_information_plane",
    "run_particles",
    "stochastic_joint",
    "stochastic_label_probabilities",
    "train_networks",
    "two_gaussians",
    "wasserstein_dependency",
    "wasserstein_distance_1d",
    "wasserstein_distance_exact",
]
