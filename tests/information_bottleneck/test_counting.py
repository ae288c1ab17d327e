import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck import plug_in_entropy
from sims.information_bottleneck.counting import layer_information, pattern_keys, ranks


def entropy_of(values):
    counts = np.unique(values, axis=0, return_counts=True)[1]
    p = counts / counts.sum()
    return -(p * np.log(p)).sum()


def test_plug_in_entropy_by_its_definition():
    exact = -sum(mpmath.mpf(c) / 10 * mpmath.log(mpmath.mpf(c) / 10) for c in (1, 2, 7))
    assert plug_in_entropy([1, 0, 2, 7]) == pytest.approx(float(exact), rel=1e-14)
    corrected = plug_in_entropy([1, 0, 2, 7], miller_madow=True)
    assert corrected == pytest.approx(float(exact) + 2 / 20, rel=1e-14)
    assert plug_in_entropy([5]) == 0.0


def test_miller_madow_takes_the_bias_away():
    # uniform on 20 cells, 100 samples, 2000 runs: bias -0.098 becomes -0.002 (next order 1/N²);
    # 0.01 is twelve standard errors
    rng = np.random.default_rng(0)
    counts = rng.multinomial(100, np.full(20, 0.05), size=2000)
    raw = np.mean([plug_in_entropy(c) for c in counts])
    better = np.mean([plug_in_entropy(c, miller_madow=True) for c in counts])
    assert raw == pytest.approx(np.log(20) - 19 / 200, abs=0.01)
    assert better == pytest.approx(np.log(20), abs=0.01)


SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 30), st.integers(1, 12))


@settings(deadline=None, max_examples=80, derandomize=True)
@given(SHAPES, st.sampled_from([1, 30, 2**20, 2**45, 2**61]), st.integers(0, 10**6))
def test_keys_are_equal_exactly_where_rows_are(shape, span, seed):
    rng = np.random.default_rng(seed)
    bins = rng.integers(-span, span + 1, shape)
    bins[:, ::2] = bins[:, :1]  # repeated rows
    bins[:, 1::3, -1] += 1  # ... that differ in one place
    keys = pattern_keys(bins)
    assert keys.shape == shape[:-1]
    for rows, found in zip(bins, keys):
        same = (rows[:, None] == rows).all(axis=2)
        np.testing.assert_array_equal(found[:, None] == found, same)


def test_ranks():
    assert ranks(np.array([[5, 5, -1], [0, 9, 4]])).tolist() == [[1, 1, 0], [0, 2, 1]]


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.integers(2, 60), st.integers(1, 5), st.integers(1, 2**62), st.integers(0, 10**6))
def test_information_by_counting_rows(count, classes, span, seed):
    rng = np.random.default_rng(seed)
    keys = rng.choice(rng.integers(0, span, 4), (3, count))
    labels = rng.integers(-3, classes - 3, count)
    found = layer_information(keys, labels)
    for row, information_x, information_y in zip(keys, found.information_x, found.information_y):
        joint = entropy_of(np.stack([row, labels], axis=1))
        assert information_x == pytest.approx(entropy_of(row), abs=1e-12)
        exact = entropy_of(row) + entropy_of(labels) - joint
        assert information_y == pytest.approx(exact, abs=1e-12)


def test_one_layer_gives_numbers_and_corrected_entropies():
    keys, labels = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 0, 0])
    found = layer_information(keys, labels, miller_madow=True)
    assert isinstance(found.information_x, float)
    h_keys = plug_in_entropy([2, 1, 3], miller_madow=True)
    h_labels = plug_in_entropy([4, 2], miller_madow=True)
    h_joint = plug_in_entropy([1, 1, 1, 3], miller_madow=True)
    assert found.information_x == pytest.approx(h_keys, rel=1e-14)
    assert found.information_y == pytest.approx(h_keys + h_labels - h_joint, rel=1e-14)


@pytest.mark.parametrize("counts", [[], [0, 0], [-1, 2]])
def test_bad_counts_are_named(counts):
    with pytest.raises(ValueError, match="counts"):
        plug_in_entropy(counts)
