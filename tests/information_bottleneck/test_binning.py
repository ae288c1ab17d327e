import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck import (
    adaptive_binned_information,
    adaptive_edges,
    binned_information,
    histogram_information,
    icosahedron_dataset,
    one_neuron_entropy,
    range_binned_information,
)


def entropy_of(rows):
    counts = np.unique(rows, axis=0, return_counts=True)[1]
    p = counts / counts.sum()
    return -(p * np.log(p)).sum()


def by_hand(bins, labels):
    """H(B), and H(B) less the mean of H(B | y)."""
    labels = np.asarray(labels)
    shares = [(labels == y).mean() * entropy_of(bins[labels == y]) for y in np.unique(labels)]
    return entropy_of(bins), entropy_of(bins) - sum(shares)


def close(found, expected):
    np.testing.assert_allclose(
        (found.information_x, found.information_y), expected, rtol=1e-12, atol=1e-12
    )


def layer(seed=0, count=200, units=3):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    return np.tanh(rng.standard_normal((count, units)) + labels[:, None]), labels


@pytest.mark.parametrize("width", [0.07, 0.5, 3.0])
def test_fixed_width_by_hand(width):
    activations, labels = layer()
    found = binned_information(activations, labels, width=width)
    close(found, by_hand(np.floor(activations / width), labels))


def test_fixed_range_by_hand():
    activations, labels = layer()
    activations[:20] = 1.0
    edges = np.linspace(-1, 1, 31)
    closed = np.digitize(activations, edges[:-1])
    own = np.digitize(activations, edges)
    close(range_binned_information(activations, labels), by_hand(closed, labels))
    close(range_binned_information(activations, labels, top="own"), by_hand(own, labels))


def test_a_bin_of_its_own_for_the_maximum_matters_on_saturated_units():
    # half of the units a hair below 1, half at 1: one bin or two, for each unit
    rng = np.random.default_rng(0)
    activations = np.where(rng.random((500, 2)) < 0.5, 1.0, 1 - 1e-7)
    labels = rng.integers(0, 2, 500)
    assert range_binned_information(activations, labels).information_x == 0.0
    own = range_binned_information(activations, labels, top="own").information_x
    assert own == pytest.approx(2 * np.log(2), abs=0.02)


