import math

import numpy as np
import pytest

from sims.numerics.activations import ACTIVATIONS, activate, derivative
from sims.numerics.descent import Adam, cross_entropy, softmax, squared_error
from sims.numerics.networks import (
    backward,
    forward,
    initialise,
    over,
    parameter_count,
    predict,
)

HIDDEN = [name for name in ACTIVATIONS if name != "linear"]
SIZES = (4, 6, 5, 3)


def ensemble(activation="tanh", networks=3, sizes=SIZES, **settings):
    names = (activation,) * (len(sizes) - 2) + ("linear",)
    rng = np.random.default_rng(0)
    return initialise(sizes, names, networks, rng, bias_deviation=0.3, **settings)


def numeric(function, at, step=1e-6):
    slope = np.empty_like(at)
    for index in np.ndindex(at.shape):
        old = at[index]
        ends = []
        for move in (step, -step):
            at[index] = old + move
            ends.append(function())
        at[index] = old
        slope[index] = (ends[0] - ends[1]) / (2 * step)
    return slope


# ----- activations


@pytest.mark.parametrize(
    ("name", "by_hand"),
    [
        ("tanh", math.tanh),
        ("relu", lambda z: max(z, 0.0)),
        ("abs", abs),
        ("elu", lambda z: z if z > 0 else math.exp(z) - 1),
        ("softplus", lambda z: math.log1p(math.exp(z))),
        ("centred-softplus", lambda z: math.log1p(math.exp(z)) - math.log(2)),
        ("swish", lambda z: z / (1 + math.exp(-z))),
        ("linear", lambda z: z),
        ("prelu", lambda z: z if z > 0 else 0.2 * z),
    ],
)
def test_activations_by_hand(name, by_hand):
    z = np.linspace(-5, 5, 21).reshape(1, 21, 1)
    slopes = np.full((1, 1), 0.2)
    value = activate(name, z, slopes)
    np.testing.assert_allclose(
        value.ravel(), [by_hand(v) for v in z.ravel()], rtol=1e-13, atol=1e-15
    )
    step = 1e-6
    away = z + 0.1  # off the corners
    ends = [activate(name, away + s, slopes) for s in (step, -step)]
    found = derivative(name, away, activate(name, away, slopes), slopes)
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_finite_far_out_and_keep_float32(name):
    z = np.array([-1e4, -100, 0, 100, 1e4], dtype=np.float32).reshape(1, 5, 1)
    slopes = np.full((1, 1), 0.25, dtype=np.float32)
    value = activate(name, z, slopes)
    slope = derivative(name, z, value, slopes)
    assert np.isfinite(value).all()
    assert np.isfinite(np.asarray(slope, float)).all()
    assert value.dtype == np.float32
    assert (z * slope).dtype == np.float32


# ----- the ensemble


def test_parameters_and_their_views():
    nets = ensemble("prelu")
    count = 4 * 6 + 12 + 6 * 5 + 10 + 5 * 3 + 3
    assert nets.parameters.shape == (3, count)
    assert parameter_count(SIZES, nets.activations) == count
    total = sum(part.size for part in (*nets.weights, *nets.biases, *nets.slopes))
    assert total == nets.parameters.size
    for part in (*nets.weights, *nets.biases, *nets.slopes[:2]):
        assert np.shares_memory(part, nets.parameters)
    assert (nets.slopes[0] == 0.25).all()
    nets.weights[1][2] = 7.0
    assert (nets.parameters[2] == 7.0).sum() == 30


def test_initial_weights():
    nets = initialise((400, 50), ("linear",), 5, np.random.default_rng(1), gain=2.0)
    weights = nets.weights[0]
    # relative standard error of a deviation over 1e5 draws is 0.0022: 5 of them, false alarm 6e-7
    assert weights.std() == pytest.approx(2 / 20, rel=0.011)
    assert not nets.biases[0].any()
    cut = initialise(
        (400, 50), ("linear",), 5, np.random.default_rng(1), law="truncated-normal"
    ).weights[0]
    assert np.abs(cut).max() < 2 / 20
    assert cut.std() == pytest.approx(0.8796 / 20, rel=0.01)  # a normal cut at two deviations


def test_forward_is_each_network_by_hand():
    nets = ensemble("tanh")
    x = np.random.default_rng(2).normal(size=(7, 4))
    trace = forward(nets, x)
    for i in range(3):
        h = np.tanh(x @ nets.weights[0][i] + nets.biases[0][i])
        np.testing.assert_allclose(trace.after[0][i], h, rtol=1e-13)
        h = np.tanh(h @ nets.weights[1][i] + nets.biases[1][i])
        out = h @ nets.weights[2][i] + nets.biases[2][i]
        np.testing.assert_allclose(trace.output[i], out, rtol=1e-12)
    own = np.stack([x, x, x])
    np.testing.assert_allclose(predict(nets, own), trace.output, rtol=1e-13)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("activation", HIDDEN)
def test_backward_against_finite_differences(activation, own):
    """A loss on the output and one on a hidden layer; parameters and inputs."""
    nets = ensemble(activation, networks=2)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 5, 4) if own else (5, 4))
    pull, inner = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 6))

    def losses():
        trace = forward(nets, x)
        return (pull * trace.output).sum() + (inner * trace.after[0]).sum()

    slope, at_inputs = backward(nets, forward(nets, x), pull, hidden={0: inner}, inputs=True)
    np.testing.assert_allclose(slope.parameters, numeric(losses, nets.parameters), atol=2e-8)
    moved = numeric(losses, x)
    np.testing.assert_allclose(at_inputs if own else at_inputs.sum(0), moved, atol=2e-8)
    assert backward(nets, forward(nets, x), pull)[1] is None


