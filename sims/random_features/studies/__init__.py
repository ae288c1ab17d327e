"""The studies of the random-features family, in the order of the page's story."""

from sims.random_features.studies.anatomy import ErrorMaps, Symmetry, VarianceStack
from sims.random_features.studies.digits import DigitsDescent
from sims.random_features.studies.double_descent import DoubleDescent, SampleDescent
from sims.random_features.studies.kernels import FittingRatio, MeasuredExponents
from sims.random_features.studies.more_is_better import Envelopes
from sims.random_features.studies.overfitting import Convergence, NoiseRegimes, PhaseDiagram

STUDIES = (
    DoubleDescent(),
    DigitsDescent(),
    SampleDescent(),
    VarianceStack(),
    ErrorMaps(),
    Symmetry(),
    Envelopes(),
    FittingRatio(),
    Convergence(),
    PhaseDiagram(),
    NoiseRegimes(),
    MeasuredExponents(),
)
