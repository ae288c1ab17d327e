import itertools

import numpy as np
import pytest

from sims.information_bottleneck import (
    gaussian_cs_qmi,
    gaussian_kernel_moments,
    hsic,
    pair_covariance,
)
from sims.information_bottleneck.pairwise import gram_sums


def grams(x, t, width_x, width_t):
    k = np.exp(-((x[:, None] - x) ** 2) / (2 * width_x**2))
    q = np.exp(-((t[:, None] - t) ** 2) / (2 * width_t**2))
    return k, q


def pairs(rho, count, rng):
    x = rng.standard_normal(count)
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal(count)


@pytest.mark.parametrize(("rho", "width_x", "width_t"), [(0.9, 1.0, 1.0), (0.5, 0.3, 2.0)])
def test_infinite_number_of_samples(rho, width_x, width_t):
    moments = gaussian_kernel_moments(pair_covariance(rho), 1, width_x=width_x, width_t=width_t)
    exact = gaussian_cs_qmi(rho, width_x=width_x, width_t=width_t)
    assert moments.cs_qmi == pytest.approx(exact, rel=1e-12)
    far = moments.expected(10**9)
    assert far.cs_qmi == pytest.approx(moments.cs_qmi, rel=1e-7)
    assert far.hsic == pytest.approx(moments.hsic, rel=1e-7)


def test_moments_are_averages_of_kernels():
    # 4 million independent triples: standard errors below 3e-4, five of them allowed
    rng = np.random.default_rng(0)
    count = 4_000_000
    x, t = pairs(0.8, 3 * count, rng)
    x, t = x.reshape(3, -1), t.reshape(3, -1)
    k = np.exp(-((x[0] - x[1]) ** 2) / (2 * 0.7**2))
    same = np.exp(-((t[0] - t[1]) ** 2) / (2 * 1.3**2))
    other = np.exp(-((t[0] - t[2]) ** 2) / (2 * 1.3**2))
    moments = gaussian_kernel_moments(pair_covariance(0.8), 1, width_x=0.7, width_t=1.3)
    for values, exact in [
        (k, moments.mean_x),
        (same, moments.mean_t),
        (k * same, moments.product),
        (k * other, moments.mixed),
    ]:
        assert values.mean() == pytest.approx(exact, abs=5 * values.std() / np.sqrt(count))


def test_expected_sums_count_coincident_indices_right():
    # a law on four points, all 4^3 samples of size 3 enumerated: exact, no Monte Carlo
    x, t = np.array([0.0, 1.0, 1.0, 2.5]), np.array([0.0, 0.4, 1.0, 1.1])
    k, q = grams(x, t, 1.0, 1.0)
    n = 3
    first = second = third = 0.0
    for index in itertools.product(range(4), repeat=n):
        sub_k, sub_q = k[np.ix_(index, index)], q[np.ix_(index, index)]
        first += (sub_k * sub_q).sum() / n**2
        second += sub_k.sum() * sub_q.sum() / n**4
        third += (sub_k.sum(1) * sub_q.sum(1)).sum() / n**3
    moments = type(gaussian_kernel_moments(np.eye(2), 1, width_x=1, width_t=1))(
        k.mean(), q.mean(), (k * q).mean(), (k.mean(axis=1) * q.mean(axis=1)).mean()
    )
    expected = moments.expected(n)
    np.testing.assert_allclose(
        (expected.joint, expected.product, expected.mixed),
        np.array([first, second, third]) / 4**n,
        rtol=1e-12,
    )


@pytest.mark.parametrize(
    ("rho", "width", "count", "prediction"),
    [(0.0, 0.3, 100, 0.1257), (0.0, 0.3, 400, 0.0351), (0.9, 1.0, 400, 0.1290)],
)
def test_finite_sample_predictions(rho, width, count, prediction):
    # 200 runs; each mean within 3 standard errors of its exact expectation, and HSIC likewise:
    # a false alarm has probability 4 x 0.0027 a case, and the seed is fixed
    moments = gaussian_kernel_moments(pair_covariance(rho), 1, width_x=width, width_t=width)
    expected = moments.expected(count)
    assert expected.cs_qmi == pytest.approx(prediction, abs=1e-4)
    rng = np.random.default_rng(1)
    runs = []
    for _ in range(200):
        x, t = pairs(rho, count, rng)
        sums = gram_sums(x[:, None], width, t[:, None], width)
        k, q = sums.rows_x, sums.rows_t
        parts = sums.product / count**2, k.sum() * q.sum() / count**4, k @ q / count**3
        runs.append([*parts, hsic(x, t, width_x=width, width_t=width)])
    mean, error = np.mean(runs, axis=0), np.std(runs, axis=0) / np.sqrt(200)
    exact = [expected.joint, expected.product, expected.mixed, expected.hsic]
    assert (np.abs(mean - exact) <= 3 * error).all()


def test_correlated_coordinates_inside_x():
    # whitening is not allowed here: widths are in the units of the data
    joint = np.array([[2.0, 0.5, 0.3], [0.5, 1.0, -0.2], [0.3, -0.2, 1.5]])
    moments = gaussian_kernel_moments(joint, 2, width_x=0.8, width_t=1.2)
    w = np.diag([1 / 0.8**2] * 2 + [1 / 1.2**2])
    blocks = joint.copy()
    blocks[:2, 2:] = blocks[2:, :2] = 0

    def power(matrix):
        return np.linalg.det(np.eye(len(matrix)) + matrix) ** -0.5

    assert moments.mean_x == pytest.approx(power(2 * w[:2, :2] @ joint[:2, :2]), rel=1e-12)
    assert moments.mean_t == pytest.approx(power(2 * w[2:, 2:] @ joint[2:, 2:]), rel=1e-12)
    assert moments.product == pytest.approx(power(2 * w @ joint), rel=1e-12)
    assert moments.mixed == pytest.approx(power(w @ (joint + blocks)), rel=1e-12)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"covariance": [[1.0, 1.0], [1.0, 1.0]]}, "positive definite"),
        ({"dimension_x": 0}, "dimension_x"),
        ({"width_x": 0.0}, "width_x"),
        ({"width_t": -1.0}, "width_t"),
    ],
)
def test_bad_moments_are_named(change, word):
    arguments = {"covariance": np.eye(2), "dimension_x": 1, "width_x": 1, "width_t": 1, **change}
    with pytest.raises(ValueError, match=word):
        gaussian_kernel_moments(**arguments)


def test_expected_needs_two_samples():
    moments = gaussian_kernel_moments(np.eye(2), 1, width_x=1, width_t=1)
    with pytest.raises(ValueError, match="samples"):
        moments.expected(1)
