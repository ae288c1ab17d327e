"""The label-private release of bag means, with the guarantee it carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.aggregate_responses.bags import Bags, as_bags
from sims.aggregate_responses.privacy import laplace_scale
from sims.numerics.validate import array, number, reject

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    Real = NDArray[np.float64]


@dataclass(frozen=True)
class Release:
    """What left the curator's hands, and the guarantee.

    Attributes
    ----------
    bag_means : ndarray, shape (m,)
        Noisy means of the clipped responses, in the order of ``bags.labels``.
    bags : Bags
    scales : ndarray, shape (m,)
        Laplace scales, one a bag.
    threshold : float
        T, where responses were clipped.
    statement : str
        The guarantee in words.
    """

    bag_means: Real
    bags: Bags
    scales: Real
    threshold: float
    statement: str

    @property
    def responses(self) -> Real:
        """The bag means repeated for every sample, shape (n,): what an estimator's `fit` takes."""
        return self.bag_means[self.bags.index]


@dataclass(frozen=True)
class LabelPrivacy:
    """Clip, average and add Laplace noise: label differential privacy for bag means.

    Pure differential privacy in the ideal arithmetic of real numbers, for neighbours that differ
    in the replacement of one response, for one release. The bags and every argument must not
    depend on the private responses. What is computed from the release costs nothing more.

    Parameters
    ----------
    epsilon : float
        In (0, inf].
    clip : float
        C > 0: responses are clipped to +-C sqrt(log n).
    sensitivity_factor : float
        2 for the guarantee epsilon; 1 is the scale printed in the literature, which guarantees
        only 2 epsilon.

    Raises
    ------
    ValueError
        When an argument is outside its range.

    Notes
    -----
    Mechanism: Javanmard et al. (ICLR 2024); its sensitivity: docs/theory/aggregate_responses.md.

    Examples
    --------
    >>> privacy = LabelPrivacy(epsilon=1.0, clip=1.6)
    >>> out = privacy.release([0.3, 0.1, 9.0, -1.0], [0, 0, 1, 1], rng=np.random.default_rng(0))
    >>> out.responses.shape, round(privacy.guarantee, 1)
    ((4,), 1.0)
    """

    epsilon: float = 1.0
    clip: float = 2.0
    sensitivity_factor: float = 2.0

    def __post_init__(self) -> None:
        number("epsilon", self.epsilon, 0, open_low=True, allow_inf=True)
        number("clip", self.clip, 0, open_low=True)
        if self.sensitivity_factor not in (1, 2):
            reject("sensitivity_factor", self.sensitivity_factor, "1 or 2")

    @property
    def guarantee(self) -> float:
        """The epsilon that the release really satisfies under replacement of one response."""
        return self.epsilon * 2.0 / self.sensitivity_factor

    @property
    def statement(self) -> str:
        """The guarantee in words."""
        if math.isinf(self.epsilon):
            return "no privacy: the bag means are released without noise"
        words = (
            f"{self.guarantee:g}-label-differentially private when one response is replaced "
            "(pure, one release, bags independent of the responses)"
        )
        if self.sensitivity_factor == 1:
            words += f"; calibrated with sensitivity factor 1 to {self.epsilon:g}, which it is not"
        return words

    def threshold(self, samples: int) -> float:
        """T = C sqrt(log n), where responses are clipped."""
        return self.clip * math.sqrt(math.log(number("n", samples, 2)))

    def scales(self, bags: Bags) -> Real:
        """Scale of the Laplace noise on each bag's mean, shape (m,)."""
        samples = bags.index.size
        scale = laplace_scale(
            samples,
            bags.sizes,
            self.epsilon,
            self.clip,
            sensitivity_factor=self.sensitivity_factor,
        )
        return np.asarray(scale)

    def clipped_means(self, responses: ArrayLike, bags: Bags) -> Real:
        """Means of the clipped responses, *before* the noise: private, not to be released."""
        values = array("responses", responses, ndim=1)
        if values.size != bags.index.size:
            reject("responses", f"{values.size} values", f"one for each of {bags.index.size}")
        reach = self.threshold(values.size)
        return bags.means(np.clip(values, -reach, reach))

    def release(
        self, responses: ArrayLike, bags: ArrayLike | None = None, *, rng: Generator
    ) -> Release:
        """Release noisy bag means of one set of responses.

        Parameters
        ----------
        responses : array_like, shape (n,)
            The private responses; finite (a NaN would survive clipping).
        bags : array_like of int, shape (n,), or None
            Bag labels; None puts each sample in its own bag.
        rng : Generator
            Source of the noise.

        Returns
        -------
        Release

        Raises
        ------
        ValueError
            When responses or bags are not as described, or n < 2.
        """
        values = array("responses", responses, ndim=1)
        partition = as_bags(bags, values.size)
        scales = self.scales(partition)
        noise = scales * rng.laplace(size=partition.count)
        means = self.clipped_means(values, partition) + noise
        return Release(means, partition, scales, self.threshold(values.size), self.statement)
