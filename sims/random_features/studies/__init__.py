"""The studies of the random-features family, in the order of the page's story."""

from sims.random_features.studies.anatomy import ErrorMaps, Symmetry, VarianceStack
from sims.random_features.studies.double_descent import DoubleDescent, SampleDescent
from sims.random_features.studies.more_is_better import Envelopes

STUDIES = (
    DoubleDescent(),
    SampleDescent(),
    VarianceStack(),
    ErrorMaps(),
    Symmetry(),
    Envelopes(),
)
