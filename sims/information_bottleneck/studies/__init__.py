"""The studies of the information-bottleneck family, in the order of the page's story."""

from sims.information_bottleneck.studies.activations import Activations
from sims.information_bottleneck.studies.bsc import NoisyBit
from sims.information_bottleneck.studies.conditional import ConditionalBias
from sims.information_bottleneck.studies.correlation import CompressionAccuracy
from sims.information_bottleneck.studies.cs_ib import BottleneckTradeOff
from sims.information_bottleneck.studies.cs_information import CauchySchwarzInformation
from sims.information_bottleneck.studies.divergences import Divergences
from sims.information_bottleneck.studies.estimators import Estimators
from sims.information_bottleneck.studies.factors import Factors
from sims.information_bottleneck.studies.gaussian import TradeOff
from sims.information_bottleneck.studies.generalisation import GeneralisationGap
from sims.information_bottleneck.studies.learned import Learned
from sims.information_bottleneck.studies.lower_bounds import LowerBounds
from sims.information_bottleneck.studies.one_neuron_study import OneNeuron
from sims.information_bottleneck.studies.particles import ParticleFlow
from sims.information_bottleneck.studies.planes import InformationPlanes
from sims.information_bottleneck.studies.regularisation import WeightPenalty
from sims.information_bottleneck.studies.released import ReleasedWeights

STUDIES = (
    TradeOff(),
    NoisyBit(),
    Learned(),
    Estimators(),
    LowerBounds(),
    CauchySchwarzInformation(),
    OneNeuron(),
    Factors(),
    Divergences(),
    InformationPlanes(),
    Activations(),
    WeightPenalty(),
    CompressionAccuracy(),
    BottleneckTradeOff(),
    GeneralisationGap(),
    ConditionalBias(),
    ReleasedWeights(),
    ParticleFlow(),
)
