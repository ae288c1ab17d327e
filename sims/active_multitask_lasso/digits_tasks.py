"""Eighty classification tasks from one small set of real images: eight corruptions, ten digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sims.numerics.validate import integer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Real = NDArray[np.float64]
    Corruption = Callable[[Real, Generator], Real]

TRAIN_IMAGES = 1200  # of 1797
COMPONENTS = 24
CLASSES = 10


@dataclass(frozen=True, eq=False)
class DigitsTasks:
    """Features of all images under every corruption; the tasks are one digit against the rest.

    Attributes
    ----------
    train : ndarray, shape (8, 1200, 25)
        Features by corruption and image: 24 whitened principal components and a constant.
    test : ndarray, shape (8, 597, 25)
        Of other images.
    train_labels, test_labels : ndarray of int, shape (1200,) and (597,)
        The digit on each image.
    """

    train: Real
    test: Real
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]

    def draw(self, corruption: int, digit: int, size: int, rng: Generator) -> tuple[Real, Real]:
        """Draw training images with replacement, half of them (within one) showing the digit.

        Returns X, shape (size, 25), and labels of +1 and -1; they alternate, so that the first
        n of them are balanced too.
        """
        first = int(rng.integers(2))
        positive = np.arange(first, first + size) % 2 == 0
        shown = np.flatnonzero(self.train_labels == digit)
        others = np.flatnonzero(self.train_labels != digit)
        rows = np.where(positive, rng.choice(shown, size), rng.choice(others, size))
        return self.train[corruption][rows], np.where(positive, 1.0, -1.0)

    def errors(self, corruption: int, digit: int, parameters: Real) -> tuple[float, float]:
        """Return class-balanced squared error and error rate of a linear score on test images."""
        score = self.test[corruption] @ parameters
        positive = self.test_labels == digit
        label = np.where(positive, 1.0, -1.0)
        squared, wrong = np.square(score - label), (score > 0) != positive
        both = positive, ~positive
        return (
            float(np.mean([squared[part].mean() for part in both])),
            float(np.mean([wrong[part].mean() for part in both])),
        )


def digits_tasks(rng: Generator) -> DigitsTasks:
    """Split the images, corrupt them and reduce them to white features, in this order.

    Each corruption is centred on its training mean; the principal components are those of the
    training images of all corruptions together. Nothing is learned from test images.

    Parameters
    ----------
    rng : numpy.random.Generator
        Splits the images and draws the random corruptions.

    Returns
    -------
    DigitsTasks

    Notes
    -----
    A stand-in, ours, for the vision experiments of Wang et al. (2023) and Chen et al. (2022),
    whose corrupted MNIST is not at hand; see docs/theory/active_multitask_lasso.md.

    Examples
    --------
    >>> tasks = digits_tasks(np.random.default_rng(0))
    >>> tasks.train.shape, tasks.test.shape
    ((8, 1200, 25), (8, 597, 25))
    """
    from sims.datasets import digits

    data = digits()
    assert data.labels is not None  # the digits are classes
    order = rng.permutation(data.size)
    low, high = data.inputs.min(), data.inputs.max()
    images = ((data.inputs - low) / (high - low)).reshape(-1, 8, 8)[order]
    labels = data.labels[order]
    parts: list[list[Real]] = [[], []]
    for corrupt in CORRUPTIONS.values():
        train = corrupt(images[:TRAIN_IMAGES], rng).reshape(TRAIN_IMAGES, -1)
        test = corrupt(images[TRAIN_IMAGES:], rng).reshape(-1, train.shape[1])
        parts[0].append(train - train.mean(axis=0))
        parts[1].append(test - train.mean(axis=0))
    pooled = np.concatenate(parts[0])
    variances, directions = np.linalg.eigh(pooled.T @ pooled / len(pooled))
    leading = np.argsort(-variances)[:COMPONENTS]
    whiten = directions[:, leading] / np.sqrt(variances[leading])
    train, test = (_with_constant(np.array(part) @ whiten) for part in parts)
    return DigitsTasks(train, test, labels[:TRAIN_IMAGES], labels[TRAIN_IMAGES:])


def task_list(corruption: int) -> list[tuple[int, int]]:
    """Return the source tasks (corruption, digit) for a target with the given corruption.

    Examples
    --------
    >>> sources = task_list(0)
    >>> len(sources), sources[0]
    (70, (1, 0))
    """
    own = integer("corruption", corruption, 0, len(CORRUPTIONS) - 1)
    kinds = [kind for kind in range(len(CORRUPTIONS)) if kind != own]
    return [(kind, digit) for kind in kinds for digit in range(CLASSES)]


def _with_constant(features: Real) -> Real:
    return np.concatenate([features, np.ones((*features.shape[:-1], 1))], axis=-1)


def _unchanged(images: Real, rng: Generator) -> Real:
    return images


def _noise(images: Real, rng: Generator) -> Real:
    return images + 0.25 * rng.standard_normal(images.shape)


def _impulse(images: Real, rng: Generator) -> Real:
    chance = rng.random(images.shape)
    return np.where(chance < 0.06, 0.0, np.where(chance > 0.94, 1.0, images))


def _blur(images: Real, rng: Generator) -> Real:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(images, (0.0, 0.8, 0.8)))


def _motion(images: Real, rng: Generator) -> Real:
    from scipy.ndimage import uniform_filter1d

    return np.asarray(uniform_filter1d(images, 3, axis=2))


def _contrast(images: Real, rng: Generator) -> Real:
    return 0.5 + 0.35 * (images - 0.5)


def _inverted(images: Real, rng: Generator) -> Real:
    return 1.0 - images


def _stripe(images: Real, rng: Generator) -> Real:
    result = images.copy()
    result[:, :, 3:5] = 1.0 - result[:, :, 3:5]
    return result


CORRUPTIONS: dict[str, Corruption] = {
    "none": _unchanged,
    "Gaussian noise": _noise,
    "impulse noise": _impulse,
    "Gaussian blur": _blur,
    "horizontal blur": _motion,
    "low contrast": _contrast,
    "inverted": _inverted,
    "stripe": _stripe,
}
"""Corruptions in the order of the first axis of the features."""
