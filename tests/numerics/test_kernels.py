import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.numerics.kernels import (
    kernel_matrix,
    laplace_kernel,
    median_squared_distance,
    nngp_kernel,
    ntk_kernel,
    rbf_kernel,
)

KERNELS = {
    "nngp": nngp_kernel,
    "nngp3": lambda x, **rest: nngp_kernel(x, 3, **rest),
    "ntk": ntk_kernel,
    "ntk3": lambda x, **rest: ntk_kernel(x, 3, **rest),
    "laplace": lambda x, **rest: laplace_kernel(x, width=1.3, **rest),
    "rbf": lambda x, **rest: rbf_kernel(x, width=1.3, **rest),
}
EVERY = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())


def by_hand(x, z, depth):
    """NNGP and NTK of two points, scalar by scalar, by the angle between them."""
    d = len(x)
    norm = math.hypot(*x) * math.hypot(*z) / d
    theta = math.acos(max(-1.0, min(1.0, np.dot(x, z) / (d * norm))))
    tangent = norm * math.cos(theta)
    for _ in range(depth):
        slope = 1 - theta / math.pi
        cosine = slope * math.cos(theta) + math.sin(theta) / math.pi
        tangent = norm * cosine + tangent * slope
        theta = math.acos(min(1.0, cosine))
    return norm * math.cos(theta), tangent


@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 10_000), dimension=st.integers(1, 6), depth=st.integers(1, 6))
def test_relu_kernels_by_hand(seed, dimension, depth):
    x, z = np.random.default_rng(seed).standard_normal((2, dimension))
    nngp, tangent = by_hand(x.tolist(), z.tolist(), depth)
    # Half the digits are lost in the angle of parallel points (dimension 1), by hand.
    assert nngp_kernel([x, z], depth)[0, 1] == pytest.approx(nngp, rel=1e-7, abs=1e-12)
    assert ntk_kernel([x, z], depth)[0, 1] == pytest.approx(tangent, rel=1e-6, abs=1e-12)


def test_nngp_is_the_limit_of_random_relu_features():
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((6, 4))
    products = np.zeros((6, 6))
    squares = np.zeros((6, 6))
    count = 200_000
    active = np.maximum(rng.standard_normal((count, 4)) @ inputs.T * math.sqrt(2 / 4), 0)
    products = active.T @ active / count
    squares = (active**2).T @ active**2 / count
    stderr = np.sqrt((squares - products**2) / count)
    # 36 comparisons at 4.5 standard errors: false alarm 2.5e-4 for a fresh seed.
    assert np.all(np.abs(nngp_kernel(inputs) - products) < 4.5 * stderr)


def test_ntk_is_the_limit_of_the_gradients_of_a_wide_network():
    rng = np.random.default_rng(1)
    inputs = rng.standard_normal((4, 3))
    count = 200_000
    hidden, top = rng.standard_normal((count, 3)), rng.standard_normal(count)
    before = hidden @ inputs.T * math.sqrt(2 / 3)
    # f(x) = sum_j top_j relu(before_j) / sqrt(count): gradients by both layers.
    step = before > 0
    first = (top**2)[:, None, None] * (step[:, :, None] & step[:, None, :]) * 2 / 3
    terms = np.maximum(before, 0)[:, :, None] * np.maximum(before, 0)[:, None, :]
    terms += first * (inputs @ inputs.T)
    stderr = terms.std(axis=0) / math.sqrt(count)
    assert np.all(np.abs(ntk_kernel(inputs) - terms.mean(axis=0)) < 4.5 * stderr)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_diagonals_are_exact(depth):
    inputs = np.random.default_rng(2).standard_normal((50, 7))
    power = np.einsum("ij,ij->i", inputs, inputs) / 7
    np.testing.assert_allclose(np.diag(nngp_kernel(inputs, depth)), power, rtol=2e-15)
    np.testing.assert_allclose(np.diag(ntk_kernel(inputs, depth)), (depth + 1) * power, rtol=1e-14)


@pytest.mark.parametrize("kernel", [nngp_kernel, ntk_kernel])
def test_relu_kernels_are_homogeneous(kernel):
    inputs = np.random.default_rng(3).standard_normal((5, 3))
    np.testing.assert_allclose(kernel(1e5 * inputs, 2), 1e10 * kernel(inputs, 2), rtol=1e-12)


