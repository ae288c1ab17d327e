"""The studies of the aggregate-responses family, in the order of the page's story."""

from sims.aggregate_responses.studies.bag_cost import BagCost
from sims.aggregate_responses.studies.bag_or_instance import BagOrInstance
from sims.aggregate_responses.studies.clipping import Clipping
from sims.aggregate_responses.studies.curated import Curated
from sims.aggregate_responses.studies.labels import Labels
from sims.aggregate_responses.studies.logistic import LogisticShrinkage
from sims.aggregate_responses.studies.network import NetworkOnBags
from sims.aggregate_responses.studies.privacy import PrivateRisk
from sims.aggregate_responses.studies.private_bag_size import PrivateBagSize
from sims.aggregate_responses.studies.real_data import RealData
from sims.aggregate_responses.studies.ridge import RidgeOrWeight
from sims.aggregate_responses.studies.two_peaks import BagDescent
from sims.aggregate_responses.studies.two_stage import TwoStage
from sims.aggregate_responses.studies.unequal_bags import UnequalBags
from sims.aggregate_responses.studies.universality import Universality
from sims.aggregate_responses.studies.which_loss import Weight

STUDIES = (
    Weight(),
    BagOrInstance(),
    RidgeOrWeight(),
    Labels(),
    LogisticShrinkage(),
    BagCost(),
    BagDescent(),
    UnequalBags(),
    Universality(),
    RealData(),
    NetworkOnBags(),
    PrivateRisk(),
    Clipping(),
    PrivateBagSize(),
    Curated(),
    TwoStage(),
)
