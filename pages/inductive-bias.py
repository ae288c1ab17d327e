"""Inductive bias: how many nats a task needs beyond its data, exactly."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.story import family_page

ensure_frame()

family_page(
    "inductive-bias",
    lede=(
        "Many functions fit the training data; few of them also do well on new points. **How few** "
        "is how much a learner must know beforehand. For Gaussian hypothesis spaces the answer is "
        "exact at any depth. Move a parameter: the lines are theory, the points are experiments "
        "that run while you watch."
    ),
    chapters={
        "1 What is a nat of bias?": (
            "Draw functions that fit the training set and look at their test errors. The share "
            "below a threshold is a probability; minus its logarithm is information: one bit for "
            "every halving, 1.44 bits to the nat."
        ),
        "2 Can it be estimated?": (
            "Counting sees as deep as the logarithm of the samples. The published estimator fits "
            "a law to them and goes on; beyond the samples' depth it is drawn dashed, with the "
            "exact value beside it. **It misses by up to hundreds of bits.**"
        ),
        "3 What makes a task hard?": (
            "Dimension, resolution, data and the space of hypotheses, each moved by itself."
        ),
        "4 What does a model class supply?": (
            "Turn the question round: a model that reaches an error has supplied the bits that "
            "the error is worth."
        ),
        "5 The measure of 2023": (
            "A closed form for the difficulty of a task, without any hypothesis space, and the "
            "published table computed anew. It is an upper bound, in places a vacuous one."
        ),
    },
)
