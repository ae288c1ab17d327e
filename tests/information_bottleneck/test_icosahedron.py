import math

import numpy as np
import pytest

from sims.information_bottleneck import (
    discrete_information,
    entropy,
    icosahedron_dataset,
    icosahedron_scores,
    icosahedron_vertices,
    stochastic_joint,
    stochastic_label_probabilities,
)


def test_vertices_are_those_of_an_icosahedron():
    points = icosahedron_vertices()
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, rtol=1e-15)
    cosines = points @ points.T
    near = np.isclose(cosines, 1 / np.sqrt(5))
    assert near.sum(axis=1).tolist() == [5] * 12
    assert np.isclose(cosines, -1).sum(axis=1).tolist() == [1] * 12


def test_counts_of_the_labels():
    data = icosahedron_dataset()
    assert data.patterns.shape == (4096, 12)
    assert len(np.unique(data.patterns, axis=0)) == 4096
    assert set(np.unique(data.patterns)) == {0, 1}
    assert data.labels.sum() == 2118
    ones = data.patterns.sum(axis=1)
    by_weight = [int(data.labels[ones == n].sum()) for n in range(13)]
    assert by_weight[:8] == [0, 0, 0, 0, 0, 60, 532, 732]
    assert by_weight[8:] == [math.comb(12, n) for n in range(8, 13)]
    p = 2118 / 4096
    assert entropy([p, 1 - p]) / np.log(2) == pytest.approx(0.999157, abs=5e-7)


def test_rule_by_hand():
    # one pattern after another, from the geometry
    data, points = icosahedron_dataset(), icosahedron_vertices()
    for index in np.random.default_rng(0).integers(0, 4096, 200):
        chosen = points[data.patterns[index] == 1]
        cosines = (chosen @ chosen.T)[np.triu_indices(len(chosen), 1)]
        e1 = np.isclose(cosines, 1 / np.sqrt(5)).sum()
        e3 = np.isclose(cosines, -1).sum()
        n = len(chosen)
        score = 48 * e1 + 228 * n - 22 * n**2 - 24 * e3 - 859
        assert icosahedron_scores()[index] == score
        assert data.labels[index] == (score > 0)


def test_labels_are_the_same_after_a_rotation():
    # a fifth of a turn about a vertex permutes the others
    points = icosahedron_vertices()
    axis = points[0]
    cross = np.cross(np.eye(3), axis)
    angle = 2 * np.pi / 5
    turn = np.cos(angle) * np.eye(3) + np.sin(angle) * cross
    turn += (1 - np.cos(angle)) * np.outer(axis, axis)
    order = np.argmax((points @ turn.T) @ points.T, axis=1)
    assert sorted(order) == list(range(12))
    data = icosahedron_dataset()
    keys = data.patterns[:, order] @ (1 << np.arange(11, -1, -1))
    assert (data.labels[keys] == data.labels).all()
    assert len(np.unique(order[1:])) == 11
    assert order[0] == 0


def test_noisy_labels():
    # the table of scores carries all of I(X;Y)
    ones = stochastic_label_probabilities()
    pattern_joint = np.column_stack([1 - ones, ones]) / 4096
    exact = discrete_information(pattern_joint)
    assert exact / np.log(2) == pytest.approx(0.99, abs=1e-6)
    assert discrete_information(stochastic_joint()) == pytest.approx(exact, rel=1e-12)
    assert stochastic_joint(0.0)[:, 0].sum() == pytest.approx(0.5)
    hard = stochastic_label_probabilities(1e3)
    np.testing.assert_array_equal(hard, icosahedron_dataset().labels)


def test_bad_gain_is_named():
    with pytest.raises(ValueError, match="gain"):
        stochastic_joint(-1.0)
