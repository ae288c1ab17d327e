"""The studies of the inductive-bias family, in the order of the page's story."""

from sims.inductive_bias.studies.band_limit import BandLimit
from sims.inductive_bias.studies.data_constants import DataConstants
from sims.inductive_bias.studies.difficulty_drivers import DifficultyDrivers
from sims.inductive_bias.studies.difficulty_table import DifficultyTable
from sims.inductive_bias.studies.error_bars import ErrorBars
from sims.inductive_bias.studies.kernels import Kernels
from sims.inductive_bias.studies.length_scale import LengthScale
from sims.inductive_bias.studies.measured_dimension import MeasuredDimension
from sims.inductive_bias.studies.model_classes import ModelClasses
from sims.inductive_bias.studies.nat import Nat
from sims.inductive_bias.studies.networks import Networks
from sims.inductive_bias.studies.published_estimator import PublishedEstimator
from sims.inductive_bias.studies.random_width import RandomWidth
from sims.inductive_bias.studies.rare_events import RareEvents
from sims.inductive_bias.studies.routes_compared import RoutesCompared
from sims.inductive_bias.studies.spheres import Spheres
from sims.inductive_bias.studies.tasks import Tasks

STUDIES = (
    Nat(),
    PublishedEstimator(),
    ErrorBars(),
    RoutesCompared(),
    RareEvents(),
    Tasks(),
    Spheres(),
    LengthScale(),
    BandLimit(),
    Kernels(),
    ModelClasses(),
    RandomWidth(),
    Networks(),
    DifficultyTable(),
    DifficultyDrivers(),
    MeasuredDimension(),
    DataConstants(),
)
