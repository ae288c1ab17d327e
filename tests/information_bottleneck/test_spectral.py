import numpy as np
import pytest
from scipy.spatial.distance import cdist

from sims.information_bottleneck import renyi_entropy, renyi_information
from sims.numerics.validate import ValidityWarning


def gram(x, width):
    return np.exp(-cdist(x, x, "sqeuclidean") / (2 * width**2))


def entropy(matrix, alpha):
    values = np.linalg.eigvalsh(matrix / np.trace(matrix))
    values = values[values > 1e-15]
    if alpha == 1:
        return -(values * np.log(values)).sum()
    return np.log((values**alpha).sum()) / (1 - alpha)


@pytest.mark.parametrize("alpha", [0.5, 1, 1.01, 2, 5])
def test_information_by_its_definition(alpha):
    # small powers of rounding-sized eigenvalues limit alpha = 0.5
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 2))
    y = x[:, :1] + 0.5 * rng.standard_normal((40, 1))
    k, q = gram(x, 0.3), gram(y, 0.1)
    exact = entropy(k, alpha) + entropy(q, alpha) - entropy(k * q, alpha)
    found = renyi_information(x, y, width_x=0.3, width_y=0.1, alpha=alpha)
    assert found == pytest.approx(exact, abs=1e-4 if alpha < 1 else 1e-9)
    assert renyi_entropy(x, width=0.3, alpha=alpha) == pytest.approx(
        entropy(k, alpha), abs=1e-4 if alpha < 1 else 1e-9
    )


def test_orders_one_and_two_are_limits_of_their_neighbours():
    x = np.random.default_rng(0).standard_normal((700, 3))  # more than one tile
    for alpha in (1.0, 2.0):
        near = renyi_entropy(x, width=0.5, alpha=alpha + 1e-7)
        assert renyi_entropy(x, width=0.5, alpha=alpha) == pytest.approx(near, abs=1e-5)


def test_it_is_no_estimate_of_shannon_information():
    # independence, yet far from zero: 0.44 at N = 100, 0.17 at N = 400
    rng = np.random.default_rng(0)
    for count, value in [(100, 0.44), (400, 0.17)]:
        x, y = rng.standard_normal((2, count))
        found = renyi_information(x, y, width_x=0.3, width_y=0.3)
        assert found == pytest.approx(value, abs=0.06)


def test_extremes():
    apart = 1e3 * np.arange(30.0)
    assert renyi_entropy(apart, width=1.0) == pytest.approx(np.log(30), rel=1e-12)
    assert renyi_entropy(np.ones(30), width=1.0) == pytest.approx(0, abs=1e-12)
    with pytest.warns(ValidityWarning, match="ceiling log N"):
        found = renyi_information(apart, apart, width_x=1.0, width_y=1.0, alpha=2)
    assert found == pytest.approx(np.log(30), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"width_x": 0.0}, "width_x"),
        ({"width_y": -1.0}, "width_y"),
        ({"y": [1.0]}, "len"),
        ({"x": [np.inf, 0.0]}, "x"),
    ],
)
def test_bad_renyi_input_is_named(change, word):
    arguments = {"x": [0.0, 1.0], "y": [0.0, 1.0], "width_x": 1.0, "width_y": 1.0, **change}
    x, y = arguments.pop("x"), arguments.pop("y")
    with pytest.raises(ValueError, match=word):
        renyi_information(x, y, **arguments)
