import itertools
import math

import numpy as np
import pytest

from sims.information_bottleneck.widths import (
    effective_neighbours,
    median_width,
    prediction_width,
)
from sims.numerics.validate import ValidityWarning


def test_median_is_over_all_different_pairs():
    points = np.random.default_rng(0).normal(size=(25, 3))
    distances = [math.dist(a, b) for a, b in itertools.combinations(points, 2)]
    assert median_width(points) == pytest.approx(np.median(distances), rel=1e-13)


def test_subsample_is_repeatable_and_near_the_whole():
    points = np.random.default_rng(1).normal(size=(3000, 8))
    first = median_width(points)
    assert first == median_width(points)
    assert first == pytest.approx(math.sqrt(2 * (8 - 2 / 3)), rel=0.02)  # median of chi² with 8
    drawn = median_width(points, rows=300, rng=np.random.default_rng(2))
    assert drawn == pytest.approx(first, rel=0.03)
    assert drawn != first


def test_equal_samples_are_reported():
    with pytest.warns(ValidityWarning, match="constant"):
        assert median_width(np.full(5, 3.0)) == 1.0
    with pytest.warns(ValidityWarning, match="half of all pairs"):
        assert median_width([0.0, 0.0, 0.0, 0.0, 7.0]) == 7.0


@pytest.mark.parametrize(("dimension", "expected"), [(1, 73.9), (8, 1.58), (20, 0.00217)])
def test_neighbours_of_a_batch(dimension, expected):
    """The formula and its Monte-Carlo mean of the kernel."""
    if expected < 2:
        with pytest.warns(ValidityWarning, match="effective neighbours"):
            found = effective_neighbours(128, 1.0, dimension)
    else:
        found = effective_neighbours(128, 1.0, dimension)
    assert found == pytest.approx(expected, rel=0.01)
    rng = np.random.default_rng(dimension)
    difference = rng.normal(size=(100_000, min(dimension, 8))) * math.sqrt(2)
    kernels = np.exp(-0.5 * (difference**2).sum(1))
    error = kernels.std() / math.sqrt(len(kernels))
    expected_mean = (1 + 2) ** (-min(dimension, 8) / 2)
    assert abs(kernels.mean() - expected_mean) < 4 * error  # false alarm 6e-5


@pytest.mark.parametrize("dimension", [1, 8, 200])
@pytest.mark.parametrize("neighbours", [2.0, 20.0])
def test_prediction_width_is_the_inverse(dimension, neighbours):
    width = prediction_width(128, dimension, neighbours=neighbours)
    assert effective_neighbours(128, width * (1 + 1e-12), dimension) == pytest.approx(neighbours)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (lambda: median_width([1.0]), r"len\(points\) = 1"),
        (lambda: median_width([1.0, 2.0], rows=1), "rows = 1"),
        (lambda: effective_neighbours(0, 1.0, 1), "count = 0"),
        (lambda: effective_neighbours(10, 0.0, 1), "width = 0.0"),
        (lambda: effective_neighbours(10, 1.0, 0), "dimension = 0"),
        (lambda: prediction_width(10, 1, neighbours=10), "neighbours = 10.0 .* count = 10"),
        (lambda: prediction_width(10, 1, neighbours=0), "neighbours = 0"),
    ],
)
def test_bad_input_is_named(task, message):
    with pytest.raises(ValueError, match=message):
        task()