@EVERY
def test_symmetric_to_the_last_bit_and_positive(kernel):
    inputs = np.random.default_rng(4).standard_normal((60, 3))
    inputs[7] = inputs[3]
    matrix = kernel(inputs)
    np.testing.assert_array_equal(matrix, matrix.T)
    assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * matrix.max() * 60
    kernel_matrix("kernel", matrix)


@EVERY
def test_cross_kernels_are_blocks(kernel):
    inputs = np.random.default_rng(5).standard_normal((9, 3))
    cross = kernel(inputs[:4], other=inputs[4:])
    assert cross.shape == (4, 5)
    np.testing.assert_allclose(cross, kernel(inputs)[:4, 4:], rtol=1e-12, atol=1e-14)


def test_a_zero_input():
    matrix = nngp_kernel([[0.0, 0.0], [1.0, 2.0]], 2)
    assert matrix[0, 0] == matrix[0, 1] == 0.0
    assert np.isfinite(ntk_kernel([[0.0, 0.0], [1.0, 2.0]], 2)).all()


def test_distances_of_near_points_far_from_the_origin():
    base = np.array([1e3, -2e3, 5e2])
    points = base + np.array([[0, 0, 0], [2.0**-20, 0, 0], [1.0, 0, 0]])
    for found in (
        laplace_kernel(points, width=1.0),
        laplace_kernel(points, other=points, width=1.0),
    ):
        assert found[0, 0] == 1.0
        assert 1 - found[0, 1] == pytest.approx(2.0**-20, rel=1e-6)
        assert found[0, 2] == pytest.approx(math.exp(-1), rel=1e-12)


def test_default_widths_are_the_median():
    inputs = np.random.default_rng(6).standard_normal((31, 4))
    squares = ((inputs[:, None] - inputs) ** 2).sum(axis=2)
    median = np.median(squares[np.triu_indices(31, 1)])
    assert median_squared_distance(inputs) == pytest.approx(median, rel=1e-12)
    np.testing.assert_allclose(laplace_kernel(inputs), np.exp(-np.sqrt(squares / median)))
    np.testing.assert_allclose(rbf_kernel(inputs), np.exp(-squares / median))
    other = inputs[:5] + 1.0
    cross = rbf_kernel(inputs, other=other)  # the median of the first argument alone
    distances = ((inputs[:, None] - other) ** 2).sum(axis=2)
    np.testing.assert_allclose(cross, np.exp(-distances / median))


def test_single_points_lists_and_integers():
    assert nngp_kernel([[3]]).tolist() == [[9.0]]
    assert laplace_kernel([[1], [2]], width=1).dtype == np.float64


@EVERY
@pytest.mark.parametrize(
    ("inputs", "other", "words"),
    [
        ([1.0, 2.0], None, "inputs"),
        (np.ones((0, 2)), None, "inputs"),
        ([[np.nan]], None, r"inputs\[0, 0\]"),
        ([[1.0, 2.0]], [[1.0]], "other"),
        ([[1.0, 2.0]], [[1.0, np.inf]], r"other\[0, 1\]"),
    ],
)
def test_bad_inputs_are_named(kernel, inputs, other, words):
    with pytest.raises(ValueError, match=words):
        kernel(inputs, other=other)


@pytest.mark.parametrize("depth", [0, -1, 1.5, np.nan])
def test_bad_depths(depth):
    with pytest.raises(ValueError, match="depth"):
        ntk_kernel([[1.0]], depth)


@pytest.mark.parametrize("kernel", [laplace_kernel, rbf_kernel])
def test_bad_widths(kernel):
    for width in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="width"):
            kernel([[1.0], [2.0]], width=width)
    with pytest.raises(ValueError, match="give a width"):
        kernel([[1.0], [1.0], [1.0], [1.0], [2.0]])
    with pytest.raises(ValueError, match="2"):
        kernel([[1.0]])


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.ones((2, 3)), "square"),
        (np.ones((0, 0)), "square"),
        (np.ones(4), "dimension"),
        (np.zeros((2, 2)), "zero"),
        ([[1.0, 0.5], [0.4, 1.0]], "not symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "semi-definite"),
        ([[1.0, np.nan], [np.nan, 1.0]], r"kernel\[0, 1\]"),
    ],
)
def test_matrices_that_are_no_kernels(matrix, words):
    with pytest.raises(ValueError, match=words):
        kernel_matrix("kernel", matrix)


def test_a_singular_kernel_is_a_kernel():
    points = np.random.default_rng(7).standard_normal((40, 2))
    linear = points @ points.T
    np.testing.assert_array_equal(kernel_matrix("kernel", linear), linear)