def test_adaptive_edges_by_the_rule():
    activations = np.maximum(np.random.default_rng(0).standard_normal((100, 4)), 0.0)
    u = np.unique(activations[activations > 0])
    n = len(u)
    steps = [u[k * n // 30] for k in range(30)]
    np.testing.assert_array_equal(adaptive_edges(activations, low=0.0), steps)
    np.testing.assert_array_equal(
        adaptive_edges(activations, low=0.0, edges="released"), [0.0, *steps, u[-1]]
    )
    # no atom at low: one edge less, and the same bins
    np.testing.assert_array_equal(
        adaptive_edges(activations, low=-1.0),
        [np.unique(activations)[k * (n + 1) // 30] for k in range(1, 30)],
    )


@pytest.mark.parametrize("low", [None, 0.0, -1.000001])
@pytest.mark.parametrize("edges", ["interior", "released"])
def test_adaptive_bins_by_hand(low, edges):
    if low is None and edges == "released":
        with pytest.raises(ValueError, match="low"):
            adaptive_edges([1.0, 2.0], edges="released")
        return
    activations, labels = layer(1)
    activations = np.maximum(activations, 0.0)
    u = np.unique(activations)
    u = u[u != low]
    cuts = [u[k * len(u) // 30] for k in range(0 if low is not None else 1, 30)]
    if edges == "released":
        cuts = [low, *cuts, u[-1]]
    bins = np.digitize(activations, cuts)
    found = adaptive_binned_information(activations, labels, low=low, edges=edges)
    close(found, by_hand(bins, labels))


def test_zeros_of_relu_have_their_own_bin():
    activations = np.array([[0.0], [0.0], [0.1], [0.2], [0.3], [0.4]])
    found = adaptive_binned_information(activations, [0] * 6, bins=2, low=0.0)
    assert found.information_x == pytest.approx(np.log(3), rel=1e-14)
    assert found.information_y == 0.0


@settings(deadline=None, max_examples=40, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 40))
def test_adaptive_bins_ignore_increasing_maps(seed, bins):
    activations, labels = layer(seed, 60, 2)
    one = adaptive_binned_information(activations, labels, bins=bins)
    other = adaptive_binned_information(np.exp(3 * activations) - 7, labels, bins=bins)
    assert one == other


def test_precision_decides_whether_saturated_units_coincide():
    rng = np.random.default_rng(0)
    wide = np.tanh(12 * rng.standard_normal((400, 3)))
    labels = rng.integers(0, 2, 400)
    exact = adaptive_binned_information(wide, labels).information_x
    stored = adaptive_binned_information(wide.astype(np.float32), labels).information_x
    assert stored < exact - 0.1


def test_a_stack_of_layers_is_many_layers():
    stack = np.stack([[layer(seed)[0] * scale for seed in (0, 1)] for scale in (1, 0.1, 5)])
    labels = layer()[1]
    for estimate in (
        lambda a: binned_information(a, labels, width=0.3),
        lambda a: range_binned_information(a, labels),
        lambda a: adaptive_binned_information(a, labels),
    ):
        found = estimate(stack)
        assert found.information_x.shape == found.information_y.shape == (3, 2)
        for index in np.ndindex(3, 2):
            single = estimate(stack[index])
            assert found.information_x[index] == pytest.approx(single.information_x, abs=1e-13)
            assert found.information_y[index] == pytest.approx(single.information_y, abs=1e-13)


def test_twelve_bits_are_found_again():
    data = icosahedron_dataset()
    found = binned_information(data.patterns, data.labels, width=0.5)
    assert found.information_x == pytest.approx(12 * np.log(2), rel=1e-13)
    assert found.information_y == pytest.approx(0.999157 * np.log(2), abs=1e-6)
    wide = binned_information(np.tile(data.patterns, 20), data.labels, width=0.5)
    assert wide.information_x == pytest.approx(12 * np.log(2), rel=1e-13)


def test_one_neuron_against_its_exact_entropy():
    # 4e5 samples: the standard error of the plug-in entropy is below 2e-3, its bias 4e-5
    inputs = np.random.default_rng(1).standard_normal(400_000)
    labels = np.zeros(400_000)
    for weight in (0.5, 4.0):
        found = range_binned_information(np.tanh(weight * inputs), labels).information_x
        exact = one_neuron_entropy(weight, "tanh", np.linspace(-1, 1, 31)[1:-1])
        assert found == pytest.approx(exact, abs=6e-3)


def test_histogram_by_hand_and_its_bias():
    # rho = 0.6, N = 3000, mean over 20 draws: a standard error of 0.003
    rng = np.random.default_rng(0)
    found = []
    for _ in range(20):
        x = rng.standard_normal(3000)
        y = 0.6 * x + 0.8 * rng.standard_normal(3000)
        counts = np.histogram2d(x, y, bins=16)[0]
        p = counts[counts > 0] / 3000
        rows, columns = counts.sum(1) / 3000, counts.sum(0) / 3000
        exact = (p * np.log(p)).sum()
        exact -= (rows[rows > 0] * np.log(rows[rows > 0])).sum()
        exact -= (columns[columns > 0] * np.log(columns[columns > 0])).sum()
        raw = histogram_information(x, y)
        assert raw == pytest.approx(exact, rel=1e-12)
        corrected = histogram_information(x, y, miller_madow=True)
        cells = [np.count_nonzero(c) for c in (counts, rows, columns)]
        shift = (cells[0] - cells[1] - cells[2] + 1) / 6000
        assert corrected == pytest.approx(raw - shift, rel=1e-12)
        found.append([raw, corrected])
    raw, corrected = np.mean(found, axis=0)
    exact = -0.5 * np.log(1 - 0.36)
    assert abs(corrected - exact) < 0.01 < raw - corrected


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda a, y: binned_information(a, y, width=0.0), "width"),
        (lambda a, y: binned_information(a, y, width=1e-300), "width"),
        (lambda a, y: binned_information(a, y + 0.5, width=0.1), r"labels\[0\]"),
        (lambda a, y: binned_information(a, y[:-1], width=0.1), "labels.shape"),
        (lambda a, y: binned_information(a[:1], y[:1], width=0.1), "activations.shape"),
        (lambda a, y: binned_information(a * np.nan, y, width=0.1), "activations"),
        (lambda a, y: binned_information(np.empty((2, 0)), y[:2], width=0.1), "activations"),
        (lambda a, y: range_binned_information(a, y, bins=0), "bins"),
        (lambda a, y: range_binned_information(a, y, low=1.0, high=1.0), "high"),
        (lambda a, y: range_binned_information(a, y, top="open"), "top"),
        (lambda a, y: adaptive_binned_information(a, y, bins=0), "bins"),
        (lambda a, y: adaptive_binned_information(a, y, edges="mine"), "edges"),
        (lambda a, y: adaptive_binned_information(a, y, low=np.nan), "low"),
        (lambda a, y: histogram_information(a, y[:-1]), "len"),
        (lambda a, y: histogram_information(a, y, bins=0), "bins"),
    ],
)
def test_bad_layers_are_named(call, word):
    with pytest.raises(ValueError, match=word):
        call(*layer())


def test_a_dead_layer_tells_nothing():
    dead, labels = np.zeros((10, 3)), np.arange(10) % 2
    for found in (
        binned_information(dead, labels, width=0.07),
        range_binned_information(dead, labels),
        adaptive_binned_information(dead, labels, low=0.0),
        adaptive_binned_information(dead, labels, low=0.0, edges="released"),
    ):
        assert (found.information_x, found.information_y) == (0.0, 0.0)
