"""Aggregate responses: which loss, what a bag costs, what privacy changes, which bags to choose."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.story import family_page

ensure_frame()

family_page(
    "aggregate-responses",
    lede=(
        "Every sample's features are known, but responses are only seen as **averages over bags of "
        "k samples**: clicks by campaign, health by district, votes by precinct. Move a "
        "parameter: the lines are theory, the points are experiments that run while you watch."
    ),
    chapters={
        "1 Which loss?": (
            "Match each bag's mean prediction to its mean response, match every single "
            "prediction to it, or mix the two with a weight ρ? And is that better than a ridge?"
        ),
        "2 What does a bag cost?": (
            "The larger the bags, the fewer of them: accuracy falls, and one of the losses breaks "
            "down altogether. Does the theory hold for unequal bags, for odd features, for real "
            "patients, for a network? Real data stand in for the paper's Boston housing, and one "
            "of its findings, a best ρ that grows with the bag size, is **not reproduced**."
        ),
        "3 What does privacy change?": (
            "Clip the responses, average them, add Laplace noise: each bag mean is then private. "
            "Large bags need less noise. When does that pay?"
        ),
        "4 Can I choose the bags?": (
            "So far bags were random. If similar samples may share a bag, what is gained, and is "
            "it worth the data that finding out costs?"
        ),
    },
)
