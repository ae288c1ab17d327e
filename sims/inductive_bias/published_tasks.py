"""Constants of the tasks whose difficulty was published in 2023, and what is missing.

All numbers are those of the code released with A. Boopathy et al., Model-agnostic Measure of
Generalization Difficulty, ICML 2023, unless said otherwise. The difficulties themselves are
computed, never stored.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from sims.inductive_bias.difficulty import (
    BandlimitedDifficulty,
    Difficulty,
    bandlimited_difficulty,
    control_difficulty,
    few_shot_difficulty,
    generalization_difficulty,
)
from sims.numerics.validate import integer

if TYPE_CHECKING:
    from collections.abc import Mapping

TASKS_SOURCE = "constants of the code released with Boopathy et al., ICML 2023 (arXiv 2305.01034)"


@dataclass(frozen=True)
class ClassificationTask:
    """Arguments of `generalization_difficulty`, by name."""

    error: float
    samples: int
    dimension: float
    radius: float
    classes: int
    resolution: float

    def difficulty(self) -> BandlimitedDifficulty:
        """Difficulty of the task.

        Examples
        --------
        >>> round(float(IMAGE_TASKS["CIFAR10"].difficulty().log10_bits), 3)
        32.536
        """
        return generalization_difficulty(**asdict(self))


@dataclass(frozen=True)
class ControlTask:
    """Arguments of `control_difficulty`, by name."""

    error: float
    samples: int
    dimension: int
    actions: int
    resolution: float

    def difficulty(self) -> Difficulty:
        """Difficulty of the task.

        Examples
        --------
        >>> round(float(CONTROL_TASKS["Reacher"].difficulty().log10_bits), 3)
        25.465
        """
        return control_difficulty(**asdict(self))


@dataclass(frozen=True)
class FewShotTask:
    """Arguments of `few_shot_difficulty`, by name."""

    error: float
    samples: int
    ways: int
    task_dimension: float
    pooled_dimension: float
    radius: float
    resolution: float

    def difficulty(self) -> BandlimitedDifficulty:
        """Difficulty of the task.

        Examples
        --------
        >>> round(float(OMNIGLOT.difficulty().log10_bits), 2)
        145.25
        """
        return few_shot_difficulty(
            **{field.name: getattr(self, field.name) for field in fields(self)}
        )


IMAGE_TASKS: Mapping[str, ClassificationTask] = {
    "MNIST": ClassificationTask(0.001, 60_000, 14, 17.179045827183984, 10, 2.3987084824335305),
    "SVHN": ClassificationTask(0.01, 73_257, 19, 53.86932485133339, 10, 1.5766998174969105),
    "CIFAR10": ClassificationTask(0.01, 50_000, 27, 54.9156786783691, 10, 2.7506414616587023),
    "ImageNet": ClassificationTask(0.1, 1_280_901, 48, 943.5923, 1000, 65.0),
}
CONTROL_TASKS: Mapping[str, ControlTask] = {
    "Reacher": ControlTask(0.001, 1_000_000, 6, 2, 0.001),
    "Hopper": ControlTask(0.001, 1_000_000, 15, 4, 0.001),
    "Half-Cheetah": ControlTask(0.001, 1_000_000, 17, 6, 0.001),
}

# Characters in each of the 30 background alphabets of Omniglot (B. Lake, R. Salakhutdinov,
# J. Tenenbaum, Science 2015), 964 in all.
# fmt: off
OMNIGLOT_ALPHABETS = (
    20, 29, 26, 41, 40, 24, 46, 14, 26, 34, 33, 22, 26, 43, 24,
    48, 22, 16, 52, 47, 40, 26, 40, 41, 33, 14, 42, 23, 17, 55,
)
# fmt: on
_WAYS, _DRAWINGS = 20, 20
OMNIGLOT = FewShotTask(
    error=0.01,
    samples=sum(math.comb(max(size, _WAYS), _WAYS) for size in OMNIGLOT_ALPHABETS)
    * _DRAWINGS**_WAYS,
    ways=_WAYS,
    task_dimension=22,
    pooled_dimension=29,
    radius=49.4064773081425,
    resolution=5.477225575051661,
)

MISSING: Mapping[str, str] = {
    "Table 1 of Towards Exact Computation of Inductive Bias": (
        "the paper's full text was not available; nothing stands in for its numbers"
    ),
    "figures 3 and 4 of Towards Exact Computation of Inductive Bias": (
        "not available, and neither are the set-ups of its inverted-pendulum task"
    ),
    "MNIST, CIFAR10 and Omniglot runs of Towards Exact Computation of Inductive Bias": (
        "need data and training that are not bundled; the digits and spheres here take their place"
    ),
    "ImageNet against the number of samples, as drawn in 2023": (
        "the published picture lies 0.8 % below the released formula, which is used here"
    ),
    "information supplied by architectures, as drawn in 2023": (
        "the published bars do not follow from the released constants"
    ),
}


def cart_pole(stacked: int) -> ControlTask:
    """Cart-pole with some observations stacked, 2 numbers each.

    Parameters
    ----------
    stacked : int
        >= 1.

    Raises
    ------
    ValueError
        For a number below 1.

    Examples
    --------
    >>> round(float(cart_pole(5).difficulty().log10_bits), 3)
    40.075
    """
    return ControlTask(0.001, 10_000, 2 * integer("stacked", stacked, 1), 1, 0.001)


def union_difficulty(
    first: ClassificationTask, second: ClassificationTask
) -> BandlimitedDifficulty:
    """Difficulty of both tasks at once: pairs of inputs, pairs of classes.

    Resolution and error are those of the first task, and so is the number of outputs, here its
    number of classes rather than one fewer: the released form is not symmetric.

    Parameters
    ----------
    first, second : ClassificationTask

    Examples
    --------
    >>> mnist, svhn = IMAGE_TASKS["MNIST"], IMAGE_TASKS["SVHN"]
    >>> round(float(union_difficulty(mnist, svhn).log10_bits), 3)
    39.771
    """
    return bandlimited_difficulty(
        error=first.error,
        samples=float(first.samples) * float(second.samples),
        dimension=first.dimension + second.dimension,
        radius=math.hypot(first.radius, second.radius),
        classes=first.classes * second.classes,
        outputs=first.classes,
        resolution=first.resolution,
    )
