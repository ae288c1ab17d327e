"""What the family's studies share: the power-law task's parameters, axes, sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from sims.params import Params, parameter
from sims.study import Axis, Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

MORE_IS_BETTER = Source(
    "J. B. Simon, D. Karkada, N. Ghosh, M. Belkin, More is Better in Modern Machine Learning: when "
    "Infinite Overparameterization is Optimal and Overfitting is Obligatory, arXiv 2311.14646, "
    "ICLR 2024",
    "@inproceedings{simon2024more,\n"
    "  title={More is Better in Modern Machine Learning: when Infinite Overparameterization is "
    "Optimal and Overfitting is Obligatory},\n"
    "  author={Simon, James B. and Karkada, Dhruva and Ghosh, Nikhil and Belkin, Mikhail},\n"
    "  booktitle={International Conference on Learning Representations},\n"
    "  year={2024},\n"
    "  note={arXiv:2311.14646}\n"
    "}",
)
EIGENLEARNING = Source(
    "J. B. Simon, M. Dickens, D. Karkada, M. R. DeWeese, The Eigenlearning Framework, "
    "arXiv 2110.03922"
)
DETERMINISTIC_EQUIVALENTS = Source(
    "L. Defilippis, B. Loureiro, T. Misiakiewicz, Dimension-free deterministic equivalents for "
    "random feature regression, arXiv 2405.15699"
)
DERIVED = Source("Derived, see docs/theory/random_features.md")
PAPER = "arXiv 2311.14646"
OURS = "derived, see docs/theory/random_features.md"

FEATURES = Axis("features", "number of features", "k", scale="log", refine=7)
SAMPLES = Axis("samples", "number of samples", "n", scale="log", refine=7)
RIDGE = Axis("ridge", "ridge", "δ", scale="log")
SWEEP = Axis("sweep", "ridge", "δ", scale="log")
SWEPT_RIDGES = np.geomspace(1e-4, 1e2, 49)

# 10^(-3 + 5j/30) for j = 4, 8, 12, 20, 26: the five ridges the paper draws.
PAPER_RIDGES = tuple(float(f"{10 ** (-3 + 5 * j / 30):.5g}") for j in (4, 8, 12, 20, 26))


SAMPLE_COUNT = parameter(
    256,
    title="number of samples",
    symbol="n",
    help="Training samples.",
    ge=10,
    le=1024,
    scale="log",
)


class PowerLawTask(Params):
    """A task whose eigenvalues and squared coefficients are powers of the mode's index."""

    alpha: float = parameter(
        1.5,
        title="eigenvalue exponent",
        symbol=r"\alpha",
        help="Eigenvalues fall like i to the minus alpha: how smooth the kernel is.",
        ge=1.02,
        le=3,
        step=0.01,
    )
    beta: float = parameter(
        1.5,
        title="target exponent",
        symbol=r"\beta",
        help="Squared target coefficients fall like i to the minus beta: how easy the task is.",
        ge=1.02,
        le=5,
        step=0.01,
    )
    noise_variance: float = parameter(
        0.5,
        title="label noise variance",
        symbol=r"\sigma^2",
        help="Variance of the noise on every label; test errors include it.",
        ge=0,
        le=5,
        step=0.05,
    )
    modes: int = parameter(
        2000,
        title="number of modes",
        symbol="M",
        help="Theory and experiment use the same finite number of modes.",
        ge=50,
        le=20_000,
        scale="log",
        advanced=True,
    )

    def spectrum(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return eigenvalues and squared target coefficients, both of shape (modes,)."""
        index = np.arange(1, self.modes + 1, dtype=float)
        return index**-self.alpha, index**-self.beta


def sizes(low: float, high: float, count: int, through: float) -> NDArray[Any]:
    """Return whole numbers evenly spaced in the logarithm, `through` among them."""
    grid = np.round(np.geomspace(low, high, count))
    if low < through < high:
        grid[np.argmin(np.abs(np.log(grid / through)))] = through
    return np.unique(grid)
