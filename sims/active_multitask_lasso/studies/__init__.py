"""The studies of the active multi-task lasso family, in the order of the page's story."""

from sims.active_multitask_lasso.studies.bound import BoundAnatomy
from sims.active_multitask_lasso.studies.budget import Budget
from sims.active_multitask_lasso.studies.chain import Chain
from sims.active_multitask_lasso.studies.digits import DigitsStandIn
from sims.active_multitask_lasso.studies.exploration import ExplorationShare
from sims.active_multitask_lasso.studies.fitted_rank import FittedRank
from sims.active_multitask_lasso.studies.floor import Floored
from sims.active_multitask_lasso.studies.gap import Gap
from sims.active_multitask_lasso.studies.objective import ObjectiveTrap
from sims.active_multitask_lasso.studies.opening import OpeningCost
from sims.active_multitask_lasso.studies.path import LassoPathStudy
from sims.active_multitask_lasso.studies.prices import Prices
from sims.active_multitask_lasso.studies.relevance import RelevanceBars
from sims.active_multitask_lasso.studies.stages import Stages
from sims.active_multitask_lasso.studies.target_samples import TargetSamples

STUDIES = (
    Gap(),
    RelevanceBars(),
    Chain(),
    Floored(),
    Budget(),
    BoundAnatomy(),
    ObjectiveTrap(),
    FittedRank(),
    Stages(),
    ExplorationShare(),
    TargetSamples(),
    LassoPathStudy(),
    Prices(),
    OpeningCost(),
    DigitsStandIn(),
)
