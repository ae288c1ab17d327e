"""Active multi-task lasso: which source tasks to sample, and how much of each."""

from sims.dashboard.router import ensure_frame
from sims.dashboard.story import family_page

ensure_frame()

family_page(
    "active-multitask-lasso",
    lede=(
        "A **target task** with few samples, dozens of **source tasks** that share its hidden "
        "representation, and a budget of N samples to spend on them. Which tasks should they come "
        "from? The answer decides the risk by a factor of up to T, the number of tasks. Move a "
        "parameter: the lines are theory, the points are experiments that run while you watch."
    ),
    chapters={
        "1 Which tasks matter?": (
            "Relevance is the smallest combination of the sources that gives the target. Smallest "
            "in which norm? That choice makes a rule the best there is, or as bad as no rule at "
            "all."
        ),
        "2 What does the risk become?": (
            "Every rule's risk falls as 1/N; the rule decides how high the line lies. Where "
            "theory holds, where it is optimistic, what a bound leaves of it, and two ways to "
            "undo it all."
        ),
        "3 Knowing nothing beforehand": (
            "Relevance has to be estimated from samples that could have been spent on using it. "
            "How much to explore, how many target samples it takes, and what is guaranteed."
        ),
        "4 The lasso path": (
            "The learner's linear programme with noisy data is a LASSO. One exact path answers it "
            "for every λ, with a certificate for each."
        ),
        "5 What does it cost?": (
            "Samples may cost more of one task than of another, and opening a task may cost "
            "something by itself. The L1 norm turns out to be right for both."
        ),
        "6 Real images": (
            "Eighty yes-or-no tasks on corrupted digits, a **stand-in** for the papers' vision "
            "experiments. Both active rules beat uniform sampling while few dimensions are "
            "fitted; that **L1 beats L2 is not seen here**, and with K = 10 the gain is gone."
        ),
    },
)
