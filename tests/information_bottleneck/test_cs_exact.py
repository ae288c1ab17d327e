import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

from sims.information_bottleneck import (
    correlation_for_cs_qmi,
    discrete_cs_divergence,
    discrete_information,
    gaussian_cs_divergence,
    gaussian_cs_qmi,
    gaussian_information,
    gaussian_kl_divergence,
    mixture_cs_divergence,
    pair_covariance,
)


def random_gaussian(rng, d):
    factor = rng.standard_normal((d, d + 2))
    return rng.standard_normal(d), factor @ factor.T / d


def normal(x, mean, variance):
    return np.exp(-0.5 * (x - mean) ** 2 / variance) / np.sqrt(2 * np.pi * variance)


def quadrature_divergence(p, q):
    def inner(f, g):
        points = np.linspace(-12, 12, 25)
        pieces = [
            integrate.quad(lambda x: f(x) * g(x), a, b, epsabs=0, epsrel=1e-13)[0]
            for a, b in itertools.pairwise(points)
        ]
        return sum(pieces)

    return -2 * np.log(inner(p, q)) + np.log(inner(p, p)) + np.log(inner(q, q))


def test_gaussians_against_quadrature():
    exact = quadrature_divergence(lambda x: normal(x, 2, 0.25), lambda x: normal(x, 0, 1.0))
    assert gaussian_cs_divergence(2, 0.25, 0, 1) == pytest.approx(exact, rel=1e-12)
    assert exact == pytest.approx(3.4231, abs=5e-5)


def test_mixtures_against_quadrature():
    first = ([0.3, 0.7], [-1.0, 2.0], [0.5, 0.2])
    second = ([0.5, 0.25, 0.25], [0.0, 1.0, -3.0], [1.0, 0.1, 2.0])

    def density(weights, means, variances):
        return lambda x: sum(w * normal(x, m, v) for w, m, v in zip(weights, means, variances))

    exact = quadrature_divergence(density(*first), density(*second))
    assert mixture_cs_divergence(*first, *second) == pytest.approx(exact, rel=1e-12)
    as_matrices = (first[0], np.array(first[1])[:, None], np.array(first[2])[:, None, None])
    assert mixture_cs_divergence(*as_matrices, *second) == pytest.approx(exact, rel=1e-12)


def test_mixture_of_one_and_far_apart():
    rng = np.random.default_rng(0)
    (m1, s1), (m2, s2) = random_gaussian(rng, 3), random_gaussian(rng, 3)
    one = mixture_cs_divergence([1.0], [m1], [s1], [1.0], [m2], [s2])
    assert one == pytest.approx(gaussian_cs_divergence(m1, s1, m2, s2), rel=1e-12)
    # logs all the way: densities there underflow
    far = mixture_cs_divergence([1.0], [0.0], [1.0], [0.5, 0.5], [100.0, 100.0], [1.0, 1.0])
    assert far == pytest.approx(gaussian_cs_divergence(0, 1, 100, 1), rel=1e-12)
    assert far == pytest.approx(5000.0)


def test_divergence_against_high_precision_determinants():
    rng = np.random.default_rng(4)
    (m1, s1), (m2, s2) = random_gaussian(rng, 4), random_gaussian(rng, 4)
    with mpmath.workdps(40):
        total = mpmath.matrix(s1.tolist()) + mpmath.matrix(s2.tolist())
        gap = mpmath.matrix((m1 - m2).tolist())
        exact = (gap.T * mpmath.inverse(total) * gap)[0] + mpmath.log(mpmath.det(total))
        exact -= 4 * mpmath.log(2)
        for part in (s1, s2):
            exact -= mpmath.log(mpmath.det(mpmath.matrix(part.tolist()))) / 2
    assert gaussian_cs_divergence(m1, s1, m2, s2) == pytest.approx(float(exact), rel=1e-10)


def test_cs_can_exceed_kl():
    assert gaussian_cs_divergence(2, 0.25, 0, 1) == pytest.approx(3.4231, abs=5e-5)
    assert gaussian_kl_divergence(2, 0.25, 0, 1) == pytest.approx(2.3181, abs=5e-5)


@settings(deadline=None, max_examples=100, derandomize=True)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_what_is_true_of_cs_and_kl(d, seed):
    rng = np.random.default_rng(seed)
    (m1, s1), (m2, s2) = random_gaussian(rng, d), random_gaussian(rng, d)
    cs = gaussian_cs_divergence(m1, s1, m2, s2)
    assert cs == pytest.approx(gaussian_cs_divergence(m2, s2, m1, s1), rel=1e-10)
    slack = 1e-10
    # half of it is always below
    assert cs / 2 <= gaussian_kl_divergence(m1, s1, m2, s2) + slack
    # equal means: below in both directions
    centred = gaussian_cs_divergence(m1, s1, m1, s2)
    assert centred <= gaussian_kl_divergence(m1, s1, m1, s2) + slack
    assert centred <= gaussian_kl_divergence(m1, s2, m1, s1) + slack
    # equal covariances: equal
    assert gaussian_cs_divergence(m1, s1, m2, s1) == pytest.approx(
        gaussian_kl_divergence(m1, s1, m2, s1), rel=1e-9
    )
    # the first covariance the larger one
    assert gaussian_cs_divergence(m1, s1 + s2, m2, s2) <= (
        gaussian_kl_divergence(m1, s1 + s2, m2, s2) + slack
    )
    assert gaussian_cs_divergence(m1, s1, m1, s1) == pytest.approx(0, abs=1e-12)


