import math
from collections import Counter

import numpy as np
import pytest

from sims.information_bottleneck.icosahedron import icosahedron_dataset
from sims.information_bottleneck.kde import kde_information
from sims.information_bottleneck.planes import (
    ESTIMATORS,
    PlaneSettings,
    _patterns,
    estimate_layer,
    information_plane,
    run_information_plane,
)
from sims.information_bottleneck.training import Snapshot, TrainingSettings

DATA = icosahedron_dataset()


def entropy(rows):
    counts = np.array(list(Counter(map(tuple, rows)).values()))
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def snapshot(epoch=0, networks=2, patterns=64, seed=0):
    rng = np.random.default_rng(seed)
    layers = tuple(
        np.tanh(rng.normal(size=(networks, patterns, units))).astype(np.float32) for units in (3, 2)
    )
    return Snapshot(epoch, layers, np.full(networks, 0.9), np.full(networks, 0.8))


def test_fixed_bins_by_counting():
    look, labels = snapshot(), np.arange(64) % 2
    found = estimate_layer(look.layers[1], labels, "fixed-bins", settings=PlaneSettings(width=0.3))
    for network in range(2):
        binned = np.floor(look.layers[1][network].astype(float) / 0.3)
        whole = entropy(binned)
        parts = [entropy(binned[labels == label]) for label in (0, 1)]
        assert found.information_x[network] == pytest.approx(whole, rel=1e-12)
        assert found.information_y[network] == pytest.approx(whole - np.mean(parts), rel=1e-10)


def test_kernel_estimates_use_the_chosen_patterns():
    look, labels = snapshot(), np.arange(64) % 2
    all_of_them = estimate_layer(
        look.layers[0], labels, "kde", settings=PlaneSettings(variance=0.02)
    )
    expected = kde_information(look.layers[0][1], labels, variance=0.02)
    assert all_of_them.information_x[1] == pytest.approx(expected.information_x.upper, rel=1e-12)
    assert all_of_them.information_y[1] == pytest.approx(expected.information_y_upper, rel=1e-10)
    few = estimate_layer(
        look.layers[0], labels, "kde", settings=PlaneSettings(variance=1e-9, kernel_patterns=16)
    )
    np.testing.assert_allclose(few.information_x, math.log(16), rtol=1e-9)


def test_chosen_patterns_favour_no_bit():
    chosen = _patterns(4096, 1024)
    assert len(set(chosen)) == 1024
    ones = DATA.patterns[chosen].mean(0)
    np.testing.assert_allclose(ones, 0.5, atol=0.02)
    assert DATA.labels[chosen].mean() == pytest.approx(2118 / 4096, abs=0.02)


def test_plane_puts_everything_in_its_place():
    looks, labels = [snapshot(0), snapshot(5, seed=1)], np.arange(64) % 2
    settings = PlaneSettings(kernel_patterns=32)
    plane = information_plane(looks, labels, ESTIMATORS, settings=settings)
    assert plane.information_x.shape == plane.information_y.shape == (4, 2, 2, 2)
    assert plane.epochs.tolist() == [0, 5]
    np.testing.assert_allclose(plane.ceilings, np.log([64, 64, 32, 32]))
    for which, estimator in enumerate(ESTIMATORS):
        for epoch, look in enumerate(looks):
            for layer in range(2):
                one = estimate_layer(look.layers[layer], labels, estimator, settings=settings)
                np.testing.assert_array_equal(
                    plane.information_x[which, epoch, :, layer], one.information_x
                )
                np.testing.assert_array_equal(
                    plane.information_y[which, epoch, :, layer], one.information_y
                )
    assert (plane.information_x <= plane.ceilings[:, None, None, None] + 1e-9).all()
    np.testing.assert_allclose(plane.test_accuracy, 0.8)


def test_snapshots_are_used_one_by_one():
    alive = []

    def stream():
        for epoch in range(3):
            alive.append(epoch)
            yield snapshot(epoch)
            assert alive[-1] == epoch  # the next was not asked for before this one was measured

    assert information_plane(stream(), np.arange(64) % 2).epochs.tolist() == [0, 1, 2]


def test_the_data_set_stays_within_its_entropies():
    """12 bits in, 0.999157 bits out, and no later layer of a binned chain above H(Y)."""
    settings = TrainingSettings(networks=2, epochs=6, looks=3)
    rng = np.random.default_rng(0)
    plane = run_information_plane(settings, rng, estimators=("fixed-bins", "adaptive-bins"))
    bits = plane.information_x / math.log(2), plane.information_y / math.log(2)
    assert bits[0].max() <= 12 + 1e-9
    assert bits[1].max() <= 0.999157 + 1e-6
    assert bits[1].min() >= 0
    # ten tanh units keep the 4096 patterns apart under 30 adaptive bins
    assert bits[0][1, :, :, 0].min() > 11.9


def test_float32_makes_saturated_units_coincide():
    values = np.linspace(8, 30, 200)[:, None]
    labels = np.arange(200) % 2
    exact = estimate_layer(np.tanh(values), labels, "adaptive-bins")
    stored = estimate_layer(np.tanh(values).astype(np.float32), labels, "adaptive-bins")
    assert float(stored.information_x) < float(exact.information_x) - 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PlaneSettings(width=0), "width = 0"),
        (lambda: PlaneSettings(variance=-1), "variance = -1"),
        (lambda: PlaneSettings(scale=0), "scale = 0"),
        (lambda: PlaneSettings(bins=0), "bins = 0"),
        (lambda: PlaneSettings(kernel_patterns=1), "kernel_patterns = 1"),
        (lambda: PlaneSettings(rule="mean"), "rule = 'mean'"),
        (lambda: estimate_layer(np.ones((4, 1)), [0] * 4, "ksg"), "estimator = 'ksg'"),
        (lambda: estimate_layer(np.ones(4), [0] * 4, "kde"), r"activations.shape = \(4,\)"),
        (lambda: information_plane([], [0, 1]), r"snapshots = \(\) .* not empty"),
        (lambda: information_plane([snapshot()], [0] * 64, ()), "estimators"),
        (lambda: information_plane([snapshot()], [0] * 64, ("ksg",)), "estimators = 'ksg'"),
        (lambda: information_plane([snapshot()], [0] * 63), "labels.shape"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
