import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sims.datasets import digits
from sims.inductive_bias.dimension import (
    class_resolution,
    intrinsic_dimension,
    intrinsic_dimensions,
)
from sims.numerics.validate import ValidityWarning


def sphere(m, size=2000, seed=0):
    """Points of S^m, turned isometrically into 30 coordinates."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((size, m + 1))
    points /= np.linalg.norm(points, axis=1)[:, None]
    frame, _ = np.linalg.qr(rng.standard_normal((30, m + 1)))
    return points @ frame.T


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_spheres(m):
    # relative standard deviation about 1/sqrt(2000 * 4) times a correlation factor near 1.5:
    # 5 % is 3 sigma and more; the seed is fixed
    assert intrinsic_dimension(sphere(m)) == pytest.approx(m, rel=0.05)


def test_many_dimensions_are_underestimated():
    found = intrinsic_dimensions(sphere(12), [3, 5, 10, 20])
    # relative standard deviations of 2 % and less: 2.5 sigma; the seed is fixed
    np.testing.assert_allclose(found, [11.2, 11.0, 10.7, 10.4], rtol=0.05)
    assert np.all(np.diff(found) < 0)


def test_digits():
    found = intrinsic_dimensions(digits().inputs, [3, 5, 10, 20])
    np.testing.assert_allclose(found, [8.78, 8.11, 7.42, 6.84], atol=0.006)


def test_against_brute_force():
    points = np.random.default_rng(1).standard_normal((60, 3))
    distances = np.sort(cdist(points, points), axis=1)[:, 1:]
    for k in (2, 5, 59):
        logs = [np.log(row[k - 1] / row[j]) for row in distances for j in range(k - 1)]
        assert intrinsic_dimension(points, neighbours=k) == pytest.approx(
            1 / np.mean(logs), rel=1e-12
        )


def test_duplicates_count_once_and_units_do_not_matter():
    points = sphere(2, 300)
    reference = intrinsic_dimension(points)
    assert intrinsic_dimension(np.vstack([points, points[:100]])) == pytest.approx(reference)
    signed = np.where(np.arange(40)[:, None] < 20, 0.0, -0.0) + np.zeros((40, 2))
    signed[:, 1] = np.repeat(np.arange(20.0), 2) ** 2
    assert intrinsic_dimension(signed) == intrinsic_dimension(np.abs(signed))
    assert intrinsic_dimension(1e-9 * points + 1e-9) == pytest.approx(reference, rel=1e-5)


def test_ties_are_no_error():
    grid = np.stack(np.meshgrid(range(12), range(12)), axis=-1).reshape(-1, 2)
    assert 1 < intrinsic_dimension(grid, neighbours=10) < 4
    with pytest.warns(ValidityWarning, match="infinite") as caught:
        assert intrinsic_dimension(np.eye(7), neighbours=3) == np.inf
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("points", "neighbours", "words"),
    [
        (np.ones((50, 3)), 5, "different row"),
        (np.ones(50), 5, "points"),
        ([[1.0, np.nan]] * 9, 5, "points"),
        (np.eye(5), 5, "neighbours"),
        (np.vstack([np.eye(5)] * 3), 5, "neighbours"),
        (np.eye(9), 1, "neighbours"),
        (np.eye(9), 2.5, "neighbours"),
    ],
)
def test_bad_points_are_named(points, neighbours, words):
    with pytest.raises(ValueError, match=words):
        intrinsic_dimension(points, neighbours=neighbours)


# ----- resolution


def pixels():
    """Return digits with pixels in [0, 1], and labels."""
    data = digits()
    low, high = data.inputs.min(), data.inputs.max()
    return (data.inputs - low) / (high - low), data.labels


def test_all_pairs_of_digits():
    found = class_resolution(*pixels(), pairs=10_000_000)
    assert found.value == found.smallest == pytest.approx(1.1792, abs=5e-5)
    assert found.pairs == found.all_pairs == 1_453_110
    assert found.excluded == 0
    assert found.extrapolated == np.inf


def test_extrapolation_from_some_pairs():
    # 8 draws of 100,000 of the 1.45 million pairs give 1.09 … 1.28 for a tail of 2000
    rng = np.random.default_rng(0)
    values = [class_resolution(*pixels(), tail=2000, pairs=100_000, rng=rng) for _ in range(3)]
    assert all(found.pairs == 100_000 for found in values)
    assert 1.0 < np.mean([found.value for found in values]) < 1.3
    assert all(found.value == min(found.smallest, found.extrapolated) for found in values)


def test_extrapolation_by_hand():
    points = np.array([[0.0], [1.0], [2.5], [4.5], [8.0], [10.0]])
    labels = [0, 1, 1, 1, 1, 1]
    largest = 1 / np.array([4.5, 2.5, 1.0])  # threshold, then two
    logs = np.log(largest[1:] / largest[0])
    first, second = logs.mean(), np.mean(logs**2)
    index = first + 1 - 0.5 / (1 - first**2 / second)
    rise = ((2 / 5 * 5) ** index - 1) / index
    for form, factor in (("released", 1.0), ("textbook", max(1.0, 1 - index))):
        found = class_resolution(points, labels, tail=2, form=form)
        assert found.tail_index == pytest.approx(index)
        exact = 1 / (largest[0] * (1 + first * rise * factor))
        assert found.extrapolated == pytest.approx(exact)
    assert index < 0  # so the two forms differ


def test_drawn_pairs_are_uniform_among_those_of_different_classes():
    # distances name the pairs; 11 pairs, 1.1e5 draws: chi-square of 10 degrees, 60 is 4e-9
    points = np.array([[0.0], [1.0], [3.0], [7.0], [15.0], [31.0]])
    labels = np.array(list("abacaa"))
    every = class_resolution(points, labels, pairs=100)
    from sims.inductive_bias.dimension import _draw_pairs

    classes = np.unique(labels, return_inverse=True)[1]
    first, second = _draw_pairs(classes, 90_000, np.random.default_rng(0))
    assert np.all(classes[first] != classes[second])
    low, high = np.minimum(first, second), np.maximum(first, second)
    names, counts = np.unique(6 * low + high, return_counts=True)
    assert len(names) == every.all_pairs == 9
    expected = 90_000 / 9
    assert np.sum((counts - expected) ** 2 / expected) < 60


def test_equal_inputs_with_two_labels_are_left_out():
    found = class_resolution([[0.0], [0.0], [2.0], [5.0]], [0, 1, 0, 1])
    assert (found.excluded, found.pairs, found.all_pairs) == (1, 3, 4)
    assert found.value == 2.0


@pytest.mark.parametrize(
    ("points", "labels", "settings", "words"),
    [
        (np.eye(4), [0, 0, 0, 0], {}, "one class"),
        (np.eye(4), [0, 1], {}, "labels"),
        (np.ones((4, 2)), [0, 1, 0, 1], {}, "all equal"),
        (np.eye(4), [0, 1, 0, 1], {"pairs": 2}, "rng"),
        (np.eye(4), [0, 1, 0, 1], {"tail": 4}, "tail"),
        (np.eye(4), [0, 1, 0, 1], {"tail": 2}, "tail"),
        (np.eye(4), [0, 1, 0, 1], {"form": "other"}, "form"),
        (np.eye(4), [0, 1, 0, 1], {"pairs": 0}, "pairs"),
    ],
)
def test_bad_resolution_input_is_named(points, labels, settings, words):
    with pytest.raises(ValueError, match=words):
        class_resolution(points, labels, **settings)
