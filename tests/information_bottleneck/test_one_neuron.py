import mpmath
import numpy as np
import pytest

from sims.information_bottleneck import NEURON_ACTIVATIONS, one_neuron_entropy
from sims.numerics.activations import activate

TANH_EDGES = np.linspace(-1, 1, 31)[1:-1]
WEIGHTS = [0.2, 0.5, 1, 2, 4, 8, 16]


def bits(*arguments):
    return one_neuron_entropy(*arguments) / np.log(2)


def mp_entropy(limits, weight):
    """Entropy in nats of the normal law cut where w z crosses the limits, in 40 digits."""
    with mpmath.workdps(40):
        below = [mpmath.ncdf(limit / weight) for limit in limits]
        masses = [b - a for a, b in zip([mpmath.mpf(0), *below], [*below, mpmath.mpf(1)])]
        return float(-sum(p * mpmath.log(p) for p in masses if p > 0))


def test_tanh_rises_and_falls_with_the_weight():
    found = bits(WEIGHTS, "tanh", TANH_EDGES)
    np.testing.assert_allclose(found, [3.58, 4.63, 4.88, 4.16, 3.08, 2.24, 1.71], atol=5e-3)


def test_relu_falls_only_because_of_its_range():
    found = bits(WEIGHTS, "relu", np.linspace(0, 8, 31)[1:-1])
    np.testing.assert_allclose(found, [0.46, 1.38, 2.08, 2.73, 3.22, 2.98, 2.33], atol=5e-3)


@pytest.mark.parametrize("weight", [0.3, 1.0, 16.0, -4.0])
def test_against_high_precision(weight):
    with mpmath.workdps(40):
        limits = [mpmath.atanh(mpmath.mpf(float(e))) for e in TANH_EDGES]
    exact = mp_entropy(limits, abs(weight))
    assert one_neuron_entropy(weight, "tanh", TANH_EDGES) == pytest.approx(exact, rel=1e-12)
    edges = [0.25, 0.5, 3.0]
    with mpmath.workdps(40):
        limits = [mpmath.log(mpmath.expm1(mpmath.mpf(e))) for e in edges]
    exact = mp_entropy(limits, abs(weight))
    assert one_neuron_entropy(weight, "softplus", edges) == pytest.approx(exact, rel=1e-12)


def test_linear_neuron_gains_a_bit_with_every_doubling():
    edges = 0.07 * np.arange(-2000, 2001)
    found = bits([2.0, 4.0, 8.0], "linear", edges)
    np.testing.assert_allclose(np.diff(found), 1.0, atol=1e-3)
    # differential entropy less the logarithm of the width
    np.testing.assert_allclose(
        found, 0.5 * np.log2(2 * np.pi * np.e * np.array([4, 16, 64])) - np.log2(0.07), atol=1e-3
    )


@pytest.mark.parametrize("name", NEURON_ACTIVATIONS)
@pytest.mark.parametrize("weight", [0.5, 3.0])
def test_every_activation_against_a_grid_of_normal_quantiles(name, weight):
    # 2e6 equally likely inputs: each mass is right to a few of 5e-7
    size = 2_000_000
    inputs = weight * np.sqrt(2) * _inverse_error(2 * (np.arange(size) + 0.5) / size - 1)
    edges = np.linspace(-0.3, 3.0, 12)
    values = activate(name, inputs)
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=13)
    p = counts[counts > 0] / size
    assert one_neuron_entropy(weight, name, edges) == pytest.approx(
        -(p * np.log(p)).sum(), abs=1e-4
    )


def _inverse_error(values):
    from scipy.special import erfinv

    return erfinv(values)


def test_values_on_an_edge_go_up():
    # ReLU has an atom at 0; an edge there cuts nothing off, an edge just above cuts it off
    assert one_neuron_entropy(1.0, "relu", [0.0]) == 0.0
    assert one_neuron_entropy(1.0, "relu", [1e-12]) == pytest.approx(np.log(2), abs=1e-9)
    assert one_neuron_entropy(1.0, "abs", [0.0]) == 0.0


def test_functions_shapes_and_nothing_to_tell():
    assert one_neuron_entropy(2, np.tanh, TANH_EDGES) == one_neuron_entropy(2, "tanh", TANH_EDGES)
    assert one_neuron_entropy([[1.0], [2.0]], "tanh", TANH_EDGES).shape == (2, 1)
    assert isinstance(one_neuron_entropy(1, "tanh", [0]), float)
    assert one_neuron_entropy(0.0, "tanh", TANH_EDGES) == 0.0
    assert one_neuron_entropy(1.0, "tanh", []) == 0.0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((np.nan, "tanh", [0.0]), "weight"),
        ((1.0, "cosine", [0.0]), "activation"),
        ((1.0, "prelu", [0.0]), "activation"),
        ((1.0, "tanh", [0.5, 0.5]), "edges"),
        ((1.0, "tanh", [[0.5]]), "edges"),
        ((1.0, "tanh", [np.inf]), "edges"),
    ],
)
def test_bad_neurons_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        one_neuron_entropy(*arguments)
