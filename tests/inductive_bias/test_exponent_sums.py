import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sims.inductive_bias.exponent import GROUP, Exponent, Plan


def path(rows, nodes, reach=6.0, slant=0.4):
    """Points that go up from the saddle and bend to the right, each row at its own pace."""
    v = np.linspace(0.0, reach, nodes) * np.linspace(1.0, 1.3, rows)[:, None]
    return slant * v**2 / (1.0 + v) + 1j * v


def by_definition(rho, pull, slope, dof, d):
    """Term by term, the phase of every factor by itself."""
    factor = 1.0 - rho[:, :, None] * d[:, None]
    logs = (0.5 * dof[:, None]) * (np.log(factor) + rho[:, :, None] * d[:, None])
    return slope[:, None] * d - logs.sum(1) + d * d * (pull[:, :, None] / factor).sum(1)


def same(found, expected, dof):
    """Equal, up to whole turns of the exponential's phase."""
    scale = max(1.0, np.abs(expected).max(), 0.1 * dof.sum())
    np.testing.assert_allclose(found.real, expected.real, atol=1e-13 * scale)
    np.testing.assert_allclose(np.exp(1j * (found - expected).imag), 1.0, atol=1e-12 * scale)


@pytest.mark.parametrize("dof", [1.0, 2.0, 3.0, 10.0, 0.3, 250.0])
@pytest.mark.parametrize("terms", [1, 7, 9, 64, 301])
@pytest.mark.parametrize("pulled", [False, True])
def test_sums_are_those_of_the_definition(dof, terms, pulled):
    rng = np.random.default_rng(terms)
    rho = rng.uniform(0.0, 1.0, (3, terms)) / np.sqrt(0.5 * dof * terms)
    pull = rng.exponential(size=(3, terms)) / terms if pulled else np.zeros((3, terms))
    every, slope = np.full(terms, dof), rng.normal(0, 1e-9, 3)
    d = path(3, 60)
    found = Exponent(slope, rho, pull, every, Plan.of(every))(d)
    same(found, by_definition(rho, pull, slope, every, d), every)


@given(st.integers(0, 10_000))
def test_mixed_degrees_of_freedom(seed):
    rng = np.random.default_rng(seed)
    terms = int(rng.integers(9, 60))
    every = rng.choice([1.0, 2.0, 3.0, 0.5], terms)
    # ratios of both signs and up to 1: above the mean, factors pass round the origin
    rho = rng.uniform(-1.0, 1.0, (2, terms)) * rng.choice([1.0, 0.1, 1e-6], terms)
    pull = rng.exponential(size=(2, terms)) * (rng.random(terms) < 0.5)
    d = path(2, 80, reach=4.0)
    found = Exponent(np.zeros(2), rho, pull, every, Plan.of(every))(d)
    same(found, by_definition(rho, pull, np.zeros(2), every, d), every)


def test_many_factors_that_turn_far():
    # 400 factors of one degree of freedom, each turning by nearly pi/2: half turns must be counted
    rho, d = np.ones((1, 400)), path(1, 400, reach=8.0, slant=0.0)
    every = np.ones(400)
    found = Exponent(np.zeros(1), rho, 0.0 * rho, every, Plan.of(every))(d)
    same(found, by_definition(rho, 0.0 * rho, np.zeros(1), every, d), every)


def test_the_plan_groups_what_is_worth_it():
    few = Plan.of(np.ones(GROUP))
    assert (few.grouped, len(few.single)) == ((), GROUP)
    mixed = np.concatenate([np.ones(20), np.full(10, 2.0), np.full(9, 0.5), [3.0], np.full(9, 1e3)])
    plan = Plan.of(mixed)
    assert [(nu, len(chosen)) for nu, chosen in plan.grouped] == [(1.0, 20), (2.0, 10)]
    np.testing.assert_array_equal(plan.single, np.arange(30, 49))


def test_rows_can_be_chosen():
    rng = np.random.default_rng(0)
    rho, every = rng.uniform(0, 0.3, (4, 12)), np.ones(12)
    exponent = Exponent(np.zeros(4), rho, 0.1 * rho, every, Plan.of(every))
    d = path(4, 30)
    rows = np.array([3, 1])
    np.testing.assert_allclose(exponent.at_rows(rows)(d[rows]), exponent(d)[rows], rtol=1e-12)


def test_small_ratios_keep_their_digits():
    # log(1 - x) + x = -x²/2 for tiny x: lost if it were formed by subtraction
    every, rho = np.array([2.0]), np.array([[1e-9]])
    d = np.array([[1.0 + 2.0j]])
    found = Exponent(np.zeros(1), rho, 0.0 * rho, every, Plan.of(every))(d)
    assert found.imag[0, 0] == pytest.approx(0.5 * (1e-9 * d[0, 0] ** 2 * 1e-9).imag, abs=1e-24)