def test_discrete_distributions_may_be_on_either_side():
    uniform, q = [0.25] * 4, [0.26, 0.25, 0.25, 0.24]
    kl = sum(p * np.log(p / r) for p, r in zip(uniform, q))
    assert discrete_cs_divergence(uniform, q) == pytest.approx(2 * kl, rel=2e-3)
    joint = np.array([[0.475, 0.025], [0.025, 0.475]])
    assert discrete_information(joint) == pytest.approx(0.4946, abs=5e-5)
    assert discrete_cs_divergence(joint, np.full((2, 2), 0.25)) == pytest.approx(0.5933, abs=5e-5)
    assert discrete_cs_divergence([1.0, 0.0], [0.0, 1.0]) == np.inf
    assert discrete_cs_divergence([0.3, 0.7], [0.3, 0.7]) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("rho", [1e-6, 0.3, 0.9, -0.99, 1 - 1e-9])
def test_qmi_of_a_pair(rho):
    with mpmath.workdps(40):
        square = mpmath.mpf(rho) ** 2
        exact = mpmath.log(1 - square / 4) - mpmath.log(1 - square) / 2
    assert gaussian_cs_qmi(rho) == pytest.approx(float(exact), rel=1e-10)


def test_qmi_is_the_divergence_of_joint_and_product():
    rho = [0.9, -0.4, 0.2]
    joint = pair_covariance(rho)
    zero = np.zeros(6)
    exact = gaussian_cs_divergence(zero, joint, zero, np.eye(6))
    assert gaussian_cs_qmi(rho) == pytest.approx(exact, rel=1e-12)
    # smoothed by the kernels: J + diag(width²/2)
    blur = np.diag([0.3**2 / 2] * 3 + [1.1**2 / 2] * 3)
    smoothed = gaussian_cs_divergence(zero, joint + blur, zero, np.eye(6) + blur)
    assert gaussian_cs_qmi(rho, width_x=0.3, width_t=1.1) == pytest.approx(smoothed, rel=1e-12)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.floats(-0.9999, 0.9999), min_size=1, max_size=5))
def test_qmi_lies_below_information_by_a_bounded_gap(rho):
    gap = gaussian_information(rho) - gaussian_cs_qmi(rho)
    assert -1e-15 <= gap <= len(rho) * np.log(4 / 3)


def test_limits_of_qmi():
    assert gaussian_cs_qmi(1e-5) / gaussian_information(1e-5) == pytest.approx(0.5, rel=1e-5)
    strong = 1 - 1e-13
    gap = gaussian_information(strong) - gaussian_cs_qmi(strong)
    assert gap == pytest.approx(np.log(4 / 3), rel=1e-10)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.floats(1e-6, 0.9999))
def test_inverse_of_qmi(rho):
    assert float(correlation_for_cs_qmi(gaussian_cs_qmi(rho))) == pytest.approx(rho, rel=1e-9)


def test_inverse_of_qmi_at_the_ends():
    assert correlation_for_cs_qmi([0.0, 800.0]).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gaussian_cs_divergence([0, 0], 1.0, 0, 1), "mean1"),
        (lambda: gaussian_cs_divergence(0, 0.0, 0, 1), "cov1"),
        (lambda: gaussian_cs_divergence(0, 1, 0, -1), "cov2"),
        (lambda: gaussian_cs_divergence(0, 1, [0, 0], np.eye(2)), "mean2"),
        (lambda: gaussian_cs_divergence([0, 0], np.eye(2), [0, 0], [[1, 0.5], [0, 1]]), "cov2"),
        (lambda: gaussian_kl_divergence(0, np.eye(2), 0, 1), "mean1"),
        (lambda: gaussian_cs_qmi(1.0), "correlations"),
        (lambda: gaussian_cs_qmi(0.5, width_x=-1), "width_x"),
        (lambda: gaussian_cs_qmi(0.5, width_t=np.nan), "width_t"),
        (lambda: correlation_for_cs_qmi(-0.1), "qmi"),
        (lambda: mixture_cs_divergence([0.5], [0], [1], [1], [0], [1]), "weights1"),
        (lambda: mixture_cs_divergence([1], [0, 1], [1], [1], [0], [1]), "means1"),
        (lambda: mixture_cs_divergence([1], [0], [1, 1], [1], [0], [1]), "covs1"),
        (lambda: mixture_cs_divergence([1], [[0, 1]], [1], [1], [[0, 1]], [1]), "covs1"),
        (lambda: mixture_cs_divergence([1], [0], [1], [1], [0], [-1]), "covs2"),
        (lambda: mixture_cs_divergence([1], [0], [1], [1], [[0, 1]], [np.eye(2)]), "means2"),
        (lambda: discrete_cs_divergence([0.5, 0.5], [1.0]), "q.shape"),
        (lambda: discrete_cs_divergence([0.5, 0.6], [0.5, 0.5]), "p.sum"),
    ],
)
def test_bad_divergence_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
