"""Chapter 2: what an upper bound on the risk is made of, and how far above it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import numpy as np
from pydantic import model_validator

from sims.active_multitask_lasso.bounds import (
    relevance_factor,
    risk_upper_bound,
    subspace_factor_bound,
    subspace_factor_mean,
)
from sims.active_multitask_lasso.studies.common import (
    ACTIVE,
    DERIVED,
    FIRST_ORDER,
    GAUSSIAN,
    LASSO,
    OURS,
    READ,
    REP,
    RISK,
    RULE_NAMES,
    RULES,
    VALUE,
    KindParams,
    chosen,
    dimension_parameter,
    floor_parameter,
    instance_of,
    known_counts,
    known_risks,
    ratio_parameter,
    refuse_small_budget,
    values_of,
    well_fed,
)
from sims.active_multitask_lasso.trial import strategy_trial
from sims.agreement import agreement, statement
from sims.params import parameter
from sims.study import Axis, Check, Curves, Equation, Guide, Measure, Outcome, Preset, Study

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from sims.study import Arrays

    Real = NDArray[np.float64]

QUANTITIES = ("risk", "product of both factors")
TOLERANCE = 0.15


class BoundParams(KindParams):
    """Parameters of the bound's anatomy."""

    ratio: float = ratio_parameter(20.0, advanced=True)
    dimension: int = dimension_parameter(30, advanced=False)
    largest: int = parameter(
        96_000,
        title="largest budget",
        symbol="N",
        help="Points stand at this budget and at a half, a quarter and an eighth of it.",
        ge=4000,
        le=10**7,
        scale="log",
        advanced=True,
    )
    floor: int = floor_parameter(5)

    @model_validator(mode="after")
    def _check_budget(self) -> Self:
        refuse_small_budget("largest", self.largest // 8, self.tasks, max(1, self.floor))
        return self


class BoundAnatomy(Study[BoundParams]):
    """The two Cauchy-Schwarz factors of the bound, simulated and in theory."""

    name = "active-multitask-lasso/bound"
    title = "Anatomy of the bound"
    chapter = RISK
    statement = (
        "The papers bound the risk by a product: $\\sum_t \\nu_t^2/n_t$, which the allocation "
        "decides, times what the fit loses on **all** tasks together. The product never fails, but "
        "it is loose twice: Cauchy–Schwarz gives away about a factor $K$, and the second factor "
        "is bounded by $\\sigma^2 K(d+T)$ where it is $\\sigma^2 K(d-K)$. **Same slope, other "
        "constant.**"
    )
    takeaway = (
        "The bound (dashed) has the right slope and is too high by a factor that no budget "
        "removes. For the L2 rule it is the bound of uniform sampling, gain or no gain."
    )
    standing = "bound"
    Params = BoundParams
    axes = (
        Axis("rule", "rule"),
        Axis("quantity", "quantity"),
        Axis("budget", "budget of source samples", "N", scale="log", refine=2),
    )
    measures = (
        Measure("value", "risk, and what bounds it", ("rule", "quantity", "budget")),
        Measure("bound", "papers' form of a bound", ("rule", "budget")),
        Measure("factor", "what the fit loses on all tasks", ("rule", "budget"), "", "σ²"),
        Measure("tight", "risk over the product", ("rule", "budget")),
        Measure("broken", "strategies above their product", ()),
    )
    views = (
        Curves(
            "anatomy",
            "Risk, product of both factors, bound",
            "budget",
            ("value", "bound"),
            "quantity",
            "rule",
            dashed=("bound",),
            y_title="representation risk",
        ),
        Curves(
            "factor",
            "The second factor",
            "budget",
            ("factor",),
            "rule",
            y_scale="linear",
            guides=(Guide("mean", "y", "K(d − K)"), Guide("most", "y", "K(d + T)")),
        ),
        Curves(
            "tight",
            "How much Cauchy–Schwarz gives away",
            "budget",
            ("tight",),
            "rule",
            y_scale="linear",
            y_range=(0, 1.1),
            guides=(Guide("share", "y", "1/K"), Guide("one", "y", "the product")),
        ),
    )
    presets = (
        Preset("quick", "Thirty random tasks", BoundParams(), 40),
        Preset(
            "paper",
            "Forty random tasks of rank 5, d = 50",
            BoundParams(tasks=40, rank=5, dimension=50, largest=128_000),
            100,
        ),
        Preset("two-levels", "Two levels", BoundParams(instance="two levels"), 40),
        Preset(
            "vacuous",
            "Too small a budget: the risk climbs towards the bound",
            BoundParams(largest=4800),
            40,
        ),
    )
    equations = (
        Equation(
            r"\mathrm{rep} \le \Big(\sum_t \frac{\nu_t^2}{n_t}\Big)"
            r"\Big(\sum_t n_t \lVert (I-\hat B\hat B^\top) B w_t\rVert^2\Big)"
            r"\qquad\text{for every } W\nu = w",
            "Cauchy–Schwarz, with certainty. Here ν is ν¹ for the L1 rule and ν² for the others.",
            f"form of arXiv 2202.00911 and 2306.02556; {OURS}",
        ),
        Equation(
            r"E\Big[\sum_t n_t \lVert (I-\hat B\hat B^\top) B w_t\rVert^2\Big] \approx"
            r" \sigma^2 K(d-K) \;\le\; \sigma^2\big(K(d+T)+\log\tfrac1\delta\big)",
            "To first order, whatever the allocation; the right-hand side, with constant 1 and "
            "δ = 1, is the papers' form.",
            OURS,
        ),
        VALUE,
    )
    sources = (LASSO, ACTIVE, DERIVED)
    assumptions = (
        GAUSSIAN,
        "The theorem's constant is not specified; it is set to 1 and never tuned.",
        REP,
        FIRST_ORDER,
        READ,
    )

    def grid(self, params: BoundParams) -> Arrays:
        """Return rules, quantities and budgets."""
        return {
            "rule": np.array(RULE_NAMES),
            "quantity": np.array(QUANTITIES),
            "budget": np.round(params.largest / np.array([8.0, 4.0, 2.0, 1.0])),
        }

    def theory(self, params: BoundParams, grid: Arrays) -> Arrays:
        """Return first-order values of risk, product and factor, and the bound."""
        made, found = instance_of(*chosen(params)), values_of(*chosen(params))
        totals = [int(n) for n in np.round(np.asarray(grid["budget"]))]
        d = params.dimension
        risk = known_risks(made, found, totals, floor=params.floor, dimension=d)
        first = np.transpose([_first_factors(params, n) for n in totals])
        mean = subspace_factor_mean(dimension=d, rank=params.rank, noise_variance=1.0)
        nus = (found.nu2.nu, found.nu2.nu, found.nu1.nu)
        bound = [
            [
                risk_upper_bound(made.heads, made.target, n, nu, dimension=d, noise_variance=1.0)
                for n, nu in zip(known_counts(found, total, params.floor), nus)
            ]
            for total in totals
        ]
        return {
            "value": np.stack([risk, first * mean], axis=1),
            "bound": np.transpose(bound),
            "factor": np.full(risk.shape, mean),
            "tight": risk / (first * mean),
        }

    def trial(self, params: BoundParams, grid: Arrays, rng: Generator) -> Arrays:
        """Draw samples by every rule and look at both factors."""
        made = instance_of(*chosen(params))
        totals = np.asarray(grid["budget"])
        drawn = strategy_trial(
            made.heads,
            made.target,
            totals,
            dimension=params.dimension,
            floor=params.floor,
            strategies=RULES,
            rng=rng,
        )
        risk, factor = drawn.representation.T, drawn.subspace_factor.T
        product = factor * np.transpose([_first_factors(params, int(n)) for n in totals])
        return {
            "value": np.stack([risk, product], axis=1),
            "factor": factor,
            "tight": risk / product,
            "broken": np.asarray(float((risk > product * (1 + 1e-9)).sum())),
        }

    def guides(self, params: BoundParams) -> dict[str, float]:
        """Return mean and bound of the second factor, and what Cauchy-Schwarz gives away."""
        k, d = params.rank, params.dimension
        most = subspace_factor_bound(dimension=d, rank=k, tasks=params.tasks, noise_variance=1.0)
        mean = subspace_factor_mean(dimension=d, rank=k, noise_variance=1.0)
        return {"mean": mean, "most": most, "share": 1.0 / k, "one": 1.0}

    def validity(self, params: BoundParams) -> tuple[str, ...]:
        """Warn where first order does not apply."""
        if _covered(params).all():
            return ()
        return (
            "At some budgets tasks that matter get few samples: the second factor is larger there "
            "than to first order, and the papers' form with constant 1 is not sure to be a bound.",
        )

    def checks(self, outcome: Outcome[BoundParams]) -> tuple[Check, ...]:
        """Hold first order against simulation, and the product above every risk."""
        params = outcome.params
        covered = _covered(params)
        found = []
        if covered.any():
            for name, where, words in (
                ("value", np.stack([covered, covered], axis=1), "risk, and of the product"),
                ("factor", covered, "second factor"),
            ):
                sentence = f"first order within {TOLERANCE:.0%} of the simulated {words}"
                found.append(
                    agreement(outcome, name, tolerance=TOLERANCE, where=where, sentence=sentence)
                )
        words = "no simulated risk is above the product of its two factors"
        broken = float(outcome.mean.get("broken", np.nan)) * outcome.trials
        detail = f"{broken:.0f} of {covered.size * outcome.trials} are"
        product = np.asarray(outcome.theory["value"])[:, 1]
        factor = float(np.max(product / np.asarray(outcome.theory["bound"])))
        return (
            *found,
            statement("product", words, broken, 0, detail)
            if outcome.trials
            else Check("product", words, "undecided", np.nan, 0, "no trial so far"),
            statement(
                "above",
                "the papers' form is above the product, to first order, by (d+T)/(d−K)",
                abs(
                    factor * (params.dimension + params.tasks) / (params.dimension - params.rank)
                    - 1
                ),
                1e-9,
                f"{1 / factor:.3g} times",
            ),
        )


def _first_factors(params: BoundParams, total: int) -> Real:
    """Return sum nu_t^2/n_t of the three rules."""
    found = values_of(*chosen(params))
    nus = (found.nu2.nu, found.nu2.nu, found.nu1.nu)
    counts = known_counts(found, total, params.floor)
    return np.array([relevance_factor(nu, n) for nu, n in zip(nus, counts)])


def _covered(params: BoundParams) -> NDArray[np.bool_]:
    """Return where first order may be held to its tolerance, (rules, budgets)."""
    made, found = instance_of(*chosen(params)), values_of(*chosen(params))
    totals = [params.largest // part for part in (8, 4, 2, 1)]
    counts = [known_counts(found, n, params.floor) for n in totals]
    return np.transpose([well_fed(made, n, params.dimension) for n in counts])
