"""Random-feature ridge regression: theory, simulation, and the exponents of real tasks.

The public functions of the family; each is described where it is defined.
"""

from sims.numerics.kernels import laplace_kernel, nngp_kernel, ntk_kernel, rbf_kernel
from sims.random_features.exponents import fit_exponents
from sims.random_features.features import population_spectrum
from sims.random_features.power_law import (
    interpolation_threshold,
    largest_fitting_ratio,
    optimal_fitting_ratio,
    relative_error,
)
from sims.random_features.regression import gcv, kernel_ridge
from sims.random_features.sampler import sample_test_errors
from sims.random_features.spectra import power_law_spectrum, relu_sphere_spectrum
from sims.random_features.theory import held_out_error, risk, risk_infinite_data
from sims.random_features.tuning import optimal_ridge, optimal_ridge_curve

__all__ = [
    "fit_exponents",
    "gcv",
    "held_out_error",
    "interpolation_threshold",
    "kernel_ridge",
    "laplace_kernel",
    "largest_fitting_ratio",
    "nngp_kernel",
    "ntk_kernel",
    "optimal_fitting_ratio",
    "optimal_ridge",
    "optimal_ridge_curve",
    "population_spectrum",
    "power_law_spectrum",
    "rbf_kernel",
    "relative_error",
    "relu_sphere_spectrum",
    "risk",
    "risk_infinite_data",
    "sample_test_errors",
]
