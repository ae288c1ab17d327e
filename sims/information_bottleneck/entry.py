"""What the table of estimators says about each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sims.numerics.validate import integer

Quantity = Literal[
    "Shannon information",
    "information of a binned layer",
    "information of a noisy layer",
    "Cauchy-Schwarz information",
    "normalised Cauchy-Schwarz information",
    "conditional Cauchy-Schwarz divergence",
    "matrix Rényi information",
    "Hilbert-Schmidt dependence",
    "kernel alignment",
    "Wasserstein distance",
]
Inputs = Literal["samples", "layer and labels", "critic", "prediction"]


@dataclass(frozen=True)
class Estimator:
    """One way to measure dependence from samples.

    Attributes
    ----------
    name : str
        Short name, unique in the table.
    title : str
        For charts.
    quantity : str
        What is measured. Entries of different quantities are not comparable: never put them on
        one axis without normalising and saying so.
    unit : str
        "nats", "" for a pure number, or "units of the data".
    inputs : str
        "samples" (x, y), "layer and labels" (activations, labels), "critic" (a K x K matrix) or
        "prediction" (x, y, y_hat).
    call : callable
        The function itself; `options` names what else it needs.
    options : tuple of str
        Keyword arguments without default.
    ceiling_name : str
        The largest value possible, in words; "" when there is none.
    ceiling : callable or None
        The same as a function of the number of samples (of the batch, for a critic), at default
        options.
    bias, cost, reference : str
    """

    name: str
    title: str
    quantity: Quantity
    unit: str
    inputs: Inputs
    call: Callable[..., Any]
    options: tuple[str, ...]
    ceiling_name: str
    ceiling: Callable[[int], float] | None
    bias: str
    cost: str
    reference: str

    def ceiling_at(self, samples: int) -> float:
        """Give the largest value possible with so many samples; inf when there is none.

        Examples
        --------
        >>> from sims.information_bottleneck import estimator
        >>> round(estimator("infonce").ceiling_at(128), 3)
        4.852
        """
        count = integer("samples", samples, 2)
        return math.inf if self.ceiling is None else self.ceiling(count)
