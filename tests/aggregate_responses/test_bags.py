import tracemalloc

import numpy as np
import pytest

from sims.aggregate_responses import as_bags, bags_from_members, equal_bags


def test_means_of_unsorted_unequal_bags():
    labels = np.array([5, 1, 5, 9, 1, 5])
    bags = as_bags(labels)
    values = np.arange(12.0).reshape(6, 2)
    expected = [values[labels == label].mean(0) for label in (1, 5, 9)]
    np.testing.assert_allclose(bags.means(values), expected)
    np.testing.assert_allclose(bags.means(values[:, 0]), np.array(expected)[:, 0])
    assert bags.count == 3
    assert bags.sizes.tolist() == [2, 3, 1]
    np.testing.assert_array_equal(bags.labels[bags.index], labels)


def test_no_matrix_of_bags_by_samples():
    n, d = 40_000, 5  # a dense m x n matrix of float64 would take 6.4 GB
    values = np.ones((n, d))
    tracemalloc.start()
    bags = as_bags(equal_bags(n, 2, np.random.default_rng(0)))
    bags.means(values)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_equal_bags_at_random_keep_their_sizes():
    labels = equal_bags(30, 5, np.random.default_rng(0))
    assert np.bincount(labels).tolist() == [5] * 6
    assert (np.diff(labels) < 0).any()


def test_members_become_labels():
    assert bags_from_members([[2], [0, 1]], 3).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: equal_bags(10, 3), "makes 3 bags and leaves 1 samples"),
        (lambda: equal_bags(10, 11), "bag_size"),
        (lambda: equal_bags(10, 0), "bag_size"),
        (lambda: as_bags([0, np.nan]), r"bags\[1\]"),
        (lambda: as_bags([0, -1]), r"bags\[1\] = -1.*every sample"),
        (lambda: as_bags([0, 0.5]), "whole"),
        (lambda: as_bags([0, 1], 3), "2 labels.*3 samples"),
        (lambda: as_bags([[0, 1]]), "dimension"),
        (lambda: as_bags(["a", "b"]), "bags"),
        (lambda: as_bags([]), "at least one"),
        (lambda: bags_from_members([[0], []], 1), "non-empty"),
        (lambda: bags_from_members([[0], [0, 1]], 2), "disjoint"),
        (lambda: bags_from_members([[0, 0]], 1), "disjoint"),
        (lambda: bags_from_members([[0]], 3), "2 of 3 samples in no bag"),
        (lambda: bags_from_members([[3]], 3), r"members\[0\]"),
    ],
)
def test_bad_bags_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
