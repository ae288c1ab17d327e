"""Random features: from double descent to more is better to obligatory overfitting."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.story import family_page

ensure_frame()

family_page(
    "random-features",
    lede=(
        "A model with **k random features** is fitted to **n samples** by ridge regression. A "
        "theory predicts its test error from the data's eigenvalues alone. Move a parameter: "
        "the lines are theory, the points are experiments that run while you watch."
    ),
    chapters={
        "1 Double descent": (
            "With little ridge, the error climbs as the number of features nears the number of "
            "samples, and falls again beyond. Where does the peak come from, and who pays for it?"
        ),
        "2 More is better": (
            "Tune the ridge, and the peak is gone: more samples and more features never hurt. "
            "Infinitely wide is best."
        ),
        "3 Overfitting is obligatory": (
            "How closely should a very wide model fit its noisy training data? For some tasks "
            "the best test error demands that it fits them exactly."
        ),
    },
)
