import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sims.information_bottleneck import (
    canonical_correlations,
    gaussian_encoder_information,
    gaussian_ib,
    gaussian_ib_critical_betas,
    gaussian_ib_curve,
    gaussian_ib_encoder,
    gaussian_ib_switch_points,
    gaussian_information,
    minimise_gaussian_ib,
)

CORRELATIONS = st.lists(st.floats(-0.999, 0.999), min_size=1, max_size=6)


def random_covariance(seed, dimension=6):
    factor = np.random.default_rng(seed).standard_normal((dimension, dimension + 3))
    return factor @ factor.T / dimension


@pytest.mark.parametrize("seed", [1, 3])
def test_direct_minimisation_in_every_phase(seed):
    joint = random_covariance(seed)
    rho = canonical_correlations(joint, 3)
    first, second, third = gaussian_ib_critical_betas(rho)
    rng = np.random.default_rng(0)
    for beta, active in [
        (0.9 * first, 0),
        ((first + second) / 2, 1),
        ((second + third) / 2, 2),
        (1.7 * third, 3),
    ]:
        exact = gaussian_ib(rho, beta)
        found = minimise_gaussian_ib(joint, 3, beta, rng=rng)
        assert exact.active == found.active == active
        assert found.information_x == pytest.approx(exact.information_x, abs=1e-9)
        assert found.information_y == pytest.approx(exact.information_y, abs=1e-9)


def test_encoder_reaches_the_optimum_and_spends_nothing_below():
    joint = random_covariance(3)
    rho = canonical_correlations(joint, 3)
    for beta in (1.0, *(1.3 * gaussian_ib_critical_betas(rho))):
        encoder = gaussian_ib_encoder(joint, 3, beta)
        exact = gaussian_ib(rho, beta)
        found = gaussian_encoder_information(encoder, joint, 3)
        np.testing.assert_allclose(
            found, (exact.information_x, exact.information_y), rtol=1e-10, atol=1e-14
        )
        assert np.linalg.matrix_rank(encoder) == exact.active


@pytest.mark.parametrize("beta", [1.3, 2.0, 5.0, 1e3, 1e9])
def test_curve_passes_through_the_points(beta):
    rho = [0.3, -0.95, 0.6, 0.0]
    point = gaussian_ib(rho, beta)
    assert gaussian_ib_curve(rho, point.information_x) == pytest.approx(
        point.information_y, rel=1e-12, abs=1e-15
    )


def test_curve_against_high_precision():
    rho = [0.9, 0.5]
    squares = [mpmath.mpf(r) ** 2 for r in rho]
    with mpmath.workdps(40):
        for n, value in [(1, "1e-9"), (1, "0.3"), (2, "2.0"), (2, "40.0")]:
            target = mpmath.mpf(value)
            g = mpmath.nprod(lambda i: squares[int(i)], [0, n - 1]) ** (mpmath.mpf(1) / n)
            h = mpmath.nprod(lambda i: 1 - squares[int(i)], [0, n - 1]) ** (mpmath.mpf(1) / n)
            exact = target - mpmath.log(g + h * mpmath.exp(2 * target / n)) * n / 2
            found = float(gaussian_ib_curve(rho, float(target)))
            assert found == pytest.approx(float(exact), rel=1e-10, abs=0)


def test_switch_points_are_where_the_points_begin():
    rho = [0.95, 0.8, 0.6]
    betas = gaussian_ib_critical_betas(rho)
    points = gaussian_ib_switch_points(rho)
    assert points[0] == 0.0
    for beta, switch in zip(betas[1:], points[1:]):
        assert gaussian_ib(rho, beta).information_x == pytest.approx(switch, rel=1e-12)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(CORRELATIONS, st.floats(0.0, 20.0))
def test_curve_is_a_bottleneck_curve(rho, information_x):
    whole = gaussian_information(rho)
    value = float(gaussian_ib_curve(rho, information_x))
    assert -1e-12 <= value <= min(whole, information_x) + 1e-12
    step = 1e-4
    left, right = gaussian_ib_curve(rho, [information_x + step, information_x + 2 * step])
    assert right - left <= left - value + 1e-12  # concave
    assert right >= left - 1e-12


def test_slope_is_one_over_beta_and_begins_at_the_largest_square():
    rho = [0.9, 0.7]
    for beta in (1.4, 3.0, 10.0):
        x = gaussian_ib(rho, beta).information_x
        after, before = gaussian_ib_curve(rho, [x + 1e-5, x - 1e-5])
        assert (after - before) / 2e-5 == pytest.approx(1 / beta, rel=1e-6)
    assert float(gaussian_ib_curve(rho, 1e-12)) / 1e-12 == pytest.approx(0.81, rel=1e-9)


def test_order_signs_ties_and_zeros():
    rho = [0.2, -0.9, 0.5, 0.5]
    x = np.linspace(0, 6, 13)
    np.testing.assert_allclose(
        gaussian_ib_curve(rho, x), gaussian_ib_curve([0.9, 0.5, 0.5, 0.2, 0.0], x), rtol=1e-14
    )
    np.testing.assert_allclose(gaussian_ib_critical_betas(rho), [25, 1 / 0.81, 4, 4], rtol=1e-14)
    assert gaussian_ib_critical_betas([0.0, 0.5]).tolist() == [np.inf, 4.0]
    assert gaussian_ib_switch_points([0.0, 0.5]).tolist() == [0.0, np.inf]
    assert gaussian_ib_curve(0.0, [0.0, 1.0, np.inf]).tolist() == [0.0, 0.0, 0.0]
    assert gaussian_ib_curve(rho, np.inf) == pytest.approx(gaussian_information(rho), rel=1e-14)
    assert gaussian_ib(0.0, 7.0).active == 0


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: gaussian_ib_curve(1.0, 0.1), "correlations"),
        (lambda: gaussian_ib_curve(0.5, [-0.1]), "information_x"),
        (lambda: gaussian_ib(0.5, 0.0), "beta"),
        (lambda: gaussian_ib(0.5, -1.0), "beta"),
        (lambda: gaussian_ib_critical_betas([np.inf]), "correlations"),
        (lambda: gaussian_ib_encoder(np.eye(2), 1, 0), "beta"),
        (lambda: gaussian_encoder_information(np.eye(3), np.eye(2), 1), "encoder"),
        (
            lambda: minimise_gaussian_ib(np.eye(2), 1, 2.0, rng=np.random.default_rng(0), starts=0),
            "starts",
        ),
    ],
)
def test_bad_bottleneck_input_is_named(call, word):
    with pytest.raises(ValueError, match=word):
        call()
