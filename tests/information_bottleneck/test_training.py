import numpy as np
import pytest

from sims.information_bottleneck.icosahedron import icosahedron_dataset
from sims.information_bottleneck.training import (
    HIDDEN,
    TrainingSettings,
    look_epochs,
    train_networks,
)

DATA = icosahedron_dataset()


def run(seed=0, **settings):
    given = {"networks": 3, "epochs": 4, "looks": 3, **settings}
    rng = np.random.default_rng(seed)
    return list(train_networks(DATA.patterns, DATA.labels, TrainingSettings(**given), rng))


def test_looks_are_spaced_in_log_epoch():
    looks = look_epochs(2000, 12)
    assert looks[0] == 0
    assert looks[1] == 1
    assert looks[-1] == 2000
    steps = np.diff(np.log(looks[4:]))
    assert steps.max() < 1.1 * steps.min()
    assert look_epochs(7, 1).tolist() == [0, 7]
    assert look_epochs(3, 50).tolist() == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="looks = 0"):
        look_epochs(3, 0)


@pytest.mark.parametrize("activation", HIDDEN)
def test_snapshots_hold_every_layer_on_every_pattern(activation):
    looks = run(activation=activation, networks=2, epochs=1, looks=1)
    assert [look.epoch for look in looks] == [0, 1]
    for look in looks:
        assert [layer.shape for layer in look.layers] == [
            (2, 4096, units) for units in (10, 7, 5, 4, 3, 2)
        ]
        assert all(layer.dtype == np.float32 for layer in look.layers)
        np.testing.assert_allclose(look.layers[-1].sum(-1), 1, atol=1e-6)
        if activation in ("relu", "abs", "softplus"):
            assert all((layer >= 0).all() for layer in look.layers)


def test_accuracies_are_those_of_the_softmax_on_the_data_set():
    """The two accuracies, weighted by the split, give the count of right labels exactly."""
    last = run()[-1]
    right = (last.layers[-1].argmax(-1) == DATA.labels).sum(1)
    weighted = 3277 * last.train_accuracy + 819 * last.test_accuracy
    np.testing.assert_allclose(weighted, right, atol=1e-6)
    assert round(0.8 * len(DATA.labels)) == 3277


def test_same_generator_same_networks():
    one, two, other = run(), run(), run(seed=1)
    for a, b in zip(one[-1].layers, two[-1].layers):
        np.testing.assert_array_equal(a, b)
    assert (one[-1].layers[0] != other[-1].layers[0]).any()
    assert len({layer.tobytes() for layer in one[0].layers[0]}) == 3  # networks differ


def test_a_shared_split_tests_all_networks_on_the_same_patterns():
    """A test set of one pattern is right or wrong: is there one that fits all networks?"""
    patterns, labels = np.eye(12), np.arange(12) % 2

    def tested(shared, networks=40):
        settings = TrainingSettings(
            networks=networks, epochs=1, looks=1, train_share=0.9, shared_split=shared
        )
        first = next(train_networks(patterns, labels, settings, np.random.default_rng(0)))
        right = first.layers[-1].argmax(-1) == labels
        held_out = (first.test_accuracy == 1)[:, None] == right  # candidates for the one pattern
        return held_out.all(0).any()

    assert tested(shared=True)
    assert not tested(shared=False)


def test_networks_learn_the_rule():
    last = run(networks=4, epochs=60, looks=1)[-1]
    assert (last.test_accuracy > 0.8).all()  # the share of ones is 0.517


def test_a_heavy_penalty_shrinks_the_hidden_layers_only():
    """With lambda = 3 the hidden weights decay; the output layer is left to predict the share."""
    last = run(networks=2, epochs=40, looks=1, l2=3.0, rate=0.01)[-1]
    assert np.abs(last.layers[0] - last.layers[0].mean(1, keepdims=True)).max() < 1e-2
    first = run(networks=2, epochs=1, looks=1)[0]
    assert np.abs(first.layers[0] - first.layers[0].mean(1, keepdims=True)).max() > 0.3


def test_initial_scale_follows_the_activation():
    """tanh: 1/sqrt(12) cut at two deviations; relu twice that. Through the first layer at once."""
    patterns = np.eye(12)
    labels = np.arange(12) % 2
    for activation, gain in (("tanh", 1.0), ("relu", 2.0)):
        settings = TrainingSettings(activation=activation, networks=200, epochs=1, looks=1)
        first = next(train_networks(patterns, labels, settings, np.random.default_rng(0)))
        values = first.layers[0].astype(float)
        weights = np.arctanh(values) if activation == "tanh" else values
        # 24000 weights (12000 of relu): 0.7 % standard error at most, so 4 of them
        spread = np.sqrt((weights**2).mean() * (1 if activation == "tanh" else 2))
        assert spread == pytest.approx(0.8796 * gain / np.sqrt(12), rel=0.03)


def test_divergence_is_an_error():
    with pytest.raises(FloatingPointError, match="diverged"), np.errstate(all="ignore"):
        run(activation="abs", epochs=3, looks=3, rate=1e38)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "linear"}, "activation = 'linear' .* tanh"),
        ({"networks": 0}, "networks = 0"),
        ({"epochs": 0}, "epochs = 0"),
        ({"looks": 0}, "looks = 0"),
        ({"batch": 0}, "batch = 0"),
        ({"l2": -1}, "l2 = -1"),
        ({"rate": 0}, "rate = 0"),
        ({"train_share": 1.0}, r"train_share = 1.0 .* \(0, 1\)"),
        ({"layers": ()}, r"layers = \(\)"),
        ({"layers": (3, 0)}, "layers = 0"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        TrainingSettings(**settings)


def test_bad_data_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"labels\[1\] = 0.5"):
        next(train_networks([[0.0], [1.0]], [0, 0.5], TrainingSettings(), rng))
    with pytest.raises(ValueError, match=r"labels = -1 .* 0 or more"):
        next(train_networks([[0.0], [1.0]], [0, -1], TrainingSettings(), rng))
    with pytest.raises(ValueError, match="such that 2 patterns split"):
        next(train_networks([[0.0], [1.0]], [0, 1], TrainingSettings(train_share=0.9), rng))
