"""Information bottleneck: exact curves, estimators against the truth, networks, regression."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.story import family_page

ensure_frame()

family_page(
    "information-bottleneck",
    lede=(
        "A representation T of an input X should keep what predicts Y and **forget the rest**. How "
        "much can be forgotten is known exactly in a few cases; elsewhere it must be estimated, "
        "and every estimate has a ceiling and a bias of its own. Move a parameter: the lines are "
        "theory, the points are experiments that run while you watch."
    ),
    chapters={
        "1 What is the trade-off?": (
            "The least information on the input for a given information on the label: a curve that "
            "is known in closed form for Gaussians, for a noisy bit, and for any small table. "
            "Nothing here is estimated."
        ),
        "2 Who can measure it?": (
            "Put estimators beside the truth. Some stop at the logarithm of the number of samples, "
            "some see dependence where there is none, and some do not measure Shannon's "
            "information at all. Each chart names its estimator and its ceiling."
        ),
        "3 What do networks do?": (
            "Small networks learn a task of twelve bits, all of whose patterns are known. Do their "
            "layers compress, what makes them, and does it help? The answer depends on the "
            "estimator, and one finding of the paper, that **only the last layer's** compression "
            "goes with generalisation, is **not reproduced**."
        ),
        "4 Does the bottleneck help regression?": (
            "Penalise what a regression network keeps of its inputs, with the Cauchy–Schwarz "
            "divergence as loss and as information. Much compression is free; a **gain over the "
            "squared error**, in accuracy or robustness, is **not reproduced**."
        ),
    },
)
