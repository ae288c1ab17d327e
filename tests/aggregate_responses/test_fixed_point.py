import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.aggregate_responses.fixed_point import (
    increasing_root,
    product,
    quotient,
    secular_root,
    solve_fixed_point,
)

positive = st.floats(-3.0, 3.0).map(lambda v: float(10.0**v))
size = st.floats(0.0, 3.0).map(lambda v: float(10.0**v))
weight = st.one_of(st.just(0.0), st.just(np.inf), st.floats(-12, 12).map(lambda v: float(10.0**v)))
penalty = st.one_of(st.just(0.0), st.floats(-12, 3).map(lambda v: float(10.0**v)))


def solve(psi, k, rho, ridge):
    return solve_fixed_point(*(np.asarray(part, dtype=float) for part in (psi, k, rho, ridge)))


def reference(psi, k, rho, ridge):
    """Bias and variance factors by the uncondensed formulas, 60 digits."""
    with mp.workdps(60):
        psi, k, rho, ridge = map(mp.mpf, (psi, k, rho, ridge))
        a, b = psi / k, psi * (1 - 1 / k)

        def excess(log_u):
            u = mp.e**log_u
            return mp.log(a / (1 + u) + b * rho / (u + rho) + ridge / u)

        low, high = mp.log(ridge) if ridge else mp.mpf(-100), mp.log(ridge + a + b * rho)
        u = mp.e ** mp.findroot(excess, (low, high), solver="anderson", tol=1e-50, maxsteps=4000)
        x, y = 1 / (1 + u), rho / (u + rho)
        s, sa, sb = a * x, a * x**2, b * y**2
        slack = 1 - sa - sb
        return (1 - s) ** 2 + (sa * (1 - s) ** 2 + sb * s**2) / slack, sa / slack


@pytest.mark.parametrize(
    ("psi", "k", "rho", "ridge"),
    [
        (6, 3, 0.1, 0),
        (3, 5, 1e-9, 0),
        (4, 4, 1e-4, 0),
        (1.001, 2, 0.3, 0),
        (40, 1.5, 1e4, 0),
        (6, 3, 0.1, 1.0),
        (0.3, 7, 2e3, 1e-3),
        (0.8, 2, 1e-7, 1e-12),
        (3, 30, 1e-8, 1e-10),
        (25, 2, 0.7, 300),
    ],
)
def test_against_sixty_digits(psi, k, rho, ridge):
    bias, variance = reference(psi, k, rho, ridge)
    point = solve(psi, k, rho, ridge)
    # the nearer the singularity, the more digits the problem itself loses
    assert float(abs(point.bias_factor / bias - 1)) < 1e-13 / float(point.slack)
    assert float(abs(point.variance_factor / variance - 1)) < 1e-13 / float(point.slack)


@given(positive, size, weight, penalty)
def test_the_solution_is_consistent_and_never_nan(psi, k, rho, ridge):
    point = solve(psi, k, rho, ridge)
    total = point.a * point.x + point.b * point.y + point.gap
    assert total == pytest.approx(1.0, rel=1e-9)
    assert point.x + point.x_rest == pytest.approx(1.0, abs=1e-15)
    assert point.y + point.y_rest == pytest.approx(1.0, abs=1e-15)
    assert point.slack >= 0
    assert point.shrinkage + point.deficit == pytest.approx(1.0, rel=1e-9)
    for value in (point.bias_factor, point.variance_factor):
        assert not np.isnan(value)
        assert value >= 0


@given(positive, size, st.floats(-6, 6))
def test_without_ridge_variance_falls_with_the_weight(psi, k, log_rho):
    # with one it need not: psi = 1, k = 10, lambda = 0.1 has more at rho = 2 than at 1
    low, high = (solve(psi, k, 10.0**exponent, 0.0) for exponent in (log_rho, log_rho + 0.3))
    assert high.variance_factor <= low.variance_factor * (1 + 1e-9)


def test_arrays_broadcast():
    point = solve(np.array([[2.0], [5.0]]), 2.0, np.array([0.0, 0.1, np.inf]), 0.0)
    assert point.slack.shape == (2, 3)


def test_secular_root_with_many_poles_and_ridges():
    rng = np.random.default_rng(0)
    rows, poles = rng.uniform(0, 3, (50, 6)), 10.0 ** rng.uniform(-8, 8, (50, 6))
    poles[:, 2] = 0.0
    rows[:, 0] += 1.5
    ridge = np.where(np.arange(50) % 2, 0.0, 10.0 ** rng.uniform(-6, 2, 50))
    u = secular_root(rows, poles, ridge)[:, None]
    np.testing.assert_allclose((rows * poles / (poles + u)).sum(1) + ridge / u[:, 0], 1, rtol=1e-12)


def test_root_finder_refuses_what_has_no_root_to_find():
    with pytest.raises(RuntimeError, match="did not converge"):
        increasing_root(
            lambda v: (np.full_like(v, np.nan), np.ones_like(v)), -np.ones(1), np.ones(1)
        )


def test_absent_terms_stay_absent():
    assert quotient(np.zeros(1), np.zeros(1)) == 0
    assert quotient(np.ones(1), np.zeros(1)) == np.inf
    assert product(np.zeros(1), np.full(1, np.inf)) == 0