def test_backward_leaves_the_given_gradients_alone():
    nets = ensemble("relu")
    x = np.random.default_rng(4).normal(size=(5, 4))
    pull, inner = np.ones((3, 5, 3)), np.ones((3, 5, 6))
    backward(nets, forward(nets, x), pull, hidden={0: inner})
    assert (pull == 1).all()
    assert (inner == 1).all()


# ----- losses


@pytest.mark.parametrize("classes", [2, 3])
def test_cross_entropy_by_hand_and_by_differences(classes):
    rng = np.random.default_rng(5)
    output = 3 * rng.normal(size=(2, 4, classes))
    labels = rng.integers(0, classes, (2, 4))
    value, slope = cross_entropy(output, labels)
    for i in range(2):
        shares = softmax(output[i])
        expected = -np.mean(np.log(shares[np.arange(4), labels[i]]))
        assert value[i] == pytest.approx(expected, rel=1e-12)
    found = numeric(lambda: cross_entropy(output, labels)[0].sum(), output)
    np.testing.assert_allclose(slope, found, atol=1e-9)
    shared = cross_entropy(output, labels[0])
    assert shared[0][0] == value[0]


@pytest.mark.parametrize("classes", [2, 3])
def test_cross_entropy_is_finite_far_out_and_keeps_float32(classes):
    output = np.zeros((1, 1, classes), dtype=np.float32)
    output[..., 0] = 1e4
    value, slope = cross_entropy(output, np.array([1]))
    assert value == pytest.approx(1e4)
    assert slope.dtype == np.float32
    np.testing.assert_allclose(slope[0, 0, :2], [1, -1])


def test_squared_error_by_differences():
    rng = np.random.default_rng(6)
    output, targets = rng.normal(size=(2, 4, 3)), rng.normal(size=(4, 3))
    value, slope = squared_error(output, targets)
    np.testing.assert_allclose(value, ((output - targets) ** 2).sum(2).mean(1), rtol=1e-13)
    found = numeric(lambda: squared_error(output, targets)[0].sum(), output)
    np.testing.assert_allclose(slope, found, atol=1e-8)


# ----- Adam, and all of it together


def test_adam_by_the_book():
    rng = np.random.default_rng(7)
    at = rng.normal(size=(2, 3))
    expected, mean, square = at.copy(), 0.0, 0.0
    adam = Adam(at, rate=0.05, decay=(0.8, 0.95), small=1e-3)
    for step in range(1, 6):
        gradient = rng.normal(size=(2, 3))
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.95 * square + 0.05 * gradient**2
        expected -= 0.05 * (mean / (1 - 0.8**step)) / (np.sqrt(square / (1 - 0.95**step)) + 1e-3)
        adam.step(gradient)
    np.testing.assert_allclose(at, expected, rtol=1e-12)


def test_training_together_is_training_one_by_one():
    rng = np.random.default_rng(8)
    x, labels = rng.normal(size=(3, 50, 4)), rng.integers(0, 3, (3, 50))

    def train(nets, rows):
        adam = Adam(nets.parameters, rate=0.01)
        for _ in range(20):
            trace = forward(nets, x[rows])
            adam.step(
                backward(nets, trace, cross_entropy(trace.output, labels[rows])[1])[0].parameters
            )

    together = ensemble("relu")
    alone = [together.like(together.parameters[i : i + 1].copy()) for i in range(3)]
    train(together, slice(0, 3))
    for i, nets in enumerate(alone):
        train(nets, slice(i, i + 1))
        np.testing.assert_allclose(
            nets.parameters[0], together.parameters[i], rtol=1e-9, atol=1e-12
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": (4,)}, r"sizes = \(4,\) .* at least two"),
        ({"sizes": (4, 0)}, "sizes = 0"),
        ({"activations": ("relu", "linear")}, r"len\(activations\) = 2 .* 1, one for every layer"),
        ({"activations": ("sine",)}, "activation = 'sine'"),
        ({"networks": 0}, "networks = 0"),
        ({"gain": 0.0}, "gain = 0.0"),
        ({"bias_deviation": -1.0}, "bias_deviation = -1.0"),
        ({"law": "uniform"}, "law = 'uniform'"),
    ],
)
def test_bad_settings_are_named(change, message):
    given = {"sizes": (4, 3), "activations": ("linear",), "networks": 1}
    with pytest.raises(ValueError, match=message):
        initialise(**{**given, **change}, rng=np.random.default_rng(0))


def test_wrong_arrays_and_rates_are_named():
    with pytest.raises(ValueError, match=r"parameters.shape = \(1, 4\) .* \(networks, 3\)"):
        over((2, 1), ("linear",), np.zeros((1, 4)))
    with pytest.raises(ValueError, match="rate = 0"):
        Adam(np.zeros(3), rate=0)
    with pytest.raises(ValueError, match=r"decay = 1\.0"):
        Adam(np.zeros(3), rate=1, decay=(0.9, 1.0))
